//! What is known of every key, as an Arrow IPC file that DataFusion, Polars and pandas open.
//!
//! One row per key: the tenant, the key's fields as texts, and for each feature its value and beside it its quality.
//! Rows are written as they come, so many at a time.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::FileError;
use crate::decision::{Reading, Value};
use crate::engine::KeyRow;

/// Rows of one record batch.
const BATCH_ROWS: usize = 8_192;

/// What the values of a feature are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyValues {
    /// Yes or no.
    Boolean,
    /// Whole numbers: counts, minor units, microseconds.
    Whole,
    /// Means, deviations and ratios.
    Decimal,
}

impl KeyValues {
    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Decimal => DataType::Float64,
        }
    }

    fn array(self, all: impl Iterator<Item = Value>) -> ArrayRef {
        match self {
            Self::Boolean => Arc::new(BooleanArray::from_iter(all.map(|value| match value {
                Value::Boolean(value) => Some(value),
                _ => None,
            }))),
            Self::Whole => Arc::new(Int64Array::from_iter(all.map(|value| match value {
                Value::Whole(value) => Some(value),
                _ => None,
            }))),
            Self::Decimal => Arc::new(Float64Array::from_iter(all.map(|value| match value {
                Value::Decimal(value) => Some(value),
                _ => None,
            }))),
        }
    }
}

/// A file of keys that is being written.
pub struct KeyFile {
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    texts: usize,
    features: Vec<KeyValues>,
    rows: Vec<KeyRow>,
}

fn failed(path: &Path, error: ArrowError) -> FileError {
    let source = match error {
        ArrowError::IoError(_, source) => source,
        other => std::io::Error::other(other),
    };
    FileError { path: path.to_owned(), source }
}

impl KeyFile {
    /// Of keys with these fields, and these features.
    pub fn create(path: &Path, fields: &[&str], features: &[(&str, KeyValues)]) -> Result<Self, FileError> {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        let mut columns: Vec<Field> = std::iter::once(text("tenant")).collect();
        columns.extend(fields.iter().map(|name| text(name)));
        for (name, values) in features {
            columns.push(Field::new(*name, values.data_type(), true));
            columns.push(text(&format!("{name}.quality")));
        }
        let schema = Arc::new(Schema::new(columns));
        let file = File::create(path).map_err(|source| FileError { path: path.to_owned(), source })?;
        let writer = FileWriter::try_new_buffered(file, &schema).map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            schema,
            texts: fields.len(),
            features: features.iter().map(|&(_, values)| values).collect(),
            rows: Vec::with_capacity(BATCH_ROWS),
        })
    }

    /// Writes a row: the texts and readings of as many fields and features.
    pub fn row(&mut self, row: KeyRow) -> Result<(), FileError> {
        self.rows.push(row);
        if self.rows.len() == BATCH_ROWS { self.batch() } else { Ok(()) }
    }

    fn batch(&mut self) -> Result<(), FileError> {
        let rows = &self.rows;
        let text = |of: &dyn Fn(&KeyRow) -> Option<String>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<StringArray>())
        };
        let mut columns = vec![text(&|row| row.tenant.clone())];
        columns.extend((0..self.texts).map(|at| text(&|row| row.key.get(at).cloned())));
        for (at, values) in self.features.iter().enumerate() {
            let readings = || rows.iter().map(move |row| row.readings.get(at).copied().unwrap_or_default());
            columns.push(values.array(readings().map(|reading: Reading| reading.value)));
            let qualities = readings().map(|reading| reading.quality.name());
            columns.push(Arc::new(StringArray::from_iter_values(qualities)));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let written = batch.and_then(|batch| self.writer.write(&batch));
        self.rows.clear();
        written.map_err(|error| failed(&self.path, error))
    }

    /// Writes what is left, and the file's end.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.batch()?;
        self.writer.finish().map_err(|error| failed(&self.path, error))
    }
}
