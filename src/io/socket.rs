//! Unix sockets as files.
//!
//! Promises that nobody connects to one before its permissions are what they should be, that a socket which somebody
//! listens on stays, and that no other file is ever put away for one.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Listens on a path with these permissions; a socket that a process left which is gone is replaced.
pub fn listen_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    leave(&beside)?;
    leave(path)?;
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let listener = UnixListener::bind(&beside)?;
    fs::set_permissions(&beside, fs::Permissions::from_mode(mode))?;
    fs::rename(&beside, path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Removes a socket that nobody listens on.
fn leave(path: &Path) -> io::Result<()> {
    // One that may not be connected to is somebody's.
    let gone = || UnixStream::connect(path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() && gone() => fs::remove_file(path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_has_its_permissions_and_replaces_nothing_that_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weir.sock");
        let first = listen_unix(&path, 0o620).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
        assert_eq!(listen_unix(&path, 0o660).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        listen_unix(&path, 0o660).unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "held").unwrap();
        assert_eq!(listen_unix(&file, 0o660).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&file).unwrap(), "held");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
    }
}
