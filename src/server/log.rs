//! What is told of requests, a line each, and of so many a second at most.
//!
//! Must never be given a body, an identifier or a token: a line has the request's id, its route, its status and how long it
//! took.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::clock::now;

/// Lines a second of each kind.
const LINES_A_SECOND: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// Lets so many lines a second through, and counts the others.
#[derive(Debug, Default)]
pub(super) struct Trickle(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Trickle {
    /// Whether a line may be told now, and if so how many were left out since the last that was.
    pub(super) fn next(&self) -> Option<u64> {
        self.next_at(now())
    }

    fn next_at(&self, at: Instant) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = window.get_or_insert(Window { since: at, lines: 0, left_out: 0 });
        if at.saturating_duration_since(window.since) >= SECOND {
            (window.since, window.lines) = (at, 0);
        }
        if window.lines == LINES_A_SECOND {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

/// The kinds of lines that requests are told in.
#[derive(Debug, Default)]
pub(super) struct Trickles {
    pub(super) refused: Trickle,
    pub(super) declared: Trickle,
    pub(super) slow: Trickle,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_lines_a_second_are_told_and_the_others_counted() {
        let (trickle, begun) = (Trickle::default(), now());
        let told = |ms: u64| trickle.next_at(begun + Duration::from_millis(ms));
        let first: Vec<_> = (0..25).map(told).collect();
        assert_eq!(first.iter().filter(|line| **line == Some(0)).count(), LINES_A_SECOND as usize);
        assert_eq!(first.iter().filter(|line| line.is_none()).count(), 15);
        assert_eq!(told(999), None);
        assert_eq!(told(1_000), Some(16));
        assert_eq!(told(1_001), Some(0));
    }
}
