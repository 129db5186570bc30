//! A data set that is open: its tables and streams are there, and its files were looked at.
//!
//! Promises that what is wrong with the manifest, with the files or with what a select gives is told here, before any row is read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{DataFrame, SessionContext, col, lit};
use sha2::{Digest, Sha256};

use super::blame::Blame;
use super::error::{DataError, told};
use super::files;
use super::labels::Labels;
use super::layout::{BAD_LINE, Layout};
use super::lines::{Lines, Source};
use super::manifest::{FileForm, Manifest, Order};
use super::merge::{Events, Opened};
use super::order::{by_arrival, loses_order};
use super::records;
use super::session::{self, Settings};
use super::{table, zones};
use crate::backtest::report::DataFile;
use crate::event::{Kind, Schema};
use crate::hex::hex;
use crate::time::Calendar;

/// A table that is open.
pub(super) struct OpenTable {
    name: String,
    provider: Arc<dyn TableProvider>,
    pub(super) paths: Vec<PathBuf>,
    form: FileForm,
    /// Each file as a table of its own, where what reads it does not say where it is.
    pub(super) alone: Vec<Arc<dyn TableProvider>>,
}

/// A data set that is open.
pub struct DataSet {
    manifest: Manifest,
    root: PathBuf,
    settings: Settings,
    calendar: Calendar,
    tables: Vec<OpenTable>,
    /// What runs selects in order.
    context: SessionContext,
    selects: Vec<DataFrame>,
    files: OnceLock<Vec<DataFile>>,
}

impl DataSet {
    /// Opens what a manifest names, with paths relative to `root`, or else to the manifest's folder.
    pub fn open(manifest: &Path, root: Option<&Path>, settings: &Settings) -> Result<Self, DataError> {
        let manifest = Manifest::read(manifest)?;
        let here = Path::new(".");
        let folder = manifest.path().parent().filter(|folder| !folder.as_os_str().is_empty());
        let root = root.or(folder).unwrap_or(here).to_owned();
        let calendar = Calendar::new(&manifest.time_zone)
            .map_err(|error| manifest.wrong(0..0, format!("`dataset.time_zone`: {error}")))?;
        let failed =
            |error: &DataFusionError| DataError::reading(format!("data set `{}`", manifest.name), error);
        let context = session::session(settings, &manifest.time_zone, 1).map_err(|error| failed(&error))?;
        let opening = async {
            let tables = open_tables(&context, &manifest, &root).await?;
            let selects = open_selects(&context, &manifest, &calendar).await?;
            Ok((tables, selects))
        };
        let opened = session::run(1, async { Ok(opening.await) }).map_err(|error| failed(&error))?;
        let (tables, selects) = opened?;
        let (settings, files) = (settings.clone(), OnceLock::new());
        Ok(Self { manifest, root, settings, calendar, tables, context, selects, files })
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The calendar of its time zone.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The folders of journals among its tables.
    pub fn journals(&self) -> impl Iterator<Item = &Path> {
        let journals = self.tables.iter().filter(|table| table.form == FileForm::Journal);
        journals.flat_map(|table| table.paths.iter().map(PathBuf::as_path))
    }

    /// Where its files are, in the order of tables and of what they name; one may be there twice.
    pub fn paths(&self) -> Result<Vec<PathBuf>, DataError> {
        self.tables.iter().flat_map(paths_of).collect()
    }

    /// Its files in the same order, each once, with what is in them as a sum; reads them all once.
    pub fn files(&self) -> Result<Vec<DataFile>, DataError> {
        if let Some(files) = self.files.get() {
            return Ok(files.clone());
        }
        let mut files: Vec<DataFile> = Vec::new();
        for path in self.paths()? {
            let name = self.file_name(&path);
            if files.iter().all(|file| file.name != name) {
                let (bytes, sum) = files::sum(&path)?;
                files.push(DataFile { name, bytes, sha256: hex(sum) });
            }
        }
        Ok(self.files.get_or_init(|| files).clone())
    }

    /// SHA-256 over the manifest and the files, in hexadecimal.
    pub fn sha256(&self) -> Result<String, DataError> {
        let mut digest = Sha256::new();
        digest.update(Sha256::digest(self.manifest.text.as_bytes()));
        for DataFile { name, sha256, .. } in self.files()? {
            digest.update((name.len() as u64).to_le_bytes());
            digest.update(name);
            digest.update(sha256);
        }
        let sum: [u8; 32] = digest.finalize().into();
        Ok(hex(sum))
    }

    /// The first and the last time of its payments, `None` where it has none; reads the columns of times once.
    pub fn span(&self) -> Result<Option<(i64, i64)>, DataError> {
        let mut span: Option<(i64, i64)> = None;
        for (at, select) in self.selects.iter().enumerate() {
            let payments = match has(select, "kind") {
                true => select.clone().filter(col("kind").eq(lit(Kind::Transaction.name()))),
                false => Ok(select.clone()),
            };
            self.each(at, payments, &["time", "time_us"], |columns, layout| {
                for row in 0..columns.rows {
                    let time =
                        columns.time.as_ref().and_then(|times| times.at(row, &layout.calendar).ok()?);
                    if let Some(time_us) = time {
                        let (first, last) = span.unwrap_or((time_us, time_us));
                        span = Some((first.min(time_us), last.max(time_us)));
                    }
                }
            })?;
        }
        Ok(span)
    }

    /// What label events say of payments; reads those once, and nothing where no select has a `kind`.
    pub fn labels(&self) -> Result<Labels, DataError> {
        const COLUMNS: [&str; 7] =
            ["tenant", "transaction", "label", "label_kind", "source", "time", "time_us"];
        let mut labels = Labels::default();
        for (at, select) in self.selects.iter().enumerate().filter(|(_, select)| has(select, "kind")) {
            let said = select.clone().filter(col("kind").eq(lit(Kind::Label.name())));
            self.each(at, said, &COLUMNS, |columns, layout| labels.take(columns, layout))?;
        }
        Ok(labels)
    }

    /// Its events, in the order of their arrival, with the extra fields of a rule set.
    pub fn events(&self, schema: &Arc<Schema>) -> Result<Events, DataError> {
        let mut plans = Vec::new();
        for (at, select) in self.selects.iter().enumerate() {
            let layout = self.layout(at, schema)?;
            let (rows, ties) = (select.clone(), &self.manifest.events[at].ties);
            let order = self.manifest.events[at].order;
            let planned = session::run(1, async {
                let rows = match order {
                    Order::AsWritten => rows,
                    Order::Time => by_arrival(rows, ties, &self.calendar).await?,
                };
                rows.create_physical_plan().await
            });
            let plan = planned.map_err(|error| self.manifest.wrong_select(at, told(&error)))?;
            plans.push((plan, layout, self.what(at)));
        }
        let task = self.context.task_ctx();
        let open = move || {
            let open = |(plan, layout, what): (Arc<dyn ExecutionPlan>, _, String)| {
                let stream = execute_stream(plan, Arc::clone(&task));
                let stream = stream.map_err(|error| DataError::reading(&*what, &error))?;
                Ok(Opened { stream, layout, what })
            };
            plans.into_iter().map(open).collect()
        };
        Events::begin(self.settings.threads, self.settings.batch_rows, self.blame(), open)
            .map_err(|source| DataError::File { path: self.manifest.path().to_owned(), source })
    }

    /// What the columns of a stream are, with the extra fields of a rule set.
    pub(super) fn layout(&self, at: usize, schema: &Schema) -> Result<Layout, DataError> {
        layout(&self.manifest, &self.calendar, at, &self.selects[at], schema)
    }

    /// A session with its tables under their names, and what selects give as `NAME_events` (with a number where there are several).
    pub fn context(&self) -> Result<SessionContext, DataError> {
        let failed = |error| self.failed(&error);
        let threads = self.settings.threads;
        let context = session::session(&self.settings, &self.manifest.time_zone, threads).map_err(failed)?;
        self.register(&context).map_err(failed)?;
        Ok(context)
    }

    /// The names of all that [`context`](Self::context) has.
    pub fn table_names(&self) -> Vec<String> {
        let tables = self.tables.iter().map(|table| table.name.clone());
        tables.chain((0..self.selects.len()).map(|at| self.events_name(at))).collect()
    }

    fn events_name(&self, at: usize) -> String {
        let number = if self.selects.len() > 1 { format!("_{}", at + 1) } else { String::new() };
        format!("{}_events{number}", self.manifest.name)
    }

    /// Puts them into another session, too.
    pub(in crate::backtest) fn register(&self, context: &SessionContext) -> datafusion::error::Result<()> {
        for table in &self.tables {
            context.register_table(quoted(&table.name), Arc::clone(&table.provider))?;
        }
        for (at, select) in self.selects.iter().enumerate() {
            context.register_table(quoted(&self.events_name(at)), select.clone().into_view())?;
        }
        Ok(())
    }

    /// A file as the manifest names it.
    pub(super) fn file_name(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// What runs queries so that rows keep their order.
    pub(super) fn in_order(&self) -> &SessionContext {
        &self.context
    }

    pub(super) fn tables(&self) -> &[OpenTable] {
        &self.tables
    }

    /// What reading it failed with.
    pub(super) fn failed(&self, error: &DataFusionError) -> DataError {
        DataError::reading(format!("data set `{}`", self.manifest.name), error)
    }

    /// The streams' rows as they come out of their selects.
    pub(super) fn selects(&self) -> &[DataFrame] {
        &self.selects
    }

    fn blame(&self) -> Blame {
        let alone = |table: &OpenTable| {
            table.paths.iter().cloned().zip(table.alone.iter().cloned()).collect::<Vec<_>>()
        };
        Blame { context: self.context.clone(), files: self.tables.iter().flat_map(alone).collect() }
    }

    fn what(&self, at: usize) -> String {
        let number = at + 1;
        format!("data set `{}`, the select of [[events]] {number}", self.manifest.name)
    }

    /// Goes over some columns of a stream, as far as it has them, in the order of its rows.
    fn each(
        &self,
        at: usize,
        rows: Result<DataFrame, DataFusionError>,
        names: &[&str],
        mut each: impl FnMut(&super::layout::Columns, &Layout) + Send,
    ) -> Result<(), DataError> {
        let failed = |error: DataFusionError| DataError::reading(self.what(at), &error);
        let rows = rows.map_err(failed)?;
        // With the column that tells of bad lines these don't end the reading.
        let names = names.iter().copied().chain([BAD_LINE]);
        let names: Vec<_> = names.filter(|name| has(&rows, name)).collect();
        let rows = rows.select_columns(&names).map_err(failed)?;
        let layout = layout(&self.manifest, &self.calendar, at, &rows, &Schema::default())?;
        let reading = async {
            let mut stream = rows.execute_stream().await?;
            while let Some(batch) = session::next(&mut stream).await {
                each(&layout.columns(&batch?)?, &layout);
            }
            Ok(())
        };
        session::run(1, reading).map_err(|error| self.blame().on(failed(error)))
    }
}

fn has(rows: &DataFrame, name: &str) -> bool {
    rows.schema().fields().iter().any(|field| field.name() == name)
}

/// A table's name as it is, capitals and all.
fn quoted(name: &str) -> datafusion::common::TableReference {
    datafusion::common::TableReference::bare(name)
}

/// All files of a table; of a journal those of its closed segments.
fn paths_of(table: &OpenTable) -> Vec<Result<PathBuf, DataError>> {
    if table.form != FileForm::Journal {
        return table.paths.iter().cloned().map(Ok).collect();
    }
    let segments = |folder: &PathBuf| match records::closed(folder) {
        Err(error) => vec![Err(not_read(folder, &error))],
        Ok(segments) => segments.iter().map(|segment| Ok(segment_path(folder, &segment.segment()))).collect(),
    };
    table.paths.iter().flat_map(segments).collect()
}

fn not_read(folder: &Path, error: &dyn std::fmt::Display) -> DataError {
    DataError::Reading { what: folder.display().to_string(), message: error.to_string() }
}

/// Where a segment is: as it was written, or archived.
fn segment_path(folder: &Path, name: &str) -> PathBuf {
    let written = folder.join(name);
    if written.exists() { written } else { folder.join("archive").join(format!("{name}.zst")) }
}

async fn open_tables(
    context: &SessionContext,
    manifest: &Manifest,
    root: &Path,
) -> Result<Vec<OpenTable>, DataError> {
    let mut tables = Vec::new();
    for table in &manifest.tables {
        let (paths, form) = match table.form {
            Some(FileForm::Journal) => {
                (table.files.iter().map(|folder| root.join(folder)).collect(), FileForm::Journal)
            }
            form => {
                let paths = files::find(root, &table.files)?;
                let form = form.or_else(|| paths.iter().find_map(|path| files::form_of(path).0));
                let form = form.ok_or_else(|| {
                    let message = format!(
                        "no file of `{}` is called .csv, .ndjson, .parquet or .arrow; say its `format`",
                        table.name
                    );
                    manifest.wrong(table.span.clone(), message)
                })?;
                (paths, form)
            }
        };
        let mut alone = Vec::new();
        let provider: Arc<dyn TableProvider> = match form {
            FileForm::Events => Arc::new(Lines::new(Source::Files(paths.clone()))),
            FileForm::Journal => {
                let [folder] = paths.as_slice() else {
                    let message = format!("`tables.{}.files` names one folder: a journal's", table.name);
                    return Err(manifest.wrong(table.span.clone(), message));
                };
                records::closed(folder).map_err(|error| not_read(folder, &error))?;
                Arc::new(Lines::new(Source::Journal(folder.clone())))
            }
            _ => {
                let (provider, files) = table::open(context, manifest, table, form, &paths).await?;
                alone = files;
                provider
            }
        };
        context
            .register_table(quoted(&table.name), Arc::clone(&provider))
            .map_err(|error| manifest.wrong(table.span.clone(), told(&error)))?;
        tables.push(OpenTable { name: table.name.clone(), provider, paths, form, alone });
    }
    Ok(tables)
}

async fn open_selects(
    context: &SessionContext,
    manifest: &Manifest,
    calendar: &Calendar,
) -> Result<Vec<DataFrame>, DataError> {
    let mut selects = Vec::new();
    for (at, select) in manifest.events.iter().enumerate() {
        let wrong = |error: DataFusionError| manifest.wrong_select(at, told(&error));
        let rows = session::read_only(context, &select.sql).await.map_err(wrong)?;
        let layout = layout(manifest, calendar, at, &rows, &Schema::default())?;
        if let Some(lack) = layout.lacks() {
            return Err(manifest.wrong_select(at, lack.to_owned()));
        }
        if let Some(why) = zones::forgets(rows.logical_plan(), manifest).map_err(wrong)? {
            return Err(manifest.wrong_select(at, why));
        }
        match select.order {
            Order::AsWritten => {
                if let Some(why) = loses_order(&rows).await.map_err(wrong)? {
                    return Err(manifest.wrong_select(at, why));
                }
            }
            Order::Time => drop(by_arrival(rows.clone(), &select.ties, calendar).await.map_err(wrong)?),
        }
        selects.push(rows);
    }
    Ok(selects)
}

fn layout(
    manifest: &Manifest,
    calendar: &Calendar,
    at: usize,
    rows: &DataFrame,
    schema: &Schema,
) -> Result<Layout, DataError> {
    let columns = rows.schema().as_arrow();
    Layout::new(at, columns, schema, (manifest.currency, calendar))
        .map_err(|message| manifest.wrong_select(at, message))
}
