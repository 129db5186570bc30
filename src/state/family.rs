//! A family: all cells with the same key, side by side in one fixed-width record per key.
//!
//! Before the cells a record says whose it is and how old: [`slots`](super::slots) gives records to keys by that.

use super::bag::Values;
use super::cell::Cell;
use super::chunked::Chunked;
use super::coarse;
use super::filter::Filter;
use super::keys::Keys;
use super::spec::{Budgets, CellSpec, FamilySpec, Span};
use crate::time::Period;

/// Word of a record: own time of the latest late or corrected contribution, plus one.
const CORRECTED: usize = 0;
/// Word of a record: the first row that is its own; what is due of older ones was another key's.
pub(crate) const FIRST_ROW: usize = 1;
/// Word of a record: when it was touched last, and above it until when its key was evicted, both coarse.
pub(crate) const TIMES: usize = 2;
/// Words before the calendar's and the cells.
const HEADER: usize = 3;

/// The first row of a record that is nobody's.
pub(crate) const NOBODYS: u64 = u64::MAX;

/// The calendar day and month that hold now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Periods {
    pub(crate) day: Period,
    pub(crate) month: Period,
}

impl Periods {
    /// Whether a span that ends now covers a time that is not after now.
    #[inline]
    pub(crate) fn cover(&self, span: Span, time_us: i64, now_us: i64) -> bool {
        match span {
            Span::Sliding { length_us } => now_us - time_us < length_us,
            Span::Day => time_us >= self.day.start_us,
            Span::Month => time_us >= self.month.start_us,
            Span::Forever => true,
        }
    }
}

/// What a record's word says of the period that its cells are of; never 0, which is none.
#[inline]
fn stamp(period: Period) -> u64 {
    (period.start_us as u64).wrapping_add(1)
}

/// Whether a row is not older than a record's key.
#[inline]
pub(crate) fn is_own(record: &[u64], row: u64) -> bool {
    record[FIRST_ROW] <= row
}

/// When a record was touched last, coarse.
#[inline]
pub(crate) fn touched(record: &[u64]) -> u32 {
    record[TIMES] as u32
}

/// Until when a record's key was evicted, if it was.
#[inline]
pub(crate) fn evicted_us(record: &[u64]) -> Option<i64> {
    coarse::time_us((record[TIMES] >> 32) as u32)
}

/// One family.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) keys: Keys,
    /// Contributions that count only payments that were allowed.
    pub(crate) allowed: u64,
    pub(crate) cells: Vec<Cell>,
    pub(crate) records: Chunked<u64>,
    pub(crate) values: Values,
    /// Words that hold the start, plus one, of the day and the month that calendar cells are of.
    day_word: Option<usize>,
    month_word: Option<usize>,
    /// Slots ever made, 0 among them for "none".
    pub(super) made: u32,
    /// Slots that have a key.
    pub(super) held: u32,
    /// Head of the list of free slots.
    pub(super) free: u32,
    /// The slot looked at last.
    pub(super) hand: u32,
    /// Most slots that have a key.
    pub(super) keys_max: u32,
    /// Most nodes of value trees.
    pub(super) nodes_max: u32,
    /// Cells that keep values.
    pub(super) value_cells: usize,
    /// How long its sliding windows look back; `None` where a cell is for ever.
    pub(super) longest_us: Option<i64>,
    /// The marks of keys that were evicted.
    pub(super) filter: Filter,
}

impl Family {
    /// A family without keys; the slots of keys of one text stand at this place beside it.
    pub(crate) fn new(spec: &FamilySpec, beside: usize, budgets: &Budgets) -> Self {
        let mut words = HEADER;
        let mut word_for = |span| {
            let needed = spec.cells.iter().any(|cell| cell.span == span);
            needed.then(|| {
                words += 1;
                words - 1
            })
        };
        let (day_word, month_word) = (word_for(Span::Day), word_for(Span::Month));
        let place =
            |cell: &CellSpec| Cell { span: cell.span, bit: cell.bit, measure: cell.measure, offset: 0 };
        let mut cells: Vec<Cell> = spec.cells.iter().map(place).collect();
        // What one tail touches lies together.
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|&at| cells[at].span);
        for at in order {
            cells[at].offset = words;
            words += Cell::words(cells[at].span, cells[at].measure);
        }
        let spans = || cells.iter().map(|cell| cell.span);
        let sliding = spans().map(|span| if let Span::Sliding { length_us } = span { length_us } else { 0 });
        let forever = spans().any(|span| span == Span::Forever);
        let longest_us = (!forever).then(|| sliding.max().unwrap_or(0));
        let reach_us =
            spans().map(Span::reach_us).try_fold(0, |longest: i64, reach| Some(longest.max(reach?)));
        let nodes_max = budgets.arena_bytes_max / Values::NODE_BYTES;
        Self {
            keys: Keys::new(spec.key_texts, beside),
            made: 1,
            held: 0,
            free: 0,
            hand: 0,
            keys_max: if forever { budgets.forever_keys_max } else { budgets.keys_max }.max(1),
            nodes_max: u32::try_from(nodes_max).unwrap_or(u32::MAX),
            value_cells: cells.iter().filter(|cell| cell.has_values()).count(),
            longest_us,
            filter: Filter::new(budgets.filter_bytes, reach_us),
            allowed: spec.allowed,
            cells,
            records: Chunked::new(words),
            values: Values::new(),
            day_word,
            month_word,
        }
    }

    /// Whether what a row says of a slot is of the key that has it now.
    #[inline]
    pub(crate) fn owns(&self, slot: u32, row: u64) -> bool {
        self.records.row(slot).is_some_and(|record| is_own(record, row))
    }

    /// Notes that a key was fed or corrected now.
    #[inline]
    pub(crate) fn touch(&mut self, slot: u32, now_us: i64) {
        let word = &mut self.records.row_mut(slot)[TIMES];
        *word = *word >> 32 << 32 | u64::from(coarse::after(now_us));
    }

    /// Takes a contribution that happens now in, to every cell that `mask` feeds.
    #[inline]
    pub(crate) fn take_in(
        &mut self,
        slot: u32,
        mask: u64,
        now_us: i64,
        periods: Periods,
        value: impl Fn(usize) -> i64,
    ) {
        self.turn_period(slot, periods);
        let record = self.records.row_mut(slot);
        for cell in &self.cells {
            if cell.fed_by(mask) {
                cell.apply(record, &mut self.values, 1, now_us, &value);
            }
        }
    }

    /// Notes that a late or corrected contribution of this own time changed the record.
    pub(crate) fn note_corrected(&mut self, slot: u32, time_us: i64) {
        let word = &mut self.records.row_mut(slot)[CORRECTED];
        *word = (*word).max(time_us as u64 + 1);
    }

    /// Whether a late or corrected contribution is part of what a span covers.
    pub(crate) fn corrected(&self, record: &[u64], span: Span, periods: Periods, now_us: i64) -> bool {
        record[CORRECTED] != 0 && periods.cover(span, record[CORRECTED] as i64 - 1, now_us)
    }

    /// Empties the calendar cells of a record if they are of a period that is over.
    #[inline]
    pub(crate) fn turn_period(&mut self, slot: u32, periods: Periods) {
        for (word, period, span) in
            [(self.day_word, periods.day, Span::Day), (self.month_word, periods.month, Span::Month)]
        {
            let Some(word) = word else { continue };
            let record = self.records.row_mut(slot);
            if record[word] == stamp(period) {
                continue;
            }
            record[word] = stamp(period);
            for cell in self.cells.iter().filter(|cell| cell.span == span) {
                cell.clear(record, &mut self.values);
            }
        }
    }

    /// Whether what a record holds for a span is of the present day or month.
    #[inline]
    pub(crate) fn is_present(&self, record: &[u64], span: Span, periods: Periods) -> bool {
        let stamped =
            |word: Option<usize>, period: Period| word.is_some_and(|word| record[word] == stamp(period));
        match span {
            Span::Sliding { .. } | Span::Forever => true,
            Span::Day => stamped(self.day_word, periods.day),
            Span::Month => stamped(self.month_word, periods.month),
        }
    }

    /// Bytes of a record before its cells.
    pub(crate) fn header_bytes(&self) -> usize {
        (HEADER + usize::from(self.day_word.is_some()) + usize::from(self.month_word.is_some()))
            * size_of::<u64>()
    }
}
