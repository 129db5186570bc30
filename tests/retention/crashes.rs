//! A crash at every step of retention, on the simulated disk.

use crate::disk::{Faults, SimDisk};
use crate::limited::Limited;
use crate::small::{KEEP, holds, records, retained, small};

#[test]
fn a_crash_at_any_step_loses_and_doubles_no_record() {
    let small = small();
    let (mut steps, mut begins) = (0, Vec::new());
    loop {
        let disk = SimDisk::seeded(&small.files, steps);
        let limited = Limited::of(&disk, steps);
        let done = retained(&limited, &KEEP, small.now_us);
        drop(limited);
        if steps % 2 == 0 {
            disk.crash()
        } else {
            disk.kill()
        }
        let shared = disk.shared();
        begins.push(holds(&shared, small));
        // What was begun is finished.
        let again = retained(&shared, &KEEP, small.now_us).unwrap();
        assert!(again.damaged.is_empty());
        let first = records(&shared).into_keys().next().unwrap();
        assert!(first > 1);
        if steps % 5 == 0 {
            holds(&shared, small);
        }
        let partial = |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(".partial");
        assert_eq!(disk.files().keys().find(partial), None);
        if done.is_ok() {
            assert_eq!(begins.last(), Some(&first));
            break;
        }
        steps += 1;
    }
    assert!(steps > 40, "{steps} steps");
    begins.dedup();
    assert!(begins.len() > 2, "segments go one after the other: {begins:?}");
}

#[test]
fn whatever_the_disk_does_meanwhile_no_record_is_lost() {
    let small = small();
    let (mut done, mut failed) = (0, 0);
    for seed in 0..40 {
        let disk = SimDisk::seeded(&small.files, seed);
        let often = |most: u64| u32::try_from(seed * 7 % most).unwrap();
        disk.set(Faults {
            write: often(20),
            full: often(11),
            sync: often(17),
            folder: often(13),
            create: often(12),
            rename: often(19),
            read: often(5),
            flip: often(23),
            ..Faults::default()
        });
        match retained(&disk.shared(), &KEEP, small.now_us) {
            Ok(_) => done += 1,
            Err(_) => failed += 1,
        }
        disk.set(Faults::default());
        disk.crash();
        let shared = disk.shared();
        holds(&shared, small);
        retained(&shared, &KEEP, small.now_us).unwrap();
        assert!(holds(&shared, small) > 1);
    }
    assert!(done > 3 && failed > 3, "{done} done, {failed} failed");
}
