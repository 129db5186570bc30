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
pub(super) struct Timeline {
    days: BTreeMap<i64, Day>,
    /// The day at hand, which is not among them.
    at_hand: Option<(i64, Day)>,
}

impl Timeline {
    /// Takes a payment of the day that begins at a time.
    pub(super) fn take(&mut self, day_us: i64, fact: &Fact<'_>) {
        let Self { days, at_hand } = self;
        if let Some((before_us, before)) = at_hand.take_if(|(held_us, _)| *held_us != day_us) {
            days.insert(before_us, before);
        }
        let (_, day) = at_hand.get_or_insert_with(|| (day_us, days.remove(&day_us).unwrap_or_default()));
        let fraud = fact.truth.label == Some(Label::Fraud);
        day.payments += 1;
        day.step_ups += u64::from(fact.outcome == Outcome::StepUp);
        day.blocks += u64::from(fact.outcome == Outcome::Block);
        day.alerts += u64::from(fact.alert);
        day.frauds += u64::from(fraud);
        day.frauds_flagged += u64::from(fraud && fact.is_flagged());
    }

    pub(super) fn finish(self, calendar: &Calendar) -> Vec<Day> {
        let Self { mut days, at_hand } = self;
        days.extend(at_hand);
        days.into_iter()
            .map(|(day_us, day)| Day { date: calendar.write(day_us, "%Y-%m-%d"), ..day })
            .collect()
    }
}
