//! What must hold of any bytes in a journal's folder: shared by the fuzz target and by the bounded run in the tests.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "a failure stops")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use weir::journal::{EventForm, Journal, JournalError, OnDamage, Options, Reader, Record, verify};

use crate::disk::SimDisk;

const FOLDER: &str = "/j";
type Files = BTreeMap<PathBuf, Vec<u8>>;
type Bodies = BTreeMap<u64, Vec<u8>>;

/// Any bytes: with an even first byte they are a segment, otherwise they say how a good journal is changed. It is read to its
/// end, and what is given is in order, and was written; with the decision to go on it opens, and then opens again without.
/// Gives whether any record was read.
pub fn journal(data: &[u8]) -> bool {
    let Some((how, rest)) = data.split_first() else { return false };
    let (good, bodies) = good();
    let (files, bodies) = if how % 2 == 0 {
        (Files::from([(path(1), rest.to_vec())]), None)
    } else {
        let mut files = good.clone();
        rest.chunks_exact(5).take(64).for_each(|edit| change(&mut files, edit));
        (files, Some(bodies))
    };
    let disk = SimDisk::of(&files);
    let records = read(&disk, bodies);
    // It tells, whatever there is.
    let _ = verify(&disk.shared(), Path::new(FOLDER), None, None, |_| {});
    let open = |on_damage| {
        let options = Options::new(|| 0, [1; 16]);
        Journal::open_stepped(disk.shared(), Path::new(FOLDER), options, on_damage)
    };
    let (mut journal, mut stepper, first) = match open(OnDamage::GoOn) {
        Err(JournalError::Version { .. }) => return records > 0,
        opened => opened.unwrap(),
    };
    let next = journal.append(Record::Event { form: EventForm::Json, bytes: b"next" }).unwrap();
    journal.submit().unwrap();
    assert!(stepper.step(true) && journal.durable() == next);
    drop((journal, stepper));
    let (_, _, second) = open(OnDamage::Refuse).unwrap();
    let same = second.damage.iter().zip(&first.damage).all(|(second, first)| second.same(first));
    assert!(
        same && (second.last, second.damage.len()) == (next, first.damage.len()),
        "{first:?}, then {second:?}"
    );
    records > 0
}

fn path(first: u64) -> PathBuf {
    Path::new(FOLDER).join(format!("{first:020}.journal"))
}

/// A good journal of a few segments, and what its records say.
fn good() -> &'static (Files, Bodies) {
    static GOOD: OnceLock<(Files, Bodies)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let disk = SimDisk::new(1);
        let options = Options { segment_bytes: 600, ..Options::new(|| 0, [1; 16]) };
        let (mut journal, mut stepper, _) =
            Journal::open_stepped(disk.shared(), Path::new(FOLDER), options, OnDamage::Refuse).unwrap();
        let mut bodies = Bodies::new();
        for at in 0..16_u64 {
            let body = format!("{{\"id\":{at}}}").into_bytes();
            let number = journal.append(Record::Event { form: EventForm::Json, bytes: &body }).unwrap();
            bodies.insert(number, body);
            if at % 3 == 0 {
                journal.submit().unwrap();
                stepper.step(true);
            }
        }
        journal.submit().unwrap();
        stepper.step(true);
        (disk.files(), bodies)
    })
}

/// Where the frames of a segment are.
fn frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut frames = Vec::new();
    let mut at = 96;
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let end = at.saturating_add(60).saturating_add(u32::from_le_bytes(*length) as usize);
        if end > bytes.len() {
            break;
        }
        frames.push(at..end);
        at = end;
    }
    frames
}

/// One change: what, to which file, where (two bytes), and a value.
fn change(files: &mut Files, edit: &[u8]) {
    let Some(path) = files.keys().nth(usize::from(edit[1]) % files.len().max(1)).cloned() else { return };
    let place = usize::from(u16::from_le_bytes([edit[2], edit[3]]));
    let Some(bytes) = files.get_mut(&path) else { return };
    let frames = frames(bytes);
    let frame = |at: usize| frames.get(at % frames.len().max(1)).cloned();
    match edit[0] % 8 {
        0 if !bytes.is_empty() => {
            let at = place % bytes.len();
            bytes[at] ^= edit[4];
        }
        1 => frame(place).into_iter().for_each(|frame| drop(bytes.drain(frame))),
        2 => {
            let copy = frame(place).map(|frame| bytes[frame].to_vec());
            let at = frame(usize::from(edit[4])).map_or(bytes.len(), |frame| frame.start);
            bytes.splice(at..at, copy.into_iter().flatten());
        }
        3 => bytes.truncate(place),
        4 => drop(files.remove(&path)),
        5 => bytes.extend(std::iter::repeat_n(edit[4], place % 512)),
        6 => {
            let end = (place + usize::from(edit[4])).min(bytes.len());
            bytes.get_mut(place..end).into_iter().for_each(|part| part.fill(0));
        }
        _ => {
            // A segment under another name.
            let copy = bytes.clone();
            files.insert(self::path(u64::from(edit[4]) + 1), copy);
        }
    }
}

fn read(disk: &SimDisk, bodies: Option<&Bodies>) -> u64 {
    let mut reader = Reader::open(disk.shared(), Path::new(FOLDER)).unwrap();
    let (mut records, mut last, mut reports) = (0, 0, 0);
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => {
                assert!(entry.number > last, "{} after {last}", entry.number);
                if let Some(bodies) = bodies {
                    assert_eq!(
                        bodies.get(&entry.number).map(Vec::as_slice),
                        Some(entry.body),
                        "another record"
                    );
                }
                (records, last) = (records + 1, entry.number);
            }
            Ok(None) => return records,
            Err(JournalError::Damaged(_)) => reports += 1,
            Err(JournalError::Version { .. }) => return records,
            Err(error) => panic!("{error}"),
        }
        assert!(reports < 10_000, "it does not end");
    }
}
