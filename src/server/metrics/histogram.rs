//! How long things took, in buckets that any thread adds to without waiting for another.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in nanoseconds; what took longer is in one more.
const BOUNDS_NS: [u64; 20] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
];

/// Durations, by bucket.
#[derive(Debug, Default)]
pub(in super::super) struct Durations {
    buckets: [AtomicU64; BOUNDS_NS.len() + 1],
    sum_ns: AtomicU64,
}

impl Durations {
    /// So many took so long each.
    pub(in super::super) fn took(&self, each: Duration, many: usize) {
        let ns = u64::try_from(each.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS_NS.partition_point(|&bound| bound < ns);
        // A reader may see one of both numbers and not the other yet, which a later one makes good.
        self.buckets[at].fetch_add(many as u64, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns.saturating_mul(many as u64), Ordering::Relaxed);
    }

    /// Seconds altogether, how many there were, and each bucket's upper bound in seconds with what is in it alone.
    pub(super) fn read(&self) -> (f64, u64, [(f64, u64); BOUNDS_NS.len() + 1]) {
        let mut read = [(f64::INFINITY, 0); BOUNDS_NS.len() + 1];
        for (at, (bound, many)) in read.iter_mut().enumerate() {
            *many = self.buckets[at].load(Ordering::Relaxed);
            if let Some(ns) = BOUNDS_NS.get(at) {
                *bound = *ns as f64 / 1e9;
            }
        }
        let many = read.iter().map(|(_, many)| many).sum();
        (self.sum_ns.load(Ordering::Relaxed) as f64 / 1e9, many, read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_first_bucket_that_holds_it() {
        let durations = Durations::default();
        for (at, &ns) in BOUNDS_NS.iter().enumerate() {
            durations.took(Duration::from_nanos(ns), 1);
            durations.took(Duration::from_nanos(ns) + Duration::from_nanos(1), 2);
            let (_, _, read) = durations.read();
            let before = if at == 0 { 0 } else { 2 };
            assert_eq!((read[at].1, read[at + 1].1), (1 + before, 2), "{ns}");
        }
        let (sum, many, read) = durations.read();
        assert_eq!(many, 3 * BOUNDS_NS.len() as u64);
        let ns: u64 = BOUNDS_NS.iter().sum();
        assert!((sum - 3.0 * ns as f64 / 1e9).abs() < 1e-6);
        assert!(read.last().is_some_and(|(bound, many)| bound.is_infinite() && *many == 2));
    }
}
