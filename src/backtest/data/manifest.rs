//! The manifest: which files are which tables, and which selects over them give the events.
//!
//! Promises that a manifest that reads has no key that nothing uses, and names no zone, currency or table that is not there. What
//! the files hold it does not know.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::error::DataError;
use crate::money::{self, Currency};
use crate::time::Calendar;

/// What a data set is.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// What it is, in a sentence; may be empty.
    pub about: String,
    /// The IANA name of the zone in which times without one, days and months are told.
    pub time_zone: String,
    /// Of amounts that say none.
    pub currency: Currency,
    /// No event is to be before it, microseconds since 1970 UTC.
    pub from_us: Option<i64>,
    /// No event is to be at it or after.
    pub until_us: Option<i64>,
    /// Its tables, by name.
    pub tables: Vec<Table>,
    /// Its streams of events, as they stand.
    pub events: Vec<Select>,
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Files that are one table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in selects.
    pub name: String,
    /// Paths, globs and folders, in order.
    pub files: Vec<String>,
    /// How they are written; `None` where their endings tell.
    pub form: Option<FileForm>,
    /// Columns whose types are not to be guessed, with their SQL types, as they stand.
    pub columns: Vec<(String, String)>,
    /// Columns whose values are in the names of folders (`year=2018`).
    pub partitions: Vec<String>,
    /// What parts the cells of a CSV.
    pub delimiter: u8,
    /// Whether the first row of a CSV names its columns.
    pub header: bool,
    pub(super) span: Range<usize>,
}

/// A stream of events.
#[derive(Clone, Debug)]
pub struct Select {
    /// SQL whose columns are events' fields.
    pub sql: String,
    /// How its rows are ordered.
    pub order: Order,
    /// What orders rows of the same time, where they are sorted.
    pub ties: Vec<String>,
    pub(super) span: Range<usize>,
}

/// How the rows of a stream are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// They arrived in the order in which they are written.
    #[default]
    AsWritten,
    /// They are sorted by when they arrived.
    Time,
}

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileForm {
    /// Comma-separated values, or with another delimiter.
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file or a stream.
    Arrow,
    /// Weir's own events, one JSON object a line.
    Events,
    /// The folder of a journal: its closed segments.
    Journal,
}

impl FileForm {
    /// The word for it in a manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Events => "events",
            Self::Journal => "journal",
        }
    }

    /// Whether its columns are events' fields already.
    pub const fn is_events(self) -> bool {
        matches!(self, Self::Events | Self::Journal)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    dataset: Head,
    #[serde(default)]
    tables: BTreeMap<String, Spanned<TableSection>>,
    #[serde(default)]
    events: Vec<Spanned<EventsSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    #[serde(default)]
    about: String,
    time_zone: Spanned<String>,
    currency: Spanned<String>,
    from: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableSection {
    files: Spanned<Vec<String>>,
    format: Option<FileForm>,
    #[serde(default)]
    columns: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    partitions: Vec<String>,
    delimiter: Option<Spanned<String>>,
    header: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsSection {
    from: Option<Spanned<String>>,
    select: Option<Spanned<String>>,
    #[serde(default)]
    order: Order,
    ties: Option<Spanned<Vec<String>>>,
}

impl Manifest {
    /// Reads a manifest.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = std::fs::read_to_string(path).map_err(DataError::file(path))?;
        Self::parse(path, text)
    }

    /// Reads the text of one; `path` is for messages.
    pub fn parse(path: &Path, text: String) -> Result<Self, DataError> {
        let document: Document = toml::from_str(&text)
            .map_err(|error| at(path, &text, error.span().unwrap_or(0..0), error.message().to_owned()))?;
        let wrong = |span: Range<usize>, message: String| at(path, &text, span, message);
        let Head { name, about, time_zone, currency, from, until } = document.dataset;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            let message = format!("`dataset.name` is `{name}`; write letters, digits and `_`");
            return Err(wrong(0..0, message));
        }
        let calendar = Calendar::new(time_zone.get_ref())
            .map_err(|error| wrong(time_zone.span(), format!("`dataset.time_zone`: {error}")))?;
        let money = money::currency(currency.get_ref())
            .map_err(|error| wrong(currency.span(), format!("`dataset.currency`: {error}")))?;
        let time = |key: &str, written: Option<Spanned<String>>| {
            let instant = |written: Spanned<String>| {
                calendar
                    .instant(written.get_ref())
                    .map_err(|error| wrong(written.span(), format!("`dataset.{key}`: {error}")))
            };
            written.map(instant).transpose()
        };
        let (from_us, until_us) = (time("from", from)?, time("until", until)?);
        let tables = document.tables.into_iter().map(|(name, section)| section.into_table(name, &wrong));
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        if document.events.is_empty() {
            let message = "no [[events]]: write one, with a `select` that gives events".to_owned();
            return Err(wrong(0..0, message));
        }
        let events = document.events.into_iter().map(|section| select(section, &tables, &wrong));
        Ok(Self {
            name,
            about,
            time_zone: time_zone.into_inner(),
            currency: money,
            from_us,
            until_us,
            events: events.collect::<Result<_, _>>()?,
            tables,
            path: path.to_owned(),
            text,
        })
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Something wrong with a table's section.
    pub(super) fn wrong(&self, span: Range<usize>, message: String) -> DataError {
        at(&self.path, &self.text, span, message)
    }

    /// Something wrong with a stream's select.
    pub(super) fn wrong_select(&self, at: usize, message: String) -> DataError {
        let span = self.events.get(at).map_or(0, |select| select.span.start);
        let (line, column) = place(&self.text, span);
        DataError::Select { path: self.path.clone(), line, column, number: at + 1, message }
    }
}

trait IntoTable {
    fn into_table(
        self,
        name: String,
        wrong: &impl Fn(Range<usize>, String) -> DataError,
    ) -> Result<Table, DataError>;
}

impl IntoTable for Spanned<TableSection> {
    fn into_table(
        self,
        name: String,
        wrong: &impl Fn(Range<usize>, String) -> DataError,
    ) -> Result<Table, DataError> {
        let span = self.span();
        let TableSection { files, format, columns, partitions, delimiter, header } = self.into_inner();
        if files.get_ref().is_empty() {
            return Err(wrong(files.span(), format!("`tables.{name}.files` names no file")));
        }
        let mut columns: Vec<_> = columns.into_iter().collect();
        // In the order in which they stand, which is that of a CSV without a header.
        columns.sort_by_key(|(_, ty)| ty.span().start);
        let delimiter = match delimiter {
            None => b',',
            Some(text) => match text.get_ref().as_bytes() {
                &[byte] => byte,
                _ => {
                    let message = format!("`tables.{name}.delimiter` is one ASCII character, such as \";\"");
                    return Err(wrong(text.span(), message));
                }
            },
        };
        if let Some(header) = header.as_ref().filter(|header| !*header.as_ref() && columns.is_empty()) {
            let message =
                format!("without a header `tables.{name}.columns` names the columns, in order, with types");
            return Err(wrong(header.span(), message));
        }
        Ok(Table {
            name,
            files: files.into_inner(),
            form: format,
            columns: columns.into_iter().map(|(column, ty)| (column, ty.into_inner())).collect(),
            partitions,
            delimiter,
            header: header.is_none_or(Spanned::into_inner),
            span,
        })
    }
}

fn select(
    section: Spanned<EventsSection>,
    tables: &[Table],
    wrong: &impl Fn(Range<usize>, String) -> DataError,
) -> Result<Select, DataError> {
    let span = section.span();
    let EventsSection { from, select, order, ties } = section.into_inner();
    if let Some(ties) = ties.as_ref().filter(|_| order == Order::AsWritten) {
        let message =
            "`ties` orders rows of the same time where `order = \"time\"`; rows as written have an order";
        return Err(wrong(ties.span(), message.to_owned()));
    }
    let (sql, span) = match (select, from) {
        (Some(select), None) => (select.get_ref().clone(), select.span()),
        (None, Some(from)) => {
            let name = from.get_ref();
            if !tables.iter().any(|table| table.name == *name) {
                let known: Vec<_> = tables.iter().map(|table| format!("`{}`", table.name)).collect();
                let message = format!("`{name}` is none of the tables: {}", known.join(", "));
                return Err(wrong(from.span(), message));
            }
            (format!("select * from \"{name}\""), from.span())
        }
        (Some(_), Some(from)) => {
            let message = "`from` takes a table as it is, and `select` says more: write one of them";
            return Err(wrong(from.span(), message.to_owned()));
        }
        (None, None) => {
            let message =
                "`select` is missing; `from` names a table whose columns are events' fields already";
            return Err(wrong(span, message.to_owned()));
        }
    };
    Ok(Select { sql, order, ties: ties.map(Spanned::into_inner).unwrap_or_default(), span })
}

fn at(path: &Path, text: &str, span: Range<usize>, message: String) -> DataError {
    let (line, column) = place(text, span.start);
    DataError::Manifest { path: path.to_owned(), line, column, message }
}

/// Line and column of a byte, both from 1, the column in characters.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[dataset]\nname = \"d\"\ntime_zone = \"UTC\"\ncurrency = \"EUR\"\n";
    const REST: &str = "[tables.t]\nfiles = [\"t.csv\"]\n[[events]]\nfrom = \"t\"\n";

    fn refused(text: &str) -> String {
        Manifest::parse(Path::new("d.toml"), text.to_owned()).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn columns_keep_the_order_in_which_they_stand() {
        let text = format!(
            "{HEAD}{}",
            REST.replace(
                "]\n[[",
                "]\nheader = false\ndelimiter = \";\"\ncolumns = { b = \"int\", a = \"varchar\" }\n[["
            )
        );
        let manifest = Manifest::parse(Path::new("d.toml"), text).unwrap();
        let columns: Vec<_> = manifest.tables[0].columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((columns, manifest.tables[0].delimiter), (vec!["b", "a"], b';'));
        assert_eq!(manifest.events[0].sql, "select * from \"t\"");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(refused(&format!("{HEAD}{REST}")), "");
        for (text, message) in [
            ("[dataset]\nnmae = \"x\"\n".to_owned(), "d.toml:2:1: unknown field `nmae`"),
            (format!("{HEAD}about = 1\n{REST}"), "d.toml:5:9: invalid type: integer `1`, expected a string"),
            (
                HEAD.replace("UTC", "Mars/Phobos"),
                "d.toml:3:13: `dataset.time_zone`: `Mars/Phobos` is not a time zone",
            ),
            (HEAD.replace("EUR", "EUX"), "d.toml:4:12: `dataset.currency`: `EUX` is not an ISO 4217"),
            (
                format!("{HEAD}from = \"yesterday\"\n{REST}"),
                "d.toml:5:8: `dataset.from`: `yesterday` is not a time",
            ),
            (HEAD.to_owned(), "d.toml:1:1: no [[events]]"),
            (format!("{HEAD}{REST}order = \"tim\"\n"), "d.toml:9:9: unknown variant `tim`"),
            (format!("{HEAD}{REST}ties = [\"id\"]\n"), "d.toml:9:8: `ties` orders rows"),
            (format!("{HEAD}{REST}select = \"select 1\"\n"), "d.toml:8:8: `from` takes a table as it is"),
            (format!("{HEAD}{}", REST.replace("from = \"t\"", "")), "d.toml:7:1: `select` is missing"),
            (
                format!("{HEAD}{}", REST.replace("from = \"t\"", "from = \"u\"")),
                "d.toml:8:8: `u` is none of the tables: `t`",
            ),
            (
                format!("{HEAD}{}", REST.replace("\"t.csv\"", "")),
                "d.toml:6:9: `tables.t.files` names no file",
            ),
            (
                format!("{HEAD}{}", REST.replace("]\n[[", "]\nheader = false\n[[")),
                "d.toml:7:10: without a header",
            ),
            (
                format!("{HEAD}{}", REST.replace("]\n[[", "]\ndelimiter = \"ab\"\n[[")),
                "d.toml:7:13: `tables.t.delimiter` is one ASCII",
            ),
        ] {
            let found = refused(&text);
            assert!(found.contains(message), "{text}: `{message}` is not in `{found}`");
        }
    }
}
