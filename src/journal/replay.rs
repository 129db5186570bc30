//! The journal through the engine again, beside whoever writes it: every answer is compared with the one that was given.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::course::{Course, Difference, RecordedError, Start, Turn, check_version};
use super::error::JournalError;
use super::reader::Reader;
use super::recorded::{Beginning, Progress, started};
use super::removed::{self, Removed};
use super::{snapshots, warming};
use crate::engine::{Answer, Recording, VERSION};
use crate::event::Event;
use crate::io::Disk;

/// From where to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The beginning; where that was removed, the oldest snapshot that was archived instead.
    Beginning,
    /// The newest whole snapshot.
    Snapshot,
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Events taken in.
    pub events: u64,
    /// Answers that are what they were, bit for bit.
    pub reproduced: u64,
    /// The first answer that is not, if any; the replay ends there.
    pub difference: Option<Difference>,
    /// The record of the snapshot that it began after.
    pub snapshot: Option<u64>,
    /// Whether the last event has no answer yet: it was never given.
    pub unanswered: bool,
    /// What was being written when all ended.
    pub torn: bool,
}

/// A journal that is read through an engine.
pub struct Replay {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    reader: Reader,
    course: Course,
    snapshot: Option<u64>,
    start: Box<Start>,
    removed: Option<Removed>,
}

impl Replay {
    /// Opens a journal beside its writer. `recording` is what the engine records where it is to be more than what the
    /// journal does: answers then differ in their features.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        from: From,
        recording: Option<Recording>,
    ) -> Result<Self, RecordedError> {
        let reader = Reader::open(Arc::clone(&disk), folder)?;
        if reader.is_empty() {
            return Err(JournalError::None { folder: folder.to_owned() }.into());
        }
        let Beginning::Started { rules, mut start, first, .. } = started(&disk, folder, u64::MAX)? else {
            return Err(RecordedError::NoStart);
        };
        start.recording = recording.unwrap_or(start.recording);
        let removed = removed::removed(&*disk, folder)?;
        let warm_ups = warming::known(&disk, folder, 0, u64::MAX)?;
        let mut numbers = match from {
            From::Beginning if first == 1 => Vec::new(),
            _ => snapshots::snapshots(&*disk, folder)?,
        };
        if from == From::Beginning {
            // The oldest one that all that is left follows.
            numbers.retain(|number| number + 1 >= first);
            numbers.reverse();
        }
        numbers.retain(|&number| !warm_ups.iter().any(|known| known.is_on_at(number)));
        for number in numbers {
            let mut reader = Reader::from(Arc::clone(&disk), folder, number + 1)?;
            // Its first segment says whose journal it is.
            let _ = reader.next_entry();
            let Some(id) = reader.id() else { continue };
            if let Ok(mut saved) = snapshots::read(&disk, folder, id, number) {
                if let Some(recording) = recording {
                    saved = saved.recording(recording);
                }
                let mut course = Course::restore(&*disk, folder, number, saved, None)?;
                course.expect(&*disk, folder, number, &warm_ups)?;
                let reader = Reader::from(Arc::clone(&disk), folder, number + 1)?;
                let (folder, snapshot) = (folder.to_owned(), Some(number));
                return Ok(Self { disk, folder, reader, course, snapshot, start, removed });
            }
        }
        if first > 1 {
            return Err(RecordedError::NoStart);
        }
        let mut course = Course::begin(&*disk, folder, &rules, &start, None)?;
        course.expect(&*disk, folder, 0, &warm_ups)?;
        Ok(Self { disk, folder: folder.to_owned(), reader, course, snapshot: None, start, removed })
    }

    /// What retention has removed before it.
    pub fn removed(&self) -> Option<&Removed> {
        self.removed.as_ref()
    }

    /// The record of the snapshot that it began after.
    pub fn snapshot(&self) -> Option<u64> {
        self.snapshot
    }

    /// With what the journal was begun.
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// The engine as it is now.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// Takes the next record in; `each` is told of an event what it is answered. None at the end.
    pub fn turn(&mut self, mut each: impl FnMut(&Event, Answer<'_>)) -> Result<Option<Turn>, RecordedError> {
        let Some(entry) = self.reader.next_entry()? else { return Ok(None) };
        if let Ok(super::Record::Control(bytes)) = entry.record()
            && let Some(super::Control::Started { engine, .. }) = super::Control::read(bytes)
            && engine != VERSION
        {
            check_version(&engine, &self.start)?;
        }
        self.course.entry(&*self.disk, &self.folder, &entry, &mut each).map(Some)
    }

    /// How far it is.
    pub fn progress(&self) -> Result<Progress, JournalError> {
        let (bytes, of_bytes) = (self.reader.bytes_read(), self.reader.bytes()?);
        Ok(Progress { events: self.course.events(), bytes, of_bytes })
    }

    /// Replays all of it, up to the first difference.
    pub fn run(mut self, mut each: impl FnMut(u64)) -> Result<Replayed, RecordedError> {
        let mut difference = None;
        while let Some(turn) = self.turn(|_, _| {})? {
            if let Turn::Differs(found) = turn {
                difference = Some(*found);
                break;
            }
            each(self.course.events());
        }
        Ok(Replayed {
            events: self.course.events(),
            reproduced: self.course.reproduced(),
            snapshot: self.snapshot,
            unanswered: difference.is_none() && self.course.unanswered().is_some(),
            torn: self.reader.torn().is_some(),
            difference,
        })
    }
}
