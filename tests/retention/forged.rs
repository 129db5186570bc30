//! Who has not the journal's key can't claim that retention removed something.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::io::Disk;
use weir::journal::retention::Retention;
use weir::journal::{
    By, Control, HEADER_BYTES, Journal, JournalError, OnDamage, Options, Record, Recorded, RecordedError,
    Removed, Signer, Verified, Whole, removed, retain, verify,
};

use crate::disk::SimDisk;
use crate::recorded::{setup, take};
use crate::small::{FOLDER, KEEP, Small, holds, journal_options, open, records, retained, small};

fn signer() -> Signer {
    Signer::from_seed([1; 32])
}

/// What verifying finds, with the key, of a journal in which nothing was changed.
fn whole(disk: &Arc<dyn Disk>) -> Whole {
    match verify(disk, Path::new(FOLDER), Some(&signer().public()), None, |_| {}).unwrap() {
        Verified::Whole(whole) => whole,
        changed => panic!("{changed:?}"),
    }
}

/// Retention has removed something, and nobody has opened the journal since.
fn after() -> (SimDisk, Arc<dyn Disk>, &'static Small, Vec<u8>) {
    let disk = SimDisk::of(&small().files);
    let shared = disk.shared();
    assert!(!retained(&shared, &KEEP, small().now_us).unwrap().removed.is_empty());
    let note = disk.files()[&Path::new(FOLDER).join("removed.json")].clone();
    (disk, shared, small(), note)
}

fn noted(disk: &SimDisk, note: &[u8]) -> Option<Removed> {
    let mut files = disk.files();
    files.insert(Path::new(FOLDER).join("removed.json"), note.to_vec());
    removed(&*SimDisk::of(&files).shared(), Path::new(FOLDER)).unwrap()
}

fn put(disk: &SimDisk, name: &str, bytes: &[u8]) -> SimDisk {
    let mut files = disk.files();
    files.insert(Path::new(FOLDER).join(name), bytes.to_vec());
    SimDisk::of(&files)
}

fn asked(disk: &SimDisk) -> Vec<PathBuf> {
    let within = Path::new(FOLDER).join("asked");
    disk.files().into_keys().filter(|path| path.starts_with(&within)).collect()
}

/// How many records say what retention did.
fn told(disk: &Arc<dyn Disk>) -> usize {
    let retained = |body: &[u8]| matches!(Control::read(body), Some(Control::Retained { .. }));
    records(disk).values().filter(|(kind, body)| *kind == 3 && retained(body)).count()
}

#[test]
fn the_note_is_signed_and_no_byte_of_it_can_be_another() {
    let (disk, shared, _, note) = after();
    let id = whole(&shared).id;
    let is_signed = |note: &[u8], key: &Signer, id: &[u8; 16]| {
        noted(&disk, note).is_some_and(|said| said.is_signed(&key.public(), id))
    };
    assert!(is_signed(&note, &signer(), &id));
    assert!(!is_signed(&note, &Signer::from_seed([2; 32]), &id));
    assert!(!is_signed(&note, &signer(), &[9; 16]));
    for at in 0..note.len() {
        let mut changed = note.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(!is_signed(&changed, &signer(), &id), "byte {at}");
    }
    // Without the signature it says the same, and nobody says so.
    let unsigned = note.split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(noted(&disk, unsigned).unwrap().last, noted(&disk, &note).unwrap().last);
    assert!(!is_signed(unsigned, &signer(), &id));
}

#[test]
fn what_retention_did_is_taken_into_the_chain_only_with_the_keys_signature() {
    let (disk, shared, small, _) = after();
    assert_eq!(asked(&disk).len(), 1);
    let path = asked(&disk).swap_remove(0);
    let genuine = disk.files()[&path].clone();
    let before = told(&shared);
    assert_eq!(whole(&shared).removed, None, "it is in no record yet");
    let name = path.strip_prefix(FOLDER).unwrap().to_str().unwrap().to_owned();
    let unsigned = genuine.split(|byte| *byte == b'\n').next().unwrap().to_vec();
    let mut changed = genuine.clone();
    let digit = unsigned.windows(10).position(|part| part == b"\"removed\":").unwrap() + 11;
    changed[digit] ^= 1;
    let mut other = genuine.clone();
    *other.iter_mut().rev().nth(5).unwrap() ^= 1;
    for forged in [&unsigned, &changed, &other, &[&genuine[..], b"\n"].concat()] {
        let disk = put(&disk, &name, forged);
        let shared = disk.shared();
        let setup = setup(&small.rules, &[], None);
        let opened = Recorded::open(
            Arc::clone(&shared),
            Path::new(FOLDER),
            journal_options(),
            OnDamage::Refuse,
            setup,
            |_| {},
        );
        let (writer, opened) = opened.unwrap();
        assert!(
            opened.left.len() == 1 && opened.left[0].contains(path.to_str().unwrap()),
            "{:?}",
            opened.left
        );
        writer.close().unwrap();
        assert_eq!((told(&shared), whole(&shared).removed), (before, None));
        assert_eq!(disk.files()[&path], *forged, "it is left as it is");
    }
    open(&shared, &small.rules).unwrap().close().unwrap();
    assert_eq!((told(&shared), asked(&disk).len()), (before + 1, 0));
    let Whole { first, removed, .. } = whole(&shared);
    assert_eq!(removed.map(|(removed, _)| removed.last), Some(first - 1));
    // Put there again it says again what is so, and of two the one counts that says more.
    let again = put(&disk, &name, &genuine).shared();
    holds(&again, small);
    assert_eq!(told(&again), before + 2);
}

#[test]
fn a_record_behind_the_last_head_proves_nothing() {
    let (disk, shared, small, _) = after();
    for path in asked(&disk) {
        shared.remove(&path).unwrap();
    }
    // A writer that ended without closing, and somebody who goes on without the key.
    let mut writer = open(&shared, &small.rules).unwrap();
    take(&mut writer, std::slice::from_ref(&small.next));
    drop(writer);
    let before = disk.files();
    let forger = SimDisk::of(&before);
    let options = Options { signer: None, ..journal_options() };
    // Who has no key is believed no removal either.
    let (mut journal, _) =
        Journal::open(forger.shared(), Path::new(FOLDER), options, OnDamage::GoOn).unwrap();
    let first = whole(&shared).first;
    let said = Control::Retained {
        at_us: 1,
        who: "keeper".to_owned(),
        why: "policy".to_owned(),
        archived: Vec::new(),
        removed: Some((1, first - 1)),
        missing: Vec::new(),
        base: Some(first),
        snapshot: None,
        columns: 0,
    };
    let number = journal.append(Record::Control(&said.to_bytes())).unwrap();
    journal.submit().unwrap();
    journal.sync(number).unwrap();
    drop(journal);
    // What it wrote, behind what was written last.
    let journals = |disk: &SimDisk| {
        let segment = |path: &PathBuf| path.to_string_lossy().ends_with(".journal");
        disk.files().into_keys().filter(segment).max().unwrap()
    };
    let (last, forged) = (journals(&disk), journals(&forger));
    assert!(last < forged);
    let mut files = before;
    files.get_mut(&last).unwrap().extend_from_slice(&forger.files()[&forged][HEADER_BYTES..]);
    let forged = SimDisk::of(&files).shared();
    let found = whole(&forged);
    assert!(found.last == number && found.signed_to < number, "{found:?}");
    assert_eq!(found.removed, None);
    let unproven = verify(&forged, Path::new(FOLDER), None, None, |_| {}).unwrap();
    assert!(matches!(unproven, Verified::Whole(Whole { removed: Some((_, at)), .. }) if at == number));
}

#[test]
fn without_the_key_nothing_is_removed_from_a_signed_journal() {
    let disk = SimDisk::of(&small().files);
    let before = disk.files();
    let by = By { who: String::new(), why: String::new(), signer: None, unique: [7; 16] };
    let refused = retain(&disk.shared(), Path::new(FOLDER), &KEEP, small().now_us, &by).unwrap_err();
    assert!(matches!(refused, RecordedError::Journal(JournalError::KeyGone { .. })), "{refused}");
    assert_eq!(disk.files(), before);
}

#[test]
fn a_journal_that_nobody_signs_takes_what_nobody_signed() {
    let disk = SimDisk::new(3);
    let shared = disk.shared();
    let opened = || {
        let options = Options { signer: None, ..journal_options() };
        let setup = setup(&small().rules, &[], None);
        let folder = Path::new(FOLDER);
        Recorded::open(Arc::clone(&shared), folder, options, OnDamage::Refuse, setup, |_| {}).unwrap()
    };
    for _ in 0..3 {
        let (mut writer, _) = opened();
        take(&mut writer, std::slice::from_ref(&small().next));
        writer.close().unwrap();
    }
    let by = By { who: String::new(), why: String::new(), signer: None, unique: [7; 16] };
    let all = Retention { online_us: 0, ..KEEP };
    assert!(!retain(&shared, Path::new(FOLDER), &all, i64::MAX, &by).unwrap().archived.is_empty());
    let (writer, opened) = opened();
    writer.close().unwrap();
    assert_eq!((opened.left, told(&shared)), (Vec::new(), 1));
}
