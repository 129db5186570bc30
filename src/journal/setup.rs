//! With what an engine is opened beside its journal, and whether it can be.
//!
//! Promises that looking writes nothing, so that what is refused leaves nothing behind.

use std::path::Path;
use std::sync::Arc;

use super::beginning::{Beginning, started};
use super::course::{RecordedError, load};
use super::reader::Reader;
use super::{kept, snapshots, tokened};
use crate::engine::{Engine, Limits, Recording};
use crate::io::{Bundle, Disk, Loaded};
use crate::state::ChunkStore;

/// With what an engine is opened.
pub struct Setup {
    /// The rule set that decides where the journal is new; otherwise one that the journal knows.
    pub rules: Bundle,
    /// Rule sets that control events may take up.
    pub staged: Vec<Bundle>,
    /// The bounds; none for those of the journal, or the defaults where it is new.
    pub limits: Option<Limits>,
    /// What decisions record; none for what the journal was begun with, or the default.
    pub recording: Option<Recording>,
    /// Where the tail log's chunks go that leave memory.
    pub store: Option<Box<dyn ChunkStore>>,
    /// A snapshot after so many events; none where none are wanted.
    pub snapshot_every: Option<u64>,
}

impl Setup {
    /// Fails where a folder's journal can't be opened with it, or where none can begin with it. Nothing is written.
    pub fn check(&self, disk: &Arc<dyn Disk>, folder: &Path) -> Result<(), RecordedError> {
        if Reader::there(disk, folder)?.is_none() {
            tokened::check(disk, folder, &Beginning::Nothing, self)?;
            return self.begins();
        }
        let beginning = started(disk, folder, u64::MAX)?;
        self.fits(disk, folder, &beginning)?;
        match beginning {
            Beginning::Nothing => self.begins(),
            _ => self.is_known(&**disk, folder),
        }
    }

    /// Fails where a journal was begun otherwise.
    pub(super) fn fits(
        &self,
        disk: &Arc<dyn Disk>,
        folder: &Path,
        beginning: &Beginning,
    ) -> Result<(), RecordedError> {
        tokened::check(disk, folder, beginning, self)?;
        let start = match beginning {
            Beginning::Nothing => return Ok(()),
            Beginning::Started { start, .. } => start,
            // Those of the snapshot go on.
            Beginning::Lost { .. } if self.limits.is_some() => {
                return Err(RecordedError::Unproven { what: "bounds" });
            }
            Beginning::Lost { .. } if self.recording.is_some() => {
                return Err(RecordedError::Unproven { what: "recorded features" });
            }
            Beginning::Lost { .. } => return Ok(()),
        };
        if self.limits.is_some_and(|limits| limits != start.limits) {
            return Err(RecordedError::Other { what: "bounds" });
        }
        if self.recording.is_some_and(|recording| recording != start.recording) {
            return Err(RecordedError::Other { what: "recorded features" });
        }
        Ok(())
    }

    /// Fails where the rule set is none that is kept, as the one that decides always is. One that is damaged is told where it may
    /// be the one.
    pub(super) fn is_known(&self, disk: &dyn Disk, folder: &Path) -> Result<(), RecordedError> {
        let asked = load(&self.rules, &kept::hash(&self.rules))?.rules;
        let (mut known, mut damaged) = (Vec::new(), None);
        for kept in kept::all(disk, folder)? {
            match kept::read(disk, folder, &kept).and_then(|bundle| load(&bundle, &kept)) {
                Ok(loaded) if loaded.rules.hash == asked.hash => return Ok(()),
                Ok(loaded) => known.push(loaded.rules.hash_text()),
                Err(error) => damaged = Some(error),
            }
        }
        if let Some(error) = damaged {
            return Err(error.into());
        }
        Err(RecordedError::OtherRules { asked: asked.hash_text(), known })
    }

    /// Fails where no engine can begin with it.
    fn begins(&self) -> Result<(), RecordedError> {
        let limits = self.limits.unwrap_or_default();
        limits.check()?;
        let rules = load(&self.rules, &kept::hash(&self.rules))?.rules;
        let mut engine = Engine::new(rules, limits, self.recording.unwrap_or_default());
        for bundle in std::iter::once(&self.rules).chain(&self.staged) {
            kept::check(bundle)?;
        }
        self.staged.iter().try_for_each(|bundle| {
            let Loaded { rules, lists, rates, .. } = load(bundle, &kept::hash(bundle))?;
            let rule_set = rules.hash_text();
            let staged = engine.stage_with_rates(rules, lists, rates);
            staged.map(|_| ()).map_err(|why| RecordedError::Reload { rule_set, why })
        })
    }
}

/// Fails where neither the beginning nor a whole snapshot is there: nobody can go on then, so that nothing is to be put down.
pub(super) fn can_go_on(disk: &Arc<dyn Disk>, folder: &Path) -> Result<(), RecordedError> {
    let Some(mut reader) = Reader::there(disk, folder)? else { return Ok(()) };
    let Beginning::Lost { first } = started(disk, folder, u64::MAX)? else { return Ok(()) };
    let mut id = None;
    while id.is_none() && reader.next_whole()?.is_some() {
        id = reader.id();
    }
    let Some(id) = id else { return Ok(()) };
    let mut numbers = snapshots::snapshots(&**disk, folder)?.into_iter().filter(|number| number + 1 >= first);
    match numbers.any(|number| snapshots::read(disk, folder, id, number).is_ok()) {
        true => Ok(()),
        false => Err(RecordedError::NoStart),
    }
}

/// The files that came with a rule set and say otherwise than what the engine has taken up.
pub(super) fn unread(engine: &Engine, asked: &Loaded) -> Vec<String> {
    let Loaded { rules, lists, rates, .. } = asked;
    let live = engine.rules();
    let mut unread = Vec::new();
    for (at, declared) in rules.lists.iter().enumerate() {
        let held = live.lists.iter().position(|held| held == declared);
        let held = held.and_then(|held| engine.lists().get(held));
        if let (Some(held), Some(given), Some(file)) = (held, lists.get(at), &declared.file)
            && !held.is_loaded_as(given)
        {
            unread.push(format!("{file} of the list `{}`", declared.name));
        }
    }
    if let (Some(declared), true) = (&rules.rates, live.rates.is_some())
        && let Some(file) = &declared.file
        && rates.version() != engine.rates().version()
    {
        unread.push(format!("{file} of the rates"));
    }
    unread
}
