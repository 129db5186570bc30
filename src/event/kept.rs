//! An event put by, in little room, to be looked at again later.
//!
//! Promises that what is taken back out says what was put in, with the same schema. Undeclared fields are not kept, for
//! nothing reads them.

use serde::{Deserialize, Serialize};

use super::{Draft, Event, EventError, ExtraValue, Kind, TEXT_BYTES_MAX, TEXT_FIELDS, TextField};
use crate::money::Currency;

/// Bytes of the longest text that is kept of an event: those of its text fields stand in one.
pub(crate) const KEPT_BYTES_MAX: usize = TEXT_FIELDS * TEXT_BYTES_MAX;

/// An event put by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    time_us: i64,
    received_us: Option<i64>,
    amount_minor: Option<i64>,
    latitude_longitude: Option<(f64, f64)>,
    same_owner: Option<bool>,
    level: Option<i64>,
    expires_us: Option<i64>,
    texts: String,
    /// Text fields in their order, each with where its text ends.
    fields: Vec<(u8, u32)>,
    extras: Vec<(u16, KeptExtra)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum KeptExtra {
    Text(String),
    Whole(i64),
    Decimal(u64),
    Boolean(bool),
}

impl Kept {
    /// Puts an event by, in place of what was there.
    pub fn keep(&mut self, event: &Event) {
        let Self { texts, fields, extras, .. } = self;
        texts.clear();
        fields.clear();
        extras.clear();
        // The room at once, not by doubling.
        let present = || TextField::ALL.iter().filter_map(|&field| event.text(field));
        texts.reserve_exact(present().map(str::len).sum());
        fields.reserve_exact(present().count());
        for &field in TextField::ALL {
            if let Some(text) = event.text(field) {
                texts.push_str(text);
                fields.push((field as u8, texts.len() as u32));
            }
        }
        let positions = 0..event.schema().fields().len();
        extras.reserve_exact(positions.clone().filter(|&position| event.extra(position).is_some()).count());
        for position in positions {
            let Some(value) = event.extra(position) else { continue };
            extras.push((
                position as u16,
                match value {
                    ExtraValue::Text(text) => KeptExtra::Text(text.to_owned()),
                    ExtraValue::Whole(value) => KeptExtra::Whole(value),
                    ExtraValue::Decimal(value) => KeptExtra::Decimal(value.to_bits()),
                    ExtraValue::Boolean(value) => KeptExtra::Boolean(value),
                },
            ));
        }
        self.time_us = event.time_us();
        self.received_us = event.received_us();
        self.amount_minor = event.amount().map(|amount| amount.minor);
        self.latitude_longitude = event.latitude_longitude();
        self.same_owner = event.same_owner();
        (self.level, self.expires_us) = (event.level(), event.expires_us());
    }

    /// A text field.
    pub fn text(&self, wanted: TextField) -> Option<&str> {
        let at = self.fields.iter().position(|&(field, _)| field == wanted as u8)?;
        let start = at.checked_sub(1).map_or(0, |before| self.fields[before].1);
        self.texts.get(start as usize..self.fields[at].1 as usize)
    }

    /// A declared extra field with text, by its position in the schema.
    pub fn extra_text(&self, wanted: usize) -> Option<&str> {
        self.extras.iter().find_map(|(position, value)| match value {
            KeptExtra::Text(text) if usize::from(*position) == wanted => Some(text.as_str()),
            _ => None,
        })
    }

    /// Its amount in minor units.
    pub fn amount_minor(&self) -> Option<i64> {
        self.amount_minor
    }

    /// Takes it out as an event of this kind with amounts in this currency.
    pub fn event<'d>(
        &self,
        kind: Kind,
        currency: Currency,
        draft: &'d mut Draft,
    ) -> Result<&'d Event, EventError> {
        draft.begin(kind, self.time_us)?;
        let mut start = 0;
        for &(field, end) in &self.fields {
            let text = self.texts.get(start as usize..end as usize).unwrap_or_default();
            if let Some(&field) = TextField::ALL.get(usize::from(field)) {
                draft.text(field, text)?;
            }
            start = end;
        }
        self.received_us.map_or(Ok(()), |us| draft.received_us(us))?;
        self.amount_minor.map_or(Ok(()), |minor| draft.amount(minor, currency))?;
        self.latitude_longitude.map_or(Ok(()), |(lat, lon)| draft.location(lat, lon))?;
        self.same_owner.into_iter().for_each(|same| draft.same_owner(same));
        self.level.into_iter().for_each(|level| draft.level(level));
        self.expires_us.map_or(Ok(()), |us| draft.expires_us(us))?;
        for (position, value) in &self.extras {
            let value = match value {
                KeptExtra::Text(text) => ExtraValue::Text(text),
                KeptExtra::Whole(value) => ExtraValue::Whole(*value),
                KeptExtra::Decimal(bits) => ExtraValue::Decimal(f64::from_bits(*bits)),
                KeptExtra::Boolean(value) => ExtraValue::Boolean(*value),
            };
            draft.extra_at(usize::from(*position), value)?;
        }
        draft.seal()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{ExtraType, Schema};

    #[test]
    fn an_event_comes_out_as_it_was_put_by() {
        let types = [("a", ExtraType::Text), ("b", ExtraType::Decimal), ("c", ExtraType::Money)];
        let schema = Schema::new(types.map(|(name, ty)| (name.to_owned(), ty)).to_vec());
        let mut draft = Draft::new(Arc::new(schema));
        draft.begin(Kind::Transaction, 17).unwrap();
        draft.amount(5, Currency::VND).unwrap();
        draft.text(TextField::Payee, "p").unwrap();
        draft.text(TextField::Id, "t1").unwrap();
        draft.text(TextField::Methods, "fido,pin").unwrap();
        draft.location(1.5, -2.5).unwrap();
        draft.same_owner(true);
        draft.extra("a", ExtraValue::Text("red")).unwrap();
        draft.extra("b", ExtraValue::Decimal(0.1)).unwrap();
        let mut again = draft.clone();
        let event = draft.seal().unwrap();
        let mut kept = Kept::default();
        kept.keep(event);
        let out = kept.event(Kind::Transaction, Currency::VND, &mut again).unwrap();
        assert_eq!((out.identity(), out.fingerprint()), (event.identity(), event.fingerprint()));
        assert_eq!((out.latitude_longitude(), out.amount()), (event.latitude_longitude(), event.amount()));
        assert_eq!((kept.extra_text(0), kept.extra_text(1)), (Some("red"), None));
        assert_eq!((kept.text(TextField::Payee), kept.text(TextField::Device)), (Some("p"), None));
    }
}
