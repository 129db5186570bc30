//! Combinations as rows: their values, and their figures on both sides of the split.

use maud::{Markup, html};

use super::measure::Measure;
use super::slice::value_of;
use crate::backtest::html::figure::{figure, name, share, wide};
use crate::backtest::sweep::result::{SweepFigures, SweepReport, Swept};
use crate::backtest::told::{self, NOTHING, Told};

const MEASURES: [Measure; 3] = [Measure::Caught, Measure::Bothered, Measure::Cost];

/// What a combination has and does, in a line.
pub(super) fn said(swept: &Swept, told: &Told, at: usize) -> String {
    let Some(combination) = swept.combinations.get(at) else { return String::new() };
    let values = (0..swept.params.len()).filter_map(|param| value_of(swept, combination, param));
    let values: Vec<String> = values.map(|(name, value)| format!("{name} {value}")).collect();
    let of = |figures: &SweepFigures| {
        let [caught, bothered, cost] = MEASURES.map(|measure| {
            measure.of(figures).map_or_else(|| NOTHING.to_owned(), |value| measure.about(told, value))
        });
        format!("{caught} caught, {bothered} bothered, cost {cost}")
    };
    let line =
        format!("{}: {}; held out {}", values.join(", "), of(&combination.tuning), of(&combination.held_out));
    told::clean(&line).into_owned()
}

/// Some combinations, folded away.
pub(super) fn folded(report: &SweepReport, told: &Told, caption: &str, ats: &[usize]) -> Markup {
    html! { details { summary { (caption) } (table(report, told, caption, ats)) } }
}

/// Some combinations.
pub(super) fn table(report: &SweepReport, told: &Told, caption: &str, ats: &[usize]) -> Markup {
    let swept = &report.swept;
    let drawn = ats
        .iter()
        .filter_map(|at| swept.combinations.get(*at))
        .any(|combination| combination.front_share.is_some());
    let table = html! {
        table.figures.sortable {
            caption { (caption) ". Below each figure that of what was held out" }
            thead {
                tr {
                    th.left scope="col" { "Combination" }
                    @for swing in &swept.params { th scope="col" { (name(&swing.name)) } }
                    th scope="col" data-sort="" { "Fraud value" br; small { "caught" } }
                    th scope="col" data-sort="" { "Customers" br; small { "bothered" } }
                    th scope="col" data-sort="" { "Cost" br; small { (told.currency()) } }
                    th scope="col" data-sort="" { "Flagged" br; small { "a day" } }
                    th scope="col" data-sort="" { "Precision" }
                    @if drawn { th scope="col" data-sort="" { "On the front" br; small { "of replicates" } } }
                }
            }
            tbody data-at="combinations" {
                @for &at in ats { (row(report, told, at, drawn)) }
            }
        }
    };
    wide(caption, &table)
}

fn row(report: &SweepReport, told: &Told, at: usize, drawn: bool) -> Markup {
    let swept = &report.swept;
    let Some(combination) = swept.combinations.get(at) else { return html! {} };
    let both = |cell: &dyn Fn(&SweepFigures) -> Markup| {
        html! {
            td {
                span data-at="tuning" { (cell(&combination.tuning)) }
                br;
                span.soft data-at="held_out" { (cell(&combination.held_out)) }
            }
        }
    };
    html! {
        tr data-at=(at) {
            th.name scope="row" { (at) @for word in called(swept, at) { " " span.tag { (word) } } }
            @for param in 0..swept.params.len() {
                td { @if let Some((_, value)) = value_of(swept, combination, param) { (name(&value)) } }
            }
            @for measure in MEASURES { (both(&|figures| measure.figure(told, figures))) }
            (both(&|figures| a_day("flagged_a_day", figures.flagged_a_day)))
            (both(&|figures| share("precision", figures.precision)))
            @if drawn { td { (share("front_share", combination.front_share)) } }
        }
    }
}

/// What is special about a combination.
fn called(swept: &Swept, at: usize) -> impl Iterator<Item = &'static str> {
    let is_chosen = swept.chosen.as_ref().is_some_and(|chosen| chosen.combination == at);
    let words = [
        (at == 0, "as it is"),
        (is_chosen, "chosen"),
        (at == swept.best_by_cost, "cheapest"),
        (swept.best_under_budget == Some(at), "in budget"),
    ];
    words.into_iter().filter_map(|(is_so, word)| is_so.then_some(word))
}

/// How many a day.
pub(super) fn a_day(at: &str, number: Option<f64>) -> Markup {
    number.map_or_else(|| share(at, None), |number| figure(at, number, &told::weighted(number)))
}
