//! What empties cells later: resets that wait until a payment is executed.
//!
//! Whoever arms keeps what it is given, and hands it back when the time has come. A record that is another key's by then
//! is left alone: with its key went all that was to be emptied.

use serde::{Deserialize, Serialize};

use super::State;
use super::keys::Key;
use super::position::Edge;

/// A record with the resets that wait for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Armed {
    slot: u32,
    /// The bits that empty.
    bits: u64,
    /// A row that is the record's key's own, and that no later key of the record has.
    since: u64,
}

impl State {
    /// Lets resets of a family wait for a key, which has a record from now on. Best before the event's own row is there: a
    /// record that is new then has that row, and another key can't.
    pub fn arm(&mut self, family: usize, key: &Key, bits: u64) -> Armed {
        let end = self.log.end();
        let family = &mut self.families[family];
        let slot = family.slot(key, end, self.now_us, &self.turns, &mut self.dictionary);
        family.turn_period(slot, &self.turns);
        family.touch(slot, self.now_us);
        Armed { slot, bits, since: family.first_row(slot).max(end.saturating_sub(1)) }
    }

    /// Empties now what was to be emptied; all that came until now never counts again.
    pub fn empty(&mut self, family: usize, armed: &Armed) {
        let edge = Edge { row: self.log.end(), arrival: self.newest_arrival };
        let family = &mut self.families[family];
        if family.owns(armed.slot, armed.since) {
            family.empty(armed.slot, armed.bits, edge);
        }
    }
}
