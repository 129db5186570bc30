//! Room on disk: what was used longest ago goes first.
//!
//! Promises that there is no more than is asked for when a run begins, and that nothing but what is kept is ever removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Cache;
use super::listing::NAME;

/// The name of a folder of the cache: 64 hexadecimal digits.
fn is_ours(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Removes what was used longest ago until the rest has room; what is in use goes last. What can't be removed stays.
pub(super) fn make(cache: &Cache, in_use: &Path) {
    let Ok(entries) = fs::read_dir(&cache.folder) else { return };
    let mut held: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_str().is_some_and(is_ours) && path.is_dir() {
            held.push((used(&path), bytes(&path), path));
        }
    }
    held.sort_by_key(|(used, _, path)| (path == in_use, *used));
    let mut all: u64 = held.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in &held {
        if all <= cache.bytes_max {
            return;
        }
        if fs::remove_dir_all(path).is_ok() {
            all = all.saturating_sub(*bytes);
        }
    }
}

/// Removes what a run left that was ended: files that are not whole, from before the last run that came to its end.
pub(super) fn tidy(folder: &Path) {
    let (Ok(entries), ended) = (fs::read_dir(folder), used(folder)) else { return };
    for entry in entries.flatten() {
        let is_part = entry.path().extension().is_some_and(|ending| ending == "part");
        let written = entry.metadata().and_then(|data| data.modified());
        if is_part && written.is_ok_and(|written| written < ended) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn used(folder: &Path) -> SystemTime {
    let listed = fs::metadata(folder.join(NAME)).or_else(|_| fs::metadata(folder));
    listed.and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}
