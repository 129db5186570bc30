//! Reading values by key: each read says the key, what it takes, its default and its bounds in one place, and gives the
//! typed value.
//!
//! Promises that what was read is what is listed, shown and documented, since reading is what makes the list; and that a
//! value that is none is told where it stands, with the default in its place. Must never know what a value is for.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::given::{Given, Origin, Raw, error};
use crate::rules::{Beside, Problem, did_you_mean, listed, near};
use crate::size::{format_size, parse_size};
use crate::time::{format_duration, parse_duration};

/// The largest number that a file can write.
pub(super) const LARGEST: u64 = i64::MAX as u64;

/// A key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path: `bounds.deadline`.
    pub key: String,
    /// What it takes, in words.
    pub takes: String,
    /// What it is for.
    pub about: &'static str,
    /// Its default as TOML; empty where it has none.
    pub default: String,
    /// Its value as TOML; empty where it has none.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Why a value is none: what is wrong, what to write at the place, what to do.
pub(super) struct Wrong {
    message: String,
    label: String,
    help: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), label: label.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    fn expected(what: &str, raw: &Raw) -> Self {
        let found = raw.describe();
        Self::new(format!("expected {what}, found {found}"), format!("this is {found}"))
    }
}

/// What reads, and what was read.
pub(super) struct Reader {
    pub(super) given: Given,
    pub(super) entries: Vec<Entry>,
}

impl Reader {
    /// A section by its name.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_> {
        Section { reader: self, name }
    }

    /// Tells that values don't go together: at the first of these keys that was said, with the next one beside it, or for the
    /// command where none was.
    pub(super) fn conflict(&mut self, keys: &[&str], message: String, help: &str) {
        let mut said = keys.iter().filter_map(|key| Some((*key, self.given.items.get(*key)?)));
        let first = said.next();
        let span = first.map_or(self.given.command.clone(), |(_, item)| item.span.clone());
        let label = first.map_or("missing here", |_| "this");
        let beside =
            said.next().map(|(_, item)| Beside { span: item.span.clone(), label: "and this".into() });
        let problem = error(span, message, label, Some(help.to_owned()));
        self.given.problems.push(Problem { beside, ..problem });
    }
}

/// A section of the configuration, being read.
pub(super) struct Section<'r> {
    reader: &'r mut Reader,
    name: &'static str,
}

/// A text as TOML.
pub(super) fn quoted(text: impl Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn text(raw: &Raw) -> Result<&str, Wrong> {
    match raw {
        Raw::Text(text) | Raw::Written(text) => Ok(text),
        other => Err(Wrong::expected("text", other)),
    }
}

fn whole(raw: &Raw) -> Result<i128, Wrong> {
    let too_large = || Wrong::new("this integer does not fit in 64 bits", "too large");
    match raw {
        Raw::Whole(value) => value.map(i128::from).ok_or_else(too_large),
        Raw::Written(text) => {
            text.trim().parse().map_err(|_| Wrong::new("expected an integer", "not a number"))
        }
        other => Err(Wrong::expected("an integer", other)),
    }
}

/// The number, where it is within the bounds.
fn bounded(number: i128, bounds: &RangeInclusive<u64>, shown: impl Fn(u64) -> String) -> Result<u64, Wrong> {
    let found = u64::try_from(number);
    let outside = || {
        let message = format!("{} is out of bounds", found.map_or_else(|_| number.to_string(), &shown));
        Wrong::new(message, format!("give {}", span(bounds, &shown)))
    };
    found.ok().filter(|number| bounds.contains(number)).ok_or_else(outside)
}

/// Bounds in words; what no file can write is no bound.
fn span(bounds: &RangeInclusive<u64>, shown: impl Fn(u64) -> String) -> String {
    let least = shown(*bounds.start());
    match *bounds.end() {
        LARGEST => format!("{least} or more"),
        most => format!("{least} to {}", shown(most)),
    }
}

/// A number as the type of a setting; its bounds are within that.
fn narrow<T: TryFrom<u64>>(value: u64, default: T) -> T {
    T::try_from(value).unwrap_or(default)
}

fn shown_duration(duration: &Duration) -> String {
    format_duration(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

impl Section<'_> {
    /// The value of a key, or none where nobody said it or it is wrong: `parse` gives it with how TOML writes it.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        takes: String,
        default: String,
        about: &'static str,
        parse: impl FnOnce(&Raw) -> Result<(T, String), Wrong>,
    ) -> Option<T> {
        let path = format!("{}.{key}", self.name);
        let (mut value, mut origin, mut found) = (default.clone(), Origin::Default, None);
        if let Some(item) = self.reader.given.items.get(&path) {
            match parse(&item.raw) {
                Ok((parsed, shown)) => (value, origin, found) = (shown, item.origin.clone(), Some(parsed)),
                Err(Wrong { message, label, help }) => {
                    let message = format!("`{path}`: {message}");
                    let problem = error(item.span.clone(), message, &label, help);
                    self.reader.given.problems.push(problem);
                }
            }
        }
        self.reader.entries.push(Entry { key: path, takes, about, default, value, origin });
        found
    }

    /// A whole number.
    pub(super) fn whole<T: TryFrom<u64> + TryInto<u64> + Copy>(
        &mut self,
        key: &str,
        default: T,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> T {
        let shown = default.try_into().map_or(String::new(), |value: u64| value.to_string());
        self.whole_with(key, shown, bounds, about).map_or(default, |value| narrow(value, default))
    }

    /// A whole number that has a default of its own where nobody says it.
    pub(super) fn whole_with(
        &mut self,
        key: &str,
        default: String,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> Option<u64> {
        let shown = |number: u64| number.to_string();
        self.read(key, span(&bounds, shown), default, about, |raw| {
            let value = bounded(whole(raw)?, &bounds, shown)?;
            Ok((value, shown(value)))
        })
    }

    /// A number of bytes, as an integer or as a text such as `64MiB`.
    pub(super) fn bytes(
        &mut self,
        key: &str,
        default: usize,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> usize {
        let shown = quoted(format_size(default as u64));
        self.bytes_with(key, shown, bounds, about).map_or(default, |value| narrow(value, default))
    }

    /// The same of one that has a default of its own where nobody says it.
    pub(super) fn bytes_with(
        &mut self,
        key: &str,
        default: String,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> Option<u64> {
        self.read(key, span(&bounds, format_size), default, about, |raw| {
            let bytes = match raw {
                Raw::Text(text) | Raw::Written(text) => {
                    parse_size(text).map(i128::from).ok_or_else(|| {
                        Wrong::new("expected a size", "not a size").help("write it as 512KiB, 64MiB or 2GiB")
                    })?
                }
                other => whole(other)?,
            };
            let bytes = bounded(bytes, &bounds, format_size)?;
            Ok((bytes, quoted(format_size(bytes))))
        })
    }

    /// A duration, as a text such as `200ms`.
    pub(super) fn duration(
        &mut self,
        key: &str,
        default: Duration,
        bounds: RangeInclusive<Duration>,
        about: &'static str,
    ) -> Duration {
        let takes = format!("{} to {}", shown_duration(bounds.start()), shown_duration(bounds.end()));
        let takes_in = takes.clone();
        let duration = self.read(key, takes, quoted(shown_duration(&default)), about, |raw| {
            let bad = |raw: &Raw| Wrong::expected("a duration such as \"200ms\"", raw);
            let (Raw::Text(text) | Raw::Written(text)) = raw else { return Err(bad(raw)) };
            let us = parse_duration(text).map_err(|_| {
                Wrong::new("expected a duration", "not a duration")
                    .help("write a whole number and a unit: us, ms, s, m, h or d, such as 200ms")
            })?;
            let duration = Duration::from_micros(u64::try_from(us).unwrap_or_default());
            if !bounds.contains(&duration) {
                let message = format!("{} is out of bounds", shown_duration(&duration));
                return Err(Wrong::new(message, format!("give {takes_in}")));
            }
            Ok((duration, quoted(shown_duration(&duration))))
        });
        duration.unwrap_or(default)
    }

    /// True or false.
    pub(super) fn truth(&mut self, key: &str, default: bool, about: &'static str) -> bool {
        let value = self.read(key, "true or false".to_owned(), default.to_string(), about, |raw| {
            let value = match raw {
                Raw::Truth(value) => *value,
                Raw::Written(text) if text == "true" => true,
                Raw::Written(text) if text == "false" => false,
                Raw::Written(_) => return Err(Wrong::new("expected true or false", "neither of them")),
                other => return Err(Wrong::expected("true or false", other)),
            };
            Ok((value, value.to_string()))
        });
        value.unwrap_or(default)
    }

    /// One of these words.
    pub(super) fn word<T: Copy + PartialEq>(
        &mut self,
        key: &str,
        words: &[(&'static str, T)],
        default: T,
        about: &'static str,
    ) -> T {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let shown = words.iter().find(|(_, value)| *value == default).map_or("", |(word, _)| *word);
        let value = self.read(key, names.join(", "), quoted(shown), about, |raw| {
            let said = text(raw)?;
            let found = words.iter().find(|(word, _)| *word == said);
            found.map(|(word, value)| (*value, quoted(word))).ok_or_else(|| {
                let help = did_you_mean(near(said, names.iter().copied()));
                let message = format!("it can't be `{}`", said.escape_debug());
                Wrong::new(message, "unknown word")
                    .help(help.unwrap_or_else(|| format!("write {}", listed(&names, "or"))))
            })
        });
        value.unwrap_or(default)
    }

    /// What a text stands for that `parse` knows.
    pub(super) fn parsed<T: Display>(
        &mut self,
        key: &str,
        takes: &str,
        default: Option<T>,
        about: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let shown = default.as_ref().map(quoted).unwrap_or_default();
        let value = self.read(key, takes.to_owned(), shown, about, |raw| {
            let value = parse(text(raw)?)?;
            let shown = quoted(&value);
            Ok((value, shown))
        });
        value.or(default)
    }

    /// The path of a file or a folder, as it is written: from the folder in which the process works.
    pub(super) fn path(&mut self, key: &str, default: Option<&str>, about: &'static str) -> Option<PathBuf> {
        let path = |text: &str| match text {
            "" => Err(Wrong::new("expected a path", "empty")),
            path if path.contains('\0') => Err(Wrong::new("a path holds no zero byte", "not a path")),
            path => Ok(path.to_owned()),
        };
        self.parsed(key, "a path", default.map(str::to_owned), about, path).map(PathBuf::from)
    }

    /// Paths: a list, and in a variable with commas between them.
    pub(super) fn paths(&mut self, key: &str, about: &'static str) -> Vec<PathBuf> {
        let paths = self.read(key, "a list of paths".to_owned(), "[]".to_owned(), about, |raw| {
            let text_in = |item| {
                text(item).map_err(|_| {
                    let found = Raw::describe(item);
                    Wrong::new("expected a list of texts", format!("there is {found} in it"))
                })
            };
            let paths: Vec<&str> = match raw {
                Raw::Written(text) => text.split(',').map(str::trim).collect(),
                Raw::List(items) => items.iter().map(text_in).collect::<Result<_, _>>()?,
                other => return Err(Wrong::expected("a list of texts", other)),
            };
            if paths.iter().any(|path| path.is_empty() || path.contains('\0')) {
                return Err(Wrong::new("a path in this list is empty", "not a list of paths"));
            }
            let shown: Vec<String> = paths.iter().map(quoted).collect();
            Ok((paths.iter().map(PathBuf::from).collect(), format!("[{}]", shown.join(", "))))
        });
        paths.unwrap_or_default()
    }
}

/// Entries by section, in the order in which they were read.
pub(super) fn by_section(entries: &[Entry]) -> Vec<(&str, Vec<(&str, &Entry)>)> {
    let mut sections: Vec<(&str, Vec<(&str, &Entry)>)> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        let (section, key) = entry.key.rsplit_once('.').unwrap_or(("", &entry.key));
        let at = *at.entry(section).or_insert_with(|| {
            sections.push((section, Vec::new()));
            sections.len() - 1
        });
        if let Some((_, keys)) = sections.get_mut(at) {
            keys.push((key, entry));
        }
    }
    sections
}
