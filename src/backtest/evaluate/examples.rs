//! Payments to look at, chosen evenly among all that would do.
//!
//! Promises that the choice depends on ids alone, so that it is spread over time and the same for two rule sets. Must never know why.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::FixedState;

use super::rule_ids;
use crate::backtest::Fact;
use crate::backtest::report::{Example, ExampleCase};
use crate::decision::Outcome;
use crate::rules::{Label, RuleSet};

/// Some payments of each case.
#[derive(Clone, Debug)]
pub struct Examples {
    rules: Arc<RuleSet>,
    /// In the order of [`ExampleCase`].
    cases: [Lowest<(u64, u64), Example>; 3],
}

impl Examples {
    /// So many of each case at most.
    pub fn new(rules: &Arc<RuleSet>, most: usize) -> Self {
        Self { rules: Arc::clone(rules), cases: std::array::from_fn(|_| Lowest::new(most)) }
    }

    /// Whether a payment is to be shown, and why; the caller then explains it.
    pub fn wants(&self, fact: &Fact<'_>) -> Option<ExampleCase> {
        let stopped = fact.outcome > Outcome::Allow;
        let case = match fact.truth.label? {
            Label::Fraud if stopped => ExampleCase::Caught,
            Label::Fraud => ExampleCase::Missed,
            Label::Genuine if stopped => ExampleCase::WronglyStopped,
            Label::Genuine => return None,
        };
        self.cases[case as usize].wants(&lot(fact)).then_some(case)
    }

    /// Shows a payment that was wanted, with its decision in words.
    pub fn put(&mut self, case: ExampleCase, fact: &Fact<'_>, explanation: String) {
        let example = Example {
            case,
            id: fact.id.to_owned(),
            time_us: fact.time_us,
            amount_minor: fact.amount_minor,
            outcome: fact.outcome.name().to_owned(),
            score: fact.score,
            fired: rule_ids(&self.rules, fact.fired),
            kind: fact.truth.kind.map(str::to_owned),
            explanation,
        };
        self.cases[case as usize].put(lot(fact), example);
    }

    /// The places of what is shown, among the decided payments.
    pub fn places(&self) -> BTreeSet<u64> {
        self.cases.iter().flat_map(|case| case.kept.keys().map(|(_, at)| *at)).collect()
    }

    /// Puts the decision of a payment that is shown into words, where it was not when it was put.
    pub fn explain(&mut self, at: u64, explanation: &str) {
        for case in &mut self.cases {
            let shown = case.kept.iter_mut().filter(|((_, of), _)| *of == at);
            shown.for_each(|(_, example)| example.explanation = explanation.to_owned());
        }
    }

    /// What is shown: case by case, in the order of time.
    pub fn finish(self) -> Vec<Example> {
        let kept = self.cases.into_iter().flat_map(Lowest::into_kept);
        let mut examples: Vec<(u64, Example)> = kept.map(|((_, at), example)| (at, example)).collect();
        examples.sort_by_key(|(at, example)| (example.case, example.time_us, *at));
        examples.into_iter().map(|(_, example)| example).collect()
    }
}

/// Where a payment stands in a draw that its id decides; the later one of equal ids is behind.
pub(super) fn lot(fact: &Fact<'_>) -> (u64, u64) {
    (FixedState::with_seed(3).hash_one(fact.id), fact.at)
}

/// Keeps what has the lowest keys.
#[derive(Clone, Debug)]
pub(super) struct Lowest<K, T> {
    most: usize,
    kept: BTreeMap<K, T>,
}

impl<K: Ord, T> Lowest<K, T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: BTreeMap::new() }
    }

    /// Whether something with this key would be kept.
    pub(super) fn wants(&self, key: &K) -> bool {
        let last = self.kept.last_key_value();
        self.kept.len() < self.most || (self.most > 0 && last.is_some_and(|(last, _)| key < last))
    }

    pub(super) fn put(&mut self, key: K, thing: T) {
        self.kept.insert(key, thing);
        while self.kept.len() > self.most {
            self.kept.pop_last();
        }
    }

    /// What is kept, lowest key first.
    pub(super) fn into_kept(self) -> impl Iterator<Item = (K, T)> {
        self.kept.into_iter()
    }
}
