//! One chunk of the tail log as one Arrow IPC file, which any reader of Arrow opens.
//!
//! A column for each column of the chunk that it has; a row's shape is a dictionary of fixed-size binaries. The schema's metadata
//! has the version of the form and a checksum of the columns.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow_array::types::UInt16Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int64Array, RecordBatch, UInt16Array, UInt32Array,
};
use arrow_buffer::Buffer;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Field, Schema};

use crate::state::ChunkColumns;

/// The version of the form.
const VERSION: &str = "2";
const VERSION_KEY: &str = "weir.chunk.version";
const SUM_KEY: &str = "weir.chunk.crc32";

/// The columns of a chunk with their names.
fn columns(chunk: ChunkColumns) -> Result<Vec<(String, ArrayRef)>, ArrowError> {
    let width = i32::try_from(chunk.shape_words() * size_of::<u64>()).unwrap_or(i32::MAX);
    let words = Buffer::from_vec(chunk.shapes.iter().map(|word| word.to_le()).collect());
    let shapes = FixedSizeBinaryArray::try_new(width, words, None)?;
    let shape = DictionaryArray::<UInt16Type>::try_new(UInt16Array::from(chunk.shape), Arc::new(shapes))?;
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("at_us".to_owned(), Arc::new(Int64Array::from(chunk.at_us))),
        ("shape".to_owned(), Arc::new(shape)),
    ];
    for (at, slots) in chunk.slots.into_iter().enumerate() {
        columns.push((format!("slot_{at}"), Arc::new(UInt32Array::from(slots))));
    }
    for (at, values) in chunk.values.into_iter().enumerate() {
        columns.push((format!("value_{at}"), Arc::new(Int64Array::from(values))));
    }
    if !chunk.back.is_empty() {
        columns.push(("back".to_owned(), Arc::new(UInt32Array::from(chunk.back))));
    }
    Ok(columns)
}

/// The checksum of the columns of a batch, as the metadata has it.
fn sum<'a>(columns: impl Iterator<Item = &'a ArrayRef>) -> String {
    let mut hasher = crc32fast::Hasher::new();
    let mut take = |array: &dyn Array| {
        let data = array.to_data();
        data.buffers().iter().for_each(|buffer| hasher.update(buffer));
        data.child_data()
            .iter()
            .for_each(|child| child.buffers().iter().for_each(|buffer| hasher.update(buffer)));
    };
    columns.for_each(|column| take(column));
    format!("{:08x}", hasher.finalize())
}

/// The file of a chunk.
pub(super) fn write(chunk: ChunkColumns) -> Result<Vec<u8>, ArrowError> {
    let columns = columns(chunk)?;
    let told = [(VERSION_KEY, VERSION.to_owned()), (SUM_KEY, sum(columns.iter().map(|(_, column)| column)))];
    let metadata: HashMap<String, String> =
        told.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let field = |(name, column): &(String, ArrayRef)| Field::new(name, column.data_type().clone(), false);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, column)| column).collect())?;
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    writer.into_inner()
}

/// The chunk of a file, or why it is none.
pub(super) fn read(bytes: &[u8]) -> Result<ChunkColumns, String> {
    let told = |error: ArrowError| error.to_string();
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).map_err(told)?;
    let schema = reader.schema();
    let has = |key: &str| schema.metadata().get(key).cloned().unwrap_or_default();
    if has(VERSION_KEY) != VERSION {
        return Err(format!("its version is `{}`, and this program reads {VERSION}", has(VERSION_KEY)));
    }
    let batch = reader.next().ok_or("it holds no rows")?.map_err(told)?;
    if sum(batch.columns().iter()) != has(SUM_KEY) {
        return Err("its checksum is wrong".to_owned());
    }
    chunk(&batch).ok_or_else(|| "its columns are not a chunk's".to_owned())
}

fn chunk(batch: &RecordBatch) -> Option<ChunkColumns> {
    let mut chunk = ChunkColumns::default();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let longs = || Some(column.as_any().downcast_ref::<Int64Array>()?.values().to_vec());
        let words = || Some(column.as_any().downcast_ref::<UInt32Array>()?.values().to_vec());
        match field.name().as_str() {
            "at_us" => chunk.at_us = longs()?,
            "shape" => {
                let shape = column.as_any().downcast_ref::<DictionaryArray<UInt16Type>>()?;
                chunk.shape = shape.keys().values().to_vec();
                let shapes = shape.values().as_any().downcast_ref::<FixedSizeBinaryArray>()?;
                let (words, _) = shapes.value_data().as_chunks();
                chunk.shapes = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
            }
            name if name.starts_with("slot_") => chunk.slots.push(words()?),
            "back" => chunk.back = words()?,
            _ => chunk.values.push(longs()?),
        }
    }
    Some(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_read_back_as_it_was() {
        let mut chunk = ChunkColumns {
            at_us: vec![1, 2, i64::MAX],
            shape: vec![0, 1, 0],
            slots: vec![vec![7, 8, u32::MAX], vec![0, 0, 1]],
            values: vec![vec![-1, 0, i64::MIN]],
            shapes: vec![1, 2, 3, u64::MAX, 5, 6],
            back: Vec::new(),
        };
        assert_eq!(read(&write(chunk.clone()).unwrap()), Ok(chunk.clone()));
        chunk.back = vec![0, 1, u32::MAX];
        let file = write(chunk.clone()).unwrap();
        assert_eq!(&file[..6], b"ARROW1", "other programs open it");
        assert_eq!(read(&file), Ok(chunk));
        assert!(read(&file[..file.len() / 2]).is_err());
    }
}
