//! What was decided before, read from the journal beside the engine.
//!
//! Promises that nothing is shown that is not on disk; that whoever looks keeps neither the engine nor a connection waiting;
//! that only so many look at one time, no further back than they are told and no longer than their deadline; and that who asked
//! is on disk before anything is shown. Needs no engine: an explanation is made from what was recorded.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use serde::Deserialize;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::clock::now;
use super::known::{Places, Whereabouts};
use super::service::Service;
use super::settings::Bounds;
use crate::decision::{Outcome, Stopped};
use crate::event::identity;
use crate::explain::{AnswerExplanation, Explainer, Explanation};
use crate::hex::unhex;
use crate::io::{Disk, LineReader, NoDecision, RealDisk, Reason, read_decision};
use crate::journal::kept::{self, KeptError};
use crate::journal::{Answers, JournalError, Looked, Sought, Told, Watch, answers_at, event_at, look_back};
use crate::rules::Refused;

/// Rule sets that are held ready to explain what they decided.
const EXPLAINERS_MAX: usize = 4;
/// Questions that wait for the engine's thread at most.
const QUESTIONS_MAX: usize = 64;

/// Why nothing is shown.
#[derive(Debug, Error)]
pub(super) enum NotShown {
    #[error("nothing is recorded (`measure.without`), so there is nothing to show")]
    NotRecorded,
    #[error("the journal holds no decision with this id")]
    Nowhere,
    #[error("it is on its way, and not on disk yet")]
    NotYet,
    #[error(
        "the newest {0} bytes of the journal hold no decision with this id; `weir audit show` looks through all of them"
    )]
    TooFar(usize),
    #[error("it was not found in time; ask with a longer `weir-timeout-ms`")]
    Late,
    #[error("the journal is still being read; see /readyz")]
    Warming,
    #[error("the journal has failed, so who asks can't be put down")]
    JournalFailed,
    #[error("the journal can't be read: {0}")]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Kept(#[from] KeptError),
    #[error("the rule set that decided is not kept with the journal")]
    NoRules,
    #[error("the rule set that decided can't be explained by this version")]
    Rules(#[from] Refused),
    #[error("the answer can't be read by this version: {0}")]
    Answer(#[from] NoDecision),
    #[error("its event is no event to this version: {0}")]
    Event(#[from] Reason),
    #[error(
        "its event is missing or damaged, so there is nothing to explain; `weir audit show` shows what is left"
    )]
    NoEvent,
}

impl NotShown {
    /// Whether the disk did not give what may be there.
    pub(super) fn is_of_the_disk(&self) -> bool {
        let (Self::Journal(error) | Self::Kept(KeptError::Disk(error))) = self else { return false };
        matches!(error, JournalError::Disk { .. })
    }
}

/// Who asks for what.
pub(super) struct Question {
    pub(super) who: String,
    pub(super) what: String,
    /// To be told the number of the record that says so.
    pub(super) put_down: oneshot::Sender<u64>,
}

/// Questions that the engine's thread is to put down.
#[derive(Default)]
pub(super) struct Questions(Mutex<Vec<Question>>);

impl Questions {
    /// All that wait.
    pub(super) fn take(&self) -> Vec<Question> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, question: Question) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = held.len() < QUESTIONS_MAX;
        if room {
            held.push(question);
        }
        room
    }
}

/// What looking needs.
pub(super) struct Looking {
    folder: PathBuf,
    bytes_max: usize,
    readers: Arc<Semaphore>,
    watch: OnceLock<Watch>,
    /// By the hashes of their rule sets, the latest last.
    explainers: Mutex<Vec<(String, Arc<Explainer>)>>,
}

/// A decision with what explains it.
pub(super) struct Explained {
    pub(super) explanation: Explanation,
    pub(super) explainer: Arc<Explainer>,
}

/// What was found of a payment.
pub(super) struct Seen {
    pub(super) answers: Answers,
    pub(super) explained: Option<Explained>,
}

/// A payment, and when it must be found.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) tenant: Option<String>,
    pub(super) explain: bool,
    pub(super) deadline: Instant,
}

impl Asked {
    /// What is put down.
    fn what(&self) -> String {
        let what = if self.explain { "explanation" } else { "decision" };
        match &self.tenant {
            Some(tenant) => format!("{what} {} of tenant {tenant}", self.id),
            None => format!("{what} {}", self.id),
        }
    }
}

impl Looking {
    pub(super) fn new(folder: PathBuf, bounds: Bounds) -> Self {
        Self {
            folder,
            bytes_max: bounds.look_bytes_max,
            readers: Arc::new(Semaphore::new(bounds.readers_max.max(1))),
            watch: OnceLock::new(),
            explainers: Mutex::default(),
        }
    }

    /// The journal that is looked at is open, and this tells what of it is on disk.
    pub(super) fn watch(&self, watch: Watch) {
        // There is one journal.
        let _ = self.watch.set(watch);
    }

    /// What a payment was answered, once it is on disk that this caller asked.
    pub(super) async fn look(service: &Arc<Service>, who: &str, asked: Asked) -> Result<Seen, NotShown> {
        if !service.settings.without.has_journal() {
            return Err(NotShown::NotRecorded);
        }
        let looking = &service.looking;
        let watch = looking.watch.get().ok_or(NotShown::Warming)?.clone();
        let places = match service.known.whereabouts(identity(asked.tenant.as_deref(), &asked.id)) {
            Whereabouts::At(places) if places.decision > watch.durable() => return Err(NotShown::NotYet),
            Whereabouts::OnItsWay => return Err(NotShown::NotYet),
            Whereabouts::At(places) => Some(places),
            Whereabouts::Unknown => None,
        };
        let deadline = asked.deadline.into();
        let permit = tokio::time::timeout_at(deadline, Arc::clone(&looking.readers).acquire_owned()).await;
        let permit = permit.map_err(|_| NotShown::Late)?.map_err(|_| NotShown::Late)?;
        let (what, who) = (asked.what(), who.to_owned());
        let durable = watch.durable();
        let looks = {
            let service = Arc::clone(service);
            // What is told to end looks up soon, and holds its place until then.
            move || (service.looking.read(&asked, places, durable), permit)
        };
        let looked = tokio::time::timeout_at(deadline, tokio::task::spawn_blocking(looks)).await;
        let (seen, permit): (_, OwnedSemaphorePermit) =
            looked.map_err(|_| NotShown::Late)?.map_err(|_| NotShown::Late)?;
        let seen = seen?;
        let (put_down, number) = oneshot::channel();
        if !service.questions.put(Question { who, what, put_down }) {
            return Err(NotShown::Late);
        }
        service.queue.wake();
        let number = tokio::time::timeout_at(deadline, number).await.map_err(|_| NotShown::Late)?;
        let number = number.map_err(|_| NotShown::JournalFailed)?;
        let waits = tokio::task::spawn_blocking(move || (watch.wait(number), permit));
        let waited = tokio::time::timeout_at(deadline, waits).await.map_err(|_| NotShown::Late)?;
        waited.map_err(|_| NotShown::Late)?.0.map_err(|_| NotShown::JournalFailed)?;
        Ok(seen)
    }

    fn read(&self, asked: &Asked, places: Option<Places>, durable: u64) -> Result<Seen, NotShown> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let mut answers = None;
        if let Some(Places { decision, authentications }) = places {
            let there: Vec<u64> =
                authentications.iter().copied().filter(|record| *record <= durable).collect();
            answers = answers_at(&disk, &self.folder, decision, &there)?;
        }
        let answers = match answers {
            Some(answers) => answers,
            None => self.look_back(&disk, asked, durable)?,
        };
        let explained = asked.explain.then(|| self.explain(&disk, &answers)).transpose()?;
        Ok(Seen { answers, explained })
    }

    fn look_back(&self, disk: &Arc<dyn Disk>, asked: &Asked, durable: u64) -> Result<Answers, NotShown> {
        let sought = Sought::new(asked.tenant.as_deref(), &asked.id);
        let mut late = false;
        let goes_on = |bytes: u64| {
            late = now() >= asked.deadline;
            !late && bytes <= self.bytes_max as u64
        };
        match look_back(disk, &self.folder, &sought, durable, goes_on)? {
            Looked::Found(answers) => Ok(*answers),
            Looked::Nowhere => Err(NotShown::Nowhere),
            Looked::Ended if late => Err(NotShown::Late),
            Looked::Ended => Err(NotShown::TooFar(self.bytes_max)),
        }
    }

    fn explain(&self, disk: &Arc<dyn Disk>, answers: &Answers) -> Result<Explained, NotShown> {
        let Told { event, line, .. } = &answers.decision;
        let bytes = event_at(disk, &self.folder, *event)?.ok_or(NotShown::NoEvent)?;
        let explainer = self.explainer(&**disk, line)?;
        let rules = explainer.rules();
        let mut lines = LineReader::new(Arc::clone(&rules.schema));
        let event = lines.read(&bytes).map_err(Reason::without_values)?;
        let decision = read_decision(rules, line)?;
        let mut explanation = explainer.explain_recorded(event, &decision);
        explanation.answers = answers.authentications.iter().filter_map(answered).collect();
        Ok(Explained { explanation, explainer })
    }

    /// What explains the decisions of the rule set that an answer names.
    fn explainer(&self, disk: &dyn Disk, line: &[u8]) -> Result<Arc<Explainer>, NotShown> {
        #[derive(Deserialize)]
        struct Named {
            rule_set: String,
        }
        let Named { rule_set } = serde_json::from_slice(line).map_err(NoDecision::from)?;
        let lock = || self.explainers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, held)) = lock().iter().find(|(hash, _)| *hash == rule_set) {
            return Ok(Arc::clone(held));
        }
        let explainer = Arc::new(load(disk, &self.folder, &rule_set)?);
        let mut held = lock();
        if held.len() >= EXPLAINERS_MAX {
            held.remove(0);
        }
        held.push((rule_set, Arc::clone(&explainer)));
        Ok(explainer)
    }
}

fn load(disk: &dyn Disk, folder: &Path, rule_set: &str) -> Result<Explainer, NotShown> {
    let hash = unhex(rule_set.as_bytes()).ok_or(NotShown::NoRules)?;
    let (_, loaded) = kept::named(disk, folder, &hash)?.ok_or(NotShown::NoRules)?;
    Ok(Explainer::of(&loaded.sources)?)
}

/// How the customer answered, from the answer to that.
fn answered(told: &Told) -> Option<AnswerExplanation> {
    #[derive(Deserialize)]
    struct Left {
        attempts_left: u32,
    }
    #[derive(Deserialize)]
    struct Line {
        id: String,
        time_us: i64,
        outcome: String,
        step_up: Option<Left>,
        stopped: Option<String>,
        #[serde(default)]
        locked: Vec<String>,
    }
    let line: Line = serde_json::from_slice(&told.line).ok()?;
    Some(AnswerExplanation {
        id: line.id,
        time_us: line.time_us,
        outcome: Outcome::from_name(&line.outcome)?,
        attempts_left: line.step_up.map_or(0, |left| left.attempts_left),
        stopped: line.stopped.and_then(|word| Stopped::ALL.into_iter().find(|known| known.name() == word)),
        locked: line.locked,
    })
}
