//! Warm-up: a new rule set's features are filled from the journal beside the running engine, in slices; then it takes over.
//!
//! A second engine goes the journal's way from the oldest place that there is, with the new rule set beside, which changes
//! nothing. Once it has taken in all that the running one has, it is that one with a warm shadow: it takes its place, and the
//! record `warmed` says from where, so that whoever goes that way again does the same. Promises that one turn takes in at
//! most [`SLICE_RECORDS`], that no event waits for a look at the whole journal or for a snapshot that is read, and that a
//! warm-up which fails leaves the running engine as it was.

use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use thiserror::Error;

use super::beginning::{Beginning, started};
use super::control::Control;
use super::course::{Course, Difference, RecordedError, Turn};
use super::decided::{Decided, decided};
use super::error::JournalError;
use super::kept::{self, KeptError};
use super::reader::Reader;
use super::record::Record;
use super::recorded::Recorded;
use super::snapshot_records::recorded;
use super::{archive, claims, signing, snapshots, tokened};
use crate::engine::{Engine, ReloadError, WarmError};
use crate::io::{Bundle, Disk, Loaded};
use crate::state::ChunkStore;

/// Records that one turn takes in at most. A step writes three at most, so that no stream outruns the turns: a journal of
/// so many records is warmed from within a thirteenth as many steps.
pub const SLICE_RECORDS: u64 = 16;

/// Why a rule set was not warmed. The running one goes on.
#[derive(Debug, Error)]
pub enum WarmingError {
    /// One is being warmed already.
    #[error("another rule set is being warmed; wait until it has taken over, or cancel it")]
    Busy,
    /// It decides already.
    #[error(
        "its rules decide already, and only they are warmed; where its lists or rates are others, take it up without"
    )]
    Live,
    /// It does not fit the running one.
    #[error(transparent)]
    Unfit(#[from] ReloadError),
    /// It has no room, or lost it on the way.
    #[error(transparent)]
    Engine(#[from] WarmError),
    /// The journal can't be gone through again.
    #[error(transparent)]
    Recorded(#[from] Box<RecordedError>),
    /// An answer is another one than it was.
    #[error("the engine does not answer as it did, so nothing can be warmed: {0}; see `weir replay`")]
    Differs(Box<Difference>),
    /// What was to begin it is gone.
    #[error("the thread that was to begin it is gone")]
    Gone,
    /// Retention took away what it had still to take in, or began with.
    #[error(
        "retention removed records up to {last} meanwhile, with which it was being warmed; ask again, and it begins from the snapshot that is the oldest now"
    )]
    Removed {
        /// The last one that is gone.
        last: u64,
    },
    /// No snapshot is there to begin from.
    #[error(
        "it begins from a snapshot behind record {after}, since what was before can't be gone through again, and none is there; the next one comes with `snapshot_every`, or where the process ends in order: ask again then"
    )]
    NoPlace {
        /// The record.
        after: u64,
    },
    /// A record that is on disk can't be found.
    #[error("the journal ends before record {number}, which is on disk")]
    Ends {
        /// The record.
        number: u64,
    },
}

impl From<RecordedError> for WarmingError {
    fn from(error: RecordedError) -> Self {
        Self::Recorded(Box::new(error))
    }
}

impl From<JournalError> for WarmingError {
    fn from(error: JournalError) -> Self {
        Self::Recorded(Box::new(error.into()))
    }
}

impl From<KeptError> for WarmingError {
    fn from(error: KeptError) -> Self {
        Self::Recorded(Box::new(error.into()))
    }
}

/// A warm-up that is in the journal: from one record to another a rule set was warmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) rules: String,
    /// The engine was that after this record when it began; 0 is the beginning.
    pub(super) from: u64,
    /// The record `warmed`.
    pub(super) record: u64,
}

impl Known {
    /// Whether an engine as it was after a record can't do the same: then the warm-up was on.
    pub(super) fn is_on_at(&self, number: u64) -> bool {
        self.from < number && number < self.record
    }
}

/// The warm-ups in the records from a number to another. What is damaged is passed over: whoever goes that way tells it.
pub(super) fn known(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    from: u64,
    last: u64,
) -> Result<Vec<Known>, RecordedError> {
    let mut reader = Reader::from(Arc::clone(disk), folder, from)?;
    let mut known = Vec::new();
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= last => {
                if let Ok(Record::Control(bytes)) = entry.record()
                    && let Some(Control::Warmed { rules, from, .. }) = Control::read(bytes)
                {
                    known.push(Known { rules, from, record: entry.number });
                }
            }
            Ok(_) => return Ok(known),
            Err(JournalError::Damaged(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The oldest record after which the engine can be built, 0 for the beginning: what lies before it no warm-up reads.
///
/// Two warm-ups never overlap, for only one rule set decides beside: behind the last one it is the oldest snapshot since. And
/// all that is left must follow it: what came right behind an older one is removed.
pub(super) fn oldest_place(beginning: &Beginning, snapshots: &[u64], warmed: Option<u64>) -> Option<u64> {
    let first = match (beginning, warmed) {
        (Beginning::Started { first: 1, .. }, None) => return Some(0),
        (Beginning::Started { first, .. } | Beginning::Lost { first }, _) => *first,
        (Beginning::Nothing, _) => 0,
    };
    let at_least = warmed.unwrap_or(0).max(first.saturating_sub(1));
    snapshots.iter().copied().filter(|number| *number >= at_least).min()
}

/// Loads a kept rule set beside an engine, to be warmed.
pub(super) fn load(
    disk: &dyn Disk,
    folder: &Path,
    hash: &str,
    engine: &mut Engine,
) -> Result<(), RecordedError> {
    let Loaded { rules, lists, rates, .. } = super::course::load(&kept::read(disk, folder, hash)?, hash)?;
    let rule_set = rules.hash_text();
    engine.warm(rules, lists, rates).map_err(|why| RecordedError::Reload { rule_set, why })
}

/// What came of a warm-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warmed {
    /// The rule set as it was kept.
    pub rules: String,
    /// The hash of the rule set that took over, as decisions name it.
    pub rule_set: String,
    /// It was warmed with all behind this record; 0 is the beginning.
    pub from: u64,
    /// The record that says that it took over.
    pub record: u64,
    /// Events that were taken in again for it.
    pub events: u64,
}

/// How far a warm-up is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warmth {
    /// It is warmed with all behind this record, 0 is the beginning; none while that is looked for.
    pub from: Option<u64>,
    /// The last record that it has taken in.
    pub record: u64,
    /// Events taken in again.
    pub events: u64,
    /// The most records that one turn has taken in.
    pub turn_records_max: u64,
}

/// A rule set that is being warmed.
pub(super) struct Warming {
    bundle: Bundle,
    /// It as it was kept.
    rules: String,
    doing: Doing,
    warmth: Warmth,
}

impl Warming {
    /// The rule set as it was kept.
    pub(super) fn rules(&self) -> &str {
        &self.rules
    }
}

/// What is being done for it.
enum Doing {
    /// A snapshot that is being written may be the place to begin from: until it is there, and all up to this record, once that
    /// is known, is on disk.
    Asked(Option<u64>),
    /// Another thread looks for the place, and makes the engine: no event waits for a look at the whole journal.
    Beginning(JoinHandle<Result<(u64, Box<Behind>), WarmingError>>),
    /// It takes in records.
    On(Box<Behind>),
}

/// An engine on its way to where the running one is.
struct Behind {
    course: Course,
    reader: Reader,
    /// The damage on its way that somebody decided to go on over.
    decided: Vec<Decided>,
    /// Answers up to this record may be others than they were.
    until: u64,
}

impl Behind {
    /// An engine as it was after the oldest record there is, with the rule set beside; with that record.
    fn begin(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        (id, last): ([u8; 16], u64),
        bundle: &Bundle,
        store: Option<Box<dyn ChunkStore>>,
    ) -> Result<(u64, Box<Self>), WarmingError> {
        let beginning = started(disk, folder, last)?;
        let warmed = known(disk, folder, 0, last)?.last().map(|known| known.record);
        let decided = decided(disk, folder, 0, last)?;
        // What the running engine has from a snapshot, and no record has any more, only a snapshot behind it has, too.
        let lost = decided.iter().filter(|decided| decided.held).map(|decided| decided.damage.last()).max();
        // What retention left to begin with must stay a place to begin from: none is where a rule set was being warmed.
        let by = signing::own_public(disk, folder).ok();
        let base = claims::removed_by(disk, folder, (&id, by.as_ref()))?.map(|removed| removed.base);
        let after = warmed.max(lost).max(base);
        let mut looks = 0;
        let (from, mut course) = loop {
            looks += 1;
            let from = place(disk, folder, &beginning, after)?;
            if let (Beginning::Started { rules, start, .. }, 0) = (&beginning, from) {
                break (from, Course::begin(&**disk, folder, rules, start, store)?);
            }
            match snapshots::read(disk, folder, id, from) {
                Err(why) if looks < snapshots::LOOKS && snapshots::is_gone(&why) => {}
                saved => {
                    let saved = saved.map_err(RecordedError::from)?;
                    break (from, Course::restore(&**disk, folder, from, saved, store)?);
                }
            }
        };
        let Loaded { rules, lists, rates, .. } = super::course::load(bundle, &kept::hash(bundle))?;
        course.engine.warm(rules, lists, rates)?;
        let reader = Reader::from(Arc::clone(disk), folder, from + 1)?;
        Ok((from, Box::new(Self { course, reader, decided, until: 0 })))
    }

    /// Takes in the record with this number, which is on disk, or the next one that is there; gives its number.
    fn take(&mut self, disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> Result<u64, WarmingError> {
        let took = self.take_next(disk, folder, number);
        if took.is_err() {
            still_there(disk, folder, number)?;
        }
        took
    }

    fn take_next(&mut self, disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> Result<u64, WarmingError> {
        for again in [false, true] {
            if again {
                // Segments that were begun since are seen anew; such a one begins with this record.
                still_there(disk, folder, number)?;
                self.reader = Reader::from(Arc::clone(disk), folder, number)?;
            }
            let entry = loop {
                match self.reader.next_entry() {
                    Err(JournalError::Damaged(damage)) if damage.is_before(number) => {}
                    Err(JournalError::Damaged(damage)) => {
                        let known = self.decided.iter().find(|known| known.damage.same(&damage));
                        let known = known.ok_or_else(|| JournalError::Damaged(damage.clone()))?;
                        self.until = self.until.max(known.until());
                        self.course.pass_over(damage);
                    }
                    entry => break entry?,
                }
            };
            if let Some(entry) = entry {
                return match self.course.entry(&**disk, folder, &entry, &mut |_, _| {})? {
                    Turn::Fine => Ok(entry.number),
                    // They were given with what is missing.
                    Turn::Differs(_) if entry.number <= self.until => Ok(entry.number),
                    Turn::Differs(difference) => Err(WarmingError::Differs(difference)),
                };
            }
        }
        Err(WarmingError::Ends { number })
    }
}

/// The record after which a warm-up can begin, 0 for the beginning. Nobody goes on from a snapshot that has no record: the process
/// was killed before that.
fn place(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    beginning: &Beginning,
    after: Option<u64>,
) -> Result<u64, WarmingError> {
    let mut held = snapshots::snapshots(&**disk, folder)?;
    loop {
        match oldest_place(beginning, &held, after) {
            Some(number) if number > 0 && recorded(disk, folder, number)?.is_none() => {
                held.retain(|held| *held != number);
            }
            Some(number) => return Ok(number),
            None => {
                return Err(after
                    .map_or_else(|| RecordedError::NoStart.into(), |after| WarmingError::NoPlace { after }));
            }
        }
    }
}

/// Fails where retention has removed a record.
fn still_there(disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> Result<(), WarmingError> {
    let oldest = archive::segments(&**disk, folder)?.first().map_or(0, |(first, _)| *first);
    if oldest > number { Err(WarmingError::Removed { last: oldest - 1 }) } else { Ok(()) }
}

impl Recorded {
    /// Begins to warm a rule set: it is kept, and takes over by itself once [`step`](Self::step) or
    /// [`warm_on`](Self::warm_on) have taken in all for it that is in the journal. Until then no snapshot is begun. Ends the
    /// process meanwhile, it is begun again by whoever asks again.
    pub fn warm(&mut self, bundle: &Bundle) -> Result<(), WarmingError> {
        if self.warming.is_some() {
            return Err(WarmingError::Busy);
        }
        tokened::same(self.tokens.as_deref(), bundle.tokens())?;
        let found = super::course::load(bundle, &kept::hash(bundle))?.rules;
        if found.hash == self.engine.rules().hash {
            return Err(WarmingError::Live);
        }
        self.engine.check_fit(&found)?;
        let rules = kept::keep(&*self.disk, &self.folder, bundle)?;
        self.begin_warming(bundle.clone(), rules);
        Ok(())
    }

    /// The same with one that is kept and fits.
    pub(super) fn begin_warming(&mut self, bundle: Bundle, rules: String) {
        let (doing, warmth) = (Doing::Asked(None), Warmth::default());
        self.warming = Some(Box::new(Warming { bundle, rules, doing, warmth }));
    }

    /// How far the warm-up is, if one is on.
    pub fn warmth(&self) -> Option<Warmth> {
        self.warming.as_ref().map(|warming| warming.warmth)
    }

    /// What came of the last warm-up, told once.
    pub fn take_warmed(&mut self) -> Option<Result<Warmed, WarmingError>> {
        self.warmed.take()
    }

    /// Takes in one slice for the rule set that is warmed, if one is; whether more is to be done. Waits until there is one to
    /// take in. Each step does so too, and does not wait.
    pub fn warm_on(&mut self) -> bool {
        self.warm_by(true)
    }

    pub(super) fn warm_by(&mut self, waits: bool) -> bool {
        let Some(mut warming) = self.warming.take() else { return false };
        let done = match self.warm_turn(&mut warming, waits) {
            Ok(None) => {
                self.warming = Some(warming);
                return true;
            }
            Ok(Some(warmed)) => Ok(warmed),
            Err(error) => Err(error),
        };
        self.warmed = Some(done);
        false
    }

    /// What is to be done next for a rule set; what came of it, once it took over.
    fn warm_turn(&mut self, warming: &mut Warming, waits: bool) -> Result<Option<Warmed>, WarmingError> {
        if let Doing::Asked(until) = &mut warming.doing {
            let Some(last) = self.all_on_disk(until, waits)? else { return Ok(None) };
            let (disk, folder, id) = (Arc::clone(&self.disk), self.folder.clone(), self.id);
            let bundle = warming.bundle.clone();
            let store = self.store.as_ref().map(|store| store.another());
            let begin = move || Behind::begin(&disk, &folder, (id, last), &bundle, store);
            let thread = Builder::new().name("weir-warming".to_owned()).spawn(begin);
            warming.doing = Doing::Beginning(thread.map_err(|source| JournalError::Thread { source })?);
        }
        let behind = match std::mem::replace(&mut warming.doing, Doing::Asked(None)) {
            Doing::Beginning(thread) if waits || thread.is_finished() => {
                let (from, behind) = thread.join().map_err(|_| WarmingError::Gone)??;
                warming.warmth = Warmth { from: Some(from), record: from, ..Warmth::default() };
                behind
            }
            Doing::On(behind) => behind,
            doing => {
                warming.doing = doing;
                return Ok(None);
            }
        };
        self.slice(warming, behind)
    }

    /// The last record, once no snapshot is being written and all up to it is on disk.
    fn all_on_disk(&mut self, until: &mut Option<u64>, waits: bool) -> Result<Option<u64>, RecordedError> {
        if waits {
            self.journal.submit()?;
            self.journal.sync(self.journal.next_number() - 1)?;
            self.snapshots.finish(&mut self.journal, self.clock)?;
        } else if self.snapshots.is_busy() {
            return Ok(None);
        }
        let last = *until.get_or_insert(self.journal.next_number() - 1);
        self.journal.submit()?;
        if waits {
            self.journal.sync(last)?;
        }
        Ok((self.journal.durable() >= last).then_some(last))
    }

    /// Takes in the next records that are on disk, a slice of them at most, and lets the rule set take over where those are all.
    /// Where it has all that is on disk, it waits for the disk once.
    fn slice(
        &mut self,
        warming: &mut Warming,
        mut behind: Box<Behind>,
    ) -> Result<Option<Warmed>, WarmingError> {
        let (warmth, last) = (&mut warming.warmth, self.journal.next_number() - 1);
        if warmth.record >= self.journal.durable() && warmth.record < last {
            self.journal.submit().map_err(RecordedError::from)?;
            self.journal.sync(last).map_err(RecordedError::from)?;
        }
        let (before, until) = (warmth.record, self.journal.durable().min(last));
        while warmth.record < until.min(before + SLICE_RECORDS) {
            warmth.record = behind.take(&self.disk, &self.folder, warmth.record + 1)?;
            warmth.events = behind.course.events();
        }
        warmth.turn_records_max = warmth.turn_records_max.max(warmth.record - before);
        if warmth.record == last {
            return self.take_over(warming, behind.course).map(Some);
        }
        warming.doing = Doing::On(behind);
        Ok(None)
    }

    /// Puts the engine that was warmed in the running one's place: but for its rule set it is the same.
    fn take_over(&mut self, warming: &Warming, mut course: Course) -> Result<Warmed, WarmingError> {
        let Warmth { from, events, .. } = warming.warmth;
        let (rules, from) = (warming.rules.clone(), from.unwrap_or(0));
        // Whoever goes that way again begins there too.
        still_there(&self.disk, &self.folder, from + 1)?;
        course.engine.check_warmed()?;
        let said = Control::Warmed { at_us: (self.clock)(), rules: rules.clone(), from };
        let record = self.journal.append(Record::Control(&said.to_bytes()))?;
        course.engine.take_up_warmed()?;
        self.engine = course.engine;
        self.begin_snapshot(record);
        Ok(Warmed { rules, rule_set: self.engine.rules().hash_text(), from, record, events })
    }
}
