//! A simulated disk that does so many steps, and refuses all that come behind them.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part, and fails loudly")]

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weir::io::{Disk, DiskFile, FileId, Held};

use crate::disk::SimDisk;

/// A disk that does so many steps more, and then nothing.
#[derive(Clone, Debug)]
pub struct Limited {
    disk: SimDisk,
    left: Arc<AtomicU64>,
}

impl Limited {
    pub fn of(disk: &SimDisk, steps: u64) -> Arc<dyn Disk> {
        Arc::new(Self { disk: disk.clone(), left: Arc::new(AtomicU64::new(steps)) })
    }

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
    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.disk.is_file(path)
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
