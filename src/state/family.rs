//! A family: all cells with the same key, side by side in one fixed-width record per key.

use super::cell::{Cell, Origin};
use super::chunked::Chunked;
use super::keys::{Key, Keys};
use super::spec::{CellSpec, FamilySpec, Span};
use super::values::Values;
use crate::time::Period;

/// Word of a record: own time of the latest late or corrected contribution, plus one.
const CORRECTED: usize = 0;

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
    /// Slots given out, 0 among them for "none".
    pub(crate) slots: u32,
}

impl Family {
    /// A family without keys.
    pub(crate) fn new(spec: &FamilySpec) -> Self {
        let mut words = CORRECTED + 1;
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
        Self {
            keys: Keys::new(spec.key_texts),
            allowed: spec.allowed,
            cells,
            records: Chunked::new(words),
            values: Values::new(&spec.cells),
            day_word,
            month_word,
            slots: 1,
        }
    }

    /// The slot of a key, given now if it has none.
    #[inline]
    pub(crate) fn slot(&mut self, key: &Key) -> u32 {
        if let Some(slot) = self.keys.get(key) {
            return slot;
        }
        let slot = self.slots;
        self.slots += 1;
        self.keys.set(key, slot);
        self.records.reach(slot);
        slot
    }

    /// Takes a contribution that happens now in, to every cell that `mask` feeds.
    #[inline]
    pub(crate) fn take_in(
        &mut self,
        slot: u32,
        mask: u64,
        at: Origin,
        periods: Periods,
        value: impl Fn(usize) -> i64,
    ) {
        self.turn_period(slot, periods);
        let record = self.records.row_mut(slot);
        for cell in &self.cells {
            if cell.fed_by(mask) {
                cell.apply(record, &mut self.values, 1, at, &value);
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

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.bytes() + self.records.bytes() + self.values.bytes()
    }
}
