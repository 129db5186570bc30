//! The test of the generator itself: a responder that stalls once must show in the tail.
//!
//! A closed loop waits while what it measures stalls, sends nothing meanwhile, and tells of one slow request a connection.
//! Measured from the intended times, all that should have been sent meanwhile is slow.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::clock::nanoseconds;
use super::drive::{BenchError, Load, drive};
use super::http::Http;
use super::payments::{Ids, Payments};
use super::responder::{Responder, Stall};
use super::schedule::{Arrivals, ScheduleError, schedule};
use super::tally::{Latencies, Tally};

const RATE_PER_S: f64 = 2_000.0;
const DURATION: Duration = Duration::from_secs(3);
const STALL: Stall = Stall { after: Duration::from_secs(1), lasts: Duration::from_millis(100) };
/// So few that a closed loop's p99.9 would not show it: 4 of 6,000.
const CONNECTIONS: usize = 4;
/// Slower than this is delayed: less than the stall, and more than what a busy machine does of itself.
pub const DELAYED: Duration = Duration::from_millis(40);

/// What the test gave.
#[derive(Clone, Debug)]
pub struct StallTest {
    /// What came of the requests.
    pub tally: Tally,
    /// Requests that were slow from their intended times.
    pub delayed: u64,
    /// Requests that were slow from their sending: all that a closed loop would have told.
    pub delayed_service: u64,
}

/// Why the test could not be made.
#[derive(Debug, Error)]
pub enum StallTestError {
    /// The responder does not start.
    #[error("the responder does not start: {0}")]
    Responder(#[from] io::Error),
    /// The generator does not run.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// There is no schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// Measures a responder that stalls for 100 ms, at 2,000 requests a second for 3 s.
///
/// # Errors
///
/// Where that can't be done; what it gave is judged by [`StallTest::faults`].
pub fn stall_test(seed: u64) -> Result<StallTest, StallTestError> {
    let responder = Responder::start(Some(STALL), |_| Duration::ZERO)?;
    let ids = Ids::new("stall");
    let payments = Payments::new(ids.clone());
    let end_ns = nanoseconds(DURATION);
    let schedule = schedule(&Arrivals::Poisson, RATE_PER_S, end_ns, seed)?;
    let load = Load {
        schedule: &schedule,
        warm_up_ns: 0,
        end_ns,
        first_number: 0,
        connections: CONNECTIONS,
        patience: Duration::from_secs(10),
        drain: Duration::from_secs(10),
        spin: false,
    };
    let tally = drive(&responder.endpoint(), &Http::new("responder", ids, None, None), &payments, &load)?;
    let delayed = |times: &Latencies| times.count_between(nanoseconds(DELAYED), u64::MAX);
    let (delayed, delayed_service) = (delayed(&tally.latency), delayed(&tally.service));
    Ok(StallTest { tally, delayed, delayed_service })
}

impl StallTest {
    /// What is wrong with the generator; nothing where the stall shows as it was.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.tally.faults();
        faults.extend(hides_the_stall(&self.tally.latency));
        if self.delayed < 4 * self.delayed_service {
            faults.push(format!(
                "{} requests are slow from their intended times and {} from their sending: nothing to tell apart",
                self.delayed, self.delayed_service
            ));
        }
        faults
    }
}

/// Why the stall does not show in these latencies as long as it was, if it does not.
fn hides_the_stall(latency: &Latencies) -> Option<String> {
    let p999_ns = latency.value_at_quantile(0.999);
    let least_ns = nanoseconds(STALL.lasts) * 4 / 5;
    let told = format!("p99.9 is {} us after a stall of {} ms", p999_ns / 1_000, STALL.lasts.as_millis());
    (p999_ns < least_ns).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_shows_in_the_tail_and_a_closed_loop_would_hide_it() {
        let test = stall_test(1).unwrap();
        assert!(test.faults().is_empty(), "{:?}", test.faults());
        // All that was to be sent in the first 60 ms of it: some 120.
        assert!(test.delayed > 80, "{}", test.delayed);
        // The same judge finds fault with what a closed loop would have told of a perfect machine.
        let mut closed = crate::bench::new_latencies();
        closed.saturating_record_n(100_000, 5_996);
        closed.saturating_record_n(100_000_000, 4);
        let told = hides_the_stall(&closed);
        assert!(told.is_some_and(|told| told.starts_with("p99.9 is 100 us")));
    }
}
