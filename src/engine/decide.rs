//! From facts to a decision: rules by tier, then the policy, then the outcome.
//!
//! The outcome is the stronger of what mandatory rules demand and of what the others, their scores included, ask
//! for; overrides and the control group weaken the second only.

use super::breaker::{Breakers, Counted};
use super::share;
use crate::decision::{Decision, Outcome, Withheld};
use crate::event::{Event, Kind, TextField};
use crate::rules::{Action, Facts, Index, Mode, OnUnknown, Rule, RuleSet, Scratch, Share, Tier};

/// The salt of the control group's share; no rule can have this id.
const CONTROL: &str = "[control]";

/// Decides for one rule set; holds what is counted from decision to decision.
#[derive(Debug)]
pub(crate) struct Decider {
    index: Index,
    scratch: Scratch,
    breakers: Breakers,
    /// The tables in an order in which each comes after those that it reads.
    order: Vec<u16>,
    /// Which row of each table holds.
    rows: Vec<Option<u16>>,
    wanted: Vec<u64>,
}

impl Decider {
    /// One that has not decided yet.
    pub(crate) fn new(rules: &RuleSet) -> Self {
        let mut order: Vec<u16> = (0..rules.tables.len() as u16).collect();
        // A table reaches more tables than any that it reads.
        order.sort_by_key(|&at| rules.tables[usize::from(at)].tables.len());
        let index = Index::new(&rules.rules);
        Self {
            scratch: index.scratch(),
            index,
            breakers: Breakers::new(rules),
            order,
            rows: vec![None; rules.tables.len()],
            wanted: Vec::new(),
        }
    }

    /// What its breakers have counted.
    pub(crate) fn counted(&self) -> Counted {
        self.breakers.counted()
    }

    /// Goes on from what breakers of the same rules had counted; false where they were others.
    #[must_use]
    pub(crate) fn resume(&mut self, counted: Counted) -> bool {
        self.breakers.resume(counted)
    }

    /// Goes on counting where `before` stopped, for the rules that both rule sets have.
    pub(crate) fn carry(&mut self, rules: &RuleSet, before: &Self, rules_before: &RuleSet) {
        self.breakers.carry(rules, &before.breakers, rules_before);
    }

    /// The rules whose breaker kept them from acting when they fired last.
    pub(crate) fn tripped(&self) -> impl Iterator<Item = u16> {
        self.breakers.tripped()
    }

    /// Decides at `now_us`; `decision` is cleared first. `record_all` records every feature instead of those that
    /// the rules that fired read.
    pub(crate) fn decide(
        &mut self,
        rules: &RuleSet,
        facts: &Facts<'_>,
        now_us: i64,
        record_all: bool,
        decision: &mut Decision,
    ) {
        decision.clear();
        decision.out_of_force =
            rules.out_of_force(facts.event.time_us(), facts.event.text(TextField::Tenant));
        let payment = facts.event.kind() == Kind::Transaction;
        if !payment {
            self.rows.fill(None);
        }
        for &at in self.order.iter().filter(|_| payment) {
            let at = usize::from(at);
            self.rows[at] = rules.tables[at].row(&Facts { tables: &self.rows, ..*facts });
        }
        let facts = &Facts { tables: &self.rows, ..*facts };
        for &at in self.index.candidates(facts, &mut self.scratch) {
            let rule = &rules.rules[usize::from(at)];
            if fires(rule, facts) {
                let fired = if rule.mode == Mode::Live { &mut decision.fired } else { &mut decision.shadow };
                fired.push(at);
            }
        }
        if payment {
            self.breakers.count(now_us, &decision.fired, &mut decision.tripped);
        }
        set_aside(rules, decision);
        conclude(rules, || is_in_control(rules, facts.event), decision);
        record(rules, facts, record_all, &mut self.wanted, decision);
    }

    /// Which row of each table holds, as of the decision made last.
    pub(crate) fn rows(&self) -> &[Option<u16>] {
        &self.rows
    }
}

/// Records what the rules that fired read, or all.
pub(super) fn record(
    rules: &RuleSet,
    facts: &Facts<'_>,
    all: bool,
    wanted: &mut Vec<u64>,
    decision: &mut Decision,
) {
    let Decision { fired, shadow, overridden, tripped, features, tables, .. } = decision;
    if all {
        features.extend(facts.features.iter().enumerate().map(|(at, reading)| (at as u16, *reading)));
        tables.extend((0..).zip(facts.tables.iter().copied()));
        return;
    }
    let recorded = [fired, shadow, overridden, tripped];
    if recorded.iter().all(|rules| rules.is_empty()) {
        return;
    }
    wanted.clear();
    wanted.resize(facts.features.len().div_ceil(64), 0);
    for &at in recorded.into_iter().flat_map(|rules| rules.iter()) {
        let rule = &rules.rules[usize::from(at)];
        tables.extend(rule.tables.iter().map(|&table| (table, None)));
        for &feature in &rule.reads {
            wanted[usize::from(feature) / 64] |= 1 << (feature % 64);
        }
    }
    for (at, reading) in facts.features.iter().enumerate() {
        if wanted[at / 64] >> (at % 64) & 1 == 1 {
            features.push((at as u16, *reading));
        }
    }
    tables.sort_unstable();
    tables.dedup();
    for (table, row) in tables {
        *row = facts.tables[usize::from(*table)];
    }
}

/// Whether a rule fires, in whatever mode.
#[inline]
fn fires(rule: &Rule, facts: &Facts<'_>) -> bool {
    looks_at(rule, facts.event) && fires_where(rule, rule.when.holds(facts), facts.event)
}

/// Whether a rule looks at an event at all, whatever its condition says.
#[inline]
pub fn looks_at(rule: &Rule, event: &Event) -> bool {
    if rule.mode == Mode::Off || rule.from != event.kind() || !rule.is_for(event.text(TextField::Tenant)) {
        return false;
    }
    let time_us = event.time_us();
    let early = rule.valid_from_us.is_some_and(|from_us| time_us < from_us);
    !early && rule.valid_until_us.is_none_or(|until_us| time_us < until_us)
}

/// Whether a rule that looks at an event fires, where this is what its condition came to.
#[inline]
pub fn fires_where(rule: &Rule, truth: Option<bool>, event: &Event) -> bool {
    truth.unwrap_or(rule.on_unknown == OnUnknown::Fires)
        && rule.rollout.is_none_or(|rollout| share::holds(rollout, &rule.id, event))
}

/// Takes the rules that must not act out of `fired`: those tripped, then those overridden by what is left.
pub(super) fn set_aside(rules: &RuleSet, decision: &mut Decision) {
    let Decision { fired, overridden, tripped, .. } = decision;
    if !tripped.is_empty() {
        fired.retain(|at| tripped.binary_search(at).is_err());
    }
    for &at in fired.iter() {
        let overrides = &rules.rules[usize::from(at)].overrides;
        overridden.extend(overrides.iter().filter(|at| fired.binary_search(at).is_ok()));
    }
    if !overridden.is_empty() {
        overridden.sort_unstable();
        overridden.dedup();
        fired.retain(|at| overridden.binary_search(at).is_err());
    }
}

/// What the rules that act ask for, before a control group and a dialogue with the customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Demands {
    /// What mandatory rules demand.
    law: Outcome,
    /// What the others ask for, their scores included.
    risk: Outcome,
    /// A person should look.
    alert: bool,
    score: i64,
    /// The score alone asks for a step-up.
    by_score: bool,
}

impl Demands {
    /// Of these rules, by their positions in the rule set.
    fn of(rules: &RuleSet, acting: impl Iterator<Item = u16>) -> Self {
        let mut all = Self::default();
        for rule in acting.filter_map(|at| rules.rules.get(usize::from(at))) {
            all.score += rule.score;
            match rule.then {
                Some(Action::Outcome(outcome)) => {
                    let side = if rule.tier == Tier::Mandatory { &mut all.law } else { &mut all.risk };
                    *side = outcome.max(*side);
                }
                Some(Action::Alert) => all.alert = true,
                None => {}
            }
        }
        let reached = |bound: Option<i64>| bound.is_some_and(|bound| all.score >= bound);
        let (by_score, blocks) = (reached(rules.policy.step_up_at), reached(rules.policy.block_at));
        all.by_score = by_score;
        if by_score {
            all.risk = all.risk.max(Outcome::StepUp);
        }
        if blocks {
            all.risk = Outcome::Block;
        }
        all
    }

    /// The stronger of both.
    fn outcome(&self) -> Outcome {
        self.law.max(self.risk)
    }

    /// Whether there is anything for a control group to withhold: of two step-ups, what is required beyond the law.
    fn beyond_law(&self) -> bool {
        self.risk > self.law || (self.risk, self.law) == (Outcome::StepUp, Outcome::StepUp)
    }
}

/// Whether what normal rules ask for of a payment is withheld.
pub(super) fn is_in_control(rules: &RuleSet, event: &Event) -> bool {
    rules.control.is_some_and(|control| {
        event.amount().is_some_and(|amount| amount.minor <= control.amount_minor_max)
            && share::holds(control.share, CONTROL, event)
    })
}

/// The outcome, from the rules that act. `in_control` is asked where there is anything to be withheld.
pub(super) fn conclude(rules: &RuleSet, in_control: impl FnOnce() -> bool, decision: &mut Decision) {
    let mut demands = Demands::of(rules, decision.fired.iter().copied());
    (decision.score, decision.alert) = (demands.score, demands.alert);
    if demands.beyond_law()
        && let Some(control) = rules.control
        && in_control()
    {
        decision.withheld = Some(Withheld { outcome: demands.risk, ppm: control.share.ppm });
        demands.risk = Outcome::Allow;
    }
    decision.outcome = demands.outcome();
    if decision.outcome == Outcome::StepUp {
        require(rules, demands.by_score, decision);
    }
}

/// Whether a decided payment is one that the control group stands for: it is not in the group, and what normal rules asked for
/// would have been withheld, had its key been drawn.
pub fn is_stood_for(rules: &RuleSet, event: &Event, decision: &Decision) -> bool {
    let paid_minor = || event.amount().map(|amount| amount.minor);
    let minor = decision.converted.map(|converted| converted.minor).or_else(paid_minor);
    decision.withheld.is_none()
        && Demands::of(rules, decision.fired.iter().copied()).beyond_law()
        && rules.control.is_some_and(|control| {
            let everybody = Share { ppm: share::WHOLE_PPM, ..control.share };
            control.share.ppm > 0
                && minor.is_some_and(|minor| minor <= control.amount_minor_max)
                && share::holds(everybody, CONTROL, event)
        })
}

/// Joins the requirements of all rules that ask for a step-up, and the policy's where one has none of its own;
/// where the control group withheld the others', those of the mandatory ones alone.
fn require(rules: &RuleSet, by_score: bool, decision: &mut Decision) {
    let withheld = decision.withheld.is_some();
    let mut policy = by_score && !withheld;
    for &at in &decision.fired {
        let rule = &rules.rules[usize::from(at)];
        let asks = rule.then == Some(Action::Outcome(Outcome::StepUp));
        if asks && (rule.tier == Tier::Mandatory || !withheld) {
            policy |= rule.auth.is_empty();
            rule.auth.iter().for_each(|&methods| decision.requirement.join(methods));
        }
    }
    if policy {
        rules.policy.auth.iter().for_each(|&methods| decision.requirement.join(methods));
    }
}
