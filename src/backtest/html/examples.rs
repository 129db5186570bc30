//! Payments to look at: caught, missed, wrongly stopped.

use maud::{Markup, html};

use super::figure::{figure, money, name, names};
use crate::backtest::report::{Example, ExampleCase, Report};
use crate::backtest::told::{self, Told};

const CASES: [(ExampleCase, &str, &str); 3] = [
    (ExampleCase::Caught, "Caught", "Fraud, and stopped."),
    (ExampleCase::Missed, "Missed", "Fraud, and let through."),
    (ExampleCase::WronglyStopped, "Wrongly stopped", "Genuine, and stopped."),
];

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let examples = &report.rules.result.examples;
    html! {
        @for (case, title, about) in CASES {
            @let of_case: Vec<(usize, &Example)> =
                examples.iter().enumerate().filter(|(_, example)| example.case == case).collect();
            h3 { (title) }
            @if of_case.is_empty() { p.soft { (about) " There is none to show." } } @else { p.soft { (about) } }
            @for (place, example) in of_case {
                (payment(told, place, example))
            }
        }
    }
}

fn payment(told: &Told, place: usize, example: &Example) -> Markup {
    html! {
        details.example data-at=(format!("rules/result/examples/{place}")) {
            summary {
                code { (name(&example.id)) }
                span { (money(told, "amount_minor", example.amount_minor as f64)) }
                span { (name(&example.outcome.replace('_', " "))) }
                span { "score " (figure("score", example.score, &example.score.to_string())) }
                @if let Some(kind) = &example.kind { span.tag { (name(kind)) } }
                span.soft { (figure("time_us", example.time_us, &told.time(example.time_us))) }
            }
            p { "Fired: " (names(&example.fired)) }
            pre { (told::clean(&example.explanation)) }
        }
    }
}
