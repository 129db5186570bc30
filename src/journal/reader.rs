//! All records of a folder in order, online and archived, in bounded memory, beside whoever writes it.
//!
//! Promises that every record that it gives is whole and follows the one before it, and that whatever else is there is told:
//! a torn tail at the end, damage where it is. Must never change anything.
//!
//! The first frame that is not whole, or does not follow, ends what was promised, unless something behind it says
//! otherwise: a whole frame that says that this record was on disk, or the whole header of a later segment. Then it is
//! damage, and reading can go on behind it. Whole frames are looked for byte by byte. One that a client put into an event
//! can't be taken for such: a frame has zero bytes in its header, and JSON has none.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive;
use super::damage::{Damage, Torn, Why};
use super::error::JournalError;
use super::frame::{self, Broken, Chain, FRAME_BYTES};
use super::owner::owner;
use super::record::{Record, UnknownRecord};
use super::segment::{HEADER_BYTES, Header, NoHeader};
use super::window::Window;
use crate::io::Disk;

/// How far a number behind damage can be beyond the one that should be there.
const SKIPPED_MAX: u64 = 1 << 40;

/// A record as it is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number.
    pub number: u64,
    /// All records up to this one were on disk when this one was handed to it.
    pub durable: u64,
    /// SHA-256 over it and all before it.
    pub chain: Chain,
    /// What it is; see [`Entry::record`].
    pub kind: u8,
    /// How its body is written.
    pub form: u8,
    /// What it says.
    pub body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// What it says.
    pub fn record(&self) -> Result<Record<'a>, UnknownRecord> {
        Record::read(self.number, self.kind, self.form, self.body)
    }
}

/// What is known of an entry but for its body, which is still in the window.
#[derive(Clone, Copy)]
struct Found {
    number: u64,
    durable: u64,
    chain: Chain,
    kind: u8,
    form: u8,
    length: usize,
}

/// Reads all records of a folder in order.
///
/// Segments that are begun later than it was opened it does not see.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// First record and name within the folder, in order.
    segments: Vec<(u64, String)>,
    /// The one that is read, or is to be opened.
    at: usize,
    window: Option<Window>,
    /// Bytes of the entry that was given last, not passed yet.
    given: usize,
    id: Option<[u8; 16]>,
    /// The number that comes next; 0 before the first.
    expected: u64,
    /// The chain that it follows, where that is known.
    former: Option<Chain>,
    /// Whether the record that was given last follows a chain that was known.
    follows: bool,
    /// Nothing before this one is given.
    from: u64,
    torn: Option<Torn>,
    bytes_before: u64,
}

impl Reader {
    /// From the oldest record that is there.
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, JournalError> {
        Self::from(disk, folder, 0)
    }

    /// The same, or none where the folder is not there or holds no record.
    pub(super) fn there(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Option<Self>, JournalError> {
        match Self::open(Arc::clone(disk), folder) {
            Err(JournalError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            reader => reader.map(|reader| Some(reader).filter(|reader| !reader.is_empty())),
        }
    }

    /// From the record with this number on. Segments before its own are not read.
    pub fn from(disk: Arc<dyn Disk>, folder: &Path, number: u64) -> Result<Self, JournalError> {
        let segments = archive::segments(&*disk, folder)?;
        let before = segments.iter().take_while(|(first, _)| *first <= number.max(1)).count();
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            segments,
            at: before.saturating_sub(1),
            window: None,
            given: 0,
            id: None,
            expected: 0,
            former: None,
            follows: false,
            from: number,
            torn: None,
            bytes_before: 0,
        })
    }

    /// The next record; none at the end.
    ///
    /// After [`JournalError::Damaged`] the next call goes on behind the damage, with whatever is whole there; after any other
    /// error nothing more can be had.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, JournalError> {
        loop {
            let Some(found) = self.find()? else { return Ok(None) };
            self.given = found.length;
            if found.number >= self.from {
                return Ok(Some(self.entry(found)));
            }
        }
    }

    /// The next record, whatever is damaged before it: for who leaves it to others to tell that.
    pub fn next_whole(&mut self) -> Result<Option<Entry<'_>>, JournalError> {
        loop {
            match self.find() {
                Ok(None) => return Ok(None),
                Ok(Some(found)) => {
                    self.given = found.length;
                    if found.number >= self.from {
                        return Ok(Some(self.entry(found)));
                    }
                }
                Err(JournalError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn entry(&self, Found { number, durable, chain, kind, form, length }: Found) -> Entry<'_> {
        let held = self.window.as_ref().map_or(&[][..], Window::held);
        let body = held.get(FRAME_BYTES..length).unwrap_or_default();
        Entry { number, durable, chain, kind, form, body }
    }

    /// The torn tail, once the end was reached and there is one.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// The journal's id, once a segment was opened; a stranger's among them does not count.
    pub fn id(&self) -> Option<[u8; 16]> {
        self.id
    }

    /// Whether there are any segments.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The first record of the segment of the record that was given last; 0 before.
    pub fn segment(&self) -> u64 {
        self.segments.get(self.at).map_or(0, |(first, _)| *first)
    }

    /// The name of its file within the journal's folder; empty before.
    pub fn file(&self) -> &str {
        self.segments.get(self.at).map_or("", |(_, name)| name)
    }

    /// The oldest record that is there, or should be; 0 where there is none.
    pub fn first(&self) -> u64 {
        self.segments.first().map_or(0, |(first, _)| *first)
    }

    /// Bytes passed so far: beside [`bytes`](Self::bytes) they tell how far it is.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_before + self.window.as_ref().map_or(0, Window::at)
    }

    /// Bytes from where it began to the end.
    pub fn bytes(&self) -> Result<u64, JournalError> {
        let left = self.segments.get(self.at..).unwrap_or_default().iter();
        left.map(|(_, name)| self.length(name)).try_fold(self.bytes_before, |sum, bytes| Ok(sum + bytes?))
    }

    /// Where the entry that was given last begins in its segment.
    pub(super) fn entry_at(&self) -> u64 {
        self.window.as_ref().map_or(0, Window::at)
    }

    /// The last record that was given or is missing; 0 where there is none.
    pub(super) fn last(&self) -> u64 {
        self.expected.saturating_sub(1)
    }

    /// Whether the record that was given last follows a chain that was known: behind damage nothing binds the first one.
    pub(super) fn follows(&self) -> bool {
        self.follows
    }

    /// The chain at the last record, where it is known.
    pub(super) fn chain(&self) -> Option<Chain> {
        self.former
    }

    /// First record and name within the folder of every segment, in order.
    pub(super) fn segments(&self) -> &[(u64, String)] {
        &self.segments
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn length(&self, name: &str) -> Result<u64, JournalError> {
        archive::length(&*self.disk, &self.folder, name)
            .map_err(JournalError::disk("look at", &self.path(name)))
    }

    fn source(&self, name: &str) -> Result<Box<dyn Read + Send>, JournalError> {
        archive::open(&*self.disk, &self.folder, name).map_err(JournalError::disk("open", &self.path(name)))
    }

    fn find(&mut self) -> Result<Option<Found>, JournalError> {
        loop {
            let Some((first, name)) = self.segments.get(self.at).filter(|_| self.torn.is_none()) else {
                return Ok(None);
            };
            let (first, path) = (*first, self.path(name));
            let cant = JournalError::disk("read", &path);
            let Some(window) = &mut self.window else {
                let source = self.source(name)?;
                self.given = 0;
                self.begin(first, Window::new(source))?;
                continue;
            };
            window.pass(std::mem::take(&mut self.given));
            let ahead = match window.ahead(FRAME_BYTES).map(frame::length) {
                Ok(length) if length <= FRAME_BYTES + frame::BODY_BYTES_MAX => window.ahead(length),
                Ok(_) => Ok(window.held()),
                Err(error) => Err(error),
            };
            let ahead = ahead.map_err(cant)?;
            if ahead.is_empty() {
                self.bytes_before += window.at();
                self.window = None;
                self.at += 1;
                continue;
            }
            let why = match frame::parse(ahead) {
                Ok(frame) if frame.number != self.expected => Why::Number,
                Ok(frame) if self.former.is_some_and(|former| !frame.follows(&former)) => Why::Chain,
                Ok(frame) => {
                    self.expected = self.expected.saturating_add(1);
                    self.follows = self.former.replace(frame.chain).is_some();
                    return Ok(Some(Found {
                        number: frame.number,
                        durable: frame.durable,
                        chain: frame.chain,
                        kind: frame.kind,
                        form: frame.form,
                        length: frame.length(),
                    }));
                }
                Err(Broken::Short) => Why::Short,
                Err(Broken::Length) => Why::Length,
                Err(Broken::Checksum) => Why::Checksum,
            };
            let byte = window.at();
            self.broken(byte, why)?;
        }
    }

    /// Reads the header of the segment that should begin with this record.
    fn begin(&mut self, first: u64, mut window: Window) -> Result<(), JournalError> {
        if self.expected == 0 {
            self.id = owner(&self.disk, &self.folder, &self.segments);
        }
        let Some((_, name)) = self.segments.get(self.at) else { return Ok(()) };
        let path = self.path(name);
        let known = self.expected > 0;
        let expected = if known { self.expected } else { first };
        let ahead = window.ahead(HEADER_BYTES).map_err(JournalError::disk("read", &path))?;
        let header = Header::read(ahead);
        let file = name.clone();
        let damage = |bytes, missing, why| {
            Err(JournalError::Damaged(Damage { file, byte: 0, bytes, number: expected, missing, why }))
        };
        let header = match header {
            Err(NoHeader::Version(version)) => return Err(JournalError::Version { path, version }),
            Err(NoHeader::Broken) if first == expected => {
                self.expected = expected;
                self.window = Some(window);
                if expected == 1 {
                    self.former = self.id.as_ref().map(frame::first_chain);
                }
                return self.broken(0, Why::Header);
            }
            Err(NoHeader::Broken) if first > expected => {
                // The next call looks at what is in it.
                (self.expected, self.former) = (first, None);
                return damage(0, first - expected, Why::Gone);
            }
            Ok(header)
                if header.first == first && first >= expected && self.id.is_none_or(|id| id == header.id) =>
            {
                header
            }
            // What does not belong here is passed over, with the number that its name takes.
            header @ (Ok(_) | Err(NoHeader::Broken)) => {
                let foreign = |header: Header| self.id.is_some_and(|id| id != header.id);
                let why = if header.is_ok_and(foreign) { Why::Foreign } else { Why::Stranger };
                let length = self.length(name)?;
                self.expected = expected.max(first.saturating_add(1));
                if self.expected > expected {
                    self.former = None;
                }
                self.bytes_before += length;
                self.at += 1;
                return damage(length, self.expected - expected, why);
            }
        };
        window.pass(HEADER_BYTES);
        self.window = Some(window);
        self.id = Some(header.id);
        self.expected = first;
        let former = self.former.replace(header.chain);
        if first > expected {
            return damage(0, first - expected, Why::Gone);
        }
        let begins = first == 1 && header.chain != frame::first_chain(&header.id);
        if begins || former.is_some_and(|former| former != header.chain) {
            return damage(HEADER_BYTES as u64, 0, Why::Chain);
        }
        Ok(())
    }

    /// What is not whole at a byte of the segment that is read: a torn tail ends it all, damage is an error.
    fn broken(&mut self, byte: u64, why: Why) -> Result<(), JournalError> {
        let Some((_, name)) = self.segments.get(self.at) else { return Ok(()) };
        let (name, expected) = (name.clone(), self.expected);
        let length = self.length(&name)?;
        // A frame that is whole, but has another number, may be where to go on; one that does not follow is not.
        let from = if why == Why::Number { byte } else { byte + 1 };
        let mut here = self.scan(&name, from, expected)?;
        let later = self.segments.get(self.at + 1..).unwrap_or_default();
        // What is in the archive was whole.
        here.promised |= archive::is_archived(&name);
        if !here.promised {
            here.promised = self.promised_by(later, expected)?;
        }
        if !here.promised {
            let mut bytes = length.saturating_sub(byte);
            for (_, name) in later {
                bytes += self.length(name)?;
            }
            self.torn = Some(Torn { file: name, byte, bytes, number: expected, why });
            return Ok(());
        }
        let (end, next) = match here.next {
            Some((at, number)) => {
                if let Some(window) = &mut self.window {
                    let path = self.folder.join(&name);
                    window.pass_to(at).map_err(JournalError::disk("read", &path))?;
                }
                (at, number)
            }
            None => {
                let next = later.first().map_or(expected, |(first, _)| (*first).max(expected));
                self.bytes_before += length;
                self.window = None;
                self.at += 1;
                (length.max(byte), next)
            }
        };
        let missing = next - expected;
        if missing > 0 || why == Why::Chain {
            self.former = None;
        }
        self.expected = next;
        Err(JournalError::Damaged(Damage {
            file: name,
            byte,
            bytes: end - byte,
            number: expected,
            missing,
            why,
        }))
    }

    /// Looks for whole frames from a byte of a file on: the first one, and whether any says that a record was on disk.
    fn scan(&self, name: &str, from: u64, expected: u64) -> Result<Behind, JournalError> {
        let path = self.path(name);
        let cant = || JournalError::disk("read", &path);
        let source = self.source(name)?;
        let mut window = Window::new(source);
        window.pass_to(from).map_err(cant())?;
        let numbers = expected..=expected.saturating_add(SKIPPED_MAX);
        let mut behind = Behind::default();
        loop {
            let ahead = window.ahead(FRAME_BYTES).map_err(cant())?;
            if ahead.len() < FRAME_BYTES {
                return Ok(behind);
            }
            // Over what can be no frame it goes without asking for more each time.
            let Some(skip) = ahead.windows(FRAME_BYTES).position(|bytes| frame::plausible(bytes, &numbers))
            else {
                let passed = ahead.len() - FRAME_BYTES + 1;
                window.pass(passed);
                continue;
            };
            window.pass(skip);
            let length = frame::length(window.held());
            let ahead = window.ahead(length).map_err(cant())?;
            let Ok(frame) = frame::parse(ahead) else {
                window.pass(1);
                continue;
            };
            let (number, durable) = (frame.number, frame.durable);
            let at = window.at();
            behind.next.get_or_insert((at, number));
            if durable >= expected {
                behind.promised = true;
                return Ok(behind);
            }
            window.pass(length);
        }
    }

    /// Whether segments say that a record was on disk.
    fn promised_by(&self, segments: &[(u64, String)], expected: u64) -> Result<bool, JournalError> {
        for (_, name) in segments {
            let path = self.path(name);
            let source = self.source(name)?;
            let mut window = Window::new(source);
            let ahead = window.ahead(HEADER_BYTES).map_err(JournalError::disk("read", &path))?;
            let begins = match Header::read(ahead) {
                // Whatever it is, it is more than what was being written: nothing is begun before all else is on disk.
                Ok(_) => true,
                // Of a version that comes after this one, so that it is told when it is opened.
                Err(NoHeader::Version(_)) => true,
                Err(NoHeader::Broken) => false,
            };
            if begins || self.scan(name, 0, expected)?.promised {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What is found behind a broken place.
#[derive(Debug, Default)]
struct Behind {
    /// Place and number of the first whole frame in the same file.
    next: Option<(u64, u64)>,
    /// Whether any frame says that the record was on disk.
    promised: bool,
}
