//! What is said, by key: a file, variables of the environment and flags, the later over the earlier, each with its place.
//!
//! Promises that nothing said is lost on the way, and that everything has a place that a message can point at: variables
//! and flags are texts of their own beside the file. Must never know what a key means.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{FILE_VARIABLE, Layers, variable};
use crate::rules::{Problem, Severity, Sources, did_you_mean, near};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File {
        /// What messages call it.
        name: String,
        /// From 1.
        line: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as it was said.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Text(String),
    /// None where it does not fit in 64 bits.
    Whole(Option<i64>),
    Truth(bool),
    List(Vec<Raw>),
    /// What else TOML has, by the word for it.
    Other(&'static str),
    /// The text of a variable or of a flag, which has no type.
    Written(String),
}

impl Raw {
    /// What it is, for a message.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Written(_) => "text",
            Self::Whole(_) => "an integer",
            Self::Truth(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Other(word) => word,
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) raw: Raw,
    pub(super) span: Range<usize>,
    pub(super) origin: Origin,
}

/// A key of the file.
#[derive(Debug)]
struct Key {
    section: String,
    name: String,
    span: Range<usize>,
}

impl Key {
    fn path(&self) -> String {
        let Self { section, name, .. } = self;
        if section.is_empty() { name.clone() } else { format!("{section}.{name}") }
    }
}

/// All that is said.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// By the path of the key; what was said last.
    pub(super) items: BTreeMap<String, Item>,
    /// The keys of the file.
    keys: Vec<Key>,
    /// The tables of the file, by their paths.
    tables: BTreeMap<String, Range<usize>>,
    pub(super) sources: Sources,
    pub(super) problems: Vec<Problem>,
    /// Where the command's name stands, for what nobody said.
    pub(super) command: Range<usize>,
}

pub(super) fn error(span: Range<usize>, message: String, label: &str, help: Option<String>) -> Problem {
    Problem { severity: Severity::Error, span, message, label: label.to_owned(), beside: None, help }
}

/// A text whose places are counted while it grows.
struct Growing {
    text: String,
    /// Where it begins among all texts.
    start: usize,
}

impl Growing {
    fn push(&mut self, part: &str) -> Range<usize> {
        let from = self.start + self.text.len();
        // One line, whatever a variable holds.
        self.text.extend(part.chars().map(|c| if c.is_control() { ' ' } else { c }));
        from..self.start + self.text.len()
    }
}

impl Given {
    /// Puts the layers one over the other; `known` are the paths of all keys.
    pub(super) fn gather(layers: &Layers, known: &BTreeSet<&str>) -> Self {
        let mut given = Self::default();
        let mut start = 0;
        if let Some((name, text)) = &layers.file {
            given.read(name, text);
            start = text.len() + 1;
        }
        let mut variables = Growing { text: String::new(), start };
        given.take_variables(&layers.variables, known, &mut variables);
        start = variables.start + variables.text.len() + 1;
        let mut command = Growing { text: String::new(), start };
        given.command = command.push(layers.command);
        for flag in &layers.flags {
            command.push(" ");
            command.push(flag.name);
            command.push(" ");
            let span = command.push(&flag.values.join(" "));
            let raw = match flag.values.as_slice() {
                [value] => Raw::Written(value.clone()),
                values => Raw::List(values.iter().cloned().map(Raw::Text).collect()),
            };
            given.put(flag.key, Item { raw, span, origin: Origin::Flag(flag.name) });
        }
        let file = layers.file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        let beside = [("environment", &*variables.text), ("command line", &*command.text)];
        given.sources = Sources::apart(file.into_iter().chain(beside));
        given
    }

    fn put(&mut self, path: &str, item: Item) {
        self.items.insert(path.to_owned(), item);
    }

    fn read(&mut self, name: &str, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        for wrong in errors {
            let span = wrong.span().unwrap_or(0..0);
            self.problems.push(error(span, wrong.message().to_owned(), "not TOML from here", None));
        }
        // What is left of a broken file would only lead to problems that are not there.
        if self.problems.is_empty() {
            let mut file = File { name, text, counted: (0, 1) };
            self.flatten("", document.get_ref(), &mut file);
        }
    }

    fn flatten(&mut self, above: &str, table: &DeTable<'_>, file: &mut File<'_>) {
        for (key, value) in table {
            let name: &str = key.get_ref().borrow();
            // A quoted key with a dot is one name, and none of ours.
            let name = if name.contains('.') { format!("{name:?}") } else { name.to_owned() };
            let key = Key { section: above.to_owned(), name, span: key.span() };
            let path = key.path();
            match value.get_ref() {
                DeValue::Table(inner) => {
                    self.tables.insert(path.clone(), key.span);
                    self.flatten(&path, inner, file);
                }
                _ => {
                    let origin = Origin::File { name: file.name.to_owned(), line: file.line(key.span.start) };
                    self.put(&path, Item { raw: raw(value), span: value.span(), origin });
                    self.keys.push(key);
                }
            }
        }
    }

    fn take_variables(
        &mut self,
        said: &BTreeMap<String, String>,
        known: &BTreeSet<&str>,
        text: &mut Growing,
    ) {
        let names: BTreeMap<String, &str> = known.iter().map(|path| (variable(path), *path)).collect();
        let read = names.keys().map(String::as_str).chain([FILE_VARIABLE]);
        let lower: Vec<String> = read.map(str::to_ascii_lowercase).collect();
        for (name, value) in said.iter().filter(|(name, value)| !value.is_empty() && *name != FILE_VARIABLE) {
            if let Some(path) = names.get(name) {
                text.push(name);
                text.push("=");
                let span = text.push(value);
                text.text.push('\n');
                let origin = Origin::Variable(name.clone());
                self.put(path, Item { raw: Raw::Written(value.clone()), span, origin });
            } else if let Some(near) = near(name, lower.iter().map(String::as_str)) {
                // What it holds may be anybody's secret.
                let span = text.push(name);
                text.push("=…");
                text.text.push('\n');
                let message = format!("`{}` is no value of the configuration", name.escape_debug());
                let help = did_you_mean(Some(near.to_ascii_uppercase()));
                let warning = error(span, message, "nothing reads this", help);
                self.problems.push(Problem { severity: Severity::Warning, ..warning });
            }
        }
    }

    /// Tells what the file says that is none of the known keys.
    pub(super) fn check_keys(&mut self, known: &BTreeSet<&str>) {
        let sections: BTreeSet<&str> = known
            .iter()
            .flat_map(|path| path.match_indices('.').filter_map(|(at, _)| path.get(..at)))
            .collect();
        let mut unknown_sections: BTreeSet<String> = BTreeSet::new();
        for (path, span) in &self.tables {
            let within_unknown = unknown_sections.iter().any(|above| is_below(path, above));
            if sections.contains(path.as_str()) || within_unknown {
                continue;
            }
            if known.contains(path.as_str()) {
                let message = format!("`{path}` is a value, not a section");
                self.problems.push(error(span.clone(), message, "a section", None));
            } else {
                let names = || sections.iter().copied();
                let help = did_you_mean(near(path, names()))
                    .unwrap_or_else(|| format!("there are {}", names().collect::<Vec<_>>().join(", ")));
                let message = format!("unknown section `{path}`");
                self.problems.push(error(span.clone(), message, "not a section", Some(help)));
            }
            unknown_sections.insert(path.clone());
        }
        for key in &self.keys {
            let path = key.path();
            let within_unknown = unknown_sections.iter().any(|above| is_below(&path, above));
            if known.contains(path.as_str()) || within_unknown {
                continue;
            }
            let span = key.span.clone();
            if sections.contains(path.as_str()) {
                let message = format!("`{path}` is a section, not a value");
                let help = format!("write `[{path}]`, and its keys below it");
                self.problems.push(error(span, message, "a section", Some(help)));
                continue;
            }
            let (section, key) = (key.section.as_str(), key.name.as_str());
            let inner = |path: &&str| path.rsplit_once('.').is_some_and(|(above, _)| above == section);
            let siblings: Vec<&str> =
                known.iter().copied().filter(inner).filter_map(|path| path.rsplit('.').next()).collect();
            let elsewhere = known.iter().find(|path| path.rsplit('.').next() == Some(key));
            let help = did_you_mean(near(key, siblings.iter().copied()))
                .or_else(|| {
                    let (section, key) = elsewhere?.rsplit_once('.')?;
                    Some(format!("`{key}` is a key of `[{section}]`"))
                })
                .unwrap_or_else(|| match section {
                    "" => format!("there are {}", sections.iter().copied().collect::<Vec<_>>().join(", ")),
                    _ => format!("`[{section}]` takes {}", siblings.join(", ")),
                });
            let place = if section.is_empty() { String::new() } else { format!(" in `[{section}]`") };
            let message = format!("unknown key `{key}`{place}");
            self.problems.push(error(span, message, "not a key here", Some(help)));
        }
    }
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// A file while its lines are counted.
struct File<'t> {
    name: &'t str,
    text: &'t str,
    /// A byte, and the line in which it stands.
    counted: (usize, usize),
}

impl File<'_> {
    /// The line of a byte, from 1. Keys come in the order of their names, so the way to one goes from the last.
    fn line(&mut self, byte: usize) -> usize {
        let (from, line) = self.counted;
        let lines = |range: Range<usize>| {
            self.text.as_bytes().get(range).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count()
        };
        let line = if byte >= from { line + lines(from..byte) } else { line - lines(byte..from) };
        self.counted = (byte, line);
        line
    }
}

fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(written) => Raw::Whole(i64::from_str_radix(written.as_str(), written.radix()).ok()),
        DeValue::Float(_) => Raw::Other("a decimal number"),
        DeValue::Boolean(value) => Raw::Truth(*value),
        DeValue::Datetime(_) => Raw::Other("a date or time"),
        DeValue::Array(items) => Raw::List(items.iter().map(raw).collect()),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}
