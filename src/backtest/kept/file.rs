//! Columns in files: Arrow IPC, packed with LZ4, in chunks of equally many rows.
//!
//! Promises that a file is whole or not there, and that what is read is what was written: its sum is taken when it is written, and
//! checked before it is used. Must never know what its columns are.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::CompressionType;
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use serde::{Deserialize, Serialize};

use super::KeptError;

/// What a file must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) bytes: u64,
    crc32c: u32,
}

/// A file to come, beside its place.
pub(super) struct Writer {
    part: PathBuf,
    writer: FileWriter<Summing<BufWriter<File>>>,
}

impl Writer {
    /// Begins a file of such columns under a path that is nobody else's.
    pub(super) fn create(part: PathBuf, schema: &SchemaRef) -> Result<Self, KeptError> {
        let file = File::create(&part).map_err(unusable(&part))?;
        let out = Summing { out: BufWriter::with_capacity(1 << 20, file), sum: Sum::default() };
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME));
        let writer = options.and_then(|options| FileWriter::try_new_with_options(out, schema, options));
        Ok(Self { writer: writer.map_err(unwritten(&part))?, part })
    }

    pub(super) fn write(&mut self, chunk: &RecordBatch) -> Result<(), KeptError> {
        self.writer.write(chunk).map_err(unwritten(&self.part))
    }

    /// Ends it, and says what it is. It is still beside its place.
    pub(super) fn finish(self) -> Result<(PathBuf, Sum), KeptError> {
        let Self { part, writer } = self;
        let mut out = writer.into_inner().map_err(unwritten(&part))?;
        out.flush().map_err(unusable(&part))?;
        Ok((part, out.sum))
    }
}

/// Writes on, and takes the sum.
struct Summing<W> {
    out: W,
    sum: Sum,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.bytes += written as u64;
        self.sum.crc32c = crc32c::crc32c_append(self.sum.crc32c, bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Checks that a file is what was written.
pub(super) fn check(path: &Path, sum: Sum) -> Result<(), KeptError> {
    let mut file = File::open(path).map_err(unusable(path))?;
    let (mut found, mut piece) = (Sum::default(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece).map_err(unusable(path))?;
        if read == 0 {
            break;
        }
        found.bytes += read as u64;
        found.crc32c = crc32c::crc32c_append(found.crc32c, piece.get(..read).unwrap_or_default());
    }
    if found == sum {
        return Ok(());
    }
    Err(KeptError::Damaged {
        path: path.display().to_string(),
        why: "its sum is another than when it was written".to_owned(),
    })
}

/// The chunks of a file, of which any may be read.
pub(super) struct Chunks {
    path: PathBuf,
    reader: FileReader<File>,
}

impl Chunks {
    pub(super) fn open(path: &Path) -> Result<Self, KeptError> {
        Self::open_columns(path, None)
    }

    /// With some of its columns, by their positions.
    pub(super) fn open_columns(path: &Path, columns: Option<Vec<usize>>) -> Result<Self, KeptError> {
        let file = File::open(path).map_err(unusable(path))?;
        let reader = FileReader::try_new(file, columns).map_err(damaged(path))?;
        Ok(Self { path: path.to_owned(), reader })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.reader.num_batches()
    }

    pub(super) fn read(&mut self, chunk: usize) -> Result<RecordBatch, KeptError> {
        let failed = damaged(&self.path);
        self.reader.set_index(chunk).map_err(&failed)?;
        let read =
            self.reader.next().ok_or_else(|| failed(ArrowError::IpcError("it ends early".to_owned())))?;
        read.map_err(failed)
    }
}

pub(super) fn unusable(path: &Path) -> impl Fn(std::io::Error) -> KeptError {
    let path = path.display().to_string();
    move |source| KeptError::File { path: path.clone(), source }
}

pub(super) fn damaged(path: &Path) -> impl Fn(ArrowError) -> KeptError {
    let path = path.display().to_string();
    move |source| KeptError::Damaged { path: path.clone(), why: source.to_string() }
}

fn unwritten(path: &Path) -> impl Fn(ArrowError) -> KeptError {
    let path = path.display().to_string();
    move |source| KeptError::File { path: path.clone(), source: std::io::Error::other(source) }
}
