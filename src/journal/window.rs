//! A file that is read in pieces, from its beginning to its end, with a look ahead.

use std::io::{self, Read};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 256 << 10;

/// What is held of a file: memory is bounded by what is looked at ahead.
pub(super) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` is in the file.
    at: u64,
    ended: bool,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Window {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, buffer: vec![0; PIECE_BYTES], start: 0, end: 0, at: 0, ended: false }
    }

    /// Where it stands, in bytes from the file's beginning.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The bytes from where it stands on: at least so many, unless the file ends before.
    pub(super) fn ahead(&mut self, bytes: usize) -> io::Result<&[u8]> {
        if self.end - self.start < bytes && !self.ended {
            self.fill(bytes)?;
        }
        Ok(self.held())
    }

    /// What is held from where it stands on.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Goes on by so many bytes of those that are held.
    pub(super) fn pass(&mut self, bytes: usize) {
        let bytes = bytes.min(self.end - self.start);
        self.start += bytes;
        self.at += bytes as u64;
    }

    /// Goes on to a place, or to the file's end.
    pub(super) fn pass_to(&mut self, place: u64) -> io::Result<()> {
        while self.at < place {
            if self.ahead(1)?.is_empty() {
                return Ok(());
            }
            let left = usize::try_from(place - self.at).unwrap_or(usize::MAX);
            self.pass(left);
        }
        Ok(())
    }

    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let room = bytes.max(PIECE_BYTES);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        while self.end < bytes {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether two sources hold the same bytes.
pub(super) fn same(one: Box<dyn Read + Send>, two: Box<dyn Read + Send>) -> io::Result<bool> {
    let (mut one, mut two) = (Window::new(one), Window::new(two));
    loop {
        let (one_ahead, two_ahead) = (one.ahead(1)?, two.ahead(1)?);
        let bytes = one_ahead.len().min(two_ahead.len());
        if one_ahead[..bytes] != two_ahead[..bytes] {
            return Ok(false);
        }
        if bytes == 0 {
            return Ok(one_ahead.len() == two_ahead.len());
        }
        one.pass(bytes);
        two.pass(bytes);
    }
}
