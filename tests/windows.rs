//! The windows are exact: the engine and its slow twin agree on every value and every answer, on hostile streams.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/asked.rs"]
mod asked;
#[path = "support/drawn.rs"]
mod drawn;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/shelf.rs"]
mod shelf;
#[path = "support/tally.rs"]
mod tally;
#[path = "support/twin.rs"]
mod twin;

use std::sync::Arc;

use asked::asked;
use drawn::{base, feedbacks, generated, ratios, steady, with};
use hostile::{STARTS, Step, steps, stream};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use shelf::Shelf;
use tally::{Tally, hold};
use twin::{Said, Twin};
use weir::decision::{Decision, Outcome, Quality, Value};
use weir::engine::{Answer, Engine, Limits, Recording};
use weir::event::{Draft, Event, Kind, TextField};
use weir::money::Currency;
use weir::rules::{Aggregate, Counts, Feature, Feedback, Kinds, NumberField, RuleSet, Window};
use weir::time::SECOND_US;

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
        Answer::Alert(_) => Said::Alert,
        Answer::AlertedBefore(_) => Said::AlertedBefore,
        Answer::TakenBefore => Said::TakenBefore,
        Answer::Refused(refusal) => Said::Refused(refusal.code()),
    }
}

fn agree(mut engine: Engine, rules: &RuleSet, events: &[Event], tally: &Tally) -> Result<(), TestCaseError> {
    tally.stream(events.len());
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
        let found = said(answer);
        prop_assert!(
            found == expected,
            "{:?} for {:?} at event {} of {:#?}\nfeatures {:#?}",
            found,
            expected,
            at,
            events,
            rules.features
        );
        if let Said::Decided(_, values) = found {
            tally.values(values.len(), 0);
        }
    }
    Ok(())
}

/// Holds each value of the engine, unless it says that it waits, to the twin's; how many wait.
fn say_so(
    engine: &mut Engine,
    twin: &mut Twin,
    event: &Event,
    tally: &Tally,
) -> Result<usize, TestCaseError> {
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
    tally.values(engine.readings().len() - behind, behind);
    Ok(behind)
}

/// The engine agrees with its twin but where it says that it is behind, and in the end it is not.
fn agree_or_say_so(
    mut engine: Engine,
    rules: &RuleSet,
    events: &[Event],
    tally: &Tally,
) -> Result<(), TestCaseError> {
    let mut twin = Twin::new(rules.clone());
    let mut last = None;
    tally.stream(events.len());
    for event in events {
        say_so(&mut engine, &mut twin, event, tally)?;
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
        prop_assert_eq!(say_so(&mut engine, &mut twin, draft.seal().unwrap(), tally)?, 0);
    }
    Ok(())
}

/// An engine whose log has chunks of so many rows, of which none stays in memory that no tail walks next.
fn spilling(rules: &RuleSet, chunk_rows: usize, shelf: Shelf) -> Engine {
    let limits = Limits { log_bytes_max: 0, log_chunk_rows: chunk_rows, ..Limits::default() };
    Engine::new(rules.clone(), limits, Recording::All).with_store(Box::new(shelf))
}

fn chunk_rows() -> impl Strategy<Value = usize> {
    prop::sample::select(&[1_usize, 1, 2, 8][..])
}

fn cases(cases: u32) -> TestRunner {
    // A failing seed is kept beside this file, and tried first from then on.
    TestRunner::new(ProptestConfig {
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..asked(cases, 20_000)
    })
}

/// A rule set drawn upon another, and a stream for it.
type Drawn = ((Vec<Feature>, Vec<(Result<NumberField, usize>, usize)>, Feedback), Vec<Step>, &'static str);

fn drawn() -> impl Strategy<Value = Drawn> {
    ((generated(6), ratios(), feedbacks()), steps(), prop::sample::select(&STARTS[..]))
}

/// The rule set, and its events.
fn made(base: RuleSet, ((generated, ratios, feedback), steps, start): Drawn) -> (RuleSet, Vec<Event>) {
    let rules = RuleSet { feedback, ..with(base, generated, ratios) };
    let events = stream(&rules, &steps, start);
    (rules, events)
}

#[test]
fn the_engine_agrees_with_its_slow_twin() {
    hold("in memory", cases(2_000), drawn(), |drawn, tally| {
        let (rules, events) = made(base(), drawn);
        let engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
        agree(engine, &rules, &events, tally)
    });
}

#[test]
fn with_any_budget_a_value_is_exact_or_says_that_it_is_behind() {
    let budgets = prop::sample::select(vec![1_u64, 2, 7, 100]);
    let tally = hold("with a budget", cases(400), (drawn(), budgets), |(drawn, budget), tally| {
        let (rules, events) = made(steady(), drawn);
        let limits = Limits { expiries_a_step_max: budget, ..Limits::default() };
        let engine = Engine::new(rules.clone(), limits, Recording::All);
        agree_or_say_so(engine, &rules, &events, tally)
    });
    assert!(tally.excused() > 100, "too few values waited");
}

#[test]
fn a_log_whose_chunks_leave_memory_all_the_time_gives_the_same_values() {
    hold("with a store", cases(400), (drawn(), chunk_rows()), |(drawn, chunk_rows), tally| {
        let (rules, events) = made(base(), drawn);
        agree(spilling(&rules, chunk_rows, Shelf::new(0)), &rules, &events, tally)
    });
}

#[test]
fn where_a_chunk_is_slow_to_come_back_a_value_is_exact_or_says_that_it_is_behind() {
    // Every fourth time that it is asked the store answers, or more often.
    let slow = any::<u64>().prop_map(|bits| bits & 0x7777_7777_7777_7777);
    let case = (drawn(), chunk_rows(), slow);
    let tally = hold("with a slow store", cases(400), case, |(drawn, chunk_rows, slow), tally| {
        let (rules, events) = made(steady(), drawn);
        agree_or_say_so(spilling(&rules, chunk_rows, Shelf::new(slow)), &rules, &events, tally)
    });
    assert!(tally.excused() > 0, "no value waited");
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
        channel: n as usize % 7,
        balance: Some(n),
        ..Step::payment(n % 3 * SECOND_US, n * 100, n as usize % 2, 0)
    };
    let steps: Vec<Step> = (0..200).map(step).collect();
    let engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    let tally = Tally::of("200 windows");
    agree(engine, &rules, &stream(&rules, &steps, "2026-11-22T10:00:00Z"), &tally).unwrap();
}
