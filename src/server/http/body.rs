//! A request's body: read whole, within bounds of size, of time and of what all bodies may hold together.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::OwnedSemaphorePermit;

use super::super::clock::now;
use super::super::service::{BODY_GRACE, Service};
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
        // What has come buys time at the least rate.
        let bought = Duration::from_secs_f64(whole.len() as f64 / bounds.body_bytes_per_s_min.max(1) as f64);
        let until = began + bounds.body_timeout.min(BODY_GRACE + bought);
        let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
            Err(_) => {
                let detail = format!(
                    "a body must come within {} ms, and with {} bytes a second or more",
                    bounds.body_timeout.as_millis(),
                    bounds.body_bytes_per_s_min,
                );
                return Err(Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "slow-body",
                    "The body comes too slowly",
                    detail,
                ));
            }
            Ok(None) => return Ok(whole),
            Ok(Some(Err(_))) => return Err(bad_body("the body can't be read to its end".to_owned())),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > most {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The body is too large",
                format!("such a body has at most {most} bytes"),
            ));
        }
        if shares_room {
            whole.hold(service, data.len())?;
        }
        whole.bytes.extend_from_slice(&data);
    }
}

impl Whole {
    /// Takes room for so many bytes more.
    fn hold(&mut self, service: &Service, bytes: usize) -> Result<(), Problem> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&service.bodies).try_acquire_many_owned(bytes) else {
            let detail = "the bodies of all requests together are too large for now";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(status, "overload", "There is no room for the body", detail)
                .retry_after(Duration::from_secs(1)));
        };
        match &mut self.room {
            Some(room) => room.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}
