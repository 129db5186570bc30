//! Which files a manifest means: paths, globs and folders, in the order of their names.
//!
//! Promises that the same folder gives the same files in the same order, and that every file is there when it is given. What is in
//! them it does not know, but for their endings.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use datafusion::common::parsers::CompressionTypeVariant as Packing;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::manifest::FileForm;

/// The files that patterns mean below a folder, each once; a pattern that means none is an error.
pub(super) fn find(root: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, DataError> {
    let mut found: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let mut files = Vec::new();
        let start = if pattern.starts_with('/') { Path::new("/") } else { root };
        let segments: Vec<&str> = pattern.split('/').filter(|segment| !segment.is_empty()).collect();
        descend(start, &segments, &mut files)?;
        if files.is_empty() {
            let path = start.join(pattern.trim_start_matches('/'));
            let why = "no such file; paths are relative to the manifest's folder, or to --root";
            return Err(DataError::File { path, source: io::Error::new(io::ErrorKind::NotFound, why) });
        }
        files.sort();
        files.retain(|file| !found.contains(file));
        found.append(&mut files);
    }
    Ok(found)
}

/// Files that the rest of a pattern means below a folder.
fn descend(folder: &Path, segments: &[&str], files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let Some((segment, rest)) = segments.split_first() else {
        return take(folder, files);
    };
    if !segment.contains(['*', '?']) {
        return descend(&folder.join(segment), rest, files);
    }
    if *segment == "**" {
        descend(folder, rest, files)?;
    }
    for (name, path) in entries(folder)? {
        if *segment == "**" {
            if path.is_dir() {
                descend(&path, segments, files)?;
            }
        } else if is_like(segment.as_bytes(), name.as_bytes()) && (rest.is_empty() || path.is_dir()) {
            descend(&path, rest, files)?;
        }
    }
    Ok(())
}

/// A file, or all below a folder but for what is hidden or put there by who writes folders (`_SUCCESS`).
fn take(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    if path.is_file() {
        files.push(path.to_owned());
    } else if path.is_dir() {
        for (name, path) in entries(path)? {
            if !name.starts_with(['.', '_']) {
                take(&path, files)?;
            }
        }
    }
    Ok(())
}

/// What is in a folder, by name; nothing where it is not there.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(DataError::file(folder))?,
    };
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.map_err(DataError::file(folder))?;
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
    };
    read.map(entry).collect()
}

/// Whether a name is like a pattern of `*` (any characters) and `?` (one).
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            is_like(rest, name) || name.split_first().is_some_and(|(_, name)| is_like(pattern, name))
        }
        (Some((b'?', rest)), Some((_, name))) => is_like(rest, name),
        (Some((wanted, rest)), Some((found, name))) => wanted == found && is_like(rest, name),
        _ => false,
    }
}

/// How a file is written and packed, by its name.
pub(super) fn form_of(path: &Path) -> (Option<FileForm>, Packing) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (name, packing) =
        [(".gz", Packing::GZIP), (".zst", Packing::ZSTD), (".bz2", Packing::BZIP2), (".xz", Packing::XZ)]
            .into_iter()
            .find_map(|(ending, packing)| Some((name.strip_suffix(ending)?, packing)))
            .unwrap_or((&name, Packing::UNCOMPRESSED));
    let form = name.rsplit_once('.').and_then(|(_, ending)| match ending {
        "csv" => Some(FileForm::Csv),
        "ndjson" | "jsonl" | "json" => Some(FileForm::Ndjson),
        "parquet" => Some(FileForm::Parquet),
        "arrow" | "arrows" | "feather" | "ipc" => Some(FileForm::Arrow),
        _ => None,
    });
    (form, packing)
}

/// The values of partition columns in the names of a file's folders; `None` for one that is not there.
pub(super) fn partition_values<'p>(path: &'p Path, columns: &[String]) -> Vec<Option<&'p str>> {
    let value = |column: &String| {
        let named = |part: &'p std::ffi::OsStr| part.to_str()?.strip_prefix(column)?.strip_prefix('=');
        path.parent()?.iter().rev().find_map(named)
    };
    columns.iter().map(value).collect()
}

/// A file's size, and SHA-256 of its bytes.
pub(super) fn sum(path: &Path) -> Result<(u64, [u8; 32]), DataError> {
    let mut file = File::open(path).map_err(DataError::file(path))?;
    let (mut digest, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((bytes, digest.finalize().into())),
            Ok(read) => {
                bytes += read as u64;
                digest.update(&piece[..read]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DataError::file(path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(root: &Path, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let files = find(root, &patterns).unwrap();
        files.iter().map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn globs_mean_files_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for file in ["b.csv", "a.csv", "c.txt", "y=1/m=2/a.csv", "y=1/_SUCCESS", "y=0/b.csv"] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(found(root, &["*.csv"]), ["a.csv", "b.csv"]);
        assert_eq!(found(root, &["b.csv", "?.csv"]), ["b.csv", "a.csv"]);
        assert_eq!(found(root, &["y=*/*.csv"]), ["y=0/b.csv"]);
        assert_eq!(found(root, &["**/*.csv"]), ["a.csv", "b.csv", "y=0/b.csv", "y=1/m=2/a.csv"]);
        assert_eq!(found(root, &["y=1"]), ["y=1/m=2/a.csv"]);
        assert!(find(root, &["z*.csv".to_owned()]).unwrap_err().to_string().contains("z*.csv: no such file"));
        let columns = ["y".to_owned(), "m".to_owned(), "d".to_owned()];
        let path = root.join("y=1/m=2/a.csv");
        assert_eq!(partition_values(&path, &columns), [Some("1"), Some("2"), None]);
    }

    #[test]
    fn a_name_tells_how_a_file_is_written() {
        assert_eq!(form_of(Path::new("a/B.CSV.gz")), (Some(FileForm::Csv), Packing::GZIP));
        assert_eq!(form_of(Path::new("a.jsonl.zst")), (Some(FileForm::Ndjson), Packing::ZSTD));
        assert_eq!(form_of(Path::new("a.parquet")), (Some(FileForm::Parquet), Packing::UNCOMPRESSED));
        assert_eq!(form_of(Path::new("a.txt")), (None, Packing::UNCOMPRESSED));
    }
}
