//! Ten million keys, each new: what a key takes beside its aggregates, and the longest that any one of them took, beside
//! the longest of the same keys once they are known, which is the machine's. Then as many with a tenth of the room, so
//! that every new key finds its slot by evicting another.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

use std::fmt::Write;
use std::time::Instant;

use hdrhistogram::Histogram;
use weir::state::{Budgets, CellSpec, Contribution, FamilySpec, Measure, Scope, Scopes, Span, Spec, State};
use weir::time::{Calendar, DAY_US};

const KEYS: u32 = 10_000_000;

fn state(keys_max: u32) -> State {
    let cell = CellSpec {
        span: Span::Sliding { length_us: DAY_US, delay_us: 0 },
        bit: 0,
        reset: None,
        measure: Measure::Count,
    };
    let family = FamilySpec {
        key_texts: 1,
        scopes: [1, 0, 0, 0, 0, 0, 0],
        cells: vec![cell],
        ..FamilySpec::default()
    };
    let spec = Spec { families: vec![family], columns: 1, horizon_us: DAY_US };
    let budgets = Budgets { keys_max, forever_keys_max: keys_max, arena_bytes_max: 0, filter_bytes: 1 << 24 };
    State::new(&spec, Calendar::new("UTC").unwrap(), &budgets)
}

/// Feeds every key once, a millisecond apart, and says how long each took.
fn feed(name: &str, state: &mut State) {
    let mut times = Histogram::<u64>::new(3).unwrap();
    let mut text = String::new();
    let start_us = state.now_us().max(0);
    for n in 0..KEYS {
        text.clear();
        write!(text, "account-{n:08}").unwrap();
        let time_us = start_us + i64::from(n) * 1_000;
        let begun = Instant::now();
        let mut all = u64::MAX;
        state.advance(time_us, &mut all);
        state.tidy(false, false);
        let keys = [[state.text_number(0, &text), 0, 0, 0]];
        let scopes = Scopes::default().with(Scope::Asked);
        state.contribute(Contribution { time_us, scopes, masks: &[1], keys: &keys, values: &[1] });
        times.record(begun.elapsed().as_nanos() as u64).unwrap();
    }
    let (memory, layout) = (state.memory(), state.layout());
    let family = &layout.families[0];
    let beside = memory.dictionary + memory.keys + memory.records
        - memory.records / family.record() * family.aggregates[0];
    let quantile = |q| times.value_at_quantile(q);
    println!(
        "{name}: {} of {KEYS} keys held, {:.1} bytes each beside their aggregates; one takes {} ns, p99 {}, p99.99 {}, at most {}",
        family.held,
        beside as f64 / f64::from(family.held),
        quantile(0.5),
        quantile(0.99),
        quantile(0.9999),
        times.max(),
    );
}

fn main() {
    let mut roomy = state(u32::MAX);
    feed("new, with room for all", &mut roomy);
    // What is long here is the machine's doing.
    feed("known", &mut roomy);
    drop(roomy);
    feed("new, with room for a tenth", &mut state(KEYS / 10));
}
