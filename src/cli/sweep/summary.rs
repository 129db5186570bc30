//! What a sweep found, on one screen of a terminal.

use std::io::{self, Write};

use weir::backtest::sweep::result::{Combination, Objective, State, SweepFigures, SweepReport, Swing};
use weir::backtest::told::{self, NOTHING, Told, plural};

use super::super::figures::{HEAD, Line, SOFT, WARNING, cut, name, table};
use super::values;

/// Points of the front shown at most.
const POINTS_MAX: usize = 10;
/// Letters of a combination shown at most.
const NAMES_MAX: usize = 48;

/// Everything.
pub(super) fn summary(report: &SweepReport, out: &mut impl Write) -> io::Result<()> {
    let told = Told::of(&report.data);
    asked(report, &told, out)?;
    points(report, &told, out)?;
    chosen(report, &told, out)
}

fn asked(report: &SweepReport, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let swept = &report.swept;
    let combinations = swept.combinations.len() as u64;
    writeln!(
        out,
        "{HEAD}{} on {}{HEAD:#}: {} {}",
        name(&report.name),
        name(&report.data.name),
        told::count(combinations),
        plural(combinations, "combination")
    )?;
    for (what, known, until_us) in [
        ("chosen by", &swept.tuning, swept.measured.split_us),
        ("held against", &swept.held_out, swept.measured.until_us),
    ] {
        let until = until_us.map_or_else(|| NOTHING.to_owned(), |time_us| told.date(time_us));
        writeln!(
            out,
            "  {what} {} up to {until} ({:.1} days): {} fraud, {} genuine, {} unknown",
            payments(known.payments),
            known.days,
            told::weighted(known.frauds),
            told::weighted(known.genuine),
            told::count(known.unknown)
        )?;
    }
    for param in swept.params.iter().filter(|param| param.recomputed) {
        writeln!(out, "  {}", recomputed(param))?;
    }
    let fed = swept.decision_fed.iter().map(|fed| name(fed)).collect::<Vec<_>>().join(", ");
    match swept.state {
        State::EventFed => {}
        State::Observed => writeln!(
            out,
            "  {WARNING}observed{WARNING:#}: {fed} {} on what was decided, which is as the rule file is; --exact runs each by itself",
            if swept.decision_fed.len() == 1 { "depends" } else { "depend" }
        )?,
        State::Exact => writeln!(out, "  exact: each combination by an engine of its own")?,
    }
    writeln!(out)
}

fn payments(count: u64) -> String {
    format!("{} {}", told::count(count), plural(count, "payment"))
}

fn recomputed(param: &Swing) -> String {
    let inside = match &*param.features {
        [] => "a lock or the dialogue".to_owned(),
        features => features.iter().map(|feature| name(feature)).collect::<Vec<_>>().join(", "),
    };
    format!("{} is inside {inside}, which was computed again for each of its values", name(&param.name))
}

/// The rule file as it is, the front, and the best of their kind; each on both sides.
fn points(report: &SweepReport, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let swept = &report.swept;
    let front = thinned(&swept.front);
    let best = [Some(swept.best_by_cost), swept.best_under_budget].into_iter().flatten();
    let mut shown: Vec<usize> = vec![0];
    for at in front.iter().copied().chain(best) {
        if !shown.contains(&at) {
            shown.push(at);
        }
    }
    let mut lines = Vec::new();
    for at in shown {
        let Some(combination) = swept.combinations.get(at) else { continue };
        let called = [
            (at == 0).then_some("as it is"),
            (at == swept.best_by_cost).then_some("cheapest"),
            (Some(at) == swept.best_under_budget).then_some("in budget"),
        ];
        let called = called.into_iter().flatten().map(str::to_owned);
        let set = values(swept, combination).into_iter().map(|(name, value)| format!("{name} {value}"));
        let named = called.chain(set).collect::<Vec<_>>().join(", ");
        let mut tuning = cells(&combination.tuning, told);
        tuning.push(combination.front_share.map_or_else(String::new, told::share));
        lines.push(Line { name: cut(&named, NAMES_MAX), cells: tuning, bar: None });
        let held_out = cells(&combination.held_out, told);
        lines.push(Line { name: "  held out".to_owned(), cells: held_out, bar: None });
    }
    let heads = ["flagged a day", "precision", "recall", "caught", "value", "bothered", "cost", "on front"];
    table("as it is, and what nothing beats", &heads, &lines, out)?;
    match swept.front.len() - front.len() {
        0 => Ok(()),
        more => writeln!(out, "  {SOFT}and {more} more between these{SOFT:#}"),
    }
}

/// Some of the points, evenly, with both ends.
fn thinned(front: &[usize]) -> Vec<usize> {
    if front.len() <= POINTS_MAX {
        return front.to_vec();
    }
    let at = |place: usize| place * (front.len() - 1) / (POINTS_MAX - 1);
    (0..POINTS_MAX).filter_map(|place| front.get(at(place)).copied()).collect()
}

fn cells(figures: &SweepFigures, told: &Told) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or_else(|| NOTHING.to_owned(), told::share);
    vec![
        figures.flagged_a_day.map_or_else(|| NOTHING.to_owned(), told::about),
        share(figures.precision),
        share(figures.recall),
        share(figures.value_caught_share),
        told.money_about(figures.value_caught_minor),
        told::count(figures.customers_bothered),
        told.money_about(figures.cost_minor),
    ]
}

fn chosen(report: &SweepReport, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let swept = &report.swept;
    let by_cost = report.asked.objective == Objective::Cost;
    let Some(chosen) = &swept.chosen else {
        return match report.asked.objective {
            Objective::Front => Ok(()),
            _ => writeln!(out, "\n{WARNING}nothing keeps to the budget{WARNING:#}"),
        };
    };
    let figure = |value: Option<f64>| match value {
        None => NOTHING.to_owned(),
        Some(value) if by_cost => told.money_about(value),
        Some(value) => told::share(value),
    };
    let what = if by_cost { "cost a day" } else { "fraud value caught" };
    let combination = swept.combinations.get(chosen.combination);
    let set = combination.map(|combination| values(swept, combination)).unwrap_or_default();
    let set = set.into_iter().map(|(param, value)| format!("{} = {}", name(param), name(value)));
    writeln!(out, "\n{HEAD}chosen{HEAD:#}: {}", set.collect::<Vec<_>>().join(", "))?;
    let range = match (chosen.low, chosen.high) {
        (Some(low), Some(high)) => format!(" ({} to {})", figure(Some(low)), figure(Some(high))),
        _ => String::new(),
    };
    writeln!(out, "  {what} {}{range}, held out {}", figure(chosen.tuning), figure(chosen.held_out))?;
    if let Some(share) = combination.and_then(|combination: &Combination| combination.chosen_share) {
        writeln!(out, "  chosen in {} of the replicates", told::share(share))?;
    }
    if chosen.overfitted {
        writeln!(
            out,
            "  {WARNING}gains less on what was held out{WARNING:#} than chance explains: these values fit the time that they were chosen by"
        )?;
    }
    Ok(())
}
