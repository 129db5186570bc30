//! A payment with the numbers that figures add up.
//!
//! Promises that what is stepped up is held back only by the share that does not pass. Must never know which figure takes it.

use super::numbers::Numbers;
use crate::backtest::{Fact, PassRates};
use crate::decision::Outcome;
use crate::rules::Label;

/// A payment as every figure takes it.
#[derive(Clone, Copy, Debug)]
pub(in crate::backtest) struct Seen {
    /// What it turned out to be; `None` where nobody knows.
    pub(in crate::backtest) label: Option<Label>,
    /// How many payments it stands for.
    pub(in crate::backtest) weight: f64,
    /// Its amount times its weight, minor units.
    pub(in crate::backtest) value_minor: f64,
    /// The share of payments like it that pass a step-up; 1 of unknown ones.
    pass: f64,
    /// The number of its account.
    pub(in crate::backtest) account: u32,
    /// The number of its customer, where it is genuine and may be stopped.
    pub(in crate::backtest) customer: Option<u32>,
}

impl Seen {
    /// A payment of this account, whose customer is numbered where it is needed.
    pub(super) fn of(fact: &Fact<'_>, pass: &PassRates, account: u32, customers: &mut Numbers) -> Self {
        let genuine = fact.truth.label == Some(Label::Genuine);
        let may_be_stopped = fact.outcome > Outcome::Allow || !fact.shadow.is_empty();
        let customer = (genuine && may_be_stopped).then(|| customers.of(fact.tenant, fact.customer));
        Self::new(fact, pass, account, customer)
    }

    /// A payment of this account and customer.
    pub(in crate::backtest) fn new(
        fact: &Fact<'_>,
        pass: &PassRates,
        account: u32,
        customer: Option<u32>,
    ) -> Self {
        let label = fact.truth.label;
        let weight = weight(fact);
        let value_minor = fact.amount_minor as f64 * weight;
        let pass = label.map_or(1.0, |_| pass.of(fact.truth));
        Self { label, weight, value_minor, pass, account, customer }
    }

    /// How much of its value does not go through for that reason, minor units.
    pub(in crate::backtest) fn held_back_minor(&self, fate: Fate) -> f64 {
        let held_back = |outcome| match outcome {
            Outcome::Allow => 0.0,
            Outcome::StepUp => self.value_minor * (1.0 - self.pass),
            Outcome::Block => self.value_minor,
        };
        held_back(fate.outcome) - held_back(fate.without)
    }
}

/// What becomes of a payment, and what would have without the reason that is looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::backtest) struct Fate {
    pub(super) outcome: Outcome,
    pub(super) without: Outcome,
}

impl Fate {
    /// An outcome where otherwise it had gone through.
    pub(in crate::backtest) fn of(outcome: Outcome) -> Self {
        Self { outcome, without: Outcome::Allow }
    }
}

/// How many payments a fact stands for; what is no positive number stands for one.
pub(in crate::backtest) fn weight(fact: &Fact<'_>) -> f64 {
    if fact.weight.is_finite() && fact.weight > 0.0 { fact.weight } else { 1.0 }
}
