//! A vector that grows without moving what it holds, so that no event pays for the growth of all, and whose chunks a
//! copy can share.

use serde::{Deserialize, Serialize};

use crate::shared::Shared;

/// Bytes of one chunk, about: small enough to be copied within a step, large enough for few to be shared at a snapshot.
const CHUNK_BYTES: usize = 1 << 16;
/// Most rows in one chunk.
const ROWS_MAX: usize = 1 << 14;

/// A growing sequence of fixed-width rows of `T`, in chunks that never move.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Chunked<T> {
    width: usize,
    /// Rows in one chunk, as a power of two.
    shift: u32,
    chunks: Vec<Shared<Box<[T]>>>,
}

/// Rows of so many bytes in one chunk: a power of two.
pub(crate) fn chunk_rows(row_bytes: usize) -> usize {
    1 << (CHUNK_BYTES / row_bytes.max(1)).clamp(1, ROWS_MAX).ilog2()
}

impl<T: Copy + Default> Chunked<T> {
    /// An empty sequence whose rows have `width` elements.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, shift: chunk_rows(width * size_of::<T>()).ilog2(), chunks: Vec::new() }
    }

    /// A copy that shares what it holds.
    pub(crate) fn freeze(&mut self) -> Self {
        Self { chunks: self.chunks.iter_mut().map(Shared::share).collect(), ..*self }
    }

    /// Makes row `at` exist; new rows hold the default value.
    pub(crate) fn reach(&mut self, at: u32) {
        while self.chunks.len() <= at as usize >> self.shift {
            let chunk = vec![T::default(); self.width << self.shift].into_boxed_slice();
            self.chunks.push(chunk.into());
        }
    }

    /// The chunk of a row, and where in it the row begins.
    #[inline]
    fn place(&self, at: u32) -> (usize, usize) {
        (at as usize >> self.shift, (at as usize & ((1 << self.shift) - 1)) * self.width)
    }

    /// Row `at`, if it exists.
    #[inline]
    pub(crate) fn row(&self, at: u32) -> Option<&[T]> {
        let (chunk, start) = self.place(at);
        self.chunks.get(chunk)?.get(start..start + self.width)
    }

    /// One element of row `at`, if it exists.
    #[inline]
    pub(crate) fn element(&self, at: u32, element: usize) -> Option<T> {
        let (chunk, start) = self.place(at);
        self.chunks.get(chunk)?.get(start + element).copied()
    }

    /// Row `at`, if it exists.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut [T]> {
        let (chunk, start) = self.place(at);
        self.chunks.get_mut(chunk)?.get_mut().get_mut(start..start + self.width)
    }

    /// Row `at`, which must exist.
    #[inline(always)]
    pub(crate) fn row_mut(&mut self, at: u32) -> &mut [T] {
        let (chunk, start) = self.place(at);
        &mut self.chunks[chunk].get_mut()[start..start + self.width]
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.width * size_of::<T>()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len() * size_of::<T>()).sum()
    }
}
