//! How a journal begins: with what its engine was begun, and who says so where its oldest records are gone.
//!
//! Promises that records which are gone from the beginning are damage, unless retention says that it removed them; and that
//! what the journal was begun with is known as long as a note of retention or any record of an opening is left.

use std::path::Path;
use std::sync::Arc;

use super::claims;
use super::control::Control;
use super::course::{RecordedError, Start, check_version};
use super::damage::{Damage, Why};
use super::decided::{Decided, decided};
use super::error::JournalError;
use super::heads::PublicKey;
use super::reader::Reader;
use super::record::Record;
use super::removed::{self, Removed};
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

/// The same, where a note is believed only as [`claims`] does.
pub(super) fn started_by(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    last: u64,
    by: (&[u8; 16], Option<&PublicKey>),
) -> Result<Beginning, RecordedError> {
    let noted = claims::noted_by(disk, folder, by)?;
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
        return match noted.and_then(|noted| noted.started) {
            Some(started) => begun(started, first),
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

/// The same, with what retention removed of it: nothing where that is all.
pub(super) fn gone(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    by: (&[u8; 16], Option<&PublicKey>),
) -> Result<Option<(Damage, Option<Removed>)>, JournalError> {
    let Some(missing) = missing(&**disk, folder)? else { return Ok(None) };
    let removed = claims::removed_by(disk, folder, by)?;
    let is_all = removed.as_ref().is_some_and(|removed| removed.last >= missing.last());
    Ok((!is_all).then_some((missing, removed)))
}

/// Of all damage up to a record, that before the oldest one too, what decided to go on over it: an error where nothing did.
/// What retention removed is none.
pub(super) fn passed(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    to: u64,
    by: (&[u8; 16], Option<&PublicKey>),
) -> Result<Vec<Decided>, JournalError> {
    let mut known = None;
    let mut passed = Vec::new();
    if let Some((missing, removed)) = gone(disk, folder, by)? {
        passed.push(on_gone(disk, folder, &mut known, (missing, removed.as_ref()), by.1)?);
    }
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= to => {}
            Ok(_) => return Ok(passed),
            Err(JournalError::Damaged(damage)) if damage.is_before(to + 1) => {
                passed.push(on(disk, folder, &mut known, damage)?);
            }
            Err(JournalError::Damaged(_)) => return Ok(passed),
            Err(error) => return Err(error),
        }
    }
}

/// What decided to go on without records that are gone from the beginning, an error where nothing did; without what retention
/// removed of them.
pub(super) fn on_gone(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    known: &mut Option<Vec<Decided>>,
    (missing, removed): (Damage, Option<&Removed>),
    key: Option<&PublicKey>,
) -> Result<Decided, JournalError> {
    let rest = |mut missing: Damage| {
        removed.iter().for_each(|removed| removed.taken_from(&mut missing));
        missing
    };
    match on(disk, folder, known, missing) {
        Ok(decided) => Ok(Decided { damage: rest(decided.damage.clone()), ..decided }),
        Err(JournalError::Damaged(missing)) => Err(claims::gone(disk, folder, rest(missing), key)?),
        Err(error) => Err(error),
    }
}

/// What decided to go on over damage, an error where nothing did; `known` is what was decided, once that was read.
pub(super) fn on(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    known: &mut Option<Vec<Decided>>,
    damage: Damage,
) -> Result<Decided, JournalError> {
    let known = match known {
        Some(known) => known,
        None => known.insert(decided(disk, folder, 0, u64::MAX)?),
    };
    let same = known.iter().find(|known| known.damage.same(&damage));
    same.cloned().ok_or_else(|| damage.into())
}
