//! Closed segments as Parquet files, which query engines read as they are.
//!
//! Promises that a file has its name only once every whole record of its segment is in it, it is on disk, and was read back;
//! and that what may still change is left out. A segment may while it is the last one and was not closed in order. Must never
//! change a segment.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use parquet::file::writer::SerializedFileWriter;
use thiserror::Error;

use super::archive;
use super::control::Control;
use super::damage::Damage;
use super::error::JournalError;
use super::reader::Reader;
use super::record::{Kind, Record, UnknownRecord};
use super::recovery::OnDamage;
use super::rows::{Rows, properties, schema};
use super::segment;
use crate::hex::hex;
use crate::io::{Disk, DiskFile};

/// Where they are in a journal's folder.
const FOLDER: &str = "columns";
const ENDING: &str = ".parquet";
const LOCK: &str = "lock";
const BUFFER_BYTES: usize = 1 << 20;

/// Why a segment can't become columns.
#[derive(Debug, Error)]
pub enum ColumnsError {
    /// The journal can't be read, is damaged, or the disk refused.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record of a kind that is not known.
    #[error(transparent)]
    Unknown(#[from] UnknownRecord),
    /// Somebody else writes columns there.
    #[error("another process writes columns in {}; wait until it is done", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// What is read back is not what was written.
    #[error("{} reads otherwise than it was written ({why}); check the disk, and run it again", path.display())]
    Unlike {
        /// The file.
        path: PathBuf,
        /// How that is seen.
        why: String,
    },
}

/// How a segment stands to its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They are there.
    There,
    /// It is closed, and they are not there yet.
    Due,
    /// It is still written, or was not closed in order: opening the journal again closes it.
    Open,
}

/// A segment that can become columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Its first record.
    pub first: u64,
    /// The first record of the one behind it.
    pub next: Option<u64>,
    /// Whether they are there.
    pub standing: Standing,
}

/// What was written of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// One for each whole record.
    pub rows: u64,
    /// How many of them are events.
    pub events: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the segment.
    pub segment_bytes: u64,
    /// What it was told to go on behind.
    pub damage: Vec<Damage>,
}

/// Where the columns of a journal are, unless another folder is named.
pub fn columns_folder(journal: &Path) -> PathBuf {
    journal.join(FOLDER)
}

/// All segments of a journal, in order, and how they stand to the files in `out`.
///
/// The last segment is read, to see whether it was closed; no other is.
pub fn columns(disk: &Arc<dyn Disk>, journal: &Path, out: &Path) -> Result<Vec<Columns>, JournalError> {
    let there = there(&**disk, out)?;
    let reader = Reader::open(Arc::clone(disk), journal)?;
    let firsts: Vec<u64> = reader.segments().iter().map(|(first, _)| *first).collect();
    let mut found = Vec::with_capacity(firsts.len());
    for (at, &first) in firsts.iter().enumerate() {
        let next = firsts.get(at + 1).copied();
        let standing = if there.contains(&first) {
            Standing::There
        } else if next.is_some() || is_closed(disk, journal, first)? {
            Standing::Due
        } else {
            Standing::Open
        };
        found.push(Columns { first, next, standing });
    }
    Ok(found)
}

/// The first records of the segments whose columns are in a folder, in order.
pub(super) fn there(disk: &dyn Disk, out: &Path) -> Result<Vec<u64>, JournalError> {
    let names = match disk.list(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(JournalError::disk("list the folder", out))?,
    };
    let first =
        |name: &String| name.strip_suffix(ENDING)?.parse().ok().filter(|first| self::name(*first) == *name);
    Ok(names.iter().filter_map(first).collect())
}

pub(super) fn name(first: u64) -> String {
    format!("{first:020}{ENDING}")
}

/// Whether the last segment ends as a journal does that was closed in order: nothing is ever appended to it.
fn is_closed(disk: &Arc<dyn Disk>, journal: &Path, first: u64) -> Result<bool, JournalError> {
    let mut reader = Reader::from(Arc::clone(disk), journal, first)?;
    let mut closed = false;
    loop {
        match reader.next_entry() {
            // The head that signs it.
            Ok(Some(entry)) if entry.kind == Kind::Head as u8 => {}
            Ok(Some(entry)) => {
                let said = || Control::read(entry.body);
                closed = entry.kind == Kind::Control as u8 && matches!(said(), Some(Control::Closed { .. }));
            }
            Ok(None) => return Ok(closed && reader.torn().is_none()),
            Err(JournalError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

impl Columns {
    /// The segment's file name.
    pub fn segment(&self) -> String {
        segment::name(self.first)
    }

    /// The name of its file of columns.
    pub fn name(&self) -> String {
        name(self.first)
    }

    /// Writes its columns into `out`; nothing where it is found to be still written.
    ///
    /// Where it is damaged it is refused, or what is whole is written and the damage is told.
    pub fn write(
        &self,
        disk: &Arc<dyn Disk>,
        journal: &Path,
        out: &Path,
        on_damage: OnDamage,
        progress: impl FnMut(),
    ) -> Result<Option<Written>, ColumnsError> {
        disk.create_folder(out).map_err(JournalError::disk("make the folder", out))?;
        let lock = out.join(LOCK);
        let held = disk.lock(&lock).map_err(JournalError::disk("lock", &lock))?;
        let Some(_held) = held else { return Err(ColumnsError::Busy { folder: out.to_owned() }) };
        let path = out.join(self.name());
        let beside = out.join(format!("{}.partial", self.name()));
        // What a run left that was ended.
        if disk.length(&beside).is_ok() {
            disk.remove(&beside).map_err(JournalError::disk("remove", &beside))?;
        }
        let written = self.write_file(disk, journal, &beside, on_damage, progress);
        let Ok(Some(mut written)) = written else {
            // It is none of the columns, and whatever ended it is told.
            let _ = disk.remove(&beside);
            return written;
        };
        disk.rename(&beside, &path).map_err(JournalError::disk("rename to", &path))?;
        disk.sync_folder(out).map_err(JournalError::disk("sync the folder", out))?;
        let segment = self.segment();
        let length = archive::length(&**disk, journal, &segment);
        written.segment_bytes = length.map_err(JournalError::disk("look at", &journal.join(segment)))?;
        Ok(Some(written))
    }

    fn write_file(
        &self,
        disk: &Arc<dyn Disk>,
        journal: &Path,
        path: &Path,
        on_damage: OnDamage,
        mut progress: impl FnMut(),
    ) -> Result<Option<Written>, ColumnsError> {
        let cant = |error| failed(path, error);
        let file = disk.create(path).map_err(JournalError::disk("create", path))?;
        let buffer = BufWriter::with_capacity(BUFFER_BYTES, Sink { file, bytes: 0, sum: 0 });
        let properties = properties().map_err(cant)?.build();
        let mut file =
            SerializedFileWriter::new(buffer, schema().map_err(cant)?, Arc::new(properties)).map_err(cant)?;
        let mut reader = Reader::from(Arc::clone(disk), journal, self.first)?;
        let (mut written, mut rows) = (Written::default(), Rows::default());
        let behind = |number| self.next.is_some_and(|next| number >= next);
        loop {
            match reader.next_entry() {
                Ok(Some(entry)) if behind(entry.number) => break,
                Ok(Some(entry)) => {
                    rows.put(&entry)?;
                    written.rows += 1;
                    written.events += u64::from(matches!(entry.record()?, Record::Event { .. }));
                }
                Ok(None) => break,
                Err(JournalError::Damaged(damage))
                    if archive::first_of(&damage.file) != Some(self.first) && behind(damage.number) =>
                {
                    break;
                }
                Err(JournalError::Damaged(damage)) if on_damage == OnDamage::GoOn => {
                    written.damage.push(damage);
                }
                Err(error) => return Err(error.into()),
            }
            progress();
            if rows.is_full() {
                rows.write(&mut file).map_err(cant)?;
            }
        }
        if reader.torn().is_some_and(|torn| torn.file == self.segment()) {
            return Ok(None);
        }
        rows.write(&mut file).map_err(cant)?;
        for (key, value) in [("journal", hex(reader.id().unwrap_or_default())), ("segment", self.segment())] {
            file.append_key_value_metadata(KeyValue::new(format!("weir.{key}"), value));
        }
        let buffer = file.into_inner().map_err(cant)?;
        let mut sink = buffer.into_inner().map_err(|error| cant(error.into_error().into()))?;
        sink.file.sync().map_err(JournalError::disk("sync", path))?;
        let Sink { bytes, sum, .. } = sink;
        read_back(&**disk, path, bytes, sum, written.rows)?;
        written.bytes = bytes;
        Ok(Some(written))
    }
}

/// Reads a file back: all its bytes are those that were written, and it says that it has so many rows.
fn read_back(disk: &dyn Disk, path: &Path, bytes: u64, sum: u32, rows: u64) -> Result<(), ColumnsError> {
    let cant = || JournalError::disk("read back", path);
    let unlike = |why: String| ColumnsError::Unlike { path: path.to_owned(), why };
    let (mut source, mut piece) = (disk.read(path).map_err(cant())?, vec![0; BUFFER_BYTES]);
    let (mut found, mut tail) = ((0, 0), Vec::new());
    loop {
        let read = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cant()(error).into()),
        };
        found = (found.0 + read as u64, crc32c::crc32c_append(found.1, &piece[..read]));
        // The length of the footer and the magic word are the last eight bytes.
        tail.extend_from_slice(&piece[..read]);
        tail.drain(..tail.len().saturating_sub(8));
    }
    if found != (bytes, sum) {
        return Err(unlike("its bytes are others".to_owned()));
    }
    let footer_bytes = tail.first_chunk().map_or(0, |length| u64::from(u32::from_le_bytes(*length)));
    let mut source = disk.read(path).map_err(cant())?;
    let before = bytes.saturating_sub(footer_bytes + 8);
    io::copy(&mut source.by_ref().take(before), &mut io::sink()).map_err(cant())?;
    let mut footer = Vec::new();
    source.take(footer_bytes).read_to_end(&mut footer).map_err(cant())?;
    let said = ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| unlike(error.to_string()))?;
    let counted: i64 = said.row_groups().iter().map(|group| group.num_rows()).sum();
    if [said.file_metadata().num_rows(), counted] != [rows.cast_signed(); 2] {
        return Err(unlike(format!("it has {counted} rows of {rows}")));
    }
    Ok(())
}

fn failed(path: &Path, error: ParquetError) -> ColumnsError {
    let error = match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    };
    JournalError::disk("write", path)(error).into()
}

/// A file of a disk as something to write to, which remembers what was written.
struct Sink {
    file: Box<dyn DiskFile>,
    bytes: u64,
    sum: u32,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        self.sum = crc32c::crc32c_append(self.sum, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
