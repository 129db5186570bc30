//! Folders with files and a manifest, read as a data set.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::prelude::{SessionConfig, SessionContext};
use weir::backtest::data::{BadRow, DataError, DataSet, Reader, Settings};
use weir::event::Schema;
use weir::io::write_event;

pub const HEAD: &str = "[dataset]\nname = \"t\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\ncurrency = \"EUR\"\n";

/// A fresh folder.
pub struct Folder(tempfile::TempDir);

/// What a data set gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    /// Each event as its line, with what is known beside it behind.
    pub events: Vec<String>,
    pub bad: Vec<BadRow>,
}

pub fn settings() -> Settings {
    Settings { threads: 2, memory_bytes: 256 << 20, spill: None, batch_rows: 1_024 }
}

/// Runs a query where plans have room, in one partition.
pub fn query(sql: &str) -> Result<Vec<datafusion::arrow::array::RecordBatch>> {
    let run = || {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { context.sql(sql).await?.collect().await })
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 << 20);
        thread.spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Writes what a query gives as a file: `stored` as in `parquet` or `csv options (...)`.
    pub fn copy(&self, name: &str, sql: &str, stored: &str) {
        query(&format!("copy ({sql}) to '{}' stored as {stored}", self.path(name).display())).unwrap();
    }

    /// Opens the manifest that is `HEAD` and this.
    pub fn open_with(&self, rest: &str, settings: &Settings) -> std::result::Result<DataSet, DataError> {
        self.put("t.toml", format!("{HEAD}{rest}"));
        DataSet::open(&self.path("t.toml"), None, settings)
    }

    pub fn open(&self, rest: &str) -> std::result::Result<DataSet, DataError> {
        self.open_with(rest, &settings())
    }

    /// What opening such a manifest is refused with.
    pub fn refused(&self, rest: &str) -> String {
        self.open(rest).err().map(|error| error.to_string()).unwrap_or_default()
    }

    pub fn read(&self, rest: &str) -> Read {
        read(&self.open(rest).unwrap())
    }
}

/// All that a data set gives.
pub fn read(data: &DataSet) -> Read {
    try_read(data, &Arc::default()).unwrap()
}

pub fn try_read(data: &DataSet, schema: &Arc<Schema>) -> std::result::Result<Read, DataError> {
    let mut found = Read::default();
    let mut reader = Reader::new(Arc::clone(schema));
    for batch in data.events(schema)? {
        let batch = batch?;
        for row in 0..batch.rows() {
            match reader.read(&batch, row) {
                Err(bad) => found.bad.push(bad),
                Ok(row) => {
                    let mut line = Vec::new();
                    write_event(row.event, &mut line).unwrap();
                    let line = String::from_utf8(line).unwrap().trim_end().to_owned();
                    let truth = row.truth;
                    let mut beside = String::new();
                    if truth.label.is_some() || row.label_time_us.is_some() || row.weight != 1.0 {
                        beside = format!(
                            " {:?} {:?} {:?} {:?} {:?} {}",
                            truth.label.map(|label| label.name()),
                            truth.kind,
                            truth.case,
                            row.label_source,
                            row.label_time_us,
                            row.weight
                        );
                    }
                    found.events.push(line + &beside);
                }
            }
        }
    }
    Ok(found)
}
