//! A shadow, rule or rule set, changes nothing that is live; and what it would do is what it would have done.
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

use asked::asked;
use hostile::{STARTS, Step, newest_us, steps, stream};
use packs::{compiled, control, definitions, options, pack, text, varied};
use proptest::prelude::*;
use weir::decision::{Decision, Outcome, Reading};
use weir::engine::{Answer, Engine, Limits, Recording, ReloadError, ShadowLimits, ShadowStopped};
use weir::event::Event;
use weir::lists::Lists;
use weir::rules::RuleSet;

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Decided(Decision, Vec<Reading>),
    Repeated(Decision),
    Taken,
    Alert,
    AlertedBefore,
    TakenBefore,
    Refused(&'static str),
}

fn step(engine: &mut Engine, event: &Event) -> Said {
    match engine.step(event) {
        Answer::Decided(decision) => {
            let decision = decision.clone();
            Said::Decided(decision, engine.readings().to_vec())
        }
        Answer::Repeated(decision) => Said::Repeated(decision.clone()),
        Answer::Taken => Said::Taken,
        Answer::Alert(_) => Said::Alert,
        Answer::AlertedBefore(_) => Said::AlertedBefore,
        Answer::TakenBefore => Said::TakenBefore,
        Answer::Refused(refusal) => Said::Refused(refusal.code()),
    }
}

fn engine(rules: &RuleSet, limits: Limits) -> Engine {
    Engine::new(rules.clone(), limits, Recording::All)
}

/// Rules that block and step up what the others let through, on features of their own.
const STRICT: &str = r#"
[[rule]]
id = "strict"
when = "own0 is not null or amount > 10"
then = "block"
reason = "strict"
MODE
"#;

proptest! {
    #![proptest_config(asked(500, 5_000))]

    #[test]
    fn no_shadow_rule_set_changes_anything_live(
        shared in prop::collection::vec(definitions(), 1..3),
        own in prop::collection::vec(definitions(), 1..4),
        next in prop::collection::vec(definitions(), 1..3),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        acts in prop::collection::btree_map(0..80_usize, 0..4_u8, 1..8),
        // Tight enough that events are refused and shadows stop.
        texts_max in prop::sample::select(vec![4_u32, 8, 1_000]),
        keys_max in prop::sample::select(vec![1_u32, 3, 1_000]),
        side_entries_max in prop::sample::select(vec![14_usize, 60, 10_000]),
        shadow_texts_max in prop::sample::select(vec![2_u32, 6, 1_000]),
        corrections_max in prop::sample::select(vec![1_usize, 1 << 20]),
        options in options(),
        shadow_options in options(),
    ) {
        let live = varied(pack("live", &[("f", &shared)]), &options);
        // The live rule set also changes under the shadow.
        let other = varied(pack("other", &[("g", &next)]), &options);
        let strict = STRICT.replace("MODE", "");
        let shadow = compiled(&text("shadow", &strict, &[("f", &shared), ("own", &own)]));
        let shadow = varied(shadow, &shadow_options);
        let events = stream(&live, &steps, start);
        let limits = Limits {
            texts_max,
            side_entries_max,
            corrections_max,
            keys_max,
            forever_keys_max: keys_max,
            filter_bytes: 1 << 10,
            ..Limits::default()
        };
        let budget = ShadowLimits {
            texts_max: shadow_texts_max,
            side_entries_max: side_entries_max / 2,
            keys_max: 3,
            forever_keys_max: keys_max / 2,
            ..ShadowLimits::default()
        };
        let (mut watched, mut alone) = (engine(&live, limits), engine(&live, limits));
        for engine in [&mut watched, &mut alone] {
            engine.stage(live.clone()).unwrap();
            engine.stage(other.clone()).unwrap();
        }
        for (at, event) in events.iter().enumerate() {
            match acts.get(&at) {
                Some(0 | 1) => prop_assert_eq!(watched.load_shadow(shadow.clone(), Lists::default(), budget), Ok(())),
                Some(2) => watched.drop_shadow(),
                Some(_) => {
                    let next = if watched.rules().hash == live.hash { &other } else { &live };
                    let time_us = newest_us(&events[..at], start);
                    let swap = control(&live, &format!("c{at}"), time_us, "rule_set", &next.hash_text());
                    prop_assert_eq!(step(&mut watched, &swap), step(&mut alone, &swap));
                }
                None => {}
            }
            let (found, expected) = (step(&mut watched, event), step(&mut alone, event));
            prop_assert_eq!(&found, &expected, "event {} of {:#?}", at, events);
            let decides = watched.shadow_rules().is_some() && watched.shadow_stopped().is_none();
            let decided = matches!(found, Said::Decided(..));
            prop_assert_eq!(watched.shadow_decision().is_some(), decides && decided);
        }
    }

    #[test]
    fn a_shadow_rule_set_decides_as_it_would_have_decided_live(
        shared in prop::collection::vec(definitions(), 1..3),
        own in prop::collection::vec(definitions(), 1..4),
        options in options(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        at in 0..60_usize,
    ) {
        // The same rules, so that what counts as allowed is the same.
        let live = varied(pack("live", &[("f", &shared)]), &options);
        let shadow = varied(pack("shadow", &[("s", &shared), ("own", &own)]), &options);
        let events = stream(&live, &steps, start);
        let at = at.min(events.len());
        let (mut watched, mut swapped) =
            (engine(&live, Limits::default()), engine(&live, Limits::default()));
        swapped.stage(shadow.clone()).unwrap();
        for (step, event) in events.iter().enumerate() {
            if step == at {
                let time_us = newest_us(&events[..at], start);
                watched.step(&control(&live, "c", time_us, "rate_version", "1"));
                watched.load_shadow(shadow.clone(), Lists::default(), ShadowLimits::default()).unwrap();
                swapped.step(&control(&live, "c", time_us, "rule_set", &shadow.hash_text()));
            }
            watched.step(event);
            let answer = swapped.step(event);
            if step < at {
                prop_assert!(watched.shadow_decision().is_none());
                continue;
            }
            match answer {
                Answer::Decided(decision) => {
                    let expected = Decision { rule_set: 0, ..decision.clone() };
                    prop_assert_eq!(
                        watched.shadow_decision(), Some(&expected),
                        "event {} of {:#?}\n{:#?}", step, events, own
                    );
                }
                _ => prop_assert!(watched.shadow_decision().is_none()),
            }
        }
    }

    #[test]
    fn no_rule_in_shadow_changes_anything_but_what_is_noted_of_it(
        features in prop::collection::vec(definitions(), 1..4),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
    ) {
        let rule = STRICT.replace("MODE", "mode = \"shadow\"");
        let with = compiled(&text("with", &rule, &[("own", &features)]));
        let without = pack("without", &[("own", &features)]);
        let (mut watched, mut alone) =
            (engine(&with, Limits::default()), engine(&without, Limits::default()));
        for event in &stream(&without, &steps, start) {
            let unnoted = |said: Said| match said {
                Said::Decided(decision, readings) => {
                    Said::Decided(Decision { shadow: Vec::new(), ..decision }, readings)
                }
                Said::Repeated(decision) => Said::Repeated(Decision { shadow: Vec::new(), ..decision }),
                other => other,
            };
            let found = step(&mut watched, event);
            if let Said::Decided(decision, _) = &found
                && event.amount().is_some_and(|amount| amount.minor > 10)
            {
                prop_assert_eq!(&decision.shadow, &[2]);
            }
            prop_assert_eq!(unnoted(found), step(&mut alone, event));
        }
    }
}

fn payment(n: usize) -> Step {
    Step::payment(1, 1_000, n % 3, n % 4)
}

fn strict() -> RuleSet {
    let own = ["count = '*', by = 'account', over = '1h'".to_owned()];
    compiled(&text("shadow", &STRICT.replace("MODE", ""), &[("own", &own)]))
}

#[test]
fn a_shadow_says_what_it_would_have_done() {
    let live = pack("live", &[]);
    let events = stream(&live, &(0..4).map(payment).collect::<Vec<_>>(), STARTS[1]);
    let mut engine = engine(&live, Limits::default());
    engine.load_shadow(strict(), Lists::default(), ShadowLimits::default()).unwrap();
    for event in &events {
        assert!(matches!(engine.step(event), Answer::Decided(d) if d.outcome == Outcome::Allow));
        assert_eq!(engine.shadow_decision().unwrap().outcome, Outcome::Block);
    }
    assert!(matches!(engine.step(&events[0]), Answer::Repeated(_)));
    assert_eq!(engine.shadow_decision(), None, "it is asked once");
    engine.drop_shadow();
    assert!(engine.shadow_rules().is_none());
    assert_eq!(engine.memory().shadow.families(), 0);
}

#[test]
fn past_its_budget_a_shadow_stops_and_says_so() {
    let live = pack("live", &[]);
    let events = stream(&live, &(0..8).map(payment).collect::<Vec<_>>(), STARTS[1]);
    let own = ["distinct = 'payee', by = 'account', over = '1h'".to_owned()];
    let shadow = pack("shadow", &[("own", &own)]);
    let mut engine = engine(&live, Limits::default());
    engine
        .load_shadow(shadow, Lists::default(), ShadowLimits { texts_max: 4, ..ShadowLimits::default() })
        .unwrap();
    let decided: Vec<bool> = events
        .iter()
        .map(|event| {
            assert!(matches!(engine.step(event), Answer::Decided(_)));
            engine.shadow_decision().is_some()
        })
        .collect();
    assert_eq!(decided, [true, true, true, false, false, false, false, false]);
    let stopped = engine.shadow_stopped().unwrap();
    assert_eq!(stopped, ShadowStopped::KeysFull { texts_max: 4 });
    assert!(stopped.to_string().contains("4 keys"), "{stopped}");
    assert_eq!(engine.memory().shadow.dictionary, 0, "what it kept is gone");
}

#[test]
fn a_shadow_that_reads_other_events_is_refused() {
    let live = pack("live", &[]);
    let file = text("shadow", "", &[]);
    let mut engine = engine(&live, Limits::default());
    let refused = engine.load_shadow(
        compiled(&file.replace("\"VND\"", "\"EUR\"")),
        Lists::default(),
        ShadowLimits::default(),
    );
    assert_eq!(refused, Err(ReloadError::Currency { running: "VND", found: "EUR" }));
    assert!(engine.shadow_rules().is_none());
}
