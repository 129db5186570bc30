//! Stores of chunks in memory: one that answers at once, and one that says `NotYet` as often as it is told to.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weir::state::{ChunkColumns, ChunkStore, Fetched, KeptChunk, Lost};

/// What was asked of the stores of one engine.
#[derive(Debug, Default)]
pub struct Asked {
    pub puts: AtomicU64,
    pub gets: AtomicU64,
    pub held_most: AtomicU64,
    /// Reads of what was kept.
    pub kept_reads: AtomicU64,
    /// Chunks that are held, by the stores or by who kept them.
    pub alive: AtomicU64,
}

/// A chunk that is held.
#[derive(Debug)]
struct Live {
    chunk: ChunkColumns,
    log: Arc<Asked>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.log.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl KeptChunk for Live {
    fn read(&self) -> Result<ChunkColumns, Lost> {
        self.log.kept_reads.fetch_add(1, Ordering::Relaxed);
        Ok(self.chunk.clone())
    }
}

#[derive(Debug)]
pub struct Shelf {
    chunks: BTreeMap<u64, Arc<Live>>,
    /// Bits, one for each time that it is asked: whether it says `NotYet`. After the last the first again.
    not_yet: u64,
    asked: u32,
    dropped: u64,
    pub log: Arc<Asked>,
}

impl Shelf {
    pub fn new(not_yet: u64) -> Self {
        Self { chunks: BTreeMap::new(), not_yet, asked: 0, dropped: 0, log: Arc::default() }
    }
}

impl ChunkStore for Shelf {
    fn put(&mut self, number: u64, chunk: ChunkColumns) {
        self.log.puts.fetch_add(1, Ordering::Relaxed);
        self.log.alive.fetch_add(1, Ordering::Relaxed);
        let live = Arc::new(Live { chunk, log: Arc::clone(&self.log) });
        assert!(self.chunks.insert(number, live).is_none(), "chunk {number} was put twice");
        assert!(number >= self.dropped, "chunk {number} was put after it was dropped");
        self.log.held_most.fetch_max(self.chunks.len() as u64, Ordering::Relaxed);
    }

    fn get(&mut self, number: u64) -> Fetched {
        self.log.gets.fetch_add(1, Ordering::Relaxed);
        let not_yet = self.not_yet >> (self.asked % u64::BITS) & 1 == 1;
        self.asked += 1;
        let chunk = self.chunks.get(&number);
        assert!(chunk.is_some(), "chunk {number} is asked for, and is not here");
        let ready = chunk.filter(|_| !not_yet);
        ready.map_or(Fetched::NotYet, |live| Fetched::Ready(live.chunk.clone()))
    }

    fn hint(&mut self, number: u64) {
        assert!(self.chunks.contains_key(&number), "chunk {number} is hinted, and is not here");
    }

    fn keep(&mut self, number: u64) -> Arc<dyn KeptChunk> {
        self.chunks.get(&number).map(Arc::clone).unwrap() as _
    }

    fn drop_before(&mut self, number: u64) {
        assert!(number >= self.dropped);
        self.dropped = number;
        self.chunks.retain(|&held, _| held >= number);
    }

    fn another(&self) -> Box<dyn ChunkStore> {
        Box::new(Self { chunks: BTreeMap::new(), asked: 0, dropped: 0, log: Arc::clone(&self.log), ..*self })
    }
}
