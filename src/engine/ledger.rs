//! A ledger: the aggregates of some features, with all that they were fed since it began.
//!
//! An engine has one for the features that it started with, and one more for each reload that brought new ones. All
//! are fed alike: rows have the same numbers in each, so that whoever corrects a payment need not know how many
//! there are. Must never know a rule, a decision or an id.

use super::features::{self, Wanted};
use super::gather::Gathered;
use super::plan::Plan;
use crate::decision::Reading;
use crate::rules::{Facts, Feature};
use crate::state::{Contribution, Correction, Memory, Standing, State};
use crate::time::Calendar;

/// The aggregates of some features.
#[derive(Debug)]
pub(crate) struct Ledger {
    plan: Plan,
    state: State,
    gathered: Gathered,
}

impl Ledger {
    /// An empty ledger of these features at the beginning of time; a payment in it can be corrected for `horizon_us`.
    pub(crate) fn new(features: &[&Feature], horizon_us: i64, calendar: Calendar) -> Self {
        let plan = Plan::new(features, horizon_us);
        Self { state: State::new(&plan.spec, calendar), gathered: Gathered::new(&plan), plan }
    }

    /// Where the readings of its features go, given a position for each that is to be read.
    pub(crate) fn wanted(&self, positions: impl Fn(usize) -> Option<usize>) -> Wanted {
        let mut wanted = vec![Vec::new(); self.plan.lookups.len()];
        for (at, read) in self.plan.reads.iter().enumerate() {
            wanted[read.lookup].extend(positions(at).map(|position| (at, position)));
        }
        wanted
    }

    /// Moves its windows forward.
    #[inline]
    pub(crate) fn advance(&mut self, now_us: i64) {
        self.state.advance(now_us);
    }

    /// Gathers what an event contributes to it.
    #[inline]
    pub(crate) fn gather(&mut self, facts: &Facts<'_>) {
        self.gathered.take(&self.plan, &mut self.state, facts);
    }

    /// Whether what was gathered feeds any of its aggregates.
    #[inline]
    pub(crate) fn feeds(&self) -> bool {
        self.gathered.feeds()
    }

    /// Reads the features wanted, at now, for the event gathered, which happened at `time_us`.
    #[inline]
    pub(crate) fn read(&self, wanted: &Wanted, time_us: i64, readings: &mut [Reading]) {
        features::read_all(&self.plan, wanted, &self.state, &self.gathered, time_us, readings);
    }

    /// Files what was gathered as its next row.
    #[inline]
    pub(crate) fn file(&mut self, time_us: i64, standing: Standing) {
        let Gathered { masks, keys, values, .. } = &self.gathered;
        self.state.contribute(Contribution { time_us, standing, masks, keys, values });
    }

    /// Whether a payment's row is in it, and something else than the row holds what it contributes.
    pub(crate) fn is_moved(&self, row: u64) -> bool {
        self.state.is_moved(row)
    }

    /// Changes what a row contributes.
    pub(crate) fn correct(&mut self, correction: &Correction) {
        self.state.correct(correction);
    }

    /// Texts that its keys are made of.
    #[inline]
    pub(crate) fn texts(&self) -> u32 {
        self.state.texts()
    }

    /// Late and corrected contributions that it holds.
    #[inline]
    pub(crate) fn side_entries(&self) -> usize {
        self.state.side_entries()
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> Memory {
        self.state.memory()
    }
}
