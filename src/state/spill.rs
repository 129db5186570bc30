//! Spilling: closed chunks of the log leave memory when it is short, and come back when a tail or a correction needs them.

use std::collections::{BTreeMap, VecDeque};
use std::mem::take;

use super::chunk::ChunkColumns;
use super::log::Log;
use super::marks::Marks;
use super::saved::{ResumeError, SavedChunk, SavedRows};
use super::store::{ChunkStore, Fetched};
use crate::shared::Shared;

/// Chunks in memory ahead of each tail: the one that it walks, and the next.
const AHEAD: u64 = 2;

/// A chunk of the log, in memory or away.
#[derive(Debug)]
pub(crate) struct Held {
    /// Its rows, unless they are away.
    pub(crate) columns: Option<Shared<ChunkColumns>>,
    /// When its first and, once it is closed, its last row came in.
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
    /// The marks of its rows, which stay while the rows are away.
    pub(super) marks: Marks,
    /// Whether the store has it.
    stored: bool,
}

impl Held {
    /// A chunk that is being written.
    pub(crate) fn open(columns: ChunkColumns, first_us: i64) -> Self {
        let (columns, marks) = (Some(columns.into()), Marks::default());
        Self { columns, first_us, last_us: i64::MAX, marks, stored: false }
    }

    /// What is saved of it, which shares its rows and reads none.
    pub(super) fn freeze(&mut self, number: u64, spill: Option<&mut Spill>) -> SavedChunk {
        let Self { first_us, last_us, .. } = *self;
        let away = self.columns.is_none();
        let rows = match (&mut self.columns, spill) {
            (Some(columns), _) => SavedRows::Here(columns.share()),
            (None, Some(spill)) => SavedRows::Kept(spill.store.keep(number)),
            (None, None) => SavedRows::Missing,
        };
        SavedChunk { rows, first_us, last_us, marks: self.marks.freeze(), away }
    }

    /// One that was saved, of this form: so many families, columns and rows. Where there is a store it is away as it was.
    pub(super) fn resumed(
        saved: SavedChunk,
        number: u64,
        form: (usize, usize, usize),
        spill: Option<&mut Spill>,
    ) -> Result<Self, ResumeError> {
        let SavedChunk { rows, first_us, last_us, marks, away } = saved;
        let mut columns = rows.into_shared().map_err(|why| ResumeError::Lost(why.to_string()))?;
        let (families, values, rows) = form;
        if !columns.is_whole(families, values, rows) {
            return Err(ResumeError::Unfit);
        }
        match spill {
            Some(spill) if away => {
                spill.store.put(number, take(columns.get_mut()));
                return Ok(Self { columns: None, first_us, last_us, marks, stored: true });
            }
            Some(spill) => spill.got(number, columns.bytes()),
            None => {}
        }
        Ok(Self { columns: Some(columns), first_us, last_us, marks, stored: false })
    }

    pub(super) fn bytes(&self) -> usize {
        self.columns.as_ref().map_or(0, |columns| columns.bytes())
    }
}

/// What chunks in memory may take together, and where the others go.
#[derive(Debug)]
pub(crate) struct Spill {
    store: Box<dyn ChunkStore>,
    bytes_max: usize,
    /// The chunks in memory with their bytes, so that no step looks at those that are away.
    resident: BTreeMap<u64, usize>,
    /// What they take together.
    bytes: usize,
    /// Whether a chunk was closed or came back since memory was looked at.
    grown: bool,
}

impl Spill {
    /// At most so many bytes in memory, where there are chunks that may leave it.
    pub(crate) fn new(store: Box<dyn ChunkStore>, bytes_max: usize) -> Self {
        Self { store, bytes_max, resident: BTreeMap::new(), bytes: 0, grown: false }
    }

    /// A chunk is in memory, of so many bytes.
    pub(super) fn got(&mut self, number: u64, bytes: usize) {
        let before = self.resident.insert(number, bytes).unwrap_or(0);
        self.bytes = self.bytes - before + bytes;
        self.grown = true;
    }

    /// A chunk is no longer in memory.
    pub(super) fn lost(&mut self, number: u64) {
        self.bytes -= self.resident.remove(&number).unwrap_or(0);
    }

    /// Chunks before this one are gone.
    pub(crate) fn drop_before(&mut self, number: u64) {
        self.store.drop_before(number);
    }

    /// Takes a chunk back, if it has come and is of this form: so many families, columns and rows.
    fn take_back(&mut self, number: u64, held: &mut Held, form: (usize, usize, usize)) -> bool {
        let (families, columns, rows) = form;
        match self.store.get(number) {
            Fetched::Ready(chunk) if chunk.is_whole(families, columns, rows) => {
                self.got(number, chunk.bytes());
                held.columns = Some(chunk.into());
                true
            }
            _ => false,
        }
    }

    /// Lets the oldest closed chunks leave that `needed` does not say are needed, until the others fit.
    fn shrink(&mut self, first: u64, chunks: &mut VecDeque<Held>, needed: impl Fn(u64) -> bool) {
        let newest = (first + chunks.len() as u64).saturating_sub(1);
        let mut next = first;
        while self.bytes > self.bytes_max {
            let mut closed = self.resident.range(next..newest).map(|(&number, _)| number);
            let Some(number) = closed.find(|&number| !needed(number)) else { return };
            next = number + 1;
            self.lost(number);
            let Some(held) = chunks.get_mut((number - first) as usize) else { return };
            if let Some(mut chunk) = held.columns.take()
                && !held.stored
            {
                self.store.put(number, take(chunk.get_mut()));
                held.stored = true;
            }
        }
    }
}

impl Log {
    /// Takes the chunk of a row back if it is away; whether it is there now.
    pub(crate) fn fetch(&mut self, row: u64) -> bool {
        let ((number, _), rows) = (self.layout.place(row), self.layout.rows());
        let Some(held) = self.chunks.get_mut(number.wrapping_sub(self.dropped) as usize) else {
            return false;
        };
        if held.columns.is_some() {
            return true;
        }
        let form = (self.families, self.columns, rows);
        self.spill.as_mut().is_some_and(|spill| spill.take_back(number, held, form))
    }

    /// The number of the chunk that a row is in.
    #[inline]
    pub(crate) fn chunk_of(&self, row: u64) -> u64 {
        self.layout.place(row).0
    }

    /// A tail has come to a row: its chunk is wanted now, and the next one soon. Whether the row is there.
    pub(crate) fn reach(&mut self, row: u64) -> bool {
        let next = self.layout.place(row).0.wrapping_add(1);
        let held = self.chunks.get(next.wrapping_sub(self.dropped) as usize);
        if let (Some(Held { columns: None, .. }), Some(spill)) = (held, &mut self.spill) {
            spill.store.hint(next);
        }
        self.fetch(row)
    }

    /// Whether chunks may leave memory.
    #[inline]
    pub(crate) fn spills(&self) -> bool {
        self.spill.is_some()
    }

    /// Lets chunks leave memory if it has grown, but for those that tails at these rows walk next.
    pub(crate) fn shrink(&mut self, rows: impl Iterator<Item = u64> + Clone) {
        let layout = self.layout;
        let walked = rows.map(|row| layout.place(row).0);
        let near = |number: u64| walked.clone().any(|walked| (walked..walked + AHEAD).contains(&number));
        let oldest = self.dropped;
        if let Some(spill) = self.spill.as_mut().filter(|spill| spill.grown) {
            spill.grown = false;
            spill.shrink(oldest, &mut self.chunks, near);
        }
    }
}
