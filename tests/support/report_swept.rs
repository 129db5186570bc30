//! Sweeps to look at: figures of combinations drawn from a seed, as a sweep would have them.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use weir::backtest::report::{Counted, Data, PassRate};
use weir::backtest::sweep::result::*;
use weir::time::{DAY_US, parse_time};

/// What is swept: the parameters with how many values each has, and which of those is the rule file's own.
pub struct Wanted<'a> {
    pub params: &'a [(&'a str, usize, usize)],
    pub objective: Objective,
    /// Known frauds on the side of the tuning.
    pub frauds: f64,
}

/// So many values of two thresholds in money.
pub fn two(big: usize, near: usize) -> SweepReport {
    sweep(&Wanted {
        params: &[("big", big, big / 3), ("near", near, near / 2)],
        objective: Objective::Budget,
        frauds: 412.0,
    })
}

pub fn sweep(wanted: &Wanted<'_>) -> SweepReport {
    let mut chance = ChaCha8Rng::from_seed([11; 32]);
    let mut noise = |size: f64| (chance.next_u64() % 1_000) as f64 / 1_000.0 * size;
    let own: Vec<usize> = wanted.params.iter().map(|(_, _, own)| *own).collect();
    let mut all = vec![own.clone()];
    let count: usize = wanted.params.iter().map(|(_, count, _)| count).product();
    for mut at in 0..count {
        let mut values: Vec<usize> = Vec::new();
        for (_, count, _) in wanted.params.iter().rev() {
            values.insert(0, at % count);
            at /= count;
        }
        if values != own {
            all.push(values);
        }
    }
    let known = |frauds: f64, days: f64| Known {
        days,
        payments: (days * 700.0) as u64,
        unknown: (days * 91.0) as u64,
        frauds,
        genuine: days * 600.0,
        fraud_value_minor: frauds * 3_100_000.0,
    };
    let (tuning, held_out) = (known(wanted.frauds, 63.0), known((wanted.frauds * 0.4).floor(), 27.0));
    // The higher all thresholds, the less is caught and the fewer are bothered; the first ones weigh most.
    let mut figures = |values: &[usize], known: &Known| {
        let weights = (1..).map(|at| 1.0 / f64::from(at));
        let height = values.iter().zip(wanted.params).zip(weights.clone());
        let height: f64 = height
            .map(|((at, (_, count, _)), weight)| weight * *at as f64 / (*count - 1).max(1) as f64)
            .sum();
        let height = height / weights.take(values.len()).sum::<f64>();
        let caught = (0.92 - 0.8 * height.powf(1.4) + noise(0.04)).clamp(0.0, 1.0);
        let bothered = (known.days * (1.0 + 40.0 * (1.0 - height).powi(3) + noise(1.5))).floor();
        let frauds = (known.frauds * caught * 0.9).floor();
        let flagged = frauds + bothered * 1.3 + known.days * 2.0;
        let share = |of: f64, all: f64| (all > 0.0).then(|| of / all);
        let value_caught_minor = known.fraud_value_minor * caught;
        SweepFigures {
            flagged: flagged as u64,
            flagged_a_day: Some(flagged / known.days),
            frauds,
            genuine: bothered,
            unknown: known.days as u64,
            precision: share(frauds, frauds + bothered),
            recall: share(frauds, known.frauds),
            false_positive_rate: share(bothered, known.genuine),
            value_caught_minor,
            value_caught_share: share(value_caught_minor, known.fraud_value_minor),
            customers_bothered: (bothered * 0.8) as u64,
            value_bothered_minor: bothered * 900_000.0,
            value_lost_minor: bothered * 60_000.0,
            step_ups: (flagged * 0.7) as u64,
            alerts: (flagged * 0.2) as u64,
            genuine_blocked: (bothered * 0.05).floor(),
            cost_minor: known.fraud_value_minor - value_caught_minor + bothered * 160_000.0,
        }
    };
    let combinations: Vec<Combination> = all
        .into_iter()
        .map(|values| Combination {
            tuning: figures(&values, &tuning),
            held_out: figures(&values, &held_out),
            values,
            front_share: Some(0.0),
            chosen_share: (wanted.objective != Objective::Front).then_some(0.0),
        })
        .collect();
    put_together(wanted, combinations, tuning, held_out)
}

fn put_together(
    wanted: &Wanted<'_>,
    mut combinations: Vec<Combination>,
    tuning: Known,
    held_out: Known,
) -> SweepReport {
    let beats = |one: &Combination, other: &Combination| {
        let (one, other) = (&one.tuning, &other.tuning);
        let more = one.value_caught_minor.total_cmp(&other.value_caught_minor);
        let fewer = other.customers_bothered.cmp(&one.customers_bothered);
        more.is_ge() && fewer.is_ge() && (more.is_gt() || fewer.is_gt())
    };
    let mut front: Vec<usize> = (0..combinations.len())
        .filter(|at| !combinations.iter().any(|other| beats(other, &combinations[*at])))
        .collect();
    front.sort_by_key(|at| combinations[*at].tuning.customers_bothered);
    front.dedup_by_key(|at| combinations[*at].tuning.customers_bothered);
    for (place, at) in front.iter().enumerate() {
        combinations[*at].front_share = Some(1.0 / (1.0 + place as f64 % 4.0));
    }
    let best = |by: &dyn Fn(&Combination) -> f64| {
        (0..combinations.len())
            .min_by(|one, other| by(&combinations[*one]).total_cmp(&by(&combinations[*other])))
            .unwrap()
    };
    let budget = 22.0;
    let within = |one: &Combination| one.tuning.flagged_a_day.unwrap() <= budget;
    let best_by_cost = best(&|one| one.tuning.cost_minor);
    let best_under_budget = best(&|one| if within(one) { -one.tuning.value_caught_minor } else { 0.0 });
    let combination = match wanted.objective {
        Objective::Front => None,
        Objective::Cost => Some(best_by_cost),
        Objective::Budget => Some(best_under_budget),
    };
    let chosen = combination.map(|at| {
        let of = |figures: &SweepFigures, days: f64| match wanted.objective {
            Objective::Cost => Some(figures.cost_minor / days),
            _ => figures.value_caught_share,
        };
        let at_tuning = of(&combinations[at].tuning, tuning.days);
        combinations[at].chosen_share = Some(0.415);
        Chosen {
            combination: at,
            tuning: at_tuning,
            held_out: of(&combinations[at].held_out, held_out.days),
            low: at_tuning.map(|value| value * 0.94),
            high: at_tuning.map(|value| value * 1.05),
            overfitted: true,
        }
    });
    let from_us = parse_time("2026-02-01T00:00:00+07:00").unwrap();
    SweepReport {
        weir: "0.9.0".to_owned(),
        engine: "1.4.0".to_owned(),
        command: "weir sweep --rules rules/retail.toml --data datasets/generated.toml --vary big=2_000_000..20_000_000/40 --vary near=1_000_000..5_000_000/25 --objective budget --budget 22 --out swept".to_owned(),
        data: data(from_us),
        name: "retail".to_owned(),
        file: "rules/retail.toml".to_owned(),
        hash: "3f".repeat(32),
        asked: AskedFor {
            genuine_pass: 0.95,
            fraud_pass: 0.2,
            fraud_pass_by_kind: vec![PassRate { kind: "scam".to_owned(), share: 0.9 }],
            objective: wanted.objective,
            budget: Some(budget),
            costs: Costs { step_up_minor: 2_000.0, alert_minor: 20_000.0, block_minor: 100_000.0 },
            split: 0.7,
            replicates: 200,
            seed: 1,
        },
        swept: Swept {
            state: State::Observed,
            decision_fed: vec!["spent_24h".to_owned()],
            engines: 3,
            params: wanted.params.iter().enumerate().map(swing).collect(),
            measured: MeasuredTime {
                from_us: Some(from_us),
                split_us: Some(from_us + 63 * DAY_US),
                until_us: Some(from_us + 90 * DAY_US),
                warm_us: 30 * DAY_US,
                mature_us: 0,
                warming: 21_004,
                immature: 0,
            },
            fraud_kinds: ["scam", "takeover"].map(|kind| Counted { name: kind.to_owned(), count: 9 }).to_vec(),
            tuning,
            held_out,
            combinations,
            front,
            best_by_cost,
            best_under_budget: Some(best_under_budget),
            chosen,
        },
    }
}

/// Thresholds in money, or durations where the name says so.
fn swing((at, &(name, count, own)): (usize, &(&str, usize, usize))) -> Swing {
    let value = |place: usize| match name {
        "reach" => format!("{}h", 6 * (place + 1)),
        "many" => (place + 2).to_string(),
        _ => (2_000_000 + 450_000 * place).to_string(),
    };
    Swing {
        name: name.to_owned(),
        values: (0..count).map(value).collect(),
        own,
        recomputed: at == 1,
        features: if at == 1 { vec!["near_24h".to_owned(), "spent_24h".to_owned()] } else { Vec::new() },
    }
}

fn data(from_us: i64) -> Data {
    Data {
        name: "generated".to_owned(),
        about: "a generated stream".to_owned(),
        sha256: "9c".repeat(32),
        files: Vec::new(),
        time_zone: "Asia/Ho_Chi_Minh".to_owned(),
        currency: "VND".to_owned(),
        decimals: 0,
        events: 91_204,
        kinds: vec![Counted { name: "transaction".to_owned(), count: 84_004 }],
        bad_rows: Vec::new(),
        refused: Vec::new(),
        repeated: 12,
        first_us: Some(from_us - 30 * DAY_US),
        last_us: Some(from_us + 90 * DAY_US),
    }
}
