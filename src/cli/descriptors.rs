//! File descriptors for `weir serve`: as many as the system gives, and some kept for the journal whoever connects.
//!
//! Promises that connections alone never take the last descriptor. Where there were none left the journal could not open its
//! next segment, and would have failed for good.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use weir::server::{Bounds, Settings};

/// Descriptors for all but connections: segments, snapshots, those who read the journal, sockets and the system's own.
const RESERVE: usize = 256;

/// Settings with no more connections than there are descriptors for; that they are fewer is told.
pub(super) fn fitted(settings: Settings) -> Settings {
    let Some(limit) = raised() else { return settings };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_administered = settings.admin.tcp.is_some() || settings.admin.unix.is_some();
    let asked = settings.bounds;
    let bounds = bounded(asked, is_administered, limit);
    if bounds != asked {
        tracing::warn!(
            limit,
            connections_max = bounds.connections_max,
            connections_max_asked = asked.connections_max,
            admin_connections_max = bounds.admin_connections_max,
            admin_connections_max_asked = asked.admin_connections_max,
            "fewer connections are taken than the configuration asks for, since this process may open only {limit} files: \
             raise its limit (LimitNOFILE, ulimit -n), or lower bounds.connections_max"
        );
    }
    Settings { bounds, ..settings }
}

/// The limit of open files, raised as far as this process may; none where there is none.
fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

/// Bounds whose connections leave the reserve free, or half of all where that is less.
fn bounded(bounds: Bounds, is_administered: bool, limit: usize) -> Bounds {
    let room = limit - RESERVE.min(limit / 2);
    let admin = if is_administered { bounds.admin_connections_max } else { 0 };
    if bounds.connections_max.saturating_add(admin) <= room {
        return bounds;
    }
    // Those who administrate keep theirs before the others, and at most a quarter.
    let admin = admin.min(room / 4);
    let connections_max = bounds.connections_max.min(room - admin).max(1);
    let admin_connections_max = if is_administered { admin.max(1) } else { bounds.admin_connections_max };
    Bounds { connections_max, admin_connections_max, ..bounds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_stays_free_and_those_who_administrate_keep_theirs() {
        let fitted = |limit, is_administered| {
            let Bounds { connections_max, admin_connections_max, .. } =
                bounded(Bounds::default(), is_administered, limit);
            (connections_max, admin_connections_max)
        };
        assert_eq!(fitted(usize::MAX, true), (10_000, 64));
        assert_eq!(fitted(10_000 + 64 + RESERVE, true), (10_000, 64));
        assert_eq!(fitted(10_000 + 64 + RESERVE - 1, true), (9_999, 64));
        assert_eq!(fitted(10_000 + RESERVE, false), (10_000, 64));
        assert_eq!(fitted(1_024, false), (768, 64));
        assert_eq!(fitted(1_024, true), (704, 64));
        assert_eq!(fitted(200, true), (75, 25));
        assert_eq!(fitted(200, false), (100, 64));
        for limit in 8..2_000 {
            let (clients, admin) = fitted(limit, true);
            assert!(clients + admin + RESERVE.min(limit / 2) <= limit && admin > 0, "{limit}");
        }
    }
}
