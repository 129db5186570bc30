//! What waits for the disk: a thread that waits until groups are durable, and then lets their answers go.
//!
//! Promises that where the journal fails, answers are lost or, where they are to go out all the same, held until the engine's
//! thread says that their events are kept elsewhere; and that not more than a bound wait for the disk.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::clock::now;
use super::service::Service;
use super::ticket::{Lost, Ticket};
use crate::journal::Watch;

/// Answers that may go out once a record is on disk.
pub(super) struct Group {
    pub(super) tickets: Vec<Arc<Ticket>>,
    pub(super) number: u64,
    /// When it was handed to the disk.
    pub(super) handed: Instant,
}

/// Groups without answers that are kept for the next ones at most; more wait for the disk only where it is slow.
const IDLE_MAX: usize = 8;

/// What waits.
#[derive(Default)]
struct Pending {
    answers: usize,
    /// What groups were made of.
    idle: Vec<Vec<Arc<Ticket>>>,
    /// Groups that never will be on disk.
    failed: Vec<Group>,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    less: Condvar,
}

impl Pending {
    /// The answers of a group are gone, and what it was made of is kept.
    fn keep(&mut self, mut tickets: Vec<Arc<Ticket>>) {
        tickets.clear();
        if self.idle.len() < IDLE_MAX {
            self.idle.push(tickets);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics while it is held, and whole is what it is.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread, and the way to it.
pub(super) struct Release {
    groups: Option<Sender<Group>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Release {
    /// `answers` is whether answers go out all the same where the journal fails.
    pub(super) fn start(watch: Watch, answers: bool, service: Arc<Service>) -> std::io::Result<Self> {
        let (sender, groups) = channel();
        let shared = Arc::<Shared>::default();
        let held = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("weir-release".to_owned());
        let thread = thread.spawn(move || run(&watch, &groups, &held, answers, &service))?;
        Ok(Self { groups: Some(sender), thread: Some(thread), shared })
    }

    /// A group without answers.
    pub(super) fn group(&self) -> Group {
        Group { tickets: self.shared.lock().idle.pop().unwrap_or_default(), number: 0, handed: now() }
    }

    /// Lets a group go that waits for nothing.
    pub(super) fn let_go(&self, mut group: Group, durable: bool, at: Instant) {
        // Whoever waits for one may use it again.
        group.tickets.drain(..).for_each(|ticket| ticket.release(durable, at));
        self.shared.lock().keep(group.tickets);
    }

    /// Lets a group go once it is on disk.
    pub(super) fn put(&self, group: Group) {
        let Some(groups) = &self.groups else { return };
        self.shared.lock().answers += group.tickets.len();
        if let Err(unsent) = groups.send(group) {
            unsent.0.tickets.iter().for_each(|ticket| ticket.lose(Lost::Ended));
        }
    }

    /// Whether fewer than so many answers wait for the disk by the end of this time.
    pub(super) fn has_room(&self, most: usize, time: Duration) -> bool {
        let full = |pending: &mut Pending| pending.answers >= most && pending.failed.is_empty();
        let waited = self.shared.less.wait_timeout_while(self.shared.lock(), time, full);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The answers that never will be on disk, and are to go out now.
    pub(super) fn failed(&self) -> Vec<Group> {
        std::mem::take(&mut self.shared.lock().failed)
    }

    /// Lets all go that is on disk, and ends; gives what never will be.
    pub(super) fn finish(mut self) -> Vec<Group> {
        self.groups = None;
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; if it did, tickets are lost at their deadlines.
            let _ = thread.join();
        }
        self.failed()
    }
}

fn run(watch: &Watch, groups: &Receiver<Group>, shared: &Shared, answers: bool, service: &Service) {
    for mut group in groups {
        let waited = watch.wait(group.number);
        let mut pending = shared.lock();
        pending.answers -= group.tickets.len().min(pending.answers);
        match waited {
            Ok(()) => {
                let at = now();
                service.metrics.stages.disk.took(at - group.handed, group.tickets.len());
                group.tickets.drain(..).for_each(|ticket| ticket.release(true, at));
                pending.keep(group.tickets);
            }
            Err(_) if !answers => group.tickets.iter().for_each(|ticket| ticket.lose(Lost::Journal)),
            Err(_) => {
                pending.failed.push(group);
                service.queue.wake();
            }
        }
        drop(pending);
        shared.less.notify_all();
    }
}
