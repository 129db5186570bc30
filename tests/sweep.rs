//! A sweep finds what a backtest of each combination by itself finds, whatever varies and whatever is kept.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and waits with a clock"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/decisions.rs"]
mod decisions;
#[path = "sweep/grids.rs"]
mod grids;
#[path = "sweep/history.rs"]
mod history;
#[path = "support/stream.rs"]
mod stream;
#[path = "sweep/twin.rs"]
mod twin;
#[path = "sweep/written.rs"]
mod written;

use history::{History, RULES, asked};
use weir::backtest::sweep::result::{Costs, Objective, State, Swept};
use weir::backtest::sweep::{Asked, SweepError};

/// Each combination held to a backtest of its own.
fn holds(history: &History, rules: &str, asked: &Asked) -> Swept {
    let swept = history.sweep(rules, asked).unwrap();
    for (at, combination) in swept.combinations.iter().enumerate() {
        let values: Vec<(&str, &str)> = swept
            .params
            .iter()
            .zip(&combination.values)
            .map(|(param, &value)| (param.name.as_str(), param.values[value].as_str()))
            .collect();
        let twin = history.backtest(&history::with_values(rules, &values), &swept, asked);
        let [tuning, held_out] = twin.figures(&swept, asked);
        twin::alike(&tuning, &combination.tuning, &format!("{at}: {values:?}, tuning"));
        twin::alike(&held_out, &combination.held_out, &format!("{at}: {values:?}, held out"));
        assert_eq!(twin.known(&swept), [swept.tuning, swept.held_out]);
    }
    swept
}

/// Combinations that are answered in different ways: a test of equals would say nothing otherwise.
fn distinct(swept: &Swept) -> usize {
    let mut flagged: Vec<String> =
        swept.combinations.iter().map(|c| format!("{:?}{:?}", c.tuning, c.held_out)).collect();
    flagged.sort_unstable();
    flagged.dedup();
    flagged.len()
}

#[test]
fn thresholds_in_rules_and_tables_are_what_backtests_of_each_find() {
    let history = History::new(2_600, 3);
    let asked = asked(&["big=2_000_000..14_000_000/3", "tier_at=3_000_000,9_000_000", "many=2,4"]);
    let swept = holds(&history, RULES, &asked);
    assert_eq!((swept.state, swept.engines, swept.combinations.len()), (State::EventFed, 1, 13));
    assert!(distinct(&swept) > 6, "{} of 13 differ", distinct(&swept));
    assert!(swept.tuning.frauds > 5.0 && swept.held_out.frauds > 5.0, "{:?}", swept.tuning);
    assert!(swept.combinations.iter().any(|combination| combination.held_out.customers_bothered > 9));
    assert!(swept.params.iter().all(|param| !param.recomputed));
}

#[test]
fn switches_shadow_and_unknown_conditions_vary_too() {
    let history = History::new(1_800, 5);
    let asked = asked(&["strict=true,false", "ratio=1.5,4.0", "low=100_000,2_000_000"]);
    let swept = holds(&history, RULES, &asked);
    assert_eq!((swept.state, swept.engines), (State::EventFed, 1));
    assert!(distinct(&swept) > 4, "{} differ", distinct(&swept));
}

#[test]
fn a_parameter_inside_a_feature_has_it_computed_again() {
    let history = History::new(1_800, 7);
    let asked = asked(&["near=1_000_000,4_000_000", "reach=6h,48h", "big=3_000_000,9_000_000"]);
    let swept = holds(&history, RULES, &asked);
    assert_eq!((swept.state, swept.engines), (State::EventFed, 5), "four and the rule file's own");
    let recomputed: Vec<(&str, bool)> =
        swept.params.iter().map(|param| (param.name.as_str(), param.recomputed)).collect();
    assert_eq!(recomputed, [("near", true), ("reach", true), ("big", false)]);
    assert_eq!(swept.params[0].features, ["near_24h"]);
    assert!(distinct(&swept) > 5, "{} differ", distinct(&swept));
}

#[test]
fn what_depends_on_decisions_is_observed_or_exact() {
    let history = History::new(1_500, 9);
    let fed = RULES.replace("over = \"24h\", counts = \"asked\"", "over = \"24h\", counts = \"allowed\"");
    assert_ne!(fed, RULES);
    let asked = asked(&["big=1_000_000,9_000_000", "spending=4_000_000,15_000_000"]);
    let observed = history.sweep(&fed, &asked).unwrap();
    assert_eq!(observed.state, State::Observed);
    assert_eq!(observed.decision_fed, ["spent_24h"]);
    let twin = history.backtest(&fed, &observed, &asked);
    let [tuning, held_out] = twin.figures(&observed, &asked);
    twin::alike(&tuning, &observed.combinations[0].tuning, "as it is, tuning");
    twin::alike(&held_out, &observed.combinations[0].held_out, "as it is, held out");
    let exact = holds(&history, &fed, &Asked { exact: true, ..asked });
    assert_eq!((exact.state, exact.engines), (State::Exact, 5));
    let differ = exact
        .combinations
        .iter()
        .zip(&observed.combinations)
        .filter(|(one, other)| one.tuning != other.tuning);
    assert!(differ.count() > 0, "what is observed is another past");
}

#[test]
fn signatures_say_what_engines_afresh_say() {
    let history = History::new(1_500, 11);
    let quick = asked(&["big=1_000_000..15_000_000/5", "many=2,3", "near=1_000_000,3_000_000"]);
    let swept = history.sweep(RULES, &quick).unwrap();
    let afresh = history.sweep(RULES, &Asked { exact: true, ..quick }).unwrap();
    assert_eq!(afresh.engines as usize, afresh.combinations.len());
    for (one, other) in swept.combinations.iter().zip(&afresh.combinations) {
        twin::alike(&one.tuning, &other.tuning, "tuning");
        twin::alike(&one.held_out, &other.held_out, "held out");
        let front = one.front_share.unwrap() - other.front_share.unwrap();
        assert!(front.abs() < 1e-9, "{:?} and {:?}", one.front_share, other.front_share);
    }
    assert_eq!((&swept.front, swept.best_by_cost), (&afresh.front, afresh.best_by_cost));
}

#[test]
fn a_dialogue_and_breakers_as_they_are_are_what_a_backtest_finds() {
    let history = History::new(1_800, 13);
    let led = RULES
        .replace("[policy]", "[step_up]\nexpires = \"5m\"\n[policy]")
        .replace("id = \"bursts\"", "id = \"bursts\"\nbreaker = { percent = 2, over = \"1d\", least = 20 }");
    let asked = asked(&["big=1_000_000,9_000_000", "many=2,3"]);
    let swept = history.sweep(&led, &asked).unwrap();
    assert_eq!(swept.state, State::Observed);
    assert_eq!(swept.decision_fed, ["breakers", "step_up"]);
    let twin = history.backtest(&led, &swept, &asked);
    let [tuning, held_out] = twin.figures(&swept, &asked);
    twin::alike(&tuning, &swept.combinations[0].tuning, "as it is, tuning");
    twin::alike(&held_out, &swept.combinations[0].held_out, "as it is, held out");
    holds(&history, &led, &Asked { exact: true, ..asked });
}

#[test]
fn tenants_weights_and_methods_are_each_payments_own() {
    let history = History::mixed(2_400, 27);
    let rules = RULES
        .replace("id = \"spends\"", "id = \"spends\"\ntenants = [\"north\"]")
        .replace("id = \"unusual\"", "id = \"unusual\"\ntenants = [\"south\", \"east\"]")
        .replace(
            "new_device = {",
            "payers_30d = { distinct = \"account\", by = \"payee\", over = \"30d\", across = \"all\" }\nnew_device = {",
        )
        .replace("[policy]", "[policy]\nacross = [\"payers_30d\"]")
        .replace("amount > ratio * usual", "amount > ratio * usual or payers_30d > many");
    let varied = asked(&["big=1_000_000,9_000_000", "many=2,4", "spending=4_000_000,15_000_000"]);
    let swept = holds(&history, &rules, &varied);
    assert_eq!(swept.state, State::EventFed);
    assert!(distinct(&swept) > 5, "{} differ", distinct(&swept));
    for known in [swept.tuning, swept.held_out] {
        let counted = (known.payments - known.unknown) as f64;
        assert!(known.frauds + known.genuine > counted + 50.0, "{known:?}");
    }
    // What is presented meets what is asked for where the engine leads the dialogue.
    let led = rules.replace("[policy]", "[step_up]\nexpires = \"5m\"\n[policy]");
    let (alone, led_alone) = (history.sweep(&rules, &varied).unwrap(), history.sweep(&led, &varied).unwrap());
    let step_ups = |swept: &Swept| swept.combinations[0].tuning.step_ups;
    assert!(step_ups(&led_alone) < step_ups(&alone), "{} of {}", step_ups(&led_alone), step_ups(&alone));
    let twin = history.backtest(&led, &led_alone, &varied);
    let [tuning, held_out] = twin.figures(&led_alone, &varied);
    twin::alike(&tuning, &led_alone.combinations[0].tuning, "as it is, tuning");
    twin::alike(&held_out, &led_alone.combinations[0].held_out, "as it is, held out");
    holds(&history, &led, &Asked { exact: true, ..asked(&["big=1_000_000,9_000_000", "many=2,4"]) });
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let history = History::new(1_200, 15);
    let one = Asked { threads: 1, ..asked(&["big=1_000_000..15_000_000/4", "near=1_000_000,3_000_000"]) };
    let eight = Asked { threads: 8, ..one.clone() };
    let (one, eight) = (history.sweep(RULES, &one).unwrap(), history.sweep(RULES, &eight).unwrap());
    assert_eq!(one, eight);
    assert!(one.combinations.iter().any(|combination| combination.front_share > Some(0.0)));
}

#[test]
fn the_best_is_the_best_of_its_kind() {
    let history = History::new(2_000, 17);
    let costs = Costs { step_up_minor: 2_000.0, alert_minor: 20_000.0, block_minor: 500_000.0 };
    let by_cost = Asked {
        objective: Objective::Cost,
        costs,
        budget: Some(60.0),
        ..asked(&["big=1_000_000..15_000_000/8", "many=2..5/4"])
    };
    let swept = history.sweep(RULES, &by_cost).unwrap();
    let cost = |at: usize| swept.combinations[at].tuning.cost_minor;
    assert!((0..swept.combinations.len()).all(|at| cost(swept.best_by_cost) <= cost(at)));
    let chosen = swept.chosen.as_ref().unwrap();
    assert_eq!(chosen.combination, swept.best_by_cost);
    assert!(chosen.low.unwrap() <= chosen.tuning.unwrap() && chosen.tuning.unwrap() <= chosen.high.unwrap());
    let shares: f64 = swept.combinations.iter().map(|combination| combination.chosen_share.unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "each replicate chooses one, {shares}");
    let within = |at: &usize| swept.combinations[*at].tuning.flagged_a_day.unwrap() <= 60.0;
    let best = swept.best_under_budget.unwrap();
    let caught = |at: usize| swept.combinations[at].tuning.value_caught_minor;
    assert!(
        within(&best) && (0..swept.combinations.len()).filter(within).all(|at| caught(at) <= caught(best))
    );
    let nothing = Asked { objective: Objective::Budget, budget: Some(0.0), ..by_cost };
    assert_eq!(history.sweep(RULES, &nothing).unwrap().chosen, None);
}

#[test]
fn too_many_engines_are_told_with_what_needs_them() {
    let history = History::new(300, 19);
    let error = history.sweep(RULES, &asked(&["near=1_000_000..5_000_000/18"])).unwrap_err();
    assert!(
        matches!(&error, SweepError::Engines(inside) if inside == "`near` is inside `near_24h`"),
        "{error}"
    );
}

#[test]
fn a_choice_that_changes_nothing_is_never_worse_than_chance() {
    // How much fraud there is differs between the two sides, whatever is chosen.
    let history = History::new(2_000, 5);
    for objective in [Objective::Cost, Objective::Budget] {
        for split in [0.3, 0.5, 0.7] {
            let asked = Asked { objective, split, budget: Some(1e9), ..asked(&["big=8000000"]) };
            let chosen = history.sweep(RULES, &asked).unwrap().chosen.unwrap();
            assert!(!chosen.overfitted, "{objective:?} {split}: {chosen:?}");
        }
    }
}
