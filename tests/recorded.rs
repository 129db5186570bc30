//! A recorded engine that ends anywhere and is opened again answers as one that never stopped, bit for bit; and what keeps
//! it from that is told.
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

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hostile::{STARTS, newest_us, steps, stream};
use packs::{compiled, control, definitions, text};
use proptest::prelude::*;
use recorded::{
    RULES, bundle, copied, cut, cut_alone, disk, events_in, line, never_stopped, newest_segment, open,
    options, setup, take,
};
use weir::engine::{Limits, Recording};
use weir::event::Event;
use weir::io::{Bundle, RealDisk};
use weir::journal::{
    AnswerForm, Control, EventForm, From, Journal, JournalError, OnDamage, Options, Progress, Reader, Record,
    Recorded, RecordedError, Replay, Setup, Stage, Stop, kept, put_down, snapshots,
};

const DIALOGUE: &str = "\n[step_up]\nexpires = \"5m\"\nattempts = 3\n";

const RULE: &str = r#"
[[rule]]
id = "own"
when = "own0 is not null or amount > 10"
then = "alert"
reason = "own"
breaker = { percent = 60, over = "1h", least = 2 }
"#;

fn replayed(folder: &Path, from: From) -> (u64, u64) {
    let replayed = Replay::open(disk(), folder, from, None).unwrap().run(|_| {}).unwrap();
    assert_eq!(replayed.difference, None);
    (replayed.reproduced, replayed.events)
}

fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 6 };
    ProptestConfig { cases, max_shrink_iters: 100, ..default }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn whoever_ends_at_any_event_goes_on_as_though_he_had_not(
        shared in prop::collection::vec(definitions(), 1..3),
        own in prop::collection::vec(definitions(), 1..3),
        steps in steps(),
        start in prop::sample::select(&STARTS[..]),
        swaps in prop::collection::btree_set(0..100_usize, 0..4),
        every in 2..40_usize,
        snapshot_every in prop::option::of(1..30_u64),
        torn in 0..4_000_u64,
        led in any::<bool>(),
    ) {
        let dialogue = if led { DIALOGUE } else { "" };
        let (first, other) = (
            text("first", dialogue, &[("f", &shared)]),
            text("other", &format!("{dialogue}{RULE}"), &[("f", &shared), ("own", &own)]),
        );
        let (rules, others) = (compiled(&first), compiled(&other));
        let mut events = stream(&rules, &steps, start);
        let mut live = false;
        for &at in &swaps {
            let at = at.min(events.len());
            live = !live;
            let hash = if live { others.hash_text() } else { rules.hash_text() };
            let swap = control(&rules, &format!("c{at}"), newest_us(&events[..at], start), "rule_set", &hash);
            events.insert(at, swap);
        }
        let (rules, staged) = (bundle(&first), [bundle(&other)]);
        let expected = never_stopped(&rules, &staged, &events);
        let folder = tempfile::tempdir().unwrap();
        let setup = || setup(&rules, &staged, snapshot_every);
        let (mut at, mut ends) = (0, 0);
        while at < events.len() {
            let (mut writer, opened) = open(folder.path(), setup()).unwrap();
            prop_assert_eq!(opened.begun, at == 0);
            prop_assert_eq!(opened.different, 0);
            let until = (at + every).min(events.len());
            prop_assert_eq!(&take(&mut writer, &events[at..until])[..], &expected[at..until]);
            at = until;
            ends += 1;
            // Killed: nothing says that it was closed.
            drop(writer);
            // And the disk has lost what it had not promised, as a copy that is cut anywhere shows.
            let lost = copied(folder.path());
            cut(lost.path(), torn * ends % 4_001);
            if events_in(lost.path()) == 0 {
                continue;
            }
            let (mut writer, opened) = open(lost.path(), setup()).unwrap();
            let held = opened.recovered.last;
            prop_assert!(held > 0);
            let from = events_in(lost.path());
            prop_assert!(from <= at);
            let rest = &events[from..(from + 20).min(events.len())];
            prop_assert_eq!(&take(&mut writer, rest)[..], &expected[from..from + rest.len()]);
            writer.close().unwrap();
            replayed(lost.path(), From::Beginning);
            replayed(lost.path(), From::Snapshot);
        }
        let answered = expected.iter().filter(|line| !line.is_empty()).count() as u64;
        prop_assert_eq!(replayed(folder.path(), From::Beginning), (answered, events.len() as u64));
    }
}

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

/// A journal of so many payments.
fn journal(folder: &Path, rules: &Bundle, count: usize, snapshot_every: Option<u64>) -> Vec<String> {
    let (mut writer, _) = open(folder, setup(rules, &[], snapshot_every)).unwrap();
    let answers = take(&mut writer, &payments(rules, count));
    writer.close().unwrap();
    answers
}

#[test]
fn a_journal_cut_at_every_byte_of_its_end_goes_on() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let events = payments(&rules, 12);
    let expected = never_stopped(&rules, &[], &events);
    let (mut writer, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    take(&mut writer, &events[..8]);
    drop(writer);
    let exhaustive = std::env::var_os("EVERY_BYTE").is_some();
    let (mut seen, mut answered) = (std::collections::BTreeSet::new(), 0);
    for bytes in (1..=700).step_by(if exhaustive { 1 } else { 9 }) {
        let copy = copied(folder.path());
        cut(copy.path(), bytes);
        let (mut writer, opened) = open(copy.path(), setup(&rules, &[], None)).unwrap();
        let from = opened.events as usize;
        seen.insert(from);
        answered += usize::from(opened.answered);
        assert_eq!(take(&mut writer, &events[from..]), expected[from..], "{bytes} bytes are lost");
        writer.close().unwrap();
        assert_eq!(replayed(copy.path(), From::Beginning), (12, 12));
    }
    assert!(seen.len() > 1 && answered > 0, "{seen:?}, {answered}");
}

#[test]
fn the_newest_whole_snapshot_is_gone_on_from() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let events = payments(&rules, 60);
    let (mut writer, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    for part in events.chunks(15).take(3) {
        take(&mut writer, part);
        writer.snapshot().unwrap();
    }
    let figures = writer.close().unwrap().1;
    assert_eq!((figures.written, figures.failed), (3, None));
    let held = snapshots(&*disk(), folder.path()).unwrap();
    assert_eq!(held.len(), 2, "two are kept");
    let again = |expected: Option<u64>, events: u64| {
        let copy = copied(folder.path());
        let (_, opened) = open(copy.path(), setup(&rules, &[], None)).unwrap();
        assert_eq!((opened.snapshot, opened.events), (expected, events), "{:?}", opened.passed_over);
        opened.passed_over.len()
    };
    assert_eq!(again(Some(held[0]), 0), 0);
    let file = |number: u64| folder.path().join(format!("snapshots/{number:020}.snapshot"));
    for (at, &number) in held.iter().enumerate() {
        let mut bytes = std::fs::read(file(number)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(file(number), bytes).unwrap();
        let expected = held.get(at + 1).copied();
        assert_eq!(again(expected, if expected.is_some() { 15 } else { 45 }), at + 1);
    }
}

/// The files of a folder but for keys, by name.
fn files_in(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
}

#[test]
fn who_is_told_to_end_while_opening_says_what_was_changed() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    let events = payments(&rules, 50);
    for part in events[..45].chunks(15) {
        take(&mut writer, part);
        writer.snapshot().unwrap();
    }
    take(&mut writer, &events[45..]);
    drop(writer);
    let held = snapshots(&*disk(), folder.path()).unwrap();
    let ended = |folder: &Path, at: Stage| {
        let stop = Stop::default();
        let options = Options { stop: stop.clone(), ..options() };
        let ask = move |progress: Progress| {
            if progress.stage == at {
                stop.ask();
            }
        };
        let opened = Recorded::open(disk(), folder, options, OnDamage::GoOn, setup(&rules, &[], None), ask);
        opened.err().unwrap().to_string()
    };
    let nothing = "nothing in the journal was changed, and it can be opened again";
    for (bytes, at, says) in [
        (0, Stage::Checking, nothing),
        (0, Stage::Taking, nothing),
        (5, Stage::Checking, nothing),
        (5, Stage::Taking, "before that a torn tail was cut; nothing else in the journal was changed"),
        (4000, Stage::Checking, nothing),
        (
            4000,
            Stage::Taking,
            "somebody decided to go on over the damage is on disk, and the end was cut, and 1 snapshots",
        ),
    ] {
        let copy = copied(folder.path());
        cut_alone(copy.path(), bytes);
        let before = files_in(copy.path());
        let error = ended(copy.path(), at);
        assert!(error.contains(says), "`{says}` is not in {error}");
        assert_eq!(files_in(copy.path()) == before, says == nothing, "{error}");
        let (_, opened) =
            Recorded::open(disk(), copy.path(), options(), OnDamage::GoOn, setup(&rules, &[], None), |_| {})
                .unwrap();
        let changed = says != nothing;
        assert_eq!(opened.recovered.torn.is_some(), bytes == 5 && !changed);
        let left = snapshots(&*disk(), copy.path()).unwrap();
        assert_eq!(left.contains(&held[0]), bytes < 4000);
    }
}

#[test]
fn a_cut_behind_which_there_is_a_snapshot_is_damage() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let events = payments(&rules, 60);
    let expected = never_stopped(&rules, &[], &events);
    let (mut writer, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    for part in events[..45].chunks(15) {
        take(&mut writer, part);
        writer.snapshot().unwrap();
    }
    take(&mut writer, &events[45..50]);
    drop(writer);
    let held = snapshots(&*disk(), folder.path()).unwrap();
    let length = std::fs::metadata(newest_segment(folder.path())).unwrap().len();
    let last_in = |folder: &Path| {
        let mut reader = Reader::open(disk(), folder).unwrap();
        let mut last = 0;
        while let Some(entry) = reader.next_entry().unwrap() {
            last = entry.number;
        }
        last
    };
    let (mut before, mut behind) = (0, 0);
    for bytes in (0..length).step_by(length as usize / 40).chain([length]) {
        let copy = copied(folder.path());
        cut_alone(copy.path(), bytes);
        let last = last_in(copy.path());
        let lost: Vec<u64> = held.iter().copied().filter(|number| *number > last).collect();
        let Some(newest) = lost.first() else {
            behind += 1;
            let (_, opened) = open(copy.path(), setup(&rules, &[], None)).unwrap();
            // The newest is gone on from where its record is still there, too.
            let gone_on = opened.snapshot.is_some_and(|number| held.contains(&number));
            assert!(gone_on && opened.recovered.damage.is_empty(), "{:?}", opened.passed_over);
            continue;
        };
        before += 1;
        let cut_at = std::fs::metadata(newest_segment(copy.path())).unwrap().len();
        let error = refused(copy.path(), setup(&rules, &[], None));
        let missing = match newest - last {
            1 => format!("record {newest} is missing"),
            _ => format!("records {} to {newest} are missing", last + 1),
        };
        assert!(
            error.contains("a snapshot says that more was on disk") && error.contains(&missing),
            "{error}"
        );
        assert_eq!(std::fs::metadata(newest_segment(copy.path())).unwrap().len(), cut_at, "it is left alone");
        // Half of them end once it is decided, before the snapshots are gone.
        if before % 2 == 0 {
            let kept = copied(copy.path());
            drop(Journal::open(disk(), copy.path(), options(), OnDamage::GoOn).unwrap());
            for number in &lost {
                let file = format!("snapshots/{number:020}.snapshot");
                assert!(!copy.path().join(&file).exists());
                std::fs::copy(kept.path().join(&file), copy.path().join(&file)).unwrap();
            }
        }
        let decided = if before % 2 == 0 { OnDamage::Refuse } else { OnDamage::GoOn };
        let went_on =
            Recorded::open(disk(), copy.path(), options(), decided, setup(&rules, &[], None), |_| {});
        let Ok((mut writer, opened)) = went_on else {
            // Whatever said with what it was begun is gone.
            assert!(last == 0 && decided == OnDamage::Refuse, "{:?}", went_on.map(|_| ()));
            continue;
        };
        assert_eq!(opened.different, 0);
        assert!(snapshots(&*disk(), copy.path()).unwrap().iter().all(|number| *number <= last));
        let from = events_in(copy.path());
        assert_eq!(take(&mut writer, &events[from..]), expected[from..], "as though they had never come");
        writer.snapshot().unwrap();
        writer.close().unwrap();
        replayed(copy.path(), From::Beginning);
        replayed(copy.path(), From::Snapshot);
        let (_, opened) = open(copy.path(), setup(&rules, &[], None)).unwrap();
        assert!(opened.passed_over.is_empty() && opened.recovered.torn.is_none(), "{opened:?}");
        let said = controls(copy.path()).into_iter().find_map(|said| match said {
            Control::WentOn { damage, snapshots, .. } => Some((damage, snapshots)),
            _ => None,
        });
        let (damage, snapshots) = said.unwrap();
        assert_eq!((damage[0].number, damage[0].missing), (last + 1, newest - last));
        assert_eq!(snapshots, lost);
    }
    assert!(before > 5 && behind > 2, "{before}, {behind}");
}

/// All control records of a journal.
fn controls(folder: &Path) -> Vec<Control> {
    let mut reader = Reader::open(disk(), folder).unwrap();
    let mut controls = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Ok(Record::Control(bytes)) = entry.record() {
            controls.extend(Control::read(bytes));
        }
    }
    controls
}

#[test]
fn what_was_kept_must_be_what_it_was() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), &rules, 4, None);
    let kept = kept::folder(folder.path(), &kept::hash(&rules)).join("rules.toml");
    std::fs::write(&kept, RULES.replace("> 2", "> 3")).unwrap();
    let error = open(folder.path(), setup(&rules, &[], None)).err().unwrap().to_string();
    assert!(error.contains("rules.toml is not what was kept"), "{error}");
}

fn refused(folder: &Path, setup: Setup) -> String {
    open(folder, setup).err().unwrap().to_string()
}

#[test]
fn other_rules_bounds_and_records_are_refused() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), &rules, 4, None);
    let other = bundle(&RULES.replace("> 2", "> 3"));
    assert!(refused(folder.path(), setup(&other, &[], None)).contains("does not know the rule set"));
    let limits = Some(Limits { ids_max: 5_000, ..Limits::default() });
    let error = refused(folder.path(), Setup { limits, ..setup(&rules, &[], None) });
    assert!(error.contains("begun with other bounds"), "{error}");
    let recording = Some(Recording::All);
    let error = refused(folder.path(), Setup { recording, ..setup(&rules, &[], None) });
    assert!(error.contains("other recorded features"), "{error}");
    // What is staged is known from then on.
    let (writer, opened) = open(folder.path(), setup(&rules, std::slice::from_ref(&other), None)).unwrap();
    assert_eq!((opened.events, opened.reproduced), (4, 4));
    writer.close().unwrap();
    open(folder.path(), setup(&other, &[], None)).unwrap();
}

/// A journal that somebody else wrote: its records, as they are given.
fn written(folder: &Path, records: &[Record<'_>]) {
    let (mut journal, _) = Journal::open(disk(), folder, options(), OnDamage::Refuse).unwrap();
    for record in records {
        journal.append(*record).unwrap();
    }
    journal.close().unwrap();
}

/// The first record of a journal of this rule set.
fn started(rules: &Bundle, folder: &Path) -> Control {
    let other = tempfile::tempdir().unwrap();
    journal(other.path(), rules, 0, None);
    kept::keep(&*disk(), folder, rules).unwrap();
    let mut reader = Reader::open(disk(), other.path()).unwrap();
    match reader.next_entry().unwrap().unwrap().record().unwrap() {
        Record::Control(bytes) => Control::read(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_answer_is_told_with_its_record() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let started = started(&rules, folder.path()).to_bytes();
    let events = payments(&rules, 2);
    let answers = never_stopped(&rules, &[], &events);
    let changed = answers[1].trim_end().replace("allow", "block");
    let lines: Vec<Vec<u8>> = events.iter().map(line).collect();
    let event = |at: usize| Record::Event { form: EventForm::Json, bytes: &lines[at] };
    let answer = |event, bytes| Record::Answer { form: AnswerForm::Decided, event, bytes };
    written(
        folder.path(),
        &[
            Record::Control(&started),
            event(0),
            answer(2, answers[0].trim_end().as_bytes()),
            event(1),
            answer(4, changed.as_bytes()),
        ],
    );
    let error = refused(folder.path(), setup(&rules, &[], None));
    assert!(error.contains("record 4, event `t1`") && error.contains("does not answer as it did"), "{error}");
    let replayed = Replay::open(disk(), folder.path(), From::Beginning, None).unwrap().run(|_| {}).unwrap();
    let difference = replayed.difference.unwrap();
    assert_eq!((replayed.reproduced, difference.record, difference.was), (1, 4, Some(changed)));
    assert_eq!(difference.is.as_deref(), Some(answers[1].trim_end()));
    // An answer that is missing in the middle is one, too.
    let folder = tempfile::tempdir().unwrap();
    kept::keep(&*disk(), folder.path(), &rules).unwrap();
    written(folder.path(), &[Record::Control(&started), event(0), event(1)]);
    let replayed = Replay::open(disk(), folder.path(), From::Beginning, None).unwrap().run(|_| {}).unwrap();
    let difference = replayed.difference.unwrap();
    assert_eq!((difference.record, difference.was), (2, None));
}

#[test]
fn what_another_version_wrote_is_named_with_that_version() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let Control::Started { at_us, rules: kept, mut with, .. } = started(&rules, folder.path()) else {
        panic!()
    };
    // One that has the engine's number, and one of before that was so.
    for (program, release) in [("0.3.12", "use weir 0.3.12, which wrote it"), ("0.1.0", "CHANGELOG.md names")]
    {
        let folder = tempfile::tempdir().unwrap();
        with["program"] = program.into();
        let (engine, rules_kept, with) = ("0.3.0".to_owned(), kept.clone(), with.clone());
        let started = Control::Started { at_us, engine, rules: rules_kept, with }.to_bytes();
        written(folder.path(), &[Record::Control(&started)]);
        let error = refused(folder.path(), setup(&rules, &[], None));
        assert!(error.contains("by engine version 0.3.0") && error.contains(release), "{error}");
    }
    let started = Control::Started { at_us, engine: "0.3.9".to_owned(), rules: kept, with }.to_bytes();
    written(folder.path(), &[Record::Control(&started)]);
    let error = Replay::open(disk(), folder.path(), From::Beginning, None).err().unwrap();
    assert!(matches!(error, RecordedError::Version { .. }), "{error}");
}

fn asks(folder: &std::path::Path, what: &str, id: u8) {
    let options = Options { new_id: [id; 16], ..options() };
    put_down(&RealDisk, folder, &options, ("inspector".to_owned(), what.to_owned())).unwrap();
}

#[test]
fn who_asks_is_taken_into_the_journal_by_who_writes_it() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let nobody = put_down(&RealDisk, folder.path(), &options(), (String::new(), String::new()));
    assert!(matches!(nobody, Err(JournalError::None { .. })), "{nobody:?}");
    let (mut writer, _) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    take(&mut writer, &payments(&rules, 2));
    asks(folder.path(), "one", 1);
    writer.close().unwrap();
    asks(folder.path(), "two", 2);
    let within = folder.path().join("asked");
    // What else somebody puts there is neither taken for a question nor taken away.
    std::fs::create_dir(within.join("w.json")).unwrap();
    std::fs::write(within.join("x.json"), r#"{"control":"closed","at_us":1}"#).unwrap();
    std::fs::write(within.join("y.json"), "nonsense").unwrap();
    // Of a question no more is taken in than one says.
    let more = r#"{"removed":[1,9],"control":"asked","at_us":1,"who":"inspector","what":"three"}"#;
    std::fs::write(within.join("z.json"), more).unwrap();
    let (writer, opened) = open(folder.path(), setup(&rules, &[], None)).unwrap();
    assert_eq!(opened.left.len(), 3);
    for (why, name) in opened.left.iter().zip(["w.json", "x.json", "y.json"]) {
        assert!(why.contains(within.join(name).to_str().unwrap()), "{why}");
    }
    writer.close().unwrap();
    let mut reader = Reader::open(disk(), folder.path()).unwrap();
    let mut asked = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Asked { who, what, .. }) = Control::read(bytes)
        {
            assert!(!String::from_utf8_lossy(bytes).contains("removed"));
            asked.push(format!("{who}: {what}"));
        }
    }
    assert_eq!(asked, ["inspector: one", "inspector: two", "inspector: three"]);
    assert_eq!(std::fs::read_dir(within).unwrap().count(), 3);
    replayed(folder.path(), From::Beginning);
}

#[test]
fn damage_before_the_newest_snapshot_is_decided_on_too() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    let small = || Options { segment_bytes: 4_000, ..options() };
    let opened = |options, on_damage| {
        Recorded::open(disk(), folder.path(), options, on_damage, setup(&rules, &[], None), |_| {})
    };
    let (mut writer, _) = opened(small(), OnDamage::Refuse).unwrap();
    take(&mut writer, &payments(&rules, 60));
    writer.snapshot().unwrap();
    writer.close().unwrap();
    let second = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        second.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    segments.sort();
    assert!(segments.len() > 4);
    let mut bytes = std::fs::read(&segments[1]).unwrap();
    bytes[1_000] ^= 1;
    std::fs::write(&segments[1], bytes).unwrap();
    assert!(refused(folder.path(), setup(&rules, &[], None)).contains("damaged from byte"));
    let trusting = Options { trust_closed: true, ..small() };
    let (_, found) = opened(trusting, OnDamage::Refuse).unwrap();
    assert!(found.recovered.damage.is_empty(), "it was asked not to look");
    let (writer, found) = opened(small(), OnDamage::GoOn).unwrap();
    assert_eq!((found.recovered.damage.len(), found.different), (1, 0));
    writer.close().unwrap();
    let (_, found) = opened(small(), OnDamage::Refuse).unwrap();
    assert_eq!(found.recovered.damage.len(), 1, "told, and not asked again");
}

#[test]
fn behind_damage_it_goes_on_only_when_told_to() {
    let rules = bundle(RULES);
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path(), &rules, 30, None);
    let path = newest_segment(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(refused(folder.path(), setup(&rules, &[], None)).contains("damaged from byte"));
    let go_on = || {
        weir::journal::Recorded::open(
            disk(),
            folder.path(),
            options(),
            OnDamage::GoOn,
            setup(&rules, &[], None),
            |_| {},
        )
    };
    let (mut writer, opened) = go_on().unwrap();
    assert_eq!(opened.recovered.damage.len(), 1);
    assert!(opened.events >= 28, "{opened:?}");
    take(&mut writer, &payments(&rules, 40)[30..]);
    writer.close().unwrap();
    // It was decided: from then on it opens by itself.
    open(folder.path(), setup(&rules, &[], None)).unwrap();
}
