//! A figure over the values of one parameter, on both sides of the split.

use maud::{Markup, html};
use plotters::prelude::{Circle, PathElement};

use super::marks;
use super::measure::Measure;
use super::slice::Slice;
use super::table::said;
use crate::backtest::html::chart::{Axis, FINE, Paint, Picture, Tip, middle, named, plane};
use crate::backtest::sweep::result::{Combination, SweepReport};
use crate::backtest::told::{self, Told};

const SIZE: (i32, i32) = (340, 280);
/// Values that have room below a picture.
const NAMES_MAX: usize = 4;
/// Points that have room on a line.
const POINTS_MAX: usize = 40;

pub(super) fn line(report: &SweepReport, told: &Told, slice: &Slice<'_>, measure: Measure) -> Markup {
    let [axis] = slice.axes.as_slice() else { return html! {} };
    let swept = &report.swept;
    let figure = |at: usize, held_out: bool| {
        let Combination { tuning, held_out: other, .. } = swept.combinations.get(at)?;
        measure.of(if held_out { other } else { tuning })
    };
    let points = |held_out: bool| {
        let point =
            |(place, at): (&Vec<usize>, &usize)| Some((middle(*place.first()?), figure(*at, held_out)?));
        slice.at.iter().filter_map(point).collect::<Vec<(f64, f64)>>()
    };
    let sides = [(points(true), Paint::HeldOut, 18), (points(false), Paint::New, 24)];
    if sides.iter().all(|(points, ..)| points.is_empty()) {
        return html! { figure { figcaption { (measure.name()) small { "It can't be said of any: no fraud is known." } } } };
    }
    let most = sides.iter().flat_map(|(points, ..)| points).map(|(_, value)| *value).fold(0.0, f64::max);
    let about = format!(
        "{} over the values of {}, as lines on the side of the tuning and on that which was held out. The figures are in the table below.",
        measure.name(),
        told::clean(&axis.swing.name)
    );
    let (id, title) =
        (format!("sweep-line-{}", measure.word()), format!("{} by one parameter", measure.name()));
    let picture = Picture { id: &id, title: &title, about: &about, size: SIZE };
    let drawn = picture.draw(|canvas| {
        let names = axis.names(NAMES_MAX);
        let (label, name) = (named(&names), axis.name());
        let (height, name) = (|value: &f64| measure.about(told, *value), told::clean(&name));
        let x = Axis::places(axis.values.len(), &names, &label, &name);
        let plane = plane(canvas, &x, &Axis::round(most * 1.06, &height, ""))?;
        let area = plane.plotting_area();
        for (points, paint, tenths) in &sides {
            area.draw(&PathElement::new(points.clone(), paint.line(*tenths)))?;
            for point in points.iter().filter(|_| points.len() <= POINTS_MAX) {
                area.draw(&Circle::new(*point, 3 * FINE, paint.fill()))?;
            }
        }
        let mut tips = Vec::with_capacity(slice.at.len());
        for (place, &at) in &slice.at {
            let Some(&place) = place.first() else { continue };
            let top = plane.backend_coord(&(place as f64, x_top(most)));
            let bottom = plane.backend_coord(&(place as f64 + 1.0, 0.0));
            tips.push(Tip { from: top, to: bottom, text: said(swept, told, at) });
        }
        marks::mark(&plane, swept, |at| Some((middle(*slice.place(at)?.first()?), figure(at, false)?)))?;
        Ok(tips)
    });
    html! { figure { figcaption { (measure.name()) } (drawn) } }
}

/// The upper end of the plane of a line up to `most`.
fn x_top(most: f64) -> f64 {
    if most > 0.0 { most * 1.06 } else { 1.0 }
}
