//! What a journal says of the identifiers in it: that they are tokens of a key, which is known by its id alone.
//!
//! Promises that tokens of two keys, or tokens and what they stand for, never come together in one journal. The key itself is
//! never here.

use std::path::Path;
use std::sync::Arc;

use super::course::{RecordedError, Start};
use super::reader::Reader;
use super::recorded::{Beginning, started};
use super::setup::Setup;
use crate::io::{Bundle, Disk};

/// With what a journal was begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It was not.
    NotYet,
    /// With this.
    With(Box<Start>),
    /// Its beginning is gone.
    Unknown,
}

/// Looks with what the journal of a folder was begun.
pub fn begun(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Begun, RecordedError> {
    if Reader::there(disk, folder)?.is_none() {
        return Ok(Begun::NotYet);
    }
    Ok(match started(disk, folder, u64::MAX)? {
        Beginning::Nothing => Begun::NotYet,
        Beginning::Started { start, .. } => Begun::With(start),
        Beginning::Lost => Begun::Unknown,
    })
}

/// Fails where a rule set comes with other tokens than the journal's, or than the others.
pub(super) fn check(beginning: &Beginning, setup: &Setup) -> Result<(), RecordedError> {
    let given = setup.rules.tokens();
    if let Beginning::Started { start, .. } = beginning {
        same(start.tokens.as_deref(), given)?;
    }
    setup.staged.iter().map(Bundle::tokens).try_for_each(|staged| same(given, staged))
}

/// Fails where two keys are not one.
pub(super) fn same(journal: Option<&str>, given: Option<&str>) -> Result<(), RecordedError> {
    if journal == given {
        return Ok(());
    }
    Err(RecordedError::Tokens { journal: journal.map(str::to_owned), given: given.map(str::to_owned) })
}

/// Why two can't go together.
pub(super) fn said(journal: Option<&str>, given: Option<&str>) -> String {
    match (journal, given) {
        (Some(journal), Some(given)) => format!(
            "identifiers in the journal are tokens of the key {journal}, and the key given is {given}; tokens of two keys never meet, so name that one's file with --token-key, or begin another journal"
        ),
        (Some(journal), None) => format!(
            "identifiers in the journal are tokens of the key {journal}, and none is given; go on with that key, or begin another journal"
        ),
        (None, _) => {
            "identifiers are in the journal as they came, and tokens would never meet them; go on without a key, or begin another journal".to_owned()
        }
    }
}
