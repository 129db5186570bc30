//! The file of a token key: 64 hexadecimal digits in a line, as `openssl rand -hex 32` writes them.
//!
//! Promises that a key which others may read is not used, and that one which is made here is there whole or not at all.
//! No message shows a key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Disk, RealDisk, advice};
use crate::hex::{hex, unhex};
use crate::tokens::{KEY_BYTES, Tokens};

/// A key's file is never longer.
const FILE_BYTES_MAX: u64 = 256;

/// Why a token key can't be used.
#[derive(Debug, Error)]
#[error("the token key {}: {why}", path.display())]
pub struct TokenKeyError {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: TokenKeyReason,
}

/// What is wrong with the file of a token key.
#[derive(Debug, Error)]
pub enum TokenKeyReason {
    /// It can't be read.
    #[error("can't read it: {0}")]
    Closed(io::Error),
    /// It can't be made.
    #[error("can't make it: {0}; {advice}", advice = advice(.0))]
    NotMade(io::Error),
    /// Others than its owner may read or change it.
    #[error("others than its owner may read it (mode {mode:03o}); take that from them with `chmod 600`")]
    Open {
        /// Its permissions.
        mode: u32,
    },
    /// Not 64 hexadecimal digits.
    #[error("it must hold 64 hexadecimal digits, as `openssl rand -hex 32` writes them")]
    NoKey,
}

/// Reads a key.
pub fn read_token_key(path: &Path) -> Result<Tokens, TokenKeyError> {
    let fail = |why| TokenKeyError { path: path.to_owned(), why };
    let closed = |error| fail(TokenKeyReason::Closed(error));
    let held = fs::metadata(path).map_err(closed)?;
    if let Some(mode) = open_to_others(&held) {
        return Err(fail(TokenKeyReason::Open { mode }));
    }
    if !held.is_file() || held.len() > FILE_BYTES_MAX {
        return Err(fail(TokenKeyReason::NoKey));
    }
    let bytes = fs::read(path).map_err(closed)?;
    unhex(bytes.trim_ascii()).map(|key| Tokens::new(&key)).ok_or_else(|| fail(TokenKeyReason::NoKey))
}

/// Reads a key; where there is none it is made of these random bytes, and only its owner may read it. Never in place of one
/// that was put there meanwhile; whoever makes one must be the only one who does, as who has the lock of a journal is.
pub fn read_or_make_token_key(path: &Path, random: [u8; KEY_BYTES]) -> Result<Tokens, TokenKeyError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => return read_token_key(path),
    }
    let made = || {
        let beside = path.with_extension("key.new");
        if fs::symlink_metadata(&beside).is_ok() {
            RealDisk.remove(&beside)?;
        }
        let mut file = RealDisk.create_private(&beside)?;
        file.write_all(format!("{}\n", hex(random)).as_bytes())?;
        file.sync()?;
        match fs::hard_link(&beside, path) {
            Ok(()) => RealDisk.remove(&beside)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => RealDisk.remove(&beside)?,
            // Not every disk has links.
            Err(_) => RealDisk.rename(&beside, path)?,
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        RealDisk.sync_folder(folder.unwrap_or(Path::new(".")))
    };
    made().map_err(|error| TokenKeyError { path: path.to_owned(), why: TokenKeyReason::NotMade(error) })?;
    // What is used is what the file says.
    read_token_key(path)
}

/// The permissions of a file that holds a key, where they are more than its owner's; none where there is none.
pub fn key_open_to_others(path: &Path) -> Option<u32> {
    open_to_others(&fs::metadata(path).ok()?)
}

/// The permissions of a file, where they are more than its owner's.
#[cfg(unix)]
fn open_to_others(held: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(held.permissions().mode() & 0o777).filter(|mode| mode & 0o077 != 0)
}

/// Elsewhere nobody is asked.
#[cfg(not(unix))]
fn open_to_others(_: &fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.key");
        let missing = read_token_key(&path).unwrap_err().to_string();
        assert!(missing.contains("can't read it"), "{missing}");
        let made = read_or_make_token_key(&path, [7; KEY_BYTES]).unwrap();
        let again = read_or_make_token_key(&path, [8; KEY_BYTES]).unwrap();
        assert_eq!(made.id(), again.id());
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", "07".repeat(32)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn where_a_key_has_no_room_it_is_said_what_to_do() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let why = TokenKeyReason::NotMade(full);
        let said = TokenKeyError { path: "j/tokens.key".into(), why }.to_string();
        assert!(said.ends_with("the disk is full: make room, and start again"), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_key_or_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        read_or_make_token_key(&path, [7; KEY_BYTES]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = read_token_key(&path).unwrap_err().to_string();
            assert!(said.contains(&format!("{mode:03o}")) && said.contains("chmod 600"), "{said}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "07", &"0".repeat(63), &"g".repeat(64), &"0".repeat(65), &"0".repeat(300)] {
            fs::write(&path, text).unwrap();
            let said = read_token_key(&path).unwrap_err().to_string();
            assert!(said.contains("64 hexadecimal digits"), "{said}");
        }
    }
}
