//! CSV rows in bounded memory, numbered by the line that they start on.
//!
//! Quoting is as in RFC 4180. A row that is too long is skipped to its end as the quotes have it: cutting it
//! anywhere else would let the text of a cell pass for a row of its own.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};

use super::cells::Row;
use super::error::{HeaderError, ReadError, Reason};
use super::file::Input;
use super::names::shown;
use super::{COLUMNS_MAX, LINE_BYTES_MAX};

const ROW_BYTES: usize = 4096;

/// The rows of a source.
pub(super) struct Rows {
    core: Reader,
    cells: Vec<u8>,
    /// One more than there are columns, so that a full one means too many fields.
    ends: Vec<usize>,
    columns: usize,
    /// Whether a line that starts with `#` between rows is none.
    comments: bool,
    start: u64,
    last: u64,
}

enum End {
    Row { bytes: usize, fields: usize },
    TooLong,
    OpenQuote,
}

impl Rows {
    /// Reads the header, by which all rows are measured.
    pub(super) fn new(input: &mut Input) -> Result<(Self, Vec<String>), ReadError> {
        Self::of(input, false)
    }

    /// The same, leaving out lines between rows that start with `#`.
    pub(super) fn with_comments(input: &mut Input) -> Result<(Self, Vec<String>), ReadError> {
        Self::of(input, true)
    }

    fn of(input: &mut Input, comments: bool) -> Result<(Self, Vec<String>), ReadError> {
        let mut rows = Self {
            core: Reader::new(),
            cells: vec![0; ROW_BYTES],
            ends: vec![0; COLUMNS_MAX + 1],
            columns: 0,
            comments,
            start: 0,
            last: 0,
        };
        let end = rows.read(input.bytes()).map_err(|source| input.failure(0, source))?;
        let header = rows.header(end)?;
        rows.columns = header.len();
        rows.ends.truncate(header.len() + 1);
        Ok((rows, header))
    }

    fn header(&self, end: Option<End>) -> Result<Vec<String>, HeaderError> {
        let (bytes, fields) = match end {
            None => return Err(HeaderError::Empty),
            Some(End::TooLong) => return Err(HeaderError::Bad(Reason::TooLong)),
            Some(End::OpenQuote) => return Err(HeaderError::Bad(Reason::OpenQuote { last_line: self.last })),
            Some(End::Row { fields, .. }) if fields > COLUMNS_MAX => return Err(HeaderError::TooManyColumns),
            Some(End::Row { bytes, fields }) => (bytes, fields),
        };
        let row = self.row(bytes, fields).map_err(HeaderError::Bad)?;
        let names: Vec<String> = (0..fields).filter_map(|at| row.cell(at)).map(str::to_owned).collect();
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(HeaderError::Twice(pair.iter().take(1).map(|name| shown(name)).collect())),
            None => Ok(names),
        }
    }

    /// The line that the last row starts on, from 1.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The line that the last row ends on.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The next row, or `Err` in it where it is bad; `None` at the end.
    pub(super) fn next(&mut self, source: &mut dyn BufRead) -> io::Result<Option<Result<Row<'_>, Reason>>> {
        Ok(self.read(source)?.map(|end| match end {
            End::TooLong => Err(Reason::TooLong),
            End::OpenQuote => Err(Reason::OpenQuote { last_line: self.last }),
            End::Row { fields: found, .. } if found != self.columns => Err(Reason::FieldCount {
                found,
                expected: self.columns,
                last_line: Some(self.last).filter(|&last| last > self.start),
            }),
            End::Row { bytes, fields } => self.row(bytes, fields),
        }))
    }

    fn row(&self, bytes: usize, fields: usize) -> Result<Row<'_>, Reason> {
        let cells = self.cells.get(..bytes).unwrap_or_default();
        let ends = self.ends.get(..fields).unwrap_or_default();
        let field = |at: usize| 1 + ends.partition_point(|&end| end <= at);
        let text =
            std::str::from_utf8(cells).map_err(|e| Reason::FieldNotUtf8 { field: field(e.valid_up_to()) })?;
        Ok(Row { text, ends })
    }

    fn read(&mut self, source: &mut dyn BufRead) -> io::Result<Option<End>> {
        self.skip_blank(source)?;
        self.start = self.core.line();
        let (mut bytes, mut kept, mut dropped) = (0, 0, 0);
        let (mut begun, mut too_long) = (false, false);
        loop {
            let input = fill(source)?;
            let at_end = input.is_empty();
            if at_end && !begun {
                return Ok(None);
            }
            // A line end closes the last row, unless a quote is open.
            let input = if at_end { b"\n" } else { input };
            let (cells, ends) = (self.cells.get_mut(bytes..), self.ends.get_mut(kept..));
            let (result, read, wrote, ended) =
                self.core.read_record(input, cells.unwrap_or_default(), ends.unwrap_or_default());
            begun = true;
            bytes += wrote;
            kept += ended;
            if !at_end {
                let on_next_line = input.get(..read).is_some_and(|taken| taken.ends_with(b"\n"));
                self.last = self.core.line() - u64::from(on_next_line);
                source.consume(read);
            }
            match result {
                ReadRecordResult::InputEmpty if at_end => return Ok(Some(End::OpenQuote)),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() > LINE_BYTES_MAX => {
                    too_long = true;
                    bytes = 0;
                }
                ReadRecordResult::OutputFull => {
                    self.cells.resize((self.cells.len() * 2).min(LINE_BYTES_MAX + 1), 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    dropped += kept;
                    kept = 0;
                }
                ReadRecordResult::Record if too_long => return Ok(Some(End::TooLong)),
                ReadRecordResult::Record => {
                    return Ok(Some(End::Row { bytes, fields: kept + dropped }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Goes to the first byte of the next row, so that its line is known.
    fn skip_blank(&mut self, source: &mut dyn BufRead) -> io::Result<()> {
        loop {
            let input = fill(source)?;
            let blank = input.iter().take_while(|&&byte| matches!(byte, b'\n' | b'\r')).count();
            if blank == 0 {
                if !self.comments || !input.starts_with(b"#") {
                    return Ok(());
                }
                source.skip_until(b'\n')?;
                self.core.set_line(self.core.line() + 1);
                continue;
            }
            let lines = input.iter().take(blank).filter(|&&byte| byte == b'\n').count();
            source.consume(blank);
            self.core.set_line(self.core.line() + lines as u64);
        }
    }
}

fn fill(source: &mut dyn BufRead) -> io::Result<&[u8]> {
    loop {
        match source.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
            // Asked again, since what was filled cannot be given out of a loop.
            Ok(_) => break,
        }
    }
    source.fill_buf()
}
