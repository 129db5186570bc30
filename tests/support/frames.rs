//! A client of the binary door that sends what it is told to the byte.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;
use weir::frames::{self, Header, Hello, Type, Welcome};
use weir::server::Address;

/// A connection of any kind.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub header: Header,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn kind(&self) -> Type {
        Type::from_byte(self.header.kind).unwrap()
    }

    pub fn status(&self) -> u32 {
        self.header.timeout_or_status
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.payload.clone()).unwrap()
    }

    /// The word of the problem that it is, with its status.
    pub fn problem(&self) -> (u32, String) {
        assert_eq!(self.kind(), Type::Problem, "{self:?}");
        let kind = self.json()["type"].as_str().unwrap().to_owned();
        (self.status(), kind.strip_prefix("urn:weir:problem:").unwrap().to_owned())
    }
}

pub struct Door {
    pub stream: Box<dyn Stream>,
    held: Vec<u8>,
}

/// A request's bytes.
pub fn request(kind: Type, id: u64, body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Header { kind: kind as u8, id, ..Header::default() }.write(body.as_bytes(), &mut out);
    out
}

pub fn hello(token: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Hello { token: token.as_bytes() }.write(&mut out).unwrap();
    out
}

/// Connects to the first address for frames that is of this kind.
pub fn tcp(addresses: &[Address]) -> TcpStream {
    let found = addresses.iter().find_map(|address| match address {
        Address::Binary(address) => match **address {
            Address::Tcp(address) | Address::Tls(address) => Some(address),
            _ => None,
        },
        _ => None,
    });
    let stream = TcpStream::connect(found.unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn unix(addresses: &[Address]) -> UnixStream {
    let found = addresses.iter().find_map(|address| match address {
        Address::Binary(address) => match &**address {
            Address::Unix(path) => Some(path.clone()),
            _ => None,
        },
        _ => None,
    });
    let stream = UnixStream::connect(found.unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

impl Door {
    pub fn raw(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), held: Vec::new() }
    }

    /// One that was welcomed.
    pub fn open(stream: impl Stream + 'static, token: &str) -> (Self, Welcome) {
        let mut door = Self::raw(stream);
        door.send(&hello(token));
        let welcome = door.next().unwrap();
        assert_eq!((welcome.kind(), welcome.status()), (Type::Welcome, 200), "{welcome:?}");
        (door, Welcome::read(&welcome.payload).unwrap())
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next frame; none where the connection ends.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((header, payload)) = frames::read(&self.held, u32::MAX).unwrap() {
                let frame = Frame { header, payload: payload.to_vec() };
                let bytes = frames::bytes_of(&self.held).unwrap();
                self.held.drain(..bytes);
                return Some(frame);
            }
            let mut part = [0; 65_536];
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(read) => self.held.extend_from_slice(&part[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// What a request is answered.
    pub fn ask(&mut self, kind: Type, id: u64, body: &str) -> Frame {
        self.send(&request(kind, id, body));
        let answer = self.next().unwrap();
        assert_eq!(answer.header.id, id, "{answer:?}");
        answer
    }
}

/// Ends the sending side.
pub fn end(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}
