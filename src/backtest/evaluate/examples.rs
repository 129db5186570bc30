//! Payments to look at, chosen evenly among all that would do.
//!
//! Promises that the choice depends on ids alone, so that it is spread over time and the same for two rule sets. Must never know why.

use std::collections::BTreeMap;

use foldhash::quality::FixedState;
use std::hash::BuildHasher;

use crate::backtest::Fact;

/// Where a payment stands in a draw that its id decides; the later one of equal ids is behind.
pub(super) fn lot(fact: &Fact<'_>) -> (u64, u64) {
    (FixedState::with_seed(3).hash_one(fact.id), fact.at)
}

/// Keeps what has the lowest keys.
#[derive(Clone, Debug)]
pub(super) struct Lowest<K, T> {
    most: usize,
    kept: BTreeMap<K, T>,
}

impl<K: Ord, T> Lowest<K, T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: BTreeMap::new() }
    }

    /// Whether something with this key would be kept.
    pub(super) fn wants(&self, key: &K) -> bool {
        let last = self.kept.last_key_value();
        self.kept.len() < self.most || (self.most > 0 && last.is_some_and(|(last, _)| key < last))
    }

    pub(super) fn put(&mut self, key: K, thing: T) {
        self.kept.insert(key, thing);
        while self.kept.len() > self.most {
            self.kept.pop_last();
        }
    }

    /// What is kept, lowest key first.
    pub(super) fn into_kept(self) -> impl Iterator<Item = (K, T)> {
        self.kept.into_iter()
    }
}
