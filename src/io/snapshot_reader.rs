//! The rows of a snapshot, as they are read: chunks of logs are left in the file.
//!
//! Nothing is decoded before all of it is known to be what was written.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_ipc::reader::StreamReader;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::snapshot_writer::{ABOUT_KEY, FORM, FORM_KEY, HASH_BYTES, PART_BYTES, content, kind};
use crate::hex::hex;
use crate::state::{ChunkColumns, KeptChunk, Lost};

/// Why there is nothing to be read.
#[derive(Debug)]
pub(super) enum Broken {
    /// The file can't be read.
    File(io::Error),
    /// It is no snapshot of a known form.
    Form(String),
    /// This part is wrong.
    Damaged(u64, &'static str),
}

/// One row.
enum Row {
    State(Vec<u8>),
    Log(u32, ChunkColumns),
}

/// The items of a column's only list.
fn items<T: ArrowPrimitiveType>(list: &ArrayRef) -> Option<Vec<T::Native>> {
    let list = list.as_list_opt::<i32>().filter(|list| list.len() == 1 && list.is_valid(0))?;
    Some(list.value(0).as_primitive_opt::<T>()?.values().to_vec())
}

/// The items of every list in a column's only list.
fn lists<T: ArrowPrimitiveType>(list: &ArrayRef) -> Option<Vec<Vec<T::Native>>> {
    let list = list.as_list_opt::<i32>().filter(|list| list.len() == 1 && list.is_valid(0))?;
    let inner = list.value(0);
    let inner = inner.as_list_opt::<i32>()?;
    (0..inner.len()).map(|at| Some(inner.value(at).as_primitive_opt::<T>()?.values().to_vec())).collect()
}

fn number<T: ArrowPrimitiveType>(column: &ArrayRef) -> Option<T::Native> {
    column.as_primitive_opt::<T>().filter(|column| column.is_valid(0)).map(|column| column.value(0))
}

/// The row of a batch with its part and checksum, unless its columns are others.
fn row(batch: &RecordBatch) -> Option<(u64, u32, Row)> {
    if batch.num_rows() != 1 {
        return None;
    }
    let column = |name: &str| batch.column_by_name(name);
    let kind = column("kind")?.as_string_opt::<i32>()?.value(0);
    let bytes = || Some(column("bytes")?.as_binary_opt::<i32>()?.value(0).to_vec());
    let row = match kind {
        kind::STATE => Row::State(bytes()?),
        kind::LOG => {
            let chunk = ChunkColumns {
                at_us: items::<Int64Type>(column("at_us")?)?,
                shape: items::<UInt16Type>(column("shape")?)?,
                shapes: items::<UInt64Type>(column("shapes")?)?,
                slots: lists::<UInt32Type>(column("slots")?)?,
                values: lists::<Int64Type>(column("values")?)?,
                back: items::<UInt32Type>(column("back")?)?,
            };
            Row::Log(number::<UInt32Type>(column("log")?)?, chunk)
        }
        _ => return None,
    };
    Some((number::<UInt64Type>(column("part")?)?, number::<UInt32Type>(column("crc32")?)?, row))
}

/// The row of the next batch, if it is this part and its checksum is right; `None` after the last batch. `held` gets what
/// the checksum is taken of.
fn next_row<R: Read>(
    reader: &mut StreamReader<R>,
    part: u64,
    held: &mut Vec<u8>,
) -> Result<Option<Row>, &'static str> {
    let Some(batch) = reader.next() else { return Ok(None) };
    let batch = batch.map_err(|_| "the record batch cannot be read")?;
    let (of, crc, row) = row(&batch).ok_or("its columns are others")?;
    if of != part {
        return Err("a part is missing");
    }
    match &row {
        Row::State(bytes) => bytes.clone_into(held),
        Row::Log(log, chunk) => content(*log, chunk, held),
    }
    if crc32fast::hash(held) != crc {
        return Err("its checksum does not match");
    }
    Ok(Some(row))
}

/// Where a file is read again, and what comes before its first batch.
#[derive(Debug)]
struct Source<F> {
    file: Mutex<F>,
    schema: Vec<u8>,
}

const CHANGED: &str = "the snapshot was changed since it was opened";

/// A chunk of a log that is left in the file.
#[derive(Debug)]
pub(super) struct ChunkRow<F> {
    source: Arc<Source<F>>,
    part: u64,
    from: u64,
    to: u64,
    /// The checksum of the bytes from there to there.
    crc: u32,
}

impl<F: Read + Seek + std::fmt::Debug + Send> KeptChunk for ChunkRow<F> {
    fn read(&self) -> Result<ChunkColumns, Lost> {
        let mut batch = vec![0; (self.to - self.from) as usize];
        {
            let mut file = self.source.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.from))?;
            file.read_exact(&mut batch)?;
        }
        if crc32fast::hash(&batch) != self.crc {
            return Err(CHANGED.into());
        }
        let bytes = Cursor::new(&self.source.schema).chain(Cursor::new(batch));
        let mut reader = StreamReader::try_new(bytes, None)?;
        match next_row(&mut reader, self.part, &mut Vec::new())? {
            Some(Row::Log(_, chunk)) => Ok(chunk),
            _ => Err(CHANGED.into()),
        }
    }
}

/// The chunks of logs that a file holds, in its order, each with the number of its log.
#[derive(Debug)]
pub(super) struct ChunkRows<F>(Vec<(usize, ChunkRow<F>)>);

impl<F> ChunkRows<F> {
    /// The part of the last one, or 0.
    pub(super) fn part(&self) -> u64 {
        self.0.last().map_or(0, |(_, row)| row.part)
    }
}

impl<F> IntoIterator for ChunkRows<F> {
    type Item = (usize, ChunkRow<F>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// All that a file holds.
pub(super) struct Content<T, F> {
    pub(super) state: T,
    /// What it says of itself, in words.
    pub(super) about: String,
    pub(super) rows: ChunkRows<F>,
}

/// A source that knows how much of it was read, and the checksum of what was since it was asked, and keeps its beginning.
struct Counted<R> {
    source: R,
    read: u64,
    crc: crc32fast::Hasher,
    beginning: Option<Vec<u8>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let taken = self.source.read(to)?;
        self.read += taken as u64;
        self.crc.update(&to[..taken]);
        if let Some(beginning) = &mut self.beginning {
            beginning.extend_from_slice(&to[..taken]);
        }
        Ok(taken)
    }
}

/// Rows in, the bytes of the state out.
struct Rows<R: Read> {
    reader: StreamReader<Counted<R>>,
    part: u64,
    /// What the row's checksum is taken of: of a row of state its bytes, of which so many are given out.
    held: Vec<u8>,
    at: usize,
    /// The first row behind the state, if it was read, and where the last row that was read begins.
    next: Option<Row>,
    from: u64,
    why: Option<&'static str>,
}

impl<R: Read> Rows<R> {
    fn row(&mut self) -> Result<Option<Row>, &'static str> {
        self.from = self.reader.get_ref().read;
        self.reader.get_mut().crc.reset();
        let row = next_row(&mut self.reader, self.part, &mut self.held);
        let row = row.inspect_err(|&why| self.why = Some(why))?;
        self.part += u64::from(row.is_some());
        Ok(row)
    }

    fn broken(&self, otherwise: &'static str) -> Broken {
        Broken::Damaged(self.part, self.why.unwrap_or(otherwise))
    }
}

impl<R: Read> Read for Rows<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at == self.held.len() {
            if self.next.is_some() {
                return Ok(0);
            }
            match self.row().map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))? {
                Some(Row::State(_)) => self.at = 0,
                Some(other) => {
                    self.next = Some(other);
                    self.at = self.held.len();
                }
                None => return Ok(0),
            }
        }
        let taken = to.len().min(self.held.len() - self.at);
        to[..taken].copy_from_slice(&self.held[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

/// A file that is whole.
pub(super) struct Whole {
    /// How long it is without its hash.
    length: u64,
    /// The checksum of each part of it.
    crcs: Vec<u32>,
    /// Its hash, in hex.
    pub(super) sha256: String,
}

/// Whether all of a file is what was written.
pub(super) fn whole(source: &mut impl Read, bytes: u64) -> io::Result<Option<Whole>> {
    let Some(length) = bytes.checked_sub(HASH_BYTES) else { return Ok(None) };
    let (mut hasher, mut part, mut crcs) = (Sha256::new(), vec![0; PART_BYTES], Vec::new());
    let mut left = length;
    while left > 0 {
        let part = &mut part[..left.min(PART_BYTES as u64) as usize];
        source.read_exact(part)?;
        hasher.update(&*part);
        crcs.push(crc32fast::hash(part));
        left -= part.len() as u64;
    }
    let mut hash = [0; HASH_BYTES as usize];
    source.read_exact(&mut hash)?;
    let same = hash.as_slice() == hasher.finalize().as_slice();
    Ok(same.then(|| Whole { length, crcs, sha256: hex(hash) }))
}

impl Whole {
    /// The same file read again, which must give the same bytes: whoever takes them apart may rely on it.
    pub(super) fn again<R: Read>(self, source: R) -> impl Read {
        Again { source: source.take(self.length), crcs: self.crcs.into_iter(), part: Vec::new(), at: 0 }
    }
}

/// Gives a part out only once all of it is what it was.
struct Again<R> {
    source: io::Take<R>,
    crcs: std::vec::IntoIter<u32>,
    part: Vec<u8>,
    at: usize,
}

impl<R: Read> Read for Again<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.part.len() {
            self.part.clear();
            self.at = 0;
            (&mut self.source).take(PART_BYTES as u64).read_to_end(&mut self.part)?;
            if self.crcs.next() != (!self.part.is_empty()).then(|| crc32fast::hash(&self.part)) {
                self.part.clear();
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it reads differently each time"));
            }
        }
        let taken = to.len().min(self.part.len() - self.at);
        to[..taken].copy_from_slice(&self.part[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

/// Reads the state from the beginning of a file, and says where in `again`, which is the same file, the chunks of its logs
/// are. The file is [whole], and no text of the state is longer than `text_bytes_max`.
pub(super) fn read<T: DeserializeOwned, F: Read + Seek>(
    source: impl Read,
    again: F,
    text_bytes_max: usize,
) -> Result<Content<T, F>, Broken> {
    let counted = Counted { source, read: 0, crc: crc32fast::Hasher::new(), beginning: Some(Vec::new()) };
    let mut reader = StreamReader::try_new(counted, None).map_err(|error| Broken::Form(error.to_string()))?;
    match reader.schema().metadata().get(FORM_KEY).map(String::as_str) {
        Some(FORM) => {}
        Some(other) => return Err(Broken::Form(format!("it is of form {other}, this version reads {FORM}"))),
        None => return Err(Broken::Form("it is another Arrow file".to_owned())),
    }
    let about = reader.schema().metadata().get(ABOUT_KEY).cloned().unwrap_or_default();
    let schema = reader.get_mut().beginning.take().unwrap_or_default();
    let held = Vec::new();
    let mut rows = Rows { reader, part: 0, held, at: 0, next: None, from: 0, why: None };
    // Each text passes through it as a whole.
    let mut scratch = vec![0; text_bytes_max];
    // The state has ended only where a row of another kind comes.
    let state = postcard::from_io::<T, _>((&mut rows, &mut scratch));
    let Ok((state, _)) = state else { return Err(rows.broken("its content makes no sense")) };
    if rows.at < rows.held.len() && rows.next.is_none() {
        return Err(rows.broken("it holds more than a state"));
    }
    let source = Arc::new(Source { file: Mutex::new(again), schema });
    let mut chunks = Vec::new();
    loop {
        // Where the state's last row was just full, the first one behind it is still to come.
        let (from, row) = match rows.next.take() {
            Some(row) => (rows.from, Some(row)),
            None => {
                let row = rows.row().map_err(|why| rows.broken(why))?;
                (rows.from, row)
            }
        };
        let part = rows.part.saturating_sub(1);
        match row {
            Some(Row::Log(log, _)) => {
                let (source, read) = (Arc::clone(&source), rows.reader.get_ref());
                let (to, crc) = (read.read, read.crc.clone().finalize());
                chunks.push((log as usize, ChunkRow { source, part, from, to, crc }));
            }
            Some(Row::State(bytes)) if bytes.is_empty() && chunks.is_empty() => {}
            Some(Row::State(_)) => return Err(rows.broken("it holds more than a state")),
            None => return Ok(Content { state, about, rows: ChunkRows(chunks) }),
        }
    }
}
