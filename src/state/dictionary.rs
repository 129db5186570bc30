//! Texts that are keys, as dense numbers, per tenant.
//!
//! Promises that two texts of one tenant have the same number exactly when they are equal. One dictionary serves
//! all fields, so that an account seen as a payee is the same number.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// The number of "no text".
pub(crate) const NO_TEXT: u32 = 0;

/// Each shard grows on its own, so that no event waits for all keys to move.
const SHARDS: usize = 256;
const INLINE: usize = 16;
const PAGE_BYTES: usize = 1 << 16;

/// Up to 16 bytes are kept in the entry itself; a longer text keeps its first 8 bytes and its place in the pages.
#[derive(Clone, Copy, Debug)]
struct Entry {
    head: [u8; INLINE],
    tenant: u32,
    number: u32,
    len: u16,
}

/// The dictionary.
#[derive(Debug)]
pub(crate) struct Dictionary {
    hasher: FixedState,
    shards: Vec<HashTable<Entry>>,
    pages: Vec<Vec<u8>>,
    /// Numbers given out, 0 among them for "no text".
    given: u32,
}

impl Dictionary {
    /// An empty dictionary.
    pub(crate) fn new() -> Self {
        Self {
            hasher: FixedState::with_seed(0x7765_6972),
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
            pages: Vec::new(),
            given: 1,
        }
    }

    /// Numbers given out.
    pub(crate) fn len(&self) -> u32 {
        self.given
    }

    /// The number of a text, given now if it is new.
    #[inline]
    pub(crate) fn number(&mut self, tenant: u32, text: &str) -> u32 {
        let bytes = text.as_bytes();
        let hash = self.hasher.hash_one((tenant, bytes));
        let shard = (hash >> 40) as usize % SHARDS;
        let mut head = [0; INLINE];
        let kept = bytes.len().min(INLINE);
        head[..kept].copy_from_slice(&bytes[..kept]);
        let len = bytes.len() as u16;
        let pages = &self.pages;
        let same = |entry: &Entry| {
            entry.len == len
                && entry.tenant == tenant
                && if bytes.len() <= INLINE {
                    entry.head == head
                } else {
                    entry.head[..8] == head[..8] && stored(pages, entry) == bytes
                }
        };
        if let Some(entry) = self.shards[shard].find(hash, same) {
            return entry.number;
        }
        let number = self.given;
        self.given += 1;
        if bytes.len() > INLINE {
            head[8..].copy_from_slice(&self.store(bytes).to_le_bytes());
        }
        let (pages, hasher) = (&self.pages, &self.hasher);
        let rehash = |entry: &Entry| {
            let text = if usize::from(entry.len) <= INLINE {
                &entry.head[..usize::from(entry.len)]
            } else {
                stored(pages, entry)
            };
            hasher.hash_one((entry.tenant, text))
        };
        self.shards[shard].insert_unique(hash, Entry { head, tenant, number, len }, rehash);
        number
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(HashTable::allocation_size).sum::<usize>() + self.pages.len() * PAGE_BYTES
    }

    fn store(&mut self, bytes: &[u8]) -> u64 {
        let fits = |page: &Vec<u8>| page.len() + bytes.len() <= PAGE_BYTES;
        if !self.pages.last().is_some_and(fits) {
            self.pages.push(Vec::with_capacity(PAGE_BYTES));
        }
        let page = self.pages.len() - 1;
        let start = self.pages[page].len();
        self.pages[page].extend_from_slice(bytes);
        (page * PAGE_BYTES + start) as u64
    }
}

fn stored<'a>(pages: &'a [Vec<u8>], entry: &Entry) -> &'a [u8] {
    let mut place = [0; 8];
    place.copy_from_slice(&entry.head[8..]);
    let place = u64::from_le_bytes(place) as usize;
    let start = place % PAGE_BYTES;
    &pages[place / PAGE_BYTES][start..start + usize::from(entry.len)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_of_one_tenant_have_one_number() {
        let mut dictionary = Dictionary::new();
        let texts = |n: u32| [format!("k{n}"), format!("a-rather-long-key-with-a-common-start-{n}")];
        for n in 0..20_000 {
            for (at, text) in texts(n).iter().enumerate() {
                assert_eq!(dictionary.number(1, text), 1 + 2 * n + at as u32);
            }
        }
        for n in 0..20_000 {
            for (at, text) in texts(n).iter().enumerate() {
                assert_eq!(dictionary.number(1, text), 1 + 2 * n + at as u32);
            }
        }
        assert_eq!(dictionary.number(2, "k0"), 40_001);
        assert_ne!(dictionary.number(1, "k0\u{0}"), dictionary.number(1, "k0"));
    }
}
