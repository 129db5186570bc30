//! Precision, recall, false positive rate, ROC area, average precision and card precision equal scikit-learn's to 1e-12.
//!
//! Runs where a Python with scikit-learn is: the one that `WEIR_PYTHON` names, or `python3`. It says so where not. The payments are
//! the handbook's of April and May 2018 where `WEIR_HANDBOOK` names a folder that has them, and drawn ones always.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/payments.rs"]
mod payments;
#[path = "support/python.rs"]
mod python;

use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use payments::{Payment, rules};
use python::python;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use weir::backtest::evaluate::{Evaluator, Settings};
use weir::backtest::report::{Estimate, Evaluation, Figures};
use weir::decision::Outcome;
use weir::rules::{Label, RuleSet};
use weir::time::{Calendar, DAY_US};

/// 2018-04-01 in UTC.
const START_US: i64 = 1_522_540_800_000_000;
const TO: f64 = 1e-12;

/// What scikit-learn says.
#[derive(Deserialize)]
struct Measured {
    payments: usize,
    figures: Areas,
    rows: std::collections::BTreeMap<String, Shares>,
}

#[derive(Deserialize)]
struct Areas {
    roc_area: f64,
    average_precision: f64,
    card_precision_sorted: f64,
    card_precision_shared: f64,
}

#[derive(Deserialize)]
struct Shares {
    precision: f64,
    recall: f64,
    false_positive_rate: f64,
}

/// The handbook's payments of two months, if they are there. Their amount alone decides.
fn handbook() -> Option<Vec<Payment>> {
    let folder = std::env::var_os("WEIR_HANDBOOK")?;
    let mut payments = Vec::new();
    for month in ["2018-04", "2018-05"] {
        let file = File::open(Path::new(&folder).join(format!("{month}.csv.gz"))).ok()?;
        for line in BufReader::new(GzDecoder::new(file)).lines().skip(1) {
            let line = line.unwrap();
            let cells: Vec<&str> = line.split(',').collect();
            let &[id, seconds, customer, _, amount, fraud, _] = &cells[..] else { panic!("{line}") };
            let cents = (amount.parse::<f64>().unwrap() * 100.0).round() as i64;
            let outcome = match cents {
                ..15_000 => Outcome::Allow,
                15_000..20_000 => Outcome::StepUp,
                _ => Outcome::Block,
            };
            payments.push(Payment {
                id: id.to_owned(),
                customer: customer.to_owned(),
                account: customer.to_owned(),
                amount_minor: cents,
                outcome,
                alert: cents % 7 == 0,
                score: cents / 1_000,
                fired: if cents > 12_000 { vec![2, 3] } else { Vec::new() },
                label: Some(if fraud == "1" { Label::Fraud } else { Label::Genuine }),
                ..Payment::new(0, START_US + seconds.parse::<i64>().unwrap() * 1_000_000)
            });
        }
    }
    Some(payments)
}

/// Payments of 60 days with labels that are known, unknown and weighted, and scores that tell something.
fn drawn() -> Vec<Payment> {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut payments: Vec<Payment> = Vec::new();
    for at in 0..40_000_i64 {
        let fraud = rng.random_ratio(1, 20);
        let suspicion = rng.random_range(-4..12) + if fraud { rng.random_range(0..9) } else { 0 };
        let outcome = Outcome::ALL[usize::from(suspicion > 8) + usize::from(suspicion > 13)];
        let known = if fraud { Label::Fraud } else { Label::Genuine };
        let account = rng.random_range(0..700);
        payments.push(Payment {
            id: format!("p{at}"),
            account: format!("a{account}"),
            amount_minor: rng.random_range(1..1_000_000),
            outcome,
            alert: rng.random_ratio(1, 10),
            score: suspicion,
            fired: if suspicion > 5 { vec![0, 4] } else { vec![] },
            shadow: if suspicion > 11 { vec![7] } else { vec![] },
            label: rng.random_ratio(9, 10).then_some(known),
            weight: if rng.random_ratio(1, 50) { 1.0 / 0.003 } else { 1.0 },
            ..Payment::new(0, START_US + at * 60 * DAY_US / 40_000)
        });
    }
    payments
}

/// Each payment with a score of its own, in the same order as far as scores told one.
fn without_ties(mut payments: Vec<Payment>) -> Vec<Payment> {
    for (at, payment) in payments.iter_mut().enumerate() {
        // An odd multiplier below a power of two gives each place another number, in no order.
        payment.score = (payment.score << 21) + (at as i64 * 0x9_e379) % (1 << 21);
    }
    payments
}

fn evaluate(payments: &[Payment], rules: &std::sync::Arc<RuleSet>) -> Evaluation {
    let settings = Settings { replicates: 0, ..Settings::default() };
    let mut evaluator = Evaluator::new(rules, Calendar::new("UTC").unwrap(), &settings);
    for (at, payment) in payments.iter().enumerate() {
        evaluator.take(&payment.fact(at));
    }
    evaluator.finish()
}

/// The columns of the payments, in Python's words.
fn csv(payments: &[Payment], rules: &RuleSet) -> String {
    let mut text = "label,weight,score,day,account,overall,step_up,block,alert".to_owned();
    let fires = |at: u16| payments.iter().any(|p| p.fired.contains(&at) || p.shadow.contains(&at));
    let fired: Vec<u16> = (0..rules.rules.len() as u16).filter(|&at| fires(at)).collect();
    for &at in &fired {
        write!(text, ",{}", rules.rules[usize::from(at)].id).unwrap();
    }
    for payment in payments {
        let label = match payment.label {
            Some(Label::Fraud) => "1",
            Some(Label::Genuine) => "0",
            None => "",
        };
        let day = payment.time_us.div_euclid(DAY_US);
        let Payment { weight, score, account, outcome, alert, .. } = payment;
        let stopped = *outcome != Outcome::Allow;
        let flags = [stopped || *alert, *outcome == Outcome::StepUp, *outcome == Outcome::Block, *alert];
        write!(text, "\n{label},{weight:?},{score},{day},{account}").unwrap();
        let by_rule = fired.iter().map(|at| payment.fired.contains(at) || payment.shadow.contains(at));
        for flag in flags.into_iter().chain(by_rule) {
            write!(text, ",{}", u8::from(flag)).unwrap();
        }
    }
    text
}

fn measure(python: &str, payments: &[Payment], rules: &RuleSet) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("payments.csv"), csv(payments, rules)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evaluation_sklearn.py");
    let done = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn close(what: &str, found: f64, expected: f64) {
    let most = TO * expected.abs();
    assert!((found - expected).abs() <= most, "{what}: {found:?}, scikit-learn has {expected:?}");
}

fn of_row<'a>(found: &'a Evaluation, name: &str) -> &'a Figures {
    if name == "overall" {
        return &found.overall;
    }
    let outcome = found.outcomes.iter().find(|row| row.name == name).map(|row| &row.figures);
    let rule = || found.rules.iter().find(|row| row.id == name).map(|row| &row.figures);
    outcome.or_else(rule).unwrap_or_else(|| panic!("no row {name}"))
}

fn compare(what: &str, python: &str, payments: &[Payment], ties: bool) {
    let rules = rules();
    let found = evaluate(payments, &rules);
    let expected = measure(python, payments, &rules);
    let value = |estimate: &Option<Estimate>| estimate.expect("there are both labels").value;
    let mut compared = 3;
    for (name, shares) in &expected.rows {
        let figures = of_row(&found, name);
        close(&format!("{what}, {name}, precision"), value(&figures.precision), shares.precision);
        close(&format!("{what}, {name}, recall"), value(&figures.recall), shares.recall);
        let rate = value(&figures.false_positive_rate);
        close(&format!("{what}, {name}, false positive rate"), rate, shares.false_positive_rate);
        compared += 3;
    }
    let Areas { roc_area, average_precision, .. } = expected.figures;
    close(&format!("{what}, ROC area"), value(&found.scores.roc_area), roc_area);
    close(&format!("{what}, average precision"), value(&found.scores.average_precision), average_precision);
    let cards = found.scores.card_precision.expect("there are days");
    close(&format!("{what}, card precision"), cards.mean, expected.figures.card_precision_shared);
    if !ties {
        compared += 1;
        close(&format!("{what}, card precision"), cards.mean, expected.figures.card_precision_sorted);
    }
    eprintln!(
        "{what}: {compared} figures of {} known payments equal scikit-learn's to {TO:e}; ROC area {roc_area:.6}, average \
         precision {average_precision:.6}, card precision {:.6}",
        expected.payments, cards.mean
    );
}

#[test]
fn drawn_payments_measure_as_scikit_learn_says() {
    let Some(python) = python("numpy, sklearn") else { return };
    compare("drawn", &python, &drawn(), true);
    compare("drawn without ties", &python, &without_ties(drawn()), false);
}

#[test]
fn the_handbooks_months_measure_as_scikit_learn_says() {
    let Some(python) = python("numpy, sklearn") else { return };
    let Some(payments) = handbook() else {
        eprintln!("SKIPPED: WEIR_HANDBOOK names no folder with the handbook's months");
        return;
    };
    compare("handbook", &python, &payments, true);
    compare("handbook without ties", &python, &without_ties(payments), false);
}
