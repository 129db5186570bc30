//! The journal through the engine again, beside whoever writes it: every answer is compared with the one that was given.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beginning::{self, Beginning, started_by};
use super::control::Control;
use super::course::{Course, Difference, RecordedError, Start, Turn, check_version};
use super::damage::{Damage, Why};
use super::decided::{Decided, decided};
use super::ends::Ends;
use super::error::JournalError;
use super::reader::Reader;
use super::record::Record;
use super::recorded::{Progress, Stage};
use super::removed::Removed;
use super::warming::Known;
use super::{claims, signing, snapshots, warming};
use crate::engine::{Answer, Recording, VERSION};
use crate::event::Event;
use crate::io::{Disk, SnapshotError};

/// From where to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The beginning; where that is gone, the oldest snapshot that all that is left follows.
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
    /// Answers that are others since records before them are missing.
    pub different: u64,
    /// The first answer that is another without such a reason, if any; the replay ends there.
    pub difference: Option<Difference>,
    /// The record of the snapshot that it began after.
    pub snapshot: Option<u64>,
    /// Whether it could have begun with an older one, which retention left for that, and which is gone or not whole.
    pub late: bool,
    /// Damage that somebody decided to go on over.
    pub passed: Vec<Decided>,
    /// Records after which it went on from a snapshot, which held what is missing.
    pub resumed: Vec<u64>,
    /// Whether the last event has no answer yet: it was never given.
    pub unanswered: bool,
    /// What was being written when all ended.
    pub torn: bool,
}

impl Replayed {
    /// How many records are missing where it was passed over.
    pub fn missing(&self) -> u64 {
        self.passed.iter().map(|decided| decided.damage.missing).sum()
    }
}

/// A journal that is read through an engine.
pub struct Replay {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    reader: Reader,
    course: Course,
    from: From,
    snapshot: Option<u64>,
    recording: Option<Recording>,
    start: Option<Box<Start>>,
    removed: Option<Removed>,
    passed_over: Vec<String>,
    warm_ups: Vec<Known>,
    passed: Vec<Decided>,
    /// Answers up to this record may be others than they were.
    until: u64,
    /// Snapshots that may hold what is missing, in order.
    places: VecDeque<u64>,
    resumed: Vec<u64>,
    different: u64,
    ends: Ends,
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
        let ends = Ends::look(&disk, folder)?;
        let reader = Reader::open(Arc::clone(&disk), folder)?;
        if reader.is_empty() {
            return Err(JournalError::None { folder: folder.to_owned() }.into());
        }
        let (id, key) = (claims::id_of(&disk, folder)?, signing::own_public(&disk, folder).ok());
        let by = (&id, key.as_ref());
        let (mut begun, first) = match started_by(&disk, folder, u64::MAX, by)? {
            Beginning::Started { rules, start, first, .. } => (Some((rules, start)), first),
            Beginning::Lost { first } => (None, first),
            Beginning::Nothing => return Err(RecordedError::NoStart),
        };
        if let Some((_, start)) = &mut begun {
            start.recording = recording.unwrap_or(start.recording);
        }
        let is_whole = first == 1 && begun.is_some();
        let removed = claims::removed_by(&disk, folder, by)?;
        let warm_ups = warming::known(&disk, folder, 0, u64::MAX)?;
        let asked = Asked { disk: &disk, folder, from, recording, first, is_whole, warm_ups: &warm_ups };
        let (found, mut passed_over) = asked.snapshot()?;
        if let Some(Removed { base, .. }) = removed
            && from == From::Beginning
            && !asked.places()?.contains(&base)
        {
            passed_over.insert(0, told_over(base, "retention left it to begin with, and it is gone"));
        }
        let (reader, course, snapshot) = match found {
            Some(found) => found,
            None => {
                let Some((rules, start)) = begun.as_ref().filter(|_| is_whole) else {
                    let last = removed.as_ref().map(|removed| removed.last);
                    return Err(
                        last.map_or(RecordedError::NoStart, |last| RecordedError::NoSnapshot { last })
                    );
                };
                let mut course = Course::begin(&*disk, folder, rules, start, None)?;
                course.expect(&*disk, folder, 0, &warm_ups)?;
                (reader, course, None)
            }
        };
        // What nobody removed, and is behind it all the same.
        let passed = match snapshot {
            Some(number) if from == From::Beginning => beginning::passed(&disk, folder, number, by)?,
            _ => Vec::new(),
        };
        let start = begun.map(|(_, start)| start);
        let (folder, resumed, places) = (folder.to_owned(), Vec::new(), VecDeque::new());
        let (until, different) = (0, 0);
        Ok(Self {
            disk,
            folder,
            reader,
            course,
            from,
            snapshot,
            recording,
            start,
            removed,
            passed_over,
            warm_ups,
            passed,
            until,
            places,
            resumed,
            different,
            ends,
        })
    }

    /// Snapshots that it could have begun with, if they were there and whole, and why not.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Whether it begins later than the snapshot that retention left to begin with.
    pub fn is_late(&self) -> bool {
        let base = self.removed.as_ref().map(|removed| removed.base);
        self.from == From::Beginning
            && base.is_some_and(|base| self.snapshot.is_some_and(|number| number > base))
    }

    /// What retention has removed before it, by a word that counts.
    pub fn removed(&self) -> Option<&Removed> {
        self.removed.as_ref()
    }

    /// The record of the snapshot that it began after.
    pub fn snapshot(&self) -> Option<u64> {
        self.snapshot
    }

    /// With what the journal was begun; none where its beginning is gone.
    pub fn start(&self) -> Option<&Start> {
        self.start.as_deref()
    }

    /// The engine as it is now.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// Damage that was passed over, since somebody decided to go on over it.
    pub fn passed(&self) -> &[Decided] {
        &self.passed
    }

    /// Takes the next record in; `each` is told of an event what it is answered. None at the end. An answer that is another
    /// since records are missing is counted, and fine.
    pub fn turn(&mut self, mut each: impl FnMut(&Event, Answer<'_>)) -> Result<Option<Turn>, RecordedError> {
        let entry = loop {
            match self.reader.next_entry() {
                Ok(Some(entry)) => break entry,
                // What is missing there nobody decided on: the snapshot that says so would be gone.
                Ok(None) => match self.ends.cut(&self.reader)? {
                    Some(cut) => return Err(JournalError::Damaged(cut).into()),
                    None => return Ok(None),
                },
                Err(JournalError::Damaged(damage)) => self.pass_over(damage)?,
                Err(error) => return Err(error.into()),
            }
        };
        let number = entry.number;
        if let Ok(Record::Control(bytes)) = entry.record() {
            let said = Control::read(bytes);
            said.iter().for_each(|said| self.ends.note(said));
            match said {
                Some(Control::Started { engine, .. }) if engine != VERSION => {
                    self.start.as_deref().map_or(Ok(()), |start| check_version(&engine, start))?;
                }
                // Nothing is there any more that could be passed over.
                Some(Control::WentOn { damage, .. }) => {
                    let cut = damage.into_iter().filter(|damage| damage.why == Why::Snapshot);
                    self.passed.extend(cut.map(|damage| Decided { damage, record: number, held: false }));
                }
                _ => {}
            }
        }
        let mut turn = self.course.entry(&*self.disk, &self.folder, &entry, &mut each)?;
        if number <= self.until && matches!(turn, Turn::Differs(_)) {
            self.different += 1;
            turn = Turn::Fine;
        }
        if self.until == u64::MAX && self.places.front().is_some_and(|place| *place <= number) {
            self.resume(number)?;
        }
        Ok(Some(turn))
    }

    /// Goes on behind damage, if a record says that somebody decided so.
    fn pass_over(&mut self, damage: Damage) -> Result<(), RecordedError> {
        if self.snapshot.is_some_and(|number| damage.is_before(number + 1)) {
            return Ok(());
        }
        let known = decided(&self.disk, &self.folder, damage.number, u64::MAX)?;
        let Some(decided) = known.into_iter().find(|known| known.damage.same(&damage)) else {
            return Err(JournalError::Damaged(damage).into());
        };
        if damage.why == Why::Header && damage.missing == 0 {
            // Every record is there, and each answer must be what it was.
            self.passed.push(decided);
            return Ok(());
        }
        self.until = self.until.max(decided.until());
        let last = damage.last();
        if decided.held {
            self.places = self.places_from(last.max(damage.number))?;
        }
        self.course.pass_over(damage);
        self.passed.push(decided);
        self.resume(last)
    }

    /// The snapshots after a record or one behind it, that may hold what is missing before it.
    fn places_from(&self, number: u64) -> Result<VecDeque<u64>, JournalError> {
        let mut places = snapshots::snapshots(&*self.disk, &self.folder)?;
        places.retain(|&place| place >= number && !self.warm_ups.iter().any(|known| known.is_on_at(place)));
        Ok(places.into_iter().rev().collect())
    }

    /// Goes on from the snapshot after a record, if there is a whole one: it is what the engine was then.
    fn resume(&mut self, number: u64) -> Result<(), RecordedError> {
        while self.places.front().is_some_and(|place| *place <= number) {
            let place = self.places.pop_front();
            let Some(id) = self.reader.id().filter(|_| place == Some(number)) else { continue };
            match restored(&self.disk, &self.folder, (id, number), self.recording, &self.warm_ups)? {
                Ok(course) => {
                    self.course = course.instead_of(&self.course);
                    self.until = 0;
                    self.resumed.push(number);
                }
                // The writer has newer ones.
                Err(why) if snapshots::is_gone(&why) => self.places = self.places_from(number + 1)?,
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// How far it is.
    pub fn progress(&self) -> Result<Progress, JournalError> {
        let (bytes, of_bytes) = (self.reader.bytes_read(), self.reader.bytes()?);
        Ok(Progress { stage: Stage::Taking, events: self.course.events(), bytes, of_bytes })
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
        let late = self.is_late();
        Ok(Replayed {
            late,
            events: self.course.events(),
            reproduced: self.course.reproduced(),
            different: self.different,
            snapshot: self.snapshot,
            passed: self.passed,
            resumed: self.resumed,
            unanswered: difference.is_none() && self.course.unanswered().is_some(),
            torn: self.reader.torn().is_some(),
            difference,
        })
    }
}

/// What says with which snapshot a replay begins.
struct Asked<'a> {
    disk: &'a Arc<dyn Disk>,
    folder: &'a Path,
    from: From,
    recording: Option<Recording>,
    /// The oldest record.
    first: u64,
    /// Whether it can begin without one.
    is_whole: bool,
    warm_ups: &'a [Known],
}

/// The record of a snapshot, the engine that it holds, and what is behind it.
type Found = (Reader, Course, Option<u64>);

impl Asked<'_> {
    /// The snapshots to begin with, the best first.
    fn places(&self) -> Result<Vec<u64>, JournalError> {
        if self.from == From::Beginning && self.is_whole {
            return Ok(Vec::new());
        }
        let mut numbers = snapshots::snapshots(&**self.disk, self.folder)?;
        if self.from == From::Beginning {
            // The oldest one that all that is left follows.
            numbers.retain(|number| number + 1 >= self.first);
            numbers.reverse();
        }
        Ok(numbers)
    }

    /// The first of them that is whole, if one is, and why others were passed over.
    fn snapshot(&self) -> Result<(Option<Found>, Vec<String>), RecordedError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let (mut found, mut passed_over, mut gone) = (None, Vec::new(), false);
            for number in self.places()? {
                if self.warm_ups.iter().any(|known| known.is_on_at(number)) {
                    let why = "a rule set was being warmed then that took over since";
                    passed_over.push(told_over(number, why));
                    continue;
                }
                let mut reader = Reader::from(Arc::clone(self.disk), self.folder, number + 1)?;
                // Its first segment says whose journal it is.
                let _ = reader.next_entry();
                let Some(id) = reader.id() else { continue };
                match restored(self.disk, self.folder, (id, number), self.recording, self.warm_ups)? {
                    Ok(course) => {
                        let reader = Reader::from(Arc::clone(self.disk), self.folder, number + 1)?;
                        found = Some((reader, course, Some(number)));
                        break;
                    }
                    Err(why) => {
                        gone |= snapshots::is_gone(&why);
                        passed_over.push(told_over(number, why));
                    }
                }
            }
            if !gone || looks == snapshots::LOOKS {
                return Ok((found, passed_over));
            }
        }
    }
}

/// What is said of a snapshot that is not taken.
fn told_over(number: u64, why: impl fmt::Display) -> String {
    format!("the snapshot after record {number} is passed over: {why}")
}

/// An engine as a snapshot says that it was, and on its way over the warm-ups behind it; why not, where it is not whole.
fn restored(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    (id, number): ([u8; 16], u64),
    recording: Option<Recording>,
    warm_ups: &[Known],
) -> Result<Result<Course, SnapshotError>, RecordedError> {
    let mut saved = match snapshots::read(disk, folder, id, number) {
        Ok(saved) => saved,
        Err(why) => return Ok(Err(why)),
    };
    if let Some(recording) = recording {
        saved = saved.recording(recording);
    }
    let mut course = Course::restore(&**disk, folder, number, saved, None)?;
    course.expect(&**disk, folder, number, warm_ups)?;
    Ok(Ok(course))
}
