//! One request on its way: from the queue to the engine, from there to the disk, and out.
//!
//! Promises that a request has one answer. Whoever waits for it may declare one while the engine has not begun with it, and
//! the engine then takes the event in as one that was answered so; from the moment when the engine takes it, only the
//! engine's answer can be given.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::clock::now;
use crate::decision::Outcome;

/// What the engine said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// What it is.
    pub(super) what: What,
    /// It, as it is in the journal, with a line end; empty where there is nothing to say.
    pub(super) line: Vec<u8>,
    /// Whether it was known to be on disk when it was given; in async mode it is said to be, within the bound.
    pub(super) durable: bool,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A decision, now or before.
    Decision,
    /// Another event was taken in, now or before.
    Taken,
    /// The same, and a person should look.
    Alert,
    /// The same id with other content.
    IdReused,
    /// The event was refused.
    Refused,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The journal has failed.
    Journal,
    /// The engine has ended.
    Ended,
}

#[derive(Debug)]
enum State {
    Waiting,
    /// The waiter was told this; the engine has not begun.
    Declared(Outcome),
    /// The engine is at it.
    Taken,
    /// The engine is done, and the disk is not.
    Stepped(Answered),
    Done(Result<Answered, Lost>),
}

/// One request.
#[derive(Debug)]
pub(super) struct Ticket {
    state: Mutex<State>,
    changed: Notify,
    /// When it was made.
    pub(super) came: Instant,
}

/// What came of a request by its deadline.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer; it says itself whether it is on disk.
    Answer(Answered),
    /// None, and the engine had not begun: from now on `declared` is the answer.
    Declared,
    /// None, and none will come.
    Lost(Lost),
}

impl Ticket {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Waiting), changed: Notify::new(), came: now() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and whole is what it is.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine begins with it: what the event was answered meanwhile, if it was.
    pub(super) fn take(&self) -> Option<Outcome> {
        let mut state = self.lock();
        if let State::Declared(outcome) = *state {
            return Some(outcome);
        }
        *state = State::Taken;
        None
    }

    /// The engine has answered; the disk has not.
    pub(super) fn step(&self, answered: Answered) {
        *self.lock() = State::Stepped(answered);
        self.changed.notify_one();
    }

    /// It is on disk, as far as answers wait for that.
    pub(super) fn release(&self) {
        let mut state = self.lock();
        if let State::Stepped(answered) = &mut *state {
            let answered = Answered { durable: true, line: std::mem::take(&mut answered.line), ..*answered };
            *state = State::Done(Ok(answered));
            drop(state);
            self.changed.notify_one();
        }
    }

    /// No answer will come, or none that is on disk.
    pub(super) fn lose(&self, lost: Lost) {
        let mut state = self.lock();
        if !matches!(*state, State::Done(_)) {
            *state = State::Done(Err(lost));
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Waits until there is an answer that may go out, or until the deadline. Where the engine has not begun by then, `declared`
    /// is the answer from then on; where none is given the event is decided all the same, and nobody is told.
    pub(super) async fn wait(&self, deadline: Instant, declared: Option<Outcome>) -> Came {
        let mut late = false;
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                match &mut *state {
                    State::Done(Ok(answered)) => return Came::Answer(answered.clone()),
                    State::Done(Err(lost)) => return Came::Lost(*lost),
                    // It is decided, and that can't be taken back; the answer says that it is not on disk.
                    State::Stepped(answered) if late => return Came::Answer(answered.clone()),
                    State::Waiting if late => {
                        if let Some(outcome) = declared {
                            *state = State::Declared(outcome);
                        }
                        return Came::Declared;
                    }
                    State::Declared(_) => return Came::Declared,
                    // A step takes microseconds.
                    State::Taken | State::Waiting | State::Stepped(_) => {}
                }
            }
            if late {
                changed.await;
            } else {
                late = tokio::time::timeout_at(deadline.into(), changed).await.is_err();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn answered(line: &str) -> Answered {
        Answered { what: What::Decision, line: line.into(), durable: false }
    }

    fn in_a_runtime<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn an_answer_goes_out_once_it_is_on_disk() {
        in_a_runtime(async {
            let ticket = Arc::new(Ticket::new());
            let waiter = Arc::clone(&ticket);
            let waits = tokio::spawn(async move { waiter.wait(now() + Duration::from_secs(60), None).await });
            assert_eq!(ticket.take(), None);
            ticket.step(answered("a"));
            tokio::task::yield_now().await;
            assert!(!waits.is_finished());
            ticket.release();
            assert_eq!(waits.await.unwrap(), Came::Answer(Answered { durable: true, ..answered("a") }));
        });
    }

    #[test]
    fn what_was_declared_stands_until_the_engine_has_begun() {
        in_a_runtime(async {
            let early = Ticket::new();
            assert_eq!(early.wait(now(), Some(Outcome::Block)).await, Came::Declared);
            assert_eq!(early.take(), Some(Outcome::Block));
            let stepped = Ticket::new();
            assert_eq!(stepped.take(), None);
            stepped.step(answered("own"));
            assert_eq!(stepped.wait(now(), Some(Outcome::Block)).await, Came::Answer(answered("own")));
            let lost = Ticket::new();
            lost.lose(Lost::Journal);
            assert_eq!(lost.wait(now(), None).await, Came::Lost(Lost::Journal));
        });
    }

    #[test]
    fn a_step_that_has_begun_is_waited_for() {
        in_a_runtime(async {
            let ticket = Arc::new(Ticket::new());
            assert_eq!(ticket.take(), None);
            let waiter = Arc::clone(&ticket);
            let waits = tokio::spawn(async move { waiter.wait(now(), Some(Outcome::Block)).await });
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(!waits.is_finished());
            ticket.step(answered("own"));
            assert_eq!(waits.await.unwrap(), Came::Answer(answered("own")));
        });
    }
}
