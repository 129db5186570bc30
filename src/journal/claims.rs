//! Whose word counts where records are gone from the beginning: whether retention removed them.
//!
//! Promises that nothing counts that somebody could have put there without the journal's key: a note that the key signed, or
//! a record that a head behind it *in the same segment* speaks for. A process that opens a journal writes into a new segment,
//! and its first head speaks for whatever lies at the end of the one before, which nobody has signed: so that head makes no
//! removal proven. Who opens a journal after a crash loses nothing by that, since the note says the same.

use std::path::Path;
use std::sync::Arc;

use super::archive;
use super::control::Control;
use super::damage::Damage;
use super::error::JournalError;
use super::frame::Chain;
use super::heads::{Head, PublicKey};
use super::reader::Reader;
use super::record::{Kind, Record};
use super::removed::{self, Removed};
use super::signing;
use crate::io::Disk;

/// What records say of removals, as they are come by.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The segment of the record before.
    segment: u64,
    /// What no head speaks for yet.
    pending: Vec<(Removed, u64)>,
    proven: Vec<(Removed, u64)>,
}

impl Claims {
    /// A record of a segment, and what it says.
    pub(super) fn record(&mut self, segment: u64, number: u64, said: Option<Removed>) {
        if self.segment != segment {
            self.damaged();
            self.segment = segment;
        }
        self.pending.extend(said.map(|removed| (removed, number)));
    }

    /// Whether there is something that a head could prove.
    pub(super) fn waits(&self, segment: u64) -> bool {
        self.segment == segment && !self.pending.is_empty()
    }

    /// All before in this segment is proven.
    pub(super) fn proven(&mut self, segment: u64) {
        if self.segment == segment {
            self.proven.append(&mut self.pending);
        }
    }

    /// Nothing binds what was before to what comes.
    pub(super) fn damaged(&mut self) {
        self.pending.clear();
    }

    /// Of what is proven the newest, which speaks for what was removed before, too; and its record.
    pub(super) fn newest(self) -> Option<(Removed, u64)> {
        self.proven.into_iter().max_by_key(|(removed, number)| (removed.last, *number))
    }
}

/// What retention removed of what is gone from the beginning, by the word that says most of those that count.
///
/// Where a key is given, only what it signed counts, whatever the journal looks like: heads can be taken out. Without one nothing
/// does, but in a journal that nobody signs, where every word does.
pub(super) fn removed_by(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    (id, key): (&[u8; 16], Option<&PublicKey>),
) -> Result<Option<Removed>, JournalError> {
    let begins = archive::segments(&**disk, folder)?.first().map_or(0, |(first, _)| *first);
    if begins <= 1 {
        return Ok(None);
    }
    let noted = noted_by(disk, folder, (id, key))?;
    if noted.as_ref().is_some_and(|noted| noted.last + 1 == begins) {
        return Ok(noted);
    }
    let said = recorded(disk, folder, (id, key))?.map(|said| said.before(begins));
    Ok([noted, said].into_iter().flatten().max_by_key(|removed| removed.last))
}

/// The error of records that are gone from the beginning: where nobody's word for it can count, since the public key is not
/// there, or is not the one that signed, it says so.
pub(super) fn gone(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    missing: Damage,
    key: Option<&PublicKey>,
) -> Result<JournalError, JournalError> {
    if let Some(why) = key.map_or(Ok(None), |key| signing::other_public(disk, folder, key))? {
        return Ok(JournalError::Unproven { missing, why: Box::new(why) });
    }
    Ok(match signing::own_public(disk, folder) {
        Err(why) if key.is_none() && signing::is_signed(disk, folder)? => {
            JournalError::Unproven { missing, why: Box::new(why) }
        }
        _ => JournalError::Damaged(missing),
    })
}

/// The note, where its word counts.
pub(super) fn noted_by(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    (id, key): (&[u8; 16], Option<&PublicKey>),
) -> Result<Option<Removed>, JournalError> {
    let Some(noted) = removed::removed(&**disk, folder)? else { return Ok(None) };
    let counts = match key {
        Some(key) => noted.is_signed(key, id),
        None => !signing::is_signed(disk, folder)?,
    };
    Ok(Some(noted).filter(|_| counts))
}

/// What records say whose word counts.
fn recorded(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    (id, key): (&[u8; 16], Option<&PublicKey>),
) -> Result<Option<Removed>, JournalError> {
    let signed = key.is_some() || signing::is_signed(disk, folder)?;
    let mut claims = Claims::default();
    let mut former: Option<(u64, Chain)> = None;
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    loop {
        let (number, chain, head, said) = match reader.next_entry() {
            Ok(Some(entry)) => {
                let said = match entry.record() {
                    Ok(Record::Control(bytes)) => Control::read(bytes).as_ref().and_then(Removed::said),
                    _ => None,
                };
                let head = Head::read(entry.body).filter(|_| entry.kind == Kind::Head as u8);
                (entry.number, entry.chain, head, said)
            }
            Ok(None) => return Ok(claims.newest().map(|(removed, _)| removed)),
            Err(JournalError::Damaged(_)) => {
                claims.damaged();
                former = None;
                continue;
            }
            Err(error) => return Err(error),
        };
        let segment = reader.segment();
        // Behind damage nothing binds what the first one says.
        claims.record(segment, number, said.filter(|_| reader.follows()));
        let proves = |head: &Head| {
            former == Some((head.number, head.chain)) && key.is_some_and(|key| key.signed(id, head))
        };
        if !signed || claims.waits(segment) && head.as_ref().is_some_and(proves) {
            claims.proven(segment);
        }
        former = Some((number, chain));
    }
}

/// The journal's id, as the first of its segments says that is whole; zeros where none is.
pub(super) fn id_of(disk: &Arc<dyn Disk>, folder: &Path) -> Result<[u8; 16], JournalError> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    while reader.id().is_none() && reader.next_whole()?.is_some() {}
    Ok(reader.id().unwrap_or_default())
}
