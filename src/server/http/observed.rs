//! What is measured and told of every request, and the page of what was measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::clock::{now, now_us};
use super::super::declared::Cause;
use super::super::metrics;
use super::super::service::Service;

/// What the gateway or the proxy calls a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of such an id at most.
const ID_MAX: usize = 64;
/// What OpenMetrics is served as.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How the paths begin that events are sent to.
const EVENTS: [&str; 2] = ["/v1/decisions", "/v1/events"];

/// Goes with a request: when its head had been read, from when its deadline counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived(pub(super) Instant);

/// Goes with a response that was declared, so that it is told.
#[derive(Clone, Copy)]
pub(super) struct WasDeclared(pub(super) Cause);

/// Goes with a response to a request that was turned away unread: it is counted as such, and is no measure of decisions.
#[derive(Clone, Copy)]
pub(super) struct TurnedAway;

/// Goes with a response that is a problem: its word.
#[derive(Clone)]
pub(super) struct Word(pub(super) String);

/// All that is measured.
pub(super) async fn page(State(service): State<Arc<Service>>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics::page(&service)).into_response()
}

/// Gives a request its id, measures it, and tells of it where it was refused, declared or slow.
pub(super) async fn observe(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = now();
    request.extensions_mut().insert(Arrived(begun));
    let sane = request.headers().get(&REQUEST_ID).filter(|id| is_sane(id)).cloned();
    let id = sane.unwrap_or_else(made);
    let route = request.extensions().get::<MatchedPath>().cloned();
    // The path itself may have a payment's id in it.
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    // What is asked of the past takes what the journal takes, and is no measure of decisions.
    let is_event = request.method() == Method::POST && EVENTS.iter().any(|path| route.starts_with(path));
    let mut response = next.run(request).await;
    let took = now() - begun;
    let status = response.status();
    if is_event && response.extensions().get::<TurnedAway>().is_none() {
        service.metrics.stages.whole.took(took, 1);
    }
    if route.starts_with("/v1/")
        && let Some(count) = service.metrics.responses.get(usize::from(status.as_u16() / 100) - 1)
    {
        count.add(1);
    }
    let request = id.to_str().unwrap_or_default();
    let (status_code, took_us) = (status.as_u16(), took.as_micros() as u64);
    let trickles = &service.trickles;
    let slow = service.settings.slow;
    if status.is_client_error() || status.is_server_error() {
        // Whoever asks whether it is ready hears that it is not, and that is told elsewhere.
        if route != "/readyz"
            && let Some(left_out) = trickles.refused.next()
        {
            let problem = response.extensions().get::<Word>().map_or("", |word| word.0.as_str());
            tracing::warn!(request, route, status = status_code, problem, took_us, left_out, "refused");
        }
    } else if let Some(WasDeclared(cause)) = response.extensions().get() {
        if let Some(left_out) = trickles.declared.next() {
            tracing::warn!(request, route, cause = cause.name(), took_us, left_out, "declared");
        }
    } else if is_event && !slow.is_zero() && took >= slow {
        if let Some(left_out) = trickles.slow.next() {
            tracing::warn!(request, route, status = status_code, took_us, left_out, "slow");
        }
    } else {
        tracing::debug!(request, route, status = status_code, took_us, "answered");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Whether it may stand in a log and in an answer.
fn is_sane(id: &HeaderValue) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=ID_MAX).contains(&id.len()) && id.as_bytes().iter().all(fits)
}

/// An id for a request that has none: the time, and how many were made before.
fn made() -> HeaderValue {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let id = format!("{:x}-{:x}", now_us(), MADE.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_given_is_taken_where_it_is_sane() {
        for (id, sane) in [("a-1_b.C", true), ("", false), ("a b", false), ("a\"b", false), ("a/b", false)] {
            assert_eq!(is_sane(&HeaderValue::from_str(id).unwrap()), sane, "{id}");
        }
        assert!(!is_sane(&HeaderValue::from_str(&"a".repeat(65)).unwrap()));
        let (one, other) = (made(), made());
        assert!(is_sane(&one) && one != other);
    }
}
