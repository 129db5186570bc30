//! Two combinations that every picture marks: the rule file as it is, and what was chosen.
//!
//! Promises that they are told apart by their shapes, on whatever they are drawn.

use maud::{Markup, html};
use plotters::prelude::{Circle, EmptyElement, Polygon};

use crate::backtest::html::chart::{FINE, Failed, Paint, Plane};
use crate::backtest::sweep::result::Swept;

const RADIUS: i32 = 5 * FINE;

/// Marks both, where a picture has a place for them.
pub(super) fn mark(
    plane: &Plane<'_>,
    swept: &Swept,
    place: impl Fn(usize) -> Option<(f64, f64)>,
) -> Result<(), Failed> {
    let area = plane.plotting_area();
    if let Some(at) = swept.chosen.as_ref().and_then(|chosen| place(chosen.combination)) {
        let diamond = |radius: i32| vec![(0, -radius), (radius, 0), (0, radius), (-radius, 0)];
        area.draw(&(EmptyElement::at(at) + Polygon::new(diamond(RADIUS + 2 * FINE), Paint::Paper.fill())))?;
        area.draw(&(EmptyElement::at(at) + Polygon::new(diamond(RADIUS), Paint::Ink.fill())))?;
    }
    if let Some(at) = place(0) {
        for (paint, tenths) in [(Paint::Paper, 50), (Paint::Ink, 20)] {
            area.draw(&(EmptyElement::at(at) + Circle::new((0, 0), RADIUS + FINE, paint.line(tenths))))?;
        }
    }
    Ok(())
}

/// What they are, for a legend.
pub(super) fn legend(swept: &Swept) -> Markup {
    html! {
        li { span.key.ring style="--of:var(--ink)" {} "as it is" }
        @if swept.chosen.is_some() { li { span.key.diamond style="--of:var(--ink)" {} "chosen" } }
    }
}
