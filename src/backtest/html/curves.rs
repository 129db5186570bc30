//! The score as a detector of its own: what a threshold on it would flag.

use maud::{Markup, html};
use plotters::prelude::{Circle, EmptyElement, PathElement};

use super::chart::{Axis, FINE, Failed, Paint, Picture, Plane, plane};
use super::figure::{As, amount, figure, interval, measured, share, weighted, wide};
use crate::backtest::report::{CardPrecision, Estimate, Evaluation, Report, ScorePoint, Scores};
use crate::backtest::told::{self, Told};

const SIZE: (i32, i32) = (340, 280);

type At = (f64, f64);

/// One of the pictures of the score.
struct Curve<'a> {
    id: &'a str,
    title: &'a str,
    about: &'a str,
    x: (&'a str, f64),
    y: (&'a str, f64),
    /// How its axes are read.
    label: &'a dyn Fn(&f64) -> String,
    line: &'a dyn Fn(&Scores) -> Vec<At>,
    /// Where the rules stand as they act.
    stand: &'a dyn Fn(&Evaluation) -> Option<At>,
    /// What a detector without any sense would give.
    chance: Option<[At; 2]>,
}

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let new = &report.rules.result;
    let old = report.against.as_ref().map(|old| &old.result);
    let last = new.scores.points.last();
    let (Some(last), true) = (last, last.is_some_and(|last| last.frauds > 0.0 && last.genuine > 0.0)) else {
        return html! {
            p { "The score can't be judged: that takes both known frauds and known genuine payments." }
            @if last.is_some() { (table(told, "Thresholds on the score", "rules/result/scores", &new.scores.points)) }
        };
    };
    html! {
        p.soft {
            "What thresholds on the score alone would do: each point flags all payments at or above a score. "
            "The ring is where the rules stand as they act, with what they demand outright."
        }
        (areas(report))
        ul.legend {
            li { span.key.line style="--of:var(--new)" {} "score of the new rules" }
            @if old.is_some() { li { span.key.line.dashed style="--of:var(--old)" {} "of the old" } }
            li { span.key.ring style="--of:var(--new)" {} "the new rules as they act" }
            @if old.is_some() { li { span.key.ring style="--of:var(--old)" {} "the old" } }
        }
        div.curves { @for curve in curves(told, last, new, old) { (curve) } }
        (table(told, "Thresholds on the score", "rules/result/scores", &new.scores.points))
        @if let Some(old) = old { (table(told, "Thresholds on the old score", "against/result/scores", &old.scores.points)) }
    }
}

fn curves(told: &Told, last: &ScorePoint, new: &Evaluation, old: Option<&Evaluation>) -> [Markup; 3] {
    let percent = |share: &f64| format!("{:.0} %", share * 100.0);
    let value = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.value);
    let about =
        |estimate| value(estimate).map_or_else(|| told::NOTHING.to_owned(), |area| As::Decimals.told(area));
    let area = about(new.scores.roc_area);
    let precision = about(new.scores.average_precision);
    let axis = |minor: &f64| told.money_about(*minor);
    let both = [Some(new), old].into_iter().flatten();
    let cut: Vec<&[ScorePoint]> = both.clone().map(|result| worth(&result.scores.points)).collect();
    let most = |of: fn(&ScorePoint) -> f64, stands: fn(&Evaluation) -> f64| {
        let points = cut.iter().filter_map(|points| points.last()).map(of);
        points.chain(both.clone().map(stands)).fold(0.0, f64::max) * 1.04
    };
    let held_up =
        most(|point| point.genuine_value_minor, |result| result.overall.value_flagged_genuine_minor);
    let flagged = most(|point| point.fraud_value_minor, |result| result.overall.value_flagged_minor);
    let base = last.frauds / (last.frauds + last.genuine);
    let roc = format!(
        "The share of frauds flagged over the share of genuine payments flagged. The area below is {area}."
    );
    let pr = format!("Precision over the share of frauds flagged. The average precision is {precision}.");
    let genuine = format!("genuine value flagged, {}", told.currency());
    let fraud = format!("fraud value flagged, {}", told.currency());
    [
        Curve {
            id: "roc",
            title: "ROC curve",
            about: &roc,
            x: ("genuine flagged", 1.0),
            y: ("frauds flagged", 1.0),
            label: &percent,
            line: &roc_line,
            stand: &|result| value(result.overall.false_positive_rate).zip(value(result.overall.recall)),
            chance: Some([(0.0, 0.0), (1.0, 1.0)]),
        },
        Curve {
            id: "precision-recall",
            title: "Precision and recall",
            about: &pr,
            x: ("frauds flagged (recall)", 1.0),
            y: ("precision", 1.0),
            label: &percent,
            line: &precision_line,
            stand: &|result| value(result.overall.recall).zip(value(result.overall.precision)),
            chance: Some([(0.0, base), (1.0, base)]),
        },
        Curve {
            id: "cost",
            title: "Cost curve",
            about: "The value of flagged frauds over the value of flagged genuine payments, as the threshold on the score falls.",
            x: (&genuine, held_up),
            y: (&fraud, flagged),
            label: &axis,
            line: &|scores| cost_line(worth(&scores.points)),
            stand: &|result| Some((result.overall.value_flagged_genuine_minor, result.overall.value_flagged_minor)),
            chance: None,
        },
    ]
    .map(|curve| curve.show(new, old))
}

impl Curve<'_> {
    fn show(&self, new: &Evaluation, old: Option<&Evaluation>) -> Markup {
        let picture = Picture { id: self.id, title: self.title, about: self.about, size: SIZE };
        let drawn = picture.draw(|canvas| {
            let x = Axis::round(self.x.1, self.label, self.x.0);
            let y = Axis::round(self.y.1, self.label, self.y.0);
            let plane = plane(canvas, &x, &y)?;
            let area = plane.plotting_area();
            if let Some(chance) = self.chance {
                area.draw(&PathElement::new(chance.to_vec(), Paint::Chance.line(10)))?;
            }
            for (result, paint, tenths) in [(old, Paint::Old, 18), (Some(new), Paint::New, 24)] {
                if let Some(result) = result {
                    area.draw(&PathElement::new((self.line)(&result.scores), paint.line(tenths)))?;
                    self.ring(&plane, result, paint)?;
                }
            }
            Ok(Vec::new())
        });
        html! { figure { figcaption { (self.title) } (drawn) } }
    }

    fn ring(&self, plane: &Plane<'_>, result: &Evaluation, paint: Paint) -> Result<(), Failed> {
        let Some(at) = (self.stand)(result) else { return Ok(()) };
        plane.plotting_area().draw(&(EmptyElement::at(at) + Circle::new((0, 0), 5 * FINE, paint.line(24))))
    }
}

/// From nothing flagged, by trapezes as its area is measured.
fn roc_line(scores: &Scores) -> Vec<At> {
    let (frauds, genuine) = scores.points.last().map_or((1.0, 1.0), |last| (last.frauds, last.genuine));
    let points = scores.points.iter().map(|point| (point.genuine / genuine, point.frauds / frauds));
    std::iter::once((0.0, 0.0)).chain(points).collect()
}

/// In steps, as average precision sums it.
fn precision_line(scores: &Scores) -> Vec<At> {
    let frauds = scores.points.last().map_or(1.0, |last| last.frauds);
    let mut line = Vec::with_capacity(2 * scores.points.len());
    let mut before = 0.0;
    for point in &scores.points {
        let precision = point.frauds / (point.frauds + point.genuine);
        let recall = point.frauds / frauds;
        line.extend([(before, precision), (recall, precision)]);
        before = recall;
    }
    line
}

fn cost_line(points: &[ScorePoint]) -> Vec<At> {
    let points = points.iter().map(|point| (point.genuine_value_minor, point.fraud_value_minor));
    std::iter::once((0.0, 0.0)).chain(points).collect()
}

/// The thresholds that one could think of: those that flag at most half of the genuine value, or the first.
fn worth(points: &[ScorePoint]) -> &[ScorePoint] {
    let all = points.last().map_or(0.0, |last| last.genuine_value_minor);
    let worth = points.iter().take_while(|point| point.genuine_value_minor <= all / 2.0).count();
    points.get(..worth.max(1)).unwrap_or(points)
}

/// What the curves come to in one figure each.
fn areas(report: &Report) -> Markup {
    let sets = [("rules", "new"), ("against", "old")];
    let results = [Some(&report.rules.result), report.against.as_ref().map(|old| &old.result)];
    let results: Vec<(&str, &str, &Scores)> = sets
        .into_iter()
        .zip(results)
        .filter_map(|((at, word), result)| result.map(|result| (at, word, &result.scores)))
        .collect();
    let table = html! {
        table.narrow {
            caption { "The score in one figure" }
            thead {
                tr {
                    td {}
                    th scope="col" { "ROC area" }
                    th scope="col" { "Average precision" }
                    th scope="col" { "Card precision" }
                }
            }
            tbody {
                @for (at, word, scores) in results {
                    tr data-at=(format!("{at}/result/scores")) {
                        th.name scope="row" { (word) }
                        td { (measured("roc_area", scores.roc_area, As::Decimals)) " " (interval("roc_area", scores.roc_area, As::Decimals)) }
                        td {
                            (measured("average_precision", scores.average_precision, As::Decimals)) " "
                            (interval("average_precision", scores.average_precision, As::Decimals))
                        }
                        td data-at="card_precision" { (card_precision(scores.card_precision)) }
                    }
                }
            }
        }
    };
    wide("The score in one figure", &table)
}

fn card_precision(card: Option<CardPrecision>) -> Markup {
    let Some(CardPrecision { k, days, mean, late }) = card else { return share("", None) };
    html! {
        (share("mean", Some(mean)))
        " " small { "of the " (figure("k", k, &told::count(k.into()))) " highest a day, " (figure("days", days, &told::count(days.into()))) " days; " (figure("late", late, &told::count(late))) " came too late" }
    }
}

fn table(told: &Told, caption: &str, at: &str, points: &[ScorePoint]) -> Markup {
    let table = html! {
        table.figures.long {
            caption { (caption) ": what is at or above it" }
            thead {
                tr {
                    @for head in ["Score", "Known frauds", "Known genuine"] { th scope="col" { (head) } }
                    @for head in ["Fraud value", "Genuine value"] { th scope="col" { (head) ", " (told.currency()) } }
                }
            }
            tbody data-at=(format!("{at}/points")) {
                @for (place, point) in points.iter().enumerate() {
                    tr data-at=(place) {
                        th scope="row" { (figure("score", point.score, &point.score.to_string())) }
                        td { (weighted("frauds", point.frauds)) }
                        td { (weighted("genuine", point.genuine)) }
                        td { (amount(told, "fraud_value_minor", point.fraud_value_minor)) }
                        td { (amount(told, "genuine_value_minor", point.genuine_value_minor)) }
                    }
                }
            }
        }
    };
    html! { details { summary { (caption) } (wide(caption, &table)) } }
}
