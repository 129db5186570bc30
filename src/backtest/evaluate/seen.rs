//! A payment with the numbers that figures add up.
//!
//! Promises that what is stepped up is held back only by the share that does not pass. Must never know which figure takes it.

use std::collections::BTreeMap;

use super::Settings;
use crate::backtest::Fact;
use crate::decision::Outcome;
use crate::rules::Label;

/// A payment as every figure takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// What it turned out to be; `None` where nobody knows.
    pub(super) label: Option<Label>,
    /// How many payments it stands for.
    pub(super) weight: f64,
    /// Its amount times its weight, minor units.
    pub(super) value_minor: f64,
    /// The share of payments like it that pass a step-up; 1 of unknown ones.
    pass: f64,
    /// The number of its account.
    pub(super) account: u32,
    /// The number of its customer, where it is genuine and may be stopped.
    pub(super) customer: Option<u32>,
}

impl Seen {
    /// A payment of this account and customer.
    pub(super) fn new(fact: &Fact<'_>, pass: &PassShares, account: u32, customer: Option<u32>) -> Self {
        let label = fact.truth.label;
        let weight = weight(fact);
        let value_minor = fact.amount_minor as f64 * weight;
        let pass = label.map_or(1.0, |label| pass.of(label, fact.truth.kind));
        Self { label, weight, value_minor, pass, account, customer }
    }

    /// How much of its value does not go through under an outcome, minor units.
    pub(super) fn held_back_minor(&self, outcome: Outcome) -> f64 {
        match outcome {
            Outcome::Allow => 0.0,
            Outcome::StepUp => self.value_minor * (1.0 - self.pass),
            Outcome::Block => self.value_minor,
        }
    }
}

/// How many payments a fact stands for; what is no positive number stands for one.
pub(super) fn weight(fact: &Fact<'_>) -> f64 {
    if fact.weight.is_finite() && fact.weight > 0.0 { fact.weight } else { 1.0 }
}

/// Which share passes a step-up.
#[derive(Clone, Debug)]
pub(super) struct PassShares {
    genuine: f64,
    fraud: f64,
    fraud_by_kind: BTreeMap<String, f64>,
}

impl PassShares {
    pub(super) fn new(settings: &Settings) -> Self {
        // What is no number passes: nothing is then counted as caught.
        let share = |share: f64| if share <= 1.0 { share.max(0.0) } else { 1.0 };
        let by_kind = settings.fraud_pass_by_kind.iter();
        Self {
            genuine: share(settings.genuine_pass),
            fraud: share(settings.fraud_pass),
            fraud_by_kind: by_kind.map(|(kind, &of_kind)| (kind.clone(), share(of_kind))).collect(),
        }
    }

    fn of(&self, label: Label, kind: Option<&str>) -> f64 {
        match label {
            Label::Genuine => self.genuine,
            Label::Fraud => kind.and_then(|kind| self.fraud_by_kind.get(kind)).copied().unwrap_or(self.fraud),
        }
    }
}
