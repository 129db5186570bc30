//! A judge: one rule set at work, with what it reads and what it decided last.
//!
//! Must never feed a ledger: it only reads what they hold.

use std::sync::Arc;

use super::Recording;
use super::decide::Decider;
use super::features::Wanted;
use super::ledger::Ledger;
use super::ratios::Ratios;
use crate::decision::{Decision, Quality, Reading};
use crate::event::Kind;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Facts, RuleSet};

/// A rule set at work.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) rules: Arc<RuleSet>,
    /// What is on its lists.
    pub(crate) lists: Lists,
    /// The rates of other currencies.
    pub(crate) rates: Arc<Rates>,
    /// For each ledger what is read of it.
    wanted: Vec<Wanted>,
    ratios: Ratios,
    /// The features that are read, as positions.
    read: Vec<u16>,
    /// How many values were read of each quality, in the order of [`Quality::ALL`].
    pub(crate) qualities: [u64; Quality::ALL.len()],
    /// One per feature of the rule set.
    pub(crate) readings: Vec<Reading>,
    /// Whether a rule looks at logins.
    pub(crate) decides_logins: bool,
    pub(crate) decider: Decider,
    pub(crate) decision: Decision,
}

/// Which features are read, by position.
pub(crate) fn reads(rules: &RuleSet, recording: Recording) -> impl Fn(usize) -> bool {
    move |position| recording == Recording::All || rules.features[position].used
}

impl Judge {
    /// A rule set with these lists, that reads of each ledger what is wanted.
    pub(crate) fn new(rules: Arc<RuleSet>, lists: Lists, wanted: Vec<Wanted>, recording: Recording) -> Self {
        let lists = (0..rules.lists.len()).map(|at| lists.get(at).cloned().unwrap_or_default()).collect();
        let readings = vec![Reading::default(); rules.features.len()];
        let decider = Decider::new(&rules);
        let ratios = Ratios::new(&rules, reads(&rules, recording));
        let read: Vec<u16> = {
            let is_read = reads(&rules, recording);
            (0..rules.features.len()).filter(|&at| is_read(at)).map(|at| at as u16).collect()
        };
        let (qualities, decision) = ([0; Quality::ALL.len()], Decision::default());
        let decides_logins = rules.decides(Kind::Login);
        let rates = Arc::default();
        Self {
            decides_logins,
            rules,
            lists,
            rates,
            wanted,
            ratios,
            read,
            qualities,
            readings,
            decider,
            decision,
        }
    }

    /// Reads of other ledgers from now on.
    pub(crate) fn set_wanted(&mut self, wanted: Vec<Wanted>) {
        self.wanted = wanted;
    }

    /// Reads on of those ledgers alone that are kept.
    pub(crate) fn keep(&mut self, keeps: &[bool]) {
        let mut keeps = keeps.iter();
        self.wanted.retain(|_| keeps.next() == Some(&true));
    }

    /// Takes over what is on the lists that another judge has declared alike; see [`crate::lists::List::go_on`].
    pub(crate) fn take_lists(&mut self, from: &Self) {
        for (at, declared) in self.rules.lists.iter().enumerate() {
            let held = from.rules.lists.iter().position(|held| held == declared);
            let held = held.and_then(|held| from.lists.get(held));
            if let (Some(list), Some(held)) = (self.lists.get_mut(at), held) {
                list.go_on(held);
            }
        }
    }

    /// What is known of an event once it is decided.
    pub(crate) fn decided<'f>(&'f self, facts: Facts<'f>) -> Facts<'f> {
        Facts {
            features: &self.readings,
            tables: self.decider.rows(),
            lists: &self.lists,
            rates: &self.rates,
            ..facts
        }
    }

    /// Goes on counting where another judge stopped, for the rules that both have.
    pub(crate) fn go_on(&mut self, before: &Self) {
        self.qualities = before.qualities;
        self.decider.carry(&self.rules, &before.decider, &before.rules);
    }

    /// Decides now on an event that the ledgers have gathered, which asks at `at_us`. A ledger that is not `ready` is
    /// read as `behind`.
    pub(crate) fn decide<'l>(
        &mut self,
        ledgers: impl Iterator<Item = (&'l Ledger, bool)>,
        facts: Facts<'_>,
        (at_us, now_us): (i64, i64),
        recording: Recording,
    ) {
        for ((ledger, ready), wanted) in ledgers.zip(&self.wanted) {
            ledger.read(wanted, at_us, &mut self.readings);
            if !ready {
                wanted.positions().for_each(|at| self.readings[at].quality = Quality::Behind);
            }
        }
        self.ratios.read(facts.event, &mut self.readings);
        for &at in &self.read {
            self.qualities[self.readings[usize::from(at)].quality as usize] += 1;
        }
        let facts = Facts { features: &self.readings, lists: &self.lists, rates: &self.rates, ..facts };
        let all = recording == Recording::All;
        self.decider.decide(&self.rules, &facts, now_us, all, &mut self.decision);
    }
}
