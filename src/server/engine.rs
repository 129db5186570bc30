//! The engine's thread: it alone owns the state, takes events in as they come, and hands them to the journal.
//!
//! Promises that events are taken in the order of the queue, that an answer is given where the journal's mode says that it
//! may, and that a failed journal is told to all who wait; or, where that is declared, that events go on in memory, each kept
//! in a file to be sent again before its answer goes out. It never waits for the disk while there is room; see
//! [`super::release`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::clock::{now, now_us};
use super::declared::{Declaration, DeclaredError};
use super::listen::ServeError;
use super::measure::{self, Without};
use super::metrics::Teller;
use super::queue::{Next, Waiting};
use super::reading::{Readers, Taken};
use super::release::{Group, Release};
use super::rules::Beside;
use super::service::{Service, Stage};
use super::ticket::{Answered, Lost, Ticket, What};
use crate::decision::{Decision, Outcome, Requirement};
use crate::engine::Answer;
use crate::engine::Refusal;
use crate::event::Kind;
use crate::io::{RealDisk, SpillWatch};
use crate::journal::{JournalError, NEVER, OnFailure, Poisoned, Progress, Recorded, RecordedError, Resend};
use crate::rules::RuleSet;
use crate::tokens::Tokens;

/// Events taken at once at most: what gathers while a group is written.
const BATCH_EVENTS_MAX: usize = 512;
/// How often the thread looks up where nothing comes.
pub(super) const IDLE: Duration = Duration::from_millis(100);

/// An engine that is ready.
pub struct Ready {
    /// It, with its journal.
    pub recorded: Recorded,
    /// What identifiers become, if they do.
    pub tokens: Option<Tokens>,
    /// What tells whether the disk has failed what left memory, if anything may leave it.
    pub spill: Option<SpillWatch>,
}

/// What is known of an engine before it is ready.
pub enum Opening {
    /// The rule set that will decide, and what identifiers become: enough to answer as declared. Whoever opens says it only
    /// where the journal can't know of another one.
    Rules(Arc<RuleSet>, Option<Tokens>),
    /// How far recovery is.
    Recovering(Progress),
}

/// Opens an engine, and tells how far that is.
pub type Opener = Box<
    dyn FnOnce(&mut dyn FnMut(Opening)) -> Result<Ready, Box<dyn std::error::Error + Send + Sync>> + Send,
>;

/// The thread.
pub(super) struct Engine {
    thread: JoinHandle<Result<(), ServeError>>,
    failed: Option<oneshot::Receiver<ServeError>>,
}

impl Engine {
    pub(super) fn start(service: Arc<Service>, open: Opener) -> Result<Self, ServeError> {
        let (tell, failed) = oneshot::channel();
        let mut alarm = Alarm { service: Arc::clone(&service), tell: Some(tell) };
        let thread = std::thread::Builder::new().name("weir-engine".to_owned());
        let work = move || {
            let opened = open(&mut |opening| match opening {
                Opening::Rules(rules, tokens) => {
                    let unknown_fields = service.settings.unknown_fields;
                    service.set_readers(Readers::new(rules, tokens, unknown_fields));
                }
                Opening::Recovering(progress) => service.set_stage(Stage::Recovering(progress)),
            });
            let desk = opened.map_err(ServeError::Open).and_then(|ready| Desk::new(&service, ready));
            match desk {
                Ok(desk) => desk.run(),
                Err(error) => {
                    if service.stage() == Stage::Draining {
                        tracing::info!(%error, "it was not opened");
                    }
                    alarm.raise(error);
                    Ok(())
                }
            }
        };
        let thread = thread.spawn(work).map_err(ServeError::Thread)?;
        Ok(Self { thread, failed: Some(failed) })
    }

    /// Why it could not be opened, or that its thread has ended by a mistake of ours; waits for good otherwise.
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

/// Tells whoever serves that there is no engine, so that it ends: also where the thread panics.
struct Alarm {
    service: Arc<Service>,
    tell: Option<oneshot::Sender<ServeError>>,
}

impl Alarm {
    fn raise(&mut self, why: ServeError) {
        self.service.orders.close();
        self.service.queue.clear().iter().for_each(|waiting| waiting.ticket.lose(Lost::Ended));
        // Where nobody listens, it is ending already.
        let _ = self.tell.take().map(|tell| tell.send(why));
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.raise(ServeError::Panicked);
        }
    }
}

/// What a step came to.
pub(super) struct Stepped {
    pub(super) answered: Answered,
    /// The record that must be on disk before the answer goes out.
    number: u64,
    /// When it was over.
    at: Instant,
}

/// The thread's own.
pub(super) struct Desk {
    pub(super) service: Arc<Service>,
    pub(super) recorded: Recorded,
    pub(super) readers: Arc<Readers>,
    release: Release,
    spill: Option<SpillWatch>,
    batch: Vec<Waiting>,
    /// The line of the last answer.
    pub(super) line: Vec<u8>,
    /// When each event of the batch was stepped.
    stepped: Vec<Instant>,
    pub(super) teller: Teller,
    /// The rule set that decides beside.
    pub(super) beside: Option<Beside>,
    /// How long it has waited for the disk since the last batch.
    paused: Duration,
    /// Where events go once the journal has failed, where they are answered then.
    resend: Option<Resend>,
}

impl Desk {
    fn new(service: &Arc<Service>, ready: Ready) -> Result<Self, ServeError> {
        let Ready { mut recorded, tokens, spill } = ready;
        let settings = &service.settings;
        settings.declared.check(recorded.engine().rules())?;
        if !settings.without.has_journal() {
            if recorded.holds_events() {
                return Err(ServeError::Recorded(settings.journal.clone()));
            }
            tracing::warn!(without = ?settings.without, "this is for measuring alone: nothing is recorded");
            recorded.leave_journal();
        }
        let said = settings.declared.journal_failure;
        let resend = match &settings.resend {
            _ if said == Declaration::Refuse => None,
            Some(path) => {
                let tokens = tokens.as_ref().map(|tokens| tokens.id().to_owned());
                Some(Resend::create(Arc::new(RealDisk), path, tokens)?)
            }
            None => return Err(DeclaredError::NoResend { said }.into()),
        };
        if resend.is_some() {
            recorded.on_failure(OnFailure::Answer);
        }
        let release = Release::start(recorded.watch(), resend.is_some(), Arc::clone(service));
        let release = release.map_err(ServeError::Thread)?;
        let unknown_fields = settings.unknown_fields;
        service.looking.watch(recorded.watch());
        service.set_readers(Readers::new(recorded.engine().rules_shared(), tokens, unknown_fields));
        let readers = service.readers().ok_or(ServeError::Panicked)?;
        let teller = Teller::new(&recorded, &service.metrics);
        // There is one engine in a process, and it is ready once.
        let _ = service.rules.keeper.set(recorded.keeper());
        let future_us_max = recorded.engine().limits().future_us_max;
        service.future_us_max.store(future_us_max, Ordering::Relaxed);
        service.set_stage(Stage::Ready);
        let after_us = service.metrics.ready_after.get().map_or(0, |after| after.as_micros() as u64);
        let rules = recorded.engine().rules();
        tracing::info!(after_us, rule_set = rules.name, hash = rules.hash_text(), "ready");
        let batch = Vec::with_capacity(BATCH_EVENTS_MAX);
        Ok(Self {
            service: Arc::clone(service),
            recorded,
            readers,
            release,
            spill,
            batch,
            line: Vec::new(),
            stepped: Vec::with_capacity(BATCH_EVENTS_MAX),
            teller,
            beside: None,
            paused: Duration::ZERO,
            resend,
        })
    }

    fn run(mut self) -> Result<(), ServeError> {
        loop {
            // What waits for the disk is bounded by what may wait for the engine: beyond, that fills, and is shed.
            let waited = now();
            if !self.release.has_room(self.service.settings.bounds.queue_events_max, IDLE) {
                self.paused += now() - waited;
                continue;
            }
            self.paused += now() - waited;
            self.put_down_questions();
            let idle = self.patience();
            let next = self.service.queue.next(BATCH_EVENTS_MAX, &mut self.batch, idle);
            let done = match next {
                Next::Nothing => self.idle(),
                Next::Closed => break,
                // What the log lost there would only be asked of it again.
                Next::Work => {
                    self.batch().and_then(|()| match self.spill.as_ref().and_then(SpillWatch::error) {
                        Some(error) => Err(ServeError::Spill(error)),
                        None => Ok(()),
                    })
                }
            };
            if let Err(error) = done {
                return self.fail(error);
            }
            // First, so that whoever orders something knows what took over in the batch.
            self.warm();
            if let Some(order) = self.service.orders.next() {
                order(&mut self);
            }
            self.teller.tell(&self.recorded, &self.service.metrics);
        }
        self.finish()
    }

    /// Ends in order.
    fn finish(mut self) -> Result<(), ServeError> {
        self.service.orders.close();
        self.look_up()?;
        if self.recorded.warms().is_some()
            && let Err(why) = self.cancel_warming("the process", "ended")
        {
            tracing::warn!(why, "the warm-up that is on is not put down as cancelled");
        }
        let failed = self.release.finish();
        let journal_is_well = self.recorded.poisoned().is_none() && failed.is_empty();
        let settings = &self.service.settings;
        if settings.snapshot_on_exit && settings.without.has_journal() && journal_is_well {
            // All is in the journal; without one the next start reads more of it.
            match self.recorded.snapshot() {
                Ok(()) => tracing::info!("the snapshot is written"),
                Err(error) => tracing::warn!(%error, "there is no snapshot"),
            }
        }
        let Some(mut resend) = self.resend else {
            return self.recorded.close().map(drop).map_err(ServeError::Journal);
        };
        if !resend.failed()
            && let Some(poisoned) = self.recorded.poisoned()
        {
            resend.fail(poisoned, 0, &mut Vec::new());
            resend.sync()?;
        }
        failed.iter().flat_map(|group| &group.tickets).for_each(|ticket| ticket.release(false, now()));
        let closed = if resend.failed() { Ok(()) } else { self.recorded.close().map(drop) };
        match resend.finish()? {
            Some(unkept) => Err(ServeError::Unkept(Box::new(unkept))),
            None => closed.map_err(ServeError::Journal),
        }
    }

    /// Puts down who asked for what. Where the journal has failed, nobody is told that it was.
    fn put_down_questions(&mut self) {
        let asked = self.service.questions.take();
        if asked.is_empty() || self.alone() {
            return;
        }
        let put: Vec<_> = asked
            .into_iter()
            .filter_map(|asked| Some((self.recorded.asked(asked.who, asked.what).ok()?, asked.put_down)))
            .collect();
        if self.recorded.submit().is_ok() {
            for (number, put_down) in put {
                // Whoever is gone needs no answer.
                let _ = put_down.send(number);
            }
        }
    }

    /// Takes all in that has gathered, and hands it to the disk.
    fn batch(&mut self) -> Result<(), ServeError> {
        let begun = now();
        let events = self.batch.len();
        let mut group = self.release.group();
        let mut batch = std::mem::take(&mut self.batch);
        let mut waiting = batch.drain(..);
        let done = waiting.by_ref().try_for_each(|waiting| self.event(waiting, &mut group));
        waiting.for_each(|waiting| waiting.ticket.lose(Lost::Journal));
        self.batch = batch;
        let handed = self.recorded.submit();
        group.handed = now();
        let batch = &self.service.metrics.stages.batch;
        self.stepped.drain(..).for_each(|at| batch.took(group.handed - at, 1));
        self.teller.wrote(group.number);
        let paused = std::mem::take(&mut self.paused);
        self.service.queue.took(events, group.handed - begun + paused);
        if self.resend.is_some() {
            if let Err(poisoned) = handed {
                self.go_on_alone(poisoned)?;
            }
            done.map_err(ServeError::Journal)?;
            return self.give(group);
        }
        if self.recorded.waits() {
            self.release.put(group);
        } else {
            let (durable, at) = (self.service.settings.without.has_journal(), group.handed);
            self.release.let_go(group, durable, at);
        }
        done.map_err(ServeError::Journal)?;
        handed.map_err(|poisoned| ServeError::Journal(JournalError::from(poisoned).into()))
    }

    /// Lets answers go once they are on disk, or once their events are kept elsewhere.
    fn give(&mut self, group: Group) -> Result<(), ServeError> {
        let Some(resend) = &mut self.resend else { return Ok(()) };
        if resend.failed() {
            let durable = self.recorded.durable();
            resend.release(durable, 0, &mut Vec::new());
            resend.sync()?;
            self.service.counts.unrecorded.add(group.tickets.len());
            let durable = group.number <= durable;
            self.release.let_go(group, durable, now());
        } else if self.recorded.waits() {
            resend.forget(self.recorded.durable());
            self.release.put(group);
        } else {
            resend.forget(self.recorded.durable());
            let (durable, at) = (self.service.settings.without.has_journal(), group.handed);
            self.release.let_go(group, durable, at);
        }
        self.look_up()
    }

    /// Nothing comes: what is due in the journal is done, and one that fails meanwhile is told.
    fn idle(&mut self) -> Result<(), ServeError> {
        match self.recorded.idle() {
            Err(error) if self.resend.is_none() => Err(ServeError::Journal(error)),
            Ok(()) | Err(_) => self.look_up(),
        }
    }

    /// Looks whether the journal has failed beside.
    fn look_up(&mut self) -> Result<(), ServeError> {
        if self.resend.is_none() {
            return Ok(());
        }
        if let Some(poisoned) = self.recorded.poisoned() {
            self.go_on_alone(poisoned)?;
        }
        if self.alone() {
            // Their events were kept when that was found.
            let failed = self.release.failed();
            failed.iter().flat_map(|group| &group.tickets).for_each(|ticket| ticket.release(false, now()));
        }
        Ok(())
    }

    /// Whether the journal has failed, and events are decided without it.
    pub(super) fn alone(&self) -> bool {
        self.resend.as_ref().is_some_and(Resend::failed)
    }

    /// The journal has failed: what is not on disk of it is kept elsewhere from now on.
    fn go_on_alone(&mut self, poisoned: Poisoned) -> Result<(), ServeError> {
        if let Some(resend) = self.resend.as_mut().filter(|resend| !resend.failed()) {
            self.service.set_stage(Stage::Alone(poisoned.to_string().into()));
            resend.fail(poisoned, 0, &mut Vec::new());
            resend.sync()?;
        }
        Ok(())
    }

    fn event(&mut self, waiting: Waiting, group: &mut Group) -> Result<(), RecordedError> {
        let Waiting { taken, ticket, said, .. } = waiting;
        said.and_then(|said| ticket.declare(&said));
        let told = ticket.take();
        let answered = told.map(|outcome| self.readers.answered(&taken, outcome.name()));
        let taken = match &answered {
            Some(Ok(answered)) => answered,
            // Nothing of the line changes what it says otherwise.
            Some(Err(_)) | None => &*taken,
        };
        if let Some(line) = self.unfit(&taken.event) {
            ticket.step(Answered { what: What::Refused, durable: true, let_go: None }, &line);
            ticket.release(true, now());
            return Ok(());
        }
        let begun = now();
        self.service.metrics.stages.queue.took(begun - ticket.came, 1);
        match self.step(taken, begun) {
            Ok(Stepped { answered, number, at }) => {
                ticket.step(answered, &self.line);
                self.stepped.push(at);
                group.number = number;
                group.tickets.push(ticket);
                if taken.event.kind() == Kind::Control { self.look_at_rules() } else { Ok(()) }
            }
            Err(error) => {
                ticket.lose(Lost::Journal);
                Err(error)
            }
        }
    }

    /// Takes an event in that is begun with at this moment; the line of its answer is in `line` then.
    pub(super) fn step(&mut self, taken: &Taken, begun: Instant) -> Result<Stepped, RecordedError> {
        let Taken { event, line } = taken;
        let stages = &self.service.metrics.stages;
        if self.service.settings.without == Without::Engine {
            match event.kind() {
                Kind::Transaction => {
                    self.service.known.told(event, (Outcome::Allow, &NOTHING), None, now_us());
                }
                _ => self.service.known.taken(event, now_us()),
            }
            let (answered, at) = (measure::constant(taken, &mut self.line), now());
            stages.step.took(at - begun, 1);
            return Ok(Stepped { answered, number: NEVER, at });
        }
        let mut turns = [begun; 2];
        let mut turn = turns.iter_mut();
        let step = self.recorded.step_in_turns(event, line, || {
            if let Some(turn) = turn.next() {
                *turn = now();
            }
        })?;
        let at = now();
        let [recorded, decided] = turns;
        stages.journal.took((recorded - begun) + (at - decided), 1);
        stages.step.took(decided - recorded, 1);
        if let Some(resend) = &mut self.resend {
            resend.hold(event, line, &step);
        }
        let known = &self.service.known;
        match (event.kind(), &step.answer) {
            (Kind::Transaction, Answer::Decided(decision)) => {
                let record = (step.number != NEVER).then_some(step.number);
                known.told(event, demanded(decision), record, now_us());
            }
            (Kind::Transaction, Answer::Repeated(decision)) => {
                known.told(event, demanded(decision), None, now_us());
            }
            (Kind::Transaction, _) => known.forget(event),
            (_, Answer::Refused(_)) => {}
            (kind, answer) => {
                known.taken(event, now_us());
                match (kind, answer, event.transaction_identity()) {
                    (Kind::Authentication, Answer::Decided(decision), Some(payment)) => {
                        known.authenticated(payment, decision.outcome, step.number);
                    }
                    (Kind::Execution | Kind::Reversal, _, Some(payment)) => known.reported(payment),
                    _ => {}
                }
            }
        }
        let what = match step.answer {
            Answer::Decided(decision) | Answer::Repeated(decision) => {
                What::Decision { outcome: decision.outcome, alert: decision.alert }
            }
            Answer::Taken | Answer::TakenBefore => What::Taken,
            Answer::Alert(_) | Answer::AlertedBefore(_) => What::Alert,
            Answer::Refused(Refusal::IdReused) => What::IdReused,
            Answer::Refused(_) => What::Refused,
        };
        self.teller.tally.count(&taken.event, &step.answer);
        let decided = if let Answer::Decided(decision) = step.answer { Some(decision.outcome) } else { None };
        self.line.clear();
        self.line.extend_from_slice(step.line);
        let answered = Answered { what, durable: false, let_go: None };
        let number = step.number;
        self.teller.tally.settle(self.recorded.engine().rules());
        if let (Some(outcome), Some(beside)) = (decided, self.recorded.engine().shadow_decision()) {
            self.teller.tally.shadow[outcome as usize][beside.outcome as usize] += 1;
        }
        Ok(Stepped { answered, number, at })
    }

    /// The journal or the log has failed: nobody is answered by the engine any more.
    fn fail(self, error: ServeError) -> Result<(), ServeError> {
        tracing::error!(%error, "the journal has failed; answers are declared from now on");
        self.service.set_stage(Stage::JournalFailed(error.to_string().into()));
        let lost = |ticket: &Ticket| ticket.lose(Lost::Journal);
        self.service.queue.clear().iter().for_each(|waiting| lost(&waiting.ticket));
        self.service.orders.close();
        let failed = self.release.finish();
        failed.iter().flat_map(|group| &group.tickets).for_each(|ticket| lost(ticket));
        Err(error)
    }
}

static NOTHING: Requirement = Requirement::none();

/// What a decision asks for.
fn demanded(decision: &Decision) -> (Outcome, &Requirement) {
    (decision.outcome, if decision.met { &NOTHING } else { &decision.requirement })
}
