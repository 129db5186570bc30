//! A mapping file: which column of a CSV is which event field, and in which unit.
//!
//! Promises that a mapping that reads has no key that nothing uses. Knows columns by name only; what they are
//! in one file, [`super::cells`] finds out.

use std::collections::BTreeMap;

use toml::Table;

use super::error::MappingError;
use super::names::text_field;
use super::section::{Section, misplaced, missing};
use crate::event::TextField;
use crate::money::{Currency, Decimals};

/// Which column of a CSV is which event field.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    pub(super) kind: Entry,
    pub(super) time: Entry,
    pub(super) received: Option<Entry>,
    pub(super) expires: Option<Entry>,
    pub(super) amount: Option<Entry>,
    pub(super) same_owner: Option<Entry>,
    pub(super) level: Option<Entry>,
    pub(super) location: Option<(Entry, Entry)>,
    pub(super) texts: Vec<(TextField, Entry)>,
    pub(super) extras: Vec<(String, Entry)>,
}

/// Where one field comes from, and how its text is to be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its path in the mapping, for messages.
    pub(super) key: String,
    pub(super) from: Origin,
    /// What each text of the column stands for; empty where texts stand for themselves.
    pub(super) values: BTreeMap<String, String>,
    pub(super) prefix: String,
    pub(super) unit: Option<Unit>,
    pub(super) since_us: i64,
    pub(super) currency: Option<CurrencyFrom>,
    pub(super) decimals: Decimals,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Column(String),
    Constant(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum CurrencyFrom {
    Constant(Currency),
    Column(Box<Entry>),
}

/// What a number or a time is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Rfc3339,
    Minor,
    Major,
}

const TEXT_KEYS: &[&str] = &["column", "value", "values", "prefix"];
const WORD_KEYS: &[&str] = &["column", "value", "values"];
const NUMBER_KEYS: &[&str] = &["column", "value"];
const TIME_KEYS: &[&str] = &["column", "value", "unit", "since", "format"];
const AMOUNT_KEYS: &[&str] = &["column", "value", "unit", "currency", "round"];
const EXTRA_KEYS: &[&str] =
    &["column", "value", "values", "prefix", "unit", "since", "format", "currency", "round"];
const TOP_KEYS: &[&str] = &[
    "kind",
    "id",
    "time",
    "received",
    "expires",
    "amount",
    "same_owner",
    "level",
    "latitude",
    "longitude",
    "text",
    "extra",
];

impl Mapping {
    /// Reads the text of a mapping file.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let table: Table = text.parse().map_err(|e: toml::de::Error| MappingError::Toml(e.to_string()))?;
        let top = Section { path: String::new(), table: &table };
        top.only(TOP_KEYS)?;
        let mut texts = vec![(TextField::Id, top.need("id", TEXT_KEYS, "every event needs an id")?)];
        for (name, section) in top.members("text")? {
            let field = text_field(name).ok_or_else(|| section.unknown_text(name))?;
            texts.push((field, section.entry(TEXT_KEYS)?));
        }
        let extras = top.members("extra")?.into_iter();
        let location = match (top.maybe("latitude", NUMBER_KEYS)?, top.maybe("longitude", NUMBER_KEYS)?) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
            (Some(_), None) => return Err(missing("longitude", "it comes together with latitude")),
            (None, Some(_)) => return Err(missing("latitude", "it comes together with longitude")),
        };
        let amount = top.maybe("amount", AMOUNT_KEYS)?;
        if let Some(amount) = &amount {
            amount.check_amount()?;
        }
        let time = top.need("time", TIME_KEYS, "every event needs a time")?;
        let (received, expires) = (top.maybe("received", TIME_KEYS)?, top.maybe("expires", TIME_KEYS)?);
        for entry in [Some(&time), received.as_ref(), expires.as_ref()].into_iter().flatten() {
            entry.check_time()?;
        }
        Ok(Self {
            kind: top.kind()?,
            time,
            received,
            expires,
            amount,
            same_owner: top.maybe("same_owner", WORD_KEYS)?,
            level: top.maybe("level", WORD_KEYS)?,
            location,
            texts,
            extras: extras
                .map(|(name, section)| Ok((name.to_owned(), section.entry(EXTRA_KEYS)?)))
                .collect::<Result<_, MappingError>>()?,
        })
    }
}

impl Entry {
    /// An amount needs a unit and a currency.
    pub(super) fn check_amount(&self) -> Result<(), MappingError> {
        if self.unit.is_none() {
            return Err(missing(
                &format!("{}.unit", self.key),
                "say whether amounts are in major or minor units",
            ));
        }
        if self.currency.is_none() {
            return Err(self.no_currency());
        }
        if self.decimals == Decimals::Round && self.unit != Some(Unit::Major) {
            return Err(misplaced(&format!("{}.round", self.key), "only major units have decimals to round"));
        }
        Ok(())
    }

    /// Money in major units needs a currency.
    pub(super) fn no_currency(&self) -> MappingError {
        missing(&format!("{}.currency", self.key), "say which, such as currency = \"VND\"")
    }

    /// A unit that does not fit what the field is.
    pub(super) fn wrong_unit(&self, expected: &str) -> MappingError {
        let found = if self.unit.is_some() { "another kind of unit" } else { "missing" };
        MappingError::BadValue {
            key: format!("{}.unit", self.key),
            found: found.to_owned(),
            expected: expected.to_owned(),
        }
    }

    /// A time needs a unit or a format.
    pub(super) fn check_time(&self) -> Result<(), MappingError> {
        match self.unit {
            None => Err(missing(&format!("{}.unit", self.key), "say us, ms or s, or format = \"rfc3339\"")),
            Some(Unit::Rfc3339) if self.since_us != 0 => {
                Err(misplaced(&format!("{}.since", self.key), "an RFC 3339 time is not counted from a start"))
            }
            Some(_) => Ok(()),
        }
    }
}

impl Entry {
    /// An entry that reads texts as they stand.
    pub(super) fn new(key: String, from: Origin) -> Self {
        Self {
            key,
            from,
            values: BTreeMap::new(),
            prefix: String::new(),
            unit: None,
            since_us: 0,
            currency: None,
            decimals: Decimals::Exact,
        }
    }
}
