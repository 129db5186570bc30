//! Appending to a journal, and waiting until what was appended is on disk.
//!
//! Promises that appending does no IO and no hashing on the caller's thread, and waits only where more than
//! [`Options::queue_bytes_max`] is on its way already; and that a record has its number from then on.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use super::control::Control;
use super::error::{JournalError, Poisoned};
use super::frame::{self, BODY_BYTES_MAX, FRAME_BYTES};
use super::heads::{HEAD_BYTES, Signer};
use super::lock::Lock;
use super::record::{Kind, Record};
use super::recovery::{self, OnDamage, Recovered};
use super::segment::HEADER_BYTES;
use super::unsigned::HEAD_EVERY_MAX;
use super::writer::{Cut, Figures, Group, Shared, Stepper, Writer};
use super::{signing, snapshots};
use crate::io::Disk;

/// When an answer may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Once it is on disk, by a sync of its own.
    Sync,
    /// Once the group that holds it is on disk.
    Group,
    /// At once; the disk follows within so many milliseconds.
    Async {
        /// The bound: the sync begins after half of it, so that it holds where one takes no longer than the other half. What
        /// it came to is in [`Figures`].
        within_ms: u32,
    },
}

impl Mode {
    /// The mode that people write as `sync`, `group`, or `async:50ms` with a bound from 1 to 60,000 ms.
    pub fn from_text(text: &str) -> Option<Self> {
        let within = |text: &str| text.strip_suffix("ms")?.parse().ok();
        match text {
            "sync" => Some(Self::Sync),
            "group" => Some(Self::Group),
            _ => {
                let within_ms = text.strip_prefix("async:").and_then(within)?;
                (1..=60_000).contains(&within_ms).then_some(Self::Async { within_ms })
            }
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sync => f.write_str("sync"),
            Self::Group => f.write_str("group"),
            Self::Async { within_ms } => write!(f, "async:{within_ms}ms"),
        }
    }
}

/// A mistake that only tests make, to see that they find it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Nothing is synced.
    SkipSync,
    /// A group is said to be durable before it is written.
    AnswerEarly,
    /// The last record before a torn tail is cut as well.
    ForgetRecord,
    /// A torn tail is not cut.
    KeepTorn,
    /// The last segment is synced at recovery, and not written anew.
    TrustPages,
}

/// Whether whoever opens a journal is to end instead; all copies are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Opening ends at the next record, with [`JournalError::Stopped`], or with [`JournalError::StoppedTaking`] where something may
    /// have been changed by then; what is open already goes on.
    pub fn ask(&self) {
        // Nothing else is ordered by it.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once that is asked for.
    pub(super) fn check(&self) -> Result<(), JournalError> {
        if self.0.load(Ordering::Relaxed) { Err(JournalError::Stopped) } else { Ok(()) }
    }
}

/// How a journal is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// When an answer may go out.
    pub mode: Mode,
    /// A segment that would get longer is closed first.
    pub segment_bytes: u64,
    /// Records from one signed head to the next, at most [`HEAD_EVERY_MAX`]; there is one more at the end of every segment.
    pub head_every: u64,
    /// Microseconds after which what was appended since the last head gets one, whatever its number: with the next group, or
    /// with [`Journal::submit`] where nothing comes.
    pub head_after_us: i64,
    /// Who signs heads; nobody where none is given.
    pub signer: Option<Signer>,
    /// Most bytes that wait to be written: beyond, appending waits.
    pub queue_bytes_max: usize,
    /// Whether opening takes closed segments before the newest snapshot for whole without reading them.
    pub trust_closed: bool,
    /// The first record that opening looks at; closed segments before its own are not read then.
    pub check_from: u64,
    /// The id of the journal where the folder has none yet: 16 random bytes.
    pub new_id: [u8; 16],
    /// The wall clock in microseconds, for what people read.
    pub clock: fn() -> i64,
    /// What ends opening before it is done.
    pub stop: Stop,
    #[doc(hidden)]
    pub mutant: Option<Mutant>,
    /// Whether no thread is started, so that a test can say every moment: who waits writes, and a snapshot is written where it
    /// is due. Nobody makes room then, so what is on its way must stay below [`queue_bytes_max`](Self::queue_bytes_max).
    #[doc(hidden)]
    pub threadless: bool,
}

impl Options {
    /// Group commit, segments of 64 MiB, a head every 4,096 records or once a minute, at most 64 MiB on their way, nobody who signs.
    pub fn new(clock: fn() -> i64, new_id: [u8; 16]) -> Self {
        Self {
            mode: Mode::Group,
            segment_bytes: 64 << 20,
            head_every: HEAD_EVERY_MAX,
            head_after_us: 60_000_000,
            signer: None,
            queue_bytes_max: 64 << 20,
            trust_closed: false,
            check_from: 0,
            new_id,
            clock,
            stop: Stop::default(),
            mutant: None,
            threadless: false,
        }
    }
}

/// A journal that is being written: the only one in its folder.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    open: Group,
    mode: Mode,
    clock: fn() -> i64,
    signs: bool,
    segment_bytes: u64,
    head_every: u64,
    queue_bytes_max: usize,
    /// The number that the next record gets.
    next: u64,
    /// Bytes of the segment so far; 0 where a new one begins.
    segment_used: u64,
    /// Records since the last head.
    since_head: u64,
    head_after_us: i64,
    /// When the last head was made.
    headed_us: i64,
    writer: Option<JoinHandle<()>>,
    threadless: bool,
    lock: Lock,
}

impl Journal {
    /// Opens a folder, which is made if it is not there, and goes on behind its last whole record. What is appended goes
    /// into a new segment.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
        on_damage: OnDamage,
    ) -> Result<(Self, Recovered), JournalError> {
        Self::open_told(Lock::take(disk, folder)?, options, on_damage, &mut |_, _| {})
    }

    /// The same of a folder that is locked already; `checked` is told how many bytes were read of how many.
    pub(super) fn open_told(
        lock: Lock,
        options: Options,
        on_damage: OnDamage,
        checked: &mut dyn FnMut(u64, u64),
    ) -> Result<(Self, Recovered), JournalError> {
        let threadless = options.threadless;
        let (mut journal, Stepper(shared), recovered) = Self::open_still(lock, options, on_damage, checked)?;
        journal.threadless = threadless;
        if threadless {
            return Ok((journal, recovered));
        }
        let thread = Builder::new().name("weir-journal".to_owned()).spawn(move || shared.run());
        journal.writer = Some(thread.map_err(|source| JournalError::Thread { source })?);
        Ok((journal, recovered))
    }

    /// The same without a thread: whoever holds the stepper says when a group is written.
    #[doc(hidden)]
    pub fn open_stepped(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
        on_damage: OnDamage,
    ) -> Result<(Self, Stepper, Recovered), JournalError> {
        Self::open_still(Lock::take(disk, folder)?, options, on_damage, &mut |_, _| {})
    }

    fn open_still(
        lock: Lock,
        options: Options,
        on_damage: OnDamage,
        checked: &mut dyn FnMut(u64, u64),
    ) -> Result<(Self, Stepper, Recovered), JournalError> {
        let (disk, folder) = (&lock.disk, lock.folder());
        let mut recovered = recovery::recover(disk, folder, &options, on_damage, checked)?;
        if let Some(signer) = &options.signer {
            signing::place_public(disk, folder, signer, recovered.last > 0)?;
        }
        let writer = Writer {
            mode: options.mode,
            group: Group::default(),
            disk: Arc::clone(disk),
            folder: folder.to_owned(),
            id: recovered.id,
            clock: options.clock,
            signer: options.signer.clone(),
            mutant: options.mutant,
            chain: recovered.chain,
            durable: recovered.last,
            written: recovered.last,
            file: None,
            named: false,
            lock: lock.file.clone(),
            since: None,
            told: (0, 0, 0),
        };
        let shared = Arc::new(Shared::new(writer));
        let stepper = Stepper(Arc::clone(&shared));
        let mut journal = Self {
            shared,
            open: Group::default(),
            mode: options.mode,
            clock: options.clock,
            signs: options.signer.is_some(),
            segment_bytes: options.segment_bytes,
            head_every: options.head_every.clamp(1, HEAD_EVERY_MAX),
            queue_bytes_max: options.queue_bytes_max,
            next: recovered.last.saturating_add(1),
            segment_used: 0,
            since_head: 0,
            head_after_us: options.head_after_us,
            headed_us: (options.clock)(),
            writer: None,
            threadless: false,
            lock,
        };
        // Where two segments meet there is a head, also behind a crash; behind the one that closed there is another, so that
        // what is written from here on is not taken for what somebody put in.
        if recovered.last > 0 && (recovered.closed || recovered.torn.is_some() || !recovered.headed) {
            journal.head();
        }
        if recovered.decided {
            let (damage, snapshots) = (recovered.damage.clone(), recovered.beyond.clone());
            let said = Control::WentOn { at_us: (journal.clock)(), damage, snapshots };
            journal.append(Record::Control(&said.to_bytes()))?;
        }
        if recovered.decided || !recovered.beyond.is_empty() {
            // Whoever is ended behind this is told that it is on disk; and the snapshots are what tells that records are missing.
            journal.submit()?;
            journal.sync(journal.next - 1)?;
            for &number in &recovered.beyond {
                snapshots::remove(&*journal.lock.disk, journal.lock.folder(), number)?;
            }
        }
        let mut damage = std::mem::take(&mut recovered.damage);
        damage.iter_mut().for_each(|damage| recovered.told(damage));
        recovered.damage = damage;
        Ok((journal, stepper, recovered))
    }

    /// Copies a record into the open group; gives its number. Nothing is written before [`submit`](Self::submit).
    pub fn append(&mut self, record: Record<'_>) -> Result<u64, JournalError> {
        self.shared.check()?;
        let (prefix, prefix_bytes, body) = record.parts();
        let bytes = prefix_bytes + body.len();
        let Some(length) = u32::try_from(bytes).ok().filter(|_| (1..=BODY_BYTES_MAX).contains(&bytes)) else {
            return Err(JournalError::Length { bytes });
        };
        // What is on its way is bounded, also where nobody submits.
        if self.open.bytes.len() + FRAME_BYTES + bytes > self.queue_bytes_max / 2 {
            self.submit()?;
        }
        self.rotate_before(FRAME_BYTES + bytes);
        let number = self.frame(record.kind(), record.form(), length);
        self.open.bytes.extend_from_slice(&prefix[..prefix_bytes]);
        self.open.bytes.extend_from_slice(body);
        self.since_head += 1;
        if self.since_head >= self.head_every {
            self.head();
        }
        Ok(number)
    }

    /// Hands what was appended to the writer: what gathers while it syncs goes out together with the next sync. Where nothing
    /// was, a head that is due is written.
    pub fn submit(&mut self) -> Result<(), Poisoned> {
        self.put(true)
    }

    /// Hands what was appended over and waits for it, on this thread where nobody writes just now: the shortest way to the disk.
    /// In async mode it does not wait.
    pub fn commit(&mut self) -> Result<(), Poisoned> {
        let waits = !matches!(self.mode, Mode::Async { .. });
        self.put(!waits)?;
        self.wait(self.next - 1)
    }

    fn put(&mut self, call: bool) -> Result<(), Poisoned> {
        if self.since_head > 0 && self.signs {
            // A wall clock may go back, and then nobody knows how long it was.
            let after_us = (self.clock)().abs_diff(self.headed_us);
            if after_us >= self.head_after_us.unsigned_abs() {
                self.head();
            }
        }
        if self.open.bytes.is_empty() {
            return self.shared.check();
        }
        if self.mode == Mode::Sync {
            self.open.cuts.push((self.open.bytes.len(), Cut::Sync));
        }
        self.shared.put(&mut self.open, self.queue_bytes_max, call)
    }

    /// The last record that is on disk, with all before it.
    pub fn durable(&self) -> u64 {
        self.shared.durable()
    }

    /// The number that the next record gets.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The wall clock.
    pub(super) fn now_us(&self) -> i64 {
        (self.clock)()
    }

    /// Waits until a record that was submitted is on disk; in async mode it does not wait. An error where it never will be
    /// said to be: what was on disk before the journal stopped still is.
    pub fn wait(&self, number: u64) -> Result<(), Poisoned> {
        wait(&self.shared, self.mode, number)
    }

    /// For other threads that wait.
    pub fn watch(&self) -> Watch {
        Watch { shared: Arc::clone(&self.shared), mode: self.mode }
    }

    /// The same in every mode: where syncs are put off, it asks for one.
    pub fn sync(&self, number: u64) -> Result<(), Poisoned> {
        self.shared.wait(number)
    }

    /// Does what the thread would, now: for a journal that has none.
    #[doc(hidden)]
    pub fn stepper(&self) -> Stepper {
        Stepper(Arc::clone(&self.shared))
    }

    /// What happened to the journal, if it has stopped.
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.shared.check().err()
    }

    /// What its writer has done so far.
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// Writes what was appended, says that the journal is closed, and signs that.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.submit()?;
        // All before it is on disk when the last record says so.
        self.shared.wait(self.next - 1)?;
        self.say_closed()?;
        self.shared.wait(self.next - 1)?;
        Ok(())
    }

    /// Appends and submits the record that closes.
    #[doc(hidden)]
    pub fn say_closed(&mut self) -> Result<(), JournalError> {
        let said = Control::Closed { at_us: (self.clock)() };
        self.append(Record::Control(&said.to_bytes()))?;
        if self.since_head > 0 {
            self.head();
        }
        Ok(self.submit()?)
    }

    /// Begins a new segment where a record of so many bytes does not fit.
    fn rotate_before(&mut self, bytes: usize) {
        // Room for a head at the end.
        let bytes = (bytes + FRAME_BYTES + HEAD_BYTES) as u64;
        if self.segment_used == 0 || self.segment_used + bytes <= self.segment_bytes {
            return;
        }
        if self.since_head > 0 {
            self.head();
        }
        self.open.cuts.push((self.open.bytes.len(), Cut::Rotate));
        self.segment_used = 0;
    }

    /// A head of all before it, which the writer fills in.
    fn head(&mut self) {
        self.since_head = 0;
        if self.signs {
            self.headed_us = (self.clock)();
            self.frame(Kind::Head, 1, HEAD_BYTES as u32);
            self.open.bytes.resize(self.open.bytes.len() + HEAD_BYTES, 0);
        }
    }

    fn frame(&mut self, kind: Kind, form: u8, body_bytes: u32) -> u64 {
        let number = self.next;
        frame::push(&mut self.open.bytes, number, kind as u8, form, body_bytes);
        let used = if self.segment_used == 0 { HEADER_BYTES as u64 } else { self.segment_used };
        self.segment_used = used + FRAME_BYTES as u64 + u64::from(body_bytes);
        self.next += 1;
        number
    }
}

/// Tells other threads what is on disk, while somebody appends.
#[derive(Clone, Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    mode: Mode,
}

impl Watch {
    /// See [`Journal::durable`].
    pub fn durable(&self) -> u64 {
        self.shared.durable()
    }

    /// See [`Journal::figures`].
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// See [`Journal::poisoned`].
    pub fn poisoned(&self) -> Option<Poisoned> {
        self.shared.check().err()
    }

    /// See [`Journal::wait`]. Once the journal is dropped, what it did not write is an error.
    pub fn wait(&self, number: u64) -> Result<(), Poisoned> {
        wait(&self.shared, self.mode, number)
    }
}

fn wait(shared: &Shared, mode: Mode, number: u64) -> Result<(), Poisoned> {
    if matches!(mode, Mode::Async { .. }) { shared.check() } else { shared.wait(number) }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(writer) = self.writer.take() {
            // It panics nowhere; if it did, what is on disk still is.
            let _ = writer.join();
        } else if self.threadless {
            self.shared.run();
        }
        self.shared.ended();
    }
}
