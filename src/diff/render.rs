//! A report as text for a terminal, or as Markdown for a pull request.

use super::Block;
use super::report::{Column, Line, Segment};

/// Plain text, tables in columns.
pub fn text(report: &[Block]) -> String {
    let mut out = String::new();
    for block in report {
        match block {
            Block::Title(title) if out.is_empty() => out += &format!("{}\n", one_line(title)),
            Block::Title(title) => out += &format!("\n{}\n", one_line(title)),
            Block::Words(words) => out += &format!("  {}\n", one_line(words)),
            Block::Items(items) => {
                for (head, lines) in items {
                    out += &format!("  {}\n", unmarked(head));
                    lines.iter().for_each(|line| out += &format!("    {}\n", unmarked(line)));
                }
            }
            Block::Table { caption, head, rows, .. } => {
                out += &format!("\n{caption}\n");
                let names: Vec<String> = head.iter().map(|column| column.name.clone()).collect();
                let cells = |row: &Vec<Line>| row.iter().map(unmarked).collect();
                let all: Vec<Vec<String>> = std::iter::once(names).chain(rows.iter().map(cells)).collect();
                let width = |column: usize| {
                    all.iter()
                        .filter_map(|row| row.get(column))
                        .map(|cell| cell.chars().count())
                        .max()
                        .unwrap_or(0)
                };
                let widths: Vec<usize> = (0..head.len()).map(width).collect();
                for row in &all {
                    let mut line = String::from(" ");
                    for ((cell, column), width) in row.iter().zip(head).zip(&widths) {
                        line += &if column.number {
                            format!(" {cell:>width$} ")
                        } else {
                            format!(" {cell:<width$} ")
                        };
                    }
                    out += &format!("{}\n", line.trim_end());
                }
            }
        }
    }
    out
}

/// GitHub's Markdown; tables that may be long are folded.
pub fn markdown(report: &[Block]) -> String {
    let mut out = String::new();
    for block in report {
        match block {
            Block::Title(title) => out += &format!("### {}\n\n", escaped(title)),
            Block::Words(words) => out += &format!("{}\n\n", escaped(words)),
            Block::Items(items) => {
                for (head, lines) in items {
                    out += &format!("- {}\n", marked(head));
                    lines.iter().for_each(|line| out += &format!("  - {}\n", marked(line)));
                }
                out.push('\n');
            }
            Block::Table { caption, folded, head, rows } => {
                // Within <summary> nothing is escaped: a caption is of our own making.
                out += &if *folded {
                    format!("<details><summary>{caption}</summary>\n\n")
                } else {
                    format!("**{caption}**\n\n")
                };
                out += &row(head.iter().map(|column| escaped(&column.name)));
                let align = |column: &Column| if column.number { "--:" } else { "---" };
                out += &format!("| {} |\n", head.iter().map(align).collect::<Vec<_>>().join(" | "));
                for cells in rows {
                    out += &row(cells.iter().map(marked_in_cell));
                }
                out += if *folded { "\n</details>\n\n" } else { "\n" };
            }
        }
    }
    format!("{}\n", out.trim_end())
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// A line as plain text.
fn unmarked(line: &Line) -> String {
    let text = |segment: &Segment| match segment {
        Segment::Plain(text) | Segment::Code(text) => one_line(text),
    };
    line.iter().map(text).collect()
}

/// A line as Markdown.
fn marked(line: &Line) -> String {
    let text = |segment: &Segment| match segment {
        Segment::Plain(text) => escaped(text),
        Segment::Code(text) => fenced(text),
    };
    line.iter().map(text).collect()
}

/// A line in a cell of a table, which ends at a bar even within code.
fn marked_in_cell(line: &Line) -> String {
    let text = |segment: &Segment| match segment {
        Segment::Plain(text) => escaped(text),
        Segment::Code(text) => fenced(text).replace('|', "\\|"),
    };
    line.iter().map(text).collect()
}

/// Line breaks and other control characters as spaces.
fn one_line(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// Code between more backticks than it has in a row itself.
fn fenced(code: &str) -> String {
    let code = one_line(code);
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let edge = |c: char| matches!(c, '`' | ' ');
    // Markdown takes one space off either end.
    let space = if code.is_empty() || code.starts_with(edge) || code.ends_with(edge) { " " } else { "" };
    format!("{fence}{space}{code}{space}{fence}")
}

/// What Markdown would take for its own, outside of code.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            // GitHub looks for mentions and issues after the escapes are gone: a space of no width parts them.
            '@' | '#' => out.extend(['\\', c].into_iter().chain("&#8203;".chars())),
            '|' | '<' | '>' | '&' | '*' | '_' | '[' | ']' | '`' | '\\' | '~' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_does_not_break_out_of_markdown() {
        let said = "a `tick`\n<img src=x> | @all \\|";
        let plain = vec![Segment::Plain(said.to_owned())];
        let code = vec![Segment::Code(said.to_owned())];
        assert_eq!(marked(&plain), r"a \`tick\` \<img src=x\> \| \@&#8203;all \\\|");
        assert_eq!(marked(&code), r"``a `tick` <img src=x> | @all \|``");
        assert_eq!(marked_in_cell(&code), r"``a `tick` <img src=x> \| @all \\|``");
        assert_eq!(unmarked(&code), r"a `tick` <img src=x> | @all \|");
        assert_eq!(fenced("`"), "`` ` ``");
    }
}
