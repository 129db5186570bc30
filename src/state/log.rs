//! The tail log: what windows need of each event, in columns, in the order of arrival.
//!
//! Tails walk it. A row is never changed but for its flags; whole chunks are dropped once no tail and no correction
//! can need them, and used again.

use std::collections::VecDeque;

use super::spec::{Scope, Scopes};

/// Rows in one chunk.
const ROWS: usize = 4096;

/// The contribution came in late; its own time is in the side buffer. The bits above are the scopes that count.
const LATE: u8 = 1;

#[derive(Debug)]
struct Chunk {
    at_us: Box<[i64]>,
    flags: Box<[u8]>,
    superseded: Box<[u8]>,
    slots: Vec<Box<[u32]>>,
    masks: Vec<Box<[u64]>>,
    values: Vec<Box<[i64]>>,
}

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    families: usize,
    columns: usize,
    chunks: VecDeque<Chunk>,
    /// Position of the first row ever.
    first: u64,
    /// Chunks before the first one held.
    dropped: u64,
    /// Position after the newest row.
    end: u64,
    spare: Vec<Chunk>,
}

fn column<T: Clone + Default>() -> Box<[T]> {
    vec![T::default(); ROWS].into_boxed_slice()
}

impl Log {
    /// An empty log of rows with a slot and a mask per family, and values.
    pub(crate) fn new(families: usize, columns: usize) -> Self {
        Self { families, columns, chunks: VecDeque::new(), first: 0, dropped: 0, end: 0, spare: Vec::new() }
    }

    /// Lets an empty log begin with this row.
    pub(crate) fn begin(&mut self, row: u64) {
        (self.first, self.dropped, self.end) = (row, row / ROWS as u64, row);
    }

    /// Position after the newest row.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether the row is still held.
    pub(crate) fn holds(&self, row: u64) -> bool {
        (self.first..self.end).contains(&row) && row / ROWS as u64 >= self.dropped
    }

    /// Appends an empty row and gives its position. Its slots and masks are then set family by family.
    pub(crate) fn append(&mut self, at_us: i64, counted: Scopes, late: bool, values: &[i64]) -> u64 {
        let row = self.end;
        let at = (row % ROWS as u64) as usize;
        if at == 0 || self.chunks.is_empty() {
            let (families, columns) = (self.families, self.columns);
            let chunk = self.spare.pop().unwrap_or_else(|| Chunk {
                at_us: column(),
                flags: column(),
                superseded: column(),
                slots: (0..families).map(|_| column()).collect(),
                masks: (0..families).map(|_| column()).collect(),
                values: (0..columns).map(|_| column()).collect(),
            });
            self.chunks.push_back(chunk);
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.at_us[at] = at_us;
            chunk.flags[at] = (u8::from(late) * LATE) | (counted.bits() << 1);
            chunk.superseded[at] = 0;
            for (column, value) in chunk.values.iter_mut().zip(values) {
                column[at] = *value;
            }
        }
        self.end += 1;
        row
    }

    /// Sets what the newest row contributes to a family; an empty mask where it contributes nothing.
    #[inline]
    pub(crate) fn set_family(&mut self, family: usize, slot: u32, mask: u64) {
        let at = ((self.end - 1) % ROWS as u64) as usize;
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.slots[family][at] = slot;
            chunk.masks[family][at] = mask;
        }
    }

    /// A row, if it is held.
    #[inline]
    pub(crate) fn row(&self, row: u64) -> Option<Row<'_>> {
        if row >= self.end {
            return None;
        }
        let chunk = (row / ROWS as u64).checked_sub(self.dropped)?;
        Some(Row { chunk: self.chunks.get(chunk as usize)?, at: (row % ROWS as u64) as usize })
    }

    /// Says that something else than the row holds what it contributes in a scope.
    pub(crate) fn supersede(&mut self, row: u64, scope: Scope) {
        let chunk = (row / ROWS as u64).checked_sub(self.dropped);
        if let Some(chunk) = chunk.and_then(|chunk| self.chunks.get_mut(chunk as usize)) {
            chunk.superseded[(row % ROWS as u64) as usize] |= Scopes::default().with(scope).bits();
        }
    }

    /// Drops the oldest chunk if its rows all came in at or before `edge_us`, and before the row `below`.
    pub(crate) fn drop_oldest(&mut self, edge_us: i64, below: u64) {
        let over = self.chunks.len() > 1
            && self.chunks[0].at_us[ROWS - 1] <= edge_us
            && (self.dropped + 1) * ROWS as u64 <= below;
        if over && let Some(chunk) = self.chunks.pop_front() {
            self.dropped += 1;
            if self.spare.is_empty() {
                self.spare.push(chunk);
            }
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        (self.chunks.len() + self.spare.len()) * ROWS * self.row_bytes()
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        10 + self.families * 12 + self.columns * 8
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    chunk: &'a Chunk,
    at: usize,
}

impl Row<'_> {
    /// When it came in.
    #[inline]
    pub(crate) fn at_us(self) -> i64 {
        self.chunk.at_us[self.at]
    }

    /// Whether its own time is earlier than when it came in.
    #[inline]
    pub(crate) fn is_late(self) -> bool {
        self.chunk.flags[self.at] & LATE != 0
    }

    /// The scopes in which it counted when it was written.
    #[inline]
    pub(crate) fn counted(self) -> Scopes {
        Scopes::from_bits(self.chunk.flags[self.at] >> 1)
    }

    /// The scopes in which something else holds what it contributes.
    #[inline]
    pub(crate) fn superseded(self) -> Scopes {
        Scopes::from_bits(self.chunk.superseded[self.at])
    }

    /// Slot and mask of a family.
    #[inline]
    pub(crate) fn family(self, family: usize) -> (u32, u64) {
        (self.chunk.slots[family][self.at], self.chunk.masks[family][self.at])
    }

    /// A value.
    #[inline]
    pub(crate) fn value(self, column: usize) -> i64 {
        self.chunk.values[column][self.at]
    }
}
