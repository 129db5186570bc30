//! `decisions.parquet`, read back row by row.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};

/// Rows by the id of their payment.
#[derive(Debug, PartialEq)]
pub struct Decisions(BTreeMap<String, Map<String, Value>>);

impl Decisions {
    pub fn read(path: &Path) -> Self {
        let mut rows = BTreeMap::new();
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let schema = batch.schema();
            for at in 0..batch.num_rows() {
                let cells = schema.fields().iter().zip(batch.columns());
                let row: Map<String, Value> =
                    cells.map(|(field, cells)| (field.name().clone(), cell(cells, at))).collect();
                let id = row["id"].as_str().unwrap().to_owned();
                assert!(rows.insert(id, row).is_none(), "a payment stands there once");
            }
        }
        Self(rows)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn find(&self, id: &str) -> Option<&Map<String, Value>> {
        self.0.get(id)
    }

    pub fn row(&self, id: &str) -> &Map<String, Value> {
        self.find(id).unwrap_or_else(|| panic!("{id} is not among the decisions"))
    }

    pub fn rows(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.0.values()
    }
}

fn cell(cells: &dyn Array, at: usize) -> Value {
    if cells.is_null(at) {
        return Value::Null;
    }
    match cells.data_type() {
        DataType::Boolean => json!(cells.as_boolean().value(at)),
        DataType::Int64 => json!(cells.as_primitive::<Int64Type>().value(at)),
        DataType::UInt64 => json!(cells.as_primitive::<UInt64Type>().value(at)),
        DataType::Float64 => json!(cells.as_primitive::<Float64Type>().value(at)),
        DataType::Timestamp(..) => json!(cells.as_primitive::<TimestampMicrosecondType>().value(at)),
        DataType::Utf8 => json!(cells.as_string::<i32>().value(at)),
        DataType::List(_) => {
            let values = cells.as_list::<i32>().value(at);
            (0..values.len()).map(|at| cell(&values, at)).collect()
        }
        other => panic!("{other} is not expected"),
    }
}

/// The features of a decision's line, by name; one that conditions can't go by is left out.
pub fn features(said: &Value) -> Vec<(String, Value)> {
    let features = said["features"].as_object().unwrap();
    features.iter().map(|(name, feature)| (name.clone(), feature["value"].clone())).collect()
}
