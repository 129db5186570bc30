//! What the journal asks of a disk, and the real one.
//!
//! Promises that what is synced lasts, and that what the operating system refuses is told as it is, once: nothing is tried
//! again here. A seeded one that loses, tears and refuses stands in for it in the tests. Must never know what is in a file.

use std::any::Any;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

/// Held for as long as something is locked.
pub type Held = Box<dyn Any + Send + Sync>;

/// What tells a file from every other one on the machine for as long as it is open: its device and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The number of the file on it.
    pub number: u64,
}

/// A disk with folders and files on it.
///
/// A file's content lasts from its [`sync`](DiskFile::sync) on, and its name from that of its folder. Until then a crash may
/// keep it, lose it, or keep a part.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a folder and those that it lies in, where they are not there, so that they last.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// The names of all files and folders in it, sorted. What is no UTF-8 is not ours, and left out.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes one folder within one that is there, if it isn't there itself; an error where that one has vanished.
    fn create_inner_folder(&self, path: &Path) -> io::Result<()>;
    /// A new file; an error where there is one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A new file that only its owner may read; an error where there is one.
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file from its beginning.
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;
    /// Its length in bytes.
    fn length(&self, path: &Path) -> io::Result<u64>;
    /// Whether a file with bytes has the name, or a link to one: no folder, and no pipe, which may keep whoever reads it waiting.
    fn is_file(&self, path: &Path) -> io::Result<bool>;
    /// Which file has a name; none where files have no numbers, and nothing can be told.
    fn id(&self, path: &Path) -> io::Result<Option<FileId>>;
    /// Cuts a file to a length in bytes, and makes that last.
    fn cut(&self, path: &Path, length: u64) -> io::Result<()>;
    /// Gives a file another name, in place of what has it; lasts once the folder is synced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file away; lasts once the folder is synced.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder last.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Locks a file, which is made where it is not there, until what is given is dropped or the process ends; none where
    /// somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Held>>;
}

/// A file that is being written, from its beginning on.
pub trait DiskFile: Send {
    /// Puts bytes at its end.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was written last. Where it fails, nothing is known of what was written since the last time that it
    /// did not: it must not be asked again.
    fn sync(&mut self) -> io::Result<()>;
    /// Which file it is, whatever has its name by now; none where files have no numbers.
    fn id(&self) -> io::Result<Option<FileId>>;
}

/// What whoever runs this can do about a refusal of the operating system.
pub(crate) fn advice(refusal: &io::Error) -> &'static str {
    match refusal.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: make room, and start again"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "the disk is read-only: see in the system's log why, mount it writable, and start again"
        }
        io::ErrorKind::PermissionDenied => "give this user the right to read and write there",
        io::ErrorKind::NotFound => "it has vanished, or its disk has: mount or restore it, and start again",
        _ => "see what the system's log says of the disk, and start again",
    }
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        // The folder that it lies in must know its name for good, and so on up to one that was there.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_folder(parent)?;
        }
        self.create_inner_folder(path)
    }

    fn create_inner_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        self.sync_folder(parent.unwrap_or_else(|| Path::new(".")))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(File::create_new(path)?)))
    }

    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(path)?))
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::metadata(path)?.is_file())
    }

    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        Ok(file_id(&fs::metadata(path)?))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = File::options().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Elsewhere a folder can't be opened, and its names last with what they name.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A file of it.
#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // Its length goes with its content; times of access and change need not.
        self.0.sync_data()
    }

    fn id(&self) -> io::Result<Option<FileId>> {
        Ok(file_id(&self.0.metadata()?))
    }
}

#[cfg(unix)]
fn file_id(of: &fs::Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    Some(FileId { device: of.dev(), number: of.ino() })
}

#[cfg(not(unix))]
fn file_id(_: &fs::Metadata) -> Option<FileId> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_disk_keeps_what_it_promises() {
        let within = tempfile::tempdir().unwrap();
        let folder = within.path().join("a/b");
        let disk = RealDisk;
        disk.create_folder(&folder).unwrap();
        disk.create_folder(&folder).unwrap();
        let (one, two) = (folder.join("one"), folder.join("two"));
        let mut file = disk.create_private(&one).unwrap();
        file.write_all(b"some words").unwrap();
        file.sync().unwrap();
        assert!(disk.create(&one).is_err(), "it is there");
        assert_eq!(disk.id(&one).unwrap(), file.id().unwrap());
        disk.cut(&one, 4).unwrap();
        assert_eq!(disk.length(&one).unwrap(), 4);
        assert!(disk.is_file(&one).unwrap() && !disk.is_file(&folder).unwrap());
        disk.rename(&one, &two).unwrap();
        disk.sync_folder(&folder).unwrap();
        assert_eq!(disk.list(&folder).unwrap(), ["two"]);
        let mut text = String::new();
        disk.read(&two).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "some");
        let lock = folder.join("lock");
        let held = disk.lock(&lock).unwrap();
        assert!(held.is_some());
        assert!(disk.lock(&lock).unwrap().is_none(), "one at a time");
        drop(held);
        assert!(disk.lock(&lock).unwrap().is_some());
        #[cfg(unix)]
        {
            let other = disk.create(&one).unwrap();
            assert_ne!(other.id().unwrap(), file.id().unwrap());
            assert_eq!(disk.id(&two).unwrap(), file.id().unwrap(), "it goes along with its name");
            disk.remove(&one).unwrap();
        }
        assert!(disk.id(&one).is_err(), "it is gone");
        disk.create_inner_folder(&folder.join("in")).unwrap();
        disk.create_inner_folder(&folder.join("in")).unwrap();
        fs::remove_dir(folder.join("in")).unwrap();
        assert!(disk.create_inner_folder(&folder.join("not/in")).is_err(), "only within one that is there");
        disk.remove(&two).unwrap();
        assert_eq!(disk.list(&folder).unwrap(), ["lock"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            disk.create_private(&one).unwrap();
            assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
