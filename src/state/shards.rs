//! A hash table of numbers in thousands of small parts, so that no insertion ever moves more than a few thousand.
//!
//! Must never know what the numbers are of: whoever asks says which are equal, and what their hashes are.

use hashbrown::HashTable;

/// Three times a power of two, which leaves the parts well filled at powers of ten.
const SHARDS: usize = 6 * 1024;

/// The table. It takes no room before the first insertion.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    parts: Vec<HashTable<u32>>,
}

/// The part of a hash, by bits that a part itself looks at neither for the place nor for the tag.
#[inline]
fn part(hash: u64) -> usize {
    ((hash >> 16 & u64::from(u32::MAX)) as usize * SHARDS) >> 32
}

impl Shards {
    /// The number with this hash that is the same.
    #[inline]
    pub(crate) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        self.parts.get(part(hash))?.find(hash, |&number| same(number)).copied()
    }

    /// Puts a number in that is not there.
    pub(crate) fn insert(&mut self, hash: u64, number: u32, rehash: impl Fn(u32) -> u64) {
        if self.parts.is_empty() {
            self.parts.resize_with(SHARDS, HashTable::new);
        }
        self.parts[part(hash)].insert_unique(hash, number, |&held| rehash(held));
    }

    /// Takes a number out.
    pub(crate) fn remove(&mut self, hash: u64, number: u32) {
        if let Some(Ok(entry)) =
            self.parts.get_mut(part(hash)).map(|part| part.find_entry(hash, |&held| held == number))
        {
            entry.remove();
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(HashTable::allocation_size).sum();
        parts + self.parts.len() * size_of::<HashTable<u32>>()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn no_insertion_moves_more_than_a_part() {
        let hasher = foldhash::fast::FixedState::with_seed(1);
        let hash = |number: u32| hasher.hash_one(number);
        let (mut table, mut most, numbers) = (Shards::default(), 0, 1_000_000);
        for number in 0..numbers {
            let moved = Cell::new(0);
            table.insert(hash(number), number, |held| {
                moved.set(moved.get() + 1);
                hash(held)
            });
            most = most.max(moved.get());
        }
        let each = numbers as usize / SHARDS;
        assert!((each / 2..each * 2).contains(&most), "{most} were moved, {each} are in each part");
        for number in (0..numbers).step_by(1_000) {
            assert_eq!(table.find(hash(number), |held| held == number), Some(number));
            table.remove(hash(number), number);
            assert_eq!(table.find(hash(number), |held| held == number), None);
        }
    }
}
