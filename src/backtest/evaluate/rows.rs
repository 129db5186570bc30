//! What flags a payment: the rule set, an outcome, a reason, a rule. Each is a row of figures.
//!
//! Promises that a payment counts once in every row that flags it, with what becomes of it there: under its own outcome, under what
//! the law alone demands, under what risk adds to that, and for a rule in shadow under what that would have asked for besides. Must
//! never know a group or a score.

use std::sync::Arc;

use super::bootstrap::{Accounts, Range};
use super::numbers::Bothered;
use super::overlap::Together;
use super::seen::{Fate, Seen};
use super::tally::{Flagged, Parts, SHARES};
use crate::backtest::Fact;
use crate::backtest::report::{Figures, Named, Overlap, RuleFigures};
use crate::decision::Outcome;
use crate::rules::{Action, Mode, RuleSet};

const OVERALL: usize = 0;
const STEP_UP: usize = 1;
const BLOCK: usize = 2;
const ALERT: usize = 3;
const LAW_STEP_UP: usize = 4;
const LAW_BLOCK: usize = 5;
const RISK_STEP_UP: usize = 6;
const RISK_BLOCK: usize = 7;
/// The row of the first rule; the others follow.
const RULES: usize = 8;

/// Every row, with what was flagged.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    rules: Arc<RuleSet>,
    flagged: Vec<Flagged>,
    bothered: Bothered,
    /// By rule: known payments that it alone flags.
    alone: Vec<Parts>,
    together: Together,
    /// The rules of the payment at hand that count, ascending.
    counted: Vec<u16>,
    /// The rows of the payment at hand, with what becomes of it there.
    at_hand: Vec<(usize, Fate)>,
}

/// What rows come to.
pub(super) struct Found {
    pub(super) overall: Figures,
    pub(super) outcomes: Vec<Named>,
    pub(super) reasons: Vec<Named>,
    pub(super) rules: Vec<RuleFigures>,
    pub(super) overlap: Overlap,
}

impl Rows {
    pub(super) fn new(rules: &Arc<RuleSet>) -> Self {
        Self {
            rules: Arc::clone(rules),
            flagged: vec![Flagged::default(); RULES + rules.rules.len()],
            bothered: Bothered::default(),
            alone: vec![Parts::default(); rules.rules.len()],
            together: Together::default(),
            counted: Vec::new(),
            at_hand: Vec::new(),
        }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.flagged.len()
    }

    /// Takes a payment into each row that flags it.
    pub(super) fn take(&mut self, fact: &Fact<'_>, seen: &Seen, accounts: &mut Accounts) {
        if !fact.is_flagged() && fact.fired.is_empty() && fact.shadow.is_empty() {
            return;
        }
        self.see(fact);
        for &(row, fate) in &self.at_hand {
            if let Some(flagged) = self.flagged.get_mut(row) {
                flagged.take(seen, fate);
            }
            let number = row as u32;
            if let Some(parts) = Parts::of(seen, seen.held_back_minor(fate)) {
                accounts.add(seen.account, number, parts);
            }
            if let Some(customer) = seen.customer.filter(|_| fate.outcome > Outcome::Allow) {
                self.bothered.take(number, customer);
            }
        }
        self.together.take(&self.counted, fact);
        self.take_alone(fact, seen);
    }

    /// Finds the rows of a payment.
    fn see(&mut self, fact: &Fact<'_>) {
        let outcome = fact.outcome;
        let law = fact.law.min(outcome);
        self.at_hand.clear();
        let mut put = |row, is, fate| {
            if is {
                self.at_hand.push((row, fate));
            }
        };
        let own = Fate::of(outcome);
        put(OVERALL, fact.is_flagged(), own);
        put(STEP_UP, outcome == Outcome::StepUp, own);
        put(BLOCK, outcome == Outcome::Block, own);
        put(ALERT, fact.alert, own);
        put(LAW_STEP_UP, law == Outcome::StepUp, Fate::of(law));
        put(LAW_BLOCK, law == Outcome::Block, Fate::of(law));
        let beyond = Fate { without: law, ..own };
        put(RISK_STEP_UP, outcome > law && outcome == Outcome::StepUp, beyond);
        put(RISK_BLOCK, outcome > law && outcome == Outcome::Block, beyond);
        self.counted.clear();
        for (fired, mode) in [(fact.fired, Mode::Live), (fact.shadow, Mode::Shadow)] {
            for &at in fired {
                let Some(rule) = self.rules.rules.get(usize::from(at)).filter(|rule| rule.mode == mode)
                else {
                    continue;
                };
                let outcome = if mode == Mode::Shadow { outcome.max(demands(rule.then)) } else { outcome };
                self.at_hand.push((RULES + usize::from(at), Fate::of(outcome)));
                self.counted.push(at);
            }
        }
        self.counted.sort_unstable();
    }

    /// Tells the rules that it takes to flag a payment.
    fn take_alone(&mut self, fact: &Fact<'_>, seen: &Seen) {
        let Some(parts) = Parts::of(seen, 0.0) else { return };
        for at in self.counted.iter().filter(|at| fact.alone.contains(at)) {
            if let Some(alone) = self.alone.get_mut(usize::from(*at)) {
                *alone += parts;
            }
        }
    }

    /// The figures, of all that was known, with their ranges by row.
    pub(super) fn finish(self, known: Parts, ranges: &[[Range; SHARES]]) -> Found {
        let Self { rules, flagged, bothered, alone, together, .. } = self;
        let bothered = bothered.counts(flagged.len(), |row| row as usize);
        let figures = |row: usize| {
            let range = ranges.get(row).copied().unwrap_or_default();
            let flagged = flagged.get(row).copied().unwrap_or_default();
            flagged.figures(known, bothered.get(row).copied().unwrap_or(0), &range)
        };
        let named = |(name, row): (&str, usize)| Named {
            name: name.to_owned(),
            payments: None,
            figures: figures(row),
        };
        let rule_figures =
            rules.rules.iter().zip(&alone).enumerate().map(|(at, (rule, alone))| RuleFigures {
                id: rule.id.clone(),
                tier: rule.tier.name().to_owned(),
                mode: rule.mode.name().to_owned(),
                then: rule.then.map(Action::name).unwrap_or_default().to_owned(),
                score: rule.score,
                frauds_alone: alone.frauds,
                genuine_alone: alone.genuine,
                figures: figures(RULES + at),
            });
        Found {
            overall: figures(OVERALL),
            outcomes: [("step_up", STEP_UP), ("block", BLOCK), ("alert", ALERT)].map(named).into(),
            reasons: [
                ("law_step_up", LAW_STEP_UP),
                ("law_block", LAW_BLOCK),
                ("risk_step_up", RISK_STEP_UP),
                ("risk_block", RISK_BLOCK),
            ]
            .map(named)
            .into(),
            rules: rule_figures.collect(),
            overlap: together.finish(&rules),
        }
    }
}

/// The outcome that a rule asks for outright.
fn demands(then: Option<Action>) -> Outcome {
    match then {
        Some(Action::Outcome(outcome)) => outcome,
        Some(Action::Alert) | None => Outcome::Allow,
    }
}
