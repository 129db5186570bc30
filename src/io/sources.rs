//! A rule file with the files that it extends, read from disk.
//!
//! A path is relative to the file that names it. Must never know what a rule file says but for what it extends.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::rules::Sources;

/// Reads a rule file with all that it extends; an error is that of the file itself. One that can't be extended is told
/// with the file's problems.
pub fn load_rules(path: &Path) -> io::Result<Sources> {
    load_rules_by(path, |path| std::fs::read_to_string(path))
}

/// The same with files whose texts are read so.
pub(super) fn load_rules_by(path: &Path, read: impl Fn(&Path) -> io::Result<String>) -> io::Result<Sources> {
    let text = read(path)?;
    let find = |from: &str, extended: &str| {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let path = plain(&folder.join(extended));
        let text = read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((path.display().to_string(), text))
    };
    Ok(Sources::load(&plain(path).display().to_string(), &text, find))
}

/// The path without `.` and, where it can, without `..`, so that one file has one name.
pub(super) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_name() {
        for (path, expected) in
            [("./a/../b.toml", "b.toml"), ("a/./b/../c", "a/c"), ("../a", "../a"), ("../../a", "../../a")]
        {
            assert_eq!(plain(Path::new(path)), Path::new(expected));
        }
    }
}
