//! Resets that wait until a payment is executed, kept beside its row from the answer on.
//!
//! Promises to hold a bounded number of them; beyond, the oldest are forgotten and reset nothing, so that more counts and
//! never less. Must never know why anything was armed.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};

use super::recent::Recent;
use crate::state::{Armed, Key, State};

/// Most resets that wait, one for each payment and kind of key.
const WAITING_MAX: usize = 1 << 20;

/// Those of one ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arms(Recent<Armed>);

/// The identity of a payment's resets of a family.
fn identity(row: u64, family: usize) -> u128 {
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one((row, family)));
    half(15) << 64 | half(16)
}

impl Arms {
    /// None yet; each waits for a horizon of time at most.
    pub(crate) fn new(horizon_us: i64) -> Self {
        Self(Recent::new(horizon_us, WAITING_MAX))
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self(self.0.freeze())
    }

    /// Lets what was gathered of a payment wait until it is executed: by family, the bits that empty, and its key.
    pub(crate) fn arm(&mut self, state: &mut State, row: u64, bits: &[u64], keys: &[Key]) {
        for (family, (&bits, key)) in bits.iter().zip(keys).enumerate().filter(|(_, (bits, _))| **bits != 0) {
            let armed = state.arm(family, key, bits);
            self.0.insert(identity(row, family), state.now_us(), armed);
        }
    }

    /// Empties what waited of these families for a payment that is executed now.
    pub(crate) fn empty(&mut self, state: &mut State, row: u64, families: impl Iterator<Item = usize>) {
        for family in families {
            let identity = identity(row, family);
            if let Some(&armed) = self.0.get(identity, state.now_us()) {
                state.empty(family, &armed);
                self.0.remove(identity);
            }
        }
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
