//! Alerts and frauds day by day.
//!
//! Promises memory in days. Must never know what flags.

use std::collections::BTreeMap;

use crate::backtest::Fact;
use crate::backtest::report::Day;
use crate::decision::Outcome;
use crate::rules::Label;
use crate::time::Calendar;

/// Days with payments, by their first microsecond.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline(BTreeMap<i64, Day>);

impl Timeline {
    /// Takes a payment of the day that begins at a time.
    pub(super) fn take(&mut self, day_us: i64, fact: &Fact<'_>) {
        let day = self.0.entry(day_us).or_default();
        let fraud = fact.truth.label == Some(Label::Fraud);
        day.payments += 1;
        day.step_ups += u64::from(fact.outcome == Outcome::StepUp);
        day.blocks += u64::from(fact.outcome == Outcome::Block);
        day.alerts += u64::from(fact.alert);
        day.frauds += u64::from(fraud);
        day.frauds_flagged += u64::from(fraud && fact.is_flagged());
    }

    pub(super) fn finish(self, calendar: &Calendar) -> Vec<Day> {
        self.0
            .into_iter()
            .map(|(day_us, day)| Day { date: calendar.write(day_us, "%Y-%m-%d"), ..day })
            .collect()
    }
}
