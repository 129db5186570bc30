//! What of a sweep one can look at: the combinations that differ in one or two parameters alone.
//!
//! Promises that values are in their order, whatever order they were asked for in.

use std::collections::BTreeMap;

use super::measure::Measure;
use super::thin::thinned;
use crate::backtest::sweep::result::{Combination, SweepReport, Swept, Swing};
use crate::backtest::told;
use crate::digits::grouped;
use crate::time::parse_duration;

/// Letters of a value on an axis.
const VALUE_MAX: usize = 9;

/// A parameter along an axis.
pub(super) struct Along<'a> {
    /// Its position among the parameters.
    pub(super) param: usize,
    pub(super) swing: &'a Swing,
    /// Positions of the values that are shown, in their order.
    pub(super) values: Vec<usize>,
}

pub(super) struct Slice<'a> {
    /// One parameter, or two.
    pub(super) axes: Vec<Along<'a>>,
    /// The combination whose values all others have; the one that is chosen, where anything is.
    pub(super) focus: usize,
    /// Combinations by their places along the axes.
    pub(super) at: BTreeMap<Vec<usize>, usize>,
    /// How many there are beside those that are shown.
    pub(super) left_out: usize,
}

impl<'a> Slice<'a> {
    /// Along the two parameters that alone move a figure most, with at most about so many values of each; `None` where nothing varies.
    pub(super) fn of(
        report: &'a SweepReport,
        by: Measure,
        values_max: impl Fn(usize) -> usize,
    ) -> Option<Self> {
        let swept = &report.swept;
        let along = strongest(swept, by);
        let most = values_max(along.len());
        let focus = focus(swept, &along)?;
        let same = |combination: &&Combination| {
            differ_in(&along, &swept.combinations.get(focus)?.values, combination).then_some(())
        };
        let there: Vec<(usize, &Combination)> = swept
            .combinations
            .iter()
            .enumerate()
            .filter(|(_, combination)| same(combination).is_some())
            .collect();
        let kept = [Some(0), Some(focus)].into_iter().flatten().filter_map(|at| swept.combinations.get(at));
        let kept: Vec<&Combination> = kept.collect();
        let axis = |&param: &usize| {
            let swing = swept.params.get(param)?;
            let of = |combination: &&Combination| combination.values.get(param).copied();
            let used: Vec<usize> = there.iter().filter_map(|(_, combination)| of(combination)).collect();
            let order: Vec<usize> =
                in_order(&swing.values).into_iter().filter(|at| used.contains(at)).collect();
            let keep: Vec<usize> = kept
                .iter()
                .filter_map(|combination| order.iter().position(|at| Some(*at) == of(combination)))
                .collect();
            let places = thinned(order.len(), most, &keep);
            let values = places.into_iter().filter_map(|place| order.get(place).copied()).collect();
            Some(Along { param, swing, values })
        };
        let axes: Vec<Along<'_>> = along.iter().filter_map(axis).collect();
        let place = |combination: &Combination| {
            let of = |axis: &Along<'_>| {
                let value = combination.values.get(axis.param)?;
                axis.values.iter().position(|shown| shown == value)
            };
            axes.iter().map(of).collect::<Option<Vec<usize>>>()
        };
        let at: BTreeMap<Vec<usize>, usize> =
            there.iter().filter_map(|(at, combination)| Some((place(combination)?, *at))).collect();
        let left_out = there.len() - at.len();
        Some(Self { axes, focus, at, left_out })
    }

    /// The parameters that don't vary here.
    pub(super) fn fixed<'s>(&'s self, swept: &'s Swept) -> impl Iterator<Item = (&'s str, String)> {
        let varies = |param: &usize| self.axes.iter().any(|axis| axis.param == *param);
        let focus = swept.combinations.get(self.focus);
        (0..swept.params.len())
            .filter(move |param| !varies(param))
            .filter_map(move |param| value_of(swept, focus?, param))
    }

    /// Where a combination stands, if it is shown.
    pub(super) fn place(&self, combination: usize) -> Option<&[usize]> {
        self.at.iter().find(|(_, at)| **at == combination).map(|(place, _)| place.as_slice())
    }
}

impl Along<'_> {
    /// Its name, as the title of an axis.
    pub(super) fn name(&self) -> String {
        cut(&self.swing.name, 28)
    }

    /// Places that have a name below, at most about so many.
    pub(super) fn names(&self, most: usize) -> Vec<(usize, String)> {
        let step = self.values.len().div_ceil(most).max(1);
        let text = |at: &usize| self.swing.values.get(*at).map_or_else(String::new, |value| short(value));
        self.values.iter().enumerate().step_by(step).map(|(place, at)| (place, text(at))).collect()
    }
}

/// A parameter's name with its value in a combination.
pub(super) fn value_of<'s>(
    swept: &'s Swept,
    combination: &Combination,
    param: usize,
) -> Option<(&'s str, String)> {
    let swing = swept.params.get(param)?;
    Some((&swing.name, written(swing.values.get(*combination.values.get(param)?)?)))
}

/// A value as people write it into a rule file: of a number the digits are in groups.
pub(super) fn written(value: &str) -> String {
    match value.parse::<f64>() {
        Ok(_) if value.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-') => grouped(value, '_'),
        _ => value.to_owned(),
    }
}

/// The parameters whose values alone move a figure most, at most two of them, the strongest first; of equal ones the first.
fn strongest(swept: &Swept, by: Measure) -> Vec<usize> {
    let mut order: Vec<(usize, f64)> = (0..swept.params.len()).map(|param| (param, 0.0)).collect();
    if order.len() > 2 {
        order.iter_mut().for_each(|(param, reach)| *reach = reach_of(swept, *param, by));
        order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    }
    order.into_iter().take(2).map(|(param, _)| param).collect()
}

/// How far a figure moves at most where this parameter alone does.
fn reach_of(swept: &Swept, param: usize, by: Measure) -> f64 {
    let mut ends: BTreeMap<Vec<usize>, (f64, f64)> = BTreeMap::new();
    for combination in &swept.combinations {
        let Some(figure) = by.of(&combination.tuning) else { continue };
        let mut others = combination.values.clone();
        if let Some(own) = others.get_mut(param) {
            *own = 0;
        }
        let (low, high) = ends.entry(others).or_insert((figure, figure));
        (*low, *high) = (low.min(figure), high.max(figure));
    }
    ends.values().map(|(low, high)| high - low).fold(0.0, f64::max)
}

/// What is looked at: the chosen one, or else the best; but one that has others beside it.
fn focus(swept: &Swept, along: &[usize]) -> Option<usize> {
    let chosen = swept.chosen.as_ref().map(|chosen| chosen.combination);
    let best = [chosen, swept.best_under_budget, Some(swept.best_by_cost)].into_iter().flatten();
    let wanted = best.chain(swept.front.iter().copied()).chain([1, 0]);
    let beside = |&at: &usize| {
        let Some(focus) = swept.combinations.get(at) else { return false };
        let same = |combination: &&Combination| differ_in(along, &focus.values, combination);
        swept.combinations.iter().filter(same).nth(1).is_some()
    };
    let first = (!along.is_empty() && !swept.combinations.is_empty()).then_some(0);
    first.map(|first| wanted.into_iter().find(beside).unwrap_or(first))
}

/// Whether a combination has these values but along the axes.
fn differ_in(along: &[usize], values: &[usize], combination: &Combination) -> bool {
    let pairs = values.iter().zip(&combination.values).enumerate();
    values.len() == combination.values.len()
        && pairs.into_iter().all(|(param, (one, other))| one == other || along.contains(&param))
}

/// Positions of values from the smallest on, where they are numbers or durations; otherwise as they are.
fn in_order(values: &[String]) -> Vec<usize> {
    let number = |value: &String| value.replace('_', "").parse::<f64>().ok();
    let duration = |value: &String| parse_duration(value).ok().map(|us| us as f64);
    let all = |read: &dyn Fn(&String) -> Option<f64>| values.iter().map(read).collect::<Option<Vec<f64>>>();
    let mut order: Vec<usize> = (0..values.len()).collect();
    if let Some(sizes) = all(&number).or_else(|| all(&duration)) {
        let size = |at: &usize| sizes.get(*at).copied().unwrap_or_default();
        order.sort_by(|one, other| size(one).total_cmp(&size(other)));
    }
    order
}

/// A value where there is little room.
fn short(value: &str) -> String {
    let number = value.replace('_', "").parse::<f64>().ok();
    match number.filter(|number| number.abs() >= 10_000.0) {
        Some(number) => told::about(number),
        None => cut(value, VALUE_MAX),
    }
}

/// The beginning of a text, so many letters at most.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_their_order() {
        let order =
            |values: &[&str]| in_order(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        assert_eq!(order(&["8_000_000", "-1", "0.5"]), [1, 2, 0]);
        assert_eq!(order(&["90m", "1d", "1h"]), [2, 0, 1]);
        assert_eq!(order(&["true", "false"]), [0, 1], "what has no order keeps its own");
        assert_eq!(order(&["1h", "3"]), [0, 1]);
    }

    #[test]
    fn values_are_written_as_in_a_rule_file() {
        let values = ["8000000", "-12500.25", "24h", "1_000", "1e9", "high"].map(written);
        assert_eq!(values, ["8_000_000", "-12_500.25", "24h", "1_000", "1e9", "high"]);
    }

    #[test]
    fn values_are_short_on_an_axis_and_still_told_apart() {
        let values = ["12_345_678", "0.0001", "24h", "a very long word"].map(short);
        assert_eq!(values, ["12.35 m", "0.0001", "24h", "a very lo…"]);
    }
}
