//! Figures of both sides of a split, worked out from a backtest's decisions one by one.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use weir::backtest::run::Found;
use weir::backtest::sweep::Asked;
use weir::backtest::sweep::result::{Known, SweepFigures, Swept};

use crate::decisions::Decisions;

pub struct Twin {
    found: Found,
    decisions: Decisions,
}

/// Whether two figures are the same but for the order in which they were added up.
pub fn alike(one: &SweepFigures, other: &SweepFigures, what: &str) {
    let [a, b] = [one, other].map(|figures| serde_json::to_value(figures).unwrap());
    for (name, value) in a.as_object().unwrap() {
        match (value.as_f64(), b[name].as_f64()) {
            (Some(x), Some(y)) => {
                let apart = (x - y).abs() / x.abs().max(1.0);
                assert!(apart < 1e-9, "{what}: {name} is {x} and {y}");
            }
            _ => assert_eq!(value, &b[name], "{what}: {name}"),
        }
    }
}

impl Twin {
    pub fn new(found: Found, decisions: Decisions) -> Self {
        Self { found, decisions }
    }

    /// The measured payments before and from the split on.
    fn sides(&self, swept: &Swept) -> [Vec<&Map<String, Value>>; 2] {
        let split_us = swept.measured.split_us.unwrap();
        let measured = self.decisions.rows().filter(|row| row["measured"] == true);
        let (tuning, held_out) = measured.partition(|row| row["time"].as_i64().unwrap() < split_us);
        [tuning, held_out]
    }

    pub fn known(&self, swept: &Swept) -> [Known; 2] {
        let MeasuredAt { from_us, split_us, until_us } = MeasuredAt::of(swept);
        assert_eq!(self.found.measured.from_us, Some(from_us));
        assert_eq!(self.found.measured.until_us, Some(until_us));
        let share = (split_us - from_us) as f64 / (until_us - from_us) as f64;
        assert!((share - 0.6).abs() < 1e-6, "{share}");
        let days = [split_us - from_us, until_us - split_us].map(|us| us as f64 / 86_400e6);
        let mut days = days.into_iter();
        self.sides(swept).map(|rows| {
            let labelled = |label: &'static str| rows.iter().filter(move |row| row["label"] == label);
            let weights = |label| labelled(label).map(|row| weight(row)).sum();
            Known {
                days: days.next().unwrap(),
                payments: rows.len() as u64,
                unknown: rows.iter().filter(|row| row["label"].is_null()).count() as u64,
                frauds: weights("fraud"),
                genuine: weights("genuine"),
                fraud_value_minor: labelled("fraud").map(|row| value_minor(row)).sum(),
            }
        })
    }

    pub fn figures(&self, swept: &Swept, asked: &Asked) -> [SweepFigures; 2] {
        let [tuning, held_out] = self.sides(swept);
        // All together are the backtest's own figures.
        let whole: Vec<_> = tuning.iter().chain(&held_out).copied().collect();
        let all = Known {
            days: 1.0,
            payments: whole.len() as u64,
            frauds: self.found.measured.frauds_weighted,
            genuine: self.found.measured.genuine as f64,
            fraud_value_minor: self.found.measured.fraud_value_minor,
            ..Known::default()
        };
        let (whole, overall) = (figures(&whole, &all, asked), &self.found.result.overall);
        assert_eq!((whole.flagged, whole.unknown), (overall.flagged, overall.unknown));
        assert_eq!(whole.customers_bothered, overall.customers_bothered);
        assert_eq!((whole.frauds, whole.genuine), (overall.frauds, overall.genuine));
        for (one, other) in [
            (whole.value_caught_minor, overall.value_caught_minor),
            (whole.value_lost_minor, overall.value_lost_minor),
            (whole.value_bothered_minor, overall.value_bothered_minor),
        ] {
            assert!((one - other).abs() <= 1e-9 * other.abs().max(1.0), "{one} and {other}");
        }
        [figures(&tuning, &swept.tuning, asked), figures(&held_out, &swept.held_out, asked)]
    }
}

struct MeasuredAt {
    from_us: i64,
    split_us: i64,
    until_us: i64,
}

impl MeasuredAt {
    fn of(swept: &Swept) -> Self {
        let measured = &swept.measured;
        Self {
            from_us: measured.from_us.unwrap(),
            split_us: measured.split_us.unwrap(),
            until_us: measured.until_us.unwrap(),
        }
    }
}

/// How many payments it stands for.
fn weight(row: &Map<String, Value>) -> f64 {
    row["weight"].as_f64().unwrap()
}

fn value_minor(row: &Map<String, Value>) -> f64 {
    row["amount_minor"].as_i64().unwrap() as f64 * weight(row)
}

fn figures(rows: &[&Map<String, Value>], known: &Known, asked: &Asked) -> SweepFigures {
    let mut found = SweepFigures::default();
    let mut bothered = BTreeSet::new();
    for row in rows {
        let outcome = row["outcome"].as_str().unwrap();
        let alert = row["alert"] == true;
        if outcome == "allow" && !alert {
            continue;
        }
        let (weight, value_minor) = (weight(row), value_minor(row));
        let kind = row["label_kind"].as_str().unwrap_or_default();
        let (fraud, genuine) = (row["label"] == "fraud", row["label"] == "genuine");
        let passes = match (fraud, asked.pass.by_kind.get(kind)) {
            (true, Some(share)) => *share,
            (true, None) => asked.pass.fraud,
            (false, _) => asked.pass.genuine,
        };
        let held = match outcome {
            "block" => value_minor,
            "step_up" => value_minor * (1.0 - passes),
            _ => 0.0,
        };
        found.flagged += 1;
        found.unknown += u64::from(!fraud && !genuine);
        found.alerts += u64::from(alert);
        found.step_ups += u64::from(outcome == "step_up");
        if fraud {
            found.frauds += weight;
            found.value_caught_minor += held;
        }
        if genuine {
            found.genuine += weight;
            found.genuine_blocked += if outcome == "block" { weight } else { 0.0 };
            if outcome != "allow" {
                found.value_bothered_minor += value_minor;
                found.value_lost_minor += held;
                let customer =
                    ["customer", "account", "id"].into_iter().find_map(|field| row[field].as_str());
                bothered.insert((row["tenant"].to_string(), customer.unwrap().to_owned()));
            }
        }
    }
    let share = |of: f64, all: f64| (all > 0.0).then(|| of / all);
    found.customers_bothered = bothered.len() as u64;
    found.flagged_a_day = share(found.flagged as f64, known.days);
    found.precision = share(found.frauds, found.frauds + found.genuine);
    found.recall = share(found.frauds, known.frauds);
    found.false_positive_rate = share(found.genuine, known.genuine);
    found.value_caught_share = share(found.value_caught_minor, known.fraud_value_minor);
    found.cost_minor = known.fraud_value_minor - found.value_caught_minor
        + found.value_lost_minor
        + asked.costs.step_up_minor * found.step_ups as f64
        + asked.costs.alert_minor * found.alerts as f64
        + asked.costs.block_minor * found.genuine_blocked;
    found
}
