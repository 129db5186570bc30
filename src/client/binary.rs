//! The client of a sidecar's binary door: one connection, on which many calls are under way at a time.
//!
//! Promises what [`Client`](super::Client) promises, by the same tries and waits. A connection that breaks, or that says
//! nothing for half of the client's deadline while a call waits in vain, is made again by the next call; the calls that were on it try again on
//! the new one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::connect::{Connector, Stream, Target, TargetError};
use super::retry::{Backoff, Next, Tried};
use super::{ANSWER_BYTES_MAX, Answer, Body, ClientError, ClientSettings, Decision, Problem, Trouble, times};
use crate::decision::Outcome;
use crate::frames::{
    self, ALERT, ALPN, BRIEF, CAUSES, DURABLE, HEADER_BYTES, Header, Hello, OUTCOMES, Type, Welcome,
};
use crate::server::Cause;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;
/// How long a connection must say nothing, though it was asked, until a call that gives up ends it: half of the client's deadline, so that
/// a call with less time than that does not end it for all others because the sidecar stands still for a moment, and at least this, which is
/// longer than a round trip.
const SILENCE_MIN: Duration = Duration::from_millis(100);

/// What a header says of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// What is to happen with the payment.
    pub outcome: Outcome,
    /// Why this was declared and not decided, where it was. It stands all the same.
    pub declared: Option<Cause>,
    /// Whether it is on the sidecar's disk.
    pub durable: bool,
    /// Whether a person should look.
    pub alert: bool,
}

impl Brief {
    fn read(header: &Header) -> Result<Self, ClientError> {
        let unknown = |what| ClientError::Unreadable(format!("it has {what} that this client does not know"));
        let word =
            |words: &[&'static str], number: u8| words.get(usize::from(number)).copied().unwrap_or_default();
        let outcome =
            Outcome::from_name(word(&OUTCOMES, header.outcome)).ok_or_else(|| unknown("an outcome"))?;
        let cause = word(&CAUSES, header.cause);
        let declared = Cause::ALL.into_iter().find(|known| known.name() == cause);
        if declared.is_none() && header.cause > 0 {
            return Err(unknown("a cause"));
        }
        let has = |flag| header.flags & flag != 0;
        Ok(Self { outcome, declared, durable: has(DURABLE), alert: has(ALERT) })
    }
}

/// A client of one sidecar over frames. Cheap to clone: clones share their connection.
///
/// ```no_run
/// use weir::client::{Binary, ClientSettings};
///
/// # async fn pay() -> Result<(), Box<dyn std::error::Error>> {
/// let weir = Binary::new("unix:/run/weir/frames.sock", ClientSettings::default())?;
/// let payment = r#"{"id":"t-1","time_us":1795341600000000,"amount_minor":250000,"currency":"VND","account":"0123"}"#;
/// let outcome = weir.decide_briefly(payment).await?.outcome;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Binary {
    shared: Arc<Shared>,
    deadline: Duration,
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binary").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// An answer: its header and its payload.
type Came = (Header, Vec<u8>);

struct Shared {
    connector: Connector,
    token: Vec<u8>,
    try_timeout: Option<Duration>,
    silence: Duration,
    link: Mutex<Option<Arc<Link>>>,
    /// Held while a connection is made, so that one is.
    connecting: tokio::sync::Mutex<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(link) = self.link.get_mut().unwrap_or_else(PoisonError::into_inner) {
            link.end("nobody needs it any more".to_owned());
        }
    }
}

/// A connection.
struct Link {
    wire: Mutex<Wire>,
    /// There is something to write.
    wake: Notify,
    /// Calls that may be under way.
    room: Semaphore,
    payload_bytes_max: usize,
    /// How long nothing must have come before a call that gives up ends it.
    silence: Duration,
}

#[derive(Default)]
struct Wire {
    out: Vec<u8>,
    waiting: HashMap<u64, oneshot::Sender<Came>, FixedState>,
    last_id: u64,
    /// Since when a request has been there and nothing has come.
    silent_since: Option<Instant>,
    broken: Option<String>,
    task: Option<AbortHandle>,
}

/// A call that waits, until it is dropped.
struct Waits<'l> {
    link: &'l Link,
    id: u64,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut wire = self.link.lock();
        let gives_up = wire.waiting.remove(&self.id).is_some();
        let is_silent = wire.silent_since.is_some_and(|since| since.elapsed() >= self.link.silence);
        drop(wire);
        if gives_up && is_silent {
            self.link.end("it says nothing any more".to_owned());
        }
    }
}

/// Why there is no connection.
enum NoLink {
    /// The sidecar refuses it.
    Refused(Problem, Option<Duration>),
    Trouble(Trouble),
}

impl From<std::io::Error> for NoLink {
    fn from(error: std::io::Error) -> Self {
        Self::Trouble(Trouble::Connect(super::error::chain(&error)))
    }
}

impl Link {
    fn new(welcome: Welcome, silence: Duration) -> Self {
        Self {
            silence,
            wire: Mutex::default(),
            wake: Notify::new(),
            room: Semaphore::new((welcome.in_flight_max as usize).clamp(1, Semaphore::MAX_PERMITS)),
            payload_bytes_max: welcome.payload_bytes_max as usize,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wire> {
        // Nothing panics while it is held, and whole is what it is.
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request; its id, and where its answer comes.
    fn send(&self, header: Header, body: &[u8]) -> Result<(u64, oneshot::Receiver<Came>), Trouble> {
        let mut wire = self.lock();
        if let Some(why) = &wire.broken {
            return Err(Trouble::Broken(why.clone()));
        }
        wire.last_id += 1;
        let id = wire.last_id;
        Header { id, ..header }.write(body, &mut wire.out);
        let (tell, answer) = oneshot::channel();
        wire.waiting.insert(id, tell);
        wire.silent_since.get_or_insert_with(Instant::now);
        drop(wire);
        self.wake.notify_one();
        Ok((id, answer))
    }

    /// Nothing goes over it any more.
    fn end(&self, why: String) {
        let mut wire = self.lock();
        wire.broken.get_or_insert(why);
        wire.waiting.clear();
        if let Some(task) = wire.task.take() {
            task.abort();
        }
    }

    fn why(&self) -> String {
        self.lock().broken.clone().unwrap_or_else(|| "it was closed".to_owned())
    }

    /// Gives a frame to the call that waits for it; why the connection is to end, where it says that. What another version may have
    /// to say besides is passed over.
    fn came(&self, header: Header, payload: &[u8]) -> Result<(), String> {
        let kind = Type::from_byte(header.kind);
        if !matches!(kind, Some(Type::Decision | Type::Taken | Type::Problem)) {
            return Ok(());
        }
        if let Some(tell) = self.lock().waiting.remove(&header.id) {
            // Whoever does not wait any more has its answer the next time.
            let _ = tell.send((header, payload.to_vec()));
        } else if header.id == 0 && kind == Some(Type::Problem) {
            return Err(problem(&header, payload).0.to_string());
        }
        Ok(())
    }

    /// Reads answers until the connection ends.
    async fn reads(&self, mut stream: impl AsyncRead + Unpin, mut held: Vec<u8>) -> String {
        loop {
            let mut taken = 0;
            loop {
                match frames::read(held.get(taken..).unwrap_or_default(), ANSWER_BYTES_MAX as u32) {
                    Ok(None) => break,
                    Ok(Some((header, payload))) => {
                        if let Err(why) = self.came(header, payload) {
                            return why;
                        }
                        taken += HEADER_BYTES + payload.len();
                    }
                    Err(error) => return error.to_string(),
                }
            }
            held.drain(..taken);
            held.reserve(READ_BYTES);
            match stream.read_buf(&mut held).await {
                Ok(0) => return "the sidecar closed it".to_owned(),
                Ok(_) => self.lock().silent_since = None,
                Err(error) => return super::error::chain(&error),
            }
        }
    }

    /// Writes requests until the connection ends.
    async fn writes(&self, mut stream: impl AsyncWrite + Unpin) -> String {
        let mut batch = Vec::new();
        loop {
            batch.clear();
            std::mem::swap(&mut self.lock().out, &mut batch);
            let written = async {
                stream.write_all(&batch).await?;
                stream.flush().await
            };
            match written.await {
                Ok(()) if batch.is_empty() => self.wake.notified().await,
                Ok(()) => {}
                Err(error) => return super::error::chain(&error),
            }
        }
    }
}

/// What a problem frame says, and when to try again.
fn problem(header: &Header, payload: &[u8]) -> (Problem, Option<Duration>) {
    let status = u16::try_from(header.timeout_or_status).unwrap_or_default();
    let after = Some(header.retry_after_ms).filter(|ms| *ms > 0);
    (Problem::read(status, payload), after.map(|ms| Duration::from_millis(ms.into())))
}

/// What the sidecar says first, with what came behind it.
async fn welcome(stream: &mut Stream, token: &[u8]) -> Result<(Welcome, Vec<u8>), NoLink> {
    let unreadable = |what: &str| NoLink::Trouble(Trouble::Connect(format!("it is no binary door: {what}")));
    let mut out = Vec::new();
    let hello = Hello { token };
    hello.write(&mut out).map_err(|error| NoLink::Trouble(Trouble::Unsent(error.to_string())))?;
    stream.write_all(&out).await?;
    stream.flush().await?;
    let mut held = Vec::with_capacity(READ_BYTES);
    loop {
        match frames::read(&held, ANSWER_BYTES_MAX as u32) {
            Err(error) => return Err(unreadable(&error.to_string())),
            Ok(None) => {}
            Ok(Some((header, payload))) if header.kind == Type::Problem as u8 => {
                let (problem, retry_after) = problem(&header, payload);
                return Err(NoLink::Refused(problem, retry_after));
            }
            Ok(Some((_, payload))) => {
                let welcome = Welcome::read(payload).ok_or_else(|| unreadable("it says no welcome"))?;
                let taken = frames::bytes_of(&held).unwrap_or(held.len());
                held.drain(..taken);
                return Ok((welcome, held));
            }
        }
        if stream.read_buf(&mut held).await? == 0 {
            return Err(NoLink::Trouble(Trouble::Connect("it was closed before a word".to_owned())));
        }
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn well(&self) -> Option<Arc<Link>> {
        self.held().clone().filter(|link| link.lock().broken.is_none())
    }

    /// The connection, which is made where there is none that is well.
    async fn link(&self) -> Result<Arc<Link>, NoLink> {
        if let Some(link) = self.well() {
            return Ok(link);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(link) = self.well() {
            return Ok(link);
        }
        let mut stream = self.connector.clone().connect().await?;
        let (welcome, held) = welcome(&mut stream, &self.token).await?;
        let link = Arc::new(Link::new(welcome, self.silence));
        let on = Arc::clone(&link);
        let task = tokio::spawn(async move {
            let (reader, writer) = tokio::io::split(stream);
            let why = tokio::select! {
                why = on.reads(reader, held) => why,
                why = on.writes(writer) => why,
            };
            on.end(why);
        });
        link.lock().task = Some(task.abort_handle());
        *self.held() = Some(Arc::clone(&link));
        Ok(link)
    }
}

impl Binary {
    /// Of the sidecar whose binary door is at `target`: `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`. Connects at the
    /// first call, which must be made in a tokio runtime with its IO and time on. Of the settings, those of idle connections
    /// say nothing here: there is one connection, and it is kept.
    ///
    /// # Errors
    ///
    /// Where the target is none of these, its TLS can't be, or the token is none.
    pub fn new(target: &str, settings: ClientSettings) -> Result<Self, TargetError> {
        let target = Arc::new(Target::parse_binary(target)?);
        let connector = Connector::new(target, settings.tls.as_ref(), settings.connect_timeout, &[ALPN])?;
        let token = settings.token.unwrap_or_default().into_bytes();
        if token.len() > frames::TOKEN_BYTES_MAX {
            return Err(TargetError::Token);
        }
        let (link, connecting) = Default::default();
        let (try_timeout, silence) = (settings.try_timeout, SILENCE_MIN.max(settings.deadline / 2));
        let shared = Shared { connector, token, try_timeout, silence, link, connecting };
        Ok(Self { shared: Arc::new(shared), deadline: settings.deadline })
    }

    /// The same with another deadline for each call.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// The decision on a transaction.
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`](super::Client::decide).
    pub async fn decide<'a>(&self, transaction: impl Into<Body<'a>>) -> Result<Decision, ClientError> {
        Decision::read(self.call(Type::Decide, 0, transaction.into()).await?.1)
    }

    /// The same without its line: what a gateway goes by, and no more bytes than that takes.
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`](super::Client::decide).
    pub async fn decide_briefly<'a>(&self, transaction: impl Into<Body<'a>>) -> Result<Brief, ClientError> {
        Brief::read(&self.call(Type::Decide, BRIEF, transaction.into()).await?.0)
    }

    /// What a customer answered to the step-up of the transaction that it names.
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`](super::Client::decide).
    pub async fn authenticate<'a>(&self, authentication: impl Into<Body<'a>>) -> Result<Answer, ClientError> {
        Answer::read(self.call(Type::Authenticate, 0, authentication.into()).await?.1)
    }

    /// Any other event: an execution, a reversal, a login, a change, ...
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`](super::Client::decide).
    pub async fn event<'a>(&self, event: impl Into<Body<'a>>) -> Result<Answer, ClientError> {
        Answer::read(self.call(Type::Event, 0, event.into()).await?.1)
    }

    /// Sends until there is an answer that sending again does not change, or no time.
    async fn call(&self, kind: Type, flags: u8, body: Body<'_>) -> Result<Came, ClientError> {
        let (body, until) = (body.bytes(), Instant::now() + self.deadline);
        let mut backoff = Backoff::default();
        loop {
            let (left, _) = times(until, self.shared.try_timeout);
            let try_until = Instant::now() + left;
            let tried = tokio::time::timeout_at(try_until, self.once(kind, flags, &body, try_until));
            match backoff.after(tried.await.unwrap_or(Err(Trouble::Late)), until) {
                Next::Done(done) => return done,
                Next::Again(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// One try.
    async fn once(&self, kind: Type, flags: u8, body: &[u8], until: Instant) -> Result<Tried<Came>, Trouble> {
        let link = match self.shared.link().await {
            Ok(link) => link,
            Err(NoLink::Refused(problem, retry_after)) => return Ok(Tried::Problem(problem, retry_after)),
            Err(NoLink::Trouble(trouble)) => return Err(trouble),
        };
        if body.len() > link.payload_bytes_max {
            // It would take the connection, and all that is under way on it, along.
            return Ok(Tried::Problem(too_large(link.payload_bytes_max), None));
        }
        let _room = link.room.acquire().await;
        let (_, tell) = times(until, None);
        let timeout_us = u32::try_from(tell.as_micros().max(1)).unwrap_or(u32::MAX);
        let header = Header { kind: kind as u8, flags, timeout_or_status: timeout_us, ..Header::default() };
        let (id, answer) = link.send(header, body)?;
        let waits = Waits { link: &link, id };
        let (header, payload) = answer.await.map_err(|_| Trouble::Broken(link.why()))?;
        drop(waits);
        if header.kind == Type::Problem as u8 {
            let (problem, retry_after) = problem(&header, &payload);
            return Ok(Tried::Problem(problem, retry_after));
        }
        Ok(Tried::Done((header, payload)))
    }
}

/// What the sidecar would say of a body that is longer than it takes.
fn too_large(most: usize) -> Problem {
    Problem {
        kind: "urn:weir:problem:body-too-large".to_owned(),
        title: "The body is too large".to_owned(),
        status: 413,
        detail: format!("such a body has at most {most} bytes"),
        event: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_is_to_happen() {
        let header = |outcome, cause, flags| Header { outcome, cause, flags, ..Header::default() };
        let brief = Brief::read(&header(2, 0, DURABLE | ALERT)).unwrap();
        let is = Brief { outcome: Outcome::StepUp, declared: None, durable: true, alert: true };
        assert_eq!(brief, is);
        let brief = Brief::read(&header(3, 3, 0)).unwrap();
        assert_eq!((brief.outcome, brief.declared), (Outcome::Block, Some(Cause::JournalFailure)));
        for (outcome, cause) in [(0, 0), (4, 0), (1, 5)] {
            assert!(Brief::read(&header(outcome, cause, 0)).is_err(), "{outcome} {cause}");
        }
    }

    fn link() -> Link {
        Link::new(Welcome { payload_bytes_max: 0, in_flight_max: 9 }, SILENCE_MIN)
    }

    #[tokio::test]
    async fn answers_are_found_however_their_bytes_are_cut() {
        let link = link();
        let answers: Vec<_> = (0..3).map(|_| link.send(Header::default(), b"asked").unwrap()).collect();
        let mut bytes = Vec::new();
        for (id, _) in &answers {
            let payload = vec![b'a'; *id as usize];
            // What is none of the answers is passed over.
            for kind in [0x99, Type::Welcome as u8, Type::Decision as u8] {
                Header { kind, id: *id, ..Header::default() }.write(&payload, &mut bytes);
            }
        }
        let (came, rest) = bytes.split_at(60);
        let (mut far, near) = tokio::io::duplex(7);
        let (why, ()) = tokio::join!(link.reads(near, came.to_vec()), async move {
            far.write_all(rest).await.unwrap();
        });
        assert_eq!(why, "the sidecar closed it");
        for (id, answer) in answers {
            assert_eq!(answer.await.unwrap().1.len() as u64, id);
        }
    }

    #[test]
    fn no_token_is_shown() {
        let settings = ClientSettings { token: Some("secret".to_owned()), ..ClientSettings::default() };
        let weir = Binary::new("tcp://127.0.0.1:1", settings).unwrap();
        assert!(!format!("{weir:?}").contains("secret"), "{weir:?}");
        let long = ClientSettings { token: Some("s".repeat(300)), ..ClientSettings::default() };
        assert!(matches!(Binary::new("tcp://127.0.0.1:1", long), Err(TargetError::Token)));
    }
}
