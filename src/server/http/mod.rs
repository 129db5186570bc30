//! Routes: what can be asked, and how answers and problems are written.

/// What only those may ask for who administrate.
mod admin;
/// A request's body.
mod body;
/// What was decided, and why.
mod decisions;
/// Transactions and other events.
mod events;
/// Who may ask for what.
mod guard;
/// How the process is.
mod health;
/// What can be asked.
mod interface;
/// What is measured and told.
mod observed;
mod problem;
/// Rule sets by request.
mod rules;
/// What is answered before its body is read.
mod unread;

pub(super) use body::{no_room, slow_body, too_large};
pub(super) use events::{let_go, written};
#[cfg(test)]
pub(super) use guard::ROUTES;
pub(super) use guard::{Needs, Refused, needs_of};
pub(super) use problem::{KINDS, Problem};
pub(super) use unread::crowded;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};

use super::measure::{self, Without};
use super::service::Service;

/// All routes for clients.
pub(super) fn routes(service: Arc<Service>) -> Router {
    let events = Router::new()
        .route("/v1/decisions", post(events::decide))
        .route("/v1/decisions:batch", post(events::decide_batch))
        .route("/v1/decisions/{id}/authentication", post(events::authenticate))
        .route("/v1/events", post(events::take))
        .route_layer(from_fn_with_state(Arc::clone(&service), unread::turn_away));
    let routes = events
        .route("/v1/decisions/{id}", get(decisions::decision))
        .route("/v1/decisions/{id}/explanation", get(decisions::explanation))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(interface::document))
        .route("/docs", get(interface::page))
        .route("/metrics", get(observed::page));
    let bare = if service.settings.without == Without::Engine { measure::bare() } else { Router::new() };
    guarded(routes, service).merge(bare)
}

/// All routes for those who administrate.
pub(super) fn admin_routes(service: Arc<Service>) -> Router {
    let routes = Router::new()
        .route("/v1/access", get(admin::access))
        .route("/v1/rules", get(rules::look).post(rules::propose))
        .route("/v1/rules/shadow", delete(rules::drop_shadow))
        .route("/v1/rules/warming", delete(rules::cancel_warming))
        .route("/v1/rules/rollback", post(rules::roll_back))
        .route("/v1/rules/{hash}", get(rules::look_at))
        .route("/v1/rules/{hash}/approvals", post(rules::approve))
        .route("/v1/rules/{hash}/activate", post(rules::activate))
        .route("/v1/rules/{hash}/shadow", post(rules::shadow))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(interface::document))
        .route("/docs", get(interface::page))
        .route("/metrics", get(observed::page));
    guarded(routes, service)
}

/// The same with what stands before every route, and with problems where there is none.
fn guarded(routes: Router<Arc<Service>>, service: Arc<Service>) -> Router {
    routes
        .route_layer(from_fn_with_state(Arc::clone(&service), guard::guard))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no-such-path", "There is no such path", ""))
        .method_not_allowed_fallback(async || no_method())
        .layer(from_fn_with_state(Arc::clone(&service), observed::observe))
        .layer(from_fn(unread::close))
        .with_state(service)
}

fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This path has no such method", "")
}
