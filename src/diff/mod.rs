//! What changed between two rule sets, and which decisions that changes.
//!
//! Promises that what makes no difference to a decision or its record is no change. Must never know a file; what it
//! finds can be written as text, as Markdown and (through serde) as JSON.

mod decisions;
mod parts;
mod render;
mod report;

pub use decisions::{Cell, ChangedDecision, DecisionDiff, Decisions, RuleShift};
pub use render::{markdown, text};
pub use report::{Block, Column, Report, report};

use serde::Serialize;

use crate::rules::{Description, RuleSet};

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// `[ruleset]`
    Setting,
    /// `[policy]`
    Policy,
    /// An extra field.
    Field,
    /// A parameter.
    Parameter,
    /// A feature.
    Feature,
    /// A list.
    List,
    /// A decision table.
    Table,
    /// A rule.
    Rule,
}

impl Subject {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Policy => "policy",
            Self::Field => "field",
            Self::Parameter => "parameter",
            Self::Feature => "feature",
            Self::List => "list",
            Self::Table => "table",
            Self::Rule => "rule",
        }
    }
}

/// What happened to a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
}

impl Event {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One thing said otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detail {
    /// The key in the rule file.
    pub key: String,
    /// What was said, if anything.
    pub old: Option<String>,
    /// What is said now, if anything.
    pub new: Option<String>,
    /// By how much, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is about.
    pub subject: Subject,
    /// Its name or id.
    pub name: String,
    /// What happened to it.
    pub event: Event,
    /// What is said otherwise.
    pub details: Vec<Detail>,
    /// The features that this reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// The tables that this reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// The rules that this reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
}

/// What changed from one rule set to another, in the order of a rule file.
pub fn changes(old: (&RuleSet, &Description), new: (&RuleSet, &Description)) -> Vec<Change> {
    parts::changes(old, new)
}
