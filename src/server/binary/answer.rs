//! Answers as frames: what HTTP answers, with what programs go by in the header.

use std::sync::Arc;
use std::time::Duration;

use super::super::declared::Cause;
use super::super::http::{Problem, written};
use super::super::reading::Taken;
use super::super::service::{NoReply, Reply, Service};
use super::super::ticket::What;
use super::slots::Request;
use crate::decision::Outcome;
use crate::frames::{ALERT, DECLARED, DURABLE, Header, LATER, Type};

/// The number of an outcome; `frames` holds them together by a test.
const fn number_of(outcome: Outcome) -> u8 {
    outcome as u8 + 1
}

/// What a reply says in its header; none where it is a problem.
fn header(reply: &Reply) -> Option<Header> {
    let answer = |kind: Type, status, flags| Header {
        kind: kind as u8,
        flags,
        timeout_or_status: status,
        ..Header::default()
    };
    Some(match reply {
        Reply::Answer(answered) => {
            let durable = if answered.durable { DURABLE } else { 0 };
            match answered.what {
                What::Decision { outcome, alert } => {
                    let flags = durable | if alert { ALERT } else { 0 };
                    Header { outcome: number_of(outcome), ..answer(Type::Decision, 200, flags) }
                }
                What::Taken => answer(Type::Taken, 200, durable),
                What::Alert => answer(Type::Taken, 200, durable | ALERT),
                What::IdReused | What::Refused => return None,
            }
        }
        Reply::Declared(said) => Header {
            outcome: number_of(said.demand.outcome),
            cause: said.cause as u8 + 1,
            ..answer(Type::Decision, 200, DECLARED)
        },
        Reply::Later => answer(Type::Taken, 202, LATER),
    })
}

/// Writes the answer to a request, and puts down and tells what it was; `taken` is its event, where it is one, and `line`
/// the line of the engine's answer, where it is that.
pub(super) fn write(
    service: &Arc<Service>,
    request: &Request,
    taken: Option<&Taken>,
    reply: Result<Reply, NoReply>,
    line: &mut Vec<u8>,
    took: Duration,
    out: &mut Vec<u8>,
) {
    let header = reply.as_ref().ok().and_then(header).map(|header| Header { id: request.id, ..header });
    let cause = if let Ok(Reply::Declared(said)) = &reply { Some(said.cause) } else { None };
    if let Some(header) = header
        && (request.brief && header.kind == Type::Decision as u8)
    {
        header.write(&[], out);
        return observe(service, request, Said { status: 200, problem: "", cause }, took);
    }
    match (written(taken, reply, line), header) {
        (Ok(status), Some(header)) => {
            header.write(line, out);
            observe(service, request, Said { status: status.as_u16(), problem: "", cause }, took);
        }
        // Whatever has a line has a header.
        (Ok(_), None) => {}
        (Err(refused), _) => write_problem(service, request, &refused, took, out),
    }
}

/// The same of a request that no event was made of.
pub(super) fn write_problem(
    service: &Arc<Service>,
    request: &Request,
    refused: &Problem,
    took: Duration,
    out: &mut Vec<u8>,
) {
    problem(refused, request.id, out);
    let said = Said { status: refused.status().as_u16(), problem: refused.word(), cause: None };
    observe(service, request, said, took);
}

fn problem(problem: &Problem, id: u64, out: &mut Vec<u8>) {
    let after_ms = problem.gone_after().map_or(0, |after| after.as_millis().max(1));
    let header = Header {
        kind: Type::Problem as u8,
        timeout_or_status: problem.status().as_u16().into(),
        retry_after_ms: u32::try_from(after_ms).unwrap_or(u32::MAX),
        id,
        ..Header::default()
    };
    header.write(&problem.to_json(), out);
}

/// What was answered, for counting and telling.
struct Said<'a> {
    status: u16,
    problem: &'a str,
    cause: Option<Cause>,
}

/// Counts an answer, and tells of it where it was refused, declared or slow, as is done over HTTP.
fn observe(service: &Service, request: &Request, said: Said<'_>, took: Duration) {
    let Said { status, problem, cause } = said;
    if let Some(count) = service.metrics.binary_answers.get(usize::from(status / 100).wrapping_sub(1)) {
        count.add(1);
    }
    let (frame, route, took_us) = (request.id, request.kind.name(), took.as_micros() as u64);
    let (trickles, slow) = (&service.trickles, service.settings.slow);
    if status >= 400 {
        if let Some(left_out) = trickles.refused.next() {
            tracing::warn!(frame, route, status, problem, took_us, left_out, "refused");
        }
    } else if let Some(cause) = cause {
        if let Some(left_out) = trickles.declared.next() {
            tracing::warn!(frame, route, cause = cause.name(), took_us, left_out, "declared");
        }
    } else if !slow.is_zero() && took >= slow {
        if let Some(left_out) = trickles.slow.next() {
            tracing::warn!(frame, route, status, took_us, left_out, "slow");
        }
    } else {
        tracing::debug!(frame, route, status, took_us, "answered");
    }
}
