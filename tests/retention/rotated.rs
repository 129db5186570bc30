//! Snapshots that the writer takes away between a look at the list and reading them.

use std::path::Path;
use std::sync::Arc;

use weir::journal::{From, OnDamage, Recorded, Replay, snapshots};

use crate::disk::SimDisk;
use crate::recorded::{bundle, setup};
use crate::small::{FOLDER, RULES, journal_options, small};

fn named(number: u64) -> String {
    format!("{number:020}.snapshot")
}

#[test]
fn a_replay_from_a_snapshot_that_was_rotated_away_takes_the_one_in_its_place() {
    let small = small();
    let disk = SimDisk::of(&small.files);
    let (shared, folder) = (disk.shared(), Path::new(FOLDER));
    let newest = snapshots(&*shared, folder).unwrap()[0];
    for times in [0, 1, 2, 9] {
        // Those of a moment ago.
        disk.list_as(&folder.join("snapshots"), &[named(newest - 2), named(newest - 1)], times);
        let replay = Replay::open(Arc::clone(&shared), folder, From::Snapshot, None).unwrap();
        assert_eq!((replay.snapshot(), replay.passed_over()), (Some(newest), &[][..]), "{times}");
        assert_eq!(replay.run(|_| {}).unwrap().difference, None);
    }
}

#[test]
fn a_replay_needs_a_snapshot_by_its_name_no_more_once_it_reads_it() {
    let small = small();
    let held = snapshots(&*SimDisk::of(&small.files).shared(), Path::new(FOLDER)).unwrap();
    for opens in 1..8 {
        let disk = SimDisk::of(&small.files);
        disk.rotate(&Path::new(FOLDER).join("snapshots").join(named(held[0])), opens);
        let replay = Replay::open(disk.shared(), Path::new(FOLDER), From::Snapshot, None);
        let replay = replay.unwrap_or_else(|error| panic!("gone after {opens}: {error}"));
        assert!(held[..2].contains(&replay.snapshot().unwrap()), "{opens}");
        assert_eq!(replay.run(|_| {}).unwrap().difference, None);
    }
}

#[test]
fn a_warm_up_from_a_snapshot_that_was_rotated_away_takes_the_one_in_its_place() {
    let small = small();
    let mut files = small.files.clone();
    // The beginning is lost, and somebody goes on from a snapshot.
    files.remove(&Path::new(FOLDER).join("archive/00000000000000000001.journal.zst"));
    let (disk, folder) = (SimDisk::of(&files), Path::new(FOLDER));
    let shared = disk.shared();
    let setup = setup(&small.rules, &[], None);
    let opened =
        Recorded::open(Arc::clone(&shared), folder, journal_options(), OnDamage::GoOn, setup, |_| {});
    let (mut writer, opened) = opened.unwrap();
    let gone = opened.recovered.damage[0].missing;
    let next = bundle(&RULES.replace("count > 2", "count > 1").replace("\"small\"", "\"next\""));
    disk.list_as(&folder.join("snapshots"), &[named(gone)], 1);
    // And the one in its place once it is open.
    let place = snapshots(&*shared, folder).unwrap().into_iter().rfind(|number| *number > gone).unwrap();
    disk.rotate(&folder.join("snapshots").join(named(place)), 2);
    writer.warm(&next).unwrap();
    while writer.warm_on() {}
    let warmed = writer.take_warmed().unwrap().unwrap();
    assert!(warmed.from > gone, "{} and {gone}", warmed.from);
}
