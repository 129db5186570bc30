//! Files as tables: CSV, NDJSON, Parquet and Arrow IPC by DataFusion's own readers, in the order in which they are given.
//!
//! Promises that with one partition rows come in the order of the files and of the rows in them; that every file has been looked at
//! before the first row is read; and that a type which was asked for loses nothing silently.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::object_store;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use super::columns::exactly;
use super::error::{DataError, told};
use super::files::{form_of, partition_values};
use super::guess::Guesses;
use super::manifest::{FileForm, Manifest, Table};

/// Decimals of a number in text are read to so many places, so that more than its type has can be told.
const PLACES: i8 = 20;
const DIGITS: u8 = 38;

/// A table of files.
#[derive(Debug)]
struct Files {
    schema: SchemaRef,
    file_schema: SchemaRef,
    partitions: Vec<Arc<Field>>,
    format: Arc<dyn FileFormat>,
    files: Vec<PartitionedFile>,
}

#[async_trait]
impl TableProvider for Files {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = TableSchema::new(Arc::clone(&self.file_schema), self.partitions.clone());
        let source = self.format.file_source(schema);
        let group = FileGroup::new(self.files.clone());
        let partitions = state.config().target_partitions();
        let in_order = partitions == 1;
        let groups = if in_order { vec![group] } else { group.split_files(partitions) };
        // By size the smaller side of a join is the one that is held.
        let bytes = self.files.iter().map(|file| file.object_meta.size).sum::<u64>();
        let total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
        let statistics = Statistics { total_byte_size, ..Statistics::new_unknown(&self.schema) };
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_preserve_order(in_order)
            .build();
        self.format.create_physical_plan(state, config).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // What files say of their parts leaves some out; every row is looked at again behind the scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }
}

/// Where a table of files reads first.
pub(super) fn place(table: &dyn TableProvider) -> Option<String> {
    Some(table.downcast_ref::<Files>()?.files.first()?.object_meta.location.to_string())
}

/// Each file of a table as a table of its own.
fn alone(all: &Files) -> Vec<Arc<dyn TableProvider>> {
    let one = |file: &PartitionedFile| {
        let (schema, file_schema) = (Arc::clone(&all.schema), Arc::clone(&all.file_schema));
        let (partitions, format, files) =
            (all.partitions.clone(), Arc::clone(&all.format), vec![file.clone()]);
        Arc::new(Files { schema, file_schema, partitions, format, files }) as Arc<dyn TableProvider>
    };
    all.files.iter().map(one).collect()
}

/// Opens a table of files whose paths are known; gives it, and each file as it is read.
pub(super) async fn open(
    context: &SessionContext,
    manifest: &Manifest,
    table: &Table,
    form: FileForm,
    paths: &[PathBuf],
) -> Result<(Arc<dyn TableProvider>, Vec<Arc<dyn TableProvider>>), DataError> {
    let opening = Opening { context, manifest, table, form, paths };
    let types = opening.types().await?;
    let packing = opening.packing()?;
    let header = table.header;
    let format: Arc<dyn FileFormat> = match form {
        FileForm::Csv => Arc::new(
            CsvFormat::default()
                .with_has_header(header)
                .with_delimiter(table.delimiter)
                .with_newlines_in_values(true)
                .with_file_compression_type(packing),
        ),
        FileForm::Ndjson => Arc::new(JsonFormat::default().with_file_compression_type(packing)),
        FileForm::Parquet => Arc::new(ParquetFormat::default()),
        _ => Arc::new(ArrowFormat),
    };
    let files = opening.files(&types)?;
    let found = match form {
        FileForm::Csv => opening.csv_fields(packing)?,
        _ => opening.fields(&format, &files, &types).await?,
    };
    let (raw, shown) = opening.typed(found, &types)?;
    let file_schema = Arc::new(Schema::new(raw.clone()));
    let partitions: Vec<Arc<Field>> = table
        .partitions
        .iter()
        .map(|column| Arc::new(Field::new(column, type_of(&types, column).unwrap_or(DataType::Utf8), true)))
        .collect();
    let all = file_schema.fields().iter().chain(&partitions).map(Arc::clone);
    let schema = Arc::new(Schema::new(all.collect::<Vec<_>>()));
    let provider = Arc::new(Files { schema, file_schema, partitions: partitions.clone(), format, files });
    let alone = alone(&provider);
    if raw == shown {
        return Ok((provider, alone));
    }
    let exprs = raw.iter().zip(&shown).map(|(raw, shown)| exactly(raw, shown));
    let exprs: Vec<Expr> = exprs.chain(partitions.iter().map(|column| column_of(column.name()))).collect();
    let view = context.read_table(provider).and_then(|rows| rows.select(exprs));
    let view = view.map_err(|error| DataError::reading(format!("table `{}`", table.name), &error))?;
    Ok((view.into_view(), alone))
}

fn column_of(name: &str) -> Expr {
    Expr::Column(datafusion::common::Column::new_unqualified(name))
}

type Types = Vec<(String, DataType)>;

fn type_of(types: &Types, column: &str) -> Option<DataType> {
    types.iter().find(|(name, _)| name == column).map(|(_, ty)| ty.clone())
}

struct Opening<'a> {
    context: &'a SessionContext,
    manifest: &'a Manifest,
    table: &'a Table,
    form: FileForm,
    paths: &'a [PathBuf],
}

impl Opening<'_> {
    fn wrong(&self, message: String) -> DataError {
        self.manifest.wrong(self.table.span.clone(), message)
    }

    fn wrong_file(&self, path: &Path, message: String) -> DataError {
        DataError::Form { table: self.table.name.clone(), path: path.to_owned(), message }
    }

    /// The types that are asked for.
    async fn types(&self) -> Result<Types, DataError> {
        let mut types = Vec::new();
        for (column, ty) in &self.table.columns {
            let sql = format!("select cast(null as {ty}) as t");
            let plan = self.context.state().create_logical_plan(&sql).await;
            let plan = plan.map_err(|error| {
                self.wrong(format!("`tables.{}.columns.{column}`: {}", self.table.name, told(&error)))
            })?;
            let ty = plan.schema().field(0).data_type().clone();
            types.push((column.clone(), ty));
        }
        Ok(types)
    }

    /// How all files are packed.
    fn packing(&self) -> Result<FileCompressionType, DataError> {
        let mut packings = self.paths.iter().map(|path| (path, form_of(path).1));
        let Some((_, first)) = packings.next() else { return Ok(FileCompressionType::UNCOMPRESSED) };
        if let Some((path, _)) = packings.find(|(_, packing)| *packing != first) {
            let message = "it is packed otherwise than the files before it; make it a table of its own";
            return Err(self.wrong_file(path, message.to_owned()));
        }
        let packing = FileCompressionType::from(first);
        if packing.is_compressed() && matches!(self.form, FileForm::Parquet | FileForm::Arrow) {
            let message = format!("{} is packed inside; unpack the file", self.form.name());
            return Err(self.wrong_file(&self.paths[0], message));
        }
        Ok(packing)
    }

    /// The files as DataFusion has them, with the values of partition columns.
    fn files(&self, types: &Types) -> Result<Vec<PartitionedFile>, DataError> {
        let file = |path: &PathBuf| {
            // An object store knows no `..`.
            let absolute = std::fs::canonicalize(path).map_err(DataError::file(path))?;
            let bytes = std::fs::metadata(path).map_err(DataError::file(path))?.len();
            let location = object_store::path::Path::from_absolute_path(&absolute)
                .map_err(|error| self.wrong_file(path, error.to_string()))?;
            let mut file = PartitionedFile::new("", bytes);
            file.object_meta.location = location;
            let values = partition_values(path, &self.table.partitions);
            let values = self.table.partitions.iter().zip(values).map(|(column, value)| match value {
                None => Err(self.wrong_file(path, format!("no folder above it is called `{column}=...`"))),
                Some(value) => {
                    let ty = type_of(types, column).unwrap_or(DataType::Utf8);
                    let typed = ScalarValue::try_from_string(value.to_owned(), &ty);
                    typed.map_err(|error| self.wrong_file(path, told(&error)))
                }
            });
            Ok(file.with_partition_values(values.collect::<Result<_, _>>()?))
        };
        self.paths.iter().map(file).collect()
    }

    /// Columns of CSVs, with types that are guessed.
    fn csv_fields(&self, packing: FileCompressionType) -> Result<Vec<Field>, DataError> {
        let Table { header, delimiter, columns, .. } = self.table;
        let mut guesses = match header {
            true => Guesses::default(),
            false => Guesses::named(columns.iter().map(|(name, _)| name.clone()).collect()),
        };
        for path in self.paths {
            guesses
                .look(path, packing, *delimiter, *header)
                .map_err(|message| self.wrong_file(path, message))?;
        }
        Ok(guesses.fields())
    }

    /// Columns of other files, by name.
    async fn fields(
        &self,
        format: &Arc<dyn FileFormat>,
        files: &[PartitionedFile],
        types: &Types,
    ) -> Result<Vec<Field>, DataError> {
        let state = self.context.state();
        let wrong = |path: &Path, error| self.wrong_file(path, told(&error));
        let mut fields: Vec<Field> = Vec::new();
        for (path, file) in self.paths.iter().zip(files) {
            let store = state.runtime_env().object_store(ObjectStoreUrl::local_filesystem());
            let store = store.map_err(|error| wrong(path, error))?;
            let schema = format.infer_schema(&state, &store, std::slice::from_ref(&file.object_meta)).await;
            let schema = schema.map_err(|error| wrong(path, error))?;
            let found = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
            let found: Vec<Field> = found.map(|field| field.with_metadata(Default::default())).collect();
            if self.form == FileForm::Arrow && !fields.is_empty() && fields != found {
                let message = "its columns or their types are others than in the files before it; make it a table of its own";
                return Err(self.wrong_file(path, message.to_owned()));
            }
            for field in found {
                let known = fields.iter_mut().find(|known| known.name() == field.name());
                match known {
                    None => fields.push(field),
                    Some(known) if type_of(types, known.name()).is_some() => {}
                    Some(known) => {
                        let ty = both(known.data_type(), field.data_type()).ok_or_else(|| {
                            let (name, before, here) = (known.name(), known.data_type(), field.data_type());
                            self.wrong_file(path, format!("its column `{name}` is {here}, and {before} in the files before it; give it a type: columns = {{ {name} = \"...\" }}"))
                        })?;
                        known.set_data_type(ty);
                    }
                }
            }
        }
        Ok(fields)
    }

    /// The columns as they are read, and as they are shown: with the types that are asked for.
    fn typed(&self, found: Vec<Field>, types: &Types) -> Result<(Vec<Field>, Vec<Field>), DataError> {
        let (mut raw, mut shown) = (found.clone(), found);
        for (column, ty) in types {
            if self.table.partitions.contains(column) {
                continue;
            }
            let at = match raw.iter().position(|field| field.name() == column) {
                Some(at) => at,
                // A key that no object has among those that were looked at.
                None if self.form == FileForm::Ndjson => {
                    raw.push(Field::new(column, ty.clone(), true));
                    shown.push(Field::new(column, ty.clone(), true));
                    raw.len() - 1
                }
                None => {
                    let names: Vec<_> = raw.iter().map(|field| field.name().as_str()).collect();
                    let message = format!(
                        "`tables.{}.columns` names `{column}`, which no file has; there are {}",
                        self.table.name,
                        names.join(", ")
                    );
                    return Err(self.wrong(message));
                }
            };
            let (read, given) = match (self.form, ty) {
                (FileForm::Csv | FileForm::Ndjson, DataType::Decimal128(_, scale)) => {
                    (DataType::Decimal128(DIGITS, PLACES.max(*scale)), ty.clone())
                }
                (FileForm::Csv | FileForm::Ndjson, DataType::Timestamp(_, None)) => {
                    let zone = Some(self.manifest.time_zone.as_str().into());
                    let ty = DataType::Timestamp(TimeUnit::Nanosecond, zone);
                    (ty.clone(), ty)
                }
                (FileForm::Arrow, _) => (raw[at].data_type().clone(), ty.clone()),
                _ => (ty.clone(), ty.clone()),
            };
            raw[at].set_data_type(read);
            shown[at].set_data_type(given);
        }
        Ok((raw, shown))
    }
}

/// A type that holds what both do, where one of them does or they are numbers.
fn both(one: &DataType, other: &DataType) -> Option<DataType> {
    match (one, other) {
        (one, other) if one == other => Some(one.clone()),
        (DataType::Null, known) | (known, DataType::Null) => Some(known.clone()),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => {
            Some(DataType::Float64)
        }
        _ => None,
    }
}
