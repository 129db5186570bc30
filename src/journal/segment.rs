//! A segment: its name, and the header of 96 bytes before its frames.
//!
//! ```text
//!  0 "weirjrnl"                                little endian all of it
//!  8 u32 version: 1
//! 12 u32 CRC-32C over bytes 0..12 and 16..96
//! 16 [16] the journal's id
//! 32 u64 number of the first record
//! 40 i64 when it was begun, in microseconds: for people only
//! 48 [32] chain before its first record
//! 80 zeros
//! ```
//!
//! A segment is begun once all records before it are on disk, so a whole header promises all of them.

use super::frame::{Chain, u64_at};

/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 96;
/// How the names of segments end.
const ENDING: &str = ".journal";
const MAGIC: &[u8; 8] = b"weirjrnl";
const VERSION: u32 = 1;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: [u8; 16],
    pub(super) first: u64,
    pub(super) created_us: i64,
    pub(super) chain: Chain,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// They are too few, or not what was written.
    Broken,
    /// It is whole, and of a version that is not known.
    Version(u32),
}

impl Header {
    pub(super) fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.created_us.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.chain);
        let sum = checksum(&bytes);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header at the beginning of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NoHeader> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(NoHeader::Broken)?;
        if bytes[0..8] != *MAGIC || bytes[12..16] != checksum(bytes).to_le_bytes() {
            return Err(NoHeader::Broken);
        }
        let version = u64_at(bytes, 8) as u32;
        if version != VERSION {
            return Err(NoHeader::Version(version));
        }
        let (mut id, mut chain) = ([0; 16], [0; 32]);
        id.copy_from_slice(&bytes[16..32]);
        chain.copy_from_slice(&bytes[48..80]);
        Ok(Self { id, first: u64_at(bytes, 32), created_us: u64_at(bytes, 40).cast_signed(), chain })
    }
}

fn checksum(bytes: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[0..12]), &bytes[16..])
}

/// The file name of the segment that begins with this record.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}{ENDING}")
}

/// The first record of the segment with this file name; none where it is no segment's.
pub(super) fn first_of(file: &str) -> Option<u64> {
    let digits = file.strip_suffix(ENDING).filter(|digits| digits.len() == 20)?;
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|&first| first > 0)
}
