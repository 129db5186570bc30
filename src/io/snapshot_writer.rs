//! The rows of a snapshot, as they are written: their columns, and what checksums are taken of.

use std::io::{self, Write};
use std::mem::take;
use std::sync::Arc;

use arrow_array::types::{Int64Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, ListArray, PrimitiveArray, RecordBatch, StringArray,
    UInt32Array, UInt64Array,
};
use arrow_buffer::{ArrowNativeType, OffsetBuffer, ToByteSlice};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use sha2::{Digest, Sha256};

use super::snapshot::SnapshotFile;
use crate::hex::hex;
use crate::state::ChunkColumns;

/// The version of the form, in the schema's metadata.
pub(super) const FORM: &str = "3";
pub(super) const FORM_KEY: &str = "weir.snapshot";
pub(super) const ABOUT_KEY: &str = "weir.about";
/// Bytes of the SHA-256 behind the stream.
pub(super) const HASH_BYTES: u64 = 32;
/// Bytes of one row of state.
pub(super) const PART_BYTES: usize = 1 << 20;

/// What a row is.
pub(super) mod kind {
    pub(in crate::io) const STATE: &str = "state";
    pub(in crate::io) const LOG: &str = "log";
}

fn list(item: DataType) -> DataType {
    DataType::List(item_field(item))
}

fn item_field(item: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(item, false))
}

fn schema(about: &str) -> Arc<Schema> {
    let fields = vec![
        Field::new("part", DataType::UInt64, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("crc32", DataType::UInt32, false),
        Field::new("bytes", DataType::Binary, true),
        Field::new("log", DataType::UInt32, true),
        Field::new("at_us", list(DataType::Int64), true),
        Field::new("shape", list(DataType::UInt16), true),
        Field::new("shapes", list(DataType::UInt64), true),
        Field::new("slots", list(list(DataType::UInt32)), true),
        Field::new("values", list(list(DataType::Int64)), true),
        Field::new("back", list(DataType::UInt32), true),
    ];
    let about = [(FORM_KEY.to_owned(), FORM.to_owned()), (ABOUT_KEY.to_owned(), about.to_owned())];
    Arc::new(Schema::new_with_metadata(fields, about.into_iter().collect()))
}

/// One list of all the items.
fn one<T: ArrowPrimitiveType>(items: Vec<T::Native>) -> Result<ListArray, ArrowError>
where
    PrimitiveArray<T>: From<Vec<T::Native>>,
{
    let lengths = OffsetBuffer::from_lengths([items.len()]);
    ListArray::try_new(item_field(T::DATA_TYPE), lengths, Arc::new(PrimitiveArray::<T>::from(items)), None)
}

/// One list of lists.
fn lists<T: ArrowPrimitiveType>(all: Vec<Vec<T::Native>>) -> Result<ListArray, ArrowError>
where
    PrimitiveArray<T>: From<Vec<T::Native>>,
{
    let (lengths, count) = (OffsetBuffer::from_lengths(all.iter().map(Vec::len)), all.len());
    let items: Vec<T::Native> = all.into_iter().flatten().collect();
    let inner = item_field(T::DATA_TYPE);
    let inner = ListArray::try_new(inner, lengths, Arc::new(PrimitiveArray::<T>::from(items)), None)?;
    let outer = item_field(inner.data_type().clone());
    ListArray::try_new(outer, OffsetBuffer::from_lengths([count]), Arc::new(inner), None)
}

/// What the checksum of a chunk is taken of: every column with its length, little-endian.
pub(super) fn content(log: u32, chunk: &ChunkColumns, into: &mut Vec<u8>) {
    fn put<T: ArrowNativeType>(items: &[T], into: &mut Vec<u8>) {
        into.extend_from_slice(&(items.len() as u64).to_le_bytes());
        into.extend_from_slice(items.to_byte_slice());
    }
    into.clear();
    into.extend_from_slice(&log.to_le_bytes());
    put(&chunk.at_us, into);
    put(&chunk.shape, into);
    put(&chunk.shapes, into);
    chunk.slots.iter().for_each(|slots| put(slots, into));
    chunk.values.iter().for_each(|values| put(values, into));
    put(&chunk.back, into);
}

/// Bytes that go on, and are hashed.
struct Hashed<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hasher.update(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Bytes and chunks in, rows out.
pub(super) struct Parts<W: Write> {
    writer: StreamWriter<Hashed<W>>,
    schema: Arc<Schema>,
    part: u64,
    held: Vec<u8>,
    bytes: u64,
}

impl<W: Write> Parts<W> {
    pub(super) fn begin(out: W, about: &str) -> Result<Self, ArrowError> {
        let schema = schema(about);
        let writer = StreamWriter::try_new(Hashed { out, hasher: Sha256::new() }, &schema)?;
        let held = Vec::with_capacity(PART_BYTES);
        Ok(Self { writer, schema, part: 0, held, bytes: 0 })
    }

    /// A row of this kind; columns that it does not name are null.
    fn row(&mut self, kind: &str, crc: u32, own: Vec<(&str, ArrayRef)>) -> Result<(), ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(vec![self.part])),
            Arc::new(StringArray::from(vec![kind])),
            Arc::new(UInt32Array::from(vec![crc])),
        ];
        for field in &self.schema.fields()[columns.len()..] {
            let own = own.iter().find(|(name, _)| name == field.name());
            let null = || arrow_array::new_null_array(field.data_type(), 1);
            columns.push(own.map_or_else(null, |(_, column)| Arc::clone(column)));
        }
        self.part += 1;
        self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Counts what a row holds, and gives its checksum.
    fn take_in(&mut self, content: &[u8]) -> u32 {
        self.bytes += content.len() as u64;
        crc32fast::hash(content)
    }

    /// The state is written: the rows of the logs come next.
    pub(super) fn end_state(&mut self) -> io::Result<()> {
        let mut held = take(&mut self.held);
        let crc = self.take_in(&held);
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![held.as_slice()]));
        self.row(kind::STATE, crc, vec![("bytes", bytes)]).map_err(io::Error::other)?;
        held.clear();
        self.held = held;
        Ok(())
    }

    /// A chunk of a log.
    pub(super) fn chunk(&mut self, log: usize, chunk: ChunkColumns) -> Result<(), ArrowError> {
        let log = log as u32;
        let mut held = take(&mut self.held);
        content(log, &chunk, &mut held);
        let crc = self.take_in(&held);
        self.held = held;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("log", Arc::new(UInt32Array::from(vec![log]))),
            ("at_us", Arc::new(one::<Int64Type>(chunk.at_us)?)),
            ("shape", Arc::new(one::<UInt16Type>(chunk.shape)?)),
            ("shapes", Arc::new(one::<UInt64Type>(chunk.shapes)?)),
            ("slots", Arc::new(lists::<UInt32Type>(chunk.slots)?)),
            ("values", Arc::new(lists::<Int64Type>(chunk.values)?)),
            ("back", Arc::new(one::<UInt32Type>(chunk.back)?)),
        ];
        self.row(kind::LOG, crc, columns)
    }

    /// The end of the stream and the hash of all of it, and what was written.
    pub(super) fn end(self) -> Result<(W, SnapshotFile), ArrowError> {
        let Hashed { mut out, hasher } = self.writer.into_inner()?;
        let hash = hasher.finalize();
        out.write_all(&hash)?;
        Ok((out, SnapshotFile { bytes: self.bytes, sha256: hex(hash) }))
    }
}

impl<W: Write> Write for Parts<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PART_BYTES - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.len() == PART_BYTES {
            self.end_state()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
