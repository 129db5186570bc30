//! Putting an event together, checked field by field.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::quality::FixedState;

use super::{
    Event, EventError, Extra, ExtraType, ExtraValue, Form, Kind, Schema, Span, TEXT_BYTES_MAX, TEXT_FIELDS,
    TextField, identity,
};
use crate::money::{Currency, Money};
use crate::rates::{Conversion, Rate};
use crate::time::check_time;

/// An event being put together; its buffers are used again after [`Draft::begin`].
#[derive(Clone, Debug)]
pub struct Draft(Event);

impl Draft {
    /// An empty draft for events with these extra fields.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self(Event {
            kind: Kind::Clock,
            time_us: 0,
            received_us: None,
            amount: None,
            rate: None,
            converted: None,
            latitude_longitude: None,
            same_owner: None,
            level: None,
            expires_us: None,
            buffer: String::new(),
            texts: [Span::default(); TEXT_FIELDS],
            extras: vec![Extra::Null; schema.fields().len()],
            schema,
            undeclared: 0,
            identity: 0,
            fingerprint: 0,
        })
    }

    /// Forgets everything and starts an event of this kind at this time.
    pub fn begin(&mut self, kind: Kind, time_us: i64) -> Result<(), EventError> {
        self.clear();
        self.stamp(kind, time_us)
    }

    /// Forgets everything. For a way in that meets the kind and the time after other fields; see [`Draft::stamp`].
    pub fn clear(&mut self) {
        let event = &mut self.0;
        event.kind = Kind::Clock;
        event.time_us = 0;
        event.received_us = None;
        event.amount = None;
        event.rate = None;
        event.converted = None;
        event.latitude_longitude = None;
        event.same_owner = None;
        event.level = None;
        event.expires_us = None;
        event.buffer.clear();
        event.texts = [Span::default(); TEXT_FIELDS];
        event.extras.fill(Extra::Null);
        event.undeclared = 0;
    }

    /// Sets kind and time, and keeps what was set before.
    pub fn stamp(&mut self, kind: Kind, time_us: i64) -> Result<(), EventError> {
        self.0.kind = kind;
        self.0.time_us = timed("time_us", time_us)?;
        Ok(())
    }

    /// Sets a text field, checked against its form; empty text is bad input. Lists of words are joined by commas.
    pub fn text(&mut self, field: TextField, text: &str) -> Result<(), EventError> {
        check_text(field.name(), field.form(), text)?;
        self.0.texts[field as usize] = self.push(text);
        Ok(())
    }

    /// Sets when the way in received it.
    pub fn received_us(&mut self, received_us: i64) -> Result<(), EventError> {
        self.0.received_us = Some(timed("received_us", received_us)?);
        Ok(())
    }

    /// Sets the amount in minor units.
    pub fn amount(&mut self, minor: i64, currency: Currency) -> Result<(), EventError> {
        self.0.amount = Some(Money::new(minor, currency)?);
        Ok(())
    }

    /// Sets the rate of the amount's currency, from its text: units of the rule set's currency for a whole unit.
    pub fn rate(&mut self, text: &str) -> Result<(), EventError> {
        self.0.rate = Some(Rate::parse(text)?);
        Ok(())
    }

    /// Sets where it happened, in degrees.
    pub fn location(&mut self, latitude: f64, longitude: f64) -> Result<(), EventError> {
        if !((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)) {
            return Err(EventError::BadLocation);
        }
        self.0.latitude_longitude = Some((latitude, longitude));
        Ok(())
    }

    /// Sets whether payer and payee are the same owner.
    pub fn same_owner(&mut self, same: bool) {
        self.0.same_owner = Some(same);
    }

    /// Sets the level of a list entry.
    pub fn level(&mut self, level: i64) {
        self.0.level = Some(level);
    }

    /// Sets when a list entry ends.
    pub fn expires_us(&mut self, expires_us: i64) -> Result<(), EventError> {
        self.0.expires_us = Some(timed("expires_us", expires_us)?);
        Ok(())
    }

    /// Sets an extra field. One that no rule file declares is not kept, but tells this event from another of its id.
    pub fn extra(&mut self, name: &str, value: ExtraValue<'_>) -> Result<(), EventError> {
        let Some((position, ty)) = self.0.schema.find(name) else {
            let bits = match value {
                ExtraValue::Text(text) => FixedState::with_seed(3).hash_one((name, text)),
                ExtraValue::Whole(value) => FixedState::with_seed(4).hash_one((name, value)),
                ExtraValue::Decimal(value) => FixedState::with_seed(5).hash_one((name, value.to_bits())),
                ExtraValue::Boolean(value) => FixedState::with_seed(6).hash_one((name, value)),
            };
            // Addition, so that the order of the fields in the line does not matter.
            self.0.undeclared = self.0.undeclared.wrapping_add(bits);
            return Ok(());
        };
        self.set_extra(position, name, ty, value)
    }

    /// Sets a declared extra field by its position in the schema.
    pub(crate) fn extra_at(&mut self, position: usize, value: ExtraValue<'_>) -> Result<(), EventError> {
        let schema = Arc::clone(&self.0.schema);
        let Some((name, ty)) = schema.fields().get(position) else { return Ok(()) };
        self.set_extra(position, name, *ty, value)
    }

    fn set_extra(
        &mut self,
        position: usize,
        name: &str,
        ty: ExtraType,
        value: ExtraValue<'_>,
    ) -> Result<(), EventError> {
        self.0.extras[position] = match (ty, value) {
            (ExtraType::Text | ExtraType::Identifier, ExtraValue::Text(text)) => {
                check_text(name, ty.form().unwrap_or(Form::Free), text)?;
                Extra::Text(self.push(text))
            }
            (ExtraType::Boolean, ExtraValue::Boolean(value)) => Extra::Boolean(value),
            (ExtraType::Decimal, ExtraValue::Decimal(value)) if value.is_finite() => Extra::Decimal(value),
            (ExtraType::Decimal, ExtraValue::Whole(value)) => Extra::Decimal(value as f64),
            (ExtraType::Time, ExtraValue::Whole(value)) if check_time(value).is_ok() => Extra::Whole(value),
            (ExtraType::Integer | ExtraType::Money | ExtraType::Duration, ExtraValue::Whole(value)) => {
                Extra::Whole(value)
            }
            _ => return Err(EventError::BadExtra { field: name.to_owned(), expected: ty.name() }),
        };
        Ok(())
    }

    /// Becomes another event with other texts in place of its identifiers, which `other` puts behind a text, and without what
    /// no rule file declares. `entry` says whether the entry of a list is one.
    pub(crate) fn retell(
        &mut self,
        sent: &Event,
        entry: bool,
        mut other: impl FnMut(&str, &mut String),
    ) -> Result<&Event, EventError> {
        let event = &mut self.0;
        event.become_as(sent);
        event.buffer.clear();
        event.undeclared = 0;
        let mut put = |text: &str, is_identifier: bool| {
            let start = event.buffer.len() as u32;
            if is_identifier {
                other(text, &mut event.buffer)
            } else {
                event.buffer.push_str(text)
            }
            Span { start, end: event.buffer.len() as u32 }
        };
        for &field in TextField::ALL {
            if let Some(text) = sent.text(field) {
                let is_identifier = field.is_identifier() && (entry || field != TextField::Entry);
                event.texts[field as usize] = put(text, is_identifier);
            }
        }
        for (position, extra) in event.extras.iter_mut().enumerate() {
            if let Some(ExtraValue::Text(text)) = sent.extra(position) {
                *extra = Extra::Text(put(text, sent.schema.is_identifier(position)));
            }
        }
        self.seal()
    }

    /// Checks that the event is whole and gives it. It stays valid until the next [`Draft::begin`] or [`Draft::clear`].
    pub fn seal(&mut self) -> Result<&Event, EventError> {
        let event = &mut self.0;
        let kind = event.kind;
        let missing = |field| EventError::Missing { kind: kind.name(), field };
        let (needs_amount, needed) = kind.required();
        if needs_amount && event.amount.is_none() {
            return Err(missing("amount_minor"));
        }
        if event.rate.is_some() && event.amount.is_none() {
            return Err(EventError::RateAlone);
        }
        for &field in [TextField::Id].iter().chain(needed) {
            if event.text(field).is_none() {
                return Err(missing(field.name()));
            }
        }
        event.identity = identity(event.text(TextField::Tenant), event.id());
        let mut hasher = FixedState::with_seed(7).build_hasher();
        event.hash_content(&mut hasher);
        event.fingerprint = hasher.finish();
        Ok(event)
    }

    /// Says what was made of an amount that came in another currency.
    pub(crate) fn set_converted(&mut self, converted: Option<Conversion>) {
        self.0.converted = converted;
    }

    /// A text field as it is set so far.
    pub fn peek(&self, field: TextField) -> Option<&str> {
        self.0.text(field)
    }

    /// The event that was sealed last.
    pub(crate) fn sealed(&self) -> &Event {
        &self.0
    }

    fn push(&mut self, text: &str) -> Span {
        let start = self.0.buffer.len() as u32;
        self.0.buffer.push_str(text);
        Span { start, end: self.0.buffer.len() as u32 }
    }
}

fn timed(field: &'static str, time_us: i64) -> Result<i64, EventError> {
    check_time(time_us).map_err(|source| EventError::Time { field, source })
}

/// Checks the text of a field: what no event can have is bad everywhere.
pub(crate) fn check_text(field: &str, form: Form, text: &str) -> Result<(), EventError> {
    let bad = |found: String, expected: String| {
        Err(EventError::BadText { field: field.to_owned(), found, expected })
    };
    if text.is_empty() {
        return bad("empty".to_owned(), "leave it out where there is none".to_owned());
    }
    if text.len() > TEXT_BYTES_MAX {
        return bad(format!("{} bytes long", text.len()), format!("at most {TEXT_BYTES_MAX} are taken"));
    }
    let shown = || match form {
        Form::Identifier => format!("a text of {} bytes that is not shown", text.len()),
        _ => format!("`{}`", text.escape_debug()),
    };
    if text.bytes().any(|b| b.is_ascii_control()) {
        return bad(shown(), "control characters are not taken".to_owned());
    }
    match form {
        Form::Free | Form::Identifier => Ok(()),
        Form::OneOf(words) if words.contains(&text) => Ok(()),
        Form::OneOf(words) => bad(shown(), format!("it must be one of {}", words.join(", "))),
        Form::Words => {
            let word = |w: &str| {
                !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            };
            if text.split(',').all(word) {
                Ok(())
            } else {
                bad(shown(), "it must be words of a-z, 0-9 and _".to_owned())
            }
        }
        Form::Ip if text.parse::<std::net::IpAddr>().is_ok() => Ok(()),
        Form::Ip => bad(shown(), "it must be an IPv4 or IPv6 address".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft::new(Arc::new(Schema::new(vec![("balance".to_owned(), ExtraType::Money)])))
    }

    #[test]
    fn a_transaction_needs_an_id_and_an_amount() {
        let mut draft = draft();
        draft.begin(Kind::Transaction, 1).unwrap();
        draft.text(TextField::Id, "t1").unwrap();
        assert_eq!(
            draft.seal().unwrap_err(),
            EventError::Missing { kind: "transaction", field: "amount_minor" }
        );
        draft.amount(5, Currency::VND).unwrap();
        let event = draft.seal().unwrap();
        assert_eq!((event.id(), event.text(TextField::Account)), ("t1", None));
    }

    #[test]
    fn a_retry_has_the_same_fingerprint_and_other_content_another() {
        let make = |amount, received, extra| {
            let mut draft = draft();
            draft.begin(Kind::Transaction, 1).unwrap();
            draft.text(TextField::Id, "t1").unwrap();
            draft.amount(amount, Currency::VND).unwrap();
            draft.received_us(received).unwrap();
            draft.extra("colour", ExtraValue::Text(extra)).unwrap();
            let event = draft.seal().unwrap();
            (event.identity(), event.fingerprint())
        };
        assert_eq!(make(5, 1, "red"), make(5, 2, "red"));
        assert_eq!(make(5, 1, "red").0, make(6, 1, "red").0);
        assert_ne!(make(5, 1, "red").1, make(6, 1, "red").1);
        assert_ne!(make(5, 1, "red").1, make(5, 1, "blue").1);
    }

    #[test]
    fn texts_are_checked_against_their_form() {
        let mut draft = draft();
        draft.begin(Kind::Change, 1).unwrap();
        assert!(draft.text(TextField::What, "shoe").is_err());
        assert!(draft.text(TextField::Ip, "10.0.0").is_err());
        assert!(draft.text(TextField::Methods, "fido,").is_err());
        assert!(draft.text(TextField::Methods, "fido,sms_otp").is_ok());
        assert!(draft.text(TextField::Id, "a\u{0}b").is_err());
        assert!(draft.text(TextField::Id, &"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        assert!(draft.extra("balance", ExtraValue::Decimal(1.5)).is_err());
    }
}
