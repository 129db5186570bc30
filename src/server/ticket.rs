//! One request on its way: from the queue to the engine, from there to the disk, and out.
//!
//! Promises that a request has one answer, however many wait for it. Any of them may declare one while the engine has not
//! begun with it: all are told the same then, and the engine takes the event in as one that was answered so. From the moment
//! when the engine takes it, only the engine's answer can be given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::binary::Bell;
use super::declared::{Cause, Said};
use super::spare::Spare;
use crate::decision::Outcome;

/// What the engine said, but for its line: that is as it is in the journal, with a line end, and empty where there is nothing to
/// say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// What it is.
    pub(super) what: What,
    /// Whether it was known to be on disk when it was given; in async mode it is said to be, within the bound.
    pub(super) durable: bool,
    /// When it was let go; none where it goes out before that.
    pub(super) let_go: Option<Instant>,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A decision, now or before.
    Decision {
        /// What is to happen.
        outcome: Outcome,
        /// Whether a person should look.
        alert: bool,
    },
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
    /// It was not let in, for this cause.
    Shed(Cause),
    /// The engine has ended.
    Ended,
}

#[derive(Debug)]
enum State {
    Waiting,
    /// Whoever waits is told this for good; the engine has not begun, or has with what was told.
    Declared(Arc<Said>),
    /// The engine is at it.
    Taken,
    /// The engine is done, and the disk is not.
    Stepped(Answered),
    Done(Result<Answered, Lost>),
}

/// One request.
#[derive(Debug)]
pub(super) struct Ticket {
    held: Mutex<Held>,
    changed: Notify,
    /// When its event was read.
    pub(super) came: Instant,
}

/// How far it is, and who is to hear of it beside those who wait.
#[derive(Debug)]
struct Held {
    state: State,
    /// The line of its answer.
    line: Vec<u8>,
    bells: Vec<Bell>,
    /// Somebody's deadline has passed, so that a step is news too.
    late: bool,
}

impl Held {
    fn ring(&self) {
        self.bells.iter().for_each(Bell::ring);
    }
}

/// What came of a request by its deadline.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer; it says itself whether it is on disk.
    Answer(Answered),
    /// This was declared.
    Declared(Arc<Said>),
    /// None, and the engine had not begun.
    Late,
    /// None, and none will come.
    Lost(Lost),
}

impl Ticket {
    pub(super) fn new(came: Instant) -> Self {
        let held = Held { state: State::Waiting, line: Vec::new(), bells: Vec::new(), late: false };
        Self { held: Mutex::new(held), changed: Notify::new(), came }
    }

    /// Is one of another request from now on, as a new one would be; its buffers are used again.
    pub(super) fn renew(&mut self, came: Instant) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        held.state = State::Waiting;
        held.line.clear();
        held.bells.clear();
        held.late = false;
        self.came = came;
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while it is held, and whole is what it is.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this is rung when something changes that may be an answer.
    pub(super) fn hang(&self, bell: Bell) {
        self.lock().bells.push(bell);
    }

    /// The engine begins with it: what the event was answered meanwhile, if it was.
    pub(super) fn take(&self) -> Option<Outcome> {
        let mut held = self.lock();
        if let State::Declared(said) = &held.state {
            return Some(said.demand.outcome);
        }
        held.state = State::Taken;
        None
    }

    /// From now on this is the answer; another one where one was declared before, and none where the engine has begun.
    pub(super) fn declare(&self, said: &Arc<Said>) -> Option<Arc<Said>> {
        let mut held = self.lock();
        match &held.state {
            State::Declared(said) => Some(Arc::clone(said)),
            State::Waiting => {
                held.state = State::Declared(Arc::clone(said));
                held.ring();
                drop(held);
                self.changed.notify_waiters();
                Some(Arc::clone(said))
            }
            State::Taken | State::Stepped(_) | State::Done(_) => None,
        }
    }

    /// Goes on unless whoever waits was told something else.
    fn turn(&self, next: impl FnOnce(&mut Held) -> bool) {
        let mut held = self.lock();
        if !matches!(held.state, State::Declared(_) | State::Done(_)) && next(&mut held) {
            if held.late || !matches!(held.state, State::Stepped(_)) {
                held.ring();
            }
            drop(held);
            self.changed.notify_waiters();
        }
    }

    /// The engine has answered, with this line; the disk has not.
    pub(super) fn step(&self, answered: Answered, line: &[u8]) {
        self.turn(|held| {
            held.state = State::Stepped(answered);
            held.line.clear();
            held.line.extend_from_slice(line);
            true
        });
    }

    /// It is on disk since `at`, as far as answers wait for that, or never will be.
    pub(super) fn release(&self, durable: bool, at: Instant) {
        self.turn(|held| {
            let State::Stepped(answered) = held.state else { return false };
            held.state = State::Done(Ok(Answered { durable, let_go: Some(at), ..answered }));
            true
        });
    }

    /// No answer will come, or none that is on disk.
    pub(super) fn lose(&self, lost: Lost) {
        self.turn(|held| {
            held.state = State::Done(Err(lost));
            true
        });
    }

    /// What came of it so far, with an answer's line in `line`; none where there is nothing that may go out, or where the engine is
    /// at it once it is late.
    pub(super) fn look(&self, late: bool, line: &mut Vec<u8>) -> Option<Came> {
        let mut held = self.lock();
        held.late |= late;
        let mut answer = |answered: &Answered| {
            line.clear();
            line.extend_from_slice(&held.line);
            Some(Came::Answer(*answered))
        };
        match &held.state {
            State::Done(Ok(answered)) => answer(answered),
            State::Done(Err(lost)) => Some(Came::Lost(*lost)),
            State::Declared(said) => Some(Came::Declared(Arc::clone(said))),
            // It is decided, and that can't be taken back; the answer says that it is not on disk.
            State::Stepped(answered) if late => answer(answered),
            State::Waiting if late => Some(Came::Late),
            // A step takes microseconds.
            State::Taken | State::Waiting | State::Stepped(_) => None,
        }
    }

    /// Waits until there is an answer that may go out, whose line is in `line` then, or until the deadline. Where the engine has not
    /// begun by then, it is late: whoever waits may declare an answer, or say that there is none; the event is decided all the same.
    pub(super) async fn wait(&self, deadline: Instant, line: &mut Vec<u8>) -> Came {
        let mut late = false;
        loop {
            let changed = self.changed.notified();
            if let Some(came) = self.look(late, line) {
                return came;
            }
            if late {
                changed.await;
            } else {
                late = tokio::time::timeout_at(deadline.into(), changed).await.is_err();
            }
        }
    }
}

impl Spare for Ticket {
    fn bytes(&self) -> usize {
        let held = self.lock();
        held.line.capacity() + held.bells.capacity() * size_of::<Bell>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::binary::Rings;
    use super::super::clock::now;
    use super::*;
    use crate::decision::Demand;

    const ANSWERED: Answered = Answered {
        what: What::Decision { outcome: Outcome::Allow, alert: false },
        durable: false,
        let_go: None,
    };

    /// What somebody sees who looks, with the line where there is an answer.
    fn look(ticket: &Ticket, late: bool) -> Option<(Came, String)> {
        let mut line = b"of another".to_vec();
        let came = ticket.look(late, &mut line)?;
        let is_answer = matches!(came, Came::Answer(_));
        Some((came, if is_answer { String::from_utf8(line).unwrap() } else { String::new() }))
    }

    /// The same of somebody who waits.
    async fn wait(ticket: &Ticket, deadline: Instant) -> (Came, String) {
        let mut line = Vec::new();
        let came = ticket.wait(deadline, &mut line).await;
        (came, String::from_utf8(line).unwrap())
    }

    fn in_a_runtime<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    fn said(outcome: Outcome) -> Arc<Said> {
        Arc::new(Said { cause: Cause::Deadline, demand: Demand::of(outcome), auth: Vec::new() })
    }

    #[test]
    fn an_answer_goes_out_once_it_is_on_disk_to_all_who_wait() {
        in_a_runtime(async {
            let ticket = Arc::new(Ticket::new(now()));
            let waits: Vec<_> = (0..3)
                .map(|_| {
                    let waiter = Arc::clone(&ticket);
                    tokio::spawn(async move { wait(&waiter, now() + Duration::from_secs(60)).await })
                })
                .collect();
            assert_eq!(ticket.take(), None);
            ticket.step(ANSWERED, b"a");
            tokio::task::yield_now().await;
            assert!(waits.iter().all(|wait| !wait.is_finished()));
            let at = now();
            ticket.release(true, at);
            for wait in waits {
                let released = Came::Answer(Answered { durable: true, let_go: Some(at), ..ANSWERED });
                assert_eq!(wait.await.unwrap(), (released, "a".to_owned()));
            }
        });
    }

    #[test]
    fn what_was_declared_first_stands_until_the_engine_has_begun() {
        in_a_runtime(async {
            let early = Ticket::new(now());
            assert_eq!(wait(&early, now()).await.0, Came::Late);
            let first = early.declare(&said(Outcome::Block)).unwrap();
            assert_eq!(
                early.declare(&said(Outcome::Allow)),
                Some(Arc::clone(&first)),
                "nobody is told otherwise"
            );
            assert_eq!(early.take(), Some(Outcome::Block));
            early.step(ANSWERED, b"own");
            early.release(true, now());
            assert_eq!(wait(&early, now()).await.0, Came::Declared(first));
            let stepped = Ticket::new(now());
            assert_eq!(stepped.take(), None);
            assert_eq!(stepped.declare(&said(Outcome::Block)), None);
            stepped.step(ANSWERED, b"own");
            assert_eq!(wait(&stepped, now()).await, (Came::Answer(ANSWERED), "own".to_owned()));
            let lost = Ticket::new(now());
            lost.lose(Lost::Journal);
            assert_eq!(wait(&lost, now()).await.0, Came::Lost(Lost::Journal));
        });
    }

    #[test]
    fn a_bell_rings_where_there_may_be_an_answer() {
        let (ticket, rings) = (Ticket::new(now()), Rings::default());
        ticket.hang(rings.bell(3));
        assert_eq!((ticket.take(), look(&ticket, false)), (None, None));
        ticket.step(ANSWERED, b"a");
        assert_eq!((rings.heard(), look(&ticket, false)), (vec![], None), "it is not on disk");
        let at = now();
        ticket.release(true, at);
        assert_eq!(rings.heard(), [3]);
        let released = Came::Answer(Answered { durable: true, let_go: Some(at), ..ANSWERED });
        assert_eq!(look(&ticket, false), Some((released, "a".to_owned())));
        let late = Ticket::new(now());
        late.hang(rings.bell(4));
        assert_eq!((late.take(), look(&late, true)), (None, None), "the engine is at it");
        late.step(ANSWERED, b"b");
        assert_eq!(
            (rings.heard(), look(&late, true)),
            (vec![4], Some((Came::Answer(ANSWERED), "b".to_owned())))
        );
        let told = Ticket::new(now());
        told.hang(rings.bell(5));
        assert_eq!(look(&told, true), Some((Came::Late, String::new())));
        told.declare(&said(Outcome::Block)).unwrap();
        assert_eq!(
            (rings.heard(), look(&told, true)),
            (vec![5], Some((Came::Declared(said(Outcome::Block)), String::new())))
        );
    }

    #[test]
    fn one_that_is_used_again_is_as_a_new_one() {
        let (mut ticket, rings) = (Ticket::new(now()), Rings::default());
        ticket.hang(rings.bell(1));
        assert_eq!(look(&ticket, true), Some((Came::Late, String::new())));
        ticket.take();
        ticket.step(ANSWERED, b"a");
        ticket.release(true, now());
        assert_eq!(rings.heard(), [1, 1]);
        let came = now();
        ticket.renew(came);
        assert_eq!((ticket.came, look(&ticket, false)), (came, None));
        ticket.hang(rings.bell(2));
        ticket.take();
        ticket.step(ANSWERED, b"b");
        assert_eq!((rings.heard(), look(&ticket, false)), (vec![], None), "nobody is late");
        let at = now();
        ticket.release(false, at);
        let released = Came::Answer(Answered { let_go: Some(at), ..ANSWERED });
        assert_eq!((rings.heard(), look(&ticket, false)), (vec![2], Some((released, "b".to_owned()))));
    }

    #[test]
    fn a_step_that_has_begun_is_waited_for() {
        in_a_runtime(async {
            let ticket = Arc::new(Ticket::new(now()));
            assert_eq!(ticket.take(), None);
            let waiter = Arc::clone(&ticket);
            let waits = tokio::spawn(async move { wait(&waiter, now()).await });
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(!waits.is_finished());
            ticket.step(ANSWERED, b"own");
            assert_eq!(waits.await.unwrap(), (Came::Answer(ANSWERED), "own".to_owned()));
        });
    }
}
