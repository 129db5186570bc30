//! The frames of the binary door: many requests on their way on each connection, their answers in any order.
//!
//! Promises that a decision is for a payment of this run, says one of the three outcomes and, where it has a line, says the same
//! in it: the payment that it was asked for, the outcome, whether it is declared, and whether it is on disk.

use std::borrow::Cow;

use serde::Deserialize;

use super::payments::Ids;
use super::wire::{Answer, Said, Unreadable, Wire};
use crate::decision::Outcome;
use crate::frames::{self, BRIEF, CAUSES, DECLARED, DURABLE, Header, Hello, OUTCOMES, Type};

/// An answer to one payment is far smaller.
const PAYLOAD_BYTES_MAX: u32 = 1 << 20;

/// What is not of any request has the id 0.
const FIRST_ID: u64 = 1;

/// Frames.
#[derive(Clone, Debug)]
pub struct Frames {
    ids: Ids,
    token: Vec<u8>,
    timeout_us: u32,
    in_flight_max: usize,
    brief: bool,
}

/// What a line says that its header says too.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    declared: Option<Cow<'a, str>>,
    /// Said only where it is not.
    durable: Option<bool>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

impl Frames {
    /// For payments with these ids, so many on their way on a connection at a time. `token` says who asks, `timeout_us` how
    /// long the sidecar may take, 0 for as long as is configured; `brief` asks for no line.
    pub fn new(ids: Ids, token: Option<&str>, timeout_us: u32, in_flight_max: usize, brief: bool) -> Self {
        let token = token.unwrap_or_default().as_bytes().to_vec();
        Self { ids, token, timeout_us, in_flight_max, brief }
    }

    fn decided(&self, header: &Header, payload: &[u8]) -> Result<Said, Unreadable> {
        let outcome = OUTCOMES.get(usize::from(header.outcome)).and_then(|word| Outcome::from_name(word));
        let outcome = outcome.ok_or_else(|| Unreadable(format!("outcome {} is none", header.outcome)))?;
        let is_declared = header.flags & DECLARED != 0;
        let cause = CAUSES.get(usize::from(header.cause)).copied().unwrap_or("unknown");
        if header.timeout_or_status != 200 {
            return Err(Unreadable(format!("a decision with status {}", header.timeout_or_status)));
        }
        if !payload.is_empty() {
            let line: Line<'_> = serde_json::from_slice(payload)
                .map_err(|error| Unreadable(format!("no decision: {error}")))?;
            if self.ids.number(&line.id) != number_of(header.id) {
                return Err(Unreadable(format!("request {} is answered for `{}`", header.id, line.id)));
            }
            let said =
                (Outcome::from_name(&line.outcome), line.declared.as_deref(), line.durable.unwrap_or(true));
            if said != (Some(outcome), is_declared.then_some(cause), header.flags & DURABLE != 0) {
                return Err(Unreadable(format!("the header of `{}` says other than its line", line.id)));
            }
        } else if !self.brief {
            return Err(Unreadable("a decision without its line".to_owned()));
        }
        Ok(if is_declared { Said::Declared(cause.to_owned()) } else { Said::Decided(outcome) })
    }
}

impl Wire for Frames {
    fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    fn hello(&self, out: &mut Vec<u8>) {
        // A token that is too long is nobody's: without one the sidecar says so.
        let _ = Hello { token: &self.token }.write(out);
    }

    fn request(&self, number: u64, payment: &[u8], out: &mut Vec<u8>) {
        let header = Header {
            kind: Type::Decide as u8,
            flags: if self.brief { BRIEF } else { 0 },
            timeout_or_status: self.timeout_us,
            id: number + FIRST_ID,
            ..Header::default()
        };
        header.write(payment, out);
    }

    fn answer(&self, bytes: &[u8]) -> Result<Option<Answer>, Unreadable> {
        let read = frames::read(bytes, PAYLOAD_BYTES_MAX).map_err(|error| Unreadable(error.to_string()))?;
        let Some((header, payload)) = read else { return Ok(None) };
        let said = match Type::from_byte(header.kind) {
            Some(Type::Welcome) => Said::Greeting,
            Some(Type::Decision) => self.decided(&header, payload)?,
            Some(Type::Problem) if header.id < FIRST_ID => {
                let word = problem_of(payload);
                Said::Farewell(format!(
                    "the server ends the connection: {} `{word}`",
                    header.timeout_or_status
                ))
            }
            Some(Type::Problem) => match header.timeout_or_status {
                503 => match problem_of(payload).as_str() {
                    "overload" if header.retry_after_ms > 0 => Said::Shed,
                    word => Said::Undecided(word.to_owned()),
                },
                status @ 400..=499 => Said::Refused(status as u16),
                status => return Err(Unreadable(format!("status {status}"))),
            },
            _ => return Err(Unreadable(format!("a frame of type {:#04x}", header.kind))),
        };
        let durable = header.flags & DURABLE != 0;
        Ok(Some(Answer {
            bytes: frames::HEADER_BYTES + payload.len(),
            number: number_of(header.id),
            said,
            durable,
            closes: false,
        }))
    }
}

/// Of the payment that a request with this id is for.
fn number_of(id: u64) -> Option<u64> {
    id.checked_sub(FIRST_ID)
}

/// The word of a problem.
fn problem_of(payload: &[u8]) -> String {
    let problem = serde_json::from_slice::<Problem<'_>>(payload).ok();
    let kind = problem.as_ref().map_or("", |problem| &*problem.kind);
    kind.rsplit(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(brief: bool) -> Frames {
        Frames::new(Ids::new("a1"), Some("t"), 50, 8, brief)
    }

    fn decision(id: u64, outcome: u8, flags: u8, cause: u8, line: &str) -> Vec<u8> {
        let header = Header {
            kind: Type::Decision as u8,
            flags,
            outcome,
            cause,
            timeout_or_status: 200,
            id,
            ..Header::default()
        };
        let mut out = Vec::new();
        header.write(line.as_bytes(), &mut out);
        out
    }

    #[test]
    fn what_is_asked_is_read_by_the_door() {
        let (wire, mut out) = (frames(true), Vec::new());
        wire.hello(&mut out);
        let (hello, bytes) = Hello::read(&out).unwrap().unwrap();
        assert_eq!((hello.token, bytes), (&b"t"[..], out.len()));
        out.clear();
        wire.request(7, b"{}", &mut out);
        let (header, payload) = super::frames::read(&out, 2).unwrap().unwrap();
        assert_eq!((header.kind, header.flags, header.timeout_or_status, header.id), (1, BRIEF, 50, 8));
        assert_eq!(payload, b"{}");
    }

    #[test]
    fn an_answer_is_found_once_it_is_whole_and_names_its_payment() {
        let mut bytes = decision(8, 2, 1, 0, r#"{"id":"bench-a1-0000000007","outcome":"step_up"}"#);
        let whole = bytes.len();
        bytes.extend_from_slice(&[9; 3]);
        for length in 0..whole {
            assert_eq!(frames(false).answer(&bytes[..length]), Ok(None), "{length}");
        }
        let answer = frames(false).answer(&bytes).unwrap().unwrap();
        assert_eq!(
            (answer.bytes, answer.number, answer.said, answer.durable),
            (whole, Some(7), Said::Decided(Outcome::StepUp), true)
        );
        let declared = frames(true).answer(&decision(8, 3, 2, 1, "")).unwrap().unwrap();
        assert_eq!(declared.said, Said::Declared("deadline".into()));
    }

    #[test]
    fn what_can_not_be_right_is_no_answer() {
        let line = |id: u64, says: &str| format!(r#"{{"id":"bench-a1-{id:010}",{says}}}"#);
        let right = line(7, r#""outcome":"allow","durable":false"#);
        assert!(frames(false).answer(&decision(8, 1, 0, 0, &right)).is_ok());
        let mut failed = decision(8, 1, 0, 0, &right);
        failed[8..12].copy_from_slice(&500_u32.to_le_bytes());
        for (bytes, why) in [
            (
                decision(8, 1, 0, 0, &line(8, r#""outcome":"allow","durable":false"#)),
                "another payment's line",
            ),
            (decision(8, 0, 0, 0, &right), "no outcome"),
            (decision(8, 4, 0, 0, &right), "no outcome"),
            (decision(8, 3, 0, 0, &right), "another outcome than its line"),
            (decision(8, 1, 1, 0, &right), "on disk, and its line says that it is not"),
            (decision(8, 1, 0, 0, &line(7, r#""outcome":"allow""#)), "on disk by its line alone"),
            (
                decision(8, 1, 0, 0, &line(7, r#""outcome":"allow","declared":"deadline","durable":false"#)),
                "declared in its line",
            ),
            (decision(8, 1, 2, 1, &right), "declared in its header"),
            (
                decision(8, 1, 2, 1, &line(7, r#""outcome":"allow","declared":"overload","durable":false"#)),
                "another cause",
            ),
            (failed, "a decision with status 500"),
            (decision(8, 1, 0, 0, ""), "no line"),
            (decision(8, 1, 0, 0, "{"), "no JSON"),
            (vec![1, 0, 0, 0], "too short"),
        ] {
            assert!(frames(false).answer(&bytes).is_err(), "{why}");
        }
        let refused = |id| {
            let header =
                Header { kind: Type::Problem as u8, timeout_or_status: 401, id, ..Header::default() };
            let mut out = Vec::new();
            header.write(br#"{"type":"urn:weir:problem:unauthorized"}"#, &mut out);
            frames(false).answer(&out).unwrap().unwrap()
        };
        assert_eq!((refused(1).number, refused(1).said), (Some(0), Said::Refused(401)));
        let Said::Farewell(why) = refused(0).said else { panic!("it is of no request") };
        assert_eq!(why, "the server ends the connection: 401 `unauthorized`");
        let mut problem = Vec::new();
        let header = Header {
            kind: Type::Problem as u8,
            timeout_or_status: 503,
            retry_after_ms: 5,
            id: 3,
            ..Header::default()
        };
        header.write(br#"{"type":"urn:weir:problem:overload"}"#, &mut problem);
        let shed = frames(false).answer(&problem).unwrap().unwrap();
        assert_eq!((shed.number, shed.said), (Some(2), Said::Shed));
    }
}
