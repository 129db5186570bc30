//! Problems of a rule file, shown as compilers do: the line, the place underlined, and what to do.
//!
//! Must never know what a problem means.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use weir::rules::{Problem, Severity};

/// Shows errors and warnings of the file `source_name` with this text; with terminal colours where `color`.
pub(crate) fn render(problems: &[Problem], source_name: &str, text: &str, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut shown = String::new();
    for problem in problems.iter().filter(|problem| problem.severity != Severity::Note) {
        shown.push_str(&renderer.render(&[group(problem, source_name, text)]));
        shown.push_str("\n\n");
    }
    shown
}

/// Shows notes, a line each.
pub(crate) fn notes(problems: &[Problem], source_name: &str, text: &str, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let note = |problem: &Problem| {
        let (line, column) = place(text, problem.span.start);
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let told = format!("{source_name}:{line}:{column}: {}{help}", problem.message);
        renderer.render(&[Group::with_title(Level::NOTE.primary_title(told))]) + "\n"
    };
    problems.iter().filter(|problem| problem.severity == Severity::Note).map(note).collect()
}

/// Line and column of a byte, both from 1, the column in characters.
pub(crate) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn group<'a>(problem: &'a Problem, source_name: &'a str, text: &'a str) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let excerpt = Excerpt::of(problem, text);
    let place = AnnotationKind::Primary.span(excerpt.within(&problem.span)).label(&problem.label);
    let beside = problem
        .beside
        .as_ref()
        .map(|beside| AnnotationKind::Context.span(excerpt.within(&beside.span)).label(&beside.label));
    let snippet = Snippet::source(excerpt.lines)
        .line_start(excerpt.first_line)
        .path(source_name)
        .annotation(place)
        .annotations(beside);
    let group = level.primary_title(&problem.message).element(snippet);
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// The lines that a problem is in, so that a long file is not laid out again for each problem.
struct Excerpt<'a> {
    lines: &'a str,
    first_line: usize,
    /// Where they start in the file.
    start: usize,
}

impl<'a> Excerpt<'a> {
    fn of(problem: &Problem, text: &'a str) -> Self {
        let beside = problem.beside.as_ref().map_or(&problem.span, |beside| &beside.span);
        let first = problem.span.start.min(beside.start).min(text.len());
        let last = problem.span.end.max(beside.end).clamp(first, text.len());
        let before = text.get(..first).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let after = text.get(last..).unwrap_or_default();
        let end = last + after.find('\n').unwrap_or(after.len());
        let lines = text.get(start..end).unwrap_or_default();
        Self { lines, first_line: before.matches('\n').count() + 1, start }
    }

    /// A place of the file in these lines.
    fn within(&self, span: &Range<usize>) -> Range<usize> {
        let at = |byte: usize| byte.saturating_sub(self.start).min(self.lines.len());
        at(span.start)..at(span.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_underlined_and_the_line_numbered() {
        let text = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[[rule]]\nid = \"a\"\nwhen = \"đ = 1 and amuont > 5\"\nthen = \"block\"\n";
        let problems = weir::rules::compile("t.toml", text).problems;
        let shown = render(&problems, "t.toml", text, false);
        let expected = "\
error: unknown name `đ`
 --> t.toml:6:9
  |
6 | when = \"đ = 1 and amuont > 5\"
  |         ^ not a field, parameter, feature or table
  |
  = help: if it is text, write it in single quotes: 'đ'

error: unknown name `amuont`
 --> t.toml:6:19
  |
6 | when = \"đ = 1 and amuont > 5\"
  |                   ^^^^^^ not a field, parameter, feature or table
  |
  = help: did you mean `amount`?

";
        assert_eq!(shown, expected);
        assert!(render(&problems, "t.toml", text, true).contains("\u{1b}["));
    }

    #[test]
    fn an_empty_file_and_its_end_can_be_shown() {
        for text in ["", "x = ", "x = \n", "[ruleset"] {
            let problems = weir::rules::compile("t.toml", text).problems;
            assert!(render(&problems, "t.toml", text, false).contains("--> t.toml:"), "{text:?}");
        }
    }
}
