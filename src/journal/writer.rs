//! What writes, syncs, rotates and signs: whoever waits for it, or a thread of its own for what nobody waits for.
//!
//! Promises that nothing is said to be durable before it is, that records go out in the order in which they came, and that
//! after the first write or sync that failed nothing is tried again. A group is what gathered while the former was synced.
//! There is one writer: whoever takes it does the work while all others wait or append, so that nothing is handed from one
//! thread to another between an append and its being on disk where the one who waits finds it free.
#![allow(
    clippy::disallowed_methods,
    reason = "how long the disk takes is measured, and a bounded loss waits so long; no record depends on it"
)]

use std::io::ErrorKind;
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
use crate::io::{Disk, DiskFile, FileId};

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

    /// Nanoseconds that all syncs took, to about a thousandth.
    pub fn syncs_ns(&self) -> f64 {
        self.sync_ns.as_ref().map_or(0.0, |syncs| syncs.mean() * syncs.len() as f64)
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
    /// There while nobody writes.
    writer: Option<Box<Writer>>,
    /// The last record that anybody waits for.
    wanted: u64,
    closing: bool,
    poisoned: Option<Poisoned>,
    figures: Figures,
}

impl Shared {
    pub(super) fn new(writer: Writer) -> Self {
        let durable = AtomicU64::new(writer.durable);
        let inner = Mutex::new(Inner { writer: Some(Box::new(writer)), ..Inner::default() });
        Self { durable, inner, ..Self::default() }
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

    /// Hands a group over, and calls somebody to write it unless the caller will; waits where too much is waiting already.
    pub(super) fn put(&self, group: &mut Group, bytes_max: usize, call: bool) -> Result<(), Poisoned> {
        let mut inner = self.lock();
        loop {
            if let Some(poisoned) = &inner.poisoned {
                return Err(poisoned.clone());
            }
            let waiting = inner.pending.bytes.len();
            if waiting == 0 || waiting + group.bytes.len() <= bytes_max {
                break;
            }
            self.call(&inner);
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        group.since = Some(Instant::now());
        inner.pending.add(group);
        if call {
            self.call(&inner);
        }
        Ok(())
    }

    /// Somebody is to write what is pending: who waits for records that are not on disk, if anybody does, else the thread.
    /// Whoever writes just now does that when it is done.
    fn call(&self, inner: &Inner) {
        if inner.writer.is_none() {
            return;
        }
        if inner.wanted > self.durable() { self.done.notify_one() } else { self.work.notify_one() }
    }

    /// Waits until a record is on disk, and writes and syncs what is pending where nobody does.
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
            let writer = inner.writer.as_ref();
            if writer.is_some_and(|writer| !inner.pending.bytes.is_empty() || writer.unsynced()) {
                inner = self.commit(inner, true);
                continue;
            }
            inner.wanted = inner.wanted.max(number);
            inner = self.done.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes what is pending, and syncs: in async mode only where that is due. The writer must be there.
    fn commit<'a>(&'a self, mut inner: MutexGuard<'a, Inner>, due: bool) -> MutexGuard<'a, Inner> {
        let Some(mut writer) = inner.writer.take() else { return inner };
        std::mem::swap(&mut inner.pending, &mut writer.group);
        drop(inner);
        self.room.notify_all();
        let done = writer.work(self, due);
        let mut inner = self.lock();
        inner.writer = Some(writer);
        if let Err(why) = done {
            self.stop(&mut inner, why);
        } else if inner.closing {
            self.work.notify_one();
        } else if !inner.pending.bytes.is_empty() {
            self.call(&inner);
        }
        self.done.notify_all();
        inner
    }

    /// Lets the thread end once it has written what it was given.
    pub(super) fn end(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    fn publish(&self, durable: u64, note: impl FnOnce(&mut Figures)) {
        let mut inner = self.lock();
        self.durable.store(durable, Ordering::Release);
        note(&mut inner.figures);
    }

    /// The journal is closed: who still waits for what was never handed over is told, and the files are let go.
    pub(super) fn ended(&self) {
        let mut inner = self.lock();
        self.stop(&mut inner, JournalError::Ended);
        inner.writer = None;
    }

    fn stop(&self, inner: &mut Inner, why: JournalError) {
        let poisoned = Poisoned { durable: self.durable(), why: Arc::new(why) };
        inner.poisoned.get_or_insert(poisoned);
        inner.pending = Group::default();
        self.stopped.store(true, Ordering::Release);
        self.done.notify_all();
        self.room.notify_all();
        self.work.notify_one();
    }

    /// What the thread does: writes what nobody waits for, until the journal is closed or has stopped.
    pub(super) fn run(&self) {
        let mut inner = self.lock();
        while inner.poisoned.is_none() {
            let Some(writer) = &inner.writer else {
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (left, empty) = (writer.left(), inner.pending.bytes.is_empty());
            let due = inner.closing || left == Some(Duration::ZERO);
            if !empty || due && writer.unsynced() {
                inner = self.commit(inner, due);
            } else if inner.closing {
                return;
            } else {
                inner = match left {
                    None => self.work.wait(inner).unwrap_or_else(PoisonError::into_inner),
                    Some(left) => {
                        let waited = self.work.wait_timeout(inner, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
        }
    }
}

/// Does the writer's work a group at a time, where there is no thread.
#[derive(Debug)]
pub struct Stepper(pub(super) Arc<Shared>);

impl Stepper {
    /// Writes what was handed over, if anything was, and syncs: in async mode only where that is due. False where there was
    /// nothing to do, or the journal has stopped.
    #[doc(hidden)]
    pub fn step(&mut self, due: bool) -> bool {
        let inner = self.0.lock();
        let Some(writer) = inner.writer.as_ref().filter(|_| inner.poisoned.is_none()) else { return false };
        if inner.pending.bytes.is_empty() && !((due || writer.syncs()) && writer.unsynced()) {
            return false;
        }
        self.0.commit(inner, due).poisoned.is_none()
    }
}

/// Writes frames into segments.
pub(super) struct Writer {
    pub(super) mode: Mode,
    /// What is being written.
    pub(super) group: Group,
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
    /// The lock that is held, and which file that was.
    pub(super) lock: (PathBuf, Option<FileId>),
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

    /// Whether every group is synced.
    fn syncs(&self) -> bool {
        !matches!(self.mode, Mode::Async { .. })
    }

    /// How long what is written may still wait for its sync: half of the bound, so that the sync itself has the other half.
    fn left(&self) -> Option<Duration> {
        let Mode::Async { within_ms } = self.mode else { return None };
        let within = Duration::from_millis(u64::from(within_ms)) / 2;
        let since = self.since.filter(|_| self.unsynced());
        since.map(|since| within.saturating_sub(since.elapsed()))
    }

    /// Writes its group, and syncs where that is due.
    fn work(&mut self, shared: &Shared, due: bool) -> Result<(), JournalError> {
        let mut group = std::mem::take(&mut self.group);
        let done = self.write(shared, &mut group, due || self.syncs());
        group.bytes.clear();
        group.cuts.clear();
        group.since = None;
        // Its room is used again.
        self.group = group;
        done
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
            shared.done.notify_all();
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

    /// Whether the segment and the lock still have their names: what is synced into a file that somebody removed or moved away is
    /// in no journal, and who takes another lock is a second writer.
    fn is_there(&self) -> Result<(), JournalError> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        let (lock, held) = &self.lock;
        let open = file.id().map_err(JournalError::disk("look at", path))?;
        for (path, was) in [(path, open), (lock, *held)] {
            match self.disk.id(path) {
                Ok(is) if is == was => {}
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(JournalError::disk("look at", path)(error));
                }
                _ => return Err(JournalError::Gone { path: path.clone() }),
            }
        }
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
        self.is_there()?;
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
