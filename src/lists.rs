//! Lists: what is suspected, exempt or known, by key. A noun that rules ask and the engine changes.
//!
//! Promises that a look-up is one hash probe, that a million entries without notes take under 100 bytes each, and
//! that no change waits for a whole list. Must never know a file, a rule or a clock: the time comes with the question.

mod shard;

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};

use crate::event::identity;
use shard::{Entry, Shard};

/// Most entries of one list; an event that would put another one on is refused, a file with more can't be loaded.
pub const LIST_ENTRIES_MAX: usize = 1 << 24;

/// Each shard grows, and is copied where it is shared, on its own.
const SHARDS: usize = 256;

/// Places looked at for what has expired at each change.
const SLICE: usize = 16;

/// What a list says of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The key is on the list before this time, microseconds since 1970 UTC; `None` is forever.
    pub expires_us: Option<i64>,
    /// How much it weighs, in the list's own measure.
    pub level: Option<i64>,
    /// A remark for people.
    pub note: Option<&'a str>,
}

/// One list. Entries of no tenant are for all tenants; a tenant's own are for it alone, and add to those: what is said to
/// all of a key holds for everyone, so that no tenant takes back what whoever runs the platform says.
///
/// A clone shares the entries until one of the two changes, shard by shard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Empty until the first entry is put on.
    shards: Vec<Arc<Shard>>,
    len: usize,
    /// How many of them are a tenant's own.
    owned: usize,
    /// The shard and the place in it where forgetting goes on.
    next: (usize, usize),
    /// A hash of all that a file put on.
    loaded: u64,
}

fn shard_of(identity: u128) -> usize {
    (identity >> 64) as usize % SHARDS
}

impl List {
    /// Entries held, with those that have expired and are not forgotten yet.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the list says of a key at a time, to a tenant; `None` where the key is not on it.
    #[inline]
    pub fn find(&self, tenant: Option<&str>, key: &str, now_us: i64) -> Option<Listing<'_>> {
        self.there(identity(None, key), now_us).or_else(|| {
            let own = tenant.filter(|_| self.owned > 0)?;
            self.there(identity(Some(own), key), now_us)
        })
    }

    #[inline]
    fn there(&self, identity: u128, now_us: i64) -> Option<Listing<'_>> {
        let shard = self.shards.get(shard_of(identity))?;
        let entry = shard.find(identity).filter(|entry| !entry.expired(now_us))?;
        Some(shard.listing(entry))
    }

    /// Whether an entry of exactly this tenant is held, expired or not: putting it on again needs no room.
    pub fn holds(&self, tenant: Option<&str>, key: &str) -> bool {
        let identity = identity(tenant, key);
        self.shards.get(shard_of(identity)).is_some_and(|shard| shard.find(identity).is_some())
    }

    /// Puts an entry of a file on, for a tenant or for all, in place of what was said of that key.
    pub fn put(&mut self, tenant: Option<&str>, key: &str, listing: Listing<'_>) {
        let content = (tenant, key, listing.expires_us, listing.level, listing.note);
        self.loaded = self.loaded.wrapping_add(FixedState::with_seed(7).hash_one(content));
        self.insert(tenant, key, listing, false);
    }

    /// Puts on what an event says: it outlives the loading of another file.
    pub fn put_by_event(&mut self, tenant: Option<&str>, key: &str, listing: Listing<'_>) {
        self.insert(tenant, key, listing, true);
    }

    /// Entries that events put on and that have not expired at a time; looks at each entry.
    pub fn by_events(&self, now_us: i64) -> usize {
        let counts = |entry: &&Entry| entry.is_by_event() && !entry.expired(now_us);
        self.shards.iter().map(|shard| shard.entries().filter(counts).count()).sum()
    }

    /// Whether files put the same on both, whatever events did since.
    pub fn is_loaded_as(&self, other: &Self) -> bool {
        self.loaded == other.loaded
    }

    /// Goes on where `before`, declared alike, stopped: with all of it where the same was loaded into both; otherwise
    /// with what is loaded here, and what events put on there of keys that are not.
    pub fn go_on(&mut self, before: &Self) {
        if self.loaded == before.loaded {
            self.clone_from(before);
            return;
        }
        for shard in &before.shards {
            for entry in shard.entries().filter(|entry| entry.is_by_event()) {
                let own = self.shards.get(shard_of(entry.identity()));
                if own.is_none_or(|own| own.find(entry.identity()).is_none()) {
                    self.keep(*entry, shard.listing(entry).note);
                }
            }
        }
    }

    fn insert(&mut self, tenant: Option<&str>, key: &str, listing: Listing<'_>, by_event: bool) {
        let entry = Entry::new(identity(tenant, key), tenant.is_some(), by_event, listing);
        self.keep(entry, listing.note);
    }

    fn keep(&mut self, entry: Entry, note: Option<&str>) {
        if self.shards.is_empty() {
            self.shards = (0..SHARDS).map(|_| Arc::default()).collect();
        }
        let Some(shard) = self.shards.get_mut(shard_of(entry.identity())) else { return };
        let shard = Arc::make_mut(shard);
        if !shard.put(entry, note) {
            self.len += 1;
            self.owned += usize::from(entry.is_owned());
        }
    }

    /// Takes an entry of exactly this tenant off; whether there was one.
    pub fn take(&mut self, tenant: Option<&str>, key: &str) -> bool {
        let identity = identity(tenant, key);
        let at = shard_of(identity);
        let held = self.shards.get_mut(at).filter(|shard| shard.find(identity).is_some());
        let Some(shard) = held else { return false };
        Arc::make_mut(shard).take(identity);
        self.len -= 1;
        self.owned -= usize::from(tenant.is_some());
        true
    }

    /// Forgets what has expired in the next few places, so that whoever calls it at every change soon was everywhere.
    pub fn forget_some(&mut self, now_us: i64) {
        for _ in 0..SLICE {
            let (at, place) = self.next;
            let Some(shard) = self.shards.get_mut(at) else { return };
            self.next = if place + 1 < shard.places() { (at, place + 1) } else { ((at + 1) % SHARDS, 0) };
            if let Some(entry) = shard.at(place).filter(|entry| entry.expired(now_us)) {
                let identity = entry.identity();
                self.owned -= usize::from(entry.is_owned());
                self.len -= 1;
                Arc::make_mut(shard).take(identity);
            }
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(|shard| size_of::<Shard>() + shard.bytes()).sum();
        shards + self.shards.capacity() * size_of::<Arc<Shard>>()
    }
}

/// The lists of a rule set, in its order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lists(Vec<List>);

impl Lists {
    /// No list at all.
    pub const NONE: &'static Self = &Self(Vec::new());

    /// So many empty lists.
    pub fn new(count: usize) -> Self {
        Self(vec![List::default(); count])
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A list by its position.
    pub fn get(&self, at: usize) -> Option<&List> {
        self.0.get(at)
    }

    /// A list by its position, to change it.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut List> {
        self.0.get_mut(at)
    }

    /// What a list says of a key; see [`List::find`].
    #[inline]
    pub fn find(&self, at: usize, tenant: Option<&str>, key: &str, now_us: i64) -> Option<Listing<'_>> {
        self.0.get(at)?.find(tenant, key, now_us)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(List::bytes).sum()
    }
}

impl FromIterator<List> for Lists {
    fn from_iter<I: IntoIterator<Item = List>>(lists: I) -> Self {
        Self(lists.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(expires_us: i64) -> Listing<'static> {
        Listing { expires_us: Some(expires_us), ..Listing::default() }
    }

    #[test]
    fn another_file_takes_over_but_for_what_events_put_on() {
        let file = |keys: &[&str]| {
            let mut list = List::default();
            keys.iter().for_each(|key| list.put(None, key, Listing::default()));
            list
        };
        let listed = |list: &List| ["a", "b", "c", "d"].map(|key| list.find(None, key, 0).is_some());
        let mut held = file(&["a", "b"]);
        held.put_by_event(None, "c", until(100));
        held.take(None, "a");
        assert_eq!((held.by_events(99), held.by_events(100)), (1, 0));
        let mut same = file(&["a", "b"]);
        same.go_on(&held);
        assert_eq!(listed(&same), [false, true, true, false], "the same file: all goes on");
        let mut other = file(&["a", "d"]);
        other.go_on(&held);
        assert_eq!(listed(&other), [true, false, true, true]);
        assert_eq!((other.len(), other.find(None, "c", 99)), (3, Some(until(100))));
    }

    #[test]
    fn an_entry_is_there_before_its_expiry_and_not_at_it() {
        let mut list = List::default();
        list.put(None, "a", until(100));
        assert_eq!(list.find(None, "a", 99), Some(until(100)));
        assert_eq!(list.find(None, "a", 100), None);
        assert!(list.holds(None, "a"), "it is forgotten later");
        list.put(None, "a", Listing::default());
        assert_eq!((list.find(None, "a", i64::MAX), list.len()), (Some(Listing::default()), 1));
    }

    #[test]
    fn what_is_said_to_all_goes_before_a_tenants_own_entry_until_it_expires() {
        let mut list = List::default();
        list.put(None, "a", Listing { level: Some(3), ..until(100) });
        list.put(Some("t"), "a", Listing { level: Some(1), ..Listing::default() });
        list.put(Some("t"), "b", Listing { level: Some(2), ..Listing::default() });
        let found = |list: &List, tenant, key, now_us| {
            list.find(tenant, key, now_us).and_then(|listing| listing.level)
        };
        assert_eq!((found(&list, Some("t"), "a", 99), found(&list, Some("u"), "a", 99)), (Some(3), Some(3)));
        assert_eq!((found(&list, Some("t"), "b", 99), found(&list, Some("u"), "b", 99)), (Some(2), None));
        assert_eq!((found(&list, Some("t"), "a", 100), found(&list, None, "a", 100)), (Some(1), None));
        assert!(!list.take(Some("u"), "a") && list.take(Some("t"), "a"));
        assert_eq!((found(&list, Some("t"), "a", 99), found(&list, Some("t"), "a", 100)), (Some(3), None));
    }

    #[test]
    fn notes_take_the_room_of_notes_that_went() {
        let mut list = List::default();
        let text = "x".repeat(100);
        let note = |n: usize| format!("{n} {text}");
        let mut most = 0;
        for n in 0..50_000 {
            let (key, text) = (format!("k{}", n % 100), note(n));
            list.put(None, &key, Listing { note: Some(&text), ..Listing::default() });
            assert_eq!(list.find(None, &key, 0).and_then(|listing| listing.note), Some(text.as_str()));
            if n % 3 == 0 {
                list.take(None, &key);
            }
            if n == 1_000 {
                most = list.bytes() * 5 / 4;
            }
        }
        assert!(list.bytes() < most, "{} of {most} bytes", list.bytes());
    }

    #[test]
    fn a_clone_keeps_what_it_was() {
        let mut list = List::default();
        list.put(None, "a", Listing::default());
        let before = list.clone();
        list.put(None, "b", Listing::default());
        assert!(list.take(None, "a"));
        assert_eq!((before.find(None, "a", 0).is_some(), before.find(None, "b", 0)), (true, None));
    }

    #[test]
    fn what_expires_is_forgotten_at_the_pace_of_changes() {
        let mut list = List::default();
        for now in 0..200_000 {
            let key = now.to_string();
            list.forget_some(now);
            list.put(Some("t").filter(|_| now % 2 == 0), &key, until(now + 1_000));
            assert!(list.len() < 3_500, "{} are held", list.len());
        }
        for _ in 0..100_000 {
            list.forget_some(300_000);
        }
        assert_eq!((list.len(), list.owned), (0, 0));
    }
}
