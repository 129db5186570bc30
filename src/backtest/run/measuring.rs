//! Figures in a thread of their own: who decides does not wait for who measures.
//!
//! Promises that payments are measured in the order in which they were decided, so that the figures are the same. Must never know
//! what a figure is.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::facts::Facts;
use super::{BATCHES_MAX, BacktestError};
use crate::backtest::Fact;
use crate::backtest::evaluate::Evaluator;
use crate::backtest::kept::Among;
use crate::backtest::report::{Evaluation, Measured};

/// An evaluation that goes on meanwhile.
pub(super) struct Measuring {
    facts: Facts,
    to: SyncSender<(Facts, Option<Among>)>,
    done: JoinHandle<(Measured, Evaluation)>,
}

impl Measuring {
    /// Begins with an evaluator that has taken nothing.
    pub(super) fn begin(mut evaluator: Evaluator) -> Result<Self, BacktestError> {
        let (to, batches) = sync_channel::<(Facts, Option<Among>)>(BATCHES_MAX);
        let measure = move || {
            for (facts, among) in batches {
                match among {
                    None => facts.each(|fact| evaluator.take(fact)),
                    Some(among) => take_among(&facts, &among, &mut evaluator),
                }
            }
            (evaluator.measured(), evaluator.finish())
        };
        let done = Builder::new().name("weir-figures".to_owned()).spawn(measure);
        Ok(Self { facts: Facts::default(), to, done: done.map_err(|_| BacktestError::Ended)? })
    }

    pub(super) fn take(&mut self, fact: &Fact<'_>) {
        self.facts.push(fact);
    }

    /// Hands on what was taken.
    pub(super) fn hand_on(&mut self) -> Result<(), BacktestError> {
        if self.facts.is_empty() {
            return Ok(());
        }
        self.send(None)
    }

    /// Hands on what was taken, in its places among others that are measured, too.
    pub(super) fn hand_on_among(&mut self, among: Among) -> Result<(), BacktestError> {
        self.send(Some(among))
    }

    fn send(&mut self, among: Option<Among>) -> Result<(), BacktestError> {
        self.to.send((std::mem::take(&mut self.facts), among)).map_err(|_| BacktestError::Ended)
    }

    /// What was measured, and how the rule set did.
    pub(super) fn finish(mut self) -> Result<(Measured, Evaluation), BacktestError> {
        self.hand_on()?;
        drop(self.to);
        self.done.join().map_err(|_| BacktestError::Ended)
    }
}

fn take_among(facts: &Facts, among: &Among, evaluator: &mut Evaluator) {
    let (mut next, mut next_at) = (0, facts.place(0));
    among.each(|fact| {
        if next_at != Some(fact.at) {
            return evaluator.take(fact);
        }
        facts.get(next).iter().for_each(|fact| evaluator.take(fact));
        next += 1;
        next_at = facts.place(next);
    });
}
