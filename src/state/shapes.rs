//! The shapes of the chunk that is being written: what its rows contribute, each once.
//!
//! Events are few of kind, so rows share their shapes; the one used last is found without a hash.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Where each shape of the open chunk is.
#[derive(Debug)]
pub(crate) struct Shapes {
    hasher: FixedState,
    index: HashTable<u16>,
    /// The one used last.
    last: u16,
}

/// The words of a shape that is there.
#[inline]
fn words(shapes: &[u64], shape: u16, width: usize) -> &[u64] {
    shapes.get(usize::from(shape) * width..).and_then(|rest| rest.get(..width)).unwrap_or_default()
}

impl Shapes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { hasher: FixedState::with_seed(0x7368_6170), index: HashTable::new(), last: 0 }
    }

    /// Goes on with the shapes of a chunk, each of so many words.
    pub(crate) fn resume(&mut self, shapes: &[u64], width: usize) {
        self.clear();
        let Self { hasher, index, .. } = self;
        let hash =
            |shape: u16| words(shapes, shape, width).split_first().map_or(0, |held| hasher.hash_one(held));
        for shape in (0..shapes.len() / width).map(|shape| shape as u16) {
            index.insert_unique(hash(shape), shape, |&held| hash(held));
        }
    }

    /// Forgets them all, for the next chunk.
    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.last = 0;
    }

    /// The position of a shape among `shapes`, which it joins if it is new. There are never more than 65,536.
    #[inline]
    pub(crate) fn find(&mut self, shapes: &mut Vec<u64>, flags: u64, masks: &[u64]) -> u16 {
        let same = |words: &[u64]| words.split_first() == Some((&flags, masks));
        if !same(words(shapes, self.last, 1 + masks.len())) {
            self.last = self.find_other(shapes, flags, masks);
        }
        self.last
    }

    fn find_other(&mut self, shapes: &mut Vec<u64>, flags: u64, masks: &[u64]) -> u16 {
        let Self { hasher, index, .. } = self;
        let (width, hash) = (1 + masks.len(), hasher.hash_one((flags, masks)));
        let same = |&shape: &u16| words(shapes, shape, width).split_first() == Some((&flags, masks));
        if let Some(&shape) = index.find(hash, same) {
            return shape;
        }
        let shape = (shapes.len() / width) as u16;
        shapes.push(flags);
        shapes.extend_from_slice(masks);
        index.insert_unique(hash, shape, |&held| {
            words(shapes, held, width).split_first().map_or(0, |held| hasher.hash_one(held))
        });
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shapes_are_one_and_others_are_apart() {
        let (mut found, mut shapes) = (Shapes::new(), Vec::new());
        for _ in 0..3 {
            for n in 0..1_000_u64 {
                for _ in 0..2 {
                    assert_eq!(u64::from(found.find(&mut shapes, n % 7, &[n, n / 2])), n);
                }
            }
        }
        assert_eq!(shapes.len(), 3_000);
        found.clear();
        shapes.clear();
        assert_eq!(found.find(&mut shapes, 1, &[2, 3]), 0);
        assert_eq!(shapes, [1, 2, 3]);
    }

    #[test]
    fn every_row_of_a_chunk_may_have_a_shape_of_its_own() {
        let (mut found, mut shapes) = (Shapes::new(), Vec::new());
        for n in (0..=u64::from(u16::MAX)).chain([0, 65_535]) {
            assert_eq!(u64::from(found.find(&mut shapes, 0, &[n])), n);
        }
    }
}
