//! The tail log: what windows need of each event, in chunks of columns, in the order of arrival.
//!
//! Tails walk it. A row is never changed; what is no longer its own to contribute is marked beside it. Whole chunks
//! are dropped once no tail and no correction can need them, and their room is used again.

use std::collections::VecDeque;

use super::chunk::{self, ChunkColumns, Row, flags};
use super::marks::Marks;
use super::shapes::Shapes;

/// Rows in one chunk.
const ROWS: usize = 4096;

/// What a payment counts as when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It asked and was refused: it never counts as allowed.
    Asked,
    /// It asked and was stepped up: it counts as allowed once authenticated.
    Open,
    /// It counts as asked and as allowed.
    Allowed,
}

impl Standing {
    /// The bits of a mask that count at once, given those that count only allowed payments.
    #[inline]
    pub(crate) fn counted(self, mask: u64, allowed: u64) -> u64 {
        if self == Self::Allowed { mask } else { mask & !allowed }
    }
}

/// The mark of a row that came in late: all that it contributes is in the side buffer from the start.
const LATE_MARK: u8 = 1 << 7;

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    families: usize,
    columns: usize,
    chunks: VecDeque<ChunkColumns>,
    /// The shapes of the newest chunk.
    shapes: Shapes,
    marks: Marks,
    /// Position of the first row ever.
    first: u64,
    /// Chunks before the first one held.
    dropped: u64,
    /// Position after the newest row.
    end: u64,
    spare: Option<ChunkColumns>,
}

impl Log {
    /// An empty log of rows with a slot and a mask per family, and values.
    pub(crate) fn new(families: usize, columns: usize) -> Self {
        Self {
            families,
            columns,
            chunks: VecDeque::new(),
            shapes: Shapes::new(),
            marks: Marks::new(),
            first: 0,
            dropped: 0,
            end: 0,
            spare: None,
        }
    }

    /// Lets an empty log begin with this row.
    pub(crate) fn begin(&mut self, row: u64) {
        (self.first, self.end) = (row, row);
    }

    /// Which of the chunks ever a row is in, and its position there.
    #[inline]
    fn place(&self, row: u64) -> (u64, usize) {
        let rows = row.wrapping_sub(self.first);
        (rows / ROWS as u64, (rows % ROWS as u64) as usize)
    }

    /// Whether the row is still held.
    pub(crate) fn holds(&self, row: u64) -> bool {
        (self.first..self.end).contains(&row) && self.place(row).0 >= self.dropped
    }

    /// Appends a row and gives its position. The slots of its families are then put beside it, one after the other.
    #[inline]
    pub(crate) fn append(
        &mut self,
        at_us: i64,
        standing: Standing,
        late: bool,
        masks: &[u64],
        values: &[i64],
    ) -> u64 {
        let row = self.end;
        if self.place(row).1 == 0 {
            self.open();
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.at_us.push(at_us);
            let shape = self.shapes.find(&mut chunk.shapes, flags(standing, late).into(), masks);
            chunk.shape.push(shape);
            for (column, value) in chunk.values.iter_mut().zip(values) {
                column.push(*value);
            }
        }
        if late {
            self.marks.add(row, LATE_MARK);
        }
        self.end += 1;
        row
    }

    /// Puts the slot of the next family beside the newest row; any where the row contributes nothing to it.
    #[inline]
    pub(crate) fn put_slot(&mut self, family: usize, slot: u32) {
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.slots[family].push(slot);
        }
    }

    fn open(&mut self) {
        self.shapes.clear();
        let chunk = self.spare.take();
        self.chunks
            .push_back(chunk.unwrap_or_else(|| ChunkColumns::with_room(self.families, self.columns, ROWS)));
    }

    /// A row, unless its chunk is gone.
    #[inline]
    pub(crate) fn row(&self, row: u64) -> Option<Row<'_>> {
        let (number, at) = self.place(row);
        let chunk = self.chunks.get(number.wrapping_sub(self.dropped) as usize)?;
        (at < chunk.rows()).then(|| chunk.row(at))
    }

    /// When a row came in, or `None` at the log's end.
    #[inline]
    pub(crate) fn came_in_us(&self, row: u64) -> Option<i64> {
        self.row(row).map(Row::at_us)
    }

    /// Marks a row.
    pub(crate) fn mark(&mut self, row: u64, marks: u8) {
        self.marks.add(row, marks);
    }

    /// The marks of a row; none where it holds itself all that it contributes.
    #[inline]
    pub(crate) fn marks(&self, row: u64) -> u8 {
        self.marks.of(row)
    }

    /// Drops the chunks whose rows all came in at or before `edge_us`.
    #[inline]
    pub(crate) fn drop_through(&mut self, edge_us: i64) {
        while self.chunks.len() > 1 && self.chunks[0].at_us.last().is_some_and(|&last_us| last_us <= edge_us)
        {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(mut chunk) = self.chunks.pop_front() {
            chunk.clear();
            self.spare.get_or_insert(chunk);
        }
        self.dropped += 1;
        self.marks.drop_before(self.first + self.dropped * ROWS as u64);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().chain(&self.spare).map(ChunkColumns::bytes).sum::<usize>() + self.marks.bytes()
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        chunk::row_bytes(self.families, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(rows: u64) -> Log {
        let mut log = Log::new(3, 1);
        log.begin(77);
        for n in 0..rows {
            let masks = [n % 5, 1, n % 3];
            let row = log.append(n as i64, Standing::Open, n % 10 == 9, &masks, &[-(n as i64)]);
            assert_eq!(row, 77 + n);
            (0..3).for_each(|family| log.put_slot(family, n as u32 * 3 + family as u32));
        }
        log
    }

    #[test]
    fn a_row_is_what_was_put_in_until_its_chunk_is_dropped() {
        let rows = ROWS as u64 * 5 / 2;
        let mut log = filled(rows);
        log.mark(77, 1);
        for dropped in [0, ROWS as u64] {
            log.drop_through(dropped as i64 - 1);
            for n in dropped..rows {
                let row = log.row(77 + n).unwrap();
                assert_eq!((row.at_us(), row.value(0), row.is_late()), (n as i64, -(n as i64), n % 10 == 9));
                assert_eq!(row.standing(), Standing::Open);
                let families = [0, 1, 2].map(|family| row.family(family));
                assert_eq!(
                    families,
                    [(n as u32 * 3, n % 5), (n as u32 * 3 + 1, 1), (n as u32 * 3 + 2, n % 3)]
                );
            }
            assert!(dropped == 0 || log.row(77 + dropped - 1).is_none());
            assert!(log.row(76).is_none() && log.row(77 + rows).is_none());
        }
        assert_eq!((log.marks(77), log.marks(77 + rows - 1)), (0, LATE_MARK), "a mark goes with its row");
    }

    #[test]
    fn an_event_takes_30_bytes_with_three_families_and_one_value() {
        let log = filled(ROWS as u64 * 4);
        assert_eq!(log.row_bytes(), 30);
        let bytes = log.bytes() - log.marks.bytes();
        // Beside its rows a chunk has its shapes: few.
        assert!(bytes <= ROWS * 4 * 30 + 4 * 64 * 8 * 4, "{bytes}");
    }
}
