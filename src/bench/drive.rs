//! The loop: one thread that sends what is due and takes in what came.
//!
//! Promises that each request of the schedule is sent, or counted as unsent, whatever became of those before: what finds no free
//! connection waits, and its latency runs on. Nothing is sent again. Allocates nothing for a request that is decided, once
//! buffers have grown.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use thiserror::Error;

use super::clock::{Clock, nanoseconds};
use super::connection::{Connection, Endpoint, Sent, Stream};
use super::payments::Payments;
use super::tally::{Slow, Tally};
use super::waiting::{Ready, Waiting};
use super::wire::{Answer, Said, Wire};

/// How long before a time a thread that sleeps is woken, to look at the clock until then.
const EARLY_NS: u64 = 50_000;
/// How often it is looked whether somebody lost patience.
const PATIENCE_EVERY_NS: u64 = 5_000_000;
/// Between two tries to connect again.
const RECONNECT: Duration = Duration::from_millis(10);
/// Bytes taken in at a time.
const PART_BYTES: usize = 64 << 10;

/// What is sent when.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// Intended send times in nanoseconds from the beginning, in order.
    pub schedule: &'a [u64],
    /// Those before this warm up, and are not counted.
    pub warm_up_ns: u64,
    /// When the schedule ends.
    pub end_ns: u64,
    /// The number of the first payment.
    pub first_number: u64,
    /// Connections, all open before the first request.
    pub connections: usize,
    /// How long an answer is waited for from the sending on.
    pub patience: Duration,
    /// How long what is late may take once the schedule is over.
    pub drain: Duration,
    /// Whether to look at the clock all the time instead of sleeping until shortly before the next request.
    pub spin: bool,
}

/// Why nothing can be measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// Nobody is there.
    #[error("can't connect to {endpoint}: {source}")]
    Connect {
        /// Where.
        endpoint: Endpoint,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no means to wait for sockets.
    #[error("can't wait for sockets: {0}")]
    Sockets(#[from] io::Error),
}

/// Sends what a load has, and gives what came of it.
///
/// # Errors
///
/// Where the connections can't be made, or the system can't wait for them. What breaks afterwards is counted.
pub fn drive(
    endpoint: &Endpoint,
    wire: &dyn Wire,
    payments: &Payments,
    load: &Load<'_>,
) -> Result<Tally, BenchError> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (lost, to_make) = channel();
        let (tell, made) = channel();
        let over = &over;
        // A connection is made again beside the loop, which never waits for it.
        std::thread::Builder::new()
            .spawn_scoped(scope, move || reconnect(endpoint, &to_make, &tell, over))?;
        let driven = Driver::new(endpoint, wire, payments, load, lost, made).and_then(Driver::run);
        over.store(true, Ordering::Relaxed);
        driven
    })
}

fn reconnect(
    endpoint: &Endpoint,
    to_make: &Receiver<(usize, bool)>,
    made: &Sender<(usize, Stream)>,
    over: &AtomicBool,
) {
    while let Ok((at, was_answered)) = to_make.recv() {
        // Whoever only hangs up is not asked all the time.
        if !was_answered {
            std::thread::sleep(RECONNECT);
        }
        while !over.load(Ordering::Relaxed) {
            if let Ok(stream) = endpoint.connect() {
                // Where nobody takes it any more, it is over.
                let _ = made.send((at, stream));
                break;
            }
            std::thread::sleep(RECONNECT);
        }
    }
}

/// Why requests on a connection are given up.
#[derive(Clone, Copy)]
enum Why {
    Broken,
    Timeout,
    Unreadable,
}

struct Driver<'a> {
    wire: &'a dyn Wire,
    payments: &'a Payments,
    load: &'a Load<'a>,
    clock: Clock,
    /// What the clock said when the schedule began.
    began_ns: u64,
    waiting: Waiting,
    connections: Vec<Connection>,
    /// Connections that take one more request; each once.
    free: VecDeque<usize>,
    lost: Sender<(usize, bool)>,
    made: Receiver<(usize, Stream)>,
    /// Connections with requests that are to be written before anything is waited for.
    unflushed: Vec<usize>,
    /// Connections that are being made again.
    making: usize,
    /// The next of the schedule to be sent, and the first that is not due yet.
    next: usize,
    due: usize,
    /// What is before this in the schedule had to wait for a connection.
    waited_until: usize,
    in_flight: usize,
    payment: Vec<u8>,
    tally: Tally,
}

impl<'a> Driver<'a> {
    fn new(
        endpoint: &Endpoint,
        wire: &'a dyn Wire,
        payments: &'a Payments,
        load: &'a Load<'a>,
        lost: Sender<(usize, bool)>,
        made: Receiver<(usize, Stream)>,
    ) -> Result<Self, BenchError> {
        let warm_up = load.schedule.partition_point(|&at_ns| at_ns < load.warm_up_ns);
        let sent = load.schedule.len() - warm_up;
        let counted_ns = load.end_ns.saturating_sub(load.warm_up_ns);
        let mut driver = Self {
            wire,
            payments,
            load,
            clock: Clock::new(),
            began_ns: 0,
            waiting: Waiting::new(load.connections)?,
            connections: Vec::new(),
            free: VecDeque::with_capacity(load.connections),
            lost,
            made,
            unflushed: Vec::with_capacity(load.connections),
            making: 0,
            next: 0,
            due: 0,
            waited_until: 0,
            in_flight: 0,
            payment: Vec::with_capacity(1024),
            tally: Tally::new(sent as u64, warm_up as u64, counted_ns),
        };
        for at in 0..load.connections {
            let connect = |source| BenchError::Connect { endpoint: endpoint.clone(), source };
            let stream = endpoint.connect().map_err(connect)?;
            driver.connections.push(Connection::default());
            driver.take_up(at, stream)?;
        }
        Ok(driver)
    }

    fn run(mut self) -> Result<Tally, BenchError> {
        let mut part = vec![0; PART_BYTES];
        let end_ns = self.load.end_ns.saturating_add(nanoseconds(self.load.drain));
        let mut looked_ns = 0;
        self.began_ns = self.clock.now_ns();
        loop {
            self.send_what_is_due();
            let now_ns = self.now_ns();
            let is_done = self.next == self.load.schedule.len() && self.in_flight == 0;
            if is_done || now_ns > end_ns {
                break;
            }
            if now_ns.saturating_sub(looked_ns) > PATIENCE_EVERY_NS {
                looked_ns = now_ns;
                self.give_up_what_takes_too_long(now_ns);
            }
            self.waiting.wait(self.left_ns(now_ns))?;
            while let Some(Ready { at, to_read, to_write }) = self.waiting.take() {
                if to_write {
                    self.flush(at);
                }
                if to_read {
                    self.take_in(at, &mut part);
                }
            }
            while self.making > 0 {
                let Ok((at, stream)) = self.made.try_recv() else { break };
                self.making -= 1;
                self.take_up(at, stream)?;
            }
        }
        self.tally.unreachable = self.making == self.connections.len();
        for at in 0..self.connections.len() {
            self.give_up(at, Why::Timeout);
        }
        let first_counted = self.tally.warm_up as usize;
        let unsent = (self.load.schedule.len() - self.next.max(first_counted)) as u64;
        self.tally.counts.failed.unsent += unsent;
        self.tally.waited += unsent;
        Ok(self.tally)
    }

    /// Since the schedule began.
    fn now_ns(&self) -> u64 {
        self.clock.now_ns() - self.began_ns
    }

    /// How long nothing is to be done, if nothing comes.
    fn left_ns(&self, now_ns: u64) -> u64 {
        if self.load.spin {
            return 0;
        }
        let mut until_ns = now_ns + PATIENCE_EVERY_NS;
        if let (Some(&next_ns), false) = (self.load.schedule.get(self.next), self.free.is_empty()) {
            until_ns = until_ns.min(next_ns.saturating_sub(EARLY_NS));
        }
        until_ns.saturating_sub(now_ns)
    }

    fn send_what_is_due(&mut self) {
        let now_ns = self.now_ns();
        while self.load.schedule.get(self.due).is_some_and(|&at_ns| at_ns <= now_ns) {
            self.due += 1;
        }
        while self.next < self.due {
            let Some(at) = self.free.pop_front() else {
                self.waited_until = self.due;
                break;
            };
            self.send(at);
        }
        while let Some(at) = self.unflushed.pop() {
            self.flush(at);
        }
    }

    /// Sends the next request on a connection that is free.
    fn send(&mut self, at: usize) {
        let place = self.next;
        let (number, intended_ns) = (self.load.first_number + place as u64, self.load.schedule[place]);
        self.next += 1;
        self.payment.clear();
        let happens_us = self.clock.wall_us(self.began_ns + intended_ns);
        self.payments.write(number, happens_us, &mut self.payment);
        let sent_ns = self.now_ns();
        let connection = &mut self.connections[at];
        let has_more = !connection.out.is_empty();
        self.wire.request(number, &self.payment, &mut connection.out);
        connection.in_flight.push_back(Sent { place, sent_ns });
        let takes_more = connection.in_flight.len() < self.wire.in_flight_max();
        self.in_flight += 1;
        if place as u64 >= self.tally.warm_up {
            if place < self.waited_until {
                self.tally.waited += 1;
            } else {
                self.tally.lateness.saturating_record(sent_ns - intended_ns);
            }
        }
        if !takes_more {
            return self.flush(at);
        }
        self.free.push_back(at);
        // What is due at the same time goes out together; what could not be written yet waits for the system.
        if !has_more {
            self.unflushed.push(at);
        }
    }

    fn flush(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        let Ok(is_left) = connection.flush() else { return self.lose(at, Why::Broken) };
        if is_left == connection.waits_to_write {
            return;
        }
        connection.waits_to_write = is_left;
        let Some(stream) = &connection.stream else { return };
        if self.waiting.change(at, stream, is_left).is_err() {
            self.lose(at, Why::Broken);
        }
    }

    fn take_in(&mut self, at: usize, part: &mut [u8]) {
        match self.connections[at].fill(part) {
            Ok(0) => return,
            Ok(_) => {}
            Err(_) => return self.lose(at, Why::Broken),
        }
        let now_ns = self.now_ns();
        let mut taken = 0;
        loop {
            let rest = &self.connections[at].input[taken..];
            if rest.is_empty() {
                break;
            }
            match self.wire.answer(rest) {
                Ok(None) => break,
                Ok(Some(answer)) => {
                    taken += answer.bytes;
                    let closes = answer.closes;
                    match answer.said {
                        Said::Greeting => {}
                        Said::Farewell(why) => {
                            self.tally.first_wrong.get_or_insert(why);
                            return self.lose(at, Why::Broken);
                        }
                        _ if self.take_answer(at, answer, now_ns) => self.connections[at].was_answered = true,
                        _ => return self.lose(at, Why::Unreadable),
                    }
                    if closes {
                        return self.lose(at, Why::Broken);
                    }
                }
                Err(unreadable) => {
                    self.tally.first_wrong.get_or_insert(unreadable.0);
                    return self.lose(at, Why::Unreadable);
                }
            }
        }
        self.connections[at].input.drain(..taken);
    }

    /// Counts an answer; whether its connection can go on.
    fn take_answer(&mut self, at: usize, answer: Answer, now_ns: u64) -> bool {
        let first = self.load.first_number;
        // A number of another run has no place, which no connection waits for.
        let place =
            answer.number.map(|number| number.checked_sub(first).map_or(usize::MAX, |place| place as usize));
        let connection = &mut self.connections[at];
        let was_full = connection.in_flight.len() >= self.wire.in_flight_max();
        let Some(Sent { place, sent_ns }) = connection.take(place) else {
            self.tally.strays += 1;
            let number = answer.number;
            self.tally.first_wrong.get_or_insert_with(|| match number {
                Some(number) => format!("payment {number} is not on its way on this connection"),
                None => "it came though nothing was asked".to_owned(),
            });
            return false;
        };
        self.in_flight -= 1;
        if was_full {
            self.free.push_back(at);
        }
        let served = matches!(answer.said, Said::Decided(_) | Said::Declared(_));
        if served && (self.load.warm_up_ns..self.load.end_ns).contains(&now_ns) {
            self.tally.served_meanwhile += 1;
        }
        if place as u64 >= self.tally.warm_up {
            let intended_ns = self.load.schedule[place];
            let request = Slow {
                latency_ns: now_ns - intended_ns,
                service_ns: now_ns - sent_ns,
                intended_ns,
                number: first + place as u64,
            };
            self.tally.answered(answer.said, answer.durable, request);
        }
        true
    }

    fn give_up_what_takes_too_long(&mut self, now_ns: u64) {
        let patience_ns = nanoseconds(self.load.patience);
        for at in 0..self.connections.len() {
            let takes_too_long = |sent: &&Sent| now_ns.saturating_sub(sent.sent_ns) > patience_ns;
            let late = self.connections[at].in_flight.iter().take_while(takes_too_long).count();
            if late > 0 {
                self.count_failed(at, late, Why::Timeout);
                // What came behind goes with its connection.
                self.lose(at, Why::Broken);
            }
        }
    }

    /// Counts all that is on its way on a connection as failed.
    fn give_up(&mut self, at: usize, why: Why) {
        self.count_failed(at, self.connections[at].in_flight.len(), why);
    }

    /// The same of so many that are longest on their way.
    fn count_failed(&mut self, at: usize, many: usize, why: Why) {
        let first_counted = self.tally.warm_up;
        let failed = &mut self.tally.counts.failed;
        let count = match why {
            Why::Broken => &mut failed.broken,
            Why::Timeout => &mut failed.timeout,
            Why::Unreadable => &mut failed.unreadable,
        };
        for sent in self.connections[at].in_flight.drain(..many) {
            self.in_flight -= 1;
            *count += u64::from(sent.place as u64 >= first_counted);
        }
    }

    /// Closes a connection and has another made in its place.
    fn lose(&mut self, at: usize, why: Why) {
        self.give_up(at, why);
        self.free.retain(|&free| free != at);
        let was_answered = std::mem::take(&mut self.connections[at]).was_answered;
        self.making += 1;
        // Whoever makes them lives as long as this.
        let _ = self.lost.send((at, was_answered));
    }

    fn take_up(&mut self, at: usize, stream: Stream) -> Result<(), BenchError> {
        self.waiting.add(at, &stream)?;
        let connection = &mut self.connections[at];
        connection.stream = Some(stream);
        self.wire.hello(&mut connection.out);
        self.free.push_back(at);
        self.flush(at);
        Ok(())
    }
}
