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

/// The path by which a file in a folder can extend another one; both are absolute, or relative to the same folder without `..`.
pub fn path_between(folder: &Path, file: &Path) -> PathBuf {
    let (folder, file) = (plain(folder), plain(file));
    let same = folder.components().zip(file.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(same).map(|_| Component::ParentDir);
    up.chain(file.components().skip(same)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_finds_the_way_to_another() {
        for (folder, file, expected) in [
            ("/a/b", "/a/rules/r.toml", "../rules/r.toml"),
            ("/a/b/../c/", "/a/./r.toml", "../r.toml"),
            ("/a", "/a/r.toml", "r.toml"),
            ("/x/y", "/a/r.toml", "../../a/r.toml"),
        ] {
            let found = path_between(Path::new(folder), Path::new(file));
            assert_eq!(found, Path::new(expected));
            assert_eq!(plain(&Path::new(folder).join(found)), plain(Path::new(file)));
        }
    }

    #[test]
    fn one_file_has_one_name() {
        for (path, expected) in
            [("./a/../b.toml", "b.toml"), ("a/./b/../c", "a/c"), ("../a", "../a"), ("../../a", "../../a")]
        {
            assert_eq!(plain(Path::new(path)), Path::new(expected));
        }
    }
}
