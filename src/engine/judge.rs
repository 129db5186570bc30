//! A judge: one rule set at work, with what it reads and what it decided last.
//!
//! Must never feed a ledger: it only reads what they hold.

use std::sync::Arc;

use super::Recording;
use super::decide;
use super::features::Wanted;
use super::ledger::Ledger;
use crate::decision::{Decision, Reading};
use crate::rules::{Facts, RuleSet};

/// A rule set at work.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) rules: Arc<RuleSet>,
    /// For each ledger what is read of it.
    wanted: Vec<Wanted>,
    /// One per feature of the rule set.
    pub(crate) readings: Vec<Reading>,
    marks: Vec<u64>,
    pub(crate) decision: Decision,
}

impl Judge {
    /// A rule set that reads of each ledger what is wanted.
    pub(crate) fn new(rules: Arc<RuleSet>, wanted: Vec<Wanted>) -> Self {
        let readings = vec![Reading::default(); rules.features.len()];
        Self { rules, wanted, readings, marks: Vec::new(), decision: Decision::default() }
    }

    /// Decides on an event that the ledgers have gathered.
    pub(crate) fn decide(&mut self, ledgers: &[Ledger], facts: Facts<'_>, recording: Recording) {
        for (ledger, wanted) in ledgers.iter().zip(&self.wanted) {
            ledger.read(wanted, facts.event.time_us(), &mut self.readings);
        }
        let facts = Facts { features: &self.readings, ..facts };
        let all = recording == Recording::All;
        decide::decide(&self.rules, &facts, all, &mut self.marks, &mut self.decision);
    }
}
