//! Every bound of the engine, in one place, with what happens at it.

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
            list_entries_max: crate::lists::LIST_ENTRIES_MAX,
        }
    }
}
