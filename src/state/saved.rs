//! What is saved of a state, and going on from it.
//!
//! Saved is what events changed, and nothing that the features of a rule set say or that can be made again. Promises
//! that a state which goes on from what was saved is the one that was saved in every answer from then on. The rows of the
//! log are no part of what is serialized: whoever writes it asks for them, chunk by chunk, so that they need not be in
//! memory together.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::State;
use super::chunk::ChunkColumns;
use super::dictionary::SavedDictionary;
use super::family::SavedFamily;
use super::log::Layout;
use super::marks::Marks;
use super::side::Side;
use super::store::{KeptChunk, Lost};
use super::tail::SavedTail;
use super::waiting::Waiting;
use crate::shared::Shared;

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
    newest_arrival: u64,
}

/// What is saved of a log.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedLog {
    pub(super) chunks: Vec<SavedChunk>,
    pub(super) layout: Layout,
    pub(super) dropped: u64,
    pub(super) end: u64,
}

/// What is saved of a chunk of the log. Its rows are no part of what is serialized.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedChunk {
    #[serde(skip)]
    pub(super) rows: SavedRows,
    pub(super) first_us: i64,
    pub(super) last_us: i64,
    pub(super) marks: Marks,
    /// Whether its rows were away.
    pub(super) away: bool,
}

/// Where the rows of a saved chunk are.
#[derive(Debug, Default)]
pub(super) enum SavedRows {
    /// In memory, shared with the log that goes on.
    Here(Shared<ChunkColumns>),
    /// With whoever keeps them.
    Kept(Arc<dyn KeptChunk>),
    /// Nowhere: the chunk was read without them.
    #[default]
    Missing,
}

const MISSING: &str = "the rows of a chunk were not given";

impl SavedRows {
    pub(super) fn into_shared(self) -> Result<Shared<ChunkColumns>, Lost> {
        match self {
            Self::Here(rows) => Ok(rows),
            Self::Kept(rows) => Ok(rows.read()?.into()),
            Self::Missing => Err(MISSING.into()),
        }
    }
}

impl SavedChunk {
    /// Its rows; reads them where they are away.
    pub fn rows(&self) -> Result<Cow<'_, ChunkColumns>, Lost> {
        match &self.rows {
            SavedRows::Here(rows) => Ok(Cow::Borrowed(rows)),
            SavedRows::Kept(rows) => Ok(Cow::Owned(rows.read()?)),
            SavedRows::Missing => Err(MISSING.into()),
        }
    }

    /// Says who keeps the rows of one that was read without them.
    pub fn set_rows(&mut self, rows: Arc<dyn KeptChunk>) {
        self.rows = SavedRows::Kept(rows);
    }
}

/// Why a state can't go on from what was saved.
#[derive(Debug)]
pub(crate) enum ResumeError {
    /// It was of other features.
    Unfit,
    /// Rows of the log can't be had.
    Lost(String),
}

impl SavedState {
    /// The chunks of its log, oldest first.
    pub fn chunks(&self) -> impl Iterator<Item = &SavedChunk> {
        self.log.chunks.iter()
    }

    /// The same, to be told where their rows are.
    pub fn chunks_mut(&mut self) -> impl Iterator<Item = &mut SavedChunk> {
        self.log.chunks.iter_mut()
    }
}

impl State {
    /// What is saved of it, without copying what is large or reading what is away.
    pub fn freeze(&mut self) -> SavedState {
        let Self { now_us, due_us, .. } = *self;
        SavedState {
            now_us,
            log: self.log.freeze(),
            dictionary: self.dictionary.freeze(),
            tenants: self.tenants.freeze(),
            families: self.families.iter_mut().map(super::family::Family::freeze).collect(),
            side: self.side.freeze(),
            tails: self.tails.iter().map(super::tail::Tail::freeze).collect(),
            due_us,
            waiting: self.waiting.clone(),
            reached: self.reached.clone(),
            newest_arrival: self.newest_arrival,
        }
    }

    /// Lets an empty state go on from what was saved of one with the same features.
    pub(crate) fn resume(&mut self, saved: SavedState) -> Result<(), ResumeError> {
        let SavedState { now_us, dictionary, tenants, families, log, side, tails, due_us, .. } = saved;
        let SavedState { waiting, reached, newest_arrival, .. } = saved;
        if families.len() != self.families.len()
            || tails.len() != self.tails.len()
            || reached.len() != self.reached.len()
        {
            return Err(ResumeError::Unfit);
        }
        self.turns.advance(now_us);
        self.dictionary.resume(dictionary);
        self.tenants.resume(tenants);
        self.families.iter_mut().zip(families).for_each(|(family, saved)| family.resume(saved));
        self.log.resume(log)?;
        self.tails.iter_mut().zip(tails).for_each(|(tail, saved)| tail.resume(saved));
        (self.now_us, self.due_us, self.side) = (now_us, due_us, side);
        (self.waiting, self.reached, self.newest_arrival) = (waiting, reached, newest_arrival);
        (self.passed, self.opened) = (self.passed_by_all(), self.log.opened());
        Ok(())
    }
}
