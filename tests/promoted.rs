//! A shadow that takes over goes on with all that it knows: what it then says of a feature is what a rule set taken up
//! when the shadow was loaded says of it.
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
#[path = "support/saved.rs"]
mod saved;

use std::sync::Arc;

use asked::asked;
use hostile::{STARTS, Step, newest_us, steps, stream};
use packs::{control, definitions, options, pack, varied};
use proptest::prelude::*;
use saved::Saved;
use weir::decision::{Decision, Quality, Value};
use weir::engine::{Answer, Engine, Limits, Recording, ShadowLimits, WarmError};
use weir::event::Event;
use weir::lists::Lists;
use weir::rates::Rates;
use weir::rules::RuleSet;

fn engine(rules: &RuleSet) -> Engine {
    Engine::new(rules.clone(), Limits::default(), Recording::All)
}

/// What is decided of an event, whichever number the rule set has.
fn decided(engine: &mut Engine, event: &Event) -> Option<Decision> {
    match engine.step(event) {
        Answer::Decided(decision) => Some(Decision { rule_set: 0, ..decision.clone() }),
        _ => None,
    }
}

proptest! {
    #![proptest_config(asked(300, 100))]

    #[test]
    fn what_takes_over_knows_what_it_had_known_if_it_had_been_live(
        shared in prop::collection::vec(definitions(), 1..3),
        own in prop::collection::vec(definitions(), 1..4),
        options in options(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        loaded in 0..60_usize,
        after in 0..40_usize,
        every in 1..30_usize,
        by_event in any::<bool>(),
    ) {
        // The same rules, so that what counts as allowed is the same.
        let live = varied(pack("live", &[("f", &shared)]), &options);
        let next = varied(pack("next", &[("s", &shared), ("own", &own)]), &options);
        let rule_sets = [Arc::new(live.clone()), Arc::new(next.clone())];
        let events = stream(&live, &steps, start);
        let loaded = loaded.min(events.len());
        let taken_up = (loaded + after).min(events.len());
        // Taken up later, never, and at once.
        let [mut later, mut never, mut at_once] = [engine(&live), engine(&live), engine(&live)];
        later.stage(next.clone()).unwrap();
        at_once.stage(next.clone()).unwrap();
        for (step, event) in events.iter().enumerate() {
            let time_us = newest_us(&events[..step], start);
            let said = |id: &str, what: &str, subject: &str| control(&live, id, time_us, what, subject);
            if step == loaded {
                let nothing = said("c0", "rate_version", "1");
                prop_assert_eq!(later.step(&nothing), Answer::Taken);
                prop_assert_eq!(never.step(&nothing), Answer::Taken);
                prop_assert_eq!(at_once.step(&said("c0", "rule_set", &next.hash_text())), Answer::Taken);
                if by_event {
                    later.load_shadow(next.clone(), Lists::default(), ShadowLimits::default()).unwrap();
                } else {
                    later.warm(next.clone(), Lists::default(), Rates::default()).unwrap();
                }
                never.load_shadow(next.clone(), Lists::default(), ShadowLimits::default()).unwrap();
            }
            if step == taken_up {
                let nothing = said("c1", "rate_version", "1");
                prop_assert_eq!(never.step(&nothing), Answer::Taken);
                prop_assert_eq!(at_once.step(&nothing), Answer::Taken);
                if by_event {
                    prop_assert_eq!(later.step(&said("c1", "rule_set", &next.hash_text())), Answer::Taken);
                } else {
                    prop_assert_eq!(later.step(&nothing), Answer::Taken);
                    prop_assert_eq!(later.take_up_warmed(), Ok(()));
                }
                prop_assert_eq!(later.rules().hash, next.hash);
                prop_assert!(later.shadow_rules().is_none());
            }
            // What is warmed without an event is never saved before it takes over.
            if step % every == 0 && (by_event || step < loaded || step >= taken_up) {
                later = Saved::of(&later.freeze()).restored(&rule_sets, None);
            }
            let [found, beside, expected] =
                [&mut later, &mut never, &mut at_once].map(|engine| decided(engine, event));
            prop_assert_eq!(found.is_some(), expected.is_some());
            prop_assert_eq!(beside.is_some(), expected.is_some());
            if step >= taken_up {
                prop_assert_eq!(&found, &expected, "event {} of {:#?}\n{:#?}", step, events, own);
                let watched = never.shadow_decision().cloned();
                prop_assert_eq!(&found, &watched, "event {} of {:#?}\n{:#?}", step, events, own);
            }
        }
    }

    #[test]
    fn what_was_there_before_the_first_event_is_whole_once_it_takes_over(
        shared in prop::collection::vec(definitions(), 1..3),
        own in prop::collection::vec(definitions(), 1..4),
        options in options(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        at in 0..60_usize,
    ) {
        let live = varied(pack("live", &[("f", &shared)]), &options);
        let next = varied(pack("next", &[("s", &shared), ("own", &own)]), &options);
        let events = stream(&live, &steps, start);
        let at = at.min(events.len());
        let (mut warmed, mut always) = (engine(&live), engine(&next));
        warmed.warm(next.clone(), Lists::default(), Rates::default()).unwrap();
        // No event takes up what is warmed: it then begins as though nothing was.
        for (step, event) in events.iter().enumerate() {
            if step == at {
                prop_assert_eq!(warmed.take_up_warmed(), Ok(()));
            }
            let (found, expected) = (decided(&mut warmed, event), decided(&mut always, event));
            if let (Some(found), Some(expected)) = (found, expected) && step >= at {
                // What is corrected is said per key, so that a neighbour in the same ledger can only add it.
                let said = |decision: &Decision| Decision { features: Vec::new(), ..decision.clone() };
                prop_assert_eq!(said(&found), said(&expected));
                for ((_, found), (_, expected)) in found.features.iter().zip(&expected.features) {
                    prop_assert_eq!(found.value, expected.value, "event {} of {:#?}\n{:#?}", step, events, own);
                    let corrected = (Quality::Exact, Quality::Corrected);
                    let qualities = (found.quality, expected.quality);
                    prop_assert!(found.quality == expected.quality || qualities == corrected, "{:?}", qualities);
                }
            }
        }
    }
}

fn payment(n: usize) -> Step {
    Step::payment(1, 1_000, n % 3, n % 4)
}

fn packs() -> (RuleSet, RuleSet, Vec<Event>) {
    let live = pack("live", &[]);
    let own =
        ["count = '*'", "distinct = 'payee'"].map(|what| format!("{what}, by = 'account', over = '30d'"));
    let next = pack("next", &[("own", &own)]);
    let events = stream(&live, &(0..8).map(payment).collect::<Vec<_>>(), STARTS[1]);
    (live, next, events)
}

fn own(engine: &Engine) -> (Value, Quality) {
    let at = engine.rules().features.iter().position(|feature| feature.name == "own0").unwrap();
    let reading = engine.readings()[at];
    (reading.value, reading.quality)
}

#[test]
fn without_a_shadow_of_its_own_it_begins_anew() {
    let (live, next, events) = packs();
    let take_up = control(&live, "c", events[5].time_us(), "rule_set", &next.hash_text());
    let said = |shadow: Option<&RuleSet>| {
        let mut engine = engine(&live);
        engine.stage(next.clone()).unwrap();
        if let Some(shadow) = shadow {
            engine.load_shadow(shadow.clone(), Lists::default(), ShadowLimits::default()).unwrap();
        }
        events[..6].iter().for_each(|event| _ = engine.step(event));
        assert_eq!(engine.step(&take_up), Answer::Taken);
        engine.step(&events[6]);
        (own(&engine), engine.shadow_rules().is_some())
    };
    assert_eq!(said(Some(&next)), ((Value::Whole(3), Quality::Exact), false));
    assert_eq!(said(None), ((Value::Whole(1), Quality::Warming), false));
    let other = pack("other", &[]);
    assert_eq!(said(Some(&other)), ((Value::Whole(1), Quality::Warming), true), "another one stays");
}

#[test]
fn an_event_takes_a_rule_set_up_as_though_none_was_warmed() {
    let (live, next, events) = packs();
    let mut engine = engine(&live);
    assert_eq!(engine.check_warmed(), Err(WarmError::None));
    engine.stage(next.clone()).unwrap();
    engine.warm(next.clone(), Lists::default(), Rates::default()).unwrap();
    events[..6].iter().for_each(|event| _ = engine.step(event));
    engine.step(&control(&live, "c", events[5].time_us(), "rule_set", &next.hash_text()));
    engine.step(&events[6]);
    assert_eq!(own(&engine), (Value::Whole(1), Quality::Warming));
    engine.take_up_warmed().unwrap();
    engine.step(&events[7]);
    assert_eq!(own(&engine), (Value::Whole(3), Quality::Exact));
}

#[test]
fn where_both_have_no_room_together_the_shadow_stays() {
    let (live, next, events) = packs();
    let take_up = control(&live, "c", events[7].time_us(), "rule_set", &next.hash_text());
    let mut refused = 0;
    for texts_max in 4..40 {
        let limits = Limits { texts_max, ..Limits::default() };
        let mut engine = Engine::new(live.clone(), limits, Recording::All);
        engine.stage(next.clone()).unwrap();
        engine.load_shadow(next.clone(), Lists::default(), ShadowLimits::default()).unwrap();
        if !events.iter().all(|event| matches!(engine.step(event), Answer::Decided(_))) {
            continue;
        }
        let live_and_shadow =
            |engine: &Engine| (engine.rules().hash, engine.shadow_rules().map(|rules| rules.hash));
        match engine.step(&take_up) {
            Answer::Taken => assert_eq!(live_and_shadow(&engine), (next.hash, None)),
            Answer::Refused(refusal) => {
                refused += 1;
                assert_eq!((refusal.code(), texts_max < 20), ("keys_full", true));
                assert_eq!(live_and_shadow(&engine), (live.hash, Some(next.hash)));
                engine.drop_shadow();
                assert_eq!(engine.step(&take_up), Answer::Taken);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 0);
}
