//! What retention has removed: a note in the journal's folder, for all who begin where the records begin now.
//!
//! Promises that it is there whole before the first record goes. It repeats what the removed record `started` said. That
//! it was removed, and by whom, is a control record too: that one is in the chain, this note is not.

use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive;
use super::control::Control;
use super::error::JournalError;
use crate::io::Disk;

/// In a journal's folder.
const FILE: &str = "removed.json";

/// What is gone, and where to begin instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// When, in microseconds of the wall clock.
    pub at_us: i64,
    /// Records 1 to this one.
    pub last: u64,
    /// The last record that the snapshot holds from which replay begins now.
    pub base: u64,
    /// What the journal was begun with.
    pub(super) started: Control,
}

impl Removed {
    /// The rule sets that the beginning named, by the hashes that they are kept by.
    pub fn kept(&self) -> Vec<String> {
        self.started.kept()
    }
}

/// What was removed from a journal; none where nothing was.
pub fn removed(disk: &dyn Disk, folder: &Path) -> Result<Option<Removed>, JournalError> {
    let begins = archive::segments(disk, folder)?.first().map_or(0, |(first, _)| *first);
    let path = folder.join(FILE);
    let mut bytes = Vec::new();
    match disk.read(&path) {
        _ if begins <= 1 => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        source => source.and_then(|mut source| source.read_to_end(&mut bytes)),
    }
    .map_err(JournalError::disk("read", &path))?;
    let said: Option<Removed> = serde_json::from_slice(&bytes).ok();
    // It may have ended before all went. Where more is gone, somebody else took it.
    Ok(said.map(|said| Removed { last: said.last.min(begins - 1), ..said }))
}

/// Puts it down, in place of the note of former times.
pub(super) fn put(disk: &dyn Disk, folder: &Path, removed: &Removed) -> Result<(), JournalError> {
    let bytes = serde_json::to_vec(removed).unwrap_or_default();
    archive::place(disk, &folder.join(FILE), |beside| {
        let mut file = disk.create(beside)?;
        file.write_all(&bytes)?;
        file.sync()?;
        let mut held = Vec::new();
        disk.read(beside)?.read_to_end(&mut held)?;
        Ok(held == bytes)
    })
}
