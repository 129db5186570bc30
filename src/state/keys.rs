//! From a key, as dictionary numbers, to the dense slot of its record, and back.
//!
//! Promises that a slot keeps the texts of its key in use. The slot of a key of one text stands beside the text.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::chunked::Chunked;
use super::dictionary::Dictionary;
use super::shards::Shards;
use super::spec::KEY_TEXTS_MAX;

/// A key: dictionary numbers, zero where it has fewer texts.
pub type Key = [u32; KEY_TEXTS_MAX];

/// The slots of one family.
#[derive(Debug)]
pub(crate) struct Keys {
    hasher: FixedState,
    /// Where the slots of a key of one text stand beside it; `None` for keys of several.
    beside: Option<usize>,
    /// Slots of keys of several texts.
    table: Shards,
    /// The key of each slot.
    owners: Chunked<u32>,
}

impl Keys {
    /// No slots yet, for keys of this many texts; those of one text stand at this place beside it.
    pub(crate) fn new(texts: usize, beside: usize) -> Self {
        Self {
            hasher: FixedState::with_seed(0x6b65_7973),
            beside: (texts == 1).then_some(beside),
            table: Shards::default(),
            owners: Chunked::new(texts),
        }
    }

    /// The keys of the slots; shares them.
    pub(crate) fn freeze(&mut self) -> Chunked<u32> {
        self.owners.freeze()
    }

    /// Goes on with these keys, of which the slots given have one.
    pub(crate) fn resume(&mut self, owners: Chunked<u32>, held: impl Iterator<Item = u32>) {
        self.owners = owners;
        if self.beside.is_some() {
            return;
        }
        let Self { table, hasher, owners, .. } = self;
        let hash = |slot| hasher.hash_one(mixed(&key_of(owners, slot)));
        held.for_each(|slot| table.insert(hash(slot), slot, hash));
    }

    /// The slot of a key.
    #[inline]
    pub(crate) fn get(&self, key: &Key, dictionary: &Dictionary) -> Option<u32> {
        match self.beside {
            Some(beside) => Some(dictionary.slot(key[0], beside)).filter(|&slot| slot != 0),
            None => self.table.find(self.hash(key), |slot| self.key(slot) == *key),
        }
    }

    /// Gives a key that has none this slot.
    pub(crate) fn set(&mut self, key: &Key, slot: u32, dictionary: &mut Dictionary) {
        self.owners.reach(slot);
        let owner = self.owners.row_mut(slot);
        owner.copy_from_slice(&key[..owner.len()]);
        match self.beside {
            Some(beside) => dictionary.set_slot(key[0], beside, slot),
            None => {
                owner.iter().for_each(|&number| dictionary.refer(number));
                let Self { table, hasher, owners, .. } = self;
                table.insert(hasher.hash_one(mixed(key)), slot, |held| {
                    hasher.hash_one(mixed(&key_of(owners, held)))
                });
            }
        }
    }

    /// Takes a slot from its key.
    pub(crate) fn take(&mut self, slot: u32, dictionary: &mut Dictionary) {
        let key = self.key(slot);
        match self.beside {
            Some(beside) => dictionary.set_slot(key[0], beside, 0),
            None => {
                self.table.remove(self.hash(&key), slot);
                key.iter().filter(|&&number| number != 0).for_each(|&number| dictionary.release(number));
            }
        }
    }

    /// The key of a slot that has one.
    #[inline]
    pub(crate) fn key(&self, slot: u32) -> Key {
        key_of(&self.owners, slot)
    }

    /// A hash of a key's tenant and texts, whatever their numbers are.
    pub(crate) fn hash_of_texts(&self, key: &Key, dictionary: &Dictionary) -> u64 {
        self.hasher.hash_one(key.map(|number| if number == 0 { 0 } else { dictionary.hash(number) }))
    }

    /// Bytes of a slot's key.
    pub(crate) fn owner_bytes(&self) -> usize {
        self.owners.row_bytes()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.owners.bytes()
    }

    #[inline]
    fn hash(&self, key: &Key) -> u64 {
        self.hasher.hash_one(mixed(key))
    }
}

#[inline]
fn key_of(owners: &Chunked<u32>, slot: u32) -> Key {
    let mut key = Key::default();
    if let Some(owner) = owners.row(slot) {
        key[..owner.len()].copy_from_slice(owner);
    }
    key
}

/// A key in one number, which hashes in one step.
#[inline]
fn mixed(key: &Key) -> u128 {
    key.iter().fold(0, |all, &part| all << 32 | u128::from(part))
}
