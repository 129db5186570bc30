//! Texts that are keys, as dense numbers, per tenant.
//!
//! Promises that two texts of one tenant have the same number exactly when they are equal, and that a number is used
//! again only when nothing can mean its former text: no slot, no reference, and no value that a window may still hold.
//! One dictionary serves all fields, so that an account seen as a payee is the same number; the slots of all families
//! whose key is one text stand beside the entry, so that one probe serves them all.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::chunked::Chunked;
use super::coarse;
use super::shards::Shards;
use super::texts::Texts;

/// The number of "no text".
pub(crate) const NO_TEXT: u32 = 0;
/// Tenants that have a number at the same time.
pub(crate) const TENANTS_MAX: u32 = 1 << 24;

/// Longest text that is kept in the entry itself.
pub(crate) const INLINE: usize = 16;
/// Entries looked at for each text that is new, so that what is dead never is more than a part of what lives.
const SWEPT_A_TEXT: usize = 4;
/// Entries looked at in one go.
const SWEPT_AT_ONCE: usize = 64;

// The words of an entry.
const HEAD: usize = 0;
/// The last 8 bytes of a text that is kept here, or the place of a longer one.
const TAIL: usize = 2;
/// The tenant, and below it the length, or one of the marks that follow.
const OWNER: usize = 4;
/// How often it is part of a key of several texts.
const REFERENCES: usize = 5;
const WORDS: usize = 6;

/// The length of a longer text.
const LONG: u32 = 0xFE;
/// The length of an entry that nothing uses; its head is the next free one.
const FREE: u32 = 0xFF;

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
        (bytes.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte)), 0)
    }
}

/// The text of up to 16 bytes that has these ends.
fn joined(head: u64, tail: u64, len: usize) -> [u8; INLINE] {
    let mut bytes = [0; INLINE];
    let part = if len < 8 { 4 } else { 8 };
    bytes[..part].copy_from_slice(&head.to_le_bytes()[..part]);
    if len >= 4 {
        bytes[len - part..len].copy_from_slice(&tail.to_le_bytes()[..part]);
    }
    bytes
}

/// A short text with its owner in one number, which hashes in one step. Collisions cost a comparison.
#[inline]
fn mixed(head: u64, tail: u64, owner: u32) -> u128 {
    u128::from(head) << 64 | u128::from(tail ^ u64::from(owner).rotate_left(32))
}

#[inline]
fn wide(words: &[u32]) -> u64 {
    u64::from(words[1]) << 32 | u64::from(words[0])
}

#[inline]
fn set_wide(words: &mut [u32], value: u64) {
    (words[0], words[1]) = (value as u32, (value >> 32) as u32);
}

/// The dictionary.
#[derive(Debug)]
pub(crate) struct Dictionary {
    hasher: FixedState,
    table: Shards,
    /// An entry of [`WORDS`], until when it is carried as a value where values are, and its slots.
    entries: Chunked<u32>,
    texts: Texts,
    /// The word of an entry that says until when its number may be a value in a window.
    carried: Option<usize>,
    /// The word of an entry where its slots begin.
    slots: usize,
    /// Numbers ever made, 0 among them for "no text".
    made: u32,
    /// Numbers in use, 0 among them.
    used: u32,
    /// Head of the list of free numbers.
    free: u32,
    /// The number looked at last.
    hand: u32,
    /// Entries to look at yet.
    due: usize,
}

/// A dictionary without what can be made again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedDictionary {
    entries: Chunked<u32>,
    texts: Texts,
    made: u32,
    used: u32,
    free: u32,
    hand: u32,
    due: usize,
}

impl Dictionary {
    /// What is saved of it; shares what it holds.
    pub(crate) fn freeze(&mut self) -> SavedDictionary {
        let Self { made, used, free, hand, due, .. } = *self;
        let (entries, texts) = (self.entries.freeze(), self.texts.freeze());
        SavedDictionary { entries, texts, made, used, free, hand, due }
    }

    /// Goes on from what was saved of a dictionary of the same form.
    pub(crate) fn resume(&mut self, saved: SavedDictionary) {
        let SavedDictionary { entries, texts, made, used, free, hand, due } = saved;
        *self = Self {
            hasher: self.hasher.clone(),
            table: Shards::default(),
            entries,
            texts,
            carried: self.carried,
            slots: self.slots,
            made,
            used,
            free,
            hand,
            due,
        };
        for number in 1..made {
            if self.entries.row(number).is_some_and(|entry| entry[OWNER] & 0xFF != FREE) {
                let Self { hasher, table, entries, texts, .. } = self;
                let hash = |number| hash_of(hasher, entries, texts, number);
                table.insert(hash(number), number, hash);
            }
        }
    }

    /// An empty dictionary of texts with so many slots beside each, that may also be values.
    pub(crate) fn new(slots: usize, carries: bool) -> Self {
        let carried = carries.then_some(WORDS);
        let first = WORDS + usize::from(carries);
        let mut entries = Chunked::new(first + slots);
        entries.reach(NO_TEXT);
        Self {
            hasher: FixedState::with_seed(0x7765_6972),
            table: Shards::default(),
            entries,
            texts: Texts::default(),
            carried,
            slots: first,
            made: 1,
            used: 1,
            free: NO_TEXT,
            hand: 0,
            due: 0,
        }
    }

    /// Numbers in use.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.used
    }

    /// The number of a text, given now if it is new.
    #[inline]
    pub(crate) fn number(&mut self, tenant: u32, text: &str) -> u32 {
        let bytes = text.as_bytes();
        let (head, tail) = ends(bytes);
        let short = bytes.len() <= INLINE;
        let owner = tenant << 8 | if short { bytes.len() as u32 } else { LONG };
        let hash = if short {
            self.hasher.hash_one(mixed(head, tail, owner))
        } else {
            self.hasher.hash_one((tenant, bytes))
        };
        let (entries, texts) = (&self.entries, &self.texts);
        let same = |number| {
            entries.row(number).is_some_and(|entry| {
                entry[OWNER] == owner
                    && wide(&entry[HEAD..]) == head
                    && if short {
                        wide(&entry[TAIL..]) == tail
                    } else {
                        texts.get(wide(&entry[TAIL..])) == bytes
                    }
            })
        };
        match self.table.find(hash, same) {
            Some(number) => number,
            None => {
                let tail = if short { tail } else { self.texts.put(bytes) };
                self.add(hash, head, tail, owner)
            }
        }
    }

    fn add(&mut self, hash: u64, head: u64, tail: u64, owner: u32) -> u32 {
        let number = if self.free != NO_TEXT {
            let number = self.free;
            self.free = self.entries.row_mut(number)[HEAD];
            number
        } else {
            self.made += 1;
            self.entries.reach(self.made - 1);
            self.made - 1
        };
        let entry = self.entries.row_mut(number);
        entry.fill(0);
        set_wide(&mut entry[HEAD..], head);
        set_wide(&mut entry[TAIL..], tail);
        entry[OWNER] = owner;
        let Self { hasher, entries, texts, table, .. } = self;
        table.insert(hash, number, |held| hash_of(hasher, entries, texts, held));
        self.used += 1;
        self.due += SWEPT_A_TEXT;
        number
    }

    /// The hash of a number's tenant and text.
    pub(crate) fn hash(&self, number: u32) -> u64 {
        hash_of(&self.hasher, &self.entries, &self.texts, number)
    }

    /// The tenant and the text of a number in use.
    pub(crate) fn text(&self, number: u32) -> Option<(u32, String)> {
        let entry = self.entries.row(number).filter(|_| (1..self.made).contains(&number))?;
        let (tenant, len) = (entry[OWNER] >> 8, entry[OWNER] & 0xFF);
        let (head, tail) = (wide(&entry[HEAD..]), wide(&entry[TAIL..]));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match len {
            FREE => None,
            LONG => Some((tenant, text(self.texts.get(tail)))),
            len => Some((tenant, text(&joined(head, tail, len as usize)[..len as usize]))),
        }
    }

    /// The slot of a number in one of the families beside it; 0 is none.
    #[inline]
    pub(crate) fn slot(&self, number: u32, family: usize) -> u32 {
        self.entries.element(number, self.slots + family).unwrap_or_default()
    }

    /// Sets the slot of a number in one of the families beside it; 0 is none.
    pub(crate) fn set_slot(&mut self, number: u32, family: usize, slot: u32) {
        let at = self.slots + family;
        self.entries.row_mut(number)[at] = slot;
    }

    /// Keeps a number in use until it is [released](Self::release) as often.
    pub(crate) fn refer(&mut self, number: u32) {
        self.entries.row_mut(number)[REFERENCES] += 1;
    }

    /// Takes back what [`refer`](Self::refer) did once.
    pub(crate) fn release(&mut self, number: u32) {
        self.entries.row_mut(number)[REFERENCES] -= 1;
    }

    /// Keeps a number in use until after this time, as a value may have it; for good without one.
    #[inline]
    pub(crate) fn carry(&mut self, number: u32, until_us: Option<i64>) {
        if let Some(word) = self.carried.filter(|_| number != NO_TEXT) {
            let until = &mut self.entries.row_mut(number)[word];
            *until = (*until).max(until_us.map_or(u32::MAX, coarse::after));
        }
    }

    /// Looks at some entries, more with new texts than without, and at least so many; forgets those that nothing
    /// means any more. What was numbered for an event and not filed must not be needed any more.
    pub(crate) fn sweep(&mut self, at_least: usize, now_us: i64) {
        let entries = self.due.max(at_least).min(SWEPT_AT_ONCE.max(at_least));
        self.due = self.due.saturating_sub(entries);
        for _ in 0..entries.min(self.made as usize) {
            self.hand = if self.hand + 1 < self.made { self.hand + 1 } else { NO_TEXT };
            self.forget_dead(self.hand, now_us);
        }
    }

    fn forget_dead(&mut self, number: u32, now_us: i64) {
        let Some(entry) = self.entries.row(number) else { return };
        let carried = self.carried.is_some_and(|word| coarse::is_after(entry[word], now_us));
        let unused = entry[REFERENCES] == 0 && entry[self.slots..].iter().all(|&slot| slot == 0);
        let len = entry[OWNER] & 0xFF;
        if number == NO_TEXT || len == FREE || carried || !unused {
            return;
        }
        let place = wide(&entry[TAIL..]);
        self.table.remove(self.hash(number), number);
        if len == LONG {
            self.texts.forget(place);
        }
        let entry = self.entries.row_mut(number);
        entry[OWNER] = FREE;
        entry[HEAD] = self.free;
        self.free = number;
        self.used -= 1;
    }

    /// Bytes of an entry, the slots beside it included.
    pub(crate) fn entry_bytes(&self) -> usize {
        self.entries.row_bytes()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.entries.bytes() + self.texts.bytes()
    }
}

fn hash_of(hasher: &FixedState, entries: &Chunked<u32>, texts: &Texts, number: u32) -> u64 {
    let Some(entry) = entries.row(number) else { return 0 };
    let (head, tail) = (wide(&entry[HEAD..]), wide(&entry[TAIL..]));
    match entry[OWNER] & 0xFF {
        LONG => hasher.hash_one((entry[OWNER] >> 8, texts.get(tail))),
        _ => hasher.hash_one(mixed(head, tail, entry[OWNER])),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::time::SECOND_US;

    #[test]
    fn equal_texts_of_one_tenant_have_one_number() {
        let mut dictionary = Dictionary::new(0, false);
        let texts = |n: u32| [format!("k{n}"), format!("a-rather-long-key-with-a-common-start-{n}")];
        for _ in 0..2 {
            for n in 0..20_000 {
                for (at, text) in texts(n).iter().enumerate() {
                    assert_eq!(dictionary.number(1, text), 1 + 2 * n + at as u32);
                }
            }
        }
        let texts: Vec<String> = (0..40).map(|len| "ab".repeat(40)[..len].to_owned()).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| dictionary.number(3, text)).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        assert_eq!(dictionary.number(2, "k0"), 40_041);
        assert_ne!(dictionary.number(1, "k0\u{0}"), dictionary.number(1, "k0"));
        for (text, number) in texts.into_iter().zip(numbers) {
            assert_eq!(dictionary.text(number), Some((3, text)));
        }
        assert_eq!(dictionary.text(NO_TEXT), None);
        assert_eq!(dictionary.text(40_043), None);
    }

    #[test]
    fn a_text_is_forgotten_when_nothing_means_it_and_its_room_used_again() {
        let mut dictionary = Dictionary::new(1, true);
        let long = "a-text-that-is-too-long-for-its-entry";
        let day_us = 86_400 * SECOND_US;
        let (slotted, referred, carried, idle) = (
            dictionary.number(0, "slotted"),
            dictionary.number(0, "referred"),
            dictionary.number(0, long),
            dictionary.number(0, "idle"),
        );
        dictionary.set_slot(slotted, 0, 7);
        dictionary.refer(referred);
        dictionary.carry(carried, Some(day_us));
        dictionary.sweep(16, 0);
        assert_eq!(dictionary.len(), 4);
        assert_eq!(dictionary.text(idle), None);
        assert_eq!(dictionary.number(0, "new"), idle, "its number is used again");
        assert_eq!(dictionary.slot(slotted, 0), 7);
        dictionary.set_slot(slotted, 0, 0);
        dictionary.release(referred);
        dictionary.sweep(16, day_us);
        assert_eq!(dictionary.len(), 2, "a value may have it yet");
        dictionary.sweep(16, day_us + 200 * SECOND_US);
        assert_eq!(dictionary.len(), 1);
        let number = dictionary.number(0, "a-text-that-is-as-long-as-one-before.");
        assert_eq!(dictionary.made, 5, "no more room is taken");
        dictionary.carry(number, None);
        dictionary.sweep(16, crate::time::TIME_US_MAX);
        assert_eq!(dictionary.len(), 2, "it is carried for good");
    }

    proptest! {
        #[test]
        fn agrees_with_a_map_and_stays_as_small_as_what_lives(
            steps in prop::collection::vec((0_u32..40, 0_u32..3, any::<bool>()), 1..600)
        ) {
            let mut dictionary = Dictionary::new(0, false);
            let mut held: BTreeMap<(u32, String), u32> = BTreeMap::new();
            for (n, tenant, keep) in steps {
                dictionary.sweep(0, 0);
                let text = "x".repeat(n as usize);
                let number = dictionary.number(tenant, &text);
                prop_assert_eq!(dictionary.text(number), Some((tenant, text.clone())));
                match (held.get(&(tenant, text.clone())), keep) {
                    (Some(&before), true) => prop_assert_eq!(number, before),
                    (Some(&before), false) => {
                        prop_assert_eq!(number, before);
                        dictionary.release(number);
                        held.remove(&(tenant, text));
                    }
                    (None, true) => {
                        dictionary.refer(number);
                        held.insert((tenant, text), number);
                    }
                    (None, false) => {}
                }
                for ((tenant, text), &number) in &held {
                    prop_assert_eq!(dictionary.text(number), Some((*tenant, text.clone())));
                    prop_assert_eq!(dictionary.number(*tenant, text), number);
                }
                prop_assert!(dictionary.len() as usize <= 8 + held.len() * 2 + 120 / SWEPT_A_TEXT);
            }
        }
    }
}
