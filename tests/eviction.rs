//! With too little room keys are taken back and evicted, and no value is wrong for it: it is the slow twin's, or says
//! that it is evicted. With room enough none is ever evicted, and what is held does not grow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/packs.rs"]
mod packs;
#[path = "support/twin.rs"]
mod twin;

use std::sync::Arc;

use hostile::{STARTS, steps, stream};
use packs::{compiled, definitions, options, text, varied};
use proptest::prelude::*;
use twin::{Said, Twin};
use weir::decision::{Quality, Reading, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::RuleSet;
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

fn agree(rules: &RuleSet, limits: Limits, events: &[Event]) -> Result<usize, TestCaseError> {
    let mut engine = Engine::new(rules.clone(), limits, Recording::All);
    let mut twin = Twin::new(rules.clone());
    let mut evicted = 0;
    for (at, event) in events.iter().enumerate() {
        let answer = engine.step(event);
        if matches!(answer, Answer::Refused(refusal) if refusal.code() == "keys_full") {
            continue;
        }
        let decided = matches!(answer, Answer::Decided(_));
        let (decision, expected) = match (answer, twin.step(event)) {
            (Answer::Decided(decision), Said::Decided(outcome, values)) => {
                prop_assert_eq!(decision.outcome, outcome);
                (decision, values)
            }
            (Answer::Repeated(decision), Said::Repeated(outcome, values)) => {
                prop_assert_eq!(decision.outcome, outcome);
                (decision, values)
            }
            (Answer::Refused(refusal), Said::Refused(expected)) => {
                prop_assert_eq!(refusal.code(), expected);
                continue;
            }
            (Answer::Taken, Said::Taken) | (Answer::TakenBefore, Said::TakenBefore) => continue,
            (found, expected) => {
                return Err(TestCaseError::fail(format!(
                    "{found:?} for {expected:?}, event {at} of {events:#?}"
                )));
            }
        };
        for ((feature, reading), expected) in decision.features.iter().zip(&expected) {
            let right = match reading.quality {
                Quality::Exact => {
                    reading.value == *expected && !(decided && twin.corrected[usize::from(*feature)])
                }
                Quality::Corrected => reading.value == *expected,
                Quality::Evicted => reading.value != Value::Boolean(true),
                Quality::Warming | Quality::Behind => false,
            };
            evicted += usize::from(reading.quality == Quality::Evicted);
            let feature = &rules.features[usize::from(*feature)];
            prop_assert!(
                right,
                "{:?} for {:?} of {} at event {} of {:#?}\n{:#?}\n{:?}",
                reading,
                expected,
                feature.name,
                at,
                events,
                feature,
                limits
            );
        }
    }
    Ok(evicted)
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

fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    // More than proptest's own number, unless the environment asks for another.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 1_500 };
    ProptestConfig { cases, max_shrink_iters: 20_000, ..default }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_value_is_the_twins_or_says_that_it_is_evicted(
        features in prop::collection::vec(definitions(), 1..6),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        limits in limits(),
        options in options(),
    ) {
        let rules = varied(pack(&features), &options);
        let events = stream(&rules, &steps, start);
        agree(&rules, limits, &events)?;
        prop_assert_eq!(agree(&rules, Limits::default(), &events)?, 0);
    }
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
