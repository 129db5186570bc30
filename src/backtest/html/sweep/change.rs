//! Before and after: the rule file as it is against what was chosen, on both sides of the split.

use maud::{Markup, html};

use super::measure::Measure;
use super::slice::value_of;
use super::table::a_day;
use crate::backtest::html::compared::{self, Better, Pair};
use crate::backtest::html::figure::{count, figure, name, share, wide};
use crate::backtest::report::Estimate;
use crate::backtest::sweep::result::{Chosen, Combination, Known, Objective, SweepFigures, SweepReport};
use crate::backtest::told::{self, Told};

pub(super) fn section(report: &SweepReport, told: &Told) -> Markup {
    let swept = &report.swept;
    let Some(chosen) = &swept.chosen else { return nothing(report.asked.objective) };
    let (Some(old), Some(new)) = (swept.combinations.first(), swept.combinations.get(chosen.combination))
    else {
        return nothing(report.asked.objective);
    };
    html! {
        (judged(report, told, chosen, new))
        (parameters(report, old, new))
        (side(told, "On the part by which values are chosen", ("tuning", chosen.combination), swept.tuning, [&old.tuning, &new.tuning]))
        (side(told, "On the part that was held out", ("held_out", chosen.combination), swept.held_out, [&old.held_out, &new.held_out]))
    }
}

fn nothing(objective: Objective) -> Markup {
    html! {
        p {
            @match objective {
                Objective::Front => { "Nothing was chosen: " code { "--objective cost" } " or " code { "--objective budget" } " says by what. The front shows what there is to choose from." }
                Objective::Budget => { "Nothing keeps to the budget, so that nothing was chosen." }
                Objective::Cost => { "Nothing was chosen." }
            }
        }
    }
}

/// What it was chosen by, and whether that holds.
fn judged(report: &SweepReport, told: &Told, chosen: &Chosen, new: &Combination) -> Markup {
    let by_cost = report.asked.objective == Objective::Cost;
    let read = |at: &str, value: Option<f64>| match value {
        Some(minor) if by_cost => figure(at, minor, &told.money(minor)),
        value => share(at, value),
    };
    html! {
        @if chosen.overfitted {
            p.warning role="note" {
                strong { "Gains less on what was held out than chance explains." }
                " These values fit the time that they were chosen by, and may not be worth as much from now on."
            }
        }
        p data-at="chosen" {
            "Chosen by " @if by_cost { "the least cost" } @else { "the most fraud value caught within the budget" }
            ", " @if by_cost { "a day " } strong { (read("tuning", chosen.tuning)) }
            @if chosen.low.is_some() && chosen.high.is_some() {
                span.interval title="95 % interval" { " (" (read("low", chosen.low)) " to " (read("high", chosen.high)) ")" }
            }
            "; held out " strong { (read("held_out", chosen.held_out)) } "."
            @if chosen.combination == 0 { " That is the rule file as it is: no other does better." }
        }
        @if new.chosen_share.is_some() {
            p.soft {
                "It would have been chosen in " span data-at=(format!("combinations/{}", chosen.combination)) { (share("chosen_share", new.chosen_share)) }
                " of the replicates of the bootstrap, and is on the front in "
                span data-at=(format!("combinations/{}", chosen.combination)) { (share("front_share", new.front_share)) } "."
            }
        }
    }
}

fn parameters(report: &SweepReport, old: &Combination, new: &Combination) -> Markup {
    let swept = &report.swept;
    let table = html! {
        table.narrow {
            caption { "Parameters" }
            thead { tr { th.left scope="col" { "Parameter" } th scope="col" { "as it is" } th scope="col" { "chosen" } } }
            tbody {
                @for param in 0..swept.params.len() {
                    @if let (Some((param, old)), Some((_, new))) = (value_of(swept, old, param), value_of(swept, new, param)) {
                        tr {
                            th.name scope="row" { code { (name(param)) } }
                            td { (name(&old)) }
                            td { @if old == new { (name(&new)) } @else { strong { (name(&new)) } } }
                        }
                    }
                }
            }
        }
    };
    wide("Parameters", &table)
}

/// Both on one side.
fn side(
    told: &Told,
    title: &str,
    (at, chosen): (&str, usize),
    known: Known,
    figures: [&SweepFigures; 2],
) -> Markup {
    let [old, new] = figures;
    let plain = |value: f64| Some(Estimate { value, low: None, high: None });
    let number = |by: f64| told::weighted(by.abs());
    let money = |by: f64| told.money(by.abs());
    let pair = |name,
                better,
                figure: &dyn Fn(&SweepFigures) -> Markup,
                value: &dyn Fn(&SweepFigures) -> Option<f64>| {
        let placed = |of: usize, figures: &SweepFigures| html! { span data-at=(format!("combinations/{of}/{at}")) { (figure(figures)) } };
        Pair {
            name,
            better,
            figures: [placed(0, old), placed(chosen, new)],
            ends: figures.map(|figures| value(figures).and_then(plain)),
            difference: &number,
        }
    };
    let measure = |measure: Measure| {
        pair(measure.name(), measure.better(), &|figures| measure.figure(told, figures), &|figures| {
            measure.of(figures)
        })
    };
    let pairs = [
        pair(
            "Flagged a day",
            Better::Neither,
            &|figures| a_day("flagged_a_day", figures.flagged_a_day),
            &|figures| figures.flagged_a_day,
        ),
        pair("Alerts", Better::Neither, &|figures| count("alerts", figures.alerts), &|figures| {
            Some(figures.alerts as f64)
        }),
        Pair {
            difference: &compared::points,
            ..pair("Precision", Better::More, &|figures| share("precision", figures.precision), &|figures| {
                figures.precision
            })
        },
        Pair {
            difference: &compared::points,
            ..pair("Recall", Better::More, &|figures| share("recall", figures.recall), &|figures| {
                figures.recall
            })
        },
        Pair { difference: &compared::points, ..measure(Measure::Caught) },
        measure(Measure::Bothered),
        Pair { difference: &money, ..measure(Measure::Cost) },
    ];
    let (days, frauds) = (told::weighted(known.days), told::weighted(known.frauds));
    let caption = format!("As it is against what was chosen: {days} days, {frauds} known frauds");
    html! {
        h3 { (title) }
        (compared::table(&caption, ["as it is", "chosen"], &pairs))
    }
}
