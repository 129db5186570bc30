//! The report's page is whole, loads nothing, and its figures are those of `report.json`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and says how much it compared"
)]

#[path = "support/report_odd.rs"]
mod odd;
#[path = "support/report_page.rs"]
mod page;
#[path = "support/report_sample.rs"]
mod sample;
#[path = "support/report_whole.rs"]
mod whole;

use std::collections::BTreeMap;

use page::Element;
use weir::backtest::html;
use weir::backtest::report::{Mode, Report};

/// What a page does not show: two things of the old rules, and a control group where there is none.
const ABSENT: [&str; 3] = ["/against/result/overlap", "/against/result/examples", "/measured/weighted"];

/// The page of a report that is as good as any.
fn checked(report: &Report) -> Vec<Element> {
    whole::checked(&html(report))
}

#[test]
fn every_number_of_the_report_is_in_the_page() {
    let report = sample::sample();
    let compared = page::compare(&checked(&report), &report, &ABSENT);
    println!("compared: {compared} numbers of the page with the JSON's");
    assert!(compared > 5_000, "{compared}");
}

/// Light and dark, of each variable of the style sheet that is a colour.
fn palette() -> BTreeMap<&'static str, [[f64; 3]; 2]> {
    let style = include_str!("../src/backtest/html/page.css");
    let channel = |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
    let color = |hex: &str| [1, 3, 5].map(|at| channel(hex.trim(), at));
    let of_line = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
        let (light, dark) = value.strip_suffix(");")?.split_once(',')?;
        Some((name, [color(light), color(dark)]))
    };
    style.lines().filter_map(of_line).collect()
}

/// Of two colours, as WCAG 2 has it.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let light = |channel: f64| match channel {
        low if low <= 0.04045 => low / 12.92,
        high => ((high + 0.055) / 1.055).powf(2.4),
    };
    let luminance = |[red, green, blue]: [f64; 3]| {
        0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue) + 0.05
    };
    let (one, other) = (luminance(one), luminance(other));
    one.max(other) / one.min(other)
}

#[test]
fn colours_can_be_told_from_what_they_stand_on() {
    let palette = palette();
    assert!(palette.len() > 15, "{palette:?}");
    let text = ["ink", "soft", "accent", "good", "bad"].map(|name| (name, 4.5));
    let pictures =
        ["new", "old", "step-up", "block", "alert", "caught", "missed", "axis"].map(|name| (name, 3.0));
    for theme in [0, 1] {
        for (name, least) in text.iter().chain(&pictures) {
            for ground in ["paper", "ground"] {
                let found = contrast(palette[name][theme], palette[ground][theme]);
                assert!(found >= *least, "--{name} on --{ground}, theme {theme}: {found:.2}");
            }
        }
        let mixed = |name: &str, part: f64| {
            let (over, under) = (palette[name][theme], palette["paper"][theme]);
            std::array::from_fn(|at| over[at] * part + under[at] * (1.0 - part))
        };
        // A heat map's darkest cell, what moved, and a warning.
        for ground in [mixed("new", 0.5), mixed("new", 0.13), mixed("old", 0.16), palette["warn"][theme]] {
            let found = contrast(palette["ink"][theme], ground);
            assert!(found >= 4.5, "--ink on {ground:?}, theme {theme}: {found:.2}");
        }
    }
}

#[test]
fn a_report_survives_its_json() {
    let report = sample::sample();
    let again: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(html(&again), html(&report));
}

#[test]
fn observed_and_simulated_are_told_apart() {
    let mut report = sample::sample();
    assert!(html(&report).contains("<strong>Simulated.</strong>"));
    report.what_if.mode = Mode::Observed;
    let elements = checked(&report);
    let said = elements.iter().find(|element| element.name == "header").unwrap();
    assert!(said.text.contains("Observed.") && !said.text.contains("Simulated."), "{}", said.text);
}

#[test]
fn a_report_of_nothing_says_so() {
    let report = odd::empty();
    let elements = checked(&report);
    page::compare(&elements, &report, &["/what_if", "/rules/result/detection", "/measured/weighted"]);
    let main = elements.iter().find(|element| element.name == "body").unwrap();
    for says in
        ["Nothing was measured.", "The rule set has no rules.", "No day was measured.", "no old rule set"]
    {
        assert!(main.text.contains(says), "{says} is not in {}", main.text);
    }
    assert!(!main.text.contains("NaN") && !main.text.contains("inf"), "{}", main.text);
}

#[test]
fn one_payment_that_nobody_knows_of_reads_well() {
    let report = odd::single();
    let elements = checked(&report);
    let header = elements.iter().find(|element| element.name == "header").unwrap();
    assert!(header.text.contains("1 payment from"), "{}", header.text);
    assert!(header.text.contains("No fraud is known."), "{}", header.text);
}

#[test]
fn text_from_outside_stays_text() {
    let report = odd::hostile(sample::sample());
    let elements = checked(&report);
    let body = elements.iter().find(|element| element.name == "body").unwrap();
    assert!(body.text.contains(odd::SCRIPT), "what is text is shown as it is");
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
    let at = body.text.find(steers);
    assert_eq!(at, None, "{:?}", at.map(|at| &body.text[at.saturating_sub(60)..at]));
    assert!(body.text.contains("1,000,000,000,000,000"), "the largest amount");
}

#[test]
fn two_hundred_rules_and_three_thousand_days_fit() {
    let report = odd::large(sample::sample(), 200, 3_000);
    let elements = checked(&report);
    let compared =
        page::compare(&elements, &report, &["/rules/result/overlap", ABSENT[0], ABSENT[1], ABSENT[2]]);
    let bytes = html(&report).len();
    println!("compared: {compared} numbers; the page has {bytes} bytes");
    assert!(bytes < 8 << 20, "{bytes}");
}
