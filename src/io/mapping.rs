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
    pub(super) rate: Option<Entry>,
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
    "rate",
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
            rate: top.maybe("rate", NUMBER_KEYS)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "kind = \"clock\"\nid = { column = \"i\" }\ntime = { column = \"t\", unit = \"s\" }\n";

    fn refused(text: &str) -> String {
        Mapping::parse(text).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_every_event_needs_must_be_mapped() {
        assert_eq!(refused(BASE), "");
        for (name, line) in ["kind", "id", "time"].iter().zip(BASE.lines()) {
            assert!(
                refused(&BASE.replace(line, ""))
                    .starts_with(&format!("`{name}` is missing; every event needs"))
            );
        }
    }

    #[test]
    fn a_key_that_nothing_uses_is_refused_with_the_near_one() {
        for (more, message) in [
            ("amuont = 1", "`amuont` is not a key of a mapping; did you mean `amount`?"),
            ("level = { colum = \"x\" }", "`level.colum` is not a key of a mapping; did you mean `column`?"),
            ("level = { column = \"x\", unit = \"s\" }", "`level.unit` is not a key of a mapping"),
            (
                "text.acount = { column = \"x\" }",
                "`text.acount` is not a key of a mapping; did you mean `account`?",
            ),
            (
                "text.id = { column = \"x\" }",
                "`text.id` is not a key of a mapping; it stands at the top of the mapping",
            ),
            ("amount = { column = \"x\", unit = \"minor\", curency = \"VND\" }", "did you mean `currency`?"),
        ] {
            let found = refused(&format!("{BASE}{more}"));
            assert!(found.contains(message), "{more}: `{message}` is not in `{found}`");
        }
    }

    #[test]
    fn values_are_checked_as_far_as_the_mapping_goes() {
        let time = |rest: &str| BASE.replace("unit = \"s\"", rest);
        let amount = |rest: &str| format!("{BASE}amount = {{ column = \"a\", {rest} }}");
        for (text, message) in [
            ("kind = ".to_owned(), "TOML parse error at line 1"),
            ("kind = \"clock\"\nkind = \"login\"".to_owned(), "duplicate key"),
            (
                BASE.replace("clock", "clok"),
                "`kind` is `clok`; it must be a kind of event; did you mean `clock`?",
            ),
            (BASE.replace("\"clock\"", "{ column = \"k\", values = { A = \"pay\" } }"), "`kind` is `pay`"),
            (BASE.replace("\"clock\"", "1"), "`kind` is `1`; it must be a table"),
            (BASE.replace("{ column = \"i\" }", "\"i\""), "`id` is `i`; it must be a table"),
            (BASE.replace("{ column = \"i\" }", "{ column = 1 }"), "`id.column` is `1`; it must be a text"),
            (BASE.replace("{ column = \"i\" }", "{}"), "`id.column` is missing"),
            (
                BASE.replace("{ column = \"i\" }", "{ column = \"i\", value = 1 }"),
                "`id.value` does not belong",
            ),
            (BASE.replace("{ column = \"i\" }", "{ value = [1] }"), "`id.value` is a list"),
            (time("unit = \"h\""), "`time.unit` is `h`; it must be one of us, ms, s"),
            (time("since = 1970-01-02T00:00:00Z"), "`time.unit` is missing"),
            (time("unit = \"s\", since = \"yesterday\""), "`time.since` is not a time"),
            (time("unit = \"s\", format = \"rfc3339\""), "`time.unit` does not belong there"),
            (time("format = \"iso\""), "`time.format` is `iso`; it must be `rfc3339`"),
            (time("format = \"rfc3339\", since = \"2018-04-01T00:00:00Z\""), "`time.since` does not belong"),
            (amount("currency = \"VND\""), "`amount.unit` is missing"),
            (amount("unit = \"major\""), "`amount.currency` is missing"),
            (amount("unit = \"cents\", currency = \"EUR\""), "it must be one of minor, major"),
            (amount("unit = \"minor\", currency = \"EUX\""), "`amount.currency` is `EUX`"),
            (amount("unit = \"minor\", currency = \"EUR\", round = true"), "`amount.round` does not belong"),
            (amount("unit = \"major\", currency = \"EUR\", round = 1"), "`amount.round` is `1`"),
            (format!("{BASE}latitude = {{ column = \"a\" }}"), "`longitude` is missing"),
            (format!("{BASE}longitude = {{ column = \"a\" }}"), "`latitude` is missing"),
            (format!("{BASE}text = 1"), "`text` is `1`; it must be a table"),
            (format!("{BASE}text.note = \"x\""), "`text.note` is `x`; it must be a table"),
        ] {
            let found = refused(&text);
            assert!(found.contains(message), "{text}: `{message}` is not in `{found}`");
        }
    }
}
