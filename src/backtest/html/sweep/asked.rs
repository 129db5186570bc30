//! What a sweep was asked, of what, and under which assumptions.

use maud::{Markup, html};

use super::table::a_day;
use crate::backtest::html::asked::{assumed, kinds};
use crate::backtest::html::figure::{amount, count, duration, money, name, share, time, weighted, wide};
use crate::backtest::sweep::result::{Known, MeasuredTime, Objective, State, SweepReport};
use crate::backtest::told::{self, Told, plural};

/// The head of a page of its own.
pub(in crate::backtest::html) fn header(report: &SweepReport) -> Markup {
    let told = &Told::of(&report.data);
    let combinations = report.swept.combinations.len() as u64;
    html! {
        header.head {
            p.kicker { "Sweep" }
            h1 { (name(&report.name)) @if !report.data.name.is_empty() { " on " (name(&report.data.name)) } }
            p.lead {
                code { (name(&report.file)) } " with " (told::count(combinations)) " " (plural(combinations, "combination"))
                " of the values of " @for (at, swing) in report.swept.params.iter().enumerate() {
                    @if at > 0 { ", " }
                    code { (name(&swing.name)) }
                }
                ". " (name(&report.data.about))
            }
            (asked(report, told))
        }
    }
}

/// The same in short, with what is to be minded.
pub(super) fn asked(report: &SweepReport, told: &Told) -> Markup {
    let swept = &report.swept;
    html! {
        @if swept.tuning.payments + swept.held_out.payments == 0 {
            p.warning role="note" { strong { "Nothing was measured." } " No payment is both warm and mature." }
        } @else if swept.tuning.frauds + swept.held_out.frauds == 0.0 {
            p.warning role="note" {
                strong { "No fraud is known." } " What is caught can't be said, only what is flagged and who is bothered."
            }
        } @else if swept.held_out.frauds == 0.0 {
            p.warning role="note" {
                strong { "No fraud is known of what was held out." } " Whether what was chosen holds can't be said."
            }
        }
        @if swept.state == State::Observed {
            p.warning role="note" {
                strong { "Observed." } " What is kept of the past depends on what was decided ("
                @for (at, fed) in swept.decision_fed.iter().enumerate() { @if at > 0 { ", " } (name(fed)) }
                "), and is as the rule file decides: " code { "--exact" } " runs each combination by itself."
            }
        }
        dl.asked {
            div { dt { "Measured" } dd { (measured(report, told)) } }
            div data-at="asked" { dt { "Chosen by" } dd { (objective(report, told)) } }
            div data-at="asked" {
                dt { "Assumed" }
                dd {
                    (assumed(report.asked.genuine_pass, report.asked.fraud_pass, &report.asked.fraud_pass_by_kind))
                }
            }
        }
        (known(report, told))
    }
}

fn measured(report: &SweepReport, told: &Told) -> Markup {
    let swept = &report.swept;
    let MeasuredTime { from_us, split_us, until_us, warm_us, mature_us, warming, immature } = swept.measured;
    html! {
        p data-at="measured" {
            "From " (time(told, "from_us", from_us)) " to before " (time(told, "until_us", until_us)) " ("
            (name(&report.data.time_zone)) "), split at " (time(told, "split_us", split_us)) "."
        }
        @if swept.fraud_kinds.len() > 1 { (kinds(&swept.fraud_kinds)) }
        p.soft data-at="measured" {
            "Not measured: " (count("warming", warming)) " before that, while windows warmed ("
            (duration("warm_us", Some(warm_us))) "), and " (count("immature", immature))
            " after it, whose labels are not mature (" (duration("mature_us", Some(mature_us))) ")."
        }
    }
}

/// What there was to be found on both sides of the split.
fn known(report: &SweepReport, told: &Told) -> Markup {
    let swept = &report.swept;
    let sides =
        [("tuning", "by which values are chosen", swept.tuning), ("held_out", "held out", swept.held_out)];
    let table = html! {
        table.narrow {
            caption { "What there was" }
            thead {
                tr {
                    td {}
                    @for head in ["Days", "Payments", "Known frauds", "Known genuine", "Unknown"] { th scope="col" { (head) } }
                    th scope="col" { "Fraud value, " (told.currency()) }
                }
            }
            tbody { @for (at, what, known) in sides { (side(told, at, what, known)) } }
        }
    };
    wide("What there was", &table)
}

fn side(told: &Told, at: &str, what: &str, known: Known) -> Markup {
    html! {
        tr data-at=(at) {
            th.name scope="row" { (what) }
            td { (a_day("days", Some(known.days))) }
            td { (count("payments", known.payments)) }
            td { (weighted("frauds", known.frauds)) }
            td { (weighted("genuine", known.genuine)) }
            td { (count("unknown", known.unknown)) }
            td { (amount(told, "fraud_value_minor", known.fraud_value_minor)) }
        }
    }
}

fn objective(report: &SweepReport, told: &Told) -> Markup {
    let asked = &report.asked;
    html! {
        p {
            @match asked.objective {
                Objective::Front => { strong { "Nothing." } " The front shows what there is to choose from." }
                Objective::Cost => { strong { "The least cost." } " Fraud value not caught, genuine value lost, and what people are asked." }
                Objective::Budget => { strong { "The most fraud value caught" } " of what keeps to the budget." }
            }
            @if asked.budget.is_some() { " Of all payments at most " (a_day("budget", asked.budget)) " a day may be flagged." }
        }
        p.soft data-at="costs" {
            "A step-up costs " (money(told, "step_up_minor", asked.costs.step_up_minor)) ", an alert "
            (money(told, "alert_minor", asked.costs.alert_minor)) ", a genuine payment that is blocked "
            (money(told, "block_minor", asked.costs.block_minor)) " beside its value."
        }
        p.soft { "Values are chosen by the first " (share("split", Some(asked.split))) " of the measured time." }
    }
}
