//! The engine's course over a journal: each event taken in again, each answer compared with the one that was given.
//!
//! Recovery, replay and audits all go this way. Promises that an answer which differs in one byte is told with its record,
//! and that nothing is taken in twice.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::answers::AnswerWriter;
use super::control::Control;
use super::damage::Damage;
use super::error::{JournalError, Poisoned};
use super::kept::{self, KeptError};
use super::reader::Entry;
use super::record::{AnswerForm, Record, UnknownRecord};
use super::warming::{self, Known};
use crate::engine::{
    Answer, Engine, Limits, LimitsError, Recording, ReloadError, RestoreError, SavedEngine, VERSION,
    WarmError,
};
use crate::event::Event;
use crate::hex::unhex;
use crate::io::{Bundle, BundleError, Disk, LineReader, Loaded, Reason, SnapshotError};
use crate::rules::RuleSet;
use crate::state::ChunkStore;

/// With what an engine was begun, in the record `started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The program's version.
    pub program: String,
    /// The rule set's hash, as decisions name it.
    pub rule_set: String,
    /// The rule sets staged beside, as they were kept, in order.
    pub staged: Vec<String>,
    /// The engine's bounds.
    pub limits: Limits,
    /// Which features decisions record.
    pub recording: Recording,
    /// The id of the key that identifiers are tokens of; none where they are as they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<String>,
}

/// An answer that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the event's record.
    pub record: u64,
    /// The event's id.
    pub event: String,
    /// What the journal holds; none where it holds no answer.
    pub was: Option<String>,
    /// What the engine says now; none where it says nothing.
    pub is: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |line: &Option<String>| line.clone().unwrap_or_else(|| "no answer".to_owned());
        let Self { record, event, was, is } = self;
        write!(
            f,
            "record {record}, event `{event}`, was answered\n  {}\nand is now\n  {}",
            said(was),
            said(is)
        )
    }
}

/// What can go wrong with a recorded engine.
#[derive(Debug, Error)]
pub enum RecordedError {
    /// The journal can't be opened, read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A rule set can't be kept, or is not what was kept.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A rule set's files make none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A rule set can't be staged.
    #[error("the rule set {rule_set} can't be taken up: {why}")]
    Reload {
        /// Its hash.
        rule_set: String,
        /// Why.
        why: ReloadError,
    },
    /// A snapshot can't be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A snapshot can't be gone on from.
    #[error("can't go on from the snapshot after record {number}: {why}")]
    Restore {
        /// The last record that it holds.
        number: u64,
        /// Why.
        why: RestoreError,
    },
    /// Another version of the engine wrote it.
    #[error(
        "the journal was written by engine version {written}, and this is {VERSION}, which may answer otherwise; {}, or begin another journal in a folder of its own",
        release(written, program)
    )]
    Version {
        /// The engine's version.
        written: String,
        /// The program's.
        program: String,
    },
    /// The engine answers otherwise than it did.
    #[error("the engine does not answer as it did, so nothing was changed: {0}; see `weir replay`")]
    Differs(Box<Difference>),
    /// A rule set that was warmed can't take over as it did.
    #[error(
        "record {number} says that a rule set took over that was warmed, and now {why}; see `weir replay`"
    )]
    Warmed {
        /// The record.
        number: u64,
        /// Why.
        why: WarmError,
    },
    /// A rule set took over that was warmed from a place before the one that was gone on from, or while this was read.
    #[error(
        "record {number} says that a rule set took over that was warmed meanwhile; begin again, from the journal's beginning"
    )]
    Unforeseen {
        /// The record.
        number: u64,
    },
    /// An event's bytes are no event.
    #[error("record {number} is no event to this version: {reason}")]
    Line {
        /// The record.
        number: u64,
        /// Why.
        reason: Reason,
    },
    /// A record of an unknown kind.
    #[error(transparent)]
    Unknown(#[from] UnknownRecord),
    /// There are events, and nothing says with what the engine was begun.
    #[error(
        "the journal's beginning is missing (no record `started`, and no whole snapshot); restore its first segments, or a snapshot, from a copy"
    )]
    NoStart,
    /// Retention removed the beginning, and no snapshot is there to begin with instead.
    #[error(
        "retention removed records 1 to {last}, and no snapshot behind them is whole, of which an engine could be made instead; restore one from a copy (`snapshots/` or `archive/` in the journal's folder)"
    )]
    NoSnapshot {
        /// The last record that it removed.
        last: u64,
    },
    /// Another rule set is asked for than the journal knows.
    #[error("the journal does not know the rule set {asked}{}", instead(known))]
    OtherRules {
        /// The one asked for.
        asked: String,
        /// Those that are kept.
        known: Vec<String>,
    },
    /// Other bounds or another recording are asked for.
    #[error(
        "the journal was begun with other {what}, which are part of what is computed; leave the option out, or begin another journal"
    )]
    Other {
        /// What differs.
        what: &'static str,
    },
    /// Bounds or a recording are asked for where nobody knows with which the journal was begun.
    #[error(
        "the journal's beginning is gone, so nobody knows with which {what} it was begun, and what is not known to be the same is refused; leave the option out, or restore its first segments or `removed.json` from a copy"
    )]
    Unproven {
        /// What is not known.
        what: &'static str,
    },
    /// It can't be told whether identifiers are tokens of this key.
    #[error(
        "the journal's beginning is gone, so nobody knows of which key its identifiers are tokens, and {why}; go on with the `tokens.key` that was in its folder, or restore its first segments or `removed.json` from a copy"
    )]
    UnprovenTokens {
        /// What speaks against what is given.
        why: &'static str,
    },
    /// Identifiers are tokens of another key, or are none.
    #[error("{}", super::tokened::said(journal.as_deref(), given.as_deref()))]
    Tokens {
        /// The id of the journal's key; none where identifiers are in it as they came.
        journal: Option<String>,
        /// The id of the key that is given.
        given: Option<String>,
    },
    /// The bounds are none.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// An answer can't be put into a line.
    #[error("an answer can't be written: {0}")]
    Answer(#[from] std::io::Error),
}

impl From<Poisoned> for RecordedError {
    fn from(poisoned: Poisoned) -> Self {
        Self::Journal(poisoned.into())
    }
}

/// The event taken in last, until its answer comes.
#[derive(Debug)]
struct Pending {
    number: u64,
    id: String,
    form: Option<AnswerForm>,
    /// Records behind it are missing, and its answer may be one of them.
    excused: bool,
}

/// What the engine says to an event that the journal ends with, before its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The number of the event's record.
    pub event: u64,
    /// What the answer is.
    pub form: AnswerForm,
    /// It, without a line end.
    pub line: Vec<u8>,
}

/// What a record came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing is to be said.
    Fine,
    /// An answer differs.
    Differs(Box<Difference>),
}

/// An engine on its way over a journal.
pub struct Course {
    pub(super) engine: Engine,
    pub(super) answers: AnswerWriter,
    lines: LineReader,
    /// The answer to the event taken in last, with its line end.
    line: Vec<u8>,
    pending: Option<Pending>,
    events: u64,
    reproduced: u64,
    /// What was passed over last.
    passed: Option<Damage>,
    /// The warm-ups that are still to come on its way.
    warm_ups: VecDeque<Known>,
    /// As what the rule sets are kept that were staged on its way, by their hashes as decisions name them.
    pub(super) staged: BTreeMap<[u8; 32], String>,
}

impl Course {
    /// With an engine as it is.
    pub fn new(engine: Engine) -> Result<Self, RecordedError> {
        let answers = AnswerWriter::new(&engine)?;
        let lines = LineReader::new(Arc::clone(&engine.rules().schema));
        let (line, warm_ups) = (Vec::new(), VecDeque::new());
        let (pending, passed) = (None, None);
        let (events, reproduced, staged) = (0, 0, BTreeMap::new());
        Ok(Self { engine, answers, lines, line, pending, events, reproduced, passed, warm_ups, staged })
    }

    /// From the beginning, with the rule sets as they were kept.
    pub fn begin(
        disk: &dyn Disk,
        folder: &Path,
        rules: &str,
        start: &Start,
        store: Option<Box<dyn ChunkStore>>,
    ) -> Result<Self, RecordedError> {
        let Loaded { rules, lists, rates, .. } = load(&kept::read(disk, folder, rules)?, rules)?;
        start.limits.check()?;
        let mut engine = Engine::new(rules, start.limits, start.recording);
        if let Some(store) = store {
            engine = engine.with_store(store);
        }
        engine.load_lists(lists);
        engine.load_rates(rates);
        let mut course = Self::new(engine)?;
        for hash in &start.staged {
            course.stage(disk, folder, hash)?;
        }
        Ok(course)
    }

    /// Stages a rule set that was kept, and remembers as what.
    pub(super) fn stage(&mut self, disk: &dyn Disk, folder: &Path, rules: &str) -> Result<(), RecordedError> {
        let hash = stage(disk, folder, rules, &mut self.engine)?;
        self.staged.insert(hash, rules.to_owned());
        Ok(())
    }

    /// From a snapshot, with all rule sets that were kept. One that is damaged is told where the snapshot needs it, or may: what
    /// never decided stops nothing.
    pub fn restore(
        disk: &dyn Disk,
        folder: &Path,
        number: u64,
        saved: SavedEngine,
        store: Option<Box<dyn ChunkStore>>,
    ) -> Result<Self, RecordedError> {
        let mut rule_sets: Vec<Arc<RuleSet>> = Vec::new();
        let mut damaged = None;
        for hash in kept::all(disk, folder)? {
            match kept::read(disk, folder, &hash).and_then(|bundle| load(&bundle, &hash)) {
                Ok(loaded) => rule_sets.push(Arc::new(loaded.rules)),
                Err(error) => damaged = Some(error),
            }
        }
        let engine = Engine::restore(saved, &rule_sets, store);
        let mut engine = engine.map_err(|why| match (why, damaged) {
            (RestoreError::RuleSet { .. }, Some(error)) => error.into(),
            (why, _) => RecordedError::Restore { number, why },
        })?;
        // A shadow is in no record, so nobody who goes this way may have one: an event would let it take over.
        engine.drop_shadow();
        Self::new(engine)
    }

    /// Tells it, which stands after a record, of the warm-ups in the journal, so that it does those on its way too: what is
    /// warmed decides beside from where it was begun, and takes over where it did.
    pub(super) fn expect(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        at: u64,
        known: &[Known],
    ) -> Result<(), RecordedError> {
        self.warm_ups = known.iter().filter(|known| known.record > at).cloned().collect();
        self.warm_from(disk, folder, at)
    }

    /// Begins the warm-up that was begun after a record, if one was.
    fn warm_from(&mut self, disk: &dyn Disk, folder: &Path, at: u64) -> Result<(), RecordedError> {
        match self.warm_ups.front() {
            Some(known) if known.from == at => warming::load(disk, folder, &known.rules, &mut self.engine),
            _ => Ok(()),
        }
    }

    /// Takes the next record; `each` is told of an event what it is answered.
    pub fn entry(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        entry: &Entry<'_>,
        each: &mut dyn FnMut(&Event, Answer<'_>),
    ) -> Result<Turn, RecordedError> {
        let turn = self.record(disk, folder, entry, each)?;
        self.warm_from(disk, folder, entry.number)?;
        Ok(turn)
    }

    fn record(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        entry: &Entry<'_>,
        each: &mut dyn FnMut(&Event, Answer<'_>),
    ) -> Result<Turn, RecordedError> {
        match entry.record()? {
            Record::Event { bytes, .. } => {
                let turn = self.settle();
                self.event(entry.number, bytes, each)?;
                Ok(turn)
            }
            Record::Answer { form, event, bytes } => Ok(self.answered(form, event, bytes)),
            Record::Control(bytes) => {
                match Control::read(bytes) {
                    Some(Control::Staged { rules, .. }) => self.stage(disk, folder, &rules)?,
                    Some(Control::Unstaged { rule_set, .. }) => drop(unstage(&rule_set, &mut self.engine)),
                    Some(Control::Warmed { .. }) => self.take_up_warmed(entry.number)?,
                    _ => {}
                }
                Ok(Turn::Fine)
            }
            Record::Head(_) => Ok(Turn::Fine),
        }
    }

    fn take_up_warmed(&mut self, number: u64) -> Result<(), RecordedError> {
        if self.warm_ups.front().is_none_or(|known| known.record != number) {
            return Err(RecordedError::Unforeseen { number });
        }
        self.warm_ups.pop_front();
        self.engine.take_up_warmed().map_err(|why| RecordedError::Warmed { number, why })
    }

    fn event(
        &mut self,
        number: u64,
        bytes: &[u8],
        each: &mut dyn FnMut(&Event, Answer<'_>),
    ) -> Result<(), RecordedError> {
        let event = self.lines.read(bytes).map_err(|reason| RecordedError::Line { number, reason })?;
        self.line.clear();
        self.answers.follow(&self.engine)?;
        let answer = self.engine.step(event);
        let form = self.answers.write(event, &answer, &mut self.line)?;
        each(event, answer);
        let id = String::new();
        let pending = self.pending.get_or_insert(Pending { number, id, form, excused: false });
        (pending.number, pending.form, pending.excused) = (number, form, false);
        pending.id.clear();
        pending.id.push_str(event.id());
        self.events += 1;
        Ok(())
    }

    /// Goes on behind damage: an answer that is missing, or whose event is, is no other one.
    pub(super) fn pass_over(&mut self, damage: Damage) {
        if let Some(pending) = &mut self.pending {
            pending.excused = true;
        }
        self.passed = Some(damage);
    }

    /// Goes on in the place of another one, with its counts.
    pub(super) fn instead_of(mut self, other: &Self) -> Self {
        (self.events, self.reproduced) = (other.events, other.reproduced);
        self
    }

    fn answered(&mut self, form: AnswerForm, event: u64, bytes: &[u8]) -> Turn {
        if self.passed.as_ref().is_some_and(|damage| damage.lacks(event)) {
            return Turn::Fine;
        }
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        match &mut self.pending {
            Some(pending) if pending.number == event && pending.form == Some(form) && line == bytes => {
                // It stays, to be used again; nothing more is due.
                pending.form = None;
                self.reproduced += 1;
                Turn::Fine
            }
            pending => {
                let was = Some(String::from_utf8_lossy(bytes).into_owned());
                let held = pending.as_mut().filter(|pending| pending.number == event);
                let id = held.as_ref().map_or_else(String::new, |pending| pending.id.clone());
                let is = held.and_then(|pending| pending.form.take()).map(|_| text(line));
                Turn::Differs(Box::new(Difference { record: event, event: id, was, is }))
            }
        }
    }

    /// What the journal should have said of the last event before the next one came.
    fn settle(&mut self) -> Turn {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let pending = self.pending.as_mut().filter(|pending| !pending.excused);
        let due = pending.and_then(|pending| pending.form.take().map(|_| &*pending));
        due.map_or(Turn::Fine, |Pending { number, id, .. }| {
            let is = Some(text(line));
            Turn::Differs(Box::new(Difference { record: *number, event: id.clone(), was: None, is }))
        })
    }

    /// Where the last event's answer is not in the journal: what it is.
    pub fn unanswered(&mut self) -> Option<Unanswered> {
        let pending = self.pending.as_mut().filter(|pending| !pending.excused)?;
        let form = pending.form.take()?;
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line).to_vec();
        Some(Unanswered { event: pending.number, form, line })
    }

    /// The engine as it is now.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Events taken in.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Answers that are what they were.
    pub fn reproduced(&self) -> u64 {
        self.reproduced
    }
}

/// Which release has a version of the engine that a program wrote with: both have one number, but for its last part. What was
/// written before they had names none.
fn release(engine: &str, program: &str) -> String {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    if minor(engine) == minor(program) {
        return format!("use weir {program}, which wrote it");
    }
    format!(
        "build the weir that CHANGELOG.md names for engine {engine} under \"Engine versions\" (it was weir {program}, as all were before 0.7.0)"
    )
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

/// What a kept rule set says.
pub(super) fn load(bundle: &Bundle, hash: &str) -> Result<Loaded, KeptError> {
    bundle.load().map_err(|why| KeptError::Bundle { hash: hash.to_owned(), why })
}

/// Stages a rule set that was kept; its hash as decisions name it.
pub(super) fn stage(
    disk: &dyn Disk,
    folder: &Path,
    hash: &str,
    engine: &mut Engine,
) -> Result<[u8; 32], RecordedError> {
    stage_loaded(load(&kept::read(disk, folder, hash)?, hash)?, engine)
}

/// Stages what was loaded of a rule set that was kept.
pub(super) fn stage_loaded(loaded: Loaded, engine: &mut Engine) -> Result<[u8; 32], RecordedError> {
    let Loaded { rules, lists, rates, .. } = loaded;
    let rule_set = rules.hash_text();
    let staged = engine.stage_with_rates(rules, lists, rates);
    staged.map_err(|why| RecordedError::Reload { rule_set, why })
}

/// Forgets a staged rule set by its hash as decisions name it; whether it was there.
pub(super) fn unstage(rule_set: &str, engine: &mut Engine) -> bool {
    unhex(rule_set.as_bytes()).is_some_and(|hash| engine.unstage(&hash))
}

/// Fails where another version of the engine wrote.
pub(super) fn check_version(engine: &str, start: &Start) -> Result<(), RecordedError> {
    if engine == VERSION {
        return Ok(());
    }
    Err(RecordedError::Version { written: engine.to_owned(), program: start.program.clone() })
}

/// Which rule sets a journal knows, and what to do to take up another.
fn instead(known: &[String]) -> String {
    if known.is_empty() {
        return ", nor any other: `kept` in its folder is missing, where rule sets are; restore it from a copy".to_owned();
    }
    format!(
        ", but {}. Name the file of one of those with --rules, and the new one with --reload, for a control event to take it up",
        known.join(", ")
    )
}
