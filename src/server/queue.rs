//! What waits for the engine: bounded, in the order of arrival, and shed early.
//!
//! Promises that what is let in is taken in order, that what can't be answered by its deadline is not let in, and that
//! where there is little room no sender has more of it than its share. What was answered before it could be let in waits in
//! a lane of its own, bounded too: it is taken where nothing else waits, and one for every [`ON_TIME`] others at least.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::clock::now;
use super::declared::Said;
use super::reading::Taken;
use super::ticket::Ticket;

/// An event that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) taken: Arc<Taken>,
    pub(super) ticket: Arc<Ticket>,
    /// Who sends it, for shares.
    pub(super) sender: u64,
    /// What it is answered, whenever it is taken.
    pub(super) said: Option<Arc<Said>>,
}

/// Why something was not let in, and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shed {
    pub(super) why: ShedWhy,
    pub(super) retry_after: Duration,
}

/// Why something was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShedWhy {
    /// It would wait for longer than its deadline.
    Late,
    /// There is no room.
    Full,
    /// The sender has its share of what room there is.
    Share,
    /// Nothing is let in any more.
    Closed,
}

impl ShedWhy {
    /// Every reason, in declaration order.
    pub(super) const ALL: [Self; 4] = [Self::Late, Self::Full, Self::Share, Self::Closed];
}

/// What the engine's thread gets.
pub(super) enum Next {
    /// Events are in the batch.
    Work,
    /// Nothing came in time.
    Nothing,
    /// Nothing is left, and nothing will come.
    Closed,
}

struct Inner {
    events: VecDeque<Waiting>,
    late: VecDeque<Waiting>,
    /// Events on time that were taken since a late one was.
    since_late: usize,
    /// The most that waited in either lane.
    waiting_max: [usize; 2],
    /// The thread is to look up.
    woken: bool,
    /// The thread waits, and nobody has told it of what came since.
    asleep: bool,
    /// Events that wait, by sender.
    shares: HashMap<u64, usize, FixedState>,
    /// What an event takes the engine, smoothed.
    each_ns: f64,
    closed: bool,
}

/// What waits for the engine.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    came: Condvar,
    events_max: usize,
}

/// How much the last batch says of what an event takes.
const SMOOTHING: f64 = 0.1;
/// For so many events on time one late one is taken.
pub(super) const ON_TIME: usize = 16;

impl Queue {
    pub(super) fn new(events_max: usize) -> Self {
        let inner = Inner {
            events: VecDeque::with_capacity(events_max.min(1 << 16)),
            late: VecDeque::new(),
            since_late: 0,
            waiting_max: [0; 2],
            woken: false,
            asleep: false,
            shares: HashMap::default(),
            each_ns: 0.0,
            closed: false,
        };
        Self { inner: Mutex::new(inner), came: Condvar::new(), events_max }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is held, and whole is what it is.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets so many events of one sender in, all or none, that must be answered by the deadline. Whoever takes events knows of
    /// them once it is told ([`stir`](Self::stir)), or looks.
    pub(super) fn push(
        &self,
        sender: u64,
        many: usize,
        events: impl Iterator<Item = Waiting>,
        deadline: Option<Instant>,
    ) -> Result<(), Shed> {
        if many == 0 {
            return Ok(());
        }
        let mut inner = self.lock();
        let waiting = inner.events.len();
        let wait = Duration::from_nanos((inner.each_ns * (waiting + many) as f64) as u64);
        let held = inner.shares.get(&sender).copied().unwrap_or(0);
        let senders = inner.shares.len() + usize::from(held == 0);
        let why = if inner.closed {
            Some(ShedWhy::Closed)
        } else if waiting + many > self.events_max {
            Some(ShedWhy::Full)
        } else if waiting > self.events_max / 2 && held + many > (self.events_max / senders).max(1) {
            Some(ShedWhy::Share)
        } else if waiting > 0 && deadline.is_some_and(|deadline| now() + wait > deadline) {
            Some(ShedWhy::Late)
        } else {
            None
        };
        if let Some(why) = why {
            return Err(Shed { why, retry_after: wait });
        }
        *inner.shares.entry(sender).or_insert(0) += many;
        inner.events.extend(events.take(many));
        inner.waiting_max[0] = inner.waiting_max[0].max(inner.events.len());
        Ok(())
    }

    /// Lets so many events in that are answered by the time they are taken, all or none.
    pub(super) fn push_late(&self, many: usize, events: impl Iterator<Item = Waiting>) -> bool {
        let mut inner = self.lock();
        if inner.closed || inner.late.len() + many > self.events_max {
            return false;
        }
        inner.late.extend(events.take(many));
        inner.waiting_max[1] = inner.waiting_max[1].max(inner.late.len());
        true
    }

    /// Tells whoever takes events of those that were let in. It takes a call of the system where that one waits, so many that
    /// come together are told once.
    pub(super) fn stir(&self) {
        let mut inner = self.lock();
        let waits = !(inner.events.is_empty() && inner.late.is_empty());
        if waits && std::mem::take(&mut inner.asleep) {
            drop(inner);
            self.came.notify_one();
        }
    }

    /// Makes whoever takes events look up.
    pub(super) fn wake(&self) {
        self.lock().woken = true;
        self.came.notify_one();
    }

    /// How long what comes now would wait.
    pub(super) fn estimate(&self) -> Duration {
        let inner = self.lock();
        Duration::from_nanos((inner.each_ns * inner.events.len() as f64) as u64)
    }

    /// How many wait, on time and late, and the most that did.
    pub(super) fn waiting(&self) -> ([usize; 2], [usize; 2]) {
        let inner = self.lock();
        ([inner.events.len(), inner.late.len()], inner.waiting_max)
    }

    /// Puts up to `many` events into `batch`, which is empty, as soon as there are any.
    pub(super) fn next(&self, many: usize, batch: &mut Vec<Waiting>, idle: Duration) -> Next {
        let (mut inner, mut yielded) = (self.lock(), false);
        while inner.events.is_empty() && inner.late.is_empty() {
            if inner.closed {
                return Next::Closed;
            }
            if std::mem::take(&mut inner.woken) {
                return Next::Nothing;
            }
            // Where it shares its core with who brings events, they come now: neither has to sleep, nor to be told.
            if !std::mem::replace(&mut yielded, true) {
                drop(inner);
                std::thread::yield_now();
                inner = self.lock();
                continue;
            }
            inner.asleep = true;
            let (held, waited) = self.came.wait_timeout(inner, idle).unwrap_or_else(PoisonError::into_inner);
            inner = held;
            inner.asleep = false;
            if waited.timed_out() && inner.events.is_empty() && inner.late.is_empty() && !inner.closed {
                return Next::Nothing;
            }
        }
        let Inner { events, late, shares, since_late, .. } = &mut *inner;
        let on_time = many.min(events.len());
        *since_late += on_time;
        let due = if on_time == 0 { many } else { *since_late / ON_TIME };
        *since_late %= ON_TIME;
        let due = due.min(late.len());
        for event in events.drain(..on_time) {
            if let Some(held) = shares.get_mut(&event.sender) {
                *held -= 1;
                if *held == 0 {
                    shares.remove(&event.sender);
                }
            }
            batch.push(event);
        }
        batch.extend(late.drain(..due));
        Next::Work
    }

    /// The engine took so long for so many events.
    pub(super) fn took(&self, events: usize, time: Duration) {
        if events == 0 {
            return;
        }
        let each_ns = time.as_nanos() as f64 / events as f64;
        let mut inner = self.lock();
        inner.each_ns += (each_ns - inner.each_ns) * SMOOTHING;
    }

    /// Lets nothing in any more; what waits is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.came.notify_all();
    }

    /// The same, and gives what waits.
    pub(super) fn clear(&self) -> Vec<Waiting> {
        let mut inner = self.lock();
        inner.closed = true;
        inner.shares.clear();
        let Inner { events, late, .. } = &mut *inner;
        events.drain(..).chain(late.drain(..)).collect()
    }
}
