//! Which combinations are worth a look, and which is the best.
//!
//! Promises that of equal ones the first is taken, so that the rule file's own stays where nothing is better. Must never know where the
//! points come from.

use std::cmp::Ordering;

use super::result::Objective;

/// What a combination is chosen by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// Value caught, of which more is better.
    pub(super) caught_minor: f64,
    /// Customers bothered, of whom fewer are better.
    pub(super) bothered: f64,
    pub(super) cost_minor: f64,
    /// Payments flagged a day.
    pub(super) flagged_a_day: Option<f64>,
}

/// The positions of the points than which none other is better in one and as good in the other, by customers bothered: the Pareto
/// front. Of equal points the first.
pub(super) fn front(points: &[Point]) -> Vec<usize> {
    let mut order: Vec<(usize, &Point)> = points.iter().enumerate().collect();
    order.sort_by(|(at, one), (of, other)| {
        let bothered = one.bothered.total_cmp(&other.bothered);
        bothered.then(other.caught_minor.total_cmp(&one.caught_minor)).then(at.cmp(of))
    });
    let mut most: Option<f64> = None;
    order.retain(|(_, point)| {
        let better = most.is_none_or(|most| point.caught_minor > most);
        if better {
            most = Some(point.caught_minor);
        }
        better
    });
    order.into_iter().map(|(at, _)| at).collect()
}

/// The position of the point of the least cost; of equal ones that which bothers fewer.
pub(super) fn cheapest(points: &[Point]) -> Option<usize> {
    let by = |one: &Point, other: &Point| one.cost_minor.total_cmp(&other.cost_minor);
    best(points.iter().enumerate(), by)
}

/// The position of the point that catches most of those that flag at most so many payments a day; of equal ones that which bothers
/// fewer.
pub(super) fn under_budget(points: &[Point], most_a_day: f64) -> Option<usize> {
    let within =
        |(_, point): &(usize, &Point)| point.flagged_a_day.is_some_and(|flagged| flagged <= most_a_day);
    let by = |one: &Point, other: &Point| other.caught_minor.total_cmp(&one.caught_minor);
    best(points.iter().enumerate().filter(within), by)
}

/// The position that an objective chooses.
pub(super) fn chosen(points: &[Point], objective: Objective, budget: Option<f64>) -> Option<usize> {
    match objective {
        Objective::Front => None,
        Objective::Cost => cheapest(points),
        Objective::Budget => budget.and_then(|most_a_day| under_budget(points, most_a_day)),
    }
}

fn best<'p>(
    points: impl Iterator<Item = (usize, &'p Point)>,
    by: impl Fn(&Point, &Point) -> Ordering,
) -> Option<usize> {
    let order = |one: &Point, other: &Point| by(one, other).then(one.bothered.total_cmp(&other.bothered));
    points.min_by(|(_, one), (_, other)| order(one, other)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point((caught, bothered): (u8, u8)) -> Point {
        Point { caught_minor: f64::from(caught), bothered: f64::from(bothered), ..Point::default() }
    }

    /// Each point against each other one.
    fn slow_front(points: &[Point]) -> Vec<usize> {
        let better = |one: &Point, other: &Point| {
            let as_good = one.caught_minor >= other.caught_minor && one.bothered <= other.bothered;
            as_good && (one.caught_minor > other.caught_minor || one.bothered < other.bothered)
        };
        let same = |one: &Point, other: &Point| {
            (one.caught_minor, one.bothered) == (other.caught_minor, other.bothered)
        };
        let stays = |at: &usize| {
            let earlier = points.iter().take(*at).any(|other| same(other, &points[*at]));
            !earlier && !points.iter().any(|other| better(other, &points[*at]))
        };
        (0..points.len()).filter(stays).collect()
    }

    proptest! {
        #[test]
        fn the_front_is_what_nothing_beats(pairs in prop::collection::vec((0_u8..20, 0_u8..20), 0..60)) {
            let points: Vec<Point> = pairs.into_iter().map(point).collect();
            let found = front(&points);
            prop_assert!(found.is_sorted_by(|&one, &other| points[one].bothered < points[other].bothered));
            let mut sorted = found;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, slow_front(&points));
        }
    }

    #[test]
    fn equal_ones_leave_the_first() {
        let of = |cost_minor, flagged| Point { cost_minor, flagged_a_day: Some(flagged), ..point((3, 3)) };
        let points = [of(2.0, 9.0), of(1.0, 5.0), of(1.0, 4.0)];
        assert_eq!(cheapest(&points), Some(1));
        assert_eq!(under_budget(&points, 4.5), Some(2));
        assert_eq!(under_budget(&points, 9.0), Some(0));
        assert_eq!((under_budget(&points, 1.0), chosen(&points, Objective::Front, Some(9.0))), (None, None));
    }
}
