//! What the machine itself does to a thread that only looks at the clock.
//!
//! Between two looks nothing is to be done, so a gap is what the scheduler, the hypervisor or an interrupt took. Each gap counts
//! with its own length: the percentiles are those of the moments at which a request could come, as latencies under Poisson
//! arrivals are. No latency below them says anything about what is measured.

use std::time::Duration;

use super::clock::{Clock, nanoseconds};
use super::tally::{Latencies, new_latencies};

/// Gaps between looks at the clock, and before the first since it started, in nanoseconds, counted by the nanosecond.
#[derive(Clone, Debug)]
pub struct Jitter {
    /// Their histogram.
    pub gaps: Latencies,
    /// How often the clock was looked at.
    pub looks: u64,
}

impl Jitter {
    /// Looks at the clock for so long, or until `over` says so.
    pub fn measure(duration: Duration, over: impl Fn() -> bool) -> Self {
        let (mut gaps, mut looks) = (new_latencies(), 0);
        let end_ns = nanoseconds(duration);
        let clock = Clock::new();
        let mut before_ns = 0;
        while before_ns < end_ns && !over() {
            let now_ns = clock.now_ns();
            let gap_ns = now_ns - before_ns;
            gaps.saturating_record_n(gap_ns.max(1), gap_ns);
            looks += 1;
            before_ns = now_ns;
        }
        Self { gaps, looks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_fill_the_time() {
        let jitter = Jitter::measure(Duration::from_millis(50), || false);
        assert!(jitter.looks > 0);
        assert!(jitter.gaps.len() >= 50_000_000, "{}", jitter.gaps.len());
        assert!(jitter.gaps.max() >= jitter.gaps.value_at_quantile(0.5));
        assert_eq!(Jitter::measure(Duration::from_secs(60), || true).looks, 0);
    }
}
