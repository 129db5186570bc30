//! The right to write the journal of a folder: one process has it at a time, from before its keys are made until it ends.
//!
//! Promises that of those who begin a journal at once one does, with the keys that it made, and that every other one is told so.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::JournalError;
use crate::io::{Disk, FileId, Held};

/// Whoever holds it writes the journal of its folder; it is free again once it is dropped.
pub struct Claim {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    /// The lock, and which file that is.
    pub(super) lock: (PathBuf, Option<FileId>),
    _held: Held,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Claim {
    /// Takes it; the folder is made if it is not there. An error where another process has it.
    pub fn take(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, JournalError> {
        disk.create_folder(folder).map_err(JournalError::disk("make the folder", folder))?;
        let lock = folder.join("lock");
        let held = disk.lock(&lock).map_err(JournalError::disk("lock", &lock))?;
        let held = held.ok_or_else(|| JournalError::Locked { folder: folder.to_owned() })?;
        let id = disk.id(&lock).map_err(JournalError::disk("look at", &lock))?;
        Ok(Self { disk, folder: folder.to_owned(), lock: (lock, id), _held: held })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
