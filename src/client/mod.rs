//! The client of a sidecar, for gateways in Rust: what [`crate::server`] answers, typed.
//!
//! Promises that a call ends by its deadline, whatever the sidecar or the network does; that what is sent again counts once,
//! since every event has an id and the sidecar answers an id that it knows as it did before; and that nothing which was
//! refused (4xx) is sent again. Reads no file, and shows no token. Must never decide anything: where there is no answer, it
//! says so.

/// What a sidecar answers, typed.
mod answer;
/// Many transactions at a time.
mod batch;
/// The same over frames.
mod binary;
/// Connections to a sidecar.
mod connect;
/// Why there is no answer.
mod error;
/// When to send again.
mod retry;

pub use answer::{Answer, Decision, Readiness, Taken};
pub use binary::{Binary, Brief};
pub use connect::{ClientTls, Target, TargetError};
pub use error::{ClientError, Problem, Trouble};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use crate::event::Event;
use crate::io::write_event;
use connect::Connector;
use retry::{Backoff, Next, Tried};

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long before a call's deadline the sidecar is to answer, so that its answer is back in time; an eighth of what is
/// left where that is less.
const WAY_BACK: Duration = Duration::from_millis(10);
/// How long the sidecar may wait for its answer.
const TIMEOUT: &str = "weir-timeout-ms";
/// How often an HTTP/2 connection with requests on it is asked whether it is still there, and how long it has to say so.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_WAITS: Duration = Duration::from_secs(1);

/// With what a [`Client`] is made.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// How long a call may take, all tries together.
    pub deadline: Duration,
    /// How long one try may take before the next begins; all that is left of the deadline where there is none. The sidecar
    /// is told the same, so with less than its own deadline it answers as is declared sooner.
    pub try_timeout: Option<Duration>,
    /// How long a connection, with its TLS handshake, may take to come about.
    pub connect_timeout: Duration,
    /// How long a connection without a request is kept; less than the sidecar's `bounds.idle_timeout`.
    pub idle_timeout: Duration,
    /// Connections without a request that are kept at most.
    pub idle_connections_max: usize,
    /// The bearer token that says who asks.
    pub token: Option<String>,
    /// Whom to trust and what to show, where the target is `https`.
    pub tls: Option<ClientTls>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(500),
            try_timeout: None,
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(30),
            idle_connections_max: 64,
            token: None,
            tls: None,
        }
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSettings")
            .field("deadline", &self.deadline)
            .field("try_timeout", &self.try_timeout)
            .field("has_token", &self.token.is_some())
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// What is sent: an event, or the JSON of one.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// An event.
    Event(&'a Event),
    /// JSON, sent as it is.
    Json(&'a [u8]),
}

impl<'a> From<&'a Event> for Body<'a> {
    fn from(event: &'a Event) -> Self {
        Self::Event(event)
    }
}

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(json: &'a [u8]) -> Self {
        Self::Json(json)
    }
}

impl<'a> From<&'a str> for Body<'a> {
    fn from(json: &'a str) -> Self {
        Self::Json(json.as_bytes())
    }
}

impl<'a> From<&'a String> for Body<'a> {
    fn from(json: &'a String) -> Self {
        Self::Json(json.as_bytes())
    }
}

impl Body<'_> {
    /// Its bytes behind those that are there.
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Event(event) => {
                // A buffer takes all that is written to it.
                let _ = write_event(event, out);
                out.pop();
            }
            Self::Json(json) => out.extend_from_slice(json),
        }
    }

    fn bytes(self) -> Bytes {
        let mut bytes = Vec::with_capacity(512);
        self.write(&mut bytes);
        bytes.into()
    }
}

/// A client of one sidecar. Cheap to clone: clones share their connections.
///
/// ```no_run
/// use std::time::Duration;
///
/// use weir::client::{Client, ClientError, ClientSettings};
/// use weir::decision::Outcome;
///
/// # async fn pay() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = ClientSettings { deadline: Duration::from_millis(300), ..ClientSettings::default() };
/// let weir = Client::new("unix:/run/weir/weir.sock", settings)?;
/// let payment = r#"{"id":"t-1","time_us":1795341600000000,"amount_minor":250000,"currency":"VND","account":"0123"}"#;
/// match weir.decide(payment).await {
///     Ok(decision) => match decision.outcome {
///         Outcome::Allow => {} // execute it, and report that with `event`
///         Outcome::StepUp => {} // ask for one of each of `decision.auth`, then `authenticate`
///         Outcome::Block => {}
///     },
///     // It was not sent well, and sending it again changes nothing.
///     Err(ClientError::Refused(problem)) => return Err(problem.into()),
///     // There is no decision: the gateway's own rule holds for this payment.
///     Err(error) => eprintln!("{error}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    target: Arc<Target>,
    http: legacy::Client<Connector, Full<Bytes>>,
    bearer: Option<HeaderValue>,
    deadline: Duration,
    try_timeout: Option<Duration>,
}

/// What came of one try.
struct Came {
    status: StatusCode,
    /// How long whoever answered wants to be left alone.
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Came {
    fn tried(self) -> Tried<Vec<u8>> {
        if self.status.is_success() {
            return Tried::Done(self.body);
        }
        Tried::Problem(Problem::read(self.status.as_u16(), &self.body), self.retry_after)
    }
}

/// How long one of the tries that share what is left may take, and how long the sidecar may take for it.
fn times(until: Instant, try_timeout: Option<Duration>) -> (Duration, Duration) {
    let left = until.saturating_duration_since(Instant::now());
    let left = try_timeout.map_or(left, |most| most.min(left));
    (left, left - WAY_BACK.min(left / 8))
}

impl Client {
    /// Of the sidecar at `target`: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`. Connects at the first call, which
    /// must be made in a tokio runtime with its IO and time on.
    ///
    /// # Errors
    ///
    /// Where the target is none of these, its TLS can't be, or the token is none.
    pub fn new(target: &str, settings: ClientSettings) -> Result<Self, TargetError> {
        let target = Arc::new(Target::parse(target)?);
        let connector = Connector::new(
            Arc::clone(&target),
            settings.tls.as_ref(),
            settings.connect_timeout,
            &[b"h2", b"http/1.1"],
        )?;
        let bearer = settings.token.as_deref().map(bearer).transpose()?;
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(settings.idle_connections_max)
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_WAITS)
            // Tries are counted here alone.
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { target, http, bearer, deadline: settings.deadline, try_timeout: settings.try_timeout })
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
    /// Where it is refused, or there is no answer by the deadline; it may then have been decided all the same, and the same
    /// id with the same content is answered as it was.
    pub async fn decide<'a>(&self, transaction: impl Into<Body<'a>>) -> Result<Decision, ClientError> {
        let body = transaction.into().bytes();
        Decision::read(self.call(Method::POST, "/v1/decisions", body).await?)
    }

    /// What a customer answered to the step-up of a transaction, given that transaction's id: with a rule set that leads the
    /// dialogue the decision that follows.
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`].
    pub async fn authenticate<'a>(
        &self,
        transaction: &str,
        authentication: impl Into<Body<'a>>,
    ) -> Result<Answer, ClientError> {
        let path = of_transaction(transaction, "/authentication", None);
        Answer::read(self.call(Method::POST, &path, authentication.into().bytes()).await?)
    }

    /// Any other event: an execution, a reversal, a login, a change, ...
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`].
    pub async fn event<'a>(&self, event: impl Into<Body<'a>>) -> Result<Answer, ClientError> {
        Answer::read(self.call(Method::POST, "/v1/events", event.into().bytes()).await?)
    }

    /// What was decided on a transaction, as JSON, from the sidecar's journal; whose it is, where the caller is bound to no
    /// tenant and the transaction has one.
    ///
    /// # Errors
    ///
    /// As those of [`Client::decide`]; one that is not known, or not on disk yet, is refused with status 404.
    pub async fn decision(&self, transaction: &str, tenant: Option<&str>) -> Result<Vec<u8>, ClientError> {
        self.get(&of_transaction(transaction, "", tenant)).await
    }

    /// Why it was decided so: each rule with the values put in.
    ///
    /// # Errors
    ///
    /// As those of [`Client::decision`].
    pub async fn explanation(&self, transaction: &str, tenant: Option<&str>) -> Result<Vec<u8>, ClientError> {
        self.get(&of_transaction(transaction, "/explanation", tenant)).await
    }

    /// Whether it decides, and if not why. Asked once.
    ///
    /// # Errors
    ///
    /// Where nobody answers, or not as a sidecar does.
    pub async fn ready(&self) -> Result<Readiness, ClientError> {
        let until = Instant::now() + self.deadline;
        match self.once(&Method::GET, "/readyz", &Bytes::new(), until).await {
            Ok(came) => Readiness::read(came.status == StatusCode::OK, came.body),
            Err(last) => Err(ClientError::Unanswered { tries: 1, last }),
        }
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Sends until there is an answer that sending again does not change, or no time.
    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Vec<u8>, ClientError> {
        let until = Instant::now() + self.deadline;
        self.call_until(&method, path, &body, until, &mut Backoff::default()).await
    }

    async fn call_until(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
        until: Instant,
        backoff: &mut Backoff,
    ) -> Result<Vec<u8>, ClientError> {
        loop {
            let came = self.once(method, path, body, until).await;
            match backoff.after(came.map(Came::tried), until) {
                Next::Done(done) => return done,
                Next::Again(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    /// One try.
    async fn once(&self, method: &Method, path: &str, body: &Bytes, until: Instant) -> Result<Came, Trouble> {
        let (left, tell) = times(until, self.try_timeout);
        let tell = tell.as_millis().max(1);
        let mut request = Request::builder()
            .method(method)
            .uri(self.target.uri(path))
            .header(CONTENT_TYPE, "application/json")
            .header(TIMEOUT, tell.to_string());
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        let request =
            request.body(Full::new(body.clone())).map_err(|error| Trouble::Unsent(error.to_string()))?;
        let answer = async {
            let response = self.http.request(request).await?;
            let status = response.status();
            let header = |name| response.headers().get(name)?.to_str().ok()?.trim().parse().ok();
            let retry_after = header(RETRY_AFTER).map(Duration::from_secs);
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Trouble::Broken(error::chain(&*error)))?;
            Ok(Came { status, retry_after, body: body.to_bytes().into() })
        };
        tokio::time::timeout(left, answer).await.unwrap_or(Err(Trouble::Late))
    }
}

/// The header that shows a token, which no message repeats.
fn bearer(token: &str) -> Result<HeaderValue, TargetError> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| TargetError::Token)?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// The path of what is asked about a transaction.
fn of_transaction(id: &str, what: &str, tenant: Option<&str>) -> String {
    let tenant = tenant.map(|tenant| format!("?tenant={}", in_path(tenant)));
    format!("/v1/decisions/{}{what}{}", in_path(id), tenant.unwrap_or_default())
}

/// A text as part of a path or of a query.
fn in_path(id: &str) -> String {
    let mut path = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // A full stop too, so that no id is a step in the path.
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_part_of_a_path() {
        for (id, path) in
            [("t-1_a~", "t-1_a~"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", "%2E%2E"), ("đ %", "%C4%91%20%25")]
        {
            assert_eq!(in_path(id), path);
        }
        assert_eq!(
            of_transaction("a/b", "/explanation", Some("n&s")),
            "/v1/decisions/a%2Fb/explanation?tenant=n%26s"
        );
    }

    #[test]
    fn no_token_is_shown() {
        let settings = ClientSettings { token: Some("secret".to_owned()), ..ClientSettings::default() };
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
        let client = Client::new("http://127.0.0.1:1", settings).unwrap();
        assert!(!format!("{client:?}").contains("secret"), "{client:?}");
        let bad = ClientSettings { token: Some("a\nsecret".to_owned()), ..ClientSettings::default() };
        let error = Client::new("http://127.0.0.1:1", bad).unwrap_err().to_string();
        assert!(error.contains("token") && !error.contains("secret"), "{error}");
    }
}
