//! How the process is: for whoever restarts it, and for whoever sends it requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::service::{Service, Stage};
use crate::journal::Stage as Recovery;

/// It runs.
pub(super) async fn healthz() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// Whether it decides, and if not why.
pub(super) async fn readyz(State(service): State<Arc<Service>>) -> Response {
    let said = match service.stage() {
        Stage::Ready => return Json(json!({"status": "ready"})).into_response(),
        Stage::Recovering(progress) => json!({
            "status": "recovering",
            "stage": if progress.stage == Recovery::Checking { "checking" } else { "taking" },
            "events": progress.events,
            "bytes": progress.bytes,
            "of_bytes": progress.of_bytes,
        }),
        Stage::Alone(why) => {
            let said = json!({"status": "journal_failed", "why": &*why, "answers": true});
            return Json(said).into_response();
        }
        Stage::JournalFailed(why) => json!({"status": "journal_failed", "why": &*why}),
        Stage::Draining => json!({"status": "draining"}),
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(said)).into_response()
}
