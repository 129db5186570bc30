//! Rows to events: what stands in the columns of a row is put into a draft and sealed.
//!
//! Promises that a row is either a valid event or told with its place and reason, that nothing of the row before is left in it, and
//! that no row allocates but for what is wrong with it. Must never know where the columns came from.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use thiserror::Error;

use super::columns::{NoTime, Times, whole_at};
use super::layout::{Columns, Extras, Layout};
use super::merge::Batch;
use crate::backtest::Truth;
use crate::decision::Outcome;
use crate::event::{Draft, Event, EventError, ExtraValue, Kind, Schema, TextField};
use crate::io::{ExtrasReader, Reason};
use crate::money::{self, Currency, MoneyError};
use crate::rules::Label;

/// An event, and what the data set knows beside it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The event.
    pub event: &'a Event,
    /// What a payment turned out to be, as its own row says.
    pub truth: Truth<'a>,
    /// Who says so.
    pub label_source: Option<&'a str>,
    /// When that was known, microseconds since 1970 UTC.
    pub label_time_us: Option<i64>,
    /// How many payments it stands for; 0 where others stand for it.
    pub weight: f64,
    /// What it was answered in history, also where the event is read without that.
    pub answered: Option<Outcome>,
}

/// A row that is no event.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("row {row} of [[events]] {}: {reason}", select + 1)]
pub struct BadRow {
    /// The position of its stream among the manifest's.
    pub select: usize,
    /// Its number among the rows of that stream, from 1, in the order in which they come.
    pub row: u64,
    /// What is wrong with it.
    pub reason: BadReason,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum BadReason {
    /// What a line of events could be wrong in, too.
    #[error(transparent)]
    Row(#[from] Reason),
    /// A line of a file of events, or a journal's record, that is none; with its place.
    #[error("{0}")]
    Line(String),
    /// A time that microseconds do not hold.
    #[error(
        "`{column}` has parts of a microsecond, which no event has; round it, as in `date_trunc('microsecond', ...)`"
    )]
    Nanoseconds {
        /// The column.
        column: &'static str,
    },
    /// A weight that is none.
    #[error("`weight` is {0}; a payment stands for 0 payments, where others stand for it, or more")]
    Weight(f64),
}

impl BadReason {
    /// The same without what the row says: by it reasons are counted.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Row(reason) => reason.clone().without_values().to_string(),
            Self::Line(_) => "a line that is no event".to_owned(),
            Self::Weight(_) => "`weight` is below 0 or no number".to_owned(),
            Self::Nanoseconds { .. } => self.to_string(),
        }
    }
}

impl From<EventError> for BadReason {
    fn from(error: EventError) -> Self {
        Self::Row(error.into())
    }
}

/// Reads rows; its buffers are used again for the next one.
pub struct Reader {
    schema: Arc<Schema>,
    draft: Draft,
    extras: ExtrasReader,
    /// The kind and the currency that were read last: they seldom change.
    kind: Kind,
    currency: Option<(String, Currency)>,
    leaves_answers_out: bool,
}

impl Reader {
    /// Of events with these extra fields, which must be those that the batches were asked for with.
    pub fn new(schema: Arc<Schema>) -> Self {
        let draft = Draft::new(Arc::clone(&schema));
        Self {
            schema,
            draft,
            extras: ExtrasReader::default(),
            kind: Kind::Transaction,
            currency: None,
            leaves_answers_out: false,
        }
    }

    /// The same, and events say nothing of what they were answered in history: whoever reads them decides anew.
    #[must_use]
    pub fn without_answers(self) -> Self {
        Self { leaves_answers_out: true, ..self }
    }

    /// The event of a row, by its position in the batch.
    pub fn read<'a>(&'a mut self, batch: &'a Batch, row: usize) -> Result<Row<'a>, BadRow> {
        let (part, at) = batch.place(row);
        let (columns, layout) = (&part.columns, &*part.layout);
        let bad = |reason| BadRow { select: layout.select, row: part.first_row + at as u64 + 1, reason };
        let kind = self.set(columns, layout, at).map_err(bad)?;
        let known = Known::of(columns, layout, at, kind).map_err(bad)?;
        let event = self.draft.seal().map_err(|error| bad(error.into()))?;
        let Known { truth, label_source, label_time_us, weight, answered } = known;
        Ok(Row { event, truth, label_source, label_time_us, weight, answered })
    }

    fn set(&mut self, columns: &Columns, layout: &Layout, row: usize) -> Result<Kind, BadReason> {
        if let Some(why) = columns.bad_line.as_ref().and_then(|lines| lines.get(row)) {
            return Err(BadReason::Line(why.to_owned()));
        }
        let time = |times: &Option<Times>, column| time_at(times, layout, row, column);
        let kind = self.kind_at(columns, row)?;
        let time_us = time(&columns.time, "time")?.ok_or(Reason::Missing { key: "time" })?;
        let draft = &mut self.draft;
        draft.begin(kind, time_us)?;
        if let Some(time_us) = time(&columns.received, "received")? {
            draft.received_us(time_us)?;
        }
        if let Some(time_us) = time(&columns.expires, "expires")? {
            draft.expires_us(time_us)?;
        }
        for (field, texts) in &columns.texts {
            if self.leaves_answers_out && *field == TextField::Answered {
                continue;
            }
            if let Some(text) = texts.get(row) {
                draft.text(*field, text)?;
            }
        }
        if kind != Kind::Transaction {
            let labels = [(TextField::Label, &columns.label), (TextField::LabelKind, &columns.label_kind)];
            for (field, texts) in labels {
                if let Some(text) = texts.as_ref().and_then(|texts| texts.get(row)) {
                    draft.text(field, text)?;
                }
            }
        }
        if let Some(text) = columns.rate.as_ref().and_then(|rates| rates.get(row)) {
            draft.rate(text)?;
        }
        if let Some(level) = columns.level.as_ref().and_then(|levels| whole_at(levels, row)) {
            draft.level(level);
        }
        if let Some(same) = columns.same_owner.as_ref().filter(|same| same.is_valid(row)) {
            draft.same_owner(same.value(row));
        }
        self.place(columns, row)?;
        let currency = self.currency_at(columns, layout, row)?;
        let bad = |source| Reason::Money { key: "amount".to_owned(), source };
        let minor = match (&columns.amount, &columns.amount_minor) {
            (Some(amounts), _) => amounts.minor_at(row, currency).map_err(bad)?,
            (None, minors) => minors.as_ref().and_then(|minors| whole_at(minors, row)),
        };
        if let Some(minor) = minor {
            self.draft.amount(minor, currency).map_err(|error| match error {
                EventError::Money(source) => bad(source),
                other => other.into(),
            })?;
        }
        self.extras(columns, layout, row, currency)?;
        Ok(kind)
    }

    fn kind_at(&mut self, columns: &Columns, row: usize) -> Result<Kind, Reason> {
        let Some(kinds) = &columns.kind else { return Ok(Kind::Transaction) };
        let word = kinds.get(row).ok_or(Reason::Missing { key: "kind" })?;
        if word != self.kind.name() {
            self.kind = Kind::from_name(word).ok_or_else(|| unknown("kind", word, "a kind of event"))?;
        }
        Ok(self.kind)
    }

    fn currency_at(&mut self, columns: &Columns, layout: &Layout, row: usize) -> Result<Currency, Reason> {
        let Some(code) = columns.currency.as_ref().and_then(|codes| codes.get(row)) else {
            return Ok(layout.currency);
        };
        match &self.currency {
            Some((known, currency)) if known == code => Ok(*currency),
            _ => {
                let currency = money::currency(code)
                    .map_err(|source| Reason::Money { key: "currency".to_owned(), source })?;
                self.currency = Some((code.to_owned(), currency));
                Ok(currency)
            }
        }
    }

    fn place(&mut self, columns: &Columns, row: usize) -> Result<(), Reason> {
        let degrees = |values: &Option<datafusion::arrow::array::Float64Array>| {
            values.as_ref().filter(|values| values.is_valid(row)).map(|values| values.value(row))
        };
        match (degrees(&columns.latitude), degrees(&columns.longitude)) {
            (None, None) => Ok(()),
            (Some(latitude), Some(longitude)) => Ok(self.draft.location(latitude, longitude)?),
            (Some(_), None) => Err(Reason::Apart { there: "latitude", missing: "longitude" }),
            (None, Some(_)) => Err(Reason::Apart { there: "longitude", missing: "latitude" }),
        }
    }

    fn extras(
        &mut self,
        columns: &Columns,
        layout: &Layout,
        row: usize,
        currency: Currency,
    ) -> Result<(), BadReason> {
        if let Some(json) = columns.extra_json.as_ref().and_then(|texts| texts.get(row)) {
            self.extras.read(json, &self.schema, &mut self.draft)?;
        }
        for (position, values) in &columns.extras {
            let value = match values {
                Extras::Text(texts) => texts.get(row).map(ExtraValue::Text),
                Extras::Whole(wholes) => whole_at(wholes, row).map(ExtraValue::Whole),
                Extras::Number(numbers) => {
                    numbers.is_valid(row).then(|| ExtraValue::Decimal(numbers.value(row)))
                }
                Extras::Boolean(truths) => {
                    truths.is_valid(row).then(|| ExtraValue::Boolean(truths.value(row)))
                }
                Extras::Major(amounts) => {
                    let bad = |source: MoneyError| Reason::Money { key: self.name(*position), source };
                    amounts.minor_at(row, currency).map_err(bad)?.map(ExtraValue::Whole)
                }
                Extras::Time(times) => {
                    let time = times.at(row, &layout.calendar);
                    time.map_err(|why| no_time(why, "an extra field"))?.map(ExtraValue::Whole)
                }
            };
            if let Some(value) = value {
                self.draft.extra_at(*position, value)?;
            }
        }
        Ok(())
    }

    fn name(&self, position: usize) -> String {
        self.schema.fields().get(position).map(|(name, _)| name.clone()).unwrap_or_default()
    }
}

/// What a row says beside its event.
struct Known<'a> {
    truth: Truth<'a>,
    label_source: Option<&'a str>,
    label_time_us: Option<i64>,
    weight: f64,
    answered: Option<Outcome>,
}

impl<'a> Known<'a> {
    fn of(columns: &'a Columns, layout: &Layout, row: usize, kind: Kind) -> Result<Self, BadReason> {
        let mut known = Self {
            truth: Truth::default(),
            label_source: None,
            label_time_us: None,
            weight: 1.0,
            answered: None,
        };
        if kind != Kind::Transaction {
            return Ok(known);
        }
        let text = |texts: &'a Option<super::columns::Texts>| texts.as_ref().and_then(|texts| texts.get(row));
        known.truth.label = match text(&columns.label) {
            None | Some("unknown") => None,
            Some("fraud") => Some(Label::Fraud),
            Some("genuine") => Some(Label::Genuine),
            Some(word) => return Err(unknown("label", word, "fraud, genuine or unknown").into()),
        };
        let answers = columns.texts.iter().find(|(field, _)| *field == TextField::Answered);
        known.answered = answers.and_then(|(_, texts)| texts.get(row)).and_then(Outcome::from_name);
        known.truth.kind = text(&columns.label_kind);
        known.truth.case = text(&columns.label_case);
        known.label_source = text(&columns.label_source);
        known.label_time_us = time_at(&columns.label_time, layout, row, "label_time")?;
        if let Some(weights) = columns.weight.as_ref().filter(|weights| weights.is_valid(row)) {
            known.weight = weights.value(row);
            if !(known.weight.is_finite() && known.weight >= 0.0) {
                return Err(BadReason::Weight(known.weight));
            }
        }
        Ok(known)
    }
}

fn unknown(key: &str, word: &str, expected: &'static str) -> Reason {
    let (key, found) = (key.to_owned(), word.chars().take(60).flat_map(char::escape_debug).collect());
    Reason::UnknownWord { key, found, expected, hint: String::new() }
}

fn time_at(
    times: &Option<Times>,
    layout: &Layout,
    row: usize,
    column: &'static str,
) -> Result<Option<i64>, BadReason> {
    let Some(times) = times else { return Ok(None) };
    times.at(row, &layout.calendar).map_err(|why| no_time(why, column))
}

fn no_time(why: NoTime, column: &'static str) -> BadReason {
    match why {
        NoTime::Nanoseconds => BadReason::Nanoseconds { column },
        NoTime::Bad(source) => Reason::Time { key: column.to_owned(), source }.into(),
    }
}
