//! A report as text for a terminal, or as Markdown for a pull request.

use super::Block;
use super::report::Column;

/// Plain text, tables in columns.
pub fn text(report: &[Block]) -> String {
    let mut out = String::new();
    for block in report {
        match block {
            Block::Title(title) if out.is_empty() => out += &format!("{title}\n"),
            Block::Title(title) => out += &format!("\n{title}\n"),
            Block::Words(words) => out += &format!("  {words}\n"),
            Block::Items(items) => {
                for (head, lines) in items {
                    out += &format!("  {}\n", head.replace('`', ""));
                    lines.iter().for_each(|line| out += &format!("    {}\n", line.replace('`', "")));
                }
            }
            Block::Table { caption, head, rows, .. } => {
                out += &format!("\n{caption}\n");
                let names: Vec<String> = head.iter().map(|column| column.name.clone()).collect();
                let all = || std::iter::once(&names).chain(rows);
                let width = |column: usize| {
                    all()
                        .filter_map(|row| row.get(column))
                        .map(|cell| cell.chars().count())
                        .max()
                        .unwrap_or(0)
                };
                let widths: Vec<usize> = (0..head.len()).map(width).collect();
                for row in all() {
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
                    out += &format!("- {}\n", escaped(head));
                    lines.iter().for_each(|line| out += &format!("  - {}\n", escaped(line)));
                }
                out.push('\n');
            }
            Block::Table { caption, folded, head, rows } => {
                let caption = escaped(caption);
                out += &if *folded {
                    format!("<details><summary>{caption}</summary>\n\n")
                } else {
                    format!("**{caption}**\n\n")
                };
                let names: Vec<String> = head.iter().map(|column| column.name.clone()).collect();
                out += &row(&names);
                let align = |column: &Column| if column.number { "--:" } else { "---" };
                out += &format!("| {} |\n", head.iter().map(align).collect::<Vec<_>>().join(" | "));
                rows.iter().for_each(|cells| out += &row(cells));
                out += if *folded { "\n</details>\n\n" } else { "\n" };
            }
        }
    }
    format!("{}\n", out.trim_end())
}

fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" | "))
}

/// What Markdown would take for its own, outside of code.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    for c in text.chars() {
        code ^= c == '`';
        if matches!(c, '|') || !code && matches!(c, '*' | '_' | '<' | '>' | '[' | ']' | '~' | '\\' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
