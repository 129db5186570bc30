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
use crate::backtest::report::{Evaluation, Measured};

/// An evaluation that goes on meanwhile.
pub(super) struct Measuring {
    facts: Facts,
    to: SyncSender<Facts>,
    done: JoinHandle<(Measured, Evaluation)>,
}

impl Measuring {
    /// Begins with an evaluator that has taken nothing.
    pub(super) fn begin(mut evaluator: Evaluator) -> Result<Self, BacktestError> {
        let (to, batches) = sync_channel::<Facts>(BATCHES_MAX);
        let measure = move || {
            for facts in batches {
                facts.each(|fact| evaluator.take(fact));
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
        self.to.send(std::mem::take(&mut self.facts)).map_err(|_| BacktestError::Ended)
    }

    /// What was measured, and how the rule set did.
    pub(super) fn finish(mut self) -> Result<(Measured, Evaluation), BacktestError> {
        self.hand_on()?;
        drop(self.to);
        self.done.join().map_err(|_| BacktestError::Ended)
    }
}
