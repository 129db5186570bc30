//! What a value may be: a set that never leaves out what an event can bring, and may hold more.
//!
//! Must never know where a value comes from.

use crate::rules::expr::Comparison;

/// Values of one type, null apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values<'t> {
    /// None at all.
    None,
    /// Whole numbers from the first to the second.
    Whole(i64, i64),
    /// Finite decimal numbers from the first to the second.
    Decimal(f64, f64),
    /// Whether it may be true, and whether it may be false.
    Truth(bool, bool),
    /// One of these texts.
    Words(Vec<&'t str>),
    /// Any text but these.
    Other(Vec<&'t str>),
    /// Anything of its type.
    Any,
}

/// The values that something may have, and whether it may be null.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Domain<'t> {
    pub(super) null: bool,
    pub(super) values: Values<'t>,
}

/// What a comparison may come to: true, false.
pub(super) type Outcomes = (bool, bool);

impl<'t> Domain<'t> {
    /// Always one of these.
    pub(super) fn known(values: Values<'t>) -> Self {
        Self { null: false, values }
    }

    /// One of these, or null.
    pub(super) fn nullable(values: Values<'t>) -> Self {
        Self { null: true, values }
    }

    /// Whether there is nothing that it can be.
    pub(super) fn is_empty(&self) -> bool {
        !self.null && self.values == Values::None
    }

    /// What is in one of both.
    pub(super) fn join(self, other: Self) -> Self {
        Self { null: self.null || other.null, values: self.values.join(other.values) }
    }
}

impl<'t> Values<'t> {
    /// The range, or nothing where it is empty.
    pub(super) fn whole(low: i64, high: i64) -> Self {
        if low <= high { Self::Whole(low, high) } else { Self::None }
    }

    /// The range, or nothing where it is empty.
    pub(super) fn decimal(low: f64, high: f64) -> Self {
        if low <= high { Self::Decimal(low, high) } else { Self::None }
    }

    pub(super) fn truth(may_hold: bool, may_fail: bool) -> Self {
        if may_hold || may_fail { Self::Truth(may_hold, may_fail) } else { Self::None }
    }

    /// One of these texts, or nothing where there are none.
    pub(super) fn words(words: Vec<&'t str>) -> Self {
        if words.is_empty() { Self::None } else { Self::Words(words) }
    }

    /// The same number as a double, as conditions compare it.
    pub(super) fn to_decimal(&self) -> Self {
        match self {
            Self::Whole(low, high) => Self::Decimal(*low as f64, *high as f64),
            other => other.clone(),
        }
    }

    /// What is in both.
    pub(super) fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Any, values) | (values, Self::Any) => values.clone(),
            (Self::Whole(a, b), Self::Whole(c, d)) => Self::whole(*a.max(c), *b.min(d)),
            (Self::Decimal(a, b), Self::Decimal(c, d)) => Self::decimal(a.max(*c), b.min(*d)),
            (Self::Truth(a, b), Self::Truth(c, d)) => Self::truth(*a && *c, *b && *d),
            (Self::Words(some), Self::Words(others)) => {
                Self::words(only(some, |word| others.contains(&word)))
            }
            (Self::Words(some), Self::Other(none)) | (Self::Other(none), Self::Words(some)) => {
                Self::words(only(some, |word| !none.contains(&word)))
            }
            (Self::Other(some), Self::Other(more)) => {
                let new = only(more, |word| !some.contains(&word));
                Self::Other(some.iter().copied().chain(new).collect())
            }
            _ => self.clone(),
        }
    }

    /// What is in one of both.
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, values) | (values, Self::None) => values,
            (Self::Whole(a, b), Self::Whole(c, d)) => Self::Whole(a.min(c), b.max(d)),
            (Self::Decimal(a, b), Self::Decimal(c, d)) => Self::Decimal(a.min(c), b.max(d)),
            (Self::Truth(a, b), Self::Truth(c, d)) => Self::Truth(a || c, b || d),
            (Self::Words(some), Self::Words(more)) => {
                let new = only(&more, |word| !some.contains(&word));
                Self::Words(some.into_iter().chain(new).collect())
            }
            (Self::Words(some), Self::Other(none)) | (Self::Other(none), Self::Words(some)) => {
                Self::Other(only(&none, |word| !some.contains(&word)))
            }
            (Self::Other(some), Self::Other(more)) => Self::Other(only(&some, |word| more.contains(&word))),
            _ => Self::Any,
        }
    }

    /// What comparing one of these with one of those may come to.
    pub(super) fn compare(&self, comparison: Comparison, other: &Self) -> Outcomes {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => (false, false),
            (Self::Whole(a, b), Self::Whole(c, d)) => ranges(comparison, (*a, *b), (*c, *d)),
            (Self::Decimal(a, b), Self::Decimal(c, d)) => ranges(comparison, (*a, *b), (*c, *d)),
            (Self::Words(some), Self::Words(others)) => texts(comparison, some, others),
            (Self::Words(some), Self::Other(none)) | (Self::Other(none), Self::Words(some)) => {
                let disjoint = some.iter().all(|word| none.contains(word));
                match comparison {
                    Comparison::Equal => (!disjoint, true),
                    Comparison::Unequal => (true, !disjoint),
                    _ => (true, true),
                }
            }
            _ => (true, true),
        }
    }

    /// Those of these whole numbers, decimals or texts of which `comparison` with one of `bound` can hold.
    pub(super) fn narrow(&self, comparison: Comparison, bound: &Self) -> Self {
        match (self, bound) {
            (Self::Any, _) | (_, Self::Any) => self.clone(),
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Whole(low, high), Self::Whole(from, to)) => {
                narrow_whole((*low, *high), comparison, (*from, *to))
            }
            (Self::Whole(low, high), Self::Decimal(from, to)) => {
                narrow_rounded((*low, *high), comparison, (*from, *to))
            }
            (Self::Decimal(low, high), Self::Decimal(from, to)) => match comparison {
                Comparison::Less => Self::decimal(*low, high.min(to.next_down())),
                Comparison::LessOrEqual => Self::decimal(*low, high.min(*to)),
                Comparison::Greater => Self::decimal(low.max(from.next_up()), *high),
                Comparison::GreaterOrEqual => Self::decimal(low.max(*from), *high),
                Comparison::Equal => self.meet(bound),
                Comparison::Unequal => self.clone(),
            },
            (Self::Words(_) | Self::Other(_), Self::Words(words)) => match (comparison, words.as_slice()) {
                (Comparison::Equal, _) => self.meet(bound),
                (Comparison::Unequal, [word]) => self.meet(&Self::Other(vec![word])),
                _ => self.clone(),
            },
            (Self::Words(_) | Self::Other(_), Self::Other(_)) if comparison == Comparison::Equal => {
                self.meet(bound)
            }
            _ => self.clone(),
        }
    }
}

fn only<'t>(words: &[&'t str], keep: impl Fn(&'t str) -> bool) -> Vec<&'t str> {
    words.iter().copied().filter(|word| keep(word)).collect()
}

fn ranges<T: PartialOrd>(comparison: Comparison, left: (T, T), right: (T, T)) -> Outcomes {
    let overlap = left.0 <= right.1 && right.0 <= left.1;
    let one = left.0 == left.1 && right.0 == right.1 && left.0 == right.0;
    match comparison {
        Comparison::Equal => (overlap, !one),
        Comparison::Unequal => (!one, overlap),
        Comparison::Less => (left.0 < right.1, left.1 >= right.0),
        Comparison::LessOrEqual => (left.0 <= right.1, left.1 > right.0),
        Comparison::Greater => (left.1 > right.0, left.0 <= right.1),
        Comparison::GreaterOrEqual => (left.1 >= right.0, left.0 < right.1),
    }
}

fn texts(comparison: Comparison, some: &[&str], others: &[&str]) -> Outcomes {
    let overlap = some.iter().any(|word| others.contains(word));
    let one = some.len() == 1 && some == others;
    match comparison {
        Comparison::Equal => (overlap, !one),
        Comparison::Unequal => (!one, overlap),
        _ => (true, true),
    }
}

fn narrow_whole<'t>((low, high): (i64, i64), comparison: Comparison, (from, to): (i64, i64)) -> Values<'t> {
    match comparison {
        Comparison::Less if to == i64::MIN => Values::None,
        Comparison::Less => Values::whole(low, high.min(to - 1)),
        Comparison::LessOrEqual => Values::whole(low, high.min(to)),
        Comparison::Greater if from == i64::MAX => Values::None,
        Comparison::Greater => Values::whole(low.max(from + 1), high),
        Comparison::GreaterOrEqual => Values::whole(low.max(from), high),
        Comparison::Equal => Values::whole(low.max(from), high.min(to)),
        Comparison::Unequal if from != to => Values::Whole(low, high),
        Comparison::Unequal if low == high && low == from => Values::None,
        Comparison::Unequal if low == from => Values::Whole(low + 1, high),
        Comparison::Unequal if high == from => Values::Whole(low, high - 1),
        Comparison::Unequal => Values::Whole(low, high),
    }
}

/// Up to here every whole number is a double of its own, so that rounding changes no comparison.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number that is compared as a double.
fn narrow_rounded<'t>((low, high): (i64, i64), comparison: Comparison, (from, to): (f64, f64)) -> Values<'t> {
    let fits = |bound: f64| bound.abs() < EXACT;
    let below = |bound: f64| if fits(bound) { high.min(bound.floor() as i64) } else { high };
    let above = |bound: f64| if fits(bound) { low.max(bound.ceil() as i64) } else { low };
    match comparison {
        Comparison::Less if fits(to) => Values::whole(low, high.min(to.ceil() as i64 - 1)),
        Comparison::Greater if fits(from) => Values::whole(low.max(from.floor() as i64 + 1), high),
        Comparison::LessOrEqual => Values::whole(low, below(to)),
        Comparison::GreaterOrEqual => Values::whole(above(from), high),
        Comparison::Equal => Values::whole(above(from), below(to)),
        _ => Values::Whole(low, high),
    }
}
