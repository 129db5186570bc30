//! A figure over the values of two parameters: a grid of cells, the stronger the more.

use maud::{Markup, html};
use plotters::prelude::Rectangle;

use super::marks;
use super::measure::Measure;
use super::slice::Slice;
use super::table::said;
use crate::backtest::html::chart::{Axis, Paint, Picture, Tip, middle, named, plane};
use crate::backtest::sweep::result::{Objective, SweepReport};
use crate::backtest::told::{self, Told};

const SIZE: (i32, i32) = (340, 300);
/// Names that have room along an axis.
const NAMES: (usize, usize) = (4, 12);
/// What is left free around a cell, of the whole width or height; and of the cell itself where it is over the budget.
const GAP: f64 = 0.0015;
const GAP_OVER: f64 = 0.28;

pub(super) fn map(report: &SweepReport, told: &Told, slice: &Slice<'_>, measure: Measure) -> Markup {
    let [x, y] = slice.axes.as_slice() else { return html! {} };
    let swept = &report.swept;
    let figure =
        |at: usize| swept.combinations.get(at).and_then(|combination| measure.of(&combination.tuning));
    let known = || slice.at.values().filter_map(|at| figure(*at));
    let (low, high) = known()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return html! { figure { figcaption { (measure.name()) small { "It can't be said of any: no fraud is known." } } } };
    }
    let share = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    let (paint, of) = measure.paint();
    let about = format!(
        "A grid of cells by {} and {}, the stronger the more: {} from {} to {}. The figures are in the table below.",
        told::clean(&x.swing.name),
        told::clean(&y.swing.name),
        measure.name().to_lowercase(),
        measure.about(told, low),
        measure.about(told, high)
    );
    let (id, title) =
        (format!("sweep-map-{}", measure.word()), format!("{} by two parameters", measure.name()));
    let picture = Picture { id: &id, title: &title, about: &about, size: SIZE };
    let (x_name, y_name) = (x.name(), y.name());
    let drawn = picture.draw(|canvas| {
        let (x_names, y_names) = (x.names(NAMES.0), y.names(NAMES.1));
        let (x_label, y_label) = (named(&x_names), named(&y_names));
        let (x_name, y_name) = (told::clean(&x_name), told::clean(&y_name));
        let (columns, rows) = (x.values.len(), y.values.len());
        let plane = plane(
            canvas,
            &Axis::places(columns, &x_names, &x_label, &x_name),
            &Axis::places(rows, &y_names, &y_label, &y_name),
        )?;
        let area = plane.plotting_area();
        area.draw(&Rectangle::new([(0.0, 0.0), (columns as f64, rows as f64)], Paint::Paper.fill()))?;
        let mut tips = Vec::with_capacity(slice.at.len());
        for (place, &at) in &slice.at {
            let &[column, row] = place.as_slice() else { continue };
            let over = is_over_budget(report, at);
            let gap = |places: usize| if over { GAP_OVER } else { GAP * places as f64 };
            let (left, below, wide, tall) = (column as f64, row as f64, gap(columns), gap(rows));
            let corners = [(left + wide, below + 1.0 - tall), (left + 1.0 - wide, below + tall)];
            let style = figure(at).map_or(Paint::Axis.line(10), |value| paint.shade(share(value)));
            area.draw(&Rectangle::new(corners, style))?;
            let (from, to) =
                (plane.backend_coord(&(left, below + 1.0)), plane.backend_coord(&(left + 1.0, below)));
            tips.push(Tip { from, to, text: said(swept, told, at) });
        }
        marks::mark(&plane, swept, |at| {
            let &[column, row] = slice.place(at)? else { return None };
            Some((middle(column), middle(row)))
        })?;
        Ok(tips)
    });
    html! {
        figure {
            figcaption {
                (measure.name())
                small.soft {
                    @if low < high { (measure.about(told, low)) span.ramp style=(of) {} (measure.about(told, high)) }
                    @else { "everywhere " (measure.about(told, low)) }
                }
            }
            (drawn)
        }
    }
}

/// Whether a combination flags more than was asked for, where that decides.
pub(super) fn is_over_budget(report: &SweepReport, at: usize) -> bool {
    let flagged = report.swept.combinations.get(at).and_then(|combination| combination.tuning.flagged_a_day);
    let budget = report.asked.budget.filter(|_| report.asked.objective == Objective::Budget);
    budget.is_some_and(|budget| flagged.is_none_or(|flagged| flagged > budget))
}
