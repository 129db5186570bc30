//! What all connections share: the settings, the queue, how the engine is, and the way of one request through them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::clock::{now, now_us};
use super::counts::{Counts, Figures};
use super::declared::{Cause, Declaration, Said, at_least};
use super::flights::Flights;
use super::known::{Before, Known};
use super::log::Trickles;
use super::looking::{Looking, Questions};
use super::metrics::Metrics;
use super::order::Orders;
use super::queue::{Queue, Waiting};
use super::reading::{BadBody, Given, Readers, Taken};
use super::rules::Rules;
use super::settings::Settings;
use super::ticket::{Answered, Came, Lost, Ticket, What};
use crate::engine::{Limits, Refusal};
use crate::event::{Event, Kind, TextField};
use crate::io::decision::write_refusal;
use crate::journal::{Progress, Stage as Recovery};
use crate::rules::RuleSet;

/// How the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It takes the journal in again.
    Recovering(Progress),
    /// It decides.
    Ready,
    /// The journal has failed, for this reason, and the engine goes on in memory.
    Alone(Arc<str>),
    /// The journal has failed, for this reason.
    JournalFailed(Arc<str>),
    /// It ends.
    Draining,
}

/// What all connections share.
pub(super) struct Service {
    pub(super) settings: Settings,
    pub(super) queue: Queue,
    pub(super) flights: Arc<Flights>,
    pub(super) counts: Counts,
    pub(super) known: Known,
    pub(super) looking: Looking,
    pub(super) questions: Questions,
    pub(super) metrics: Arc<Metrics>,
    pub(super) trickles: Trickles,
    pub(super) orders: Orders,
    pub(super) rules: Rules,
    /// How far ahead an event may be that the engine takes, in microseconds; its default until it is there.
    pub(super) future_us_max: AtomicI64,
    stage: Mutex<Stage>,
    readers: RwLock<Option<Arc<Readers>>>,
    /// Bytes that bodies may still have.
    pub(super) bodies: Arc<Semaphore>,
}

/// What an event is called.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) tenant: Option<String>,
    pub(super) time_us: i64,
}

/// One event's answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// The engine's.
    Answer(Answered),
    /// What was declared.
    Declared(Arc<Said>),
    /// It is taken in, and that is not known to be on disk yet.
    Later,
}

/// Why an event has none.
#[derive(Debug)]
pub(super) enum NoReply {
    BadBody(BadBody),
    /// Nothing is declared for this cause; when to try again.
    Refused(Cause, Duration),
    /// The process ends.
    Draining,
}

/// When to try again where nobody can tell.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How events are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the engine.
    Engine,
    /// As is declared for a cause, and the engine takes them in later.
    Told(Cause),
    /// With nothing, for a cause.
    Refused(Cause),
}

/// What came of a body.
pub(super) enum TakenIn {
    /// It is an event, and has or will have an answer.
    OnItsWay(OnItsWay),
    /// It has none; with what the event is called where it is one.
    No(Option<Named>, NoReply),
}

/// An event on its way, with all that its answer needs.
pub(super) struct OnItsWay {
    pub(super) taken: Arc<Taken>,
    pub(super) ticket: Arc<Ticket>,
    before: Before,
    readers: Arc<Readers>,
}

impl Service {
    pub(super) fn new(settings: Settings) -> Self {
        let stage =
            Stage::Recovering(Progress { stage: Recovery::Checking, events: 0, bytes: 0, of_bytes: 0 });
        Self {
            queue: Queue::new(settings.bounds.queue_events_max),
            flights: Arc::new(Flights::new(settings.bounds.requests_max)),
            counts: Counts::default(),
            known: Known::new(now_us()),
            looking: Looking::new(settings.journal.clone(), settings.bounds),
            questions: Questions::default(),
            bodies: Arc::new(Semaphore::new(settings.bounds.bodies_bytes_max.min(Semaphore::MAX_PERMITS))),
            settings,
            metrics: Arc::default(),
            trickles: Trickles::default(),
            orders: Orders::default(),
            rules: Rules::default(),
            future_us_max: AtomicI64::new(Limits::default().future_us_max),
            stage: Mutex::new(stage),
            readers: RwLock::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        let mut held = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        // What ends does not begin again.
        if *held != Stage::Draining {
            *held = stage;
        }
    }

    /// No request is taken from now on.
    pub(super) fn drain(&self) {
        self.set_stage(Stage::Draining);
    }

    /// What the sidecar has done so far.
    pub(super) fn figures(&self) -> Figures {
        let (waiting, waiting_max) = self.queue.waiting();
        self.counts.figures(waiting, waiting_max)
    }

    /// What reads bodies, once a rule set is known.
    pub(super) fn readers(&self) -> Option<Arc<Readers>> {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_readers(&self, readers: Readers) {
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(readers));
    }

    /// When a request that came at `arrived` and may take so long must be answered.
    pub(super) fn deadline(&self, arrived: Instant, asked: Option<Duration>) -> Instant {
        let bounds = &self.settings.bounds;
        arrived + asked.unwrap_or(bounds.deadline).min(bounds.deadline_max)
    }

    fn way(&self) -> Result<Way, NoReply> {
        let declared = &self.settings.declared;
        let told = |cause| match declared.of(cause) {
            Declaration::Refuse | Declaration::Decide => Way::Refused(cause),
            _ => Way::Told(cause),
        };
        match self.stage() {
            Stage::Draining => Err(NoReply::Draining),
            Stage::Ready => Ok(Way::Engine),
            Stage::Recovering(_) => Ok(told(Cause::Warming)),
            Stage::Alone(_) if declared.journal_failure == Declaration::Decide => Ok(Way::Engine),
            Stage::Alone(_) => Ok(told(Cause::JournalFailure)),
            Stage::JournalFailed(_) => Ok(Way::Refused(Cause::JournalFailure)),
        }
    }

    /// Takes events of one sender in that began to come at `arrived`, and waits for their answers: one each, in order, with
    /// what the event is called where the body is one. Where they are shed, all are.
    pub(super) async fn ask(
        &self,
        bodies: &[&[u8]],
        given: Given<'_>,
        sender: u64,
        arrived: Instant,
        deadline: Instant,
    ) -> Vec<(Option<Named>, Result<Reply, NoReply>)> {
        let taken_in = self.take_in(bodies, given, sender, arrived, deadline);
        self.queue.stir();
        let mut replies = Vec::with_capacity(taken_in.len());
        for taken_in in taken_in {
            replies.push(match taken_in {
                TakenIn::No(named, no_reply) => (named, Err(no_reply)),
                TakenIn::OnItsWay(event) => {
                    (Some(Named::of(&event.taken)), self.reply(&event, deadline).await)
                }
            });
        }
        replies
    }

    /// Takes events of one sender in that began to come at `arrived`: one result each, in order. Where they are shed, all are. The engine is told by
    /// [`Queue::stir`], once for as many as come together.
    pub(super) fn take_in(
        &self,
        bodies: &[&[u8]],
        given: Given<'_>,
        sender: u64,
        arrived: Instant,
        deadline: Instant,
    ) -> Vec<TakenIn> {
        self.counts.events.add(bodies.len());
        let given = Given { received_us: now_us(), ..given };
        let way = match self.way() {
            Ok(way) => way,
            Err(_) => return bodies.iter().map(|_| TakenIn::No(None, NoReply::Draining)).collect(),
        };
        // The fields that a body may have are those of the rule set.
        let Some(readers) = self.readers() else {
            let refused = |_| TakenIn::No(None, self.refuse(Cause::Warming, RETRY_AFTER));
            return bodies.iter().map(refused).collect();
        };
        let read: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(at, body)| {
                let begun = now();
                if at == 0 {
                    self.metrics.stages.read.took(begun.saturating_duration_since(arrived), 1);
                }
                let taken = Arc::new(readers.read(body, given)?);
                self.admit(&taken.event, given)?;
                let parsed = now();
                self.metrics.stages.parse.took(parsed - begun, 1);
                let ticket = Arc::new(Ticket::new(parsed));
                let before = match taken.event.kind() {
                    Kind::Transaction => self.known.begin(&taken.event, &ticket, given.received_us),
                    _ => Before::Nothing,
                };
                let ticket = if let Before::OnItsWay(first) = &before { Arc::clone(first) } else { ticket };
                Ok(OnItsWay { taken, ticket, before, readers: Arc::clone(&readers) })
            })
            .collect();
        let let_in = self.let_in(&readers, read.iter().flatten(), way, sender, deadline);
        let taken_in = |read| match read {
            Err(bad) => {
                self.counts.bad_bodies.add(1);
                TakenIn::No(None, NoReply::BadBody(bad))
            }
            Ok(event) => self.begun(event, let_in),
        };
        read.into_iter().map(taken_in).collect()
    }

    /// An event that was read, and was let in or not with the others.
    fn begun(&self, event: OnItsWay, let_in: Result<(), (Cause, Duration)>) -> TakenIn {
        match (&event.before, let_in) {
            (Before::Nothing | Before::Told(_), Err((cause, retry_after))) => {
                return TakenIn::No(Some(Named::of(&event.taken)), self.refuse(cause, retry_after));
            }
            (Before::OnItsWay(_), _) => self.counts.joined.add(1),
            (Before::Other { .. }, _) | (_, Ok(())) => {}
        }
        TakenIn::OnItsWay(event)
    }

    /// Fails where this sender may not send such an event in this way.
    fn admit(&self, event: &Event, given: Given<'_>) -> Result<(), BadBody> {
        match event.kind() {
            Kind::Transaction if given.kind.is_none() => Err(BadBody::Elsewhere("/v1/decisions")),
            Kind::Authentication if given.kind.is_none() => {
                Err(BadBody::Elsewhere("/v1/decisions/{id}/authentication"))
            }
            Kind::Control if self.settings.approvals.required > 0 && reloads(event) => {
                Err(BadBody::Approvals)
            }
            Kind::Control if !given.controls => Err(BadBody::Control),
            _ => Ok(()),
        }
    }

    /// Lets events in, or says why not and when to try again.
    fn let_in<'o>(
        &self,
        readers: &Readers,
        events: impl Iterator<Item = &'o OnItsWay>,
        way: Way,
        sender: u64,
        deadline: Instant,
    ) -> Result<(), (Cause, Duration)> {
        // What is on its way already waits there.
        let (others, new): (Vec<&OnItsWay>, Vec<&OnItsWay>) = events
            .filter(|event| !matches!(event.before, Before::OnItsWay(_)))
            .partition(|event| matches!(event.before, Before::Other { .. }));
        self.put_down(&others, way, sender, deadline);
        let (cause, pushed) = match way {
            Way::Refused(cause) => (cause, Err(RETRY_AFTER)),
            Way::Engine => {
                // What comes too late to wait enters the state in its turn, and is answered before that.
                let in_time = now() < deadline;
                let said = |event: &&OnItsWay| self.said(readers, Cause::Deadline, event);
                let said: Vec<_> = if in_time { Vec::new() } else { new.iter().map(said).collect() };
                let pushed = self.push(waiting(&new, sender, &said), in_time.then_some(deadline));
                (Cause::Overload, pushed.map(|()| said))
            }
            Way::Told(cause) => {
                let said: Vec<_> = new.iter().map(|event| self.said(readers, cause, event)).collect();
                // While it recovers nothing is taken in that nobody was told about; without its journal it is.
                let fine = |(event, said): (&&OnItsWay, &Option<Arc<Said>>)| {
                    said.is_some() || cause == Cause::JournalFailure && !event.decides()
                };
                let fine = new.iter().zip(&said).all(fine);
                let pushed =
                    if fine { self.push(waiting(&new, sender, &said), None) } else { Err(RETRY_AFTER) };
                (cause, pushed.map(|()| said))
            }
        };
        let pushed = pushed.or_else(|retry_after| {
            let said: Vec<_> = match cause {
                Cause::Overload => new.iter().map(|event| self.said(readers, cause, event)).collect(),
                _ => return Err(retry_after),
            };
            let all = said.iter().all(Option::is_some);
            if !all || !self.queue.push_late(waiting(&new, sender, &said)) {
                return Err(retry_after);
            }
            self.counts.late.add(new.len());
            Ok(said)
        });
        match pushed {
            Ok(said) => {
                // Whoever comes first, this or the engine, says it.
                for (event, said) in new.iter().zip(said) {
                    said.and_then(|said| event.ticket.declare(&said));
                }
                Ok(())
            }
            Err(retry_after) => {
                for event in new {
                    self.known.forget(&event.taken.event);
                    event.ticket.lose(Lost::Shed(cause));
                }
                Err((cause, retry_after))
            }
        }
    }

    /// Hands events whose id another payment has to the engine, which refuses them, so that the journal says so: behind that
    /// payment, and where it takes nobody's place.
    fn put_down(&self, others: &[&OnItsWay], way: Way, sender: u64, deadline: Instant) {
        for event in others {
            let behind = matches!(event.before, Before::Other { stepped: true });
            let taken = way == Way::Engine
                && behind
                && self.queue.push(waiting(&[event], sender, &[]), Some(deadline)).is_ok();
            if !taken {
                event.ticket.lose(Lost::Shed(Cause::Overload));
            }
        }
    }

    fn push(&self, events: Vec<Waiting>, deadline: Option<Instant>) -> Result<(), Duration> {
        self.queue.push(events, deadline).map_err(|(shed, events)| {
            self.counts.shed[shed.why as usize].add(events.len());
            shed.retry_after
        })
    }

    /// What is to be answered to an event for a cause; none where that is nothing, or might not be what it was told before.
    fn said(&self, readers: &Readers, cause: Cause, on_its_way: &OnItsWay) -> Option<Arc<Said>> {
        let event = &on_its_way.taken.event;
        let outcome = self.settings.declared.of(cause).outcome().filter(|_| on_its_way.decides())?;
        if let Before::Told(told) = &on_its_way.before {
            return Some(Arc::new(Said::new(cause, told.clone(), readers.rules())));
        }
        let demand = || at_least(outcome, readers.floor(event), readers.rules());
        (self.known.is_new(event) && self.is_plain(event, readers.rules()))
            .then(|| Arc::new(Said::new(cause, demand(), readers.rules())))
    }

    /// Whether an event is surely none that the engine refuses for its time, or for want of a rate: what is refused counts as
    /// nothing, so nothing may be declared of it.
    fn is_plain(&self, event: &Event, rules: &RuleSet) -> bool {
        let future_us_max = self.future_us_max.load(Ordering::Relaxed);
        let in_time = |received_us: i64| event.time_us() <= received_us.saturating_add(future_us_max);
        let paid = event.amount().map(|amount| amount.currency);
        event.received_us().is_none_or(in_time) && paid.is_none_or(|currency| currency == rules.currency)
    }

    /// Waits for what is answered to an event.
    async fn reply(&self, event: &OnItsWay, deadline: Instant) -> Result<Reply, NoReply> {
        loop {
            let came = event.ticket.wait(deadline).await;
            if let Some(reply) = self.settle(event, came) {
                return reply;
            }
        }
    }

    /// What is answered to an event that this came of; none where the engine has begun meanwhile, and is waited for.
    pub(super) fn settle(&self, event: &OnItsWay, came: Came) -> Option<Result<Reply, NoReply>> {
        if matches!(event.before, Before::Other { .. }) {
            let answered = if let Came::Answer(answered) = came { answered } else { reused(&event.taken) };
            self.counts.answered.add(1);
            return Some(Ok(Reply::Answer(answered)));
        }
        Some(match came {
            Came::Answer(answered) => {
                self.counts.answered.add(1);
                self.counts.not_durable.add((!answered.durable).into());
                Ok(Reply::Answer(answered))
            }
            Came::Declared(said) => {
                self.counts.declared[said.cause as usize].add(1);
                Ok(Reply::Declared(said))
            }
            Came::Late if !event.decides() => Ok(Reply::Later),
            Came::Late => match self.said(&event.readers, Cause::Deadline, event) {
                Some(said) => {
                    let _ = event.ticket.declare(&said);
                    return None;
                }
                None => Err(self.refuse(Cause::Deadline, self.queue.estimate())),
            },
            Came::Lost(Lost::Journal) => Err(self.refuse(Cause::JournalFailure, RETRY_AFTER)),
            Came::Lost(Lost::Shed(cause @ Cause::Overload)) => Err(self.refuse(cause, self.queue.estimate())),
            Came::Lost(Lost::Shed(cause)) => Err(self.refuse(cause, RETRY_AFTER)),
            Came::Lost(Lost::Ended) => Err(NoReply::Draining),
        })
    }

    fn refuse(&self, cause: Cause, retry_after: Duration) -> NoReply {
        self.counts.refused[cause as usize].add(1);
        NoReply::Refused(cause, retry_after)
    }
}

impl OnItsWay {
    fn decides(&self) -> bool {
        self.taken.event.kind() == Kind::Transaction
    }
}

/// Events as they wait, with what each is answered where that is said.
fn waiting(events: &[&OnItsWay], sender: u64, said: &[Option<Arc<Said>>]) -> Vec<Waiting> {
    let said = said.iter().cloned().chain(std::iter::repeat(None));
    let waiting = |(event, said): (&&OnItsWay, _)| {
        let (taken, ticket) = (Arc::clone(&event.taken), Arc::clone(&event.ticket));
        Waiting { taken, ticket, sender, said }
    };
    events.iter().zip(said).map(waiting).collect()
}

/// Whether a control event takes up rules or rates.
fn reloads(event: &Event) -> bool {
    event.text(TextField::Control).is_some_and(|word| ["rule_set", "rate_version"].contains(&word))
}

/// What is answered where another payment has the id.
fn reused(taken: &Taken) -> Answered {
    let (refusal, mut line) = (Refusal::IdReused, Vec::new());
    // A buffer takes all that is written to it.
    let _ = write_refusal(&taken.event, refusal.code(), None, &refusal.to_string(), &mut line);
    Answered { what: What::IdReused, line, durable: true, let_go: None }
}

impl Named {
    pub(super) fn of(taken: &Taken) -> Self {
        let event = &taken.event;
        let tenant = event.text(TextField::Tenant).map(str::to_owned);
        Self { id: event.id().to_owned(), tenant, time_us: event.time_us() }
    }
}
