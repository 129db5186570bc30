//! Corrections whose row is away: they wait in the order in which they were made, until it is back.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Correction;

/// The corrections that wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    queue: VecDeque<Correction>,
    /// Bounds of their times and rows; wider than need be until none waits.
    latest_us: i64,
    first_row: u64,
}

impl Waiting {
    /// None.
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::new(), latest_us: i64::MIN, first_row: u64::MAX }
    }

    /// How many wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Lets one wait, behind the others.
    pub(crate) fn push(&mut self, correction: &Correction) {
        self.latest_us = self.latest_us.max(correction.time_us);
        self.first_row = self.first_row.min(correction.row);
        self.queue.push_back(*correction);
    }

    /// The one that waits longest.
    pub(crate) fn front(&self) -> Option<Correction> {
        self.queue.front().copied()
    }

    /// Takes the one out that waits longest.
    pub(crate) fn pop(&mut self) {
        self.queue.pop_front();
        if self.queue.is_empty() {
            *self = Self { queue: std::mem::take(&mut self.queue), ..Self::new() };
        }
    }

    /// No time that they are about is after it; `i64::MIN` where none waits.
    #[inline]
    pub(crate) fn latest_us(&self) -> i64 {
        self.latest_us
    }

    /// No row that they are about is before it; `u64::MAX` where none waits.
    pub(crate) fn first_row(&self) -> u64 {
        self.first_row
    }
}
