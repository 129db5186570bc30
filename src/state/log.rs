//! The tail log: what windows need of each event, in chunks of columns, in the order of arrival.
//!
//! Tails walk it. A row is never changed; what is no longer its own to contribute is marked beside it. Whole chunks
//! are dropped once no tail and no correction can need them, and their room is used again. With a store, chunks leave
//! memory where it is short; a row of one is not there until it came back.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::chunk::{self, ChunkColumns, Row, flags};
use super::saved::{ResumeError, SavedLog};
use super::shapes::Shapes;
use super::spec::{Scope, Scopes};
use super::spill::{Held, Spill};
use crate::shared::Shared;

/// Rows in one chunk, unless another number is asked for.
pub const CHUNK_ROWS: usize = 4096;

/// The mark of a row of which all that it contributes is in the side buffer from the start: one that came in late, and
/// one that stands for an earlier row which was away.
const ASIDE_MARK: u8 = 1 << 7;

/// Which row is in which chunk.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Layout {
    /// Position of the first row ever.
    first: u64,
    /// Rows in one chunk, as a power of two.
    shift: u32,
}

impl Layout {
    /// Rows in one chunk.
    pub(super) fn rows(self) -> usize {
        1 << self.shift
    }

    /// The number of the chunk that a row is in, and its position there.
    #[inline]
    pub(super) fn place(self, row: u64) -> (u64, usize) {
        let row = row.wrapping_sub(self.first);
        (row >> self.shift, row as usize & (self.rows() - 1))
    }

    /// The first row of a chunk.
    fn first_of(self, number: u64) -> u64 {
        self.first + (number << self.shift)
    }
}

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(super) families: usize,
    pub(super) columns: usize,
    pub(super) chunks: VecDeque<Held>,
    /// The shapes of the newest chunk.
    shapes: Shapes,
    pub(super) layout: Layout,
    /// Chunks before the first one held.
    pub(super) dropped: u64,
    /// Position after the newest row.
    end: u64,
    /// Room that a dropped chunk has left for the next one.
    spare: Option<ChunkColumns>,
    /// The same of marks.
    spare_marks: Option<Box<[u8]>>,
    pub(super) spill: Option<Spill>,
}

impl Log {
    /// What is saved of it; shares what is in memory, and reads nothing of what is away.
    pub(crate) fn freeze(&mut self) -> SavedLog {
        let spill = &mut self.spill;
        let chunks = (self.dropped..).zip(&mut self.chunks);
        let chunks = chunks.map(|(number, held)| held.freeze(number, spill.as_mut())).collect();
        let Self { layout, dropped, end, .. } = *self;
        SavedLog { chunks, layout, dropped, end }
    }

    /// Goes on, in place of an empty log, from what was saved of one of the same form. What was away goes there again
    /// where there is a store, a chunk at a time.
    pub(crate) fn resume(&mut self, saved: SavedLog) -> Result<(), ResumeError> {
        let SavedLog { chunks, layout, dropped, end } = saved;
        (self.layout, self.dropped, self.end) = (layout, dropped, end);
        for (number, saved) in (dropped..).zip(chunks) {
            let rows = end.saturating_sub(layout.first_of(number)).min(layout.rows() as u64);
            let form = (self.families, self.columns, rows as usize);
            self.chunks.push_back(Held::resumed(saved, number, form, self.spill.as_mut())?);
        }
        if let Some(newest) = self.chunks.back().and_then(|held| held.columns.as_ref()) {
            self.shapes.resume(&newest.shapes, 1 + self.families);
        }
        Ok(())
    }

    /// An empty log of rows with a slot and a mask per family, and values.
    pub(crate) fn new(families: usize, columns: usize) -> Self {
        Self {
            families,
            columns,
            chunks: VecDeque::new(),
            shapes: Shapes::new(),
            layout: Layout { first: 0, shift: CHUNK_ROWS.ilog2() },
            dropped: 0,
            end: 0,
            spare: None,
            spare_marks: None,
            spill: None,
        }
    }

    /// Lets an empty log have chunks of so many rows, or the next power of two, at most 65,536.
    pub(crate) fn set_rows(&mut self, rows: usize) {
        let most = 1 << u16::BITS;
        self.layout.shift = rows.clamp(1, most).next_power_of_two().ilog2();
    }

    /// Lets closed chunks leave memory from now on.
    pub(crate) fn set_spill(&mut self, spill: Spill) {
        self.spill = Some(spill);
    }

    /// Lets an empty log begin with this row.
    pub(crate) fn begin(&mut self, row: u64) {
        (self.layout.first, self.end) = (row, row);
    }

    /// The next row.
    #[inline]
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether the row is held, in memory or away.
    pub(crate) fn holds(&self, row: u64) -> bool {
        (self.layout.first..self.end).contains(&row) && self.layout.place(row).0 >= self.dropped
    }

    /// Appends a row that is about the one so many rows `back`, and gives its position. The slots of its families are then
    /// put beside it, one after the other.
    #[inline]
    pub(crate) fn append(
        &mut self,
        at_us: i64,
        counted: Scopes,
        late: bool,
        back: u32,
        masks: &[u64],
        values: &[i64],
    ) -> u64 {
        let row = self.end;
        if self.layout.place(row).1 == 0 {
            self.open(at_us);
        }
        if let Some(chunk) = newest(&mut self.chunks) {
            chunk.at_us.push(at_us);
            let shape = self.shapes.find(&mut chunk.shapes, flags(counted, late), masks);
            chunk.shape.push(shape);
            for (column, value) in chunk.values.iter_mut().zip(values) {
                column.push(*value);
            }
            chunk.push_back(back);
        }
        if late {
            self.put_aside(row);
        }
        self.end += 1;
        row
    }

    /// The slots of every family, which take that of the newest row next; any where it contributes nothing.
    #[inline]
    pub(crate) fn slots(&mut self) -> &mut [Vec<u32>] {
        newest(&mut self.chunks).map_or(&mut [], |chunk| &mut chunk.slots)
    }

    fn open(&mut self, at_us: i64) {
        if let Some(closed) = self.chunks.back_mut() {
            let last_us = closed.columns.as_ref().and_then(|chunk| chunk.at_us.last().copied());
            closed.last_us = last_us.unwrap_or(at_us);
        }
        self.shapes.clear();
        let chunk = self.spare.take();
        let room = || ChunkColumns::with_room(self.families, self.columns, self.layout.rows());
        self.chunks.push_back(Held::open(chunk.unwrap_or_else(room), at_us));
        if let Some(spill) = &mut self.spill {
            // The one before has closed, with all of its shapes.
            let end = self.dropped + self.chunks.len() as u64;
            for (number, held) in (0..end).rev().zip(self.chunks.iter().rev()).take(2) {
                if held.columns.is_some() {
                    spill.got(number, held.bytes());
                }
            }
        }
    }

    /// The chunk of a row, unless it is gone.
    #[inline]
    fn held(&self, row: u64) -> Option<&Held> {
        let (number, _) = self.layout.place(row);
        self.chunks.get(number.wrapping_sub(self.dropped) as usize)
    }

    /// A row, unless its chunk is gone or away.
    #[inline]
    pub(crate) fn row(&self, row: u64) -> Option<Row<'_>> {
        let (_, at) = self.layout.place(row);
        let chunk = self.held(row)?.columns.as_ref()?;
        (at < chunk.rows()).then(|| chunk.row(at))
    }

    /// When a row came in, or `None` at the log's end. Of one that is away at least no later time.
    #[inline]
    pub(crate) fn came_in_us(&self, row: u64) -> Option<i64> {
        match self.row(row) {
            Some(row) => Some(row.at_us()),
            None if row < self.end => Some(self.held(row).map_or(i64::MIN, |held| held.first_us)),
            None => None,
        }
    }

    /// Says that something else than the row holds what it contributes in a scope.
    pub(crate) fn supersede(&mut self, row: u64, scope: Scope) {
        self.mark(row, Scopes::default().with(scope).bits());
    }

    /// Says that all that a row contributes is in the side buffer.
    pub(crate) fn put_aside(&mut self, row: u64) {
        self.mark(row, ASIDE_MARK);
    }

    /// Whether all that a row contributes is in the side buffer.
    pub(crate) fn is_aside(&self, row: u64) -> bool {
        self.marks(row) & ASIDE_MARK != 0
    }

    /// The scopes in which something else holds what a row contributes.
    #[inline]
    pub(crate) fn superseded(&self, row: u64) -> Scopes {
        Scopes::from_bits(self.marks(row) & !ASIDE_MARK)
    }

    /// Whether a row is held, and something else holds any of what it contributes.
    pub(crate) fn is_moved(&self, row: u64) -> bool {
        self.holds(row) && self.marks(row) != 0
    }

    fn mark(&mut self, row: u64, marks: u8) {
        let ((number, at), rows) = (self.layout.place(row), self.layout.rows());
        let spare = &mut self.spare_marks;
        if let Some(held) = self.chunks.get_mut(number.wrapping_sub(self.dropped) as usize) {
            let room = || spare.take().unwrap_or_else(|| vec![0; rows].into_boxed_slice());
            held.marks.add(at, marks, room);
        }
    }

    fn marks(&self, row: u64) -> u8 {
        let (_, at) = self.layout.place(row);
        self.held(row).map_or(0, |held| held.marks.of(at))
    }

    /// Chunks that there have ever been.
    #[inline]
    pub(crate) fn opened(&self) -> u64 {
        self.dropped + self.chunks.len() as u64
    }

    /// Drops the oldest chunks, at most so many, of which all rows came in at or before `edge_us`, and before the row
    /// `below`.
    #[inline]
    pub(crate) fn drop_oldest(&mut self, most: u64, edge_us: i64, below: impl FnOnce() -> u64) {
        let over = |log: &Self| log.chunks.front().is_some_and(|oldest| oldest.last_us <= edge_us);
        if !over(self) {
            return;
        }
        let below = below();
        for _ in 0..most {
            if !over(self) || self.layout.first_of(self.dropped + 1) > below {
                return;
            }
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(Held { columns, marks, .. }) = self.chunks.pop_front() {
            if let Some(mut chunk) = columns.and_then(Shared::into_own) {
                chunk.clear();
                self.spare.get_or_insert(chunk);
            }
            self.spare_marks = self.spare_marks.take().or_else(|| marks.into_room());
        }
        self.dropped += 1;
        if let Some(spill) = &mut self.spill {
            spill.lost(self.dropped - 1);
            spill.drop_before(self.dropped);
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let held = self.chunks.iter().filter_map(|held| held.columns.as_deref()).chain(&self.spare);
        held.map(ChunkColumns::bytes).sum::<usize>() + self.marks_bytes()
    }

    fn marks_bytes(&self) -> usize {
        let spare = self.spare_marks.as_ref().map_or(0, |marks| marks.len());
        self.chunks.iter().map(|held| held.marks.bytes()).sum::<usize>() + spare
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        chunk::row_bytes(self.families, self.columns)
    }
}

/// The chunk that is being written.
#[inline]
fn newest(chunks: &mut VecDeque<Held>) -> Option<&mut ChunkColumns> {
    chunks.back_mut().and_then(|held| held.columns.as_mut()).map(Shared::get_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(rows: u64) -> Log {
        let mut log = Log::new(3, 1);
        log.begin(77);
        for n in 0..rows {
            let masks = [n % 5, 1, n % 3];
            let row = log.append(
                n as i64,
                Scopes::from_bits(n as u8 % 2 * 33),
                n % 10 == 9,
                0,
                &masks,
                &[-(n as i64)],
            );
            assert_eq!(row, 77 + n);
            (0..3).zip(log.slots()).for_each(|(family, slots)| slots.push(n as u32 * 3 + family));
        }
        log
    }

    #[test]
    fn a_row_is_what_was_put_in_until_its_chunk_is_dropped() {
        let rows = CHUNK_ROWS as u64 * 5 / 2;
        let mut log = filled(rows);
        log.supersede(77, Scope::Allowed);
        assert!(log.is_moved(77) && log.is_moved(86) && !log.is_moved(78));
        for dropped in [0, CHUNK_ROWS as u64] {
            log.drop_oldest(2, dropped as i64 - 1, || u64::MAX);
            for n in dropped..rows {
                let row = log.row(77 + n).unwrap();
                assert_eq!((row.at_us(), row.value(0), row.is_late()), (n as i64, -(n as i64), n % 10 == 9));
                assert_eq!(row.counted(), Scopes::from_bits(n as u8 % 2 * 33));
                let families = [0, 1, 2].map(|family| row.family(family));
                assert_eq!(
                    families,
                    [(n as u32 * 3, n % 5), (n as u32 * 3 + 1, 1), (n as u32 * 3 + 2, n % 3)]
                );
            }
            assert!(dropped == 0 || log.row(77 + dropped - 1).is_none());
            assert_eq!(log.superseded(77) == Scopes::default().with(Scope::Allowed), dropped == 0);
            assert!(log.row(76).is_none() && log.row(77 + rows).is_none());
        }
        assert!(!log.is_moved(77), "a mark goes with its row");
    }

    #[test]
    fn an_event_takes_30_bytes_with_three_families_and_one_value() {
        let log = filled(CHUNK_ROWS as u64 * 4);
        assert_eq!(log.row_bytes(), 30);
        let bytes = log.bytes() - log.marks_bytes();
        assert_eq!(log.marks_bytes(), CHUNK_ROWS * 4, "a byte a row, where any is marked");
        // Beside its rows a chunk has its shapes: few.
        assert!(bytes <= CHUNK_ROWS * 4 * 30 + 4 * 64 * 8 * 4, "{bytes}");
    }
}
