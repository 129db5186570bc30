//! Tables of figures: the columns that every kind of row has, and all of them for who wants to know.

use maud::{Markup, html};

use super::figure::{As, amount, bar, count, interval, measured, name, share, weighted, wide};
use crate::backtest::report::{Figures, Named};
use crate::backtest::told::Told;

/// What most rows' payments have in common.
pub(super) const FLAGGED: &str = "Flagged";

/// A row's name, where it stands in the report, and its figures.
pub(super) struct Row<'a> {
    pub(super) at: String,
    pub(super) name: String,
    /// Payments in it, flagged or not, where that is known of it.
    pub(super) payments: Option<u64>,
    pub(super) figures: &'a Figures,
}

/// A row for each, with what is to be said of it behind its name.
pub(super) fn rows<'a>(at: &str, named: &'a [Named], whose: &str) -> Vec<Row<'a>> {
    let row = |(place, named): (usize, &'a Named)| Row {
        at: format!("{at}/{place}"),
        name: format!("{}{whose}", named.name.replace('_', " ")),
        payments: named.payments,
        figures: &named.figures,
    };
    named.iter().enumerate().map(row).collect()
}

/// Heads of [`cells`]; `taken` says what a row's payments have in common, as "Flagged".
pub(super) fn heads(told: &Told, taken: &str) -> Markup {
    html! {
        th scope="col" data-sort="" { (taken) }
        th.left scope="col" data-sort="" { "Precision" }
        th.left scope="col" data-sort="" { "Recall" }
        th scope="col" data-sort="" { "False pos." br; small { "per 10,000" } }
        th scope="col" data-sort="" { "Fraud value" br; small { "caught, " (told.currency()) } }
        th scope="col" data-sort="" { "Genuine value" br; small { "held up, " (told.currency()) } }
        th scope="col" data-sort="" { "Customers" br; small { "bothered" } }
    }
}

/// The figures that matter most.
pub(super) fn cells(told: &Told, figures: &Figures) -> Markup {
    html! {
        td { (count("flagged", figures.flagged)) }
        td.left { (measured("precision", figures.precision, As::Percent)) (bar(figures.precision)) }
        td.left { (measured("recall", figures.recall, As::Percent)) (bar(figures.recall)) }
        td { (measured("false_positive_rate", figures.false_positive_rate, As::Per10000)) }
        td { (amount(told, "value_caught_minor", figures.value_caught_minor)) }
        td { (amount(told, "value_bothered_minor", figures.value_bothered_minor)) }
        td { (count("customers_bothered", figures.customers_bothered)) }
    }
}

/// All figures of some rows, folded away; `taken` as in [`heads`].
pub(super) fn all(told: &Told, taken: &str, caption: &str, rows: &[Row<'_>]) -> Markup {
    let payments = rows.iter().any(|row| row.payments.is_some());
    let table = html! {
        table.figures {
            caption { (caption) }
            thead {
                tr {
                    td rowspan="2" {}
                    @if payments { th scope="col" rowspan="2" { "Payments" } }
                    th scope="colgroup" colspan="5" { (taken) }
                    th scope="colgroup" colspan="2" { "Precision" }
                    th scope="colgroup" colspan="2" { "Recall" }
                    th scope="colgroup" colspan="2" { "False positives per 10,000" }
                    th scope="colgroup" colspan="4" { "Fraud value, " (told.currency()) }
                    th scope="colgroup" colspan="3" { "Genuine value, " (told.currency()) }
                    th scope="col" rowspan="2" { "Customers" br; small { "bothered" } }
                }
                tr {
                    @for head in ["all", "fraud", "genuine", "unknown", "known share"] { th scope="col" { (head) } }
                    @for _ in 0..3 { th scope="col" { "measured" } th scope="col" { "95 % interval" } }
                    @for head in ["all", "caught", "caught share", "95 % interval"] { th scope="col" { (head) } }
                    @for head in ["all", "held up", "lost"] { th scope="col" { (head) } }
                }
            }
            tbody { @for row in rows { (whole_row(told, row, payments)) } }
        }
    };
    html! {
        details {
            summary { "All figures" }
            (wide(caption, &table))
        }
    }
}

fn whole_row(told: &Told, row: &Row<'_>, payments: bool) -> Markup {
    let figures = row.figures;
    let both = |at: &str, estimate, read| {
        html! { td { (measured(at, estimate, read)) } td { (interval(at, estimate, read)) } }
    };
    html! {
        tr data-at=(row.at) {
            th.name scope="row" { (name(&row.name)) }
            @if payments { td { @if let Some(payments) = row.payments { (count("payments", payments)) } } }
            td { (count("flagged", figures.flagged)) }
            td { (weighted("frauds", figures.frauds)) }
            td { (weighted("genuine", figures.genuine)) }
            td { (count("unknown", figures.unknown)) }
            td { (share("coverage", figures.coverage)) }
            (both("precision", figures.precision, As::Percent))
            (both("recall", figures.recall, As::Percent))
            (both("false_positive_rate", figures.false_positive_rate, As::Per10000))
            td { (amount(told, "value_flagged_minor", figures.value_flagged_minor)) }
            td { (amount(told, "value_caught_minor", figures.value_caught_minor)) }
            (both("value_caught_share", figures.value_caught_share, As::Percent))
            td { (amount(told, "value_flagged_genuine_minor", figures.value_flagged_genuine_minor)) }
            td { (amount(told, "value_bothered_minor", figures.value_bothered_minor)) }
            td { (amount(told, "value_lost_minor", figures.value_lost_minor)) }
            td { (count("customers_bothered", figures.customers_bothered)) }
        }
    }
}
