//! The soak of benches/soak.rs at a small size: a sample of accounts has the twin's values, and what is held stops growing.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

#[path = "../benches/support/keyed.rs"]
mod keyed;
#[path = "../benches/support/soak.rs"]
mod soak;

use keyed::{Draw, Stream};
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
    let outcome = soak::run(settings, None, &mut told).unwrap();
    assert_eq!(told.iter().filter(|&&byte| byte == b'\n').count(), 60);
    assert_eq!(outcome.different, 0, "of {} values", outcome.compared);
    assert!(outcome.compared > 60_000, "only {} values were compared", outcome.compared);
    let [third, last] = outcome.most_bytes;
    assert!(third > 0 && last * 100 <= third * 105, "it grew from {third} to {last} bytes");
}

#[test]
fn keys_are_drawn_as_often_as_zipfs_law_says() {
    const DRAWS: usize = 100_000;
    let mut stream = Stream::new(20, Draw::Zipf(1.1), 1);
    let mut drawn = [0_usize; 20];
    for _ in 0..DRAWS {
        stream.payment().keys.into_iter().for_each(|key| drawn[key as usize] += 1);
    }
    let weights: Vec<f64> = (1..=20).map(|rank| f64::from(rank).powf(-1.1)).collect();
    let all: f64 = weights.iter().sum();
    for (rank, (&drawn, weight)) in drawn.iter().zip(weights).enumerate() {
        let (share, expected) = (drawn as f64 / (3 * DRAWS) as f64, weight / all);
        assert!((share - expected).abs() < 0.005, "rank {rank}: {share} instead of {expected}");
    }
}
