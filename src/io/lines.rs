//! Lines in bounded memory.

use std::io::{self, BufRead, Read};

use super::LINE_BYTES_MAX;
use super::error::Reason;

/// Lines of a source, numbered, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// The number of the last line read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The last line read.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The next line, or `Err` in it where it is too long; `None` at the end.
    pub(super) fn next(&mut self, mut source: &mut dyn BufRead) -> io::Result<Option<Result<&[u8], Reason>>> {
        self.line.clear();
        if (&mut source).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.pop_if(|&mut last| last == b'\n').is_none() && self.line.len() > LINE_BYTES_MAX {
            source.skip_until(b'\n')?;
            return Ok(Some(Err(Reason::TooLong)));
        }
        Ok(Some(Ok(&self.line)))
    }
}
