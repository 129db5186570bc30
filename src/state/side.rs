//! The side buffer: late and corrected contributions, ordered by their own time, merged by every tail.

use super::chunk::Row;
use super::forest::Forest;
use super::spec::AMOUNT_COLUMN;

/// Which of a payment's two contributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// What it contributes as asked.
    #[default]
    Asked,
    /// What it contributes as allowed.
    Allowed,
}

/// One late or corrected contribution.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// The row that holds its keys and values.
    pub(crate) row: u64,
    /// The amount instead of the row's.
    pub(crate) amount: i64,
    /// Which contribution.
    pub(crate) scope: Scope,
    /// Whether it takes back what an earlier entry or row contributed.
    pub(crate) negative: bool,
    /// Whether a later entry takes it back.
    pub(crate) superseded: bool,
}

impl Entry {
    /// A value of its row, with the entry's amount instead of the row's.
    #[inline]
    pub(crate) fn value(&self, row: Row<'_>, column: usize) -> i64 {
        if column == AMOUNT_COLUMN { self.amount } else { row.value(column) }
    }
}

/// Own time and order of arrival.
pub(crate) type Place = (i64, u64);

/// The buffer.
#[derive(Debug)]
pub(crate) struct Side {
    forest: Forest<Place, Entry>,
    root: u32,
    len: usize,
}

impl Side {
    /// An empty buffer.
    pub(crate) fn new() -> Self {
        Self { forest: Forest::new(), root: 0, len: 0 }
    }

    /// Entries held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts an entry at a place where there is none.
    pub(crate) fn put(&mut self, place: Place, entry: Entry) {
        self.root = self.forest.insert(self.root, place, entry);
        self.len += 1;
    }

    /// Says that a later entry takes this one back.
    pub(crate) fn supersede(&mut self, place: Place) {
        if let Some(entry) = self.forest.get_mut(self.root, place) {
            entry.superseded = true;
        }
    }

    /// The first entry after a place.
    pub(crate) fn next(&self, place: Place) -> Option<(Place, Entry)> {
        self.forest.first_above(self.root, place)
    }

    /// Drops the entries whose own time is at or before `edge_us`.
    pub(crate) fn drop_through(&mut self, edge_us: i64) {
        while let Some(place) = self.forest.first(self.root).filter(|place| place.0 <= edge_us) {
            self.root = self.forest.remove(self.root, place);
            self.len -= 1;
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.forest.bytes()
    }
}
