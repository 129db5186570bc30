//! What is remembered of ids for a fixed time, in bounded memory.
//!
//! Two generations per shard: the older one is emptied whole once nothing in it can be within the horizon, so
//! forgetting costs nothing per event. What is past the horizon but still held is never given out.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// Most parts; each grows on its own, so that no event waits for all to move.
const SHARDS: usize = 4096;
/// Ids for which a part of its own is worth while.
const SHARD_IDS: usize = 256;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Item<V> {
    identity: [u64; 2],
    arrived_us: i64,
    value: V,
}

/// Items by the first half of their identity, which is mixed well.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Vec<Item<V>>", into = "Vec<Item<V>>")]
struct Generation<V: Copy>(HashTable<Item<V>>);

impl<V: Copy> Default for Generation<V> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<V: Copy> From<Vec<Item<V>>> for Generation<V> {
    fn from(items: Vec<Item<V>>) -> Self {
        let mut table = HashTable::with_capacity(items.len());
        for item in items {
            table.insert_unique(item.identity[0], item, |held| held.identity[0]);
        }
        Self(table)
    }
}

impl<V: Copy> From<Generation<V>> for Vec<Item<V>> {
    fn from(generation: Generation<V>) -> Self {
        generation.0.into_iter().collect()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Copy + Serialize", deserialize = "V: Copy + Deserialize<'de>"))]
struct Shard<V: Copy> {
    young: Generation<V>,
    old: Generation<V>,
    /// When `young` began.
    since_us: i64,
}

impl<V: Copy> Shard<V> {
    fn is_empty(&self) -> bool {
        self.young.0.is_empty() && self.old.0.is_empty()
    }
}

impl<V: Copy> Default for Shard<V> {
    fn default() -> Self {
        Self { young: Generation::default(), old: Generation::default(), since_us: i64::MIN }
    }
}

/// A map from identities (already well mixed) to `V`, for a horizon of time and at most so many.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Copy + Serialize", deserialize = "V: Copy + Deserialize<'de>"))]
pub(crate) struct Recent<V: Copy> {
    shards: Vec<Shared<Shard<V>>>,
    horizon_us: i64,
    /// What arrived at or before this is forgotten, though a longer horizon came later.
    forgotten_us: i64,
    shard_max: usize,
    /// Whether anything was ever remembered: of most that may be, nothing is.
    used: bool,
}

fn split(identity: u128) -> [u64; 2] {
    [identity as u64, (identity >> 64) as u64]
}

impl<V: Copy> Recent<V> {
    /// An empty map.
    pub(crate) fn new(horizon_us: i64, most: usize) -> Self {
        let shards = (most / SHARD_IDS).clamp(1, SHARDS);
        // Two generations hold at most `most` together.
        let shard_max = (most / shards / 2).max(1);
        let shards = (0..shards).map(|_| Shared::default()).collect();
        Self { shards, horizon_us, forgotten_us: i64::MIN, shard_max, used: false }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        let share = |shard: &mut Shared<Shard<V>>| {
            if shard.is_empty() {
                Shared::from(Shard { since_us: shard.since_us, ..Shard::default() })
            } else {
                shard.share()
            }
        };
        Self { shards: self.shards.iter_mut().map(share).collect(), ..*self }
    }

    /// The part that an identity is in; a division takes long, and mostly there is a power of two of them.
    #[inline]
    fn shard(&self, identity: [u64; 2]) -> usize {
        let (half, shards) = (identity[1] as usize, self.shards.len());
        if shards.is_power_of_two() { half & (shards - 1) } else { half % shards }
    }

    /// What is remembered of an identity.
    #[inline]
    pub(crate) fn get(&self, identity: u128, now_us: i64) -> Option<&V> {
        if !self.used {
            return None;
        }
        let identity = split(identity);
        let shard = &self.shards[self.shard(identity)];
        let same = |item: &Item<V>| item.identity == identity;
        let item = shard.young.0.find(identity[0], same).or_else(|| shard.old.0.find(identity[0], same))?;
        (item.arrived_us > self.forgotten_us.max(now_us - self.horizon_us)).then_some(&item.value)
    }

    /// Remembers for another horizon from now on; what is forgotten by now stays so.
    pub(crate) fn set_horizon(&mut self, now_us: i64, horizon_us: i64) {
        self.forgotten_us = self.forgotten_us.max(now_us - self.horizon_us);
        self.horizon_us = horizon_us;
    }

    /// Remembers `value`, in place of what was remembered.
    #[inline]
    pub(crate) fn insert(&mut self, identity: u128, now_us: i64, value: V) {
        self.used = true;
        let identity = split(identity);
        let at = self.shard(identity);
        let shard = self.shards[at].get_mut();
        let over = shard.since_us.checked_add(self.horizon_us).is_none_or(|end_us| now_us >= end_us);
        if over || shard.young.0.len() >= self.shard_max {
            std::mem::swap(&mut shard.young, &mut shard.old);
            shard.young.0.clear();
            shard.since_us = now_us;
        }
        let item = Item { identity, arrived_us: now_us, value };
        let same = |held: &Item<V>| held.identity == identity;
        shard.young.0.entry(identity[0], same, |held| held.identity[0]).insert(item);
    }

    /// Forgets an identity.
    pub(crate) fn remove(&mut self, identity: u128) {
        if !self.used {
            return;
        }
        let identity = split(identity);
        let at = self.shard(identity);
        let shard = self.shards[at].get_mut();
        for generation in [&mut shard.young, &mut shard.old] {
            if let Ok(entry) = generation.0.find_entry(identity[0], |held| held.identity == identity) {
                entry.remove();
            }
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |generation: &Generation<V>| generation.0.allocation_size();
        self.shards.iter().map(|shard| bytes(&shard.young) + bytes(&shard.old)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::identity;

    #[test]
    fn remembers_for_the_horizon_to_the_microsecond() {
        let mut recent = Recent::new(100, 1 << 20);
        let id = identity(None, "t1");
        recent.insert(id, 1_000, 'a');
        assert_eq!(recent.get(id, 1_099), Some(&'a'));
        assert_eq!(recent.get(id, 1_100), None);
        for time in 0..1_000 {
            recent.insert(identity(None, &time.to_string()), 1_000 + time, 'b');
        }
        for time in 0..1_000 {
            let held = recent.get(identity(None, &time.to_string()), 1_999);
            assert_eq!(held.is_some(), time > 899, "{time}");
        }
        recent.insert(id, 2_000, 'c');
        recent.remove(id);
        assert_eq!(recent.get(id, 2_000), None);
    }

    #[test]
    fn another_horizon_brings_nothing_back() {
        let mut recent = Recent::new(100, 1 << 20);
        let (old, new) = (identity(None, "old"), identity(None, "new"));
        recent.insert(old, 1_000, 'a');
        recent.insert(new, 1_001, 'b');
        recent.set_horizon(1_100, 1_000);
        assert_eq!(recent.get(old, 1_100), None);
        assert_eq!(recent.get(new, 2_000), Some(&'b'));
        assert_eq!(recent.get(new, 2_001), None);
        recent.set_horizon(1_100, 50);
        assert_eq!(recent.get(new, 1_100), None);
    }

    #[test]
    fn is_bounded() {
        let mut recent = Recent::new(i64::MAX, 10_000);
        for n in 0..100_000 {
            recent.insert(identity(None, &n.to_string()), n, n);
        }
        assert!(recent.bytes() < 4 * 10_000 * size_of::<Item<i64>>());
        let last = identity(None, "99999");
        assert_eq!(recent.get(last, 99_999), Some(&99_999));
    }
}
