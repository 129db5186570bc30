//! Figures of suggestions, counted one payment at a time from what a backtest of the written file decided.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use weir::backtest::suggest::Asked;
use weir::backtest::suggest::result::{LetThrough, Proposal, ProposalFigures, Suggested};

use crate::decisions::Decisions;

type Row = Map<String, Value>;

/// The measured payments before and from the split on.
fn sides<'d>(decisions: &'d Decisions, suggested: &Suggested) -> [Vec<&'d Row>; 2] {
    let split_us = suggested.measured.split_us.unwrap();
    let measured = decisions.rows().filter(|row| row["measured"] == true);
    let (tuning, held_out) = measured.partition(|row| row["time"].as_i64().unwrap() < split_us);
    [tuning, held_out]
}

fn fires(row: &Row, list: &str, rule: &str) -> bool {
    row[list].as_array().unwrap().iter().any(|held| held == rule)
}

fn stops(row: &Row, rule: &str) -> bool {
    row["outcome"] == "allow" && fires(row, "shadow", rule)
}

fn number(row: &Row, name: &str) -> f64 {
    row[name].as_i64().map_or_else(|| row[name].as_f64().unwrap(), |number| number as f64)
}

/// How many a payment stands for.
fn weight(row: &Row) -> f64 {
    let weight = number(row, "weight");
    if weight > 0.0 { weight } else { 1.0 }
}

fn sum<'r>(rows: impl Iterator<Item = &'r &'r Row>, of: impl Fn(&Row) -> f64) -> f64 {
    rows.fold(0.0, |sum, row| sum + of(row))
}

pub fn let_through(decisions: &Decisions, suggested: &Suggested) -> [LetThrough; 2] {
    let days = |from: Option<i64>, until: Option<i64>| (until.unwrap() - from.unwrap()) as f64 / 86_400e6;
    let measured = &suggested.measured;
    let mut days =
        [days(measured.from_us, measured.split_us), days(measured.split_us, measured.until_us)].into_iter();
    sides(decisions, suggested).map(|rows| {
        let labelled = |label: &'static str| rows.iter().filter(move |row| row["label"] == label);
        let passed = |label: &'static str| labelled(label).filter(|row| row["outcome"] == "allow");
        let value = |row: &Row| number(row, "amount_minor") * weight(row);
        let mut side = LetThrough::default();
        side.known.days = days.next().unwrap();
        side.known.payments = rows.len() as u64;
        side.known.unknown = rows.iter().filter(|row| row["label"].is_null()).count() as u64;
        side.known.frauds = sum(labelled("fraud"), weight);
        side.known.genuine = sum(labelled("genuine"), weight);
        side.known.fraud_value_minor = sum(labelled("fraud"), value);
        side.payments = rows.iter().filter(|row| row["outcome"] == "allow").count() as u64;
        side.frauds = sum(passed("fraud"), weight);
        side.genuine = sum(passed("genuine"), weight);
        side.fraud_value_minor = sum(passed("fraud"), value);
        side.base_rate = share(side.frauds, side.frauds + side.genuine);
        side
    })
}

fn share(of: f64, all: f64) -> Option<f64> {
    (all > 0.0).then(|| of / all)
}

pub fn figures(
    decisions: &Decisions,
    suggested: &Suggested,
    proposal: &Proposal,
    asked: &Asked,
) -> [ProposalFigures; 2] {
    let others: Vec<&str> =
        suggested.proposals.iter().map(|other| other.id.as_str()).filter(|id| *id != proposal.id).collect();
    let mut sides_of = [&suggested.tuning, &suggested.held_out].into_iter();
    sides(decisions, suggested).map(|rows| {
        let side = sides_of.next().unwrap();
        let mut found = ProposalFigures::default();
        let mut bothered = BTreeSet::new();
        found.fired = rows.iter().filter(|row| fires(row, "shadow", &proposal.id)).count() as u64;
        for row in rows.iter().filter(|row| stops(row, &proposal.id)) {
            let (weight, value) = (weight(row), number(row, "amount_minor") * weight(row));
            let alone = !others.iter().any(|other| stops(row, other));
            let kind = row["label_kind"].as_str().unwrap_or_default();
            found.flagged += 1;
            found.cost_minor += asked.costs.step_up_minor;
            match row["label"].as_str() {
                Some("fraud") => {
                    let passes = asked.pass.by_kind.get(kind).copied().unwrap_or(asked.pass.fraud);
                    found.frauds += weight;
                    found.frauds_alone += if alone { weight } else { 0.0 };
                    found.value_flagged_minor += value;
                    found.value_caught_minor += value * (1.0 - passes);
                    found.cost_minor -= value * (1.0 - passes);
                }
                Some(_) => {
                    found.genuine += weight;
                    found.genuine_alone += if alone { weight } else { 0.0 };
                    found.value_lost_minor += value * (1.0 - asked.pass.genuine);
                    found.cost_minor += value * (1.0 - asked.pass.genuine);
                    let who = ["customer", "account", "id"].into_iter().find_map(|field| row[field].as_str());
                    bothered.insert((row["tenant"].as_str().unwrap_or_default(), who.unwrap()));
                }
                None => found.unknown += 1,
            }
        }
        found.customers_bothered = bothered.len() as u64;
        found.flagged_a_day = share(found.flagged as f64, side.known.days);
        found.coverage = share((found.flagged - found.unknown) as f64, found.flagged as f64);
        found.precision = share(found.frauds, found.frauds + found.genuine);
        found.recall_missed = share(found.frauds, side.frauds);
        found.recall = share(found.frauds, side.known.frauds);
        found
    })
}

/// How often another rule fires on the payments of a suggestion, and on how many frauds of them.
pub fn together(decisions: &Decisions, suggested: &Suggested, one: &str, other: &str) -> [u64; 2] {
    let all = sides(decisions, suggested).into_iter().flatten();
    let both: Vec<&Row> = all
        .filter(|row| fires(row, "shadow", one))
        .filter(|row| fires(row, "shadow", other) || fires(row, "rules", other))
        .collect();
    [both.len() as u64, both.iter().filter(|row| row["label"] == "fraud").count() as u64]
}

/// Whether figures are the same but for the order in which they were added up.
pub fn alike<T: serde::Serialize>(one: &T, other: &T, what: &str) {
    let [one, other] = [one, other].map(|figures| serde_json::to_value(figures).unwrap());
    same(&one, &other, what);
}

fn same(one: &Value, other: &Value, what: &str) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            assert_eq!(one.len(), other.len(), "{what}");
            for (name, value) in one {
                same(value, &other[name], &format!("{what}: {name}"));
            }
        }
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(x), Some(y)) => {
                assert!((x - y).abs() / x.abs().max(1.0) < 1e-9, "{what} is {x} and {y}");
            }
            _ => assert_eq!(one, other, "{what}"),
        },
    }
}
