//! What the new rules decide otherwise than the old.

use maud::{Markup, html};

use super::figure::{count, figure, money, name, names, wide};
use super::headline;
use crate::backtest::report::{self, AlertsMoved, ChangedPayment, Changes, Report};
use crate::backtest::told::{self, Told};

const OUTCOMES: [&str; 3] = ["allow", "step up", "block"];

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    match &report.changes {
        None => {
            html! { p { "There is no old rule set to hold these against: " code { "--against" } " names one." } }
        }
        Some(changes) => {
            html! {
                (headline::before_and_after(report, told))
                div data-at="changes" { (moved(changes)) (side_by_side(changes)) (payments(changes, told)) }
            }
        }
    }
}

fn moved(changes: &Changes) -> Markup {
    let (stricter, looser) = report::moved(&changes.payments);
    html! {
        @if stricter == 0 && looser == 0 {
            p { "No payment has another outcome." }
        } @else {
            p {
                strong { (told::count(stricter)) } " " (told::plural(stricter, "payment")) " decided more strictly (▲), "
                strong { (told::count(looser)) } " less so (▼). Rows are what the old rules ask for, columns what the new do."
            }
        }
        div.matrices {
            (matrix("payments", "All payments", &changes.payments))
            (matrix("frauds", "Known frauds", &changes.frauds))
            (matrix("genuine", "Known genuine", &changes.genuine))
        }
        (alerts(changes))
    }
}

fn alerts(changes: &Changes) -> Markup {
    let sides = [
        ("alerts_added", "only the new rules alert", changes.alerts_added),
        ("alerts_removed", "only the old rules alert", changes.alerts_removed),
    ];
    let table = html! {
        table.matrix {
            caption { "Alerts" }
            thead {
                tr {
                    td {}
                    @for head in ["payments", "known frauds", "known genuine"] { th scope="col" { (head) } }
                }
            }
            tbody {
                @for (at, what, AlertsMoved { payments, frauds, genuine }) in sides {
                    tr data-at=(at) {
                        th.name scope="row" { (what) }
                        td { (count("payments", payments)) }
                        td { (count("frauds", frauds)) }
                        td { (count("genuine", genuine)) }
                    }
                }
            }
        }
    };
    html! {
        @if changes.alerts_added.payments == 0 && changes.alerts_removed.payments == 0 {
            p { "Both alert the same payments." }
        } @else {
            (wide("Alerts", &table))
        }
    }
}

fn matrix(at: &str, caption: &str, moves: &[[u64; 3]; 3]) -> Markup {
    let (stricter, looser) = report::moved(moves);
    let table = html! {
        table.matrix {
            caption { (caption) ": ▲ " (told::count(stricter)) ", ▼ " (told::count(looser)) }
            thead {
                tr {
                    th.left scope="col" { "old ╲ new" }
                    @for outcome in OUTCOMES { th scope="col" { (outcome) } }
                }
            }
            tbody data-at=(at) {
                @for (old, row) in moves.iter().enumerate() {
                    tr data-at=(old) {
                        th.name scope="row" { (OUTCOMES[old]) }
                        @for (new, moved) in row.iter().enumerate() { (cell(old, new, *moved)) }
                    }
                }
            }
        }
    };
    wide(caption, &table)
}

fn cell(old: usize, new: usize, moved: u64) -> Markup {
    let (class, sign) = match new.cmp(&old) {
        std::cmp::Ordering::Equal => ("same", ""),
        _ if moved == 0 => ("", ""),
        std::cmp::Ordering::Greater => ("stricter", "▲ "),
        std::cmp::Ordering::Less => ("looser", "▼ "),
    };
    html! { td.(class) { (sign) (count(&new.to_string(), moved)) } }
}

fn side_by_side(changes: &Changes) -> Markup {
    html! {
        h3 { "The rules side by side" }
        @if changes.rules.trim().is_empty() { p { "The rule files say the same." } } @else {
            pre.diff tabindex="0" { (told::clean(&changes.rules)) }
        }
    }
}

fn payments(changes: &Changes, told: &Told) -> Markup {
    let table = html! {
        table {
            caption { "Some of the payments that are decided otherwise" }
            thead {
                tr {
                    @for head in ["Payment", "Time"] { th.left scope="col" { (head) } }
                    th scope="col" { "Amount" }
                    @for head in ["Label", "Old", "New"] { th.left scope="col" { (head) } }
                }
            }
            tbody data-at="examples" {
                @for (place, payment) in changes.examples.iter().enumerate() { (row(told, place, payment)) }
            }
        }
    };
    html! {
        h3 { "Payments decided otherwise" }
        @if changes.examples.is_empty() { p { "There is none to show." } } @else {
            (wide("Payments decided otherwise", &table))
        }
    }
}

fn row(told: &Told, place: usize, payment: &ChangedPayment) -> Markup {
    let side = |outcome: &str, alert: bool, fired: &[String]| {
        html! {
            strong { (name(&outcome.replace('_', " "))) @if alert { ", alert" } }
            br;
            small { (names(fired)) }
        }
    };
    html! {
        tr data-at=(place) {
            th.name scope="row" { code { (name(&payment.id)) } }
            td.left { (figure("time_us", payment.time_us, &told.time(payment.time_us))) }
            td { (money(told, "amount_minor", payment.amount_minor as f64)) }
            td.left { (name(&payment.label)) }
            td.left { (side(&payment.old, payment.old_alert, &payment.old_fired)) }
            td.left { (side(&payment.new, payment.new_alert, &payment.new_fired)) }
        }
    }
}
