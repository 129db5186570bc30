//! Rule sets as they were, by hash: plain files that an auditor can read.
//!
//! `kept/<hash>/` holds a [`Bundle`](crate::io::Bundle)'s files under their paths, and `SHA256SUMS` as `sha256sum` writes
//! and checks it, with the rule file's path in a first line of its own. The hash is the SHA-256 of that file, so it is
//! over every path and content. Promises that a rule set is there whole or not at all, and that one that was changed is
//! told by its file.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::error::JournalError;
use crate::hex::hex;
use crate::io::{Bundle, BundleError, Disk, Loaded};

/// Where they are in a journal's folder.
pub(super) const FOLDER: &str = "kept";
const SUMS: &str = "SHA256SUMS";
const HEAD: &str = "# weir rules: ";

/// Why a rule set can't be kept, or is not what was kept.
#[derive(Debug, Error)]
pub enum KeptError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] JournalError),
    /// A file is not what was kept.
    #[error("{} is not what was kept with the journal; restore it from a copy", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A rule set that the journal names is not kept.
    #[error("the rule set {hash} is not in {}; restore it from a copy", folder.display())]
    Gone {
        /// Its hash.
        hash: String,
        /// Where rule sets are kept.
        folder: PathBuf,
    },
    /// A path that can't be kept under.
    #[error("{path} can't be kept beside `SHA256SUMS`; give the file another name")]
    Name {
        /// The path.
        path: String,
    },
    /// What was kept makes no rule set for this version.
    #[error("the rule set kept as {hash}: {why}")]
    Bundle {
        /// Its hash.
        hash: String,
        /// What is wrong.
        why: BundleError,
    },
}

fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

fn sums(bundle: &Bundle) -> String {
    let mut text = format!("{HEAD}{}\n", bundle.rules());
    for (path, bytes) in bundle.files() {
        text += &format!("{}  {path}\n", sha256(bytes));
    }
    text
}

/// The hash that a rule set is kept by.
pub fn hash(bundle: &Bundle) -> String {
    sha256(sums(bundle).as_bytes())
}

/// The folder in which a rule set is kept.
pub fn folder(journal: &Path, hash: &str) -> PathBuf {
    journal.join(FOLDER).join(hash)
}

/// Fails where a rule set can't be kept.
pub(super) fn check(bundle: &Bundle) -> Result<(), KeptError> {
    let named = bundle.files().find(|(path, _)| path.starts_with(SUMS));
    named.map_or(Ok(()), |(path, _)| Err(KeptError::Name { path: path.to_owned() }))
}

/// Keeps a rule set in a journal's folder, where it is not kept yet; gives its hash.
pub fn keep(disk: &dyn Disk, journal: &Path, bundle: &Bundle) -> Result<String, KeptError> {
    let sums = sums(bundle);
    let hash = sha256(sums.as_bytes());
    let folder = folder(journal, &hash);
    let last = folder.join(SUMS);
    if disk.length(&last).is_ok() {
        return Ok(hash);
    }
    check(bundle)?;
    disk.create_folder(&folder).map_err(JournalError::disk("make the folder", &folder))?;
    for (path, bytes) in bundle.files() {
        write(disk, &folder.join(path), bytes)?;
    }
    // With its name all of it is there: what a crash left without is written again.
    let beside = folder.join(format!("{SUMS}.new"));
    write(disk, &beside, sums.as_bytes())?;
    disk.rename(&beside, &last).map_err(JournalError::disk("rename to", &last))?;
    disk.sync_folder(&folder).map_err(JournalError::disk("sync the folder", &folder))?;
    Ok(hash)
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), KeptError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    disk.create_folder(folder).map_err(JournalError::disk("make the folder", folder))?;
    if disk.length(path).is_ok() {
        disk.remove(path).map_err(JournalError::disk("remove", path))?;
    }
    let written = disk.create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync()
    });
    written.map_err(JournalError::disk("write", path))?;
    Ok(disk.sync_folder(folder).map_err(JournalError::disk("sync the folder", folder))?)
}

/// The hashes of all rule sets that are kept whole, sorted.
pub fn all(disk: &dyn Disk, journal: &Path) -> Result<Vec<String>, KeptError> {
    let folder = journal.join(FOLDER);
    let names = match disk.list(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        names => names.map_err(JournalError::disk("list the folder", &folder))?,
    };
    let mut whole = Vec::with_capacity(names.len());
    for name in names {
        let last = folder.join(&name).join(SUMS);
        match disk.length(&last) {
            Ok(_) => whole.push(name),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(JournalError::disk("look at", &last)(error).into()),
        }
    }
    Ok(whole)
}

/// Whether no rule set is kept but this one, so that no other can have decided. So it is where none is kept.
pub fn none_but(disk: &dyn Disk, journal: &Path, hash: &str) -> Result<bool, KeptError> {
    Ok(all(disk, journal)?.iter().all(|kept| kept == hash))
}

/// Whether a path leads nowhere, which is no fault of the disk.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a rule set that was kept. Every file of it is what it was.
pub fn read(disk: &dyn Disk, journal: &Path, hash: &str) -> Result<Bundle, KeptError> {
    let folder = folder(journal, hash);
    let last = folder.join(SUMS);
    match disk.length(&last) {
        Err(error) if is_gone(&error) => {
            return Err(KeptError::Gone { hash: hash.to_owned(), folder: journal.join(FOLDER) });
        }
        length => length.map_err(JournalError::disk("look at", &last))?,
    };
    let changed = |path: &Path| KeptError::Changed { path: path.to_owned() };
    let sums = bytes(disk, &last)?;
    let text = std::str::from_utf8(&sums).ok().filter(|_| sha256(&sums) == hash);
    let mut lines = text.ok_or_else(|| changed(&last))?.lines();
    let rules = lines.next().and_then(|line| line.strip_prefix(HEAD)).ok_or_else(|| changed(&last))?;
    let mut files = BTreeMap::new();
    for line in lines {
        let (sum, path) = line.split_once("  ").ok_or_else(|| changed(&last))?;
        let at = folder.join(path);
        let bytes = match bytes(disk, &at) {
            Err(JournalError::Disk { source, .. }) if is_gone(&source) => return Err(changed(&at)),
            bytes => bytes?,
        };
        if sha256(&bytes) != sum {
            return Err(changed(&at));
        }
        files.insert(path.to_owned(), Arc::from(bytes));
    }
    Ok(Bundle::new(rules.to_owned(), files))
}

/// The rule set with this hash, as decisions name it, and the hash that it was kept by; none where no such one is kept.
pub fn named(
    disk: &dyn Disk,
    journal: &Path,
    hash: &[u8; 32],
) -> Result<Option<(String, Loaded)>, KeptError> {
    for kept in all(disk, journal)? {
        let loaded = read(disk, journal, &kept)?.load();
        let loaded = loaded.map_err(|why| KeptError::Bundle { hash: kept.clone(), why })?;
        if loaded.rules.hash == *hash {
            return Ok(Some((kept, loaded)));
        }
    }
    Ok(None)
}

fn bytes(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let read = disk.read(path).and_then(|mut source| source.read_to_end(&mut bytes));
    read.map_err(JournalError::disk("read", path))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::RealDisk;

    fn bundle() -> Bundle {
        let files = [("a/rules.toml", "x = 1\n"), ("b.csv", "key\n")];
        let files = files.map(|(path, text)| (path.to_owned(), Arc::from(text.as_bytes())));
        Bundle::new("a/rules.toml".to_owned(), files.into_iter().collect())
    }

    #[test]
    fn what_is_kept_is_read_back_and_a_changed_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path();
        assert_eq!(all(&RealDisk, journal).unwrap(), Vec::<String>::new());
        assert!(none_but(&RealDisk, journal, "a").unwrap());
        let hash = keep(&RealDisk, journal, &bundle()).unwrap();
        assert!(none_but(&RealDisk, journal, &hash).unwrap() && !none_but(&RealDisk, journal, "a").unwrap());
        assert_eq!(keep(&RealDisk, journal, &bundle()).unwrap(), hash);
        assert_eq!(hash, super::hash(&bundle()));
        assert_eq!(all(&RealDisk, journal).unwrap(), std::slice::from_ref(&hash));
        assert_eq!(read(&RealDisk, journal, &hash).unwrap(), bundle());
        let at = super::folder(journal, &hash);
        let sums = std::fs::read_to_string(at.join(SUMS)).unwrap();
        assert!(sums.starts_with("# weir rules: a/rules.toml\n") && sums.contains("  b.csv\n"), "{sums}");
        for name in ["b.csv", "a/rules.toml", SUMS] {
            let held = std::fs::read(at.join(name)).unwrap();
            std::fs::write(at.join(name), "y = 1\n").unwrap();
            let error = read(&RealDisk, journal, &hash).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("not what was kept"), "{error}");
            std::fs::write(at.join(name), held).unwrap();
        }
        // Without its sums it was never kept, and is written again.
        std::fs::remove_file(at.join(SUMS)).unwrap();
        assert!(read(&RealDisk, journal, &hash).unwrap_err().to_string().contains(&hash));
        assert_eq!(keep(&RealDisk, journal, &bundle()).unwrap(), hash);
        assert_eq!(read(&RealDisk, journal, &hash).unwrap(), bundle());
    }
}
