//! DataFusion over a table of cells.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::runtime::{Builder, Runtime};

use crate::support::Cell;

const STACK_BYTES: usize = 256 << 20;

/// A session with one table, `events`.
pub struct Session {
    context: SessionContext,
    runtime: Runtime,
}

fn array(ty: &str, cells: &mut dyn Iterator<Item = &Cell>) -> (DataType, ArrayRef) {
    match ty {
        "BIGINT" => {
            let of = |cell: &Cell| if let Cell::Whole(value) = cell { Some(*value) } else { None };
            (DataType::Int64, Arc::new(cells.map(of).collect::<Int64Array>()))
        }
        "DOUBLE" => {
            let of = |cell: &Cell| if let Cell::Decimal(value) = cell { Some(*value) } else { None };
            (DataType::Float64, Arc::new(cells.map(of).collect::<Float64Array>()))
        }
        "BOOLEAN" => {
            let of = |cell: &Cell| if let Cell::Boolean(value) = cell { Some(*value) } else { None };
            (DataType::Boolean, Arc::new(cells.map(of).collect::<BooleanArray>()))
        }
        _ => {
            let of = |cell: &Cell| if let Cell::Text(value) = cell { Some(value.clone()) } else { None };
            (DataType::Utf8, Arc::new(cells.map(of).collect::<StringArray>()))
        }
    }
}

fn cell(value: ScalarValue) -> Cell {
    match value {
        ScalarValue::Int64(Some(value)) => Cell::Whole(value),
        ScalarValue::Float64(Some(value)) => Cell::Decimal(value),
        ScalarValue::Boolean(Some(value)) => Cell::Boolean(value),
        ScalarValue::Utf8(Some(value)) | ScalarValue::Utf8View(Some(value)) => Cell::Text(value),
        value if value.is_null() => Cell::Null,
        other => panic!("{other:?} is no cell"),
    }
}

impl Session {
    /// A table with these columns of these types.
    pub fn new(columns: &[(String, String)], rows: &[Vec<Cell>]) -> Self {
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
            .iter()
            .enumerate()
            .map(|(at, (name, ty))| {
                let (ty, array) = array(ty, &mut rows.iter().map(|row| &row[at]));
                (Field::new(name, ty, true), array)
            })
            .unzip();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
        let table = MemTable::try_new(schema, vec![vec![batch]]).unwrap();
        // One partition: the tests share their machine.
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        context.register_table("events", Arc::new(table)).unwrap();
        Self { context, runtime: Builder::new_current_thread().build().unwrap() }
    }

    /// The answer of a query: these columns of it, or all.
    pub fn run(&self, sql: &str, names: Option<&[String]>) -> Result<Vec<Vec<Cell>>, DataFusionError> {
        // Plans are walked by recursion, and without optimization its frames are large.
        let batches = std::thread::scope(|scope| {
            let run = || self.runtime.block_on(async { self.context.sql(sql).await?.collect().await });
            std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, run)
                .unwrap()
                .join()
                .unwrap()
        })?;
        let mut rows = Vec::new();
        for batch in batches {
            let place = |name: &String| batch.schema().index_of(name).unwrap();
            let places: Vec<usize> = match names {
                Some(names) => names.iter().map(place).collect(),
                None => (0..batch.num_columns()).collect(),
            };
            for row in 0..batch.num_rows() {
                let of = |&at: &usize| cell(ScalarValue::try_from_array(batch.column(at), row).unwrap());
                rows.push(places.iter().map(of).collect());
            }
        }
        Ok(rows)
    }
}
