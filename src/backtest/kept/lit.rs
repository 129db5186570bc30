//! A payment as rules see it, from columns.
//!
//! Promises the facts that the engine decided from, as far as somebody asked for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, BinaryArray, StringArray, UInt8Array};

use super::payments::Payments;
use crate::backtest::cells::Values;
use crate::backtest::run::Basis;
use crate::decision::{Quality, Reading};
use crate::engine::Circumstances;
use crate::event::{self, Draft, Event, EventError, Kind, TextField};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Facts, KeyField, Rule, RuleSet, presented};
use crate::time::Calendar;

/// What of payments is asked for, beside what all have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::backtest) struct Wanted {
    pub(super) features: BTreeSet<u16>,
    pub(super) texts: BTreeSet<TextField>,
    /// Tables, each after those that it reads.
    pub(super) tables: Vec<u16>,
    /// Whether events are wanted whole.
    pub(super) whole: bool,
}

impl Wanted {
    /// What these rules read, and what says whom the control group holds.
    pub(in crate::backtest) fn by<'r>(rules: &RuleSet, of: impl Iterator<Item = &'r Rule>) -> Self {
        let by_control = rules.control.map(|control| control.share.by);
        let mut wanted = Self { whole: matches!(by_control, Some(KeyField::Extra(_))), ..Self::default() };
        wanted.texts.extend(of_control(rules));
        let mut tables = BTreeSet::new();
        for rule in of {
            wanted.features.extend(&rule.reads);
            wanted.texts.extend(&rule.firing.texts);
            wanted.whole |= rule.firing.reads_more;
            tables.extend(&rule.tables);
        }
        wanted.tables = tables.into_iter().collect();
        // A table reaches more tables than any that it reads.
        wanted
            .tables
            .sort_by_key(|&at| rules.tables.get(usize::from(at)).map_or(0, |table| table.tables.len()));
        wanted
    }

    /// All that a rule set knows.
    pub(super) fn all(rules: &RuleSet) -> Self {
        let features = (0..).zip(&rules.features).filter(|(_, feature)| feature.used).map(|(at, _)| at);
        let wanted = Self::by(rules, rules.rules.iter());
        Self { features: features.collect(), whole: true, texts: BTreeSet::new(), ..wanted }
    }

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.features.extend(&other.features);
        self.texts.extend(&other.texts);
        self.whole |= other.whole;
        for table in &other.tables {
            if !self.tables.contains(table) {
                self.tables.push(*table);
            }
        }
        self
    }
}

/// The text fields that say whom the control group holds.
pub(super) fn of_control(rules: &RuleSet) -> impl Iterator<Item = TextField> {
    let by = rules.control.map(|control| control.share.by);
    let field = by.and_then(|by| if let KeyField::Text(field) = by { Some(field) } else { None });
    field.into_iter().chain(by.map(|_| TextField::Tenant))
}

/// The columns of a chunk that were asked for.
pub(super) struct Chunk {
    pub(super) payments: Arc<Payments>,
    pub(super) texts: Vec<(TextField, StringArray)>,
    pub(super) features: Vec<(u16, Values, UInt8Array)>,
    pub(super) events: Option<BinaryArray>,
}

/// One payment at a time, in the light of a rule set.
pub(super) struct Lit<'a> {
    rules: &'a RuleSet,
    lists: &'a Lists,
    rates: &'a Rates,
    tables: &'a [u16],
    calendar: Calendar,
    draft: Draft,
    kept: event::Kept,
    readings: Vec<Reading>,
    rows: Vec<Option<u16>>,
    now_us: i64,
    hour_and_weekday: (i64, i64),
    executed_before: [bool; 3],
}

impl<'a> Lit<'a> {
    pub(super) fn new(
        rules: &'a RuleSet,
        (lists, rates): (&'a Lists, &'a Rates),
        wanted: &'a Wanted,
    ) -> Self {
        Self {
            rules,
            lists,
            rates,
            tables: &wanted.tables,
            calendar: rules.calendar.clone(),
            draft: Draft::new(Arc::clone(&rules.schema)),
            kept: event::Kept::default(),
            readings: vec![Reading::default(); rules.features.len()],
            rows: vec![None; rules.tables.len()],
            now_us: 0,
            hour_and_weekday: (0, 1),
            executed_before: [false; 3],
        }
    }

    /// Turns to a payment; the event has the fields that were asked for.
    pub(super) fn set(&mut self, chunk: &Chunk, row: usize) -> Result<(), EventError> {
        let Chunk { payments, texts, features, events } = chunk;
        let time_us = payments.time_us(row);
        match events {
            Some(events) => {
                let unread = |_| EventError::Missing { kind: Kind::Transaction.name(), field: "all of it" };
                self.kept = postcard::from_bytes(events.value(row)).map_err(unread)?;
                self.kept.event(Kind::Transaction, self.rules.currency, &mut self.draft)?;
            }
            None => {
                self.draft.begin(Kind::Transaction, time_us)?;
                self.draft.amount(payments.amount_minor(row), self.rules.currency)?;
                for (field, texts) in texts {
                    if texts.is_valid(row) {
                        self.draft.text(*field, texts.value(row))?;
                    }
                }
                if let Some(answered) = payments.answered(row) {
                    self.draft.text(TextField::Answered, answered.name())?;
                }
            }
        }
        for (position, values, qualities) in features {
            let quality = Quality::ALL.get(usize::from(qualities.value(row))).copied();
            let quality = quality.unwrap_or(Quality::Evicted);
            if let Some(reading) = self.readings.get_mut(usize::from(*position)) {
                *reading = Reading { value: values.at(row), quality };
            }
        }
        self.now_us = payments.now_us(row);
        self.hour_and_weekday = self.calendar.hour_and_weekday(time_us);
        self.executed_before = payments.executed_before(row);
        for &at in self.tables {
            let holds = self.rules.tables.get(usize::from(at)).and_then(|table| table.row(&self.facts()));
            if let Some(held) = self.rows.get_mut(usize::from(at)) {
                *held = holds;
            }
        }
        Ok(())
    }

    pub(super) fn event(&self) -> &Event {
        self.draft.sealed()
    }
}

impl Basis for Lit<'_> {
    fn facts(&self) -> Facts<'_> {
        let event = self.event();
        Facts {
            features: &self.readings,
            tables: &self.rows,
            lists: self.lists,
            presented: presented(event),
            rates: self.rates,
            now_us: self.now_us,
            ..Facts::of(event, self.hour_and_weekday)
        }
    }

    fn circumstances(&self) -> Circumstances {
        Circumstances::apart(self.rules, self.event(), self.executed_before)
    }
}
