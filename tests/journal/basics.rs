//! Appending, waiting, rotating, closing; what happens where the disk refuses; one writer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weir::io::{Disk, DiskFile, FileId, Held, RealDisk};
use weir::journal::{Journal, JournalError, Mode, OnDamage, Options, Reader, Record};

use crate::disk::{Faults, SimDisk};
use crate::twin::{FOLDER, event, opened, options};

fn real(folder: &Path, options: Options) -> Journal {
    Journal::open(Arc::new(RealDisk), folder, options, OnDamage::Refuse).unwrap().0
}

#[test]
fn each_mode_writes_the_same_and_goes_on_after_closing() {
    for mode in [Mode::Sync, Mode::Group, Mode::Async { within_ms: 20 }] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("journal");
        let options = Options { mode, segment_bytes: 2_000, ..options() };
        let mut last = 0;
        for life in 0..3 {
            let disk = Arc::new(RealDisk);
            let (mut journal, recovered) =
                Journal::open(disk, &folder, options.clone(), OnDamage::Refuse).unwrap();
            assert_eq!((recovered.last, recovered.closed), (last, life > 0), "{mode:?}");
            for _ in 0..100 {
                last = journal.append(event(b"{\"id\":\"a\"}")).unwrap();
                journal.submit().unwrap();
            }
            journal.wait(last).unwrap();
            if !matches!(mode, Mode::Async { .. }) {
                assert!(journal.durable() >= last);
                assert_eq!(journal.figures().records, 100);
            }
            let figures = journal.figures();
            assert!(mode != Mode::Sync || figures.syncs() >= 100, "{figures:?}");
            assert!(figures.syncs() == 0 || figures.sync_ns(0.5) > 1000, "no disk is that fast: {figures:?}");
            journal.close().unwrap();
            last += 1;
        }
        let mut reader = Reader::open(Arc::new(RealDisk), &folder).unwrap();
        let mut records = 0;
        while let Some(entry) = reader.next_entry().unwrap() {
            records += 1;
            assert_eq!(entry.number, records);
        }
        assert_eq!(records, last);
        assert!(std::fs::read_dir(&folder).unwrap().count() > 10, "it rotates");
    }
}

#[test]
fn async_mode_keeps_its_bound_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = real(folder.path(), Options { mode: Mode::Async { within_ms: 40 }, ..options() });
    let last = journal.append(event(b"{}")).unwrap();
    journal.submit().unwrap();
    journal.wait(last).unwrap();
    for _ in 0..1000 {
        if journal.durable() == last {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(journal.durable(), last);
    assert!(journal.figures().loss_window_ms_max >= 20, "{:?}", journal.figures());
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = real(folder.path(), options());
    let last = journal.append(event(b"{}")).unwrap();
    journal.submit().unwrap();
    journal.wait(last).unwrap();
    let second = Journal::open(Arc::new(RealDisk), folder.path(), options(), OnDamage::GoOn);
    let error = second.map(|_| ()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another process writes the journal in"), "{error}");
    let mut reader = Reader::open(Arc::new(RealDisk), folder.path()).unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().number, last);
    assert!(reader.next_entry().unwrap().is_none() && reader.torn().is_none());
    drop(journal);
    real(folder.path(), options());
}

#[test]
fn a_body_has_a_length() {
    let disk = SimDisk::new(1);
    let (mut journal, mut stepper) = opened(&disk, options());
    for bytes in [0, (4 << 20) + 1] {
        let error = journal.append(event(&vec![1; bytes])).unwrap_err();
        assert!(matches!(error, JournalError::Length { bytes: told } if told == bytes), "{error}");
    }
    let last = journal.append(event(&vec![1; 4 << 20])).unwrap();
    assert_eq!(last, 1, "what is refused has no number");
    journal.submit().unwrap();
    stepper.step(true);
    drop((journal, stepper));
    let (journal, _) = opened(&disk, options());
    assert_eq!(journal.durable(), 1);
}

#[test]
fn what_the_disk_refuses_is_told_with_what_to_do() {
    let open = |disk: &SimDisk| {
        Journal::open_stepped(disk.shared(), Path::new(FOLDER), options(), OnDamage::Refuse).map(|_| ())
    };
    let disk = SimDisk::new(1);
    disk.set(Faults { read_only: true, ..Faults::default() });
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.starts_with("can't lock /j/lock: ") && error.contains("mount it writable"), "{error}");
    disk.set(Faults { vanished: true, ..Faults::default() });
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.contains("it has vanished, or its disk has"), "{error}");
    disk.set(Faults::default());
    for (faults, what) in [
        (Faults { full: 1000, ..Faults::default() }, "can't write /j/00000000000000000001.journal: "),
        (Faults { sync: 1000, ..Faults::default() }, "can't sync /j/00000000000000000001.journal: "),
        (Faults { vanished: true, ..Faults::default() }, "can't create /j/00000000000000000001.journal: "),
    ] {
        let disk = SimDisk::new(1);
        let (mut journal, mut stepper) = opened(&disk, options());
        journal.append(event(b"{}")).unwrap();
        journal.submit().unwrap();
        disk.set(faults);
        assert!(!stepper.step(true));
        disk.set(Faults::default());
        let error = journal.append(event(b"{}")).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the journal has stopped: {what}")), "{error}");
        assert!(error.contains("records up to 0 were known to be on disk"), "{error}");
        assert!(faults.full == 0 || error.contains("the disk is full: make room"), "{error}");
        assert!(!stepper.step(true), "nothing is tried again");
        assert!(journal.wait(1).is_err() && journal.submit().is_err() && journal.poisoned().is_some());
        assert_eq!(journal.durable(), 0);
        assert!(journal.close().is_err());
        drop(stepper);
        let (mut journal, mut stepper) = opened(&disk, options());
        let next = journal.append(event(b"{}")).unwrap();
        journal.submit().unwrap();
        stepper.step(true);
        assert_eq!(journal.durable(), next, "started again, it goes on");
    }
}

#[test]
fn nothing_is_durable_in_a_file_that_has_lost_its_name() {
    let (folder, first) = (Path::new(FOLDER), "00000000000000000001.journal");
    type Lose = fn(&SimDisk, &Path);
    let lost: [(Lose, &str); 6] = [
        (|disk, folder| disk.rm(folder), first),
        (|disk, folder| disk.mv(folder, Path::new("/j2")), first),
        (|disk, folder| disk.rm(&folder.join("00000000000000000001.journal")), first),
        (|disk, folder| disk.rm(&folder.join("lock")), "lock"),
        // Another process comes in by a lock of its own.
        (
            |disk, folder| {
                disk.rm(&folder.join("lock"));
                drop(opened(disk, options()));
                assert!(disk.files().contains_key(&folder.join("00000000000000000001.journal")));
            },
            first,
        ),
        // A copy is not what is written to.
        (
            |disk, folder| {
                disk.mv(folder, Path::new("/j2"));
                for (path, bytes) in disk.files() {
                    let copy = folder.join(path.file_name().unwrap());
                    disk.create(&copy).unwrap().write_all(&bytes).unwrap();
                }
            },
            first,
        ),
    ];
    for (at, (lose, name)) in lost.into_iter().enumerate() {
        let disk = SimDisk::new(1);
        let (mut journal, mut stepper) = opened(&disk, options());
        let kept = journal.append(event(b"{}")).unwrap();
        journal.submit().unwrap();
        stepper.step(true);
        assert_eq!(journal.durable(), kept);
        lose(&disk, folder);
        journal.append(event(b"{}")).unwrap();
        journal.submit().unwrap();
        assert!(!stepper.step(true), "{at}");
        assert_eq!(journal.durable(), kept, "{at}");
        let error = journal.append(event(b"{}")).unwrap_err().to_string();
        let said = format!("the journal has stopped: /j/{name} is gone or was replaced while");
        assert!(error.starts_with(&said), "{at}: {error}");
    }
}

/// A disk whose syncs wait until they are let go.
#[derive(Debug)]
struct Slow {
    disk: SimDisk,
    go: Arc<Mutex<Receiver<()>>>,
    began: Mutex<Sender<()>>,
}

struct SlowFile(Box<dyn DiskFile>, Arc<Mutex<Receiver<()>>>, Sender<()>);

impl DiskFile for SlowFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.2.send(()).unwrap();
        self.1.lock().unwrap().recv().unwrap();
        self.0.sync()
    }

    fn id(&self) -> io::Result<Option<FileId>> {
        self.0.id()
    }
}

impl Disk for Slow {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.create_folder(path)
    }
    fn create_inner_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.create_inner_folder(path)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.create(path)?;
        Ok(Box::new(SlowFile(file, Arc::clone(&self.go), self.began.lock().unwrap().clone())))
    }
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(path)
    }
    fn read(&self, path: &Path) -> io::Result<Box<dyn io::Read + Send>> {
        self.disk.read(path)
    }
    fn length(&self, path: &Path) -> io::Result<u64> {
        self.disk.length(path)
    }
    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_file(path)
    }
    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        self.disk.id(path)
    }
    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.disk.cut(path, length)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_folder(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        self.disk.lock(path)
    }
}

#[test]
fn a_group_is_what_gathered_while_the_former_was_synced_and_too_much_waits() {
    let (let_go, go) = channel();
    let (began, begins) = channel();
    let slow = Slow { disk: SimDisk::new(1), go: Arc::new(Mutex::new(go)), began: Mutex::new(began) };
    let options = Options { queue_bytes_max: 2000, ..options() };
    let (mut journal, _) =
        Journal::open(Arc::new(slow), &PathBuf::from(FOLDER), options, OnDamage::Refuse).unwrap();
    journal.append(event(b"{}")).unwrap();
    journal.submit().unwrap();
    begins.recv().unwrap();
    // The first is being synced: what comes now is one group.
    for _ in 0..10 {
        journal.append(event(b"{}")).unwrap();
        journal.submit().unwrap();
    }
    assert_eq!(journal.durable(), 0, "nothing is said before it is on disk");
    let_go.send(()).unwrap();
    begins.recv().unwrap();
    assert_eq!(journal.durable(), 1);
    // Twenty more fit into the queue, then appending waits for the disk.
    let many = std::thread::spawn(move || {
        for _ in 0..60 {
            journal.append(event(b"{}")).unwrap();
            journal.submit().unwrap();
        }
        journal
    });
    std::thread::sleep(Duration::from_millis(200));
    assert!(!many.is_finished(), "the queue is bounded");
    let keeper = std::thread::spawn(move || while let_go.send(()).is_ok() && begins.recv().is_ok() {});
    let journal = many.join().unwrap();
    let watch = journal.watch();
    watch.wait(71).unwrap();
    let figures = journal.figures();
    assert!(figures.groups >= 4 && figures.groups < 20, "{figures:?}");
    assert_eq!((figures.records, figures.syncs()), (71, figures.groups));
    drop(journal);
    assert_eq!(watch.durable(), 71);
    assert!(watch.wait(72).unwrap_err().to_string().contains("it was closed"));
    keeper.join().unwrap();
}

#[test]
fn what_is_left_of_a_control_record_is_read_again() {
    let disk = SimDisk::new(1);
    let (mut journal, mut stepper) = opened(&disk, options());
    journal.append(event(b"{}")).unwrap();
    journal.submit().unwrap();
    stepper.step(true);
    journal.say_closed().unwrap();
    stepper.step(true);
    let mut reader = Reader::open(disk.shared(), Path::new(FOLDER)).unwrap();
    reader.next_entry().unwrap();
    let entry = reader.next_entry().unwrap().unwrap();
    assert_eq!(entry.durable, 1, "who closes speaks for all before");
    let Ok(Record::Control(bytes)) = entry.record() else { panic!("{entry:?}") };
    assert_eq!(bytes, b"{\"control\":\"closed\",\"at_us\":5}");
}
