//! The door of a command: its options, the key, and events that come in through it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use weir::event::Event;
use weir::io::{Counts, Disk, Door, EventReader, ReadError, read_or_make_token_key, read_token_key};
use weir::journal::{Begun, begun};
use weir::rules::RuleSet;
use weir::server::config::TokenOptions;
use weir::tokens::Tokens;

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

    /// The tokens of a journal: those that it was begun with, or new ones; a key is made where it is to be new.
    pub(super) fn of_journal(&self, disk: &Arc<dyn Disk>, folder: &Path) -> anyhow::Result<Option<Tokens>> {
        if self.token_key.is_some() || self.tokens == Some(Switch::Off) {
            return self.named();
        }
        let own = own_token_key(folder);
        let with_own = match begun(disk, folder)? {
            Begun::NotYet => return Ok(Some(read_or_make_token_key(&own, random()?)?)),
            Begun::With(start) => start.tokens.is_some() || self.tokens == Some(Switch::On),
            // What the beginning said is told by what is beside it.
            Begun::Unknown => own.exists(),
        };
        with_own.then(|| read_own(folder)).transpose()
    }
}

/// The tokens of a journal that was begun with some.
pub(super) fn read_own(folder: &Path) -> anyhow::Result<Tokens> {
    let why =
        "identifiers in the journal are tokens; restore their key from a copy, or name it with --token-key";
    read_token_key(&own_token_key(folder)).context(why)
}

/// Events, with tokens where there is a key.
pub(super) struct Entrance {
    reader: EventReader,
    door: Option<Door>,
}

impl Entrance {
    /// For events that go to an engine with this rule set; where they are `resent`, they have been through the door before.
    pub(super) fn new(reader: EventReader, tokens: Option<Tokens>, resent: bool, rules: &RuleSet) -> Self {
        let door = |tokens| if resent { Door::again(rules) } else { Door::new(tokens, rules) };
        Self { reader, door: tokens.map(door) }
    }

    /// The next event with the line that says it; `rules` is the rule set that it goes to.
    pub(super) fn next_line(&mut self, rules: &RuleSet) -> Option<Result<(&Event, &[u8]), ReadError>> {
        let Self { reader, door: Some(door) } = self else { return self.reader.next_line() };
        Some(match reader.next_event()? {
            Ok((line, event)) => door.take(event, rules).map_err(|source| ReadError::Io { line, source }),
            Err(ReadError::Line { line, reason }) => {
                Err(ReadError::Line { line, reason: reason.without_values() })
            }
            Err(error) => Err(error),
        })
    }

    /// How many lines were what until now.
    pub(super) fn counts(&self) -> Counts {
        self.reader.counts()
    }
}
