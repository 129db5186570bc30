//! `decisions.parquet`: what was decided, as it is decided.
//!
//! Promises a file that is whole or not there: it is written beside its place, and moved once all has gone well.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;

use super::BacktestError;
use super::columns::ID;

/// Rows of a row group: what the writer holds in memory.
const GROUP_ROWS_MAX: usize = 1 << 17;

/// A file of decisions to come.
#[derive(Clone, Debug)]
pub(super) struct DecisionsFile {
    path: PathBuf,
}

impl DecisionsFile {
    pub(super) fn create(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn part(&self) -> PathBuf {
        self.path.with_extension("parquet.part")
    }

    /// Writes all that comes beside the file's place. Without a batch nothing is written.
    pub(super) fn write_all(&self, batches: &Receiver<RecordBatch>) -> Result<(), BacktestError> {
        let Ok(first) = batches.recv() else { return Ok(()) };
        let part = self.part();
        let said = |source| BacktestError::Write { path: part.display().to_string(), source };
        let failed = |source| BacktestError::File { path: part.display().to_string(), source };
        let file = File::create(&part).map_err(failed)?;
        let properties = properties(&first.schema());
        let mut writer = ArrowWriter::try_new(file, first.schema(), Some(properties)).map_err(said)?;
        writer.write(&first).map_err(said)?;
        for batch in batches {
            writer.write(&batch).map_err(said)?;
        }
        writer.close().map_err(said)?;
        Ok(())
    }

    /// Moves what was written to its place, or removes it where the backtest failed.
    pub(super) fn finish(&self, is_good: bool) -> Result<(), BacktestError> {
        let part = self.part();
        let done = if is_good { std::fs::rename(&part, &self.path) } else { std::fs::remove_file(&part) };
        match done {
            // Nothing was decided.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) if is_good => {
                Err(BacktestError::File { path: self.path.display().to_string(), source })
            }
            _ => Ok(()),
        }
    }
}

/// Numbers and ids seldom come again: a dictionary of them takes long to make, and is then thrown away.
fn properties(schema: &Schema) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS_MAX));
    for field in schema.fields() {
        let (name, ty) = (field.name(), field.data_type());
        if name == ID || ty.is_numeric() || ty.is_temporal() {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(name.as_str()), false);
        }
    }
    properties.build()
}
