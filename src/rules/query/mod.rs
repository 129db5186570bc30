//! A rule set as one SQL query over a table of events.
//!
//! Promises that on a stream in order, without repeats and reversals, the query gives the engine's features and the
//! rules whose conditions hold, row by row; what it cannot say is refused by name. Must never know a file or an
//! engine that runs it.

mod dialect;
mod features;
mod range;
mod scope;
mod tables;
mod text;
mod values;

use std::collections::BTreeMap;

use thiserror::Error;

use super::problem::{Problems, Refused};
use super::ruleset::{Mode, OnUnknown, RuleSet};
use super::{Parts, Sources, read};
pub use dialect::Dialect;
use features::Features;
pub use scope::{OutOfScope, Reason, Subject};
use text::{PrintedFeature, PrintedRule, Script};
use values::Printer;

/// What to do about features and rules that SQL cannot say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// The whole rule set is refused.
    #[default]
    Refuse,
    /// They are left out, and named at the head of the query.
    LeaveOut,
}

/// A rule set as SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The name of the rule set.
    pub name: String,
    /// The text of the query.
    pub text: String,
    /// What it leaves out.
    pub left_out: Vec<OutOfScope>,
}

/// Why there is no query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The rule file has errors.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It says what SQL cannot.
    #[error("{}", scope::lines(.0))]
    OutOfScope(Vec<OutOfScope>),
}

/// Writes a rule file that extends no other as one query; `source_name` is what its errors call it.
pub fn query(
    source_name: &str,
    text: &str,
    dialect: Dialect,
    unsupported: Unsupported,
) -> Result<Query, QueryError> {
    query_sources(&Sources::alone(source_name, text), dialect, unsupported)
}

/// Writes a rule file with all that it extends as one query.
pub fn query_sources(
    sources: &Sources,
    dialect: Dialect,
    unsupported: Unsupported,
) -> Result<Query, QueryError> {
    let mut problems = Problems::default();
    let query = read(sources, &mut problems, |set, parts, _| print(&set, parts, dialect));
    let Some(query) = query.filter(|_| !problems.any_error()) else {
        return Err(Refused::new(sources, &problems.into_sorted()).into());
    };
    match unsupported {
        Unsupported::Refuse if !query.left_out.is_empty() => Err(QueryError::OutOfScope(query.left_out)),
        _ => Ok(query),
    }
}

fn print(set: &RuleSet, parts: &Parts<'_>, dialect: Dialect) -> Query {
    let mut left_out = scope::check(set, parts);
    let printer =
        &mut Printer { dialect, set, columns: BTreeMap::new(), clocks: BTreeMap::new(), failed: None };
    for (name, ty) in [("id", "VARCHAR"), ("kind", "VARCHAR"), ("tenant", "VARCHAR"), ("time_us", "BIGINT")] {
        printer.field(name, ty);
    }
    let out = |left_out: &[OutOfScope], subject: &Subject| left_out.iter().any(|o| o.subject == *subject);
    let mut features = Features { printer, legs: Vec::new() };
    let mut printed_features = Vec::new();
    for declared in &parts.features {
        let subject = Subject::Feature(declared.feature.name.clone());
        if out(&left_out, &subject) {
            continue;
        }
        let condition = declared.condition.as_ref().map(|condition| &condition.tree);
        let windowed = features.feature(&declared.feature, condition);
        if let Some(reason) = features.printer.failed.take() {
            left_out.push(OutOfScope { subject, reason });
            continue;
        }
        printed_features.push(PrintedFeature { name: declared.feature.name.clone(), windowed });
    }
    let Features { printer, legs } = features;
    let printed_tables = tables::print(printer, parts, &mut left_out);
    let mut printed_rules = Vec::new();
    for declared in &parts.rules {
        let rule = &declared.rule;
        let subject = Subject::Rule(rule.id.clone());
        if rule.mode == Mode::Off || out(&left_out, &subject) {
            continue;
        }
        if let Some(apart) = scope::reads(subject.clone(), (&rule.reads, &rule.tables), set, &left_out) {
            left_out.push(apart);
            continue;
        }
        let holds = printer.truth(&declared.condition.tree);
        if let Some(reason) = printer.failed.take() {
            left_out.push(OutOfScope { subject, reason });
            continue;
        }
        let unknown = if rule.on_unknown == OnUnknown::Fires { "TRUE" } else { "FALSE" };
        printed_rules.push(PrintedRule {
            id: rule.id.clone(),
            fires: format!("COALESCE({holds}, {unknown})"),
            score: rule.score,
            acts: rule.mode == Mode::Live,
        });
    }
    let script = Script {
        printer,
        legs: &legs,
        features: &printed_features,
        tables: &printed_tables,
        rules: &printed_rules,
        left_out: &left_out,
    };
    Query { name: set.name.clone(), text: script.write(), left_out }
}
