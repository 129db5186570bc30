//! An engine whose every step is in the journal; opening one is recovery.
//!
//! Promises that a restart at any event gives the answers of no restart, bit for bit: the newest whole snapshot, and every
//! event behind it taken in again, with each answer compared with the one that was given. No shadow decides beside it:
//! what one decides is not in the journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beginning::{Beginning, started_by};
use super::course::{Course, RecordedError, Start, Turn, Unanswered, load, stage};
use super::damage::Damage;
use super::decided::decided;
use super::error::{JournalError, Poisoned};
use super::failure::{Failure, NEVER, OnFailure};
use super::heads::{PublicKey, Signer};
use super::journal::{Journal, Mode, Options, Stop, Watch};
use super::lock::Lock;
use super::reader::Reader;
use super::record::{EventForm, Record};
use super::recovery::{OnDamage, Recovered};
use super::rulings::Rulings;
use super::setup::{self, Setup};
use super::snapshots::{self, SnapshotFigures, Snapshots};
use super::warming::{self, Known, Warmed, Warming, WarmingError};
use super::{AnswerWriter, Control, Figures, Stepper, asked, kept, removed, tokened};
use crate::engine::{Answer, Engine, VERSION};
use crate::event::{Event, Kind};
use crate::io::{Bundle, Disk};
use crate::state::ChunkStore;
use crate::time::TIME_US_MIN;

/// What recovery does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It reads all segments, and checks what is in them.
    Checking,
    /// It takes events in again.
    Taking,
}

/// How far recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// With what.
    pub stage: Stage,
    /// Events taken in again; 0 while segments are checked.
    pub events: u64,
    /// Bytes read of the journal, in this stage.
    pub bytes: u64,
    /// Bytes to be read.
    pub of_bytes: u64,
}

/// What opening found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the journal's files were like.
    pub recovered: Recovered,
    /// Whether the journal was begun.
    pub begun: bool,
    /// The record of the snapshot that was gone on from.
    pub snapshot: Option<u64>,
    /// Snapshots that could not be used, and why.
    pub passed_over: Vec<String>,
    /// Events taken in again.
    pub events: u64,
    /// Their answers that are what they were.
    pub reproduced: u64,
    /// Answers behind damage that are others than they were, since events are missing.
    pub different: u64,
    /// Whether the last event was given its answer only now.
    pub answered: bool,
    /// What was put down beside and is not taken in, and why: above all what says what retention did, and is not signed by
    /// the journal's key.
    pub left: Vec<String>,
    /// The name and hash of the rule set asked for, where another one decides: what the journal has taken up holds.
    pub asked: Option<(String, String)>,
    /// Files beside the rules asked for that say otherwise than what was taken up, and are not read; what each is for.
    pub unread: Vec<String>,
}

/// What a step came to.
#[derive(Debug)]
pub struct Step<'a> {
    /// The engine's answer.
    pub answer: Answer<'a>,
    /// It, as it is in the journal, with a line end; empty where there is nothing to say.
    pub line: &'a [u8],
    /// The record that must be on disk before the answer goes out; above all where the journal has failed, and none will
    /// ever hold it.
    pub number: u64,
}

/// An engine with its journal.
pub struct Recorded {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) id: [u8; 16],
    /// Whose notes are believed.
    key: Option<PublicKey>,
    /// Before the journal, which holds the lock: one that is being written is waited for first.
    pub(super) snapshots: Snapshots,
    pub(super) journal: Journal,
    pub(super) engine: Engine,
    answers: AnswerWriter,
    line: Vec<u8>,
    snapshot_every: Option<u64>,
    /// Events since the last snapshot was begun.
    since: u64,
    pub(super) clock: fn() -> i64,
    waits: bool,
    /// The id of the key that identifiers are tokens of.
    pub(super) tokens: Option<String>,
    /// Where another engine's chunks go.
    pub(super) store: Option<Box<dyn ChunkStore>>,
    /// The rule set that is being warmed.
    pub(super) warming: Option<Box<Warming>>,
    /// What came of the last warm-up, until it is told.
    pub(super) warmed: Option<Result<Warmed, WarmingError>>,
    failure: Failure,
    /// What is proposed and what decided.
    pub(super) rulings: Rulings,
    /// As what the rule sets are kept that were staged, by their hashes as decisions name them.
    pub(super) staged: BTreeMap<[u8; 32], String>,
    /// The number of the rule set of which it is known that it decides.
    pub(super) settled: u32,
}

impl Recorded {
    /// Opens a folder, or begins a journal in it.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
        on_damage: OnDamage,
        setup: Setup,
        progress: impl FnMut(Progress),
    ) -> Result<(Self, Opened), RecordedError> {
        Self::open_locked(Lock::take(disk, folder)?, options, on_damage, setup, progress)
    }

    /// The same of a folder that is locked already, by whoever makes keys in it first.
    pub fn open_locked(
        lock: Lock,
        mut options: Options,
        on_damage: OnDamage,
        mut setup: Setup,
        mut progress: impl FnMut(Progress),
    ) -> Result<(Self, Opened), RecordedError> {
        let (disk, folder) = (Arc::clone(&lock.disk), &*lock.folder().to_owned());
        let clock = options.clock;
        let waits = !matches!(options.mode, Mode::Async { .. });
        let threadless = options.threadless;
        let stop = options.stop.clone();
        if options.trust_closed && on_damage == OnDamage::Refuse {
            options.check_from = snapshots::snapshots(&*disk, folder)?.first().copied().unwrap_or(0);
        }
        let key = options.signer.as_ref().map(Signer::public);
        if on_damage == OnDamage::GoOn {
            // Before it is put down that somebody goes on.
            setup::can_go_on(&disk, folder)?;
        }
        let mut checked = |bytes, of_bytes| {
            progress(Progress { stage: Stage::Checking, events: 0, bytes, of_bytes });
        };
        let (mut journal, recovered) = Journal::open_told(lock, options, on_damage, &mut checked)?;
        let last = recovered.last;
        let mut warm_ups = Vec::new();
        let mut opened = Opened {
            recovered,
            begun: false,
            snapshot: None,
            passed_over: Vec::new(),
            events: 0,
            reproduced: 0,
            different: 0,
            answered: false,
            left: Vec::new(),
            asked: None,
            unread: Vec::new(),
        };
        let started = started_by(&disk, folder, last, (&opened.recovered.id, key.as_ref()))?;
        setup.fits(&disk, folder, &started)?;
        let store = setup.store.take();
        let mut course = match &started {
            Beginning::Nothing => {
                opened.begun = true;
                let store = store.as_ref().map(|store| store.another());
                begin(&*disk, folder, &mut journal, clock, store, &setup)?
            }
            known => {
                setup.is_known(&*disk, folder)?;
                loop {
                    let store = store.as_ref().map(|store| store.another());
                    let mut course = resume(&disk, folder, known, store, &warm_ups, &mut opened)?;
                    match take_again(&disk, folder, &mut course, last, &mut opened, &stop, &mut progress) {
                        // Seldom: the process ended before the snapshot that follows a warm-up was written.
                        Err(RecordedError::Unforeseen { .. }) if warm_ups.is_empty() => {
                            warm_ups = warming::known(&disk, folder, 0, last)?;
                            (opened.snapshot, opened.different) = (None, 0);
                            opened.passed_over.clear();
                        }
                        done => break done.map(|()| course)?,
                    }
                }
            }
        };
        if !opened.begun {
            if let Some(Unanswered { event, form, line }) = course.unanswered() {
                journal.append(Record::Answer { form, event, bytes: &line })?;
                opened.answered = true;
            }
            let cut = opened.recovered.torn.clone();
            // Wherever the beginning goes, what it said stays known.
            let started = match started {
                Beginning::Started { said, .. } => Some(said),
                Beginning::Nothing | Beginning::Lost { .. } => None,
            };
            let (at_us, snapshot) = (clock(), opened.snapshot);
            let said = Control::Recovered { at_us, snapshot, after: last, cut, started };
            journal.append(Record::Control(&said.to_bytes()))?;
            let asked = load(&setup.rules, &kept::hash(&setup.rules))?;
            opened.unread = setup::unread(&course.engine, &asked);
            if asked.rules.hash != course.engine.rules().hash {
                opened.asked = Some((asked.rules.name.clone(), asked.rules.hash_text()));
            }
            let again = (!setup.staged.is_empty()).then_some(&setup.rules);
            for bundle in setup.staged.iter().chain(again) {
                let rules = kept::keep(&*disk, folder, bundle)?;
                course.stage(&*disk, folder, &rules)?;
                journal.append(Record::Control(&Control::Staged { at_us: clock(), rules }.to_bytes()))?;
            }
        }
        opened.left = asked::take_in(&*disk, folder, &mut journal, &opened.recovered.id, key.as_ref())?;
        journal.submit()?;
        let snapshots = Snapshots::new(Arc::clone(&disk), folder, opened.recovered.id, threadless);
        let Course { engine, answers, staged, .. } = course;
        let mut recorded = Self {
            settled: engine.rule_set_number(),
            staged,
            rulings: opened.recovered.rulings.clone(),
            id: opened.recovered.id,
            key,
            store,
            warming: None,
            warmed: None,
            disk,
            folder: folder.to_owned(),
            journal,
            engine,
            answers,
            line: Vec::new(),
            snapshots,
            snapshot_every: setup.snapshot_every,
            since: opened.events,
            clock,
            waits,
            tokens: setup.rules.tokens().map(str::to_owned),
            failure: Failure::default(),
        };
        recorded.settle_opened(opened.begun.then(|| kept::hash(&setup.rules)))?;
        if !warm_ups.is_empty() {
            // None followed the last warm-up: without one no other can begin, and the next start takes all in twice again.
            recorded.begin_snapshot(recorded.last());
        }
        Ok((recorded, opened))
    }

    /// Says what becomes of events once the journal has failed; [`OnFailure::Stop`] where nobody says.
    pub fn on_failure(&mut self, on: OnFailure) {
        self.failure.on = on;
    }

    /// Whether any event was ever taken in.
    pub fn holds_events(&self) -> bool {
        self.engine.now_us() >= TIME_US_MIN
    }

    /// Leaves the journal alone from now on, to measure what it costs: what is stepped is in no record.
    pub fn leave_journal(&mut self) {
        self.failure.leave();
        self.waits = false;
    }

    /// Takes one event in, that `bytes` say: a JSON line without its end. What it answers may go out once its record is on
    /// disk ([`wait`](Self::wait)). Where the journal has failed it is an error, or with [`OnFailure::Answer`] decided without.
    pub fn step(&mut self, event: &Event, bytes: &[u8]) -> Result<Step<'_>, RecordedError> {
        self.step_in_turns(event, bytes, || {})
    }

    /// The same; `turn` is called where the event is appended and the engine begins, and where its answer is a line and is
    /// appended, so that whoever has a clock can measure both.
    pub fn step_in_turns(
        &mut self,
        event: &Event,
        bytes: &[u8],
        mut turn: impl FnMut(),
    ) -> Result<Step<'_>, RecordedError> {
        let number = if self.failure.alone() {
            None
        } else {
            let recorded = self.record(bytes);
            self.failure.pass(recorded)?
        };
        if event.kind() == Kind::Control {
            self.keep_shadow_out(event);
        }
        turn();
        let Self { journal, engine, answers, line, snapshots, failure, .. } = self;
        line.clear();
        answers.follow(engine)?;
        let answer = engine.step(event);
        let form = answers.write(event, &answer, line)?;
        turn();
        let bytes = line.strip_suffix(b"\n").unwrap_or(line);
        let number = match (number, form) {
            (Some(event), Some(form)) => {
                failure.pass(journal.append(Record::Answer { form, event, bytes }))?
            }
            (number, _) => number,
        };
        if number.is_none() {
            failure.count();
            snapshots.give_up();
        }
        Ok(Step { answer, line, number: number.unwrap_or(NEVER) })
    }

    /// Appends an event, once what is due before it is done.
    fn record(&mut self, bytes: &[u8]) -> Result<u64, RecordedError> {
        self.since += 1;
        if self.warm_by(false) {
            // None is begun meanwhile: whoever went on from it could not do what the warm-up does.
        } else if self.snapshot_every.is_some_and(|every| self.since > every) {
            self.begin_snapshot(self.last());
            self.since = 1;
        }
        self.snapshots.turn(&mut self.journal, self.clock)?;
        Ok(self.journal.append(Record::Event { form: EventForm::Json, bytes })?)
    }

    /// Does what is due where no event comes: says of a snapshot that it is written, and signs what is written once that is due.
    pub fn idle(&mut self) -> Result<(), RecordedError> {
        self.snapshots.turn(&mut self.journal, self.clock)?;
        Ok(self.submit()?)
    }

    /// Begins a snapshot of the engine as it is after this record, the last one.
    pub(super) fn begin_snapshot(&mut self, number: u64) {
        self.snapshots.begin(&mut self.engine, number);
        self.since = 0;
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Hands what was stepped to the disk; what gathers meanwhile goes together.
    pub fn submit(&mut self) -> Result<(), Poisoned> {
        self.journal.submit()
    }

    /// Hands what was stepped to the disk and waits for it: the shortest way. In async mode it does not wait.
    pub fn commit(&mut self) -> Result<(), Poisoned> {
        self.journal.commit()
    }

    /// Waits until a record is on disk; in async mode it does not wait.
    pub fn wait(&self, number: u64) -> Result<(), Poisoned> {
        self.journal.wait(number)
    }

    /// The same in every mode: where syncs are put off, it asks for one.
    pub fn sync(&self, number: u64) -> Result<(), Poisoned> {
        self.journal.sync(number)
    }

    /// For other threads that wait until a record is on disk.
    pub fn watch(&self) -> Watch {
        self.journal.watch()
    }

    /// Whether answers wait for the disk: not in async mode.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// The last record, which may not be on disk yet.
    pub fn last(&self) -> u64 {
        self.journal.next_number() - 1
    }

    /// The last record that is on disk, with all before it.
    pub fn durable(&self) -> u64 {
        self.journal.durable()
    }

    /// See [`Journal::stepper`].
    #[doc(hidden)]
    pub fn stepper(&self) -> Stepper {
        self.journal.stepper()
    }

    /// What happened to the journal, if it has stopped.
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.journal.poisoned()
    }

    /// Events decided without the journal, since it failed.
    pub fn unrecorded(&self) -> u64 {
        self.failure.unrecorded()
    }

    /// What the journal's writer has done.
    pub fn figures(&self) -> Figures {
        self.journal.figures()
    }

    /// What became of snapshots.
    pub fn snapshots(&self) -> &SnapshotFigures {
        self.snapshots.figures()
    }

    /// Puts a rule set beside, for a control event to take up. It is kept, and that it was staged is a record.
    pub fn stage(&mut self, bundle: &Bundle) -> Result<(), RecordedError> {
        tokened::same(self.tokens.as_deref(), bundle.tokens())?;
        let rules = kept::keep(&*self.disk, &self.folder, bundle)?;
        let hash = stage(&*self.disk, &self.folder, &rules, &mut self.engine)?;
        self.staged.insert(hash, rules.clone());
        let said = Control::Staged { at_us: (self.clock)(), rules };
        self.journal.append(Record::Control(&said.to_bytes()))?;
        Ok(())
    }

    /// Puts down who asks for what, and gives the number of that record: once it is on disk, what is asked may be shown.
    pub fn asked(&mut self, who: String, what: String) -> Result<u64, RecordedError> {
        let said = Control::Asked { at_us: (self.clock)(), who, what };
        Ok(self.journal.append(Record::Control(&said.to_bytes()))?)
    }

    /// Writes a snapshot now, and waits for it; while a rule set is being warmed there is none.
    pub fn snapshot(&mut self) -> Result<(), RecordedError> {
        if self.warming.is_some() {
            return Ok(());
        }
        self.journal.submit()?;
        let number = self.journal.next_number() - 1;
        self.journal.sync(number)?;
        self.snapshots.finish(&mut self.journal, self.clock)?;
        self.begin_snapshot(number);
        Ok(self.snapshots.finish(&mut self.journal, self.clock)?)
    }

    /// Writes all that was stepped, waits until it is on disk, and says that the journal is closed.
    pub fn close(mut self) -> Result<(Figures, SnapshotFigures), RecordedError> {
        // What is not taken in is told where it is opened again.
        asked::take_in(&*self.disk, &self.folder, &mut self.journal, &self.id, self.key.as_ref())?;
        self.journal.submit()?;
        self.journal.sync(self.journal.next_number() - 1)?;
        self.snapshots.finish(&mut self.journal, self.clock)?;
        let (figures, snapshots) = (self.journal.figures(), self.snapshots.figures().clone());
        self.journal.close()?;
        Ok((figures, snapshots))
    }
}

/// Begins a journal.
fn begin(
    disk: &dyn Disk,
    folder: &Path,
    journal: &mut Journal,
    clock: fn() -> i64,
    store: Option<Box<dyn ChunkStore>>,
    setup: &Setup,
) -> Result<Course, RecordedError> {
    let rules = kept::keep(disk, folder, &setup.rules)?;
    let mut staged = Vec::new();
    // So that the stream may also go back to it.
    let again = (!setup.staged.is_empty()).then_some(&setup.rules);
    for bundle in setup.staged.iter().chain(again) {
        staged.push(kept::keep(disk, folder, bundle)?);
    }
    let start = Start {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        rule_set: load(&setup.rules, &rules)?.rules.hash_text(),
        staged,
        limits: setup.limits.unwrap_or_default(),
        recording: setup.recording.unwrap_or_default(),
        tokens: setup.rules.tokens().map(str::to_owned),
    };
    let course = Course::begin(disk, folder, &rules, &start, store)?;
    let with = serde_json::to_value(&start).map_err(std::io::Error::other)?;
    let said = Control::Started { at_us: clock(), engine: VERSION.to_owned(), rules, with };
    journal.append(Record::Control(&said.to_bytes()))?;
    Ok(course)
}

/// The engine of the newest whole snapshot, or of the beginning.
fn resume(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    beginning: &Beginning,
    store: Option<Box<dyn ChunkStore>>,
    warm_ups: &[Known],
    opened: &mut Opened,
) -> Result<Course, RecordedError> {
    let Recovered { id, first, last, .. } = opened.recovered;
    for number in snapshots::snapshots(&**disk, folder)? {
        let why = if number > last {
            "the journal ends before it".to_owned()
        } else if number + 1 < first {
            "records behind it are gone".to_owned()
        } else if warm_ups.iter().any(|known| known.is_on_at(number)) {
            "a rule set was being warmed then that took over since".to_owned()
        } else {
            match snapshots::read(disk, folder, id, number) {
                Ok(saved) => {
                    opened.snapshot = Some(number);
                    let mut course = Course::restore(&**disk, folder, number, saved, store)?;
                    course.expect(&**disk, folder, number, warm_ups)?;
                    return Ok(course);
                }
                Err(error) => error.to_string(),
            }
        };
        opened.passed_over.push(format!("the snapshot after record {number} is passed over: {why}"));
    }
    match beginning {
        Beginning::Started { rules, start, first: 1, .. } => {
            let mut course = Course::begin(&**disk, folder, rules, start, store)?;
            course.expect(&**disk, folder, 0, warm_ups)?;
            Ok(course)
        }
        // Opening was refused unless it was so, or somebody decided.
        _ => Err(removed::removed(&**disk, folder)?
            .map_or(RecordedError::NoStart, |removed| RecordedError::NoSnapshot { last: removed.last })),
    }
}

/// Takes every event in again, from the snapshot on.
fn take_again(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    course: &mut Course,
    last: u64,
    opened: &mut Opened,
    stop: &Stop,
    progress: &mut impl FnMut(Progress),
) -> Result<(), RecordedError> {
    let from = opened.snapshot.unwrap_or(0) + 1;
    let mut reader = Reader::from(Arc::clone(disk), folder, from)?;
    let of_bytes = reader.bytes()?;
    let mut damaged = false;
    loop {
        let turn = match reader.next_entry() {
            Ok(Some(entry)) if entry.number <= last => {
                course.entry(&**disk, folder, &entry, &mut |_, _| {})?
            }
            Ok(_) => break,
            // The snapshot holds what is missing.
            Err(JournalError::Damaged(damage)) if damage.is_before(from) => continue,
            Err(JournalError::Damaged(damage)) => {
                // Where closed segments are trusted, and the newest snapshot is not, nobody has looked there yet.
                let same = |known: &Damage| known.same(&damage);
                let is_known = opened.recovered.damage.iter().any(same)
                    || decided(disk, folder, damage.number, last)?.iter().any(|known| same(&known.damage));
                if !is_known {
                    return Err(JournalError::Damaged(damage).into());
                }
                course.pass_over(damage);
                damaged = true;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match turn {
            Turn::Fine => {}
            Turn::Differs(_) if damaged => opened.different += 1,
            Turn::Differs(difference) => return Err(RecordedError::Differs(difference)),
        }
        let (events, bytes) = (course.events(), reader.bytes_read());
        progress(Progress { stage: Stage::Taking, events, bytes, of_bytes });
        stop.check().map_err(|_| opened.recovered.stopped())?;
    }
    // What opening read was whole up to there.
    if reader.last() < last {
        return Err(JournalError::Unsteady { folder: folder.to_owned() }.into());
    }
    (opened.events, opened.reproduced) = (course.events(), course.reproduced());
    Ok(())
}
