//! What a decision costs at 10, 100, 1,000 and 10,000 rules of the form that analysts write, over the same features
//! and the same generated stream, and what checking and compiling them costs.
//!
//! `step` is timed by blocks and, in a pass of its own, event by event; deciding alone (the index, and the conditions
//! of what it finds) on payments whose features were read before, beside a look at every rule. Fails where the two
//! give different rules. `benches/compare` measures other engines on the same rules.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

#[path = "support/analysts.rs"]
mod analysts;
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use analysts::{Asked, RULES};
use criterion::Criterion;
use hdrhistogram::Histogram;
use support::{generated, over_blocks};
use weir::engine::{Engine, Limits, Recording};
use weir::event::Event;
use weir::generate::Settings;
use weir::rules::{Index, RuleSet, compile};

const SIZES: [usize; 4] = [10, 100, 1_000, RULES];
/// Payments that are decided alone.
const DECIDED: usize = 50_000;
/// Payments at which every rule is looked at, for comparison.
const LOOKED_AT: usize = 1_000;

fn nanoseconds(duration: Duration, times: usize) -> f64 {
    duration.as_nanos() as f64 / times as f64
}

fn stepped(rules: &RuleSet, events: &[Event]) -> Duration {
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    over_blocks(events, |block| {
        for event in block {
            black_box(engine.step(event));
        }
    })
}

fn step(rules: &RuleSet, events: &[Event]) -> f64 {
    let mut times: Vec<Duration> = (0..3).map(|_| stepped(rules, events)).collect();
    times.sort_unstable();
    let mut latency_ns = Histogram::<u64>::new(3).unwrap();
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::Fired);
    over_blocks(events, |block| {
        for event in block {
            let start = Instant::now();
            black_box(engine.step(event));
            latency_ns.record(start.elapsed().as_nanos() as u64).unwrap();
        }
    });
    let at = |percentile| latency_ns.value_at_percentile(percentile);
    let each = nanoseconds(times[1], events.len());
    println!(
        "  step, ns: {each:.0} by blocks; p50 {} p99 {} p99.99 {} max {}",
        at(50.0),
        at(99.0),
        at(99.99),
        latency_ns.max()
    );
    println!("  {:?}", engine.memory());
    each
}

/// Deciding alone, with and without an index; both must find the same rules.
fn decide(rules: &RuleSet, index: &Index, payments: &[Asked]) -> f64 {
    let mut scratch = index.scratch();
    let mut fired: Vec<u16> = Vec::new();
    let (mut all, mut candidates, mut most) = (0, 0, 0);
    let start = Instant::now();
    for asked in payments {
        let facts = asked.facts();
        fired.clear();
        let found = index.candidates(&facts, &mut scratch);
        candidates += found.len();
        fired.extend(
            found.iter().filter(|&&at| rules.rules[usize::from(at)].when.holds(&facts) == Some(true)),
        );
        all += black_box(&fired).len();
        most = most.max(fired.len());
    }
    let indexed = nanoseconds(start.elapsed(), payments.len());
    let looked_at: Vec<&Asked> = payments.iter().step_by(payments.len() / LOOKED_AT).collect();
    let start = Instant::now();
    let slowly: Vec<Vec<u16>> = looked_at.iter().map(|asked| analysts::fired_slowly(rules, asked)).collect();
    let each = nanoseconds(start.elapsed(), looked_at.len());
    for (asked, slowly) in looked_at.iter().zip(slowly) {
        let facts = asked.facts();
        let found = index.candidates(&facts, &mut scratch).iter().copied();
        let quickly: Vec<u16> =
            found.filter(|&at| rules.rules[usize::from(at)].when.holds(&facts) == Some(true)).collect();
        assert_eq!(quickly, slowly);
    }
    let mean = |count: usize| count as f64 / payments.len() as f64;
    println!(
        "  deciding alone, ns: {indexed:.0}; looking at every rule {each:.0}; fired {:.2} (most {most}), candidates {:.2} a payment",
        mean(all),
        mean(candidates)
    );
    indexed
}

/// The best of five, in milliseconds.
fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    let time = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..5).map(time).fold(f64::INFINITY, f64::min)
}

fn main() {
    let events = generated(Settings::default());
    let payments = analysts::asked(&events);
    let rules = analysts::rules(&payments);
    let decided: Vec<Asked> = payments.iter().step_by(payments.len() / DECIDED).cloned().collect();
    drop(payments);
    println!("{} events; {} payments decided alone", events.len(), decided.len());
    let mut costs = Vec::new();
    for size in SIZES {
        let rules = &rules[..size];
        let (file, set) = (analysts::file(rules), analysts::compiled(rules));
        let index = Index::new(&set.rules);
        println!(
            "{size} rules, {} bytes: check and compile {:.1} ms; index {:.2} ms, {} bytes",
            file.len(),
            best(|| compile("analysts.toml", &file)),
            best(|| Index::new(&set.rules)),
            index.bytes()
        );
        let alone = decide(&set, &index, &decided);
        costs.push((step(&set, &events), alone));
    }
    let (first, last) = (costs[0], costs[costs.len() - 1]);
    println!(
        "{RULES} rules cost {:.2} times 10 in step, {:.2} times deciding alone",
        last.0 / first.0,
        last.1 / first.1
    );
    let set = analysts::compiled(&rules);
    let index = Index::new(&set.rules);
    let mut scratch = index.scratch();
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut payments = decided.iter().cycle();
    criterion.bench_function("rules/candidates of 10,000", |bencher| {
        bencher.iter(|| payments.next().map(|asked| index.candidates(&asked.facts(), &mut scratch).len()));
    });
    criterion.final_summary();
}
