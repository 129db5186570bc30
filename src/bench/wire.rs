//! How requests and answers look on a connection: what another protocol has to implement.

use thiserror::Error;

use crate::decision::Outcome;

/// A protocol: from a payment to bytes, and from bytes to answers. One serves all connections and keeps nothing of any of
/// them: [`drive`](super::drive) holds what came on each, and knows which requests are on their way there.
pub trait Wire {
    /// Requests that may be on their way on one connection at a time; 1 where answers come in order, one after the other.
    fn in_flight_max(&self) -> usize;

    /// Puts what a client says first on a new connection behind what is in `out`; nothing where it begins with a request.
    fn hello(&self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Puts the request behind what is in `out`. `number` is the payment's within the run, `payment` its JSON, with an id
    /// that says the same number.
    fn request(&self, number: u64, payment: &[u8], out: &mut Vec<u8>);

    /// The first answer in `bytes`, which begin where an answer does; `None` where more has to come.
    ///
    /// # Errors
    ///
    /// Where it can never become an answer; the connection is closed then.
    fn answer(&self, bytes: &[u8]) -> Result<Option<Answer>, Unreadable>;
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How many bytes it takes.
    pub bytes: usize,
    /// Which payment it is for, as it says itself; where it does not, it is for the one that is longest on its way.
    pub number: Option<u64>,
    /// What it says.
    pub said: Said,
    /// Whether it says that what it answers is on disk.
    pub durable: bool,
    /// Whether the connection ends behind it.
    pub closes: bool,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The engine's decision.
    Decided(Outcome),
    /// What is declared for a cause, by its name; no decision.
    Declared(String),
    /// Nothing, since more comes than is decided: try again later.
    Shed,
    /// Nothing, for now, for another reason, by its word: `deadline`, `warming`, ...
    Undecided(String),
    /// The request is refused, with this status of HTTP.
    Refused(u16),
    /// What the server says of itself, for no request.
    Greeting,
    /// Why the server ends the connection, in words, for no request.
    Farewell(String),
}

/// Bytes that are no answer, or none that can be right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an answer that can't be right: {0}")]
pub struct Unreadable(pub String);
