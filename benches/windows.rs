//! Nine window features on the handbook's months (or, without its data, on their shape), without rules, beside a hand-written kernel (the floor).
//!
//! Count and sum by customer over 1, 7 and 30 days, and count by terminal over the same. Both read the same
//! events, look their keys up by hash from text, and give the same values: the run fails where they differ.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench measures, prints and fails loudly"
)]

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use hashbrown::HashMap;
use support::over_blocks;
use weir::decision::Value;
use weir::engine::{Engine, Limits, Recording};
use weir::event::{Event, ExtraType, TextField};
use weir::money::Currency;
use weir::rules::{Aggregate, Counts, Feature, KeyField, Kinds, NumberField, Policy, RuleSet, Window};
use weir::time::{Calendar, DAY_US};

const DAYS: [i64; 3] = [1, 7, 30];
const PAYMENTS: usize = 585_177;

fn rules() -> RuleSet {
    let feature = |field, aggregate, days| Feature {
        hash: [0; 32],
        name: String::new(),
        aggregate,
        by: vec![KeyField::Text(field)],
        at: vec![KeyField::Text(field)],
        from: Kinds::PAYMENTS,
        condition: None,
        window: Window::Sliding { length_us: days * DAY_US },
        counts: Counts::Asked,
        pending: false,
        in_flight_us: None,
        label: None,
        delay_us: 0,
        reset: None,
        current: true,
        ty: ExtraType::Integer,
        tables: Vec::new(),
        lists: Vec::new(),
        across: false,
        used: true,
    };
    let features = DAYS.into_iter().flat_map(|days| {
        [
            feature(TextField::Customer, Aggregate::Count, days),
            feature(TextField::Customer, Aggregate::Sum(NumberField::Amount), days),
            feature(TextField::Merchant, Aggregate::Count, days),
        ]
    });
    RuleSet {
        pending_us: None,
        step_up: None,
        locks: Vec::new(),
        name: "bench".to_owned(),
        hash: [0; 32],
        time_zone: "UTC".to_owned(),
        calendar: Calendar::new("UTC").unwrap(),
        currency: Currency::EUR,
        feedback: Default::default(),
        horizon_us: 7 * DAY_US,
        schema: Default::default(),
        fields_named: Default::default(),
        features: features.collect(),
        tables: Vec::new(),
        rules: Vec::new(),
        lists: Vec::new(),
        rates: None,
        policy: Policy::default(),
        control: None,
        packs: Vec::new(),
        methods: Vec::new(),
        tags: Vec::new(),
        obligations: Vec::new(),
    }
}

/// A number that depends on every value.
fn mix(sum: u64, value: i64) -> u64 {
    (sum ^ value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

fn engine(events: &[Event]) -> (Duration, u64) {
    let mut engine = Engine::new(rules(), Limits::default(), Recording::Fired);
    let mut sum = 0;
    let taken = over_blocks(events, |block| {
        for event in block {
            black_box(engine.step(event));
            for reading in engine.readings() {
                if let Value::Whole(value) = reading.value {
                    sum = mix(sum, value);
                }
            }
        }
    });
    (taken, sum)
}

#[derive(Default)]
struct Floor {
    customers: HashMap<String, usize, foldhash::fast::FixedState>,
    terminals: HashMap<String, usize, foldhash::fast::FixedState>,
    log: Vec<(i64, usize, usize, i64)>,
    passed: [usize; 3],
    by_customer: Vec<[(i64, i64); 3]>,
    by_terminal: Vec<[i64; 3]>,
}

impl Floor {
    fn slot(map: &mut HashMap<String, usize, foldhash::fast::FixedState>, key: &str) -> usize {
        let next = map.len();
        match map.get(key) {
            Some(&slot) => slot,
            None => *map.entry(key.to_owned()).insert(next).get(),
        }
    }

    fn take(&mut self, event: &Event, mut sum: u64) -> u64 {
        let customer = Self::slot(&mut self.customers, event.text(TextField::Customer).unwrap());
        let terminal = Self::slot(&mut self.terminals, event.text(TextField::Merchant).unwrap());
        let (now, amount) = (event.time_us(), event.amount().unwrap().minor);
        self.by_customer.resize(self.by_customer.len().max(customer + 1), [(0, 0); 3]);
        self.by_terminal.resize(self.by_terminal.len().max(terminal + 1), [0; 3]);
        self.log.push((now, customer, terminal, amount));
        for (at, days) in DAYS.iter().enumerate() {
            while self.log[self.passed[at]].0 <= now - days * DAY_US {
                let (_, customer, terminal, amount) = self.log[self.passed[at]];
                self.by_customer[customer][at].0 -= 1;
                self.by_customer[customer][at].1 -= amount;
                self.by_terminal[terminal][at] -= 1;
                self.passed[at] += 1;
            }
            let of_customer = &mut self.by_customer[customer][at];
            *of_customer = (of_customer.0 + 1, of_customer.1 + amount);
            self.by_terminal[terminal][at] += 1;
            sum = mix(mix(sum, of_customer.0), of_customer.1);
            sum = mix(sum, self.by_terminal[terminal][at]);
        }
        sum
    }
}

fn floor(events: &[Event]) -> (Duration, u64) {
    let mut floor = Floor::default();
    let mut sum = 0;
    let taken = over_blocks(events, |block| {
        for event in block {
            sum = floor.take(event, sum);
        }
    });
    (taken, sum)
}

fn main() {
    let (source, events) = match support::handbook() {
        Some(events) => ("the handbook's April and May 2018", events),
        None => ("generated in the handbook's shape", support::events(&support::handbook_shape(PAYMENTS))),
    };
    let count = events.len();
    // Pairs in turn, so that a drift of the machine's speed touches both alike.
    let mut ratios: Vec<f64> = (0..7)
        .map(|_| {
            let ((engine, a), (floor, b)) = (engine(&events), floor(&events));
            assert_eq!(a, b, "the engine and the floor computed different values");
            engine.as_secs_f64() / floor.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let rate = count as f64 / engine(&events).0.as_secs_f64();
    println!(
        "{count} payments ({source}), 5,000 customers, 10,000 terminals, values equal; {rate:.0} events a second; engine/floor: median {:.2} ({:.2} to {:.2})",
        ratios[3], ratios[0], ratios[6]
    );
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let mut group = criterion.benchmark_group("windows");
    group.throughput(Throughput::Elements(count as u64));
    let repeat = |work: fn(&[Event]) -> (Duration, u64)| {
        let events = &events;
        move |bencher: &mut criterion::Bencher<'_>| {
            bencher.iter_custom(|times| (0..times).map(|_| work(events).0).sum());
        }
    };
    group.bench_function("engine", repeat(engine));
    group.bench_function("floor", repeat(floor));
    group.finish();
    criterion.final_summary();
}
