//! Damage that somebody decided to go on over is passed over by whoever reads the journal, and told; on all else nobody goes on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recorded::{RULES, bundle, disk, line, never_stopped, newest_segment, open, options, setup, take};
use weir::event::Event;
use weir::io::{Bundle, LineReader};
use weir::journal::{
    AnswerForm, Changed, Control, Decided, EventForm, From, Head, Journal, JournalError, OnDamage, Opened,
    Options, Reader, Record, Recorded, RecordedError, Replay, Replayed, Signer, Stretch, Verified, Whole,
    snapshots, verify,
};

fn next() -> Bundle {
    bundle(&RULES.replace("small", "next").replace("1h", "2h"))
}

fn payments(count: usize) -> Vec<Event> {
    let mut lines = LineReader::new(bundle(RULES).load().unwrap().rules.schema);
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

/// Small segments, so that there are some.
fn small() -> Options {
    Options { segment_bytes: 4_000, ..options() }
}

fn opened(folder: &Path, how: Options, on: OnDamage) -> Result<(Recorded, Opened), RecordedError> {
    Recorded::open(disk(), folder, how, on, setup(&bundle(RULES), &[], None), |_| {})
}

fn go_on(folder: &Path) -> (Recorded, Opened) {
    opened(folder, small(), OnDamage::GoOn).unwrap()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = all.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    all.sort();
    all
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[byte] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn replay(folder: &Path, from: From) -> Result<Replayed, RecordedError> {
    Replay::open(disk(), folder, from, None).unwrap().run(|_| {})
}

/// Events that are there by record, with their answers where those are there too.
type There = BTreeMap<u64, (Event, Option<String>)>;

fn there(folder: &Path) -> There {
    let mut lines = LineReader::new(bundle(RULES).load().unwrap().rules.schema);
    let (mut reader, mut there) = (Reader::open(disk(), folder).unwrap(), There::new());
    while let Some(entry) = reader.next_whole().unwrap() {
        match entry.record().unwrap() {
            Record::Event { bytes, .. } => {
                there.insert(entry.number, (lines.read(bytes).unwrap().clone(), None));
            }
            Record::Answer { event, bytes, .. } => {
                if let Some((_, answer)) = there.get_mut(&event) {
                    *answer = Some(format!("{}\n", std::str::from_utf8(bytes).unwrap()));
                }
            }
            _ => {}
        }
    }
    there
}

/// How many answers are what an engine says that takes in what is there and nothing else, and how many are not.
fn twin(there: &There) -> (u64, u64) {
    let events: Vec<Event> = there.values().map(|(event, _)| event.clone()).collect();
    let says = never_stopped(&bundle(RULES), &[], &events);
    let held = there.values().map(|(_, answer)| answer).zip(&says);
    let (same, others): (Vec<_>, Vec<_>) =
        held.filter_map(|(answer, says)| Some(answer.as_ref()? == says)).partition(|same| *same);
    (same.len() as u64, others.len() as u64)
}

/// A journal of 30 payments that is damaged at a byte of its only segment, and went on over that for ten more.
fn damaged_and_gone_on(folder: &Path, byte: usize) -> Vec<String> {
    let (mut writer, _) = open(folder, setup(&bundle(RULES), &[], None)).unwrap();
    take(&mut writer, &payments(30));
    writer.close().unwrap();
    flip(&newest_segment(folder), byte);
    let error = replay(folder, From::Beginning).unwrap_err();
    assert!(matches!(error, RecordedError::Journal(JournalError::Damaged(_))), "{error}");
    assert!(error.to_string().contains("`weir score --journal DIR --on-damage go-on`"), "{error}");
    let (mut writer, opened) = go_on(folder);
    let answers = take(&mut writer, &payments(40)[30..]);
    writer.close().unwrap();
    let replayed = replay(folder, From::Beginning).unwrap();
    assert_eq!((replayed.different, replayed.missing()), (opened.different, 1), "as recovery counted");
    answers
}

#[test]
fn replay_counts_what_was_given_with_what_is_missing() {
    let (mut seen, mut others) = (0, 0);
    for byte in (1_200..9_000).step_by(487) {
        let folder = tempfile::tempdir().unwrap();
        damaged_and_gone_on(folder.path(), byte);
        let replayed = replay(folder.path(), From::Beginning).unwrap();
        let [Decided { damage, record, held: false }] = &replayed.passed[..] else { panic!("{replayed:?}") };
        assert!(damage.number < *record && replayed.difference.is_none() && !replayed.unanswered);
        assert_eq!((replayed.reproduced, replayed.different), twin(&there(folder.path())), "byte {byte}");
        assert!(replayed.resumed.is_empty());
        let said = replayed.passed[0].to_string();
        assert!(
            said.contains("is missing; record ") && said.ends_with("go on over it: passed over"),
            "{said}"
        );
        (seen, others) = (seen + 1, others + u64::from(replayed.different > 0));
    }
    assert!(seen > 10 && others > 3, "{others} of {seen}");
}

#[test]
fn behind_the_decision_another_answer_is_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    damaged_and_gone_on(folder.path(), 3_000);
    let (mut journal, recovered) = Journal::open(disk(), folder.path(), options(), OnDamage::Refuse).unwrap();
    assert_eq!(recovered.damage.len(), 1);
    let event = line(&payments(41)[40]);
    let number = journal.append(Record::Event { form: EventForm::Json, bytes: &event }).unwrap();
    journal.append(Record::Answer { form: AnswerForm::Decided, event: number, bytes: b"{}" }).unwrap();
    journal.close().unwrap();
    let replayed = replay(folder.path(), From::Beginning).unwrap();
    assert_eq!(replayed.difference.unwrap().record, number);
}

/// A journal of 60 payments in small segments with a snapshot behind the last, of which the second segment is damaged, and
/// that went on over that for 20 more. Gives the snapshot, and all answers of the 20.
fn held_by_a_snapshot(folder: &Path) -> (u64, Vec<String>) {
    let (mut writer, _) = opened(folder, small(), OnDamage::Refuse).unwrap();
    take(&mut writer, &payments(60));
    writer.snapshot().unwrap();
    writer.close().unwrap();
    flip(&segments(folder)[1], 1_000);
    let number = snapshots(&*disk(), folder).unwrap()[0];
    let (mut writer, opened) = go_on(folder);
    assert_eq!((opened.snapshot, opened.different), (Some(number), 0));
    let answers = take(&mut writer, &payments(80)[60..]);
    assert_eq!(answers, never_stopped(&bundle(RULES), &[], &payments(80))[60..]);
    writer.close().unwrap();
    (number, answers)
}

#[test]
fn what_a_snapshot_held_is_gone_on_from_that() {
    let folder = tempfile::tempdir().unwrap();
    let (number, answers) = held_by_a_snapshot(folder.path());
    let replayed = replay(folder.path(), From::Beginning).unwrap();
    assert!(replayed.passed[0].held && replayed.difference.is_none(), "{replayed:?}");
    assert_eq!(replayed.resumed, [number]);
    let mut before = there(folder.path());
    let behind = before.split_off(&number);
    let (same, others) = twin(&before);
    assert!(others > 0);
    assert_eq!(behind.len(), answers.len());
    assert_eq!((replayed.reproduced, replayed.different), (same + answers.len() as u64, others));
    // From the snapshot on there is nothing to pass over, and without it all behind may be others.
    let replayed = replay(folder.path(), From::Snapshot).unwrap();
    assert_eq!((replayed.reproduced, replayed.passed.len(), replayed.different), (20, 0, 0));
    std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
    let replayed = replay(folder.path(), From::Beginning).unwrap();
    assert_eq!((replayed.reproduced, replayed.different), twin(&there(folder.path())));
    assert_eq!((replayed.difference, replayed.resumed), (None, vec![]));
}

#[test]
fn a_rule_set_is_warmed_over_damage_as_the_running_engine_went() {
    // Without what is missing, from the beginning.
    let folder = tempfile::tempdir().unwrap();
    damaged_and_gone_on(folder.path(), 3_000);
    let events: Vec<Event> = there(folder.path()).into_values().map(|(event, _)| event).collect();
    let (mut writer, _) = opened(folder.path(), options(), OnDamage::Refuse).unwrap();
    writer.warm(&next()).unwrap();
    while writer.warm_on() {}
    let warmed = writer.take_warmed().unwrap().unwrap();
    assert_eq!((warmed.from, warmed.events), (0, events.len() as u64));
    let answers = take(&mut writer, &payments(50)[40..]);
    let all: Vec<Event> = events.iter().chain(&payments(50)[40..]).cloned().collect();
    let features =
        |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["features"].clone();
    let expected = never_stopped(&next(), &[], &all);
    let expected: Vec<_> = expected[events.len()..].iter().map(features).collect();
    assert_eq!(answers.iter().map(features).collect::<Vec<_>>(), expected);
    writer.close().unwrap();
    assert_eq!(replay(folder.path(), From::Beginning).unwrap().difference, None);
    // With what only a snapshot holds: from there.
    let folder = tempfile::tempdir().unwrap();
    let (number, _) = held_by_a_snapshot(folder.path());
    let (mut writer, _) = opened(folder.path(), options(), OnDamage::Refuse).unwrap();
    writer.warm(&next()).unwrap();
    while writer.warm_on() {}
    assert_eq!(writer.take_warmed().unwrap().unwrap().from, number);
    writer.close().unwrap();
    assert_eq!(replay(folder.path(), From::Beginning).unwrap().difference, None);
    opened(folder.path(), options(), OnDamage::Refuse).unwrap();
}

#[test]
fn nobody_goes_on_over_damage_between_a_snapshot_and_one_that_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = opened(folder.path(), small(), OnDamage::Refuse).unwrap();
    take(&mut writer, &payments(5));
    writer.snapshot().unwrap();
    take(&mut writer, &payments(60)[5..]);
    writer.snapshot().unwrap();
    writer.close().unwrap();
    let [newest, older] = snapshots(&*disk(), folder.path()).unwrap()[..] else { panic!("two") };
    let damaged = segments(folder.path())[3].clone();
    flip(&damaged, 1_000);
    let trusting = || Options { trust_closed: true, ..small() };
    let (writer, found) = opened(folder.path(), trusting(), OnDamage::Refuse).unwrap();
    assert_eq!((found.snapshot, found.recovered.damage.len()), (Some(newest), 0), "it was asked not to look");
    writer.close().unwrap();
    flip(&folder.path().join(format!("snapshots/{newest:020}.snapshot")), 200);
    let error = opened(folder.path(), trusting(), OnDamage::Refuse).err().unwrap();
    assert!(matches!(error, RecordedError::Journal(JournalError::Damaged(_))), "{error}");
    // Once it is decided, it is known wherever it is met.
    go_on(folder.path()).0.close().unwrap();
    let (_, found) = opened(folder.path(), trusting(), OnDamage::Refuse).unwrap();
    assert_eq!(found.snapshot, Some(older));
    assert!(found.different > 0, "{found:?}");
}

#[test]
fn an_audit_says_what_holds_behind_damage() {
    let key = Signer::from_seed([1; 32]).public();
    let folder = tempfile::tempdir().unwrap();
    damaged_and_gone_on(folder.path(), 6_000);
    let (mut reader, mut numbers, mut heads, mut went_on) =
        (Reader::open(disk(), folder.path()).unwrap(), Vec::new(), Vec::new(), None);
    while let Some(entry) = reader.next_whole().unwrap() {
        numbers.push(entry.number);
        heads.extend(Head::read(entry.body).map(|_| entry.number));
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::WentOn { .. }) = Control::read(bytes)
        {
            went_on = Some(entry.number);
        }
    }
    let last = *numbers.last().unwrap();
    let lost = (1..=last).find(|number| !numbers.contains(number)).unwrap();
    let verified = |key| verify(&disk(), folder.path(), key, None, |_| {}).unwrap();
    let Verified::Changed { number, how: Changed::Damaged(_), rest, .. } = verified(Some(&key)) else {
        panic!()
    };
    assert_eq!((number, rest.decided, &rest.then), (lost, went_on, &None));
    let signed = |from, to| heads.iter().copied().filter(|head| (from..=to).contains(head)).max();
    let stretch = |first, last| Stretch { first, last, signed_to: signed(first, last) };
    // Nothing binds what the first record behind says.
    assert_eq!(rest.stretches, [stretch(1, lost - 1), stretch(lost + 2, last)]);
    assert!(rest.stretches.iter().all(|stretch| stretch.signed_to.is_some()), "{rest:?}");
    let Verified::Changed { rest, .. } = verified(None) else { panic!() };
    assert!(rest.stretches.iter().all(|stretch| stretch.signed_to.is_none()), "nobody says who signed");
    let other = Signer::from_seed([2; 32]).public();
    let Verified::Changed { number, how, rest, .. } = verified(Some(&other)) else { panic!() };
    assert_eq!((number, how, rest.stretches.len()), (heads[0], Changed::Signature, 0));
    // Put back as it was, but for a head's signature behind it.
    let mut bytes = std::fs::read(&segments(folder.path())[0]).unwrap();
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    std::fs::write(&segments(folder.path())[0], bytes).unwrap();
    let Verified::Changed { number, rest, .. } = verified(Some(&key)) else { panic!() };
    assert!(number == lost && rest.stretches.len() == 3, "each damage ends a stretch: {rest:?}");
}

#[test]
fn a_journal_that_ends_before_its_own_snapshot_was_cut() {
    let key = Signer::from_seed([1; 32]).public();
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, _) = opened(folder.path(), small(), OnDamage::Refuse).unwrap();
    take(&mut writer, &payments(60));
    writer.snapshot().unwrap();
    writer.close().unwrap();
    let number = snapshots(&*disk(), folder.path()).unwrap()[0];
    let verified = || verify(&disk(), folder.path(), Some(&key), None, |_| {}).unwrap();
    assert!(matches!(verified(), Verified::Whole(_)));
    std::fs::remove_file(segments(folder.path()).last().unwrap()).unwrap();
    let Verified::Changed { number: seen, how: Changed::Cut(newest), .. } = verified() else { panic!() };
    assert!(seen <= newest && newest == number);
    // Of another journal, or of none, it says nothing.
    let file = folder.path().join(format!("snapshots/{number:020}.snapshot"));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(verified(), Verified::Whole(_)));
    std::fs::write(&file, bytes).unwrap();
    // Somebody decides: the record says which snapshots go, also while they are still there.
    let kept = std::fs::read(&file).unwrap();
    go_on(folder.path()).0.close().unwrap();
    assert!(!file.exists());
    let Verified::Whole(Whole { decided, .. }) = verified() else { panic!() };
    let [cut] = &decided[..] else { panic!("{decided:?}") };
    assert_eq!((cut.damage.number, cut.damage.number + cut.damage.missing - 1), (seen, number));
    std::fs::write(&file, kept).unwrap();
    assert!(!matches!(verified(), Verified::Changed { how: Changed::Cut(_), .. }));
}
