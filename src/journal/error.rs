//! What can go wrong with a journal, where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::damage::{Damage, Why};
use super::frame::BODY_BYTES_MAX;
use super::verify::Changed;
use crate::io::advice;

/// Why a journal can't be opened, read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The disk refused.
    #[error("can't {doing} {}: {source}; {}", path.display(), advice(source))]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file that is written, or the lock, has lost its name.
    #[error(
        "{} is gone or was replaced while the journal was written, so what is written there is lost; put the folder back as it was, or restore it from a copy, and let nobody touch it meanwhile", path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// Whoever opens it was told to end.
    #[error(
        "opening was ended before it was done; nothing in the journal was changed, and it can be opened again"
    )]
    Stopped,
    /// Whoever opens it was told to end once its files were mended, and before events were taken in again.
    #[error("opening was ended while events were taken in again; {}, and it can be opened again", mended(*cut, *decided, *snapshots))]
    StoppedTaking {
        /// Whether a torn tail was cut.
        cut: bool,
        /// Whether it was put down that somebody decided to go on over damage.
        decided: bool,
        /// How many snapshots were removed for that.
        snapshots: usize,
    },
    /// Somebody else writes it.
    #[error("another process writes the journal in {}; end that one first, or read beside it (replay, audit, show)", folder.display())]
    Locked {
        /// Its folder.
        folder: PathBuf,
    },
    /// Somebody else archives it.
    #[error("another process archives the journal in {}; wait until it is done", folder.display())]
    Retaining {
        /// Its folder.
        folder: PathBuf,
    },
    /// There is no journal.
    #[error("there is no journal in {}; name the folder that `--journal` named", folder.display())]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// Damage in the middle.
    #[error(
        "{0}; restore the file from a copy, or decide to go on {over}: `weir score --journal DIR --on-damage go-on` puts that down, and then all pass over it",
        over = if .0.missing == 0 { "over it" } else { "without those records" }
    )]
    Damaged(Damage),
    /// Records that no head speaks for, where one must be.
    #[error(
        "{0}; heads may have been taken out and records changed, and whoever opens it would sign that: `weir audit verify` shows what is proven. Restore the journal from a copy; or, above all where nobody signed it until now, decide that all in it is to be signed as it is: `weir score --journal DIR --on-damage go-on` puts that down"
    )]
    Unsigned(Damage),
    /// Another journal's segment lies where retention would remove.
    #[error(
        "{} is a segment of another journal, which is not removed with this one; move it out of the folder, and if records are missing there then, decide to go on without them (`weir score --journal DIR --on-damage go-on`)", path.display()
    )]
    Foreign {
        /// The segment.
        path: PathBuf,
    },
    /// What is there is not what was signed.
    #[error(
        "{file} is not what was written, at record {number}: {how}; see `weir audit verify`, and restore the file from a copy"
    )]
    Changed {
        /// The segment's file name within the journal's folder.
        file: String,
        /// The first record that is not what it was.
        number: u64,
        /// What is seen there.
        how: Changed,
    },
    /// The disk gives other bytes each time.
    #[error("{} reads differently each time, so nothing in it can be trusted; check the disk, and restore the folder from a copy", folder.display())]
    Unsteady {
        /// The journal's folder.
        folder: PathBuf,
    },
    /// A segment of a version that is not known.
    #[error("{} is of version {version} of the journal's form, which this program does not know; use a newer one", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        version: u32,
    },
    /// A body that is no record's.
    #[error("a record has 1 to {BODY_BYTES_MAX} bytes, and this one {bytes}")]
    Length {
        /// Its bytes.
        bytes: usize,
    },
    /// Nothing can be written any more.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// A key that is none.
    #[error("{} is no Ed25519 key in PEM: {why}; write one with `openssl genpkey -algorithm ed25519`", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A public key that is none.
    #[error("{} is spoilt, and no Ed25519 public key in PEM: {why}; put it back from a copy", path.display())]
    PublicSpoilt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The public key is not there.
    #[error("{} is gone; put it back from a copy, or open the journal with its private key, which puts it there", path.display())]
    PublicGone {
        /// Where it should be.
        path: PathBuf,
    },
    /// The public key is another one than that of the heads.
    #[error("{} is the key {is}, and not the one that signed the journal, {by}; put that one back from a copy, and look who changed it", path.display())]
    OtherPublic {
        /// The file.
        path: PathBuf,
        /// The id of its key.
        is: String,
        /// The id of the key that signed the last head.
        by: String,
    },
    /// Records are gone from the beginning of a signed journal, and nobody's word for why can count.
    #[error("{missing}; whether retention removed them only the journal's public key shows: {why}")]
    Unproven {
        /// The records.
        missing: Damage,
        /// Why there is no key.
        why: Box<JournalError>,
    },
    /// The key that signed until now is none any more.
    #[error("{} is no Ed25519 key in PEM any more: {why}; the journal was begun with it, and another one would be refused: restore it from a copy, or name a copy with `--signing-key`", path.display())]
    KeySpoilt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The key that signed until now is not there.
    #[error("{} is gone, and the journal was signed with the key {by}; restore it from a copy, or name it with `--signing-key`", path.display())]
    KeyGone {
        /// Where it should be.
        path: PathBuf,
        /// The id of the key, or the file that says it.
        by: String,
    },
    /// Another key than the one that signed until now.
    #[error("{} is the key {is}, and the journal was signed with the key {by}, so nobody could prove it any more; name that one with `--signing-key`", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// The id of its key.
        is: String,
        /// The id of the key that signed the last head.
        by: String,
    },
    /// Nobody writes it any more.
    #[error("it was closed; open it again")]
    Ended,
    /// No thread can be had to write.
    #[error("can't start the thread that writes the journal: {source}; allow the process one more")]
    Thread {
        /// What the operating system says.
        source: io::Error,
    },
}

/// The first write or sync that failed: nothing after it is written, and none is tried again.
#[derive(Clone, Debug, Error)]
#[error(
    "the journal has stopped: {why} (records up to {durable} were known to be on disk, nothing behind them is promised; then start again, which reads what is there)"
)]
pub struct Poisoned {
    /// All records up to this one were on disk, and had their names, when that was last looked at.
    pub durable: u64,
    /// What happened.
    pub why: Arc<JournalError>,
}

impl From<Damage> for JournalError {
    fn from(damage: Damage) -> Self {
        match damage.why {
            Why::Unsigned => Self::Unsigned(damage),
            _ => Self::Damaged(damage),
        }
    }
}

impl JournalError {
    /// The disk refused to do something with a path, which is copied only then.
    pub(super) fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Disk { doing, path: path.to_owned(), source }
    }
}

/// What opening changed in a journal before it took events in again.
fn mended(cut: bool, decided: bool, snapshots: usize) -> String {
    let mut done = Vec::new();
    if cut {
        done.push("a torn tail was cut".to_owned());
    }
    if decided {
        done.push("that somebody decided to go on over the damage is on disk".to_owned());
    }
    if snapshots > 0 {
        done.push(format!("the end was cut, and {snapshots} snapshots behind it were removed"));
    }
    if done.is_empty() {
        return "nothing in the journal was changed".to_owned();
    }
    format!("before that {}; nothing else in the journal was changed", done.join(", and "))
}
