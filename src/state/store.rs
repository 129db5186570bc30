//! Where closed chunks of the tail log go when memory is short: a trait that the caller supplies.
//!
//! A chunk is put once and never changes; it is asked for by its number until it is dropped. The state does no IO
//! itself, and goes on where a chunk is not there yet: what needs it is then `behind`, never wrong.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;

use super::chunk::ChunkColumns;

/// What a store says when it is asked for a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The chunk, as it was put.
    Ready(ChunkColumns),
    /// It is on its way, or can't be had: ask again later.
    NotYet,
}

/// Why a chunk that was kept can't be read.
pub type Lost = Box<dyn Error + Send + Sync>;

/// One chunk that was put into a store, for whoever writes it elsewhere, on any thread: it can be read for as long as
/// this is held, also when the store has dropped it or is gone.
pub trait KeptChunk: Debug + Send + Sync {
    /// The chunk, as it was put; waits for it.
    fn read(&self) -> Result<ChunkColumns, Lost>;
}

/// A chunk in memory is there.
impl KeptChunk for ChunkColumns {
    fn read(&self) -> Result<ChunkColumns, Lost> {
        Ok(self.clone())
    }
}

/// A place for the closed chunks of one log, numbered in the order in which they were written.
pub trait ChunkStore: Debug + Send {
    /// Takes a chunk. What can't be written must be kept some other way, or [`get`](Self::get) answers
    /// [`Fetched::NotYet`] from then on.
    fn put(&mut self, number: u64, chunk: ChunkColumns);

    /// A chunk that was put and not dropped. It may be asked for any number of times.
    fn get(&mut self, number: u64) -> Fetched;

    /// Says that this chunk is needed next, so that it can be on its way.
    fn hint(&mut self, number: u64);

    /// A chunk that was put and not dropped, kept for whoever holds what this gives. Must not wait for the chunk itself,
    /// since the engine stands still meanwhile.
    fn keep(&mut self, number: u64) -> Arc<dyn KeptChunk>;

    /// Forgets the chunks before this one.
    fn drop_before(&mut self, number: u64);

    /// An empty store of the same kind, for another log.
    fn another(&self) -> Box<dyn ChunkStore>;
}
