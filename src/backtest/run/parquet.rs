//! `decisions.parquet`: what was decided, as it is decided.
//!
//! Promises a file that is whole or not there: it is written beside its place, and moved once all has gone well.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use super::BacktestError;

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
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS_MAX))
            .build();
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
