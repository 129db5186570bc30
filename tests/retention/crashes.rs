//! A crash at every step of retention, on the simulated disk.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weir::io::{Disk, DiskFile, FileId, Held};

use crate::disk::{Faults, SimDisk};
use crate::small::{KEEP, holds, records, retained, small};

/// A disk that does so many steps more, and then nothing.
#[derive(Clone, Debug)]
struct Limited {
    disk: SimDisk,
    left: Arc<AtomicU64>,
}

impl Limited {
    fn step(&self) -> io::Result<()> {
        let less = |left: u64| left.checked_sub(1);
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        left.map(|_| ()).map_err(|_| io::Error::from_raw_os_error(5))
    }
}

impl Disk for Limited {
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
        self.step()?;
        Ok(Box::new(LimitedFile { file: self.disk.create(path)?, of: self.clone() }))
    }
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(path)
    }
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.disk.read(path)
    }
    fn length(&self, path: &Path) -> io::Result<u64> {
        self.disk.length(path)
    }
    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        self.disk.id(path)
    }
    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        self.step()?;
        self.disk.cut(path, length)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.disk.sync_folder(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        self.disk.lock(path)
    }
}

struct LimitedFile {
    file: Box<dyn DiskFile>,
    of: Limited,
}

impl DiskFile for LimitedFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.of.step()?;
        self.file.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.of.step()?;
        self.file.sync()
    }
    fn id(&self) -> io::Result<Option<FileId>> {
        self.file.id()
    }
}

#[test]
fn a_crash_at_any_step_loses_and_doubles_no_record() {
    let small = small();
    let (mut steps, mut begins) = (0, Vec::new());
    loop {
        let disk = SimDisk::seeded(&small.files, steps);
        let limited = Limited { disk: disk.clone(), left: Arc::new(AtomicU64::new(steps)) };
        let limited: Arc<dyn Disk> = Arc::new(limited);
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
