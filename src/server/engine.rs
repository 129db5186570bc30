//! The engine's thread: it alone owns the state, takes events in as they come, and hands them to the journal.
//!
//! Promises that events are taken in the order of the queue, that an answer is given where the journal's mode says that it
//! may, and that a failed journal is told to all who wait. It never waits for the disk; see [`super::release`].

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::clock::now;
use super::listen::ServeError;
use super::metrics::Teller;
use super::queue::{Next, Waiting};
use super::reading::{Readers, Taken};
use super::release::{Group, Release};
use super::service::{Service, Stage};
use super::ticket::{Answered, Lost, Ticket, What};
use crate::engine::Answer;
use crate::engine::Refusal;
use crate::io::SpillWatch;
use crate::journal::{JournalError, Progress, Recorded, RecordedError};
use crate::tokens::Tokens;

/// Events taken at once at most: what gathers while a group is written.
const BATCH_EVENTS_MAX: usize = 512;
/// How often the thread looks up where nothing comes.
const IDLE: Duration = Duration::from_millis(100);

/// An engine that is ready.
pub struct Ready {
    /// It, with its journal.
    pub recorded: Recorded,
    /// What identifiers become, if they do.
    pub tokens: Option<Tokens>,
    /// What tells whether the disk has failed what left memory, if anything may leave it.
    pub spill: Option<SpillWatch>,
}

/// Opens an engine, and tells how far that is.
pub type Opener = Box<
    dyn FnOnce(&mut dyn FnMut(Progress)) -> Result<Ready, Box<dyn std::error::Error + Send + Sync>> + Send,
>;

/// The thread.
pub(super) struct Engine {
    thread: JoinHandle<Result<(), ServeError>>,
    failed: Option<oneshot::Receiver<ServeError>>,
}

impl Engine {
    pub(super) fn start(service: Arc<Service>, open: Opener) -> Result<Self, ServeError> {
        let (tell, failed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("weir-engine".to_owned());
        let work = move || {
            let opened = open(&mut |progress| service.set_stage(Stage::Recovering(progress)));
            match opened {
                Ok(ready) => Desk::new(service, ready)?.run(),
                Err(error) => {
                    // Whoever serves ends with it.
                    let _ = tell.send(ServeError::Open(error));
                    Ok(())
                }
            }
        };
        let thread = thread.spawn(work).map_err(ServeError::Thread)?;
        Ok(Self { thread, failed: Some(failed) })
    }

    /// Why it could not be opened; waits for good where it could.
    pub(super) fn failed(&mut self) -> impl Future<Output = ServeError> + use<> {
        let failed = self.failed.take();
        async move {
            if let Some(failed) = failed
                && let Ok(error) = failed.await
            {
                return error;
            }
            std::future::pending().await
        }
    }

    /// Waits until all that was let in is decided and the journal is closed.
    pub(super) fn join(self) -> Result<(), ServeError> {
        self.thread.join().unwrap_or(Err(ServeError::Panicked))
    }
}

/// The thread's own.
struct Desk {
    service: Arc<Service>,
    recorded: Recorded,
    readers: Arc<Readers>,
    release: Release,
    spill: Option<SpillWatch>,
    batch: Vec<Waiting>,
    teller: Teller,
}

impl Desk {
    fn new(service: Arc<Service>, ready: Ready) -> Result<Self, ServeError> {
        let Ready { recorded, tokens, spill } = ready;
        let release =
            Release::start(recorded.watch(), Arc::clone(&service.metrics)).map_err(ServeError::Thread)?;
        let unknown_fields = service.settings.unknown_fields;
        service.set_readers(Readers::new(recorded.engine().rules_shared(), tokens, unknown_fields));
        let readers = service.readers().ok_or(ServeError::Panicked)?;
        let teller = Teller::new(&recorded, &service.metrics);
        service.set_stage(Stage::Ready);
        let after_us = service.metrics.ready_after.get().map_or(0, |after| after.as_micros() as u64);
        let rules = recorded.engine().rules();
        tracing::info!(after_us, rule_set = rules.name, hash = rules.hash_text(), "ready");
        let batch = Vec::with_capacity(BATCH_EVENTS_MAX);
        Ok(Self { service, recorded, readers, release, spill, batch, teller })
    }

    fn run(mut self) -> Result<(), ServeError> {
        loop {
            match self.service.queue.next(BATCH_EVENTS_MAX, &mut self.batch, IDLE) {
                Next::Nothing => {}
                Next::Closed => break,
                Next::Work => {
                    if let Err(error) = self.batch() {
                        return self.fail(ServeError::Journal(error));
                    }
                    // What the log lost there would only be asked of it again.
                    if let Some(error) = self.spill.as_ref().and_then(SpillWatch::error) {
                        return self.fail(ServeError::Spill(error));
                    }
                }
            }
            self.teller.tell(&self.recorded, &self.service.metrics);
        }
        self.release.finish();
        if self.service.settings.snapshot_on_exit {
            // All is in the journal; without one the next start reads more of it.
            match self.recorded.snapshot() {
                Ok(()) => tracing::info!("the snapshot is written"),
                Err(error) => tracing::warn!(%error, "there is no snapshot"),
            }
        }
        self.recorded.close().map(drop).map_err(ServeError::Journal)
    }

    /// Takes all in that has gathered, and hands it to the disk.
    fn batch(&mut self) -> Result<(), RecordedError> {
        let begun = now();
        let events = self.batch.len();
        let mut group = Group { tickets: Vec::with_capacity(events), number: 0, handed: begun };
        let mut batch = std::mem::take(&mut self.batch).into_iter();
        let done = batch.by_ref().try_for_each(|waiting| self.event(waiting, &mut group));
        if done.is_err() {
            batch.for_each(|waiting| waiting.ticket.lose(Lost::Journal));
        } else {
            self.batch = Vec::with_capacity(BATCH_EVENTS_MAX);
        }
        let handed = self.recorded.submit();
        group.handed = now();
        self.teller.record = self.teller.record.max(group.number);
        if self.recorded.waits() {
            self.release.put(group);
        } else {
            group.tickets.iter().for_each(|ticket| ticket.release());
        }
        self.service.queue.took(events, now() - begun);
        done?;
        Ok(handed.map_err(JournalError::from)?)
    }

    fn event(&mut self, waiting: Waiting, group: &mut Group) -> Result<(), RecordedError> {
        let Waiting { taken, ticket, .. } = waiting;
        let begun = now();
        self.service.metrics.queue.took(begun - ticket.came, 1);
        let told = ticket.take();
        let taken = match told.map(|outcome| self.readers.answered(&taken, outcome.name())) {
            Some(Ok(answered)) => answered,
            // Nothing of the line changes what it says otherwise.
            Some(Err(_)) | None => taken,
        };
        match self.step(&taken) {
            Ok((answered, number)) => {
                ticket.step(answered);
                self.service.metrics.step.took(now() - begun, 1);
                group.number = number;
                group.tickets.push(ticket);
                Ok(())
            }
            Err(error) => {
                ticket.lose(Lost::Journal);
                Err(error)
            }
        }
    }

    fn step(&mut self, taken: &Taken) -> Result<(Answered, u64), RecordedError> {
        let step = self.recorded.step(&taken.event, &taken.line)?;
        let what = match step.answer {
            Answer::Decided(_) | Answer::Repeated(_) => What::Decision,
            Answer::Taken | Answer::TakenBefore => What::Taken,
            Answer::Alert(_) | Answer::AlertedBefore(_) => What::Alert,
            Answer::Refused(Refusal::IdReused) => What::IdReused,
            Answer::Refused(_) => What::Refused,
        };
        self.teller.tally.count(&taken.event, &step.answer);
        let answered = (Answered { what, line: step.line.to_vec(), durable: false }, step.number);
        self.teller.tally.settle(self.recorded.engine().rules());
        Ok(answered)
    }

    /// The journal or the log has failed: nobody is answered by the engine any more.
    fn fail(self, error: ServeError) -> Result<(), ServeError> {
        tracing::error!(%error, "the journal has failed; answers are declared from now on");
        self.service.set_stage(Stage::JournalFailed(error.to_string().into()));
        let lost = |ticket: &Ticket| ticket.lose(Lost::Journal);
        self.service.queue.clear().iter().for_each(|waiting| lost(&waiting.ticket));
        self.release.finish();
        Err(error)
    }
}
