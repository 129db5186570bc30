//! Every bound of the engine, in one place, with what happens at it.

use serde::{Deserialize, Serialize};

use crate::state::Budgets;

/// Ledgers of the live rule set; a reload that would need more is refused, and so is a shadow's share of them.
pub const LEDGERS_MAX: usize = 8;
/// Rule sets staged at the same time; another one is refused.
pub const STAGED_MAX: usize = 16;
/// Former rule sets that remembered decisions are of; a reload beyond is refused until such decisions are forgotten.
pub const RULE_SETS_MAX: usize = 64;

/// The bounds. Two engines decide alike only with the same bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How far an event's time may lie after the time it was received, in microseconds; beyond, it is refused.
    pub future_us_max: i64,
    /// Ids remembered; beyond, the oldest are forgotten before the rule set's `remember` is over.
    pub ids_max: usize,
    /// Late and corrected contributions held, and those of payments executed after their answer, for as long as a window
    /// covers them; beyond, the event that would add one is refused.
    pub side_entries_max: usize,
    /// Corrections that wait for their original, and payments that have been corrected; beyond, the oldest are forgotten.
    pub corrections_max: usize,
    /// Texts of keys, of all features; near it the coldest keys are evicted, and where that makes no room an event that
    /// may bring a new one is refused.
    pub texts_max: u32,
    /// Bytes of one ledger's tail log in memory; beyond, with a store, closed chunks leave it that no tail walks next.
    pub log_bytes_max: usize,
    /// Rows in one chunk of a tail log: the next power of two, at most 65,536.
    pub log_chunk_rows: usize,
    /// Keys of all features with the same key; beyond, the coldest of some is evicted.
    pub keys_max: u32,
    /// The same where one of them is `forever`, since such a key is never out of its windows.
    pub forever_keys_max: u32,
    /// Bytes of the values kept singly (minima, maxima, distinct ones, times) beside the records of all features with the
    /// same key; beyond, the coldest of some keys with such values is evicted.
    pub arena_bytes_max: usize,
    /// Bytes of the marks of evicted keys, for all features with the same key; the smaller, the more new keys are taken for
    /// evicted ones. Takes no room before the first eviction.
    pub filter_bytes: usize,
    /// Contributions that one event lets windows take in late or leave; beyond, the features concerned are `behind`, and
    /// `clock` events stop short of the time that they say.
    pub expiries_a_step_max: u64,
    /// Entries of one list; beyond, the event that would put one on is refused.
    pub list_entries_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            future_us_max: 300 * crate::time::SECOND_US,
            ids_max: 1 << 28,
            side_entries_max: 1 << 22,
            corrections_max: 1 << 22,
            texts_max: u32::MAX - (1 << 16),
            log_bytes_max: usize::MAX,
            log_chunk_rows: crate::state::CHUNK_ROWS,
            keys_max: 1 << 28,
            forever_keys_max: 1 << 28,
            arena_bytes_max: 1 << 36,
            filter_bytes: 1 << 24,
            expiries_a_step_max: u64::MAX,
            list_entries_max: crate::lists::LIST_ENTRIES_MAX,
        }
    }
}

impl Limits {
    /// What of it a ledger must keep to.
    pub(super) fn budgets(&self) -> Budgets {
        let Self { keys_max, forever_keys_max, arena_bytes_max, filter_bytes, .. } = *self;
        Budgets { keys_max, forever_keys_max, arena_bytes_max, filter_bytes }
    }
}

/// The budget of a shadow rule set for the features that it shares with no live one; past it the shadow stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowLimits {
    /// Texts of keys; near it its coldest keys are evicted, and where that makes no room it stops.
    pub texts_max: u32,
    /// Keys of all features with the same key; beyond, the coldest of some is evicted.
    pub keys_max: u32,
    /// The same where one of them is `forever`.
    pub forever_keys_max: u32,
    /// Bytes of the values kept singly of all features with the same key; beyond, the coldest of some keys is evicted.
    pub arena_bytes_max: usize,
    /// Bytes of the marks of evicted keys, for all features with the same key.
    pub filter_bytes: usize,
    /// Late and corrected contributions held.
    pub side_entries_max: usize,
}

impl Default for ShadowLimits {
    fn default() -> Self {
        Self {
            texts_max: 1 << 24,
            keys_max: 1 << 24,
            forever_keys_max: 1 << 24,
            arena_bytes_max: 1 << 32,
            filter_bytes: 1 << 22,
            side_entries_max: 1 << 20,
        }
    }
}

impl ShadowLimits {
    /// What of it a ledger must keep to.
    pub(super) fn budgets(&self) -> Budgets {
        let Self { keys_max, forever_keys_max, arena_bytes_max, filter_bytes, .. } = *self;
        Budgets { keys_max, forever_keys_max, arena_bytes_max, filter_bytes }
    }
}
