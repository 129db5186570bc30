//! HTTP/1.1 with connections that are kept: one request on its way on each.
//!
//! Promises that an answer with status 200 names a payment of this run and one of the three outcomes.

use std::borrow::Cow;

use serde::Deserialize;

use super::payments::Ids;
use super::wire::{Answer, Said, Unreadable, Wire};
use crate::decision::Outcome;

const HEADERS_MAX: usize = 32;
/// An answer to one payment is far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;
const PROBLEM: &str = "urn:weir:problem:";

/// HTTP/1.1.
#[derive(Clone, Debug)]
pub struct Http {
    head: Vec<u8>,
    /// None where no answer names a payment.
    ids: Option<Ids>,
}

#[derive(Deserialize)]
struct Decision<'a> {
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    declared: Option<String>,
    /// Said only where it is not.
    durable: Option<bool>,
}

/// Whose answer it is, where it says so, and whether it is on disk.
type Whose = (Option<u64>, bool);

#[derive(Deserialize)]
struct Problem<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
}

impl Http {
    /// To a host, for payments with these ids. `token` says who asks, `timeout_ms` how long the sidecar may take.
    pub fn new(host: &str, ids: Ids, token: Option<&str>, timeout_ms: Option<u64>) -> Self {
        Self::asking("/v1/decisions", host, Some(ids), token, timeout_ms)
    }

    /// To the bare handler of a sidecar that is measured without its engine: what is answered names no payment.
    pub fn bare(host: &str) -> Self {
        Self::asking("/measure/bare", host, None, None, None)
    }

    fn asking(
        path: &str,
        host: &str,
        ids: Option<Ids>,
        token: Option<&str>,
        timeout_ms: Option<u64>,
    ) -> Self {
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
        if let Some(token) = token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(timeout_ms) = timeout_ms {
            head.push_str(&format!("weir-timeout-ms: {timeout_ms}\r\n"));
        }
        head.push_str("content-length: ");
        Self { head: head.into_bytes(), ids }
    }

    fn decided(&self, body: &[u8]) -> Result<(Whose, Said), Unreadable> {
        let decision: Decision<'_> =
            serde_json::from_slice(body).map_err(|error| Unreadable(format!("no decision: {error}")))?;
        let number = self.ids.as_ref().map(|ids| {
            if decision.id.is_empty() {
                return Err(Unreadable("no decision: it names no payment".to_owned()));
            }
            let number = ids.number(&decision.id);
            number.ok_or_else(|| Unreadable(format!("nobody asked about `{}`", decision.id)))
        });
        let number = number.transpose()?;
        let outcome = Outcome::from_name(&decision.outcome)
            .ok_or_else(|| Unreadable(format!("`{}` is no outcome", decision.outcome)))?;
        let said = decision.declared.map_or(Said::Decided(outcome), Said::Declared);
        Ok(((number, decision.durable.unwrap_or(true)), said))
    }
}

impl Wire for Http {
    fn in_flight_max(&self) -> usize {
        1
    }

    fn request(&self, _: u64, payment: &[u8], out: &mut Vec<u8>) {
        use std::io::Write;
        out.extend_from_slice(&self.head);
        // A buffer takes all that is written to it.
        let _ = write!(out, "{}\r\n\r\n", payment.len());
        out.extend_from_slice(payment);
    }

    fn answer(&self, bytes: &[u8]) -> Result<Option<Answer>, Unreadable> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(bytes).map_err(|error| Unreadable(format!("no HTTP: {error}")))?;
        let httparse::Status::Complete(head) = parsed else { return Ok(None) };
        let header = |name: &str| {
            let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        let length = header("content-length").and_then(|length| length.trim().parse::<usize>().ok());
        let length = length.filter(|&length| length <= BODY_BYTES_MAX);
        let length = length.ok_or_else(|| Unreadable("no length, or too much".to_owned()))?;
        let Some(body) = bytes.get(head..head + length) else { return Ok(None) };
        let nobody = (None, false);
        let ((number, durable), said) = match response.code.unwrap_or_default() {
            200 => self.decided(body)?,
            503 => {
                let problem = serde_json::from_slice::<Problem<'_>>(body).ok();
                let word = problem.as_ref().and_then(|problem| problem.kind.strip_prefix(PROBLEM));
                match word.ok_or_else(|| Unreadable("503 without a problem".to_owned()))? {
                    "overload" if header("retry-after").is_some() => (nobody, Said::Shed),
                    word => (nobody, Said::Undecided(word.to_owned())),
                }
            }
            status @ 400..=499 => (nobody, Said::Refused(status)),
            status => return Err(Unreadable(format!("status {status}"))),
        };
        let closes = header("connection").is_some_and(|says| says.eq_ignore_ascii_case("close"));
        Ok(Some(Answer { bytes: head + length, number, said, durable, closes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http() -> Http {
        Http::new("weir", Ids::new("a1"), None, Some(50))
    }

    fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[test]
    fn a_request_says_its_length_and_its_deadline() {
        let mut out = b"before".to_vec();
        http().request(0, b"{}", &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("beforePOST /v1/decisions HTTP/1.1\r\nhost: weir\r\n"), "{text}");
        assert!(text.ends_with("weir-timeout-ms: 50\r\ncontent-length: 2\r\n\r\n{}"), "{text}");
    }

    #[test]
    fn an_answer_is_found_once_it_is_whole() {
        let body = r#"{"id":"bench-a1-0000000007","outcome":"step_up","score":4}"#;
        let mut bytes = response("200 OK", "", body);
        let whole = bytes.len();
        bytes.extend_from_slice(b"HTTP/1.1 2");
        for length in 0..whole {
            assert_eq!(http().answer(&bytes[..length]), Ok(None), "{length}");
        }
        let said = Said::Decided(Outcome::StepUp);
        let answer = Answer { bytes: whole, number: Some(7), said, durable: true, closes: false };
        assert_eq!(http().answer(&bytes), Ok(Some(answer)));
        let not_yet = body.replace('}', ",\"durable\":false}");
        assert!(!http().answer(&response("200 OK", "", &not_yet)).unwrap().unwrap().durable);
    }

    #[test]
    fn each_kind_of_answer_is_told_apart() {
        let said = |bytes: Vec<u8>| http().answer(&bytes).map(|answer| answer.unwrap().said);
        let declared = r#"{"id":"bench-a1-0000000007","outcome":"block","declared":"deadline"}"#;
        assert_eq!(said(response("200 OK", "", declared)), Ok(Said::Declared("deadline".into())));
        let overload = r#"{"type":"urn:weir:problem:overload"}"#;
        assert_eq!(said(response("503 No", "retry-after: 1\r\n", overload)), Ok(Said::Shed));
        assert_eq!(said(response("503 No", "", overload)), Ok(Said::Undecided("overload".into())));
        let late = r#"{"type":"urn:weir:problem:deadline"}"#;
        assert_eq!(said(response("503 No", "", late)), Ok(Said::Undecided("deadline".into())));
        assert_eq!(said(response("422 No", "", "{}")), Ok(Said::Refused(422)));
    }

    #[test]
    fn what_can_not_be_right_is_no_answer() {
        for (status, body) in [
            ("200 OK", r#"{"id":"bench-a2-0000000007","outcome":"allow"}"#),
            ("200 OK", r#"{"id":"bench-a1-0000000007","outcome":"perhaps"}"#),
            ("200 OK", r#"{"outcome":"allow"}"#),
            ("500 No", "{}"),
            ("503 No", "busy"),
            ("301 No", ""),
        ] {
            assert!(http().answer(&response(status, "", body)).is_err(), "{status} {body}");
        }
        assert!(http().answer(b"SSH-2.0\r\n\r\n").is_err());
        assert!(http().answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
