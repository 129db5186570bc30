//! The bytes of texts that are too long for their entry, in blocks of a few sizes.
//!
//! Promises that a block given back is used again by the next text of its size, so that what is held is bounded by
//! the most that was ever held of each size at once.

use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// Bytes by which sizes differ.
const STEP: usize = 16;
const PAGE_BYTES: usize = 1 << 16;
/// Bytes of a block that say how long its text is.
const LENGTH: usize = 2;
const NONE: u32 = 0;

/// The blocks of one size.
#[derive(Debug, Serialize, Deserialize)]
struct Blocks {
    size: usize,
    pages: Vec<Shared<Box<[u8]>>>,
    /// Blocks ever made; block 0 is none.
    made: u32,
    /// Head of the list of free blocks, linked through their first bytes.
    free: u32,
}

impl Blocks {
    fn new(size: usize) -> Self {
        Self { size, pages: Vec::new(), made: NONE + 1, free: NONE }
    }

    fn place(&self, block: u32) -> (usize, std::ops::Range<usize>) {
        let to_page = PAGE_BYTES / self.size;
        let start = block as usize % to_page * self.size;
        (block as usize / to_page, start..start + self.size)
    }

    fn block(&self, block: u32) -> &[u8] {
        let (page, range) = self.place(block);
        &self.pages[page][range]
    }

    fn block_mut(&mut self, block: u32) -> &mut [u8] {
        let (page, range) = self.place(block);
        &mut self.pages[page].get_mut()[range]
    }

    fn take(&mut self) -> u32 {
        if self.free != NONE {
            let block = self.free;
            self.free = self.block(block).first_chunk().map_or(NONE, |link| u32::from_le_bytes(*link));
            return block;
        }
        let block = self.made;
        self.made += 1;
        if self.place(block).0 >= self.pages.len() {
            self.pages.push(vec![0; PAGE_BYTES].into_boxed_slice().into());
        }
        block
    }

    fn give_back(&mut self, block: u32) {
        let free = self.free;
        if let Some(link) = self.block_mut(block).first_chunk_mut() {
            *link = free.to_le_bytes();
        }
        self.free = block;
    }
}

/// Long texts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Texts {
    sizes: Vec<Blocks>,
}

/// Bytes that a long text takes beside its entry.
pub(crate) const fn block_bytes(len: usize) -> usize {
    (len + LENGTH).next_multiple_of(STEP)
}

fn split(place: u64) -> (usize, u32) {
    ((place >> 32) as usize, place as u32)
}

impl Texts {
    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        let share = |blocks: &mut Blocks| Blocks {
            pages: blocks.pages.iter_mut().map(Shared::share).collect(),
            ..*blocks
        };
        Self { sizes: self.sizes.iter_mut().map(share).collect() }
    }

    /// Keeps a text, and says where.
    pub(crate) fn put(&mut self, text: &[u8]) -> u64 {
        let size = block_bytes(text.len()) / STEP - 1;
        while self.sizes.len() <= size {
            self.sizes.push(Blocks::new((self.sizes.len() + 1) * STEP));
        }
        let blocks = &mut self.sizes[size];
        let at = blocks.take();
        let block = blocks.block_mut(at);
        block[..LENGTH].copy_from_slice(&(text.len() as u16).to_le_bytes());
        block[LENGTH..LENGTH + text.len()].copy_from_slice(text);
        (size as u64) << 32 | u64::from(at)
    }

    /// The text at a place.
    pub(crate) fn get(&self, place: u64) -> &[u8] {
        let (size, at) = split(place);
        let block = self.sizes[size].block(at);
        let len = block.first_chunk().map_or(0, |len| u16::from_le_bytes(*len));
        &block[LENGTH..LENGTH + usize::from(len)]
    }

    /// Gives the room of the text at a place back.
    pub(crate) fn forget(&mut self, place: u64) {
        let (size, at) = split(place);
        self.sizes[size].give_back(at);
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.sizes.iter().map(|blocks| blocks.pages.len() * PAGE_BYTES).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_used_again() {
        let mut texts = Texts::default();
        let text = |n: usize| "abcdefgh".repeat(64)[..17 + n % 496].to_owned();
        let places: Vec<u64> = (0..3_000).map(|n| texts.put(text(n).as_bytes())).collect();
        let bytes = texts.bytes();
        for round in 0..5 {
            for n in (round % 3..3_000).step_by(3) {
                texts.forget(places[n]);
            }
            let again: Vec<u64> = (round % 3..3_000)
                .rev()
                .filter(|n| n % 3 == round % 3)
                .map(|n| texts.put(text(n).as_bytes()))
                .collect();
            assert_eq!(again.len(), 1_000);
            assert_eq!(texts.bytes(), bytes);
            for n in again.iter().zip((round % 3..3_000).rev().filter(|n| n % 3 == round % 3)) {
                assert_eq!(texts.get(*n.0), text(n.1).as_bytes());
            }
            for n in (0..3_000).filter(|n| n % 3 != round % 3) {
                assert_eq!(texts.get(places[n]).len(), text(n).len());
            }
            // What was put again lies elsewhere: leave it as the others found it.
            again.into_iter().for_each(|place| texts.forget(place));
            for n in (round % 3..3_000).step_by(3) {
                assert_eq!(texts.put(text(n).as_bytes()) >> 32, places[n] >> 32);
            }
        }
    }
}
