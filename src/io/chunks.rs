//! Chunks of the tail log in files: where [`ChunkStore`] meets the disk.
//!
//! The files are a cache of what is known anyway: they are removed when their chunks are dropped and when the store is.
//! A file is checked against what was written before it is read; a damaged one is never a wrong value, but an error
//! that [`SpillWatch`] tells, and `NotYet` from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use thiserror::Error;

use super::chunk_file;
use crate::state::{ChunkColumns, ChunkStore, Fetched};

/// Chunks read ahead and not yet asked for; beyond, the oldest is read again when it is.
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
    folder: PathBuf,
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

impl Drop for Shared {
    fn drop(&mut self) {
        // What others put into it stays.
        let _ = fs::remove_dir(&self.folder);
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

type Read = (u64, Result<ChunkColumns, ChunkError>);

/// The thread that reads ahead.
#[derive(Debug)]
struct Worker {
    jobs: Sender<(u64, PathBuf, u32)>,
    done: Receiver<Read>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let (jobs, asked) = channel::<(u64, PathBuf, u32)>();
        let (tell, done) = channel();
        let work = move || {
            for (number, path, sum) in asked {
                if tell.send((number, read(&path, sum))).is_err() {
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
    /// The checksums of the files that were written.
    sums: BTreeMap<u64, u32>,
    /// Chunks that could not be written.
    kept: BTreeMap<u64, ChunkColumns>,
    worker: Option<Worker>,
    /// Chunks that the worker was told to read.
    asked: BTreeSet<u64>,
    /// Chunks that it has read.
    ready: BTreeMap<u64, ChunkColumns>,
}

impl ChunkFiles {
    /// A store of files in a new folder within this one, which is made if it is not there.
    pub fn create(within: &Path, reading: Reading) -> Result<Self, ChunkError> {
        let cant = |source| ChunkError::Folder { path: within.to_owned(), source };
        fs::create_dir_all(within).map_err(cant)?;
        let mut number = 0_u64;
        let folder = loop {
            let folder = within.join(format!("weir-spill-{number}"));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(cant(error)),
            }
        };
        let (logs, failed, error) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(None));
        Ok(Self::of(Arc::new(Shared { folder, logs, failed, error }), reading))
    }

    fn of(shared: Arc<Shared>, reading: Reading) -> Self {
        Self {
            log: shared.logs.fetch_add(1, Ordering::Relaxed),
            shared,
            reading,
            sums: BTreeMap::new(),
            kept: BTreeMap::new(),
            worker: None,
            asked: BTreeSet::new(),
            ready: BTreeMap::new(),
        }
    }

    /// Tells what goes wrong with it, and with all [others](ChunkStore::another) like it.
    pub fn watch(&self) -> SpillWatch {
        SpillWatch(Arc::clone(&self.shared))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.shared.folder.join(format!("log-{}-chunk-{number}.arrow", self.log))
    }

    fn write(&mut self, number: u64, chunk: &ChunkColumns) -> Result<(), ChunkError> {
        let path = self.path(number);
        let cant = |why: String| ChunkError::Write { path: path.clone(), why };
        let bytes = chunk_file::write(chunk.clone()).map_err(|error| cant(error.to_string()))?;
        fs::write(&path, &bytes).map_err(|error| cant(error.to_string()))?;
        self.sums.insert(number, crc32fast::hash(&bytes));
        Ok(())
    }

    fn taken(&self, read: Result<ChunkColumns, ChunkError>) -> Option<ChunkColumns> {
        read.map_err(|error| self.shared.fail(error)).ok()
    }

    /// Lets the worker read a chunk, unless it does already.
    fn ask(&mut self, number: u64) {
        let Some(&sum) = self.sums.get(&number) else { return };
        if self.asked.contains(&number) || self.ready.contains_key(&number) {
            return;
        }
        if self.worker.is_none() {
            match Worker::start() {
                Ok(worker) => self.worker = Some(worker),
                Err(source) => return self.shared.fail(ChunkError::Thread { source }),
            }
        }
        let job = (number, self.path(number), sum);
        if let Some(worker) = &self.worker
            && worker.jobs.send(job).is_ok()
        {
            self.asked.insert(number);
        }
    }

    /// Takes what the worker has read.
    fn collect(&mut self) {
        while let Some((number, read)) = self.worker.as_ref().and_then(|worker| worker.done.try_recv().ok()) {
            // One that was dropped meanwhile is no longer asked for; a damaged one is not asked for again.
            let wanted = self.sums.contains_key(&number);
            let chunk = if wanted { self.taken(read) } else { None };
            if let Some(chunk) = chunk {
                self.asked.remove(&number);
                self.ready.insert(number, chunk);
                if self.ready.len() > AHEAD_MAX {
                    self.ready.pop_first();
                }
            }
        }
    }
}

/// Reads the file of a chunk, if it still is what was written.
fn read(path: &Path, sum: u32) -> Result<ChunkColumns, ChunkError> {
    let damaged = |why: &str| ChunkError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let bytes = fs::read(path).map_err(|source| ChunkError::Read { path: path.to_owned(), source })?;
    if crc32fast::hash(&bytes) != sum {
        return Err(damaged("it is not what was written"));
    }
    chunk_file::read(&bytes).map_err(|why| damaged(&why))
}

impl ChunkStore for ChunkFiles {
    fn put(&mut self, number: u64, chunk: ChunkColumns) {
        if let Err(error) = self.write(number, &chunk) {
            self.shared.fail(error);
            self.kept.insert(number, chunk);
        }
    }

    fn get(&mut self, number: u64) -> Fetched {
        if let Some(chunk) = self.kept.get(&number) {
            return Fetched::Ready(chunk.clone());
        }
        let chunk = match self.reading {
            Reading::Blocking => {
                let sum = self.sums.get(&number).copied();
                sum.and_then(|sum| self.taken(read(&self.path(number), sum)))
            }
            Reading::Ahead => {
                self.collect();
                let chunk = self.ready.remove(&number);
                if chunk.is_none() {
                    self.ask(number);
                }
                chunk
            }
        };
        chunk.map_or(Fetched::NotYet, Fetched::Ready)
    }

    fn hint(&mut self, number: u64) {
        if self.reading == Reading::Ahead {
            self.collect();
            self.ask(number);
        }
    }

    fn drop_before(&mut self, number: u64) {
        while let Some((first, _)) = self.sums.first_key_value().filter(|(first, _)| **first < number) {
            // A file that can't be removed takes room, and does no other harm.
            let (first, path) = (*first, self.path(*first));
            let _ = fs::remove_file(path);
            self.sums.remove(&first);
            self.asked.remove(&first);
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
        self.drop_before(u64::MAX);
    }
}
