//! Events from JSON lines, straight into a draft.
//!
//! Promises that a whole number never passes through a float, that no key is ignored or taken twice, and that a
//! line without escapes costs no allocation.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::error::Reason;
use super::names::{currency_of, did_you_mean, kind_of, shown};
use super::nested::{Extras, Scratch, Words};
use super::scalar::{Scalar, Take, stop};
use super::secrets::is_secret;
use super::{DEPTH_MAX, EXTRAS_MAX};
use crate::event::{Draft, EventError, ExtraValue, Form, Kind, Schema, TextField};
use crate::money::Currency;

/// A key of an event in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Kind,
    Time,
    Received,
    Amount,
    Currency,
    Rate,
    Text(TextField),
    SameOwner,
    Latitude,
    Longitude,
    Level,
    Expires,
    Extra,
    /// None of an event's; see [`Parser::keep_unknown`].
    Unknown,
}

const OTHER_KEYS: [(&str, Key); 12] = [
    ("kind", Key::Kind),
    ("time_us", Key::Time),
    ("received_us", Key::Received),
    ("amount_minor", Key::Amount),
    ("currency", Key::Currency),
    ("rate", Key::Rate),
    ("same_owner", Key::SameOwner),
    ("latitude", Key::Latitude),
    ("longitude", Key::Longitude),
    ("level", Key::Level),
    ("expires_us", Key::Expires),
    ("extra", Key::Extra),
];

/// Every key of an event, but for those that nobody knows.
pub(super) fn known_keys() -> impl Iterator<Item = (&'static str, Key)> {
    keys().map(|(name, (key, _))| (name, key))
}

/// Every key with its bit in the set of those seen.
fn keys() -> impl Iterator<Item = (&'static str, (Key, u64))> {
    let texts = TextField::ALL.iter().map(|&field| (field.name(), Key::Text(field)));
    OTHER_KEYS.into_iter().chain(texts).enumerate().map(|(bit, (name, key))| (name, (key, 1 << bit)))
}

/// Reads lines into drafts; its buffers are used again for the next line.
pub(super) struct Parser {
    keys: HashMap<&'static str, (Key, u64), FixedState>,
    scratch: Scratch,
    keeps_unknown: bool,
}

impl Parser {
    pub(super) fn new() -> Self {
        Self { keys: keys().collect(), scratch: Scratch::default(), keeps_unknown: false }
    }

    /// Takes keys from now on that events don't have, as extra fields that no rule file declares: they tell this event
    /// from another of its id, and are nothing else.
    pub(super) fn keep_unknown(&mut self) {
        self.keeps_unknown = true;
    }

    /// From now on extra fields whose names say that they hold a secret are refused.
    pub(super) fn refuse_secrets(&mut self) {
        self.scratch.refuses_secrets = true;
    }

    /// Sets all that the line says, which may leave out a kind that is known; whether it is a whole event, [`Draft::seal`]
    /// tells.
    pub(super) fn parse(
        &mut self,
        line: &[u8],
        known: Option<Kind>,
        schema: &Schema,
        draft: &mut Draft,
    ) -> Result<(), Reason> {
        let text = std::str::from_utf8(line).map_err(|e| Reason::NotUtf8 { at: e.valid_up_to() + 1 })?;
        draft.clear();
        self.scratch.reason.replace(None);
        let mut json = serde_json::Deserializer::from_str(text);
        let keeps_unknown = self.keeps_unknown;
        let scratch = &mut self.scratch;
        let visitor = LineVisitor { keys: &self.keys, keeps_unknown, known, scratch, schema, draft };
        let parsed = json.deserialize_any(visitor).and_then(|()| json.end());
        match (self.scratch.reason.take(), parsed) {
            (Some(reason), _) => Err(reason),
            (None, Err(error)) => Err(json_reason(&error)),
            (None, Ok(())) => Ok(()),
        }
    }
}

pub(super) fn json_reason(error: &serde_json::Error) -> Reason {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = match error.classify() {
        // Values of a wrong type inside the object have reasons of their own.
        Category::Data => "a line holds one JSON object",
        Category::Io | Category::Syntax | Category::Eof => text.strip_suffix(&position).unwrap_or(&text),
    };
    Reason::Json { message: message.to_owned(), at: error.column() }
}

struct LineVisitor<'a> {
    keys: &'a HashMap<&'static str, (Key, u64), FixedState>,
    keeps_unknown: bool,
    known: Option<Kind>,
    scratch: &'a mut Scratch,
    schema: &'a Schema,
    draft: &'a mut Draft,
}

impl LineVisitor<'_> {
    fn key(&self, name: &str) -> Result<(Key, u64), Reason> {
        if let Some(key) = self.keys.get(name) {
            return Ok(*key);
        }
        if is_secret(name) {
            return Err(Reason::Secret { key: shown(name) });
        }
        let is_extra = self.schema.find(name).is_some();
        if self.keeps_unknown && !is_extra {
            return Ok((Key::Unknown, 0));
        }
        let hint = if is_extra {
            "; it is an extra field: put it inside `extra`".to_owned()
        } else {
            did_you_mean(name, keys().map(|(name, _)| name))
        };
        Err(Reason::UnknownKey { key: shown(name), hint })
    }
}

/// How many lists and objects of a JSON value are open at one time at most.
fn depth(json: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                open += 1;
                most = most.max(open);
            }
            b']' | b'}' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// The parts that come in pairs, or are needed.
#[derive(Default)]
struct Parts {
    kind: Option<Kind>,
    time_us: Option<i64>,
    amount: Option<i64>,
    currency: Option<Currency>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl<'de> Visitor<'de> for LineVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut parts = Parts::default();
        let mut seen: u64 = 0;
        let mut unknown: Vec<String> = Vec::new();
        loop {
            let find = |name: Scalar<'_>| match name {
                Scalar::Text(name) => {
                    let (key, bit) = self.key(name)?;
                    if seen & bit != 0 {
                        return Err(Reason::Twice { key: name.to_owned() });
                    }
                    seen |= bit;
                    if key == Key::Unknown {
                        if unknown.iter().any(|held| held == name) {
                            return Err(Reason::Twice { key: shown(name) });
                        }
                        if unknown.len() == EXTRAS_MAX {
                            return Err(Reason::TooManyExtras);
                        }
                        unknown.push(name.to_owned());
                    }
                    Ok(key)
                }
                other => Err(other.wrong("key", "a text")),
            };
            let Some(key) = map.next_key_seed(Take { reason: &self.scratch.reason, take: find })? else {
                break;
            };
            let (draft, reason) = (&mut *self.draft, &self.scratch.reason);
            match key {
                Key::Extra => {
                    let (scratch, schema) = (&mut *self.scratch, self.schema);
                    map.next_value_seed(Extras { scratch, schema, draft })?;
                }
                Key::Unknown => {
                    let value: &RawValue = map.next_value()?;
                    let name = unknown.last().map(String::as_str).unwrap_or_default();
                    // A value that is kept as it stands is not bounded by who parses it.
                    if 1 + depth(value.get()) > DEPTH_MAX {
                        return Err(stop(reason, Reason::TooDeep { key: shown(name) }));
                    }
                    // What is null says nothing, here as elsewhere.
                    if value.get() != "null" {
                        let told = draft.extra(name, ExtraValue::Text(value.get()));
                        told.map_err(|error| stop(reason, error.into()))?;
                    }
                }
                Key::Text(field) if field.form() == Form::Words => {
                    map.next_value_seed(Words { reason, words: &mut self.scratch.words, field, draft })?;
                }
                Key::Text(field) => {
                    let take = |value: Scalar<'_>| match value {
                        Scalar::Null => Ok(()),
                        Scalar::Text(text) => Ok(draft.text(field, text)?),
                        other => Err(other.wrong(field.name(), "a text")),
                    };
                    map.next_value_seed(Take { reason, take })?;
                }
                _ => {
                    let take = |value: Scalar<'_>| plain(key, value, &mut parts, draft);
                    map.next_value_seed(Take { reason, take })?;
                }
            }
        }
        parts.join(self.known, self.draft).map_err(|reason| stop(&self.scratch.reason, reason))
    }
}

fn plain(key: Key, value: Scalar<'_>, parts: &mut Parts, draft: &mut Draft) -> Result<(), Reason> {
    match key {
        Key::Kind => parts.kind = kind(value)?,
        Key::Time => parts.time_us = value.whole("time_us")?,
        Key::Received => {
            if let Some(received_us) = value.whole("received_us")? {
                draft.received_us(received_us)?;
            }
        }
        Key::Amount => parts.amount = value.whole("amount_minor")?,
        Key::Currency => parts.currency = currency(value)?,
        Key::Rate => match value {
            Scalar::Null => {}
            Scalar::Text(text) => draft.rate(text)?,
            other => return Err(other.wrong("rate", "a text such as \"25400.5\", so that it stays exact")),
        },
        Key::SameOwner => {
            if let Some(same) = value.boolean("same_owner")? {
                draft.same_owner(same);
            }
        }
        Key::Latitude => parts.latitude = value.decimal("latitude")?,
        Key::Longitude => parts.longitude = value.decimal("longitude")?,
        Key::Level => {
            if let Some(level) = value.whole("level")? {
                draft.level(level);
            }
        }
        Key::Expires => {
            if let Some(expires_us) = value.whole("expires_us")? {
                draft.expires_us(expires_us)?;
            }
        }
        // Read by seeds of their own.
        Key::Text(_) | Key::Extra | Key::Unknown => {}
    }
    Ok(())
}

impl Parts {
    fn join(self, known: Option<Kind>, draft: &mut Draft) -> Result<(), Reason> {
        let kind = match (self.kind, known) {
            (Some(said), Some(known)) if said != known => {
                return Err(Reason::Kind { said: said.name(), known: known.name() });
            }
            (said, known) => said.or(known).ok_or(Reason::Missing { key: "kind" })?,
        };
        draft.stamp(kind, self.time_us.ok_or(Reason::Missing { key: "time_us" })?)?;
        match (self.amount, self.currency) {
            (Some(minor), Some(currency)) => draft.amount(minor, currency).map_err(|e| match e {
                EventError::Money(source) => Reason::Money { key: "amount_minor".to_owned(), source },
                other => other.into(),
            })?,
            (Some(_), None) => return Err(Reason::Apart { there: "amount_minor", missing: "currency" }),
            (None, Some(_)) => return Err(Reason::Apart { there: "currency", missing: "amount_minor" }),
            (None, None) => {}
        }
        match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => draft.location(latitude, longitude)?,
            (Some(_), None) => return Err(Reason::Apart { there: "latitude", missing: "longitude" }),
            (None, Some(_)) => return Err(Reason::Apart { there: "longitude", missing: "latitude" }),
            (None, None) => {}
        }
        Ok(())
    }
}

fn kind(value: Scalar<'_>) -> Result<Option<Kind>, Reason> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(word) => kind_of(word).map(Some),
        other => Err(other.wrong("kind", "a text")),
    }
}

fn currency(value: Scalar<'_>) -> Result<Option<Currency>, Reason> {
    match value {
        Scalar::Null => Ok(None),
        Scalar::Text(code) => currency_of("currency", code).map(Some),
        other => Err(other.wrong("currency", "a text")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Event;

    fn parse(line: &str) -> Result<Event, Reason> {
        let schema = Arc::new(Schema::default());
        let mut draft = Draft::new(Arc::clone(&schema));
        Parser::new().parse(line.as_bytes(), None, &schema, &mut draft)?;
        Ok(draft.seal()?.clone())
    }

    #[test]
    fn keys_stand_in_any_order() {
        let first = parse(
            r#"{"kind":"login","time_us":7,"id":"a","result":"failed","methods":["x","y"],"extra":{"p":1,"q":2}}"#,
        );
        let last = parse(
            r#"{"extra":{"q":2,"p":1},"methods":["x","y"],"result":"failed","id":"a","time_us":7,"kind":"login"}"#,
        );
        let (first, last) = (first.unwrap(), last.unwrap());
        assert_eq!(
            (first.kind(), first.time_us(), first.text(TextField::Methods)),
            (Kind::Login, 7, Some("x,y"))
        );
        assert_eq!((first.identity(), first.fingerprint()), (last.identity(), last.fingerprint()));
    }

    #[test]
    fn nothing_is_left_of_the_line_before() {
        let schema = Schema::default();
        let (mut parser, mut draft) = (Parser::new(), Draft::new(Arc::new(schema.clone())));
        let rich = br#"{"kind":"clock","id":"a","time_us":7,"account":"b","level":3,"same_owner":true,"expires_us":9,"methods":7}"#;
        assert!(parser.parse(rich, None, &schema, &mut draft).is_err());
        parser.parse(br#"{"kind":"clock","id":"a","time_us":7}"#, None, &schema, &mut draft).unwrap();
        let event = draft.seal().unwrap();
        assert_eq!((event.text(TextField::Account), event.level(), event.expires_us()), (None, None, None));
        assert_eq!(event.same_owner(), None);
    }

    #[test]
    fn what_no_event_has_is_kept_where_it_is_asked_for() {
        let schema = Arc::new(Schema::new(vec![("ours".to_owned(), crate::event::ExtraType::Integer)]));
        let mut parser = Parser::new();
        let mut draft = Draft::new(Arc::clone(&schema));
        let mut read = |parser: &mut Parser, rest: &str| {
            let line = format!(r#"{{"kind":"clock","time_us":7,"id":"a"{rest}}}"#);
            parser.parse(line.as_bytes(), None, &schema, &mut draft)?;
            Ok::<_, Reason>(draft.seal()?.clone())
        };
        let plain = read(&mut parser, "").unwrap();
        let theirs = r#","theirs":{"deep":[1,{"er":"x"}]},"more":[1,2],"none":null"#;
        assert!(read(&mut parser, theirs).is_err());
        parser.keep_unknown();
        let kept = read(&mut parser, theirs).unwrap();
        assert_eq!(kept.identity(), plain.identity());
        assert_ne!(kept.fingerprint(), plain.fingerprint(), "the same id with other content is told");
        let same = r#","more":[1,2],"theirs":{"deep":[1,{"er":"x"}]}"#;
        assert_eq!(read(&mut parser, same).unwrap().fingerprint(), kept.fingerprint());
        for wrong in [r#","ours":1"#, r#","a":1,"a":2"#, r#","account":1"#, r#","a":{"b":"#] {
            assert!(read(&mut parser, wrong).is_err(), "{wrong}");
        }
        let many: String = (0..=EXTRAS_MAX).map(|at| format!(",\"x{at}\":1")).collect();
        assert!(matches!(read(&mut parser, &many), Err(Reason::TooManyExtras)));
    }

    #[test]
    fn no_value_is_nested_deeper_than_is_said() {
        let schema = Arc::new(Schema::default());
        let mut draft = Draft::new(Arc::clone(&schema));
        let (mut keeping, mut strict) = (Parser::new(), Parser::new());
        keeping.keep_unknown();
        let line = |key: &str, open: &str, value: &str, close: &str, deep: usize| {
            let (open, close) = (open.repeat(deep), close.repeat(deep));
            format!(r#"{{"kind":"clock","time_us":7,"id":"a","{key}":{open}{value}{close}}}"#)
        };
        for (open, value, close, levels) in
            [("[", "1", "]", 1), ("{\"a\":", "\"]]}}\\\"[[{\"", "}", 1), ("[{\"[\":", "1", "}]", 2)]
        {
            let most = (DEPTH_MAX - 1) / levels;
            let mut of = |deep| {
                let line = line("theirs", open, value, close, deep);
                keeping.parse(line.as_bytes(), None, &schema, &mut draft)
            };
            assert!(of(most).is_ok());
            assert_eq!(of(most + 1), Err(Reason::TooDeep { key: "theirs".to_owned() }));
            assert!(of(50_000).is_err());
            for key in ["theirs", "extra", "methods", "id"] {
                let line = line(key, open, value, close, 50_000);
                assert!(strict.parse(line.as_bytes(), None, &schema, &mut draft).is_err(), "{key}");
            }
        }
    }

    #[test]
    fn every_key_has_a_bit_of_its_own() {
        let mut bits: Vec<u64> = keys().map(|(_, (_, bit))| bit).collect();
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), OTHER_KEYS.len() + TextField::ALL.len());
        assert_eq!(Parser::new().keys.len(), bits.len());
    }
}
