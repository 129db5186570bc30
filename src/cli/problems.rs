//! Problems of a rule file, shown as compilers do: the line, the place underlined, and what to do.
//!
//! Must never know what a problem means.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use weir::rules::{Beside, Place, Problem, Severity, SourceFile, Sources};

/// Shows errors and warnings of a file and those that it extends; with terminal colours where `color`.
pub(crate) fn render(problems: &[Problem], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut shown = String::new();
    for problem in problems.iter().filter(|problem| problem.severity != Severity::Note) {
        shown.push_str(&renderer.render(&[group(problem, sources)]));
        shown.push_str("\n\n");
    }
    shown
}

/// Shows notes, a line each.
pub(crate) fn notes(problems: &[Problem], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let note = |problem: &Problem| {
        let Place { file, line, column, .. } = sources.place(problem.span.start);
        let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let told = format!("{file}:{line}:{column}: {}{help}", problem.message);
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

fn group<'a>(problem: &'a Problem, sources: &'a Sources) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let file = sources.file_at(problem.span.start);
    let near = |beside: &&Beside| sources.file_at(beside.span.start) == file;
    let (here, elsewhere) = (problem.beside.as_ref().filter(near), problem.beside.as_ref());
    let excerpt = Excerpt::of([Some(&problem.span), here.map(|beside| &beside.span)], file);
    let place = AnnotationKind::Primary.span(excerpt.within(&problem.span)).label(&problem.label);
    let beside =
        here.map(|beside| AnnotationKind::Context.span(excerpt.within(&beside.span)).label(&beside.label));
    let snippet = Snippet::source(excerpt.lines)
        .line_start(excerpt.first_line)
        .path(file.name)
        .annotation(place)
        .annotations(beside);
    let mut group = level.primary_title(&problem.message).element(snippet);
    if let Some(beside) = elsewhere.filter(|beside| !near(beside)) {
        let file = sources.file_at(beside.span.start);
        let excerpt = Excerpt::of([Some(&beside.span), None], file);
        let place = AnnotationKind::Context.span(excerpt.within(&beside.span)).label(&beside.label);
        let snippet = Snippet::source(excerpt.lines).line_start(excerpt.first_line).path(file.name);
        group = group.element(snippet.annotation(place));
    }
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// The lines that a problem is in, so that a long file is not laid out again for each problem.
struct Excerpt<'a> {
    lines: &'a str,
    first_line: usize,
    /// Where they start in all texts joined.
    start: usize,
}

impl<'a> Excerpt<'a> {
    /// The lines of a file that these places are in.
    fn of(spans: [Option<&Range<usize>>; 2], file: SourceFile<'a>) -> Self {
        let text = file.text;
        let own = |byte: usize| byte.saturating_sub(file.start).min(text.len());
        let first = spans.into_iter().flatten().map(|span| own(span.start)).min().unwrap_or(0);
        let last = spans.into_iter().flatten().map(|span| own(span.end)).max().unwrap_or(0).max(first);
        let before = text.get(..first).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let after = text.get(last..).unwrap_or_default();
        let end = last + after.find('\n').unwrap_or(after.len());
        let lines = text.get(start..end).unwrap_or_default();
        Self { lines, first_line: before.matches('\n').count() + 1, start: file.start + start }
    }

    /// A place in these lines.
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
        let sources = Sources::alone("t.toml", text);
        let shown = render(&sources.compile().problems, &sources, false);
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
        assert!(render(&sources.compile().problems, &sources, true).contains("\u{1b}["));
    }

    #[test]
    fn an_empty_file_and_its_end_can_be_shown() {
        for text in ["", "x = ", "x = \n", "[ruleset"] {
            let sources = Sources::alone("t.toml", text);
            assert!(render(&sources.compile().problems, &sources, false).contains("--> t.toml:"), "{text:?}");
        }
    }
}
