//! A region: what is taken to hold of the terms of a condition while it is reasoned about.

use super::values::Domain;
use crate::rules::expr::Comparison;
use crate::rules::names::BuiltIn;

/// What a condition reads and reasoning can keep a range of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Term {
    /// A field of every event.
    BuiltIn(BuiltIn),
    /// An extra field by position.
    Extra(usize),
    /// A feature by position.
    Feature(usize),
    /// A feature by position, whatever its quality.
    FeatureAsItIs(usize),
    /// The quality of a feature, by position.
    Quality(usize),
    /// A table by position.
    Table(usize),
    /// A parameter by position.
    Param(usize),
}

/// How two terms may stand to each other: less, equal, greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orders(u8);

impl Orders {
    const LESS: u8 = 1;
    const EQUAL: u8 = 2;
    const GREATER: u8 = 4;
    /// Nothing is known.
    pub(super) const ALL: Self = Self(7);
    /// A term and itself.
    pub(super) const SAME: Self = Self(Self::EQUAL);

    /// Those in which `comparison` holds.
    pub(super) fn of(comparison: Comparison) -> Self {
        Self(match comparison {
            Comparison::Equal => Self::EQUAL,
            Comparison::Unequal => Self::LESS | Self::GREATER,
            Comparison::Less => Self::LESS,
            Comparison::LessOrEqual => Self::LESS | Self::EQUAL,
            Comparison::Greater => Self::GREATER,
            Comparison::GreaterOrEqual => Self::GREATER | Self::EQUAL,
        })
    }

    /// Those that are in both.
    pub(super) fn meet(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the two can't stand to each other at all.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn turned(self) -> Self {
        let kept = self.0 & Self::EQUAL;
        let less = if self.0 & Self::GREATER != 0 { Self::LESS } else { 0 };
        let greater = if self.0 & Self::LESS != 0 { Self::GREATER } else { 0 };
        Self(kept | less | greater)
    }
}

/// What is taken to hold. A term that is not in it is as its world has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Region<'t> {
    domains: Vec<(Term, Domain<'t>)>,
    orders: Vec<((Term, Term), Orders)>,
}

impl<'t> Region<'t> {
    /// What a term may be, where the region says more than its world.
    pub(super) fn get(&self, term: Term) -> Option<&Domain<'t>> {
        self.domains.iter().find(|(held, _)| *held == term).map(|(_, domain)| domain)
    }

    /// Takes a term to be one of these.
    pub(super) fn set(&mut self, term: Term, domain: Domain<'t>) {
        match self.domains.iter_mut().find(|(held, _)| *held == term) {
            Some((_, held)) => *held = domain,
            None => self.domains.push((term, domain)),
        }
    }

    /// How the first term may stand to the second.
    pub(super) fn orders(&self, left: Term, right: Term) -> Orders {
        if left == right {
            return Orders::SAME;
        }
        let (pair, turned) = pair(left, right);
        let held =
            self.orders.iter().find(|(held, _)| *held == pair).map_or(Orders::ALL, |(_, orders)| *orders);
        if turned { held.turned() } else { held }
    }

    /// Takes the first term to stand to the second in one of these ways.
    pub(super) fn set_orders(&mut self, left: Term, right: Term, orders: Orders) {
        let (pair, turned) = pair(left, right);
        let orders = if turned { orders.turned() } else { orders };
        match self.orders.iter_mut().find(|(held, _)| *held == pair) {
            Some((_, held)) => *held = orders,
            None => self.orders.push((pair, orders)),
        }
    }

    /// Whether it says how two terms stand to each other.
    pub(super) fn relates(&self) -> bool {
        !self.orders.is_empty()
    }
}

/// The pair in its own order, and whether it was turned for that.
fn pair(left: Term, right: Term) -> ((Term, Term), bool) {
    if left <= right { ((left, right), false) } else { ((right, left), true) }
}
