//! A part of a list's entries, by the hash of their keys, with their notes beside them.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::Listing;

/// An entry; its key is known by its identity alone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

/// A place for an entry; a free one knows the next free one.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Place {
    Held(Entry),
    Free(u32),
}

impl Place {
    fn entry(&self) -> Option<&Entry> {
        if let Self::Held(entry) = self { Some(entry) } else { None }
    }

    fn is_of(&self, identity: [u64; 2]) -> bool {
        self.entry().is_some_and(|entry| entry.identity == identity)
    }

    /// The hash of its entry.
    fn hash(&self) -> u64 {
        self.entry().map_or(0, |entry| entry.identity[0])
    }
}

/// After the last free place.
const NONE_FREE: u32 = u32::MAX;

/// Entries that grow together. Each has a place of its own, which no hash decides: whoever walks the places finds the
/// same at the same steps on every machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub(super) struct Shard {
    entries: Vec<Place>,
    /// The first free place.
    free: u32,
    /// The place of each identity.
    places: HashTable<u32>,
    notes: Notes,
}

impl Default for Shard {
    fn default() -> Self {
        Saved { entries: Vec::new(), free: NONE_FREE, notes: Notes::default() }.into()
    }
}

/// A shard without what can be made again.
#[derive(Serialize, Deserialize)]
struct Saved {
    entries: Vec<Place>,
    free: u32,
    notes: Notes,
}

impl From<Shard> for Saved {
    fn from(Shard { entries, free, notes, .. }: Shard) -> Self {
        Self { entries, free, notes }
    }
}

impl From<Saved> for Shard {
    fn from(Saved { entries, free, notes }: Saved) -> Self {
        let mut places = HashTable::with_capacity(entries.len());
        for (place, held) in entries.iter().enumerate().filter(|(_, held)| held.entry().is_some()) {
            places.insert_unique(held.hash(), place as u32, |&held| entries[held as usize].hash());
        }
        Self { entries, free, places, notes }
    }
}

impl Shard {
    /// The entry of an identity, expired or not.
    #[inline]
    pub(super) fn find(&self, identity: u128) -> Option<&Entry> {
        let identity = split(identity);
        let same = |&place: &u32| self.entries[place as usize].is_of(identity);
        self.at(*self.places.find(identity[0], same)? as usize)
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
        let place = match self.entries.get(self.free as usize) {
            Some(&Place::Free(next)) => std::mem::replace(&mut self.free, next),
            _ => {
                if self.entries.len() == self.entries.capacity() {
                    // A quarter more, not twice as much: a million entries are to stay under 100 bytes each.
                    self.entries.reserve_exact(self.entries.len() / 4 + 4);
                }
                self.entries.push(Place::Free(NONE_FREE));
                (self.entries.len() - 1) as u32
            }
        };
        let Self { entries, places, .. } = self;
        entries[place as usize] = Place::Held(entry);
        places.insert_unique(entry.identity[0], place, |&held| entries[held as usize].hash());
        replaced
    }

    /// Takes an entry off; whether there was one.
    pub(super) fn take(&mut self, identity: u128) -> bool {
        let identity = split(identity);
        let Self { entries, places, .. } = self;
        let Ok(found) = places.find_entry(identity[0], |&place| entries[place as usize].is_of(identity))
        else {
            return false;
        };
        let (place, _) = found.remove();
        if let Place::Held(entry) = std::mem::replace(&mut entries[place as usize], Place::Free(self.free)) {
            self.notes.forget(entry.note);
        }
        self.free = place;
        true
    }

    /// All entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter_map(Place::entry)
    }

    /// How many places there are, taken or not.
    pub(super) fn places(&self) -> usize {
        self.entries.len()
    }

    /// The entry at a place.
    pub(super) fn at(&self, place: usize) -> Option<&Entry> {
        self.entries.get(place)?.entry()
    }

    /// Bytes held beside itself.
    pub(super) fn bytes(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Place>();
        entries + self.places.allocation_size() + self.notes.bytes()
    }
}
