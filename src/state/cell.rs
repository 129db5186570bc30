//! Cells: one aggregate over one span, in a few words of its key's record.
//!
//! Everything is exact: sums are 128-bit integers, what leaves a window is taken out to the last unit.

use super::sequence::{self, Moment};
use super::spec::{Measure, Span};
use super::tail::Role;
use super::turns::Turns;
use super::values::Values;
use super::{bag, buckets};

/// When a contribution happened, and the row that it came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) time_us: i64,
    pub(crate) row: u64,
}

impl Origin {
    fn with(self, value: i64) -> Moment {
        Moment { time_us: self.time_us, row: self.row, value }
    }
}

/// A cell with its place in the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) span: Span,
    pub(crate) bit: u32,
    pub(crate) measure: Measure,
    pub(crate) offset: usize,
    /// The numbers of the tails that put into it, take out of it and settle what it holds.
    pub(crate) enters: Option<u16>,
    pub(crate) leaves: Option<u16>,
    pub(crate) settles: Option<u16>,
    /// The number of its calendar span.
    pub(crate) turn: Option<u16>,
    /// The first of the words of the record that say what is ignored.
    pub(crate) reset: Option<u32>,
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

    /// Of these values and of others.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares.wrapping_add(other.squares),
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
            Measure::Buckets { .. } => buckets::WORDS,
            // For `forever` also the ends of what can no longer be corrected.
            Measure::Sequence { .. } => {
                sequence::WORDS
                    + if matches!(span, Span::Forever { .. }) { sequence::SETTLED_WORDS } else { 0 }
            }
            // For `forever` also the least and greatest of what can no longer be corrected.
            Measure::Ordered { .. } | Measure::Times => {
                bag::WORDS + if matches!(span, Span::Forever { .. }) { 3 } else { 0 }
            }
        }
    }

    /// Whether ends are read of it, so that over `forever` old values leave its tree for a few numbers.
    pub(crate) fn has_ends(measure: Measure) -> bool {
        matches!(measure, Measure::Ordered { .. } | Measure::Times | Measure::Sequence { .. })
    }

    /// The number of the tail that does this for it.
    pub(crate) fn tail(&self, role: Role) -> Option<u16> {
        match role {
            Role::Enter => self.enters,
            Role::Leave => self.leaves,
            Role::Settle => self.settles,
        }
    }

    /// Whether a time is in the period that it is of, if a calendar says so.
    #[inline]
    pub(crate) fn holds(&self, time_us: i64, turns: &Turns) -> bool {
        self.turn.is_none_or(|turn| turns.period(usize::from(turn)).contains(time_us))
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
        at: Origin,
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
            Measure::Times => bag::change(words, &mut values.numbers, at.time_us, sign as i32),
            Measure::Ordered { column } | Measure::Distinct { column } => {
                bag::change(words, &mut values.numbers, value(column), sign as i32);
            }
            Measure::Sequence { column, .. } => {
                sequence::change(words, &mut values.sequences, at.with(value(column)), sign as i32);
            }
            Measure::Buckets { column } => buckets::change(words, &mut values.buckets, value(column), sign),
        }
    }

    /// Moves a contribution of a settling cell from its tree to what is settled, or only out if it was superseded.
    pub(crate) fn settle(
        &self,
        record: &mut [u64],
        values: &mut Values,
        at: Origin,
        value: impl Fn(usize) -> i64,
        keep: bool,
    ) {
        self.apply(record, values, -1, at, &value);
        if keep {
            self.settle_directly(record, at, value);
        }
    }

    /// Adds a contribution to what is settled.
    pub(crate) fn settle_directly(&self, record: &mut [u64], at: Origin, value: impl Fn(usize) -> i64) {
        let words = &mut record[self.offset..];
        let value = match self.measure {
            Measure::Sequence { column, .. } => return sequence::settle(words, at.with(value(column))),
            Measure::Ordered { column } => value(column),
            _ => at.time_us,
        };
        let words = &mut words[SETTLED..];
        let (least, greatest) = if words[0] == 0 {
            (value, value)
        } else {
            ((words[1] as i64).min(value), (words[2] as i64).max(value))
        };
        words[0] = 1;
        words[1] = least as u64;
        words[2] = greatest as u64;
    }

    /// Whether it keeps values in trees.
    pub(crate) fn has_values(&self) -> bool {
        !matches!(self.measure, Measure::Count | Measure::Moments { .. })
    }

    /// Whether some of its values are in a tree, whose root every measure with values has in its first word.
    pub(crate) fn holds_nodes(&self, record: &[u64]) -> bool {
        self.has_values() && record[self.offset] as u32 != 0
    }

    /// Empties it.
    pub(crate) fn clear(&self, record: &mut [u64], values: &mut Values) {
        let words = &mut record[self.offset..self.offset + Self::words(self.span, self.measure)];
        match self.measure {
            Measure::Ordered { .. } | Measure::Times | Measure::Distinct { .. } => {
                bag::clear(words, &mut values.numbers);
            }
            Measure::Sequence { .. } => sequence::clear(words, &mut values.sequences),
            Measure::Buckets { .. } => buckets::clear(words, &mut values.buckets),
            Measure::Count | Measure::Moments { .. } => {}
        }
        words.fill(0);
    }

    /// How many contributions a counting cell holds.
    #[inline]
    pub(crate) fn count(&self, record: &[u64]) -> i64 {
        record[self.offset] as i64
    }

    /// The sum of a summing cell.
    #[inline]
    pub(crate) fn sum(&self, record: &[u64]) -> i128 {
        wide(&record[self.offset + 1..self.offset + 3])
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
        let held = bag::least(words, &values.numbers).zip(bag::greatest(words, &values.numbers));
        let settled = self.settled(words);
        let (Some((first, last)), Some((least, greatest))) = (held, settled) else { return held.or(settled) };
        Some((first.min(least), last.max(greatest)))
    }

    /// The least and greatest of what can no longer be corrected.
    fn settled(&self, words: &[u64]) -> Option<(i64, i64)> {
        let settled = self.settles.is_some() && words[SETTLED] != 0;
        settled.then(|| (words[SETTLED + 1] as i64, words[SETTLED + 2] as i64))
    }

    /// The greatest value of an ordered cell.
    pub(crate) fn greatest(&self, record: &[u64], values: &Values) -> Option<i64> {
        let words = &record[self.offset..];
        bag::greatest(words, &values.numbers).max(self.settled(words).map(|(_, greatest)| greatest))
    }

    /// How many distinct values a distinct cell has.
    pub(crate) fn distinct(&self, record: &[u64]) -> i64 {
        bag::distinct(&record[self.offset..])
    }

    /// Whether a distinct cell has a value.
    pub(crate) fn has(&self, record: &[u64], values: &Values, value: i64) -> bool {
        bag::has(&record[self.offset..], &values.numbers, value)
    }

    /// The oldest value of a sequence.
    pub(crate) fn oldest(&self, record: &[u64], values: &Values) -> Option<Moment> {
        sequence::oldest(&record[self.offset..], &values.sequences, self.settles.is_some())
    }

    /// The newest value of a sequence, and the one before it.
    pub(crate) fn newest(&self, record: &[u64], values: &Values) -> [Option<Moment>; 2] {
        sequence::newest(&record[self.offset..], &values.sequences, self.settles.is_some())
    }

    /// The quantile of this share, in millionths, of buckets and one more value.
    pub(crate) fn quantile(
        &self,
        record: &[u64],
        values: &Values,
        ppm: u32,
        own: Option<i64>,
    ) -> Option<i64> {
        buckets::quantile(&record[self.offset..], &values.buckets, ppm, own)
    }
}

#[inline]
pub(super) fn wide(words: &[u64]) -> i128 {
    (u128::from(words[1]) << 64 | u128::from(words[0])) as i128
}

/// Adds to a sum in the first two words.
#[inline]
pub(super) fn add(words: &mut [u64], delta: i128) {
    if let Some(words) = words.first_chunk_mut::<2>() {
        let sum = wide(words).wrapping_add(delta) as u128;
        *words = [sum as u64, (sum >> 64) as u64];
    }
}
