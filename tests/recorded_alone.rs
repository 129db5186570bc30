//! An engine that goes on without its journal: what it answers then is what it would have answered with it, and once it was
//! sent again every answer stands, and all that follows is as though the journal had never failed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/disk.rs"]
mod disk;
#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/packs.rs"]
mod packs;
#[path = "support/recorded.rs"]
mod recorded;

use std::path::Path;

use disk::{Faults, SimDisk};
use hostile::{HOUR_US, STARTS, newest_us, steps, stream};
use packs::{compiled, definitions, text};
use proptest::prelude::*;
use recorded::{bundle, line, never_stopped, options, setup};
use serde_json::Value;
use weir::engine::Answer;
use weir::event::Event;
use weir::io::{Bundle, LineReader};
use weir::journal::{From, Mode, Mutant, OnDamage, OnFailure, Opened, Options, Recorded, Replay, sent_again};

const FOLDER: &str = "/j";
/// The shortest `remember` that is drawn.
const REMEMBERED_US: i64 = 6 * HOUR_US;
const DIALOGUE: &str = "\n[step_up]\nexpires = \"5m\"\nattempts = 3\n";
const RULE: &str = r#"
[[rule]]
id = "own"
when = "own0 is not null or amount > 10"
then = "block"
reason = "own"
"#;

fn open(disk: &SimDisk, options: &Options, rules: &Bundle, every: Option<u64>) -> (Recorded, Opened) {
    let setup = setup(rules, &[], every);
    let folder = Path::new(FOLDER);
    let opened = Recorded::open(disk.shared(), folder, options.clone(), OnDamage::Refuse, setup, |_| {});
    opened.unwrap()
}

/// An answer without what only a payment says that was answered before.
fn without_own(line: &str) -> Option<Value> {
    let mut said: Value = if line.is_empty() { return None } else { serde_json::from_str(line).unwrap() };
    said.as_object_mut().unwrap().remove("own");
    Some(said)
}

/// What was stepped, and how it is sent again.
struct Stepped {
    number: u64,
    again: Vec<u8>,
    refused: bool,
}

fn step(recorded: &mut Recorded, event: &Event, bytes: &[u8], expected: &str) -> Stepped {
    let step = recorded.step(event, bytes).unwrap();
    assert_eq!(without_own(std::str::from_utf8(step.line).unwrap()), without_own(expected));
    let mut again = Vec::new();
    sent_again(event, bytes, step.answer, &mut again);
    assert_eq!(again.pop(), Some(b'\n'));
    Stepped { number: step.number, again, refused: matches!(step.answer, Answer::Refused(_)) }
}

fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 12 };
    ProptestConfig { cases, max_shrink_iters: 100, ..default }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_answered_without_the_journal_stands_once_it_was_sent_again(
        own in prop::collection::vec(definitions(), 1..3),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        mode in prop::sample::select(&[Mode::Sync, Mode::Group, Mode::Async { within_ms: 5 }][..]),
        (seed, fails_at, rest, group) in (any::<u64>(), 0..100_usize, 0..40_usize, 1..12_usize),
        (segment_bytes, snapshot_every) in (2_000..30_000_u64, prop::option::of(1..30_u64)),
        (led, power) in any::<(bool, bool)>(),
    ) {
        let dialogue = if led { DIALOGUE } else { "" };
        let rule_text = text("own", &format!("{dialogue}{RULE}"), &[("own", &own)]);
        let (rules, events) = (bundle(&rule_text), stream(&compiled(&rule_text), &steps, start));
        let expected = never_stopped(&rules, &[], &events);
        let disk = SimDisk::new(seed);
        let options = Options { mode, segment_bytes, ..options() };
        let (fails_at, until) = (fails_at.min(events.len()), events.len().saturating_sub(rest));
        let (mut writer, _) = open(&disk, &options, &rules, snapshot_every);
        writer.on_failure(OnFailure::Answer);
        let mut stepped = Vec::new();
        let mut promised = 0;
        for (at, event) in events.iter().enumerate().take(until) {
            if at == fails_at {
                disk.set(Faults { sync: 700, full: 300, ..Faults::default() });
            }
            stepped.push(step(&mut writer, event, &line(event), &expected[at]));
            let number = stepped[at].number;
            if at % group == 0 && writer.submit().and_then(|()| writer.wait(number)).is_ok() && writer.waits() {
                promised = number;
            }
        }
        let poisoned = writer.submit().and_then(|()| writer.sync(stepped.last().map_or(0, |last| last.number)));
        let durable = writer.durable();
        prop_assert!(durable >= promised);
        prop_assert_eq!(poisoned.is_err(), writer.poisoned().is_some());
        let lost: Vec<_> = stepped.iter().filter(|stepped| stepped.number > durable).collect();
        prop_assert!(poisoned.is_err() || lost.is_empty());
        // What comes next is on no disk, though that would take it again, and is counted.
        disk.set(Faults::default());
        if poisoned.is_err() && snapshot_every.is_none() && until < events.len() {
            let (files, unrecorded) = (disk.files(), writer.unrecorded());
            let mut aside = stepped.len();
            while aside < events.len() {
                let stepped = step(&mut writer, &events[aside], &line(&events[aside]), &expected[aside]);
                prop_assert!(stepped.number > writer.durable() && writer.submit().is_err());
                aside += 1;
            }
            prop_assert_eq!(writer.unrecorded() - unrecorded, (aside - until) as u64);
            prop_assert!(disk.files() == files && writer.durable() == durable);
        }
        drop(writer);
        if power { disk.crash() } else { disk.kill() }

        let (mut writer, opened) = open(&disk, &options, &rules, snapshot_every);
        prop_assert!(opened.recovered.last >= durable);
        // More may be on the disk than was ever said to be: then it comes again.
        let there = opened.recovered.last;
        let mut lines = LineReader::new(compiled(&rule_text).schema);
        for lost in &lost {
            let event = lines.read(&lost.again).unwrap().clone();
            let at = stepped.iter().position(|stepped| std::ptr::eq(stepped, *lost)).unwrap();
            // Then it is told what it was, but for one that left no trace, and one that is older than what is remembered.
            let old = newest_us(&events[..until], start) - event.time_us() > REMEMBERED_US;
            if lost.number <= there && (lost.refused || old) {
                continue;
            }
            step(&mut writer, &event, &lost.again, &expected[at]);
        }
        for (event, expected) in events[until..].iter().zip(&expected[until..]) {
            step(&mut writer, event, &line(event), expected);
        }
        let number = writer.close().map(|(figures, _)| figures.records);
        prop_assert!(number.is_ok());
        let replay = Replay::open(disk.shared(), Path::new(FOLDER), From::Beginning, None).unwrap();
        prop_assert_eq!(replay.run(|_| {}).unwrap().difference, None);
    }
}

/// A twin of what is sent again: with the answer, whatever the event had in it.
#[test]
fn a_payment_is_sent_again_with_its_answer_and_anything_else_as_it_is() {
    let rules = bundle(
        &RULE
            .replace("own0 is not null or ", "")
            .replace("\n[[rule]]", "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n\n[[rule]]"),
    );
    let disk = SimDisk::new(1);
    let (mut writer, _) = open(&disk, &options(), &rules, None);
    let mut lines = LineReader::new(rules.load().unwrap().rules.schema);
    for (line, again) in [
        (
            r#" {"kind":"transaction","id":"a","time_us":1,"amount_minor":50,"currency":"VND"}"#,
            r#" {"answered":"block","kind":"transaction","id":"a","time_us":1,"amount_minor":50,"currency":"VND"}"#,
        ),
        (
            r#"{"kind":"transaction","id":"b","time_us":1,"amount_minor":50,"currency":"VND","answered":"allow"}"#,
            r#"{"kind":"transaction","id":"b","time_us":1,"amount_minor":50,"currency":"VND","answered":"allow"}"#,
        ),
        (
            r#"{"kind":"login","id":"c","time_us":2,"result":"failed"}"#,
            r#"{"kind":"login","id":"c","time_us":2,"result":"failed"}"#,
        ),
    ] {
        let event = lines.read(line.as_bytes()).unwrap().clone();
        let (mut out, step) = (Vec::new(), writer.step(&event, line.as_bytes()).unwrap());
        sent_again(&event, line.as_bytes(), step.answer, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{again}\n"));
    }
}

/// Without being told to, it stops, and says so at each step.
#[test]
fn it_stops_unless_it_is_told_to_go_on() {
    let rules = bundle(&text("none", "", &[]));
    let disk = SimDisk::new(1);
    let mutant: Option<Mutant> = None;
    let (mut writer, _) = open(&disk, &Options { mutant, ..options() }, &rules, None);
    let mut lines = LineReader::new(rules.load().unwrap().rules.schema);
    let bytes = br#"{"kind":"login","id":"c","time_us":2,"result":"failed"}"#;
    let event = lines.read(bytes).unwrap().clone();
    disk.set(Faults { sync: 1000, ..Faults::default() });
    let number = writer.step(&event, bytes).unwrap().number;
    assert!(writer.submit().and_then(|()| writer.wait(number)).is_err());
    assert!(writer.step(&event, bytes).is_err());
    assert_eq!(writer.unrecorded(), 0);
}
