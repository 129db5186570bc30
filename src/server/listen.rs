//! Sockets: who may listen where, binding, and the connections that are taken from them.
//!
//! Promises that no address which others reach is listened on where nobody is named who may ask.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::access::{Proof, Scope, is_here};
use super::connection::{Doorman, Ending, Peers, Speaks};
use super::http;
use super::service::Service;
use super::settings::Settings;
use super::tls::TlsError;
use crate::frames::ALPN;
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
    /// TCP with TLS.
    Tls(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// One of these, for frames.
    Binary(Box<Address>),
    /// One of these, for those who administrate.
    Admin(Box<Address>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Tls(address) => write!(f, "https://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Binary(address) => match &**address {
                Self::Tcp(address) => write!(f, "tcp://{address}"),
                Self::Tls(address) => write!(f, "tls://{address}"),
                address => write!(f, "{address} (frames)"),
            },
            Self::Admin(address) => write!(f, "{address} (administration)"),
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
    /// There can't be TLS.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// Others reach the address, and nobody is named who may ask there.
    #[error(
        "others than this machine reach {address}, and nobody is named who may ask for {what} there: give an access file \
         (`weir access new` writes what it must hold), or listen on 127.0.0.1 or a Unix socket"
    )]
    Exposed {
        /// The address.
        address: SocketAddr,
        /// What nobody may ask for.
        what: &'static str,
    },
    /// Others reach the administrative listener, and what goes over it is not encrypted.
    #[error("others than this machine reach {0}: rules are changed there, so it needs TLS")]
    Plain(SocketAddr),
    /// Others reach a sidecar that leaves out what makes it one.
    #[error(
        "others than this machine reach {0}, and `measure.without` leaves out what they rely on: listen on 127.0.0.1 or a \
         Unix socket, or leave it out of the configuration"
    )]
    Measured(SocketAddr),
    /// The journal holds events, and nothing would be recorded behind them.
    #[error(
        "the journal in {} holds events, and with `measure.without` nothing would be recorded behind them: name an empty folder (`journal.folder`), \
         or leave it out of the configuration", .0.display()
    )]
    Recorded(PathBuf),
    /// Callers have certificates, and nobody asks for them.
    #[error(
        "the access file names a certificate (caller `{0}`), and clients need none; give TLS the authority that signs them"
    )]
    NoCertificates(String),
    /// The system gives no thread.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
    /// The system tells of no signals.
    #[error("can't wait for signals: {0}")]
    Signals(std::io::Error),
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

/// Who a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Clients,
    Binary,
    Admin,
}

enum Socket {
    Tcp(TcpListener),
    /// With the number of its owner.
    Unix(UnixListener, u32),
}

struct Bound {
    side: Side,
    socket: Socket,
    address: Address,
}

/// Sockets that are bound.
pub(super) struct Sockets {
    bound: Vec<Bound>,
    /// For HTTP, and for frames.
    tls: Option<[TlsAcceptor; 2]>,
}

/// Whether a sidecar can be started with this, as far as no address is listened on and no journal opened for it.
///
/// # Errors
///
/// Where an address is reached by others than may ask there, or there can't be TLS.
pub fn check(settings: &Settings) -> Result<(), ServeError> {
    is_safe(settings)?;
    acceptors(settings)?;
    Ok(())
}

/// For HTTP, and for frames; none without TLS.
fn acceptors(settings: &Settings) -> Result<Option<[TlsAcceptor; 2]>, TlsError> {
    let tls = settings.tls.as_ref();
    tls.map(|tls| Ok([tls.acceptor(&[b"h2", b"http/1.1"])?, tls.acceptor(&[ALPN])?])).transpose()
}

/// Whether what is to be listened on is safe with those who may ask.
fn is_safe(settings: &Settings) -> Result<(), ServeError> {
    let Settings { access, tls, .. } = settings;
    let certificates = tls.as_ref().is_some_and(|tls| tls.client_ca_pem.is_some());
    let named = access.callers().find(|caller| matches!(caller.proof, Proof::Certificate(_)));
    if let Some(caller) = named.filter(|_| !certificates) {
        return Err(ServeError::NoCertificates(caller.name.clone()));
    }
    let afar = |listen: &Listen| listen.tcp.filter(|address| !is_here(address.ip()));
    if let Some(address) = [&settings.listen, &settings.binary, &settings.admin].into_iter().find_map(afar)
        && !settings.without.has_journal()
    {
        return Err(ServeError::Measured(address));
    }
    if let Some(address) = afar(&settings.listen)
        && !access.reaches(&[Scope::Score, Scope::Events, Scope::Read], certificates)
    {
        return Err(ServeError::Exposed { address, what: "anything" });
    }
    if let Some(address) = afar(&settings.binary)
        && !access.reaches(&[Scope::Score, Scope::Events], certificates)
    {
        return Err(ServeError::Exposed { address, what: "a decision" });
    }
    if let Some(address) = afar(&settings.admin) {
        if !access.reaches(&[Scope::Rules, Scope::Admin], certificates) {
            return Err(ServeError::Exposed { address, what: "`rules` or `admin`" });
        }
        if tls.is_none() {
            return Err(ServeError::Plain(address));
        }
    }
    Ok(())
}

/// Binds all sockets.
pub(super) async fn bind(settings: &Settings) -> Result<Sockets, ServeError> {
    is_safe(settings)?;
    let tls = acceptors(settings)?;
    let mut bound = Vec::new();
    let sides =
        [(Side::Clients, &settings.listen), (Side::Binary, &settings.binary), (Side::Admin, &settings.admin)];
    for (side, listen) in sides {
        let of = |address| match side {
            Side::Clients => address,
            Side::Binary => Address::Binary(Box::new(address)),
            Side::Admin => Address::Admin(Box::new(address)),
        };
        if let Some(wanted) = listen.tcp {
            let kind = if tls.is_some() { Address::Tls } else { Address::Tcp };
            let failed = |source| ServeError::Listen { address: of(kind(wanted)), source };
            let listener = TcpListener::bind(wanted).await.map_err(failed)?;
            let address = of(kind(listener.local_addr().map_err(failed)?));
            bound.push(Bound { side, socket: Socket::Tcp(listener), address });
        }
        if let Some(path) = &listen.unix {
            let address = of(Address::Unix(path.clone()));
            let failed = |source| ServeError::Listen { address: address.clone(), source };
            let listener =
                listen_unix(path, listen.unix_mode).and_then(UnixListener::from_std).map_err(failed)?;
            // Both ends of this pair are this process.
            let owner = UnixStream::pair().and_then(|(own, _)| own.peer_cred()).map_err(failed)?.uid();
            bound.push(Bound { side, socket: Socket::Unix(listener, owner), address });
        }
    }
    Ok(Sockets { bound, tls })
}

impl Sockets {
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.bound.iter().map(|bound| bound.address.clone()).collect()
    }

    /// Takes connections from now on.
    pub(super) fn start(self, service: &Arc<Service>) -> Listeners {
        let (end, ending) = watch::channel(Ending::No);
        let Settings { bounds, access, .. } = &service.settings;
        let rooms = [bounds.connections_max, bounds.admin_connections_max]
            .map(|most| (Arc::new(Semaphore::new(most)), u32::try_from(most).unwrap_or(u32::MAX)));
        let [(clients_room, _), (admin_room, _)] = &rooms;
        let (clients_peers, admin_peers) = (Arc::<Peers>::default(), Arc::<Peers>::default());
        let [http_tls, frames_tls] = self.tls.map_or([None, None], |tls| tls.map(Some));
        let doorman = |speaks, room: &Arc<Semaphore>, peers: &Arc<Peers>, tls: &Option<TlsAcceptor>| {
            Arc::new(Doorman {
                speaks,
                room: Arc::clone(room),
                peers: Arc::clone(peers),
                tls: tls.clone(),
                access: access.clone(),
                bounds: *bounds,
                ending: ending.clone(),
            })
        };
        let routes = Speaks::Http(http::routes(Arc::clone(service)));
        let clients = doorman(routes, clients_room, &clients_peers, &http_tls);
        // Whatever a client speaks, its connections are counted together.
        let frames = Speaks::Frames(Arc::clone(service));
        let binary = doorman(frames, clients_room, &clients_peers, &frames_tls);
        let routes = Speaks::Http(http::admin_routes(Arc::clone(service)));
        let admin = doorman(routes, admin_room, &admin_peers, &http_tls);
        let mut loops = JoinSet::new();
        for Bound { side, socket, .. } in self.bound {
            let doorman = match side {
                Side::Clients => &clients,
                Side::Binary => &binary,
                Side::Admin => &admin,
            };
            loops.spawn(take(socket, Arc::clone(doorman)));
        }
        Listeners { loops, end, rooms }
    }
}

/// Takes connections until no more are taken.
async fn take(socket: Socket, doorman: Arc<Doorman>) {
    let mut ending = doorman.ending.clone();
    while let Some(room) = doorman.room().await {
        let ends = ending.wait_for(|ending| *ending > Ending::No);
        let failed = match &socket {
            Socket::Tcp(listener) => tokio::select! {
                taken = listener.accept() => {
                    taken.map(|(stream, from)| doorman.tcp(stream, from.ip(), room)).is_err()
                }
                _ = ends => return,
            },
            Socket::Unix(listener, owner) => tokio::select! {
                taken = listener.accept() => {
                    taken.map(|(stream, _)| doorman.unix(stream, *owner, room)).is_err()
                }
                _ = ends => return,
            },
        };
        if failed {
            tokio::time::sleep(ACCEPT_AGAIN).await;
        }
    }
}

/// How long to wait where the system gives no connection, such as for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// Sockets that connections are taken from.
pub(super) struct Listeners {
    loops: JoinSet<()>,
    end: watch::Sender<Ending>,
    /// With how many connections are free in each where none is open.
    rooms: [(Arc<Semaphore>, u32); 2],
}

impl Listeners {
    /// Takes no more connections, and gives those that are open so long to end their requests.
    pub(super) async fn close(mut self, drain: Duration) {
        let _ = self.end.send(Ending::Soon);
        while self.loops.join_next().await.is_some() {}
        let ended = async {
            for (room, all) in &self.rooms {
                let _ = room.acquire_many(*all).await;
            }
        };
        let _ = tokio::time::timeout(drain, ended).await;
        let _ = self.end.send(Ending::Now);
    }
}
