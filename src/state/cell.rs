//! Cells: one aggregate over one span, in a few words of its key's record.
//!
//! Everything is exact: sums are 128-bit integers, what leaves a window is taken out to the last unit.

use super::bag::{self, Values};
use super::spec::{Measure, Span};

/// A cell with its place in the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) span: Span,
    pub(crate) bit: u32,
    pub(crate) measure: Measure,
    pub(crate) offset: usize,
}

/// Count, sum and sum of squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// How many.
    pub count: i64,
    /// Their sum.
    pub sum: i128,
    /// The sum of their squares; 0 where squares are not kept.
    pub squares: i128,
}

impl Moments {
    /// With one more value.
    #[must_use]
    pub fn with(self, value: i64) -> Self {
        let value = i128::from(value);
        Self {
            count: self.count + 1,
            sum: self.sum + value,
            squares: self.squares.wrapping_add(value * value),
        }
    }
}

/// Behind the bag of a `forever` cell: whether anything is settled, its least and its greatest value.
const SETTLED: usize = bag::WORDS;

impl Cell {
    /// Words that it takes in a record.
    pub(crate) fn words(span: Span, measure: Measure) -> usize {
        match measure {
            Measure::Count => 1,
            Measure::Moments { squares: false, .. } => 3,
            Measure::Moments { squares: true, .. } => 5,
            Measure::Distinct { .. } => bag::WORDS,
            // For `forever` also the least and greatest of what can no longer be corrected.
            Measure::Ordered { .. } | Measure::Times => {
                bag::WORDS + if span == Span::Forever { 3 } else { 0 }
            }
        }
    }

    /// Whether old values leave its multiset for its settled extremes.
    pub(crate) fn settles(&self) -> bool {
        self.span == Span::Forever && matches!(self.measure, Measure::Ordered { .. } | Measure::Times)
    }

    /// Whether a mask feeds it.
    #[inline]
    pub(crate) fn fed_by(&self, mask: u64) -> bool {
        mask >> self.bit & 1 == 1
    }

    /// Takes one contribution in (`sign` 1) or out (`sign` -1).
    #[inline]
    pub(crate) fn apply(
        &self,
        record: &mut [u64],
        values: &mut Values,
        sign: i64,
        time_us: i64,
        value: impl Fn(usize) -> i64,
    ) {
        let words = &mut record[self.offset..];
        match self.measure {
            Measure::Count => words[0] = words[0].wrapping_add_signed(sign),
            Measure::Moments { column, squares } => {
                // A value is at most 10^15, so its negative is one too.
                let value = value(column);
                words[0] = words[0].wrapping_add_signed(sign);
                add(&mut words[1..3], i128::from(sign * value));
                if squares {
                    add(&mut words[3..5], i128::from(sign * value) * i128::from(value));
                }
            }
            Measure::Times => bag::change(words, values, time_us, sign as i32),
            Measure::Ordered { column } | Measure::Distinct { column } => {
                bag::change(words, values, value(column), sign as i32);
            }
        }
    }

    /// Moves a value of a settling cell from the multiset to the settled extremes, or only out if it was superseded.
    pub(crate) fn settle(&self, record: &mut [u64], values: &mut Values, value: i64, keep: bool) {
        bag::change(&mut record[self.offset..], values, value, -1);
        if keep {
            self.settle_directly(record, value);
        }
    }

    /// Adds a value to the settled extremes.
    pub(crate) fn settle_directly(&self, record: &mut [u64], value: i64) {
        let words = &mut record[self.offset + SETTLED..];
        let (least, greatest) = if words[0] == 0 {
            (value, value)
        } else {
            ((words[1] as i64).min(value), (words[2] as i64).max(value))
        };
        words[0] = 1;
        words[1] = least as u64;
        words[2] = greatest as u64;
    }

    /// The value that an ordered cell takes of a contribution.
    pub(crate) fn ordered_value(&self, time_us: i64, value: impl Fn(usize) -> i64) -> i64 {
        match self.measure {
            Measure::Ordered { column } => value(column),
            _ => time_us,
        }
    }

    /// Whether it keeps a multiset of values.
    #[inline]
    pub(crate) fn has_values(&self) -> bool {
        matches!(self.measure, Measure::Ordered { .. } | Measure::Times | Measure::Distinct { .. })
    }

    /// Whether some of its values are in the arena.
    pub(crate) fn holds_nodes(&self, record: &[u64]) -> bool {
        self.has_values() && bag::holds_nodes(&record[self.offset..])
    }

    /// Empties it.
    pub(crate) fn clear(&self, record: &mut [u64], values: &mut Values) {
        let words = &mut record[self.offset..self.offset + Self::words(self.span, self.measure)];
        if self.has_values() {
            bag::clear(words, values);
        }
        words.fill(0);
    }

    /// How many contributions a counting cell holds.
    #[inline]
    pub(crate) fn count(&self, record: &[u64]) -> i64 {
        record[self.offset] as i64
    }

    /// Count, sum and squares of a counting cell.
    #[inline]
    pub(crate) fn moments(&self, record: &[u64]) -> Moments {
        let words = &record[self.offset..];
        let count = words[0] as i64;
        match self.measure {
            Measure::Moments { squares, .. } => {
                let squares = if squares { wide(&words[3..5]) } else { 0 };
                Moments { count, sum: wide(&words[1..3]), squares }
            }
            _ => Moments { count, ..Moments::default() },
        }
    }

    /// Least and greatest value of an ordered cell.
    pub(crate) fn extremes(&self, record: &[u64], values: &Values) -> Option<(i64, i64)> {
        let words = &record[self.offset..];
        let held = bag::least(words, values).zip(bag::greatest(words, values));
        let settled = self.settled(words);
        let (Some((first, last)), Some((least, greatest))) = (held, settled) else { return held.or(settled) };
        Some((first.min(least), last.max(greatest)))
    }

    /// The least and greatest of what can no longer be corrected.
    fn settled(&self, words: &[u64]) -> Option<(i64, i64)> {
        let settled = self.settles() && words[SETTLED] != 0;
        settled.then(|| (words[SETTLED + 1] as i64, words[SETTLED + 2] as i64))
    }

    /// The greatest value of an ordered cell.
    pub(crate) fn greatest(&self, record: &[u64], values: &Values) -> Option<i64> {
        let words = &record[self.offset..];
        bag::greatest(words, values).max(self.settled(words).map(|(_, greatest)| greatest))
    }

    /// How many distinct values a distinct cell has.
    pub(crate) fn distinct(&self, record: &[u64]) -> i64 {
        bag::distinct(&record[self.offset..])
    }

    /// Whether a distinct cell has a value.
    pub(crate) fn has(&self, record: &[u64], values: &Values, value: i64) -> bool {
        bag::has(&record[self.offset..], values, value)
    }
}

#[inline]
fn wide(words: &[u64]) -> i128 {
    (u128::from(words[1]) << 64 | u128::from(words[0])) as i128
}

#[inline]
fn add(words: &mut [u64], delta: i128) {
    let sum = wide(words).wrapping_add(delta) as u128;
    words[0] = sum as u64;
    words[1] = (sum >> 64) as u64;
}
