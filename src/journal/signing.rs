//! Which key goes on signing a journal: the one that signed it until now, and no other.
//!
//! Promises that no key is made where one is missing, that a key which would spoil the journal for whoever verifies it is
//! refused before anything is written, and that a first start which ends anywhere leaves a folder that starts again.

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
/// random bytes where nothing was signed yet. It must be the one that signed the last head. Its public one is put into
/// the folder where it is missing: whoever reads believes no removal without it.
pub fn signer(lock: &Lock, key: Option<&Path>, seed: [u8; 32]) -> Result<Signer, JournalError> {
    let (disk, folder) = (&lock.disk, lock.folder());
    let (private, public) = (folder.join(PRIVATE), folder.join(PUBLIC));
    // The private one first: it is never lost once a public one was seen.
    let signer = match known_signer(disk, folder, key)? {
        Some(signer) => signer,
        None => Signer::create(&**disk, &private, seed)?,
    };
    let there = disk.length(&public).is_ok();
    // Where something was signed, whoever finds another public key there should see it.
    if !(there && (begun(disk, folder)? || signer.public().is_in(&**disk, &public))) {
        archive::place_bytes(&**disk, &public, signer.public().to_pem()?.as_bytes())?;
    }
    Ok(signer)
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

/// The public key in the journal's own folder, if one is there.
pub(super) fn own_public(disk: &Arc<dyn Disk>, folder: &Path) -> Option<PublicKey> {
    PublicKey::read(&**disk, &folder.join(PUBLIC)).ok()
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
