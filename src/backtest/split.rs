//! Where the measured time is split: what is chosen on the first part is held against the rest.
//!
//! Promises that a payment is on one side whatever is done with it. Must never know what is chosen.

use super::report::Measured;
use super::run::Span;
use super::sweep::result::MeasuredTime;
use crate::time::DAY_US;

/// Which part of the measured time a payment is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    /// What is chosen by.
    Tuning,
    /// What that is held against.
    HeldOut,
}

impl Side {
    pub(super) const ALL: [Self; 2] = [Self::Tuning, Self::HeldOut];
}

/// Where the measured time is split.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    span: Span,
    share: f64,
    until_us: i64,
}

impl Split {
    /// So large a share of the measured time, from 0 to 1, of data whose last event happened at `last_us`.
    pub(super) fn new(span: Span, share: f64, last_us: Option<i64>) -> Self {
        let end_us = || last_us.map(|last_us| last_us.saturating_add(1));
        Self { span, share: share.clamp(0.0, 1.0), until_us: span.until_us().or_else(end_us).unwrap_or(0) }
    }

    /// From when on it is held out, where the first payment happened at `first_us`.
    pub(super) fn at_us(&self, first_us: i64) -> i64 {
        let from_us = self.span.from_us(first_us);
        let measured_us = self.until_us.saturating_sub(from_us).max(0) as f64;
        from_us.saturating_add((measured_us * self.share) as i64)
    }

    pub(super) fn side(&self, time_us: i64, first_us: i64) -> Side {
        if time_us < self.at_us(first_us) { Side::Tuning } else { Side::HeldOut }
    }

    /// When was measured, where payments were measured so.
    pub(super) fn measured(&self, measured: &Measured) -> MeasuredTime {
        let first_us = measured.from_us.map(|from_us| from_us.saturating_sub(measured.warm_us));
        MeasuredTime {
            from_us: measured.from_us,
            split_us: first_us.map(|first_us| self.at_us(first_us)),
            until_us: first_us.map(|_| self.until_us),
            warm_us: measured.warm_us,
            mature_us: measured.mature_us,
            warming: measured.warming,
            immature: measured.immature,
        }
    }
}

impl MeasuredTime {
    /// How many days either side has.
    pub(super) fn days(&self) -> [f64; 2] {
        let days = |from_us: Option<i64>, until_us: Option<i64>| {
            let ends = from_us.zip(until_us);
            ends.map_or(0, |(from_us, until_us)| until_us.saturating_sub(from_us).max(0)) as f64
                / DAY_US as f64
        };
        [days(self.from_us, self.split_us), days(self.split_us, self.until_us)]
    }
}
