//! What can be measured of the sidecar: how long each stage took, what the engine's thread says of itself, and the page of it.
//!
//! Promises that whoever reads it waits neither for the engine nor for the disk, and that nobody who is measured waits for
//! a reader. What the engine knows is as old as [`PUBLISH_EACH`] at most. Must never hold an identifier.

/// How long things took.
mod histogram;
/// What the engine's thread counts.
mod tally;
/// The page.
mod text;

pub(super) use histogram::Durations;
pub(super) use tally::Tally;
pub(super) use text::page;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::clock::now;
use crate::engine::EngineMemory;
use crate::journal::{Recorded, SnapshotFigures, Watch};

/// How often the engine's thread tells what it knows, at most.
pub(super) const PUBLISH_EACH: Duration = Duration::from_millis(100);
/// The same of what takes it longer to tell.
const MEMORY_EACH: Duration = Duration::from_secs(1);

/// All that is measured.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) since: Instant,
    pub(super) stages: Stages,
    /// The engine's thread, while a rule set is taken up.
    pub(super) reload: Durations,
    /// Responses by the first digit of their status.
    pub(super) responses: [super::counts::Count; 5],
    /// Answers on the binary door, by the same.
    pub(super) binary_answers: [super::counts::Count; 5],
    /// From the start until the engine was ready.
    pub(super) ready_after: OnceLock<Duration>,
    pub(super) watch: OnceLock<Watch>,
    told: Mutex<Option<Arc<Told>>>,
}

/// Where the time of requests goes: each stage begins where the one before it ends.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// Requests, from the head, or a frame's first byte, until the body is whole and its turn to be parsed.
    pub(super) read: Durations,
    /// Bodies to events, each.
    pub(super) parse: Durations,
    /// Events, from there until the engine's thread begins with them.
    pub(super) queue: Durations,
    /// What is appended of an event and of its answer: framing and hashing.
    pub(super) journal: Durations,
    /// The engine alone, between the two, until its answer is a line.
    pub(super) step: Durations,
    /// From there until what was taken with it is stepped as well and handed over.
    pub(super) batch: Durations,
    /// From the hand-over to the disk until answers may go out.
    pub(super) disk: Durations,
    /// Requests, from the answer being let go until it is handed to the socket, or made a response of.
    pub(super) write: Durations,
    /// Requests, from the beginning of the first to the end of the last.
    pub(super) whole: Durations,
}

impl Stages {
    /// All, in their order, with their names.
    fn all(&self) -> [(&'static str, &Durations); 9] {
        [
            ("read", &self.read),
            ("parse", &self.parse),
            ("queue", &self.queue),
            ("journal", &self.journal),
            ("step", &self.step),
            ("batch", &self.batch),
            ("disk", &self.disk),
            ("write", &self.write),
            ("whole", &self.whole),
        ]
    }
}

/// What the engine's thread told last.
#[derive(Debug)]
struct Told {
    tally: Tally,
    memory: EngineMemory,
    qualities: [u64; 5],
    step_ups_open: usize,
    keys: u64,
    rule_set: String,
    rule_set_hash: String,
    /// The last record that was handed over.
    record: u64,
    snapshots: SnapshotFigures,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            since: now(),
            stages: Stages::default(),
            reload: Durations::default(),
            responses: Default::default(),
            binary_answers: Default::default(),
            ready_after: OnceLock::new(),
            watch: OnceLock::new(),
            told: Mutex::default(),
        }
    }
}

/// What the engine's thread keeps to tell.
pub(super) struct Teller {
    pub(super) tally: Tally,
    /// The last record that was handed over.
    pub(super) record: u64,
    told: Option<(Instant, Instant, Arc<Told>)>,
}

impl Teller {
    /// Of an engine that is ready.
    pub(super) fn new(recorded: &Recorded, metrics: &Metrics) -> Self {
        // There is one engine in a process, and it is ready once.
        let _ = metrics.watch.set(recorded.watch());
        let _ = metrics.ready_after.set(now() - metrics.since);
        let mut teller = Self { tally: Tally::default(), record: recorded.durable(), told: None };
        teller.tell(recorded, metrics);
        teller
    }

    /// Up to this record all was handed over; a number that no record will ever have says that the journal has failed.
    pub(super) fn wrote(&mut self, record: u64) {
        if record != u64::MAX {
            self.record = self.record.max(record);
        }
    }

    /// Tells what is known, unless that was done just now.
    pub(super) fn tell(&mut self, recorded: &Recorded, metrics: &Metrics) {
        let at = now();
        let last = self.told.as_ref();
        if last.is_some_and(|(told, ..)| at - *told < PUBLISH_EACH) {
            return;
        }
        let engine = recorded.engine();
        let rules = engine.rules();
        let memory = last.filter(|(_, weighed, _)| at - *weighed < MEMORY_EACH);
        let (weighed, memory) =
            memory.map_or_else(|| (at, engine.memory()), |(_, weighed, told)| (*weighed, told.memory));
        let told = Arc::new(Told {
            tally: self.tally.clone(),
            memory,
            qualities: engine.qualities(),
            step_ups_open: engine.step_ups_open(),
            keys: engine.keys_held(),
            rule_set: rules.name.clone(),
            rule_set_hash: rules.hash_text(),
            record: self.record,
            snapshots: recorded.snapshots().clone(),
        });
        *metrics.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&told));
        self.told = Some((at, weighed, told));
    }
}

impl Metrics {
    /// An answer that was let go then, if it was, is written to somebody who asked at `arrived`: one who asked again after
    /// that waited for nothing longer.
    pub(super) fn wrote(&self, let_go: Option<Instant>, arrived: Instant, at: Instant) {
        if let Some(let_go) = let_go {
            self.stages.write.took(at.saturating_duration_since(let_go.max(arrived)), 1);
        }
    }

    fn told(&self) -> Option<Arc<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
