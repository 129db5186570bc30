//! What all connections share: the settings, the queue, how the engine is, and the way of one request through them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::access::Access;
use super::clock::{now, now_us};
use super::declared::{Cause, Declared};
use super::listen::Listen;
use super::queue::{Queue, Waiting};
use super::reading::{BadBody, Given, Readers, Taken, UnknownFields};
use super::ticket::{Answered, Came, Lost, Ticket};
use super::tls::Tls;
use crate::decision::Outcome;
use crate::event::Kind;
use crate::journal::{Progress, Stage as Recovery};

/// Bounds of the sidecar, each with what is done at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Events that wait for the engine; more are shed.
    pub queue_events_max: usize,
    /// Bytes of a body; a longer one is refused.
    pub body_bytes_max: usize,
    /// Events in a batch; more are refused.
    pub batch_events_max: usize,
    /// Connections; more wait to be taken.
    pub connections_max: usize,
    /// Connections of one peer: an IPv4 address, 64 bits of an IPv6 address, or a user; more are closed at once.
    pub connections_per_peer_max: usize,
    /// Connections to the administrative listener, which no others keep it from; more wait to be taken.
    pub admin_connections_max: usize,
    /// How long a TLS handshake may take; then the connection is closed.
    pub handshake_timeout: Duration,
    /// How long a request waits for its answer where it says nothing.
    pub deadline: Duration,
    /// How long a request may ask to wait; more is taken as this.
    pub deadline_max: Duration,
    /// How long a client may take to send a header, and until its first; then the connection is closed, at most half as much
    /// later.
    pub header_timeout: Duration,
    /// Bytes of a header with its first line; a longer one is answered 431. At least 8192.
    pub header_bytes_max: usize,
    /// Fields of a header; more are answered 431.
    pub headers_max: usize,
    /// Bytes of a URL; a longer one is answered 414.
    pub url_bytes_max: usize,
    /// How long a body may take to come, whatever its length; then it is answered 408.
    pub body_timeout: Duration,
    /// Bytes a second that a body must come with once [`BODY_GRACE`] is over; a slower one is answered 408.
    pub body_bytes_per_s_min: usize,
    /// Bytes of all bodies that are read or decided at one time; what comes beside them is answered 503.
    pub bodies_bytes_max: usize,
    /// How long a connection may be without a request, or not take its answer; then it is closed.
    pub idle_timeout: Duration,
    /// Requests at one time on an HTTP/2 connection; more are refused by the protocol.
    pub streams_max: u32,
    /// Streams that a client opened and took back, and that are not done with; with more the connection is closed.
    pub resets_max: usize,
    /// How long open requests have to end when the process is told to.
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            queue_events_max: 65_536,
            body_bytes_max: 1 << 20,
            batch_events_max: 1_000,
            connections_max: 10_000,
            deadline: Duration::from_millis(200),
            deadline_max: Duration::from_secs(30),
            connections_per_peer_max: 2_000,
            admin_connections_max: 64,
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            header_bytes_max: 16 << 10,
            headers_max: 64,
            url_bytes_max: 2 << 10,
            body_timeout: Duration::from_secs(10),
            body_bytes_per_s_min: 1 << 10,
            bodies_bytes_max: 64 << 20,
            idle_timeout: Duration::from_secs(75),
            streams_max: 128,
            resets_max: 20,
            drain: Duration::from_secs(10),
        }
    }
}

/// How long a body may be slower than [`Bounds::body_bytes_per_s_min`].
pub const BODY_GRACE: Duration = Duration::from_secs(2);

/// With what a sidecar is started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where to listen on TCP.
    pub listen: Listen,
    /// Where to listen for those who administrate; nowhere by default.
    pub admin: Listen,
    /// Who may ask for what.
    pub access: Access,
    /// TLS on every TCP listener, where there is any.
    pub tls: Option<Tls>,
    /// Bounds.
    pub bounds: Bounds,
    /// What is answered without a decision.
    pub declared: Declared,
    /// What becomes of fields that events don't have.
    pub unknown_fields: UnknownFields,
    /// The journal's folder, to read beside the engine.
    pub journal: PathBuf,
}

/// How the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It takes the journal in again.
    Recovering(Progress),
    /// It decides.
    Ready,
    /// The journal has failed, for this reason.
    JournalFailed(Arc<str>),
    /// It ends.
    Draining,
}

/// What all connections share.
pub(super) struct Service {
    pub(super) settings: Settings,
    pub(super) queue: Queue,
    stage: Mutex<Stage>,
    readers: RwLock<Option<Arc<Readers>>>,
    /// Bytes that bodies may still have.
    pub(super) bodies: Arc<Semaphore>,
}

/// What an event is called.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) time_us: i64,
}

/// One event's answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// The engine's.
    Answer(Answered),
    /// What was declared.
    Declared(Outcome, Cause),
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
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An event on its way.
struct OnItsWay {
    named: Named,
    ticket: Arc<Ticket>,
}

impl Service {
    pub(super) fn new(settings: Settings) -> Self {
        let stage =
            Stage::Recovering(Progress { stage: Recovery::Checking, events: 0, bytes: 0, of_bytes: 0 });
        Self {
            queue: Queue::new(settings.bounds.queue_events_max),
            bodies: Arc::new(Semaphore::new(settings.bounds.bodies_bytes_max.min(Semaphore::MAX_PERMITS))),
            settings,
            stage: Mutex::new(stage),
            readers: RwLock::default(),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// No request is taken from now on.
    pub(super) fn drain(&self) {
        self.set_stage(Stage::Draining);
    }

    /// What reads bodies, once the engine is ready.
    pub(super) fn readers(&self) -> Option<Arc<Readers>> {
        self.readers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_readers(&self, readers: Readers) {
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(readers));
    }

    /// When a request that may take so long must be answered.
    pub(super) fn deadline(&self, asked: Option<Duration>) -> Instant {
        let bounds = &self.settings.bounds;
        now() + asked.unwrap_or(bounds.deadline).min(bounds.deadline_max)
    }

    /// Takes events of one sender in and waits for their answers: one each, in order, with what the event is called where
    /// the body is one. Where they are shed, all are.
    pub(super) async fn ask(
        &self,
        bodies: &[&[u8]],
        given: Given<'_>,
        sender: u64,
        deadline: Instant,
    ) -> Vec<(Option<Named>, Result<Reply, NoReply>)> {
        let given = Given { received_us: now_us(), ..given };
        let unready = match self.stage() {
            Stage::Ready => None,
            Stage::Draining => return bodies.iter().map(|_| (None, Err(NoReply::Draining))).collect(),
            Stage::Recovering(_) => Some(Cause::Warming),
            Stage::JournalFailed(_) => Some(Cause::JournalFailure),
        };
        let Some(readers) = self.readers() else {
            // The fields that a body may have are those of the rule set.
            return bodies
                .iter()
                .map(|_| (None, Err(NoReply::Refused(Cause::Warming, RETRY_AFTER))))
                .collect();
        };
        let mut events = Vec::with_capacity(bodies.len());
        let mut ways = Vec::with_capacity(bodies.len());
        for body in bodies {
            ways.push(readers.read(body, given).map(|taken| {
                let named = Named::of(&taken);
                let ticket = Arc::new(Ticket::new());
                events.push(Waiting { taken, ticket: Arc::clone(&ticket), sender });
                OnItsWay { named, ticket }
            }));
        }
        let shed = match unready {
            Some(cause) => Err((cause, RETRY_AFTER)),
            None => self.queue.push(events, deadline).map_err(|shed| (Cause::Overload, shed.retry_after)),
        };
        let mut replies = Vec::with_capacity(ways.len());
        for way in ways {
            replies.push(match (way, shed) {
                (Err(bad), _) => (None, Err(NoReply::BadBody(bad))),
                (Ok(way), Err((cause, retry_after))) => {
                    let reply = self.declare(cause, way.named.kind, retry_after);
                    (Some(way.named), reply)
                }
                (Ok(way), Ok(())) => {
                    let reply = self.wait(&way, deadline).await;
                    (Some(way.named), reply)
                }
            });
        }
        replies
    }

    async fn wait(&self, way: &OnItsWay, deadline: Instant) -> Result<Reply, NoReply> {
        let kind = way.named.kind;
        let decides = kind == Kind::Transaction;
        let declared = self.settings.declared.of(Cause::Deadline).outcome().filter(|_| decides);
        match way.ticket.wait(deadline, declared).await {
            Came::Answer(answered) => Ok(Reply::Answer(answered)),
            Came::Declared if !decides => Ok(Reply::Later),
            Came::Declared => self.declare(Cause::Deadline, kind, Duration::ZERO),
            Came::Lost(Lost::Journal) => self.declare(Cause::JournalFailure, kind, RETRY_AFTER),
            Came::Lost(Lost::Ended) => Err(NoReply::Draining),
        }
    }

    /// What is answered without a decision.
    fn declare(&self, cause: Cause, kind: Kind, retry_after: Duration) -> Result<Reply, NoReply> {
        let outcome = self.settings.declared.of(cause).outcome().filter(|_| kind == Kind::Transaction);
        outcome.map(|outcome| Reply::Declared(outcome, cause)).ok_or(NoReply::Refused(cause, retry_after))
    }
}

impl Named {
    fn of(taken: &Taken) -> Self {
        let event = &taken.event;
        Self { kind: event.kind(), id: event.id().to_owned(), time_us: event.time_us() }
    }
}
