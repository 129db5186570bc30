//! The sidecar: one engine behind a bounded queue, answered over HTTP, and over frames on the binary door.
//!
//! ```text
//!  connections        queue            engine thread          release thread       connections
//!  bytes ─▶ event ─▶ [ bounded ] ─▶ step, journal append ─▶ wait for the disk ─▶ answer
//!             └────────────── ticket: each side says how far it is, under a deadline ──────────┘
//! ```
//!
//! Promises that every request is answered by its deadline, by the engine or as was declared; that an answer says so where
//! it is not the engine's own or not on disk; and that memory is bounded by the configuration. Knows tokio, as
//! only the client and `backtest` do beside it. Must never know what a rule means or how a window is kept.

/// Who may ask for what.
mod access;
/// Frames in, answers out.
mod binary;
/// Time and chance, in one place.
mod clock;
/// The configuration.
pub mod config;
/// One connection, from its handshake to its end.
mod connection;
/// What was done so far.
mod counts;
/// What is answered where there is no decision in time.
mod declared;
/// The engine's thread.
mod engine;
/// Requests on their way.
mod flights;
/// Routes, problems and what they read and write.
mod http;
/// What can be asked.
mod interface;
/// What payments were told.
mod known;
/// Sockets and the connections on them.
mod listen;
/// What is told of requests.
mod log;
/// What was decided before.
mod looking;
/// What is left out to be measured against.
mod measure;
/// What can be measured.
mod metrics;
/// What the engine's thread is asked to do.
mod order;
/// What waits for the engine.
mod queue;
/// Bodies to events.
mod reading;
/// What waits for the disk.
mod release;
/// Rule sets by request.
mod rules;
/// What all connections share.
mod service;
/// With what it is started.
mod settings;
/// What is used again.
mod spare;
/// One request on its way.
mod ticket;
/// Certificates.
mod tls;

pub use access::{Access, AccessError, Caller, Proof, Scope};
pub use counts::Figures;
pub use declared::{Cause, Declaration, Declared, DeclaredError};
pub use engine::{Opener, Opening, Ready};
pub use interface::openapi;
pub use listen::{Address, Listen, ServeError, check};
pub use measure::Without;
#[doc(hidden)]
pub use reading::Bodies;
pub use reading::UnknownFields;
pub use rules::{Approvals, Approver, ApproversError};
pub use settings::{BODY_GRACE, Bounds, Settings};
pub use tls::{Tls, TlsError};

use std::sync::Arc;

use engine::Engine;
use service::Service;

/// Serves until `stop` is done: then no connection is taken any more, those that are open end their requests, what waits
/// for the engine is decided, and the journal is closed; gives what was done. `ready` is told the addresses that are listened on.
///
/// # Errors
///
/// Where an address can't be listened on, or the engine can't be opened or ends with an error.
pub async fn serve(
    settings: Settings,
    open: Opener,
    ready: impl FnOnce(&[Address]),
    stop: impl Future<Output = ()>,
) -> Result<Figures, ServeError> {
    let sockets = listen::bind(&settings).await?;
    ready(&sockets.addresses());
    let service = Arc::new(Service::new(settings));
    let listeners = sockets.start(&service);
    let mut engine = Engine::start(Arc::clone(&service), open)?;
    let follows = rules::follow(&service);
    let failed = engine.failed();
    let ended = tokio::select! {
        () = stop => Ok(()),
        why = failed => Err(why),
    };
    if let Some(follows) = follows {
        follows.abort();
    }
    service.drain();
    tracing::info!(drain_us = service.settings.bounds.drain.as_micros() as u64, "draining");
    listeners.close(service.settings.bounds.drain).await;
    service.queue.close();
    tokio::task::spawn_blocking(move || engine.join()).await.unwrap_or_else(|_| Err(ServeError::Panicked))?;
    ended.map(|()| service.figures())
}
