//! With too little room keys are taken back and evicted, and no value is wrong for it: it is the slow twin's, or says
//! that it is evicted. With room enough none is ever evicted, and what is held does not grow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/asked.rs"]
mod asked;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/packs.rs"]
mod packs;
#[path = "support/shelf.rs"]
mod shelf;
#[path = "support/tally.rs"]
mod tally;
#[path = "support/twin.rs"]
mod twin;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asked::asked;
use hostile::{STARTS, steps, stream};
use packs::{compiled, definitions, options, text, varied};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use shelf::Shelf;
use tally::hold;
use twin::{Said, Twin};
use weir::decision::{Quality, Reading, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Aggregate, RuleSet};
use weir::time::{DAY_US, SECOND_US, parse_time};

/// Rules that no feature moves: what counts as allowed is then the same whatever is evicted.
fn pack(features: &[String]) -> RuleSet {
    let text = text("eviction", "", &[("f", features)]);
    let moved = [" or busy > 6", " or (known and large > 2 and web + late > 3)"];
    compiled(&moved.iter().fold(text, |text, part| {
        assert!(text.contains(part), "the pack has no {part:?} any more");
        text.replace(part, "")
    }))
}

/// Holds every value to the twin's but where it says that its key was evicted or, `slow` to read its log, that it
/// is behind; how many are of an evicted key, and how many are behind.
fn agree(
    mut engine: Engine,
    rules: &RuleSet,
    events: &[Event],
    slow: bool,
) -> Result<(usize, usize, usize), TestCaseError> {
    let mut twin = Twin::new(rules.clone());
    let (mut equal, mut evicted, mut behind) = (0, 0, 0);
    let is_change =
        |feature: u16| matches!(rules.features[usize::from(feature)].aggregate, Aggregate::Changed(_));
    for (at, event) in events.iter().enumerate() {
        let (said, readings) = match engine.step(event) {
            Answer::Decided(decision) => {
                (Said::Decided(decision.outcome, Vec::new()), decision.features.clone())
            }
            Answer::Repeated(decision) => {
                (Said::Repeated(decision.outcome, Vec::new()), decision.features.clone())
            }
            Answer::Refused(refusal) if refusal.code() == "keys_full" => continue,
            Answer::Refused(refusal) => (Said::Refused(refusal.code()), Vec::new()),
            Answer::Taken => (Said::Taken, Vec::new()),
            Answer::Alert(_) => (Said::Alert, Vec::new()),
            Answer::AlertedBefore(_) => (Said::AlertedBefore, Vec::new()),
            Answer::TakenBefore => (Said::TakenBefore, Vec::new()),
        };
        let decided = matches!(said, Said::Decided(..));
        twin.clock_us = Some(engine.facts(event).now_us);
        let (expected, values) = match twin.step(event) {
            Said::Decided(outcome, values) => (Said::Decided(outcome, Vec::new()), values),
            Said::Repeated(outcome, values) => (Said::Repeated(outcome, Vec::new()), values),
            other => (other, Vec::new()),
        };
        prop_assert_eq!(said, expected, "event {} of {:#?}", at, events);
        for ((feature, reading), expected) in readings.iter().zip(&values) {
            let right = match reading.quality {
                Quality::Exact => {
                    reading.value == *expected && !(decided && twin.corrected[usize::from(*feature)])
                }
                Quality::Corrected => reading.value == *expected,
                Quality::Evicted if is_change(*feature) => reading.value == Value::Null,
                Quality::Evicted => reading.value != Value::Boolean(true),
                Quality::Behind => slow,
                Quality::Warming => false,
            };
            match reading.quality {
                Quality::Evicted => evicted += 1,
                Quality::Behind => behind += 1,
                _ => equal += 1,
            }
            let feature = &rules.features[usize::from(*feature)];
            prop_assert!(
                right,
                "{:?} for {:?} of {} at event {} of {:#?}\n{:#?}",
                reading,
                expected,
                feature.name,
                at,
                events,
                feature
            );
        }
    }
    Ok((equal, evicted, behind))
}

fn limits() -> impl Strategy<Value = Limits> {
    let keys = || prop_oneof![3 => 1_u32..6, 1 => Just(1_000)];
    let texts = prop_oneof![1 => 8_u32..24, 3 => Just(1_000)];
    let arena = prop_oneof![2 => 0_usize..300, 1 => Just(1 << 20)];
    (keys(), keys(), texts, arena, prop::sample::select(vec![64_usize, 1 << 12])).prop_map(
        |(keys_max, forever_keys_max, texts_max, arena_bytes_max, filter_bytes)| Limits {
            keys_max,
            forever_keys_max,
            texts_max,
            arena_bytes_max,
            filter_bytes,
            ..Limits::default()
        },
    )
}

fn cases(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..asked(cases, 20_000)
    })
}

/// A rule set, and a stream for it.
fn drawn() -> impl Strategy<Value = (RuleSet, Vec<Event>)> {
    let features = prop::collection::vec(definitions(), 1..6);
    let start = prop::sample::select(&STARTS[..]);
    (features, steps(), start, options()).prop_map(|(features, steps, start, options)| {
        let rules = varied(pack(&features), &options);
        let events = stream(&rules, &steps, start);
        (rules, events)
    })
}

#[test]
fn every_value_is_the_twins_or_says_that_it_is_evicted() {
    hold("little room", cases(1_500), (drawn(), limits()), |((rules, events), limits), tally| {
        let engine = |limits| Engine::new(rules.clone(), limits, Recording::All);
        tally.stream(events.len());
        let (equal, evicted, _) = agree(engine(limits), &rules, &events, false)?;
        tally.values(equal, evicted);
        prop_assert_eq!(agree(engine(Limits::default()), &rules, &events, false)?.1, 0);
        Ok(())
    });
}

#[test]
fn every_value_is_the_twins_where_keys_are_evicted_and_the_log_leaves_memory() {
    let tiny =
        (limits(), prop::sample::select(vec![1, 2, 8]), prop::sample::select(vec![u64::MAX, u64::MAX, 1, 7]));
    let tiny = tiny.prop_map(|(limits, log_chunk_rows, expiries_a_step_max)| Limits {
        log_bytes_max: 0,
        log_chunk_rows,
        expiries_a_step_max,
        ..limits
    });
    let not_yet = prop_oneof![Just(0), any::<u64>().prop_map(|bits| bits & 0x7777_7777_7777_7777)];
    let both = AtomicU64::new(0);
    let case = (drawn(), tiny, not_yet);
    hold("little room and a store", cases(800), case, |((rules, events), limits, not_yet), tally| {
        let shelf = Shelf::new(not_yet);
        let asked = Arc::clone(&shelf.log);
        let engine = Engine::new(rules.clone(), limits, Recording::All).with_store(Box::new(shelf));
        tally.stream(events.len());
        let slow = not_yet != 0 || limits.expiries_a_step_max != u64::MAX;
        let (equal, evicted, behind) = agree(engine, &rules, &events, slow)?;
        tally.values(equal, evicted + behind);
        both.fetch_add(u64::from(evicted > 0 && asked.gets.load(Ordering::Relaxed) > 0), Ordering::Relaxed);
        Ok(())
    });
    assert!(both.load(Ordering::Relaxed) > 0, "no stream had keys evicted and chunks read back");
}

/// Payments, each from an account to a payee.
struct Payments {
    engine: Engine,
    draft: Draft,
    start_us: i64,
    made: usize,
}

impl Payments {
    fn new(features: &[&str], limits: Limits) -> Self {
        let features: Vec<String> = features.iter().map(|&feature| feature.to_owned()).collect();
        let rules = pack(&features);
        let draft = Draft::new(Arc::clone(&rules.schema));
        let start_us = parse_time("2026-11-22T10:00:00Z").unwrap();
        Self { engine: Engine::new(rules, limits, Recording::All), draft, start_us, made: 0 }
    }

    /// The readings of the features at a payment.
    fn pay(&mut self, after_us: i64, account: &str, payee: &str) -> Vec<Reading> {
        self.draft.begin(Kind::Transaction, self.start_us + after_us).unwrap();
        self.draft.text(TextField::Id, &format!("{}", self.made)).unwrap();
        self.draft.text(TextField::Account, account).unwrap();
        self.draft.text(TextField::Payee, payee).unwrap();
        self.draft.amount(5, Currency::VND).unwrap();
        self.made += 1;
        let event = self.draft.seal().unwrap();
        assert!(matches!(self.engine.step(event), Answer::Decided(_)));
        let own = self
            .engine
            .rules()
            .features
            .iter()
            .enumerate()
            .filter(|(_, feature)| feature.name.starts_with('f'));
        own.map(|(at, _)| self.engine.readings()[at]).collect()
    }
}

#[test]
fn the_coldest_key_is_evicted_and_known_again_once_its_windows_have_passed() {
    let features = [
        "count = '*', by = 'account', over = '6h'",
        "is_new = true, by = 'account', over = '6h'",
        "count = '*', by = 'payee', over = 'forever'",
        "is_new = true, by = 'payee', over = 'forever'",
    ];
    let limits = Limits { keys_max: 3, forever_keys_max: 2, ..Limits::default() };
    let mut payments = Payments::new(&features, limits);
    for minute in 0..10 {
        payments.pay(minute * 60 * SECOND_US, ["a", "b", "c"][minute as usize % 3], "p");
    }
    // `b` is the coldest, by more than the coarseness of what is remembered.
    let before = payments.pay(15 * 60 * SECOND_US, "d", "q");
    assert_eq!(before[0], Reading { value: Value::Whole(1), quality: Quality::Exact });
    assert_eq!(before[1], Reading { value: Value::Boolean(true), quality: Quality::Exact });
    let hot = payments.pay(20 * 60 * SECOND_US, "a", "p");
    assert_eq!(hot[0], Reading { value: Value::Whole(5), quality: Quality::Exact });
    let evicted = payments.pay(21 * 60 * SECOND_US, "b", "r");
    assert_eq!(evicted[0].quality, Quality::Evicted);
    assert_eq!(evicted[1], Reading { value: Value::Null, quality: Quality::Evicted }, "never new");
    assert_eq!(evicted[2].quality, Quality::Exact, "it is a new payee");
    let known = payments.pay(22 * 60 * SECOND_US, "b", "q");
    assert_eq!(known[1], Reading { value: Value::Boolean(false), quality: Quality::Evicted });
    assert_eq!(known[3], Reading { value: Value::Null, quality: Quality::Evicted });
    let tables = payments.engine.key_tables();
    let of_account = tables
        .iter()
        .filter(|table| table.fields.len() == 1)
        .find_map(|table| payments.engine.key_rows(table).find(|row| row.key == ["b"]));
    let held = of_account.unwrap();
    assert!(
        held.readings.iter().any(|reading| reading.quality == Quality::Evicted),
        "also where all keys are written"
    );
    let later = payments.pay(DAY_US, "b", "q");
    assert_eq!(later[0], Reading { value: Value::Whole(1), quality: Quality::Exact });
    assert_eq!(later[2].quality, Quality::Evicted, "for ever");
    // Most keys are in their family alone, under a budget of their own.
    assert!(payments.engine.memory().state.marks > 0);
}

#[test]
fn memory_is_flat_under_ever_new_keys() {
    let features = [
        "count = '*', by = 'account', over = '10m'",
        "distinct = 'payee', by = 'account', over = '10m'",
        "min = 'amount', by = ['account', 'payee'], over = '10m'",
        "sum = 'amount', by = 'payee', over = 'day'",
    ];
    let mut payments = Payments::new(&features, Limits::default());
    let event_us = SECOND_US / 4;
    let in_a_window = (600 * SECOND_US / event_us) as usize;
    let mut held = Vec::new();
    for _ in 0..24 {
        for _ in 0..in_a_window {
            let n = payments.made;
            // Every account pays twice, and never again.
            let payee = if n.is_multiple_of(3) {
                format!("p{}", n % 50)
            } else {
                format!("the-payee-of-payment-{}", n % 400)
            };
            let account = format!("account-number-{:08}", n / 2);
            let readings = payments.pay(n as i64 * event_us, &account, &payee);
            assert!(readings.iter().all(|reading| reading.quality == Quality::Exact));
        }
        let memory = payments.engine.memory().state;
        held.push((memory.records + memory.arenas, memory.dictionary + memory.keys));
        assert_eq!(memory.marks, 0);
    }
    let (settled, last) = (held[11], held[23]);
    assert_eq!(last.0, settled.0, "{held:?}");
    // Which parts of a hash table have most keys changes, and none becomes smaller.
    assert!(last.1 <= settled.1 + settled.1 / 10, "{held:?}");
}
