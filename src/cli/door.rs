//! The door of a command: its options, the key, and events that come in through it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::event::Event;
use weir::io::{
    Counts, Disk, Door, EventReader, ReadError, read_or_make_token_key, read_token_key, token_key_said,
};
use weir::journal::{Begun, Lock, begun};
use weir::rules::RuleSet;
use weir::server::config::TokenOptions;
use weir::tokens::{KEY_BYTES, Tokens};

use super::journaled::random;

/// What becomes of identifiers.
#[derive(clap::Args, Default)]
pub(super) struct Tokened {
    /// Put tokens in place of accounts, payees, customers, devices and sessions, made with the key in this file: 64
    /// hexadecimal digits that only its owner may read
    ///
    /// With a journal that is done anyway, with DIR/tokens.key, which is made at the first start.
    #[arg(long, value_name = "FILE")]
    token_key: Option<PathBuf>,
    /// `off` where the gateway sends tokens already: identifiers are then in the journal as they come
    ///
    /// A journal goes on as it was begun.
    #[arg(long, value_enum, requires = "journal", conflicts_with = "token_key")]
    tokens: Option<Switch>,
}

/// Whether there are tokens.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// Tokens in place of identifiers
    On,
    /// Identifiers as they come
    Off,
}

/// The token key of a journal where no other is named.
pub(super) fn own_token_key(folder: &Path) -> PathBuf {
    folder.join("tokens.key")
}

impl Tokened {
    /// As a configuration says it.
    pub(super) fn new(options: TokenOptions) -> Self {
        let tokens = options.on.map(|on| if on { Switch::On } else { Switch::Off });
        Self { token_key: options.key, tokens }
    }

    /// The tokens of a command without a journal: where a key is named.
    pub(super) fn named(&self) -> anyhow::Result<Option<Tokens>> {
        Ok(self.token_key.as_deref().map(read_token_key).transpose()?)
    }

    /// The tokens of a journal: those that it was begun with, or new ones, whose key is on no disk yet.
    pub(super) fn of_journal(&self, disk: &Arc<dyn Disk>, folder: &Path) -> anyhow::Result<JournalTokens> {
        if self.token_key.is_some() || self.tokens == Some(Switch::Off) {
            return Ok(JournalTokens { tokens: self.named()?, fresh: None });
        }
        let own = own_token_key(folder);
        let with_own = match begun(disk, folder)? {
            Begun::NotYet if !own.exists() => {
                let key = random()?;
                return Ok(JournalTokens { tokens: Some(Tokens::new(&key)), fresh: Some(key) });
            }
            Begun::NotYet => true,
            Begun::With(start) => start.tokens.is_some() || self.tokens == Some(Switch::On),
            // What the beginning said is told by what is beside it.
            Begun::Unknown => own.exists(),
        };
        Ok(JournalTokens { tokens: with_own.then(|| read_own(folder)).transpose()?, fresh: None })
    }
}

/// The tokens of a journal, if it has some.
pub(super) struct JournalTokens {
    pub(super) tokens: Option<Tokens>,
    /// The key that is not in its folder yet.
    fresh: Option<[u8; KEY_BYTES]>,
}

impl JournalTokens {
    /// Puts the key into the folder of the journal that is locked, where it is new: before any token is written.
    pub(super) fn keep(&self, lock: &Lock) -> anyhow::Result<()> {
        self.still_new(lock.folder())?;
        if let Some(key) = self.fresh {
            read_or_make_token_key(&own_token_key(lock.folder()), key)?;
        }
        Ok(())
    }

    /// Fails where the key is new, and another process has put one there since: it was quicker.
    pub(super) fn still_new(&self, folder: &Path) -> anyhow::Result<()> {
        if self.fresh.is_some() && own_token_key(folder).exists() {
            let folder = folder.display();
            bail!(
                "another process began a journal in {folder} meanwhile; run this again, to go on with that one"
            );
        }
        Ok(())
    }
}

/// The tokens of a journal that was begun with some.
pub(super) fn read_own(folder: &Path) -> anyhow::Result<Tokens> {
    let why =
        "identifiers in the journal are tokens; restore their key from a copy, or name it with --token-key";
    read_token_key(&own_token_key(folder)).context(why)
}

/// Fails where a key is not the one that a journal's tokens are of, with this id.
pub(super) fn check_tokens(given: &Tokens, journal: &str) -> anyhow::Result<()> {
    if given.id() != journal {
        bail!(
            "identifiers in the journal are tokens of the key {journal}, and the key given is {}; restore that one from a copy, or name it",
            given.id()
        );
    }
    Ok(())
}

/// Events, with tokens where there is a key.
pub(super) struct Entrance {
    reader: EventReader,
    door: Option<Door>,
    /// Where lines have been through the door before: the id of the key that their tokens must be of.
    resent: Option<Option<String>>,
}

impl Entrance {
    /// For events that go to an engine with this rule set; where they are `resent`, they have been through the door before.
    pub(super) fn new(reader: EventReader, tokens: Option<Tokens>, resent: bool, rules: &RuleSet) -> Self {
        let resent = resent.then(|| tokens.as_ref().map(|tokens| tokens.id().to_owned()));
        let door = |tokens| if resent.is_some() { Door::again(rules) } else { Door::new(tokens, rules) };
        Self { reader, door: tokens.map(door), resent }
    }

    /// The next event with the line that says it; `rules` is the rule set that it goes to.
    pub(super) fn next_line(&mut self, rules: &RuleSet) -> Option<Result<(&Event, &[u8]), ReadError>> {
        let Self { reader, door, resent } = self;
        let line = match reader.next_event()? {
            Ok((line, _)) => line,
            Err(ReadError::Line { line, reason }) if door.is_some() => {
                return Some(Err(ReadError::Line { line, reason: reason.without_values() }));
            }
            Err(error) => return Some(Err(error)),
        };
        if let Some(key) = resent {
            let said = match reader.last_line() {
                Ok((_, bytes)) => token_key_said(bytes),
                Err(error) => return Some(Err(error)),
            };
            if said != *key {
                let source = io::Error::new(io::ErrorKind::InvalidData, of_another_key(&said, key));
                return Some(Err(ReadError::Io { line, source }));
            }
        }
        Some(match door {
            None => reader.last_line(),
            Some(door) => {
                let told = door.take(reader.last_event(), rules);
                told.map_err(|source| ReadError::Io { line, source })
            }
        })
    }

    /// How many lines were what until now.
    pub(super) fn counts(&self) -> Counts {
        self.reader.counts()
    }
}

/// What is said of a line with tokens of another key than the journal's.
fn of_another_key(said: &Option<String>, journal: &Option<String>) -> String {
    let of = |key: &Option<String>| key.as_ref().map_or("none".to_owned(), |key| format!("the key {key}"));
    format!(
        "its identifiers are tokens of {}, and those in the journal of {}; send it to the journal that it was answered beside",
        of(said),
        of(journal)
    )
}
