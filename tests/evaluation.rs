//! Every figure of an evaluation, held to a slow twin that keeps all payments and follows each definition by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly"
)]

#[path = "support/payments.rs"]
mod payments;
#[path = "evaluation/twin.rs"]
mod twin;

use std::collections::BTreeMap;

use payments::{Payment, rules};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use weir::backtest::PassRates;
use weir::backtest::evaluate::{Comparison, Evaluator, Examples, Settings};
use weir::backtest::report::{AlertsMoved, Counted, Evaluation, ExampleCase, Measured};
use weir::decision::Outcome;
use weir::rules::Label;
use weir::time::{Calendar, DAY_US};

/// How many rules there are.
const RULES: u16 = 12;
const ZONE: &str = "Europe/Berlin";
/// 2026-03-20; the clocks of the zone change nine days later.
const START_US: i64 = 1_773_961_200_000_000;

fn settings() -> Settings {
    Settings {
        threads: 3,
        pass: PassRates {
            genuine: 0.9,
            fraud: 0.25,
            by_kind: BTreeMap::from([("scam".to_owned(), 1.0), ("takeover".to_owned(), 0.0)]),
        },
        k: 3,
        replicates: 40,
        seed: 11,
        examples: 3,
    }
}

fn evaluate(payments: &[Payment], settings: &Settings) -> Evaluation {
    let mut evaluator = Evaluator::new(&rules(), Calendar::new(ZONE).unwrap(), settings);
    let mut examples = Examples::new(&rules(), settings.examples);
    for (at, payment) in payments.iter().enumerate() {
        let fact = payment.fact(at);
        if let Some(case) = examples.wants(&fact) {
            examples.put(case, &fact, format!("why {}", payment.id));
        }
        evaluator.take(&fact);
    }
    Evaluation { examples: examples.finish(), ..evaluator.finish() }
}

/// Where two reports differ by more than rounding.
fn differences(at: &str, found: &serde_json::Value, expected: &serde_json::Value, into: &mut Vec<String>) {
    use serde_json::Value::{Array, Number, Object};
    match (found, expected) {
        (Number(one), Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            if (one - other).abs() > 1e-9 * one.abs().max(other.abs()).max(1.0) {
                into.push(format!("{at}: {one}, expected {other}"));
            }
        }
        (Array(one), Array(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&format!("{at}[{place}]"), one, other, into);
            }
        }
        (Object(one), Object(other)) if one.keys().eq(other.keys()) => {
            for (key, one) in one {
                differences(&format!("{at}.{key}"), one, &other[key], into);
            }
        }
        _ if found == expected => {}
        _ => into.push(format!("{at}: {found}, expected {expected}")),
    }
}

fn held_to_the_twin(payments: &[Payment], settings: &Settings) -> Result<(), TestCaseError> {
    let found = Evaluation { examples: Vec::new(), ..evaluate(payments, settings) };
    let expected = twin::evaluate(payments, &rules(), settings, ZONE);
    let json = |evaluation: &Evaluation| serde_json::to_value(evaluation).unwrap();
    let mut differ = Vec::new();
    differences("", &json(&found), &json(&expected), &mut differ);
    prop_assert!(differ.is_empty(), "{}", differ.join("\n"));
    Ok(())
}

fn text(prefix: &'static str, names: u32) -> impl Strategy<Value = String> {
    (0..names).prop_map(move |name| format!("{prefix}{name}"))
}

prop_compose! {
    fn truth(labels: &'static [Option<Label>])(
        label in select(labels),
        kind in prop::option::of(select(vec!["scam", "takeover", "other"])),
        case in prop::option::weighted(0.3, text("a", 5)),
    ) -> (Option<Label>, Option<String>, Option<String>) {
        (label, kind.map(str::to_owned), case)
    }
}

prop_compose! {
    /// A payment whose parts need not fit one another.
    fn payment(labels: &'static [Option<Label>], scores: std::ops::RangeInclusive<i64>)(
        (day, second) in (0_i64..30, 0_i64..86_400),
        (tenant, account, customer) in (prop::option::weighted(0.3, text("t", 2)), text("a", 12), text("c", 8)),
        amount_minor in prop_oneof![0..1_000_i64, Just(0), Just(1_000_000_000_000_000), Just(i64::MAX)],
        outcome in select(Outcome::ALL.to_vec()),
        alert in any::<bool>(),
        score in scores,
        fired in subsequence((0..RULES + 2).collect::<Vec<_>>(), 0..6),
        shadow in subsequence((0..RULES + 2).collect::<Vec<_>>(), 0..4),
        (law, alone) in (select(Outcome::ALL.to_vec()), subsequence((0..RULES + 2).collect::<Vec<_>>(), 0..4)),
        (label, kind, case) in truth(labels),
        weight in prop_oneof![4 => Just(1.0), 1 => 1.0..300.0, 1 => select(vec![200.0, 0.0, -1.0, f64::NAN, f64::INFINITY])],
        portal in prop::option::weighted(0.8, text("portal", 3)),
        payment_kind in prop::option::weighted(0.1, text("kind", 2)),
    ) -> Payment {
        Payment {
            id: String::new(),
            time_us: START_US + day * DAY_US + second * 1_000_000,
            tenant, customer, account, amount_minor, outcome, alert, score, fired, shadow, law, alone, label, kind, case, weight, portal,
            provider: None,
            payment_kind,
        }
    }
}

const ANY: &[Option<Label>] = &[Some(Label::Fraud), Some(Label::Genuine), None];
const NO_FRAUD: &[Option<Label>] = &[Some(Label::Genuine), None];
const ALL_FRAUD: &[Option<Label>] = &[Some(Label::Fraud)];
const ALL_GENUINE: &[Option<Label>] = &[Some(Label::Genuine)];
const ALL_UNKNOWN: &[Option<Label>] = &[None];

/// Streams nearly in order, each with an id of its own.
fn stream() -> impl Strategy<Value = Vec<Payment>> {
    let labels = select(vec![ANY, ANY, ANY, NO_FRAUD, ALL_FRAUD, ALL_GENUINE, ALL_UNKNOWN]);
    let scores = select(vec![-3..=3, -100..=1_000, 0..=0, 7..=7, i64::MIN..=i64::MAX]);
    let payments = (labels, scores)
        .prop_flat_map(|(labels, scores)| prop::collection::vec(payment(labels, scores), 0..80));
    (payments, any::<bool>()).prop_map(|(mut payments, in_order)| {
        if in_order {
            payments.sort_by_key(|payment| payment.time_us);
        }
        for (at, payment) in payments.iter_mut().enumerate() {
            payment.id = format!("p{at}");
        }
        payments
    })
}

proptest! {
    #[test]
    fn figures_are_what_they_say(payments in stream(), k in 1_u32..6, replicates in select(vec![0, 1, 40])) {
        held_to_the_twin(&payments, &Settings { k, replicates, ..settings() })?;
    }

    #[test]
    fn a_stepped_up_fraud_that_may_pass_is_never_caught_in_full(payments in stream(), pass in 0.001_f64..=1.0) {
        let pass = PassRates { fraud: pass, by_kind: BTreeMap::new(), ..settings().pass };
        let settings = Settings { pass, replicates: 0, ..settings() };
        let found = evaluate(&payments, &settings);
        let [step_up, block, _] = &found.outcomes[..] else { panic!("three outcomes") };
        prop_assert!(step_up.figures.value_caught_minor < step_up.figures.value_flagged_minor || step_up.figures.value_flagged_minor == 0.0);
        prop_assert_eq!(block.figures.value_caught_minor, block.figures.value_flagged_minor);
    }
}

#[test]
fn nothing_at_all_has_figures() {
    held_to_the_twin(&[], &settings()).unwrap();
    let found = evaluate(&[], &settings());
    assert_eq!((found.overall.precision, found.overall.coverage), (None, None));
    assert_eq!(found.rules.len(), usize::from(RULES));
    assert!(found.groups.iter().all(|group| group.values.is_empty()));
}

#[test]
fn one_payment_has_figures() {
    for label in ANY {
        for outcome in Outcome::ALL {
            let payment = Payment { label: *label, outcome, score: 5, ..Payment::new(0, START_US) };
            held_to_the_twin(&[payment], &settings()).unwrap();
        }
    }
}

#[test]
fn times_that_no_event_has_are_taken() {
    let payments = [i64::MIN, -1, i64::MAX, 0].map(|time_us| Payment {
        label: Some(Label::Fraud),
        alert: true,
        ..Payment::new(0, time_us)
    });
    let found = evaluate(&payments, &settings());
    assert_eq!(found.overall.frauds, 4.0);
    assert!(found.detection.delay_us_p90.is_some_and(|delay_us| delay_us >= 0));
}

#[test]
fn a_late_payment_is_seen_without_delay() {
    let fraud = |at, seconds: i64, alert| Payment {
        label: Some(Label::Fraud),
        alert,
        ..Payment::new(at, START_US + seconds * 1_000_000)
    };
    let payments = [fraud(0, 60, false), fraud(1, 20, true), fraud(2, 90, true)];
    held_to_the_twin(&payments, &settings()).unwrap();
    let detection = evaluate(&payments, &settings()).detection;
    assert_eq!((detection.delay_us_p50, detection.payments_before_mean), (Some(0), Some(1.0)));
}

#[test]
fn what_was_taken_is_counted() {
    let weighted = Payment { label: Some(Label::Fraud), weight: 20.0, ..Payment::new(0, START_US) };
    let payments = [
        weighted.clone(),
        Payment { weight: 1.0, ..weighted.clone() },
        Payment { label: Some(Label::Genuine), weight: f64::NAN, ..weighted.clone() },
        Payment::new(3, START_US),
    ];
    let mut evaluator = Evaluator::new(&rules(), Calendar::new(ZONE).unwrap(), &settings());
    for (at, payment) in payments.iter().enumerate() {
        evaluator.take(&payment.fact(at));
    }
    let expected = Measured {
        payments: 4,
        frauds: 2,
        genuine: 1,
        unknown: 1,
        weighted: 1,
        fraud_kinds: vec![Counted { name: "(none)".to_owned(), count: 2 }],
        frauds_weighted: 21.0,
        fraud_value_minor: 2_100.0,
        ..Measured::default()
    };
    assert_eq!(evaluator.measured(), expected);
}

/// So many payments of each of some portals.
fn portals(counts: impl Iterator<Item = usize>) -> Vec<Payment> {
    let mut payments = Vec::new();
    for (portal, count) in counts.enumerate() {
        for _ in 0..count {
            let at = payments.len();
            payments.push(Payment {
                portal: Some(format!("portal{portal:05}")),
                label: Some(if at % 5 == 0 { Label::Fraud } else { Label::Genuine }),
                outcome: Outcome::ALL[at % 3],
                customer: format!("c{}", at % 40),
                ..Payment::new(at, START_US)
            });
        }
    }
    payments
}

#[test]
fn the_values_with_the_most_payments_are_shown_and_the_others_together() {
    let payments = portals((0..70).map(|portal| 1 + portal % 9));
    held_to_the_twin(&payments, &settings()).unwrap();
    let found = evaluate(&payments, &settings());
    let portals = found.groups.iter().find(|group| group.by == "portal").unwrap();
    assert_eq!(portals.values.len(), 51);
    assert_eq!(portals.values[50].name, "(others)");
    assert_eq!(
        portals.values.iter().map(|value| value.payments.unwrap()).sum::<u64>(),
        payments.len() as u64
    );
}

#[test]
fn values_beyond_the_bound_are_others() {
    let payments = portals((0..10_100).map(|_| 1));
    let found = evaluate(&payments, &Settings { replicates: 0, ..settings() });
    let portals = found.groups.iter().find(|group| group.by == "portal").unwrap();
    let others = &portals.values[50];
    assert_eq!((others.name.as_str(), others.payments), ("(others)", Some(10_050)));
    assert_eq!(others.figures.customers_bothered, found.overall.customers_bothered, "each customer once");
    let flagged: u64 = portals.values.iter().map(|value| value.figures.flagged).sum();
    assert_eq!(flagged, found.overall.flagged);
}

#[test]
fn a_curve_of_many_scores_keeps_its_ends() {
    let payments: Vec<Payment> = (0..2_500)
        .map(|at| Payment {
            score: at as i64 * 7 - 4_000,
            label: Some(if at % 3 == 0 { Label::Fraud } else { Label::Genuine }),
            ..Payment::new(at, START_US)
        })
        .collect();
    held_to_the_twin(&payments, &Settings { replicates: 2, ..settings() }).unwrap();
    let points = evaluate(&payments, &Settings { replicates: 0, ..settings() }).scores.points;
    assert_eq!(points.len(), 1_000);
    assert_eq!((points[0].score, points[0].frauds), (2_499 * 7 - 4_000, 1.0));
    assert_eq!((points[999].score, points[999].frauds, points[999].genuine), (-4_000, 834.0, 1_666.0));
}

#[test]
fn examples_are_of_each_case_and_the_same_in_any_order() {
    let mut payments: Vec<Payment> = (0..300)
        .map(|at| Payment {
            label: ANY[at % 3],
            outcome: if at % 2 == 0 { Outcome::Allow } else { Outcome::Block },
            kind: Some("scam".to_owned()),
            fired: vec![2],
            ..Payment::new(at, START_US + at as i64)
        })
        .collect();
    let found = evaluate(&payments, &settings()).examples;
    assert_eq!(found.len(), 9, "three of each case");
    for example in &found {
        let at: usize = example.id[1..].parse().unwrap();
        let payment = &payments[at];
        let stopped = payment.outcome > Outcome::Allow;
        let case = match (payment.label.unwrap(), stopped) {
            (Label::Fraud, true) => ExampleCase::Caught,
            (Label::Fraud, false) => ExampleCase::Missed,
            (Label::Genuine, true) => ExampleCase::WronglyStopped,
            (Label::Genuine, false) => panic!("{at} is no example"),
        };
        assert_eq!((example.case, &example.explanation), (case, &format!("why p{at}")));
        assert_eq!(example.fired, ["blocks"]);
    }
    assert!(found.is_sorted_by_key(|example| (example.case, example.time_us)));
    payments.reverse();
    assert_eq!(evaluate(&payments, &settings()).examples, found);
    assert!(evaluate(&payments, &Settings { examples: 0, ..settings() }).examples.is_empty());
}

#[test]
fn what_changes_is_counted_and_frauds_are_shown_first() {
    let rules = rules();
    let mut comparison = Comparison::new(&rules, &rules, 10);
    let mut expected = [[0_u64; 3]; 3];
    let mut expected_frauds = [[0_u64; 3]; 3];
    for at in 0..240_usize {
        let (was, is) = (at % 3, at / 3 % 3);
        let label = [Some(Label::Genuine), None, Some(Label::Fraud), Some(Label::Genuine)][at / 9 % 4];
        // Four frauds are decided otherwise; all other frauds are as they were.
        let is = if label == Some(Label::Fraud) && at >= 30 { was } else { is };
        let old = Payment {
            outcome: Outcome::ALL[was],
            label,
            fired: vec![0],
            ..Payment::new(at, START_US + at as i64)
        };
        let new = Payment { outcome: Outcome::ALL[is], fired: vec![2, 3], ..old.clone() };
        expected[was][is] += 1;
        expected_frauds[was][is] += u64::from(label == Some(Label::Fraud));
        comparison.take(&old.fact(at), &new.fact(at));
    }
    let changes = comparison.finish("as the files say".to_owned());
    assert_eq!((changes.payments, changes.frauds), (expected, expected_frauds));
    let known = |matrix: [[u64; 3]; 3]| matrix.iter().flatten().sum::<u64>();
    assert_eq!(
        known(changes.genuine),
        240 - known(expected_frauds) - (0..240).filter(|at| at / 9 % 4 == 1).count() as u64
    );
    let labels: Vec<&str> = changes.examples.iter().map(|example| example.label.as_str()).collect();
    let frauds = labels.iter().filter(|label| **label == "fraud").count();
    assert!((1..10).contains(&frauds), "{labels:?}");
    assert_eq!(labels.len(), 10);
    assert!(labels[frauds..].iter().all(|label| *label == "genuine"), "{labels:?}");
    for example in &changes.examples {
        assert_ne!(example.old, example.new);
        assert_eq!(
            (&example.old_fired[..], &example.new_fired[..]),
            (&["law_step".to_owned()][..], &["blocks".to_owned(), "steps".to_owned()][..])
        );
    }
    assert_eq!(changes.rules, "as the files say");
}

#[test]
fn alerts_that_come_and_go_are_changes() {
    let rules = rules();
    let mut comparison = Comparison::new(&rules, &rules, 10);
    for (at, (old, new)) in
        [(false, true), (true, false), (true, true), (false, true)].into_iter().enumerate()
    {
        let label = [Some(Label::Fraud), None, Some(Label::Fraud), Some(Label::Genuine)][at];
        let payment = |alert| Payment { alert, label, ..Payment::new(at, START_US) };
        comparison.take(&payment(old).fact(at), &payment(new).fact(at));
    }
    let changes = comparison.finish(String::new());
    assert_eq!(changes.alerts_added, AlertsMoved { payments: 2, frauds: 1, genuine: 1 });
    assert_eq!(changes.alerts_removed, AlertsMoved { payments: 1, frauds: 0, genuine: 0 });
    let alerts =
        changes.examples.iter().map(|example| (example.id.as_str(), example.old_alert, example.new_alert));
    assert_eq!(alerts.collect::<Vec<_>>(), [("p0", false, true), ("p3", false, true), ("p1", true, false)]);
}

#[test]
fn what_risk_adds_to_the_law_is_its_own() {
    // The law steps up, a normal rule blocks: of a fraud the law's step-up holds back three quarters, and the rule the rest.
    let payment = Payment {
        outcome: Outcome::Block,
        law: Outcome::StepUp,
        fired: vec![0, 2],
        label: Some(Label::Fraud),
        ..Payment::new(0, START_US)
    };
    let found = evaluate(&[payment], &Settings { replicates: 0, ..settings() });
    let caught = found
        .reasons
        .iter()
        .map(|row| (row.name.as_str(), row.figures.flagged, row.figures.value_caught_minor));
    assert_eq!(
        caught.collect::<Vec<_>>(),
        [("law_step_up", 1, 75.0), ("law_block", 0, 0.0), ("risk_step_up", 0, 0.0), ("risk_block", 1, 25.0)]
    );
}
