//! A small journal cut at every byte, and with a bit flipped in every byte: recovered or reported, never wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use weir::journal::{Journal, JournalError, OnDamage, Reader, Record, Verified, Whole, verify};

use crate::disk::SimDisk;
use crate::twin::{FOLDER, event, options, small};

type Files = BTreeMap<PathBuf, Vec<u8>>;
type Bodies = BTreeMap<u64, Vec<u8>>;

/// Reads all that can be read: it must be what was written, in order. Gives how many, and whether anything was reported.
fn read(disk: &SimDisk, bodies: &Bodies) -> (u64, bool) {
    let mut reader = Reader::open(disk.shared(), Path::new(FOLDER)).unwrap();
    let (mut records, mut last, mut reported) = (0, 0, false);
    for _ in 0..1000 {
        match reader.next_entry() {
            Ok(Some(entry)) => {
                assert!(entry.number > last, "{} after {last}", entry.number);
                if let Some(body) = bodies.get(&entry.number) {
                    assert_eq!(entry.body, body, "record {} is another", entry.number);
                }
                (records, last) = (records + 1, entry.number);
            }
            Ok(None) => return (records, reported || reader.torn().is_some()),
            Err(JournalError::Damaged(_)) => reported = true,
            Err(JournalError::Version { .. }) => return (records, true),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it does not end");
}

/// What must hold of a journal that somebody changed. Gives whether opening it refused.
fn changed(files: &Files, bodies: &Bodies, what: &str) -> bool {
    let disk = SimDisk::of(files);
    let (records, reported) = read(&disk, bodies);
    let whole = records == bodies.len() as u64 && !reported;
    match verify(&disk.shared(), Path::new(FOLDER), None, None, |_| {}) {
        Ok(Verified::Whole(Whole { first, last, torn, .. })) => {
            let less = torn.is_some() || last < bodies.len() as u64 || first > 1;
            assert!(whole || less, "{what}: verified");
        }
        Ok(Verified::Changed { .. }) => assert!(reported, "{what}: nothing was seen by the reader"),
        Err(error) => assert!(files.is_empty() || reported, "{what}: {error}"),
    }
    let open = |how| Journal::open_stepped(disk.shared(), Path::new(FOLDER), options(), how);
    let refused = match open(OnDamage::Refuse) {
        Ok((_, _, recovered)) => {
            assert!(recovered.damage.is_empty(), "{what}: {recovered:?}");
            let lasts = if records == 0 { 0 } else { recovered.first + records - 1 };
            assert_eq!(recovered.last, lasts, "{what}: {recovered:?}");
            false
        }
        Err(JournalError::Damaged(damage)) => {
            // Who reads from what is there on asks nobody where the rest is; who writes behind it does.
            let begins =
                files.keys().next().is_some_and(|path| path.ends_with("00000000000000000001.journal"));
            assert!(reported || !begins, "{what}: {damage}");
            true
        }
        Err(JournalError::Version { .. }) => return true,
        Err(error) => panic!("{what}: {error}"),
    };
    // With the decision to go on it does, keeps all that is whole, and what comes next is written.
    let before = records;
    let (mut journal, mut stepper, recovered) =
        open(OnDamage::GoOn).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(recovered.damage.is_empty(), !refused, "{what}");
    journal.append(event(b"next")).unwrap();
    journal.submit().unwrap();
    stepper.step(true);
    let last = journal.durable();
    drop((journal, stepper));
    let (records, _) = read(&disk, &bodies.range(..=recovered.last).map(|(n, b)| (*n, b.clone())).collect());
    assert_eq!(records, before + 1 + u64::from(refused), "{what}");
    // The decision stands: nobody is asked again.
    let (_, _, again) = open(OnDamage::Refuse).unwrap_or_else(|error| panic!("{what}: again: {error}"));
    assert_eq!((again.last, again.damage.len()), (last, recovered.damage.len()), "{what}");
    refused
}

#[test]
fn a_journal_cut_at_any_byte_is_recovered_or_reported() {
    let (files, bodies) = small(None);
    let (mut refused, mut recovered) = (0, 0);
    for (path, bytes) in &files {
        for length in 0..bytes.len() {
            let mut files = files.clone();
            files.get_mut(path).unwrap().truncate(length);
            let last_file = files.keys().last() == Some(path);
            let now = changed(&files, &bodies, &format!("{} cut at {length}", path.display()));
            assert!(!(last_file && now), "{} cut at {length}: a torn tail is no damage", path.display());
            *(if now { &mut refused } else { &mut recovered }) += 1;
        }
        let mut files = files.clone();
        files.remove(path);
        changed(&files, &bodies, &format!("without {}", path.display()));
    }
    assert!(refused > 100 && recovered > 100, "{refused} refused, {recovered} recovered");
}

#[test]
fn a_bit_flipped_in_any_byte_is_recovered_or_reported() {
    let (files, bodies) = small(None);
    let (mut refused, mut recovered) = (0, 0);
    for (path, bytes) in &files {
        for at in 0..bytes.len() {
            let mut files = files.clone();
            files.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
            let now = changed(&files, &bodies, &format!("{} flipped at {at}", path.display()));
            *(if now { &mut refused } else { &mut recovered }) += 1;
        }
    }
    // What no later record speaks for can't be told from what was never finished: the last group alone.
    assert!(refused > 1000 && recovered > 100, "{refused} refused, {recovered} recovered");
}

#[test]
fn damage_is_told_with_its_place_its_extent_and_the_records_that_are_missing() {
    let (mut files, _) = small(None);
    let bytes = files.values_mut().next().unwrap();
    let length = |at: usize| 60 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let second = 96 + length(96);
    let (extent, third) = (length(second), second + length(second));
    let fourth = third + length(third);
    bytes[second + 61] ^= 4;
    bytes[third + 8] ^= 4;
    let disk = SimDisk::of(&files);
    let open = || Journal::open_stepped(disk.shared(), Path::new(FOLDER), options(), OnDamage::Refuse);
    let error = open().unwrap_err().to_string();
    assert!(extent > 60);
    let place = format!(
        "00000000000000000001.journal is damaged from byte {second} on for {} bytes: a record's checksum is wrong; \
         records 2 to 3 are missing; restore the file from a copy, or decide to go on",
        fourth - second
    );
    assert!(error.starts_with(&place), "{error}\n{place}");
}

#[test]
fn a_reader_begins_where_it_is_told_to() {
    let (files, bodies) = small(None);
    let disk = SimDisk::of(&files);
    for number in 0..20 {
        let mut reader = Reader::from(disk.shared(), Path::new(FOLDER), number).unwrap();
        let mut seen = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            if let Ok(Record::Event { bytes, .. }) = entry.record() {
                assert_eq!(bytes, bodies[&entry.number]);
            }
            seen.push(entry.number);
        }
        let expected: Vec<u64> = bodies.keys().copied().filter(|at| *at >= number).collect();
        assert_eq!(seen, expected, "from {number}");
        assert_eq!(reader.bytes_read(), reader.bytes().unwrap());
    }
}
