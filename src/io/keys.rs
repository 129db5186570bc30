//! What is known of every key, as an Arrow IPC file that DataFusion, Polars and pandas open.
//!
//! One row per key: the tenant, the key's fields as texts, and for each feature its value and beside it its quality.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Field, Schema};

use super::FileError;
use crate::decision::{Reading, Value};

/// What the values of a feature are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyValues {
    /// Yes or no.
    Boolean,
    /// Whole numbers: counts, minor units, microseconds.
    Whole,
    /// Means and deviations.
    Decimal,
}

/// A column of an exported table.
#[derive(Debug)]
pub enum KeyColumn {
    /// Texts, null where there is none.
    Text(Vec<Option<String>>),
    /// A feature's values with their qualities.
    Feature(KeyValues, Vec<Reading>),
}

fn values(of: KeyValues, readings: &[Reading]) -> ArrayRef {
    let all = || readings.iter().map(|reading| reading.value);
    match of {
        KeyValues::Boolean => Arc::new(BooleanArray::from_iter(all().map(|value| match value {
            Value::Boolean(value) => Some(value),
            _ => None,
        }))),
        KeyValues::Decimal => Arc::new(Float64Array::from_iter(all().map(|value| match value {
            Value::Decimal(value) => Some(value),
            _ => None,
        }))),
        KeyValues::Whole => Arc::new(Int64Array::from_iter(all().map(|value| match value {
            Value::Whole(value) => Some(value),
            _ => None,
        }))),
    }
}

/// The arrays of a column with their names.
fn arrays(name: String, column: KeyColumn) -> Vec<(String, ArrayRef)> {
    match column {
        KeyColumn::Text(texts) => vec![(name, Arc::new(StringArray::from_iter(texts)))],
        KeyColumn::Feature(of, readings) => {
            let qualities = readings.iter().map(|reading| reading.quality.name());
            let qualities: ArrayRef = Arc::new(StringArray::from_iter_values(qualities));
            vec![(name.clone(), values(of, &readings)), (format!("{name}.quality"), qualities)]
        }
    }
}

/// Writes named columns of equal length as one Arrow IPC file.
pub fn write_keys(path: &Path, columns: Vec<(String, KeyColumn)>) -> Result<(), FileError> {
    let cant = |error: ArrowError| FileError {
        path: path.to_owned(),
        source: match error {
            ArrowError::IoError(_, source) => source,
            other => std::io::Error::other(other),
        },
    };
    let arrays: Vec<(String, ArrayRef)> =
        columns.into_iter().flat_map(|(name, column)| arrays(name, column)).collect();
    let field = |(name, array): &(String, ArrayRef)| Field::new(name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(arrays.iter().map(field).collect::<Vec<Field>>()));
    let arrays = arrays.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(cant)?;
    let file = File::create(path).map_err(|source| FileError { path: path.to_owned(), source })?;
    let mut writer = FileWriter::try_new_buffered(file, &schema).map_err(cant)?;
    writer.write(&batch).map_err(cant)?;
    writer.finish().map_err(cant)
}
