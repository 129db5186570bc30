//! Weir's own lines as tables: files of events, and the closed segments of a journal.
//!
//! Promises that a line is read as everywhere else, so that what a table says of it is what the event says; that a line which is no
//! event is a row that tells so (`bad_line`), and ends the reading where nobody looks at that column.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::files::form_of;
use super::layout::{BAD_LINE, EXTRA};
use super::records;
use crate::event::{Event, Schema, TextField};
use crate::io::{EventReader, Format, ReadError};

/// Batches that wait for who reads them.
const WAITING: usize = 2;

/// Where lines come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Files, in order.
    Files(Vec<PathBuf>),
    /// The folder of a journal.
    Journal(PathBuf),
}

/// What is known of a line beside what it says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    /// What the payment was answered.
    pub(super) answered: Option<&'static str>,
    /// How many payments it stands for.
    pub(super) weight: Option<f64>,
}

/// What takes lines: an event with its bytes, or why it is none.
pub(super) trait Take {
    /// Whether more is wanted.
    fn event(&mut self, event: &Event, line: &[u8], beside: Beside) -> Result<bool>;
    /// The same after a line that is none.
    fn bad(&mut self, why: String) -> Result<bool>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Kind,
    Time,
    Received,
    Amount,
    Currency,
    Rate,
    Text(TextField),
    SameOwner,
    Latitude,
    Longitude,
    Level,
    Expires,
    Extra,
    Weight,
    BadLine,
}

/// Every column with its name; all of an event's fields, so that none that is rare is missed.
fn columns() -> impl Iterator<Item = (&'static str, Column)> {
    let first = [
        ("kind", Column::Kind),
        ("time_us", Column::Time),
        ("received_us", Column::Received),
        ("amount_minor", Column::Amount),
        ("currency", Column::Currency),
        ("rate", Column::Rate),
    ];
    let last = [
        ("same_owner", Column::SameOwner),
        ("latitude", Column::Latitude),
        ("longitude", Column::Longitude),
        ("level", Column::Level),
        ("expires_us", Column::Expires),
        (EXTRA, Column::Extra),
        ("weight", Column::Weight),
        (BAD_LINE, Column::BadLine),
    ];
    let texts = TextField::ALL.iter().map(|&field| (field.name(), Column::Text(field)));
    first.into_iter().chain(texts).chain(last)
}

impl Column {
    fn data_type(self) -> DataType {
        match self {
            Self::Time | Self::Received | Self::Amount | Self::Level | Self::Expires => DataType::Int64,
            Self::Latitude | Self::Longitude | Self::Weight => DataType::Float64,
            Self::SameOwner => DataType::Boolean,
            Self::Kind | Self::Currency | Self::Rate | Self::Text(_) | Self::Extra | Self::BadLine => {
                DataType::Utf8
            }
        }
    }
}

/// A table of lines.
#[derive(Debug)]
pub(super) struct Lines {
    schema: SchemaRef,
    source: Source,
}

impl Lines {
    pub(super) fn new(source: Source) -> Self {
        let field = |(name, column): (&str, Column)| Field::new(name, column.data_type(), true);
        Self { schema: Arc::new(ArrowSchema::new(columns().map(field).collect::<Vec<_>>())), source }
    }
}

#[async_trait]
impl TableProvider for Lines {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<Column> = columns().map(|(_, column)| column).collect();
        let (schema, wanted) = match projection {
            None => (Arc::clone(&self.schema), all),
            Some(wanted) => {
                let schema = Arc::new(self.schema.project(wanted)?);
                (schema, wanted.iter().filter_map(|&at| all.get(at).copied()).collect())
            }
        };
        let lines =
            Arc::new(Reading { schema: Arc::clone(&schema), columns: wanted, source: self.source.clone() });
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![lines], None, [], false, limit)?))
    }
}

/// Where a table of lines reads.
pub(super) fn place(table: &dyn TableProvider) -> Option<String> {
    table.downcast_ref::<Lines>().map(|lines| format!("{:?}", lines.source))
}

/// One reading of them.
struct Reading {
    schema: SchemaRef,
    columns: Vec<Column>,
    source: Source,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(f)
    }
}

impl PartitionStream for Reading {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING);
        let sender = stream.tx();
        let mut batches = Batches {
            schema: Arc::clone(&self.schema),
            builders: self.columns.iter().map(|&column| Builder::new(column)).collect(),
            rows: 0,
            batch_rows: context.session_config().batch_size(),
            hand_on: Box::new(move |batch| sender.blocking_send(Ok(batch)).is_ok()),
        };
        let source = self.source.clone();
        stream.spawn_blocking(move || {
            match &source {
                Source::Files(paths) => read_files(paths, &mut batches)?,
                Source::Journal(folder) => records::read(folder, &mut batches)?,
            }
            batches.flush().map(drop)
        });
        stream.build()
    }
}

fn read_files(paths: &[PathBuf], out: &mut Batches) -> Result<()> {
    for path in paths {
        if !read_file(path, out)? {
            break;
        }
    }
    Ok(())
}

fn read_file(path: &Path, out: &mut Batches) -> Result<bool> {
    let failed = |why: String| DataFusionError::Execution(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let unpacked = FileCompressionType::from(form_of(path).1).convert_read(file)?;
    let mut reader = EventReader::new(unpacked, &Format::Ndjson, Arc::new(Schema::default()))
        .map_err(|error| failed(error.to_string()))?;
    loop {
        let goes_on = match reader.next_line() {
            None => return Ok(true),
            Some(Ok((event, line))) => out.event(event, line, Beside::default())?,
            Some(Err(error @ ReadError::Line { .. })) => out.bad(format!("{}: {error}", path.display()))?,
            Some(Err(error)) => return Err(failed(error.to_string())),
        };
        if !goes_on {
            return Ok(false);
        }
    }
}

enum Builder {
    Text(Column, StringBuilder),
    Whole(Column, Int64Builder),
    Number(Column, Float64Builder),
    Boolean(BooleanBuilder),
}

impl Builder {
    fn new(column: Column) -> Self {
        match column.data_type() {
            DataType::Int64 => Self::Whole(column, Int64Builder::new()),
            DataType::Float64 => Self::Number(column, Float64Builder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            _ => Self::Text(column, StringBuilder::new()),
        }
    }

    fn event(&mut self, event: &Event, line: &[u8], beside: Beside) {
        match self {
            Self::Text(Column::Rate, texts) => {
                texts.append_option(event.rate().map(|rate| rate.to_string()));
            }
            Self::Text(column, texts) => texts.append_option(match column {
                Column::Kind => Some(event.kind().name()),
                Column::Currency => event.amount().map(|amount| amount.currency.code()),
                Column::Text(TextField::Answered) => event.text(TextField::Answered).or(beside.answered),
                Column::Text(field) => event.text(*field),
                Column::Extra => extra(line),
                _ => None,
            }),
            Self::Whole(column, wholes) => wholes.append_option(match column {
                Column::Time => Some(event.time_us()),
                Column::Received => event.received_us(),
                Column::Amount => event.amount().map(|amount| amount.minor),
                Column::Level => event.level(),
                _ => event.expires_us(),
            }),
            Self::Number(column, numbers) => numbers.append_option(match column {
                Column::Latitude => event.latitude_longitude().map(|(latitude, _)| latitude),
                Column::Longitude => event.latitude_longitude().map(|(_, longitude)| longitude),
                _ => beside.weight,
            }),
            Self::Boolean(truths) => truths.append_option(event.same_owner()),
        }
    }

    fn bad(&mut self, why: &str) {
        match self {
            Self::Text(Column::BadLine, texts) => texts.append_value(why),
            Self::Text(_, texts) => texts.append_null(),
            Self::Whole(_, wholes) => wholes.append_null(),
            Self::Number(_, numbers) => numbers.append_null(),
            Self::Boolean(truths) => truths.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(_, texts) => Arc::new(texts.finish()),
            Self::Whole(_, wholes) => Arc::new(wholes.finish()),
            Self::Number(_, numbers) => Arc::new(numbers.finish()),
            Self::Boolean(truths) => Arc::new(truths.finish()),
        }
    }
}

/// The extra fields of a line, as they stand in it: an event does not keep those that no rule file declares.
fn extra(line: &[u8]) -> Option<&str> {
    #[derive(Deserialize)]
    struct Said<'l> {
        #[serde(borrow)]
        extra: Option<&'l RawValue>,
    }
    // Most lines have none, and are not parsed once more for that.
    let line = std::str::from_utf8(line).ok().filter(|line| line.contains("\"extra\""))?;
    serde_json::from_str::<Said<'_>>(line).ok()?.extra.map(RawValue::get)
}

/// Rows that are gathered and handed on.
struct Batches {
    schema: SchemaRef,
    builders: Vec<Builder>,
    rows: usize,
    batch_rows: usize,
    hand_on: Box<dyn FnMut(RecordBatch) -> bool + Send>,
}

impl Batches {
    fn flush(&mut self) -> Result<bool> {
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok((self.hand_on)(batch))
    }

    fn count(&mut self) -> Result<bool> {
        self.rows += 1;
        if self.rows < self.batch_rows { Ok(true) } else { self.flush() }
    }
}

impl Take for Batches {
    fn event(&mut self, event: &Event, line: &[u8], beside: Beside) -> Result<bool> {
        for builder in &mut self.builders {
            builder.event(event, line, beside);
        }
        self.count()
    }

    fn bad(&mut self, why: String) -> Result<bool> {
        if !self.builders.iter().any(|builder| matches!(builder, Builder::Text(Column::BadLine, _))) {
            return Err(DataFusionError::Execution(why));
        }
        for builder in &mut self.builders {
            builder.bad(&why);
        }
        self.count()
    }
}
