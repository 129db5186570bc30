//! SQL over data sets, the decisions of a backtest and a journal's columns.
//!
//! Promises that a query only reads, that its memory is bounded whatever it reads, and that what it gives is written as it comes.
//! Must never know where its bytes go.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use datafusion::arrow::{csv, json};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use thiserror::Error;

use super::data::{DataSet, Settings, session, told};
use crate::journal::columns_folder;

/// Rows that a table shows where nothing else is said.
pub const TABLE_ROWS: usize = 1_000;

/// What a query may read.
#[derive(Clone, Copy, Default)]
pub struct Sources<'a> {
    /// Data sets: their tables by name, and what their selects give as `NAME_events`.
    pub data: &'a [DataSet],
    /// A Parquet file of decisions, as `decisions`.
    pub decisions: Option<&'a Path>,
    /// A journal's folder, whose columns are `journal`.
    pub journal: Option<&'a Path>,
}

/// How what it gives is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a table for people.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Json,
    /// Parquet.
    Parquet,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Rows.
    pub rows: usize,
    /// Whether there were more.
    pub cut: bool,
}

/// Why a query gave nothing, or not all.
#[derive(Debug, Error)]
pub enum QueryError {
    /// What it asks can't be answered.
    #[error("{message}")]
    Query {
        /// What is wrong, and what there is.
        message: String,
    },
    /// A file that it is to read is not there.
    #[error("{}: {message}", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// What to do.
        message: &'static str,
    },
    /// Two sources have a table of the same name.
    #[error("two sources have a table `{0}`; ask one after the other")]
    Twice(String),
    /// What it gives can't be written.
    #[error("can't write what the query gives: {0}")]
    Write(#[from] std::io::Error),
}

impl From<ArrowError> for QueryError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::Write(source),
            error => Self::Query { message: error.to_string() },
        }
    }
}

impl From<ParquetError> for QueryError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => Self::Write(std::io::Error::other(source)),
            error => Self::Query { message: error.to_string() },
        }
    }
}

/// Runs a query and writes what it gives, at most `limit` rows of it.
pub fn query(
    sql: &str,
    sources: &Sources<'_>,
    settings: &Settings,
    (form, limit): (Form, Option<usize>),
    out: &mut (dyn Write + Send),
) -> Result<Answered, QueryError> {
    let zone = sources.data.first().map_or("UTC", |data| data.manifest().time_zone.as_str());
    let context = session::session(settings, zone, settings.threads)
        .map_err(|error| QueryError::Query { message: told(&error) })?;
    let names = tables(&context, sources)?;
    let answering = async {
        register(&context, sources).await.map_err(|error| wrong(&error, &names))?;
        let rows = session::read_only(&context, sql).await.map_err(|error| wrong(&error, &names))?;
        // One more than is wanted tells whether there are more.
        let rows = match limit {
            Some(limit) if !explains(rows.logical_plan()) => rows.limit(0, Some(limit.saturating_add(1))),
            _ => Ok(rows),
        };
        let stream = rows.map_err(|error| wrong(&error, &names))?.execute_stream().await;
        let mut stream = stream.map_err(|error| wrong(&error, &names))?;
        let mut writer = Writer::new(form, stream.schema(), out)?;
        let (mut rows, most) = (0, limit.unwrap_or(usize::MAX));
        let mut cut = false;
        while let Some(batch) = session::next(&mut stream).await {
            let batch = batch.map_err(|error| wrong(&error, &names))?;
            let taken = batch.num_rows().min(most - rows);
            cut |= taken < batch.num_rows();
            rows += taken;
            writer.write(&batch.slice(0, taken))?;
        }
        writer.finish()?;
        Ok(Answered { rows, cut })
    };
    let answered = session::run(settings.threads, async { Ok(answering.await) });
    answered.map_err(|error| QueryError::Query { message: told(&error) })?
}

/// Whether a plan only says how another one would be run: it stands alone.
fn explains(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_))
}

/// Puts data sets into the session, and gives the names of all tables that will be in it.
fn tables(context: &SessionContext, sources: &Sources<'_>) -> Result<Vec<String>, QueryError> {
    let mut names: Vec<String> = Vec::new();
    for data in sources.data {
        for name in data.table_names() {
            if names.contains(&name) {
                return Err(QueryError::Twice(name));
            }
            names.push(name);
        }
        data.register(context).map_err(|error| QueryError::Query { message: told(&error) })?;
    }
    let others = [("decisions", sources.decisions.is_some()), ("journal", sources.journal.is_some())];
    for (name, _) in others.into_iter().filter(|(_, is_there)| *is_there) {
        if names.iter().any(|known| known == name) {
            return Err(QueryError::Twice(name.to_owned()));
        }
        names.push(name.to_owned());
    }
    if let Some(path) = sources.decisions.filter(|path| !path.is_file()) {
        let message = "no such file; `weir backtest` writes decisions.parquet into its folder";
        return Err(QueryError::Missing { path: path.to_owned(), message });
    }
    if let Some(journal) = sources.journal {
        let path = columns_folder(journal);
        let there = std::fs::read_dir(&path).into_iter().flatten().flatten();
        if !there.into_iter().any(|entry| entry.path().extension().is_some_and(|ending| ending == "parquet"))
        {
            let message = "no columns; `weir journal columns` writes those of closed segments there";
            return Err(QueryError::Missing { path, message });
        }
    }
    Ok(names)
}

async fn register(context: &SessionContext, sources: &Sources<'_>) -> Result<(), DataFusionError> {
    let options = ParquetReadOptions::default;
    if let Some(path) = sources.decisions {
        context.register_parquet("decisions", path.to_string_lossy(), options()).await?;
    }
    if let Some(journal) = sources.journal {
        let folder = columns_folder(journal).join("");
        context.register_parquet("journal", folder.to_string_lossy(), options()).await?;
    }
    Ok(())
}

fn wrong(error: &DataFusionError, tables: &[String]) -> QueryError {
    let mut message = told(error);
    if message.starts_with("table '") && message.ends_with("not found") {
        let known: Vec<_> = tables.iter().map(|table| format!("`{table}`")).collect();
        message = match known.as_slice() {
            [] => format!("{message}: name what to ask with --data, --backtest, --decisions or --journal"),
            known => format!("{message}; there are {}", known.join(", ")),
        };
    }
    QueryError::Query { message }
}

/// What writes batches in a form.
enum Writer<'o> {
    Table { schema: SchemaRef, batches: Vec<RecordBatch>, out: &'o mut (dyn Write + Send) },
    Csv(Box<csv::Writer<&'o mut (dyn Write + Send)>>),
    Json(json::LineDelimitedWriter<&'o mut (dyn Write + Send)>),
    Parquet(Box<ArrowWriter<&'o mut (dyn Write + Send)>>),
}

impl<'o> Writer<'o> {
    fn new(form: Form, schema: SchemaRef, out: &'o mut (dyn Write + Send)) -> Result<Self, QueryError> {
        Ok(match form {
            Form::Table => Self::Table { schema, batches: Vec::new(), out },
            Form::Csv => {
                let mut writer = csv::WriterBuilder::new().with_header(true).build(out);
                // The header, where no row brings it.
                writer.write(&plain(&RecordBatch::new_empty(schema))?)?;
                Self::Csv(Box::new(writer))
            }
            Form::Json => Self::Json(json::WriterBuilder::new().with_explicit_nulls(true).build(out)),
            Form::Parquet => {
                let level = ZstdLevel::try_new(3)?;
                let properties =
                    WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
                Self::Parquet(Box::new(ArrowWriter::try_new(out, schema, Some(properties))?))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        match self {
            Self::Table { batches, .. } => batches.push(batch.clone()),
            Self::Csv(writer) => writer.write(&plain(batch)?)?,
            Self::Json(writer) => writer.write(batch)?,
            Self::Parquet(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), QueryError> {
        match self {
            Self::Table { schema, batches, out } => {
                let table = pretty_format_batches_with_schema(schema, &batches)?;
                writeln!(out, "{table}")?;
            }
            Self::Csv(_) => {}
            Self::Json(mut writer) => writer.finish()?,
            Self::Parquet(writer) => drop(writer.close()?),
        }
        Ok(())
    }
}

/// Lists and other values that no cell of a CSV holds, as text.
fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !batch.schema().fields().iter().any(|field| field.data_type().is_nested()) {
        return Ok(batch.clone());
    }
    let options = FormatOptions::default();
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() {
            let formatter = ArrayFormatter::try_new(array, &options)?;
            let text = |row| array.is_valid(row).then(|| formatter.value(row).to_string());
            let texts: StringArray = (0..array.len()).map(text).collect();
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            columns.push(Arc::new(texts));
        } else {
            fields.push(field.as_ref().clone());
            columns.push(Arc::clone(array));
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
