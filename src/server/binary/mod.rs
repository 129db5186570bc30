//! The binary door: frames in, answers out, many at a time on one connection; `docs/binary.md` says how they are laid out.
//!
//! Promises that what is answered is what HTTP answers, by the same callers, scopes, bounds, deadlines and queue; that every
//! frame which was taken in is answered once; and that a connection holds no more than its bounds say, whether its client is
//! slow to send, slow to read, or gone. One task serves a connection, and none a request.
//!
//! ```text
//!  bytes ─▶ input ─▶ frames ─▶ Service::take_in ─▶ slots ◀─ bells ─ tickets
//!                                                    └─▶ Service::settle ─▶ output ─▶ bytes
//! ```

/// Answers as frames.
mod answer;
/// Who tells a connection that an answer may be there.
mod bell;
/// One connection.
mod connection;
/// Bytes that came.
mod input;
/// Bytes that are to go.
mod output;
/// Requests that wait for their answers.
mod slots;

pub(super) use bell::Bell;
#[cfg(test)]
pub(super) use bell::Rings;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::access::{Scope, Who};
use super::clock::now;
use super::connection::{Ending, told};
use super::http::{Problem, Refused};
use super::service::Service;
use crate::frames::{FrameError, Hello, Type, Welcome};
use connection::Connection;
use input::Input;
use slots::Request;

/// How long a client may go on sending once it was told that nothing more is read, so that it reads what it was told.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves frames until the connection ends, or is ended. `who` is whose the connection is known to be.
pub(super) async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    who: Option<Who>,
    service: &Arc<Service>,
    mut ending: watch::Receiver<Ending>,
) {
    let mut input = Input::default();
    let hello = tokio::select! {
        hello = tokio::time::timeout(
            service.settings.bounds.header_timeout,
            hello(&mut stream, &mut input, who, service),
        ) => hello,
        _ = told(&mut ending, false) => return,
    };
    let who = match hello {
        Ok(Some(Ok(who))) => who,
        Ok(Some(Err(problem))) => {
            let mut out = Vec::new();
            let request = Request { id: 0, kind: Type::Welcome, brief: false, begun: now() };
            answer::write_problem(service, &request, &problem, Duration::ZERO, &mut out);
            if stream.write_all(&out).await.is_ok() {
                goodbye(&mut stream).await;
            }
            return;
        }
        // It went away, or takes too long.
        Ok(None) | Err(_) => return,
    };
    let mut connection = Connection::new(&mut stream, input, who, service);
    connection.welcome(&welcome(service));
    let mut is_ending = false;
    let is_well = loop {
        tokio::select! {
            is_well = poll_fn(|cx| connection.poll(cx)) => break is_well,
            ended = told(&mut ending, is_ending) => match ended {
                Ending::Soon => {
                    is_ending = true;
                    connection.stop();
                }
                Ending::No | Ending::Now => return,
            },
        }
    };
    if is_well {
        goodbye(&mut stream).await;
    }
}

/// What the server says of itself.
fn welcome(service: &Service) -> Welcome {
    let bounds = &service.settings.bounds;
    Welcome {
        payload_bytes_max: u32::try_from(bounds.body_bytes_max).unwrap_or(u32::MAX),
        in_flight_max: u32::try_from(bounds.frames_max).unwrap_or(u32::MAX),
    }
}

/// Who begins the connection, or why nobody does; none where it went away.
async fn hello(
    stream: &mut (impl AsyncRead + Unpin),
    input: &mut Input,
    who: Option<Who>,
    service: &Service,
) -> Option<Result<Who, Problem>> {
    loop {
        match Hello::read(input.unread()) {
            Err(error) => return Some(Err(bad_frame(&error))),
            Ok(None) => {}
            Ok(Some((hello, taken))) => {
                let known = match hello.token {
                    [] => who.ok_or(Refused::Unknown),
                    token => service.settings.access.of_token(token).ok_or(Refused::Token),
                };
                input.take(taken);
                return Some(known.and_then(may_ask).map_err(|refused| refused.problem()));
            }
        }
        if poll_fn(|cx| input.poll_read(stream, cx)).await.ok()? == 0 {
            return None;
        }
    }
}

/// Whoever may send some frame at least.
fn may_ask(who: Who) -> Result<Who, Refused> {
    let may = who.may(Scope::Score) || who.may(Scope::Events);
    if may { Ok(who) } else { Err(Refused::Scope(Scope::Score)) }
}

fn bad_frame(error: &FrameError) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-frame", "The bytes are no frame", error)
}

/// Ends it so that what was written is read: a connection that is closed with bytes unread is torn down at once.
async fn goodbye(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let _ = tokio::time::timeout(GOODBYE, async {
        stream.shutdown().await?;
        let mut passed_over = [0; 4096];
        while stream.read(&mut passed_over).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}
