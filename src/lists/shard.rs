//! A part of a list's entries, by the hash of their keys, with their notes beside them.

use hashbrown::HashTable;

use super::Listing;

/// An entry; its key is known by its identity alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    identity: [u64; 2],
    expires_us: i64,
    level: i64,
    note: u32,
    has_level: bool,
    owned: bool,
    /// Put on by an event, not by a file.
    by_event: bool,
}

/// The note of an entry without one.
const NO_NOTE: u32 = u32::MAX;

impl Entry {
    /// An entry that a shard has still to give a note.
    pub(super) fn new(identity: u128, owned: bool, by_event: bool, listing: Listing<'_>) -> Self {
        Self {
            identity: split(identity),
            expires_us: listing.expires_us.unwrap_or(i64::MAX),
            level: listing.level.unwrap_or(0),
            note: NO_NOTE,
            has_level: listing.level.is_some(),
            owned,
            by_event,
        }
    }

    /// Whether it is over.
    pub(super) fn expired(&self, now_us: i64) -> bool {
        self.expires_us <= now_us && self.expires_us != i64::MAX
    }

    /// Whether it is a tenant's own.
    pub(super) fn is_owned(&self) -> bool {
        self.owned
    }

    /// Whether an event put it on.
    pub(super) fn is_by_event(&self) -> bool {
        self.by_event
    }

    /// The identity of its key.
    pub(super) fn identity(&self) -> u128 {
        u128::from(self.identity[1]) << 64 | u128::from(self.identity[0])
    }
}

/// Identities are well mixed already: one half picks the shard, the other is the hash in it.
fn split(identity: u128) -> [u64; 2] {
    [identity as u64, (identity >> 64) as u64]
}

/// Texts by number; the number of a text that went is given out again.
#[derive(Clone, Debug, Default)]
struct Notes {
    texts: Vec<Box<str>>,
    free: Vec<u32>,
}

impl Notes {
    fn keep(&mut self, note: &str) -> u32 {
        if let Some(number) = self.free.pop()
            && let Some(text) = self.texts.get_mut(number as usize)
        {
            *text = note.into();
            return number;
        }
        self.texts.push(note.into());
        (self.texts.len() - 1) as u32
    }

    fn forget(&mut self, number: u32) {
        if let Some(text) = self.texts.get_mut(number as usize) {
            *text = Box::default();
            self.free.push(number);
        }
    }

    fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len()).sum();
        texts + self.texts.capacity() * size_of::<Box<str>>() + self.free.capacity() * size_of::<u32>()
    }
}

/// Entries that grow together.
#[derive(Clone, Debug, Default)]
pub(super) struct Shard {
    entries: HashTable<Entry>,
    notes: Notes,
}

impl Shard {
    /// The entry of an identity, expired or not.
    #[inline]
    pub(super) fn find(&self, identity: u128) -> Option<&Entry> {
        let identity = split(identity);
        self.entries.find(identity[0], |entry| entry.identity == identity)
    }

    /// What an entry of this shard says.
    pub(super) fn listing(&self, entry: &Entry) -> Listing<'_> {
        Listing {
            expires_us: Some(entry.expires_us).filter(|&expires_us| expires_us != i64::MAX),
            level: entry.has_level.then_some(entry.level),
            note: self.notes.texts.get(entry.note as usize).map(|note| &**note),
        }
    }

    /// Puts an entry on; whether it replaced one.
    pub(super) fn put(&mut self, mut entry: Entry, note: Option<&str>) -> bool {
        let replaced = self.take(entry.identity());
        if let Some(note) = note {
            entry.note = self.notes.keep(note);
        }
        self.entries.insert_unique(entry.identity[0], entry, |held| held.identity[0]);
        replaced
    }

    /// Takes an entry off; whether there was one.
    pub(super) fn take(&mut self, identity: u128) -> bool {
        let identity = split(identity);
        let found = self.entries.find_entry(identity[0], |entry| entry.identity == identity);
        let Ok(found) = found else { return false };
        let (entry, _) = found.remove();
        self.notes.forget(entry.note);
        true
    }

    /// All entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many places there are, taken or not.
    pub(super) fn places(&self) -> usize {
        self.entries.num_buckets()
    }

    /// The entry at a place.
    pub(super) fn at(&self, place: usize) -> Option<&Entry> {
        self.entries.get_bucket(place)
    }

    /// Bytes held beside itself.
    pub(super) fn bytes(&self) -> usize {
        self.entries.allocation_size() + self.notes.bytes()
    }
}
