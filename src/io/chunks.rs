//! Chunks of the tail log in files: where [`ChunkStore`] meets the disk.
//!
//! The files are a cache of what is known anyway: each is removed when its chunk is dropped, or the store is, and no
//! snapshot keeps it; those of a run that was killed are removed by the next one there. A file is checked against what was written before it is read; a damaged one is never a wrong value, but an error
//! that [`SpillWatch`] tells, and `NotYet` from then on.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use thiserror::Error;

use super::chunk_file;
use super::spill_folder::SpillFolder;
use crate::state::{ChunkColumns, ChunkStore, Fetched, KeptChunk, Lost};

/// Chunks read ahead and only hinted at; beyond, one is read again when it is asked for.
const AHEAD_MAX: usize = 64;

/// Why a chunk of the log can't be written or had back.
#[derive(Debug, Error)]
pub enum ChunkError {
    /// There is no folder for chunks.
    #[error("can't make a folder for spilled chunks in {}: {source}; give one that can be written", path.display())]
    Folder {
        /// The folder that was given.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A chunk can't be written; it stays in memory.
    #[error("can't write {}: {why}; make room for it, or give more memory to the log", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What is said.
        why: String,
    },
    /// A chunk can't be read.
    #[error("can't read {}: {source}; what needs it stays behind", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A chunk is not what was written.
    #[error("{} is damaged: {why}; what needs it stays behind", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that is seen.
        why: String,
    },
    /// No thread can be had to read ahead.
    #[error("can't start a thread that reads ahead: {source}")]
    Thread {
        /// What the operating system says.
        source: io::Error,
    },
}

/// Whether a store waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It reads when it is asked, and always has the chunk.
    Blocking,
    /// A thread reads what is hinted; until then it says `NotYet`.
    Ahead,
}

/// What is shared by the stores of one engine: the folder, and what went wrong.
#[derive(Debug)]
struct Shared {
    folder: SpillFolder,
    logs: AtomicU64,
    failed: AtomicBool,
    error: Mutex<Option<Arc<ChunkError>>>,
}

impl Shared {
    fn fail(&self, error: ChunkError) {
        let mut held = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert(Arc::new(error));
        self.failed.store(true, Ordering::Release);
    }
}

/// Tells what went wrong with spilled chunks, while an engine holds their store.
#[derive(Clone, Debug)]
pub struct SpillWatch(Arc<Shared>);

impl SpillWatch {
    /// The first thing that went wrong, if anything did.
    pub fn error(&self) -> Option<Arc<ChunkError>> {
        if !self.0.failed.load(Ordering::Acquire) {
            return None;
        }
        self.0.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The file of one chunk: gone once neither the store nor a snapshot needs it.
#[derive(Debug)]
struct ChunkFile {
    shared: Arc<Shared>,
    log: u64,
    number: u64,
    /// Its checksum as it was written.
    sum: u32,
}

impl ChunkFile {
    fn path(&self) -> PathBuf {
        self.shared.folder.chunk(self.log, self.number)
    }

    /// The chunk, if the file still is what was written.
    fn read(&self) -> Result<ChunkColumns, ChunkError> {
        let damaged = |why: &str| ChunkError::Damaged { path: self.path(), why: why.to_owned() };
        let bytes = fs::read(self.path()).map_err(|source| ChunkError::Read { path: self.path(), source })?;
        if crc32fast::hash(&bytes) != self.sum {
            return Err(damaged("it is not what was written"));
        }
        chunk_file::read(&bytes).map_err(|why| damaged(&why))
    }
}

impl KeptChunk for ChunkFile {
    fn read(&self) -> Result<ChunkColumns, Lost> {
        Ok(Self::read(self)?)
    }
}

impl Drop for ChunkFile {
    fn drop(&mut self) {
        // A file that can't be removed takes room, and does no other harm.
        let _ = fs::remove_file(self.path());
    }
}

/// What is kept of a chunk that was never put.
#[derive(Debug)]
struct NoChunk(u64);

impl KeptChunk for NoChunk {
    fn read(&self) -> Result<ChunkColumns, Lost> {
        Err(format!("chunk {} is not in this store", self.0).into())
    }
}

type Read = (u64, Result<ChunkColumns, ChunkError>);

/// The thread that reads ahead.
#[derive(Debug)]
struct Worker {
    jobs: Sender<(u64, Arc<ChunkFile>)>,
    done: Receiver<Read>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (jobs, asked) = channel::<(u64, Arc<ChunkFile>)>();
        let (tell, done) = channel();
        let work = move || {
            for (number, file) in asked {
                if tell.send((number, file.read())).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("weir-spill".to_owned()).spawn(work)?;
        Ok(Self { jobs, done, thread })
    }
}

/// The chunks of one log in files, one file each.
#[derive(Debug)]
pub struct ChunkFiles {
    shared: Arc<Shared>,
    log: u64,
    reading: Reading,
    files: BTreeMap<u64, Arc<ChunkFile>>,
    /// Chunks that could not be written.
    kept: BTreeMap<u64, Arc<ChunkColumns>>,
    worker: Option<Worker>,
    /// Chunks that the worker was told to read.
    asked: BTreeMap<u64, Wanted>,
    /// Chunks that it has read.
    ready: BTreeMap<u64, (Wanted, ChunkColumns)>,
}

/// What a chunk was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    /// It may be needed soon.
    Soon,
    /// Something waits for it, and asks again.
    Now,
}

impl ChunkFiles {
    /// A store of files in a new folder within this one, which is made if it is not there. What runs that are over left
    /// there is removed; a living one's is never touched.
    pub fn create(within: &Path, reading: Reading) -> Result<Self, ChunkError> {
        let cant = |source| ChunkError::Folder { path: within.to_owned(), source };
        let folder = SpillFolder::create(within).map_err(cant)?;
        let (logs, failed, error) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(None));
        Ok(Self::of(Arc::new(Shared { folder, logs, failed, error }), reading))
    }

    fn of(shared: Arc<Shared>, reading: Reading) -> Self {
        Self {
            log: shared.logs.fetch_add(1, Ordering::Relaxed),
            shared,
            reading,
            files: BTreeMap::new(),
            kept: BTreeMap::new(),
            worker: None,
            asked: BTreeMap::new(),
            ready: BTreeMap::new(),
        }
    }

    /// Tells what goes wrong with it, and with all [others](ChunkStore::another) like it.
    pub fn watch(&self) -> SpillWatch {
        SpillWatch(Arc::clone(&self.shared))
    }

    fn write(&mut self, number: u64, chunk: &ChunkColumns) -> Result<(), ChunkError> {
        let path = || self.shared.folder.chunk(self.log, number);
        let cant = |why: String| ChunkError::Write { path: path(), why };
        let bytes = chunk_file::write(chunk.clone()).map_err(|error| cant(error.to_string()))?;
        fs::write(path(), &bytes).map_err(|error| cant(error.to_string()))?;
        let (shared, log, sum) = (Arc::clone(&self.shared), self.log, crc32fast::hash(&bytes));
        let file = ChunkFile { shared, log, number, sum };
        self.files.insert(number, Arc::new(file));
        Ok(())
    }

    fn taken(&self, read: Result<ChunkColumns, ChunkError>) -> Option<ChunkColumns> {
        read.map_err(|error| self.shared.fail(error)).ok()
    }

    /// Lets the worker read a chunk, unless it does already.
    fn ask(&mut self, number: u64, wanted: Wanted) {
        let Some(file) = self.files.get(&number).map(Arc::clone) else { return };
        if let Some(asked) = self.asked.get_mut(&number) {
            *asked = wanted.max(*asked);
            return;
        }
        if self.ready.contains_key(&number) {
            return;
        }
        if self.worker.is_none() {
            match Worker::start() {
                Ok(worker) => self.worker = Some(worker),
                Err(source) => return self.shared.fail(ChunkError::Thread { source }),
            }
        }
        if let Some(worker) = &self.worker
            && worker.jobs.send((number, file)).is_ok()
        {
            self.asked.insert(number, wanted);
        }
    }

    /// Takes what the worker has read.
    fn collect(&mut self) {
        while let Some((number, read)) = self.worker.as_ref().and_then(|worker| worker.done.try_recv().ok()) {
            // One that was dropped meanwhile is no longer asked for; a damaged one is not asked for again.
            let wanted = self.files.contains_key(&number);
            let chunk = if wanted { self.taken(read) } else { None };
            if let (Some(chunk), Some(&wanted)) = (chunk, self.asked.get(&number)) {
                self.asked.remove(&number);
                self.ready.insert(number, (wanted, chunk));
                self.forget();
            }
        }
    }

    /// Forgets a chunk if too many are read ahead: the newest, which is needed last, of those that nothing waits for. One
    /// that something waits for stays until it is taken, so whoever asks again and again gets it.
    fn forget(&mut self) {
        let soon = || self.ready.iter().filter(|(_, (wanted, _))| *wanted == Wanted::Soon);
        if let Some((&newest, _)) = soon().next_back()
            && soon().count() > AHEAD_MAX
        {
            self.ready.remove(&newest);
        }
    }
}

impl ChunkStore for ChunkFiles {
    fn put(&mut self, number: u64, chunk: ChunkColumns) {
        if let Err(error) = self.write(number, &chunk) {
            self.shared.fail(error);
            self.kept.insert(number, Arc::new(chunk));
        }
    }

    fn get(&mut self, number: u64) -> Fetched {
        if let Some(chunk) = self.kept.get(&number) {
            return Fetched::Ready(ChunkColumns::clone(chunk));
        }
        let chunk = match self.reading {
            Reading::Blocking => {
                let read = self.files.get(&number).map(|file| file.read());
                read.and_then(|read| self.taken(read))
            }
            Reading::Ahead => {
                self.collect();
                let chunk = self.ready.remove(&number);
                if chunk.is_none() {
                    self.ask(number, Wanted::Now);
                }
                chunk.map(|(_, chunk)| chunk)
            }
        };
        chunk.map_or(Fetched::NotYet, Fetched::Ready)
    }

    fn hint(&mut self, number: u64) {
        if self.reading == Reading::Ahead {
            self.collect();
            self.ask(number, Wanted::Soon);
        }
    }

    fn keep(&mut self, number: u64) -> Arc<dyn KeptChunk> {
        match (self.files.get(&number), self.kept.get(&number)) {
            (Some(file), _) => Arc::clone(file) as _,
            (None, Some(chunk)) => Arc::clone(chunk) as _,
            (None, None) => Arc::new(NoChunk(number)),
        }
    }

    fn drop_before(&mut self, number: u64) {
        while let Some(first) = self.files.first_entry().filter(|first| *first.key() < number) {
            self.asked.remove(first.key());
            first.remove();
        }
        self.kept.retain(|&held, _| held >= number);
        self.ready.retain(|&held, _| held >= number);
    }

    fn another(&self) -> Box<dyn ChunkStore> {
        Box::new(Self::of(Arc::clone(&self.shared), self.reading))
    }
}

impl Drop for ChunkFiles {
    fn drop(&mut self) {
        if let Some(Worker { jobs, done, thread }) = self.worker.take() {
            drop((jobs, done));
            // It panics nowhere; if it did, there is nothing more to do.
            let _ = thread.join();
        }
    }
}
