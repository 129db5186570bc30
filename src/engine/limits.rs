//! Every bound of the engine, in one place, with what happens at it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::ledgers::TEXTS_AN_EVENT;
use crate::state::Budgets;

/// Ledgers of the live rule set; a reload that would need more is refused, and so is a shadow's share of them.
pub const LEDGERS_MAX: usize = 8;
/// Rule sets staged at the same time; another one is refused.
pub const STAGED_MAX: usize = 16;
/// Former rule sets that remembered decisions are of; a reload beyond is refused until such decisions are forgotten.
pub const RULE_SETS_MAX: usize = 4_096;

/// Rows of a chunk at most: a row's place in one has 16 bits.
const CHUNK_ROWS_MAX: usize = 1 << 16;
/// Ids remembered at least.
const IDS_MIN: usize = 1_024;
/// Side entries at least: more than one report of a payment takes.
const SIDE_ENTRIES_MIN: usize = 1_024;
/// Bytes of the marks of evicted keys at least.
const FILTER_BYTES_MIN: usize = 64;
/// The same at most: a table of their pages is made at the first eviction.
const FILTER_BYTES_MAX: usize = 1 << 32;
/// Ids and corrections remembered, dialogues, and entries of a list at most: each of 4,096 parts of a table still grows
/// within a step.
const HELD_MAX: usize = 1 << 32;
/// Side entries at most, which have numbers of 32 bits: half of those, since one step may go past the bound.
const SIDE_ENTRIES_MAX: usize = 1 << 31;
/// Texts and keys at most: the numbers of 32 bits but for some.
const NUMBERS_MAX: u32 = u32::MAX - (1 << 16);
/// Bytes of values kept singly at most: the nodes in them have numbers of 32 bits, and 24 bytes or more.
const ARENA_BYTES_MAX: usize = 1 << 36;

/// A bound with which an engine would refuse everything, or never catch up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`{name}` is {found}; give a number from {least} to {most}")]
pub struct LimitsError {
    /// The field.
    pub name: &'static str,
    /// What it says.
    pub found: i128,
    /// What it must say at least.
    pub least: i128,
    /// What it must say at most.
    pub most: i128,
}

/// The bounds. Two engines decide alike only with the same bounds. What is read from a file or a snapshot is
/// [checked](Limits::check).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Limits {
    /// How far an event's time may lie after the time it was received, in microseconds; beyond, it is refused. At least 0.
    pub future_us_max: i64,
    /// Ids remembered; beyond, the oldest are forgotten before the rule set's `remember` is over. From 1,024 to 2^32.
    pub ids_max: usize,
    /// Late and corrected contributions held, for as long as a window covers them; beyond, late events and all reports of
    /// earlier payments are refused. What is executed as it is reported takes none. From 1,024 to 2^31.
    pub side_entries_max: usize,
    /// Corrections that wait for their original, and payments that have been corrected; beyond, the oldest are forgotten:
    /// a correction that waited is then lost, and what is reported of such a payment is refused as `too_old`. From 1 to
    /// 2^32.
    pub corrections_max: usize,
    /// Texts of keys, of all features; near it the coldest keys are evicted, and where that makes no room an event that
    /// may bring a new one is refused. From 32 to 2^32 - 65,537.
    pub texts_max: u32,
    /// Bytes of one ledger's tail log in memory; beyond, with a store, closed chunks leave it that no tail walks next.
    /// Any number: what tails walk next stays, two chunks for each window length.
    pub log_bytes_max: usize,
    /// Rows in one chunk of a tail log: the next power of two, from 1 to 65,536.
    pub log_chunk_rows: usize,
    /// Keys of all features with the same key; beyond, the coldest of some is evicted. From 1 to 2^32 - 65,537.
    pub keys_max: u32,
    /// The same where one of them is `forever`, since such a key is never out of its windows. From 1 to 2^32 - 65,537.
    pub forever_keys_max: u32,
    /// Bytes of the values kept singly (minima, maxima, distinct ones, times) beside the records of all features with the
    /// same key; beyond, the coldest of some keys with such values is evicted. With 0 a key keeps what its record holds.
    /// At most 2^36.
    pub arena_bytes_max: usize,
    /// Bytes of the marks of evicted keys, for all features with the same key; the smaller, the more new keys are taken for
    /// evicted ones. Takes no room before the first eviction, and more with each. From 64 to 2^32.
    pub filter_bytes: usize,
    /// Contributions that one event lets windows take in late or leave; beyond, the features concerned are `behind`, and
    /// `clock` events stop short of the time that they say. At least 1.
    pub expiries_a_step_max: u64,
    /// Dialogues with customers that are open; beyond, what would be stepped up is blocked, and says so. From 1 to 2^32.
    pub step_ups_max: usize,
    /// Keys that `[locks]` count failures of, of all locks; beyond, a failure of another key is taken and not counted, and
    /// answered as though the key were locked. From 1 to 2^32.
    pub locks_max: usize,
    /// Allowed payments that wait for a report while a rule set says `pending_for`; beyond, one counts as pending for as
    /// long as windows cover it. Any number.
    pub pendings_max: usize,
    /// Entries of one list; beyond, the event that would put one on is refused. From 1 to 2^32.
    pub list_entries_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            future_us_max: 300 * crate::time::SECOND_US,
            ids_max: 1 << 28,
            side_entries_max: 1 << 22,
            corrections_max: 1 << 22,
            texts_max: NUMBERS_MAX,
            log_bytes_max: usize::MAX,
            log_chunk_rows: crate::state::CHUNK_ROWS,
            keys_max: 1 << 28,
            forever_keys_max: 1 << 28,
            arena_bytes_max: ARENA_BYTES_MAX,
            filter_bytes: 1 << 24,
            expiries_a_step_max: u64::MAX,
            step_ups_max: 1 << 16,
            locks_max: 1 << 20,
            pendings_max: 1 << 24,
            list_entries_max: crate::lists::LIST_ENTRIES_MAX,
        }
    }
}

impl Limits {
    /// The same bounds, unless one of them leaves an engine nothing to work with. The smaller ones with which tests
    /// crowd an engine do no harm: it then refuses or evicts what finds no room, and computes nothing else.
    pub fn check(self) -> Result<Self, LimitsError> {
        let bounds = [
            ("future_us_max", self.future_us_max.into(), 0, i64::MAX.into()),
            ("ids_max", self.ids_max as i128, IDS_MIN as i128, HELD_MAX as i128),
            (
                "side_entries_max",
                self.side_entries_max as i128,
                SIDE_ENTRIES_MIN as i128,
                SIDE_ENTRIES_MAX as i128,
            ),
            ("corrections_max", self.corrections_max as i128, 1, HELD_MAX as i128),
            ("texts_max", self.texts_max.into(), i128::from(2 * TEXTS_AN_EVENT), NUMBERS_MAX.into()),
            ("log_chunk_rows", self.log_chunk_rows as i128, 1, CHUNK_ROWS_MAX as i128),
            ("keys_max", self.keys_max.into(), 1, NUMBERS_MAX.into()),
            ("forever_keys_max", self.forever_keys_max.into(), 1, NUMBERS_MAX.into()),
            ("filter_bytes", self.filter_bytes as i128, FILTER_BYTES_MIN as i128, FILTER_BYTES_MAX as i128),
            ("arena_bytes_max", self.arena_bytes_max as i128, 0, ARENA_BYTES_MAX as i128),
            ("expiries_a_step_max", self.expiries_a_step_max.into(), 1, u64::MAX.into()),
            ("step_ups_max", self.step_ups_max as i128, 1, HELD_MAX as i128),
            ("locks_max", self.locks_max as i128, 1, HELD_MAX as i128),
            ("list_entries_max", self.list_entries_max as i128, 1, HELD_MAX as i128),
        ];
        let wrong = bounds.into_iter().find(|(_, found, least, most)| !(*least..=*most).contains(found));
        wrong.map_or(Ok(self), |(name, found, least, most)| Err(LimitsError { name, found, least, most }))
    }

    /// What of it a ledger must keep to.
    pub(super) fn budgets(&self) -> Budgets {
        let Self { keys_max, forever_keys_max, arena_bytes_max, filter_bytes, .. } = *self;
        Budgets { keys_max, forever_keys_max, arena_bytes_max, filter_bytes }
    }
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)?.check().map_err(D::Error::custom)
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

impl From<&Limits> for ShadowLimits {
    /// As much as the live rule set may hold.
    fn from(limits: &Limits) -> Self {
        let Limits { texts_max, keys_max, forever_keys_max, arena_bytes_max, filter_bytes, .. } = *limits;
        let side_entries_max = limits.side_entries_max;
        Self { texts_max, keys_max, forever_keys_max, arena_bytes_max, filter_bytes, side_entries_max }
    }
}

impl ShadowLimits {
    /// What of it a ledger must keep to.
    pub(super) fn budgets(&self) -> Budgets {
        let Self { keys_max, forever_keys_max, arena_bytes_max, filter_bytes, .. } = *self;
        Budgets { keys_max, forever_keys_max, arena_bytes_max, filter_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_that_leave_nothing_are_refused_by_name() {
        assert_eq!(Limits::default().check(), Ok(Limits::default()));
        let said = |text: &str| toml::from_str::<Limits>(text).map_err(|error| error.message().to_owned());
        for (text, expected) in [
            ("future_us_max = -1", "`future_us_max` is -1; give a number from 0 to 9223372036854775807"),
            ("keys_max = 0", "`keys_max` is 0; give a number from 1 to 4294901759"),
            (
                "filter_bytes = 9000000000000000000",
                "`filter_bytes` is 9000000000000000000; give a number from 64 to 4294967296",
            ),
            (
                "side_entries_max = 4294967296",
                "`side_entries_max` is 4294967296; give a number from 1024 to 2147483648",
            ),
            (
                "arena_bytes_max = 68719476737",
                "`arena_bytes_max` is 68719476737; give a number from 0 to 68719476736",
            ),
            ("log_chunk_rows = 65537", "`log_chunk_rows` is 65537; give a number from 1 to 65536"),
        ] {
            assert_eq!(said(text), Err(expected.to_owned()));
        }
        let zero = ["ids_max", "side_entries_max", "corrections_max", "texts_max", "log_chunk_rows"];
        let more = [
            "forever_keys_max",
            "filter_bytes",
            "expiries_a_step_max",
            "step_ups_max",
            "locks_max",
            "list_entries_max",
        ];
        for name in zero.into_iter().chain(more) {
            let refused = said(&format!("{name} = 0"));
            assert!(refused.is_err_and(|message| message.starts_with(&format!("`{name}` is 0; "))), "{name}");
        }
        for taken in ["log_bytes_max = 0", "arena_bytes_max = 0", "texts_max = 32", "filter_bytes = 64", ""] {
            assert!(said(taken).is_ok(), "{taken}");
        }
        assert!(said("keys = 1").is_err_and(|message| message.contains("unknown field `keys`")));
    }
}
