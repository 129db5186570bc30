//! Reports that no analyst wants to read, and that must read all the same: empty, huge, hostile.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use weir::backtest::report::*;

pub const SCRIPT: &str = "<script>alert('x')</script>\"'&<!-- ]]>";
const TURNED: &str = "acc\u{202e}txt\u{1b}[2J\u{0}đồng 🦊";

fn run(result: Evaluation) -> RulesRun {
    RulesRun { name: "empty".to_owned(), file: "empty.toml".to_owned(), hash: "00".repeat(32), result }
}

/// Nothing at all was in the data.
pub fn empty() -> Report {
    Report {
        weir: "0.9.0".to_owned(),
        engine: "1.4.0".to_owned(),
        command: "weir backtest".to_owned(),
        data: Data {
            time_zone: "UTC".to_owned(),
            currency: "USD".to_owned(),
            decimals: 2,
            ..Data::default()
        },
        what_if: WhatIf {
            mode: Mode::Observed,
            genuine_pass: 1.0,
            fraud_pass: 0.0,
            fraud_pass_by_kind: Vec::new(),
            seed: 0,
            prevented: 0,
            left_out: 0,
        },
        measured: Measured::default(),
        rules: run(Evaluation::default()),
        against: None,
        changes: None,
        sweep: None,
    }
}

/// One payment, which nobody knows anything of, and one rule.
pub fn single() -> Report {
    let rule = RuleFigures {
        id: "only".to_owned(),
        tier: "normal".to_owned(),
        mode: "live".to_owned(),
        then: "alert".to_owned(),
        score: -5,
        frauds_alone: 0.0,
        genuine_alone: 0.0,
        figures: Figures { flagged: 1, unknown: 1, coverage: Some(0.0), ..Figures::default() },
    };
    let day = Day { date: "2026-03-01".to_owned(), payments: 1, alerts: 1, ..Day::default() };
    let mut report = empty();
    report.measured =
        Measured { payments: 1, unknown: 1, from_us: Some(0), until_us: Some(1), ..Measured::default() };
    report.rules.result = Evaluation {
        overall: rule.figures.clone(),
        overlap: Overlap { rules: vec![rule.id.clone()], payments: vec![vec![1]], frauds: vec![vec![0]] },
        rules: vec![rule],
        timeline: vec![day],
        ..Evaluation::default()
    };
    report
}

/// All that is text is an attack, all that is a number is as large as it gets.
pub fn hostile(mut report: Report) -> Report {
    let great = 1e21 + 0.5;
    for text in [
        &mut report.weir,
        &mut report.engine,
        &mut report.command,
        &mut report.data.name,
        &mut report.data.about,
        &mut report.data.currency,
        &mut report.data.time_zone,
        &mut report.data.sha256,
        &mut report.rules.name,
        &mut report.rules.file,
        &mut report.rules.hash,
    ] {
        *text = format!("{SCRIPT}{TURNED}");
    }
    report.data.decimals = u8::MAX;
    report.data.events = u64::MAX;
    report.data.first_us = Some(i64::MIN);
    report.data.last_us = Some(i64::MAX);
    report.what_if.fraud_pass_by_kind.push(PassRate { kind: SCRIPT.to_owned(), share: f64::MAX });
    report.measured.warm_us = i64::MIN;
    report.measured.fraud_value_minor = great;
    let result = &mut report.rules.result;
    for rule in &mut result.rules {
        rule.id = format!("{SCRIPT}{}", rule.id);
        rule.tier = SCRIPT.to_owned();
        rule.mode = SCRIPT.to_owned();
        rule.then = SCRIPT.to_owned();
        rule.score = i64::MIN;
        rule.frauds_alone = 1.0 / 3.0;
        rule.figures.value_flagged_minor = great;
        rule.figures.value_bothered_minor = -great;
        rule.figures.precision = Some(Estimate { value: 2.0, low: None, high: None });
        rule.figures.recall = None;
    }
    // What does not fit the rules must not break the page.
    result.overlap.payments.iter_mut().for_each(|row| row.truncate(3));
    result.overlap.frauds.clear();
    for group in &mut result.groups {
        group.by = SCRIPT.to_owned();
        group.values.iter_mut().for_each(|value| value.name = TURNED.repeat(40));
    }
    for day in &mut result.timeline {
        day.date = "đồng".to_owned();
        day.alerts = 1 << 60;
    }
    for point in &mut result.scores.points {
        point.score = i64::MAX;
        point.genuine = 1e300;
        point.genuine_value_minor = 1e300;
    }
    for example in &mut result.examples {
        example.id = SCRIPT.to_owned();
        example.amount_minor = 1_000_000_000_000_000;
        example.kind = Some(TURNED.to_owned());
        example.fired = vec![SCRIPT.to_owned(), TURNED.to_owned()];
        example.explanation = format!("{SCRIPT}\n{TURNED}\n");
    }
    if let Some(changes) = &mut report.changes {
        changes.rules = SCRIPT.to_owned();
        changes.payments[0][2] = u64::MAX;
        changes.payments[0][1] = u64::MAX;
        for payment in &mut changes.examples {
            payment.label = SCRIPT.to_owned();
            payment.new_fired = vec![SCRIPT.to_owned(); 40];
        }
    }
    report
}

/// So many rules and days as nobody has yet.
pub fn large(mut report: Report, rules: usize, days: usize) -> Report {
    let result = &mut report.rules.result;
    let some = result.rules.clone();
    let numbered = |at: usize| RuleFigures { id: format!("rule_{at:03}"), ..some[at % some.len()].clone() };
    result.rules = (0..rules).map(numbered).collect();
    let both = |one: usize, other: usize| {
        (if one == other { 9_000 } else { one * 31 % 97 * (other * 17 % 89) }) as u64
    };
    let matrix =
        |part: u64| (0..rules).map(|one| (0..rules).map(|other| both(one, other) / part).collect()).collect();
    let ids = result.rules.iter().map(|rule| rule.id.clone()).collect();
    result.overlap = Overlap { rules: ids, payments: matrix(1), frauds: matrix(40) };
    let first = jiff::civil::date(2018, 4, 1);
    let days = first.series(jiff::Span::new().days(1)).take(days).enumerate().map(|(at, date)| Day {
        date: date.to_string(),
        payments: 9_000,
        step_ups: 40 + at as u64 % 23,
        blocks: 10 + at as u64 % 7,
        alerts: 30,
        frauds: 12 + at as u64 % 5,
        frauds_flagged: 9 + at as u64 % 3,
    });
    result.timeline = days.collect();
    report
}
