//! Events: everything that comes in on the stream, validated once, read many times.
//!
//! An [`Event`] is sealed by a [`Draft`], so whoever holds one holds a valid one. It keeps its texts in one
//! buffer that is used again for the next event. Must never know a file format, a rule or a window.

mod draft;
mod fields;
mod kept;

pub use draft::Draft;
pub(crate) use draft::check_text;
pub use fields::{ExtraType, ExtraValue, Form, Kind, Schema, TextField};
pub(crate) use kept::KEPT_BYTES_MAX;
pub use kept::Kept;

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::quality::FixedState;
use thiserror::Error;

use crate::money::{Currency, Money, MoneyError};
use crate::rates::{Conversion, Rate, RateError};
use crate::time::TimeError;

/// Longest text of a field, in bytes; longer is bad input.
pub const TEXT_BYTES_MAX: usize = 512;

const TEXT_FIELDS: usize = TextField::ALL.len();

/// Why something is not an event.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    /// A field that its kind needs is not there.
    #[error("`{field}` is missing; a {kind} needs it")]
    Missing {
        /// The kind's word.
        kind: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// A text that its field does not take.
    #[error("`{field}` is {found}; {expected}")]
    BadText {
        /// The field's name.
        field: String,
        /// What was found, shortened.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A value of another type than declared.
    #[error("`{field}` is declared as {expected} and is not one")]
    BadExtra {
        /// The field's name.
        field: String,
        /// The declared type's word.
        expected: &'static str,
    },
    /// A latitude outside ±90 or a longitude outside ±180 degrees, or one without the other.
    #[error("`latitude` and `longitude` come together, within ±90 and ±180 degrees")]
    BadLocation,
    /// Not a rate.
    #[error("`rate`: {0}")]
    Rate(#[from] RateError),
    /// A rate without an amount.
    #[error("`rate` is there and `amount_minor` is missing; a rate goes with an amount")]
    RateAlone,
    /// Bad amount or currency.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Bad time.
    #[error("`{field}`: {source}")]
    Time {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        source: TimeError,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
enum Extra {
    Null,
    Text(Span),
    Whole(i64),
    Decimal(f64),
    Boolean(bool),
}

/// A valid event. Made by [`Draft::seal`].
#[derive(Clone, Debug)]
pub struct Event {
    kind: Kind,
    time_us: i64,
    received_us: Option<i64>,
    amount: Option<Money>,
    rate: Option<Rate>,
    converted: Option<Conversion>,
    latitude_longitude: Option<(f64, f64)>,
    same_owner: Option<bool>,
    level: Option<i64>,
    expires_us: Option<i64>,
    buffer: String,
    /// Spans into `buffer`; an empty span is an absent field.
    texts: [Span; TEXT_FIELDS],
    extras: Vec<Extra>,
    schema: Arc<Schema>,
    /// Hash of extra fields that no rule file declares: not read, but part of what the event says.
    undeclared: u64,
    identity: u128,
    fingerprint: u64,
}

impl Event {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// When it happened, microseconds since 1970 UTC.
    pub fn time_us(&self) -> i64 {
        self.time_us
    }

    /// When the way in received it, or `None` in history.
    pub fn received_us(&self) -> Option<i64> {
        self.received_us
    }

    /// Its amount; always there on a transaction and on observed money.
    pub fn amount(&self) -> Option<Money> {
        self.amount
    }

    /// The rate of its currency that it brings: units of the rule set's currency for a whole unit.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// What was made of its amount, where that was in another currency; [`Event::amount`] is then the result.
    pub fn converted(&self) -> Option<Conversion> {
        self.converted
    }

    /// Its amount in the currency that it came in.
    pub fn paid(&self) -> Option<Money> {
        self.converted.map_or(self.amount, |converted| Some(converted.paid))
    }

    /// Becomes another event, with its amount converted; the buffers are used again.
    pub(crate) fn convert(&mut self, sent: &Self, conversion: Conversion, to: Currency) {
        self.become_as(sent);
        self.amount = Some(Money { minor: conversion.minor, currency: to });
        self.converted = Some(conversion);
    }

    /// Becomes another event without its amount; the buffers are used again.
    pub(crate) fn leave_amount_out(&mut self, sent: &Self) {
        self.become_as(sent);
        (self.amount, self.rate, self.converted) = (None, None, None);
    }

    /// Becomes another event; the buffers are used again.
    pub(crate) fn become_as(&mut self, sent: &Self) {
        let Self { amount, converted, .. } = *sent;
        let Self { kind, time_us, received_us, rate, latitude_longitude, same_owner, .. } = *sent;
        let Self { level, expires_us, texts, undeclared, identity, fingerprint, .. } = *sent;
        self.buffer.clone_from(&sent.buffer);
        self.extras.clone_from(&sent.extras);
        *self = Self {
            amount,
            converted,
            buffer: std::mem::take(&mut self.buffer),
            extras: std::mem::take(&mut self.extras),
            schema: Arc::clone(&sent.schema),
            kind,
            time_us,
            received_us,
            rate,
            latitude_longitude,
            same_owner,
            level,
            expires_us,
            texts,
            undeclared,
            identity,
            fingerprint,
        };
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.text(TextField::Id).unwrap_or_default()
    }

    /// A text field, `None` where absent; never empty.
    #[inline]
    pub fn text(&self, field: TextField) -> Option<&str> {
        let span = self.texts[field as usize];
        if span.start == span.end { None } else { self.slice(span) }
    }

    /// Whether a text field is this text, `None` where absent; one of another length is not looked at.
    #[inline]
    pub(crate) fn is_text(&self, field: TextField, wanted: &str) -> Option<bool> {
        let Span { start, end } = self.texts[field as usize];
        let (start, end) = (start as usize, end as usize);
        let same = || self.buffer.as_bytes().get(start..end) == Some(wanted.as_bytes());
        (start != end).then(|| end - start == wanted.len() && same())
    }

    /// Latitude and longitude in degrees.
    pub fn latitude_longitude(&self) -> Option<(f64, f64)> {
        self.latitude_longitude
    }

    /// Whether payer and payee are the same owner.
    pub fn same_owner(&self) -> Option<bool> {
        self.same_owner
    }

    /// The level of a list entry.
    pub fn level(&self) -> Option<i64> {
        self.level
    }

    /// When a list entry ends, microseconds since 1970 UTC.
    pub fn expires_us(&self) -> Option<i64> {
        self.expires_us
    }

    /// A declared extra field by its position in the schema; `None` where absent.
    pub fn extra(&self, position: usize) -> Option<ExtraValue<'_>> {
        match *self.extras.get(position)? {
            Extra::Null => None,
            Extra::Text(span) => self.slice(span).map(ExtraValue::Text),
            Extra::Whole(value) => Some(ExtraValue::Whole(value)),
            Extra::Decimal(value) => Some(ExtraValue::Decimal(value)),
            Extra::Boolean(value) => Some(ExtraValue::Boolean(value)),
        }
    }

    /// The extra fields that it may have.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Tenant and id as a 128-bit hash: the same for the same id, different otherwise but with negligible chance.
    pub fn identity(&self) -> u128 {
        self.identity
    }

    /// The identity of the transaction that this event is about.
    pub fn transaction_identity(&self) -> Option<u128> {
        self.text(TextField::Transaction).map(|id| identity(self.text(TextField::Tenant), id))
    }

    /// A hash of all that the event says but for when it was received and what it was answered: a retry has the same, other
    /// content another.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    #[inline]
    fn slice(&self, span: Span) -> Option<&str> {
        self.buffer.get(span.start as usize..span.end as usize)
    }

    fn hash_content(&self, state: &mut impl Hasher) {
        (self.kind, self.time_us, self.amount, self.same_owner, self.level, self.expires_us).hash(state);
        if let Some(rate) = self.rate {
            rate.hash(state);
        }
        self.latitude_longitude.map(|(lat, lon)| (lat.to_bits(), lon.to_bits())).hash(state);
        for &field in TextField::ALL {
            if let Some(text) = self.text(field).filter(|_| field != TextField::Answered) {
                (field, text).hash(state);
            }
        }
        for (position, _) in self.extras.iter().enumerate() {
            match self.extra(position) {
                None => {}
                Some(ExtraValue::Text(text)) => (position, text).hash(state),
                Some(ExtraValue::Whole(value)) => (position, value).hash(state),
                Some(ExtraValue::Decimal(value)) => (position, value.to_bits()).hash(state),
                Some(ExtraValue::Boolean(value)) => (position, value).hash(state),
            }
        }
        self.undeclared.hash(state);
    }
}

/// The identity of an id within a tenant; see [`Event::identity`].
pub fn identity(tenant: Option<&str>, id: &str) -> u128 {
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one((tenant, id)));
    half(1) << 64 | half(2)
}
