//! How a sweep was made: what was computed again, what is observed, and from what.

use maud::{Markup, html};

use super::slice::written;
use crate::backtest::html::figure::{count, figure, name, names, wide};
use crate::backtest::sweep::result::{State, SweepReport, Swing};
use crate::backtest::told::{self, plural};

pub(super) fn section(report: &SweepReport) -> Markup {
    let swept = &report.swept;
    html! {
        h3 { "How it was made" }
        p {
            (count("engines", u64::from(swept.engines))) " " (plural(u64::from(swept.engines), "engine")) " ran. "
            @match swept.state {
                State::EventFed => { "Nothing that is kept of the past depends on what was decided: each combination has its own past." }
                State::Observed => {
                    strong { "Observed: " } "what is kept of the past depends on what was decided, which is as the rule file is: " (names(&swept.decision_fed)) "."
                }
                State::Exact => { strong { "Exact: " } "each combination was run by itself, with its own past." }
            }
        }
        (wide("What was varied", &varied(&swept.params)))
        p.soft data-at="asked" {
            (count("replicates", u64::from(report.asked.replicates))) " replicates of the bootstrap over accounts, drawn with seed "
            (figure("seed", report.asked.seed, &report.asked.seed.to_string())) "."
        }
        (wide("What it was made of", &made_of(report)))
    }
}

fn made_of(report: &SweepReport) -> Markup {
    html! {
        table {
            caption { "What it was made of, by SHA-256" }
            thead { tr { td {} @for head in ["Name", "SHA-256"] { th.left scope="col" { (head) } } } }
            tbody {
                tr {
                    th.name scope="row" { "rule set as it is" }
                    td.left { (name(&report.name)) " " code { (name(&report.file)) } }
                    td.left { code.hash { (name(&report.hash)) } }
                }
                tr {
                    th.name scope="row" { "data set" }
                    td.left { (name(&report.data.name)) }
                    td.left { code.hash { (name(&report.data.sha256)) } }
                }
            }
        }
    }
}

fn varied(params: &[Swing]) -> Markup {
    html! {
        table {
            caption { "What was varied" }
            thead {
                tr {
                    th.left scope="col" { "Parameter" }
                    th scope="col" { "Values" }
                    @for head in ["As it is", "Computed again for each value"] { th.left scope="col" { (head) } }
                }
            }
            tbody {
                @for swing in params {
                    tr {
                        th.name scope="row" { code { (name(&swing.name)) } }
                        td { (told::count(swing.values.len() as u64)) }
                        td.left { @if let Some(own) = swing.values.get(swing.own) { (name(&written(own))) } }
                        td.left { (again(swing)) }
                    }
                }
            }
        }
    }
}

/// What had to be computed again.
fn again(swing: &Swing) -> Markup {
    html! {
        @if !swing.recomputed { span.soft { "nothing: conditions were looked at once" } }
        @else if swing.features.is_empty() { "a lock or the dialogue" }
        @else { (names(&swing.features)) }
    }
}
