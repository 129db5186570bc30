//! What retention has removed: a note in the journal's folder, for all who begin where the records begin now.
//!
//! Promises that it is there whole before the first record goes. It repeats what the removed record `started` said. That
//! it was removed, and by whom, is a control record too: that one is in the chain, and this note is not, so it is signed by
//! the journal's key. What reads it here is told what it says; whether to believe it is asked with a public key
//! ([`Removed::is_signed`]), and answered for records and note together by [`claims`](super::claims).

use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive;
use super::control::Control;
use super::damage::Damage;
use super::error::JournalError;
use super::heads::{PublicKey, Signer};
use super::note::Note;
use crate::io::Disk;

/// In a journal's folder.
const FILE: &str = "removed.json";
/// A note is never this long.
const BYTES_MAX: u64 = 1 << 20;

/// What is gone, and where to begin instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// When, in microseconds of the wall clock.
    pub at_us: i64,
    /// Records 1 to this one.
    pub last: u64,
    /// The last record that the snapshot holds from which replay begins now.
    pub base: u64,
    /// Of these records, first and last, those that retention did not remove: they were missing before, and somebody had
    /// decided to go on without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<(u64, u64)>,
    /// What the journal was begun with; none where nobody knew that any more, and where a record says all this.
    #[serde(default)]
    pub(super) started: Option<Control>,
    /// What it was read from; none where that was a record.
    #[serde(skip)]
    pub(super) note: Option<Note>,
}

impl Removed {
    /// Whether this key signed it for the journal with this id.
    pub fn is_signed(&self, by: &PublicKey, id: &[u8; 16]) -> bool {
        self.note.as_ref().is_some_and(|note| note.is_signed(by, id))
    }

    /// Leaves of what is missing from the beginning only what it does not say: retention removed the rest.
    pub(super) fn taken_from(&self, missing: &mut Damage) {
        (missing.number, missing.missing) = (self.last + 1, missing.last() - self.last);
    }

    /// The rule sets that the beginning named, by the hashes that they are kept by.
    pub fn kept(&self) -> Vec<String> {
        self.started.iter().flat_map(Control::kept).collect()
    }

    /// What a record says of it; none where it says nothing of that.
    pub(super) fn said(control: &Control) -> Option<Self> {
        let Control::Retained { at_us, removed: Some((_, last)), base, missing, .. } = control else {
            return None;
        };
        let (base, missing) = (base.unwrap_or(*last), missing.clone());
        Some(Self { at_us: *at_us, last: *last, base, missing, started: None, note: None })
    }

    /// The same where the oldest record that is there is this one: what was said may not all be done.
    pub(super) fn before(mut self, begins: u64) -> Self {
        if begins > 1 {
            self.last = self.last.min(begins - 1);
            self.missing.retain(|(first, _)| *first < begins);
        }
        self
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
        source => source.and_then(|source| source.take(BYTES_MAX).read_to_end(&mut bytes)),
    }
    .map_err(JournalError::disk("read", &path))?;
    let note = Note::read(&bytes);
    let said: Option<Removed> = note.as_ref().and_then(|note| serde_json::from_slice(note.said()).ok());
    // It may have ended before all went. Where more is gone, somebody else took it.
    Ok(said.map(|said| Removed { note, ..said.before(begins) }))
}

/// Puts it down for the journal with this id, in place of the note of former times.
pub(super) fn put(
    disk: &dyn Disk,
    folder: &Path,
    removed: &Removed,
    id: &[u8; 16],
    signer: Option<&Signer>,
) -> Result<(), JournalError> {
    let said = serde_json::to_vec(removed).unwrap_or_default();
    let bytes = Note::new(said, id, signer).to_bytes();
    archive::place_bytes(disk, &folder.join(FILE), &bytes)
}
