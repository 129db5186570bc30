//! Where it all comes from: data, rules, engine, and the command that gives it again.

use maud::{Markup, html};

use super::figure::{count, figure, name, time, wide};
use crate::backtest::report::{Counted, Data, DataFile, Report, RulesRun};
use crate::backtest::told::{self, Told};

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    html! {
        (again(&report.command, &report.weir, &report.engine))
        h3 { "Rules" }
        (rules(report))
        h3 { "Data set" }
        div data-at="data" { (data(&report.data, told)) }
    }
}

/// The command, and the versions of what it ran.
pub(super) fn again(command: &str, weir: &str, engine: &str) -> Markup {
    html! {
        h3 { "To get it again" }
        div.command {
            pre tabindex="0" { (told::clean(command)) }
            button type="button" hidden { "Copy" }
        }
        p.soft { "weir " (name(weir)) ", engine " (name(engine)) ". Equal data and equal rules give equal bytes." }
    }
}

fn rules(report: &Report) -> Markup {
    let row = |whose: &str, run: &RulesRun| {
        html! {
            tr {
                th.name scope="row" { (whose) }
                td.left { (name(&run.name)) }
                td.left { code { (name(&run.file)) } }
                td.left { code.hash { (name(&run.hash)) } }
            }
        }
    };
    let table = html! {
        table {
            caption { "Rule sets, by the SHA-256 of their canonical form" }
            thead { tr { td {} @for head in ["Name", "File", "SHA-256"] { th.left scope="col" { (head) } } } }
            tbody {
                (row("new", &report.rules))
                @if let Some(old) = &report.against { (row("old", old)) }
            }
        }
    };
    wide("Rule sets", &table)
}

/// A data set with its files, and what became of its rows.
pub(super) fn data(data: &Data, told: &Told) -> Markup {
    html! {
        dl.asked {
            div { dt { "Name" } dd { p { (name(&data.name)) } } }
            div { dt { "SHA-256" } dd { p { code.hash { (name(&data.sha256)) } } p.soft { "over its manifest and the bytes of its files" } } }
            div {
                dt { "Events" }
                dd {
                    p {
                        (count("events", data.events)) " read, from " (time(told, "first_us", data.first_us)) " to "
                        (time(told, "last_us", data.last_us)) "; " (count("repeated", data.repeated)) " came again"
                    }
                }
            }
            div {
                dt { "Written in" }
                dd {
                    p {
                        (name(&data.currency)) " with " (figure("decimals", data.decimals, &data.decimals.to_string()))
                        " " (told::plural(u64::from(data.decimals), "decimal")) ", times in " (name(&data.time_zone))
                    }
                }
            }
        }
        div.counts {
            (counted("kinds", "Events by kind", "No event was read.", &data.kinds))
            (counted("bad_rows", "Rows that are no event", "Every row is an event.", &data.bad_rows))
            (counted("refused", "Events that the engine refused", "The engine refused none.", &data.refused))
        }
        (files(&data.files))
    }
}

fn counted(at: &str, caption: &str, none: &str, counts: &[Counted]) -> Markup {
    html! {
        table.narrow {
            caption { (caption) }
            tbody data-at=(at) {
                @if counts.is_empty() { tr { td.left colspan="2" { (none) } } }
                @for (place, counted) in counts.iter().enumerate() {
                    tr data-at=(place) { th.name scope="row" { (name(&counted.name)) } td { (count("count", counted.count)) } }
                }
            }
        }
    }
}

fn files(files: &[DataFile]) -> Markup {
    let table = html! {
        table {
            caption { "Files, in the order in which they are read" }
            thead { tr { th.left scope="col" { "File" } th scope="col" { "Bytes" } th.left scope="col" { "SHA-256" } } }
            tbody data-at="files" {
                @for (place, file) in files.iter().enumerate() {
                    tr data-at=(place) {
                        th.name scope="row" { code { (name(&file.name)) } }
                        td { (count("bytes", file.bytes)) }
                        td.left { code.hash { (name(&file.sha256)) } }
                    }
                }
            }
        }
    };
    html! {
        @if files.len() > 12 {
            details { summary { (files.len()) " files" } (wide("Files", &table)) }
        } @else if !files.is_empty() { (wide("Files", &table)) }
    }
}
