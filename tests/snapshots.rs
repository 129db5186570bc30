//! Restart at any event gives the same decisions as no restart, and what was frozen stays as it was while the engine
//! goes on.
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
#[path = "support/shelf.rs"]
mod shelf;

use std::sync::Arc;

use asked::asked;
use hostile::{STARTS, newest_us, steps, stream};
use packs::{compiled, control, definitions, options, pack, text, varied};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use saved::{Saved, written};
use shelf::Shelf;
use weir::decision::{Decision, Reading};
use weir::engine::{
    Answer, Engine, Limits, Recording, RestoreError, SavedEngine, ShadowLimits, ShadowStopped,
};
use weir::event::{Draft, Event, ExtraValue, Form, Kind, TEXT_BYTES_MAX, TextField};
use weir::io::{read_snapshot, write_snapshot};
use weir::lists::{Listing, Lists};
use weir::money::Currency;
use weir::rules::{RuleSet, compile};

/// All that an engine says to an event.
#[derive(Debug, PartialEq)]
struct Said {
    answer: String,
    readings: Vec<Reading>,
    shadow: Option<Decision>,
    stopped: Option<ShadowStopped>,
    qualities: [u64; 5],
}

fn step(engine: &mut Engine, event: &Event) -> Said {
    let answer = engine.step(event);
    let decided = matches!(answer, Answer::Decided(_));
    Said {
        answer: format!("{answer:?}"),
        readings: if decided { engine.readings().to_vec() } else { Vec::new() },
        shadow: engine.shadow_decision().cloned(),
        stopped: engine.shadow_stopped(),
        qualities: engine.qualities(),
    }
}

const RULE: &str = r#"
[[rule]]
id = "own"
when = "own0 is not null or amount > 10"
then = "alert"
reason = "own"
breaker = { percent = 60, over = "1h", least = 2 }
"#;

fn limits() -> impl Strategy<Value = Limits> {
    let keys_max = prop_oneof![1 => 1_u32..6, 3 => Just(1_000)];
    let arena_bytes_max = prop_oneof![1 => 0_usize..300, 3 => Just(1 << 20)];
    let expiries_a_step_max = prop::sample::select(vec![1, 3, u64::MAX, u64::MAX]);
    (keys_max, arena_bytes_max, expiries_a_step_max, prop::sample::select(vec![1_usize, 8, 4_096])).prop_map(
        |(keys_max, arena_bytes_max, expiries_a_step_max, log_chunk_rows)| Limits {
            keys_max,
            forever_keys_max: keys_max,
            arena_bytes_max,
            expiries_a_step_max,
            log_chunk_rows,
            log_bytes_max: 0,
            filter_bytes: 1 << 10,
            ids_max: 1 << 14,
            corrections_max: 1 << 14,
            ..Limits::default()
        },
    )
}

proptest! {
    #![proptest_config(asked(100, 500))]

    #[test]
    fn an_engine_that_is_restored_again_and_again_answers_as_one_that_never_stopped(
        shared in prop::collection::vec(definitions(), 1..4),
        own in prop::collection::vec(definitions(), 1..3),
        options in options(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        limits in limits(),
        every in 1..9_usize,
        acts in prop::collection::btree_map(0..80_usize, 0..3_u8, 0..6),
        spilling in any::<bool>(),
    ) {
        let live = varied(pack("live", &[("f", &shared)]), &options);
        let other = varied(compiled(&text("other", RULE, &[("f", &shared), ("own", &own)])), &options);
        let rule_sets = [Arc::new(live.clone()), Arc::new(other.clone())];
        let events = stream(&live, &steps, start);
        let store = || spilling.then(|| Shelf::new(0));
        let engine = || {
            let mut engine = Engine::new(live.clone(), limits, Recording::All);
            if let Some(store) = store() {
                engine = engine.with_store(Box::new(store));
            }
            engine.stage(live.clone()).unwrap();
            engine.stage(other.clone()).unwrap();
            engine
        };
        let (mut stopped, mut never) = (engine(), engine());
        for (at, event) in events.iter().enumerate() {
            for engine in [&mut stopped, &mut never] {
                match acts.get(&at) {
                    Some(0) => prop_assert_eq!(engine.load_shadow(other.clone(), Lists::default(), ShadowLimits::default()), Ok(())),
                    Some(1) => engine.drop_shadow(),
                    Some(_) => {
                        let next = if engine.rules().hash == live.hash { &other } else { &live };
                        let time_us = newest_us(&events[..at], start);
                        engine.step(&control(&live, &format!("c{at}"), time_us, "rule_set", &next.hash_text()));
                    }
                    None => {}
                }
            }
            if at % every == 0 {
                let store = store().map(|store| Box::new(store) as _);
                let saved = stopped.freeze();
                // Some of them as a file has it.
                stopped = if at / every % 4 == 1 {
                    Engine::restore(written(&saved), &rule_sets, store).unwrap()
                } else {
                    Saved::of(&saved).restored(&rule_sets, store)
                };
            }
            prop_assert_eq!(step(&mut stopped, event), step(&mut never, event), "event {} of {:#?}", at, events);
        }
    }

    #[test]
    fn what_was_frozen_stays_as_it_was_while_the_engine_goes_on(
        features in prop::collection::vec(definitions(), 1..5),
        options in options(),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        at in 0..60_usize,
        limits in limits(),
        spilling in any::<bool>(),
    ) {
        let rules = varied(pack("live", &[("f", &features)]), &options);
        let events = stream(&rules, &steps, start);
        let at = at.min(events.len());
        let mut engine = Engine::new(rules.clone(), limits, Recording::All);
        if spilling {
            engine = engine.with_store(Box::new(Shelf::new(0)));
        }
        events[..at].iter().for_each(|event| _ = engine.step(event));
        let before = Saved::of(&engine.freeze());
        let frozen = engine.freeze();
        events[at..].iter().for_each(|event| _ = engine.step(event));
        drop(engine);
        prop_assert_eq!(Saved::of(&frozen), before);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another thread writes what was frozen")]
fn a_snapshot_goes_through_a_file_while_decisions_go_on() {
    let rules = Arc::new(compiled(&text(
        "file",
        "",
        &[("f", &["sum = 'amount', by = 'account', over = '1h'".to_owned()])],
    )));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut events = Vec::new();
    while events.len() < 60 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        events = stream(&rules, &steps, STARTS[1]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.snapshot");
    let mut engine = Engine::new(RuleSet::clone(&rules), Limits::default(), Recording::All);
    let half = events.len() / 2;
    events[..half].iter().for_each(|event| _ = engine.step(event));
    let frozen = engine.freeze();
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || write_snapshot(&path, "file.toml", &frozen).unwrap())
    };
    let said: Vec<Said> = events[half..].iter().map(|event| step(&mut engine, event)).collect();
    assert!(writer.join().unwrap().bytes > 0);
    let saved: SavedEngine = read_snapshot(&path).unwrap();
    assert_eq!(saved.rules(), &rules.hash);
    let mut restored = Engine::restore(saved, std::slice::from_ref(&rules), None).unwrap();
    let again: Vec<Said> = events[half..].iter().map(|event| step(&mut restored, event)).collect();
    assert_eq!(again, said);
    let saved: SavedEngine = read_snapshot(&path).unwrap();
    let missing = Engine::restore(saved, &[], None).unwrap_err();
    assert_eq!(missing, RestoreError::RuleSet { hash: rules.hash_text() });
}

const LONG: &str = r#"
[ruleset]
name = "long"
currency = "VND"

[fields]
remark = "text"

[lists]
known = { key = "payee" }

[auth.code]
all = [["otp"]]

[step_up]
expires  = "5m"
attempts = 20

[[rule]]
id   = "all"
when = "payee in known"
then = "step_up"
auth = "code"
"#;

/// The longest text that a field can have, unlike that of another `n`.
fn longest(form: Form, n: usize) -> String {
    match form {
        Form::OneOf(words) => words.iter().max_by_key(|word| word.len()).unwrap().to_string(),
        Form::Ip => "1111:2222:3333:4444:5555:6666:255.255.255.255".to_owned(),
        Form::Words | Form::Free | Form::Identifier => format!("{n:0TEXT_BYTES_MAX$}"),
    }
}

#[test]
fn an_open_dialogue_with_the_longest_texts_goes_through_a_file() {
    let rules = Arc::new(compile("long.toml", LONG).into_result().unwrap());
    let mut draft = Draft::new(Arc::clone(&rules.schema));
    draft.begin(Kind::Transaction, 1).unwrap();
    draft.amount(5, Currency::VND).unwrap();
    for &field in TextField::ALL.iter().filter(|&&field| field != TextField::Answered) {
        draft.text(field, &longest(field.form(), 0)).unwrap();
    }
    draft.extra("remark", ExtraValue::Text(&longest(Form::Free, 0))).unwrap();
    let payment = draft.seal().unwrap().clone();
    let (key, note) = (longest(Form::Free, 0), longest(Form::Free, 7));
    let mut lists = Lists::new(1);
    lists.get_mut(0).unwrap().put(None, &key, Listing { note: Some(&note), ..Listing::default() });
    let mut engine = Engine::new(RuleSet::clone(&rules), Limits::default(), Recording::All);
    engine.load_lists(lists);
    let mut answer = |n: usize, methods: &str| {
        draft.begin(Kind::Authentication, 1).unwrap();
        let texts = [(TextField::Id, n.to_string()), (TextField::Result, "succeeded".to_owned())];
        let about =
            [TextField::Transaction, TextField::Tenant].map(|field| (field, longest(field.form(), 0)));
        for (field, text) in texts.iter().chain(&about) {
            draft.text(*field, text).unwrap();
        }
        draft.text(TextField::Methods, methods).unwrap();
        draft.seal().unwrap().clone()
    };
    let asked = [payment].into_iter().chain((1..20).map(|n| answer(n, &longest(Form::Words, n))));
    for event in asked {
        let Answer::Decided(decision) = engine.step(&event) else { panic!("it is decided") };
        assert!(decision.step_up.is_some(), "it waits for its answer");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.snapshot");
    write_snapshot(&path, "long.toml", &engine.freeze()).unwrap();
    let saved = read_snapshot(&path).unwrap();
    let mut restored = Engine::restore(saved, &[rules], None).unwrap();
    let kept = restored.lists().find(0, None, &key, 1).and_then(|listing| listing.note);
    assert_eq!(kept, Some(note.as_str()));
    let last = answer(20, "otp");
    let said = step(&mut engine, &last);
    assert!(said.answer.contains("met: true"), "{}", said.answer);
    assert_eq!(step(&mut restored, &last), said);
}
