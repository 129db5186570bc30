//! The tables of a mapping file, read key by key, so that a message can name the key and what was meant.

use toml::{Table, Value};

use super::error::MappingError;
use super::mapping::{CurrencyFrom, Entry, Origin, Unit};
use super::names::{did_you_mean, shown};
use crate::event::{Kind, TextField};
use crate::money::{self, Decimals};
use crate::time::parse_time;

const TIME_UNITS: [(&str, Unit); 3] =
    [("us", Unit::Microseconds), ("ms", Unit::Milliseconds), ("s", Unit::Seconds)];
const MONEY_UNITS: [(&str, Unit); 2] = [("minor", Unit::Minor), ("major", Unit::Major)];

const A_TABLE: &str = "a table such as { column = \"ID\" }";

const WORD_KEYS: &[&str] = &["column", "value", "values"];

/// A table of the mapping, with its path.
pub(super) struct Section<'a> {
    pub(super) path: String,
    pub(super) table: &'a Table,
}

impl<'a> Section<'a> {
    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { shown(name) } else { format!("{}.{}", self.path, shown(name)) }
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), MappingError> {
        match self.table.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let hint = did_you_mean(key, known.iter().copied());
                Err(MappingError::UnknownKey { key: self.path(key), hint })
            }
        }
    }

    pub(super) fn unknown_text(&self, name: &str) -> MappingError {
        let hint = if name == "id" {
            "; it stands at the top of the mapping".to_owned()
        } else {
            did_you_mean(name, TextField::ALL.iter().map(|field| field.name()))
        };
        MappingError::UnknownKey { key: self.path.clone(), hint }
    }

    fn section(&self, name: &str) -> Result<Option<Self>, MappingError> {
        match self.table.get(name) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Section { path: self.path(name), table })),
            Some(other) => Err(self.bad(name, other, A_TABLE)),
        }
    }

    pub(super) fn members(&self, name: &str) -> Result<Vec<(&'a str, Self)>, MappingError> {
        let Some(section) = self.section(name)? else { return Ok(Vec::new()) };
        let member = |(name, value): (&'a String, &'a Value)| match value {
            Value::Table(table) => Ok((name.as_str(), Section { path: section.path(name), table })),
            other => Err(section.bad(name, other, A_TABLE)),
        };
        section.table.iter().map(member).collect()
    }

    pub(super) fn maybe(&self, name: &str, known: &[&str]) -> Result<Option<Entry>, MappingError> {
        self.section(name)?.map(|section| section.entry(known)).transpose()
    }

    pub(super) fn need(&self, name: &str, known: &[&str], why: &'static str) -> Result<Entry, MappingError> {
        self.maybe(name, known)?.ok_or_else(|| missing(&self.path(name), why))
    }

    pub(super) fn kind(&self) -> Result<Entry, MappingError> {
        let why = "every event needs a kind, such as kind = \"transaction\"";
        let entry = match self.table.get("kind") {
            Some(Value::String(word)) => Entry::new("kind".to_owned(), Origin::Constant(word.clone())),
            _ => self.need("kind", WORD_KEYS, why)?,
        };
        let constant = match &entry.from {
            Origin::Constant(word) => Some(word),
            Origin::Column(_) => None,
        };
        for word in entry.values.values().chain(constant) {
            if Kind::from_name(word).is_none() {
                let expected = format!("a kind of event{}", did_you_mean(word, Kind::ALL.map(Kind::name)));
                return Err(MappingError::BadValue { key: entry.key, found: quoted(word), expected });
            }
        }
        Ok(entry)
    }

    pub(super) fn entry(&self, known: &[&str]) -> Result<Entry, MappingError> {
        self.only(known)?;
        let from = match (self.text("column")?, self.table.get("value")) {
            (Some(column), None) => Origin::Column(column.to_owned()),
            (None, Some(value)) => Origin::Constant(self.constant(value)?),
            (Some(_), Some(_)) => {
                return Err(misplaced(&self.path("value"), "a field has a column or a constant, not both"));
            }
            (None, None) => {
                return Err(missing(&self.path("column"), "a field comes from a column or a value"));
            }
        };
        let mut entry = Entry::new(self.path.clone(), from);
        entry.prefix = self.text("prefix")?.unwrap_or_default().to_owned();
        if let Some(values) = self.section("values")? {
            for (text, word) in values.table {
                entry.values.insert(text.clone(), values.constant(word)?);
            }
        }
        entry.unit = self.unit(known)?;
        if let Some(since) = self.table.get("since") {
            entry.since_us = parse_time(&self.constant(since)?).map_err(|e| MappingError::BadValue {
                key: self.path("since"),
                found: "not a time".to_owned(),
                expected: format!("a time ({e})"),
            })?;
        }
        entry.currency = self.currency()?;
        match self.table.get("round") {
            None | Some(Value::Boolean(false)) => {}
            Some(Value::Boolean(true)) => entry.decimals = Decimals::Round,
            Some(other) => return Err(self.bad("round", other, "true or false")),
        }
        Ok(entry)
    }

    fn unit(&self, known: &[&str]) -> Result<Option<Unit>, MappingError> {
        let (time, money) = (known.contains(&"since"), known.contains(&"round"));
        let units = || {
            let times = TIME_UNITS.into_iter().filter(move |_| time);
            times.chain(MONEY_UNITS.into_iter().filter(move |_| money))
        };
        match (self.text("unit")?, self.text("format")?) {
            (None, None) => Ok(None),
            (None, Some("rfc3339")) => Ok(Some(Unit::Rfc3339)),
            (None, Some(other)) => Err(MappingError::BadValue {
                key: self.path("format"),
                found: quoted(other),
                expected: "`rfc3339`".to_owned(),
            }),
            (Some(_), Some(_)) => {
                Err(misplaced(&self.path("unit"), "a time has a unit or a format, not both"))
            }
            (Some(word), None) => match units().find(|&(name, _)| name == word) {
                Some((_, unit)) => Ok(Some(unit)),
                None => Err(MappingError::BadValue {
                    key: self.path("unit"),
                    found: quoted(word),
                    expected: format!(
                        "one of {}",
                        units().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
                    ),
                }),
            },
        }
    }

    fn currency(&self) -> Result<Option<CurrencyFrom>, MappingError> {
        match self.table.get("currency") {
            None => Ok(None),
            Some(Value::String(code)) => match money::currency(code) {
                Ok(currency) => Ok(Some(CurrencyFrom::Constant(currency))),
                Err(_) => Err(MappingError::BadValue {
                    key: self.path("currency"),
                    found: quoted(code),
                    expected: "an ISO 4217 code such as VND, or { column = \"..\" }".to_owned(),
                }),
            },
            Some(_) => {
                Ok(self.maybe("currency", WORD_KEYS)?.map(|entry| CurrencyFrom::Column(Box::new(entry))))
            }
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, MappingError> {
        match self.table.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.bad(name, other, "a text in quotes")),
        }
    }

    /// A constant as a cell would have it.
    fn constant(&self, value: &Value) -> Result<String, MappingError> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Integer(value) => Ok(value.to_string()),
            Value::Float(value) => Ok(value.to_string()),
            Value::Boolean(value) => Ok(value.to_string()),
            Value::Datetime(value) => Ok(value.to_string()),
            Value::Array(_) | Value::Table(_) => {
                Err(self.bad("value", value, "a text, a number, true, false or a time"))
            }
        }
    }

    fn bad(&self, name: &str, found: &Value, expected: &str) -> MappingError {
        let found = match found {
            Value::Table(_) => "a table".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::String(text) => quoted(text),
            other => format!("`{}`", shown(&other.to_string())),
        };
        MappingError::BadValue { key: self.path(name), found, expected: expected.to_owned() }
    }
}

fn quoted(text: &str) -> String {
    format!("`{}`", shown(text))
}

/// A key that is needed is not there.
pub(super) fn missing(key: &str, why: &'static str) -> MappingError {
    MappingError::Missing { key: key.to_owned(), why }
}

/// A key where it means nothing.
pub(super) fn misplaced(key: &str, why: &'static str) -> MappingError {
    MappingError::Misplaced { key: key.to_owned(), why }
}
