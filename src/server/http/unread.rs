//! A request that is answered before its body is read, and what becomes of its connection.
//!
//! Over HTTP/1.1 such a connection can't take another request: what is left of the body stands before it. Promises that the
//! answer says so, or a client sends its next request on a connection that is closed meanwhile; and that whoever is turned
//! away for want of room keeps its connection where the body came with the head, since new ones would cost more than answers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};

use super::super::access::Who;
use super::super::service::Service;
use super::Problem;
use super::observed::TurnedAway;

/// A body that tells whether it was read to its end.
struct Watched {
    body: Body,
    is_read: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Says with an answer that its connection ends, where it must.
pub(super) async fn close(request: Request, next: Next) -> Response {
    if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let is_read = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&is_read);
    let request = request.map(|body| Body::new(Watched { body, is_read: watched }));
    let mut response = next.run(request).await;
    if !is_read.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Lets a request with events through to its route where there is room for one more, and turns it away at once otherwise:
/// of what was not read nothing can be declared.
pub(super) async fn turn_away(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let sender = request.extensions().get::<Who>().map_or(0, |who| who.sender);
    if let Some(flight) = service.flights.begin(sender) {
        let response = next.run(request).await;
        drop(flight);
        return response;
    }
    if request.version() <= Version::HTTP_11 && !request.headers().contains_key(header::EXPECT) {
        pass_over(request.into_body()).await;
    }
    let mut response = crowded(&service).into_response();
    response.extensions_mut().insert(TurnedAway);
    response
}

/// The problem that a request is for which there is no room.
pub(in super::super) fn crowded(service: &Service) -> Problem {
    service.counts.turned_away.add(1);
    let detail = "more requests are on their way than are answered in time; nothing of this one was read";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overload", "There is no room for the request", detail)
        .retry_after(service.queue.estimate())
}

/// Bytes that are passed over at most.
const PASSED_OVER_BYTES: usize = 64 << 10;
/// How often it is looked whether more came; the connection gives what it has once it was asked for it.
const LOOKS: usize = 3;

/// Takes what of a body came with its head, and waits for nothing else.
async fn pass_over(mut body: Body) {
    let (mut bytes, mut looks) = (0, 0);
    while bytes < PASSED_OVER_BYTES && looks < LOOKS {
        match poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await {
            Poll::Ready(Some(Ok(frame))) => bytes += frame.data_ref().map_or(0, Bytes::len),
            Poll::Ready(Some(Err(_)) | None) => return,
            Poll::Pending => {
                looks += 1;
                tokio::task::yield_now().await;
            }
        }
    }
}
