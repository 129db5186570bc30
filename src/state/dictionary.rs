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
    head: u64,
    /// The last 8 bytes of a text that is kept here, or the place of a longer one.
    tail: u64,
    tenant: u32,
    number: u32,
    len: u16,
}

/// The first and the last bytes of a text, overlapping where it is short: with its length they tell a text of up to
/// 16 bytes from any other, in two comparisons and without a loop.
#[inline]
fn ends(bytes: &[u8]) -> (u64, u64) {
    let four = |part: &[u8; 4]| u64::from(u32::from_le_bytes(*part));
    if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (four(head), four(tail))
    } else {
        (bytes.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)), 0)
    }
}

/// A short text and its tenant in one number, which hashes in one step. Collisions cost a comparison.
#[inline]
fn mixed(head: u64, tail: u64, tenant: u32, len: u16) -> u128 {
    let rest = tail ^ u64::from(tenant).rotate_left(32) ^ u64::from(len).rotate_left(24);
    u128::from(head) << 64 | u128::from(rest)
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
        let (head, mut tail) = ends(bytes);
        let len = bytes.len() as u16;
        let short = bytes.len() <= INLINE;
        let hash = if short {
            self.hasher.hash_one(mixed(head, tail, tenant, len))
        } else {
            self.hasher.hash_one((tenant, bytes))
        };
        let shard = (hash >> 40) as usize % SHARDS;
        let pages = &self.pages;
        let same = |entry: &Entry| {
            entry.len == len
                && entry.tenant == tenant
                && entry.head == head
                && if short { entry.tail == tail } else { stored(pages, entry) == bytes }
        };
        if let Some(entry) = self.shards[shard].find(hash, same) {
            return entry.number;
        }
        let number = self.given;
        self.given += 1;
        if !short {
            tail = self.store(bytes);
        }
        let entry = Entry { head, tail, tenant, number, len };
        let (pages, hasher) = (&self.pages, &self.hasher);
        self.shards[shard].insert_unique(hash, entry, |held| {
            if usize::from(held.len) <= INLINE {
                hasher.hash_one(mixed(held.head, held.tail, held.tenant, held.len))
            } else {
                hasher.hash_one((held.tenant, stored(pages, held)))
            }
        });
        number
    }

    /// Every text by its number, with its tenant's number.
    pub(crate) fn texts(&self) -> Vec<Option<(u32, String)>> {
        let mut texts = vec![None; self.given as usize];
        for entry in self.shards.iter().flatten() {
            let len = usize::from(entry.len);
            let (head, tail) = (entry.head.to_le_bytes(), entry.tail.to_le_bytes());
            let bytes = match len {
                0..=3 => entry.head.to_be_bytes()[8 - len..].to_vec(),
                4..=7 => [&head[..4], &tail[8 - len..4]].concat(),
                8..=INLINE => [&head[..], &tail[INLINE - len..]].concat(),
                _ => stored(&self.pages, entry).to_vec(),
            };
            texts[entry.number as usize] = String::from_utf8(bytes).ok().map(|text| (entry.tenant, text));
        }
        texts
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
    let place = entry.tail as usize;
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
        let long = "a-rather-long-key-with-a-common-start-77";
        assert_eq!(dictionary.texts()[1 + 2 * 77 + 1], Some((1, long.to_owned())));
        let texts: Vec<String> = (0..40).map(|len| "ab".repeat(40)[..len].to_owned()).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| dictionary.number(3, text)).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        let held = dictionary.texts();
        for (text, &number) in texts.iter().zip(&numbers) {
            assert_eq!(held[number as usize], Some((3, text.clone())));
        }
        assert_eq!(dictionary.number(2, "k0"), 40_041);
        assert_ne!(dictionary.number(1, "k0\u{0}"), dictionary.number(1, "k0"));
    }
}
