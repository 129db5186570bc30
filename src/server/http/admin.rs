//! What only those may ask for who administrate, on a listener of their own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::service::Service;

/// Who may ask for what, without what they show.
pub(super) async fn access(State(service): State<Arc<Service>>) -> Response {
    let access = &service.settings.access;
    let callers: Vec<_> = access
        .callers()
        .map(|caller| {
            json!({
                "name": caller.name,
                "by": caller.proof.name(),
                "scopes": caller.scopes,
                "tenant": caller.tenant,
            })
        })
        .collect();
    Json(json!({"open_to_this_machine": access.is_open(), "callers": callers})).into_response()
}
