//! Transactions, answers to step-ups and all other events, one or many a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;

use super::super::access::{Scope, Who};
use super::super::clock::now;
use super::super::reading::{BadBody, Given, Taken};
use super::super::service::{NoReply, Replied, Reply, Service};
use super::super::ticket::What;
use super::Problem;
use super::body::whole;
use super::observed::{Arrived, WasDeclared};
use crate::engine::VERSION;
use crate::event::{Event, Kind, TextField};
use crate::io::Reason;

/// How long the client waits, in milliseconds.
const TIMEOUT_HEADER: &str = "weir-timeout-ms";
/// The same, as Envoy says of itself.
const ENVOY_HEADER: &str = "x-envoy-expected-rq-timeout-ms";

type Shared = State<Arc<Service>>;
type By = Extension<Who>;
type At = Extension<Arrived>;

/// One transaction.
pub(super) async fn decide(
    State(service): Shared,
    Extension(who): By,
    Extension(arrived): At,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let given = Given { kind: Some(Kind::Transaction), ..Given::default() };
    one(&service, &who, arrived, &headers, body, given).await
}

/// How a step-up of a transaction was answered.
pub(super) async fn authenticate(
    State(service): Shared,
    Extension(who): By,
    Extension(arrived): At,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let given =
        Given { kind: Some(Kind::Authentication), transaction: Some(id.as_str()), ..Given::default() };
    one(&service, &who, arrived, &headers, body, given).await
}

/// Any other event.
pub(super) async fn take(
    State(service): Shared,
    Extension(who): By,
    Extension(arrived): At,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let controls = who.tenant().is_none() && (who.may(Scope::Rules) || who.may(Scope::Admin));
    one(&service, &who, arrived, &headers, body, Given { controls, ..Given::default() }).await
}

/// Many transactions; each has an answer of its own.
pub(super) async fn decide_batch(
    State(service): Shared,
    Extension(who): By,
    Extension(arrived): At,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match whole(&service, body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let bodies: Vec<&RawValue> = match serde_json::from_slice(&body) {
        Ok(bodies) => bodies,
        Err(error) => {
            // What the parser says of a value may show it.
            let at = error.column();
            return bad_body(format!("the body is no JSON array (byte {at})")).into_response();
        }
    };
    let most = service.settings.bounds.batch_events_max;
    if bodies.len() > most {
        let detail = format!("{} transactions; a batch holds at most {most}", bodies.len());
        return Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "batch-too-large",
            "The batch is too large",
            detail,
        )
        .into_response();
    }
    let bodies: Vec<&[u8]> = bodies.iter().map(|body| body.get().as_bytes()).collect();
    let given = Given { kind: Some(Kind::Transaction), tenant: who.tenant(), ..Given::default() };
    let deadline = match timeout(&headers) {
        Ok(time) => service.deadline(arrived.0, time),
        Err(problem) => return problem.into_response(),
    };
    let replies = service.ask(&bodies, given, who.sender, arrived.0, deadline).await;
    let declared = replies.iter().find_map(|replied| declared(&replied.reply));
    let let_go = replies.iter().filter_map(|replied| let_go(&replied.reply)).max();
    let mut out = b"{\"answers\":[".to_vec();
    for (at, Replied { taken, reply, mut line }) in replies.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match written(taken.as_deref(), reply, &mut line) {
            Ok(_) => out.extend_from_slice(&line),
            Err(problem) => out.extend_from_slice(&problem.to_json()),
        }
    }
    out.extend_from_slice(b"]}\n");
    let response = told(json(StatusCode::OK, out), declared);
    service.metrics.wrote(let_go, arrived.0, now());
    response
}

async fn one(
    service: &Service,
    who: &Who,
    arrived: Arrived,
    headers: &HeaderMap,
    body: Body,
    given: Given<'_>,
) -> Response {
    let body = match whole(service, body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let deadline = match timeout(headers) {
        Ok(time) => service.deadline(arrived.0, time),
        Err(problem) => return problem.into_response(),
    };
    let given = Given { tenant: who.tenant(), ..given };
    let mut replies = service.ask(&[&body], given, who.sender, arrived.0, deadline).await;
    let Some(Replied { taken, reply, mut line }) = replies.pop() else {
        return bad_body("the body is empty".to_owned()).into_response();
    };
    let (declared, let_go) = (declared(&reply), let_go(&reply));
    let response = match written(taken.as_deref(), reply, &mut line) {
        Ok(status) => told(json(status, line), declared),
        Err(problem) => problem.into_response(),
    };
    service.metrics.wrote(let_go, arrived.0, now());
    response
}

/// When an answer was let go, where it waited for that.
pub(in super::super) fn let_go(reply: &Result<Reply, NoReply>) -> Option<Instant> {
    if let Ok(Reply::Answer(answered)) = reply { answered.let_go } else { None }
}

/// The cause, where an answer was declared.
fn declared(reply: &Result<Reply, NoReply>) -> Option<WasDeclared> {
    if let Ok(Reply::Declared(said)) = reply { Some(WasDeclared(said.cause)) } else { None }
}

/// A response that says of itself whether it was declared.
fn told(mut response: Response, declared: Option<WasDeclared>) -> Response {
    if let Some(declared) = declared {
        response.extensions_mut().insert(declared);
    }
    response
}

fn json(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = (status, bytes).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// How long whoever waits least does, where any says so. What Envoy says is not the client's, and passed over where it is
/// no number.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let ms = |value: &HeaderValue| value.to_str().ok()?.trim().parse::<u64>().ok();
    let said = match headers.get(TIMEOUT_HEADER) {
        Some(value) => Some(ms(value).ok_or_else(|| {
            let detail = format!("`{TIMEOUT_HEADER}` must be a whole number of milliseconds");
            Problem::new(StatusCode::BAD_REQUEST, "bad-query", "The request says what it can't", detail)
        })?),
        None => None,
    };
    let envoy = headers.get(ENVOY_HEADER).and_then(ms);
    Ok(said.into_iter().chain(envoy).min().map(Duration::from_millis))
}

/// The problem that a body is which is no event.
fn no_event(bad: &BadBody) -> Problem {
    match bad {
        BadBody::OtherTenant => {
            Problem::new(StatusCode::FORBIDDEN, "tenant", "The event is another tenant's", bad)
        }
        BadBody::Approvals => Problem::new(
            StatusCode::FORBIDDEN,
            "unapproved",
            "The event would take up what needs approvals",
            bad,
        ),
        BadBody::Control => Problem::new(StatusCode::FORBIDDEN, "scope", "A scope is missing", bad),
        BadBody::Reason(Reason::Secret { .. }) => {
            Problem::new(StatusCode::BAD_REQUEST, "secret", "The event holds a secret", bad)
        }
        _ => bad_body(bad.to_string()),
    }
}

pub(super) fn bad_body(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-event", "The body is no event", detail)
}

/// Makes an answer to an event of its line where it is the engine's, or the problem that there is instead.
pub(in super::super) fn written(
    taken: Option<&Taken>,
    reply: Result<Reply, NoReply>,
    line: &mut Vec<u8>,
) -> Result<StatusCode, Problem> {
    let event = taken.map(|taken| &taken.event);
    let id = event.map(Event::id);
    let answered = match reply {
        Ok(Reply::Answer(answered)) => answered,
        Ok(Reply::Declared(said)) => {
            let mut declared = serde_json::json!({
                "id": id,
                "time_us": event.map(Event::time_us),
                "outcome": said.demand.outcome.name(),
                "declared": said.cause.name(),
                // It is on disk no sooner than the engine has taken the event in.
                "durable": false,
                "engine": VERSION,
            });
            if let Some(tenant) = event.and_then(|event| event.text(TextField::Tenant)) {
                declared["tenant"] = tenant.into();
            }
            if !said.auth.is_empty() {
                declared["auth"] = said.auth.clone().into();
            }
            *line = declared.to_string().into_bytes();
            return Ok(StatusCode::OK);
        }
        Ok(Reply::Later) => {
            *line = serde_json::json!({"id": id, "taken": "later"}).to_string().into_bytes();
            return Ok(StatusCode::ACCEPTED);
        }
        Err(NoReply::BadBody(bad)) => return Err(no_event(&bad)),
        Err(NoReply::Draining) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(status, "draining", "The process is about to end", "").of(id));
        }
        Err(NoReply::Refused(cause, after)) => {
            let detail = format!("nothing is declared for {}", cause.name());
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                &cause.name().replace('_', "-"),
                "There is no decision in time",
                detail,
            )
            .of(id)
            .retry_after(after));
        }
    };
    line.pop_if(|last| *last == b'\n');
    if !answered.durable && line.pop_if(|last| *last == b'}').is_some() {
        line.extend_from_slice(b",\"durable\":false}");
    }
    match answered.what {
        What::Decision { .. } | What::Alert => Ok(StatusCode::OK),
        What::Taken => {
            let mut taken = serde_json::json!({"id": id, "taken": true});
            if !answered.durable {
                taken["durable"] = false.into();
            }
            *line = taken.to_string().into_bytes();
            Ok(StatusCode::OK)
        }
        What::IdReused => Err(refused(StatusCode::CONFLICT, "id-reused", line).of(id)),
        What::Refused => Err(refused(StatusCode::UNPROCESSABLE_ENTITY, "refused", line).of(id)),
    }
}

/// The problem that a refusal is.
fn refused(status: StatusCode, word: &str, line: &[u8]) -> Problem {
    let said: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    let word = said["refused"].as_str().map_or_else(|| word.to_owned(), |code| code.replace('_', "-"));
    let detail = said["message"].as_str().unwrap_or_default().to_owned();
    let problem = Problem::new(status, &word, "The event is refused", detail);
    match said.get("declared") {
        Some(declared) => problem.with("declared", declared.clone()),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_least_says_how_long() {
        for (said, envoy, time) in [
            (None, None, Ok(None)),
            (Some("250"), None, Ok(Some(250))),
            (None, Some("90"), Ok(Some(90))),
            (Some("250"), Some("90"), Ok(Some(90))),
            (Some(" 40 "), Some("90"), Ok(Some(40))),
            (Some("40"), Some("soon"), Ok(Some(40))),
            (None, Some("-1"), Ok(None)),
            (Some("-1"), None, Err(400)),
            (Some("1.5"), Some("90"), Err(400)),
            (Some(""), None, Err(400)),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(TIMEOUT_HEADER, said), (ENVOY_HEADER, envoy)] {
                value.and_then(|value| headers.insert(name, HeaderValue::from_static(value)));
            }
            let found = timeout(&headers).map_err(|problem| problem.status().as_u16());
            assert_eq!(found, time.map(|ms| ms.map(Duration::from_millis)), "{said:?} {envoy:?}");
        }
    }

    #[test]
    fn a_refusal_shows_what_is_declared_for_it() {
        let line = br#"{"id":"t-1","time_us":7,"refused":"no_rate","declared":"block","message":"no rate"}"#;
        let json = refused(StatusCode::UNPROCESSABLE_ENTITY, "refused", line).of(Some("t-1")).to_json();
        let said: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!((&said["declared"], &said["type"]), (&"block".into(), &"urn:weir:problem:no-rate".into()));
        let line = br#"{"id":"t-1","time_us":7,"refused":"too_old","message":"too old"}"#;
        let json = refused(StatusCode::UNPROCESSABLE_ENTITY, "refused", line).to_json();
        assert!(!String::from_utf8(json).unwrap().contains("declared"));
    }
}
