//! How soon fraud is seen.

use maud::{Markup, html};

use super::figure::{count, duration, figure, money, wide};
use crate::backtest::report::{Detection, Report};
use crate::backtest::told::{self, NOTHING, Told};

/// What a line tells, and how.
type Line = (&'static str, fn(&Told, &Detection) -> Markup);

const LINES: [Line; 7] = [
    ("Cases of fraud", |_, seen| count("cases", seen.cases)),
    ("Cases with a flagged payment", |_, seen| of_cases("detected", seen.detected, seen)),
    ("Cases flagged at their first payment", |_, seen| of_cases("at_once", seen.at_once, seen)),
    ("Delay to the first flagged, median", |_, seen| duration("delay_us_p50", seen.delay_us_p50)),
    ("Delay to the first flagged, ninth decile", |_, seen| duration("delay_us_p90", seen.delay_us_p90)),
    ("Payments before the first flagged, mean", |_, seen| {
        let text = seen.payments_before_mean.map(|mean| format!("{mean:.2}"));
        mean("payments_before_mean", seen.payments_before_mean, text)
    }),
    ("Their value, mean", |told, seen| match seen.value_before_minor_mean {
        Some(value) => money(told, "value_before_minor_mean", value),
        None => mean("value_before_minor_mean", None, None),
    }),
];

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let new = &report.rules.result.detection;
    let old = report.against.as_ref().map(|old| &old.result.detection);
    if new.cases == 0 && old.is_none_or(|old| old.cases == 0) {
        return html! { p data-at="rules/result/detection" { "There are " (count("cases", 0)) " cases of fraud in what was measured." } };
    }
    let table = html! {
        table.narrow {
            caption.quiet { "How soon the frauds of a case are seen" }
            thead {
                tr {
                    td {}
                    th scope="col" { "New rules" }
                    @if old.is_some() { th scope="col" { "Old rules" } }
                }
            }
            tbody {
                @for (name, tell) in LINES {
                    tr {
                        th.name scope="row" { (name) }
                        td data-at="rules/result/detection" { (tell(told, new)) }
                        @if let Some(old) = old { td.old data-at="against/result/detection" { (tell(told, old)) } }
                    }
                }
            }
        }
    };
    html! {
        p.soft {
            "A case is one fraud with all its payments, as the data tells them apart; otherwise the frauds of one account."
        }
        (wide("How soon fraud is seen", &table))
    }
}

fn of_cases(at: &str, cases: u64, seen: &Detection) -> Markup {
    html! { (count(at, cases)) " " small { "(" (told::share(cases as f64 / seen.cases.max(1) as f64)) ")" } }
}

fn mean(at: &str, value: Option<f64>, text: Option<String>) -> Markup {
    match value {
        Some(value) => figure(at, value, text.as_deref().unwrap_or(NOTHING)),
        None => duration(at, None),
    }
}
