//! What a journal says of the identifiers in it: that they are tokens of a key, which is known by its id alone.
//!
//! Promises that tokens of two keys, or tokens and what they stand for, never come together in one journal. The key itself is
//! never here.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::beginning::{Beginning, started};
use super::course::{RecordedError, Start};
use super::error::JournalError;
use super::reader::Reader;
use super::record::Record;
use super::setup::Setup;
use crate::hex::unhex;
use crate::io::{Bundle, Disk};
use crate::tokens::{Tokens, is_token};

/// The key in a journal's folder.
const KEY: &str = "tokens.key";
/// A key's file is never this long.
const KEY_BYTES_MAX: u64 = 1 << 10;

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
        Beginning::Lost { .. } => Begun::Unknown,
    })
}

/// Fails where a rule set comes with other tokens than the journal's, or than the others.
pub(super) fn check(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    beginning: &Beginning,
    setup: &Setup,
) -> Result<(), RecordedError> {
    let given = setup.rules.tokens();
    match beginning {
        Beginning::Nothing => {}
        Beginning::Started { start, .. } => same(start.tokens.as_deref(), given)?,
        Beginning::Lost { .. } => unproven(disk, folder, given)?,
    }
    setup.staged.iter().map(Bundle::tokens).try_for_each(|staged| same(given, staged))
}

/// Fails where nothing says what the journal was begun with, and what is left does not speak for the key that is given: the
/// one in its folder, which is there where none was named, and what its events hold.
fn unproven(disk: &Arc<dyn Disk>, folder: &Path, given: Option<&str>) -> Result<(), RecordedError> {
    let fails = |why| Err(RecordedError::UnprovenTokens { why });
    let own = own(&**disk, folder)?;
    let tokens = are_tokens(disk, folder)?;
    match given {
        None if own.is_some() => fails("a `tokens.key` is in its folder, but none is given"),
        None if tokens == Some(true) => fails("its events hold tokens, but no key is given"),
        Some(_) if own.is_none() => fails("no `tokens.key` in its folder proves the key that is given"),
        Some(given) if own.as_deref() != Some(given) => {
            fails("another key is given than the one in its folder")
        }
        Some(_) if tokens == Some(false) => fails("its events hold identifiers as they came"),
        _ => Ok(()),
    }
}

/// The id of the key in a journal's folder, if one is there.
fn own(disk: &dyn Disk, folder: &Path) -> Result<Option<String>, JournalError> {
    let path = folder.join(KEY);
    let mut bytes = Vec::new();
    match disk.read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        source => source.and_then(|source| source.take(KEY_BYTES_MAX).read_to_end(&mut bytes)),
    }
    .map_err(JournalError::disk("read", &path))?;
    // What is no key has an id that is none's.
    let id = unhex(bytes.trim_ascii()).map(|key| Tokens::new(&key).id().to_owned());
    Ok(Some(id.unwrap_or_default()))
}

/// What an event says of whom it is about.
#[derive(Deserialize)]
struct About {
    account: Option<String>,
}

/// Whether the accounts in a journal are tokens, as its first event with one says; none where there is none.
fn are_tokens(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Option<bool>, JournalError> {
    let mut reader = Reader::open(Arc::clone(disk), folder)?;
    while let Some(entry) = reader.next_whole()? {
        if let Ok(Record::Event { bytes, .. }) = entry.record()
            && let Ok(About { account: Some(account) }) = serde_json::from_slice(bytes)
        {
            return Ok(Some(is_token(&account)));
        }
    }
    Ok(None)
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
