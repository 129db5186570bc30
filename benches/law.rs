//! `step` with the law and a bank's own rules together: Circular 50 under the starter pack, on a generated stream with
//! payments of every kind: 1,000,000 events, 100,000 accounts, 60 days.
//!
//! Prints events a second (timed by blocks) and, from a pass of its own that times every event, percentiles and the
//! maximum; a clock reading is part of each of these. The same of each pack alone, for comparison.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

mod support;

use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use support::{generated, over_blocks};
use weir::engine::{Engine, Limits, Recording};
use weir::event::Event;
use weir::generate::Settings;
use weir::rules::{RuleSet, Sources};

const LAW: &str = include_str!("../rules/vn/circular-50.toml");
const TYPES: &str = include_str!("../rules/vn/circular-50-types.toml");
const RETAIL: &str = include_str!("../rules/retail.toml");
const BOTH: &str = include_str!("../rules/vn/with-retail.toml");

fn compiled(text: &str) -> RuleSet {
    let found = |_: &str, path: &str| {
        let text = match path {
            "circular-50-types.toml" => TYPES,
            "circular-50.toml" => LAW,
            _ => RETAIL,
        };
        Ok((path.to_owned(), text.to_owned()))
    };
    Sources::load("bench.toml", text, found).compile().into_result().unwrap()
}

fn engine(rules: &RuleSet) -> Engine {
    Engine::new(rules.clone(), Limits::default(), Recording::Fired)
}

fn measure(name: &str, rules: &RuleSet, events: &[Event]) {
    let mut rates: Vec<f64> = (0..3)
        .map(|_| {
            let mut engine = engine(rules);
            let taken = over_blocks(events, |block| {
                for event in block {
                    black_box(engine.step(event));
                }
            });
            events.len() as f64 / taken.as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let mut latency_ns = Histogram::<u64>::new(3).unwrap();
    let mut timed = engine(rules);
    over_blocks(events, |block| {
        for event in block {
            let start = Instant::now();
            black_box(timed.step(event));
            latency_ns.record(start.elapsed().as_nanos() as u64).unwrap();
        }
    });
    println!(
        "{name}: {} rules, {} features, {} tables",
        rules.rules.len(),
        rules.features.len(),
        rules.tables.len()
    );
    println!("  events a second: median {:.0} ({:.0} to {:.0})", rates[1], rates[0], rates[2]);
    let at = |percentile| latency_ns.value_at_percentile(percentile);
    println!(
        "  step, ns: p50 {} p90 {} p99 {} p99.9 {} p99.99 {} max {}",
        at(50.0),
        at(90.0),
        at(99.0),
        at(99.9),
        at(99.99),
        latency_ns.max()
    );
}

fn main() {
    let settings = Settings { rarities: 0.05, executions: 0.5, authentications: 0.2, ..Settings::default() };
    let events = generated(settings);
    println!("{} events", events.len());
    measure("the starter pack alone", &compiled(RETAIL), &events);
    measure("the law alone", &compiled(LAW), &events);
    measure("the law and the starter pack", &compiled(BOTH), &events);
}
