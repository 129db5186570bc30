//! The head of the page: what was asked, of what, and under which assumptions.

use maud::{Markup, html};

use super::figure::{count, duration, name, share, time};
use crate::backtest::report::{Counted, Measured, Mode, PassRate, Report, WhatIf};
use crate::backtest::told::{self, Told, plural};

/// Kinds of fraud shown; all are in the JSON.
const KINDS_SHOWN: usize = 12;

pub(super) fn header(report: &Report, told: &Told) -> Markup {
    let Report { data, measured, rules, against, .. } = report;
    html! {
        header.head {
            p.kicker { "Backtest" }
            h1 { (name(&rules.name)) @if !data.name.is_empty() { " on " (name(&data.name)) } }
            p.lead {
                code { (name(&rules.file)) }
                @if let Some(old) = against { ", held against " code { (name(&old.file)) } " (" (name(&old.name)) ")" }
                ". " (name(&data.about))
            }
            @if measured.payments == 0 {
                p.warning role="note" {
                    strong { "Nothing was measured." }
                    " No payment lies between the time when windows are warm and the time up to which labels are mature."
                }
            } @else if measured.frauds == 0 {
                p.warning role="note" {
                    strong { "No fraud is known." }
                    " What is caught can't be said, only what is flagged and who is bothered."
                }
            }
            dl.asked {
                div { dt { "Measured" } dd { (span(measured, told, &data.time_zone)) } }
                div { dt { "Labels" } dd { (labels(measured)) } }
                div data-at="what_if" { dt { "What if" } dd { (what_if(&report.what_if)) } }
            }
        }
    }
}

fn span(measured: &Measured, told: &Told, zone: &str) -> Markup {
    html! {
        span data-at="measured" {
            p {
                strong { (count("payments", measured.payments)) " " (plural(measured.payments, "payment")) }
                @if measured.from_us.or(measured.until_us).is_some() {
                    " from " (time(told, "from_us", measured.from_us))
                    @if measured.until_us.is_some() { " to before " (time(told, "until_us", measured.until_us)) }
                    " (" (name(zone)) ")."
                }
            }
            p.soft {
                "Not measured: " (count("warming", measured.warming)) " before that, while windows warmed ("
                (duration("warm_us", Some(measured.warm_us))) "), and " (count("immature", measured.immature))
                " after it, whose labels are not mature (" (duration("mature_us", Some(measured.mature_us))) ")."
            }
        }
    }
}

fn labels(measured: &Measured) -> Markup {
    let of_all = measured.unknown as f64 / measured.payments.max(1) as f64;
    html! {
        span data-at="measured" {
            p {
                strong { (count("frauds", measured.frauds)) } " fraud, "
                strong { (count("genuine", measured.genuine)) } " genuine, "
                strong { (count("unknown", measured.unknown)) } " unknown " span.whole { "(" (told::share(of_all)) ")." }
            }
            @if measured.fraud_kinds.len() > 1 { (kinds(&measured.fraud_kinds)) }
            p.soft {
                "Precision, recall and false positives are over known labels."
                @if measured.weighted > 0 {
                    " " (count("weighted", measured.weighted)) " " (plural(measured.weighted, "payment"))
                    " of a control group " @if measured.weighted == 1 { "stands" } @else { "stand" } " for others, and weigh accordingly."
                }
            }
        }
    }
}

/// The kinds of fraud with the most payments.
pub(super) fn kinds(kinds: &[Counted]) -> Markup {
    let mut shown: Vec<(usize, &Counted)> = kinds.iter().enumerate().collect();
    shown.sort_by_key(|(place, kind)| (std::cmp::Reverse(kind.count), *place));
    let more = shown.len().saturating_sub(KINDS_SHOWN);
    html! {
        p data-at="fraud_kinds" {
            "Frauds by kind: "
            @for (at, (place, kind)) in shown.into_iter().take(KINDS_SHOWN).enumerate() {
                @if at > 0 { ", " }
                (name(&kind.name)) " " (count(&format!("{place}/count"), kind.count))
            }
            @if more > 0 { ", and " (more) " more" }
            "."
        }
    }
}

/// The mode in plain words.
fn what_if(what_if: &WhatIf) -> Markup {
    html! {
        p {
            @match what_if.mode {
                Mode::Observed => {
                    strong { "Observed." }
                    " History goes on as it happened: a payment that these rules would stop still happens, and still counts in later windows."
                }
                Mode::Simulated => {
                    strong { "Simulated." }
                    " History goes on as it would have: what is blocked does not happen, what is stepped up only in part. "
                    (count("prevented", what_if.prevented)) " " (plural(what_if.prevented, "payment")) " did not happen, and "
                    (count("left_out", what_if.left_out)) " later " (plural(what_if.left_out, "event")) " about them "
                    @if what_if.left_out == 1 { "was" } @else { "were" } " left out. Chances are drawn with seed "
                    (super::figure::figure("seed", what_if.seed, &what_if.seed.to_string())) "."
                }
            }
        }
        (assumed(what_if.genuine_pass, what_if.fraud_pass, &what_if.fraud_pass_by_kind))
    }
}

/// Who passes a step-up.
pub(super) fn assumed(genuine_pass: f64, fraud_pass: f64, by_kind: &[PassRate]) -> Markup {
    html! {
        p.soft {
            "Assumed of a step-up: " (share("genuine_pass", Some(genuine_pass))) " of genuine customers pass it, and "
            (share("fraud_pass", Some(fraud_pass))) " of fraudulent payments"
            @for (at, rate) in by_kind.iter().enumerate() {
                ", of " (name(&rate.kind)) " " (share(&format!("fraud_pass_by_kind/{at}/share"), Some(rate.share)))
            }
            ". A fraud that is stepped up is caught by the share that does not pass."
        }
    }
}
