//! What was suggested, on one screen of a terminal.

use std::io::{self, Write};

use weir::backtest::suggest::result::{Proposal, ProposalFigures, SuggestReport};
use weir::backtest::suggest::with_values;
use weir::backtest::told::{self, NOTHING, Told, plural};

use super::super::figures::{HEAD, Line, SOFT, WARNING, cut, name, table};

/// Letters of a condition shown at most.
const CONDITION_MAX: usize = 100;
/// Rules of an overlap shown at most.
const OVERLAP_MAX: usize = 4;

/// Everything.
pub(super) fn summary(report: &SuggestReport, out: &mut impl Write) -> io::Result<()> {
    let told = Told::of(&report.data);
    asked(report, &told, out)?;
    let suggested = &report.suggested;
    let proposals = &suggested.proposals;
    if suggested.tuning.known.frauds + suggested.held_out.known.frauds == 0.0 {
        return writeln!(out, "{WARNING}no fraud is known{WARNING:#}: nobody knows what is missed");
    }
    if suggested.searched.frauds == 0 {
        return writeln!(
            out,
            "{HEAD}nothing is missed{HEAD:#} in the time that is searched: there is nothing to suggest"
        );
    }
    if proposals.is_empty() {
        return writeln!(
            out,
            "{WARNING}nothing is suggested{WARNING:#}: nothing that the rule set knows catches frauds of {} accounts with a precision of {}",
            report.asked.accounts_min,
            told::share(report.asked.precision_min)
        );
    }
    figures(proposals, &told, out)?;
    for proposal in proposals {
        one(proposal, &told, out)?;
    }
    if let Some(why) = &suggested.why_a_part {
        writeln!(
            out,
            "\n{WARNING}the rule file can't be extended{WARNING:#}, so that the rules are a part to be put behind it: {}",
            told::clean(why)
        )?;
    }
    Ok(())
}

fn asked(report: &SuggestReport, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let suggested = &report.suggested;
    writeln!(out, "{HEAD}what {} lets through of {}{HEAD:#}", name(&report.name), name(&report.data.name))?;
    for (what, side, until_us) in [
        ("searched", &suggested.tuning, suggested.measured.split_us),
        ("held out", &suggested.held_out, suggested.measured.until_us),
    ] {
        let until = until_us.map_or_else(|| NOTHING.to_owned(), |time_us| told.date(time_us));
        writeln!(
            out,
            "  {what} up to {until} ({:.1} days): {} of {} frauds missed ({} {}), among {} genuine payments",
            side.known.days,
            told::weighted(side.frauds),
            told::weighted(side.known.frauds),
            told.money_about(side.fraud_value_minor),
            told.currency(),
            told::weighted(side.genuine)
        )?;
    }
    let searched = &suggested.searched;
    write!(
        out,
        "  {} {} over {} features and fields",
        told::count(searched.tests),
        plural(searched.tests, "condition"),
        told::count(searched.names.len() as u64)
    )?;
    if searched.genuine_share < 1.0 {
        write!(
            out,
            ", searched among {} genuine payments, {} of all; figures are of all",
            told::count(searched.genuine),
            told::share(searched.genuine_share)
        )?;
    }
    writeln!(out, "\n")
}

fn figures(proposals: &[Proposal], told: &Told, out: &mut impl Write) -> io::Result<()> {
    let mut lines = Vec::new();
    for proposal in proposals {
        lines.push(Line { name: name(&proposal.id), cells: cells(&proposal.held_out, told), bar: None });
        lines.push(Line { name: "  searched".to_owned(), cells: cells(&proposal.tuning, told), bar: None });
    }
    let heads = ["flagged a day", "precision", "known", "of missed", "alone", "value", "bothered", "cost"];
    table("what each would add, held out", &heads, &lines, out)
}

fn cells(figures: &ProposalFigures, told: &Told) -> Vec<String> {
    let share = |share: Option<f64>| share.map_or_else(|| NOTHING.to_owned(), told::share);
    vec![
        figures.flagged_a_day.map_or_else(|| NOTHING.to_owned(), told::about),
        share(figures.precision),
        share(figures.coverage),
        share(figures.recall_missed),
        told::weighted(figures.frauds_alone),
        told.money_about(figures.value_caught_minor),
        told::count(figures.customers_bothered),
        told.money_about(figures.cost_minor),
    ]
}

/// A suggestion in words.
fn one(proposal: &Proposal, told: &Told, out: &mut impl Write) -> io::Result<()> {
    let condition = with_values(&proposal.conditions, told.currency());
    writeln!(out, "\n{HEAD}{}{HEAD:#}: {}", name(&proposal.id), cut(&condition, CONDITION_MAX))?;
    let held_out = &proposal.held_out;
    let range = match (proposal.low, proposal.high) {
        (Some(low), Some(high)) => format!(", precision {} to {}", told::share(low), told::share(high)),
        _ => String::new(),
    };
    writeln!(
        out,
        "  held out: {} {} flagged, {} fraud, {} genuine, {} unknown{range}",
        told::count(held_out.flagged),
        plural(held_out.flagged, "payment"),
        told::weighted(held_out.frauds),
        told::weighted(held_out.genuine),
        told::count(held_out.unknown)
    )?;
    if let Some(why_not) = proposal.why_not {
        writeln!(out, "  {WARNING}does not hold{WARNING:#}: {}", why_not.told())?;
    }
    let mut overlap: Vec<_> = proposal.overlap.iter().collect();
    overlap.sort_by_key(|together| std::cmp::Reverse(together.payments));
    let with = overlap.iter().take(OVERLAP_MAX);
    let with: Vec<String> = with
        .map(|together| {
            format!(
                "{} on {} ({} fraud)",
                name(&together.rule),
                told::count(together.payments),
                told::count(together.frauds)
            )
        })
        .collect();
    let fired = proposal.tuning.fired + proposal.held_out.fired;
    if with.is_empty() {
        return writeln!(
            out,
            "  {SOFT}no other rule fires on any of the {} payments{SOFT:#}",
            told::count(fired)
        );
    }
    let more = match overlap.len() - with.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    writeln!(
        out,
        "  {SOFT}of the {} payments on which it fires: {}{more}{SOFT:#}",
        told::count(fired),
        with.join(", ")
    )
}
