//! Records as rows of columns: what stands in which column, and rows as a row group of a Parquet file.
//!
//! Promises that a record's exact bytes stand in its row, and that what its JSON says of a column's name stands in that
//! column; what it does not say, or says as something else, is null. Must never know where a file is.

use std::io::Write;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};
use serde::{Deserialize, Deserializer};

use super::heads::Head;
use super::reader::Entry;
use super::record::{AnswerForm, Record, UnknownRecord};
use crate::hex::hex;

/// Most rows of a row group.
const ROWS_MAX: usize = 65_536;
/// A row group with so many bytes of text is full: what is held in memory is bounded by it and one record.
const BYTES_MAX: usize = 32 << 20;

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// A whole number in every row.
    Number,
    /// A whole number.
    Whole,
    /// A text of which there are few: looked up in a dictionary.
    Word,
    /// A text that is different in most rows.
    Text,
    /// A list of words.
    Words,
}

/// Every column, in order.
const COLUMNS: [(&str, Type); 26] = [
    ("number", Type::Number),
    ("kind", Type::Word),
    ("form", Type::Word),
    ("event", Type::Whole),
    ("at_us", Type::Whole),
    ("id", Type::Text),
    ("tenant", Type::Word),
    ("event_kind", Type::Word),
    ("control", Type::Word),
    ("account", Type::Word),
    ("amount_minor", Type::Whole),
    ("currency", Type::Word),
    ("payee", Type::Word),
    ("device", Type::Word),
    ("customer", Type::Word),
    ("portal", Type::Word),
    ("provider", Type::Word),
    ("payment_kind", Type::Word),
    ("outcome", Type::Word),
    ("score", Type::Whole),
    ("rules", Type::Words),
    ("refused", Type::Word),
    ("rule_set", Type::Word),
    ("engine", Type::Word),
    ("chain", Type::Text),
    ("bytes", Type::Text),
];

/// What stands in a column of a row.
#[derive(Debug, Default, PartialEq, Eq)]
enum Cell {
    #[default]
    Null,
    Whole(i64),
    Text(String),
    Words(Vec<String>),
}

/// Whatever a record says is taken as it is; rules are known by their ids.
impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        use serde_json::Value;
        let id = |value: &Value| value["id"].as_str().map(str::to_owned);
        Ok(match Value::deserialize(from)? {
            Value::String(text) => Self::Text(text),
            Value::Number(number) => number.as_i64().map_or(Self::Null, Self::Whole),
            Value::Array(values) => Self::Words(values.iter().filter_map(id).collect()),
            _ => Self::Null,
        })
    }
}

/// What a record's JSON says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    id: Cell,
    tenant: Cell,
    kind: Cell,
    /// Of an event and its answer.
    time_us: Cell,
    /// Of a control record.
    at_us: Cell,
    control: Cell,
    account: Cell,
    amount_minor: Cell,
    currency: Cell,
    payee: Cell,
    device: Cell,
    customer: Cell,
    portal: Cell,
    provider: Cell,
    payment_kind: Cell,
    outcome: Cell,
    score: Cell,
    rules: Cell,
    refused: Cell,
    rule_set: Cell,
    engine: Cell,
}

fn word(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn whole(number: u64) -> Cell {
    Cell::Whole(number.cast_signed())
}

/// The cells of a record, in the order of [`COLUMNS`].
fn cells(entry: &Entry<'_>) -> std::result::Result<[Cell; COLUMNS.len()], UnknownRecord> {
    let (kind, form, event, bytes) = match entry.record()? {
        Record::Event { bytes, .. } => ("event", "json", Cell::Null, bytes),
        Record::Answer { form, event, bytes } => {
            let form = match form {
                AnswerForm::Decided => "decided",
                AnswerForm::Repeated => "repeated",
                AnswerForm::Refused => "refused",
                AnswerForm::Declared => "declared",
                AnswerForm::Alert => "alert",
            };
            ("answer", form, whole(event), bytes)
        }
        Record::Control(bytes) => ("control", "json", Cell::Null, bytes),
        Record::Head(bytes) => ("head", "hex", Cell::Null, bytes),
    };
    // What is no text, as a head, can't stand in a column of texts but in hex digits.
    let (form, text) = match std::str::from_utf8(bytes) {
        Ok(text) if form != "hex" => (form, text.to_owned()),
        _ => ("hex", hex(bytes)),
    };
    let said: Said = match Head::read(bytes).filter(|_| kind == "head") {
        Some(head) => Said { at_us: Cell::Whole(head.at_us), ..Said::default() },
        None => serde_json::from_slice(bytes).unwrap_or_default(),
    };
    let at_us = if said.time_us == Cell::Null { said.at_us } else { said.time_us };
    Ok([
        whole(entry.number),
        word(kind),
        word(form),
        event,
        at_us,
        said.id,
        said.tenant,
        said.kind,
        said.control,
        said.account,
        said.amount_minor,
        said.currency,
        said.payee,
        said.device,
        said.customer,
        said.portal,
        said.provider,
        said.payment_kind,
        said.outcome,
        said.score,
        said.rules,
        said.refused,
        said.rule_set,
        said.engine,
        Cell::Text(hex(entry.chain)),
        Cell::Text(text),
    ])
}

/// The columns as Parquet knows them.
pub(super) fn schema() -> Result<TypePtr> {
    let column = |(name, ty): &(&str, Type)| match ty {
        Type::Number => format!("required int64 {name};"),
        Type::Whole => format!("optional int64 {name};"),
        Type::Word | Type::Text => format!("optional binary {name} (UTF8);"),
        Type::Words => {
            format!(
                "optional group {name} (LIST) {{ repeated group list {{ required binary element (UTF8); }} }}"
            )
        }
    };
    let columns: String = COLUMNS.iter().map(column).collect();
    Ok(std::sync::Arc::new(parse_message_type(&format!("message journal {{ {columns} }}"))?))
}

/// How columns are written: numbers as differences, words by a dictionary, all of it compressed.
pub(super) fn properties() -> Result<WriterPropertiesBuilder> {
    let level = ZstdLevel::try_new(3)?;
    let builder = WriterProperties::builder()
        .set_created_by(concat!("weir ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    Ok(COLUMNS.iter().fold(builder, |builder, &(name, ty)| {
        let column = || ColumnPath::from(name);
        match ty {
            Type::Number | Type::Whole => builder
                .set_column_dictionary_enabled(column(), false)
                .set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED),
            Type::Text if name != "id" => builder
                .set_column_dictionary_enabled(column(), false)
                .set_column_statistics_enabled(column(), EnabledStatistics::None),
            Type::Text => builder.set_column_dictionary_enabled(column(), false),
            Type::Word | Type::Words => builder,
        }
    }))
}

/// What a column holds until its row group is written.
#[derive(Debug, Default)]
struct Held {
    wholes: Vec<i64>,
    texts: Vec<ByteArray>,
    /// How much of each value is there; 0 for null.
    defined: Vec<i16>,
    /// Whether each value goes on with a list.
    repeated: Vec<i16>,
}

impl Held {
    /// Puts a cell behind the others; gives the bytes of its text.
    fn put(&mut self, cell: Cell, ty: Type) -> usize {
        let text = |held: &mut Vec<ByteArray>, text: String| {
            let bytes = text.len();
            held.push(ByteArray::from(text.into_bytes()));
            bytes
        };
        self.repeated.push(0);
        let (defined, bytes) = match (ty, cell) {
            (Type::Number | Type::Whole, Cell::Whole(value)) => {
                self.wholes.push(value);
                (1, 0)
            }
            (Type::Word | Type::Text, Cell::Text(value)) => (1, text(&mut self.texts, value)),
            (Type::Words, Cell::Words(words)) if words.is_empty() => (1, 0),
            (Type::Words, Cell::Words(words)) => {
                self.repeated.extend((1..words.len()).map(|_| 1));
                self.defined.extend((1..words.len()).map(|_| 2));
                (2, words.into_iter().map(|word| text(&mut self.texts, word)).sum())
            }
            _ => (0, 0),
        };
        self.defined.push(defined);
        bytes
    }

    fn write(&self, column: &mut ColumnWriter<'_>, ty: Type) -> Result<()> {
        let defined = (ty != Type::Number).then_some(&self.defined[..]);
        let repeated = (ty == Type::Words).then_some(&self.repeated[..]);
        match column {
            ColumnWriter::Int64ColumnWriter(column) => column.write_batch(&self.wholes, defined, repeated)?,
            ColumnWriter::ByteArrayColumnWriter(column) => {
                column.write_batch(&self.texts, defined, repeated)?
            }
            _ => return Err(ParquetError::General("a column is of a type that no schema here has".into())),
        };
        Ok(())
    }
}

/// Rows that become a row group.
#[derive(Debug, Default)]
pub(super) struct Rows {
    columns: [Held; COLUMNS.len()],
    rows: usize,
    bytes: usize,
}

impl Rows {
    /// Puts a record behind the others.
    pub(super) fn put(&mut self, entry: &Entry<'_>) -> std::result::Result<(), UnknownRecord> {
        for ((held, cell), (_, ty)) in self.columns.iter_mut().zip(cells(entry)?).zip(COLUMNS) {
            self.bytes += held.put(cell, ty);
        }
        self.rows += 1;
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// Writes them as a row group, if there are any, and begins anew.
    pub(super) fn write<W: Write + Send>(&mut self, file: &mut SerializedFileWriter<W>) -> Result<()> {
        let Self { columns, rows, .. } = std::mem::take(self);
        if rows == 0 {
            return Ok(());
        }
        let mut group = file.next_row_group()?;
        for (held, (_, ty)) in columns.iter().zip(COLUMNS) {
            let missing = || ParquetError::General("the schema has fewer columns".into());
            let mut column = group.next_column()?.ok_or_else(missing)?;
            held.write(column.untyped(), ty)?;
            column.close()?;
        }
        group.close()?;
        Ok(())
    }
}
