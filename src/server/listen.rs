//! Sockets and the connections on them: bounded in number, in the time for a header, and ended in order.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::http;
use super::service::Service;
use crate::io::{ChunkError, listen_unix};
use crate::journal::RecordedError;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// On TCP.
    pub tcp: Option<SocketAddr>,
    /// On a Unix socket.
    pub unix: Option<PathBuf>,
    /// The permissions of the Unix socket, as `chmod` takes them.
    pub unix_mode: u32,
}

impl Default for Listen {
    fn default() -> Self {
        Self { tcp: None, unix: None, unix_mode: 0o660 }
    }
}

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Why it can't serve, or ends.
#[derive(Debug, Error)]
pub enum ServeError {
    /// An address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: Address,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
    /// The engine can't be opened.
    #[error(transparent)]
    Open(Box<dyn std::error::Error + Send + Sync>),
    /// What is declared can't be.
    #[error(transparent)]
    Declared(#[from] super::declared::DeclaredError),
    /// Events that are answered without the journal can't be kept.
    #[error(transparent)]
    Resend(#[from] crate::journal::ResendError),
    /// The journal has failed, and answers went on without it.
    #[error(
        "{}; {} answers are not durable, and {} events are in {}: once the journal is well, score them with it (--resent --input {})",
        .0.poisoned, .0.answers, .0.events, .0.path.display(), .0.path.display()
    )]
    Unkept(Box<crate::journal::Unkept>),
    /// The journal has failed, or can't be closed.
    #[error(transparent)]
    Journal(RecordedError),
    /// What left memory has failed.
    #[error("the log lost a part on the disk: {0}")]
    Spill(Arc<ChunkError>),
    /// A thread has ended by a mistake of ours.
    #[error("the engine's thread has ended unexpectedly; what was answered as durable is in the journal")]
    Panicked,
}

/// Sockets that are bound.
pub(super) struct Sockets {
    tcp: Option<(SocketAddr, TcpListener)>,
    unix: Option<(PathBuf, UnixListener)>,
}

/// Binds all sockets.
pub(super) async fn bind(listen: &Listen) -> Result<Sockets, ServeError> {
    let mut sockets = Sockets { tcp: None, unix: None };
    if let Some(wanted) = listen.tcp {
        let failed = |source| ServeError::Listen { address: Address::Tcp(wanted), source };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        sockets.tcp = Some((listener.local_addr().map_err(failed)?, listener));
    }
    if let Some(path) = &listen.unix {
        let failed = |source| ServeError::Listen { address: Address::Unix(path.clone()), source };
        let listener =
            listen_unix(path, listen.unix_mode).and_then(UnixListener::from_std).map_err(failed)?;
        sockets.unix = Some((path.clone(), listener));
    }
    Ok(sockets)
}

impl Sockets {
    pub(super) fn addresses(&self) -> Vec<Address> {
        let tcp = self.tcp.iter().map(|(address, _)| Address::Tcp(*address));
        tcp.chain(self.unix.iter().map(|(path, _)| Address::Unix(path.clone()))).collect()
    }

    /// Takes connections from now on.
    pub(super) fn start(self, service: &Arc<Service>) -> Listeners {
        let (stop, stopped) = watch::channel(false);
        let doorman = Arc::new(Doorman {
            routes: http::routes(Arc::clone(service)),
            room: Arc::new(Semaphore::new(service.settings.bounds.connections_max)),
            header_timeout: service.settings.bounds.header_timeout,
            open: GracefulShutdown::new(),
        });
        let mut loops = JoinSet::new();
        if let Some((_, listener)) = self.tcp {
            let (doorman, mut stopped) = (Arc::clone(&doorman), stopped.clone());
            loops.spawn(async move {
                while let Some(room) = doorman.room(&mut stopped).await {
                    let taken = tokio::select! {
                        taken = listener.accept() => taken,
                        _ = stopped.wait_for(|stop| *stop) => return,
                    };
                    match taken {
                        Ok((stream, _)) => {
                            // Small answers must not wait for more to send.
                            let _ = stream.set_nodelay(true);
                            doorman.serve(stream, room);
                        }
                        Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                    }
                }
            });
        }
        if let Some((_, listener)) = self.unix {
            let (doorman, mut stopped) = (Arc::clone(&doorman), stopped);
            loops.spawn(async move {
                while let Some(room) = doorman.room(&mut stopped).await {
                    let taken = tokio::select! {
                        taken = listener.accept() => taken,
                        _ = stopped.wait_for(|stop| *stop) => return,
                    };
                    match taken {
                        Ok((stream, _)) => doorman.serve(stream, room),
                        Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                    }
                }
            });
        }
        Listeners { loops, stop, doorman }
    }
}

/// How long to wait where the system gives no connection, such as for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// What every connection is served with.
struct Doorman {
    routes: axum::Router,
    room: Arc<Semaphore>,
    header_timeout: Duration,
    open: GracefulShutdown,
}

impl Doorman {
    /// Room for one more connection; none where no more are taken.
    async fn room(&self, stopped: &mut watch::Receiver<bool>) -> Option<tokio::sync::OwnedSemaphorePermit> {
        tokio::select! {
            room = Arc::clone(&self.room).acquire_owned() => room.ok(),
            _ = stopped.wait_for(|stop| *stop) => None,
        }
    }

    fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        room: tokio::sync::OwnedSemaphorePermit,
    ) {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.header_timeout);
        builder.http2().timer(TokioTimer::new());
        let routes = TowerToHyperService::new(self.routes.clone());
        let watcher = self.open.watcher();
        tokio::spawn(async move {
            let connection = builder.serve_connection(TokioIo::new(stream), routes);
            // What a client does to its connection is nobody else's matter.
            let _ = watcher.watch(connection.into_owned()).await;
            drop(room);
        });
    }
}

/// Sockets that connections are taken from.
pub(super) struct Listeners {
    loops: JoinSet<()>,
    stop: watch::Sender<bool>,
    doorman: Arc<Doorman>,
}

impl Listeners {
    /// Takes no more connections, and gives those that are open so long to end their requests.
    pub(super) async fn close(mut self, drain: Duration) {
        let _ = self.stop.send(true);
        while self.loops.join_next().await.is_some() {}
        if let Some(doorman) = Arc::into_inner(self.doorman) {
            let _ = tokio::time::timeout(drain, doorman.open.shutdown()).await;
        }
    }
}
