//! The soak of benches/soak.rs at a small size: a sample of accounts has the twin's values, and what is held stops growing.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

#[path = "../benches/support/keyed.rs"]
mod keyed;
#[path = "../benches/support/soak.rs"]
mod soak;

use soak::Settings;
use weir::engine::Limits;

#[test]
fn a_long_run_gives_the_twins_values_in_memory_that_stops_growing() {
    let settings = Settings {
        payments: 60_000,
        accounts: 4_000,
        days: 120,
        told_every: 1_000,
        limits: Limits::default(),
    };
    let mut told = Vec::new();
    let outcome = soak::run(settings, &mut told).unwrap();
    assert_eq!(told.iter().filter(|&&byte| byte == b'\n').count(), 60);
    assert_eq!(outcome.different, 0, "of {} values", outcome.compared);
    assert!(outcome.compared > 60_000, "only {} values were compared", outcome.compared);
    let [third, last] = outcome.most_bytes;
    assert!(third > 0 && last * 100 <= third * 105, "it grew from {third} to {last} bytes");
}
