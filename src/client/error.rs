//! Why there is no answer: refused for good, or none in time. No message shows a value of what was sent.

use std::error::Error;
use std::fmt;

use hyper_util::client::legacy;
use serde::Deserialize;
use thiserror::Error;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientError {
    /// It is refused; sending it again changes nothing.
    #[error("refused: {0}")]
    Refused(#[source] Problem),
    /// There is none by the deadline. What was sent may have been taken in all the same: the same id with the same content
    /// is answered as it was, now or later.
    #[error("no answer in {tries} tries: {last}")]
    Unanswered {
        /// How often it was sent.
        tries: u32,
        /// What came of the last try.
        #[source]
        last: Trouble,
    },
    /// What came is nothing that a sidecar answers.
    #[error("the answer is none of a sidecar: {0}")]
    Unreadable(String),
}

/// What came of a try that may be followed by another.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// There is no connection.
    #[error("can't connect: {0}")]
    Connect(String),
    /// The connection broke before the answer was here.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Its time was over.
    #[error("nothing came in time")]
    Late,
    /// It could not be written as a request.
    #[error("it makes no request: {0}")]
    Unsent(String),
    /// A problem that may be gone later: overload, a deadline, a proxy without its sidecar.
    #[error("{0}")]
    Problem(#[source] Problem),
}

impl From<legacy::Error> for Trouble {
    fn from(error: legacy::Error) -> Self {
        let said = chain(&error);
        if error.is_connect() { Self::Connect(said) } else { Self::Broken(said) }
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        said = format!("{said}: {error}");
        next = error.source();
    }
    said
}

/// What went wrong, as RFC 9457 writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Problem {
    /// `urn:weir:problem:` and a word that programs can go by; empty where the answer was no problem document, as those of
    /// proxies are.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What kind of problem it is, in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What it is this time.
    #[serde(default)]
    pub detail: String,
    /// The event's id, where it has one.
    #[serde(default)]
    pub event: Option<String>,
}

impl Problem {
    /// What a body says; the status alone where it says nothing that can be read.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        Self { status, ..serde_json::from_slice(body).unwrap_or_default() }
    }

    /// The word that programs can go by, such as `overload` or `id-reused`.
    pub fn word(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        for part in [self.word(), &self.title, &self.detail].into_iter().filter(|part| !part.is_empty()) {
            write!(f, ", {part}")?;
        }
        Ok(())
    }
}

impl Error for Problem {}
