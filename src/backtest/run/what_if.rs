//! What would have happened: payments that are blocked do not happen, and of those that are stepped up only a part.
//!
//! Promises that chance depends on the seed and the payment alone, so that two rule sets that step up the same payment see the
//! same customer pass or fail. Must never know a figure.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState as Fast;
use foldhash::quality::FixedState;

use crate::backtest::report::Mode;
use crate::backtest::{PassRates, Truth};
use crate::decision::{Decision, Outcome, Requirement};
use crate::event::{Draft, Event, EventError, Kind, TextField};
use crate::rules::{Feedback, RuleSet};

/// How payments that rules stop are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WhatIf {
    /// As it happened, or as it would have.
    pub mode: Mode,
    /// What chances are drawn from.
    pub seed: u64,
}

/// A stream in which what is stopped does not happen.
#[derive(Debug)]
pub(super) struct Simulated {
    pass: PassRates,
    seed: u64,
    rules: Arc<RuleSet>,
    draft: Draft,
    text: String,
    /// Payments that did not happen.
    stopped: HashSet<u128, Fast>,
    left_out: u64,
}

/// What follows at once from a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follows {
    /// How the customer answered a step-up.
    pub(super) answered: Option<bool>,
    /// It goes through, though history did not let it.
    pub(super) executed: bool,
}

impl Simulated {
    pub(super) fn new(pass: PassRates, seed: u64, rules: Arc<RuleSet>) -> Self {
        let draft = Draft::new(Arc::clone(&rules.schema));
        Self { pass, seed, rules, draft, text: String::new(), stopped: HashSet::default(), left_out: 0 }
    }

    /// Whether an event did not happen, or is answered here instead: what is about a payment that was stopped, and every answer
    /// to a step-up of history's.
    pub(super) fn leaves_out(&mut self, event: &Event) -> bool {
        let about_stopped = match event.kind() {
            Kind::Authentication | Kind::Execution | Kind::Reversal | Kind::Label => {
                event.transaction_identity().is_some_and(|payment| self.stopped.contains(&payment))
            }
            _ => false,
        };
        self.left_out += u64::from(about_stopped);
        about_stopped || event.kind() == Kind::Authentication
    }

    /// Whether the label that stands in a payment's row is left out with it: nobody says anything of what did not happen.
    pub(super) fn leaves_label_out(&mut self, payment: &Event) -> bool {
        let out = self.stopped.contains(&payment.identity());
        self.left_out += u64::from(out);
        out
    }

    /// What follows from the decision about a payment that was `answered` so in history.
    pub(super) fn follow(
        &mut self,
        payment: &Event,
        decision: &Decision,
        truth: Truth<'_>,
        answered: Option<Outcome>,
    ) -> Follows {
        let passes = match decision.outcome {
            Outcome::Allow => None,
            Outcome::StepUp => Some(self.chance(payment.identity()) < self.pass.of(truth)),
            Outcome::Block => Some(false),
        };
        if passes == Some(false) {
            self.stopped.insert(payment.identity());
        }
        let history_let_it = matches!(answered, None | Some(Outcome::Allow));
        Follows {
            answered: passes.filter(|_| decision.outcome == Outcome::StepUp),
            executed: !history_let_it && passes != Some(false) && self.rules.feedback == Feedback::Execution,
        }
    }

    /// From 0 to just under 1, the same for the same payment and seed.
    fn chance(&self, payment: u128) -> f64 {
        let bits = FixedState::with_seed(self.seed).hash_one((payment, "step-up"));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The customer's answer to a step-up, which comes at once.
    pub(super) fn answer(
        &mut self,
        payment: &Event,
        decision: &Decision,
        passes: bool,
    ) -> Result<&Event, EventError> {
        self.begin(Kind::Authentication, payment, "answer of ")?;
        self.draft.text(TextField::Result, if passes { "succeeded" } else { "failed" })?;
        self.text.clear();
        let asked =
            if decision.missing == Requirement::none() { &decision.requirement } else { &decision.missing };
        for methods in asked.any_of() {
            let first = self.rules.methods.get(methods.trailing_zeros() as usize);
            if let Some(method) = first.filter(|method| !self.text.split(',').any(|held| held == *method)) {
                if !self.text.is_empty() {
                    self.text.push(',');
                }
                self.text.push_str(method);
            }
        }
        if !self.text.is_empty() {
            self.draft.text(TextField::Methods, &self.text)?;
        }
        if let Some(step_up) = decision.step_up {
            self.draft.text(TextField::StepUp, &format!("{:016x}", step_up.id))?;
        }
        self.draft.seal()
    }

    /// The payment's execution, which comes at once.
    pub(super) fn execution(&mut self, payment: &Event) -> Result<&Event, EventError> {
        self.begin(Kind::Execution, payment, "execution of ")?;
        self.draft.text(TextField::Result, "succeeded")?;
        self.draft.seal()
    }

    fn begin(&mut self, kind: Kind, payment: &Event, prefix: &str) -> Result<(), EventError> {
        self.text.clear();
        self.text.push_str(prefix);
        self.text.push_str(payment.id());
        self.draft.begin(kind, payment.time_us())?;
        self.draft.text(TextField::Id, &self.text)?;
        self.draft.text(TextField::Transaction, payment.id())?;
        for field in [TextField::Tenant, TextField::Customer, TextField::Account, TextField::Device] {
            payment.text(field).map_or(Ok(()), |text| self.draft.text(field, text))?;
        }
        Ok(())
    }

    /// Payments that did not happen, and later events about them.
    pub(super) fn prevented(&self) -> (u64, u64) {
        (self.stopped.len() as u64, self.left_out)
    }
}
