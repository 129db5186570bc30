//! The side buffer: late and corrected contributions, ordered by their own time, merged by every tail.
//!
//! Each entry brings its own copy of the slots, masks and values that it is about, so that no tail needs its row.

use super::chunk::Row;
use serde::{Deserialize, Serialize};

use super::chunked::Chunked;
use super::forest::{Forest, Held};
use super::position::Position;
use super::spec::AMOUNT_COLUMN;

/// One late or corrected contribution.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The row that it is about.
    pub(crate) row: u64,
    /// Where it stands.
    pub(crate) at: Position,
    /// Where its slots, masks and values are.
    pub(crate) copy: u32,
    /// Whether it takes back what an earlier entry or row contributed.
    pub(crate) negative: bool,
    /// Whether a later entry takes it back.
    pub(crate) superseded: bool,
}

impl Held for Entry {}

impl Entry {
    /// 1 where it puts, -1 where it takes back.
    #[inline]
    pub(crate) fn sign(&self) -> i64 {
        if self.negative { -1 } else { 1 }
    }
}

/// Own time and order of arrival.
pub(crate) type Place = (i64, u64);

/// The buffer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Side {
    forest: Forest<Place, Entry>,
    root: u32,
    len: usize,
    /// Entries put since entries were dropped last.
    added: usize,
    families: usize,
    /// Slot and mask of each family, then the values; a free one links to the next in its first word.
    copies: Chunked<u64>,
    made: u32,
    free: u32,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copied<'a> {
    families: &'a [u64],
    values: &'a [u64],
}

impl Copied<'_> {
    /// Slot and mask of a family.
    #[inline]
    pub(crate) fn family(self, family: usize) -> (u32, u64) {
        (self.families[family * 2] as u32, self.families[family * 2 + 1])
    }

    /// A value.
    #[inline]
    pub(crate) fn value(self, column: usize) -> i64 {
        self.values[column] as i64
    }
}

impl Side {
    /// An empty buffer of entries with a slot and a mask per family, and values.
    pub(crate) fn new(families: usize, columns: usize) -> Self {
        let mut copies = Chunked::new((families * 2 + columns).max(1));
        // Copy 0 is the end of the list of free ones.
        copies.reach(0);
        let mut forest = Forest::new();
        forest.prepare();
        Self { forest, root: 0, len: 0, added: 0, families, copies, made: 1, free: 0 }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self { forest: self.forest.freeze(), copies: self.copies.freeze(), ..*self }
    }

    /// Entries held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Copies a row with this amount, and of each family's mask what `keep` leaves; `None` where that is nothing.
    pub(crate) fn copy(
        &mut self,
        row: Row<'_>,
        amount: i64,
        keep: impl Fn(usize, u32, u64) -> u64,
    ) -> Option<u32> {
        let families = self.families;
        let kept = |family| {
            let (slot, mask) = row.family(family);
            keep(family, slot, mask)
        };
        if (0..families).all(|family| kept(family) == 0) {
            return None;
        }
        let copy = self.spare();
        let words = self.copies.row_mut(copy);
        for family in 0..families {
            let (slot, mask) = row.family(family);
            words[family * 2] = u64::from(slot);
            words[family * 2 + 1] = keep(family, slot, mask);
        }
        for (column, word) in words[families * 2..].iter_mut().enumerate() {
            *word = if column == AMOUNT_COLUMN { amount } else { row.value(column) } as u64;
        }
        Some(copy)
    }

    fn spare(&mut self) -> u32 {
        if self.free != 0 {
            let copy = self.free;
            self.free = self.copies.row_mut(copy)[0] as u32;
            return copy;
        }
        let copy = self.made;
        self.made += 1;
        self.copies.reach(copy);
        copy
    }

    /// Forgets a copy.
    pub(crate) fn release(&mut self, copy: u32) {
        self.copies.row_mut(copy)[0] = u64::from(self.free);
        self.free = copy;
    }

    /// What an entry is about.
    #[inline]
    pub(crate) fn copied(&self, copy: u32) -> Copied<'_> {
        let words = self.copies.row(copy).unwrap_or_default();
        let (families, values) = words.split_at((self.families * 2).min(words.len()));
        Copied { families, values }
    }

    /// Puts an entry at a place where there is none.
    pub(crate) fn put(&mut self, place: Place, entry: Entry) {
        self.root = self.forest.insert(self.root, place, entry);
        self.len += 1;
        self.added += 1;
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

    /// Drops entries up to a place: at most so many, and two for each that was put since the last time.
    pub(crate) fn drop_through(&mut self, edge: Place, most: usize) {
        for _ in 0..most + 2 * std::mem::take(&mut self.added) {
            let Some(place) = self.forest.first(self.root).filter(|place| *place <= edge) else { return };
            if let Some(entry) = self.forest.get(self.root, place) {
                self.release(entry.copy);
            }
            self.root = self.forest.remove(self.root, place);
            self.len -= 1;
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.forest.bytes() + self.copies.bytes()
    }
}
