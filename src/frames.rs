//! The frames of the binary door: what stands on the wire, read from bytes and written to them.
//!
//! Promises that no input panics, that a frame is found whichever way its bytes are cut, and that nothing is ever as long as
//! a length says which is not within the bound that the caller gives. The layout is that of `docs/binary.md`, and a test
//! holds the two together. Must never know a socket, JSON, or what an event is.
//!
//! All numbers are little endian. A connection begins with the client's [`Hello`]; from then on there are frames alone, both
//! ways, the server's first one a [`Welcome`] or a problem.

use thiserror::Error;

/// With what a hello begins.
pub const MAGIC: [u8; 4] = *b"WEIR";
/// The version of all this.
pub const VERSION: u16 = 1;
/// Bytes of a hello before its token: the magic, the version, the token's bytes.
pub const HELLO_BYTES: usize = 8;
/// Bytes of a token at most.
pub const TOKEN_BYTES_MAX: usize = 256;
/// Bytes of a frame before its payload.
pub const HEADER_BYTES: usize = 24;
/// Of these, the bytes that the length does not count: its own.
const LENGTH_BYTES: usize = 4;
/// Bytes of a welcome's payload.
pub const WELCOME_BYTES: usize = 12;
/// What TLS calls this protocol (ALPN).
pub const ALPN: &[u8] = b"weir/1";

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Type {
    /// A request for the decision on a transaction.
    Decide = 0x01,
    /// A request to take in how a step-up was answered.
    Authenticate = 0x02,
    /// A request to take in any other event.
    Event = 0x03,
    /// What the server says first: its version and its bounds.
    Welcome = 0x80,
    /// The answer that is a decision.
    Decision = 0x81,
    /// The answer that an event was taken in, or will be.
    Taken = 0x82,
    /// The answer that is a problem.
    Problem = 0x83,
}

impl Type {
    /// Every type, requests first.
    pub const ALL: [Self; 7] = [
        Self::Decide,
        Self::Authenticate,
        Self::Event,
        Self::Welcome,
        Self::Decision,
        Self::Taken,
        Self::Problem,
    ];

    /// The word for it in documents and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Authenticate => "authenticate",
            Self::Event => "event",
            Self::Welcome => "welcome",
            Self::Decision => "decision",
            Self::Taken => "taken",
            Self::Problem => "problem",
        }
    }

    /// The type of a byte, if it is one.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Of a request: a decision needs no line.
pub const BRIEF: u8 = 0x01;
/// Of an answer: what it says is on the sidecar's disk.
pub const DURABLE: u8 = 0x01;
/// Of an answer: it was declared and not decided.
pub const DECLARED: u8 = 0x02;
/// Of an answer: a person should look.
pub const ALERT: u8 = 0x04;
/// Of an answer: the event is taken in later, since its deadline came first.
pub const LATER: u8 = 0x08;

/// Every flag with its word; the first is of requests, the others of answers.
pub const FLAGS: [(&str, u8); 5] =
    [("brief", BRIEF), ("durable", DURABLE), ("declared", DECLARED), ("alert", ALERT), ("later", LATER)];
/// What is to happen with a payment, by number; 0 says nothing.
pub const OUTCOMES: [&str; 4] = ["", "allow", "step_up", "block"];
/// Why an answer was declared, by number; 0 where it was not.
pub const CAUSES: [&str; 5] = ["", "deadline", "overload", "journal_failure", "warming"];

/// What stands before a frame's payload but for its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// What it is: a [`Type`], if it is known.
    pub kind: u8,
    /// See [`FLAGS`].
    pub flags: u8,
    /// Of a decision, see [`OUTCOMES`].
    pub outcome: u8,
    /// Of a declared one, see [`CAUSES`].
    pub cause: u8,
    /// Of a request how long its client waits, in microseconds, 0 for as long as is configured; of an answer the HTTP status.
    pub timeout_or_status: u32,
    /// Of a problem that may be gone later: after how many milliseconds to try again.
    pub retry_after_ms: u32,
    /// What the client calls the request; its answer has the same.
    pub id: u64,
}

/// Why bytes are no frame, or no hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// It does not begin as a hello does.
    #[error("a connection begins with `WEIR`, a version and a token")]
    Magic,
    /// It is of a version that is not spoken here.
    #[error("version {0} is not spoken here; this is version {VERSION}")]
    Version(u16),
    /// Its token is none.
    #[error("a token has at most {TOKEN_BYTES_MAX} bytes")]
    Token,
    /// Its length leaves no room for its header.
    #[error("a length of {0} bytes is less than a header has")]
    Short(u32),
    /// Its payload is longer than is taken.
    #[error("a payload of {bytes} bytes is more than is taken")]
    Long {
        /// The request.
        id: u64,
        /// Bytes of its payload.
        bytes: u64,
    },
}

/// What a client begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// Says who asks; empty where the connection does.
    pub token: &'a [u8],
}

/// What the server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Bytes of a payload at most.
    pub payload_bytes_max: u32,
    /// Requests that may wait for their answers; more are not read until some have them.
    pub in_flight_max: u32,
}

/// The bytes at a place, if they are there.
fn at<const N: usize>(bytes: &[u8], from: usize) -> Option<[u8; N]> {
    bytes.get(from..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], from: usize) -> Option<u16> {
    at(bytes, from).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], from: usize) -> Option<u32> {
    at(bytes, from).map(u32::from_le_bytes)
}

impl<'a> Hello<'a> {
    /// The hello that bytes begin with, and how many it takes; none where more are needed.
    ///
    /// # Errors
    ///
    /// As soon as they can't become one.
    pub fn read(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let said = bytes.len().min(MAGIC.len());
        if bytes.get(..said) != MAGIC.get(..said) {
            return Err(FrameError::Magic);
        }
        let Some(version) = u16_at(bytes, 4) else { return Ok(None) };
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let Some(token_bytes) = u16_at(bytes, 6).map(usize::from) else { return Ok(None) };
        if token_bytes > TOKEN_BYTES_MAX {
            return Err(FrameError::Token);
        }
        let end = HELLO_BYTES + token_bytes;
        Ok(bytes.get(HELLO_BYTES..end).map(|token| (Self { token }, end)))
    }

    /// Writes it behind what is there.
    ///
    /// # Errors
    ///
    /// Where the token is too long.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let token_bytes =
            u16::try_from(self.token.len()).ok().filter(|len| usize::from(*len) <= TOKEN_BYTES_MAX);
        let token_bytes = token_bytes.ok_or(FrameError::Token)?;
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&token_bytes.to_le_bytes());
        out.extend_from_slice(self.token);
        Ok(())
    }
}

impl Welcome {
    /// What the payload of a welcome says; none where it is none.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let version = u16_at(payload, 0)?;
        let (payload_bytes_max, in_flight_max) = (u32_at(payload, 4)?, u32_at(payload, 8)?);
        (version == VERSION).then_some(Self { payload_bytes_max, in_flight_max })
    }

    /// Writes it, as a frame, behind what is there.
    pub fn write(&self, out: &mut Vec<u8>) {
        let header = Header { kind: Type::Welcome as u8, timeout_or_status: 200, ..Header::default() };
        let begun = header.begin(out);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.payload_bytes_max.to_le_bytes());
        out.extend_from_slice(&self.in_flight_max.to_le_bytes());
        end(begun, out);
    }
}

/// The frame that bytes begin with; none where more are needed.
///
/// # Errors
///
/// Where its length can't be one, or its payload has more than `payload_bytes_max` bytes.
pub fn read(bytes: &[u8], payload_bytes_max: u32) -> Result<Option<(Header, &[u8])>, FrameError> {
    let Some(length) = u32_at(bytes, 0) else { return Ok(None) };
    let Some(payload_bytes) = length.checked_sub((HEADER_BYTES - LENGTH_BYTES) as u32) else {
        return Err(FrameError::Short(length));
    };
    let Some(header) = Header::read(bytes) else { return Ok(None) };
    if payload_bytes > payload_bytes_max {
        return Err(FrameError::Long { id: header.id, bytes: payload_bytes.into() });
    }
    let rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    Ok(rest.get(..payload_bytes as usize).map(|payload| (header, payload)))
}

/// How many bytes the frame has that bytes begin with, all in all; none where that can't be told yet.
pub fn bytes_of(bytes: &[u8]) -> Option<usize> {
    u32_at(bytes, 0).map(|length| LENGTH_BYTES + length as usize)
}

impl Header {
    /// The header that bytes begin with, whatever their length says; none where more are needed.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [kind, flags, outcome, cause] = at(bytes, LENGTH_BYTES)?;
        Some(Self {
            kind,
            flags,
            outcome,
            cause,
            timeout_or_status: u32_at(bytes, 8)?,
            retry_after_ms: u32_at(bytes, 12)?,
            id: at(bytes, 16).map(u64::from_le_bytes)?,
        })
    }

    /// Begins a frame behind what is there: its payload follows, and then [`end`]. Gives where it begins.
    pub fn begin(&self, out: &mut Vec<u8>) -> usize {
        let begun = out.len();
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        out.extend_from_slice(&[self.kind, self.flags, self.outcome, self.cause]);
        out.extend_from_slice(&self.timeout_or_status.to_le_bytes());
        out.extend_from_slice(&self.retry_after_ms.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        begun
    }

    /// Writes a whole frame behind what is there.
    pub fn write(&self, payload: &[u8], out: &mut Vec<u8>) {
        let begun = self.begin(out);
        out.extend_from_slice(payload);
        end(begun, out);
    }
}

/// Ends the frame that begins there: its length is what was written since.
pub fn end(begun: usize, out: &mut [u8]) {
    let Some(frame) = out.get_mut(begun..) else { return };
    let bytes = u32::try_from(frame.len().saturating_sub(LENGTH_BYTES)).unwrap_or(u32::MAX);
    if let Some(length) = frame.first_chunk_mut() {
        *length = bytes.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Outcome;
    use crate::server::Cause;

    #[test]
    fn numbers_are_those_of_outcomes_and_causes() {
        assert_eq!(OUTCOMES[1..], Outcome::ALL.map(Outcome::name));
        assert_eq!(CAUSES[1..], Cause::ALL.map(Cause::name));
    }

    #[test]
    fn the_layout_is_what_a_c_struct_has() {
        let header = Header {
            kind: Type::Decision as u8,
            flags: DURABLE | ALERT,
            outcome: 2,
            cause: 1,
            timeout_or_status: 200,
            retry_after_ms: 1_000,
            id: 0x0807_0605_0403_0201,
        };
        let mut out = vec![9];
        header.write(b"{}", &mut out);
        let bytes =
            [22, 0, 0, 0, 0x81, 5, 2, 1, 200, 0, 0, 0, 0xe8, 3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, b'{', b'}'];
        assert_eq!(out[1..], bytes);
        assert_eq!(read(&out[1..], 2), Ok(Some((header, &b"{}"[..]))));
        assert_eq!(bytes_of(&out[1..]), Some(26));
        assert_eq!(
            read(&out[1..], 1),
            Err(FrameError::Long { id: header.id, bytes: 2 }),
            "one more than is taken"
        );
        assert_eq!(read(&[19, 0, 0, 0], 2), Err(FrameError::Short(19)));
        let mut hello = Vec::new();
        Hello { token: b"ab" }.write(&mut hello).unwrap();
        assert_eq!(hello, *b"WEIR\x01\0\x02\0ab");
        assert_eq!(Hello { token: &[0; 257] }.write(&mut hello), Err(FrameError::Token));
        let mut welcome = Vec::new();
        let said = Welcome { payload_bytes_max: 7, in_flight_max: 9 };
        said.write(&mut welcome);
        assert_eq!(welcome.len(), HEADER_BYTES + WELCOME_BYTES);
        assert_eq!(Welcome::read(&welcome[HEADER_BYTES..]), Some(said));
    }

    #[test]
    fn what_can_not_become_a_hello_is_none_at_once() {
        for (bytes, said) in [
            (&b""[..], Ok(None)),
            (b"WEIR\x01\0\x02\0a", Ok(None)),
            (b"GE", Err(FrameError::Magic)),
            (b"WEIR\x02\0", Err(FrameError::Version(2))),
            (b"WEIR / HTTP/1.1", Err(FrameError::Version(0x2f20))),
            (b"WEIR\x01\0\x01\x01", Err(FrameError::Token)),
            (b"WEIR\x01\0\x01\0abc", Ok(Some((Hello { token: b"a" }, 9)))),
        ] {
            assert_eq!(Hello::read(bytes), said, "{bytes:?}");
        }
    }
}
