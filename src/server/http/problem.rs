//! Problem documents: what went wrong, as RFC 9457 writes it.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

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

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // No map here has keys that are no texts, and nothing else can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_json()).into_response();
        let word = self.kind.rsplit(':').next().unwrap_or_default();
        response.extensions_mut().insert(super::observed::Word(word.to_owned()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = self.retry_after {
            headers
                .insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}
