//! How a journal begins: with what its engine was begun, and who says so where its oldest records are gone.
//!
//! Promises that records which are gone from the beginning are damage, unless retention says that it removed them; and that
//! what the journal was begun with is known as long as a note of retention or any record of an opening is left.

use std::path::Path;
use std::sync::Arc;

use super::control::Control;
use super::course::{RecordedError, Start, check_version};
use super::damage::{Damage, Why};
use super::decided::{Decided, decided};
use super::error::JournalError;
use super::heads::PublicKey;
use super::reader::Reader;
use super::record::Record;
use super::removed::{self, Removed};
use super::signing;
use crate::io::Disk;

/// How a journal begins.
pub(super) enum Beginning {
    /// It holds nothing yet.
    Nothing,
    /// With this, as its record said; `first` is the oldest record that is there.
    Started { rules: String, start: Box<Start>, said: Box<Control>, first: u64 },
    /// Its beginning is gone, and nothing repeats what it said.
    Lost { first: u64 },
}

/// Looks for what says with what the engine was begun: the record before the first event; where that is gone, the note of
/// whoever removed it, or what was repeated when the journal was opened again.
pub(super) fn started(disk: &Arc<dyn Disk>, folder: &Path, last: u64) -> Result<Beginning, RecordedError> {
    let noted = removed::removed(&**disk, folder)?;
    started_noted(disk, folder, last, noted)
}

/// The same, where a note is believed only as [`is_removed`] does.
pub(super) fn started_by(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    last: u64,
    by: (&[u8; 16], Option<&PublicKey>),
) -> Result<Beginning, RecordedError> {
    let noted = match removed::removed(&**disk, folder)? {
        Some(noted) if is_believed(disk, folder, &noted, by)? => Some(noted),
        _ => None,
    };
    started_noted(disk, folder, last, noted)
}

fn started_noted(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    last: u64,
    noted: Option<Removed>,
) -> Result<Beginning, RecordedError> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    let first = reader.first();
    if first > 1 {
        return match noted {
            Some(noted) => begun(noted.started, first),
            None => repeated(disk, folder, last, first),
        };
    }
    loop {
        let entry = match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= last => entry,
            Ok(_) => return Ok(Beginning::Nothing),
            // Where only the header is damaged, the record that says it is still to come.
            Err(JournalError::Damaged(Damage { missing: 0, why: Why::Header, .. })) => continue,
            Err(JournalError::Damaged(_)) => return repeated(disk, folder, last, first),
            Err(error) => return Err(error.into()),
        };
        match entry.record()? {
            Record::Control(bytes) => {
                if let Some(said @ Control::Started { .. }) = Control::read(bytes) {
                    return begun(said, first);
                }
            }
            Record::Head(_) => {}
            Record::Event { .. } | Record::Answer { .. } => return repeated(disk, folder, last, first),
        }
    }
}

/// What the record of an opening repeats.
fn repeated(disk: &Arc<dyn Disk>, folder: &Path, last: u64, first: u64) -> Result<Beginning, RecordedError> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    while let Some(entry) = reader.next_whole()?.filter(|entry| entry.number <= last) {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Recovered { started: Some(said), .. }) = Control::read(bytes)
        {
            return begun(*said, first);
        }
    }
    Ok(Beginning::Lost { first })
}

/// With what, as this says.
fn begun(said: Control, first: u64) -> Result<Beginning, RecordedError> {
    let Control::Started { engine, rules, with, .. } = &said else { return Ok(Beginning::Lost { first }) };
    let Ok(start) = serde_json::from_value(with.clone()) else { return Ok(Beginning::Lost { first }) };
    check_version(engine, &start)?;
    Ok(Beginning::Started { rules: rules.clone(), start: Box::new(start), said: Box::new(said), first })
}

/// The records before the oldest one that is there, as damage; none where it is the first.
pub(super) fn missing(disk: &dyn Disk, folder: &Path) -> Result<Option<Damage>, JournalError> {
    let segments = super::archive::segments(disk, folder)?;
    let oldest = segments.into_iter().next().filter(|(first, _)| *first > 1);
    Ok(oldest.map(|(first, file)| Damage {
        file,
        byte: 0,
        bytes: 0,
        number: 1,
        missing: first - 1,
        why: Why::Gone,
    }))
}

/// Whether retention removed what is missing: its note says so, signed by the key where somebody signs the journal, or a
/// record does.
pub(super) fn is_removed(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    missing: &Damage,
    by: (&[u8; 16], Option<&PublicKey>),
) -> Result<bool, JournalError> {
    if let Some(noted) = removed::removed(&**disk, folder)?.filter(|noted| noted.last >= missing.last())
        && is_believed(disk, folder, &noted, by)?
    {
        return Ok(true);
    }
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    while let Some(entry) = reader.next_whole()? {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Retained { removed: Some((_, last)), .. }) = Control::read(bytes)
            && last >= missing.last()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A note of a journal that somebody signs must be signed too. Who has no key can't tell, and leaves that to who verifies.
fn is_believed(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    noted: &Removed,
    (id, key): (&[u8; 16], Option<&PublicKey>),
) -> Result<bool, JournalError> {
    let Some(key) = key else { return Ok(true) };
    Ok(noted.is_signed(key, id) || signing::signed_by(disk, folder)?.is_none())
}

/// Of all damage up to a record, that before the oldest one too, what decided to go on over it: an error where nothing did.
/// What retention removed is none.
pub(super) fn passed(disk: &Arc<dyn Disk>, folder: &Path, to: u64) -> Result<Vec<Decided>, JournalError> {
    let known = decided(disk, folder, 0, u64::MAX)?;
    let on = |damage: Damage| match known.iter().find(|known| known.damage.same(&damage)) {
        Some(known) => Ok(known.clone()),
        None => Err(JournalError::Damaged(damage)),
    };
    let mut passed = Vec::new();
    if let Some(missing) = missing(&**disk, folder)?
        && !is_removed(disk, folder, &missing, (&[0; 16], None))?
    {
        passed.push(on(missing)?);
    }
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= to => {}
            Ok(_) => return Ok(passed),
            Err(JournalError::Damaged(damage)) if damage.is_before(to + 1) => passed.push(on(damage)?),
            Err(JournalError::Damaged(_)) => return Ok(passed),
            Err(error) => return Err(error),
        }
    }
}
