//! The values of a family's cells that keep more than a few words: trees of every kind that its cells need.

use serde::{Deserialize, Serialize};

use super::bag::Numbers;
use super::buckets::Ranks;
use super::sequence::Moments;
use super::spec::{CellSpec, Measure};

/// The trees of one family, whose roots stand in its records.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Values {
    /// Of multisets of values.
    pub(crate) numbers: Numbers,
    /// Of values in the order of their times.
    pub(crate) sequences: Moments,
    /// Of buckets of values.
    pub(crate) buckets: Ranks,
    /// How many cells keep values of each kind.
    cells: [usize; 3],
}

impl Values {
    /// Bytes of a node of each kind of trees.
    pub(crate) const NODE_BYTES: [usize; 3] = [Numbers::NODE_BYTES, Moments::NODE_BYTES, Ranks::NODE_BYTES];

    /// No trees yet, with room for the first of each kind that these cells need.
    pub(crate) fn new(cells: &[CellSpec]) -> Self {
        let (numbers, sequences, buckets) = (Numbers::new(), Moments::new(), Ranks::new());
        let mut values = Self { numbers, sequences, buckets, cells: [0; 3] };
        for cell in cells {
            match cell.measure {
                Measure::Ordered { .. } | Measure::Times | Measure::Distinct { .. } => {
                    values.numbers.prepare();
                    values.cells[0] += 1;
                }
                Measure::Sequence { .. } => {
                    values.sequences.prepare();
                    values.cells[1] += 1;
                }
                Measure::Buckets { .. } => {
                    values.buckets.prepare();
                    values.cells[2] += 1;
                }
                Measure::Count | Measure::Moments { .. } => {}
            }
        }
        values
    }

    /// A copy that shares what they hold.
    pub(crate) fn freeze(&mut self) -> Self {
        let (numbers, sequences) = (self.numbers.freeze(), self.sequences.freeze());
        Self { numbers, sequences, buckets: self.buckets.freeze(), ..*self }
    }

    /// Whether the trees of each kind may take a value more of every cell, of at most so many bytes.
    #[inline]
    pub(crate) fn has_room(&self, bytes_max: usize) -> bool {
        let nodes = |node_bytes: usize| u32::try_from(bytes_max / node_bytes).unwrap_or(u32::MAX);
        let [numbers, sequences, buckets] = self.cells;
        let [number, sequence, bucket] = Self::NODE_BYTES;
        (numbers == 0 || self.numbers.room(nodes(number)) >= numbers)
            && (sequences == 0 || self.sequences.room(nodes(sequence)) >= sequences)
            && (buckets == 0 || self.buckets.room(nodes(bucket)) >= buckets)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.numbers.bytes() + self.sequences.bytes() + self.buckets.bytes()
    }
}
