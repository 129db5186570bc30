//! One connection: what came is taken in, what is settled is written, and each deadline is kept; one task does it all.
//!
//! Where all slots are taken, or too much waits to be read by the client, nothing is read from it: what it sends waits in the
//! system's buffers, and then with the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::super::access::{Scope, Who};
use super::super::clock::now;
use super::super::http::{Problem, Refused, crowded, let_go, no_room, slow_body, too_large};
use super::super::reading::Given;
use super::super::service::{Service, TakenIn};
use super::answer;
use super::bell::{Bell, Outbox};
use super::input::Input;
use super::output::Output;
use super::slots::{Request, Slot, Slots};
use crate::event::Kind;
use crate::frames::{self, BRIEF, FrameError, HEADER_BYTES, Header, Type, Welcome};

/// Requests that the engine is told of at once, where that many came together.
const TOLD_TOGETHER: usize = 32;
/// Bytes of answers that wait for a client at most before it is not read any more; those of requests in flight come beside.
const OUTPUT_BYTES_MAX: usize = 256 << 10;

pub(super) struct Connection<'s, S> {
    stream: &'s mut S,
    service: Arc<Service>,
    who: Who,
    input: Input,
    output: Output,
    /// Answers that wait there, each with when its request began to come and when it was let go.
    unsent: Vec<(Instant, Option<Instant>)>,
    slots: Slots,
    /// The line of the last answer.
    line: Vec<u8>,
    outbox: Arc<Outbox>,
    rung: Vec<u32>,
    /// Since when the frame comes that is not whole.
    comes_since: Option<Instant>,
    /// When something was last asked or answered, and when the client last took something or had nothing to take.
    active: Instant,
    took: Instant,
    /// Nothing is read any more.
    stops: bool,
    timer: Pin<Box<Sleep>>,
    /// When that goes off.
    armed: Instant,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> Connection<'s, S> {
    /// Whoever said hello, with what came behind that.
    pub(super) fn new(stream: &'s mut S, input: Input, who: Who, service: &Arc<Service>) -> Self {
        let begun = now();
        Self {
            stream,
            service: Arc::clone(service),
            who,
            input,
            output: Output::default(),
            unsent: Vec::new(),
            slots: Slots::new(service.settings.bounds.frames_max),
            line: Vec::new(),
            outbox: Arc::default(),
            rung: Vec::new(),
            comes_since: None,
            active: begun,
            took: begun,
            stops: false,
            timer: Box::pin(tokio::time::sleep_until(begun.into())),
            armed: begun,
        }
    }

    pub(super) fn welcome(&mut self, welcome: &Welcome) {
        welcome.write(self.output.end());
    }

    /// Reads nothing any more: it is over once all is answered and written.
    pub(super) fn stop(&mut self) {
        self.stops = true;
        self.input.clear();
    }

    /// Goes on with all that can go on; ready once it is over: whether its client may still read what was written.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            let at = now();
            let mut moved = self.settle(cx, at);
            if self.take_in(at) {
                self.service.queue.stir();
                moved = true;
            }
            let (Ok(read), Ok(written)) = (self.read(cx), self.write(cx, at)) else {
                return Poll::Ready(false);
            };
            if self.stops && self.slots.is_empty() && self.output.is_empty() {
                return Poll::Ready(true);
            }
            if moved | read | written {
                continue;
            }
            match self.keep_time(cx, at) {
                Due::Nothing => return Poll::Pending,
                Due::More => {}
                Due::Over => return Poll::Ready(false),
            }
        }
    }

    /// Answers what tickets rang for.
    fn settle(&mut self, cx: &Context<'_>, at: Instant) -> bool {
        let mut rung = std::mem::take(&mut self.rung);
        self.outbox.take(&mut rung, cx);
        let some = !rung.is_empty();
        rung.drain(..).for_each(|slot| self.answer(slot, at));
        self.rung = rung;
        some
    }

    /// Answers a request, if it can be by now.
    fn answer(&mut self, place: u32, at: Instant) {
        loop {
            let Some(slot) = self.slots.get_mut(place) else { return };
            let Some(came) = slot.event.ticket.look(slot.late, &mut self.line) else { return };
            let Some(reply) = self.service.settle(&slot.event, came, &mut self.line) else { continue };
            let Some(Slot { request, event, room, flight, .. }) = self.slots.take(place) else { return };
            let took = at.saturating_duration_since(request.begun);
            self.will_send(&request, let_go(&reply));
            let (taken, line, out) = (Some(&*event.taken), &mut self.line, self.output.end());
            answer::write(&self.service, &request, taken, reply, line, took, out);
            self.active = at;
            return drop((room, flight));
        }
    }

    /// The answer to a request, which was let go then, is about to be put where it waits to be sent.
    fn will_send(&mut self, request: &Request, let_go: Option<Instant>) {
        if matches!(request.kind, Type::Decide | Type::Authenticate | Type::Event) {
            self.unsent.push((request.begun, let_go));
        }
    }

    fn may_read(&self) -> bool {
        !self.stops && !self.slots.is_full() && self.output.waiting() < OUTPUT_BYTES_MAX
    }

    /// Takes in the whole frames that came.
    fn take_in(&mut self, at: Instant) -> bool {
        let most = u32::try_from(self.service.settings.bounds.body_bytes_max).unwrap_or(u32::MAX);
        let (mut some, mut told) = (false, 0);
        while self.may_read() {
            // One thread parses while the other decides.
            if told == TOLD_TOGETHER {
                self.service.queue.stir();
                told = 0;
            }
            match frames::read(self.input.unread(), most) {
                // Its answer would be one of no request.
                Ok(Some((header, _))) if header.id == 0 => {
                    self.last(&no_request(&header), 0);
                    return true;
                }
                Ok(Some((header, payload))) => {
                    let bytes = payload.len();
                    self.request(&header, bytes, at);
                    self.input.take(HEADER_BYTES + bytes);
                    (some, self.comes_since, self.active) = (true, None, at);
                    told += 1;
                }
                Ok(None) => {
                    if self.input.is_empty() {
                        self.comes_since = None;
                    } else {
                        self.comes_since.get_or_insert(at);
                    }
                    return some;
                }
                Err(error) => {
                    self.refuse(&error);
                    return true;
                }
            }
        }
        // Whoever is not read is not slow.
        self.comes_since = None;
        some
    }

    /// Tells why nothing more is read.
    fn refuse(&mut self, error: &FrameError) {
        let (problem, id) = match error {
            FrameError::Long { id, .. } => (too_large(self.service.settings.bounds.body_bytes_max), *id),
            error => (super::bad_frame(error), 0),
        };
        self.last(&problem, id);
    }

    /// The last answer.
    fn last(&mut self, problem: &Problem, id: u64) {
        let kind = Header::read(self.input.unread()).and_then(|header| Type::from_byte(header.kind));
        let request = Request { id, kind: kind.unwrap_or(Type::Problem), brief: false, begun: now() };
        answer::write_problem(&self.service, &request, problem, Duration::ZERO, self.output.end());
        self.stop();
    }

    /// Takes the request in that the input begins with, and answers it where that is known at once.
    fn request(&mut self, header: &Header, payload_bytes: usize, at: Instant) {
        let kind = Type::from_byte(header.kind);
        // From its first byte, where it came in parts.
        let arrived = self.comes_since.unwrap_or(at);
        let request = Request {
            id: header.id,
            kind: kind.unwrap_or(Type::Problem),
            brief: header.flags & BRIEF != 0,
            begun: arrived,
        };
        let is_sound =
            header.flags & !BRIEF == 0 && (header.outcome, header.cause, header.retry_after_ms) == (0, 0, 0);
        let asked = match kind {
            Some(Type::Decide) if is_sound => Ok((Scope::Score, Some(Kind::Transaction))),
            Some(Type::Authenticate) if is_sound => Ok((Scope::Score, Some(Kind::Authentication))),
            Some(Type::Event) if is_sound => Ok((Scope::Events, None)),
            _ => Err(no_request(header)),
        };
        let allowed = asked.and_then(|(scope, kind)| match self.who.may(scope) {
            true => Ok(kind),
            false => Err(Refused::Scope(scope).problem()),
        });
        let held = allowed.and_then(|kind| {
            let flight = self.service.flights.begin(self.who.sender).ok_or_else(|| crowded(&self.service))?;
            let room = self.input.room_for(payload_bytes, &self.service.bodies).ok_or_else(no_room)?;
            Ok((kind, room, flight))
        });
        let (kind, room, flight) = match held {
            Ok(held) => held,
            Err(problem) => {
                let out = self.output.end();
                return answer::write_problem(&self.service, &request, &problem, Duration::ZERO, out);
            }
        };
        let who = &self.who;
        let controls =
            kind.is_none() && who.tenant().is_none() && (who.may(Scope::Rules) || who.may(Scope::Admin));
        let given = Given { kind, tenant: who.tenant(), controls, ..Given::default() };
        let said = Some(header.timeout_or_status).filter(|said_us| *said_us > 0);
        let deadline = self.service.deadline(arrived, said.map(|us| Duration::from_micros(us.into())));
        let payload = self.input.unread().get(HEADER_BYTES..HEADER_BYTES + payload_bytes).unwrap_or_default();
        match self.service.take_in(payload, given, who.sender, arrived, deadline) {
            TakenIn::OnItsWay(event) => {
                let ticket = Arc::clone(&event.ticket);
                let place = self.slots.put(Slot { request, event, late: false, room, flight }, deadline);
                ticket.hang(Bell::new(&self.outbox, place));
                // It may have been answered before somebody rang.
                self.answer(place, at);
            }
            TakenIn::No(taken, no_reply) => {
                self.will_send(&request, None);
                let out = self.output.end();
                let (taken, took) = (taken.as_deref(), now().saturating_duration_since(arrived));
                answer::write(&self.service, &request, taken, Err(no_reply), &mut self.line, took, out);
            }
        }
    }

    /// Reads what there is, once.
    fn read(&mut self, cx: &mut Context<'_>) -> std::io::Result<bool> {
        if !self.may_read() {
            return Ok(false);
        }
        let frame_bytes = frames::bytes_of(self.input.unread()).unwrap_or(HEADER_BYTES);
        if !self.input.make_room(frame_bytes, &self.service.bodies) {
            let id = Header::read(self.input.unread()).map_or(0, |header| header.id);
            self.last(&no_room(), id);
            return Ok(true);
        }
        match self.input.poll_read(self.stream, cx)? {
            Poll::Pending => Ok(false),
            Poll::Ready(came) => {
                // A client that sends no more may wait for its answers all the same.
                self.stops |= came == 0;
                Ok(true)
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, at: Instant) -> std::io::Result<bool> {
        let moved = self.output.write(self.stream, cx)?;
        if moved || self.output.is_empty() {
            self.took = at;
        }
        // Whoever takes some of it has not taken the last of it.
        if moved && self.output.waiting() == 0 && !self.unsent.is_empty() {
            let (sent, metrics) = (now(), &self.service.metrics);
            for (arrived, let_go) in self.unsent.drain(..) {
                metrics.stages.whole.took(sent.saturating_duration_since(arrived), 1);
                metrics.wrote(let_go, arrived, sent);
            }
        }
        Ok(moved)
    }

    /// Answers what is late, ends what takes too long, and sees to it that the task is woken at the next such time.
    fn keep_time(&mut self, cx: &mut Context<'_>, at: Instant) -> Due {
        let mut due = Due::Nothing;
        while let Some(place) = self.slots.pop_due(at) {
            if let Some(slot) = self.slots.get_mut(place) {
                slot.late = true;
            }
            self.answer(place, at);
            due = Due::More;
        }
        if due == Due::More {
            return due;
        }
        let bounds = &self.service.settings.bounds;
        let untaken = (!self.output.is_empty()).then(|| self.took + bounds.idle_timeout);
        let slow = self.comes_since.map(|since| bounds.body_until(since, self.input.unread().len()));
        let is_idle = self.slots.is_empty() && self.input.is_empty() && untaken.is_none() && !self.stops;
        let idle = is_idle.then(|| self.active + bounds.idle_timeout);
        if untaken.is_some_and(|until| until <= at) {
            return Due::Over;
        }
        if slow.is_some_and(|until| until <= at) {
            let id = Header::read(self.input.unread()).map_or(0, |header| header.id);
            let problem = slow_body(bounds);
            self.last(&problem, id);
            return Due::More;
        }
        if idle.is_some_and(|until| until <= at) {
            self.stop();
            return Due::More;
        }
        let next = [self.slots.next_due(), untaken, slow, idle].into_iter().flatten().min();
        // One that goes off too early is set again then.
        if let Some(next) = next
            && (next < self.armed || self.armed <= at)
        {
            self.timer.as_mut().reset(next.into());
            self.armed = next;
        }
        if next.is_some() && self.timer.as_mut().poll(cx).is_ready() { Due::More } else { Due::Nothing }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// Something was done, and more may be.
    More,
    /// Nobody reads any more.
    Over,
}

fn no_request(header: &Header) -> Problem {
    let Header { kind, flags, outcome, cause, retry_after_ms, id, .. } = header;
    let detail = format!(
        "type {kind:#04x} with flags {flags:#04x}, outcome {outcome}, cause {cause}, {retry_after_ms} ms to try again and id {id} is no \
         request; see docs/binary.md"
    );
    Problem::new(StatusCode::BAD_REQUEST, "bad-frame", "The frame is no request", detail)
}
