//! No event waits for a look at the whole journal: what the thread that decides reads for a warm-up doesn't grow with it.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};

use weir::io::{Disk, DiskFile, FileId, Held, RealDisk};
use weir::journal::{OnDamage, Recorded, SLICE_RECORDS};

use crate::recorded::{bundle, line, options, setup};
use crate::{NEXT, RULES, payments};

/// The machine's disk; counts how often the thread that made it opens a file to read, and the bytes.
#[derive(Debug)]
struct Counting {
    by: ThreadId,
    opened: AtomicU64,
    bytes: Arc<AtomicU64>,
}

struct Counted(Box<dyn Read + Send>, ThreadId, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.read(buffer)?;
        if thread::current().id() == self.1 {
            self.2.fetch_add(bytes as u64, Ordering::SeqCst);
        }
        Ok(bytes)
    }
}

impl Disk for Counting {
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.opened.fetch_add(u64::from(thread::current().id() == self.by), Ordering::SeqCst);
        Ok(Box::new(Counted(RealDisk.read(path)?, self.by, Arc::clone(&self.bytes))))
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_folder(path)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(folder)
    }
    fn create_inner_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_inner_folder(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path)
    }
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create_private(path)
    }
    fn length(&self, path: &Path) -> io::Result<u64> {
        RealDisk.length(path)
    }
    fn is_file(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_file(path)
    }
    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        RealDisk.id(path)
    }
    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        RealDisk.cut(path, length)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        RealDisk.lock(path)
    }
}

#[test]
fn no_event_waits_for_the_whole_journal() {
    let (rules, next) = (bundle(RULES), bundle(NEXT));
    let events = payments(&rules, 4_000);
    let folder = tempfile::tempdir().unwrap();
    let bytes = Arc::new(AtomicU64::new(0));
    let (by, opened) = (thread::current().id(), AtomicU64::new(0));
    let disk = Arc::new(Counting { by, opened, bytes: Arc::clone(&bytes) });
    let shared: Arc<dyn Disk> = Arc::clone(&disk) as Arc<dyn Disk>;
    let opened = || disk.opened.load(Ordering::SeqCst);
    let (mut recorded, _) =
        Recorded::open(shared, folder.path(), options(), OnDamage::Refuse, setup(&rules, &[], None), |_| {})
            .unwrap();
    let step = |recorded: &mut Recorded, n: usize| {
        recorded.step(&events[n], &line(&events[n])).unwrap();
        recorded.submit().unwrap();
    };
    for n in 0..3_000 {
        step(&mut recorded, n);
    }
    recorded.sync(recorded.durable().max(1)).unwrap();
    let (before, files) = (bytes.load(Ordering::SeqCst), opened());
    recorded.warm(&next).unwrap();
    assert_eq!((bytes.load(Ordering::SeqCst), opened()), (before, files), "asking reads nothing");
    let (mut over, mut most) = (None, 0);
    for n in 3_000..4_000 {
        let before = bytes.load(Ordering::SeqCst);
        step(&mut recorded, n);
        most = most.max(bytes.load(Ordering::SeqCst) - before);
        assert!(recorded.warmth().is_none_or(|warmth| warmth.turn_records_max <= SLICE_RECORDS));
        if recorded.warmth().is_none() {
            over.get_or_insert(n);
        }
        if recorded.warmth().is_some_and(|warmth| warmth.from.is_none()) {
            // So that the other thread, which has all of it to read, comes to its turn.
            thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    assert!(over.is_some(), "it took over");
    let journal = std::fs::metadata(crate::recorded::newest_segment(folder.path())).unwrap().len();
    // One piece of a file, or two where a segment ends.
    assert!(
        most <= 2 * (256 << 10) && journal > 2 * most,
        "{most} bytes in a step of a journal of {journal}"
    );
}
