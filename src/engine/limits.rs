//! Every bound of the engine, in one place, with what happens at it.

/// Ledgers of the live rule set; a reload that would need more is refused, and so is a shadow's share of them.
pub const LEDGERS_MAX: usize = 8;
/// Rule sets staged at the same time; another one is refused.
pub const STAGED_MAX: usize = 16;
/// Former rule sets that remembered decisions are of; a reload beyond is refused until such decisions are forgotten.
pub const RULE_SETS_MAX: usize = 64;

/// The bounds. Two engines decide alike only with the same bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How far an event's time may lie after the time it was received, in microseconds; beyond, it is refused.
    pub future_us_max: i64,
    /// Ids remembered; beyond, the oldest are forgotten before the rule set's `remember` is over.
    pub ids_max: usize,
    /// Late and corrected contributions held; beyond, the event that would add one is refused.
    pub side_entries_max: usize,
    /// Corrections that wait for their original, and payments that have been corrected; beyond, the oldest are forgotten.
    pub corrections_max: usize,
    /// Keys and texts of keys; beyond, an event that may bring a new one is refused.
    pub texts_max: u32,
    /// Bytes of one ledger's tail log in memory; beyond, with a store, closed chunks leave it that no tail walks next.
    pub log_bytes_max: usize,
    /// Rows in one chunk of a tail log: the next power of two, at most 65,536.
    pub log_chunk_rows: usize,
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
            expiries_a_step_max: u64::MAX,
            list_entries_max: crate::lists::LIST_ENTRIES_MAX,
        }
    }
}

/// The budget of a shadow rule set for the features that it shares with no live one; past it the shadow stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowLimits {
    /// Keys and texts of keys.
    pub texts_max: u32,
    /// Late and corrected contributions held.
    pub side_entries_max: usize,
}

impl Default for ShadowLimits {
    fn default() -> Self {
        Self { texts_max: 1 << 24, side_entries_max: 1 << 20 }
    }
}
