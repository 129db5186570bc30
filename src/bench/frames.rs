//! The frames of the binary door: many requests on their way on each connection, their answers in any order.
//!
//! Promises that a decision is for a payment of this run, says one of the three outcomes and, where it has a line, names the
//! payment that it was asked for.

use serde::Deserialize;

use super::payments::Ids;
use super::wire::{Answer, Said, Unreadable, Wire};
use crate::decision::Outcome;
use crate::frames::{self, BRIEF, CAUSES, DECLARED, Header, Hello, OUTCOMES, Type};

/// An answer to one payment is far smaller.
const PAYLOAD_BYTES_MAX: u32 = 1 << 20;

/// Frames.
#[derive(Clone, Debug)]
pub struct Frames {
    ids: Ids,
    token: Vec<u8>,
    timeout_us: u32,
    in_flight_max: usize,
    brief: bool,
}

/// What a line says of whose it is.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: std::borrow::Cow<'a, str>,
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
        if !payload.is_empty() {
            let line: Line<'_> = serde_json::from_slice(payload)
                .map_err(|error| Unreadable(format!("no decision: {error}")))?;
            if self.ids.number(&line.id) != Some(header.id) {
                return Err(Unreadable(format!("request {} is answered for `{}`", header.id, line.id)));
            }
        } else if !self.brief {
            return Err(Unreadable("a decision without its line".to_owned()));
        }
        if header.flags & DECLARED == 0 {
            return Ok(Said::Decided(outcome));
        }
        let cause = CAUSES.get(usize::from(header.cause)).copied().unwrap_or("unknown");
        Ok(Said::Declared(cause.to_owned()))
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
            id: number,
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
            Some(Type::Problem) => match header.timeout_or_status {
                503 => {
                    let problem = serde_json::from_slice::<Problem<'_>>(payload).ok();
                    let kind = problem.as_ref().map_or("", |problem| &*problem.kind);
                    match kind.rsplit(':').next().unwrap_or_default() {
                        "overload" if header.retry_after_ms > 0 => Said::Shed,
                        word => Said::Undecided(word.to_owned()),
                    }
                }
                status @ 400..=499 => Said::Refused(status as u16),
                status => return Err(Unreadable(format!("status {status}"))),
            },
            _ => return Err(Unreadable(format!("a frame of type {:#04x}", header.kind))),
        };
        let number = (said != Said::Greeting).then_some(header.id);
        Ok(Some(Answer { bytes: frames::HEADER_BYTES + payload.len(), number, said, closes: false }))
    }
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
        assert_eq!((header.kind, header.flags, header.timeout_or_status, header.id), (1, BRIEF, 50, 7));
        assert_eq!(payload, b"{}");
    }

    #[test]
    fn an_answer_is_found_once_it_is_whole_and_names_its_payment() {
        let mut bytes = decision(7, 2, 1, 0, r#"{"id":"bench-a1-0000000007","outcome":"step_up"}"#);
        let whole = bytes.len();
        bytes.extend_from_slice(&[9; 3]);
        for length in 0..whole {
            assert_eq!(frames(false).answer(&bytes[..length]), Ok(None), "{length}");
        }
        let answer = frames(false).answer(&bytes).unwrap().unwrap();
        assert_eq!(
            (answer.bytes, answer.number, answer.said),
            (whole, Some(7), Said::Decided(Outcome::StepUp))
        );
        let declared = frames(true).answer(&decision(7, 3, 2, 1, "")).unwrap().unwrap();
        assert_eq!(declared.said, Said::Declared("deadline".into()));
    }

    #[test]
    fn what_can_not_be_right_is_no_answer() {
        let line = r#"{"id":"bench-a1-0000000008","outcome":"allow"}"#;
        for (bytes, why) in [
            (decision(7, 1, 0, 0, line), "another payment's line"),
            (decision(7, 0, 0, 0, r#"{"id":"bench-a1-0000000007"}"#), "no outcome"),
            (decision(7, 4, 0, 0, r#"{"id":"bench-a1-0000000007"}"#), "no outcome"),
            (decision(7, 1, 0, 0, ""), "no line"),
            (decision(7, 1, 0, 0, "{"), "no JSON"),
            (vec![1, 0, 0, 0], "too short"),
        ] {
            assert!(frames(false).answer(&bytes).is_err(), "{why}");
        }
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
        assert_eq!((shed.number, shed.said), (Some(3), Said::Shed));
    }
}
