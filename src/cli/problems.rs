//! Problems of a rule file, shown as compilers do: the line, the place underlined, and what to do.
//!
//! Must never know what a problem means.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use weir::rules::{Problem, Severity};

/// Shows problems of the file `source_name` with this text; with terminal colours where `color`.
pub(crate) fn render(problems: &[Problem], source_name: &str, text: &str, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut shown = String::new();
    for problem in problems {
        shown.push_str(&renderer.render(&[group(problem, source_name, text)]));
        shown.push_str("\n\n");
    }
    shown
}

fn group<'a>(problem: &'a Problem, source_name: &'a str, text: &'a str) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let excerpt = Excerpt::of(problem, text);
    let place = AnnotationKind::Primary.span(excerpt.span).label(&problem.label);
    let snippet =
        Snippet::source(excerpt.lines).line_start(excerpt.first_line).path(source_name).annotation(place);
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
    /// The problem's place in `lines`.
    span: std::ops::Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn of(problem: &Problem, text: &'a str) -> Self {
        let (before, rest) = text.split_at_checked(problem.span.start).unwrap_or((text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let length = problem.span.len().min(rest.len());
        let after = rest.get(length..).unwrap_or_default();
        let end = before.len() + length + after.find('\n').unwrap_or(after.len());
        let from = before.len() - start;
        Self {
            lines: text.get(start..end).unwrap_or_default(),
            first_line: before.matches('\n').count() + 1,
            span: from..from + length,
        }
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
