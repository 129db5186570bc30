//! An explanation as text for people: what was decided, then every rule as an indented tree.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Paint};

use crate::explain::{Explanation, Fate, Line, Style, heading, lines, records, table_title, title};

/// How an explanation is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Show {
    /// With what each rule's record needs, instead of its reason alone.
    pub for_auditor: bool,
    /// With colours, as terminals take them.
    pub painted: bool,
}

impl Show {
    fn paint(self, paint: Paint) -> Paint {
        if self.painted { paint } else { Paint::new() }
    }
}

/// Writes an explanation as text, and an empty line.
pub fn write_explanation_text(
    explanation: &Explanation,
    style: &Style,
    show: Show,
    out: &mut impl Write,
) -> io::Result<()> {
    let bold = show.paint(Paint::new().bold());
    let heading = heading(explanation, style);
    writeln!(out, "{}: {bold}{}{bold:#}", heading.payment, heading.outcome)?;
    for detail in &heading.details {
        writeln!(out, "  {detail}")?;
    }
    for rule in &explanation.rules {
        let quiet = show.paint(Paint::new().dimmed());
        let paint = if rule.fate == Fate::Acted { bold } else { quiet };
        writeln!(out, "\n{paint}{}{paint:#}", title(rule, style))?;
        let language = style.language().code();
        let reason = rule.reason.iter().find(|(held, _)| held == language).or(rule.reason.first());
        match reason {
            _ if show.for_auditor => {
                records(rule, style).iter().try_for_each(|line| writeln!(out, "  {line}"))?;
            }
            Some((_, reason)) => writeln!(out, "  {reason}")?,
            None => {}
        }
        write_lines(&lines(&rule.condition, style), style, show, out)?;
    }
    for table in &explanation.tables {
        writeln!(out, "\n{}", table_title(table, style))?;
        for row in &table.looked_at {
            write_lines(&lines(row, style), style, show, out)?;
        }
    }
    writeln!(out)
}

fn write_lines(lines: &[Line], style: &Style, show: Show, out: &mut impl Write) -> io::Result<()> {
    let truths = [Some(true), Some(false), None].map(|truth| style.truth(truth));
    let width = truths.iter().map(|truth| truth.chars().count()).max().unwrap_or(0);
    for line in lines {
        let color = match line.truth {
            Some(Some(true)) => AnsiColor::Green,
            Some(Some(false)) => AnsiColor::Red,
            Some(None) => AnsiColor::Yellow,
            None => AnsiColor::White,
        };
        let paint = show.paint(Paint::new().fg_color(Some(color.into())));
        let truth = line.truth.map_or("", |truth| style.truth(truth));
        writeln!(out, "  {paint}{truth:width$}{paint:#}  {}{}", line.branches, line.text)?;
    }
    Ok(())
}
