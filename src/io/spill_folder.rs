//! The folder of one run's spilled chunks: who owns it, and what becomes of it when its run is killed.
//!
//! A living run holds the lock of a file in its folder, and the operating system lets go of it however the run ends. So
//! the next run there can tell a dead one's folder from a living one's, removes the first, and never touches the other.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How folders begin that are a run's.
const PREFIX: &str = "weir-spill-";
/// The file in it whose lock its run holds. Who gives the folder up writes into it first, so that another run which had
/// opened it before it was gone can see that it is.
const LOCK: &str = "lock";

/// A folder of this run, with its lock.
#[derive(Debug)]
pub(super) struct SpillFolder {
    path: PathBuf,
    lock: File,
}

impl SpillFolder {
    /// A new folder within this one, which is made if it is not there; removes the folders of runs that are over.
    pub(super) fn create(within: &Path) -> io::Result<Self> {
        fs::create_dir_all(within)?;
        for entry in fs::read_dir(within)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
                // One that can't be removed is in nobody's way.
                let _ = remove_if_dead(&entry.path());
            }
        }
        let mut number = 0_u64;
        loop {
            let path = within.join(format!("{PREFIX}{number}"));
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let lock = File::create_new(path.join(LOCK))?;
            // Another run may have taken the folder for a dead one's before it was locked.
            if take(&lock)? {
                return Ok(Self { path, lock });
            }
            number += 1;
        }
    }

    /// Where the file of a chunk belongs.
    pub(super) fn chunk(&self, log: u64, number: u64) -> PathBuf {
        self.path.join(format!("log-{log}-chunk-{number}.arrow"))
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // What others put into it stays, and what can't be removed does no harm.
        let _ = give_up(&self.path, &self.lock);
    }
}

/// Takes the lock of a folder; false where a run holds it, or the folder was given up.
fn take(lock: &File) -> io::Result<bool> {
    match lock.try_lock() {
        Ok(()) => Ok(lock.metadata()?.len() == 0),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes a folder whose lock is held.
fn give_up(folder: &Path, mut lock: &File) -> io::Result<()> {
    lock.write_all(b"gone\n")?;
    fs::remove_file(folder.join(LOCK))?;
    fs::remove_dir(folder)
}

/// Removes a run's folder with its chunks if nobody holds its lock. Of one without a lock nothing is known, and it stays.
fn remove_if_dead(folder: &Path) -> io::Result<()> {
    let lock = File::options().read(true).write(true).open(folder.join(LOCK))?;
    if !take(&lock)? {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("log-") && name.ends_with(".arrow")) {
            fs::remove_file(entry.path())?;
        }
    }
    give_up(folder, &lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A folder as a run leaves it that is killed.
    fn dead(within: &Path, number: u64) -> PathBuf {
        let folder = within.join(format!("{PREFIX}{number}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(LOCK), "").unwrap();
        fs::write(folder.join("log-0-chunk-7.arrow"), "rows").unwrap();
        folder
    }

    #[test]
    fn what_a_dead_run_left_is_removed_and_a_living_ones_is_not() {
        let within = tempfile::tempdir().unwrap();
        let within = within.path();
        dead(within, 0);
        let living = SpillFolder::create(within).unwrap();
        assert_eq!(names(within), ["weir-spill-0"]);
        assert_eq!(names(&living.path), ["lock"], "the dead run's chunk is gone");
        fs::write(living.chunk(0, 1), "rows").unwrap();
        dead(within, 5);
        fs::create_dir(within.join("weir-spill-6")).unwrap();
        fs::write(dead(within, 7).join("notes.txt"), "somebody's own").unwrap();
        fs::create_dir(within.join("others")).unwrap();
        let other = SpillFolder::create(within).unwrap();
        assert_eq!(names(&living.path), ["lock", "log-0-chunk-1.arrow"]);
        assert_eq!(names(within), ["others", "weir-spill-0", "weir-spill-1", "weir-spill-6", "weir-spill-7"]);
        assert_eq!(names(&within.join("weir-spill-7")), ["notes.txt"]);
        fs::remove_file(living.chunk(0, 1)).unwrap();
        drop((living, other));
        assert_eq!(names(within), ["others", "weir-spill-6", "weir-spill-7"]);
    }

    #[test]
    fn a_folder_that_was_given_up_is_not_taken_by_who_had_opened_it_before() {
        let within = tempfile::tempdir().unwrap();
        let folder = dead(within.path(), 0);
        let before = File::options().read(true).write(true).open(folder.join(LOCK)).unwrap();
        remove_if_dead(&folder).unwrap();
        assert!(!take(&before).unwrap());
        assert!(!folder.exists());
    }
}
