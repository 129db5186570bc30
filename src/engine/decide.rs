//! From facts to a decision: rules, then the policy, then the outcome.

use crate::decision::{Decision, Outcome};
use crate::rules::{Action, Facts, OnUnknown, RuleSet};

/// Decides; `decision` is cleared first. `record_all` records every feature instead of those that fired rules read.
pub(crate) fn decide(
    rules: &RuleSet,
    facts: &Facts<'_>,
    record_all: bool,
    wanted: &mut Vec<u64>,
    decision: &mut Decision,
) {
    decision.clear();
    for (at, rule) in rules.rules.iter().enumerate() {
        let fires = rule.when.holds(facts).unwrap_or(rule.on_unknown == OnUnknown::Fires);
        if !fires {
            continue;
        }
        decision.fired.push(at as u16);
        decision.score += rule.score;
        match rule.then {
            Some(Action::Outcome(outcome)) => decision.outcome = decision.outcome.max(outcome),
            Some(Action::Alert) => decision.alert = true,
            None => {}
        }
    }
    let reached = |bound: Option<i64>| bound.is_some_and(|bound| decision.score >= bound);
    let (step_up, block) = (reached(rules.policy.step_up_at), reached(rules.policy.block_at));
    if step_up {
        decision.outcome = decision.outcome.max(Outcome::StepUp);
    }
    if block {
        decision.outcome = Outcome::Block;
    }
    if decision.outcome == Outcome::StepUp {
        require(rules, step_up, decision);
    }
    record(rules, facts, record_all, wanted, decision);
}

/// Joins the requirements of all rules that ask for a step-up, and the policy's where one has none of its own.
fn require(rules: &RuleSet, by_score: bool, decision: &mut Decision) {
    let mut policy = by_score;
    for &at in &decision.fired {
        let rule = &rules.rules[usize::from(at)];
        if rule.then == Some(Action::Outcome(Outcome::StepUp)) {
            policy |= rule.auth.is_empty();
            rule.auth.iter().for_each(|&methods| decision.requirement.join(methods));
        }
    }
    if policy {
        rules.policy.auth.iter().for_each(|&methods| decision.requirement.join(methods));
    }
}

fn record(rules: &RuleSet, facts: &Facts<'_>, all: bool, wanted: &mut Vec<u64>, decision: &mut Decision) {
    if decision.fired.is_empty() && !all {
        return;
    }
    wanted.clear();
    wanted.resize(facts.features.len().div_ceil(64), if all { u64::MAX } else { 0 });
    for &at in &decision.fired {
        for &feature in &rules.rules[usize::from(at)].reads {
            wanted[usize::from(feature) / 64] |= 1 << (feature % 64);
        }
    }
    for (at, reading) in facts.features.iter().enumerate() {
        if wanted[at / 64] >> (at % 64) & 1 == 1 {
            decision.features.push((at as u16, *reading));
        }
    }
}
