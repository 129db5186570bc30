//! What a sidecar answers, typed: what a gateway goes by, with the line that it is in beside it.

use serde::Deserialize;

use super::error::ClientError;
use crate::decision::Outcome;
use crate::server::Cause;

/// What a transaction is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The id of the event that this answers: the transaction, or the authentication.
    pub id: String,
    /// What is to happen with the payment.
    pub outcome: Outcome,
    /// What the engine would have answered, where the payment had been told something before.
    pub own: Option<Outcome>,
    /// Why this was declared and not decided, where it was. It stands all the same.
    pub declared: Option<Cause>,
    /// Whether it is on the sidecar's disk. Where not, a sidecar that is killed at this moment may know nothing of it.
    pub durable: bool,
    /// Which methods a step-up asks for: all of (any of ...).
    pub auth: Vec<Vec<String>>,
    /// Which are missing still, after an authentication.
    pub missing: Vec<Vec<String>>,
    /// All of it, as JSON.
    pub line: Vec<u8>,
}

/// That an event was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The event's id.
    pub id: String,
    /// Whether it is taken in later, since its deadline came first; send it again where it must be known.
    pub later: bool,
    /// Whether it is on the sidecar's disk.
    pub durable: bool,
    /// Why a person should look, such as `executed_not_allowed`.
    pub alert: Option<String>,
    /// All of it, as JSON.
    pub line: Vec<u8>,
}

/// What any event is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A decision: on a transaction, or the one that follows an authentication.
    Decision(Decision),
    /// It was taken in.
    Taken(Taken),
}

impl Answer {
    /// The decision, if it is one.
    pub fn decision(&self) -> Option<&Decision> {
        if let Self::Decision(decision) = self { Some(decision) } else { None }
    }

    /// Whether it is on the sidecar's disk.
    pub fn is_durable(&self) -> bool {
        match self {
            Self::Decision(decision) => decision.durable,
            Self::Taken(taken) => taken.durable,
        }
    }
}

/// Whether a sidecar decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// How it is: `ready`, `recovering`, `journal_failed`, `draining`, ...
    pub status: String,
    /// All of it, as JSON.
    pub line: Vec<u8>,
}

/// The keys that answers have; those that are not known here are in the line.
#[derive(Deserialize)]
struct Said {
    id: Option<String>,
    outcome: Option<String>,
    own: Option<String>,
    declared: Option<String>,
    durable: Option<bool>,
    #[serde(default)]
    auth: Vec<Vec<String>>,
    #[serde(default)]
    missing: Vec<Vec<String>>,
    taken: Option<serde_json::Value>,
    // Of a decision whether a person should look, of an event why.
    alert: Option<serde_json::Value>,
}

impl Decision {
    pub(super) fn read(line: Vec<u8>) -> Result<Self, ClientError> {
        match Answer::read(line)? {
            Answer::Decision(decision) => Ok(decision),
            Answer::Taken(_) => Err(ClientError::Unreadable("it has no outcome".to_owned())),
        }
    }
}

impl Answer {
    pub(super) fn read(line: Vec<u8>) -> Result<Self, ClientError> {
        let said: Said = serde_json::from_slice(&line).map_err(|error| unreadable(&error))?;
        let id = said.id.unwrap_or_default();
        let durable = said.durable.unwrap_or(true);
        let Some(word) = said.outcome else {
            let alert = said.alert.as_ref().and_then(|alert| alert.as_str()).map(str::to_owned);
            if said.taken.is_none() && alert.is_none() {
                return Err(ClientError::Unreadable("it says neither `outcome` nor `taken`".to_owned()));
            }
            let later = said.taken.is_some_and(|taken| taken == "later");
            return Ok(Self::Taken(Taken { id, later, durable: durable && !later, alert, line }));
        };
        let outcome = |word: String| {
            let unknown =
                || ClientError::Unreadable(format!("`{word}` is no outcome that this client knows"));
            Outcome::from_name(&word).ok_or_else(unknown)
        };
        let cause = |word: String| {
            let unknown = || ClientError::Unreadable(format!("`{word}` is no cause that this client knows"));
            Cause::ALL.into_iter().find(|cause| cause.name() == word).ok_or_else(unknown)
        };
        Ok(Self::Decision(Decision {
            id,
            outcome: outcome(word)?,
            own: said.own.map(outcome).transpose()?,
            declared: said.declared.map(cause).transpose()?,
            durable,
            auth: said.auth,
            missing: said.missing,
            line,
        }))
    }
}

impl Readiness {
    pub(super) fn read(ready: bool, line: Vec<u8>) -> Result<Self, ClientError> {
        #[derive(Deserialize)]
        struct Said {
            status: String,
        }
        // A proxy's answer is a page.
        let said: Said = serde_json::from_slice(&line).map_err(|error| unreadable(&error))?;
        Ok(Self { ready, status: said.status, line })
    }
}

/// What is wrong with an answer, without what is in it.
pub(super) fn unreadable(error: &serde_json::Error) -> ClientError {
    ClientError::Unreadable(format!(
        "line {}, byte {}: no JSON of the kind expected",
        error.line(),
        error.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Answer {
        Answer::read(line.into()).unwrap()
    }

    #[test]
    fn answers_are_read_with_what_stands_beside_them() {
        let line = r#"{"id":"t","time_us":1,"outcome":"step_up","own":"block","alert":false,"score":0,"auth":[["fido","otp"]],"rules":[]}"#;
        let decided = read(line);
        let decision = decided.decision().unwrap();
        assert_eq!((decision.outcome, decision.own), (Outcome::StepUp, Some(Outcome::Block)));
        assert_eq!((decision.durable, decision.declared), (true, None));
        assert_eq!(
            (decision.auth.concat().join(" "), &decision.line[..]),
            ("fido otp".to_owned(), line.as_bytes())
        );
        let declared = read(r#"{"declared":"journal_failure","durable":false,"id":"t","outcome":"allow"}"#);
        let decision = declared.decision().unwrap();
        assert_eq!((decision.declared, decision.durable), (Some(Cause::JournalFailure), false));
        let taken = |line| match read(line) {
            Answer::Taken(taken) => (taken.later, taken.durable, taken.alert),
            Answer::Decision(_) => panic!("{line}"),
        };
        assert_eq!(taken(r#"{"id":"e","taken":true}"#), (false, true, None));
        assert_eq!(taken(r#"{"id":"e","taken":true,"durable":false}"#), (false, false, None));
        assert_eq!(taken(r#"{"id":"e","taken":"later"}"#), (true, false, None));
        let alert = r#"{"id":"e","alert":"executed_not_allowed","answered":"block"}"#;
        assert_eq!(taken(alert), (false, true, Some("executed_not_allowed".to_owned())));
    }

    #[test]
    fn what_is_no_answer_is_told_apart_without_showing_it() {
        for line in [
            "",
            "<html>secret",
            "[]",
            "{}",
            r#"{"outcome":"perhaps"}"#,
            r#"{"outcome":"allow","declared":"x"}"#,
        ] {
            let error = Answer::read(line.into()).unwrap_err();
            assert!(matches!(error, ClientError::Unreadable(_)), "{line}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(Decision::read(br#"{"id":"e","taken":true}"#.to_vec()).is_err());
    }
}
