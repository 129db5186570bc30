//! The configuration: one TOML file, variables of the environment over it, flags over both.
//!
//! Promises that each value is told where it comes from, that whatever is said and not known, of another type or out of
//! bounds is told at its place, and that no secret is in it, since it names secrets' files alone. A section is a function
//! that reads its keys from a `Reader` and gives a typed value; what is listed, shown, documented and
//! refused follows from what it reads. Must never read a file, a variable or a flag itself: it is given them.

/// What the engine may hold.
mod engine;
/// What is said, by key.
mod given;
/// What is left out to be measured against.
mod measure;
/// Reading values by key.
mod reader;
/// The sections but for the engine's, and for who may ask.
mod sections;
/// Who may ask, and over what.
mod security;

pub use given::Origin;
pub use reader::Entry;
pub use security::{SecurityFiles, TlsFiles};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use given::Given;
use reader::{Reader, by_section};

use super::settings::Settings;
use crate::engine::Limits;
use crate::journal::{Mode, OnDamage};
use crate::rules::limits::PROBLEMS_MAX;
use crate::rules::{Problem, Severity, Sources};

/// The variable that names the file.
pub const FILE_VARIABLE: &str = "WEIR_CONFIG";
/// Bytes of a configuration file at most.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// All with which a sidecar is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// The rule sets.
    pub rules: RuleFiles,
    /// The journal.
    pub journal: JournalOptions,
    /// What identifiers become.
    pub tokens: TokenOptions,
    /// What the engine may hold.
    pub engine: EngineOptions,
    /// What is told of what happens.
    pub log: LogOptions,
    /// Who may ask, and over what: files, which are not in `settings` yet.
    pub security: SecurityFiles,
    /// What the server is told.
    pub settings: Settings,
}

/// What is told of what happens, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// How a line is written.
    pub format: LogFormat,
    /// What is told.
    pub level: LogLevel,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object.
    Json,
    /// For people where they look at it, and a JSON object elsewhere.
    Auto,
}

/// What is told, each with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What ends the process.
    Error,
    /// What somebody should look at.
    Warn,
    /// Start and end, and how far it is.
    #[default]
    Info,
    /// Every request.
    Debug,
}

/// Rule files.
#[derive(Clone, Debug)]
pub struct RuleFiles {
    /// The one that decides where the journal is new.
    pub file: PathBuf,
    /// Those that a control event may take up.
    pub staged: Vec<PathBuf>,
    /// Whether the first is followed.
    pub follow: bool,
}

/// How the journal is opened and written.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// Its folder.
    pub folder: PathBuf,
    /// When an answer may go out.
    pub durability: Mode,
    /// What to do where it is damaged in its middle.
    pub on_damage: OnDamage,
    /// Whether closed segments that the newest snapshot holds are not read when it is opened.
    pub trust_closed: bool,
    /// The key that signs its heads; none for `signing.key` in its folder.
    pub signing_key: Option<PathBuf>,
    /// A snapshot after so many events.
    pub snapshot_every: u64,
    /// Whether a snapshot is written at the end.
    pub snapshot_on_exit: bool,
    /// Whether what is old is archived and removed when it is opened.
    pub retain: bool,
}

/// What identifiers become.
#[derive(Clone, Debug, Default)]
pub struct TokenOptions {
    /// Whether there are tokens; none for what the journal was begun with, and tokens where it is new.
    pub on: Option<bool>,
    /// Their key; none for `tokens.key` in the journal's folder.
    pub key: Option<PathBuf>,
}

/// What the engine may hold.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Its bounds; none for those of the journal, or the defaults where it is new.
    pub limits: Option<Limits>,
    /// The folder for parts of the tail log that leave memory.
    pub spill: Option<PathBuf>,
}

/// What is said, layer by layer.
#[derive(Clone, Debug, Default)]
pub struct Layers<'a> {
    /// What messages call the file, and its text.
    pub file: Option<(String, String)>,
    /// Variables of the environment; those that begin otherwise than `WEIR_` are nobody's.
    pub variables: BTreeMap<String, String>,
    /// Flags, in the order in which they were given.
    pub flags: Vec<Flag>,
    /// The command, for messages: `weir serve`.
    pub command: &'a str,
}

/// A flag of the command line that says a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The path of the key: `server.listen`.
    pub key: &'static str,
    /// The flag: `--listen`.
    pub name: &'static str,
    /// What it was given; several where it may be repeated.
    pub values: Vec<String>,
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Checked {
    /// It; none where there is an error.
    pub config: Option<Config>,
    /// Every key with its value; empty where the file is no TOML.
    pub entries: Vec<Entry>,
    /// What is wrong with it, at places in the sources.
    pub problems: Vec<Problem>,
    /// The file, the variables and the flags.
    pub sources: Sources,
}

/// The name of the variable that says a key: `WEIR_SERVER_LISTEN` says `server.listen`.
pub fn variable(key: &str) -> String {
    format!("WEIR_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Every key with its default.
pub fn keys() -> Vec<Entry> {
    let mut reader = Reader { given: Given::default(), entries: Vec::new() };
    sections::read(&mut reader);
    reader.entries
}

/// Reads all layers, one over the other.
pub fn read(layers: &Layers<'_>) -> Checked {
    let keys = keys();
    let known: BTreeSet<&str> = keys.iter().map(|entry| entry.key.as_str()).collect();
    let mut reader = Reader { given: Given::gather(layers, &known), entries: Vec::new() };
    let is_error = |problem: &Problem| problem.severity == Severity::Error;
    let mut config = None;
    if !reader.given.problems.iter().any(is_error) {
        reader.given.check_keys(&known);
        config = sections::read(&mut reader);
    }
    let Reader { given: Given { mut problems, sources, .. }, entries } = reader;
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems.dedup();
    config = config.filter(|_| !problems.iter().any(is_error));
    problems.truncate(PROBLEMS_MAX);
    Checked { config, entries, problems, sources }
}

impl Checked {
    /// The whole configuration as a file that says the same, each value with where it comes from.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for (section, keys) in by_section(&self.entries) {
            let gap = if out.is_empty() { "" } else { "\n" };
            // A text takes all that is written to it.
            let _ = writeln!(out, "{gap}[{section}]");
            for (key, Entry { value, origin, .. }) in keys {
                let said = if value.is_empty() { format!("# {key} =") } else { format!("{key} = {value}") };
                let _ = writeln!(out, "{said:<40} # {origin}");
            }
        }
        out
    }
}
