//! What a query can say, and by name what it cannot.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::rules::Parts;
use crate::rules::names::listed;
use crate::rules::ruleset::{Counts, Mode, Rule, RuleSet};

/// A feature or rule that a query cannot say, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{subject}: {reason}")]
pub struct OutOfScope {
    /// Which.
    pub subject: Subject,
    /// Why.
    pub reason: Reason,
}

/// A part of a rule set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The feature of this name.
    Feature(String),
    /// The rule of this id.
    Rule(String),
    /// The extra field of this name.
    Field(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(name) => write!(f, "feature `{name}`"),
            Self::Rule(id) => write!(f, "rule `{id}`"),
            Self::Field(name) => write!(f, "field `{name}`"),
        }
    }
}

/// Why a query cannot say it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// What was allowed depends on decisions, and those on features.
    #[error(
        "it counts what was allowed, which depends on decisions; write `counts = \"asked\"` if all that asked should count"
    )]
    CountsAllowed,
    /// It reads what is out of scope itself.
    #[error("it reads {}, which the query cannot say", listed(&.0.iter().map(String::as_str).collect::<Vec<_>>(), "and"))]
    Reads(Vec<String>),
    /// Its name is that of a column which the query makes.
    #[error("the query makes a column `{0}` of its own; choose another name")]
    NameTaken(String),
    /// DuckDB takes names that differ in capitals only for one.
    #[error("rule `{0}` has the same id but for capitals, and columns would have one name")]
    SameBesidesCase(String),
    /// Its guarded expressions are too deep in each other.
    #[error(
        "its arithmetic on decimal numbers is too deep to be guarded against overflow in a query of sane length"
    )]
    TooLong,
}

/// One line each.
pub(super) fn lines(found: &[OutOfScope]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The column that says whether a rule fires.
pub(super) fn rule_column(id: &str) -> String {
    format!("rule_{id}")
}

/// All that is out of scope.
pub(super) fn check(set: &RuleSet, parts: &Parts<'_>) -> Vec<OutOfScope> {
    let mut found = Vec::new();
    let mut columns: BTreeMap<String, &str> = BTreeMap::new();
    let on = || parts.rules.iter().map(|declared| &declared.rule).filter(|rule| rule.mode != Mode::Off);
    for rule in on() {
        if let Some(first) = columns.insert(rule_column(&rule.id).to_lowercase(), &rule.id) {
            let reason = Reason::SameBesidesCase(first.to_owned());
            found.push(OutOfScope { subject: Subject::Rule(rule.id.clone()), reason });
        }
    }
    let taken = |name: &str| {
        let ours = ["arrival", "fired", "score"].contains(&name) || columns.contains_key(name);
        ours.then(|| Reason::NameTaken(name.to_owned()))
    };
    for (name, _) in set.schema.fields() {
        found.extend(taken(name).map(|reason| OutOfScope { subject: Subject::Field(name.clone()), reason }));
    }
    for feature in parts.features.iter().map(|declared| &declared.feature) {
        let allowed = (feature.counts == Counts::Allowed).then_some(Reason::CountsAllowed);
        if let Some(reason) = allowed.or_else(|| taken(&feature.name)) {
            found.push(OutOfScope { subject: Subject::Feature(feature.name.clone()), reason });
        }
    }
    found
}

/// The features that a rule reads and that are out of scope.
pub(super) fn reads(rule: &Rule, set: &RuleSet, found: &[OutOfScope]) -> Option<OutOfScope> {
    let names = rule.reads.iter().filter_map(|&at| set.features.get(usize::from(at)));
    let names = names.map(|feature| feature.name.clone());
    let apart = |name: &String| found.iter().any(|out| out.subject == Subject::Feature(name.clone()));
    let reads: Vec<String> = names.filter(apart).collect();
    let subject = Subject::Rule(rule.id.clone());
    (!reads.is_empty()).then_some(OutOfScope { subject, reason: Reason::Reads(reads) })
}
