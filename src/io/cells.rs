//! The cells of a row, and what their texts say.

use std::collections::BTreeMap;

use super::error::{MappingError, Reason};
use super::mapping::{Entry, Origin};
use super::names::{did_you_mean, shown};
use super::number;
use crate::event::ExtraValue;
use crate::money::{self, Currency, Decimals};
use crate::time::{TimeError, check_time, parse_time};

/// The cells of one row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// All cells, one after the other.
    pub(super) text: &'a str,
    /// Where each ends.
    pub(super) ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// A cell; `None` where its bytes are not UTF-8 of their own.
    pub(super) fn cell(&self, at: usize) -> Option<&'a str> {
        let start = if at == 0 { 0 } else { *self.ends.get(at - 1)? };
        self.text.get(start..*self.ends.get(at)?)
    }
}

/// Where the text of one field comes from, with what the mapping says about it.
pub(super) struct Cell {
    /// Its key in the mapping and its column, for messages.
    pub(super) name: String,
    /// Its column; `None` for a constant.
    pub(super) at: Option<usize>,
    constant: String,
    values: BTreeMap<String, String>,
    prefix: String,
}

/// How a time is written.
#[derive(Clone, Copy)]
pub(super) enum TimeForm {
    Rfc3339,
    /// Counted from `since_us`; `places` decimals make it microseconds.
    Counted {
        places: u32,
        since_us: i64,
    },
}

/// How an extra field is written.
pub(super) enum ExtraForm {
    Text,
    Whole,
    Decimal,
    Boolean,
    Major(Currency, Decimals),
    Time(TimeForm),
    Duration { places: u32 },
}

impl Cell {
    pub(super) fn new(entry: &Entry, header: &[String]) -> Result<Self, MappingError> {
        let (name, at, constant) = match &entry.from {
            Origin::Constant(text) => (entry.key.clone(), None, text.clone()),
            Origin::Column(column) => {
                let at = header.iter().position(|name| name == column);
                if at.is_none() {
                    let (key, column) = (entry.key.clone(), shown(column));
                    let hint = did_you_mean(&column, header.iter().map(String::as_str));
                    return Err(MappingError::UnknownColumn { key, column, hint });
                }
                (format!("{} ({})", entry.key, shown(column)), at, String::new())
            }
        };
        Ok(Self { name, at, constant, values: entry.values.clone(), prefix: entry.prefix.clone() })
    }

    /// What the cell says in the words of the mapping; `None` where it is empty.
    pub(super) fn text<'a>(&'a self, row: Row<'a>) -> Result<Option<&'a str>, Reason> {
        let text = match self.at {
            None => self.constant.as_str(),
            Some(at) => row.cell(at).ok_or(Reason::FieldNotUtf8 { field: at + 1 })?,
        };
        if text.is_empty() {
            return Ok(None);
        }
        if self.values.is_empty() {
            return Ok(Some(text));
        }
        let word = self.values.get(text).ok_or_else(|| Reason::UnknownWord {
            key: self.name.clone(),
            found: shown(text),
            expected: "among the values of the mapping",
            hint: did_you_mean(text, self.values.keys().map(String::as_str)),
        })?;
        Ok(Some(word).filter(|word| !word.is_empty()).map(String::as_str))
    }

    pub(super) fn prefixed<'a>(&self, text: &'a str, buffer: &'a mut String) -> &'a str {
        if self.prefix.is_empty() {
            return text;
        }
        buffer.clear();
        buffer.push_str(&self.prefix);
        buffer.push_str(text);
        buffer
    }

    fn wrong(&self, text: &str, expected: &'static str) -> Reason {
        Reason::WrongType { key: self.name.clone(), found: format!("`{}`", shown(text)), expected }
    }

    pub(super) fn whole(&self, text: &str) -> Result<i64, Reason> {
        number::whole(text)
            .ok_or_else(|| self.wrong(text, "a whole number, without point or exponent, of at most 63 bits"))
    }

    pub(super) fn decimal(&self, text: &str) -> Result<f64, Reason> {
        number::decimal(text).ok_or_else(|| self.wrong(text, "a finite number"))
    }

    pub(super) fn boolean(&self, text: &str) -> Result<bool, Reason> {
        match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => Err(self.wrong(other, "true, false, 1 or 0")),
        }
    }

    pub(super) fn major(&self, text: &str, currency: Currency, decimals: Decimals) -> Result<i64, Reason> {
        const LONGEST: usize = 64;
        if text.len() > LONGEST {
            return Err(self.wrong(text, "an amount"));
        }
        money::parse_major(text, currency, decimals)
            .map_err(|source| Reason::Money { key: self.name.clone(), source })
    }

    fn fixed(&self, text: &str, places: u32) -> Result<i64, Reason> {
        number::fixed(text, places)
            .ok_or_else(|| self.wrong(text, "a plain number with no more decimals than a microsecond has"))
    }
}

impl TimeForm {
    pub(super) fn read(self, cell: &Cell, text: &str) -> Result<i64, Reason> {
        let wrong = |source| Reason::Time { key: cell.name.clone(), source };
        match self {
            Self::Rfc3339 => parse_time(text).map_err(|e| match e {
                TimeError::NotATime(text) => wrong(TimeError::NotATime(shown(&text))),
                other => wrong(other),
            }),
            Self::Counted { places, since_us } => {
                let count_us = cell.fixed(text, places)?;
                let out = || wrong(TimeError::OutOfRange(shown(text)));
                check_time(since_us.checked_add(count_us).ok_or_else(out)?).map_err(wrong)
            }
        }
    }
}

impl ExtraForm {
    pub(super) fn read<'a>(
        &self,
        cell: &Cell,
        text: &'a str,
        prefixed: &'a mut String,
    ) -> Result<ExtraValue<'a>, Reason> {
        Ok(match self {
            Self::Text => ExtraValue::Text(cell.prefixed(text, prefixed)),
            Self::Whole => ExtraValue::Whole(cell.whole(text)?),
            Self::Decimal => ExtraValue::Decimal(cell.decimal(text)?),
            Self::Boolean => ExtraValue::Boolean(cell.boolean(text)?),
            Self::Major(currency, decimals) => ExtraValue::Whole(cell.major(text, *currency, *decimals)?),
            Self::Time(form) => ExtraValue::Whole(form.read(cell, text)?),
            Self::Duration { places } => ExtraValue::Whole(cell.fixed(text, *places)?),
        })
    }
}
