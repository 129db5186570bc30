//! What writes, syncs, rotates and signs: a thread of its own, or in tests a stepper that does one group at a time.
//!
//! Promises that nothing is said to be durable before it is, that records go out in the order in which they came, and that
//! after the first write or sync that failed nothing is tried again. A group is what gathered while the former was synced.
#![allow(
    clippy::disallowed_methods,
    reason = "how long the disk takes is measured, and a bounded loss waits so long; no record depends on it"
)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::error::{JournalError, Poisoned};
use super::frame::{self, Chain, FRAME_BYTES};
use super::heads::Signer;
use super::journal::{Mode, Mutant};
use super::record::Kind;
use super::segment::{self, HEADER_BYTES, Header};
use crate::io::{Disk, DiskFile};

/// A sync that takes longer is told as one of a minute.
const SYNC_NS_MAX: u64 = 60_000_000_000;

/// What a writer has done so far.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Records written, the journal's own heads among them.
    pub records: u64,
    /// Bytes written, headers of segments among them.
    pub bytes: u64,
    /// Groups written.
    pub groups: u64,
    /// Longest time from an append to its being on disk, in milliseconds, rounded up: in async mode, what a crash would
    /// have lost.
    pub loss_window_ms_max: u64,
    /// Nanoseconds of each sync.
    sync_ns: Option<Histogram<u64>>,
}

impl Figures {
    /// How often it was synced.
    pub fn syncs(&self) -> u64 {
        self.sync_ns.as_ref().map_or(0, Histogram::len)
    }

    /// Nanoseconds that this share of all syncs took at most: 0.5 the median, 1.0 the longest.
    pub fn sync_ns(&self, quantile: f64) -> u64 {
        self.sync_ns.as_ref().map_or(0, |syncs| syncs.value_at_quantile(quantile))
    }
}

/// Records on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Frames, still to be sealed.
    pub(super) bytes: Vec<u8>,
    /// Where something has to be done before what follows is written.
    pub(super) cuts: Vec<(usize, Cut)>,
    /// When the first of them was handed over.
    pub(super) since: Option<Instant>,
}

/// What has to be done at a place in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// What is before it is synced on its own.
    Sync,
    /// A new segment begins.
    Rotate,
}

impl Group {
    fn add(&mut self, other: &mut Self) {
        if self.bytes.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let before = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.cuts.extend(other.cuts.drain(..).map(|(at, cut)| (before + at, cut)));
        self.since = self.since.or(other.since);
        other.since = None;
    }
}

/// What the journal and its writer share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    durable: AtomicU64,
    stopped: AtomicBool,
    inner: Mutex<Inner>,
    work: Condvar,
    room: Condvar,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    pending: Group,
    closing: bool,
    /// Whether somebody waits for a sync that is not due yet.
    asked: bool,
    poisoned: Option<Poisoned>,
    figures: Figures,
}

impl Shared {
    pub(super) fn new(durable: u64) -> Self {
        Self { durable: AtomicU64::new(durable), ..Self::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever held it left it whole: nothing here panics half way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(super) fn figures(&self) -> Figures {
        self.lock().figures.clone()
    }

    /// An error once the journal has stopped.
    pub(super) fn check(&self) -> Result<(), Poisoned> {
        if !self.stopped.load(Ordering::Acquire) {
            return Ok(());
        }
        self.lock().poisoned.clone().map_or(Ok(()), Err)
    }

    /// Hands a group over; waits where too much is waiting already.
    pub(super) fn put(&self, group: &mut Group, bytes_max: usize) -> Result<(), Poisoned> {
        let mut inner = self.lock();
        loop {
            if let Some(poisoned) = &inner.poisoned {
                return Err(poisoned.clone());
            }
            let waiting = inner.pending.bytes.len();
            if waiting == 0 || waiting + group.bytes.len() <= bytes_max {
                break;
            }
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        group.since = Some(Instant::now());
        inner.pending.add(group);
        drop(inner);
        self.work.notify_one();
        Ok(())
    }

    /// Waits until a record is on disk.
    pub(super) fn wait(&self, number: u64) -> Result<(), Poisoned> {
        if self.durable() >= number {
            return Ok(());
        }
        let mut inner = self.lock();
        loop {
            if self.durable() >= number {
                return Ok(());
            }
            if let Some(poisoned) = &inner.poisoned {
                return Err(poisoned.clone());
            }
            inner = self.done.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same in every mode: where syncs are put off, it asks for one.
    pub(super) fn wait_or_ask(&self, number: u64) -> Result<(), Poisoned> {
        self.lock().asked = true;
        self.work.notify_one();
        self.wait(number)
    }

    /// Lets the writer end once it has written what it was given.
    pub(super) fn end(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    fn publish(&self, durable: u64, note: impl FnOnce(&mut Figures)) {
        let mut inner = self.lock();
        self.durable.store(durable, Ordering::Release);
        note(&mut inner.figures);
        drop(inner);
        self.done.notify_all();
    }

    pub(super) fn poison(&self, why: JournalError) {
        let mut inner = self.lock();
        let poisoned = Poisoned { durable: self.durable(), why: Arc::new(why) };
        inner.poisoned.get_or_insert(poisoned);
        inner.pending = Group::default();
        drop(inner);
        self.stopped.store(true, Ordering::Release);
        self.done.notify_all();
        self.room.notify_all();
    }
}

/// Does the writer's work a group at a time: the thread is a loop around it.
#[derive(Debug)]
pub struct Stepper {
    shared: Arc<Shared>,
    writer: Writer,
    group: Group,
    mode: Mode,
}

impl Stepper {
    pub(super) fn new(shared: Arc<Shared>, writer: Writer, mode: Mode) -> Self {
        Self { shared, writer, group: Group::default(), mode }
    }

    /// Writes what was handed over, if anything was, and syncs: in async mode only where that is due. False where there was
    /// nothing to do, or the journal has stopped.
    #[doc(hidden)]
    pub fn step(&mut self, due: bool) -> bool {
        if self.shared.check().is_err() {
            return false;
        }
        std::mem::swap(&mut self.shared.lock().pending, &mut self.group);
        self.shared.room.notify_all();
        self.work(due)
    }

    fn work(&mut self, due: bool) -> bool {
        let sync = due || !matches!(self.mode, Mode::Async { .. });
        if self.group.bytes.is_empty() && !(sync && self.writer.unsynced()) {
            return false;
        }
        let done = self.writer.write(&self.shared, &mut self.group, sync);
        self.group.bytes.clear();
        self.group.cuts.clear();
        self.group.since = None;
        if let Err(why) = done {
            self.shared.poison(why);
            return false;
        }
        true
    }

    /// Until the journal is closed or has stopped.
    pub(super) fn run(mut self) {
        loop {
            let mut inner = self.shared.lock();
            let mut due = std::mem::take(&mut inner.asked);
            while inner.pending.bytes.is_empty() && !inner.closing && inner.poisoned.is_none() && !due {
                due = std::mem::take(&mut inner.asked);
                if due {
                    break;
                }
                inner = match self.left() {
                    None => self.shared.work.wait(inner).unwrap_or_else(PoisonError::into_inner),
                    Some(Duration::ZERO) => {
                        due = true;
                        inner
                    }
                    Some(left) => {
                        let waited = self.shared.work.wait_timeout(inner, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
            if inner.poisoned.is_some() {
                return;
            }
            let ends = inner.closing && inner.pending.bytes.is_empty();
            std::mem::swap(&mut inner.pending, &mut self.group);
            drop(inner);
            self.shared.room.notify_all();
            let due = due || ends || self.left() == Some(Duration::ZERO);
            self.work(due);
            if ends {
                return;
            }
        }
    }

    /// How long what is written may still wait for its sync: half of the bound, so that the sync itself has the other half.
    fn left(&self) -> Option<Duration> {
        let Mode::Async { within_ms } = self.mode else { return None };
        let within = Duration::from_millis(u64::from(within_ms)) / 2;
        let since = self.writer.since.filter(|_| self.writer.unsynced());
        since.map(|since| within.saturating_sub(since.elapsed()))
    }
}

/// Writes frames into segments.
pub(super) struct Writer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) id: [u8; 16],
    pub(super) clock: fn() -> i64,
    pub(super) signer: Option<Signer>,
    pub(super) mutant: Option<Mutant>,
    /// The chain at the record that was written last.
    pub(super) chain: Chain,
    /// The last record that is on disk.
    pub(super) durable: u64,
    /// The last record that was written.
    pub(super) written: u64,
    /// The segment that is written; none before its first record.
    pub(super) file: Option<(PathBuf, Box<dyn DiskFile>)>,
    /// Whether its name is not known to last yet.
    pub(super) named: bool,
    /// When the first of what is written and not on disk was handed over.
    pub(super) since: Option<Instant>,
    /// Records, bytes and groups since they were last told.
    pub(super) told: (u64, u64, u64),
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { folder, durable, written, .. } = self;
        f.debug_struct("Writer")
            .field("folder", folder)
            .field("durable", durable)
            .field("written", written)
            .finish()
    }
}

impl Writer {
    fn unsynced(&self) -> bool {
        self.written > self.durable
    }

    fn write(&mut self, shared: &Shared, group: &mut Group, sync: bool) -> Result<(), JournalError> {
        if self.mutant == Some(Mutant::AnswerEarly) {
            let records = frames(&group.bytes).count() as u64;
            shared.publish(self.written + records, |_| {});
        }
        self.since = self.since.or(group.since);
        self.told.2 += u64::from(!group.bytes.is_empty());
        let mut from = 0;
        for &(at, cut) in &group.cuts {
            self.part(&mut group.bytes[from..at])?;
            from = at;
            self.sync(shared)?;
            // What follows was handed over with the rest.
            self.since = group.since;
            if cut == Cut::Rotate {
                self.file = None;
            }
        }
        self.part(&mut group.bytes[from..])?;
        if sync { self.sync(shared) } else { Ok(()) }
    }

    /// Seals and writes frames into the segment that is open, or a new one.
    fn part(&mut self, bytes: &mut [u8]) -> Result<(), JournalError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let former = self.chain;
        let mut at = 0;
        while at < bytes.len() {
            let end = at + frame::length(&bytes[at..]);
            let frame = &mut bytes[at..end];
            if frame[56] == Kind::Head as u8
                && let Some(signer) = &self.signer
            {
                let head = signer.sign(&self.id, self.written, self.chain, (self.clock)());
                frame[FRAME_BYTES..].copy_from_slice(&head.to_bytes());
            }
            self.chain = frame::seal(frame, self.durable, &self.chain);
            self.written += 1;
            self.told.0 += 1;
            at = end;
        }
        self.told.1 += bytes.len() as u64;
        if self.file.is_none() {
            self.begin(frame::number(bytes), former)?;
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(JournalError::disk("write", path))
    }

    /// Begins the segment of this record. All before it are on disk.
    fn begin(&mut self, first: u64, chain: Chain) -> Result<(), JournalError> {
        let path = self.folder.join(segment::name(first));
        let mut file = self.disk.create(&path).map_err(JournalError::disk("create", &path))?;
        let header = Header { id: self.id, first, created_us: (self.clock)(), chain };
        file.write_all(&header.to_bytes()).map_err(JournalError::disk("write", &path))?;
        self.told.1 += HEADER_BYTES as u64;
        self.file = Some((path, file));
        self.named = false;
        Ok(())
    }

    /// Makes all that was written last, and says so.
    fn sync(&mut self, shared: &Shared) -> Result<(), JournalError> {
        if !self.unsynced() {
            return Ok(());
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let start = Instant::now();
        if self.mutant != Some(Mutant::SkipSync) {
            file.sync().map_err(JournalError::disk("sync", path))?;
        }
        if !self.named {
            let folder = &self.folder;
            self.disk.sync_folder(folder).map_err(JournalError::disk("sync the folder", folder))?;
            self.named = true;
        }
        let took_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.durable = self.written;
        let waited = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        let (records, bytes, groups) = std::mem::take(&mut self.told);
        shared.publish(self.durable, |figures| {
            figures.records += records;
            figures.bytes += bytes;
            figures.groups += groups;
            let waited_ms = u64::try_from(waited.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
            figures.loss_window_ms_max = figures.loss_window_ms_max.max(waited_ms);
            if figures.sync_ns.is_none() {
                figures.sync_ns = Histogram::new_with_bounds(1, SYNC_NS_MAX, 3).ok();
            }
            if let Some(syncs) = &mut figures.sync_ns {
                syncs.saturating_record(took_ns.max(1));
            }
        });
        Ok(())
    }
}

/// The frames of a group.
fn frames(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let frame = &rest[..frame::length(rest)];
        at += frame.len();
        Some(frame)
    })
}
