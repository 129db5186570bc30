//! Which part of a data set is measured.
//!
//! Promises that nothing is measured before the windows are warm, nor what is too young for its labels.

use crate::backtest::report::Measured;
use crate::rules::RuleSet;

/// The measured part of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    warm_us: i64,
    mature_us: i64,
    /// From the first payment on, and up to here.
    until_us: Option<i64>,
}

/// Where a payment stands to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backtest) enum Stands {
    Warming,
    Measured,
    Immature,
}

impl Span {
    /// Windows are let warm for so long, and labels mature before the last time of the data.
    pub(in crate::backtest) fn new(warm_us: i64, mature_us: i64, last_us: Option<i64>) -> Self {
        let until_us = last_us.filter(|_| mature_us > 0).map(|last_us| last_us.saturating_sub(mature_us));
        Self { warm_us, mature_us, until_us }
    }

    /// Where a payment stands, where the first one happened at `first_us`.
    pub(in crate::backtest) fn of(&self, time_us: i64, first_us: i64) -> Stands {
        match self.until_us {
            Some(until_us) if time_us >= until_us => Stands::Immature,
            _ if time_us < self.from_us(first_us) => Stands::Warming,
            _ => Stands::Measured,
        }
    }

    /// From when on it is measured, where the first payment happened at `first_us`.
    pub fn from_us(&self, first_us: i64) -> i64 {
        first_us.saturating_add(self.warm_us)
    }

    /// What was measured where the first payment happened at `first_us`, with so many before and after the measured time, and what the
    /// caller knows of the payments in it.
    pub(in crate::backtest) fn measured(
        &self,
        first_us: Option<i64>,
        (warming, immature): (u64, u64),
        payments: Measured,
    ) -> Measured {
        Measured {
            from_us: first_us.map(|first_us| self.from_us(first_us)),
            until_us: self.until_us,
            warm_us: self.warm_us,
            mature_us: self.mature_us,
            warming,
            immature,
            ..payments
        }
    }

    /// How long windows are let warm, microseconds.
    pub fn warm_us(&self) -> i64 {
        self.warm_us
    }

    /// How long a label takes to be mature, microseconds.
    pub fn mature_us(&self) -> i64 {
        self.mature_us
    }

    /// From when on nothing is measured, microseconds since 1970 UTC.
    pub fn until_us(&self) -> Option<i64> {
        self.until_us
    }
}

/// The longest window of a rule set, with its delay, in microseconds; what counts for ever has no length, and is left out.
pub(in crate::backtest) fn reach_us(rules: &RuleSet) -> i64 {
    let used = rules.features.iter().filter(|feature| feature.used);
    used.map(|feature| feature.window.span_us() + feature.delay_us).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_measured_once() {
        let span = Span::new(10, 5, Some(100));
        let of = |time_us| span.of(time_us, 20);
        assert_eq!(
            [of(29), of(30), of(94), of(95)],
            [Stands::Warming, Stands::Measured, Stands::Measured, Stands::Immature]
        );
    }

    #[test]
    fn without_a_cut_nothing_is_too_young() {
        assert_eq!(Span::new(0, 0, Some(100)).of(i64::MAX, 0), Stands::Measured);
    }
}
