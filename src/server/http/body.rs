//! A request's body: read whole, within bounds of size, of time and of what all bodies may hold together.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::super::clock::now;
use super::super::service::Service;
use super::super::settings::Bounds;
use super::Problem;
use super::events::bad_body;

/// A whole body; the room that it takes is free again when it is dropped.
pub(super) struct Whole {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The whole body, within the bounds.
pub(super) async fn whole(service: &Service, body: Body) -> Result<Whole, Problem> {
    read(service, body, service.settings.bounds.body_bytes_max, true).await
}

/// The whole body of a rule set, which takes none of the room that the bodies of events have: there is one at a time.
pub(super) async fn whole_rules(service: &Service, body: Body) -> Result<Whole, Problem> {
    read(service, body, service.settings.bounds.rules_bytes_max, false).await
}

async fn read(service: &Service, mut body: Body, most: usize, shares_room: bool) -> Result<Whole, Problem> {
    let bounds = &service.settings.bounds;
    let began = now();
    let mut whole = Whole { bytes: Vec::new(), room: None };
    loop {
        let until = bounds.body_until(began, whole.len());
        let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
            Err(_) => return Err(slow_body(bounds)),
            Ok(None) => return Ok(whole),
            Ok(Some(Err(_))) => return Err(bad_body("the body can't be read to its end".to_owned())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > most {
            return Err(too_large(most));
        }
        if shares_room {
            whole.hold(service, data.len())?;
        }
        whole.bytes.extend_from_slice(&data);
    }
}

/// The problem that a body is which comes too slowly.
pub(in super::super) fn slow_body(bounds: &Bounds) -> Problem {
    let detail = format!(
        "a body must come within {} ms, and with {} bytes a second or more",
        bounds.body_timeout.as_millis(),
        bounds.body_bytes_per_s_min,
    );
    Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", "The body comes too slowly", detail)
}

/// The problem that one is which has more bytes than such a body may have.
pub(in super::super) fn too_large(most: usize) -> Problem {
    let detail = format!("such a body has at most {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large", detail)
}

/// The problem that one is for which there is no room beside the others.
pub(in super::super) fn no_room() -> Problem {
    let detail = "the bodies of all requests together are too large for now";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "overload", "There is no room for the body", detail)
        .retry_after(Duration::from_secs(1))
}

impl Whole {
    /// Takes room for so many bytes more.
    fn hold(&mut self, service: &Service, bytes: usize) -> Result<(), Problem> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&service.bodies).try_acquire_many_owned(bytes) else {
            return Err(no_room());
        };
        match &mut self.room {
            Some(room) => room.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}
