//! What can go wrong with a data set: its manifest, its files, its selects, or reading them.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;
use thiserror::Error;

/// Why a data set can't be opened or read on. A row that is no event is none of these; see [`BadRow`](super::BadRow).
#[derive(Debug, Error)]
pub enum DataError {
    /// A file can't be opened or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The manifest says what can't be.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Manifest {
        /// Its file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong there, and what to write.
        message: String,
    },
    /// A file is not what its table is to be made of.
    #[error("table `{table}`: {}: {message}", path.display())]
    Form {
        /// The table's name.
        table: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// A select that can't be run, or gives no events.
    #[error("{}:{line}:{column}: the select of [[events]] {number}: {message}", path.display())]
    Select {
        /// The manifest.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// The place of the stream among the manifest's, from 1.
        number: usize,
        /// What is wrong with it, and what to write.
        message: String,
    },
    /// A query failed while it was read.
    #[error("{what}: {message}")]
    Reading {
        /// What was read.
        what: String,
        /// What DataFusion says.
        message: String,
    },
}

impl DataError {
    /// What reading `what` failed with.
    pub(super) fn reading(what: impl Into<String>, error: &DataFusionError) -> Self {
        Self::Reading { what: what.into(), message: told(error) }
    }

    /// What a file failed with.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// What it calls its errors; who wrote a select knows where they are.
const PREFIXES: [&str; 7] = [
    "Error during planning: ",
    "Schema error: ",
    "Execution error: ",
    "SQL error: ",
    "Arrow error: ",
    "External error: ",
    "Object Store error: ",
];

/// What DataFusion says, without what only helps who builds it.
pub(in crate::backtest) fn told(error: &DataFusionError) -> String {
    let root = error.find_root();
    let text = root.strip_backtrace();
    let text = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text);
    let text = text.trim_end().trim_end_matches('.').replace("datafusion.public.", "");
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            format!("{text}; give it more memory, or a select that holds less at one time")
        }
        _ => text,
    }
}
