//! Snapshots: a whole engine at one moment, as a file of Arrow record batches.
//!
//! The file is an Arrow IPC stream of rows, one a batch: first the engine's state in its own binary form, a mebibyte a row;
//! then the chunks of its tail logs, one a row, as columns; each with its checksum. Behind the stream, where readers of
//! Arrow don't look, is the SHA-256 of all of it, so that a file that was cut short, or changed anywhere, is never taken.
//! Rows of a log are written and read one chunk at a time. Promises that a path holds either the former snapshot or the whole new one, also when the power
//! goes.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::ArrowError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::snapshot_reader::{self, Broken, Content};
use super::snapshot_writer::Parts;
use crate::engine::SavedEngine;
use crate::state::{ChunkColumns, Lost};

/// Why a snapshot could not be written or read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file system said no.
    #[error("{path}: {source}; look at the disk and the folder's permissions")]
    File {
        /// The snapshot.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A part of the engine's log that is away can't be had; the path holds what it held.
    #[error("{path} is not written, because a part of the log can't be had: {why}")]
    Log {
        /// The snapshot.
        path: PathBuf,
        /// What is said.
        why: Lost,
    },
    /// It is no snapshot, or of a form that this version does not know.
    #[error("{path} is not a snapshot that this version can read: {why}")]
    Form {
        /// The snapshot.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It holds what no engine wrote.
    #[error("{path} is damaged at part {part}: {why}; take an older snapshot")]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// The row.
        part: u64,
        /// What is wrong there.
        why: &'static str,
    },
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Bytes of what was saved, without the container's own.
    pub bytes: u64,
    /// The SHA-256 of the file without its last 32 bytes, which hold it, in hexadecimal.
    pub sha256: String,
}

/// Writes what is saved to `path`: beside it first, then, once it is on disk whole, in its place. `about` says in words
/// whose state it is.
pub fn write_snapshot(path: &Path, about: &str, saved: &SavedEngine) -> Result<SnapshotFile, SnapshotError> {
    write(path, about, saved, saved.chunks().map(|(log, chunk)| (log, chunk.rows())))
}

/// Writes the same to wherever `out` leads; errors call it `path`.
pub fn write_snapshot_to<W: Write>(
    out: W,
    path: &Path,
    about: &str,
    saved: &SavedEngine,
) -> Result<(W, SnapshotFile), SnapshotError> {
    write_to(out, path, about, saved, saved.chunks().map(|(log, chunk)| (log, chunk.rows())))
}

/// Rows of a log with the log's number.
type Rows<'a> = (usize, Result<Cow<'a, ChunkColumns>, Lost>);

fn write<'a>(
    path: &Path,
    about: &str,
    state: &impl Serialize,
    chunks: impl Iterator<Item = Rows<'a>>,
) -> Result<SnapshotFile, SnapshotError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    let written = write_beside(path, &beside, about, state, chunks);
    if written.is_err() {
        // What is not whole is of no use to anyone.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_beside<'a>(
    path: &Path,
    beside: &Path,
    about: &str,
    state: &impl Serialize,
    chunks: impl Iterator<Item = Rows<'a>>,
) -> Result<SnapshotFile, SnapshotError> {
    let failed = |source: io::Error| SnapshotError::File { path: path.to_owned(), source };
    let out = BufWriter::new(File::create(beside).map_err(failed)?);
    let (out, written) = write_to(out, path, about, state, chunks)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    drop(file);
    fs::rename(beside, path).and_then(|()| sync_folder(path)).map_err(failed)?;
    Ok(written)
}

fn write_to<'a, W: Write>(
    out: W,
    path: &Path,
    about: &str,
    state: &impl Serialize,
    chunks: impl Iterator<Item = Rows<'a>>,
) -> Result<(W, SnapshotFile), SnapshotError> {
    let failed = |source: io::Error| SnapshotError::File { path: path.to_owned(), source };
    let of_arrow = |error: ArrowError| failed(io::Error::other(error));
    let mut parts = Parts::begin(out, about).map_err(of_arrow)?;
    postcard::to_io(state, &mut parts).map_err(|error| failed(io::Error::other(error)))?;
    parts.end_state().map_err(failed)?;
    for (log, rows) in chunks {
        let rows = rows.map_err(|why| SnapshotError::Log { path: path.to_owned(), why })?;
        parts.chunk(log, rows.into_owned()).map_err(of_arrow)?;
    }
    parts.end().map_err(of_arrow)
}

/// Makes the name of a file last: a rename is in its folder, which is on disk only once it is told to be.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Elsewhere a folder can't be opened, and a rename needs no more.
    if cfg!(unix) { File::open(folder.unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
}

/// Reads what [`write_snapshot`] wrote; nothing that is damaged is given out. The rows of logs are checked, and then left in
/// the file, which must not be written over in place (renaming another over it is well), until an engine takes them.
pub fn read_snapshot(path: &Path) -> Result<SavedEngine, SnapshotError> {
    read_and_fit(path, read::<SavedEngine>(path)).map(|(saved, _)| saved)
}

/// Opens a file once more, from its beginning.
pub type Again = Box<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send>;

/// Reads the same from wherever `open` leads, as often as it is asked; `bytes` long, and called `path` by errors. Also
/// gives what the snapshot says of itself, and its sum. All that an engine needs of it is open before anything is read, so that the
/// file may lose its name meanwhile.
pub fn read_snapshot_by(
    path: &Path,
    bytes: u64,
    open: Again,
) -> Result<(SavedEngine, SnapshotSays), SnapshotError> {
    let mut sha256 = String::new();
    let read = || {
        let once_more = || open().map_err(Broken::File);
        let (mut first, second, rows) = (once_more()?, once_more()?, once_more()?);
        let whole = snapshot_reader::whole(&mut first, bytes).map_err(Broken::File)?.ok_or_else(cut)?;
        sha256.clone_from(&whole.sha256);
        // Its chunks are read in their order, so nobody goes back in it, who had to open it again.
        let rows = Reopened { open, at: Some((rows, 0)) };
        snapshot_reader::read(whole.again(second), rows, SavedEngine::TEXT_BYTES_MAX)
    };
    let (saved, about) = read_and_fit(path, read())?;
    Ok((saved, SnapshotSays { about, sha256 }))
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSays {
    /// What it was written with.
    pub about: String,
    /// The SHA-256 of all but its last 32 bytes, which are this sum, in hex.
    pub sha256: String,
}

/// The sum of a snapshot that is whole, in hex; none where it is not. Reads it once, and keeps nothing.
pub fn snapshot_sha256(source: &mut impl Read, bytes: u64) -> io::Result<Option<String>> {
    Ok(snapshot_reader::whole(source, bytes)?.map(|whole| whole.sha256))
}

/// Whether what is there is whole: all that was written, and nothing else. Reads it once, and keeps nothing.
pub fn snapshot_is_whole(source: &mut impl Read, bytes: u64) -> io::Result<bool> {
    Ok(snapshot_sha256(source, bytes)?.is_some())
}

/// A file that can only be read from its beginning, read at any place: forward by reading on.
struct Reopened {
    open: Again,
    at: Option<(Box<dyn Read + Send>, u64)>,
}

impl std::fmt::Debug for Reopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reopened").field("at", &self.at.as_ref().map(|(_, at)| at)).finish_non_exhaustive()
    }
}

impl Read for Reopened {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let (source, at) = match &mut self.at {
            Some(held) => held,
            none => none.insert(((self.open)()?, 0)),
        };
        let taken = source.read(to)?;
        *at += taken as u64;
        Ok(taken)
    }
}

impl Seek for Reopened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(to) = to else { return Err(io::ErrorKind::Unsupported.into()) };
        let held = self.at.take().filter(|(_, at)| *at <= to);
        let (mut source, at) = held.map_or_else(|| Ok((((self.open)())?, 0)), io::Result::Ok)?;
        let skipped = io::copy(&mut (&mut source).take(to - at), &mut io::sink())?;
        self.at = Some((source, at + skipped));
        Ok(at + skipped)
    }
}

fn cut() -> Broken {
    Broken::Form("it was cut short or changed, or is another file".to_owned())
}

fn read_and_fit<F: Read + Seek + std::fmt::Debug + Send + 'static>(
    path: &Path,
    read: Result<Content<SavedEngine, F>, Broken>,
) -> Result<(SavedEngine, String), SnapshotError> {
    let told = |broken: Broken| {
        let path = path.to_owned();
        match broken {
            Broken::File(source) => SnapshotError::File { path, source },
            Broken::Form(why) => SnapshotError::Form { path, why },
            Broken::Damaged(part, why) => SnapshotError::Damaged { path, part, why },
        }
    };
    let Content { state: mut saved, about, rows } = read.map_err(told)?;
    let parts = rows.part();
    let mut rows = rows.into_iter();
    for (log, chunk) in saved.chunks_mut() {
        match rows.next() {
            Some((of, rows)) if of == log => chunk.set_rows(Arc::new(rows)),
            _ => return Err(told(Broken::Damaged(parts, "a chunk of a log is missing"))),
        }
    }
    match rows.next() {
        None => Ok((saved, about)),
        Some(_) => Err(told(Broken::Damaged(parts, "it has more chunks of logs than it says"))),
    }
}

/// The state of a file, and where its chunks are.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Content<T, File>, Broken> {
    let mut file = File::open(path).map_err(Broken::File)?;
    let bytes = file.metadata().map_err(Broken::File)?.len();
    let whole = snapshot_reader::whole(&mut file, bytes).map_err(Broken::File)?;
    let whole = whole.ok_or_else(cut)?;
    file.rewind().map_err(Broken::File)?;
    // The two share one place in the file: chunks are read when all else is.
    let again = file.try_clone().map_err(Broken::File)?;
    snapshot_reader::read(whole.again(file), again, SavedEngine::TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::snapshot_writer::PART_BYTES;
    use crate::state::KeptChunk;

    fn chunk(n: i64) -> ChunkColumns {
        ChunkColumns {
            at_us: (0..500).map(|row| n * 1000 + row).collect(),
            shape: (0..500).map(|row| row % 2).collect(),
            shapes: (0..2 + 2 * n as u64).collect(),
            slots: vec![vec![7; 500]; n as usize],
            values: vec![(0..500).rev().collect(), vec![i64::MIN; 500]],
            back: if n % 2 == 0 { Vec::new() } else { (0..500).collect() },
        }
    }

    type All = (Vec<u64>, Vec<(usize, ChunkColumns)>);

    fn read(path: &Path) -> Option<All> {
        let Content { state, rows, .. } = super::read(path).ok()?;
        let rows = rows.into_iter().map(|(log, row)| Some((log, KeptChunk::read(&row).ok()?)));
        Some((state, rows.collect::<Option<_>>()?))
    }

    #[test]
    fn what_is_written_is_read_back_and_no_change_of_any_byte_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.snapshot");
        for words in [140_000, 100] {
            let state: Vec<u64> = (0..words).map(|n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
            let chunks = || [(0, chunk(0)), (0, chunk(2)), (1, chunk(1))].into_iter();
            let rows = chunks().map(|(log, chunk)| (log, Ok(Cow::Owned(chunk))));
            let written = write(&path, "a test", &state, rows).unwrap();
            assert!(written.bytes > 10_000 && written.sha256.len() == 64);
            assert!(words < 1000 || written.bytes > PART_BYTES as u64);
            assert!(!folder.path().join("state.snapshot.partial").exists());
            let saved = (state, chunks().collect::<Vec<_>>());
            assert_eq!(read(&path).as_ref(), Some(&saved));
            let whole = fs::read(&path).unwrap();
            for at in (0..whole.len()).step_by(whole.len() / 200) {
                let mut changed = whole.clone();
                changed[at] ^= 1;
                fs::write(&path, &changed).unwrap();
                assert!(read(&path).is_none(), "byte {at} is another");
                fs::write(&path, &whole[..at]).unwrap();
                assert!(read(&path).is_none(), "cut at byte {at}");
            }
        }
    }

    #[test]
    fn a_chunk_that_can_not_be_had_leaves_the_former_snapshot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.snapshot");
        fs::write(&path, "the former").unwrap();
        let rows = [(0, Err("it is gone".into()))].into_iter();
        let error = write(&path, "a test", &vec![1_u64], rows).unwrap_err();
        assert!(error.to_string().ends_with("a part of the log can't be had: it is gone"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "the former");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let nowhere = write(&folder.path().join("no/such"), "a test", &vec![1_u64], [].into_iter());
        assert!(nowhere.unwrap_err().to_string().contains("no/such:"), "the path that was asked for");
    }
}
