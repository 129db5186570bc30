//! With what a sidecar is started: where it listens, who may ask, its bounds, and what is declared.
//!
//! Must never know where a value comes from, nor what is done with it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::access::Access;
use super::declared::Declared;
use super::listen::Listen;
use super::measure::Without;
use super::reading::UnknownFields;
use super::rules::Approvals;
use super::tls::Tls;

/// Bounds of the sidecar, each with what is done at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Events that wait for the engine; more are shed.
    pub queue_events_max: usize,
    /// Requests with events that are on their way, from their heads to their answers; more are answered 503 before their
    /// bodies are read. A caller with some gets another only where it then has at most three times what is left free: alone it
    /// has three quarters.
    pub requests_max: usize,
    /// Bytes of a body; a longer one is refused.
    pub body_bytes_max: usize,
    /// Bytes of a body that proposes a rule set, with its lists; a longer one is refused.
    pub rules_bytes_max: usize,
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
    /// Requests at one time on a connection of the binary door; more are not read before some are answered.
    pub frames_max: usize,
    /// Streams that a client opened and took back, and that are not done with; with more the connection is closed.
    pub resets_max: usize,
    /// How long open requests have to end when the process is told to.
    pub drain: Duration,
    /// Requests that read the journal at one time; more wait, until their deadlines.
    pub readers_max: usize,
    /// Bytes of the journal that one of them looks through for a payment that was told nothing lately, from its end on; what
    /// is older is not found.
    pub look_bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            queue_events_max: 65_536,
            requests_max: 4_096,
            body_bytes_max: 1 << 20,
            rules_bytes_max: 64 << 20,
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
            frames_max: 1_024,
            resets_max: 20,
            drain: Duration::from_secs(10),
            readers_max: 2,
            look_bytes_max: 4 << 30,
        }
    }
}

/// How long a body may be slower than [`Bounds::body_bytes_per_s_min`].
pub const BODY_GRACE: Duration = Duration::from_secs(2);

impl Bounds {
    /// By when more must come of a body that began then, and of which so many bytes came.
    pub(super) fn body_until(&self, began: Instant, came: usize) -> Instant {
        // What has come buys time at the least rate.
        let bought = Duration::from_secs_f64(came as f64 / self.body_bytes_per_s_min.max(1) as f64);
        began + self.body_timeout.min(BODY_GRACE + bought)
    }
}

/// With what a sidecar is started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where to listen on TCP.
    pub listen: Listen,
    /// Where to listen for frames, as `docs/binary.md` has them; nowhere by default.
    pub binary: Listen,
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
    /// How many approvals a rule set needs to be taken up by request, and whose.
    pub approvals: Approvals,
    /// A rule file that is taken up whenever it changes, for development.
    pub follow: Option<PathBuf>,
    /// From when on a request is told in the log as slow; none is where it is nought.
    pub slow: Duration,
    /// Whether a snapshot is written at the end.
    pub snapshot_on_exit: bool,
    /// The journal's folder, to read beside the engine.
    pub journal: PathBuf,
    /// Where events go that are answered though the journal has failed; needed where that is declared, and best on another
    /// disk than the journal's.
    pub resend: Option<PathBuf>,
    /// What is left out to be measured against.
    pub without: Without,
}
