//! What a journal lacks at its two ends, where no record is left to miss it: only what else is there tells.
//!
//! A snapshot has its name only once the journal is on disk up to its record, so one of its own behind the last record says that
//! the end was cut off; and a first record that is not number 1 says that the beginning is gone. Promises that whoever reads
//! judges alike. Must never change anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beginning;
use super::control::Control;
use super::damage::{Damage, Torn, Why};
use super::decided::{Decided, decided};
use super::error::JournalError;
use super::reader::Reader;
use super::removed::Removed;
use super::{archive, claims, signing, snapshots};
use crate::io::Disk;

/// The snapshots that were there before the records were read: one that is written meanwhile may be behind what is seen.
#[derive(Debug)]
pub struct Ends {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Newest first.
    taken: Vec<u64>,
    /// Those that a record says are being removed.
    removing: Vec<u64>,
}

impl Ends {
    /// Looks which snapshots are there: before a reader of the folder is opened.
    pub fn look(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Self, JournalError> {
        let taken = snapshots::snapshots(&**disk, folder)?;
        Ok(Self { disk: Arc::clone(disk), folder: folder.to_owned(), taken, removing: Vec::new() })
    }

    /// Takes note of what a control record says.
    pub fn note(&mut self, said: &Control) {
        if let Control::WentOn { snapshots, .. } = said {
            self.removing.clone_from(snapshots);
        }
    }

    /// The records that are missing behind the last one, once the reader is at its end.
    pub fn cut(&self, reader: &Reader) -> Result<Option<Damage>, JournalError> {
        let (last, id) = (reader.last(), reader.id());
        let is_cut = |&&number: &&u64| {
            number > last
                && !self.removing.contains(&number)
                && snapshots::whole(&self.disk, &self.folder, id, number).is_ok()
        };
        let Some(&newest) = self.taken.iter().find(is_cut) else { return Ok(None) };
        let (file, byte, bytes) = match (reader.torn(), reader.segments().last()) {
            (Some(Torn { file, byte, bytes, .. }), _) => (file.clone(), *byte, *bytes),
            (None, Some((_, name))) => {
                let path = self.folder.join(name);
                let length = archive::length(&*self.disk, &self.folder, name);
                (name.clone(), length.map_err(JournalError::disk("look at", &path))?, 0)
            }
            (None, None) => (String::new(), 0, 0),
        };
        Ok(Some(Damage { file, byte, bytes, number: last + 1, missing: newest - last, why: Why::Snapshot }))
    }
}

/// What is not there before the oldest record, by words that count.
#[derive(Debug, Default)]
pub struct Before {
    /// What retention removed.
    pub removed: Option<Removed>,
    /// Why nothing begins with the snapshot that it left for that, where nothing can.
    pub late: Option<String>,
    /// Whether anything can begin behind it.
    pub begins: bool,
    /// What it did not, on which somebody decided.
    pub decided: Option<Decided>,
    /// What it did not, on which nobody did, as an error that says what to do.
    pub missing: Option<JournalError>,
}

impl Before {
    /// Looks, with the public key in the folder.
    pub fn look(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Self, JournalError> {
        let (id, key) = (claims::id_of(disk, folder)?, signing::own_public(disk, folder).ok());
        let by = (&id, key.as_ref());
        let removed = claims::removed_by(disk, folder, by)?;
        let left = removed.as_ref().map(|removed| snapshots::read(disk, folder, id, removed.base));
        let late = left.and_then(Result::err).map(|why| match snapshots::is_gone(&why) {
            true => "it is gone".to_owned(),
            false => why.to_string(),
        });
        let oldest = archive::segments(&**disk, folder)?.first().map_or(0, |(first, _)| *first);
        let is_place =
            |&number: &u64| number + 1 >= oldest && snapshots::read(disk, folder, id, number).is_ok();
        let begins = late.is_none() || snapshots::snapshots(&**disk, folder)?.iter().any(is_place);
        let Some((missing, _)) = beginning::gone(disk, folder, by)? else {
            return Ok(Self { removed, late, begins, ..Self::default() });
        };
        let known = decided(disk, folder, 0, u64::MAX)?.into_iter().find(|known| known.damage.same(&missing));
        let rest = |mut missing: Damage| {
            removed.iter().for_each(|removed| removed.taken_from(&mut missing));
            missing
        };
        let (decided, missing) = match known {
            Some(known) => (Some(Decided { damage: rest(known.damage.clone()), ..known }), None),
            None => (None, Some(claims::gone(disk, folder, rest(missing), by.1)?)),
        };
        Ok(Self { removed, late, begins, decided, missing })
    }
}
