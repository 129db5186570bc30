//! Reading: what a family holds for a key, at now, and how good that is.

use super::cell::{Cell, wide};
use super::family::{self, Family};
use super::spec::Measure;
use super::{Moment, Moments, State, buckets};

/// Where a cell of a sliding window, or of one for ever, keeps its count and its sum in every record of its family: it
/// is read there without a look at what else a cell may be.
#[derive(Clone, Copy, Debug)]
pub struct Total(usize);

impl State {
    /// Where a cell that counts, and may sum, keeps that; `None` where a calendar says what of it is over.
    pub fn total(&self, family: usize, cell: usize) -> Option<Total> {
        let cell = &self.families[family].cells[cell];
        let totals = matches!(cell.measure, Measure::Count | Measure::Moments { .. });
        (totals && cell.turn.is_none()).then_some(Total(cell.offset))
    }
}

/// What a family holds for one key, at now. Nothing where nothing was filed.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    pub(super) state: &'a State,
    pub(super) family: &'a Family,
    pub(super) record: Option<&'a [u64]>,
    pub(super) evicted_us: Option<i64>,
}

impl<'a> Held<'a> {
    #[inline]
    fn cell(&self, cell: usize) -> Option<(&'a Cell, &'a [u64])> {
        let (cell, record) = (&self.family.cells[cell], self.record?);
        self.family.is_present(record, cell, &self.state.turns).then_some((cell, record))
    }

    /// Count, sum and squares of a counting cell.
    #[inline]
    pub fn moments(&self, cell: usize) -> Moments {
        self.cell(cell).map_or_else(Moments::default, |(cell, record)| cell.moments(record))
    }

    /// The sum of a summing cell.
    #[inline]
    pub fn sum(&self, cell: usize) -> i128 {
        self.cell(cell).map_or(0, |(cell, record)| cell.sum(record))
    }

    /// The count at a place of its family.
    #[inline]
    pub fn count_at(&self, at: Total) -> i64 {
        self.record.and_then(|record| record.get(at.0)).map_or(0, |&count| count as i64)
    }

    /// The sum at a place of its family, of a cell that sums.
    #[inline]
    pub fn sum_at(&self, at: Total) -> i128 {
        let words = self.record.and_then(|record| record.get(at.0 + 1..at.0 + 3));
        words.map_or(0, wide)
    }

    /// How many contributions a counting cell holds.
    #[inline]
    pub fn count(&self, cell: usize) -> i64 {
        self.cell(cell).map_or(0, |(cell, record)| cell.count(record))
    }

    /// Least and greatest value of an ordered cell, or first and last time.
    pub fn extremes(&self, cell: usize) -> Option<(i64, i64)> {
        self.cell(cell).and_then(|(cell, record)| cell.extremes(record, &self.family.values))
    }

    /// The greatest value of an ordered cell, or the last time.
    pub fn greatest(&self, cell: usize) -> Option<i64> {
        self.cell(cell).and_then(|(cell, record)| cell.greatest(record, &self.family.values))
    }

    /// The oldest value of a sequence.
    pub fn oldest(&self, cell: usize) -> Option<Moment> {
        self.cell(cell).and_then(|(cell, record)| cell.oldest(record, &self.family.values))
    }

    /// The newest value of a sequence, and the one before it.
    pub fn newest(&self, cell: usize) -> [Option<Moment>; 2] {
        self.cell(cell).map_or([None; 2], |(cell, record)| cell.newest(record, &self.family.values))
    }

    /// The nearest-rank quantile of this share, in millionths, of a cell with buckets, with `own` among its values
    /// if given; off by at most 1/256 of itself.
    pub fn quantile(&self, cell: usize, ppm: u32, own: Option<i64>) -> Option<i64> {
        match self.cell(cell) {
            Some((cell, record)) => cell.quantile(record, &self.family.values, ppm, own),
            None => buckets::quantile(&[0; buckets::WORDS], &self.family.values.buckets, ppm, own),
        }
    }

    /// How many distinct values a distinct cell has, with `own` among them if given.
    pub fn distinct(&self, cell: usize, own: Option<i64>) -> i64 {
        let Some((cell, record)) = self.cell(cell) else { return i64::from(own.is_some()) };
        let new = own.is_some_and(|value| !cell.has(record, &self.family.values, value));
        cell.distinct(record) + i64::from(new)
    }

    /// Whether no cell of it is corrected, evicted or behind.
    #[inline]
    pub fn is_exact(&self) -> bool {
        let Self { state, record, evicted_us, .. } = self;
        let behind = state.is_behind() || state.waiting.len() > 0;
        !behind && evicted_us.is_none() && record.is_none_or(|record| !family::is_corrected(record))
    }

    /// Whether late or corrected contributions may be part of what a cell covers.
    #[inline]
    pub fn corrected(&self, cell: usize) -> bool {
        let (cell, State { turns, now_us, .. }) = (&self.family.cells[cell], self.state);
        self.record.is_some_and(|record| self.family.corrected(record, cell, turns, *now_us))
    }

    /// Whether a cell covers a time of which all that was known of the key was given up for want of room.
    #[inline]
    pub fn evicted(&self, cell: usize) -> bool {
        self.evicted_us.is_some_and(|evicted_us| self.reaches(cell, evicted_us))
    }

    /// Whether what a cell covers reaches back to a time or before.
    #[inline]
    pub fn reaches(&self, cell: usize, time_us: i64) -> bool {
        self.family.cells[cell].reaches(time_us, &self.state.turns, self.state.now_us)
    }

    /// Whether something has still to be put into a cell, or taken out of it, for it to hold what it covers: because the
    /// budget of a step was spent, or because a chunk of the log is away.
    #[inline]
    pub fn behind(&self, cell: usize) -> bool {
        let Self { state, family, record, .. } = self;
        let behind = state.is_behind() || state.waiting.len() > 0;
        behind && record.is_some() && state.lags(&family.cells[cell])
    }
}
