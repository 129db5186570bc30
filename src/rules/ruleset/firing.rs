//! What whoever keeps what a rule did on history knows it by.

use std::collections::BTreeSet;

use crate::event::TextField;

/// All that says whether a rule fires, but for its mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// SHA-256 of its condition with all that this reaches (parameters, tables, features, lists but not what is on them), of
    /// what an unknown condition means, and of the payments that it looks at. Rules with equal hashes fire on the same events.
    pub hash: [u8; 32],
    /// The text fields of an event that it reads, itself or through tables.
    pub texts: BTreeSet<TextField>,
    /// Whether it reads more of an event than those, its amount and its time.
    pub reads_more: bool,
}
