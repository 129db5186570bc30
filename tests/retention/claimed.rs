//! Retention signs for what it removed itself, and for nothing else that is gone; and what is gone otherwise is told by all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::io::Disk;
use weir::journal::retention::Retention;
use weir::journal::{
    By, Control, From, HEADER_BYTES, Journal, JournalError, OnDamage, Options, Record, Recorded,
    RecordedError, Removed, Replay, Replayed, Retained, Signer, Verified, WarmingError, Whole,
    check_snapshots, removed, retain, verify,
};
use weir::time::DAY_US;

use crate::disk::SimDisk;
use crate::recorded::{bundle, setup, take};
use crate::small::{FOLDER, KEEP, RULES, event, holds, journal_options, open, records, retained, small};

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn folder() -> &'static Path {
    Path::new(FOLDER)
}

/// The files of the segments, in order; by their first records, wherever they are.
fn segments(files: &Files) -> BTreeMap<u64, PathBuf> {
    let first = |path: &PathBuf| path.file_name()?.to_str()?.split_once(".journal")?.0.parse().ok();
    files.keys().filter_map(|path| Some((first(path)?, path.clone()))).collect()
}

/// The journal after retention of KEEP.
fn after(files: &Files) -> Files {
    let disk = SimDisk::of(files);
    assert!(!retained(&disk.shared(), &KEEP, small().now_us).unwrap().removed.is_empty());
    disk.files()
}

/// Of the files before those that retention would leave, taken away by somebody who says nothing of it.
fn robbed(before: &Files, like: &Files) -> Files {
    let left = segments(like);
    let mut files = before.clone();
    for (first, path) in segments(before) {
        if !left.contains_key(&first) {
            files.remove(&path);
        }
    }
    assert!(segments(&files).len() < segments(before).len());
    files
}

fn opened(disk: &Arc<dyn Disk>, on_damage: OnDamage) -> Result<Recorded, RecordedError> {
    let setup = setup(&small().rules, &[], None);
    Recorded::open(Arc::clone(disk), folder(), journal_options(), on_damage, setup, |_| {})
        .map(|(recorded, _)| recorded)
}

/// The records that are missing, by the error of opening or replaying.
fn missing<T>(failed: Result<T, RecordedError>) -> (u64, u64) {
    match failed.err() {
        Some(RecordedError::Journal(JournalError::Damaged(damage))) => {
            (damage.number, damage.number + damage.missing - 1)
        }
        other => panic!("{other:?}"),
    }
}

fn whole(disk: &Arc<dyn Disk>) -> Whole {
    match verify(disk, folder(), Some(&Signer::from_seed([1; 32]).public()), None, |_| {}).unwrap() {
        Verified::Whole(whole) => whole,
        changed => panic!("{changed:?}"),
    }
}

fn replayed(disk: &Arc<dyn Disk>) -> Result<Replayed, RecordedError> {
    Replay::open(Arc::clone(disk), folder(), From::Beginning, None)?.run(|_| {})
}

/// What somebody without the key puts behind the last record: that retention removed all up to this one.
fn forged(files: &Files, last: u64) -> Files {
    let disk = SimDisk::of(files);
    let options = Options { signer: None, ..journal_options() };
    let (mut journal, _) = Journal::open(disk.shared(), folder(), options, OnDamage::Refuse).unwrap();
    let said = Control::Retained {
        at_us: 1,
        who: "root".to_owned(),
        why: "not said".to_owned(),
        archived: Vec::new(),
        removed: Some((1, last)),
        missing: Vec::new(),
        base: Some(last),
        snapshot: None,
        columns: 0,
    };
    journal.append(Record::Control(&said.to_bytes())).unwrap();
    journal.submit().unwrap();
    drop(journal);
    let forger = disk.files();
    let (end, written) = (segments(files).pop_last().unwrap().1, segments(&forger).pop_last().unwrap().1);
    assert!(end < written);
    let mut files = files.clone();
    files.get_mut(&end).unwrap().extend_from_slice(&forger[&written][HEADER_BYTES..]);
    files
}

#[test]
fn a_removal_that_an_opening_signs_over_is_not_believed() {
    let small = small();
    let disk = SimDisk::of(&small.files);
    let mut writer = open(&disk.shared(), &small.rules).unwrap();
    take(&mut writer, std::slice::from_ref(&small.next));
    // It ends without closing, so that no head speaks for its last records.
    drop(writer);
    let before = disk.files();
    let like = after(&before);
    let last = *segments(&like).keys().next().unwrap() - 1;
    let tail = forged(&before, last);

    // The records go first, and then somebody opens it.
    let robbed_first = SimDisk::of(&robbed(&tail, &like));
    let shared = robbed_first.shared();
    let files = robbed_first.files();
    assert_eq!(missing(opened(&shared, OnDamage::Refuse)), (1, last));
    assert_eq!(robbed_first.files(), files, "nothing is signed by that");
    assert_eq!(missing(replayed(&shared)), (1, last));
    opened(&shared, OnDamage::GoOn).unwrap().close().unwrap();
    let found = whole(&shared);
    assert_eq!((found.first, found.removed), (last + 1, None));
    assert!(found.decided.iter().any(|decided| decided.damage.number == 1), "{:?}", found.decided);

    // Somebody opens it, and then they go: the head of that opening proves nothing either.
    let signed = SimDisk::of(&tail);
    opened(&signed.shared(), OnDamage::Refuse).unwrap().close().unwrap();
    let robbed_last = SimDisk::of(&robbed(&signed.files(), &like)).shared();
    let found = whole(&robbed_last);
    assert_eq!((found.first, found.removed), (last + 1, None));
    assert_eq!(missing(opened(&robbed_last, OnDamage::Refuse)), (1, last));
    assert_eq!(missing(replayed(&robbed_last)), (1, last));

    // What retention signed is believed, with the note alone and with the record alone.
    let genuine = SimDisk::of(&like).shared();
    opened(&genuine, OnDamage::Refuse).unwrap().close().unwrap();
    genuine.remove(&folder().join("removed.json")).unwrap();
    assert_eq!(whole(&genuine).removed.unwrap().0.last, last);
    holds(&genuine, small);
}

/// What is taken away or changed, its first record, and the last one.
fn ways(files: &Files, like: &Files) -> Vec<(Files, u64, u64)> {
    let (there, left) = (segments(files), segments(like));
    let end = *left.keys().next().unwrap();
    let going: Vec<u64> = there.keys().copied().filter(|first| *first < end).collect();
    assert!(going.len() > 2, "{going:?}");
    let last = |at: usize| going.get(at + 1).map_or(end, |next| *next) - 1;
    let without = |at: usize| {
        let mut files = files.clone();
        files.remove(&there[&going[at]]);
        (files, going[at], last(at))
    };
    let mut flipped = files.clone();
    let bytes = flipped.get_mut(&there[&going[1]]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    vec![without(0), without(1), (flipped, going[1], last(1))]
}

fn noted(disk: &Arc<dyn Disk>) -> Option<Removed> {
    removed(&**disk, folder()).unwrap()
}

#[test]
fn what_is_not_all_there_is_not_removed_until_somebody_decides_and_is_told_then() {
    let small = small();
    let like = after(&small.files);
    for (files, first, last) in ways(&small.files, &like) {
        let disk = SimDisk::of(&files);
        let shared = disk.shared();
        let Retained { plan, removed, .. } = retained(&shared, &KEEP, small.now_us).unwrap();
        let why = plan.withheld.clone().unwrap();
        assert!(why.contains("missing") && removed.is_empty() && plan.base.is_none(), "{why}");
        assert!(segments(&disk.files()).keys().eq(segments(&files).keys()), "{first}");
        assert!(noted(&shared).is_none());
        assert_eq!(
            weir::journal::look(&shared, folder(), &KEEP, small.now_us, None).unwrap().withheld,
            Some(why)
        );

        // Somebody decides to go on without: it is removed, and told that this was not.
        opened(&shared, OnDamage::GoOn).unwrap().close().unwrap();
        let done = retained(&shared, &KEEP, small.now_us).unwrap();
        assert!(done.plan.withheld.is_none() && !done.removed.is_empty(), "{:?}", done.plan);
        let told = |removed: Removed| {
            let [(from, to)] = removed.missing[..] else { panic!("{removed:?}") };
            assert!(first <= from && to <= last, "{from} to {to} of {first} to {last}");
            removed.last
        };
        let end = told(noted(&shared).unwrap());
        opened(&shared, OnDamage::Refuse).unwrap().close().unwrap();
        let found = whole(&shared);
        assert_eq!(told(*found.removed.unwrap().0), end);
        assert_eq!(found.first, end + 1);
        assert!(replayed(&shared).unwrap().difference.is_none());
        // What is removed later says it again.
        let none = Retention { online_us: 0, archived_us: 0, ..KEEP };
        retained(&shared, &none, small.now_us + KEEP.archived_us).unwrap();
        told(noted(&shared).unwrap());
    }
}

#[test]
fn what_another_key_signed_is_not_removed() {
    let disk = SimDisk::of(&small().files);
    let signer = Some(Signer::from_seed([2; 32]));
    let by = By { who: String::new(), why: String::new(), signer, unique: [7; 16] };
    let done = retain(&disk.shared(), folder(), &KEEP, small().now_us, &by).unwrap();
    assert!(done.removed.is_empty());
    assert!(done.plan.withheld.unwrap().contains("a head is not signed by this key"));
}

#[test]
fn behind_a_removal_what_is_missing_is_an_error_until_somebody_decides_and_is_told_then() {
    let like = after(&small().files);
    let (first, path) = segments(&like).pop_first().unwrap();
    let next = *segments(&like).keys().nth(1).unwrap();
    let mut without = like.clone();
    without.remove(&path);
    let mut flipped = like.clone();
    let bytes = flipped.get_mut(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    for files in [without, flipped] {
        let shared = SimDisk::of(&files).shared();
        let (from, to) = missing(replayed(&shared));
        assert_eq!((from, to + 1), (first, next));
        opened(&shared, OnDamage::GoOn).unwrap().close().unwrap();
        let found = replayed(&shared).unwrap();
        assert_eq!(found.difference, None);
        let [passed] = &found.passed[..] else { panic!("{:?}", found.passed) };
        // Of what is gone from the beginning only what retention did not remove.
        assert_eq!(passed.damage.number, first);
        assert!(found.missing() <= next - first, "{}", found.missing());
    }
}

#[test]
fn a_note_that_nobody_signed_hides_nothing_from_a_replay() {
    let like = after(&small().files);
    let note = &like[&folder().join("removed.json")];
    let unsigned = note.split(|byte| *byte == b'\n').next().unwrap();
    let mut files = robbed(&small().files, &like);
    files.insert(folder().join("removed.json"), unsigned.to_vec());
    let last = *segments(&like).keys().next().unwrap() - 1;
    assert_eq!(missing(replayed(&SimDisk::of(&files).shared())), (1, last));
    files.insert(folder().join("removed.json"), note.clone());
    assert!(replayed(&SimDisk::of(&files).shared()).unwrap().passed.is_empty());
}

#[test]
fn without_the_public_key_no_removal_is_believed_and_who_reads_is_told_why() {
    let like = after(&small().files);
    let public = folder().join("signing.pub");
    let mut gone = like.clone();
    assert!(gone.remove(&public).is_some(), "whoever signs a journal puts its public key beside");
    let mut spoilt = like.clone();
    spoilt.get_mut(&public).unwrap()[40] = b'!';
    let said = removed(&*SimDisk::of(&gone).shared(), folder()).unwrap().unwrap();
    for (files, why, is_gone) in [(gone, "is gone; put it back", true), (spoilt, "is spoilt", false)] {
        let disk = SimDisk::of(&files);
        let shared = disk.shared();
        let error = replayed(&shared).unwrap_err().to_string();
        for part in [&format!("records 1 to {} are missing", said.last), "/j/signing.pub", why, "from a copy"]
        {
            assert!(error.contains(part), "no `{part}` in {error}");
        }
        assert!(!error.contains("genpkey"), "{error}");
        // Nor by its record alone, nor by the note of who has another key.
        let mut without = files.clone();
        without.remove(&folder().join("removed.json"));
        assert_eq!(replayed(&SimDisk::of(&without).shared()).unwrap_err().to_string(), error);
        // Who has the private key needs no other, and puts the public one where it is gone.
        opened(&shared, OnDamage::Refuse).unwrap().close().unwrap();
        assert_eq!(disk.files().get(&public) == like.get(&public), is_gone);
        assert_eq!(replayed(&shared).is_ok(), is_gone);
    }
}

#[test]
fn a_replay_that_begins_later_than_it_could_says_so() {
    let like = after(&small().files);
    let shared = SimDisk::of(&like).shared();
    let base = noted(&shared).unwrap().base;
    let replay = Replay::open(Arc::clone(&shared), folder(), From::Beginning, None).unwrap();
    assert_eq!((replay.snapshot(), replay.is_late(), replay.passed_over()), (Some(base), false, &[][..]));
    let path = folder().join(format!("archive/{base:020}.snapshot"));
    let mut changed = like.clone();
    let bytes = changed.get_mut(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mut without = like;
    without.remove(&path);
    for files in [changed, without] {
        let shared = SimDisk::of(&files).shared();
        let replay = Replay::open(Arc::clone(&shared), folder(), From::Beginning, None).unwrap();
        assert!(replay.is_late() && replay.snapshot() > Some(base));
        let why = &replay.passed_over()[0];
        assert!(why.contains(&format!("after record {base} is passed over")), "{why}");
        assert!(replay.run(|_| {}).unwrap().late);
    }
}

#[test]
fn what_is_removed_over_a_base_that_was_lost_is_told() {
    let disk = SimDisk::of(&small().files);
    let less = Retention { archived_us: 12 * DAY_US, ..KEEP };
    assert!(!retained(&disk.shared(), &less, small().now_us).unwrap().removed.is_empty());
    let like = disk.files();
    let again = |files: &Files| retained(&SimDisk::of(files).shared(), &KEEP, small().now_us).unwrap();
    let base = noted(&SimDisk::of(&like).shared()).unwrap().base;
    let before = again(&like);
    assert!(!before.removed.is_empty() && before.plan.lost.is_none());
    let mut lost = like;
    lost.remove(&folder().join(format!("archive/{base:020}.snapshot"))).unwrap();
    let done = again(&lost);
    assert_eq!((done.removed, done.plan.lost), (before.removed, Some(base)));
}

#[test]
fn a_snapshot_whose_record_went_with_what_it_holds_is_told_as_such() {
    let small = small();
    let disk = SimDisk::of(&small.files).shared();
    let mut writer = open(&disk, &small.rules).unwrap();
    // A hundred days later no window needs what was before.
    take(&mut writer, &[event(&small.rules, 460)]);
    writer.close().unwrap();
    let all = Retention { online_us: 0, archived_us: 0, snapshots_us: 0, ..KEEP };
    assert!(!retained(&disk, &all, small.now_us + KEEP.archived_us).unwrap().removed.is_empty());
    let found = whole(&disk);
    let checked = check_snapshots(&*disk, folder(), &found.snapshots, found.first).unwrap();
    assert_eq!((checked.past.len(), checked.unrecorded.len()), (1, 0), "{checked:?}");
    assert!(checked.same > 0 && checked.changed.is_empty());
}

#[test]
fn a_segment_of_another_journal_is_not_removed() {
    let strange = SimDisk::new(9);
    let options = Options { new_id: [9; 16], clock: || 0, ..journal_options() };
    let setup = setup(&small().rules, &[], None);
    let other = Recorded::open(strange.shared(), folder(), options, OnDamage::Refuse, setup, |_| {}).unwrap();
    other.0.close().unwrap();
    let (path, held) = (segments(&strange.files())[&1].clone(), strange.files());
    let mut files = small().files.clone();
    files.remove(&segments(&files)[&1]).unwrap();
    files.insert(path.clone(), held[&path].clone());
    let disk = SimDisk::of(&files);
    let shared = disk.shared();
    opened(&shared, OnDamage::GoOn).unwrap().close().unwrap();
    let done = retained(&shared, &KEEP, small().now_us).unwrap();
    assert_eq!(disk.files().get(&path), held.get(&path));
    let why = done.plan.withheld.unwrap();
    assert!(why.contains("00000000000000000001.journal is a segment of another journal"), "{why}");
    assert!(done.removed.is_empty());
    // Somebody moves it out, and decides.
    shared.remove(&path).unwrap();
    opened(&shared, OnDamage::GoOn).unwrap().close().unwrap();
    assert!(!retained(&shared, &KEEP, small().now_us).unwrap().removed.is_empty());
}

#[test]
fn a_warm_up_from_what_retention_removed_says_so_and_can_be_asked_for_again() {
    let small = small();
    let next = bundle(&RULES.replace("count > 2", "count > 1").replace("\"small\"", "\"next\""));
    let mut ended = 0;
    // Retention comes after so many slices: where its segments are read, and where all is.
    for slices in [1, 1_000] {
        let shared = SimDisk::of(&small.files).shared();
        let mut writer = open(&shared, &small.rules).unwrap();
        writer.warm(&next).unwrap();
        let last = *records(&shared).keys().last().unwrap();
        for _ in 0..slices {
            if writer.warmth().is_some_and(|warmth| warmth.record + 17 > last) {
                break;
            }
            assert!(writer.warm_on());
        }
        assert!(!retained(&shared, &KEEP, small.now_us).unwrap().removed.is_empty());
        while writer.warm_on() {}
        let why = writer.take_warmed().unwrap().unwrap_err();
        assert!(matches!(why, WarmingError::Removed { .. }), "{why}");
        assert!(why.to_string().contains("retention removed records up to "), "{why}");
        writer.warm(&next).unwrap();
        while writer.warm_on() {}
        let warmed = writer.take_warmed().unwrap().unwrap();
        assert_eq!(Some(warmed.from), noted(&shared).map(|removed| removed.base));
        writer.close().unwrap();
        assert_eq!(replayed(&shared).unwrap().difference, None);
        ended += 1;
    }
    assert_eq!(ended, 2);
}
