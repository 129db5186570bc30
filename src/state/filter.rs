//! The mark that a key leaves when its slot is taken from it for want of room.
//!
//! A blocked Bloom filter in two generations. Promises that a key is found for as long as a window can still cover
//! what was given up of it; it may find a key that never was evicted, and the fuller it is the likelier. Must never
//! know a key's texts: it is asked by their hash.

use serde::{Deserialize, Serialize};

use super::coarse;
use crate::shared::Shared;

/// Words of a block: one for its generation and its latest mark, the others with one bit of each mark. One block is one line of cache.
const WORDS: usize = 8;
/// Blocks that are copied together.
const PAGE: usize = 1 << 10;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[repr(align(64))]
struct Block([u64; WORDS]);

/// Marks of one stretch of time.
#[derive(Debug, Serialize, Deserialize)]
struct Generation {
    /// In pages of [`PAGE`], the last one shorter; each is made at its first mark, so that none are made at once.
    pages: Vec<Option<Shared<Box<[Block]>>>>,
    /// How many blocks there are.
    len: usize,
    /// A block of another number is empty: so nothing is ever wiped at once.
    number: u32,
    /// When it began.
    since_us: i64,
}

impl Generation {
    fn new(number: u32) -> Self {
        Self { pages: Vec::new(), len: 0, number, since_us: 0 }
    }

    fn prepare(&mut self, blocks: usize) {
        if self.len == 0 {
            self.pages.resize_with(blocks.div_ceil(PAGE), || None);
            self.len = blocks;
        }
    }

    fn freeze(&mut self) -> Self {
        let share = |page: &mut Option<Shared<Box<[Block]>>>| page.as_mut().map(Shared::share);
        Self { pages: self.pages.iter_mut().map(share).collect(), ..*self }
    }

    /// Bytes held.
    fn bytes(&self) -> usize {
        self.pages.iter().flatten().map(|page| page.len() * size_of::<Block>()).sum()
    }

    fn place(&self, hash: u64) -> (usize, usize) {
        let at = ((u128::from(hash) * self.len as u128) >> 64) as usize;
        (at / PAGE, at % PAGE)
    }

    fn mark(&mut self, hash: u64, now_us: i64) {
        let (number, (page, at)) = (u64::from(self.number), self.place(hash));
        let blocks = PAGE.min(self.len - page * PAGE);
        let made = || vec![Block::default(); blocks].into_boxed_slice().into();
        let page = self.pages.get_mut(page).map(|page| page.get_or_insert_with(made));
        if let Some(Block(words)) = page.and_then(|page| page.get_mut().get_mut(at)) {
            if words[0] >> 32 != number {
                *words = [0; WORDS];
            }
            words[0] = number << 32 | u64::from(coarse::after(now_us));
            words[1..].iter_mut().zip(bits(hash)).for_each(|(word, bit)| *word |= bit);
        }
    }

    fn hit(&self, hash: u64) -> Option<i64> {
        let (page, at) = self.place(hash);
        let Block(words) = self.pages.get(page)?.as_ref()?.get(at)?;
        let held = words[0] >> 32 == u64::from(self.number)
            && words[1..].iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0);
        held.then(|| coarse::time_us(words[0] as u32)).flatten()
    }
}

/// One bit for each word of a block but the first.
fn bits(hash: u64) -> impl Iterator<Item = u64> {
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (1..WORDS).map(move |word| 1 << (mixed >> (word * 8) & 63))
}

/// The marks of one family.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Filter {
    young: Generation,
    old: Generation,
    /// Blocks of a generation.
    blocks: usize,
    /// How far back a window looks; `None` for ever.
    span_us: Option<i64>,
}

impl Filter {
    /// Without marks, and taking no room before the first; both generations together take about so many bytes. A mark
    /// is found for `span_us`, or for good.
    pub(crate) fn new(bytes: usize, span_us: Option<i64>) -> Self {
        let generations = if span_us.is_some() { 2 } else { 1 };
        let blocks = (bytes / size_of::<Block>() / generations).max(1);
        Self { young: Generation::new(1), old: Generation::new(0), blocks, span_us }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self { young: self.young.freeze(), old: self.old.freeze(), ..*self }
    }

    /// Marks a key as evicted now.
    pub(crate) fn mark(&mut self, hash: u64, now_us: i64) {
        if self.is_empty() {
            self.young.prepare(self.blocks);
            self.young.since_us = now_us;
        } else if self.span_us.is_some_and(|span_us| now_us - self.young.since_us >= span_us) {
            // All that the older one marks is out of every window by now.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.number = self.old.number + 1;
            self.young.prepare(self.blocks);
            self.young.since_us = now_us;
        }
        self.young.mark(hash, now_us);
    }

    /// When a key was evicted at the latest, to the coarse minute, if it may have been.
    #[inline]
    pub(crate) fn hit(&self, hash: u64) -> Option<i64> {
        if self.is_empty() {
            return None;
        }
        self.young.hit(hash).or_else(|| self.old.hit(hash))
    }

    /// Whether no key was ever marked.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.young.len == 0
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.young.bytes() + self.old.bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use proptest::prelude::*;

    use super::*;

    fn hash(key: u64) -> u64 {
        foldhash::fast::FixedState::with_seed(1).hash_one(key)
    }

    proptest! {
        #[test]
        fn finds_every_mark_for_as_long_as_a_window_looks(
            marks in prop::collection::vec((0_u64..50, 0_i64..60), 1..300),
            bytes in prop::sample::select(vec![0_usize, 64, 1_024]),
            span_us in prop::option::of(1_i64..100),
        ) {
            let mut filter = Filter::new(bytes, span_us);
            let (mut marked, mut now_us): (Vec<(u64, i64)>, i64) = (Vec::new(), 0);
            for (key, later_us) in marks {
                now_us += later_us;
                filter.mark(hash(key), now_us);
                marked.push((key, now_us));
                for &(key, at_us) in &marked {
                    if span_us.is_none_or(|span_us| now_us - at_us < span_us) {
                        prop_assert!(filter.hit(hash(key)).is_some_and(|last_us| last_us >= at_us));
                    }
                }
            }
        }
    }

    #[test]
    fn no_mark_makes_more_than_a_page() {
        let mut filter = Filter::new(1 << 32, None);
        for marks in 1..4 {
            filter.mark(hash(marks), 0);
            assert!(
                filter.bytes() <= marks as usize * PAGE * size_of::<Block>()
                    && filter.hit(hash(marks)).is_some()
            );
        }
        assert!(filter.hit(hash(9)).is_none());
    }

    #[test]
    fn rarely_finds_what_was_not_marked() {
        let mut filter = Filter::new(1 << 17, Some(1_000));
        assert!(filter.is_empty() && filter.bytes() == 0);
        for key in 0..40_000 {
            filter.mark(hash(key), 0);
        }
        assert_eq!(filter.bytes(), 1 << 16, "one of two generations");
        let found = (40_000..140_000).filter(|&key| filter.hit(hash(key)).is_some()).count();
        assert!(found < 2_500, "{found} of 100,000 at 13 bits a key");
        for round in 1..20 {
            filter.mark(hash(round), round as i64 * 1_000);
        }
        assert!(filter.hit(hash(30_000)).is_none(), "what is old enough is found no more");
        assert_eq!(filter.bytes(), 1 << 17);
    }
}
