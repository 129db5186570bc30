//! A vector that grows without moving what it holds, so that no event pays for the growth of all.

/// Elements in one chunk.
const CHUNK: usize = 4096;

/// A growing sequence of fixed-width rows of `T`, in chunks that never move.
#[derive(Debug)]
pub(crate) struct Chunked<T> {
    width: usize,
    chunks: Vec<Box<[T]>>,
}

impl<T: Copy + Default> Chunked<T> {
    /// An empty sequence whose rows have `width` elements.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, chunks: Vec::new() }
    }

    /// Makes row `at` exist; new rows hold the default value.
    pub(crate) fn reach(&mut self, at: u32) {
        while self.chunks.len() <= at as usize / CHUNK {
            self.chunks.push(vec![T::default(); CHUNK * self.width].into_boxed_slice());
        }
    }

    /// Row `at`, if it exists.
    #[inline]
    pub(crate) fn row(&self, at: u32) -> Option<&[T]> {
        let start = at as usize % CHUNK * self.width;
        self.chunks.get(at as usize / CHUNK)?.get(start..start + self.width)
    }

    /// One element of row `at`, if it exists.
    #[inline]
    pub(crate) fn element(&self, at: u32, element: usize) -> Option<T> {
        self.chunks.get(at as usize / CHUNK)?.get(at as usize % CHUNK * self.width + element).copied()
    }

    /// Row `at`, if it exists.
    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut [T]> {
        let start = at as usize % CHUNK * self.width;
        self.chunks.get_mut(at as usize / CHUNK)?.get_mut(start..start + self.width)
    }

    /// Row `at`, which must exist.
    #[inline]
    pub(crate) fn row_mut(&mut self, at: u32) -> &mut [T] {
        let start = at as usize % CHUNK * self.width;
        &mut self.chunks[at as usize / CHUNK][start..start + self.width]
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.width * size_of::<T>()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * self.row_bytes()
    }
}
