//! What becomes of events once the journal has failed.
//!
//! Promises that nothing is appended from then on, that what is decided without the journal is counted, and that an event can
//! be sent again with what it was answered. Must never know where it is sent.

use super::course::RecordedError;
use super::error::JournalError;
use crate::engine::Answer;
use crate::event::{Event, Kind, TextField};

/// What becomes of events once the journal has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// A step is an error, and nothing more is answered.
    #[default]
    Stop,
    /// They are decided in memory alone, and are in no record.
    Answer,
}

/// The number of a step that no record will ever hold.
pub const NEVER: u64 = u64::MAX;

/// Whether events are decided without their journal.
#[derive(Debug, Default)]
pub(super) struct Failure {
    pub(super) on: OnFailure,
    alone: bool,
    unrecorded: u64,
}

impl Failure {
    /// Whether the journal is left alone.
    pub(super) fn alone(&self) -> bool {
        self.alone
    }

    /// Events decided since.
    pub(super) fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// Leaves it alone though it has not failed.
    pub(super) fn leave(&mut self) {
        (self.on, self.alone) = (OnFailure::Answer, true);
    }

    /// Counts one.
    pub(super) fn count(&mut self) {
        self.unrecorded += 1;
    }

    /// What something done with the journal came to; none where it has failed, and is left alone from now on.
    pub(super) fn pass<T>(
        &mut self,
        done: Result<T, impl Into<RecordedError>>,
    ) -> Result<Option<T>, RecordedError> {
        match done.map_err(Into::into) {
            Ok(done) => Ok(Some(done)),
            Err(RecordedError::Journal(JournalError::Poisoned(_))) if self.on == OnFailure::Answer => {
                self.alone = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Writes the line of an event for its being sent again, with a line end: a payment with what it was answered, which then
/// stands; anything else as `bytes` say it.
pub fn sent_again(event: &Event, bytes: &[u8], answer: Answer<'_>, out: &mut Vec<u8>) {
    let payment = event.kind() == Kind::Transaction && event.text(TextField::Answered).is_none();
    let inside = bytes.iter().position(|&byte| byte == b'{').map(|at| bytes.split_at(at + 1));
    match (answer, inside) {
        (Answer::Decided(decision), Some((before, rest))) if payment => {
            out.extend_from_slice(before);
            out.extend_from_slice(br#""answered":""#);
            out.extend_from_slice(decision.outcome.name().as_bytes());
            out.extend_from_slice(br#"","#);
            out.extend_from_slice(rest);
        }
        _ => out.extend_from_slice(bytes),
    }
    out.push(b'\n');
}
