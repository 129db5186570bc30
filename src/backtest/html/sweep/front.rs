//! The Pareto front: value caught against customers bothered, for each side of the split.

use maud::{Markup, html};
use plotters::prelude::{Circle, EmptyElement, PathElement};

use super::marks;
use super::measure::Measure;
use super::table::{folded, said, table};
use super::thin::thinned;
use crate::backtest::html::chart::{Axis, FINE, Paint, Picture, Tip, plane};
use crate::backtest::sweep::result::{Combination, SweepFigures, SweepReport};
use crate::backtest::told::{self, Told, plural};

const SIZE: (i32, i32) = (520, 360);
/// Dots beside the front.
const DOTS_MAX: usize = 2_000;
/// Rows of the front that one reads, and of all that are folded away.
const SHOWN_MAX: usize = 10;
const ROWS_MAX: usize = 200;
/// How near to a dot one must point, in pixels.
const NEAR: i32 = 4;

/// One side of the split.
struct Half {
    id: &'static str,
    title: &'static str,
    figures: fn(&Combination) -> &SweepFigures,
    paint: Paint,
}

const HALVES: [Half; 2] = [
    Half {
        id: "sweep-front-tuning",
        title: "By which values are chosen",
        figures: |of| &of.tuning,
        paint: Paint::New,
    },
    Half { id: "sweep-front-held-out", title: "Held out", figures: |of| &of.held_out, paint: Paint::HeldOut },
];

pub(super) fn section(report: &SweepReport, told: &Told) -> Markup {
    let swept = &report.swept;
    let chosen = swept.chosen.as_ref().map(|chosen| chosen.combination);
    let special = swept.front.iter().copied().chain([0]).chain(chosen);
    let dots = thinned(swept.combinations.len(), DOTS_MAX, &special.clone().collect::<Vec<_>>());
    let left_out = swept.combinations.len().saturating_sub(dots.len()) as u64;
    let best = [Some(0), chosen, Some(swept.best_by_cost), swept.best_under_budget].into_iter().flatten();
    let some = rows(report, SHOWN_MAX, best);
    let all = rows(report, ROWS_MAX, std::iter::empty());
    let more = swept.front.len().saturating_sub(all.len()) as u64;
    html! {
        p.soft {
            "Each dot is a combination. On the line are those that no other beats in both: none bothers fewer and catches as much. "
            "On the right are the same combinations by the part that was held out: a front that holds keeps its shape there."
        }
        ul.legend {
            li { span.key.line style="--of:var(--new)" {} "the front" }
            li { span.key.line.dashed style="--of:var(--held-out)" {} "the same, held out" }
            li { span.key.dot style="--of:var(--chance)" {} "other combinations" }
            (marks::legend(swept))
        }
        div.curves.two { @for half in HALVES { (half.show(report, told, &dots)) } }
        @if left_out > 0 {
            p.soft { (told::count(left_out)) " of " (told::count(swept.combinations.len() as u64)) " combinations are not drawn, evenly; the front is whole." }
        }
        (table(report, told, "Of the front, the fewest bothered first, with the best of their kind", &some))
        @if swept.front.len() > SHOWN_MAX {
            (folded(report, told, "The whole front", &all))
            @if more > 0 { p.soft { "And " (told::count(more)) " " (plural(more, "combination")) " between these." } }
        }
    }
}

/// So many of the front at most, and some others, by how many they bother.
fn rows(report: &SweepReport, most: usize, others: impl Iterator<Item = usize>) -> Vec<usize> {
    let swept = &report.swept;
    let front = thinned(swept.front.len(), most, &[]);
    let mut rows: Vec<usize> =
        front.into_iter().filter_map(|place| swept.front.get(place).copied()).collect();
    for at in others {
        if !rows.contains(&at) {
            rows.push(at);
        }
    }
    let bothered = |at: &usize| {
        swept.combinations.get(*at).map_or(0, |combination| combination.tuning.customers_bothered)
    };
    rows.sort_by_key(bothered);
    rows
}

impl Half {
    fn show(&self, report: &SweepReport, told: &Told, dots: &[usize]) -> Markup {
        let swept = &report.swept;
        let point = |at: usize| {
            let figures = (self.figures)(swept.combinations.get(at)?);
            Some((figures.customers_bothered as f64, figures.value_caught_share?))
        };
        let known: Vec<(f64, f64)> = dots.iter().filter_map(|at| point(*at)).collect();
        if known.is_empty() {
            return html! { figure { figcaption { (self.title) small { "No fraud is known here, so what is caught can't be said." } } } };
        }
        let most = |of: fn(&(f64, f64)) -> f64| known.iter().map(of).fold(0.0, f64::max) * 1.06;
        let (widest, highest) = (most(|(bothered, _)| *bothered), most(|(_, caught)| *caught));
        let about = format!(
            "{} combinations by customers bothered and share of fraud value caught, and a line through the {} that none other beats. The figures are in the table below.",
            told::count(known.len() as u64),
            told::count(swept.front.len() as u64)
        );
        let title = format!("The front: {}", self.title.to_lowercase());
        let picture = Picture { id: self.id, title: &title, about: &about, size: SIZE };
        let drawn = picture.draw(|canvas| {
            let bothered = |value: &f64| told::about(*value);
            let caught = |value: &f64| Measure::Caught.about(told, *value);
            let x = Axis::counts(widest, &bothered);
            let plane = plane(
                canvas,
                &Axis { desc: "genuine customers bothered", ..x },
                &Axis::round(highest, &caught, "fraud value caught"),
            )?;
            let area = plane.plotting_area();
            let mut tips = Vec::with_capacity(dots.len());
            let front: Vec<(usize, (f64, f64))> =
                swept.front.iter().filter_map(|at| Some((*at, point(*at)?))).collect();
            let others =
                dots.iter().filter(|at| !swept.front.contains(at)).filter_map(|at| Some((*at, point(*at)?)));
            for (at, place) in others {
                area.draw(
                    &(EmptyElement::at(place) + Circle::new((0, 0), 2 * FINE, Paint::Chance.shade(0.5))),
                )?;
                tips.push((at, place));
            }
            let line = front.iter().map(|(_, place)| *place).collect::<Vec<_>>();
            area.draw(&PathElement::new(line, self.paint.line(20)))?;
            for (at, place) in front {
                area.draw(&(EmptyElement::at(place) + Circle::new((0, 0), 3 * FINE, self.paint.fill())))?;
                tips.push((at, place));
            }
            marks::mark(&plane, swept, point)?;
            let tip = |(at, place): (usize, (f64, f64))| {
                let (x, y) = plane.backend_coord(&place);
                let near = NEAR * FINE;
                Tip { from: (x - near, y - near), to: (x + near, y + near), text: said(swept, told, at) }
            };
            Ok(tips.into_iter().map(tip).collect())
        });
        html! { figure { figcaption { (self.title) } (drawn) } }
    }
}
