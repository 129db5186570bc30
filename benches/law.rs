//! `step` with the law and a bank's own rules together: Circular 50 under the starter pack, on a generated stream with
//! payments of every kind: 1,000,000 events, 100,000 accounts, 60 days.
//!
//! Prints events a second (timed by blocks), on the wall and by the thread's own time, and, from a pass of its own that
//! times every event, percentiles and the maximum, of all and by kind; a clock reading is part of each of these. The same
//! of each pack alone, for comparison; arguments choose among `retail`, `law` and `both`.
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

use hdrhistogram::Histogram;
use support::{busy_here, generated_for, over_blocks};
use weir::engine::{Engine, Limits, Recording};
use weir::event::{Event, Kind};
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

fn measure(name: &str, rules: &RuleSet) {
    let settings = Settings { rarities: 0.05, executions: 0.5, authentications: 0.2, ..Settings::default() };
    let events: &[Event] = &generated_for(settings, rules.schema.clone());
    let mut busy = Duration::ZERO;
    let mut rates: Vec<f64> = (0..3)
        .map(|_| {
            let mut engine = engine(rules);
            let taken = over_blocks(events, |block| {
                let start = busy_here();
                for event in block {
                    black_box(engine.step(event));
                }
                busy += busy_here() - start;
            });
            events.len() as f64 / taken.as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let histogram = || Histogram::<u64>::new(3).unwrap();
    let (mut all_ns, mut by_kind_ns) = (histogram(), Kind::ALL.map(|_| histogram()));
    let mut timed = engine(rules);
    over_blocks(events, |block| {
        for event in block {
            let start = Instant::now();
            black_box(timed.step(event));
            let taken_ns = start.elapsed().as_nanos() as u64;
            all_ns.record(taken_ns).unwrap();
            by_kind_ns[event.kind() as usize].record(taken_ns).unwrap();
        }
    });
    let (rules_count, features) = (rules.rules.len(), rules.features.len());
    println!(
        "{name}: {rules_count} rules, {features} features, {} tables; {} events",
        rules.tables.len(),
        events.len()
    );
    println!("  events a second: median {:.0} ({:.0} to {:.0})", rates[1], rates[0], rates[2]);
    println!(
        "  events a second of the thread's own time: {:.0}",
        3.0 * events.len() as f64 / busy.as_secs_f64()
    );
    show("step", &all_ns);
    for (kind, taken_ns) in Kind::ALL.iter().zip(&by_kind_ns).filter(|(_, taken_ns)| !taken_ns.is_empty()) {
        show(&format!("{} {}s", taken_ns.len(), kind.name()), taken_ns);
    }
}

fn show(what: &str, taken_ns: &Histogram<u64>) {
    let [p50, p90, p99, p999, p9999] =
        [50.0, 90.0, 99.0, 99.9, 99.99].map(|percentile| taken_ns.value_at_percentile(percentile));
    let max = taken_ns.max();
    println!("  {what}, ns: p50 {p50} p90 {p90} p99 {p99} p99.9 {p999} p99.99 {p9999} max {max}");
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let packs = [
        ("retail", "the starter pack alone", RETAIL),
        ("law", "the law alone", LAW),
        ("both", "the law and the starter pack", BOTH),
    ];
    for (word, name, text) in packs {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == word) {
            measure(name, &compiled(text));
        }
    }
}
