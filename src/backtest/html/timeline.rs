//! Alerts and frauds over time.

use maud::{Markup, html};
use plotters::prelude::{PathElement, Rectangle};

use super::chart::{Axis, Canvas, Failed, Paint, Picture, Plane, Tip, middle, named, plane};
use super::figure::{count, name, wide};
use super::periods::periods;
use crate::backtest::report::{Day, Report};
use crate::backtest::told::{self, Told};

const WIDTH: i32 = 920;
const STOPPED_HEIGHT: i32 = 190;
const FRAUDS_HEIGHT: i32 = 150;
/// Names of times that have place below a picture.
const NAMES_MAX: usize = 12;

pub(super) fn section(report: &Report, _: &Told) -> Markup {
    let days = &report.rules.result.timeline;
    if days.is_empty() {
        return html! { p { "No day was measured." } };
    }
    let bars = Bars::of(days);
    html! {
        figure {
            figcaption { "Payments stopped and alerted, " (bars.each) }
            ul.legend {
                li { span.key style="--of:var(--block)" {} "blocked" }
                li { span.key style="--of:var(--step-up)" {} "stepped up" }
                li { span.key.line style="--of:var(--alert)" {} "alerted" }
            }
            (bars.stopped())
        }
        figure {
            figcaption { "Known frauds, " (bars.each) }
            ul.legend {
                li { span.key style="--of:var(--caught)" {} "flagged" }
                li { span.key.hollow style="--of:var(--missed)" {} "not flagged" }
            }
            (bars.frauds())
        }
        (table("Day by day", "rules/result/timeline", days))
        @if let Some(old) = &report.against { (table("Day by day under the old rules", "against/result/timeline", &old.result.timeline)) }
    }
}

fn table(caption: &str, at: &str, days: &[Day]) -> Markup {
    let table = html! {
        table.figures.long {
            caption { (caption) }
            thead {
                tr {
                    th.left scope="col" { "Day" }
                    @for head in ["Payments", "Stepped up", "Blocked", "Alerted", "Known frauds", "Of those flagged"] {
                        th scope="col" { (head) }
                    }
                }
            }
            tbody data-at=(at) {
                @for (place, day) in days.iter().enumerate() {
                    tr data-at=(place) {
                        th.name scope="row" { (name(&day.date)) }
                        td { (count("payments", day.payments)) }
                        td { (count("step_ups", day.step_ups)) }
                        td { (count("blocks", day.blocks)) }
                        td { (count("alerts", day.alerts)) }
                        td { (count("frauds", day.frauds)) }
                        td { (count("frauds_flagged", day.frauds_flagged)) }
                    }
                }
            }
        }
    };
    html! { details { summary { (caption) } (wide(caption, &table)) } }
}

/// Days put together so that they fit.
struct Bars {
    days: Vec<Day>,
    each: &'static str,
}

impl Bars {
    fn of(days: &[Day]) -> Self {
        let (days, each) = periods(days);
        Self { days, each }
    }

    /// Places of bars that are named, and their names: months, or days where there are few.
    fn named(&self) -> Vec<(usize, String)> {
        let date = |at: usize| self.days.get(at).map_or("", |day| day.date.as_str());
        let turns: Vec<usize> =
            (0..self.days.len()).filter(|at| *at == 0 || month(date(*at)) != month(date(at - 1))).collect();
        let by_day = turns.len() < 3;
        let places = if by_day { (0..self.days.len()).collect() } else { turns };
        let step = places.len().div_ceil(NAMES_MAX).max(1);
        let name = |at: usize| if by_day { date(at) } else { month(date(at)) };
        places.into_iter().step_by(step).map(|at| (at, name(at).to_owned())).collect()
    }

    fn stopped(&self) -> Markup {
        let all = self.sum();
        let about = format!(
            "Bars of {} blocked and {} stepped-up payments and a line of {} alerted ones, {}; the figures are in the table below.",
            told::count(all.blocks),
            told::count(all.step_ups),
            told::count(all.alerts),
            self.each
        );
        let picture = Picture {
            id: "stopped",
            title: "Payments stopped and alerted over time",
            about: &about,
            size: (WIDTH, STOPPED_HEIGHT),
        };
        picture.draw(|canvas| {
            let most = self.most(|day| day.alerts.max(day.blocks.saturating_add(day.step_ups)));
            let alerts = PathElement::new(self.line(|day| day.alerts), Paint::Alert.line(15));
            self.draw(canvas, most, &[alerts], |plane, at, day| {
                let (blocks, all) = (day.blocks as f64, day.blocks as f64 + day.step_ups as f64);
                bar(plane, at, (0.0, blocks), Paint::Block.fill())?;
                bar(plane, at, (blocks, all), Paint::StepUp.fill())?;
                Ok(format!(
                    "{}: {} blocked, {} stepped up, {} alerted of {} payments",
                    day.date, day.blocks, day.step_ups, day.alerts, day.payments
                ))
            })
        })
    }

    fn frauds(&self) -> Markup {
        let all = self.sum();
        let about = format!(
            "Bars of {} known frauds, of which {} were flagged, {}; the figures are in the table below.",
            told::count(all.frauds),
            told::count(all.frauds_flagged),
            self.each
        );
        let size = (WIDTH, FRAUDS_HEIGHT);
        let picture = Picture { id: "frauds", title: "Known frauds over time", about: &about, size };
        picture.draw(|canvas| {
            self.draw(canvas, self.most(|day| day.frauds), &[], |plane, at, day| {
                let (flagged, all) = (day.frauds_flagged as f64, day.frauds as f64);
                bar(plane, at, (0.0, flagged), Paint::Caught.fill())?;
                bar(plane, at, (flagged, all), Paint::Missed.line(12))?;
                Ok(format!("{}: {} of {} known frauds flagged", day.date, day.frauds_flagged, day.frauds))
            })
        })
    }

    fn sum(&self) -> Day {
        let mut all = Day::default();
        self.days.iter().for_each(|day| all.add(day));
        all
    }

    /// Through the middle of each bar, from edge to edge.
    fn line(&self, of: impl Fn(&Day) -> u64) -> Vec<(f64, f64)> {
        let heights = self.days.iter().map(|day| of(day) as f64);
        let mut line: Vec<(f64, f64)> =
            heights.enumerate().map(|(at, height)| (middle(at), height)).collect();
        if let (Some(first), Some(last)) = (line.first().copied(), line.last().copied()) {
            line.insert(0, (0.0, first.1));
            line.push((last.0 + 0.5, last.1));
        }
        line
    }

    fn most(&self, of: impl Fn(&Day) -> u64) -> f64 {
        self.days.iter().map(of).max().unwrap_or(0).max(1) as f64
    }

    /// A plane, each bar in it with what it tells, and lines over them.
    fn draw<'a>(
        &self,
        canvas: &Canvas<'a>,
        most: f64,
        lines: &[PathElement<(f64, f64)>],
        bar: impl Fn(&Plane<'a>, f64, &Day) -> Result<String, Failed>,
    ) -> Result<Vec<Tip>, Failed> {
        let names = self.named();
        let label = named(&names);
        let whole = |height: &f64| if most < 1e6 { told::weighted(*height) } else { told::about(*height) };
        let x = Axis::places(self.days.len(), &names, &label, "");
        let plane = plane(canvas, &x, &Axis::counts(most, &whole))?;
        let mut tips = Vec::with_capacity(self.days.len());
        for (at, day) in self.days.iter().enumerate() {
            let at = at as f64;
            let text = bar(&plane, at, day)?;
            let (from, to) = (plane.backend_coord(&(at, most)), plane.backend_coord(&(at + 1.0, 0.0)));
            tips.push(Tip { from, to, text: told::clean(&text).into_owned() });
        }
        for line in lines {
            plane.plotting_area().draw(line)?;
        }
        Ok(tips)
    }
}

/// A bar over one place, between two heights; nothing where those are the same.
fn bar(
    plane: &Plane<'_>,
    at: f64,
    (low, high): (f64, f64),
    style: plotters::style::ShapeStyle,
) -> Result<(), Failed> {
    if high <= low {
        return Ok(());
    }
    plane.plotting_area().draw(&Rectangle::new([(at + 0.12, high), (at + 0.88, low)], style))
}

/// `2018-04` of `2018-04-01`.
fn month(date: &str) -> &str {
    date.get(.."2018-04".len()).unwrap_or(date)
}
