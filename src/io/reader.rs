//! One front for all ways in: events one by one, with the line that each came from.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::csv::Rows;
use super::error::{ReadError, Reason};
use super::file::Input;
use super::layout::Layout;
use super::lines::Lines;
use super::mapping::Mapping;
use super::ndjson::Parser;
use crate::event::{Draft, Event, Schema};

/// How events are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values under a header.
    Csv,
}

impl FileFormat {
    /// The format that a file's name tells, packed or not; standard input (`-`) is taken as NDJSON.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit_once('.') {
            None if name == "-" => Some(Self::Ndjson),
            Some((_, "csv")) => Some(Self::Csv),
            Some((_, "ndjson" | "jsonl" | "json")) => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// How to read events.
#[derive(Clone, Debug)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values under a header, by this mapping.
    Csv(Box<Mapping>),
}

/// What to do about a bad line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadLine {
    /// Leave it out and go on.
    Skip,
    /// Stop.
    #[default]
    Fail,
}

impl OnBadLine {
    /// Whether reading goes on after this.
    pub fn goes_on(self, error: &ReadError) -> bool {
        self == Self::Skip && error.is_bad_line()
    }
}

/// How many lines were what; blank ones are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that were events.
    pub taken: u64,
    /// Those that were not.
    pub bad: u64,
}

/// Reads events from a file or a stream.
pub struct EventReader {
    input: Input,
    way: Way,
    schema: Arc<Schema>,
    draft: Draft,
    counts: Counts,
    ended: bool,
}

enum Way {
    Ndjson { lines: Lines, parser: Box<Parser> },
    Csv { rows: Rows, layout: Box<Layout> },
}

impl EventReader {
    /// Reads a file, packed or not, or standard input where the path is `-`.
    pub fn open(path: &Path, format: &Format, schema: Arc<Schema>) -> Result<Self, ReadError> {
        Self::of(Input::open(path)?, format, schema)
    }

    /// Reads a stream, packed or not.
    pub fn new(
        source: impl Read + Send + 'static,
        format: &Format,
        schema: Arc<Schema>,
    ) -> Result<Self, ReadError> {
        Self::of(Input::new(source)?, format, schema)
    }

    fn of(mut input: Input, format: &Format, schema: Arc<Schema>) -> Result<Self, ReadError> {
        let way = match format {
            Format::Ndjson => Way::Ndjson { lines: Lines::default(), parser: Box::new(Parser::new()) },
            Format::Csv(mapping) => {
                let (rows, header) = Rows::new(&mut input)?;
                let layout = Box::new(Layout::new(mapping, &header, &schema)?);
                Way::Csv { rows, layout }
            }
        };
        let draft = Draft::new(Arc::clone(&schema));
        Ok(Self { input, way, schema, draft, counts: Counts::default(), ended: false })
    }

    /// The next event with its line, a bad line, or what ended the reading; `None` at the end and after it.
    pub fn next_event(&mut self) -> Option<Result<(u64, &Event), ReadError>> {
        let (line, parsed) = match self.parse()? {
            Ok(parsed) => parsed,
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        };
        match parsed.and_then(|()| Ok(self.draft.seal()?)) {
            Ok(event) => {
                self.counts.taken += 1;
                Some(Ok((line, event)))
            }
            Err(reason) => {
                self.counts.bad += 1;
                Some(Err(ReadError::Line { line, reason }))
            }
        }
    }

    /// How many lines were what until now.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The next line that is not blank, set into the draft; what is bad about the line, or about the source.
    fn parse(&mut self) -> Option<Result<(u64, Result<(), Reason>), ReadError>> {
        if self.ended {
            return None;
        }
        let Self { input, way, schema, draft, .. } = self;
        let (done, read) = match way {
            Way::Ndjson { lines, parser } => loop {
                match lines.next(input.bytes()) {
                    Ok(Some(Ok(line))) if line.trim_ascii().is_empty() => {}
                    Ok(Some(line)) => {
                        let parsed = line.and_then(|line| parser.parse(line, schema, draft));
                        return Some(Ok((lines.number(), parsed)));
                    }
                    Ok(None) => break (lines.number(), None),
                    Err(error) => break (lines.number(), Some(error)),
                }
            },
            Way::Csv { rows, layout } => match rows.next(input.bytes()) {
                Ok(Some(row)) => {
                    let parsed = row.and_then(|row| layout.parse(row, draft));
                    return Some(Ok((rows.start(), parsed)));
                }
                Ok(None) => (rows.last(), None),
                Err(error) => (rows.last(), Some(error)),
            },
        };
        self.ended = true;
        read.map(|error| Err(self.input.failure(done, error)))
    }
}
