//! One connection, from its handshake to its end.
//!
//! Promises that none is open for longer than the bounds say without a request on it, whatever its client does or leaves
//! undone: a handshake, a first request, a header, the time between two requests.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hyper::body::Incoming;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::access::{Access, Who, peer_of};
use super::binary;
use super::clock::now;
use super::service::Service;
use super::settings::Bounds;
use super::tls;

/// What requests know of their connection.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    /// Whose it is known to be.
    pub(super) who: Option<Who>,
}

/// Whether connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Ending {
    No,
    /// Once their requests are answered.
    Soon,
    Now,
}

/// What is spoken on a listener.
pub(super) enum Speaks {
    Http(Router),
    Frames(Arc<Service>),
}

/// What every connection of a listener is served with.
pub(super) struct Doorman {
    pub(super) speaks: Speaks,
    pub(super) room: Arc<Semaphore>,
    pub(super) peers: Arc<Peers>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) access: Access,
    pub(super) bounds: Bounds,
    pub(super) ending: watch::Receiver<Ending>,
}

/// How many connections each peer has.
#[derive(Default)]
pub(super) struct Peers(Mutex<HashMap<u64, usize, FixedState>>);

/// One connection of a peer.
struct OfPeer {
    peers: Arc<Peers>,
    peer: u64,
}

impl Peers {
    fn take(self: &Arc<Self>, peer: u64, most: usize) -> Option<OfPeer> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = peers.entry(peer).or_insert(0);
        if *open >= most {
            return None;
        }
        *open += 1;
        Some(OfPeer { peers: Arc::clone(self), peer })
    }
}

impl Drop for OfPeer {
    fn drop(&mut self) {
        let mut peers = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = peers.get_mut(&self.peer) {
            *open -= 1;
            if *open == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

impl Doorman {
    /// Room for one more connection; none where no more are taken.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let mut ending = self.ending.clone();
        tokio::select! {
            room = Arc::clone(&self.room).acquire_owned() => room.ok(),
            _ = ending.wait_for(|ending| *ending > Ending::No) => None,
        }
    }

    /// Serves a connection from an address.
    pub(super) fn tcp(self: &Arc<Self>, stream: TcpStream, ip: IpAddr, room: OwnedSemaphorePermit) {
        let Some(of_peer) = self.peers.take(peer_of(ip), self.bounds.connections_per_peer_max) else {
            return;
        };
        // Small answers must not wait for more to send.
        let _ = stream.set_nodelay(true);
        let who = self.access.of_address(ip);
        let doorman = Arc::clone(self);
        tokio::spawn(async move {
            let Some(acceptor) = &doorman.tls else {
                doorman.serve(stream, who).await;
                drop((room, of_peer));
                return;
            };
            let handshake = acceptor.accept(stream);
            if let Ok(Ok(stream)) = tokio::time::timeout(doorman.bounds.handshake_timeout, handshake).await {
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let named = shown.and_then(|shown| doorman.access.of_certificate(&tls::names(shown)));
                doorman.serve(stream, named.or(who)).await;
            }
            drop((room, of_peer));
        });
    }

    /// Serves a connection on a Unix socket that is `owner`'s.
    pub(super) fn unix(self: &Arc<Self>, stream: UnixStream, owner: u32, room: OwnedSemaphorePermit) {
        let Ok(peer) = stream.peer_cred() else { return };
        let Some(of_peer) = self.peers.take(u64::from(peer.uid()), self.bounds.connections_per_peer_max)
        else {
            return;
        };
        let who = self.access.of_user(peer.uid(), peer.gid(), owner);
        let doorman = Arc::clone(self);
        tokio::spawn(async move {
            doorman.serve(stream, who).await;
            drop((room, of_peer));
        });
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let bounds = &self.bounds;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            // Who has said all that it will may still wait for its answer.
            .half_close(true)
            // A watch of our own tells a slow header from an idle connection.
            .header_read_timeout(None)
            .max_buf_size(bounds.header_bytes_max.max(HEADER_BYTES_LEAST))
            .max_headers(bounds.headers_max);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(bounds.header_bytes_max).unwrap_or(u32::MAX))
            .max_concurrent_streams(bounds.streams_max)
            .max_pending_accept_reset_streams(bounds.resets_max)
            .max_local_error_reset_streams(bounds.resets_max)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE);
        builder
    }

    /// Serves requests until the connection ends, or is ended.
    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, who: Option<Who>) {
        match &self.speaks {
            Speaks::Http(routes) => self.serve_http(routes, stream, who).await,
            Speaks::Frames(service) => binary::serve(stream, who, service, self.ending.clone()).await,
        }
    }

    async fn serve_http(
        &self,
        routes: &Router,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        who: Option<Who>,
    ) {
        let (in_use, connected) = (Arc::new(InUse::new()), Connected { who });
        let io = TokioIo::new(Watched { stream, in_use: Arc::clone(&in_use) });
        let (routes, begins) = (routes.clone(), Arc::clone(&in_use));
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let request_is_open = begins.request(request.version());
            request.extensions_mut().insert(connected.clone());
            let routes = routes.clone();
            async move {
                let response = routes.oneshot(request).await;
                drop(request_is_open);
                response
            }
        });
        let mut connection = pin!(self.builder().serve_connection(io, service).into_owned());
        let mut ending = self.ending.clone();
        let mut is_ending = false;
        let mut until: Option<Instant> = None;
        loop {
            let look_again = until.unwrap_or_else(|| now() + self.bounds.header_timeout / 2);
            tokio::select! {
                // What a client does to its connection is nobody else's matter.
                _ = connection.as_mut() => return,
                ended = told(&mut ending, is_ending) => match ended {
                    Ending::Soon => {
                        is_ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Ending::No | Ending::Now => return,
                },
                () = tokio::time::sleep_until(look_again.into()) => {
                    if until.is_some() {
                        return;
                    }
                    match in_use.due(&self.bounds) {
                        Due::Not => {}
                        Due::Header => return,
                        Due::Idle => {
                            connection.as_mut().graceful_shutdown();
                            until = Some(now() + IDLE_GOODBYE);
                        }
                    }
                }
            }
        }
    }
}

/// Waits until connections are to end, or to end at once.
pub(super) async fn told(ending: &mut watch::Receiver<Ending>, is_ending: bool) -> Ending {
    let before = if is_ending { Ending::Soon } else { Ending::No };
    // Where nobody is left to say so, it is time.
    ending.wait_for(|ending| *ending > before).await.map_or(Ending::Now, |ending| *ending)
}

/// What the buffer of a connection needs at least.
const HEADER_BYTES_LEAST: usize = 8_192;
/// Bytes of a body that an HTTP/2 client may send before they are read.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// The same of all bodies of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How long an idle connection has to end by itself.
const IDLE_GOODBYE: Duration = Duration::from_secs(1);

/// How a connection is used. Times are milliseconds since it began.
struct InUse {
    began: Instant,
    requests: AtomicUsize,
    /// When the last request was done.
    done_ms: AtomicU64,
    /// When the first bytes of what is to be a request came; [`NEVER`] where none did since the last one.
    header_ms: AtomicU64,
    is_http2: AtomicBool,
}

/// No time.
const NEVER: u64 = u64::MAX;

/// What is due.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Not,
    /// A header has taken too long.
    Header,
    /// Nothing was asked for too long.
    Idle,
}

impl InUse {
    fn new() -> Self {
        Self {
            began: now(),
            requests: AtomicUsize::new(0),
            done_ms: AtomicU64::new(0),
            // The first request is awaited like the rest of a header.
            header_ms: AtomicU64::new(0),
            is_http2: AtomicBool::new(false),
        }
    }

    fn ms(&self) -> u64 {
        u64::try_from((now() - self.began).as_millis()).unwrap_or(NEVER)
    }

    /// A request begins, until what is returned is dropped.
    fn request(self: &Arc<Self>, version: Version) -> RequestIsOpen {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.header_ms.store(NEVER, Ordering::Relaxed);
        self.is_http2.store(version == Version::HTTP_2, Ordering::Relaxed);
        RequestIsOpen(Arc::clone(self))
    }

    /// Bytes came.
    fn came(&self) {
        // What HTTP/2 sends between requests is no header.
        let is_http2 = self.is_http2.load(Ordering::Relaxed);
        if !is_http2 && self.requests.load(Ordering::Relaxed) == 0 {
            let (never, ms) = (NEVER, self.ms());
            let _ = self.header_ms.compare_exchange(never, ms, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn due(&self, bounds: &Bounds) -> Due {
        if self.requests.load(Ordering::Relaxed) > 0 {
            return Due::Not;
        }
        let over = |since_ms: u64, most: Duration| {
            u128::from(self.ms().saturating_sub(since_ms)) >= most.as_millis()
        };
        match self.header_ms.load(Ordering::Relaxed) {
            NEVER if over(self.done_ms.load(Ordering::Relaxed), bounds.idle_timeout) => Due::Idle,
            NEVER => Due::Not,
            since if over(since, bounds.header_timeout) => Due::Header,
            _ => Due::Not,
        }
    }
}

struct RequestIsOpen(Arc<InUse>);

impl Drop for RequestIsOpen {
    fn drop(&mut self) {
        self.0.done_ms.store(self.0.ms(), Ordering::Relaxed);
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that says when bytes come.
struct Watched<S> {
    stream: S,
    in_use: Arc<InUse>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        if into.filled().len() > before {
            this.in_use.came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
