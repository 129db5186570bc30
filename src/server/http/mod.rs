//! Routes: what can be asked, and how answers and problems are written.

/// Transactions and other events.
mod events;
/// How the process is.
mod health;
/// What is measured and told.
mod observed;
mod problem;

pub(super) use problem::Problem;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::service::Service;

/// All routes for clients.
pub(super) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v1/decisions", post(events::decide))
        .route("/v1/decisions:batch", post(events::decide_batch))
        .route("/v1/decisions/{id}/authentication", post(events::authenticate))
        .route("/v1/events", post(events::take))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(observed::page))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no-such-path", "There is no such path", ""))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This path has no such method", "")
        })
        .layer(from_fn_with_state(Arc::clone(&service), observed::observe))
        .with_state(service)
}
