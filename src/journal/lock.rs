//! The right to write the journal of a folder: one process has it at a time, from before its keys are made until it ends.
//!
//! Promises that of those who begin a journal at once one does, with the keys that it made, and that every other one is told so.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::JournalError;
use crate::io::{Disk, FileId, Held};

/// Whoever holds it writes the journal of its folder; it is free again once it is dropped.
pub struct Lock {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    /// Its file, and which one that is.
    pub(super) file: (PathBuf, Option<FileId>),
    _held: Held,
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Lock {
    /// Takes it; the folder is made if it is not there. An error where another process has it.
    pub fn take(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, JournalError> {
        disk.create_folder(folder).map_err(JournalError::disk("make the folder", folder))?;
        let path = folder.join("lock");
        let held = disk.lock(&path).map_err(JournalError::disk("lock", &path))?;
        let held = held.ok_or_else(|| JournalError::Locked { folder: folder.to_owned() })?;
        let id = disk.id(&path).map_err(JournalError::disk("look at", &path))?;
        Ok(Self { disk, folder: folder.to_owned(), file: (path, id), _held: held })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
