//! What is archived is read as it was, and what is removed is needed by nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::engine::Recording;
use weir::io::Disk;
use weir::journal::retention::Retention;
use weir::journal::{Control, From, JournalError, Reader, RecordedError, Replay, look, removed, snapshots};
use weir::time::DAY_US;

use crate::disk::SimDisk;
use crate::small::{EVENTS, FOLDER, KEEP, Small, events_there, holds, records, retained, small};

fn named(disk: &SimDisk, within: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(FOLDER).join(within);
    let ours = |path: &PathBuf| path.parent() == Some(&folder) && path.to_string_lossy().ends_with(ending);
    disk.files().into_keys().filter(ours).collect()
}

fn on_a_disk() -> (SimDisk, Arc<dyn Disk>, &'static Small) {
    let disk = SimDisk::of(&small().files);
    (disk.clone(), disk.shared(), small())
}

const ALL: Retention =
    Retention { online_us: 0, archived_us: 999 * DAY_US, columns_us: 0, snapshots_us: DAY_US };

#[test]
fn looking_changes_nothing_and_doing_does_what_was_seen() {
    let (disk, shared, small) = on_a_disk();
    let before = disk.files();
    let plan = look(&shared, Path::new(FOLDER), &KEEP, small.now_us, None).unwrap();
    assert_eq!(disk.files(), before);
    let done = retained(&shared, &KEEP, small.now_us).unwrap();
    assert_eq!(done.plan, plan);
    assert!(!done.archived.is_empty() && !done.removed.is_empty());
    for archived in &done.archived {
        assert!(archived.bytes > 0 && archived.online_bytes > 0);
    }
    let first = holds(&shared, small);
    assert_eq!(first, done.removed.last().unwrap().last + 1);
    let said = removed(&*shared, Path::new(FOLDER)).unwrap().unwrap();
    assert_eq!((said.last, Some(said.base)), (first - 1, plan.base));
    // It is in the chain.
    let mut records = records(&shared).into_values();
    let said = records.find_map(|(kind, body)| match Control::read(&body).filter(|_| kind == 3)? {
        Control::Retained { removed: Some(removed), base, who, .. } => Some((removed, base, who)),
        _ => None,
    });
    assert_eq!(said, Some(((1, first - 1), plan.base, "keeper".to_owned())));
}

#[test]
fn no_event_goes_that_a_window_still_needs() {
    let (_, shared, small) = on_a_disk();
    // However short what is asked for.
    let none = Retention { online_us: 0, archived_us: 0, columns_us: 0, snapshots_us: 0 };
    retained(&shared, &none, small.now_us).unwrap();
    let first = holds(&shared, small);
    assert!(first > 1);
    // The newest event came in 14.75 days after the first; nine days before it is event 23.
    let there = events_there(&shared);
    assert!(there[0] <= 24 && there.len() >= EVENTS - 24, "{there:?}");
}

#[test]
fn all_of_it_can_be_archived_but_the_newest() {
    let (disk, shared, small) = on_a_disk();
    retained(&shared, &ALL, small.now_us).unwrap();
    assert_eq!(named(&disk, "", ".journal").len(), 1);
    assert!(named(&disk, "archive", ".journal.zst").len() > 5);
    assert_eq!(holds(&shared, small), 1);
    let replay = Replay::open(Arc::clone(&shared), Path::new(FOLDER), From::Snapshot, None).unwrap();
    assert!(replay.run(|_| {}).unwrap().difference.is_none());
}

#[test]
fn the_oldest_snapshot_is_what_is_begun_from_when_all_newer_ones_are_gone() {
    let (disk, shared, small) = on_a_disk();
    let done = retained(&shared, &KEEP, small.now_us).unwrap();
    let base = done.plan.base.unwrap();
    let all = [named(&disk, "snapshots", ".snapshot"), named(&disk, "archive", ".snapshot")].concat();
    assert_eq!(*snapshots(&*shared, Path::new(FOLDER)).unwrap().last().unwrap(), base);
    for path in all.iter().filter(|path| !path.ends_with(format!("{base:020}.snapshot"))) {
        shared.remove(path).unwrap();
    }
    holds(&shared, small);
    // An audit reads other features from there than were recorded.
    let all = Replay::open(Arc::clone(&shared), Path::new(FOLDER), From::Beginning, Some(Recording::All));
    assert_eq!(all.unwrap().snapshot(), Some(base));
    shared.remove(&Path::new(FOLDER).join(format!("archive/{base:020}.snapshot"))).unwrap();
    let gone = Replay::open(Arc::clone(&shared), Path::new(FOLDER), From::Beginning, None).err().unwrap();
    assert!(matches!(gone, RecordedError::NoSnapshot { .. }), "{gone}");
    let gone = crate::small::open(&shared, &small.rules).err().unwrap();
    assert!(matches!(gone, RecordedError::NoSnapshot { .. }), "{gone}");
}

#[test]
fn nothing_is_removed_where_no_engine_can_be_made_of_the_snapshot() {
    let (disk, _, small) = on_a_disk();
    let mut files = disk.files();
    for (_, bytes) in files.iter_mut().filter(|(path, _)| path.to_string_lossy().ends_with(".snapshot")) {
        let half = bytes.len() / 2;
        bytes[half] ^= 1;
    }
    let shared = SimDisk::of(&files).shared();
    let plan = look(&shared, Path::new(FOLDER), &KEEP, small.now_us, None).unwrap();
    assert_eq!(plan.base, None);
    retained(&shared, &KEEP, small.now_us).unwrap();
    assert_eq!(holds(&shared, small), 1);
}

#[test]
fn a_reader_finds_what_moves_while_it_reads() {
    let (_, shared, small) = on_a_disk();
    let mut reader = Reader::open(Arc::clone(&shared), Path::new(FOLDER)).unwrap();
    let mut seen = Vec::new();
    // Within the first segment; all others move.
    for _ in 0..2 {
        seen.push(reader.next_entry().unwrap().unwrap().body.to_vec());
    }
    let done = retained(&shared, &ALL, small.now_us).unwrap();
    assert!(done.archived.len() > 3);
    assert!(reader.bytes().unwrap() > 1000);
    while let Some(entry) = reader.next_entry().unwrap() {
        seen.push(entry.body.to_vec());
    }
    let was: Vec<&Vec<u8>> = small.records.values().map(|(_, body)| body).collect();
    assert!(seen.iter().eq(was));
}

#[test]
fn a_flipped_bit_in_the_archive_is_told_with_its_place_or_harms_no_record() {
    let (disk, shared, small) = on_a_disk();
    retained(&shared, &ALL, small.now_us).unwrap();
    let files = disk.files();
    let path = named(&disk, "archive", ".journal.zst").swap_remove(1);
    let name = path.strip_prefix(FOLDER).unwrap().to_str().unwrap();
    let last = *records(&shared).keys().last().unwrap();
    let (mut told, mut tried, length) = (0, 0, files[&path].len());
    for at in (0..length).step_by(19) {
        tried += 1;
        let mut files = files.clone();
        files.get_mut(&path).unwrap()[at] ^= 1 << (at % 8);
        let disk = SimDisk::of(&files).shared();
        let mut reader = Reader::open(disk, Path::new(FOLDER)).unwrap();
        let (mut missing, mut seen) = (0, 0);
        loop {
            match reader.next_entry() {
                Ok(Some(entry)) => {
                    seen += 1;
                    if let Some(was) = small.records.get(&entry.number) {
                        assert_eq!(entry.body, &was.1[..], "byte {at}");
                    }
                }
                Ok(None) => break,
                Err(JournalError::Damaged(damage)) => {
                    assert!(damage.file == name || damage.byte == 0, "byte {at}: {damage}");
                    missing += damage.missing;
                    told += 1;
                }
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
        assert!(reader.torn().is_none(), "byte {at}");
        assert_eq!(seen + missing, last, "byte {at}");
    }
    assert!(tried > 20 && told > tried / 2, "{told} of {tried}");
}

#[test]
fn a_whole_segment_before_a_missing_one_is_archived_with_the_records_that_are_in_it() {
    let (disk, _, small) = on_a_disk();
    let mut files = disk.files();
    let paths = named(&disk, "", ".journal");
    let first = |at: usize| {
        paths[at].file_name().unwrap().to_str().unwrap().split('.').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(files.remove(&paths[1]).is_some());
    let shared = SimDisk::of(&files).shared();
    let done = retained(&shared, &ALL, small.now_us).unwrap();
    assert_eq!(done.damaged, []);
    let archived = done.archived.iter().find(|archived| archived.segment.first == first(0)).unwrap();
    assert_eq!(archived.segment.last, first(1) - 1, "and not those of the missing one");
    assert!(done.plan.segments.iter().any(|(planned, _)| *planned == archived.segment), "nor is more said");
    // What ends within a record is not whole.
    let bytes = files.get_mut(&paths[0]).unwrap();
    bytes.truncate(bytes.len() - 3);
    let shared = SimDisk::of(&files).shared();
    let done = retained(&shared, &ALL, small.now_us).unwrap();
    assert_eq!(done.damaged.iter().map(|segment| segment.first).collect::<Vec<_>>(), [first(0)]);
}

#[test]
fn a_damaged_segment_stays_where_it_is() {
    let (disk, _, small) = on_a_disk();
    let mut files = disk.files();
    let path = named(&disk, "", ".journal").swap_remove(1);
    let bytes = files.get_mut(&path).unwrap();
    let at = bytes.len() - 5;
    bytes[at] ^= 4;
    let damaged = SimDisk::of(&files);
    let shared = damaged.shared();
    let done = retained(&shared, &ALL, small.now_us).unwrap();
    assert_eq!(done.damaged.len(), 1);
    assert!(damaged.files()[&path] == files[&path]);
}
