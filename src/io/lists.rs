//! The first entries of a rule set's lists, from files beside the rule file, plain or gzip.
//!
//! `.txt` holds one key a line. `.csv` has a header: `key` or the name of the list's field, and, as wanted, `expires`
//! (a date, with a time as wanted, in the rule set's time zone unless it has an offset), `level` (a whole number) and
//! `note`. Blank lines and lines that start with `#` are left out, blanks around a value do not belong to it. What a
//! file says is for all tenants; a key that it says two things of is an error.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::cells::Row;
use super::csv::Rows;
use super::error::{FileError, HeaderError, ReadError, Reason};
use super::file::{Input, Open};
use super::lines::Lines;
use super::names::{did_you_mean, shown};
use super::number;
use crate::event::{EventError, Form, check_text};
use crate::lists::{LIST_ENTRIES_MAX, List, Listing, Lists};
use crate::rules::{KeyField, ListDeclaration, RuleSet};
use crate::time::{Calendar, TimeError};
use crate::tokens::{Tokens, is_token};

/// A list whose file can't be loaded.
#[derive(Debug, Error)]
#[error("list `{list}`: {}{}: {reason}", path.display(), line.map_or_else(String::new, |line| format!(":{line}")))]
pub struct ListError {
    /// The list.
    pub list: String,
    /// Its file.
    pub path: PathBuf,
    /// The line, from 1, where it is about one.
    pub line: Option<u64>,
    /// What is wrong.
    pub reason: Box<ListReason>,
}

/// What is wrong with the file of a list.
#[derive(Debug, Error)]
pub enum ListReason {
    /// Another ending than those that are known.
    #[error("name it .csv (with a header) or .txt (one key a line), or either with .gz")]
    Ending,
    /// It can't be opened.
    #[error("can't read it: {0}")]
    Closed(io::Error),
    /// It failed while it was read.
    #[error(transparent)]
    Read(ReadError),
    /// A line or a row that is not one.
    #[error(transparent)]
    Line(#[from] Reason),
    /// The header is unusable.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A column that a list does not have.
    #[error("the column `{column}` is none of {known}{hint}")]
    UnknownColumn {
        /// The column.
        column: String,
        /// Those that there may be.
        known: String,
        /// What may have been meant; may be empty.
        hint: String,
    },
    /// No column of keys, or two.
    #[error("the header needs one column of keys: `key` or `{field}`")]
    Keys {
        /// The list's field.
        field: String,
    },
    /// A row without a key.
    #[error("the key is empty")]
    NoKey,
    /// A key or a note that no event could have.
    #[error(transparent)]
    Text(#[from] EventError),
    /// Not a time and not a date.
    #[error("`expires`: {0}, or as a date")]
    Expires(#[from] TimeError),
    /// Not a level.
    #[error("`level` is `{0}`; it must be a whole number of at most 63 bits")]
    Level(String),
    /// A key twice, with different things said of it.
    #[error("{0} is there before, with another expiry, level or note; keep one of them")]
    Twice(String),
    /// A token where a token would be put in its place.
    #[error(
        "the key of this line is a token already, and a token of it would match nobody; give what it stands for"
    )]
    Token,
    /// More than [`LIST_ENTRIES_MAX`].
    #[error("a list has at most {LIST_ENTRIES_MAX} entries")]
    Full,
}

/// A reason with its line.
type At = (Option<u64>, ListReason);

/// Loads the lists of a rule set, in its order; `folder` is that of the rule file. The file of a list that another
/// rule file declares stands beside that one.
pub fn load_lists(rules: &RuleSet, folder: &Path) -> Result<Lists, ListError> {
    load_lists_by(rules, folder, &Input::open)
}

/// The same with files that are opened so.
pub(super) fn load_lists_by(rules: &RuleSet, folder: &Path, open: Open<'_>) -> Result<Lists, ListError> {
    let load = |list: &ListDeclaration| {
        let Some(path) = file_of(rules, list, folder) else { return Ok(List::default()) };
        load(rules, list, path, open, None).map(|(list, _)| list)
    };
    rules.lists.iter().map(load).collect()
}

/// The file of a list, where `folder` is that of the rule set's own.
pub(super) fn file_of(rules: &RuleSet, list: &ListDeclaration, folder: &Path) -> Option<PathBuf> {
    let file = list.file.as_ref()?;
    Some(folder_of(rules, list.pack, folder).join(file))
}

/// What the file of a list says, in its own form, with tokens for keys; comments are left out.
pub(super) fn with_tokens(
    rules: &RuleSet,
    list: &ListDeclaration,
    path: PathBuf,
    open: Open<'_>,
    tokens: &Tokens,
) -> Result<Vec<u8>, ListError> {
    load(rules, list, path, open, Some(tokens)).map(|(_, told)| told)
}

/// The folder of one of a rule set's files, where `folder` is that of the rule set's own.
pub(super) fn folder_of<'a>(rules: &'a RuleSet, pack: u8, folder: &'a Path) -> &'a Path {
    let own = rules.packs.len().saturating_sub(1);
    let extended = rules.packs.get(usize::from(pack)).filter(|_| usize::from(pack) < own);
    extended.and_then(|pack| Path::new(&pack.source).parent()).unwrap_or(folder)
}

fn load(
    rules: &RuleSet,
    declaration: &ListDeclaration,
    path: PathBuf,
    open: Open<'_>,
    tokens: Option<&Tokens>,
) -> Result<(List, Vec<u8>), ListError> {
    let (field, form) = match declaration.key {
        KeyField::Text(field) => (field.name(), field.form()),
        KeyField::Extra(position) => {
            let field = rules.schema.fields().get(position);
            field.map_or(("", Form::Free), |(name, ty)| (name.as_str(), ty.form().unwrap_or(Form::Free)))
        }
    };
    let (list, told, calendar) = (List::default(), Vec::new(), &rules.calendar);
    let mut loading = Loading { list, calendar, field, form, tokens, told };
    match loading.file(&path, open) {
        Ok(()) => Ok((loading.list, loading.told)),
        Err((line, reason)) => {
            Err(ListError { list: declaration.name.clone(), path, line, reason: Box::new(reason) })
        }
    }
}

struct Loading<'a> {
    list: List,
    calendar: &'a Calendar,
    /// The field that the list is about, and what its text may be.
    field: &'a str,
    form: Form,
    /// What keys become in `told`, where the file is to be told again.
    tokens: Option<&'a Tokens>,
    told: Vec<u8>,
}

/// Where the columns of a CSV are.
#[derive(Default)]
struct Columns {
    key: usize,
    expires: Option<usize>,
    level: Option<usize>,
    note: Option<usize>,
}

fn unread(error: ReadError) -> At {
    match error {
        ReadError::File(FileError { source, .. }) => (None, ListReason::Closed(source)),
        ReadError::Header(error) => (Some(1), error.into()),
        other => (None, ListReason::Read(other)),
    }
}

impl Loading<'_> {
    fn file(&mut self, path: &Path, open: Open<'_>) -> Result<(), At> {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.') {
            Some((_, "csv")) => self.csv(open(path).map_err(unread)?),
            Some((_, "txt")) => self.txt(open(path).map_err(unread)?),
            _ => Err((None, ListReason::Ending)),
        }
    }

    fn txt(&mut self, mut input: Input) -> Result<(), At> {
        let mut lines = Lines::default();
        loop {
            let line = match lines.next(input.bytes()) {
                Ok(None) => return Ok(()),
                Ok(Some(line)) => line.and_then(|line| {
                    std::str::from_utf8(line).map_err(|e| Reason::NotUtf8 { at: e.valid_up_to() + 1 })
                }),
                Err(error) => return Err(unread(input.failure(lines.number(), error))),
            };
            let done = line.map_err(ListReason::Line).and_then(|line| match line.trim() {
                key if key.is_empty() || key.starts_with('#') => Ok(()),
                key => self.put(key, Listing::default()).map(|()| self.tell([key].into_iter(), 0)),
            });
            done.map_err(|reason| (Some(lines.number()), reason))?;
        }
    }

    fn csv(&mut self, mut input: Input) -> Result<(), At> {
        let (mut rows, header) = Rows::with_comments(&mut input).map_err(unread)?;
        let columns = self.columns(&header).map_err(|reason| (Some(rows.start()), reason))?;
        self.tell(header.iter().map(String::as_str), usize::MAX);
        loop {
            let done = match rows.next(input.bytes()) {
                Ok(None) => return Ok(()),
                Ok(Some(row)) => row.map_err(ListReason::Line).and_then(|row| self.row(row, &columns)),
                Err(error) => return Err(unread(input.failure(rows.last(), error))),
            };
            done.map_err(|reason| (Some(rows.start()), reason))?;
        }
    }

    fn columns(&self, header: &[String]) -> Result<Columns, ListReason> {
        let mut columns = Columns::default();
        let mut keys = 0;
        for (at, name) in header.iter().enumerate() {
            match name.trim() {
                "expires" => columns.expires = Some(at),
                "level" => columns.level = Some(at),
                "note" => columns.note = Some(at),
                name if name == "key" || name == self.field => {
                    columns.key = at;
                    keys += 1;
                }
                other => {
                    let known = ["key", self.field, "expires", "level", "note"];
                    return Err(ListReason::UnknownColumn {
                        column: shown(other),
                        known: known.map(|name| format!("`{name}`")).join(", "),
                        hint: did_you_mean(other, known),
                    });
                }
            }
        }
        if keys == 1 { Ok(columns) } else { Err(ListReason::Keys { field: self.field.to_owned() }) }
    }

    fn row(&mut self, row: Row<'_>, columns: &Columns) -> Result<(), ListReason> {
        let cell = |at: usize| {
            let text = row.cell(at).ok_or(Reason::FieldNotUtf8 { field: at + 1 })?;
            Ok::<_, ListReason>(Some(text.trim()).filter(|text| !text.is_empty()))
        };
        let maybe = |at: Option<usize>| at.map_or(Ok(None), cell);
        let key = cell(columns.key)?.ok_or(ListReason::NoKey)?;
        let expires_us = maybe(columns.expires)?.map(|text| self.expiry(text)).transpose()?;
        let whole = |text| number::whole(text).ok_or_else(|| ListReason::Level(shown(text)));
        let level = maybe(columns.level)?.map(whole).transpose()?;
        let note = maybe(columns.note)?;
        if let Some(note) = note {
            check_text("note", Form::Free, note)?;
        }
        self.put(key, Listing { expires_us, level, note })?;
        self.tell((0..row.ends.len()).map(|at| row.cell(at).unwrap_or_default()), columns.key);
        Ok(())
    }

    /// Tells a row again where that is asked for, with a token in place of the cell at a position.
    fn tell<'c>(&mut self, cells: impl Iterator<Item = &'c str>, key: usize) {
        let Some(tokens) = self.tokens else { return };
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                self.told.push(b',');
            }
            if at == key {
                self.told.extend_from_slice(tokens.token(cell.trim()).as_bytes());
            } else if cell.contains(['"', ',', '\n', '\r']) || cell.starts_with('#') {
                self.told.extend_from_slice(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
            } else {
                self.told.extend_from_slice(cell.as_bytes());
            }
        }
        self.told.push(b'\n');
    }

    fn expiry(&self, text: &str) -> Result<i64, TimeError> {
        self.calendar.instant(text).map_err(|error| match error {
            TimeError::NotATime(text) => TimeError::NotATime(shown(&text)),
            other => other,
        })
    }

    fn put(&mut self, key: &str, listing: Listing<'_>) -> Result<(), ListReason> {
        check_text(self.field, self.form, key)?;
        if self.tokens.is_some() && is_token(key) {
            return Err(ListReason::Token);
        }
        match self.list.find(None, key, i64::MIN) {
            Some(held) if held == listing => return Ok(()),
            Some(_) if self.form == Form::Identifier => {
                return Err(ListReason::Twice("the key of this line".to_owned()));
            }
            Some(_) => return Err(ListReason::Twice(format!("`{}`", shown(key)))),
            None => {}
        }
        if self.list.len() >= LIST_ENTRIES_MAX {
            return Err(ListReason::Full);
        }
        self.list.put(None, key, listing);
        Ok(())
    }
}
