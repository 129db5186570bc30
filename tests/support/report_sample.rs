//! A report to look at: 120 days of payments drawn from a seed, 25 rules held against 23 older ones, counted plainly.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use weir::backtest::report::*;
use weir::time::{Calendar, DAY_US, parse_time};

pub const DAYS: i64 = 120;
const PAYMENTS_A_DAY: u64 = 700;
const ZONE: &str = "Asia/Ho_Chi_Minh";
const KINDS: [&str; 4] = ["takeover", "card_testing", "mule", "scam"];
const PORTALS: [&str; 4] = ["mobile", "web", "merchant", "branch"];
const PROVIDERS: [&str; 5] = ["napas", "momo", "zalopay", "vnpay", "payoo"];
const PAYMENT_KINDS: [&str; 3] = ["transfer", "card", "bill"];
const STEP_UP_AT: i64 = 50;
const BLOCK_AT: i64 = 90;

/// Id, tier, mode, action, score; of 1,000 frauds of each kind how many it fires on; of 100,000 genuine payments.
pub type Rule = (&'static str, &'static str, &'static str, &'static str, i64, [u64; 4], u64);

pub const RULES: [Rule; 25] = [
    ("law_large_transfer", "mandatory", "live", "step_up", 0, [310, 0, 420, 520], 1_400),
    ("law_new_payee_large", "mandatory", "live", "step_up", 0, [180, 0, 260, 330], 420),
    ("law_daily_limit", "mandatory", "live", "block", 0, [12, 0, 30, 22], 20),
    ("trusted_payroll", "override", "live", "allow", 0, [0, 0, 2, 0], 900),
    ("takeover", "normal", "live", "step_up", 50, [620, 4, 30, 12], 35),
    ("takeover_at_night", "normal", "live", "block", 60, [210, 2, 4, 4], 4),
    ("new_device", "normal", "live", "", 20, [760, 120, 90, 40], 2_100),
    ("new_device_large", "normal", "live", "step_up", 40, [420, 4, 60, 30], 120),
    ("credentials_changed", "normal", "live", "", 25, [680, 10, 20, 18], 260),
    ("card_testing", "normal", "live", "block", 70, [2, 790, 2, 0], 6),
    ("cards_on_device", "normal", "live", "step_up", 45, [12, 640, 6, 2], 28),
    ("small_amounts_burst", "normal", "live", "", 30, [6, 710, 20, 2], 190),
    ("burst_account", "normal", "live", "step_up", 35, [140, 310, 180, 40], 90),
    ("burst_payee", "normal", "live", "alert", 15, [20, 40, 520, 60], 150),
    ("mule_in_and_out", "normal", "live", "block", 75, [8, 0, 470, 20], 9),
    ("payee_many_payers", "normal", "live", "step_up", 40, [40, 0, 610, 230], 60),
    ("payee_suspected", "normal", "live", "block", 100, [60, 20, 340, 180], 3),
    ("collection_account", "normal", "live", "alert", 10, [12, 0, 380, 90], 210),
    ("far_from_usual", "normal", "live", "", 20, [260, 40, 110, 310], 700),
    ("amount_unusual", "normal", "live", "", 15, [330, 10, 240, 560], 1_600),
    ("night_large", "normal", "live", "", 10, [150, 4, 70, 120], 480),
    ("impossible_travel", "normal", "live", "step_up", 50, [190, 30, 4, 2], 14),
    ("scam_wording", "normal", "shadow", "step_up", 50, [6, 0, 10, 430], 55),
    ("first_transfer_abroad", "normal", "shadow", "alert", 20, [30, 2, 40, 190], 130),
    ("dormant_account", "normal", "live", "", 15, [70, 6, 160, 30], 170),
];

/// The old rules: fewer, and some of them wider.
fn old_rules() -> Vec<Rule> {
    let missing = ["payee_many_payers", "impossible_travel", "scam_wording"];
    let rules = RULES.iter().filter(|rule| !missing.contains(&rule.0)).map(|rule| match rule.0 {
        "takeover" => ("takeover", "normal", "live", "step_up", 40, [520, 4, 30, 12], 96),
        "new_device_large" => (rule.0, rule.1, rule.2, rule.3, 30, rule.5, 210),
        _ => *rule,
    });
    rules.chain([("velocity_2019", "normal", "live", "alert", 10, [40, 60, 40, 20], 800)]).collect()
}

struct Payment {
    id: String,
    time_us: i64,
    day: usize,
    amount_minor: i64,
    customer: u64,
    /// Its kind among [`KINDS`] where it is a fraud.
    fraud: Option<usize>,
    known: bool,
    places: [usize; 3],
    /// What each rule's chance is drawn against, by the rule's name.
    luck: u64,
}

fn payments(from_us: i64) -> Vec<Payment> {
    let mut chance = ChaCha8Rng::from_seed([7; 32]);
    let mut below = |n: u64| chance.next_u64() % n;
    let mut payments = Vec::new();
    for day in 0..DAYS {
        let busy = PAYMENTS_A_DAY * (if day % 7 < 5 { 10 } else { 7 }) / 10 + below(90);
        let wave = if (64..82).contains(&day) { 3 } else { 1 };
        let mut times: Vec<i64> = (0..busy).map(|_| below(86_400_000_000) as i64).collect();
        times.sort_unstable();
        for time_us in times {
            let fraud = (below(1_000) < 6 * wave).then(|| below(4) as usize);
            let size = 20_000 * (1 + below(40)) * (1 + below(12));
            payments.push(Payment {
                id: format!("tx{:08}", payments.len()),
                time_us: from_us + day * DAY_US + time_us,
                day: day as usize,
                amount_minor: (size * if fraud.is_some_and(|kind| kind != 1) { 4 } else { 1 }) as i64,
                customer: if fraud.is_some() { below(160) } else { below(9_000) },
                fraud,
                known: below(100) < 87,
                places: [below(4) as usize, below(5) as usize, below(3) as usize],
                luck: below(u64::MAX),
            });
        }
    }
    payments
}

/// What fires on a payment: the same luck under both rule sets.
fn fires(rule: &Rule, payment: &Payment) -> bool {
    let name = rule
        .0
        .bytes()
        .fold(payment.luck, |mix, byte| (mix ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let draw = (name >> 20) % 100_000;
    draw < payment.fraud.map_or(rule.6, |kind| rule.5[kind] * 100)
}

#[derive(Clone, Default)]
struct Decided {
    fired: Vec<usize>,
    acted: Vec<usize>,
    /// 0 allow, 1 step up, 2 block.
    outcome: usize,
    law: bool,
    alert: bool,
    score: i64,
}

fn decide(rules: &[Rule], payment: &Payment) -> Decided {
    let fired: Vec<usize> = (0..rules.len()).filter(|at| fires(&rules[*at], payment)).collect();
    let acted: Vec<usize> = fired.iter().copied().filter(|at| rules[*at].2 == "live").collect();
    let asked =
        |at: &usize| ["", "step_up", "block"].iter().position(|then| *then == rules[*at].3).unwrap_or(0);
    let score: i64 = acted.iter().map(|at| rules[*at].4).sum();
    let by_score = usize::from(score >= STEP_UP_AT) + usize::from(score >= BLOCK_AT);
    let law = acted.iter().filter(|at| rules[**at].1 == "mandatory").map(asked).max().unwrap_or(0);
    let excused = acted.iter().any(|at| rules[*at].1 == "override");
    let risk = if excused { 0 } else { acted.iter().map(asked).max().unwrap_or(0).max(by_score) };
    let alert = acted.iter().any(|at| rules[*at].3 == "alert");
    Decided { outcome: law.max(risk), law: law > 0, alert, score, fired, acted }
}

fn estimate(part: f64, whole: f64) -> Option<Estimate> {
    (whole > 0.0).then(|| {
        let value = part / whole;
        let about = 2.0 * (value * (1.0 - value) / whole).sqrt();
        Estimate { value, low: Some((value - about).max(0.0)), high: Some((value + about).min(1.0)) }
    })
}

/// The figures of those that are picked.
fn figures(all: &[(&Payment, &Decided)], picked: impl Fn(&Payment, &Decided) -> bool) -> Figures {
    let value = |payment: &Payment| payment.amount_minor as f64;
    let known = |fraud: bool| move |payment: &Payment| payment.known && payment.fraud.is_some() == fraud;
    let (is_fraud, is_genuine) = (known(true), known(false));
    let all_frauds: Vec<&Payment> = all.iter().map(|(payment, _)| *payment).filter(|p| is_fraud(p)).collect();
    let all_genuine = all.iter().filter(|(payment, _)| is_genuine(payment)).count() as f64;
    let picked: Vec<(&Payment, &Decided)> =
        all.iter().filter(|(payment, decided)| picked(payment, decided)).copied().collect();
    let frauds = picked.iter().filter(|(payment, _)| is_fraud(payment)).count() as f64;
    let genuine = picked.iter().filter(|(payment, _)| is_genuine(payment)).count() as f64;
    let unknown = picked.iter().filter(|(payment, _)| !payment.known).count() as u64;
    let of = |keep: &dyn Fn(&Payment) -> bool, worth: &dyn Fn(&Payment, &Decided) -> f64| -> f64 {
        picked
            .iter()
            .filter(|(payment, _)| keep(payment))
            .map(|(payment, decided)| worth(payment, decided))
            .sum()
    };
    let passes = |payment: &Payment| if payment.fraud == Some(3) { 0.9 } else { 0.2 };
    let caught = of(&is_fraud, &|payment, decided| match decided.outcome {
        2 => value(payment),
        1 => value(payment) * (1.0 - passes(payment)),
        _ => 0.0,
    });
    let at_stake: f64 = all_frauds.iter().map(|payment| value(payment)).sum();
    let bothered: BTreeSet<u64> = picked
        .iter()
        .filter(|(payment, _)| is_genuine(payment))
        .map(|(payment, _)| payment.customer)
        .collect();
    Figures {
        flagged: picked.len() as u64,
        frauds,
        genuine,
        unknown,
        coverage: (!picked.is_empty()).then(|| 1.0 - unknown as f64 / picked.len() as f64),
        precision: estimate(frauds, frauds + genuine),
        recall: estimate(frauds, all_frauds.len() as f64),
        false_positive_rate: estimate(genuine, all_genuine),
        value_flagged_minor: of(&is_fraud, &|payment, _| value(payment)),
        value_caught_minor: caught,
        value_caught_share: estimate(caught, at_stake).map(|share| Estimate {
            low: Some(share.value * 0.93),
            high: Some(share.value * 1.06),
            ..share
        }),
        value_flagged_genuine_minor: of(&is_genuine, &|payment, _| value(payment)),
        value_bothered_minor: of(&is_genuine, &|payment, decided| {
            if decided.outcome > 0 { value(payment) } else { 0.0 }
        }),
        value_lost_minor: of(&is_genuine, &|payment, decided| match decided.outcome {
            2 => value(payment),
            1 => value(payment) * 0.05,
            _ => 0.0,
        }),
        customers_bothered: bothered.len() as u64,
    }
}

fn is_flagged(_: &Payment, decided: &Decided) -> bool {
    decided.outcome > 0 || decided.alert
}

fn evaluate(rules: &[Rule], all: &[(&Payment, &Decided)], calendar: &Calendar) -> Evaluation {
    let named = |name: &str, picked: &dyn Fn(&Payment, &Decided) -> bool| Named {
        name: name.to_owned(),
        payments: None,
        figures: figures(all, picked),
    };
    let alone = |at: usize, fraud: bool| {
        let only = |(payment, decided): &&(&Payment, &Decided)| {
            payment.known && payment.fraud.is_some() == fraud && decided.acted == [at]
        };
        all.iter().filter(only).count() as f64
    };
    let rule = |(at, rule): (usize, &Rule)| RuleFigures {
        id: rule.0.to_owned(),
        tier: rule.1.to_owned(),
        mode: rule.2.to_owned(),
        then: rule.3.to_owned(),
        score: rule.4,
        frauds_alone: alone(at, true),
        genuine_alone: alone(at, false),
        figures: figures(all, |_, decided| decided.fired.contains(&at)),
    };
    let mut overlap = Overlap {
        rules: rules.iter().map(|rule| rule.0.to_owned()).collect(),
        payments: vec![vec![0; rules.len()]; rules.len()],
        frauds: vec![vec![0; rules.len()]; rules.len()],
    };
    for (payment, decided) in all {
        for one in &decided.fired {
            for other in &decided.fired {
                overlap.payments[*one][*other] += 1;
                overlap.frauds[*one][*other] += u64::from(payment.known && payment.fraud.is_some());
            }
        }
    }
    Evaluation {
        overall: figures(all, is_flagged),
        outcomes: vec![
            named("step_up", &|_, decided| decided.outcome == 1),
            named("block", &|_, decided| decided.outcome == 2),
            named("alert", &|_, decided| decided.alert),
        ],
        reasons: vec![
            named("law_step_up", &|_, decided| decided.law && decided.outcome == 1),
            named("law_block", &|_, decided| decided.law && decided.outcome == 2),
            named("risk_step_up", &|_, decided| !decided.law && decided.outcome == 1),
            named("risk_block", &|_, decided| !decided.law && decided.outcome == 2),
        ],
        rules: rules.iter().enumerate().map(rule).collect(),
        overlap,
        groups: groups(all, calendar),
        scores: scores(all),
        detection: detection(all),
        timeline: timeline(all, calendar),
        examples: examples(rules, all),
    }
}

fn groups(all: &[(&Payment, &Decided)], calendar: &Calendar) -> Vec<Group> {
    let by = |by: &str, value: &dyn Fn(&Payment) -> String| {
        let mut values: BTreeMap<String, Vec<(&Payment, &Decided)>> = BTreeMap::new();
        for (payment, decided) in all {
            values.entry(value(payment)).or_default().push((payment, decided));
        }
        let named = |(name, of): (String, Vec<(&Payment, &Decided)>)| Named {
            name,
            payments: Some(of.len() as u64),
            figures: figures(&of, is_flagged),
        };
        Group { by: by.to_owned(), values: values.into_iter().map(named).collect() }
    };
    vec![
        by("month", &|payment| calendar.write(payment.time_us, "%Y-%m")),
        by("portal", &|payment| PORTALS[payment.places[0]].to_owned()),
        by("provider", &|payment| PROVIDERS[payment.places[1]].to_owned()),
        by("payment_kind", &|payment| PAYMENT_KINDS[payment.places[2]].to_owned()),
    ]
}

fn scores(all: &[(&Payment, &Decided)]) -> Scores {
    let mut by_score: BTreeMap<std::cmp::Reverse<i64>, [f64; 4]> = BTreeMap::new();
    for (payment, decided) in all.iter().filter(|(payment, _)| payment.known) {
        let at = usize::from(payment.fraud.is_none());
        let sums = by_score.entry(std::cmp::Reverse(decided.score)).or_default();
        sums[at] += 1.0;
        sums[2 + at] += payment.amount_minor as f64;
    }
    let mut points = Vec::new();
    let mut sums = [0.0; 4];
    for (score, more) in by_score {
        (0..4).for_each(|at| sums[at] += more[at]);
        let [frauds, genuine, fraud_value_minor, genuine_value_minor] = sums;
        points.push(ScorePoint { score: score.0, frauds, genuine, fraud_value_minor, genuine_value_minor });
    }
    let [frauds, genuine, ..] = sums;
    let (mut area, mut average, mut before) = (0.0, 0.0, (0.0, 0.0));
    for point in &points {
        let (x, y) = (point.genuine / genuine, point.frauds / frauds);
        area += (x - before.0) * (y + before.1) / 2.0;
        average += (y - before.1) * point.frauds / (point.frauds + point.genuine);
        before = (x, y);
    }
    let about =
        |value: f64| Some(Estimate { value, low: Some(value - 0.021), high: Some((value + 0.018).min(1.0)) });
    let card_precision = Some(CardPrecision { k: 100, days: DAYS as u32, mean: average / 9.0, late: 0 });
    Scores { points, roc_area: about(area), average_precision: about(average), card_precision }
}

fn detection(all: &[(&Payment, &Decided)]) -> Detection {
    let mut cases: BTreeMap<u64, Vec<(&Payment, &Decided)>> = BTreeMap::new();
    for (payment, decided) in all.iter().filter(|(payment, _)| payment.known && payment.fraud.is_some()) {
        cases.entry(payment.customer).or_default().push((payment, decided));
    }
    let seen: Vec<(usize, &Vec<(&Payment, &Decided)>)> = cases
        .values()
        .filter_map(|case| {
            Some((case.iter().position(|(payment, decided)| is_flagged(payment, decided))?, case))
        })
        .collect();
    let mut delays: Vec<i64> =
        seen.iter().map(|(at, case)| case[*at].0.time_us - case[0].0.time_us).collect();
    delays.sort_unstable();
    let before: f64 = seen
        .iter()
        .map(|(at, case)| case[..*at].iter().map(|(p, _)| p.amount_minor as f64).sum::<f64>())
        .sum();
    let found = seen.len() as f64;
    Detection {
        cases: cases.len() as u64,
        detected: seen.len() as u64,
        at_once: seen.iter().filter(|(at, _)| *at == 0).count() as u64,
        delay_us_p50: delays.get(delays.len() / 2).copied(),
        delay_us_p90: delays.get(delays.len() * 9 / 10).copied(),
        payments_before_mean: Some(seen.iter().map(|(at, _)| *at as f64).sum::<f64>() / found),
        value_before_minor_mean: Some(before / found),
    }
}

fn timeline(all: &[(&Payment, &Decided)], calendar: &Calendar) -> Vec<Day> {
    let mut days = vec![Day::default(); DAYS as usize];
    for (payment, decided) in all {
        let day = &mut days[payment.day];
        day.date = calendar.write(payment.time_us, "%Y-%m-%d");
        day.payments += 1;
        day.step_ups += u64::from(decided.outcome == 1);
        day.blocks += u64::from(decided.outcome == 2);
        day.alerts += u64::from(decided.alert);
        let fraud = payment.known && payment.fraud.is_some();
        day.frauds += u64::from(fraud);
        day.frauds_flagged += u64::from(fraud && is_flagged(payment, decided));
    }
    days
}

const OUTCOMES: [&str; 3] = ["allow", "step_up", "block"];

fn ids(rules: &[Rule], fired: &[usize]) -> Vec<String> {
    fired.iter().map(|at| rules[*at].0.to_owned()).collect()
}

fn examples(rules: &[Rule], all: &[(&Payment, &Decided)]) -> Vec<Example> {
    let mut examples = Vec::new();
    for (case, fraud, stopped) in [
        (ExampleCase::Caught, true, true),
        (ExampleCase::Missed, true, false),
        (ExampleCase::WronglyStopped, false, true),
    ] {
        let fits = |(payment, decided): &&(&Payment, &Decided)| {
            payment.known && payment.fraud.is_some() == fraud && (decided.outcome > 0) == stopped
        };
        for (payment, decided) in all.iter().filter(fits).step_by(17).take(5) {
            let mut explanation =
                format!("{}: {}, score {}\n", payment.id, OUTCOMES[decided.outcome], decided.score);
            for at in &decided.acted {
                let (id, _, _, then, score, ..) = rules[*at];
                explanation += &format!(
                    "{id}: {then}, {score:+} — acted\n  true     amount > least → {} VND > 10,000 VND\n",
                    weir::backtest::told::count(payment.amount_minor.unsigned_abs())
                );
            }
            examples.push(Example {
                case,
                id: payment.id.clone(),
                time_us: payment.time_us,
                amount_minor: payment.amount_minor,
                outcome: OUTCOMES[decided.outcome].to_owned(),
                score: decided.score,
                fired: ids(rules, &decided.acted),
                kind: payment.fraud.map(|kind| KINDS[kind].to_owned()),
                explanation,
            });
        }
    }
    examples
}

fn changes(
    payments: &[Payment],
    (old, old_rules): (&[Decided], &[Rule]),
    (new, rules): (&[Decided], &[Rule]),
) -> Changes {
    let mut changes = Changes {
        rules: "retail: 5 changes\n  rule takeover changed\n    score: 40 → 50\n    when: amount > 1,000,000 VND → amount > notable\n  rule new_device_large changed\n    score: 30 → 40\n  rule payee_many_payers was added\n  rule impossible_travel was added\n  rule velocity_2019 was removed\n".to_owned(),
        ..Changes::default()
    };
    for (payment, (old, new)) in payments.iter().zip(old.iter().zip(new)) {
        changes.payments[old.outcome][new.outcome] += 1;
        let of_label = if payment.fraud.is_some() { &mut changes.frauds } else { &mut changes.genuine };
        of_label[old.outcome][new.outcome] += u64::from(payment.known);
        if old.alert != new.alert {
            let moved = if new.alert { &mut changes.alerts_added } else { &mut changes.alerts_removed };
            moved.payments += 1;
            moved.frauds += u64::from(payment.known && payment.fraud.is_some());
            moved.genuine += u64::from(payment.known && payment.fraud.is_none());
        }
        if old.outcome != new.outcome && changes.examples.len() < 12 {
            changes.examples.push(ChangedPayment {
                id: payment.id.clone(),
                time_us: payment.time_us,
                amount_minor: payment.amount_minor,
                old: OUTCOMES[old.outcome].to_owned(),
                new: OUTCOMES[new.outcome].to_owned(),
                old_alert: old.alert,
                new_alert: new.alert,
                old_fired: ids(old_rules, &old.acted),
                new_fired: ids(rules, &new.acted),
                label: if !payment.known {
                    "unknown"
                } else if payment.fraud.is_some() {
                    "fraud"
                } else {
                    "genuine"
                }
                .to_owned(),
            });
        }
    }
    changes
}

/// The report; simulated, since that says more.
pub fn sample() -> Report {
    let from_us = parse_time("2026-03-01T00:00:00+07:00").unwrap();
    let calendar = Calendar::new(ZONE).unwrap();
    let payments = payments(from_us);
    let old_rules = old_rules();
    let new: Vec<Decided> = payments.iter().map(|payment| decide(&RULES, payment)).collect();
    let old: Vec<Decided> = payments.iter().map(|payment| decide(&old_rules, payment)).collect();
    let with_new: Vec<(&Payment, &Decided)> = payments.iter().zip(&new).collect();
    let with_old: Vec<(&Payment, &Decided)> = payments.iter().zip(&old).collect();
    let known = |fraud: bool| payments.iter().filter(move |p| p.known && p.fraud.is_some() == fraud);
    let run = |name: &str, file: &str, digit: &str, result| RulesRun {
        name: name.to_owned(),
        file: file.to_owned(),
        hash: digit.repeat(64),
        result,
    };
    Report {
        weir: "0.9.0".to_owned(),
        engine: "1.4.0".to_owned(),
        command: "weir backtest --rules rules/retail.toml --against rules/retail-2025.toml --data generated --out backtest --mode simulated --mature 60d --seed 1".to_owned(),
        data: data(from_us, payments.len() as u64),
        what_if: WhatIf {
            mode: Mode::Simulated,
            genuine_pass: 0.95,
            fraud_pass: 0.2,
            fraud_pass_by_kind: vec![PassRate { kind: "scam".to_owned(), share: 0.9 }],
            seed: 1,
            prevented: new.iter().filter(|decided| decided.outcome == 2).count() as u64,
            left_out: 1_204,
        },
        measured: Measured {
            from_us: Some(from_us),
            until_us: Some(from_us + DAYS * DAY_US),
            warm_us: 30 * DAY_US,
            mature_us: 60 * DAY_US,
            warming: 20_431,
            immature: 41_877,
            payments: payments.len() as u64,
            frauds: known(true).count() as u64,
            fraud_kinds: fraud_kinds(known(true)),
            frauds_weighted: known(true).count() as f64,
            genuine: known(false).count() as u64,
            unknown: payments.iter().filter(|payment| !payment.known).count() as u64,
            weighted: 0,
            fraud_value_minor: known(true).map(|payment| payment.amount_minor as f64).sum(),
        },
        changes: Some(changes(&payments, (&old, &old_rules), (&new, &RULES))),
        sweep: None,
        rules: run("retail", "rules/retail.toml", "3f", evaluate(&RULES, &with_new, &calendar)),
        against: Some(run("retail-2025", "rules/retail-2025.toml", "a1", evaluate(&old_rules, &with_old, &calendar))),
    }
}

fn fraud_kinds<'a>(frauds: impl Iterator<Item = &'a Payment>) -> Vec<Counted> {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in frauds.filter_map(|payment| payment.fraud.map(|kind| KINDS[kind])) {
        *kinds.entry(kind).or_default() += 1;
    }
    kinds.into_iter().map(|(kind, count)| Counted { name: kind.to_owned(), count }).collect()
}

fn data(from_us: i64, payments: u64) -> Data {
    let counted = |name: &str, count| Counted { name: name.to_owned(), count };
    Data {
        name: "generated".to_owned(),
        about: "A generated stream of payments with labelled frauds of four kinds.".to_owned(),
        sha256: "5e".repeat(32),
        files: vec![
            DataFile { name: "payments-1.parquet".to_owned(), bytes: 18_230_112, sha256: "0c".repeat(32) },
            DataFile { name: "payments-2.parquet".to_owned(), bytes: 17_904_551, sha256: "9d".repeat(32) },
        ],
        time_zone: ZONE.to_owned(),
        currency: "VND".to_owned(),
        decimals: 0,
        events: payments + 91_242,
        kinds: vec![
            counted("transaction", payments + 62_308),
            counted("authentication", 21_406),
            counted("label", 7_528),
        ],
        bad_rows: vec![counted("amount is null", 12), counted("time is out of order", 3)],
        refused: vec![counted("id_reused", 2)],
        repeated: 41,
        first_us: Some(from_us - 30 * DAY_US),
        last_us: Some(from_us + (DAYS + 60) * DAY_US - 1),
    }
}
