//! What `weir check` found, as one JSON document. Its form is promised in `weir check --help`.

use std::ops::Range;

use serde::Serialize;
use weir::rules::{Problem, RuleSet, Severity, Sources};

use super::feature_table::{Row, rows};
use super::problems::place;
use super::rule_file::{self, RuleFile};

#[derive(Serialize)]
struct Document<'a> {
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    file: &'a str,
    errors: usize,
    warnings: usize,
    notes: usize,
    lists: Option<&'a str>,
    problems: Vec<Told<'a>>,
    rule_set: Option<Summary<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    severity: &'static str,
    /// The file, where it is another one than was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    message: &'a str,
    label: &'a str,
    help: Option<&'a str>,
    start: Place,
    end: Place,
    beside: Option<Other<'a>>,
}

#[derive(Serialize)]
struct Other<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    label: &'a str,
    start: Place,
    end: Place,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
    byte: usize,
}

#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    hash: String,
    rules: usize,
    features: Vec<Row<'a>>,
}

/// The document of all files.
pub(super) fn document(files: &[RuleFile]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Document { files: files.iter().map(file).collect() })
}

fn file(file: &RuleFile) -> File<'_> {
    File {
        file: &file.name,
        errors: file.count(Severity::Error),
        warnings: file.count(Severity::Warning),
        notes: file.count(Severity::Note),
        lists: file.lists_error.as_deref(),
        problems: file.checked.problems.iter().map(|problem| told(problem, &file.sources)).collect(),
        rule_set: file.checked.rule_set.as_ref().map(summary),
    }
}

fn told<'a>(problem: &'a Problem, sources: &'a Sources) -> Told<'a> {
    let (start, end) = places(sources, &problem.span);
    let beside = problem.beside.as_ref().map(|beside| {
        let (start, end) = places(sources, &beside.span);
        Other { file: other(sources, &beside.span), label: &beside.label, start, end }
    });
    Told {
        file: other(sources, &problem.span),
        severity: problem.severity.name(),
        message: &problem.message,
        label: &problem.label,
        help: problem.help.as_deref(),
        start,
        end,
        beside,
    }
}

/// The name of a file that is extended.
fn other<'a>(sources: &'a Sources, span: &Range<usize>) -> Option<&'a str> {
    let file = sources.file_at(span.start);
    (file.start > 0).then_some(file.name)
}

fn places(sources: &Sources, span: &Range<usize>) -> (Place, Place) {
    let file = sources.file_at(span.start);
    let at = |byte: usize| {
        let byte = byte.saturating_sub(file.start);
        let (line, column) = place(file.text, byte);
        Place { line, column, byte }
    };
    (at(span.start), at(span.end))
}

fn summary(rules: &RuleSet) -> Summary<'_> {
    Summary {
        name: &rules.name,
        hash: rule_file::hash(rules),
        rules: rules.rules.len(),
        features: rows(rules),
    }
}
