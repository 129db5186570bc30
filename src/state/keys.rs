//! From a key, as dictionary numbers, to the dense slot of its record.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::chunked::Chunked;
use super::spec::KEY_TEXTS_MAX;

/// A key: dictionary numbers, zero where it has fewer texts.
pub type Key = [u32; KEY_TEXTS_MAX];

const SHARDS: usize = 256;

/// The slots of one family.
#[derive(Debug)]
pub(crate) enum Keys {
    /// A key of one text: its number is the index; 0 is "no slot yet".
    One(Chunked<u32>),
    /// A key of several texts, by hash; shards grow on their own.
    Several {
        /// The hash function.
        hasher: FixedState,
        /// Keys with their slots.
        shards: Vec<HashTable<(Key, u32)>>,
    },
}

impl Keys {
    /// No slots yet, for keys of this many texts.
    pub(crate) fn new(texts: usize) -> Self {
        if texts == 1 {
            Self::One(Chunked::new(1))
        } else {
            let shards = (0..SHARDS).map(|_| HashTable::new()).collect();
            Self::Several { hasher: FixedState::with_seed(0x6b65_7973), shards }
        }
    }

    /// The slot of a key.
    #[inline]
    pub(crate) fn get(&self, key: &Key) -> Option<u32> {
        match self {
            Self::One(slots) => slots.row(key[0]).map(|row| row[0]).filter(|&slot| slot != 0),
            Self::Several { hasher, shards } => {
                let hash = hasher.hash_one(mixed(key));
                shards[shard(hash)].find(hash, |(held, _)| held == key).map(|&(_, slot)| slot)
            }
        }
    }

    /// Gives a key that has none this slot.
    pub(crate) fn set(&mut self, key: &Key, slot: u32) {
        match self {
            Self::One(slots) => {
                slots.reach(key[0]);
                slots.row_mut(key[0])[0] = slot;
            }
            Self::Several { hasher, shards } => {
                let hash = hasher.hash_one(mixed(key));
                shards[shard(hash)]
                    .insert_unique(hash, (*key, slot), |(held, _)| hasher.hash_one(mixed(held)));
            }
        }
    }

    /// Every key that has a slot.
    pub(crate) fn all(&self) -> Vec<Key> {
        match self {
            Self::One(slots) => {
                let held = (0..).map_while(|number| Some((number, slots.row(number)?[0])));
                held.filter(|&(_, slot)| slot != 0).map(|(number, _)| [number, 0, 0, 0]).collect()
            }
            Self::Several { shards, .. } => shards.iter().flatten().map(|&(key, _)| key).collect(),
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::One(slots) => slots.bytes(),
            Self::Several { shards, .. } => shards.iter().map(HashTable::allocation_size).sum(),
        }
    }
}

/// A key in one number, which hashes in one step.
#[inline]
fn mixed(key: &Key) -> u128 {
    key.iter().fold(0, |all, &part| all << 32 | u128::from(part))
}

#[inline]
fn shard(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}
