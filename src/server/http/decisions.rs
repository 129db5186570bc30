//! What was decided, and why: read from the journal, for whoever may see it.
//!
//! Promises that a caller bound to a tenant is told of another's payment what it is told of one that never was.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::access::Who;
use super::super::looking::{Asked, Explained, Looking, NotShown, Seen};
use super::super::service::{RETRY_AFTER, Service};
use super::Problem;
use super::events::timeout;
use super::observed::Arrived;
use crate::catalogue::Language;
use crate::event::TEXT_BYTES_MAX;
use crate::explain::Style;
use crate::io::explanation::{Show, write_advice, write_explanation, write_explanation_text};
use crate::journal::Answers;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a request may say beside the id.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asks {
    tenant: Option<String>,
    #[serde(rename = "for")]
    reader: Option<Reader>,
    language: Option<Tongue>,
}

/// For whom an explanation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reader {
    #[default]
    Operator,
    Auditor,
    Customer,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tongue {
    #[default]
    En,
    Vi,
}

type Said = Result<Query<Asks>, QueryRejection>;

/// What a payment was answered, now and after each authentication.
#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    /// That of the last answer.
    outcome: &'a str,
    decision: &'a RawValue,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authentications: Vec<&'a RawValue>,
}

/// What was answered to a payment.
pub(super) async fn decision(
    State(service): State<Arc<Service>>,
    Extension(who): Extension<Who>,
    Extension(arrived): Extension<Arrived>,
    Path(id): Path<String>,
    query: Said,
    headers: HeaderMap,
) -> Response {
    let seen = look(&service, (&who, arrived), id.clone(), query, &headers, false).await;
    seen.and_then(|(seen, asks)| document(&id, asks.tenant.as_deref(), &seen.answers))
        .map_or_else(IntoResponse::into_response, |document| shown(JSON, document))
}

/// Why a payment was answered so.
pub(super) async fn explanation(
    State(service): State<Arc<Service>>,
    Extension(who): Extension<Who>,
    Extension(arrived): Extension<Arrived>,
    Path(id): Path<String>,
    query: Said,
    headers: HeaderMap,
) -> Response {
    let seen = look(&service, (&who, arrived), id, query, &headers, true).await;
    let text =
        headers.get_all(header::ACCEPT).iter().any(|accept| accept.as_bytes().starts_with(b"text/plain"));
    seen.and_then(|(Seen { explained, .. }, asks)| {
        let explained = explained.ok_or_else(|| not_shown(&NotShown::NoEvent))?;
        Ok(shown(if text { TEXT } else { JSON }, told(&explained, &asks, text)))
    })
    .unwrap_or_else(IntoResponse::into_response)
}

async fn look(
    service: &Arc<Service>,
    (who, arrived): (&Who, Arrived),
    id: String,
    query: Said,
    headers: &HeaderMap,
    explain: bool,
) -> Result<(Seen, Asks), Problem> {
    let Query(mut asks) = query.map_err(|_| {
        let detail = "a query may say `tenant`; of an explanation `for` (operator, auditor, customer) and `language` (en, vi) as well";
        Problem::new(StatusCode::BAD_REQUEST, "bad-query", "The query is none of this path's", detail)
    })?;
    if let Some(own) = who.tenant() {
        if asks.tenant.as_deref().is_some_and(|tenant| tenant != own) {
            return Err(not_shown(&NotShown::Nowhere));
        }
        asks.tenant = Some(own.to_owned());
    }
    if id.len() > TEXT_BYTES_MAX {
        return Err(not_shown(&NotShown::Nowhere));
    }
    // Nobody's payment waits for it.
    let time = timeout(headers)?.unwrap_or(service.settings.bounds.deadline_max);
    let deadline = service.deadline(arrived.0, Some(time));
    let asked = Asked { id, tenant: asks.tenant.clone(), explain, deadline };
    let seen = Looking::look(service, who.name(), asked).await;
    seen.map(|seen| (seen, asks)).map_err(|why| not_shown(&why))
}

fn document(id: &str, tenant: Option<&str>, answers: &Answers) -> Result<Vec<u8>, Problem> {
    #[derive(Deserialize)]
    struct Outcome<'l> {
        outcome: &'l str,
    }
    let strange = |error: serde_json::Error| not_shown(&NotShown::Answer(error.into()));
    let raw = |line: &'_ [u8]| serde_json::from_slice::<Box<RawValue>>(line).map_err(strange);
    let decision = raw(&answers.decision.line)?;
    let authentications =
        answers.authentications.iter().map(|told| raw(&told.line)).collect::<Result<Vec<_>, _>>()?;
    let last = authentications.last().unwrap_or(&decision);
    let Outcome { outcome } = serde_json::from_str(last.get()).map_err(strange)?;
    let authentications = authentications.iter().map(|line| &**line).collect();
    let document = Document { id, tenant, outcome, decision: &decision, authentications };
    serde_json::to_vec(&document).map_err(strange)
}

fn told(explained: &Explained, asks: &Asks, text: bool) -> Vec<u8> {
    let Explained { explanation, explainer } = explained;
    let language = match asks.language.unwrap_or_default() {
        Tongue::En => Language::English,
        Tongue::Vi => Language::Vietnamese,
    };
    let style = Style::new(language, explainer.rules());
    let reader = asks.reader.unwrap_or_default();
    let for_auditor = reader == Reader::Auditor;
    let mut out = Vec::new();
    // A buffer takes all that is written to it.
    let _ = match (reader, text) {
        (Reader::Customer, true) => {
            out.extend_from_slice(explanation.advice.text(language).as_bytes());
            out.push(b'\n');
            Ok(())
        }
        (Reader::Customer, false) => write_advice(&explanation.id, explanation.advice, &style, &mut out),
        (_, true) => {
            write_explanation_text(explanation, &style, Show { for_auditor, painted: false }, &mut out)
        }
        (_, false) => write_explanation(explanation, &style, for_auditor, &mut out),
    };
    out
}

fn shown(kind: HeaderValue, body: Vec<u8>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (headers, body).into_response()
}

fn not_shown(why: &NotShown) -> Problem {
    let unavailable = |word| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, word, "The journal can't be looked at now", why).retry_after(RETRY_AFTER)
    };
    let none = || Problem::new(StatusCode::NOT_FOUND, "no-decision", "There is no such decision", why);
    match why {
        NotShown::NotRecorded | NotShown::Nowhere | NotShown::TooFar(_) => none(),
        NotShown::NotYet => none().retry_after(RETRY_AFTER),
        NotShown::Late => unavailable("deadline"),
        NotShown::Warming => unavailable("warming"),
        NotShown::JournalFailed => unavailable("journal-failure"),
        _ => {
            tracing::error!(%why, "a decision can't be shown");
            // What the system says names folders of this machine, and what is wrong may pass.
            if why.is_of_the_disk() {
                let (status, detail) =
                    (StatusCode::SERVICE_UNAVAILABLE, "the disk did not give it; the log says more");
                return Problem::new(status, "unread", "The journal can't be looked at now", detail)
                    .retry_after(RETRY_AFTER);
            }
            let detail = match why {
                NotShown::Journal(_) | NotShown::Kept(_) => "the log says more".to_owned(),
                _ => why.to_string(),
            };
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", "The record can't be read", detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::JournalError;

    #[test]
    fn a_disk_that_gives_nothing_may_later_and_names_no_folder() {
        let disk = || JournalError::Disk {
            doing: "open",
            path: "/secret/journal".into(),
            source: std::io::Error::other("too many open files"),
        };
        let none = JournalError::None { folder: "/secret/journal".into() };
        for (why, status) in [
            (NotShown::Journal(disk()), 503),
            (NotShown::Kept(disk().into()), 503),
            (NotShown::Journal(none), 500),
        ] {
            let problem = not_shown(&why);
            let said = String::from_utf8(problem.to_json()).unwrap();
            assert_eq!(problem.status().as_u16(), status, "{said}");
            assert!(!said.contains("secret") && !said.contains("open files"), "{said}");
        }
    }
}
