//! When to send again: which answers are only for now, and how long to wait.
//!
//! Every event has an id, and an id that is known is answered as before, so all may be sent again. Waits are drawn by chance,
//! or clients that were refused together would come back together.

use std::time::Duration;

use tokio::time::Instant;

use super::{ClientError, Problem, Trouble};

/// The longest first wait; it doubles with each try.
const FIRST: Duration = Duration::from_millis(10);
/// The longest wait that nobody asked for.
const LONGEST: Duration = Duration::from_secs(1);

/// Whether an answer may be another one later: what overload, a deadline, an end, or a proxy without a sidecar give.
pub(super) fn is_for_now(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// What came of one try.
pub(super) enum Tried<T> {
    Done(T),
    /// A problem, and how long whoever answered wants to be left alone.
    Problem(Problem, Option<Duration>),
}

/// What follows a try.
pub(super) enum Next<T> {
    Done(Result<T, ClientError>),
    /// Another one, after so long.
    Again(Duration),
}

/// How often was tried, and when to try again.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// How often was tried.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// What follows a try, where there is time until then.
    pub(super) fn after<T>(&mut self, tried: Result<Tried<T>, Trouble>, until: Instant) -> Next<T> {
        let (last, retry_after) = match tried {
            Ok(Tried::Done(came)) => return Next::Done(Ok(came)),
            Ok(Tried::Problem(problem, retry_after)) if is_for_now(problem.status) => {
                (Trouble::Problem(problem), retry_after)
            }
            Ok(Tried::Problem(problem, _)) => return Next::Done(Err(ClientError::Refused(problem))),
            // It would not be one the next time either.
            Err(last @ Trouble::Unsent(_)) => {
                return Next::Done(Err(ClientError::Unanswered { tries: self.tries, last }));
            }
            Err(trouble) => (trouble, None),
        };
        let pause = self.next(retry_after);
        // Where it would end after the deadline, whoever calls knows it now.
        if Instant::now() + pause >= until {
            return Next::Done(Err(ClientError::Unanswered { tries: self.tries, last }));
        }
        Next::Again(pause)
    }

    /// How long to wait after one more try, at least as long as was asked for.
    pub(super) fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        self.wait(retry_after, chance())
    }

    /// The same by this chance, from 0 up to 1.
    fn wait(&mut self, retry_after: Option<Duration>, chance: f64) -> Duration {
        let most = FIRST.saturating_mul(1 << self.tries.min(20)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        retry_after.unwrap_or_default().saturating_add(most.mul_f64(chance))
    }
}

/// A number from 0 up to 1, by chance.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without any, all wait for as long: slower, and nothing worse.
    if getrandom::fill(&mut bytes).is_err() {
        return 1.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_second_and_never_end_before_what_was_asked_for() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..10).map(|_| backoff.wait(None, 1.0).as_millis()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
        assert_eq!(backoff.tries(), 10);
        assert_eq!(Backoff::default().wait(None, 0.0), Duration::ZERO);
        let asked = Duration::from_secs(3);
        for _ in 0..100 {
            let wait = backoff.next(Some(asked));
            assert!(wait >= asked && wait < asked + LONGEST, "{wait:?}");
        }
        let mut long = Backoff { tries: u32::MAX };
        assert_eq!(long.wait(Some(Duration::MAX), 1.0), Duration::MAX);
    }

    #[test]
    fn nothing_that_is_refused_is_for_now() {
        for status in 100..600 {
            assert_eq!(is_for_now(status), [502, 503, 504].contains(&status), "{status}");
        }
    }

    #[test]
    fn chance_differs() {
        let drawn: Vec<f64> = (0..8).map(|_| chance()).collect();
        assert!(drawn.iter().all(|drawn| (0.0..1.0).contains(drawn)));
        assert!(drawn.windows(2).any(|pair| pair[0] != pair[1]), "{drawn:?}");
    }
}
