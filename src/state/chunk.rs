//! A chunk of the tail log: some rows in a row, as plain columns.
//!
//! Once closed a chunk never changes, so that it can be written away, read back and shared as it is.

use serde::{Deserialize, Serialize};

use super::spec::Scopes;

/// Words of a shape before its masks: the flags.
const FLAGS_WORDS: usize = 1;

/// The flag of what came in late: its own time is in the side buffer. Above it are the scopes that count.
const LATE: u64 = 1;
const SCOPES_SHIFT: u32 = 1;

/// Rows of the tail log as columns. Times are in microseconds since 1970 UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkColumns {
    /// When each row came in.
    pub at_us: Vec<i64>,
    /// Which of the chunk's shapes each row has.
    pub shape: Vec<u16>,
    /// By family, the slot of each row's key.
    pub slots: Vec<Vec<u32>>,
    /// By column, each row's value.
    pub values: Vec<Vec<i64>>,
    /// The shapes, one after the other: a word of flags, then the mask of every family.
    pub shapes: Vec<u64>,
    /// How many rows before each row the one is that it lets count again; 0 for a row that is about itself, and no
    /// column at all where every row is.
    pub back: Vec<u32>,
}

impl ChunkColumns {
    /// No rows, with room for `rows`.
    pub(crate) fn with_room(families: usize, columns: usize, rows: usize) -> Self {
        Self {
            at_us: Vec::with_capacity(rows),
            shape: Vec::with_capacity(rows),
            slots: (0..families).map(|_| Vec::with_capacity(rows)).collect(),
            values: (0..columns).map(|_| Vec::with_capacity(rows)).collect(),
            shapes: Vec::new(),
            back: Vec::new(),
        }
    }

    /// Takes all rows out, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.at_us.clear();
        self.shape.clear();
        self.slots.iter_mut().for_each(Vec::clear);
        self.values.iter_mut().for_each(Vec::clear);
        self.shapes.clear();
        self.back.clear();
    }

    /// Says how many rows before the newest one the row is that it lets count again, or 0.
    #[inline]
    pub(crate) fn push_back(&mut self, back: u32) {
        if back == 0 && self.back.is_empty() {
            return;
        }
        self.back.reserve(self.at_us.capacity() - self.back.len());
        self.back.resize(self.rows() - 1, 0);
        self.back.push(back);
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.at_us.len()
    }

    /// Words of one shape.
    pub fn shape_words(&self) -> usize {
        FLAGS_WORDS + self.slots.len()
    }

    /// Bytes of memory that its rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.at_us.capacity() * row_bytes(self.slots.len(), self.values.len())
            + self.back.capacity() * size_of::<u32>()
            + self.shapes.capacity() * size_of::<u64>()
    }

    /// Whether every column has so many rows, there are so many of them, and every shape is there.
    pub(crate) fn is_whole(&self, families: usize, columns: usize, rows: usize) -> bool {
        let shapes = self.shapes.len() / self.shape_words();
        self.slots.len() == families
            && self.values.len() == columns
            && self.at_us.len() == rows
            && self.shape.len() == rows
            && (self.back.is_empty() || self.back.len() == rows)
            && self.slots.iter().all(|slots| slots.len() == rows)
            && self.values.iter().all(|values| values.len() == rows)
            && self.shape.iter().all(|&shape| usize::from(shape) < shapes)
    }

    /// A row, by its position among the chunk's.
    #[inline]
    pub(crate) fn row(&self, at: usize) -> Row<'_> {
        Row { chunk: self, at, shape: usize::from(self.shape[at]) * self.shape_words() }
    }
}

/// Bytes of one row, without its part of the chunk's shapes, and without the 4 that say what it lets count again.
pub(crate) fn row_bytes(families: usize, columns: usize) -> usize {
    size_of::<i64>() + size_of::<u16>() + families * size_of::<u32>() + columns * size_of::<i64>()
}

/// What a shape says beside its masks.
#[inline]
pub(crate) fn flags(counted: Scopes, late: bool) -> u64 {
    (u64::from(counted.bits()) << SCOPES_SHIFT) | (u64::from(late) * LATE)
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    chunk: &'a ChunkColumns,
    at: usize,
    /// Where its shape begins.
    shape: usize,
}

impl Row<'_> {
    /// When it came in.
    #[inline]
    pub(crate) fn at_us(self) -> i64 {
        self.chunk.at_us[self.at]
    }

    /// When the next row of the chunk came in, if it has one more.
    #[inline]
    pub(crate) fn next_at_us(self) -> Option<i64> {
        self.chunk.at_us.get(self.at + 1).copied()
    }

    /// Whether its own time is earlier than when it came in.
    #[inline]
    pub(crate) fn is_late(self) -> bool {
        self.flags() & LATE != 0
    }

    /// The scopes in which it counted when it was written.
    #[inline]
    pub(crate) fn counted(self) -> Scopes {
        Scopes::from_bits((self.flags() >> SCOPES_SHIFT) as u8)
    }

    /// The row that it is about, which is `row` itself unless it lets an earlier one count again.
    #[inline]
    pub(crate) fn about(self, row: u64) -> u64 {
        row.saturating_sub(self.chunk.back.get(self.at).map_or(0, |&back| u64::from(back)))
    }

    #[inline]
    fn flags(self) -> u64 {
        self.chunk.shapes[self.shape]
    }

    /// Slot and mask of a family; any slot where no bit of the mask feeds a cell.
    #[inline]
    pub(crate) fn family(self, family: usize) -> (u32, u64) {
        (self.chunk.slots[family][self.at], self.chunk.shapes[self.shape + FLAGS_WORDS + family])
    }

    /// A value.
    #[inline]
    pub(crate) fn value(self, column: usize) -> i64 {
        self.chunk.values[column][self.at]
    }
}
