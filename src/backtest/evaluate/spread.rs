//! How what was caught lies over days, groups, the accounts of a day and cases.
//!
//! Promises memory in accounts, customers, cases, days and values of a field, not in payments. Must never know which rule fired.

use super::Settings;
use super::cards::Cards;
use super::detection::Cases;
use super::groups::Grouping;
use super::numbers::Numbers;
use super::seen::Seen;
use super::timeline::Timeline;
use crate::backtest::report::{CardPrecision, Day, Detection, Group};
use crate::backtest::{Fact, PassRates};
use crate::rules::Label;
use crate::time::{Calendar, Period};

/// Takes the measured payments of one rule set.
#[derive(Clone, Debug)]
pub(in crate::backtest) struct Spread {
    calendar: Calendar,
    pass: PassRates,
    accounts: Numbers,
    customers: Numbers,
    month: Period,
    month_name: String,
    months: Grouping,
    portals: Grouping,
    providers: Grouping,
    payment_kinds: Grouping,
    cards: Cards,
    cases: Cases,
    timeline: Timeline,
}

/// What it comes to.
pub(in crate::backtest) struct SpreadFigures {
    pub(super) groups: Vec<Group>,
    pub(super) card_precision: Option<CardPrecision>,
    pub(super) detection: Detection,
    pub(super) timeline: Vec<Day>,
}

impl Spread {
    pub(super) fn new(calendar: Calendar, settings: &Settings) -> Self {
        Self {
            calendar,
            pass: settings.pass.clone(),
            accounts: Numbers::default(),
            customers: Numbers::default(),
            month: Period::EMPTY,
            month_name: String::new(),
            months: Grouping::new("month"),
            portals: Grouping::new("portal"),
            providers: Grouping::new("provider"),
            payment_kinds: Grouping::new("payment_kind"),
            cards: Cards::new(settings.k),
            cases: Cases::default(),
            timeline: Timeline::default(),
        }
    }

    /// Takes the next payment.
    pub(in crate::backtest) fn take(&mut self, fact: &Fact<'_>) {
        let account = self.accounts.of_account(fact);
        let seen = Seen::of(fact, &self.pass, account, &mut self.customers);
        let day_us = self.calendar.day(fact.time_us).start_us;
        self.group(fact, &seen);
        self.timeline.take(day_us, fact);
        if seen.label.is_some() {
            let fraud = seen.label == Some(Label::Fraud);
            self.cards.take(day_us, account, fact.score, fraud);
            if fraud {
                self.cases.take(fact);
            }
        }
    }

    fn group(&mut self, fact: &Fact<'_>, seen: &Seen) {
        if !self.month.contains(fact.time_us) {
            self.month = self.calendar.month(fact.time_us);
            self.month_name = self.calendar.write(self.month.start_us, "%Y-%m");
        }
        self.months.take(Some(&self.month_name), fact, seen);
        self.portals.take(fact.portal, fact, seen);
        self.providers.take(fact.provider, fact, seen);
        self.payment_kinds.take(fact.payment_kind, fact, seen);
    }

    /// What it comes to.
    pub(in crate::backtest) fn finish(self) -> SpreadFigures {
        let groups = [
            self.months.finish(true),
            self.portals.finish(false),
            self.providers.finish(false),
            self.payment_kinds.finish(false),
        ];
        SpreadFigures {
            groups: groups.into_iter().flatten().collect(),
            card_precision: self.cards.finish(),
            detection: self.cases.finish(),
            timeline: self.timeline.finish(&self.calendar),
        }
    }
}
