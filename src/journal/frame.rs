//! One record's bytes: a header of 60, and the body.
//!
//! ```text
//!  0 u32 length of the body: 1 to 4 MiB        little endian all of it
//!  4 u32 CRC-32C over bytes 0..4, and 8 to the end of the body
//!  8 u64 number: 1, 2, 3, ... through the whole journal
//! 16 u64 durable: all records up to this one were on disk when this one was handed to it
//! 24 [32] chain: SHA-256(former chain, bytes 0..4, bytes 8..24, bytes 56 to the end of the body)
//! 56 u8 kind, u8 form, u16 zero
//! 60 body
//! ```
//!
//! Promises that a frame that is taken for whole is the one that was sealed. Must never know what a body says.

use sha2::{Digest, Sha256};

/// Bytes before the body.
pub const FRAME_BYTES: usize = 60;
/// Most bytes of a body: 4 MiB.
pub const BODY_BYTES_MAX: usize = 4 << 20;
/// SHA-256 over a record and all records before it.
pub type Chain = [u8; 32];

/// Where the chain lies.
const CHAIN: std::ops::Range<usize> = 24..56;

/// A frame whose length and checksum are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) number: u64,
    pub(super) durable: u64,
    pub(super) chain: Chain,
    pub(super) kind: u8,
    pub(super) form: u8,
    pub(super) body: &'a [u8],
    bytes: &'a [u8],
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// There are fewer than its header and body take.
    Short,
    /// No record is that long.
    Length,
    /// The checksum is another.
    Checksum,
}

/// The chain before the first record of a journal.
pub(super) fn first_chain(id: &[u8; 16]) -> Chain {
    Sha256::digest(id).into()
}

/// A frame at the end of `buffer` that is still to be sealed, with a body of so many bytes that the caller appends.
pub(super) fn push(buffer: &mut Vec<u8>, number: u64, kind: u8, form: u8, body_bytes: u32) {
    let mut head = [0; FRAME_BYTES];
    head[0..4].copy_from_slice(&body_bytes.to_le_bytes());
    head[8..16].copy_from_slice(&number.to_le_bytes());
    head[56] = kind;
    head[57] = form;
    buffer.extend_from_slice(&head);
}

/// Bytes of the frame at the beginning of these, by its header; 0 where there is no header.
pub(super) fn length(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize + FRAME_BYTES)
}

/// The number that a header says.
pub(super) fn number(bytes: &[u8]) -> u64 {
    u64_at(bytes, 8)
}

/// Fills in what only its writer knows; gives its chain.
pub(super) fn seal(frame: &mut [u8], durable: u64, former: &Chain) -> Chain {
    frame[16..24].copy_from_slice(&durable.to_le_bytes());
    let chain = chain(frame, former);
    frame[CHAIN].copy_from_slice(&chain);
    let sum = checksum(frame);
    frame[4..8].copy_from_slice(&sum.to_le_bytes());
    chain
}

/// The frame at the beginning of these bytes. Its chain is compared with nothing yet.
pub(super) fn parse(bytes: &[u8]) -> Result<Frame<'_>, Broken> {
    if bytes.len() < FRAME_BYTES {
        return Err(Broken::Short);
    }
    let length = length(bytes);
    if !(FRAME_BYTES + 1..=FRAME_BYTES + BODY_BYTES_MAX).contains(&length) {
        return Err(Broken::Length);
    }
    let frame = bytes.get(..length).ok_or(Broken::Short)?;
    if frame[4..8] != checksum(frame).to_le_bytes() {
        return Err(Broken::Checksum);
    }
    let mut chain = [0; 32];
    chain.copy_from_slice(&frame[CHAIN]);
    Ok(Frame {
        number: number(frame),
        durable: u64_at(frame, 16),
        chain,
        kind: frame[56],
        form: frame[57],
        body: &frame[FRAME_BYTES..],
        bytes: frame,
    })
}

/// Whether these bytes, at least a header, can be that of a record numbered within a range: a quick look before a checksum.
pub(super) fn plausible(bytes: &[u8], numbers: &std::ops::RangeInclusive<u64>) -> bool {
    let length = length(bytes);
    bytes.len() >= FRAME_BYTES
        && (FRAME_BYTES + 1..=FRAME_BYTES + BODY_BYTES_MAX).contains(&length)
        && bytes[58..60] == [0, 0]
        && numbers.contains(&number(bytes))
        && u64_at(bytes, 16) < number(bytes)
}

impl Frame<'_> {
    /// Whether it follows the record with this chain.
    pub(super) fn follows(&self, former: &Chain) -> bool {
        self.chain == chain(self.bytes, former)
    }

    /// Bytes of it all.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }
}

fn chain(frame: &[u8], former: &Chain) -> Chain {
    let mut hash = Sha256::new();
    hash.update(former);
    hash.update(&frame[0..4]);
    hash.update(&frame[8..24]);
    hash.update(&frame[56..]);
    hash.finalize().into()
}

fn checksum(frame: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&frame[0..4]), &frame[8..])
}

/// The number at a place; 0 where there are no eight bytes.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
