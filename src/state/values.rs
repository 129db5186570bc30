//! The values of a family's cells that keep more than a few words: trees of every kind that its cells need.

use super::bag::Numbers;
use super::buckets::Ranks;
use super::sequence::Moments;
use super::spec::{CellSpec, Measure};

/// The trees of one family, whose roots stand in its records.
#[derive(Debug)]
pub(crate) struct Values {
    /// Of multisets of values.
    pub(crate) numbers: Numbers,
    /// Of values in the order of their times.
    pub(crate) sequences: Moments,
    /// Of buckets of values.
    pub(crate) buckets: Ranks,
}

impl Values {
    /// No trees yet, with room for the first of each kind that these cells need.
    pub(crate) fn new(cells: &[CellSpec]) -> Self {
        let mut values = Self { numbers: Numbers::new(), sequences: Moments::new(), buckets: Ranks::new() };
        for cell in cells {
            match cell.measure {
                Measure::Ordered { .. } | Measure::Times | Measure::Distinct { .. } => {
                    values.numbers.prepare()
                }
                Measure::Sequence { .. } => values.sequences.prepare(),
                Measure::Buckets { .. } => values.buckets.prepare(),
                Measure::Count | Measure::Moments { .. } => {}
            }
        }
        values
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.numbers.bytes() + self.sequences.bytes() + self.buckets.bytes()
    }
}
