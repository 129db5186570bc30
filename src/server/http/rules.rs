//! Rule sets by request, on the administrative listener alone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::access::Who;
use super::super::rules::{self, How, Sent};
use super::super::service::Service;
use super::Problem;
use super::body::{whole, whole_rules};

type Shared = State<Arc<Service>>;
type By = Extension<Who>;

fn said(status: StatusCode, done: Result<Value, Problem>) -> Response {
    done.map_or_else(Problem::into_response, |said| (status, Json(said)).into_response())
}

/// What a body says; nothing of it is shown.
fn read<T: DeserializeOwned>(body: &[u8], form: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the body must be {form} (line {}, column {})", error.line(), error.column());
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", "The body says something else", detail)
    })
}

/// How a rule set is to be taken up; an empty body says nothing of it.
async fn how(service: &Service, body: Body) -> Result<How, Problem> {
    let body = whole(service, body).await?;
    if body.trim_ascii().is_empty() {
        return Ok(How::default());
    }
    read(&body, "{\"warm\":true,\"from\":\"HASH\"}, a part of it, or empty")
}

/// Does it to its end, and tells it in the log, also where whoever asked has gone.
async fn to_its_end(
    work: impl Future<Output = Result<Value, Problem>> + Send + 'static,
) -> Result<Value, Problem> {
    let ended =
        |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", "The process is about to end", "");
    tokio::spawn(work).await.map_err(ended)?
}

/// All that is known.
pub(super) async fn look(State(service): Shared) -> Response {
    said(StatusCode::OK, rules::look(&service).await)
}

/// One that is proposed.
pub(super) async fn look_at(State(service): Shared, Path(hash): Path<String>) -> Response {
    said(StatusCode::OK, rules::look_at(&service, &hash).await)
}

/// Proposes one.
pub(super) async fn propose(State(service): Shared, Extension(who): By, body: Body) -> Response {
    let propose = async {
        let _sending = service.rules.sending.lock().await;
        let sent: Sent = {
            let body = whole_rules(&service, body).await?;
            read(&body, "{\"file\":\"PATH\",\"files\":{\"PATH\":\"TEXT\",...}}")?
        };
        rules::propose(&service, who.name(), sent).await
    };
    said(StatusCode::CREATED, propose.await)
}

/// Approves one.
pub(super) async fn approve(State(service): Shared, Path(hash): Path<String>, body: Body) -> Response {
    let approve = async {
        let body = whole(&service, body).await?;
        let signed = read(&body, "{\"approver\":\"NAME\",\"signature\":\"HEX\"}")?;
        rules::approve(&service, &hash, signed).await
    };
    said(StatusCode::OK, approve.await)
}

/// Takes one up.
pub(super) async fn activate(
    State(service): Shared,
    Extension(who): By,
    Path(hash): Path<String>,
    body: Body,
) -> Response {
    let activate = async move {
        let how = how(&service, body).await?;
        rules::activate(&service, who.name(), &hash, how).await
    };
    taken_up(to_its_end(activate).await)
}

/// Goes back to the one that decided before.
pub(super) async fn roll_back(State(service): Shared, Extension(who): By, body: Body) -> Response {
    let roll_back = async move {
        let how = how(&service, body).await?;
        rules::roll_back(&service, who.name(), how).await
    };
    taken_up(to_its_end(roll_back).await)
}

/// One that is warmed first does not decide yet.
fn taken_up(done: Result<Value, Problem>) -> Response {
    let warms = done.as_ref().is_ok_and(|said| said["warming"] == true);
    said(if warms { StatusCode::ACCEPTED } else { StatusCode::OK }, done)
}

/// Cancels the warm-up that is on.
pub(super) async fn cancel_warming(State(service): Shared, Extension(who): By) -> Response {
    let cancel = async move { rules::cancel_warming(&service, who.name()).await };
    said(StatusCode::OK, to_its_end(cancel).await)
}

/// Lets one decide beside.
pub(super) async fn shadow(State(service): Shared, Extension(who): By, Path(hash): Path<String>) -> Response {
    said(StatusCode::OK, rules::shadow(&service, who.name(), &hash).await)
}

/// Lets none decide beside.
pub(super) async fn drop_shadow(State(service): Shared) -> Response {
    said(StatusCode::OK, rules::drop_shadow(&service).await)
}
