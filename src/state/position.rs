//! Positions: where a contribution stands in the order of arrival, which says which resets came after it.
//!
//! What a row holds stands where the row does. What a correction puts there stands where the correction came, which is
//! between two rows; corrections have numbers of their own for that. A reset swallows all that stands before it.

use serde::{Deserialize, Serialize};

/// The part that tells the number of a correction from a row.
const OF_CORRECTION: u64 = 1 << 63;

/// Where a contribution stands: a row, or a correction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(u64);

impl Position {
    /// Where a row stands.
    #[inline]
    pub const fn of_row(row: u64) -> Self {
        Self(row)
    }

    /// Where the correction of this number came.
    pub const fn of_correction(arrival: u64) -> Self {
        Self(OF_CORRECTION | arrival)
    }
}

/// The words of a record that say what a reset swallowed: rows below the first, corrections below the second.
pub(super) const RESET_WORDS: usize = 2;

/// Where a reset stands: behind everything that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// Rows below it are swallowed.
    pub(super) row: u64,
    /// The newest correction that is.
    pub(super) arrival: u64,
}

impl Edge {
    /// Notes it in the words of a reset.
    pub(super) fn note(self, words: &mut [u64]) {
        words[0] = self.row;
        words[1] = self.arrival + 1;
    }
}

/// Whether the words of a reset say that what stands there is swallowed.
#[inline]
pub(super) fn is_swallowed(words: &[u64], Position(at): Position) -> bool {
    if at & OF_CORRECTION == 0 { at < words[0] } else { (at & !OF_CORRECTION) < words[1] }
}
