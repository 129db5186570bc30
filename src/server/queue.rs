//! What waits for the engine: bounded, in the order of arrival, and shed early.
//!
//! Promises that what is let in is taken in order, that what can't be answered by its deadline is not let in, and that
//! where there is little room no sender has more of it than its share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::clock::now;
use super::reading::Taken;
use super::ticket::Ticket;

/// An event that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) taken: Taken,
    pub(super) ticket: Arc<Ticket>,
    /// Who sends it, for shares.
    pub(super) sender: u64,
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

impl Queue {
    pub(super) fn new(events_max: usize) -> Self {
        let inner = Inner {
            events: VecDeque::with_capacity(events_max.min(1 << 16)),
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

    /// Lets events of one sender in, all or none, that must be answered by the deadline.
    pub(super) fn push(&self, events: Vec<Waiting>, deadline: Instant) -> Result<(), Shed> {
        let mut inner = self.lock();
        let (waiting, many) = (inner.events.len(), events.len());
        let Some(sender) = events.first().map(|event| event.sender) else { return Ok(()) };
        let wait = Duration::from_nanos((inner.each_ns * (waiting + many) as f64) as u64);
        let held = inner.shares.get(&sender).copied().unwrap_or(0);
        let senders = inner.shares.len() + usize::from(held == 0);
        let why = if inner.closed {
            Some(ShedWhy::Closed)
        } else if waiting + many > self.events_max {
            Some(ShedWhy::Full)
        } else if waiting > self.events_max / 2 && held + many > (self.events_max / senders).max(1) {
            Some(ShedWhy::Share)
        } else if waiting > 0 && now() + wait > deadline {
            Some(ShedWhy::Late)
        } else {
            None
        };
        if let Some(why) = why {
            return Err(Shed { why, retry_after: wait });
        }
        *inner.shares.entry(sender).or_insert(0) += many;
        inner.events.extend(events);
        drop(inner);
        self.came.notify_one();
        Ok(())
    }

    /// Events that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().events.len()
    }

    /// Puts up to `many` events into `batch`, which is empty, as soon as there are any.
    pub(super) fn next(&self, many: usize, batch: &mut Vec<Waiting>, idle: Duration) -> Next {
        let mut inner = self.lock();
        while inner.events.is_empty() {
            if inner.closed {
                return Next::Closed;
            }
            let (held, waited) = self.came.wait_timeout(inner, idle).unwrap_or_else(PoisonError::into_inner);
            inner = held;
            if waited.timed_out() && inner.events.is_empty() && !inner.closed {
                return Next::Nothing;
            }
        }
        let many = many.min(inner.events.len());
        let Inner { events, shares, .. } = &mut *inner;
        for event in events.drain(..many) {
            if let Some(held) = shares.get_mut(&event.sender) {
                *held -= 1;
                if *held == 0 {
                    shares.remove(&event.sender);
                }
            }
            batch.push(event);
        }
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
        inner.events.drain(..).collect()
    }
}
