//! What one rule set decides otherwise than another, payment by payment.
//!
//! Promises memory in the examples asked for. Must never know why they differ.

use std::sync::Arc;

use super::examples::{Lowest, lot};
use super::rule_ids;
use crate::backtest::Fact;
use crate::backtest::report::{ChangedPayment, Changes};
use crate::rules::{Label, RuleSet};

/// Takes each measured payment under both rule sets.
#[derive(Clone, Debug)]
pub struct Comparison {
    old: Arc<RuleSet>,
    new: Arc<RuleSet>,
    changes: Changes,
    /// Frauds first, then what is genuine, then what nobody knows.
    examples: Lowest<(u8, (u64, u64)), ChangedPayment>,
}

impl Comparison {
    /// A comparison of two rule sets that shows so many payments at most.
    pub fn new(old: &Arc<RuleSet>, new: &Arc<RuleSet>, examples: usize) -> Self {
        Self {
            old: Arc::clone(old),
            new: Arc::clone(new),
            changes: Changes::default(),
            examples: Lowest::new(examples),
        }
    }

    /// Takes a payment as the old rules and as the new ones decide it.
    pub fn take(&mut self, old: &Fact<'_>, new: &Fact<'_>) {
        let label = new.truth.label;
        let Changes { payments, frauds, genuine, .. } = &mut self.changes;
        let known = match label {
            Some(Label::Fraud) => Some(frauds),
            Some(Label::Genuine) => Some(genuine),
            None => None,
        };
        for matrix in [Some(payments), known].into_iter().flatten() {
            matrix[old.outcome as usize][new.outcome as usize] += 1;
        }
        if old.alert != new.alert {
            let Changes { alerts_added, alerts_removed, .. } = &mut self.changes;
            let moved = if new.alert { alerts_added } else { alerts_removed };
            moved.payments += 1;
            moved.frauds += u64::from(label == Some(Label::Fraud));
            moved.genuine += u64::from(label == Some(Label::Genuine));
        }
        if (old.outcome, old.alert) == (new.outcome, new.alert) {
            return;
        }
        let class = label.map_or(2, |label| label as u8);
        let key = (class, lot(new));
        if self.examples.wants(&key) {
            let changed = ChangedPayment {
                id: new.id.to_owned(),
                time_us: new.time_us,
                amount_minor: new.amount_minor,
                old: old.outcome.name().to_owned(),
                new: new.outcome.name().to_owned(),
                old_alert: old.alert,
                new_alert: new.alert,
                old_fired: rule_ids(&self.old, old.fired),
                new_fired: rule_ids(&self.new, new.fired),
                label: label.map_or("unknown", Label::name).to_owned(),
            };
            self.examples.put(key, changed);
        }
    }

    /// What changed; `rules` says how the rule files differ.
    pub fn finish(self, rules: String) -> Changes {
        let Self { changes, examples, .. } = self;
        let mut examples: Vec<_> = examples.into_kept().collect();
        examples.sort_by_key(|((class, (_, at)), changed)| (*class, changed.time_us, *at));
        Changes { rules, examples: examples.into_iter().map(|(_, changed)| changed).collect(), ..changes }
    }
}
