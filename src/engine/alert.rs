//! What is taken in as any other event, though a person should look.

use thiserror::Error;

/// Why a person should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Alert {
    /// A payment was executed though it was not allowed. It counts as executed, since the money moved.
    #[error(
        "its transaction was executed though {0}; the money counts as moved, so find out why it was not held back"
    )]
    ExecutedNotAllowed(NotAllowed),
}

/// What a payment was answered that was not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAllowed {
    /// It was blocked.
    #[error("it was blocked")]
    Blocked,
    /// Its step-up still waits for an answer.
    #[error("its step-up still waits for an answer")]
    Waiting,
    /// Its step-up expired, was refused or ran out of attempts.
    #[error("its step-up ended without an allow")]
    Refused,
}

impl Alert {
    /// Every alert; its place here is what is remembered of it.
    pub(super) const ALL: [Self; 3] = [
        Self::ExecutedNotAllowed(NotAllowed::Blocked),
        Self::ExecutedNotAllowed(NotAllowed::Waiting),
        Self::ExecutedNotAllowed(NotAllowed::Refused),
    ];

    /// The word for it in files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExecutedNotAllowed(_) => "executed_not_allowed",
        }
    }

    /// The word in files for what was answered.
    pub const fn answered(self) -> &'static str {
        match self {
            Self::ExecutedNotAllowed(NotAllowed::Blocked) => "blocked",
            Self::ExecutedNotAllowed(NotAllowed::Waiting) => "waiting",
            Self::ExecutedNotAllowed(NotAllowed::Refused) => "refused",
        }
    }
}
