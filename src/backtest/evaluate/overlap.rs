//! Which rules fire on the same payments.
//!
//! Promises memory in the pairs that occur. Must never know what rules ask for.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::backtest::Fact;
use crate::backtest::report::Overlap;
use crate::rules::{Label, RuleSet};

/// Most rules that are shown beside one another.
const RULES_MAX: usize = 100;

/// Payments and known frauds among them, by pair of rules: the lower position first, and each rule with itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Together(HashMap<(u16, u16), [u64; 2], FixedState>);

impl Together {
    /// Takes a payment on which these rules fired, ascending.
    pub(super) fn take(&mut self, rules: &[u16], fact: &Fact<'_>) {
        let fraud = u64::from(fact.truth.label == Some(Label::Fraud));
        for (at, &one) in rules.iter().enumerate() {
            for &other in rules.iter().skip(at) {
                let [payments, frauds] = self.0.entry((one, other)).or_default();
                *payments += 1;
                *frauds += fraud;
            }
        }
    }

    /// The matrix of the rules that fired most, in the order of the rule set.
    pub(super) fn finish(self, rules: &RuleSet) -> Overlap {
        let pair =
            |one: u16, other: u16| self.0.get(&(one.min(other), one.max(other))).copied().unwrap_or_default();
        let mut shown: Vec<u16> = (0..=u16::MAX).take(rules.rules.len()).collect();
        shown.sort_by_key(|&rule| Reverse(pair(rule, rule)[0]));
        shown.truncate(RULES_MAX);
        shown.sort_unstable();
        let matrix = |of: usize| {
            let row = |&one: &u16| shown.iter().map(|&other| pair(one, other)[of]).collect();
            shown.iter().map(row).collect()
        };
        Overlap {
            rules: shown
                .iter()
                .filter_map(|&at| Some(rules.rules.get(usize::from(at))?.id.clone()))
                .collect(),
            payments: matrix(0),
            frauds: matrix(1),
        }
    }
}
