//! Who asked an audit, export or query, when and what for: put down beside the journal, and taken into it by who writes it.
//!
//! Only the writer appends, and nobody opens the journal only to say that he asks: it would cut what another process left torn,
//! or hold the lock that one wants to have. So a question is a file of its own in `asked/`, on disk before it is answered; the
//! writer takes it in when it is opened or closed. Until then it is in no chain, and proves nothing.
//!
//! What retention did comes the same way. That is believed, so it is a note signed by the journal's key
//! ([`Note`](super::note)), and nothing else is taken in for it. Promises that what is taken in is what was put down, and that
//! what is not stays where it is, and is told.

use std::io::{self, Read};
use std::path::Path;

use super::archive::{self, PARTIAL};
use super::control::Control;
use super::error::JournalError;
use super::heads::PublicKey;
use super::journal::{Journal, Options};
use super::note::Note;
use super::record::Record;
use crate::hex::hex;
use crate::io::Disk;

const FOLDER: &str = "asked";
const ENDING: &str = ".json";
/// What is longer was put there by somebody else.
const BYTES_MAX: u64 = 1 << 20;
/// Nobody takes so long to put a question down: what is older was left by one that ended meanwhile.
const PUTTING_US: i64 = 3_600_000_000;

/// Puts down beside the journal of a folder who asks what: an audit, an export, a query.
pub fn put_down(
    disk: &dyn Disk,
    folder: &Path,
    options: &Options,
    (who, what): (String, String),
) -> Result<(), JournalError> {
    let none = || JournalError::None { folder: folder.to_owned() };
    match archive::segments(disk, folder) {
        Err(JournalError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(none());
        }
        Ok(segments) if segments.is_empty() => return Err(none()),
        listed => _ = listed?,
    }
    let at_us = (options.clock)();
    put(disk, folder, (at_us, options.new_id), &Control::Asked { at_us, who, what }.to_bytes())
}

/// Puts down what was done at a time; the id is its alone, and makes it a file of its own.
pub(super) fn put(
    disk: &dyn Disk,
    folder: &Path,
    (at_us, unique): (i64, [u8; 16]),
    bytes: &[u8],
) -> Result<(), JournalError> {
    let path = folder.join(FOLDER).join(format!("{at_us:020}-{}{ENDING}", hex(unique)));
    // Named once it is whole: the writer may take it in while it is put down.
    archive::place_bytes(disk, &path, bytes)
}

/// Takes in what was put down beside the journal with this id. What is taken in is removed only once it is on disk in the
/// journal. Gives what is left there and why: what can't be read or removed, what is no such thing, and what says what
/// retention did and is not signed by this key. A journal that nobody signs takes what nobody signs. Whoever may put something
/// there keeps nobody from opening the journal.
pub(super) fn take_in(
    disk: &dyn Disk,
    folder: &Path,
    journal: &mut Journal,
    id: &[u8; 16],
    key: Option<&PublicKey>,
) -> Result<Vec<String>, JournalError> {
    let within = folder.join(FOLDER);
    // Seldom there; a folder that can't be listed holds nothing that could be taken in.
    let Ok(mut names) = disk.list(&within) else { return Ok(Vec::new()) };
    for name in names.iter().filter(|name| was_left(name, journal.now_us())) {
        // Where it can't be, it harms nobody.
        let _ = disk.remove(&within.join(name));
    }
    names.retain(|name| name.ends_with(ENDING));
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for path in names.into_iter().map(|name| within.join(name)) {
        let mut bytes = Vec::new();
        if !disk.is_file(&path).unwrap_or(true) {
            left.push(format!("{} is no file: look who put it there, and take it away", path.display()));
            continue;
        }
        let read = disk.read(&path).and_then(|source| source.take(BYTES_MAX).read_to_end(&mut bytes));
        if let Err(error) = read {
            left.push(JournalError::disk("read", &path)(error).to_string());
            continue;
        }
        match said(&bytes, id, key) {
            Some(said) => {
                // As this version writes it, and not as it came: nothing comes along that another reader may take for more.
                journal.append(Record::Control(&said.to_bytes()))?;
                taken.push(path);
            }
            None => left.push(format!(
                "{} is not taken into the journal, since it is no question and no note of retention that the journal's key \
                 signed: look who put it there, and take it away",
                path.display()
            )),
        }
    }
    if taken.is_empty() {
        return Ok(left);
    }
    journal.submit()?;
    journal.sync(journal.next_number() - 1)?;
    for path in taken {
        if let Err(error) = disk.remove(&path) {
            let error = JournalError::disk("remove", &path)(error);
            left.push(format!("what is in the journal already will be taken in again: {error}"));
        }
    }
    disk.sync_folder(&within).map_err(JournalError::disk("sync the folder", &within))?;
    Ok(left)
}

/// Whether a file was never named, by who is not about to name it any more.
fn was_left(name: &str, now_us: i64) -> bool {
    let at_us = name.strip_suffix(PARTIAL).and_then(|name| name.split_once('-')?.0.parse::<i64>().ok());
    at_us.is_some_and(|at_us| at_us < now_us.saturating_sub(PUTTING_US))
}

/// What a file says that may be taken in.
fn said(bytes: &[u8], id: &[u8; 16], key: Option<&PublicKey>) -> Option<Control> {
    let note = Note::read(bytes)?;
    let said = Control::read(note.said())?;
    match said {
        Control::Asked { .. } => Some(said),
        Control::Retained { .. } if key.is_none_or(|key| note.is_signed(key, id)) => Some(said),
        _ => None,
    }
}
