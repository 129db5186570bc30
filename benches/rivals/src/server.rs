//! The HTTP server around a rival: the same crates, and the same way of sending small answers, as weir's.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::Rival;
use crate::payment::Payment;

/// Serves until the process is told to end.
///
/// # Errors
///
/// Where it can't listen there.
pub(crate) async fn serve(rival: Rival, listen: SocketAddr) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/v1/decisions", post(decide))
        .route(
            "/readyz",
            get(async || json_of(StatusCode::OK, json!({"status": "ready"}).to_string().into())),
        )
        .with_state(Arc::new(rival));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("can't listen on {listen}"))?;
    // Small answers must not wait for more to send.
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let told = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    // Whoever keeps a connection must not keep the process.
    tokio::select! {
        served = axum::serve(listener, routes) => served.context("the server ended"),
        () = told => Ok(()),
    }
}

async fn decide(State(rival): State<Arc<Rival>>, body: Bytes) -> Response {
    let payment = match Payment::read(&body) {
        Ok(payment) => payment,
        Err(error) => return problem(StatusCode::UNPROCESSABLE_ENTITY, "no-payment", &error),
    };
    let decided = rival.decide(&payment).await;
    match decided.and_then(|decided| Ok(decided.answer(&payment)?)) {
        Ok(answer) => json_of(StatusCode::OK, answer),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, "not-decided", &error),
    }
}

fn json_of(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn problem(status: StatusCode, kind: &str, error: &anyhow::Error) -> Response {
    let body = json!({"type": format!("urn:weir:problem:{kind}"), "detail": format!("{error:#}")});
    json_of(status, body.to_string().into())
}
