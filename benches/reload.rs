//! Swapping rule sets under load: 10,000 rules, taken up again and again in a generated stream.
//!
//! Prints how long a `step` that swaps takes beside those that do not, for a rule set whose thresholds differ and for
//! one that brings new features. The longest of all is the longest gap between two decisions.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

mod support;

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use support::generated;
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::generate::Settings;
use weir::rules::{RuleSet, compile};

const RULES: usize = 10_000;
const EVENTS: u64 = 40_000;
/// Events between two swaps.
const BETWEEN: usize = 500;

/// Rules of the form that analysts write, with thresholds moved by `moved`, and `more` features besides.
fn rules(name: &str, moved: usize, more: usize) -> RuleSet {
    let mut text = format!(
        "[ruleset]\nname = \"{name}\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"VND\"\n[features]\n"
    );
    for at in 0..20 {
        writeln!(text, "n{at} = {{ count = '*', by = 'account', over = '{}h' }}", at + 1).unwrap();
    }
    for at in 0..more {
        writeln!(text, "m{at} = {{ sum = 'amount', by = 'payee', over = '{}m' }}", at + 1).unwrap();
    }
    for at in 0..RULES {
        let (least, count) = (90_000_000 + at * 1_000 + moved, at % 7 + 20);
        writeln!(
            text,
            "[[rule]]\nid = \"r{at}\"\nwhen = \"amount > {least} and n{} > {count}\"\nthen = \"alert\"\nreason = \"r\"",
            at % 20
        )
        .unwrap();
    }
    compile("bench.toml", &text).into_result().unwrap()
}

fn swap(rules: &RuleSet, number: usize, time_us: i64) -> Event {
    let mut draft = Draft::new(rules.schema.clone());
    draft.begin(Kind::Control, time_us).unwrap();
    draft.text(TextField::Id, &format!("swap {number}")).unwrap();
    draft.text(TextField::Control, "rule_set").unwrap();
    draft.text(TextField::Subject, &rules.hash_text()).unwrap();
    draft.seal().unwrap().clone()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// Swaps between two rule sets, each staged again before its swap, all through a stream.
fn run(what: &str, pair: [&RuleSet; 2], events: &[Event]) {
    let mut engine = Engine::new(pair[0].clone(), Limits::default(), Recording::Fired);
    let [mut steps, mut swaps, mut staging] = [(); 3].map(|()| Histogram::<u64>::new(3).unwrap());
    let note =
        |histogram: &mut Histogram<u64>, took: Duration| histogram.record(took.as_nanos() as u64).unwrap();
    let mut now_us = i64::MIN;
    for (at, event) in events.iter().enumerate() {
        now_us = now_us.max(event.time_us());
        if at % BETWEEN == BETWEEN - 1 {
            let next = pair[(at / BETWEEN + 1) % 2];
            let given = next.clone();
            let (staged, took) = timed(|| engine.stage(given));
            note(&mut staging, took);
            staged.unwrap();
            let control = swap(next, at, now_us);
            let (answer, took) = timed(|| engine.step(&control) == Answer::Taken);
            note(&mut swaps, took);
            assert!(answer, "the swap at event {at} was refused");
        }
        note(&mut steps, timed(|| black_box(engine.step(event) == Answer::Taken)).1);
    }
    let shown = |name: &str, histogram: &Histogram<u64>| {
        let at = |percentile| histogram.value_at_percentile(percentile);
        println!(
            "{what}, {name}, ns: n {} p50 {} p99 {} max {}",
            histogram.len(),
            at(50.0),
            at(99.0),
            histogram.max()
        );
    };
    shown("step", &steps);
    shown("step that swaps", &swaps);
    shown("stage", &staging);
}

fn main() {
    let events = generated(Settings { events: EVENTS, accounts: 10_000, ..Settings::default() });
    let (first, moved, more) = (rules("first", 0, 0), rules("moved", 500, 0), rules("more", 0, 100));
    println!("{} events, {RULES} rules, a swap every {BETWEEN} events", events.len());
    run("thresholds moved", [&first, &moved], &events);
    run("100 features come and go", [&first, &more], &events);
}
