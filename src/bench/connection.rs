//! Connections to what is measured, over TCP or a Unix socket.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Target;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Where what is measured listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// On TCP.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Of a client's target; names are looked up once.
    ///
    /// # Errors
    ///
    /// Where nobody has the name, or it speaks TLS, which is not measured here.
    pub fn of(target: &Target) -> io::Result<Self> {
        match target {
            Target::Unix(path) => Ok(Self::Unix(path.clone())),
            Target::Tcp { tls: true, .. } => {
                let told = "the load generator speaks no TLS; give `http://HOST:PORT` or `unix:PATH`";
                Err(io::Error::new(io::ErrorKind::Unsupported, told))
            }
            Target::Tcp { host, port, .. } => {
                let found = (host.as_str(), *port).to_socket_addrs()?.next();
                found.map(Self::Tcp).ok_or_else(|| io::ErrorKind::NotFound.into())
            }
        }
    }

    pub(super) fn connect(&self) -> io::Result<Stream> {
        let stream = match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, CONNECT_TIMEOUT)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Stream::Tcp(stream)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Stream::Unix(stream)
            }
        };
        Ok(stream)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Stream {
    /// From now on it is waited for what it reads and writes, at most so long each time.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))
            }
            Self::Unix(stream) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))
            }
        }
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(bytes),
            Self::Unix(stream) => stream.read(bytes),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Where it stands in the schedule.
    pub(super) place: usize,
    pub(super) sent_ns: u64,
}

/// A connection with what is on its way on it.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// None while it is being made.
    pub(super) stream: Option<Stream>,
    /// What is still to be written.
    pub(super) out: Vec<u8>,
    /// What came and is no whole answer yet.
    pub(super) input: Vec<u8>,
    pub(super) in_flight: VecDeque<Sent>,
    /// Whether it is told when more can be written.
    pub(super) waits_to_write: bool,
    /// Whether anything was answered on it.
    pub(super) was_answered: bool,
}

impl Connection {
    /// Writes what it can; whether something is left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut written = 0;
        let ended = loop {
            if written == self.out.len() {
                break Ok(false);
            }
            match stream.write(&self.out[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(true),
                Err(error) => break Err(error),
            }
        };
        self.out.drain(..written);
        ended
    }

    /// Takes in what came, at most as much as `part` holds at a time; how many bytes, 0 where nothing came yet.
    pub(super) fn fill(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        match stream.read(part) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.input.extend_from_slice(&part[..bytes]);
                Ok(bytes)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the request that an answer is for: by its number, or the oldest.
    pub(super) fn take(&mut self, place: Option<usize>) -> Option<Sent> {
        let Some(place) = place else { return self.in_flight.pop_front() };
        let at = self.in_flight.iter().position(|sent| sent.place == place)?;
        self.in_flight.remove(at)
    }
}
