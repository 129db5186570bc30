//! Chunks in files: they come back as they were, are gone when they are dropped, and a damaged one is an error.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use weir::io::{ChunkError, ChunkFiles, Reading};
use weir::state::{ChunkColumns, ChunkStore, Fetched};

fn chunk(number: i64) -> ChunkColumns {
    ChunkColumns {
        at_us: (0..100).map(|row| number * 100 + row).collect(),
        shape: (0..100).map(|row| row % 3).collect(),
        slots: vec![(0..100).collect(), (100..200).collect()],
        values: vec![(0..100).map(|row| -row * number).collect()],
        shapes: (0..9).collect(),
        back: if number % 2 == 0 { Vec::new() } else { (0..100).collect() },
    }
}

/// All files of chunks within a folder, however deep.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|ending| ending == "arrow")).collect()
}

/// Asks until the chunk is there.
fn wait(store: &mut dyn ChunkStore, number: u64) -> ChunkColumns {
    for _ in 0..10_000 {
        if let Fetched::Ready(chunk) = store.get(number) {
            return chunk;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("chunk {number} never came");
}

#[test]
fn chunks_come_back_and_their_files_go_when_they_are_dropped() {
    for reading in [Reading::Blocking, Reading::Ahead] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = ChunkFiles::create(folder.path(), reading).unwrap();
        let watch = store.watch();
        let mut other = store.another();
        for number in 0..5 {
            store.put(number, chunk(number as i64));
            other.put(number, chunk(-(number as i64)));
        }
        store.hint(4);
        if reading == Reading::Blocking {
            assert_eq!(store.get(3), Fetched::Ready(chunk(3)));
        }
        for number in [4, 0, 4, 2] {
            assert_eq!(wait(&mut store, number), chunk(number as i64));
            assert_eq!(wait(&mut *other, number), chunk(-(number as i64)));
        }
        assert_eq!(files(folder.path()).len(), 10);
        store.drop_before(3);
        assert_eq!(files(folder.path()).len(), 7);
        assert_eq!(store.get(2), Fetched::NotYet);
        assert!(watch.error().is_none());
        drop((store, other, watch));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}

#[test]
fn what_is_kept_can_be_read_when_the_store_is_gone_and_goes_with_its_holder() {
    for reading in [Reading::Blocking, Reading::Ahead] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = ChunkFiles::create(folder.path(), reading).unwrap();
        (0..3).for_each(|number| store.put(number, chunk(number as i64)));
        let kept = [0, 2].map(|number| store.keep(number));
        store.drop_before(2);
        assert_eq!(files(folder.path()).len(), 2, "the first is kept, the second is gone");
        assert!(store.keep(7).read().is_err());
        drop(store);
        assert_eq!(kept[0].read().unwrap(), chunk(0));
        assert_eq!(kept[1].read().unwrap(), chunk(2));
        drop(kept);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}

#[test]
fn what_is_waited_for_comes_however_much_else_is_read_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = ChunkFiles::create(folder.path(), Reading::Ahead).unwrap();
    (0..200).for_each(|number| store.put(number, chunk(number as i64)));
    (1..200).for_each(|number| store.hint(number));
    assert_eq!(wait(&mut store, 199), chunk(199), "all others were read before it");
    assert_eq!(wait(&mut store, 0), chunk(0));
    (1..200).for_each(|number| assert_eq!(wait(&mut store, number), chunk(number as i64)));
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_chunk() {
    for reading in [Reading::Blocking, Reading::Ahead] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = ChunkFiles::create(folder.path(), reading).unwrap();
        let watch = store.watch();
        store.put(0, chunk(0));
        store.put(1, chunk(1));
        let damaged = files(folder.path()).into_iter().find(|path| path.ends_with("log-0-chunk-0.arrow"));
        let damaged = damaged.unwrap();
        let mut bytes = fs::read(&damaged).unwrap();
        for at in (0..bytes.len()).step_by(97) {
            bytes[at] ^= 4;
            fs::write(&damaged, &bytes).unwrap();
            bytes[at] ^= 4;
            for _ in 0..3 {
                assert_eq!(store.get(0), Fetched::NotYet);
            }
        }
        assert_eq!(wait(&mut store, 1), chunk(1), "the others are as they were");
        let error = watch.error().unwrap();
        assert!(matches!(&*error, ChunkError::Damaged { path, .. } if *path == damaged), "{error}");
    }
}

#[test]
fn what_cannot_be_written_stays_in_memory_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = ChunkFiles::create(folder.path(), Reading::Blocking).unwrap();
    let watch = store.watch();
    let inner = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(&inner).unwrap();
    store.put(0, chunk(0));
    assert_eq!(store.get(0), Fetched::Ready(chunk(0)));
    assert!(matches!(&*watch.error().unwrap(), ChunkError::Write { .. }));
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = ChunkFiles::create(&folder.path().join("file"), Reading::Blocking);
    assert!(matches!(refused, Err(ChunkError::Folder { .. })));
}
