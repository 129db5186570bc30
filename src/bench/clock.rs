//! The generator's clock, and the core that it runs on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::thread::{CpuSet, sched_setaffinity};

/// Nanoseconds since it was made, by a clock that nobody sets.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_us: i64,
}

impl Clock {
    /// A clock that starts now.
    #[expect(
        clippy::disallowed_methods,
        clippy::new_without_default,
        reason = "a load generator measures time"
    )]
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX) }
    }

    /// Nanoseconds since the start.
    pub fn now_ns(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// What the wall clock says at a moment of this one, in microseconds since 1970 UTC.
    pub fn wall_us(&self, at_ns: u64) -> i64 {
        self.start_us.saturating_add_unsigned(at_ns / 1_000)
    }
}

/// A duration in nanoseconds.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Keeps this thread on one core.
///
/// # Errors
///
/// Where the machine has no such core, or this process may not use it.
pub fn pin(cpu: usize) -> std::io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    Ok(sched_setaffinity(None, &cpus)?)
}

/// Lets this thread run on every core again, whatever thread it comes from was kept on.
///
/// # Errors
///
/// Where the machine refuses it.
pub fn unpin() -> std::io::Result<()> {
    let mut cpus = CpuSet::new();
    // Those that there are not, or that this process may not use, are left out.
    (0..CpuSet::MAX_CPU).for_each(|cpu| cpus.set(cpu));
    Ok(sched_setaffinity(None, &cpus)?)
}
