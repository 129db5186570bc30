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
use super::writer::write_event;
use crate::event::{Draft, Event, Kind, Schema};

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
    /// The row that was read last, as a line.
    written: Vec<u8>,
}

/// Reads single JSON lines, one after the other.
pub struct LineReader {
    parser: Box<Parser>,
    schema: Arc<Schema>,
    draft: Draft,
}

impl LineReader {
    /// Of events with these extra fields.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { parser: Box::new(Parser::new()), draft: Draft::new(Arc::clone(&schema)), schema }
    }

    /// Takes keys that events don't have as extra fields that no rule file declares, instead of refusing them.
    pub fn keep_unknown(mut self) -> Self {
        self.parser.keep_unknown();
        self
    }

    /// One that takes no event with a field whose name says that it holds a one-time password, a PIN, the number of a card or
    /// another secret, whether rule files declare it or not.
    #[must_use]
    pub fn refusing_secrets(mut self) -> Self {
        self.parser.refuse_secrets();
        self
    }

    /// The event that a line says.
    pub fn read(&mut self, line: &[u8]) -> Result<&Event, Reason> {
        self.parser.parse(line, None, &self.schema, &mut self.draft)?;
        Ok(self.draft.seal()?)
    }

    /// All that a line says; what the way in knows beside it is to be set before it is sealed.
    pub fn read_any(&mut self, line: &[u8]) -> Result<&mut Draft, Reason> {
        self.parser.parse(line, None, &self.schema, &mut self.draft)?;
        Ok(&mut self.draft)
    }

    /// The same of an event whose kind is known; the line may leave that out.
    pub fn read_as(&mut self, kind: Kind, line: &[u8]) -> Result<&mut Draft, Reason> {
        self.parser.parse(line, Some(kind), &self.schema, &mut self.draft)?;
        Ok(&mut self.draft)
    }
}

/// A line's number, and whether the draft has all that it says.
type Parsed = (u64, Result<(), Reason>);

enum Way {
    Ndjson { lines: Lines, parser: Box<Parser> },
    Csv { rows: Box<Rows>, layout: Box<Layout> },
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
                Way::Csv { rows: Box::new(rows), layout }
            }
        };
        let draft = Draft::new(Arc::clone(&schema));
        Ok(Self { input, way, schema, draft, counts: Counts::default(), ended: false, written: Vec::new() })
    }

    /// The next event as [`next_event`](Self::next_event) gives it, with the bytes that say it: a JSON line as it came,
    /// without its line end; of a row the line that [`write_event`] writes.
    pub fn next_line(&mut self) -> Option<Result<(&Event, &[u8]), ReadError>> {
        match self.next_event()? {
            Err(error) => Some(Err(error)),
            Ok(_) => Some(self.last_line()),
        }
    }

    /// The event that was given last, with its line.
    pub fn last_line(&mut self) -> Result<(&Event, &[u8]), ReadError> {
        let event = self.draft.sealed();
        let bytes = match &self.way {
            Way::Ndjson { lines, .. } => lines.line(),
            Way::Csv { rows, .. } => {
                self.written.clear();
                let written = write_event(event, &mut self.written);
                written.map_err(|source| ReadError::Io { line: rows.last(), source })?;
                self.written.trim_ascii_end()
            }
        };
        Ok((event, bytes))
    }

    /// The event that was given last.
    pub fn last_event(&self) -> &Event {
        self.draft.sealed()
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
    fn parse(&mut self) -> Option<Result<Parsed, ReadError>> {
        if self.ended {
            return None;
        }
        let Self { input, way, schema, draft, .. } = self;
        let (done, read) = match way {
            Way::Ndjson { lines, parser } => loop {
                match lines.next(input.bytes()) {
                    Ok(Some(Ok(line))) if line.trim_ascii().is_empty() => {}
                    Ok(Some(line)) => {
                        let parsed = line.and_then(|line| parser.parse(line, None, schema, draft));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ExtraType, ExtraValue, Kind, TextField};
    use crate::money::{Currency, Money};

    #[test]
    fn a_name_tells_the_format() {
        let of = |name: &str| FileFormat::of(Path::new(name));
        for name in ["-", "a.ndjson", "dir.csv/a.jsonl", "a.JSON.gz"] {
            assert_eq!(of(name), Some(FileFormat::Ndjson), "{name}");
        }
        for name in ["a.csv", "a.b.CSV.gz", "2018-04.csv.gz"] {
            assert_eq!(of(name), Some(FileFormat::Csv), "{name}");
        }
        for name in ["", "a", "a.gz", "a.txt", "csv", ".."] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    fn csv(
        mapping: &str,
        bytes: &'static str,
        extras: &[(&str, ExtraType)],
    ) -> Result<EventReader, ReadError> {
        let schema = Schema::new(extras.iter().map(|(name, ty)| ((*name).to_owned(), *ty)).collect());
        let format = Format::Csv(Box::new(Mapping::parse(mapping)?));
        EventReader::new(bytes.as_bytes(), &format, Arc::new(schema))
    }

    #[test]
    fn a_mapping_reaches_every_field() {
        let mapping = r#"
            kind = { column = "k", values = { L = "list" } }
            id = { column = "i", prefix = "x-" }
            time = { column = "t", format = "rfc3339" }
            received = { column = "r", unit = "ms" }
            expires = { column = "e", unit = "s", since = 1970-01-02T00:00:00Z }
            amount = { column = "a", unit = "minor", currency = { column = "c", values = { dong = "VND" } } }
            same_owner = { column = "s", values = { Y = true, N = false } }
            latitude = { column = "lat" }
            longitude = { column = "lon" }
            level = { value = 3 }
            [text]
            list = { value = "suspected" }
            entry = { column = "i" }
            action = { value = "put" }
            methods = { column = "m" }
            [extra]
            money = { column = "x", unit = "major", currency = "USD" }
            minor = { column = "x2", unit = "minor" }
            took = { column = "x3", unit = "ms" }
            at = { column = "x3", unit = "s" }
            share = { column = "x4" }
            vip = { column = "x5" }
            colour = { column = "x4", prefix = "c" }
            visits = { column = "x2" }
            nobody = { column = "x2" }
        "#;
        let extras = [
            ("money", ExtraType::Money),
            ("minor", ExtraType::Money),
            ("took", ExtraType::Duration),
            ("at", ExtraType::Time),
            ("share", ExtraType::Decimal),
            ("vip", ExtraType::Boolean),
            ("colour", ExtraType::Text),
            ("visits", ExtraType::Integer),
        ];
        let bytes = "k,i,t,r,e,a,c,s,lat,lon,m,x,x2,x3,x4,x5,unused\n\
            L,7,1970-01-01T00:00:01+00:00,1500.5,1,250,dong,N,1.5,-2,\"fido,sms\",-1.25,-3,2.5,0.1,1,\n";
        let mut reader = csv(mapping, bytes, &extras).unwrap();
        let (line, event) = reader.next_event().unwrap().unwrap();
        assert_eq!((line, event.kind(), event.id(), event.time_us()), (2, Kind::List, "x-7", 1_000_000));
        assert_eq!((event.received_us(), event.expires_us()), (Some(1_500_500), Some(86_401_000_000)));
        assert_eq!(event.amount(), Some(Money { minor: 250, currency: Currency::VND }));
        assert_eq!((event.same_owner(), event.level()), (Some(false), Some(3)));
        assert_eq!(event.latitude_longitude(), Some((1.5, -2.0)));
        assert_eq!(
            (event.text(TextField::Entry), event.text(TextField::Methods)),
            (Some("7"), Some("fido,sms"))
        );
        let values: Vec<_> = (0..extras.len()).map(|at| event.extra(at).unwrap()).collect();
        let whole = ExtraValue::Whole;
        let (share, colour) = (ExtraValue::Decimal(0.1), ExtraValue::Text("c0.1"));
        let vip = ExtraValue::Boolean(true);
        assert_eq!(
            values,
            [whole(-125), whole(-3), whole(2_500), whole(2_500_000), share, vip, colour, whole(-3)]
        );
        assert!(reader.next_event().is_none());
    }

    #[test]
    fn an_empty_cell_is_an_absent_field() {
        let mapping = r#"
            kind = "transaction"
            id = { column = "i" }
            time = { value = 0, unit = "us" }
            amount = { column = "a", unit = "major", currency = "VND" }
            [text]
            account = { column = "b" }
        "#;
        let mut reader = csv(mapping, "i,a,b\n1,5,\n2,\"5\",\"\"\n", &[]).unwrap();
        for _ in 0..2 {
            assert_eq!(reader.next_event().unwrap().unwrap().1.text(TextField::Account), None);
        }
    }

    #[test]
    fn the_handbook_mapping_reads_the_handbook_rows() {
        let mapping = include_str!("../../datasets/handbook.mapping.toml");
        let rows = "TRANSACTION_ID,TX_TIME_SECONDS,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n\
            0,31,596,3156,57.16,0,0\n3,569,4961,9412,28.599999999999998,0,0\n";
        let mut reader = csv(mapping, rows, &[]).unwrap();
        let (_, event) = reader.next_event().unwrap().unwrap();
        assert_eq!((event.id(), event.time_us()), ("0", 1_522_540_831_000_000));
        assert_eq!(
            (event.text(TextField::Customer), event.text(TextField::Merchant)),
            (Some("596"), Some("3156"))
        );
        assert_eq!(event.amount(), Some(Money { minor: 5716, currency: Currency::EUR }));
        assert_eq!(reader.next_event().unwrap().unwrap().1.amount().unwrap().minor, 2860);
    }

    #[test]
    fn skipping_is_for_bad_lines_only() {
        let bad = ReadError::Line { line: 1, reason: Reason::TooLong };
        let fatal = ReadError::CutShort { line: 1 };
        assert!(OnBadLine::Skip.goes_on(&bad) && !OnBadLine::Fail.goes_on(&bad));
        assert!(!OnBadLine::Skip.goes_on(&fatal));
    }

    #[test]
    fn a_mapping_that_does_not_fit_is_refused_before_any_row() {
        let base = "kind = \"clock\"\nid = { column = \"i\" }\ntime = { column = \"t\", unit = \"s\" }\n";
        let refused = |more: &str, ty| {
            let opened = csv(&format!("{base}{more}"), "i,t,x\n", &[("f", ty)]);
            opened.err().map(|e| e.to_string()).unwrap_or_default()
        };
        let extra = |rest: &str| format!("extra.f = {{ column = \"x\", {rest} }}");
        for (more, ty, fragment) in [
            (
                "text.note = { value = \"a\\u0000\" }".to_owned(),
                ExtraType::Text,
                "a constant of the mapping is bad",
            ),
            (
                "level = { value = 1.5 }".to_owned(),
                ExtraType::Text,
                "`level` is `1.5`; it must be a whole number",
            ),
            ("extra.f = { value = \"x\" }".to_owned(), ExtraType::Integer, "`extra.f` is `x`"),
            (extra("unit = \"s\""), ExtraType::Integer, "`extra.f.unit` does not belong there"),
            (extra("unit = \"s\""), ExtraType::Money, "it must be minor or major"),
            (extra("unit = \"major\""), ExtraType::Money, "`extra.f.currency` is missing"),
            (extra("unit = \"major\""), ExtraType::Time, "it must be us, ms or s"),
            (extra("round = true"), ExtraType::Time, "`extra.f.round` does not belong there"),
            (extra("prefix = \"a\""), ExtraType::Duration, "`extra.f.prefix` does not belong there"),
            ("extra.f = { column = \"x\" }".to_owned(), ExtraType::Duration, "`extra.f.unit` is missing"),
            ("extra.f = { column = \"x\" }".to_owned(), ExtraType::Time, "`extra.f.unit` is missing"),
            ("text.note = { column = \"X\" }".to_owned(), ExtraType::Text, "did you mean `x`?"),
        ] {
            let message = refused(&more, ty);
            assert!(message.contains(fragment), "{more}: `{fragment}` is not in `{message}`");
        }
    }
}
