//! What a backtest found, on one screen of a terminal.

use std::io::{self, Write};

use weir::backtest::report::{
    Changes, Estimate, Figures, Measured, Mode, Named, Report, RuleFigures, WhatIf,
};
use weir::backtest::told::{self, NOTHING, Told, plural};

use super::super::figures::{HEAD, Line, SOFT, WARNING, name, table};

/// Rules shown at most.
const RULES_MAX: usize = 20;
/// The longest bar, of what a bar may be: there are many columns before it.
const BAR_MOST: f64 = 0.5;

/// Everything.
pub(super) fn summary(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let told = Told::of(&report.data);
    asked(report, &told, out)?;
    headline(report, &told, out)?;
    rules(&report.rules.result.rules, &told, out)?;
    outcomes(report, &told, out)?;
    match &report.changes {
        Some(changes) => changed(report, changes, out),
        None => Ok(()),
    }
}

fn asked(report: &Report, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let Measured { from_us, until_us, payments, frauds, genuine, unknown, .. } = report.measured;
    let (rules, data) = (name(&report.rules.name), name(&report.data.name));
    let date =
        |time_us: Option<i64>| time_us.map_or_else(|| NOTHING.to_owned(), |time_us| told.date(time_us));
    let many = format!("{} {}", told::count(payments), plural(payments, "payment"));
    writeln!(
        out,
        "{HEAD}{rules} on {data}{HEAD:#}: {many} from {} to {}",
        date(from_us),
        until_us
            .map_or_else(|| date(report.data.last_us), |until_us| format!("before {}", told.date(until_us)))
    )?;
    let share = told::share(unknown as f64 / payments.max(1) as f64);
    let [frauds_told, genuine, unknown] = [frauds, genuine, unknown].map(told::count);
    writeln!(out, "  {frauds_told} fraud, {genuine} genuine, {unknown} unknown ({share})")?;
    writeln!(out, "  {}", what_if(&report.what_if))?;
    if payments == 0 {
        writeln!(out, "  {WARNING}nothing was measured{WARNING:#}: no payment is both warm and mature")?;
    } else if frauds == 0 {
        writeln!(out, "  {WARNING}no fraud is known{WARNING:#}: what is caught can't be said")?;
    }
    writeln!(out)
}

fn what_if(what_if: &WhatIf) -> String {
    let mode = match what_if.mode {
        Mode::Observed => "observed, history as it happened".to_owned(),
        Mode::Simulated => {
            format!(
                "simulated, {} {} did not happen",
                told::count(what_if.prevented),
                plural(what_if.prevented, "payment")
            )
        }
    };
    let (genuine, fraud) = (told::share(what_if.genuine_pass), told::share(what_if.fraud_pass));
    let kinds = what_if.fraud_pass_by_kind.iter();
    let kinds: String =
        kinds.map(|rate| format!(", {} {}", name(&rate.kind), told::share(rate.share))).collect();
    format!("{mode}; of step-ups {genuine} of genuine customers pass, {fraud} of frauds{kinds}")
}

fn headline(report: &Report, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let new = figures(&report.rules.result.overall, told);
    let old = report.against.as_ref().map(|old| figures(&old.result.overall, told));
    let mut lines = Vec::new();
    for (at, (what, new)) in new.into_iter().enumerate() {
        let old = old.as_ref().and_then(|old| old.get(at)).map(|(_, old)| old.clone());
        lines.push(Line {
            name: what.to_owned(),
            cells: [Some(new), old].into_iter().flatten().collect(),
            bar: None,
        });
    }
    let heads: &[&str] = if report.against.is_some() { &["new", "old"] } else { &[""] };
    table("", heads, &lines, out)
}

/// The headline figures of a rule set, in words.
fn figures(figures: &Figures, told: &Told) -> Vec<(&'static str, String)> {
    let estimate = |estimate: Option<Estimate>, tell: fn(f64) -> String| match estimate {
        None => NOTHING.to_owned(),
        Some(Estimate { value, low: Some(low), high: Some(high) }) => {
            format!("{} ({} to {})", tell(value), tell(low), tell(high))
        }
        Some(Estimate { value, .. }) => tell(value),
    };
    vec![
        ("frauds flagged", estimate(figures.recall, told::share)),
        ("fraud value caught", estimate(figures.value_caught_share, told::share)),
        ("", told.money(figures.value_caught_minor)),
        ("precision", estimate(figures.precision, told::share)),
        ("  known of the flagged", figures.coverage.map_or_else(|| NOTHING.to_owned(), told::share)),
        ("genuine customers bothered", told::count(figures.customers_bothered)),
        ("false positives per 10,000", estimate(figures.false_positive_rate, told::per_10_000)),
        ("payments flagged", told::count(figures.flagged)),
    ]
}

/// The rules that catch most value; where none catches any, those that flag most.
fn rules(rules: &[RuleFigures], told: &Told, out: &mut impl Write) -> io::Result<()> {
    let by_value = rules.iter().any(|rule| rule.figures.value_caught_minor > 0.0);
    let weight = |rule: &RuleFigures| match by_value {
        true => rule.figures.value_caught_minor,
        false => rule.figures.flagged as f64,
    };
    let mut sorted: Vec<&RuleFigures> = rules.iter().collect();
    sorted.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    let most = sorted.first().map_or(0.0, |rule| weight(rule)).max(f64::MIN_POSITIVE);
    let line = |rule: &&RuleFigures| {
        let mut cells = vec![asks_for(rule)];
        cells.extend(cells_of(&rule.figures, told));
        cells.push(told::weighted(rule.frauds_alone));
        Line { name: name(&rule.id), cells, bar: Some(BAR_MOST * weight(rule) / most) }
    };
    let lines: Vec<Line> = sorted.iter().take(RULES_MAX).map(line).collect();
    writeln!(out)?;
    let heads = ["asks for", "fired on", "precision", "recall", "value caught", "frauds alone"];
    table(
        &format!("rules by {}", if by_value { "value caught" } else { "payments that they fired on" }),
        &heads,
        &lines,
        out,
    )?;
    match rules.len().saturating_sub(RULES_MAX) {
        0 => Ok(()),
        more => writeln!(out, "  {SOFT}and {more} more{SOFT:#}"),
    }
}

fn asks_for(rule: &RuleFigures) -> String {
    let then = if rule.then.is_empty() { "score".to_owned() } else { name(&rule.then) };
    if rule.mode == "live" { then } else { format!("{then} ({})", name(&rule.mode)) }
}

fn cells_of(figures: &Figures, told: &Told) -> [String; 4] {
    let share = |estimate: Option<Estimate>| {
        estimate.map_or_else(|| NOTHING.to_owned(), |estimate| told::share(estimate.value))
    };
    [
        told::count(figures.flagged),
        share(figures.precision),
        share(figures.recall),
        told.money(figures.value_caught_minor),
    ]
}

/// Outcomes, and what the law and risk alone ask for.
fn outcomes(report: &Report, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let result = &report.rules.result;
    let line = |named: &Named| Line {
        name: name(&named.name),
        cells: cells_of(&named.figures, told).to_vec(),
        bar: None,
    };
    let reasons = result.reasons.iter().filter(|reason| reason.figures.flagged > 0);
    let lines: Vec<Line> = result.outcomes.iter().chain(reasons).map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let heads = ["flagged", "precision", "recall", "value caught"];
    table("outcomes and reasons", &heads, &lines, out)
}

fn changed(report: &Report, changes: &Changes, out: &mut impl Write) -> io::Result<()> {
    let old = report.against.as_ref().map_or_else(String::new, |old| name(&old.name));
    let Changes { alerts_added: added, alerts_removed: removed, .. } = changes;
    let lines = [
        ("payments", &changes.payments, [added.payments, removed.payments]),
        ("known frauds", &changes.frauds, [added.frauds, removed.frauds]),
        ("known genuine", &changes.genuine, [added.genuine, removed.genuine]),
    ]
    .map(|(what, matrix, alerts)| {
        let (stricter, looser) = weir::backtest::report::moved(matrix);
        let cells = [stricter, looser].into_iter().chain(alerts).map(told::count).collect();
        Line { name: what.to_owned(), cells, bar: None }
    });
    writeln!(out)?;
    let heads = ["more strictly", "less strictly", "more alerts", "fewer alerts"];
    table(&format!("against {old}"), &heads, &lines, out)
}

#[cfg(test)]
#[path = "../../../tests/support/report_odd.rs"]
mod odd;
#[cfg(test)]
#[path = "../../../tests/support/report_sample.rs"]
mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    /// As a file gets it.
    fn plain(report: &Report) -> String {
        let mut out = Vec::new();
        summary(report, &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn it_fits_a_screen() {
        let said = plain(&sample::sample());
        assert!(said.lines().count() <= 52, "{} lines\n{said}", said.lines().count());
        let widest = said.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 120, "{widest} columns\n{said}");
        assert!(said.contains("and 5 more") && said.contains("more strictly"), "{said}");
    }

    #[test]
    fn it_says_the_reports_figures() {
        let report = sample::sample();
        let said = plain(&report);
        let overall = &report.rules.result.overall;
        for figure in [
            told::share(overall.recall.unwrap().value),
            told::count(overall.flagged),
            told::count(overall.customers_bothered),
            Told::of(&report.data).money(overall.value_caught_minor),
            told::count(report.measured.frauds),
        ] {
            assert!(said.contains(&figure), "{figure} is not in\n{said}");
        }
    }

    #[test]
    fn odd_reports_read_well() {
        let said = plain(&odd::empty());
        assert!(said.contains("nothing was measured") && !said.contains("NaN"), "{said}");
        assert!(plain(&odd::single()).contains("no fraud is known"));
        let said = plain(&odd::hostile(sample::sample()));
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    }
}
