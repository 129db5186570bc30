//! Marks on the rows of a chunk: what they contribute that is now held elsewhere, or by nothing.
//!
//! Beside the chunk, so that a closed one never changes and rows that are away can be marked: a byte a row, and nothing
//! where no row is marked. They go with their chunk.

use std::mem::take;

use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// The marks of one chunk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Marks(Option<Shared<Box<[u8]>>>);

impl Marks {
    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self(self.0.as_mut().map(Shared::share))
    }

    /// Adds marks to the row at a position, with `room` of zeros for all rows if it is the first.
    pub(crate) fn add(&mut self, at: usize, marks: u8, room: impl FnOnce() -> Box<[u8]>) {
        let held = self.0.get_or_insert_with(|| room().into());
        if let Some(held) = held.get_mut().get_mut(at) {
            *held |= marks;
        }
    }

    /// The marks of the row at a position.
    #[inline]
    pub(crate) fn of(&self, at: usize) -> u8 {
        self.0.as_ref().and_then(|held| held.get(at).copied()).unwrap_or_default()
    }

    /// Their room, with zeros in it.
    pub(crate) fn into_room(self) -> Option<Box<[u8]>> {
        let mut room = take(self.0?.get_mut());
        room.fill(0);
        Some(room)
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.len())
    }
}
