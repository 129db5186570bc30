//! What values change: a map over two parameters, or a line over one.

use maud::{Markup, html};

use super::heat::{self, is_over_budget};
use super::line;
use super::marks;
use super::measure::Measure;
use super::slice::{Slice, value_of};
use super::table;
use crate::backtest::html::figure::name;
use crate::backtest::sweep::result::SweepReport;
use crate::backtest::told::{self, Told, plural};

/// Values of each parameter that a map has room for, and those of one alone.
const MAP_MAX: usize = 40;
const LINE_MAX: usize = 400;

pub(super) fn section(report: &SweepReport, told: &Told) -> Markup {
    let swept = &report.swept;
    let measures = Measure::all(report.asked.objective);
    let values_max = |axes| if axes == 1 { LINE_MAX } else { MAP_MAX };
    let Some(slice) = Slice::of(report, measures[0], values_max) else {
        return html! { p { "Nothing was varied." } };
    };
    let ats: Vec<usize> = slice.at.values().copied().collect();
    let is_map = slice.axes.len() == 2;
    html! {
        (about(report, &slice))
        ul.legend {
            @if !is_map {
                li { span.key.line style="--of:var(--new)" {} "by which values are chosen" }
                li { span.key.line.dashed style="--of:var(--held-out)" {} "held out" }
            }
            (marks::legend(swept))
            @if is_map && ats.iter().any(|at| is_over_budget(report, *at)) {
                li { span.key.small style="--of:var(--new)" {} "more than the budget" }
            }
        }
        div.curves {
            @for measure in measures {
                @if is_map { (heat::map(report, told, &slice, measure)) } @else { (line::line(report, told, &slice, measure)) }
            }
        }
        (table::folded(report, told, "The figures of these combinations", &ats))
    }
}

/// What is shown, and what is not.
fn about(report: &SweepReport, slice: &Slice<'_>) -> Markup {
    let swept = &report.swept;
    let fixed: Vec<(&str, String)> = slice.fixed(swept).collect();
    let is_chosen = swept.chosen.as_ref().is_some_and(|chosen| chosen.combination == slice.focus);
    let own_is_here = slice.place(0).is_some();
    html! {
        p.soft {
            @match slice.axes.as_slice() {
                [x, y] => {
                    "Each cell is a combination of " code { (name(&x.swing.name)) } " and " code { (name(&y.swing.name)) }
                    ", by its figures on the part by which values are chosen: the stronger its colour, the more. "
                    "Of what is blue more is better, of what is amber less."
                }
                axes => {
                    "What the values of " @for axis in axes { code { (name(&axis.swing.name)) } }
                    " make of each figure, on the part by which values are chosen and on that which was held out."
                }
            }
        }
        @if !fixed.is_empty() {
            p.soft {
                "Of " (swept.params.len()) " parameters these two alone move "
                (Measure::all(report.asked.objective)[0].name().to_lowercase()) " most. The others are as in "
                @if is_chosen { "the chosen combination" } @else { "one of the best combinations" } ": "
                @for (at, (param, value)) in fixed.iter().enumerate() {
                    @if at > 0 { ", " }
                    code { (name(param)) } " " (name(value))
                }
                "."
                @if !own_is_here { " The rule file as it is has other values of those, and is not in the picture." }
            }
        }
        @if slice.left_out > 0 {
            p.soft {
                (told::count(slice.left_out as u64)) " " (plural(slice.left_out as u64, "combination"))
                " between these " @if slice.left_out == 1 { "is" } @else { "are" } " not drawn; " code { "combinations" } " in the JSON has all."
            }
        }
        @if let Some(chosen) = swept.chosen.as_ref().and_then(|chosen| swept.combinations.get(chosen.combination)) {
            p {
                "Chosen: "
                @for (at, (param, value)) in (0..swept.params.len()).filter_map(|param| value_of(swept, chosen, param)).enumerate() {
                    @if at > 0 { ", " }
                    code { (name(param)) } " " strong { (name(&value)) }
                }
                "."
            }
        }
    }
}
