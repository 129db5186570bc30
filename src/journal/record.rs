//! What a record says: an event as it came, an answer as it went, what happened beside them, a signed head.
//!
//! Promises that a record's bytes are exactly those that were given. Must never know what an event means.

use thiserror::Error;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An event as it came.
    Event = 1,
    /// An answer as it went.
    Answer = 2,
    /// What happened beside events.
    Control = 3,
    /// A signed head.
    Head = 4,
}

/// How an event's bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventForm {
    /// A JSON line without its line end.
    Json = 1,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnswerForm {
    /// A decision.
    Decided = 1,
    /// The first answer again: a decision, or an alert.
    Repeated = 2,
    /// The event was refused.
    Refused = 3,
    /// What a payment had been answered before the engine saw it, with the engine's own beside it.
    Declared = 5,
    /// The event was taken in, and a person should look.
    Alert = 6,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// An event.
    Event {
        /// How it is written.
        form: EventForm,
        /// Its exact bytes.
        bytes: &'a [u8],
    },
    /// An answer.
    Answer {
        /// What it is.
        form: AnswerForm,
        /// The number of its event's record.
        event: u64,
        /// Its exact bytes, without a line end.
        bytes: &'a [u8],
    },
    /// A JSON object with `control`; see [`Control`](super::Control).
    Control(&'a [u8]),
    /// The body of a [`Head`](super::Head). Only the journal writes them.
    Head(&'a [u8]),
}

/// A record of a kind or form that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "record {number} is of kind {kind}, form {form}, with {bytes} bytes, which this version does not know; read it with a newer one"
)]
pub struct UnknownRecord {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: u8,
    /// Its form.
    pub form: u8,
    /// Bytes of its body.
    pub bytes: usize,
}

impl<'a> Record<'a> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Event { .. } => Kind::Event,
            Self::Answer { .. } => Kind::Answer,
            Self::Control(_) => Kind::Control,
            Self::Head(_) => Kind::Head,
        }
    }

    pub(super) fn form(&self) -> u8 {
        match self {
            Self::Event { form, .. } => *form as u8,
            Self::Answer { form, .. } => *form as u8,
            Self::Control(_) | Self::Head(_) => 1,
        }
    }

    /// Its body in two parts, of which the first may be empty.
    pub(super) fn parts(&self) -> ([u8; 8], usize, &'a [u8]) {
        match *self {
            Self::Answer { event, bytes, .. } => (event.to_le_bytes(), 8, bytes),
            Self::Event { bytes, .. } | Self::Control(bytes) | Self::Head(bytes) => ([0; 8], 0, bytes),
        }
    }

    /// What a body says.
    pub(super) fn read(number: u64, kind: u8, form: u8, body: &'a [u8]) -> Result<Self, UnknownRecord> {
        let unknown = UnknownRecord { number, kind, form, bytes: body.len() };
        Ok(match (kind, form) {
            (1, 1) => Self::Event { form: EventForm::Json, bytes: body },
            (2, _) => {
                let form = match form {
                    1 => AnswerForm::Decided,
                    2 => AnswerForm::Repeated,
                    3 => AnswerForm::Refused,
                    5 => AnswerForm::Declared,
                    6 => AnswerForm::Alert,
                    _ => return Err(unknown),
                };
                let (event, bytes) = body.split_first_chunk().ok_or(unknown)?;
                Self::Answer { form, event: u64::from_le_bytes(*event), bytes }
            }
            (3, 1) => Self::Control(body),
            (4, 1) => Self::Head(body),
            _ => return Err(unknown),
        })
    }
}
