//! What figures are made of: what there was to be found, and what of it was flagged.
//!
//! Promises that a share of nothing is none. Must never know who flags.

use std::ops::{AddAssign, Mul, Sub};

use super::bootstrap::Range;
use super::seen::{Fate, Seen};
use crate::backtest::report::{Estimate, Figures};
use crate::decision::Outcome;
use crate::rules::Label;

/// What shares are made of, weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::backtest) struct Parts {
    /// Known frauds.
    pub(in crate::backtest) frauds: f64,
    /// Known genuine payments.
    pub(in crate::backtest) genuine: f64,
    /// Value of the frauds: of all that there was, or of what was caught; minor units.
    pub(in crate::backtest) value_minor: f64,
}

impl Parts {
    /// A known payment with what is made of its value where it is fraud; `None` of an unknown one.
    pub(in crate::backtest) fn of(seen: &Seen, value_minor: f64) -> Option<Self> {
        Some(match seen.label? {
            Label::Fraud => Self { frauds: seen.weight, genuine: 0.0, value_minor },
            Label::Genuine => Self { frauds: 0.0, genuine: seen.weight, value_minor: 0.0 },
        })
    }
}

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Self) {
        self.frauds += other.frauds;
        self.genuine += other.genuine;
        self.value_minor += other.value_minor;
    }
}

impl Sub for Parts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            frauds: self.frauds - other.frauds,
            genuine: self.genuine - other.genuine,
            value_minor: self.value_minor - other.value_minor,
        }
    }
}

impl Mul<f64> for Parts {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self {
            frauds: self.frauds * times,
            genuine: self.genuine * times,
            value_minor: self.value_minor * times,
        }
    }
}

/// A share; `None` of nothing.
pub(in crate::backtest) fn share(of: f64, all: f64) -> Option<f64> {
    (all > 0.0).then(|| of / all).filter(|share| share.is_finite())
}

/// How many shares figures tell.
pub(super) const SHARES: usize = 4;

/// The shares that figures tell: precision, recall, false positive rate, value caught.
pub(super) fn shares(flagged: Parts, known: Parts) -> [Option<f64>; SHARES] {
    [
        share(flagged.frauds, flagged.frauds + flagged.genuine),
        share(flagged.frauds, known.frauds),
        share(flagged.genuine, known.genuine),
        share(flagged.value_minor, known.value_minor),
    ]
}

/// What was flagged in one place: by a rule, with an outcome, in a month.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flagged {
    payments: u64,
    unknown: u64,
    /// The known ones, with the value that was caught.
    pub(super) known: Parts,
    value_flagged_minor: f64,
    value_flagged_genuine_minor: f64,
    value_bothered_minor: f64,
    value_lost_minor: f64,
}

impl Flagged {
    /// Takes a payment that is flagged, with what becomes of it.
    pub(super) fn take(&mut self, seen: &Seen, fate: Fate) {
        self.payments += 1;
        let held_back_minor = seen.held_back_minor(fate);
        match Parts::of(seen, held_back_minor) {
            Some(parts) => self.known += parts,
            None => self.unknown += 1,
        }
        match seen.label {
            Some(Label::Fraud) => self.value_flagged_minor += seen.value_minor,
            Some(Label::Genuine) => {
                self.value_flagged_genuine_minor += seen.value_minor;
                if fate.outcome > Outcome::Allow {
                    self.value_bothered_minor += seen.value_minor;
                    self.value_lost_minor += held_back_minor;
                }
            }
            None => {}
        }
    }

    /// The figures, of all that was known there.
    pub(super) fn figures(&self, known: Parts, customers_bothered: u64, ranges: &[Range; SHARES]) -> Figures {
        let [precision, recall, false_positive_rate, value_caught_share] = shares(self.known, known);
        let [of_precision, of_recall, of_rate, of_value] = *ranges;
        Figures {
            flagged: self.payments,
            frauds: self.known.frauds,
            genuine: self.known.genuine,
            unknown: self.unknown,
            coverage: share((self.payments - self.unknown) as f64, self.payments as f64),
            precision: estimate(precision, of_precision),
            recall: estimate(recall, of_recall),
            false_positive_rate: estimate(false_positive_rate, of_rate),
            value_flagged_minor: self.value_flagged_minor,
            value_caught_minor: self.known.value_minor,
            value_caught_share: estimate(value_caught_share, of_value),
            value_flagged_genuine_minor: self.value_flagged_genuine_minor,
            value_bothered_minor: self.value_bothered_minor,
            value_lost_minor: self.value_lost_minor,
            customers_bothered,
        }
    }
}

impl AddAssign<&Self> for Flagged {
    fn add_assign(&mut self, other: &Self) {
        self.payments += other.payments;
        self.unknown += other.unknown;
        self.known += other.known;
        self.value_flagged_minor += other.value_flagged_minor;
        self.value_flagged_genuine_minor += other.value_flagged_genuine_minor;
        self.value_bothered_minor += other.value_bothered_minor;
        self.value_lost_minor += other.value_lost_minor;
    }
}

/// A value with its range.
pub(super) fn estimate(value: Option<f64>, range: Range) -> Option<Estimate> {
    value.map(|value| Estimate { value, low: range.low, high: range.high })
}
