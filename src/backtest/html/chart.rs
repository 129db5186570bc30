//! Charts as SVG within the page.
//!
//! Promises that a chart has no colour of its own: it is drawn in stand-ins that the style sheet's variables take the place of, so
//! that it follows the page's theme; and that whoever can't see it finds its title and what it shows in words. Must never know a
//! report.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;

use crate::backtest::told;

/// Units of the drawing in a pixel of the page: the backend draws in whole units.
pub(super) const FINE: i32 = 4;
/// Size of letters. The backend takes a font's size for its height, which is 1.24 times as much.
const LETTERS: f64 = 11.5 * 1.24 * FINE as f64;

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Plane<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;
pub(super) type Failed = DrawingAreaErrorKind<std::io::Error>;

/// What something is painted with: a variable of the style sheet.
#[derive(Clone, Copy)]
pub(super) enum Paint {
    Axis,
    Grid,
    Letters,
    /// What no sense at all would give.
    Chance,
    /// What is tried.
    New,
    /// What it is held against.
    Old,
    /// What values were not chosen by.
    HeldOut,
    /// What it is drawn on, and what is most plain on that.
    Paper,
    Ink,
    StepUp,
    Block,
    Alert,
    Caught,
    Missed,
}

impl Paint {
    const NAMED: [(Self, &str); 14] = [
        (Self::Axis, "axis"),
        (Self::Grid, "grid"),
        (Self::Letters, "soft"),
        (Self::Chance, "chance"),
        (Self::New, "new"),
        (Self::Old, "old"),
        (Self::HeldOut, "held-out"),
        (Self::Paper, "paper"),
        (Self::Ink, "ink"),
        (Self::StepUp, "step-up"),
        (Self::Block, "block"),
        (Self::Alert, "alert"),
        (Self::Caught, "caught"),
        (Self::Missed, "missed"),
    ];

    /// What stands for it while it is drawn.
    pub(super) fn color(self) -> RGBColor {
        RGBColor(1, 2, self as u8)
    }

    pub(super) fn fill(self) -> ShapeStyle {
        self.color().filled()
    }

    /// As strong as a share says, from hardly to wholly, over what is below it.
    pub(super) fn shade(self, share: f64) -> ShapeStyle {
        self.color().mix(0.08 + 0.92 * share.clamp(0.0, 1.0)).filled()
    }

    /// A line of so many tenths of a pixel.
    pub(super) fn line(self, tenths: i32) -> ShapeStyle {
        self.color().stroke_width((tenths * FINE / 10).unsigned_abs())
    }
}

/// A chart's frame: what it is called, what it shows in a sentence, its size in pixels.
pub(super) struct Picture<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) about: &'a str,
    pub(super) size: (i32, i32),
}

/// What shows when somebody points at a place of a chart.
pub(super) struct Tip {
    pub(super) from: (i32, i32),
    pub(super) to: (i32, i32),
    pub(super) text: String,
}

/// An axis from 0 on.
pub(super) struct Axis<'a> {
    pub(super) most: f64,
    pub(super) ticks: Vec<f64>,
    pub(super) label: &'a dyn Fn(&f64) -> String,
    pub(super) desc: &'a str,
}

/// Where the values of an axis are.
#[derive(Clone)]
pub(super) struct Scale {
    most: f64,
    ticks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (value / self.most * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        0.0..self.most
    }
}

/// How an axis of places side by side is read: some of them have a name, which stands below the middle.
pub(super) fn named(names: &[(usize, String)]) -> impl Fn(&f64) -> String {
    |at| {
        let here = |(place, _): &&(usize, String)| middle(*place) == *at;
        names.iter().find(here).map_or_else(String::new, |(_, name)| told::clean(name).into_owned())
    }
}

/// The middle of a place.
pub(super) fn middle(place: usize) -> f64 {
    place as f64 + 0.5
}

impl<'a> Axis<'a> {
    /// One of so many places, read by [`named`].
    pub(super) fn places(
        count: usize,
        names: &[(usize, String)],
        label: &'a dyn Fn(&f64) -> String,
        desc: &'a str,
    ) -> Self {
        let ticks = names.iter().map(|(place, _)| middle(*place)).collect();
        Self { most: count.max(1) as f64, ticks, label, desc }
    }

    /// One of whole numbers.
    pub(super) fn counts(most: f64, label: &'a dyn Fn(&f64) -> String) -> Self {
        let mut axis = Self::round(most, label, "");
        axis.ticks.retain(|tick| tick.fract() == 0.0);
        axis
    }

    /// One with round numbers on it.
    pub(super) fn round(most: f64, label: &'a dyn Fn(&f64) -> String, desc: &'a str) -> Self {
        let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
        Self { most, ticks: ticks(most), label, desc }
    }

    fn scale(&self) -> Scale {
        Scale { most: self.most, ticks: self.ticks.clone() }
    }
}

impl Picture<'_> {
    /// The chart, drawn by a function that says what its places tell.
    pub(super) fn draw(&self, draw: impl FnOnce(&Canvas<'_>) -> Result<Vec<Tip>, Failed>) -> Markup {
        let (width, height) = (self.size.0 * FINE, self.size.1 * FINE);
        let mut drawn = String::new();
        let tips = {
            let size = (width.unsigned_abs(), height.unsigned_abs());
            let canvas = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
            draw(&canvas).and_then(|tips| canvas.present().map(|()| tips))
        };
        let tips = match tips {
            Ok(tips) => tips,
            Err(error) => return html! { p { "This chart can't be drawn: " (error.to_string()) } },
        };
        // The element that the backend opens has a size and no name.
        let drawn = drawn.split_once('\n').map_or("", |(_, rest)| rest);
        let drawn = drawn.strip_suffix("</svg>\n").unwrap_or(drawn);
        let painted = Paint::NAMED.iter().fold(drawn.to_owned(), |drawn, (paint, name)| {
            let RGBColor(r, g, b) = paint.color();
            drawn.replace(&format!("#{r:02X}{g:02X}{b:02X}"), &format!("var(--{name})"))
        });
        let (title, about) = (format!("{}-title", self.id), format!("{}-about", self.id));
        html! {
            div.scroll tabindex="0" role="group" aria-label=(self.title) {
                svg.chart viewBox=(format!("0 0 {width} {height}")) role="img"
                    style=(format!("--width:{}px", self.size.0))
                    aria-labelledby=(title) aria-describedby=(about) {
                    title id=(title) { (self.title) }
                    desc id=(about) { (self.about) }
                    (PreEscaped(painted))
                    @for Tip { from, to, text } in &tips {
                        rect.tip x=(from.0) y=(from.1) width=((to.0 - from.0).max(1)) height=((to.1 - from.1).max(1)) {
                            title { (text) }
                        }
                    }
                }
            }
        }
    }
}

/// A plane with two axes and lines to read heights by.
pub(super) fn plane<'a>(canvas: &Canvas<'a>, x: &Axis<'_>, y: &Axis<'_>) -> Result<Plane<'a>, Failed> {
    let letters = || ("sans-serif", LETTERS).into_font().color(&Paint::Letters.color());
    let below = if x.desc.is_empty() { 22 } else { 42 };
    let mut plane = ChartBuilder::on(canvas)
        .margin_top(10 * FINE)
        .margin_right(24 * FINE)
        .x_label_area_size(below * FINE)
        .y_label_area_size(if y.desc.is_empty() { 52 * FINE } else { 66 * FINE })
        .build_cartesian_2d(x.scale(), y.scale())?;
    let mut mesh = plane.configure_mesh();
    mesh.disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(Paint::Grid.line(10))
        .axis_style(TRANSPARENT)
        .set_all_tick_mark_size(3 * FINE)
        .label_style(letters())
        .x_label_formatter(x.label)
        .y_label_formatter(y.label)
        .x_desc(x.desc)
        .y_desc(y.desc)
        .draw()?;
    let base = PathElement::new(vec![(0.0, 0.0), (x.most, 0.0)], Paint::Axis.line(10));
    plane.plotting_area().draw(&base)?;
    Ok(plane)
}

/// Round numbers from 0 up to `most`, six at most.
fn ticks(most: f64) -> Vec<f64> {
    let mut ten = 1e-3;
    loop {
        for step in [1.0, 2.0, 5.0].map(|digit| digit * ten) {
            if most / step <= 5.0 {
                return (0..=5_u8).map(|at| f64::from(at) * step).filter(|tick| *tick <= most).collect();
            }
        }
        ten *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(ticks(1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(37.0), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(ticks(1e-9), [0.0]);
        assert_eq!(ticks(1e21).len(), 6);
    }

    #[test]
    fn a_chart_is_painted_by_the_style_sheet() {
        let picture = Picture { id: "c", title: "A <chart>", about: "Of nothing", size: (100, 80) };
        let label = |at: &f64| format!("{at} <");
        let drawn = picture.draw(|canvas| {
            let axis = || Axis::round(1.0, &label, "");
            plane(canvas, &axis(), &axis())?;
            Ok(vec![Tip { from: (0, 0), to: (8, 8), text: "\"here\"".to_owned() }])
        });
        let drawn = drawn.into_string();
        assert!(drawn.contains("var(--grid)") && drawn.contains("A &lt;chart&gt;"), "{drawn}");
        assert!(!drawn.contains("#01") && !drawn.contains("xmlns"), "{drawn}");
    }
}
