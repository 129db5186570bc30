//! Time, in one place: the sidecar stamps what comes in, and keeps deadlines.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock, in microseconds since 1970 UTC.
#[expect(clippy::disallowed_methods, reason = "the way in stamps when an event was received")]
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A clock that only goes forward.
#[expect(clippy::disallowed_methods, reason = "a deadline is a moment of a clock that nobody sets")]
pub(super) fn now() -> Instant {
    Instant::now()
}
