//! Figures in threads of their own: who decides does not wait for who measures.
//!
//! Promises that each half of the figures takes all payments in the order in which they were decided, so that they are the same. Must
//! never look into a figure.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::facts::Facts;
use super::{BATCHES_MAX, BacktestError};
use crate::backtest::Fact;
use crate::backtest::evaluate::{CaughtFigures, Evaluator, SpreadFigures, whole};
use crate::backtest::kept::Among;
use crate::backtest::report::{Evaluation, Measured};

/// An evaluation that goes on meanwhile.
pub(super) struct Measuring {
    facts: Facts,
    to: [SyncSender<Arc<Taken>>; 2],
    caught: JoinHandle<CaughtFigures>,
    spread: JoinHandle<SpreadFigures>,
}

/// Payments of a batch.
struct Taken {
    facts: Facts,
    /// Where they are some of these.
    among: Option<Among>,
}

impl Measuring {
    /// Begins with an evaluator that has taken nothing.
    pub(super) fn begin(evaluator: Evaluator) -> Result<Self, BacktestError> {
        let (mut caught, mut spread) = evaluator.halves();
        let (to_caught, of_caught) = sync_channel(BATCHES_MAX);
        let (to_spread, of_spread) = sync_channel(BATCHES_MAX);
        Ok(Self {
            facts: Facts::default(),
            to: [to_caught, to_spread],
            caught: thread("weir-caught", move || {
                each(&of_caught, |fact| caught.take(fact));
                caught.finish()
            })?,
            spread: thread("weir-spread", move || {
                each(&of_spread, |fact| spread.take(fact));
                spread.finish()
            })?,
        })
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
        let taken = Arc::new(Taken { facts: std::mem::take(&mut self.facts), among });
        self.to.iter().try_for_each(|to| to.send(Arc::clone(&taken)).map_err(|_| BacktestError::Ended))
    }

    /// What was measured, and how the rule set did.
    pub(super) fn finish(mut self) -> Result<(Measured, Evaluation), BacktestError> {
        self.hand_on()?;
        drop(self.to);
        match (self.caught.join(), self.spread.join()) {
            (Ok(caught), Ok(spread)) => Ok(whole(caught, spread)),
            _ => Err(BacktestError::Ended),
        }
    }
}

fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, BacktestError> {
    Builder::new().name(name.to_owned()).spawn(work).map_err(|_| BacktestError::Ended)
}

/// Gives each payment that is measured.
fn each(batches: &Receiver<Arc<Taken>>, mut take: impl FnMut(&Fact<'_>)) {
    for taken in batches {
        match &taken.among {
            None => taken.facts.each(&mut take),
            Some(among) => each_among(&taken.facts, among, &mut take),
        }
    }
}

fn each_among(facts: &Facts, among: &Among, mut take: impl FnMut(&Fact<'_>)) {
    let (mut next, mut next_at) = (0, facts.place(0));
    among.each(|fact| {
        if next_at != Some(fact.at) {
            return take(fact);
        }
        facts.get(next).iter().for_each(&mut take);
        next += 1;
        next_at = facts.place(next);
    });
}
