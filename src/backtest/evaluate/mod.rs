//! How a rule set did: every figure of [`Evaluation`], from payments taken one by one.
//!
//! Promises that equal payments in equal order give equal figures; that memory is in accounts, customers, cases, days, distinct
//! scores and what was flagged of an account, not in payments; and that what nobody knows is in no share, only in its coverage.
//! `docs/backtest.md` says in plain words what each figure is. Must never know an event, an engine or a file.

pub(super) mod bootstrap;
mod cards;
mod caught;
mod comparison;
mod detection;
mod examples;
mod groups;
pub(super) mod kinds;
pub(super) mod numbers;
mod overlap;
mod rows;
mod scores;
pub(super) mod seen;
mod spread;
pub(super) mod tally;
mod timeline;

use std::sync::Arc;

pub use comparison::Comparison;
pub use examples::Examples;

use super::report::{Evaluation, Measured, Scores};
use super::{Fact, PassRates};
use crate::rules::RuleSet;
use crate::time::Calendar;
use caught::Caught;
pub(super) use caught::CaughtFigures;
use spread::Spread;
pub(super) use spread::SpreadFigures;

/// What figures depend on beside payments.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Who passes a step-up.
    pub pass: PassRates,
    /// How many accounts a day card precision looks at; at least 1.
    pub k: u32,
    /// Replicates of the bootstrap; 0 for shares without ranges.
    pub replicates: u32,
    /// What the bootstrap draws from.
    pub seed: u64,
    /// Threads of the bootstrap; nothing depends on how many there are.
    pub threads: usize,
    /// How many payments of each case are shown.
    pub examples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pass: PassRates::default(), k: 100, replicates: 200, seed: 0, threads: 1, examples: 5 }
    }
}

/// Takes the measured payments of one rule set, and says how it did.
#[derive(Clone, Debug)]
pub struct Evaluator {
    caught: Caught,
    spread: Spread,
}

impl Evaluator {
    /// An evaluation of a rule set, with days and months in the data set's time zone.
    pub fn new(rules: &Arc<RuleSet>, calendar: Calendar, settings: &Settings) -> Self {
        Self { caught: Caught::new(rules, settings), spread: Spread::new(calendar, settings) }
    }

    /// Takes the next payment.
    pub fn take(&mut self, fact: &Fact<'_>) {
        self.caught.take(fact);
        self.spread.take(fact);
    }

    /// Its halves: each may take the same payments in a thread of its own.
    pub(super) fn halves(self) -> (Caught, Spread) {
        (self.caught, self.spread)
    }

    /// What was taken so far: how many payments, of which what is known, and the value of the known frauds. The rest is the caller's.
    pub fn measured(&self) -> Measured {
        self.caught.measured()
    }

    /// How the rule set did; payments to look at are [`Examples`].
    pub fn finish(self) -> Evaluation {
        let (_, evaluation) = whole(self.caught.finish(), self.spread.finish());
        evaluation
    }
}

/// What both halves took, and come to.
pub(super) fn whole(caught: CaughtFigures, spread: SpreadFigures) -> (Measured, Evaluation) {
    let CaughtFigures { measured, found, points, roc_area, average_precision } = caught;
    let SpreadFigures { groups, card_precision, detection, timeline } = spread;
    let evaluation = Evaluation {
        overall: found.overall,
        outcomes: found.outcomes,
        reasons: found.reasons,
        rules: found.rules,
        overlap: found.overlap,
        groups,
        scores: Scores { points, roc_area, average_precision, card_precision },
        detection,
        timeline,
        examples: Vec::new(),
    };
    (measured, evaluation)
}

/// The ids of rules by their positions.
fn rule_ids(rules: &RuleSet, positions: &[u16]) -> Vec<String> {
    let rule = |&at: &u16| rules.rules.get(usize::from(at)).map(|rule| rule.id.clone());
    positions.iter().filter_map(rule).collect()
}
