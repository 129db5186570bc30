//! How soon fraud is seen, case by case, in the order in which payments were decided.
//!
//! Promises memory in cases. Must never know what flags.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::bootstrap::ranked;
use crate::backtest::Fact;
use crate::backtest::report::Detection;
use crate::event::identity;

/// Cases by who they are of.
#[derive(Clone, Debug, Default)]
pub(super) struct Cases(HashMap<(bool, u128), Case, FixedState>);

#[derive(Clone, Copy, Debug)]
struct Case {
    first_us: i64,
    /// From the first payment to the first that was flagged.
    delay_us: Option<i64>,
    /// Payments before the first flagged, and their value.
    before: u64,
    value_before_minor: i128,
}

impl Cases {
    /// Takes a payment that is known to be fraud.
    pub(super) fn take(&mut self, fact: &Fact<'_>) {
        // A case may have the name of another's account.
        let name = fact.truth.case.unwrap_or(fact.account);
        let who = (fact.truth.case.is_some(), identity(fact.tenant, name));
        let begun = Case { first_us: fact.time_us, delay_us: None, before: 0, value_before_minor: 0 };
        let case = self.0.entry(who).or_insert(begun);
        if case.delay_us.is_some() {
            return;
        }
        if fact.is_flagged() {
            case.delay_us = Some(fact.time_us.saturating_sub(case.first_us).max(0));
        } else {
            case.before += 1;
            case.value_before_minor += i128::from(fact.amount_minor);
        }
    }

    pub(super) fn finish(self) -> Detection {
        let detected = || self.0.values().filter(|case| case.delay_us.is_some());
        let mut delays: Vec<i64> = detected().filter_map(|case| case.delay_us).collect();
        delays.sort_unstable();
        let count = delays.len();
        let mean = |sum: i128| (count > 0).then(|| sum as f64 / count as f64);
        Detection {
            cases: self.0.len() as u64,
            detected: count as u64,
            at_once: detected().filter(|case| case.before == 0).count() as u64,
            delay_us_p50: ranked(&delays, 500).copied(),
            delay_us_p90: ranked(&delays, 900).copied(),
            payments_before_mean: mean(detected().map(|case| i128::from(case.before)).sum()),
            value_before_minor_mean: mean(detected().map(|case| case.value_before_minor).sum()),
        }
    }
}
