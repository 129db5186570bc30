//! The rates of a rule set, from a file beside the rule file, plain or gzip.
//!
//! A `.csv` with the columns `valid_from` (a date, with a time as wanted, in the rule set's time zone unless it has an
//! offset), `currency` and `rate`: units of the rule set's currency for a whole unit of the other, in plain decimals that
//! are never a float. Blank lines and lines that start with `#` are left out, blanks around a value do not belong to it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::cells::Row;
use super::csv::Rows;
use super::error::{FileError, HeaderError, ReadError, Reason};
use super::file::{Input, Open};
use super::lists::folder_of;
use super::names::{currency_of, did_you_mean, shown};
use crate::rates::{Rate, RateError, Rates, RatesError};
use crate::rules::RuleSet;
use crate::time::TimeError;

/// Rates that can't be loaded.
#[derive(Debug, Error)]
#[error("rates: {}{}: {reason}", path.display(), line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct RateFileError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1, where it is about one.
    pub line: Option<u64>,
    /// What is wrong.
    pub reason: Box<RateReason>,
}

/// What is wrong with a file of rates.
#[derive(Debug, Error)]
pub enum RateReason {
    /// It can't be opened.
    #[error("can't read it: {0}")]
    Closed(io::Error),
    /// It failed while it was read.
    #[error(transparent)]
    Read(ReadError),
    /// A row that is not one, or a currency that is none.
    #[error(transparent)]
    Line(#[from] Reason),
    /// The header is unusable.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A column that there is not.
    #[error("the column `{column}` is none of `valid_from`, `currency`, `rate`{hint}")]
    UnknownColumn {
        /// The column.
        column: String,
        /// What may have been meant; may be empty.
        hint: String,
    },
    /// A column is missing.
    #[error("the header needs the column `{0}`: valid_from,currency,rate")]
    NoColumn(&'static str),
    /// An empty cell.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// Not a time and not a date.
    #[error("`valid_from`: {0}, or as a date")]
    From(#[from] TimeError),
    /// Not a rate.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// A rate of the rule set's own currency.
    #[error("{0} is the rule set's own currency, and is never converted; leave the line out")]
    Own(&'static str),
    /// The table does not take it.
    #[error(transparent)]
    Table(#[from] RatesError),
}

/// A reason with its line.
type At = (Option<u64>, RateReason);

const COLUMNS: [&str; 3] = ["valid_from", "currency", "rate"];

/// Loads the rates of a rule set; none where it names no file. `folder` is that of the rule file; another rule file that
/// declares them has theirs beside itself.
pub fn load_rates(rules: &RuleSet, folder: &Path) -> Result<Rates, RateFileError> {
    load_rates_by(rules, folder, &Input::open)
}

/// The same with a file that is opened so.
pub(super) fn load_rates_by(rules: &RuleSet, folder: &Path, open: Open<'_>) -> Result<Rates, RateFileError> {
    let declared = rules.rates.as_ref().and_then(|rates| Some((rates.pack, rates.file.as_ref()?)));
    let Some((pack, file)) = declared else {
        return Ok(Rates::default());
    };
    let path = folder_of(rules, pack, folder).join(file);
    read(&path, rules, open).map_err(|(line, reason)| RateFileError { path, line, reason: Box::new(reason) })
}

fn unread(error: ReadError) -> At {
    match error {
        ReadError::File(FileError { source, .. }) => (None, RateReason::Closed(source)),
        ReadError::Header(error) => (Some(1), error.into()),
        other => (None, RateReason::Read(other)),
    }
}

fn read(path: &Path, rules: &RuleSet, open: Open<'_>) -> Result<Rates, At> {
    let mut input = open(path).map_err(unread)?;
    let (mut rows, header) = Rows::with_comments(&mut input).map_err(unread)?;
    let columns = columns(&header).map_err(|reason| (Some(rows.start()), reason))?;
    let mut rates = Rates::default();
    loop {
        let done = match rows.next(input.bytes()) {
            Ok(None) => return Ok(rates),
            Ok(Some(row)) => {
                row.map_err(RateReason::Line).and_then(|row| put(&mut rates, row, columns, rules))
            }
            Err(error) => return Err(unread(input.failure(rows.last(), error))),
        };
        done.map_err(|reason| (Some(rows.start()), reason))?;
    }
}

/// Where each of [`COLUMNS`] is.
fn columns(header: &[String]) -> Result<[usize; 3], RateReason> {
    if let Some(other) = header.iter().map(|name| name.trim()).find(|name| !COLUMNS.contains(name)) {
        return Err(RateReason::UnknownColumn { column: shown(other), hint: did_you_mean(other, COLUMNS) });
    }
    let mut places = [0; 3];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let held = header.iter().position(|held| held.trim() == name);
        *place = held.ok_or(RateReason::NoColumn(name))?;
    }
    Ok(places)
}

fn put(rates: &mut Rates, row: Row<'_>, columns: [usize; 3], rules: &RuleSet) -> Result<(), RateReason> {
    let mut cells = [""; 3];
    for ((cell, at), name) in cells.iter_mut().zip(columns).zip(COLUMNS) {
        *cell = row.cell(at).ok_or(Reason::FieldNotUtf8 { field: at + 1 })?.trim();
        if cell.is_empty() {
            return Err(RateReason::Empty(name));
        }
    }
    let [valid_from, currency, rate] = cells;
    let from_us = rules.calendar.instant(valid_from).map_err(|error| match error {
        TimeError::NotATime(text) => TimeError::NotATime(shown(&text)),
        other => other,
    })?;
    let currency = currency_of("currency", currency)?;
    if currency == rules.currency {
        return Err(RateReason::Own(currency.code()));
    }
    Ok(rates.put(currency, from_us, Rate::parse(rate)?)?)
}
