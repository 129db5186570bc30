//! The windows are exact: the engine and its slow twin agree on every value and every answer, on hostile streams.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/shelf.rs"]
mod shelf;
#[path = "support/twin.rs"]
mod twin;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hostile::{LENGTHS_US, STARTS, Step, steps, stream};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use shelf::Shelf;
use twin::{Said, Twin};
use weir::decision::{Decision, Outcome, Quality, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, ExtraType, Kind, TextField};
use weir::money::Currency;
use weir::rules::{
    Aggregate, Condition, Counts, DegreeField, Feature, Feedback, KeyField, Kinds, Label, NumberField,
    Operand, Reset, RuleSet, Window,
};
use weir::time::SECOND_US;

/// Rules that block and step up, by what the event says and by what a window says.
const BASE: &str = r#"
[ruleset]
name = "twin"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
remember = "6h"

[fields]
balance = "money"
email = "text"
lat = "decimal"
lon = "decimal"

[features]
busy  = { count = "*", by = "account", over = "1h" }
known = { is_new = true, by = ["account", "device"] }
large = { count = "*", by = "account", over = "1h", where = "amount > 1000" }
web   = { count = "*", by = "account", over = "1h", where = "channel = 'web' and not (payee = 'b')" }
late  = { count = "*", by = "account", over = "1h", where = "hour >= 22 or hour < 6 or weekday > 5" }

[[rule]]
id = "stopped"
when = "channel = 'stop' or busy > 6"
then = "block"
reason = "stopped"

[[rule]]
id = "asked"
when = "channel = 'ask' or (known and large > 2 and web + late > 3)"
then = "step_up"
reason = "asked"
"#;

fn base() -> RuleSet {
    compiled(BASE)
}

fn compiled(text: &str) -> RuleSet {
    let checked = weir::rules::compile("twin.toml", text);
    checked.rule_set.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn aggregates() -> impl Strategy<Value = Aggregate> {
    let number = prop_oneof![3 => Just(NumberField::Amount), 1 => Just(NumberField::Extra(0))];
    let text = prop_oneof![
        Just(KeyField::Text(TextField::Device)),
        Just(KeyField::Text(TextField::Payee)),
        Just(KeyField::Extra(1))
    ];
    let share = prop_oneof![Just(1), Just(500_000), Just(950_000), Just(999_999), 1..1_000_000_u32];
    let place = prop::sample::select(vec![
        (DegreeField::Extra(2), DegreeField::Extra(3)),
        (DegreeField::Latitude, DegreeField::Longitude),
        (DegreeField::Extra(2), DegreeField::Longitude),
    ]);
    prop_oneof![
        1 => Just(Aggregate::Count),
        1 => Just(Aggregate::IsNew),
        2 => Just(Aggregate::Since),
        1 => number.clone().prop_map(Aggregate::Sum),
        1 => number.clone().prop_map(Aggregate::Mean),
        2 => number.clone().prop_map(Aggregate::Min),
        2 => number.clone().prop_map(Aggregate::Max),
        1 => number.clone().prop_map(Aggregate::Deviation),
        1 => number.clone().prop_map(Aggregate::First),
        1 => number.clone().prop_map(Aggregate::Last),
        2 => number.clone().prop_map(Aggregate::Previous),
        2 => (number.clone(), share).prop_map(|(field, ppm)| Aggregate::Quantile(field, ppm)),
        2 => number.prop_map(Aggregate::ZScore),
        2 => place.prop_map(|(latitude, longitude)| Aggregate::Speed { latitude, longitude }),
        3 => text.prop_map(Aggregate::Distinct),
    ]
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        4 => prop::sample::select(&LENGTHS_US[..]).prop_map(|length_us| Window::Sliding { length_us }),
        1 => Just(Window::Day),
        1 => Just(Window::Month),
        2 => Just(Window::Forever),
    ]
}

fn features(conditions: Vec<Condition>) -> impl Strategy<Value = Feature> {
    let account = KeyField::Text(TextField::Account);
    let keys = prop::sample::select(vec![
        (vec![account], vec![account]),
        (vec![KeyField::Text(TextField::Payee)], vec![account]),
        (vec![KeyField::Extra(1)], vec![KeyField::Extra(1)]),
        (vec![account, KeyField::Text(TextField::Device)], vec![account, KeyField::Text(TextField::Device)]),
        (vec![account, KeyField::Text(TextField::Payee)], vec![KeyField::Text(TextField::Payee), account]),
    ]);
    let from = prop::sample::select(vec![
        Kinds::PAYMENTS,
        Kinds::default().with(Kind::Transaction),
        Kinds::default().with(Kind::Change),
        Kinds::default().with(Kind::Login).with(Kind::Reversal),
        Kinds::PAYMENTS.with(Kind::Reversal).with(Kind::Execution),
    ]);
    let condition = prop::option::weighted(0.3, prop::sample::select(conditions.clone()));
    (aggregates(), keys, from, condition, windows(), options(conditions)).prop_map(
        |(aggregate, (by, at), from, condition, window, options)| {
            let Options { counts: (counts, pending), label, delay_us, reset, current } = options;
            let never = never_current(aggregate) || delay_us > 0;
            Feature {
                name: "generated".to_owned(),
                hash: [0; 32],
                aggregate,
                by,
                at,
                from,
                condition,
                window,
                counts: if label.is_some() { Counts::Asked } else { counts },
                pending,
                label,
                delay_us,
                reset,
                current: current && !never,
                ty: ExtraType::Integer,
                tables: Vec::new(),
                lists: Vec::new(),
                used: true,
            }
        },
    )
}

/// Whether the event being scored is never part of the value.
fn never_current(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::IsNew | Aggregate::Since | Aggregate::ZScore(_) | Aggregate::Speed { .. })
}

/// Ratios of what stands before them, and of fields of the event.
fn ratios() -> impl Strategy<Value = Vec<(Result<NumberField, usize>, usize)>> {
    let of = prop_oneof![
        1 => Just(Ok(NumberField::Amount)),
        1 => Just(Ok(NumberField::Extra(0))),
        4 => (0..20_usize).prop_map(Err),
    ];
    prop::collection::vec((of, 0..20_usize), 0..3)
}

/// The rule set with these features and ratios behind its own.
fn with(
    mut rules: RuleSet,
    generated: Vec<Feature>,
    ratios: Vec<(Result<NumberField, usize>, usize)>,
) -> RuleSet {
    rules.features.extend(generated);
    let kept = rules.features.len();
    for (of, to) in ratios {
        let of = of.map_or_else(|at| Operand::Feature(at % kept), Operand::Field);
        let like = rules.features[0].clone();
        let aggregate = Aggregate::Ratio { of, to: to % kept };
        rules.features.push(Feature { aggregate, by: Vec::new(), at: Vec::new(), ..like });
    }
    rules
}

/// What may be said of any feature, in any combination.
#[derive(Clone, Debug)]
struct Options {
    counts: (Counts, bool),
    label: Option<Label>,
    delay_us: i64,
    reset: Option<Reset>,
    current: bool,
}

fn options(conditions: Vec<Condition>) -> impl Strategy<Value = Options> {
    let counts = prop::sample::select(vec![
        (Counts::Asked, false),
        (Counts::Allowed, false),
        (Counts::Executed, false),
        (Counts::Executed, true),
    ]);
    let label = prop::option::weighted(0.2, prop::sample::select(vec![Label::Fraud, Label::Genuine]));
    let delay_us = prop_oneof![3 => Just(0), 2 => prop::sample::select(&LENGTHS_US[..])];
    let from = prop::sample::select(vec![
        Kinds::PAYMENTS,
        Kinds::TRANSACTIONS,
        Kinds::default().with(Kind::Authentication),
        Kinds::default().with(Kind::Change).with(Kind::Login),
    ]);
    let reset = (from, prop::option::weighted(0.8, prop::sample::select(conditions)))
        .prop_map(|(from, condition)| Reset { from, condition, tables: Vec::new(), lists: Vec::new() });
    (counts, label, delay_us, prop::option::weighted(0.3, reset), any::<bool>()).prop_map(
        |(counts, label, delay_us, reset, current)| Options { counts, label, delay_us, reset, current },
    )
}

fn feedbacks() -> impl Strategy<Value = Feedback> {
    prop::sample::select(vec![Feedback::None, Feedback::Authentication, Feedback::Execution])
}

fn generated(most: usize) -> impl Strategy<Value = Vec<Feature>> {
    let conditions = base().features.into_iter().filter_map(|feature| feature.condition).collect();
    prop::collection::vec(features(conditions), 1..most)
}

fn said(answer: Answer<'_>) -> Said {
    let values = |decision: &Decision| -> (Outcome, Vec<Value>) {
        (decision.outcome, decision.features.iter().map(|(_, reading)| reading.value).collect())
    };
    match answer {
        Answer::Decided(decision) => {
            let (outcome, values) = values(decision);
            Said::Decided(outcome, values)
        }
        Answer::Repeated(decision) => {
            let (outcome, values) = values(decision);
            Said::Repeated(outcome, values)
        }
        Answer::Taken => Said::Taken,
        Answer::TakenBefore => Said::TakenBefore,
        Answer::Refused(refusal) => Said::Refused(refusal.code()),
    }
}

fn agree(rules: &RuleSet, events: &[Event]) -> Result<(), TestCaseError> {
    agree_of(Engine::new(rules.clone(), Limits::default(), Recording::All), rules, events)
}

fn agree_of(mut engine: Engine, rules: &RuleSet, events: &[Event]) -> Result<(), TestCaseError> {
    let mut twin = Twin::new(rules.clone());
    for (at, event) in events.iter().enumerate() {
        let answer = engine.step(event);
        let expected = twin.step(event);
        if let Answer::Decided(decision) = answer {
            for ((_, reading), corrected) in decision.features.iter().zip(&twin.corrected) {
                // It is kept per key: it may be said for a neighbour's sake, but is never left out or invented.
                let wrong = match reading.quality {
                    Quality::Exact => *corrected,
                    Quality::Corrected => !twin.disturbed,
                    Quality::Warming | Quality::Behind | Quality::Evicted => true,
                };
                prop_assert!(
                    !wrong,
                    "quality {:?} at event {} of {:#?}\nfeatures {:#?}",
                    (reading, corrected),
                    at,
                    events,
                    rules.features
                );
            }
        }
        prop_assert_eq!(
            said(answer),
            expected,
            "event {} of {:#?}\nfeatures {:#?}",
            at,
            events,
            rules.features
        );
    }
    Ok(())
}

/// Holds each value of the engine, unless it says that it waits, to the twin's; how many wait.
fn say_so(engine: &mut Engine, twin: &mut Twin, event: &Event) -> Result<usize, TestCaseError> {
    let answer = said(engine.step(event));
    twin.clock_us = Some(engine.facts(event).now_us);
    let expected = twin.step(event);
    let (Said::Decided(found, values), Said::Decided(outcome, exact)) = (&answer, &expected) else {
        let repeated = matches!((&answer, &expected), (Said::Repeated(..), Said::Repeated(..)));
        prop_assert!(repeated || answer == expected, "{:?} {:?}", answer, expected);
        return Ok(0);
    };
    prop_assert_eq!(found, outcome);
    let mut behind = 0;
    for ((reading, value), exact) in engine.readings().iter().zip(values).zip(exact) {
        let waits = reading.quality == Quality::Behind;
        behind += usize::from(waits);
        prop_assert!(waits || value == exact, "{:?} is {:?} at {:?}", reading, exact, event);
    }
    Ok(behind)
}

/// The engine agrees with its twin but where it says that it is behind, and in the end it is not.
fn agree_or_say_so(
    mut engine: Engine,
    rules: &RuleSet,
    events: &[Event],
    lagged: &AtomicUsize,
) -> Result<(), TestCaseError> {
    let mut twin = Twin::new(rules.clone());
    let (mut last, mut behind) = (None, 0);
    for event in events {
        behind += say_so(&mut engine, &mut twin, event)?;
        last = last.max(Some(event.time_us()));
    }
    // Each clock event passes at least one of all that may be left over, so in the end nothing is behind.
    let now_us = last.unwrap_or(0);
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    for n in 0..events.len() * 40 {
        draft.begin(Kind::Clock, now_us).unwrap();
        draft.text(TextField::Id, &format!("clock{n}")).unwrap();
        prop_assert_eq!(engine.step(draft.seal().unwrap()), Answer::Taken);
    }
    for (n, account) in ["a", "b", "an-account-with-a-long-name"].into_iter().enumerate() {
        draft.begin(Kind::Transaction, now_us).unwrap();
        draft.text(TextField::Id, &format!("last{n}")).unwrap();
        draft.text(TextField::Account, account).unwrap();
        draft.amount(1, Currency::VND).unwrap();
        prop_assert_eq!(say_so(&mut engine, &mut twin, draft.seal().unwrap())?, 0);
    }
    lagged.fetch_add(behind, Ordering::Relaxed);
    Ok(())
}

/// Rules whose decisions do not depend on values that may wait.
fn steady() -> RuleSet {
    let mut rules = base();
    rules.rules.clear();
    let asks = compiled(&BASE.replace("busy > 6", "false").replace("known and large > 2", "false"));
    rules.rules.extend(asks.rules);
    rules
}

/// An engine whose log has chunks of so many rows, of which none stays in memory that no tail walks next.
fn spilling(rules: &RuleSet, chunk_rows: usize, shelf: Shelf) -> Engine {
    let limits = Limits { log_bytes_max: 0, log_chunk_rows: chunk_rows, ..Limits::default() };
    Engine::new(rules.clone(), limits, Recording::All).with_store(Box::new(shelf))
}

fn chunk_rows() -> impl Strategy<Value = usize> {
    prop::sample::select(&[1_usize, 1, 2, 8][..])
}

fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(cases), max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn the_engine_agrees_with_its_slow_twin(
        generated in generated(6),
        ratios in ratios(),
        feedback in feedbacks(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
    ) {
        let mut rules = with(base(), generated, ratios);
        rules.feedback = feedback;
        agree(&rules, &stream(&rules, &steps, start))?;
    }
}

#[test]
fn with_any_budget_a_value_is_exact_or_says_that_it_is_behind() {
    let (mut runner, lagged) = (TestRunner::new(cases(400)), AtomicUsize::new(0));
    let budgets = prop::sample::select(vec![1_u64, 2, 7, 100]);
    let start = prop::sample::select(&STARTS[..]);
    let case = ((generated(6), ratios()), feedbacks(), steps(), start, budgets);
    let held = runner.run(&case, |((generated, ratios), feedback, steps, start, budget)| {
        let mut rules = with(steady(), generated, ratios);
        rules.feedback = feedback;
        let limits = Limits { expiries_a_step_max: budget, ..Limits::default() };
        let engine = Engine::new(rules.clone(), limits, Recording::All);
        agree_or_say_so(engine, &rules, &stream(&rules, &steps, start), &lagged)
    });
    held.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(lagged.load(Ordering::Relaxed) > 100, "too few values waited");
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_log_whose_chunks_leave_memory_all_the_time_gives_the_same_values(
        generated in generated(6),
        ratios in ratios(),
        feedback in feedbacks(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        chunk_rows in chunk_rows(),
    ) {
        let mut rules = with(base(), generated, ratios);
        rules.feedback = feedback;
        agree_of(spilling(&rules, chunk_rows, Shelf::new(0)), &rules, &stream(&rules, &steps, start))?;
    }
}

#[test]
fn where_a_chunk_is_slow_to_come_back_a_value_is_exact_or_says_that_it_is_behind() {
    let (mut runner, lagged) = (TestRunner::new(cases(400)), AtomicUsize::new(0));
    // Every fourth time that it is asked the store answers, or more often.
    let slow = any::<u64>().prop_map(|bits| bits & 0x7777_7777_7777_7777);
    let start = prop::sample::select(&STARTS[..]);
    let case = ((generated(6), ratios()), feedbacks(), steps(), start, (chunk_rows(), slow));
    let held = runner.run(&case, |((generated, ratios), feedback, steps, start, (chunk_rows, slow))| {
        let mut rules = with(steady(), generated, ratios);
        rules.feedback = feedback;
        let engine = spilling(&rules, chunk_rows, Shelf::new(slow));
        agree_or_say_so(engine, &rules, &stream(&rules, &steps, start), &lagged)
    });
    held.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(lagged.load(Ordering::Relaxed) > 0, "no value waited");
}

#[test]
fn more_than_64_contributions_of_one_key_are_kept_apart() {
    let mut rules = base();
    let condition = rules.features[2].condition.clone();
    for length in 1..=200_i64 {
        let mut feature = rules.features[0].clone();
        feature.window = Window::Sliding { length_us: length * SECOND_US };
        feature.from = Kinds::default().with(Kind::ALL[length as usize % 3]).with(Kind::Transaction);
        feature.counts = if length % 2 == 0 { Counts::Asked } else { Counts::Allowed };
        feature.condition = condition.clone().filter(|_| length % 5 == 0);
        feature.aggregate =
            if length % 7 == 0 { Aggregate::Sum(NumberField::Extra(0)) } else { Aggregate::Count };
        rules.features.push(feature);
    }
    let step = |n: i64| Step {
        kind: Kind::Transaction,
        ahead_us: n % 3 * SECOND_US,
        amount: n * 100,
        account: n as usize % 2,
        payee: 0,
        device: 0,
        channel: n as usize % 7,
        email: 0,
        balance: Some(n),
        place: 9,
        tenant: false,
        about: 0,
        succeeded: true,
        again: 9,
    };
    let steps: Vec<Step> = (0..200).map(step).collect();
    agree(&rules, &stream(&rules, &steps, "2026-11-22T10:00:00Z")).unwrap();
}
