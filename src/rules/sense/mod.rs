//! Reasoning about conditions: what is always or never true, what a stronger rule makes needless, what null leaves open.
//!
//! Works on typed trees, with ranges of values in a bounded number of regions. Sound and incomplete: it misses much,
//! and what it tells holds of every event that can come. Must never know how a condition is evaluated.

/// Where a condition can have a truth value.
mod assume;
/// Always and never true.
mod constant;
/// What an expression may come to.
mod reason;
/// What is taken to hold.
mod region;
/// Rows of tables that are never reached.
mod rows;
/// Ranges in words.
mod show;
/// Rules of stronger tiers.
mod tiers;
/// What null leaves open.
mod unknown;
/// Sets of values.
mod values;
/// What can be known of each term beforehand.
mod world;

use super::problem::Problems;
use super::ruleset::{Kinds, OnUnknown, RuleSet};
use super::{Parts, Severity, vocabulary};
use constant::{Judge, Subject};
use reason::Reasoner;
use world::{Tuning, World};

/// Tells what can be found out about the conditions of a rule file.
pub(super) fn tell(set: &RuleSet, parts: &Parts<'_>, problems: &mut Problems) {
    let world = World::new(set, &parts.params, &parts.features, &parts.tables);
    let about = |kinds| Reasoner { world: &world, kinds, tuning: Tuning::Bounds, overflows: true };
    for declared in &parts.features {
        let (feature, name) = (&declared.feature, declared.name.text);
        let reset_from = feature.reset.as_ref().map_or(feature.from, |reset| reset.from);
        let fed =
            declared.condition.iter().map(|condition| (condition, feature.from, Subject::Feature(name)));
        let emptied = declared.reset.iter().map(|condition| (condition, reset_from, Subject::Reset(name)));
        for (condition, kinds, subject) in fed.chain(emptied) {
            vocabulary::check(condition, kinds, problems);
            Judge { reasoner: about(kinds), subject, condition, problems }.judge();
        }
    }
    let payments = about(Kinds::TRANSACTIONS);
    for declared in &parts.tables {
        for (at, condition) in declared.conditions.iter().enumerate() {
            vocabulary::check(condition, Kinds::TRANSACTIONS, problems);
            let subject = Subject::Row(declared.name.text, at + 1);
            Judge { reasoner: payments, subject, condition, problems }.judge();
        }
        rows::tell(&payments, declared, problems);
    }
    for declared in &parts.rules {
        let rule = &declared.rule;
        let kinds = Kinds::default().with(rule.from);
        vocabulary::check(&declared.condition, kinds, problems);
        let payments = about(kinds);
        let subject = Subject::Rule(&rule.id, rule.on_unknown == OnUnknown::Fires);
        let ever = Judge { reasoner: payments, subject, condition: &declared.condition, problems }.judge();
        if ever && !problems.is_full(Severity::Note) {
            unknown::tell(&Reasoner { overflows: false, ..payments }, declared, problems);
        }
    }
    tiers::tell(&payments, &parts.rules, &set.policy, problems);
}
