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
    /// Events that came again while the first was on its way, and were answered with it.
    pub(super) joined: Count,
    /// Answers as declared, by cause.
    pub(super) declared: [Count; Cause::ALL.len()],
    /// Events that were answered with nothing, by cause.
    pub(super) refused: [Count; Cause::ALL.len()],
    /// Events that the queue did not let in, by why.
    pub(super) shed: [Count; ShedWhy::ALL.len()],
    /// Requests that were turned away before their bodies were read.
    pub(super) turned_away: Count,
    /// Events that were let in late, with the answer that they had been given.
    pub(super) late: Count,
    /// Events taken in without the journal, since it failed.
    pub(super) unrecorded: Count,
}

/// What the sidecar has done so far, and what waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that came in, whatever became of them.
    pub events: u64,
    /// Bodies that are no event.
    pub bad_bodies: u64,
    /// Answers of the engine that went out.
    pub answered: u64,
    /// Of those, what was not known to be on disk.
    pub not_durable: u64,
    /// Events that came again while the first was on its way, and were answered with it.
    pub joined: u64,
    /// Answers as declared, in the order of [`Cause::ALL`].
    pub declared: [u64; Cause::ALL.len()],
    /// Events that were answered with nothing, in the order of [`Cause::ALL`].
    pub refused: [u64; Cause::ALL.len()],
    /// Events that the queue did not let in: late, full, over the share, closed.
    pub shed: [u64; ShedWhy::ALL.len()],
    /// Requests that were turned away before their bodies were read, since too many were on their way.
    pub turned_away: u64,
    /// Events that were let in late.
    pub late: u64,
    /// Events taken in without the journal, since it failed.
    pub unrecorded: u64,
    /// Events that wait for the engine, on time and late.
    pub waiting: [usize; 2],
    /// The most that waited so far, on time and late.
    pub waiting_max: [usize; 2],
}

impl Counts {
    /// All of them, with what waits.
    pub(super) fn figures(&self, waiting: [usize; 2], waiting_max: [usize; 2]) -> Figures {
        Figures {
            events: self.events.get(),
            bad_bodies: self.bad_bodies.get(),
            answered: self.answered.get(),
            not_durable: self.not_durable.get(),
            joined: self.joined.get(),
            declared: self.declared.each_ref().map(Count::get),
            refused: self.refused.each_ref().map(Count::get),
            shed: self.shed.each_ref().map(Count::get),
            turned_away: self.turned_away.get(),
            late: self.late.get(),
            unrecorded: self.unrecorded.get(),
            waiting,
            waiting_max,
        }
    }
}
