//! A condition as an indented tree of lines, each with its truth.

use super::numbers::Style;
use crate::rules::{Finding, Form};

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The truth of what the line says: outer `None` where it is no truth value, inner where it is unknown.
    pub truth: Option<Option<bool>>,
    /// The branches of the tree before the text.
    pub branches: String,
    /// What it says.
    pub text: String,
}

/// The lines of a condition, from the outside in.
pub fn lines(finding: &Finding, style: &Style) -> Vec<Line> {
    let mut lines = Vec::new();
    add(finding, style, String::new(), String::new(), &mut lines);
    lines
}

fn add(finding: &Finding, style: &Style, first: String, rest: String, lines: &mut Vec<Line>) {
    let truth = finding.truth.then(|| finding.truth());
    lines.push(Line { truth, branches: first, text: said(finding, style) });
    let all = style.connective(&finding.form).is_some() && !is_plain_not(finding);
    let shown: Vec<&Finding> = finding.parts.iter().filter(|part| all || !part.is_leaf()).collect();
    for (at, part) in shown.iter().enumerate() {
        let last = at + 1 == shown.len();
        let branch = if last { "└─ " } else { "├─ " };
        let below = if last { "   " } else { "│  " };
        add(part, style, format!("{rest}{branch}"), format!("{rest}{below}"), lines);
    }
}

/// Whether it is `not` before a name, which needs no line of its own.
fn is_plain_not(finding: &Finding) -> bool {
    finding.form == Form::Not && finding.parts.iter().all(Finding::is_leaf)
}

fn said(finding: &Finding, style: &Style) -> String {
    let mut said = finding.text.split_whitespace().collect::<Vec<_>>().join(" ");
    match style.connective(&finding.form) {
        Some(not) if is_plain_not(finding) => {
            let truth = finding.parts.first().and_then(Finding::truth);
            said += &format!(" → {not} {}", style.truth(truth));
        }
        Some(connective) => return connective.to_owned(),
        None => {}
    }
    match style.put_in(finding) {
        Some(put_in) if finding.truth => said += &format!(" → {put_in}"),
        Some(put_in) => said += &format!(" → {put_in} = {}", style.value(finding)),
        None if !finding.truth => said += &format!(" → {}", style.value(finding)),
        None => {}
    }
    let notes = style.notes(finding);
    if notes.is_empty() { said } else { format!("{said} ({})", notes.join("; ")) }
}
