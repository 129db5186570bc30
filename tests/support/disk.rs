//! A disk that is simulated from a seed: what is written is seen at once and lasts from a sync on; at a crash every unsynced
//! sector of 512 bytes is kept, lost or torn on its own, and names last from their folder's sync on. It refuses, shortens,
//! runs full, vanishes, and gives wrong bits, as often as it is told to; everything that it does goes into a digest.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part, and fails loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use weir::io::{Disk, DiskFile, FileId, Held};

const SECTOR: usize = 512;

/// How often something goes wrong, of a thousand times; and what is wrong for good until it is told otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub write: u32,
    pub full: u32,
    pub sync: u32,
    pub folder: u32,
    pub create: u32,
    pub rename: u32,
    pub read: u32,
    pub flip: u32,
    pub vanished: bool,
    pub read_only: bool,
    /// After so many more doings everything vanishes, as for a process that a failing power stops half way.
    pub ends_after: Option<u32>,
}

#[derive(Debug, Default)]
struct Inode {
    /// What a read sees.
    cache: Vec<u8>,
    /// What is left after a crash.
    lasting: Vec<u8>,
    /// Sectors of the cache that were written since the last sync.
    dirty: Vec<usize>,
}

impl Inode {
    /// Makes what is dirty last. A page that an earlier sync gave up is not written again.
    fn sync(&mut self) {
        let length = self.cache.len();
        self.lasting.resize(length, 0);
        for sector in std::mem::take(&mut self.dirty) {
            let range = (sector * SECTOR).min(length)..((sector + 1) * SECTOR).min(length);
            self.lasting[range.clone()].copy_from_slice(&self.cache[range]);
        }
    }
}

#[derive(Clone, Debug)]
enum Naming {
    Put(PathBuf, u64),
    Gone(PathBuf),
    Moved(PathBuf, PathBuf, u64),
}

#[derive(Debug)]
struct State {
    chance: ChaCha8Rng,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    lasting: BTreeMap<PathBuf, u64>,
    pending: Vec<Naming>,
    next: u64,
    faults: Faults,
    digest: Sha256,
    hits: BTreeMap<&'static str, u64>,
    locked: BTreeSet<u64>,
    /// A file, and how often it is opened before it loses its name.
    rotated: (PathBuf, usize),
    /// A folder, and what the next listings of it say.
    stale: (PathBuf, Vec<Vec<String>>),
}

/// Every kind of fault, as [`SimDisk::hits`] names it.
pub const FAULTS: [&str; 15] = [
    "write failed",
    "write shortened",
    "disk full",
    "sync failed",
    "folder sync failed",
    "create failed",
    "rename failed",
    "read failed",
    "bit flipped",
    "vanished",
    "read-only",
    "sector lost",
    "sector torn",
    "sector kept",
    "name lost",
];

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    /// The next listings of a folder say this, as though all in it changed behind each.
    pub fn list_as(&self, folder: &Path, names: &[String], times: usize) {
        self.state().stale = (folder.to_owned(), vec![names.to_vec(); times]);
    }

    /// A file loses its name once it was opened so often; what is open stays.
    pub fn rotate(&self, path: &Path, opens: usize) {
        self.state().rotated = (path.to_owned(), opens);
    }

    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: ChaCha8Rng::seed_from_u64(seed),
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            lasting: BTreeMap::new(),
            pending: Vec::new(),
            next: 0,
            faults: Faults::default(),
            digest: Sha256::new(),
            hits: BTreeMap::new(),
            locked: BTreeSet::new(),
            rotated: Default::default(),
            stale: Default::default(),
        })))
    }

    /// A disk with these files on it, for good.
    pub fn of(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        Self::seeded(files, 0)
    }

    /// The same with a seed.
    pub fn seeded(files: &BTreeMap<PathBuf, Vec<u8>>, seed: u64) -> Self {
        let disk = Self::new(seed);
        let mut state = disk.state();
        for (path, bytes) in files {
            let inode = Inode { cache: bytes.clone(), lasting: bytes.clone(), dirty: Vec::new() };
            state.add(path, inode);
        }
        state.lasting = state.names.clone();
        state.pending.clear();
        drop(state);
        disk
    }

    pub fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// All files as a read sees them, but for locks.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let files = state.names.iter().filter(|(path, _)| !path.ends_with("lock"));
        files.map(|(path, inode)| (path.clone(), state.inodes[inode].cache.clone())).collect()
    }

    pub fn set(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// What it did so far, in 8 bytes.
    pub fn digest(&self) -> u64 {
        let hash: [u8; 32] = self.state().digest.clone().finalize().into();
        u64::from_le_bytes(hash[..8].try_into().unwrap())
    }

    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.state().hits.clone()
    }

    /// The power fails.
    pub fn crash(&self) {
        let mut state = self.state();
        let state = &mut *state;
        state.note("crash", 0);
        state.locked.clear();
        let in_order = state.chance.random_bool(0.5);
        let pending = std::mem::take(&mut state.pending);
        let kept = state.chance.random_range(0..=pending.len());
        for (at, naming) in pending.into_iter().enumerate() {
            let keep = if in_order { at < kept } else { state.chance.random_bool(0.5) };
            if keep {
                naming.act(&mut state.lasting);
            } else {
                state.hit("name lost");
            }
        }
        state.names = state.lasting.clone();
        let named: Vec<u64> = state.names.values().copied().collect();
        state.inodes.retain(|inode, _| named.contains(inode));
        let inodes: Vec<u64> = state.inodes.keys().copied().collect();
        for number in inodes {
            let mut inode = state.inodes.remove(&number).unwrap();
            let (old, new) = (inode.lasting.len(), inode.cache.len());
            let length = if inode.dirty.is_empty() || new <= old {
                old
            } else {
                match state.chance.random_range(0..3) {
                    0 => new,
                    1 => old,
                    _ => state.chance.random_range(old..=new),
                }
            };
            inode.lasting.resize(length, 0);
            for sector in std::mem::take(&mut inode.dirty) {
                let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(length).min(new));
                if start >= end {
                    continue;
                }
                let (what, bytes) = match state.chance.random_range(0..4) {
                    0 => ("sector lost", 0),
                    1 => ("sector torn", state.chance.random_range(0..=end - start)),
                    _ => ("sector kept", end - start),
                };
                state.hit(what);
                inode.lasting[start..start + bytes].copy_from_slice(&inode.cache[start..start + bytes]);
            }
            inode.cache.clone_from(&inode.lasting);
            state.inodes.insert(number, inode);
        }
    }

    /// Somebody removes a file, or a folder with all in it, for good: who has a file open goes on writing to it.
    pub fn rm(&self, path: &Path) {
        let mut state = self.state();
        let state = &mut *state;
        for names in [&mut state.names, &mut state.lasting] {
            names.retain(|name, _| !name.starts_with(path));
        }
        state.pending.clear();
    }

    /// Somebody gives a file, or a folder with all in it, another name, for good.
    pub fn mv(&self, from: &Path, to: &Path) {
        let mut state = self.state();
        let state = &mut *state;
        for names in [&mut state.names, &mut state.lasting] {
            let moved = names.iter().map(|(name, inode)| match name.strip_prefix(from) {
                Ok(rest) => (to.join(rest), *inode),
                Err(_) => (name.clone(), *inode),
            });
            *names = moved.collect();
        }
        state.pending.clear();
    }

    /// The process is killed: what it wrote is still seen.
    pub fn kill(&self) {
        let mut state = self.state();
        state.note("kill", 0);
        state.locked.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Naming {
    fn act(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Put(path, inode) => drop(names.insert(path, inode)),
            Self::Gone(path) => drop(names.remove(&path)),
            Self::Moved(from, to, inode) => {
                names.remove(&from);
                names.insert(to, inode);
            }
        }
    }
}

impl State {
    fn note(&mut self, what: &str, value: u64) {
        self.digest.update(what.as_bytes());
        self.digest.update(value.to_le_bytes());
    }

    fn hit(&mut self, what: &'static str) {
        self.note(what, 1);
        *self.hits.entry(what).or_default() += 1;
    }

    fn happens(&mut self, of_thousand: u32, what: &'static str) -> bool {
        let happens = of_thousand > 0 && self.chance.random_range(0..1000) < of_thousand;
        if happens {
            self.hit(what);
        }
        happens
    }

    fn there(&mut self) -> io::Result<()> {
        match &mut self.faults.ends_after {
            Some(0) => self.faults.vanished = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.faults.vanished {
            self.hit("vanished");
            return Err(ErrorKind::NotFound.into());
        }
        Ok(())
    }

    fn writable(&mut self) -> io::Result<()> {
        self.there()?;
        if self.faults.read_only {
            self.hit("read-only");
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, inode: Inode) -> u64 {
        self.next += 1;
        self.inodes.insert(self.next, inode);
        self.names.insert(path.to_owned(), self.next);
        self.pending.push(Naming::Put(path.to_owned(), self.next));
        self.next
    }

    fn inode(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl Disk for SimDisk {
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        self.state().there()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.there()?;
        if state.stale.0 == folder
            && let Some(names) = state.stale.1.pop()
        {
            return Ok(names);
        }
        let inside =
            state.names.keys().filter_map(|path| path.strip_prefix(folder).ok()?.iter().next()?.to_str());
        let mut names: Vec<String> = inside.map(str::to_owned).collect();
        names.dedup();
        Ok(names)
    }

    fn create_inner_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.there()?;
        // A folder is there for as long as anything in it has a name.
        let parent = path.parent().unwrap();
        let there = state.names.keys().any(|name| name.starts_with(parent));
        if there { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.note("create", path.as_os_str().len() as u64);
        state.writable()?;
        let create = state.faults.create;
        if state.happens(create, "create failed") {
            return Err(ErrorKind::StorageFull.into());
        }
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.add(path, Inode::default());
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(path)
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let mut state = self.state();
        state.there()?;
        let inode = state.inode(path)?;
        let bytes = state.inodes[&inode].cache.clone();
        if state.rotated.0 == path && state.rotated.1 > 0 {
            state.rotated.1 -= 1;
            if state.rotated.1 == 0 {
                state.names.remove(path);
            }
        }
        Ok(Box::new(SimRead { disk: self.clone(), bytes, at: 0 }))
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.there()?;
        let inode = state.inode(path)?;
        Ok(state.inodes[&inode].cache.len() as u64)
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.length(path).map(|_| true)
    }

    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        let mut state = self.state();
        state.there()?;
        Ok(Some(FileId { device: 1, number: state.inode(path)? }))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut state = self.state();
        state.writable()?;
        let inode = state.inode(path)?;
        let inode = state.inodes.get_mut(&inode).unwrap();
        inode.cache.truncate(usize::try_from(length).unwrap());
        inode.sync();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.note("rename", 0);
        state.writable()?;
        let rename = state.faults.rename;
        if state.happens(rename, "rename failed") {
            return Err(eio());
        }
        let inode = state.inode(from)?;
        let naming = Naming::Moved(from.to_owned(), to.to_owned(), inode);
        naming.clone().act(&mut state.names);
        state.pending.push(naming);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.note("remove", 0);
        state.writable()?;
        state.inode(path)?;
        let naming = Naming::Gone(path.to_owned());
        naming.clone().act(&mut state.names);
        state.pending.push(naming);
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.note("sync folder", 0);
        state.there()?;
        let folder = state.faults.folder;
        if state.happens(folder, "folder sync failed") {
            return Err(eio());
        }
        state.lasting = state.names.clone();
        state.pending.clear();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        let mut state = self.state();
        state.writable()?;
        if !state.names.contains_key(path) {
            state.add(path, Inode::default());
        }
        // It is the file that is locked, not its name.
        let inode = state.names[path];
        if !state.locked.insert(inode) {
            return Ok(None);
        }
        Ok(Some(Box::new(Unlock(self.clone(), inode))))
    }
}

struct Unlock(SimDisk, u64);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.state().locked.remove(&self.1);
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl DiskFile for SimFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.note("write", bytes.len() as u64);
        state.digest.update(bytes);
        state.writable()?;
        let Faults { write, full, .. } = state.faults;
        let mut result = Ok(());
        let mut part = bytes;
        if state.happens(write, "write failed") {
            result = Err(eio());
        } else if state.happens(full, "disk full") {
            result = Err(ErrorKind::StorageFull.into());
        }
        if result.is_err() {
            part = &bytes[..state.chance.random_range(0..=bytes.len())];
            if !part.is_empty() {
                state.hit("write shortened");
            }
        }
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(eio()) };
        let start = inode.cache.len();
        inode.cache.extend_from_slice(part);
        let sectors = start / SECTOR..inode.cache.len().div_ceil(SECTOR);
        for sector in sectors {
            if !inode.dirty.contains(&sector) {
                inode.dirty.push(sector);
            }
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.note("sync", self.inode);
        state.there()?;
        let sync = state.faults.sync;
        let fails = state.happens(sync, "sync failed");
        let state = &mut *state;
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Err(eio()) };
        if fails {
            // As Linux does: what could not be written is clean from now on, still seen, and never written.
            let kept = state.chance.random_bool(0.5);
            if kept {
                let length = state.chance.random_range(inode.lasting.len()..=inode.cache.len());
                inode.lasting = inode.cache[..length].to_vec();
            }
            inode.dirty.clear();
            return Err(eio());
        }
        inode.sync();
        Ok(())
    }

    fn id(&self) -> io::Result<Option<FileId>> {
        Ok(Some(FileId { device: 1, number: self.inode }))
    }
}

struct SimRead {
    disk: SimDisk,
    bytes: Vec<u8>,
    at: usize,
}

impl Read for SimRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.there()?;
        let Faults { read, flip, .. } = state.faults;
        if state.happens(read, "read failed") {
            return Err(eio());
        }
        let left = &self.bytes[self.at..];
        let bytes = left.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&left[..bytes]);
        self.at += bytes;
        if bytes > 0 && state.happens(flip, "bit flipped") {
            let at = state.chance.random_range(0..bytes);
            buffer[at] ^= 1 << state.chance.random_range(0..8);
        }
        Ok(bytes)
    }
}
