//! What combinations come to: sums over signatures, as figures.
//!
//! Promises that a figure means here what it means in a backtest. Must never know a payment.

use super::group::Ran;
use super::result::{Costs, Known, SweepFigures};
use super::tally::Sums;
use crate::backtest::evaluate::tally::share;
use crate::backtest::split::Side;
use crate::decision::Outcome;
use crate::engine::Verdict;

/// What a combination did on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Totals {
    flagged: Sums,
    step_ups: f64,
    alerts: f64,
    genuine_blocked: f64,
    value_bothered_minor: f64,
    value_lost_minor: f64,
    pub(super) value_caught_minor: f64,
    pub(super) customers_bothered: f64,
}

impl Totals {
    /// Of what is done about each signature, with the sums of each.
    pub(super) fn of<'s>(verdicts: &[Verdict], sums: impl Iterator<Item = &'s Sums>) -> Self {
        let mut totals = Self::default();
        for (verdict, sums) in verdicts.iter().zip(sums) {
            totals.take(*verdict, sums);
        }
        totals
    }

    fn take(&mut self, verdict: Verdict, sums: &Sums) {
        if !verdict.flags() {
            return;
        }
        self.flagged += sums;
        if verdict.alert {
            self.alerts += sums.payments;
        }
        match verdict.outcome {
            Outcome::Allow => return,
            Outcome::StepUp => {
                self.step_ups += sums.payments;
                self.value_caught_minor += sums.fraud_held_minor;
                self.value_lost_minor += sums.genuine_held_minor;
            }
            Outcome::Block => {
                self.genuine_blocked += sums.genuine;
                self.value_caught_minor += sums.fraud_minor;
                self.value_lost_minor += sums.genuine_minor;
            }
        }
        self.value_bothered_minor += sums.genuine_minor;
    }

    /// What it costs, where there was so much fraud.
    pub(super) fn cost_minor(&self, fraud_minor: f64, costs: &Costs) -> f64 {
        fraud_minor - self.value_caught_minor
            + self.value_lost_minor
            + costs.step_up_minor * self.step_ups
            + costs.alert_minor * self.alerts
            + costs.block_minor * self.genuine_blocked
    }

    /// How many payments a day it flags.
    pub(super) fn flagged_a_day(&self, days: f64) -> Option<f64> {
        share(self.flagged.payments, days)
    }

    /// The figures, of all that there was.
    pub(super) fn figures(&self, known: &Known, costs: &Costs) -> SweepFigures {
        let Sums { payments, unknown, frauds, genuine, .. } = self.flagged;
        SweepFigures {
            flagged: payments as u64,
            flagged_a_day: self.flagged_a_day(known.days),
            frauds,
            genuine,
            unknown: unknown as u64,
            precision: share(frauds, frauds + genuine),
            recall: share(frauds, known.frauds),
            false_positive_rate: share(genuine, known.genuine),
            value_caught_minor: self.value_caught_minor,
            value_caught_share: share(self.value_caught_minor, known.fraud_value_minor),
            customers_bothered: self.customers_bothered as u64,
            value_bothered_minor: self.value_bothered_minor,
            value_lost_minor: self.value_lost_minor,
            step_ups: self.step_ups as u64,
            alerts: self.alerts as u64,
            genuine_blocked: self.genuine_blocked,
            cost_minor: self.cost_minor(known.fraud_value_minor, costs),
        }
    }
}

/// Whether any signature of a set is stopped.
pub(super) fn stops(verdicts: &[Verdict], set: &[u32]) -> bool {
    let stopped =
        |&at: &u32| verdicts.get(at as usize).is_some_and(|verdict| verdict.outcome > Outcome::Allow);
    set.iter().any(stopped)
}

impl Ran {
    /// What each distinct row of verdicts comes to on a side.
    pub(super) fn totals(&self, side: Side) -> Vec<Totals> {
        let of = |verdicts: &Vec<Verdict>| {
            let sums = self.tallied.sums.iter().map(|sums| &sums[side as usize]);
            let customers = &self.tallied.customers[side as usize];
            let bothered = customers.iter().filter(|(set, _)| stops(verdicts, set)).map(|(_, count)| count);
            Totals {
                customers_bothered: bothered.fold(0.0, |all, count| all + count),
                ..Totals::of(verdicts, sums)
            }
        };
        self.rows.distinct.iter().map(of).collect()
    }

    /// What there was on a side of so many days.
    pub(super) fn known(&self, side: Side, days: f64) -> Known {
        let Sums { payments, unknown, frauds, genuine, fraud_minor, .. } = self.tallied.all[side as usize];
        Known {
            days,
            payments: payments as u64,
            unknown: unknown as u64,
            frauds,
            genuine,
            fraud_value_minor: fraud_minor,
        }
    }
}
