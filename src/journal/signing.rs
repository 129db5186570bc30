//! Which key goes on signing a journal: the one that signed it until now, and no other.
//!
//! Promises that no key is made where one is missing, that a key which would spoil the journal for whoever verifies it is
//! refused before anything is written, that a first start which ends anywhere leaves a folder that starts again, and that the
//! public key is beside what it proves.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::archive;
use super::error::JournalError;
use super::heads::{Head, PublicKey, Signer};
use super::lock::Lock;
use super::reader::Reader;
use super::record::Kind;
use crate::hex::hex;
use crate::io::Disk;

/// In a journal's folder.
const PRIVATE: &str = "signing.key";
const PUBLIC: &str = "signing.pub";

/// Who signs the journal that is locked: the key in a file of a PEM (`key`), or its own, `signing.key`, which is made of 32
/// random bytes where nothing was signed yet. It must be the one that signed the last head.
pub fn signer(lock: &Lock, key: Option<&Path>, seed: [u8; 32]) -> Result<Signer, JournalError> {
    let (disk, folder) = (&lock.disk, lock.folder());
    match known_signer(disk, folder, key)? {
        Some(signer) => Ok(signer),
        None => Signer::create(&**disk, &folder.join(PRIVATE), seed),
    }
}

/// Puts the public key of who signs into the folder before anything is signed there, and wherever it is missing: whoever reads
/// believes no removal without it. Where something is written, whoever finds another one there should see it.
pub(super) fn place_public(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    signer: &Signer,
    is_written: bool,
) -> Result<(), JournalError> {
    let (path, public) = (folder.join(PUBLIC), signer.public());
    let stays = match own_public(disk, folder) {
        Ok(held) => is_written || held == public,
        Err(JournalError::PublicGone { .. }) => false,
        Err(_) => is_written,
    };
    if stays { Ok(()) } else { archive::place_bytes(&**disk, &path, public.to_pem()?.as_bytes()) }
}

/// Whether a record may have been written: keys that are there before are what an ended process left.
fn begun(disk: &Arc<dyn Disk>, folder: &Path) -> Result<bool, JournalError> {
    Ok(Reader::there(disk, folder)?.is_some())
}

/// The same for who signs beside the journal, and makes no key: none where nobody signed it yet.
pub fn known_signer(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    key: Option<&Path>,
) -> Result<Option<Signer>, JournalError> {
    let (own, public) = (folder.join(PRIVATE), folder.join(PUBLIC));
    let path = key.unwrap_or(&own);
    let by = signed_by(disk, folder)?;
    if key.is_none() {
        let (begun, there) = (begun(disk, folder)?, disk.length(path).is_ok());
        if !begun && (!there || Signer::is_torn(&**disk, path)?) {
            return Ok(None);
        }
        if !there {
            return match by {
                None if disk.length(&public).is_err() => Ok(None),
                by => Err(JournalError::KeyGone { path: own, by: by.map_or_else(|| PUBLIC.to_owned(), hex) }),
            };
        }
    }
    let signer = match Signer::read(&**disk, path) {
        Err(JournalError::Key { path, why }) if key.is_none() && begun(disk, folder)? => {
            return Err(JournalError::KeySpoilt { path, why });
        }
        signer => signer?,
    };
    let is = signer.public().id();
    match by {
        Some(by) if by != is => {
            Err(JournalError::OtherKey { path: path.to_owned(), is: hex(is), by: hex(by) })
        }
        _ => Ok(Some(signer)),
    }
}

/// The public key in the journal's own folder; an error says why there is none, and what to do.
pub(super) fn own_public(disk: &Arc<dyn Disk>, folder: &Path) -> Result<PublicKey, JournalError> {
    let path = folder.join(PUBLIC);
    PublicKey::read(&**disk, &path).map_err(|error| match error {
        JournalError::Disk { source, .. } if source.kind() == ErrorKind::NotFound => {
            JournalError::PublicGone { path }
        }
        error => error,
    })
}

/// Whether the public key in the folder is this one, and heads are signed by another: what to say of that.
pub(super) fn other_public(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    key: &PublicKey,
) -> Result<Option<JournalError>, JournalError> {
    let by = signed_by(disk, folder)?.filter(|by| *by != key.id());
    let is_own = own_public(disk, folder).is_ok_and(|own| own == *key);
    let told = |by| JournalError::OtherPublic { path: folder.join(PUBLIC), is: hex(key.id()), by: hex(by) };
    Ok(by.filter(|_| is_own).map(told))
}

/// What is wrong with the public key beside a journal that this one signs, if anything is: nobody who reads believes what it signed.
pub fn wrong_public(disk: &Arc<dyn Disk>, folder: &Path, signer: &Signer) -> Option<JournalError> {
    let by = signer.public();
    match own_public(disk, folder) {
        Ok(own) if own == by => None,
        Ok(own) => {
            let (path, is, by) = (folder.join(PUBLIC), hex(own.id()), hex(by.id()));
            Some(JournalError::OtherPublic { path, is, by })
        }
        Err(error) => Some(error),
    }
}

/// Whether somebody signs the journal, by all that is there: a head, or a public key, which is put there before any.
pub(super) fn is_signed(disk: &Arc<dyn Disk>, folder: &Path) -> Result<bool, JournalError> {
    Ok(disk.length(&folder.join(PUBLIC)).is_ok() || signed_by(disk, folder)?.is_some())
}

/// The id of the key that signed the last head; none where no head is there. What is damaged is passed over: whoever opens
/// the journal tells it.
pub(super) fn signed_by(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Option<[u8; 8]>, JournalError> {
    let Some(reader) = Reader::there(disk, folder)? else { return Ok(None) };
    let firsts: Vec<u64> = reader.segments().iter().map(|(first, _)| *first).collect();
    for first in firsts.into_iter().rev() {
        let mut reader = Reader::from(Arc::clone(disk), folder, first)?;
        let mut by = None;
        loop {
            let head = match reader.next_entry() {
                Ok(Some(entry)) if entry.kind == Kind::Head as u8 => Head::read(entry.body),
                Ok(Some(_)) => None,
                Ok(None) => break,
                Err(JournalError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            if reader.segment() != first {
                break;
            }
            by = head.map(|head| head.key).or(by);
        }
        if by.is_some() {
            return Ok(by);
        }
    }
    Ok(None)
}
