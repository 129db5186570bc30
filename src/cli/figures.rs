//! Tables of figures on a terminal.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use weir::backtest::told::clean;

use super::picture::Bar;

pub(super) const HEAD: Style = Style::new().bold();
pub(super) const SOFT: Style = Style::new().dimmed();
pub(super) const WARNING: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
/// Letters of a name shown at most.
const NAME_MAX: usize = 28;

/// A line of a table: its name, its cells, and how long a bar stands behind it.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
    pub(super) bar: Option<f64>,
}

/// A name from outside, cut to what has place.
pub(super) fn name(text: &str) -> String {
    cut(text, NAME_MAX)
}

/// Text from outside, cut to so many letters.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = clean(text).replace(['\n', '\t'], " ");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Lines under heads: names to the left, cells to the right.
pub(super) fn table(title: &str, heads: &[&str], lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    let names = lines.iter().map(|line| line.name.chars().count() + 2);
    let first = names.chain([title.chars().count()]).max().unwrap_or(0);
    let width = |(at, head): (usize, &&str)| {
        let cells = lines.iter().filter_map(|line| line.cells.get(at));
        cells.map(String::as_str).chain([*head]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = heads.iter().enumerate().map(width).collect();
    write!(out, "{HEAD}{title:<first$}{HEAD:#}")?;
    for (head, width) in heads.iter().zip(&widths) {
        write!(out, "  {SOFT}{head:>width$}{SOFT:#}")?;
    }
    writeln!(out)?;
    for line in lines {
        write!(out, "{:<first$}", format!("  {}", line.name))?;
        for (cell, width) in line.cells.iter().zip(&widths) {
            write!(out, "  {cell:>width$}")?;
        }
        match line.bar {
            Some(share) => writeln!(out, "  {}", Bar { share, color: AnsiColor::Blue })?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}
