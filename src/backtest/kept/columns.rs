//! The columns that are wanted, from their files.
//!
//! Promises that each has the type and the rows that were written. Must never know what rules make of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{UInt8Type, UInt32Type};

use super::KeptError;
use super::file::Chunks;
use super::lit::Chunk;
use super::payments::Payments;
use crate::backtest::cells::Values;
use crate::event::TextField;

/// The payments on which a rule fires.
pub(super) fn rows(path: &Path) -> Result<Vec<u32>, KeptError> {
    let mut chunks = Chunks::open(path)?;
    let mut rows = Vec::new();
    for at in 0..chunks.len() {
        let chunk = chunks.read(at)?;
        let column = chunk.columns().first().and_then(|column| column.as_primitive_opt::<UInt32Type>());
        rows.extend_from_slice(column.ok_or_else(|| strange(path))?.values());
    }
    Ok(rows)
}

fn strange(path: &Path) -> KeptError {
    KeptError::Damaged { path: path.display().to_string(), why: "it has other columns".to_owned() }
}

/// Where what is wanted is.
#[derive(Default)]
pub(super) struct Places {
    pub(super) payments: PathBuf,
    pub(super) events: Option<PathBuf>,
    pub(super) texts: Vec<(TextField, PathBuf)>,
    pub(super) features: Vec<(u16, PathBuf)>,
}

/// The same, open.
pub(super) struct Files {
    payments: PaymentsFile,
    events: Option<(Chunks, PathBuf)>,
    texts: Vec<(TextField, Chunks, PathBuf)>,
    features: Vec<(u16, Chunks, PathBuf)>,
}

/// The payments' own columns, of which those that say the same of all are read once.
struct PaymentsFile {
    path: PathBuf,
    first: RecordBatch,
    same: BTreeSet<usize>,
    others: Chunks,
}

impl PaymentsFile {
    fn open(path: &Path, same: &BTreeSet<usize>) -> Result<Self, KeptError> {
        let first = Chunks::open(path)?.read(0)?;
        let others = (0..first.num_columns()).filter(|at| !same.contains(at)).collect();
        let others = Chunks::open_columns(path, Some(others))?;
        Ok(Self { path: path.to_owned(), first, same: same.clone(), others })
    }

    fn read(&mut self, at: usize) -> Result<Payments, KeptError> {
        let others = self.others.read(at)?;
        Payments::of(&self.first, &self.same, &others).ok_or_else(|| strange(&self.path))
    }
}

impl Files {
    pub(super) fn open(places: &Places, same: &BTreeSet<usize>) -> Result<Self, KeptError> {
        let open = |path: &PathBuf| Ok::<_, KeptError>((Chunks::open(path)?, path.clone()));
        let mut files = Self {
            payments: PaymentsFile::open(&places.payments, same)?,
            events: places.events.as_ref().map(open).transpose()?,
            texts: Vec::new(),
            features: Vec::new(),
        };
        for (field, path) in &places.texts {
            files.texts.push((*field, Chunks::open(path)?, path.clone()));
        }
        for (position, path) in &places.features {
            files.features.push((*position, Chunks::open(path)?, path.clone()));
        }
        Ok(files)
    }

    /// The columns of a chunk.
    pub(super) fn read(&mut self, at: usize) -> Result<Chunk, KeptError> {
        let Self { payments, events, texts, features } = self;
        let payments = Arc::new(payments.read(at)?);
        let rows = payments.len();
        let column = |chunk: &RecordBatch, of: usize, path: &Path| {
            let column = chunk.columns().get(of).filter(|column| column.len() == rows);
            column.cloned().ok_or_else(|| strange(path))
        };
        let mut read = Chunk { payments, texts: Vec::new(), features: Vec::new(), events: None };
        if let Some((chunks, path)) = events {
            let whole = column(&chunks.read(at)?, 0, path)?;
            read.events = Some(whole.as_binary_opt::<i32>().ok_or_else(|| strange(path))?.clone());
        }
        for (field, chunks, path) in texts {
            let texts = column(&chunks.read(at)?, 0, path)?;
            read.texts.push((*field, texts.as_string_opt::<i32>().ok_or_else(|| strange(path))?.clone()));
        }
        for (position, chunks, path) in features {
            let chunk = chunks.read(at)?;
            let values = Values::of(&column(&chunk, 0, path)?).ok_or_else(|| strange(path))?;
            let qualities = column(&chunk, 1, path)?;
            let qualities = qualities.as_primitive_opt::<UInt8Type>().ok_or_else(|| strange(path))?.clone();
            read.features.push((*position, values, qualities));
        }
        Ok(read)
    }
}
