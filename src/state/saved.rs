//! What is saved of a state, and going on from it.
//!
//! Saved is what events changed, and nothing that the features of a rule set say or that can be made again. Promises
//! that a state which goes on from what was saved is the one that was saved in every answer from then on.

use serde::{Deserialize, Serialize};

use super::State;
use super::dictionary::SavedDictionary;
use super::family::SavedFamily;
use super::log::SavedLog;
use super::side::Side;
use super::tail::SavedTail;
use super::waiting::Waiting;

/// What is saved of a state. It shares parts with the state that goes on, which copies them before it changes them.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedState {
    now_us: i64,
    dictionary: SavedDictionary,
    tenants: SavedDictionary,
    families: Vec<SavedFamily>,
    log: SavedLog,
    side: Side,
    tails: Vec<SavedTail>,
    due_us: i64,
    waiting: Waiting,
    reached: Vec<u64>,
}

impl State {
    /// What is saved of it, without copying what is large. `None` where a chunk of the log is away and not back yet:
    /// ask again later.
    pub fn freeze(&mut self) -> Option<SavedState> {
        let Self { now_us, due_us, .. } = *self;
        Some(SavedState {
            now_us,
            log: self.log.freeze()?,
            dictionary: self.dictionary.freeze(),
            tenants: self.tenants.freeze(),
            families: self.families.iter_mut().map(super::family::Family::freeze).collect(),
            side: self.side.freeze(),
            tails: self.tails.iter().map(super::tail::Tail::freeze).collect(),
            due_us,
            waiting: self.waiting.clone(),
            reached: self.reached.clone(),
        })
    }

    /// Lets an empty state go on from what was saved of one with the same features; false where it had others.
    #[must_use]
    pub fn resume(&mut self, saved: SavedState) -> bool {
        let SavedState { now_us, dictionary, tenants, families, log, side, tails, due_us, waiting, reached } =
            saved;
        if families.len() != self.families.len()
            || tails.len() != self.tails.len()
            || reached.len() != self.reached.len()
        {
            return false;
        }
        self.turns.advance(now_us);
        self.dictionary.resume(dictionary);
        self.tenants.resume(tenants);
        self.families.iter_mut().zip(families).for_each(|(family, saved)| family.resume(saved));
        self.log.resume(log);
        self.tails.iter_mut().zip(tails).for_each(|(tail, saved)| tail.resume(saved));
        (self.now_us, self.due_us, self.side) = (now_us, due_us, side);
        (self.waiting, self.reached) = (waiting, reached);
        true
    }
}
