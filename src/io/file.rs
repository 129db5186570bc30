//! Files, standard streams and gzip, told apart by what they hold (in) or are called (out).

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::error::{FileError, ReadError};

const BUFFER_BYTES: usize = 128 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Bytes coming in, unpacked, without a byte order mark.
pub(super) struct Input {
    bytes: Box<dyn BufRead + Send>,
    packed: bool,
}

/// How a file is opened by its path.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> Result<Input, ReadError>;

impl Input {
    /// Of a file, or of standard input where the path is `-`.
    pub(super) fn open(path: &Path) -> Result<Self, ReadError> {
        if path.as_os_str() == "-" {
            return Self::new(io::stdin());
        }
        let file = File::open(path).map_err(|source| FileError { path: path.to_owned(), source })?;
        Self::new(file)
    }

    /// Of any source.
    pub(super) fn new(source: impl Read + Send + 'static) -> Result<Self, ReadError> {
        let (head, bytes) = peek::<2>(BufReader::with_capacity(BUFFER_BYTES, source))
            .map_err(|source| ReadError::Io { line: 0, source })?;
        let packed = head == GZIP_MAGIC;
        let mut input = Self { bytes: Box::new(bytes), packed };
        if packed {
            let unpacked = MultiGzDecoder::new(input.bytes);
            input.bytes = Box::new(BufReader::with_capacity(BUFFER_BYTES, unpacked));
        }
        let (head, mut bytes) = match peek::<3>(input.bytes) {
            Ok(peeked) => peeked,
            Err(source) => return Err(failure(packed, 0, source)),
        };
        if head == BYTE_ORDER_MARK {
            bytes.consume(BYTE_ORDER_MARK.len());
        }
        Ok(Self { bytes: Box::new(bytes), packed })
    }

    /// The bytes.
    pub(super) fn bytes(&mut self) -> &mut dyn BufRead {
        &mut *self.bytes
    }

    /// What a failure to read means after this line.
    pub(super) fn failure(&self, line: u64, source: io::Error) -> ReadError {
        failure(self.packed, line, source)
    }
}

fn failure(packed: bool, line: u64, source: io::Error) -> ReadError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof if packed => ReadError::CutShort { line },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if packed => {
            ReadError::Damaged { line, source }
        }
        _ => ReadError::Io { line, source },
    }
}

/// The first bytes (fewer where there are no more), and the source as though nothing had been read.
fn peek<const N: usize>(
    mut source: impl BufRead + Send + 'static,
) -> io::Result<(Vec<u8>, impl BufRead + Send + 'static)> {
    let mut head = Vec::with_capacity(N);
    source.by_ref().take(N as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(source)))
}

/// Bytes going out; packed where the file is called `.gz`.
pub struct Output(Packing);

enum Packing {
    Plain(BufWriter<Box<dyn Write + Send>>),
    Gzip(Box<GzEncoder<BufWriter<Box<dyn Write + Send>>>>),
}

/// Creates a file, or writes to standard output where the path is `-`.
pub fn create(path: &Path) -> Result<Output, FileError> {
    let sink: Box<dyn Write + Send> = if path.as_os_str() == "-" {
        Box::new(io::stdout())
    } else {
        Box::new(File::create(path).map_err(|source| FileError { path: path.to_owned(), source })?)
    };
    let sink = BufWriter::with_capacity(BUFFER_BYTES, sink);
    Ok(Output(if is_gzip(path) {
        Packing::Gzip(Box::new(GzEncoder::new(sink, Compression::fast())))
    } else {
        Packing::Plain(sink)
    }))
}

/// Bytes as a file of this name holds them.
pub(super) fn packed(path: &Path, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if !is_gzip(path) {
        return Ok(bytes);
    }
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(&bytes)?;
    packing.finish()
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"))
}

impl Output {
    /// Writes what is still held back; without it a packed file is cut short.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Packing::Plain(mut sink) => sink.flush(),
            Packing::Gzip(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Packing::Plain(sink) => sink.write(bytes),
            Packing::Gzip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Packing::Plain(sink) => sink.flush(),
            Packing::Gzip(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        let mut text = String::new();
        Input::open(path).unwrap().bytes().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_is_packed_is_told_by_its_bytes_and_not_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (packed, plain) = (dir.path().join("a.GZ"), dir.path().join("a.txt"));
        for path in [&packed, &plain] {
            let mut output = create(path).unwrap();
            output.write_all("\u{feff}hello".as_bytes()).unwrap();
            output.finish().unwrap();
            assert_eq!(read(path), "hello");
        }
        assert_eq!(std::fs::read(&packed).unwrap()[..2], GZIP_MAGIC);
        std::fs::copy(&packed, &plain).unwrap();
        assert_eq!(read(&plain), "hello");
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let error = create(Path::new("no/such/place.ndjson")).err().unwrap();
        assert!(error.to_string().starts_with("no/such/place.ndjson: "), "{error}");
    }
}
