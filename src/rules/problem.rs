//! What is wrong with a rule file: plain data that points into its text.
//!
//! Must never know how a problem is shown.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use super::limits::PROBLEMS_MAX;
use super::sources::{Place, Sources};

/// Whether a rule file with this problem can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but says something else than was probably meant.
    Warning,
    /// It can, and leaves something open that it could say.
    Note,
}

impl Severity {
    /// The word for it in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Another place that a problem is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The bytes of the file.
    pub span: Range<usize>,
    /// What to write at the place.
    pub label: String,
}

/// One thing wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the file can be used nevertheless.
    pub severity: Severity,
    /// The bytes of the file that it is about.
    pub span: Range<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to write at the place itself.
    pub label: String,
    /// The other place of a problem that lies between two.
    pub beside: Option<Beside>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn error(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        let (message, label) = (message.into(), label.into());
        Self { severity: Severity::Error, span, message, label, beside: None, help: None }
    }

    pub(super) fn warning(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message, label) }
    }

    pub(super) fn note(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(span, message, label) }
    }

    pub(super) fn beside(self, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { beside: Some(Beside { span, label: label.into() }), ..self }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help: help.or(self.help), ..self }
    }
}

/// The problems found so far, bounded.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    /// How many there were, by severity.
    counts: [usize; 3],
}

impl Problems {
    /// Takes a problem, or forgets it beyond the bound.
    pub(super) fn push(&mut self, problem: Problem) {
        let count = &mut self.counts[problem.severity as usize];
        *count += 1;
        if *count <= PROBLEMS_MAX {
            self.found.push(problem);
        }
    }

    /// Whether the file cannot be used.
    pub(super) fn any_error(&self) -> bool {
        self.counts[Severity::Error as usize] > 0
    }

    /// Whether there is no point in looking for more.
    pub(super) fn full(&self) -> bool {
        self.is_full(Severity::Error)
    }

    /// Whether no more problems of this severity are taken.
    pub(super) fn is_full(&self, severity: Severity) -> bool {
        self.counts[severity as usize] > PROBLEMS_MAX
    }

    /// All of them, in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.span.start, problem.span.end, problem.severity));
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            if self.counts[severity as usize] > PROBLEMS_MAX
                && let Some(last) = self.found.iter_mut().rfind(|problem| problem.severity == severity)
            {
                last.help =
                    Some(format!("there are more than {PROBLEMS_MAX} like this; the others are not shown"));
            }
        }
        self.found
    }
}

/// A rule file that cannot be used, for callers that want one line per error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Refused {
    /// `source:line:column: message` for each error, in the order of the file.
    pub lines: Vec<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl Refused {
    pub(super) fn new(sources: &Sources, problems: &[Problem]) -> Self {
        let line = |problem: &Problem| {
            let Place { file, line, column, .. } = sources.place(problem.span.start);
            let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{file}:{line}:{column}: {}{help}", problem.message)
        };
        Self { lines: problems.iter().filter(|p| p.severity == Severity::Error).map(line).collect() }
    }
}
