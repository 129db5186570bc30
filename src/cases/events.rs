//! The events of a case: what it leaves out comes from the defaults, the position or the event before.

use std::sync::Arc;

use toml::{Table, Value};

use super::file::{CasesError, Expectation, Given, text, texts, wrong};
use crate::event::{Draft, EventError, ExtraType, ExtraValue, Form, Kind, TextField};
use crate::money::{Decimals, currency, decimals, parse_major};
use crate::rules::{Kinds, RuleSet};
use crate::time::{DAY_US, SECOND_US, parse_duration, parse_time};

/// Most events that `repeat` may stand for.
const REPEAT_MAX: i64 = 100_000;
/// Noon of Monday, 5 January 2026, UTC.
const MONDAY_US: i64 = 20_458 * DAY_US + DAY_US / 2;

/// Makes the events of one case, in order.
pub(super) struct EventMaker<'a> {
    rules: &'a RuleSet,
    defaults: &'a Table,
    draft: Draft,
    time_us: Option<i64>,
    pub(super) given: Vec<Given>,
}

impl<'a> EventMaker<'a> {
    pub(super) fn new(rules: &'a RuleSet, defaults: &'a Table) -> Self {
        let draft = Draft::new(Arc::clone(&rules.schema));
        Self { rules, defaults, draft, time_us: None, given: Vec::new() }
    }

    /// Adds what one table of `events` stands for.
    pub(super) fn add(
        &mut self,
        number: usize,
        table: &Table,
        expect: Option<Expectation>,
        place: &str,
    ) -> Result<(), CasesError> {
        let duration = |key: &str| -> Result<Option<i64>, CasesError> {
            let Some(value) = table.get(key) else { return Ok(None) };
            let us =
                parse_duration(&text(value, place, key)?).map_err(|error| wrong(place, error.to_string()))?;
            Ok(Some(us))
        };
        // Where a case begins is said once for all of them, or not at all.
        let begin = self.defaults.get("at").filter(|_| self.time_us.is_none());
        let after = duration("after")?;
        let first_us = match (table.get("at").or(begin.filter(|_| after.is_none())), after, self.time_us) {
            (Some(_), Some(_), _) => return Err(wrong(place, "`at` and `after` exclude each other")),
            (Some(at), None, _) => {
                parse_time(&text(at, place, "at")?).map_err(|error| wrong(place, error.to_string()))?
            }
            (None, after, Some(before_us)) => before_us + after.unwrap_or(0),
            (None, after, None) => self.begin_us() + after.unwrap_or(0),
        };
        let repeat = match table.get("repeat") {
            None => 1,
            Some(value) => value
                .as_integer()
                .filter(|times| (1..=REPEAT_MAX).contains(times))
                .ok_or_else(|| wrong(place, format!("`repeat` is a whole number, 1 to {REPEAT_MAX}")))?,
        };
        let every_us = duration("every")?.unwrap_or(0);
        for nth in 0..repeat {
            let time_us = first_us + nth * every_us;
            let id = if nth == 0 { format!("e{number}") } else { format!("e{number}.{}", nth + 1) };
            self.fill(time_us, &id, table, place)?;
            let event = self.draft.seal().map_err(|error| wrong(place, error.to_string()))?.clone();
            let expect = if nth + 1 == repeat { expect.clone() } else { None };
            self.given.push(Given { number, event, expect });
            self.time_us = Some(time_us);
        }
        Ok(())
    }

    /// Nine in the morning of a Monday, in the rule set's time zone: when a case begins that does not say when.
    fn begin_us(&self) -> i64 {
        self.rules.calendar.clone().day(MONDAY_US).start_us + 9 * 3_600 * SECOND_US
    }

    fn fill(&mut self, time_us: i64, id: &str, table: &Table, place: &str) -> Result<(), CasesError> {
        let without = table.get("without").map(|value| texts(value, place, "without")).transpose()?;
        let without = without.unwrap_or_default();
        let left_out = |key: &str| without.iter().any(|name| name == key);
        if let Some(name) = without.iter().find(|name| !self.defaults.contains_key(*name)) {
            return Err(wrong(place, format!("`{name}` is not among the defaults, so nothing is left out")));
        }
        let get = |key: &str| table.get(key).or_else(|| self.defaults.get(key).filter(|_| !left_out(key)));
        let bad = |error: EventError| wrong(place, error.to_string());
        let kind = match get("kind") {
            None => Kind::Transaction,
            Some(value) => {
                let word = text(value, place, "kind")?;
                Kind::from_name(&word).ok_or_else(|| wrong(place, format!("`{word}` is no kind of event")))?
            }
        };
        self.draft.begin(kind, time_us).map_err(bad)?;
        if get("id").is_none() {
            self.draft.text(TextField::Id, id).map_err(bad)?;
        }
        if Kinds::PAYMENTS.contains(kind) && get("amount").is_none() {
            let one = 10i64.pow(decimals(self.rules.currency));
            self.draft.amount(one, self.rules.currency).map_err(bad)?;
        }
        for key in table.keys().chain(self.defaults.keys().filter(|key| !table.contains_key(*key))) {
            let Some(value) = get(key) else { continue };
            match key.as_str() {
                "kind" | "at" | "after" | "repeat" | "every" | "expect" | "currency" | "longitude"
                | "lists" | "rates" | "without" => {}
                "amount" => {
                    let code = get("currency").map(|value| text(value, place, "currency")).transpose()?;
                    let currency = code
                        .map_or(Ok(self.rules.currency), |code| currency(&code))
                        .map_err(|error| wrong(place, error.to_string()))?;
                    let minor = parse_major(&number(value, place, key)?, currency, Decimals::Exact)
                        .map_err(|error| wrong(place, error.to_string()))?;
                    self.draft.amount(minor, currency).map_err(bad)?;
                }
                "rate" => self.draft.rate(&text(value, place, key)?).map_err(bad)?,
                "received" => {
                    let received_us = parse_time(&text(value, place, key)?)
                        .map_err(|error| wrong(place, error.to_string()))?;
                    self.draft.received_us(received_us).map_err(bad)?;
                }
                "expires" => {
                    let expires_us = parse_time(&text(value, place, key)?)
                        .map_err(|error| wrong(place, error.to_string()))?;
                    self.draft.expires_us(expires_us).map_err(bad)?;
                }
                "level" => {
                    let level =
                        value.as_integer().ok_or_else(|| wrong(place, "`level` is a whole number"))?;
                    self.draft.level(level);
                }
                "same_owner" => {
                    let same =
                        value.as_bool().ok_or_else(|| wrong(place, "`same_owner` is true or false"))?;
                    self.draft.same_owner(same);
                }
                "latitude" => {
                    let degrees = |value: Option<&Value>| {
                        value.and_then(|value| value.as_float().or(value.as_integer().map(|n| n as f64)))
                    };
                    let both = degrees(Some(value)).zip(degrees(get("longitude")));
                    let (latitude, longitude) =
                        both.ok_or_else(|| wrong(place, "`latitude` and `longitude` are numbers, together"))?;
                    self.draft.location(latitude, longitude).map_err(bad)?;
                }
                "extra" => {
                    let extras = value.as_table().ok_or_else(|| wrong(place, "`extra` is a table"))?;
                    for (name, value) in extras {
                        self.extra(name, value, place)?;
                    }
                }
                _ => {
                    let field = TextField::from_name(key)
                        .ok_or_else(|| wrong(place, format!("an event has no field `{key}`")))?;
                    let joined = match field.form() {
                        Form::Words => texts(value, place, key)?.join(","),
                        _ => text(value, place, key)?,
                    };
                    self.draft.text(field, &joined).map_err(bad)?;
                }
            }
        }
        Ok(())
    }

    /// Extra money is written in major units and durations and times as text, as in a rule file.
    fn extra(&mut self, name: &str, value: &Value, place: &str) -> Result<(), CasesError> {
        let Some((_, ty)) = self.rules.schema.find(name) else {
            return Err(wrong(place, format!("the rule file declares no field `{name}`")));
        };
        let error = |error: &dyn std::fmt::Display| wrong(place, format!("`{name}`: {error}"));
        let value = match (ty, value) {
            (ExtraType::Money, value) => {
                let major = number(value, place, name)?;
                let minor = parse_major(&major, self.rules.currency, Decimals::Exact);
                ExtraValue::Whole(minor.map_err(|e| error(&e))?)
            }
            (ExtraType::Duration, Value::String(text)) => {
                ExtraValue::Whole(parse_duration(text).map_err(|e| error(&e))?)
            }
            (ExtraType::Time, Value::String(text)) => {
                ExtraValue::Whole(parse_time(text).map_err(|e| error(&e))?)
            }
            (_, Value::String(text)) => ExtraValue::Text(text),
            (_, Value::Integer(whole)) => ExtraValue::Whole(*whole),
            (_, Value::Float(decimal)) => ExtraValue::Decimal(*decimal),
            (_, Value::Boolean(truth)) => ExtraValue::Boolean(*truth),
            _ => return Err(error(&"a text, a number or true or false is expected")),
        };
        self.draft.extra(name, value).map_err(|e| error(&e))
    }
}

/// The text of a number; TOML's floats are written back as short as they were read.
fn number(value: &Value, place: &str, key: &str) -> Result<String, CasesError> {
    match value {
        Value::Integer(whole) => Ok(whole.to_string()),
        Value::Float(decimal) => Ok(decimal.to_string()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(wrong(place, format!("`{key}` is a number"))),
    }
}
