//! Cells: one aggregate over one span, in a few words of its key's record.
//!
//! Everything is exact: sums are 128-bit integers, what leaves a window is taken out to the last unit.

use super::forest::Forest;
use super::spec::{Measure, Span};

/// How often each value is there. A count is negative only inside one move of a tail.
pub(crate) type Values = Forest<i64, i32>;

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

const ROOT: u64 = u32::MAX as u64;

/// The root in a word of a record.
#[inline]
fn root(word: u64) -> u32 {
    (word & ROOT) as u32
}

/// Set beside the root of a forever cell once its settled values are there.
const SETTLED: u64 = 1 << 32;

impl Cell {
    /// Words that it takes in a record.
    pub(crate) fn words(span: Span, measure: Measure) -> usize {
        match measure {
            Measure::Count | Measure::Distinct { .. } => 1,
            Measure::Moments { squares: false, .. } => 3,
            Measure::Moments { squares: true, .. } => 5,
            // Root; for `forever` also the least and greatest of what can no longer be corrected.
            Measure::Ordered { .. } | Measure::Times => {
                if span == Span::Forever {
                    3
                } else {
                    1
                }
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
            Measure::Ordered { column } => bump_root(&mut words[0], values, value(column), sign),
            Measure::Times => bump_root(&mut words[0], values, time_us, sign),
            Measure::Distinct { column } => {
                let size = words[0] >> 32;
                let (root, before, after) = bump(values, root(words[0]), value(column), sign);
                let size = size + u64::from(after > 0 && before <= 0) - u64::from(after <= 0 && before > 0);
                words[0] = size << 32 | u64::from(root);
            }
        }
    }

    /// Moves a value of a settling cell from the multiset to the settled extremes, or only out if it was superseded.
    pub(crate) fn settle(&self, record: &mut [u64], values: &mut Values, value: i64, keep: bool) {
        bump_root(&mut record[self.offset], values, value, -1);
        if keep {
            self.settle_directly(record, value);
        }
    }

    /// Adds a value to the settled extremes.
    pub(crate) fn settle_directly(&self, record: &mut [u64], value: i64) {
        let words = &mut record[self.offset..self.offset + 3];
        let (least, greatest) = if words[0] & SETTLED == 0 {
            (value, value)
        } else {
            ((words[1] as i64).min(value), (words[2] as i64).max(value))
        };
        words[0] |= SETTLED;
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

    /// Whether it keeps a tree of values.
    #[inline]
    pub(crate) fn has_values(&self) -> bool {
        matches!(self.measure, Measure::Ordered { .. } | Measure::Times | Measure::Distinct { .. })
    }

    /// Empties it.
    pub(crate) fn clear(&self, record: &mut [u64], values: &mut Values) {
        let words = &mut record[self.offset..self.offset + Self::words(self.span, self.measure)];
        if self.has_values() {
            values.discard(root(words[0]));
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
        let tree = root(words[0]);
        let held = values.first(tree).zip(values.last(tree));
        if words[0] & SETTLED == 0 {
            return held;
        }
        let (least, greatest) = (words[1] as i64, words[2] as i64);
        Some(held.map_or((least, greatest), |(first, last)| (first.min(least), last.max(greatest))))
    }

    /// The greatest value of an ordered cell.
    pub(crate) fn greatest(&self, record: &[u64], values: &Values) -> Option<i64> {
        let words = &record[self.offset..];
        let settled = (words[0] & SETTLED != 0).then(|| words[2] as i64);
        values.last(root(words[0])).max(settled)
    }

    /// How many distinct values a distinct cell has.
    pub(crate) fn distinct(&self, record: &[u64]) -> i64 {
        (record[self.offset] >> 32) as i64
    }

    /// Whether a distinct cell has a value.
    pub(crate) fn has(&self, record: &[u64], values: &Values, value: i64) -> bool {
        values.get(root(record[self.offset]), value).is_some()
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

fn bump_root(word: &mut u64, values: &mut Values, value: i64, sign: i64) {
    let (root, _, _) = bump(values, root(*word), value, sign);
    *word = *word & !ROOT | u64::from(root);
}

/// Changes how often `value` is there; gives the tree, and the count before and after.
fn bump(values: &mut Values, root: u32, value: i64, sign: i64) -> (u32, i32, i32) {
    let sign = sign as i32;
    let Some(count) = values.get_mut(root, value) else {
        return (values.insert(root, value, sign), 0, sign);
    };
    let before = *count;
    *count += sign;
    let after = *count;
    let root = if after == 0 { values.remove(root, value) } else { root };
    (root, before, after)
}
