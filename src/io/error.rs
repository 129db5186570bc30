//! What can be wrong with input: of one line, or of the whole.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::{COLUMNS_MAX, DEPTH_MAX, EXTRAS_MAX, LINE_BYTES_MAX};
use crate::event::EventError;
use crate::money::MoneyError;
use crate::time::TimeError;

/// Why reading did not give an event.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A bad line; the reader goes on at the next one.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number, from 1; of a row that spans several lines, the first.
        line: u64,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The file cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// The source failed while it was read.
    #[error("reading failed after line {line}: {source}")]
    Io {
        /// The last whole line.
        line: u64,
        /// What the operating system says.
        source: io::Error,
    },
    /// The gzip data ends in its middle.
    #[error("the gzip data ends too early, after line {line}: the file was cut short; get it again")]
    CutShort {
        /// The last whole line.
        line: u64,
    },
    /// The gzip data is not what was compressed.
    #[error("the gzip data is damaged after line {line}: {source}; get the file again")]
    Damaged {
        /// The last whole line.
        line: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// The header of a CSV is unusable.
    #[error("line 1: {0}")]
    Header(#[from] HeaderError),
    /// The mapping does not fit the CSV or the rule set's fields.
    #[error("mapping: {0}")]
    Mapping(#[from] MappingError),
}

impl ReadError {
    /// Whether it is about one line only, so that the reader goes on at the next.
    pub fn is_bad_line(&self) -> bool {
        matches!(self, Self::Line { .. })
    }
}

/// A file that cannot be opened or created.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// Position in the line, from 1.
        at: usize,
    },
    /// A field of a row that is not UTF-8.
    #[error("field {field} is not UTF-8")]
    FieldNotUtf8 {
        /// Its position in the row, from 1.
        field: usize,
    },
    /// Not JSON, or JSON of another shape.
    #[error("not an event: {message} (byte {at})")]
    Json {
        /// What the parser says.
        message: String,
        /// Position in the line, from 1.
        at: usize,
    },
    /// A key that events do not have.
    #[error("`{key}` is not a key of an event{hint}")]
    UnknownKey {
        /// The key.
        key: String,
        /// What may have been meant; may be empty.
        hint: String,
    },
    /// A key whose name says that it holds what must never be kept.
    #[error(
        "`{key}` holds a secret by its name; leave it out: no decision needs it, and it must not be kept"
    )]
    Secret {
        /// The key.
        key: String,
    },
    /// A key twice in one event.
    #[error("`{key}` is there twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// A key that every event needs.
    #[error("`{key}` is missing; every event needs it")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// Another kind than this way in is for.
    #[error("`kind` is {said}, and this is for a {known}")]
    Kind {
        /// What is there.
        said: &'static str,
        /// What should be there.
        known: &'static str,
    },
    /// A value of another type than its key has.
    #[error("`{key}` is {found}; it must be {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// One of two keys that come together.
    #[error("`{there}` is there without `{missing}`; they come together")]
    Apart {
        /// The key that is there.
        there: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A word that is none of those expected.
    #[error("`{key}` is `{found}`, which is not {expected}{hint}")]
    UnknownWord {
        /// The key.
        key: String,
        /// The word.
        found: String,
        /// What it should be.
        expected: &'static str,
        /// What may have been meant; may be empty.
        hint: String,
    },
    /// A value nested deeper than [`DEPTH_MAX`].
    #[error("`{key}` is nested deeper than {DEPTH_MAX} levels")]
    TooDeep {
        /// The key.
        key: String,
    },
    /// More extra fields than [`EXTRAS_MAX`].
    #[error("`extra` has more than {EXTRAS_MAX} fields")]
    TooManyExtras,
    /// A row with more or fewer fields than the header.
    #[error("the row has {found} fields and the header {expected}{}", spans(*last_line))]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Columns of the header.
        expected: usize,
        /// The row's last line where it spans several.
        last_line: Option<u64>,
    },
    /// A quote that is not closed before the file ends.
    #[error("a quote is opened and not closed until the end of the file, line {last_line}")]
    OpenQuote {
        /// The last line of the file.
        last_line: u64,
    },
    /// A bad amount.
    #[error("`{key}`: {source}")]
    Money {
        /// The key.
        key: String,
        /// What is wrong with it.
        source: MoneyError,
    },
    /// A bad time.
    #[error("`{key}`: {source}")]
    Time {
        /// The key.
        key: String,
        /// What is wrong with it.
        source: TimeError,
    },
    /// Every part is right, and together they are not an event.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl Reason {
    /// The same without what the line says: it may say who somebody is, and messages go to logs.
    #[must_use]
    pub fn without_values(self) -> Self {
        let found = "a value that is not shown".to_owned();
        let wrong =
            |key: String, expected| Self::WrongType { key: nameable(key), found: found.clone(), expected };
        match self {
            Self::WrongType { key, expected, .. } => wrong(key, expected),
            Self::UnknownWord { key, expected, .. } => wrong(key, expected),
            Self::Money { key, .. } => wrong(key, "an amount, or the code of a currency, that is taken"),
            Self::Time { key, .. } => wrong(key, "a time that is taken"),
            Self::Event(EventError::BadText { field, expected, .. }) => {
                Self::Event(EventError::BadText { field, found, expected })
            }
            Self::Event(EventError::Money(_)) => wrong("amount_minor".to_owned(), "an amount that is taken"),
            Self::Event(EventError::Time { field, .. }) => wrong(field.to_owned(), "a time that is taken"),
            Self::Event(EventError::Rate(_)) => wrong("rate".to_owned(), "a rate that is taken"),
            Self::UnknownKey { key, hint } => Self::UnknownKey { key: nameable(key), hint },
            Self::TooDeep { key } => Self::TooDeep { key: nameable(key) },
            Self::Twice { key } => Self::Twice { key: nameable(key) },
            other => other,
        }
    }
}

/// A key that the sender chose, where it looks like the name of a field; else it may be a value in a wrong place.
fn nameable(key: String) -> String {
    let is_name = key.len() <= 40
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && key.bytes().filter(u8::is_ascii_digit).count() <= 2;
    if is_name { key } else { "a key that is not shown".to_owned() }
}

fn spans(last_line: Option<u64>) -> String {
    last_line.map_or_else(String::new, |line| format!("; it goes on to line {line}: is a quote left open?"))
}

/// What is wrong with the header of a CSV.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// There is none.
    #[error("the file is empty; a CSV needs a header")]
    Empty,
    /// It cannot be read as a row.
    #[error("the header is bad: {0}")]
    Bad(Reason),
    /// More than [`COLUMNS_MAX`].
    #[error("the header has more than {COLUMNS_MAX} columns")]
    TooManyColumns,
    /// A name twice.
    #[error("the header has the column `{0}` twice")]
    Twice(String),
}

/// What is wrong with a mapping, alone or with the CSV or the fields that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// Not TOML.
    #[error("{0}")]
    Toml(String),
    /// A key that a mapping does not have.
    #[error("`{key}` is not a key of a mapping{hint}")]
    UnknownKey {
        /// The key with its path.
        key: String,
        /// What may have been meant; may be empty.
        hint: String,
    },
    /// A key that is needed.
    #[error("`{key}` is missing; {why}")]
    Missing {
        /// The key with its path.
        key: String,
        /// What it is needed for.
        why: &'static str,
    },
    /// A value that its key does not take.
    #[error("`{key}` is {found}; it must be {expected}")]
    BadValue {
        /// The key with its path.
        key: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A key where it means nothing.
    #[error("`{key}` does not belong there: {why}")]
    Misplaced {
        /// The key with its path.
        key: String,
        /// Why not.
        why: &'static str,
    },
    /// A column that the header does not have.
    #[error("`{key}` names the column `{column}`, which the header does not have{hint}")]
    UnknownColumn {
        /// The key with its path.
        key: String,
        /// The column.
        column: String,
        /// What may have been meant; may be empty.
        hint: String,
    },
    /// A constant that no event takes.
    #[error("a constant of the mapping is bad: {0}")]
    Constant(Reason),
}
