//! The two JSON values of an event that hold others: lists of words, and the extra fields.

use std::cell::RefCell;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::EXTRAS_MAX;
use super::error::Reason;
use super::names::shown;
#[cfg(feature = "backtest")]
use super::ndjson::json_reason;
use super::scalar::{Scalar, Take, refuse_scalars, stop};
use super::secrets::is_secret;
use crate::event::{Draft, ExtraType, ExtraValue, Schema, TextField};

/// Buffers used again for every line.
#[derive(Default)]
pub(super) struct Scratch {
    /// Why parsing stopped, where the JSON itself is right.
    pub(super) reason: RefCell<Option<Reason>>,
    pub(super) words: String,
    /// Whether no field may hold a secret.
    pub(super) refuses_secrets: bool,
    name: String,
    names_seen: Vec<u64>,
}

/// A list of words.
pub(super) struct Words<'a> {
    pub(super) reason: &'a RefCell<Option<Reason>>,
    pub(super) words: &'a mut String,
    pub(super) field: TextField,
    pub(super) draft: &'a mut Draft,
}

const EXTRA_EXPECTED: &str = "an object";
const WORDS_EXPECTED: &str = "a list of words of a-z, 0-9 and _";

impl Words<'_> {
    fn refuse<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        Err(stop(self.reason, value.wrong(self.field.name(), WORDS_EXPECTED)))
    }
}

impl<'de> DeserializeSeed<'de> for Words<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Words<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(WORDS_EXPECTED)
    }

    refuse_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, _object: A) -> Result<(), A::Error> {
        self.refuse(Scalar::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { reason, words, field, draft } = self;
        words.clear();
        loop {
            let take = |value: Scalar<'_>| match value {
                // A comma inside would make two words of one; an empty word would vanish.
                Scalar::Text(word) if !word.is_empty() && !word.contains(',') => {
                    if !words.is_empty() {
                        words.push(',');
                    }
                    words.push_str(word);
                    Ok(())
                }
                other => Err(other.wrong(field.name(), WORDS_EXPECTED)),
            };
            if list.next_element_seed(Take { reason, take })?.is_none() {
                break;
            }
        }
        if words.is_empty() {
            return Ok(());
        }
        draft.text(field, words).map_err(|e| stop(reason, e.into()))
    }
}

/// Reads extra fields that come as a JSON object of their own.
#[cfg(feature = "backtest")]
#[derive(Default)]
pub(crate) struct ExtrasReader(Scratch);

#[cfg(feature = "backtest")]
impl ExtrasReader {
    /// Sets all that the object says.
    pub(crate) fn read(&mut self, json: &str, schema: &Schema, draft: &mut Draft) -> Result<(), Reason> {
        self.0.reason.replace(None);
        let mut json = serde_json::Deserializer::from_str(json);
        let extras = Extras { scratch: &mut self.0, schema, draft };
        let parsed = extras.deserialize(&mut json).and_then(|()| json.end());
        match (self.0.reason.take(), parsed) {
            (Some(reason), _) => Err(reason),
            (None, Err(error)) => Err(json_reason(&error)),
            (None, Ok(())) => Ok(()),
        }
    }
}

/// The object of extra fields.
pub(super) struct Extras<'a> {
    pub(super) scratch: &'a mut Scratch,
    pub(super) schema: &'a Schema,
    pub(super) draft: &'a mut Draft,
}

impl Extras<'_> {
    fn refuse<E: Error>(self, value: Scalar<'_>) -> Result<(), E> {
        Err(stop(&self.scratch.reason, value.wrong("extra", EXTRA_EXPECTED)))
    }
}

impl<'de> DeserializeSeed<'de> for Extras<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Extras<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(EXTRA_EXPECTED)
    }

    refuse_scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, _list: A) -> Result<(), A::Error> {
        self.refuse(Scalar::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { scratch: Scratch { reason, name, names_seen, refuses_secrets, .. }, schema, draft } = self;
        names_seen.clear();
        loop {
            let find = |found: Scalar<'_>| match found {
                Scalar::Text(found) => {
                    name.clear();
                    name.push_str(found);
                    let hash = FixedState::with_seed(0).hash_one(found);
                    if names_seen.contains(&hash) {
                        return Err(Reason::Twice { key: format!("extra.{}", shown(found)) });
                    }
                    if names_seen.len() == EXTRAS_MAX {
                        return Err(Reason::TooManyExtras);
                    }
                    if *refuses_secrets && is_secret(found) {
                        return Err(Reason::Secret { key: format!("extra.{}", shown(found)) });
                    }
                    names_seen.push(hash);
                    Ok(())
                }
                other => Err(other.wrong("extra", EXTRA_EXPECTED)),
            };
            if map.next_key_seed(Take { reason, take: find })?.is_none() {
                return Ok(());
            }
            let take = |value: Scalar<'_>| extra(name, value, schema, draft);
            map.next_value_seed(Take { reason, take })?;
        }
    }
}

fn extra(name: &str, value: Scalar<'_>, schema: &Schema, draft: &mut Draft) -> Result<(), Reason> {
    let value = match value {
        Scalar::Null => return Ok(()),
        Scalar::Text(text) => ExtraValue::Text(text),
        Scalar::Boolean(value) => ExtraValue::Boolean(value),
        Scalar::Whole(value) => ExtraValue::Whole(value),
        Scalar::Decimal(value) => ExtraValue::Decimal(value),
        Scalar::Large(value) if matches!(schema.find(name), Some((_, ExtraType::Decimal))) => {
            ExtraValue::Decimal(value as f64)
        }
        other => {
            let expected = "a text, a number (whole ones of at most 63 bits), true, false or null";
            return Err(other.wrong(&format!("extra.{}", shown(name)), expected));
        }
    };
    Ok(draft.extra(name, value)?)
}
