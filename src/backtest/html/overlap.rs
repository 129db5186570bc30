//! How often rules fire together, as a heat map that is a table.

use maud::{Markup, html};

use super::figure::{count, name, wide};
use crate::backtest::report::{Overlap, Report};
use crate::backtest::told::{self, Told};

/// Rules in the picture at most; all are in `report.json`.
pub(super) const RULES_MAX: usize = 40;

pub(super) fn section(report: &Report, _: &Told) -> Markup {
    let result = &report.rules.result;
    let ids: Vec<&str> = result.overlap.rules.iter().map(String::as_str).collect();
    let shown = most(&result.overlap);
    if shown.is_empty() {
        return html! { p { "No two rules could fire together: there are none, or nothing was measured." } };
    }
    let left_out = result.rules.len().saturating_sub(shown.len());
    let matrix = Matrix { ids: &ids, shown: &shown, overlap: &result.overlap };
    html! {
        p.soft {
            "Payments on which both rules fired. Read along a row: the stronger a cell's colour, the more of the row's payments the column's rule "
            "fired on, too. A rule whose row is strong elsewhere adds little of its own."
            @if left_out > 0 {
                " Shown are the " (shown.len()) " rules that fired most, and not " (left_out) " others; " code { "report.json" } " has up to a hundred."
            }
        }
        (wide("Overlap of rules", &matrix.table("Payments on which both fired", "payments", &result.overlap.payments)))
        details {
            summary { "Known frauds on which both fired" }
            (wide("Overlap of rules on frauds", &matrix.table("Known frauds on which both fired", "frauds", &result.overlap.frauds)))
        }
    }
}

/// The places of the rules that fired most, in their order.
fn most(overlap: &Overlap) -> Vec<usize> {
    let fired = |at: usize| overlap.payments.get(at).and_then(|row| row.get(at)).copied().unwrap_or(0);
    let mut places: Vec<usize> = (0..overlap.payments.len()).collect();
    places.sort_by_key(|at| std::cmp::Reverse(fired(*at)));
    places.truncate(RULES_MAX);
    places.sort_unstable();
    places
}

struct Matrix<'a> {
    ids: &'a [&'a str],
    shown: &'a [usize],
    overlap: &'a Overlap,
}

impl Matrix<'_> {
    fn id(&self, at: usize) -> &str {
        self.ids.get(at).copied().unwrap_or("?")
    }

    fn table(&self, caption: &str, at: &str, cells: &[Vec<u64>]) -> Markup {
        html! {
            table.heat {
                caption { (caption) }
                thead {
                    tr {
                        th.left scope="col" { "Rule" }
                        @for place in self.shown { th scope="col" title=(told::clean(self.id(*place))) { (place + 1) } }
                    }
                }
                tbody data-at=(format!("rules/result/overlap/{at}")) {
                    @for place in self.shown {
                        @if let Some(row) = cells.get(*place) { (self.row(*place, row)) }
                    }
                }
            }
        }
    }

    fn row(&self, place: usize, row: &[u64]) -> Markup {
        let whole = row.get(place).copied().unwrap_or(0);
        html! {
            tr data-at=(place) {
                th.name scope="row" { span.place { (place + 1) } " " code { (name(self.id(place))) } }
                @for other in self.shown {
                    @match row.get(*other) {
                        None => { td {} }
                        Some(own) if *other == place => { td.own { (count(&other.to_string(), *own)) } }
                        Some(both) => {
                            td style=(format!("--heat:{}", heat(*both, whole))) title=(self.tip(place, *other)) {
                                (count(&other.to_string(), *both))
                            }
                        }
                    }
                }
            }
        }
    }

    fn tip(&self, row: usize, column: usize) -> String {
        let at = |cells: &[Vec<u64>], column: usize| {
            cells.get(row).and_then(|cells| cells.get(column)).copied().unwrap_or(0)
        };
        let (both, whole) = (at(&self.overlap.payments, column), at(&self.overlap.payments, row));
        let share = told::share(both as f64 / whole.max(1) as f64);
        format!(
            "{} also fires on {share} of what {} fires on",
            told::clean(self.id(column)),
            told::clean(self.id(row))
        )
    }
}

/// In hundredths.
fn heat(both: u64, whole: u64) -> u64 {
    both.saturating_mul(100).div_ceil(whole.max(1)).min(100)
}
