//! Snapshots: a whole engine at one moment, as a file of Arrow record batches.
//!
//! The file is an Arrow IPC stream of rows `(part, bytes, crc32)`: the engine's parts in its own binary form, a mebibyte
//! a row, each with its checksum; the last row holds the SHA-256 of all bytes before it, so that a file that was cut short,
//! or changed anywhere, is never taken. Promises that a path holds either the former snapshot or the whole new one.
//! Must never know what an engine is made of.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt32Array, UInt64Array};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The version of the form, in the schema's metadata.
const FORM: &str = "2";
/// Bytes of one row.
const PART_BYTES: usize = 1 << 20;

/// Why a snapshot could not be written or read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The file system said no.
    #[error("{path}: {source}; look at the disk and the folder's permissions")]
    File {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is no snapshot, or of a form that this version does not know.
    #[error("{path} is not a snapshot that this version can read: {why}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was cut short or changed.
    #[error("{path} is damaged at part {part}: {why}; take an older snapshot")]
    Damaged {
        /// Which file.
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
    /// Their SHA-256 in hexadecimal.
    pub sha256: String,
}

fn schema(about: &str) -> Arc<Schema> {
    let fields = vec![
        Field::new("part", DataType::UInt64, false),
        Field::new("bytes", DataType::Binary, false),
        Field::new("crc32", DataType::UInt32, false),
    ];
    let about = [("weir.snapshot".to_owned(), FORM.to_owned()), ("weir.about".to_owned(), about.to_owned())];
    Arc::new(Schema::new_with_metadata(fields, about.into_iter().collect()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes in, rows out.
struct Parts<W: Write> {
    writer: StreamWriter<W>,
    schema: Arc<Schema>,
    part: u64,
    held: Vec<u8>,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Parts<W> {
    fn row(&mut self, bytes: &[u8]) -> Result<(), ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(vec![self.part])),
            Arc::new(BinaryArray::from(vec![bytes])),
            Arc::new(UInt32Array::from(vec![crc32fast::hash(bytes)])),
        ];
        self.part += 1;
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn turn(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        self.hasher.update(&held);
        self.bytes += held.len() as u64;
        self.row(&held).map_err(io::Error::other)?;
        self.held = held;
        self.held.clear();
        Ok(())
    }
}

impl<W: Write> Write for Parts<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART_BYTES - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.len() == PART_BYTES {
            self.turn()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what is saved to `path`: beside it first, then, once it is on disk whole, in its place. `about` says in words
/// whose state it is.
pub fn write_snapshot(
    path: &Path,
    about: &str,
    saved: &impl Serialize,
) -> Result<SnapshotFile, SnapshotError> {
    let beside = path.with_extension("partial");
    let failed = |source: io::Error| SnapshotError::File { path: beside.clone(), source };
    let of_arrow = |error: ArrowError| failed(io::Error::other(error));
    let file = File::create(&beside).map_err(failed)?;
    let schema = schema(about);
    let writer = StreamWriter::try_new(BufWriter::new(file), &schema).map_err(of_arrow)?;
    let held = Vec::with_capacity(PART_BYTES);
    let mut parts = Parts { writer, schema, part: 0, held, hasher: Sha256::new(), bytes: 0 };
    postcard::to_io(saved, &mut parts).map_err(|error| failed(io::Error::other(error)))?;
    parts.turn().map_err(failed)?;
    let hash = std::mem::take(&mut parts.hasher).finalize();
    parts.row(&hash).map_err(of_arrow)?;
    let bytes = parts.bytes;
    let file = parts
        .writer
        .into_inner()
        .map_err(of_arrow)?
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    drop(file);
    fs::rename(&beside, path).map_err(|source| SnapshotError::File { path: path.to_owned(), source })?;
    Ok(SnapshotFile { bytes, sha256: hex(&hash) })
}

/// Rows in, bytes out; checks each row as it comes.
struct Rows<R: Read> {
    reader: StreamReader<R>,
    part: u64,
    held: Vec<u8>,
    at: usize,
    hasher: Sha256,
    /// The next row, read ahead, since the last one holds no bytes of the engine.
    next: Option<Vec<u8>>,
    why: Option<(u64, &'static str)>,
}

impl<R: Read> Rows<R> {
    fn wrong(&mut self, why: &'static str) -> io::Error {
        self.why.get_or_insert((self.part, why));
        io::Error::new(io::ErrorKind::InvalidData, why)
    }

    /// The bytes of the next row; `None` after the last one.
    fn row(&mut self) -> io::Result<Option<Vec<u8>>> {
        let batch = match self.reader.next() {
            None => return Ok(None),
            Some(Ok(batch)) => batch,
            Some(Err(_)) => return Err(self.wrong("the record batch cannot be read")),
        };
        let whole = batch.num_rows() == 1 && batch.num_columns() == 3;
        let part = batch.column(0).as_primitive_opt::<UInt64Type>().filter(|_| whole);
        let bytes = batch.column(1).as_binary_opt::<i32>().filter(|_| whole);
        let crc = batch.column(2).as_primitive_opt::<UInt32Type>().filter(|_| whole);
        let (Some(part), Some(bytes), Some(crc)) = (part, bytes, crc) else {
            return Err(self.wrong("its columns are others"));
        };
        if part.value(0) != self.part {
            return Err(self.wrong("a part is missing"));
        }
        if crc32fast::hash(bytes.value(0)) != crc.value(0) {
            return Err(self.wrong("its checksum does not match"));
        }
        self.part += 1;
        Ok(Some(bytes.value(0).to_vec()))
    }

    /// Lets the next row's bytes be the ones held; false at the end, where the hash must match.
    fn turn(&mut self) -> io::Result<bool> {
        let Some(bytes) = self.next.take() else { return Ok(false) };
        match self.row()? {
            Some(next) => {
                self.hasher.update(&bytes);
                (self.held, self.at, self.next) = (bytes, 0, Some(next));
                Ok(true)
            }
            None if bytes.as_slice() == self.hasher.clone().finalize().as_slice() => Ok(false),
            None => Err(self.wrong("it ends before its last part")),
        }
    }
}

impl<R: Read> Read for Rows<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at == self.held.len() {
            if !self.turn()? {
                return Ok(0);
            }
        }
        let taken = to.len().min(self.held.len() - self.at);
        to[..taken].copy_from_slice(&self.held[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

/// Reads what [`write_snapshot`] wrote; nothing that is damaged is given out.
pub fn read_snapshot<T: DeserializeOwned>(path: &Path) -> Result<T, SnapshotError> {
    let file = File::open(path).map_err(|source| SnapshotError::File { path: path.to_owned(), source })?;
    let form = |why: String| SnapshotError::Form { path: path.to_owned(), why };
    let reader =
        StreamReader::try_new(BufReader::new(file), None).map_err(|error| form(error.to_string()))?;
    match reader.schema().metadata().get("weir.snapshot").map(String::as_str) {
        Some(FORM) => {}
        Some(other) => return Err(form(format!("it is of form {other}, this version reads {FORM}"))),
        None => return Err(form("it is another Arrow file".to_owned())),
    }
    let mut rows =
        Rows { reader, part: 0, held: Vec::new(), at: 0, hasher: Sha256::new(), next: None, why: None };
    let damaged = |rows: &Rows<_>| {
        let (part, why) = rows.why.unwrap_or((rows.part, "its content makes no sense"));
        SnapshotError::Damaged { path: path.to_owned(), part, why }
    };
    match rows.row() {
        Ok(first) => rows.next = first,
        Err(_) => return Err(damaged(&rows)),
    }
    let mut scratch = [0; 64];
    let Ok((saved, _)) = postcard::from_io::<T, _>((&mut rows, &mut scratch)) else {
        return Err(damaged(&rows));
    };
    // What was read is given out only where all of it was there and the hash of all holds.
    let mut rest = [0; 1];
    match rows.read(&mut rest) {
        Ok(0) => Ok(saved),
        Ok(_) | Err(_) => Err(damaged(&rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_no_change_of_any_byte_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.snapshot");
        let saved: Vec<u64> = (0..400_000_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        let written = write_snapshot(&path, "a test", &saved).unwrap();
        assert!(written.bytes > PART_BYTES as u64 && written.sha256.len() == 64);
        assert_eq!(read_snapshot::<Vec<u64>>(&path).unwrap(), saved);
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 300) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            if let Ok(read) = read_snapshot::<Vec<u64>>(&path) {
                // Padding and the words about it carry nothing of the state.
                assert_eq!(read, saved, "byte {at}");
            }
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read_snapshot::<Vec<u64>>(&path).is_err(), "cut at byte {at}");
        }
    }
}
