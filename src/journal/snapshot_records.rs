//! What the journal's records say of its snapshots: none is taken, and none passes for proven, that is another than the record
//! of it says.
//!
//! A snapshot ends with the SHA-256 of all before it, which says that it is whole; its control record says the same sum, and
//! is in the chain. Promises that a file is compared by its bytes, whatever it says of itself.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::control::Control;
use super::error::JournalError;
use super::reader::Reader;
use super::record::Record;
use super::snapshots::files;
use crate::io::{Disk, snapshot_sha256};

/// How the snapshots in a folder and its archive stand to what records say of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedSnapshots {
    /// How many are what was recorded.
    pub same: u64,
    /// Those that are not.
    pub changed: Vec<PathBuf>,
    /// Those that hold less than what is gone from the beginning, and their records are gone with it. Nobody goes on from them.
    pub past: Vec<PathBuf>,
    /// Those that are in no record: a crash came first, or it is being written. Nobody goes on from them.
    pub unrecorded: Vec<PathBuf>,
}

/// Compares every snapshot, archived ones too, with the sum that its record says; `first` is the oldest record that is there.
pub fn check_snapshots(
    disk: &dyn Disk,
    folder: &Path,
    recorded: &BTreeMap<u64, String>,
    first: u64,
) -> Result<CheckedSnapshots, JournalError> {
    let mut checked = CheckedSnapshots::default();
    for (number, path) in files(disk, folder)? {
        let sum = disk
            .length(&path)
            .and_then(|bytes| Ok((bytes, disk.read(&path)?)))
            .and_then(|(bytes, mut source)| snapshot_sha256(&mut source, bytes));
        let sum = match sum {
            // Two are kept, and the writer takes the oldest away.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            sum => sum.map_err(JournalError::disk("read", &path))?,
        };
        match recorded.get(&number) {
            None if number + 1 < first => checked.past.push(path),
            None => checked.unrecorded.push(path),
            Some(recorded) if sum.as_ref() == Some(recorded) => checked.same += 1,
            Some(_) => checked.changed.push(path),
        }
    }
    Ok(checked)
}

/// The sum that the journal says of the snapshot after a record; none where no record behind it says one.
pub(super) fn recorded(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    number: u64,
) -> Result<Option<String>, JournalError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, number + 1)?;
    // What is damaged is told by whoever goes that way.
    while let Some(entry) = reader.next_whole()? {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Snapshot { number: of, sha256, .. }) = Control::read(bytes)
            && of == number
        {
            return Ok(Some(sha256));
        }
    }
    Ok(None)
}
