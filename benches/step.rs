//! `step` with the starter pack on a generated stream: 1,000,000 events, 100,000 accounts, 60 days.
//!
//! Prints events a second (timed by blocks) and, from a pass of its own that times every event, percentiles and the
//! maximum; a clock reading is part of each of these.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use hdrhistogram::Histogram;
use support::{generated, over_blocks};
use weir::engine::{Engine, Limits, Recording};
use weir::event::Event;
use weir::generate::Settings;
use weir::rules::RuleSet;

fn engine(rules: &RuleSet) -> Engine {
    Engine::new(rules.clone(), Limits::default(), Recording::Fired)
}

fn run(rules: &RuleSet, events: &[Event]) -> Duration {
    let mut engine = engine(rules);
    over_blocks(events, |block| {
        for event in block {
            black_box(engine.step(event));
        }
    })
}

fn main() {
    let rules =
        weir::rules::compile("retail.toml", include_str!("../rules/retail.toml")).into_result().unwrap();
    let settings = Settings::default();
    let accounts = settings.accounts;
    let events = generated(settings);
    let mut rates: Vec<f64> =
        (0..5).map(|_| events.len() as f64 / run(&rules, &events).as_secs_f64()).collect();
    rates.sort_by(f64::total_cmp);
    let mut latency_ns = Histogram::<u64>::new(3).unwrap();
    let mut timed = engine(&rules);
    over_blocks(&events, |block| {
        for event in block {
            let start = Instant::now();
            black_box(timed.step(event));
            latency_ns.record(start.elapsed().as_nanos() as u64).unwrap();
        }
    });
    println!(
        "{} events, {accounts} accounts, {} rules, {} features; {:?}",
        events.len(),
        rules.rules.len(),
        rules.features.len(),
        timed.memory()
    );
    println!("events a second: median {:.0} ({:.0} to {:.0})", rates[2], rates[0], rates[4]);
    let at = |percentile| latency_ns.value_at_percentile(percentile);
    println!(
        "step, ns: p50 {} p90 {} p99 {} p99.9 {} p99.99 {} max {}",
        at(50.0),
        at(90.0),
        at(99.0),
        at(99.9),
        at(99.99),
        latency_ns.max()
    );
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("retail", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| run(&rules, &events)).sum());
    });
    group.finish();
    criterion.final_summary();
}
