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

/// One event's answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// The engine's; its line is beside.
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

/// What was answered to a body.
pub(super) struct Replied {
    /// The event, where it is one.
    pub(super) taken: Option<Arc<Taken>>,
    pub(super) reply: Result<Reply, NoReply>,
    /// The line of the engine's answer.
    pub(super) line: Vec<u8>,
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
    /// It has none; with the event where it is one.
    No(Option<Arc<Taken>>, NoReply),
}

/// An event on its way, with all that its answer needs.
pub(super) struct OnItsWay {
    pub(super) taken: Arc<Taken>,
    pub(super) ticket: Arc<Ticket>,
    before: Before,
    readers: Arc<Readers>,
}

/// What came of reading a body.
type Read = Result<OnItsWay, BadBody>;

/// What holds for all events that come together.
struct Together<'g> {
    way: Way,
    readers: Arc<Readers>,
    given: Given<'g>,
    sender: u64,
    deadline: Instant,
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

    /// How events are answered now; none where the process ends.
    fn way(&self) -> Option<Way> {
        let declared = &self.settings.declared;
        let told = |cause| match declared.of(cause) {
            Declaration::Refuse | Declaration::Decide => Way::Refused(cause),
            _ => Way::Told(cause),
        };
        Some(match self.stage() {
            Stage::Draining => return None,
            Stage::Ready => Way::Engine,
            Stage::Recovering(_) => told(Cause::Warming),
            Stage::Alone(_) if declared.journal_failure == Declaration::Decide => Way::Engine,
            Stage::Alone(_) => told(Cause::JournalFailure),
            Stage::JournalFailed(_) => Way::Refused(Cause::JournalFailure),
        })
    }

    /// Takes events of one sender in that began to come at `arrived`, and waits for their answers: one each, in order.
    /// Where they are shed, all are.
    pub(super) async fn ask(
        &self,
        bodies: &[&[u8]],
        given: Given<'_>,
        sender: u64,
        arrived: Instant,
        deadline: Instant,
    ) -> Vec<Replied> {
        let taken_in: Vec<_> = match self.together(bodies.len(), given, sender, deadline) {
            Err(shut) => bodies.iter().map(|_| self.shut(shut)).collect(),
            Ok(together) => {
                let arrived = |at| (at == 0).then_some(arrived);
                let read = |(at, body): (usize, &&[u8])| self.read(&together, body, arrived(at));
                let read: Vec<_> = bodies.iter().enumerate().map(read).collect();
                let let_in = self.let_in(&together, &read);
                read.into_iter().map(|read| self.begun(read, let_in)).collect()
            }
        };
        self.queue.stir();
        let mut replies = Vec::with_capacity(taken_in.len());
        for taken_in in taken_in {
            let mut line = Vec::new();
            let (taken, reply) = match taken_in {
                TakenIn::No(taken, no_reply) => (taken, Err(no_reply)),
                TakenIn::OnItsWay(event) => {
                    (Some(Arc::clone(&event.taken)), self.reply(&event, deadline, &mut line).await)
                }
            };
            replies.push(Replied { taken, reply, line });
        }
        replies
    }

    /// Takes one event of a sender in that began to come at `arrived`. The engine is told by [`Queue::stir`], once for as many
    /// as come together.
    pub(super) fn take_in(
        &self,
        body: &[u8],
        given: Given<'_>,
        sender: u64,
        arrived: Instant,
        deadline: Instant,
    ) -> TakenIn {
        let together = match self.together(1, given, sender, deadline) {
            Ok(together) => together,
            Err(shut) => return self.shut(shut),
        };
        let read = self.read(&together, body, Some(arrived));
        let let_in = self.let_in(&together, std::slice::from_ref(&read));
        self.begun(read, let_in)
    }

    /// So many events come together; otherwise for what cause none is read, or none where the process ends.
    fn together<'g>(
        &self,
        many: usize,
        given: Given<'g>,
        sender: u64,
        deadline: Instant,
    ) -> Result<Together<'g>, Option<Cause>> {
        self.counts.events.add(many);
        let way = self.way().ok_or(None)?;
        // The fields that a body may have are those of the rule set.
        let readers = self.readers().ok_or(Some(Cause::Warming))?;
        let given = Given { received_us: now_us(), ..given };
        Ok(Together { way, readers, given, sender, deadline })
    }

    /// What comes of a body that was not read.
    fn shut(&self, cause: Option<Cause>) -> TakenIn {
        let refused = |cause| self.refuse(cause, RETRY_AFTER);
        TakenIn::No(None, cause.map_or(NoReply::Draining, refused))
    }

    /// Reads a body, the first of those that come together where it says when they began to come.
    fn read(&self, together: &Together<'_>, body: &[u8], arrived: Option<Instant>) -> Read {
        let Together { readers, given, .. } = together;
        let begun = now();
        if let Some(arrived) = arrived {
            self.metrics.stages.read.took(begun.saturating_duration_since(arrived), 1);
        }
        let taken = readers.read(body, *given)?;
        self.admit(&taken.event, *given)?;
        let parsed = now();
        self.metrics.stages.parse.took(parsed - begun, 1);
        let ticket = readers.ticket(parsed);
        let before = match taken.event.kind() {
            Kind::Transaction => self.known.begin(&taken.event, &ticket, given.received_us),
            _ => Before::Nothing,
        };
        let ticket = if let Before::OnItsWay(first) = &before { Arc::clone(first) } else { ticket };
        Ok(OnItsWay { taken, ticket, before, readers: Arc::clone(readers) })
    }

    /// An event that was read, and was let in or not with the others.
    fn begun(&self, read: Read, let_in: Result<(), (Cause, Duration)>) -> TakenIn {
        let event = match read {
            Ok(event) => event,
            Err(bad) => {
                self.counts.bad_bodies.add(1);
                return TakenIn::No(None, NoReply::BadBody(bad));
            }
        };
        match let_in {
            Err((cause, retry_after)) if event.is_new() => {
                return TakenIn::No(Some(Arc::clone(&event.taken)), self.refuse(cause, retry_after));
            }
            _ if event.is_joined() => self.counts.joined.add(1),
            _ => {}
        }
        TakenIn::OnItsWay(event)
    }

    /// Fails where this sender may not send such an event in this way.
    fn admit(&self, event: &Event, given: Given<'_>) -> Result<(), BadBody> {
        match event.kind() {
            Kind::Transaction if given.kind.is_none() => Err(BadBody::Transaction),
            Kind::Authentication if given.kind.is_none() => Err(BadBody::Authentication),
            Kind::Control if self.settings.approvals.required > 0 && reloads(event) => {
                Err(BadBody::Approvals)
            }
            Kind::Control if !given.controls => Err(BadBody::Control),
            _ => Ok(()),
        }
    }

    /// Lets events in, or says why not and when to try again.
    fn let_in(&self, together: &Together<'_>, read: &[Read]) -> Result<(), (Cause, Duration)> {
        let Together { way, readers, sender, deadline, .. } = together;
        let others = |event: &&OnItsWay| matches!(event.before, Before::Other { .. });
        read.iter().flatten().filter(others).for_each(|event| self.put_down(together, event));
        // What is on its way already waits there.
        let new = || read.iter().flatten().filter(|event| event.is_new());
        let many = new().count();
        let all_said = |cause| -> Vec<_> { new().map(|event| self.said(readers, cause, event)).collect() };
        let push = |said: &[_], deadline| self.push(*sender, many, waiting(new(), *sender, said), deadline);
        let (cause, pushed) = match *way {
            Way::Refused(cause) => (cause, Err(RETRY_AFTER)),
            Way::Engine => {
                // What comes too late to wait enters the state in its turn, and is answered before that.
                let in_time = now() < *deadline;
                let said = if in_time { Vec::new() } else { all_said(Cause::Deadline) };
                (Cause::Overload, push(&said, in_time.then_some(*deadline)).map(|()| said))
            }
            Way::Told(cause) => {
                let said = all_said(cause);
                // While it recovers nothing is taken in that nobody was told about; without its journal it is.
                let fine = |(event, said): (&OnItsWay, &Option<Arc<Said>>)| {
                    said.is_some() || cause == Cause::JournalFailure && !event.decides()
                };
                let fine = new().zip(&said).all(fine);
                let pushed = if fine { push(&said, None) } else { Err(RETRY_AFTER) };
                (cause, pushed.map(|()| said))
            }
        };
        let pushed = pushed.or_else(|retry_after| {
            if cause != Cause::Overload {
                return Err(retry_after);
            }
            let said = all_said(cause);
            let all = said.iter().all(Option::is_some);
            if !all || !self.queue.push_late(many, waiting(new(), *sender, &said)) {
                return Err(retry_after);
            }
            self.counts.late.add(many);
            Ok(said)
        });
        match pushed {
            Ok(said) => {
                // Whoever comes first, this or the engine, says it.
                for (event, said) in new().zip(said) {
                    said.and_then(|said| event.ticket.declare(&said));
                }
                Ok(())
            }
            Err(retry_after) => {
                for event in new() {
                    self.known.forget(&event.taken.event);
                    event.ticket.lose(Lost::Shed(cause));
                }
                Err((cause, retry_after))
            }
        }
    }

    /// Hands an event whose id another payment has to the engine, which refuses it, so that the journal says so: behind that
    /// payment, and where it takes nobody's place.
    fn put_down(&self, together: &Together<'_>, event: &OnItsWay) {
        let Together { way, sender, deadline, .. } = together;
        let behind = matches!(event.before, Before::Other { stepped: true });
        let one = || waiting(std::iter::once(event), *sender, &[]);
        let taken =
            *way == Way::Engine && behind && self.queue.push(*sender, 1, one(), Some(*deadline)).is_ok();
        if !taken {
            event.ticket.lose(Lost::Shed(Cause::Overload));
        }
    }

    fn push(
        &self,
        sender: u64,
        many: usize,
        events: impl Iterator<Item = Waiting>,
        deadline: Option<Instant>,
    ) -> Result<(), Duration> {
        self.queue.push(sender, many, events, deadline).map_err(|shed| {
            self.counts.shed[shed.why as usize].add(many);
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

    /// Waits for what is answered to an event; the line of the engine's answer is in `line` then.
    async fn reply(&self, event: &OnItsWay, deadline: Instant, line: &mut Vec<u8>) -> Result<Reply, NoReply> {
        loop {
            let came = event.ticket.wait(deadline, line).await;
            if let Some(reply) = self.settle(event, came, line) {
                return reply;
            }
        }
    }

    /// What is answered to an event that this came of, with an answer's line in `line`; none where the engine has begun meanwhile, and
    /// is waited for.
    pub(super) fn settle(
        &self,
        event: &OnItsWay,
        came: Came,
        line: &mut Vec<u8>,
    ) -> Option<Result<Reply, NoReply>> {
        if matches!(event.before, Before::Other { .. }) {
            let answered =
                if let Came::Answer(answered) = came { answered } else { reused(&event.taken, line) };
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

    /// Whether it is on its way by itself.
    fn is_new(&self) -> bool {
        matches!(self.before, Before::Nothing | Before::Told(_))
    }

    /// Whether another one was on its way before it, and it is answered with that.
    fn is_joined(&self) -> bool {
        matches!(self.before, Before::OnItsWay(_))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        // The ticket of one that is joined is kept with the first.
        self.readers.keep(&self.taken, (!self.is_joined()).then_some(&self.ticket));
    }
}

/// Events as they wait, with what each is answered where that is said.
fn waiting<'e>(
    events: impl Iterator<Item = &'e OnItsWay>,
    sender: u64,
    said: &[Option<Arc<Said>>],
) -> impl Iterator<Item = Waiting> {
    let said = said.iter().cloned().chain(std::iter::repeat(None));
    let waiting = move |(event, said): (&OnItsWay, _)| {
        let (taken, ticket) = (Arc::clone(&event.taken), Arc::clone(&event.ticket));
        Waiting { taken, ticket, sender, said }
    };
    events.zip(said).map(waiting)
}

/// Whether a control event takes up rules or rates.
fn reloads(event: &Event) -> bool {
    event.text(TextField::Control).is_some_and(|word| ["rule_set", "rate_version"].contains(&word))
}

/// What is answered where another payment has the id, with its line in `line`.
fn reused(taken: &Taken, line: &mut Vec<u8>) -> Answered {
    let refusal = Refusal::IdReused;
    line.clear();
    // A buffer takes all that is written to it.
    let _ = write_refusal(&taken.event, refusal.code(), None, &refusal.to_string(), line);
    Answered { what: What::IdReused, durable: true, let_go: None }
}
