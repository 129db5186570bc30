//! What waits for the disk: a thread that waits until groups are durable, and then lets their answers go.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use super::clock::now;
use super::metrics::Metrics;
use super::ticket::{Lost, Ticket};
use crate::journal::Watch;

/// Answers that may go out once a record is on disk.
pub(super) struct Group {
    pub(super) tickets: Vec<Arc<Ticket>>,
    pub(super) number: u64,
    /// When it was handed to the disk.
    pub(super) handed: Instant,
}

/// The thread, and the way to it.
pub(super) struct Release {
    groups: Option<Sender<Group>>,
    thread: Option<JoinHandle<()>>,
}

impl Release {
    pub(super) fn start(watch: Watch, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let (sender, groups) = channel();
        let thread = std::thread::Builder::new().name("weir-release".to_owned());
        let thread = thread.spawn(move || run(&watch, &metrics, &groups))?;
        Ok(Self { groups: Some(sender), thread: Some(thread) })
    }

    /// Lets a group go once it is on disk.
    pub(super) fn put(&self, group: Group) {
        let Some(groups) = &self.groups else { return };
        if let Err(unsent) = groups.send(group) {
            unsent.0.tickets.iter().for_each(|ticket| ticket.lose(Lost::Ended));
        }
    }

    /// Lets all go that is on disk, and ends.
    pub(super) fn finish(mut self) {
        self.groups = None;
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; if it did, tickets are lost at their deadlines.
            let _ = thread.join();
        }
    }
}

fn run(watch: &Watch, metrics: &Metrics, groups: &Receiver<Group>) {
    for Group { tickets, number, handed } in groups {
        match watch.wait(number) {
            Ok(()) => {
                metrics.disk.took(now() - handed, tickets.len());
                tickets.iter().for_each(|ticket| ticket.release());
            }
            Err(_) => tickets.iter().for_each(|ticket| ticket.lose(Lost::Journal)),
        }
    }
}
