//! Where a journal is not what was written: a torn tail, or damage in the middle.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::archive;
use super::unsigned::HEAD_EVERY_MAX;

/// Why bytes are not the record that should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The file ends within it.
    Short,
    /// No record is as long as it says.
    Length,
    /// The checksum is another.
    Checksum,
    /// It is another record.
    Number,
    /// It does not follow the record before it: one of the two is another than was written.
    Chain,
    /// The header of the segment is not whole.
    Header,
    /// The header is that of another segment.
    Stranger,
    /// The header is that of a segment of another journal.
    Foreign,
    /// There is no such segment.
    Gone,
    /// There is a snapshot after a record behind the last one: all up to that was on disk.
    Snapshot,
    /// A head that the journal's key signed should be there at the latest, and none is.
    Unsigned,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the file ends within a record",
            Self::Length => "no record is as long as it says",
            Self::Checksum => "a record's checksum is wrong",
            Self::Number => "another record's number is there",
            Self::Chain => "a record does not follow the one before it",
            Self::Header => "the segment's header is not whole",
            Self::Stranger => "the segment's header is that of another segment",
            Self::Foreign => "it is a segment of another journal, so move it out of the folder",
            Self::Gone => "records before it are in no segment",
            Self::Snapshot => "a snapshot says that more was on disk",
            Self::Unsigned => {
                return write!(
                    f,
                    "a signed head should be there, since none is among the {HEAD_EVERY_MAX} records before"
                );
            }
        })
    }
}

/// Damage in the middle: records that were on disk, and aren't what was written any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Damage {
    /// The segment's file name within the journal's folder.
    pub file: String,
    /// Where it begins, in bytes from the file's beginning; of an archived one, as it is decoded.
    pub byte: u64,
    /// Bytes up to the next whole record, or to the file's end.
    pub bytes: u64,
    /// The first record that should be there.
    pub number: u64,
    /// How many records are missing from there on.
    pub missing: u64,
    /// How that is seen.
    pub why: Why,
}

impl Damage {
    /// A record in whose place a signed head should be.
    pub(super) fn unsigned(file: String, byte: u64, number: u64) -> Self {
        Self { file, byte, bytes: 0, number, missing: 0, why: Why::Unsigned }
    }

    /// Whether it is the same damage, however it is seen: that may change with what is cut behind it.
    pub fn same(&self, other: &Self) -> bool {
        let place = |damage: &Self| (damage.byte, damage.bytes, damage.number, damage.missing);
        // It goes along where its segment is archived.
        let segment = |damage: &Self| archive::first_of(&damage.file);
        segment(self) == segment(other) && place(self) == place(other)
    }

    /// Whether all of it lies before a record.
    pub fn is_before(&self, number: u64) -> bool {
        self.number < number && self.last() < number
    }

    /// The last record that is missing; where none is, the one before it.
    pub(super) fn last(&self) -> u64 {
        self.number.saturating_add(self.missing).saturating_sub(1)
    }

    /// Whether a record is missing.
    pub(super) fn lacks(&self, number: u64) -> bool {
        (self.number..=self.last()).contains(&number)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, byte, bytes, number, missing, why } = self;
        if *why == Why::Unsigned {
            return write!(f, "{file} is not what was signed at record {number}, byte {byte}: {why}");
        }
        write!(f, "{file} is damaged from byte {byte} on for {bytes} bytes: {why}; ")?;
        match missing {
            0 => write!(f, "no record is missing"),
            1 => write!(f, "record {number} is missing"),
            _ => write!(f, "records {number} to {} are missing", number.saturating_add(missing - 1)),
        }
    }
}

/// A torn tail: what was being written when all ended, by all that is there. What was synced and said to be durable looks the
/// same where the disk lost or changed it since, and no later record speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Torn {
    /// The segment's file name.
    pub file: String,
    /// Where it begins, in bytes from the file's beginning.
    pub byte: u64,
    /// Bytes from there to the file's end, and of all files behind.
    pub bytes: u64,
    /// The first record that is not there.
    pub number: u64,
    /// How that is seen.
    pub why: Why,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, byte, bytes, number, why } = self;
        write!(
            f,
            "{file} has a torn tail of {bytes} bytes from byte {byte} on, where record {number} would begin: {why}"
        )
    }
}
