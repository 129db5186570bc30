//! A rule set that is warmed from the journal decides as though it had been there from the beginning; and whoever ends
//! before, at or after its takeover goes on as though he had not.
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
#[path = "support/recorded.rs"]
mod recorded;

#[path = "warming/places.rs"]
mod places;
#[path = "warming/waiting.rs"]
mod waiting;

use std::path::Path;

use hostile::{STARTS, newest_us, steps, stream};
use packs::{compiled, control, definitions, text};
use proptest::prelude::*;
use recorded::{RULES, bundle, copied, cut, disk, events_in, never_stopped, open, setup, take};
use weir::engine::Recording;
use weir::event::Event;
use weir::io::Bundle;
use weir::journal::{
    Control, From, Reader, Record, Recorded, Replay, SLICE_RECORDS, Setup, Warmed, WarmingError, kept,
    snapshots,
};

/// Other rules, with features of their own.
const NEXT: &str = r#"
[ruleset]
name = "next"
time_zone = "UTC"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1h" }
month = { sum = "amount", by = "account", over = "30d" }
ever  = { count = "*", by = "account", over = "forever" }

[[rule]]
id = "much"
when = "month > 50 and ever > 9"
then = "step_up"
reason = "much"

[[rule]]
id = "seldom"
when = "ever < 4"
then = "alert"
reason = "seldom"
"#;

fn payments(rules: &Bundle, count: usize) -> Vec<Event> {
    let schema = rules.load().unwrap().rules.schema;
    let mut lines = weir::io::LineReader::new(schema);
    let event = |n: usize| {
        let line = format!(
            r#"{{"kind":"transaction","id":"t{n}","time_us":{},"amount_minor":5,"currency":"VND","account":"a{}"}}"#,
            n * 1_000_000,
            n % 3
        );
        lines.read(line.as_bytes()).unwrap().clone()
    };
    (0..count).map(event).collect()
}

fn replayed(folder: &Path, from: From) -> (u64, u64) {
    let replayed = Replay::open(disk(), folder, from, None).unwrap().run(|_| {}).unwrap();
    assert_eq!(replayed.difference, None);
    (replayed.reproduced, replayed.events)
}

/// Runs a warm-up to its end without any event; gives what came of it.
fn finish(recorded: &mut Recorded) -> Warmed {
    while recorded.warm_on() {}
    recorded.take_warmed().unwrap().unwrap()
}

/// The outcome, rules, features and qualities of an answer: all but the rule set's number of what decided.
fn said(line: &str) -> serde_json::Value {
    let mut said: serde_json::Value = serde_json::from_str(line).unwrap();
    said.as_object_mut().unwrap().remove("engine");
    said
}

/// The warm-ups in a journal.
fn warmed(folder: &Path) -> Vec<(u64, String, u64)> {
    let mut reader = Reader::open(disk(), folder).unwrap();
    let mut warmed = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Warmed { rules, from, .. }) = Control::read(bytes)
        {
            warmed.push((entry.number, rules, from));
        }
    }
    warmed
}

#[test]
fn it_decides_as_though_it_had_been_there_from_the_beginning() {
    let (rules, next) = (bundle(RULES), bundle(NEXT));
    let events = payments(&rules, 200);
    let (before, always) = (never_stopped(&rules, &[], &events), never_stopped(&next, &[], &events));
    let folder = tempfile::tempdir().unwrap();
    let (mut recorded, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    assert_eq!(take(&mut recorded, &events[..120]), before[..120]);
    recorded.warm(&next).unwrap();
    assert!(matches!(recorded.warm(&next), Err(WarmingError::Busy)));
    assert_eq!(recorded.warmth().unwrap().from, None);
    // Until the other thread is through, and a slice.
    assert!(recorded.warm_on());
    assert_eq!(recorded.warmth().unwrap().from, Some(0));
    let mut over = None;
    for (at, event) in events.iter().enumerate().skip(120) {
        let on = recorded.warmth().is_some();
        let last = recorded.warmth().map_or(0, |warmth| warmth.record);
        let answer = take(&mut recorded, std::slice::from_ref(event)).remove(0);
        if let Some(warmth) = recorded.warmth() {
            assert!(warmth.turn_records_max <= SLICE_RECORDS && warmth.record - last <= SLICE_RECORDS);
        }
        let took_over = recorded.warmth().is_none();
        if on && took_over {
            let warmed = recorded.take_warmed().unwrap().unwrap();
            assert_eq!((warmed.from, warmed.events), (0, at as u64));
            over = Some(at);
        }
        if took_over {
            assert_eq!(said(&answer), said(&always[at]), "event {at}");
            assert!(!answer.contains("warming"));
        } else {
            assert_eq!(answer, before[at]);
        }
    }
    // 240 records were there, and each step takes in 16 and writes two.
    assert!((120 + 13..=120 + 24).contains(&over.unwrap()), "{over:?}");
    assert!(matches!(recorded.warm(&next), Err(WarmingError::Live)));
    recorded.close().unwrap();
    assert_eq!(
        snapshots(&*disk(), folder.path()).unwrap(),
        [warmed(folder.path())[0].0],
        "one is begun right after"
    );
    assert_eq!(replayed(folder.path(), From::Beginning), (200, 200));
    replayed(folder.path(), From::Snapshot);
}

#[test]
fn a_rule_set_that_does_not_fit_leaves_the_running_one() {
    let rules = bundle(RULES);
    let events = payments(&rules, 30);
    let expected = never_stopped(&rules, &[], &events);
    let folder = tempfile::tempdir().unwrap();
    let (mut recorded, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    take(&mut recorded, &events[..20]);
    let other = bundle(&NEXT.replace("\"VND\"", "\"USD\""));
    let error = recorded.warm(&other).unwrap_err();
    assert!(matches!(error, WarmingError::Unfit(_)), "{error}");
    assert!(!kept::all(&*disk(), folder.path()).unwrap().contains(&kept::hash(&other)), "nothing is kept");
    assert!(recorded.warmth().is_none());
    assert_eq!(take(&mut recorded, &events[20..]), expected[20..]);
    recorded.close().unwrap();
    assert_eq!(replayed(folder.path(), From::Beginning), (30, 30));
}

#[test]
fn one_that_is_cancelled_leaves_the_running_one_and_room_for_another() {
    let (rules, next) = (bundle(RULES), bundle(NEXT));
    let events = payments(&rules, 60);
    let expected = never_stopped(&rules, &[], &events);
    let folder = tempfile::tempdir().unwrap();
    let (mut recorded, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    take(&mut recorded, &events[..30]);
    assert_eq!(recorded.cancel_warming("x").unwrap(), None);
    // Before the place is found to begin from, and within its slices.
    for slices in [0, 2] {
        recorded.warm(&next).unwrap();
        (0..slices).for_each(|_| assert!(recorded.warm_on()));
        assert_eq!(recorded.cancel_warming("x").unwrap(), Some(kept::hash(&next)));
        assert!(recorded.warmth().is_none() && recorded.take_warmed().is_none() && !recorded.warm_on());
    }
    assert_eq!(take(&mut recorded, &events[30..40]), expected[30..40]);
    let cancelled = copied(folder.path());
    recorded.warm(&next).unwrap();
    assert_eq!(finish(&mut recorded).from, 0);
    recorded.close().unwrap();
    assert_eq!(replayed(folder.path(), From::Beginning), (40, 40));
    let (mut again, opened) = open(cancelled.path(), setup(&rules, &[], None)).unwrap();
    assert_eq!((opened.reproduced, again.warmth()), (40, None));
    assert_eq!(take(&mut again, &events[40..]), expected[40..]);
    again.warm(&next).unwrap();
    assert_eq!(finish(&mut again).from, 0);
}

#[test]
fn a_second_one_goes_on_from_the_snapshot_of_the_first() {
    let (rules, next) = (bundle(RULES), bundle(NEXT));
    let third = bundle(&NEXT.replace("\"next\"", "\"third\"").replace("over = \"30d\"", "over = \"20d\""));
    let events = payments(&rules, 90);
    let folder = tempfile::tempdir().unwrap();
    let all = Setup { recording: Some(Recording::All), ..setup(&rules, &[], Some(7)) };
    let (mut recorded, _) = open(folder.path(), all).unwrap();
    take(&mut recorded, &events[..30]);
    recorded.warm(&next).unwrap();
    let first = finish(&mut recorded).record;
    take(&mut recorded, &events[30..60]);
    recorded.warm(&third).unwrap();
    let Warmed { record: second, from, .. } = finish(&mut recorded);
    assert!(from >= first, "from {from}, the first took over at {first}");
    let answers = take(&mut recorded, &events[60..]);
    let answer = said(&answers[29]);
    let quality = |name: &str| answer["features"][name]["quality"].clone();
    // What the first brought goes on; what is new knows nothing of before the first took over.
    assert_eq!((quality("ever"), quality("month")), ("exact".into(), "warming".into()), "{answer}");
    let (first, second) = ((first, kept::hash(&next), 0), (second, kept::hash(&third), from));
    drop(recorded);
    assert_eq!(warmed(folder.path()), [first, second]);
    assert_eq!(replayed(folder.path(), From::Beginning), (90, 90));
    // Without any snapshot all is done again from the beginning.
    std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
    let (recorded, opened) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    assert_eq!((opened.events, opened.reproduced, opened.snapshot), (90, 90, None));
    assert_eq!(recorded.engine().rules().name, "third");
}

#[test]
fn a_snapshot_from_while_it_was_warmed_is_passed_over() {
    let (rules, next) = (bundle(RULES), bundle(NEXT));
    let events = payments(&rules, 60);
    let folder = tempfile::tempdir().unwrap();
    let (mut recorded, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    take(&mut recorded, &events[..30]);
    recorded.snapshot().unwrap();
    recorded.warm(&next).unwrap();
    recorded.snapshot().unwrap();
    let over = finish(&mut recorded).record;
    recorded.submit().unwrap();
    recorded.wait(over).unwrap();
    // The process ends before the snapshot that was begun then is on disk.
    let copy = copied(folder.path());
    let expected = take(&mut recorded, &events[30..]);
    recorded.close().unwrap();
    let [held] = snapshots(&*disk(), copy.path()).unwrap()[..] else { panic!("one snapshot") };
    assert!(0 < held && held < over);
    let (mut again, opened) = open(copy.path(), setup(&rules, &[], None)).unwrap();
    assert_eq!((opened.snapshot, opened.events, opened.reproduced), (None, 30, 30));
    assert!(opened.passed_over[0].contains("was being warmed"), "{:?}", opened.passed_over);
    assert_eq!(take(&mut again, &events[30..]), expected);
    again.close().unwrap();
    assert_eq!(replayed(copy.path(), From::Snapshot), (30, 30), "one was begun when it was opened");
}

#[test]
fn whoever_is_killed_after_one_can_begin_another() {
    let (rules, next) = (bundle(RULES), bundle(NEXT));
    let third = bundle(&NEXT.replace("\"next\"", "\"third\"").replace("over = \"30d\"", "over = \"20d\""));
    let events = payments(&rules, 30);
    let folder = tempfile::tempdir().unwrap();
    let (mut recorded, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    take(&mut recorded, &events);
    recorded.warm(&next).unwrap();
    let over = finish(&mut recorded).record;
    recorded.submit().unwrap();
    recorded.wait(over).unwrap();
    let mut copies = vec![(None, copied(folder.path()))];
    // No event comes, and its snapshot is written and in the journal nevertheless.
    while recorded.snapshots().written == 0 {
        assert_eq!(recorded.snapshots().failed, None);
        if copies.len() == 1 && snapshots(&*disk(), folder.path()).unwrap() == [over] {
            // On disk, and in no record yet.
            copies.push((None, copied(folder.path())));
        }
        recorded.idle().unwrap();
    }
    recorded.idle().unwrap();
    recorded.wait(recorded.last()).unwrap();
    copies.push((Some(over), copied(folder.path())));
    for (snapshot, copy) in &copies {
        let (mut again, opened) = open(copy.path(), setup(&rules, &[], None)).unwrap();
        assert_eq!((opened.snapshot, opened.different), (*snapshot, 0), "{opened:?}");
        again.warm(&third).unwrap();
        let warmed = finish(&mut again);
        assert!(warmed.from >= over, "{warmed:?}");
        assert_eq!(again.engine().rules().name, "third");
    }
    // What it begins from is told where it is not there.
    let (_, gone) = copies.pop().unwrap();
    let (mut again, _) = open(gone.path(), setup(&rules, &[], None)).unwrap();
    std::fs::remove_dir_all(gone.path().join("snapshots")).unwrap();
    again.warm(&third).unwrap();
    while again.warm_on() {}
    let error = again.take_warmed().unwrap().unwrap_err();
    assert!(matches!(error, WarmingError::NoPlace { .. }), "{error}");
    assert!(error.to_string().contains("ask again then"), "{error}");
}

fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 6 };
    ProptestConfig { cases, max_shrink_iters: 40, ..default }
}

const RULE: &str = r#"
[[rule]]
id = "own"
when = "own0 is not null or amount > 10"
then = "alert"
reason = "own"
breaker = { percent = 60, over = "1h", least = 2 }
"#;

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whoever_ends_around_a_takeover_goes_on_as_though_he_had_not(
        shared in prop::collection::vec(definitions(), 1..3),
        own in prop::collection::vec(definitions(), 1..3),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        begun in 1..60_usize,
        swap in prop::option::of(0..60_usize),
        snapshot_every in prop::option::of(1..30_u64),
    ) {
        let (first, other) = (
            text("first", "", &[("f", &shared)]),
            text("other", RULE, &[("f", &shared), ("own", &own)]),
        );
        let (rules, others) = (compiled(&first), compiled(&other));
        let mut events = stream(&rules, &steps, start);
        if let Some(at) = swap {
            // The rule set that is warmed may also have been taken up by an event before.
            let at = at.min(events.len());
            let taken_up = control(&rules, "c", newest_us(&events[..at], start), "rule_set", &others.hash_text());
            events.insert(at, taken_up);
            let at = (at + 5).min(events.len());
            let back = control(&rules, "back", newest_us(&events[..at], start), "rule_set", &rules.hash_text());
            events.insert(at, back);
        }
        let (rules, staged) = (bundle(&first), [bundle(&other)]);
        let folder = tempfile::tempdir().unwrap();
        let setup = || setup(&rules, &staged, snapshot_every);
        let (mut writer, _) = open(folder.path(), setup()).unwrap();
        let begun = begun.min(events.len());
        let mut answers = take(&mut writer, &events[..begun]);
        match writer.warm(&staged[0]) {
            // Until the other thread is through, so that each run is the same.
            Ok(()) => _ = writer.warm_on(),
            Err(WarmingError::Live) => return Ok(()),
            Err(error) => panic!("{error}"),
        }
        let (mut copies, mut over) = (Vec::new(), events.len());
        for (at, event) in events.iter().enumerate().skip(begun) {
            answers.extend(take(&mut writer, std::slice::from_ref(event)));
            copies.push(copied(folder.path()));
            if writer.warmth().is_none() {
                over = over.min(at);
            }
        }
        while writer.warm_on() {}
        let over_at = writer.take_warmed().unwrap().unwrap().record;
        writer.submit().unwrap();
        writer.wait(over_at).unwrap();
        drop(writer);
        let [(record, _, from)] = warmed(folder.path())[..] else { panic!("it did not take over") };
        prop_assert_eq!((record, from), (over_at, 0));
        let answered = answers.iter().filter(|line| !line.is_empty()).count() as u64;
        prop_assert_eq!(replayed(folder.path(), From::Beginning), (answered, events.len() as u64));
        replayed(folder.path(), From::Snapshot);
        // As it was after each event, and as though the disk had lost the last bytes of it.
        copies.push(copied(folder.path()));
        for (at, copy) in copies.iter().enumerate().step_by(3) {
            cut(copy.path(), (at as u64 * 97) % 1_500);
            let (mut again, opened) = open(copy.path(), setup()).unwrap();
            prop_assert_eq!(opened.different, 0);
            let held = events_in(copy.path());
            let went_on = !warmed(copy.path()).is_empty();
            // Where the takeover was lost, nobody does it again: all is the same until then.
            let same_until = if went_on { events.len() } else { over.max(held) };
            let until = (held + 20).min(same_until);
            prop_assert_eq!(&take(&mut again, &events[held..until])[..], &answers[held..until]);
            again.close().unwrap();
            replayed(copy.path(), From::Beginning);
            replayed(copy.path(), From::Snapshot);
        }
    }
}
