//! What the sidecar has done so far, in plain numbers that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

use super::declared::Cause;
use super::queue::ShedWhy;

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    /// Adds so many.
    pub(super) fn add(&self, many: usize) {
        // Nothing else is ordered by it.
        self.0.fetch_add(many as u64, Ordering::Relaxed);
    }

    /// What it came to.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All numbers.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Events that came in, whatever became of them.
    pub(super) events: Count,
    /// Bodies that are no event.
    pub(super) bad_bodies: Count,
    /// Answers of the engine that went out.
    pub(super) answered: Count,
    /// Of those, what was not known to be on disk.
    pub(super) not_durable: Count,
    /// Answers as declared, by cause.
    pub(super) declared: [Count; Cause::ALL.len()],
    /// Events that were answered with nothing, by cause.
    pub(super) refused: [Count; Cause::ALL.len()],
    /// Events that the queue did not let in, by why.
    pub(super) shed: [Count; ShedWhy::ALL.len()],
}
