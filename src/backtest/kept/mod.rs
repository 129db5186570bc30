//! What payments were decided from, kept on disk: a second try over the same history does not go over the past again.
//!
//! A value of a feature follows from the data and from the feature's definition, not from thresholds. So the payments of a data set, the
//! values of each feature, and the payments on which each rule fires are kept as columns, each by the hash of all that it follows
//! from: what an edit does not reach is there, what it reaches is not found and is computed again. Where what is kept of the past
//! follows from what was decided (`why_not`), nothing is kept.
//!
//! Promises the decisions and figures of a run without it, to the last bit, and that what is damaged is computed again. Must never know
//! how a window is computed, nor what a figure means.

/// Chunks of columns, in threads.
mod chunks;
/// The columns that are wanted.
mod columns;
/// Columns in files.
mod file;
/// Takes what a run finds.
mod keeper;
/// What everything that is kept follows from.
mod key;
/// What is there, and since when.
mod listing;
/// A payment as rules see it, from columns.
mod lit;
/// Payments again.
mod past;
/// The payments' own columns.
mod payments;
/// Room on disk.
mod room;
/// Payments one after the other.
mod showing;

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::data::{DataError, DataSet};
use crate::engine::Limits;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::RuleSet;

pub(in crate::backtest) use keeper::Keeper;
pub(in crate::backtest) use key::why_not;
pub(in crate::backtest) use lit::Wanted;
pub(in crate::backtest) use past::Past;
pub(in crate::backtest) use payments::Among;
pub(in crate::backtest) use showing::Watch;

/// Rows of a chunk: what is read, looked at and shown together.
const CHUNK_ROWS: usize = 1 << 15;

/// Where the past is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The folder; it is made where it is not there.
    pub folder: PathBuf,
    /// Which program computes: what another one kept is not taken for its own.
    pub program: String,
    /// How many bytes are kept at most: beyond, what was used longest ago goes.
    pub bytes_max: u64,
}

impl Cache {
    /// The folder for what payments of a data set are decided from with a rule set, and room for it. Reads the data's files once.
    pub(in crate::backtest) fn room_for(
        &self,
        data: &DataSet,
        beside: (&RuleSet, &Lists, &Rates),
        limits: &Limits,
    ) -> Result<PathBuf, DataError> {
        let folder = self.folder.join(key::key(self, data, beside, limits)?);
        room::make(self, &folder);
        Ok(folder)
    }
}

/// What became of the past of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// There is no cache.
    Off,
    /// It was there, and rules alone were looked at: so many anew, of so many.
    Reused {
        /// Rules whose condition was looked at for every payment.
        looked_at: usize,
        /// All rules that are not off.
        rules: usize,
    },
    /// It was computed, and is there from now on: so many features, of so many.
    Computed {
        /// Features that were not there.
        new: usize,
        /// All that rules read.
        features: usize,
    },
    /// It was computed, and is not kept: why.
    Not(String),
}

/// Whether the payments of a folder are kept.
pub(in crate::backtest) fn is_begun(folder: &Path) -> bool {
    listing::Listing::read(folder).is_some()
}

/// Why what is kept can't be used.
#[derive(Debug, Error)]
pub(in crate::backtest) enum KeptError {
    /// The file system says no.
    #[error("{path} can't be used: {source}")]
    File {
        /// Where.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not what was written.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// Where.
        path: String,
        /// How that shows.
        why: String,
    },
}

impl KeptError {
    /// Removes what is damaged, with whatever else is there of the same data: it is computed again.
    pub(in crate::backtest) fn forget(&self, folder: &Path) {
        let is_damaged = match self {
            Self::Damaged { .. } => true,
            Self::File { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        };
        if is_damaged {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
