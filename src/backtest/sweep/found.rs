//! What all engines of a sweep found, put together: figures of every combination, the front, and what is chosen.
//!
//! Promises that the order in which engines ran makes no difference.

use super::choose::{Point, cheapest, chosen, front, under_budget};
use super::grid::Grid;
use super::group::Ran;
use super::plan::is_kept;
use super::result::{Chosen, Combination, Objective, State, Swept, Swing};
use super::stability::{Drawn, Replicate, Stability};
use super::{Asked, Found, SweepError};
use crate::backtest::evaluate::bootstrap::Range;
use crate::backtest::evaluate::tally::share;
use crate::backtest::run::is_decision_fed;
use crate::backtest::split::{Side, Split};
use crate::rules::RuleSet;

/// What all engines found together.
pub(super) fn found(
    base: &RuleSet,
    grid: &Grid,
    combinations: &[Vec<usize>],
    asked: &Asked,
    split: Split,
    ran: &[Ran],
) -> Result<Found, SweepError> {
    let measured = ran.first().map(|ran| ran.measured.clone()).unwrap_or_default();
    let measured_time = split.measured(&measured);
    let days = measured_time.days();
    let known_to = |ran: &Ran| Side::ALL.map(|side| ran.known(side, days[side as usize]));
    let known = ran.first().map(known_to).unwrap_or_default();
    let mut all: Vec<Combination> = combinations.iter().map(|values| combination(values)).collect();
    let mut points = vec![Point::default(); combinations.len()];
    for ran in ran {
        let (totals, known) = (Side::ALL.map(|side| ran.totals(side)), known_to(ran));
        for (&at, &row) in ran.combinations.iter().zip(&ran.rows.of) {
            let (Some(combination), Some(point)) = (all.get_mut(at), points.get_mut(at)) else { continue };
            let of = |side: Side| totals[side as usize].get(row).copied().unwrap_or_default();
            let figures = |side: Side| of(side).figures(&known[side as usize], &asked.costs);
            (combination.tuning, combination.held_out) = (figures(Side::Tuning), figures(Side::HeldOut));
            let tuning = of(Side::Tuning);
            *point = Point {
                caught_minor: tuning.value_caught_minor,
                bothered: tuning.customers_bothered,
                cost_minor: combination.tuning.cost_minor,
                flagged_a_day: combination.tuning.flagged_a_day,
            };
        }
    }
    let one = chosen(&points, asked.objective, asked.budget);
    let stability = (asked.replicates > 0).then(|| {
        let &Asked { replicates, seed, threads, objective, budget, costs, .. } = asked;
        let days = days[Side::Tuning as usize];
        Stability::draw(
            ran,
            combinations.len(),
            Drawn { replicates, seed, threads, objective, budget, costs, days, one },
        )
    });
    let stability = stability.transpose()?;
    if let Some(stability) = &stability {
        let share_of = |count: Option<&u32>| Some(f64::from(*count?) / f64::from(asked.replicates));
        for (at, combination) in all.iter_mut().enumerate() {
            combination.front_share = share_of(stability.on_front.get(at));
            let chooses = asked.objective != Objective::Front;
            combination.chosen_share = share_of(stability.chosen.get(at)).filter(|_| chooses);
        }
    }
    let of_one = stability.map(|stability| stability.of_one).unwrap_or_default();
    let chosen =
        one.and_then(|at| Some(judged(at, (all.get(at)?, all.first()?), asked.objective, days, &of_one)));
    let feeds = fed(base, ran.iter().any(|ran| ran.decides));
    let events = ran.first().map(|ran| ran.events.clone()).unwrap_or_default();
    let swept = Swept {
        state: match (asked.exact, feeds.is_empty()) {
            (true, _) => State::Exact,
            (false, true) => State::EventFed,
            (false, false) => State::Observed,
        },
        decision_fed: feeds,
        engines: ran.len() as u32,
        params: (0..grid.axes.len()).filter_map(|at| swing(grid, at)).collect(),
        measured: measured_time,
        fraud_kinds: ran.first().map(|ran| ran.tallied.fraud_kinds.clone()).unwrap_or_default(),
        tuning: known[Side::Tuning as usize],
        held_out: known[Side::HeldOut as usize],
        combinations: all,
        front: front(&points),
        best_by_cost: cheapest(&points).unwrap_or(0),
        best_under_budget: asked.budget.and_then(|budget| under_budget(&points, budget)),
        chosen,
    };
    let kept = ran.iter().map(|ran| ran.kept.clone()).collect();
    Ok(Found { swept, events, kept })
}

fn combination(values: &[usize]) -> Combination {
    Combination {
        values: values.to_vec(),
        tuning: Default::default(),
        held_out: Default::default(),
        front_share: None,
        chosen_share: None,
    }
}

/// What was chosen, with what the other side says of it.
fn judged(
    at: usize,
    (figures, as_it_is): (&Combination, &Combination),
    objective: Objective,
    days: [f64; 2],
    replicates: &[Replicate],
) -> Chosen {
    let by_cost = objective == Objective::Cost;
    let (tuning, held_out, values): (_, _, Vec<f64>) = if by_cost {
        let [tuning_days, held_out_days] = days;
        let a_day = |of: &Replicate| share(of.point.cost_minor, tuning_days);
        (
            share(figures.tuning.cost_minor, tuning_days),
            share(figures.held_out.cost_minor, held_out_days),
            replicates.iter().filter_map(a_day).collect(),
        )
    } else {
        let caught = |of: &Replicate| share(of.point.caught_minor, of.fraud_minor);
        (
            figures.tuning.value_caught_share,
            figures.held_out.value_caught_share,
            replicates.iter().filter_map(caught).collect(),
        )
    };
    let Range { low, high } = Range::of(values);
    // How much fraud there is changes with time, and moves all combinations: what a choice is worth is how much better it is than what
    // was there.
    let gain = |minor: f64, before_minor: f64, all_minor: f64| match by_cost {
        true => share(before_minor - minor, before_minor),
        false => share(minor - before_minor, all_minor),
    };
    let in_replicate = |of: &Replicate| match by_cost {
        true => gain(of.point.cost_minor, of.as_it_is.cost_minor, of.fraud_minor),
        false => gain(of.point.caught_minor, of.as_it_is.caught_minor, of.fraud_minor),
    };
    let gained = match by_cost {
        true => gain(figures.held_out.cost_minor, as_it_is.held_out.cost_minor, 0.0),
        false => {
            let shares = figures.held_out.value_caught_share.zip(as_it_is.held_out.value_caught_share);
            shares.map(|(share, before)| share - before)
        }
    };
    let least = Range::of(replicates.iter().filter_map(in_replicate).collect()).low;
    let overfitted = gained.zip(least).is_some_and(|(gained, least)| gained < least);
    Chosen { combination: at, tuning, held_out, low, high, overfitted }
}

fn swing(grid: &Grid, at: usize) -> Option<Swing> {
    let axis = grid.axes.get(at)?;
    Some(Swing {
        name: axis.parameter.name.clone(),
        values: axis.values.iter().map(|value| axis.parameter.write(value)).collect(),
        own: axis.own,
        recomputed: is_kept(grid, at),
        features: axis.parameter.features.clone(),
    })
}

/// What is kept by what was decided: features by name, breakers, and where the engine `decides` what goes on the dialogue and locks.
fn fed(rules: &RuleSet, decides: bool) -> Vec<String> {
    let breaks = rules.rules.iter().any(|rule| rule.breaker.is_some());
    let mut fed: Vec<String> = if breaks { vec!["breakers".to_owned()] } else { Vec::new() };
    if decides {
        let used = rules.features.iter().filter(|feature| feature.used && is_decision_fed(feature));
        fed.extend(used.map(|feature| feature.name.clone()));
        fed.extend(rules.step_up.map(|_| "step_up".to_owned()));
        fed.extend((!rules.locks.is_empty()).then(|| "locks".to_owned()));
    }
    fed
}
