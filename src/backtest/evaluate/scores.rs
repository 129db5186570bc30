//! What the score alone would tell: the curves over its thresholds, and the areas under them.
//!
//! Promises memory in distinct scores, and that equal scores are one threshold. Must never know a rule or a day.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::seen::Seen;
use super::tally::{Parts, share};
use crate::backtest::report::ScorePoint;
use crate::rules::Label;

/// Most points of a curve.
const POINTS_MAX: usize = 1_000;

/// Known payments by score.
#[derive(Clone, Debug, Default)]
pub(super) struct Scores {
    places: HashMap<i64, u32, FixedState>,
    /// By place, in the order in which scores first come.
    bins: Vec<Bin>,
    /// The place of the score that came last: mostly it comes again.
    last: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    score: i64,
    /// The frauds with their value.
    known: Parts,
    genuine_value_minor: f64,
}

/// What curves enclose.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Areas {
    /// Under the ROC curve, by trapezes; `None` without both labels.
    pub(super) roc: Option<f64>,
    /// Precision times step in recall, summed; `None` without fraud.
    pub(super) average_precision: Option<f64>,
}

impl Scores {
    /// Takes a known payment, and says where its score is counted.
    pub(super) fn take(&mut self, score: i64, seen: &Seen) -> Option<u32> {
        let parts = Parts::of(seen, seen.value_minor)?;
        if self.bins.get(self.last as usize).is_none_or(|last| last.score != score) {
            let next = u32::try_from(self.bins.len()).ok()?;
            self.last = *self.places.entry(score).or_insert(next);
            if self.last == next {
                self.bins.push(Bin { score, ..Bin::default() });
            }
        }
        let place = self.last;
        let bin = self.bins.get_mut(place as usize)?;
        bin.known += parts;
        if seen.label == Some(Label::Genuine) {
            bin.genuine_value_minor += seen.value_minor;
        }
        Some(place)
    }

    /// How many distinct scores there are.
    pub(super) fn len(&self) -> usize {
        self.bins.len()
    }

    /// The place of a score, where a known payment has it.
    pub(super) fn place(&self, score: i64) -> Option<usize> {
        self.places.get(&score).map(|&place| place as usize)
    }

    /// Places, the highest score first.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.bins.len()).collect();
        order.sort_by_key(|&place| std::cmp::Reverse(self.bins.get(place).map(|bin| bin.score)));
        order
    }

    /// The areas of all.
    pub(super) fn areas(&self, order: &[usize]) -> Areas {
        areas(order.iter().filter_map(|&place| Some(self.bins.get(place)?.known)))
    }

    /// A point for each threshold, highest first, or so many evenly among them, with the first and the last.
    pub(super) fn points(&self, order: &[usize]) -> Vec<ScorePoint> {
        let mut above = Bin::default();
        let point = |&place: &usize| {
            let bin = self.bins.get(place)?;
            above.known += bin.known;
            above.genuine_value_minor += bin.genuine_value_minor;
            Some(ScorePoint {
                score: bin.score,
                frauds: above.known.frauds,
                genuine: above.known.genuine,
                fraud_value_minor: above.known.value_minor,
                genuine_value_minor: above.genuine_value_minor,
            })
        };
        let points: Vec<ScorePoint> = order.iter().filter_map(point).collect();
        if points.len() <= POINTS_MAX {
            return points;
        }
        let even = (0..POINTS_MAX).map(|at| at * (points.len() - 1) / (POINTS_MAX - 1));
        even.filter_map(|at| points.get(at).copied()).collect()
    }
}

/// What the curves over these thresholds enclose, the highest score first.
pub(super) fn areas(thresholds: impl Iterator<Item = Parts>) -> Areas {
    let (mut frauds, mut genuine, mut under, mut precisions) = (0.0, 0.0, 0.0, 0.0);
    for step in thresholds {
        under += step.genuine * (frauds + step.frauds / 2.0);
        frauds += step.frauds;
        genuine += step.genuine;
        precisions += step.frauds * share(frauds, frauds + genuine).unwrap_or(0.0);
    }
    Areas { roc: share(under, frauds * genuine), average_precision: share(precisions, frauds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(steps: &[(f64, f64)]) -> Areas {
        areas(steps.iter().map(|&(frauds, genuine)| Parts { frauds, genuine, value_minor: 0.0 }))
    }

    #[test]
    fn areas_of_known_curves() {
        let found = |roc, average_precision| Areas { roc, average_precision };
        assert_eq!(steps(&[(2.0, 0.0), (0.0, 3.0)]), found(Some(1.0), Some(1.0)), "all frauds above");
        assert_eq!(steps(&[(0.0, 3.0), (1.0, 0.0)]), found(Some(0.0), Some(0.25)), "the fraud below");
        assert_eq!(steps(&[(1.0, 3.0)]), found(Some(0.5), Some(0.25)), "one score for all");
        assert_eq!(steps(&[(1.0, 0.0), (1.0, 0.0)]), found(None, Some(1.0)), "nothing genuine");
        assert_eq!(steps(&[(0.0, 2.0)]), found(None, None), "no fraud");
        assert_eq!(steps(&[]), found(None, None), "nothing");
    }
}
