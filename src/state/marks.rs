//! Marks on rows of the log: what they contribute that is now held elsewhere, or by nothing.
//!
//! Beside the log, so that a closed chunk never changes. Few rows are ever marked, and a mark goes with its row.

use serde::{Deserialize, Serialize};

use super::forest::Forest;

/// Marks by row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Marks {
    forest: Forest<u64, u8>,
    root: u32,
}

impl Marks {
    /// None.
    pub(crate) fn new() -> Self {
        Self { forest: Forest::new(), root: 0 }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self { forest: self.forest.freeze(), ..*self }
    }

    /// Adds marks to a row.
    pub(crate) fn add(&mut self, row: u64, marks: u8) {
        match self.forest.get_mut(self.root, row) {
            Some(held) => *held |= marks,
            None => self.root = self.forest.insert(self.root, row, marks),
        }
    }

    /// The marks of a row.
    #[inline]
    pub(crate) fn of(&self, row: u64) -> u8 {
        self.forest.get(self.root, row).unwrap_or_default()
    }

    /// Forgets those of the rows before this one.
    pub(crate) fn drop_before(&mut self, row: u64) {
        while let Some(first) = self.forest.first(self.root).filter(|&first| first < row) {
            self.root = self.forest.remove(self.root, first);
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.forest.bytes()
    }
}
