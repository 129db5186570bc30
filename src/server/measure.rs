//! What a sidecar leaves out to be measured against: its journal, or the engine as well.
//!
//! Promises that such a one is reached from this machine alone, and that none of its answers is said to be on disk.

use std::io::Write;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::post;

use super::reading::Taken;
use super::ticket::{Answered, What};
use crate::decision::Outcome;
use crate::event::Kind;
use crate::io::decision::write_constant;

/// What is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Without {
    /// Nothing: it is a sidecar.
    #[default]
    Nothing,
    /// The journal: nothing is recorded, and what was decided is forgotten at the end.
    Journal,
    /// The engine and the journal: every payment is answered the same, as the floor of what a request costs.
    Engine,
}

impl Without {
    /// Whether what is answered is in the journal.
    pub(super) fn has_journal(self) -> bool {
        self == Self::Nothing
    }
}

/// The answer where there is no engine, with its line in `line`.
pub(super) fn constant(taken: &Taken, line: &mut Vec<u8>) -> Answered {
    line.clear();
    // A buffer takes all that is written to it.
    let _ = write_constant(&taken.event, line);
    let what = if taken.event.kind() == Kind::Transaction {
        What::Decision { outcome: Outcome::Allow, alert: false }
    } else {
        What::Taken
    };
    Answered { what, durable: false, let_go: None }
}

/// A handler that reads a body, and looks at nothing: what the HTTP server alone costs.
pub(super) fn bare() -> Router {
    let answer = async |body: Bytes| {
        let mut line = Vec::with_capacity(64);
        // A buffer takes all that is written to it.
        let _ = write!(line, "{{\"outcome\":\"allow\",\"constant\":true,\"bytes\":{}}}", body.len());
        ([(header::CONTENT_TYPE, "application/json")], line)
    };
    Router::new().route("/measure/bare", post(answer))
}
