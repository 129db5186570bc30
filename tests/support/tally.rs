//! What a test compared, counted and told at its end: a proof says how much it looked at.
#![allow(
    dead_code,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "each test uses a part, and says how much it did"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use proptest::prelude::{Strategy, TestCaseError};
use proptest::test_runner::TestRunner;

/// Counts over all cases of one test; printed when it is dropped, whether the test held or not.
pub struct Tally {
    test: &'static str,
    begun: Instant,
    streams: AtomicU64,
    events: AtomicU64,
    values: AtomicU64,
    /// Values that said that they were behind, or evicted, and were not held to be exact.
    excused: AtomicU64,
}

impl Tally {
    pub fn of(test: &'static str) -> Self {
        let begun = Instant::now();
        let [streams, events, values, excused] = [0; 4].map(AtomicU64::new);
        Self { test, begun, streams, events, values, excused }
    }

    /// A stream of so many events begins.
    pub fn stream(&self, events: usize) {
        self.streams.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// So many values of features were equal to the twin's, and so many others said why they may not be.
    pub fn values(&self, equal: usize, excused: usize) {
        self.values.fetch_add(equal as u64, Ordering::Relaxed);
        self.excused.fetch_add(excused as u64, Ordering::Relaxed);
    }

    pub fn excused(&self) -> u64 {
        self.excused.load(Ordering::Relaxed)
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let [streams, events, values, excused] =
            [&self.streams, &self.events, &self.values, &self.excused].map(|n| n.load(Ordering::Relaxed));
        println!(
            "compared: {streams} streams, {events} events, {values} values, {excused} excused, {:.0} s: {}",
            self.begun.elapsed().as_secs_f64(),
            self.test
        );
    }
}

/// Runs a test on what is drawn; the first case that fails is made small and shown.
pub fn hold<S: Strategy>(
    test: &'static str,
    mut runner: TestRunner,
    drawn: S,
    check: impl Fn(S::Value, &Tally) -> Result<(), TestCaseError>,
) -> Tally {
    let tally = Tally::of(test);
    let held = runner.run(&drawn, |case| check(case, &tally));
    held.unwrap_or_else(|failure| panic!("{failure}"));
    tally
}
