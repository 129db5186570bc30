//! Problem documents: what went wrong, as RFC 9457 writes it.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A kind of problem.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Kind {
    pub(in super::super) word: &'static str,
    pub(in super::super) status: u16,
    /// What it means, and what to do.
    pub(in super::super) about: &'static str,
}

const fn kind(word: &'static str, status: u16, about: &'static str) -> Kind {
    Kind { word, status, about }
}

/// Every kind of problem, by status.
pub(in super::super) const KINDS: [Kind; 57] = [
    kind("bad-event", 400, "The body is no event, or none of this path's; `detail` says why."),
    kind(
        "bad-frame",
        400,
        "What comes on the binary door is no hello, no frame or no request; `detail` says why.",
    ),
    kind("bad-query", 400, "The path, the query or a header says what it can't; `detail` says which."),
    kind(
        "secret",
        400,
        "The event holds a one-time password, a PIN, a card's number or the like; leave it out.",
    ),
    kind("bad-request", 400, "The body does not say what the path takes; `detail` has its form."),
    kind("unauthenticated", 401, "It is not known who asks, or the token is nobody's."),
    kind("approval", 403, "The approval does not count; `detail` says why."),
    kind("closed", 403, "The path is open to nobody."),
    kind(
        "scope",
        403,
        "Whoever asks lacks the scope that `detail` names, or is bound to a tenant where nobody may be.",
    ),
    kind("tenant", 403, "The event is another tenant's than the caller's."),
    kind(
        "unapproved",
        403,
        "The event would take up what needs approvals; ask on the administrative listener.",
    ),
    kind("web-page", 403, "A web page asks, where everybody on this machine may."),
    kind("no-decision", 404, "No decision with this id is on disk."),
    kind("no-such-path", 404, "There is no such path."),
    kind("unknown-rules", 404, "No rule set is proposed with this hash."),
    kind("method", 405, "The path has no such method."),
    kind("slow-body", 408, "The body comes too slowly."),
    kind("id-reused", 409, "Its id was used before with other content; give every event an id of its own."),
    kind("approvals", 409, "Approvals are lacking; `proposal` has those that count."),
    kind(
        "changed",
        409,
        "Another rule set decides than `from` says, or than when it was asked; `live` has its hash.",
    ),
    kind("decides", 409, "The rule set decides already."),
    kind("not-taken-up", 409, "The rule set is not taken up, and what decided goes on; `detail` says why."),
    kind("proposals", 409, "Too many rule sets wait to be taken up."),
    kind("rollback", 409, "No other rule set decided before."),
    kind("unfit", 409, "The rule set does not go with what runs; `detail` says why."),
    kind("batch-too-large", 413, "The batch holds too many payments."),
    kind("body-too-large", 413, "The body is too large."),
    kind("url-too-long", 414, "The URL is too long."),
    kind("refused", 422, "The engine refuses the event."),
    kind("attempt-reused", 422, "The attempt to authenticate was counted before."),
    kind("currency", 422, "The amount is in another currency than the rule set's, which has no rates."),
    kind("future", 422, "It happened too long after it was received; check the sender's clock."),
    kind("keys-full", 422, "There is no room for its keys."),
    kind("ledgers-full", 422, "There is no room for the features of one more rule set."),
    kind("list-full", 422, "The list has no room."),
    kind("no-rate", 422, "There is no rate of its currency at its time."),
    kind("not-a-payment", 422, "The event that it is about is not a payment."),
    kind("other-transaction", 422, "The step-up is another payment's."),
    kind("rule-sets-full", 422, "There is no room for one more rule set."),
    kind("rules", 422, "The rule set can't be used; `problems` says what is wrong, and where."),
    kind("side-buffer-full", 422, "There is no room for late events."),
    kind("step-up-expired", 422, "The step-up ended before."),
    kind("too-large", 422, "It is worth more than an amount can be."),
    kind("too-old", 422, "The payment that it is about is too old to be corrected."),
    kind("unknown-list", 422, "The rule set has no such list."),
    kind("unknown-rates", 422, "No rates of this version are staged."),
    kind("unknown-rule-set", 422, "No rule set of this hash is staged."),
    kind("unknown-transaction", 422, "The payment that it is about is not known."),
    kind("kept-rules", 500, "The rule set can't be kept with the journal, or read there."),
    kind("unreadable", 500, "The record can't be read, or not explained; the log says more."),
    kind("deadline", 503, "There is no answer in time, and none is declared for that."),
    kind("draining", 503, "The process is about to end."),
    kind("journal-failure", 503, "The journal has failed, and nothing is declared for that."),
    kind("not-ready", 503, "Rule sets can't be changed now; `detail` says why."),
    kind("overload", 503, "More comes than is decided in time; try again after `Retry-After`."),
    kind(
        "unread",
        503,
        "The disk did not give what is there; try again after `Retry-After`. The log says more.",
    ),
    kind("warming", 503, "The engine is not ready, and nothing is declared for that; see /readyz."),
];

/// A problem. Its `type` is `urn:weir:problem:` and a word that programs can go by.
#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The event's id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// What else programs may want to know.
    #[serde(flatten)]
    more: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    pub(in super::super) fn new(
        status: StatusCode,
        word: &str,
        title: &'static str,
        detail: impl ToString,
    ) -> Self {
        Self {
            kind: format!("urn:weir:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: detail.to_string(),
            event: None,
            more: None,
            retry_after: None,
        }
    }

    /// Of an event.
    pub(in super::super) fn of(self, event: Option<&str>) -> Self {
        Self { event: event.map(str::to_owned), ..self }
    }

    /// Which may be gone later.
    pub(in super::super) fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// With this besides.
    pub(in super::super) fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.more.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// What is wrong, in words.
    pub(in super::super) fn detail(&self) -> String {
        let problems = self.more.as_ref().and_then(|more| more.get("problems")?.as_array());
        let line = |problem: &serde_json::Value| {
            let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
            match problem["line"].as_u64() {
                Some(line) => format!("{}:{line}:{}: {}", text("file"), problem["column"], text("message")),
                None => text("message"),
            }
        };
        let errors = problems.into_iter().flatten().filter(|problem| problem["severity"] == "error");
        let lines: Vec<String> = errors.map(line).collect();
        if lines.is_empty() { self.detail.clone() } else { lines.join("\n") }
    }

    /// When to try again, where it may be gone then.
    pub(in super::super) fn gone_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The word that programs can go by.
    pub(in super::super) fn word(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    pub(in super::super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(in super::super) fn to_json(&self) -> Vec<u8> {
        // No map here has keys that are no texts, and nothing else can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_json()).into_response();
        response.extensions_mut().insert(super::observed::Word(self.word().to_owned()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            headers
                .insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::KINDS;

    /// The first text of each call of `Problem::new`, and of `conflict`, that can be a word.
    fn words_of(source: &str) -> Vec<String> {
        let is_word = |text: &&str| {
            text.contains(|c: char| c.is_ascii_lowercase())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        let source = source.replace("conflict(\"", "Problem::new(\"");
        let calls = source.split("Problem::new(").skip(1);
        calls.filter_map(|call| call.split('"').nth(1).filter(is_word).map(str::to_owned)).collect()
    }

    #[test]
    fn every_problem_that_is_told_is_in_the_list() {
        let mut said: BTreeSet<String> = BTreeSet::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut folders = vec![root.join("server")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    said.extend(words_of(&std::fs::read_to_string(path).unwrap()));
                }
            }
        }
        let refusals = std::fs::read_to_string(root.join("engine/refusal.rs")).unwrap();
        let codes = refusals.split("=> \"").skip(1).filter_map(|code| code.split('"').next());
        said.extend(codes.map(|code| code.replace('_', "-")));
        assert!(said.len() > 30, "{said:?}");
        let known: BTreeSet<String> = KINDS.iter().map(|kind| kind.word.to_owned()).collect();
        assert_eq!(known.len(), KINDS.len());
        let unknown: Vec<_> = said.difference(&known).collect();
        assert!(unknown.is_empty(), "add them to KINDS: {unknown:?}");
    }
}
