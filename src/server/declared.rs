//! What is answered where there is no decision in time, by cause, as the configuration declares it.

use serde::{Deserialize, Serialize};

use crate::decision::Outcome;

/// Why there is no decision in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The request's deadline has passed.
    Deadline,
    /// More comes than is decided in time.
    Overload,
    /// The journal can't be written.
    JournalFailure,
    /// The engine is not ready: it recovers, or fills its features.
    Warming,
}

impl Cause {
    /// Every cause, in declaration order.
    pub const ALL: [Self; 4] = [Self::Deadline, Self::Overload, Self::JournalFailure, Self::Warming];

    /// The word for it in files and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Overload => "overload",
            Self::JournalFailure => "journal_failure",
            Self::Warming => "warming",
        }
    }
}

/// What is answered for a cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declaration {
    /// Nothing: status 503, and the caller decides.
    #[default]
    Refuse,
    /// Let it through.
    Allow,
    /// Ask for a stronger authentication.
    StepUp,
    /// Stop it.
    Block,
}

impl Declaration {
    /// The outcome that it stands for, if it is one.
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Refuse => None,
            Self::Allow => Some(Outcome::Allow),
            Self::StepUp => Some(Outcome::StepUp),
            Self::Block => Some(Outcome::Block),
        }
    }
}

/// What is answered by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declared {
    /// See [`Cause::Deadline`].
    pub deadline: Declaration,
    /// See [`Cause::Overload`].
    pub overload: Declaration,
    /// See [`Cause::JournalFailure`].
    pub journal_failure: Declaration,
    /// See [`Cause::Warming`].
    pub warming: Declaration,
}

impl Declared {
    /// What is answered for a cause.
    pub fn of(&self, cause: Cause) -> Declaration {
        match cause {
            Cause::Deadline => self.deadline,
            Cause::Overload => self.overload,
            Cause::JournalFailure => self.journal_failure,
            Cause::Warming => self.warming,
        }
    }
}
