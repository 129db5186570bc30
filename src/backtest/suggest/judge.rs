//! What suggestions would do, payment by payment, as the engine came to it with them in shadow.
//!
//! Promises figures of all measured payments on both sides, and that a suggestion is held for what the engine would answer with it as a
//! step-up: overrides, locks and methods that are presented already have their say.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::Asked;
use super::result::{LetThrough, ProposalFigures, Together, WhyNot};
use crate::backtest::evaluate::bootstrap::{Accounts, Range};
use crate::backtest::evaluate::numbers::Numbers;
use crate::backtest::evaluate::seen::{Fate, Seen};
use crate::backtest::evaluate::tally::{Parts, share};
use crate::backtest::run::{Shown, Stands};
use crate::backtest::split::{Side, Split};
use crate::decision::{Decision, Outcome};
use crate::engine::Circumstances;
use crate::rules::{Label, RuleSet};

/// Takes the payments of a rule set with suggestions in shadow.
pub(super) struct Judge<'a> {
    rules: &'a RuleSet,
    asked: &'a Asked,
    split: Split,
    /// The positions of the suggestions in the rule set, as they were found.
    positions: Vec<u16>,
    let_through: [LetThrough; 2],
    /// By suggestion and side.
    figures: Vec<[ProposalFigures; 2]>,
    /// Customers that a suggestion bothers on a side.
    bothered: HashSet<(usize, Side, u32), FixedState>,
    customers: Numbers,
    /// By suggestion and another rule: payments on which both fire, and known frauds among them.
    together: HashMap<(usize, u16), [u64; 2], FixedState>,
    /// The payments that are held out.
    held_out: Accounts,
    /// By suggestion, the accounts of the frauds that it catches of those.
    caught: Vec<HashSet<u32, FixedState>>,
    /// The suggestions that would stop the payment at hand, with its outcome then.
    stopping: Vec<(usize, Outcome)>,
    fired: Vec<u16>,
    decision: Decision,
}

/// What one suggestion would do.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) tuning: ProposalFigures,
    pub(super) held_out: ProposalFigures,
    pub(super) range: Range,
    pub(super) why_not: Option<WhyNot>,
    pub(super) overlap: Vec<Together>,
}

impl<'a> Judge<'a> {
    /// Of a rule set in which the suggestions have these ids.
    pub(super) fn new(rules: &'a RuleSet, ids: &[String], asked: &'a Asked, split: Split) -> Self {
        let position = |id: &String| rules.rules.iter().position(|rule| rule.id == *id);
        let positions: Vec<u16> = ids.iter().filter_map(position).map(|at| at as u16).collect();
        Self {
            rules,
            asked,
            split,
            let_through: Default::default(),
            figures: vec![Default::default(); positions.len()],
            bothered: HashSet::default(),
            customers: Numbers::default(),
            together: HashMap::default(),
            held_out: Accounts::new(asked.replicates > 0),
            caught: vec![HashSet::default(); positions.len()],
            stopping: Vec::new(),
            fired: Vec::new(),
            decision: Decision::default(),
            positions,
        }
    }

    /// Takes the next payment.
    pub(super) fn take(&mut self, shown: &Shown<'_>) {
        if shown.stands != Stands::Measured {
            return;
        }
        let fact = &shown.fact;
        let side = self.split.side(fact.time_us, shown.first_us);
        // Only what is held out is drawn again.
        let account = match side {
            Side::Tuning => 0,
            Side::HeldOut => self.held_out.number(fact),
        };
        let seen = Seen::new(fact, &self.asked.pass, account, None);
        self.count(&seen, side, fact.outcome);
        let parts = Parts::of(&seen, 0.0);
        if let (Some(parts), Side::HeldOut) = (parts, side) {
            self.held_out.know(account, parts);
        }
        self.fire(shown, side);
        if self.stopping.is_empty() {
            return;
        }
        let customer =
            (seen.label == Some(Label::Genuine)).then(|| self.customers.of(fact.tenant, fact.customer));
        let alone = self.stopping.len() == 1;
        for &(at, outcome) in &self.stopping {
            if let Some(figures) = self.figures.get_mut(at) {
                add(&mut figures[side as usize], &seen, outcome, alone, self.asked);
            }
            if let Some(customer) = customer {
                self.bothered.insert((at, side, customer));
            }
            if let (Some(parts), Side::HeldOut) = (parts, side) {
                self.held_out.add(account, at as u32, parts);
                if let Some(caught) = self.caught.get_mut(at).filter(|_| parts.frauds > 0.0) {
                    caught.insert(account);
                }
            }
        }
    }

    /// Counts a payment, and whether the rule set lets it through.
    fn count(&mut self, seen: &Seen, side: Side, outcome: Outcome) {
        let let_through = &mut self.let_through[side as usize];
        let known = &mut let_through.known;
        let passes = outcome == Outcome::Allow;
        known.payments += 1;
        let_through.payments += u64::from(passes);
        match seen.label {
            Some(Label::Fraud) => {
                known.frauds += seen.weight;
                known.fraud_value_minor += seen.value_minor;
                if passes {
                    let_through.frauds += seen.weight;
                    let_through.fraud_value_minor += seen.value_minor;
                }
            }
            Some(Label::Genuine) => {
                known.genuine += seen.weight;
                if passes {
                    let_through.genuine += seen.weight;
                }
            }
            None => known.unknown += 1,
        }
    }

    /// Finds the suggestions that fire on a payment, and of those the ones that would stop it where nothing does.
    fn fire(&mut self, shown: &Shown<'_>, side: Side) {
        self.stopping.clear();
        let fact = &shown.fact;
        let mut circumstances: Option<Circumstances> = None;
        for (at, position) in self.positions.iter().enumerate() {
            if fact.shadow.binary_search(position).is_err() {
                continue;
            }
            if let Some(figures) = self.figures.get_mut(at) {
                figures[side as usize].fired += 1;
            }
            let fraud = u64::from(fact.truth.label == Some(Label::Fraud));
            for &other in fact.fired.iter().chain(fact.shadow).filter(|other| *other != position) {
                let [payments, frauds] = self.together.entry((at, other)).or_default();
                *payments += 1;
                *frauds += fraud;
            }
            if fact.outcome > Outcome::Allow {
                continue;
            }
            let circumstances = circumstances.get_or_insert_with(|| shown.basis.circumstances());
            self.fired.clear();
            self.fired.extend(fact.fired.iter().copied().chain([*position]));
            self.fired.sort_unstable();
            let verdict = circumstances.verdict(self.rules, &self.fired, &mut self.decision);
            if verdict.outcome > Outcome::Allow {
                self.stopping.push((at, verdict.outcome));
            }
        }
    }

    /// What there was on both sides of so many days each, and what each suggestion would do, as they were found.
    pub(super) fn finish(self, days: [f64; 2]) -> ([LetThrough; 2], Vec<Judged>) {
        let mut let_through = self.let_through;
        for (side, days) in let_through.iter_mut().zip(days) {
            side.known.days = days;
            side.base_rate = share(side.frauds, side.frauds + side.genuine);
        }
        let mut figures = self.figures;
        for &(at, side, _) in &self.bothered {
            if let Some(figures) = figures.get_mut(at) {
                figures[side as usize].customers_bothered += 1;
            }
        }
        let mut precisions = vec![Vec::new(); self.positions.len()];
        self.held_out.resample(self.positions.len(), self.asked.replicates, self.asked.seed, |_, columns| {
            for (precisions, parts) in precisions.iter_mut().zip(columns) {
                precisions.extend(share(parts.frauds, parts.frauds + parts.genuine));
            }
        });
        let mut judged = Vec::with_capacity(self.positions.len());
        for ((at, mut figures), (precisions, caught)) in
            figures.into_iter().enumerate().zip(precisions.into_iter().zip(&self.caught))
        {
            for (figures, side) in figures.iter_mut().zip(&let_through) {
                complete(figures, side);
            }
            let range = Range::of(precisions);
            let [tuning, held_out] = figures;
            let base_rate = let_through[Side::HeldOut as usize].base_rate;
            let why_not = why_not(&held_out, range, base_rate, caught.len(), self.asked.precision_min);
            let overlap = overlap(self.rules, &self.positions, &self.together, at);
            judged.push(Judged { tuning, held_out, range, why_not, overlap });
        }
        (let_through, judged)
    }
}

/// Adds a payment that a suggestion would stop with this outcome.
fn add(figures: &mut ProposalFigures, seen: &Seen, outcome: Outcome, alone: bool, asked: &Asked) {
    let held_minor = seen.held_back_minor(Fate::of(outcome));
    figures.flagged += 1;
    if outcome == Outcome::StepUp {
        figures.cost_minor += asked.costs.step_up_minor;
    }
    let alone = if alone { seen.weight } else { 0.0 };
    match seen.label {
        Some(Label::Fraud) => {
            figures.frauds += seen.weight;
            figures.frauds_alone += alone;
            figures.value_flagged_minor += seen.value_minor;
            figures.value_caught_minor += held_minor;
            figures.cost_minor -= held_minor;
        }
        Some(Label::Genuine) => {
            figures.genuine += seen.weight;
            figures.genuine_alone += alone;
            figures.value_lost_minor += held_minor;
            figures.cost_minor += held_minor;
            if outcome == Outcome::Block {
                figures.cost_minor += asked.costs.block_minor * seen.weight;
            }
        }
        None => figures.unknown += 1,
    }
}

/// Puts in what is a share of all that there was.
fn complete(figures: &mut ProposalFigures, side: &LetThrough) {
    let ProposalFigures { flagged, unknown, frauds, genuine, .. } = *figures;
    figures.flagged_a_day = share(flagged as f64, side.known.days);
    figures.coverage = share((flagged - unknown) as f64, flagged as f64);
    figures.precision = share(frauds, frauds + genuine);
    figures.recall_missed = share(frauds, side.frauds);
    figures.recall = share(frauds, side.known.frauds);
}

fn why_not(
    held_out: &ProposalFigures,
    range: Range,
    base_rate: Option<f64>,
    accounts: usize,
    precision_min: f64,
) -> Option<WhyNot> {
    let Some(precision) = held_out.precision else { return Some(WhyNot::NothingKnown) };
    let by_chance = range.low.zip(base_rate).is_some_and(|(low, base_rate)| low <= base_rate);
    match accounts {
        _ if precision < precision_min || held_out.frauds == 0.0 => Some(WhyNot::Imprecise),
        _ if by_chance => Some(WhyNot::Chance),
        0 | 1 => Some(WhyNot::OneAccount),
        _ => None,
    }
}

/// The rules that fire with a suggestion, the other suggestions last.
fn overlap(
    rules: &RuleSet,
    positions: &[u16],
    together: &HashMap<(usize, u16), [u64; 2], FixedState>,
    of: usize,
) -> Vec<Together> {
    let others = (0..rules.rules.len() as u16).filter(|at| !positions.contains(at));
    let beside = |other: u16| {
        let [payments, frauds] = *together.get(&(of, other))?;
        let rule = rules.rules.get(usize::from(other))?.id.clone();
        Some(Together { rule, suggested: positions.contains(&other), payments, frauds })
    };
    others.chain(positions.iter().copied()).filter_map(beside).collect()
}
