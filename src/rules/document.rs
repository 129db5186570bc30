//! The rule file as TOML with the place of everything in it.
//!
//! Promises that each wrong type, missing key and unknown key is told where it stands. Must never know what a key means.

use std::borrow::Borrow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::names::{did_you_mean, listed, near};
use super::problem::{Problem, Problems};

/// A value of the file with its place.
pub(super) type Item<'d> = &'d Spanned<DeValue<'d>>;

/// A text of the file.
#[derive(Clone, Debug)]
pub(super) struct Text<'d> {
    pub(super) value: &'d str,
    /// The bytes of the file, with the quotes.
    pub(super) span: Range<usize>,
    /// Where the text itself starts, if it stands there without escapes.
    start: Option<usize>,
}

impl<'d> Text<'d> {
    fn new(file: &str, value: &'d str, span: Range<usize>) -> Self {
        let raw = file.get(span.clone()).unwrap_or_default();
        let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| raw.starts_with(quotes));
        let quotes = quotes.map_or(0, str::len);
        let inner = raw.get(quotes..raw.len().saturating_sub(quotes)).unwrap_or_default();
        let newline = if quotes == 3 { inner.len() - without_first_newline(inner).len() } else { 0 };
        let plain = inner.get(newline..) == Some(value);
        Self { value, start: plain.then_some(span.start + quotes + newline), span }
    }

    /// The bytes of the file that hold these bytes of the text; all of it where escapes stand between.
    pub(super) fn locate(&self, part: Range<usize>) -> Range<usize> {
        match self.start {
            Some(start) if part.start < part.end => start + part.start..start + part.end,
            _ => self.span.clone(),
        }
    }
}

/// TOML leaves out a line end right after opening quotes of three.
fn without_first_newline(text: &str) -> &str {
    text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text)
}

/// What kind of thing a value is, for a message.
pub(super) fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Tells that a value is of another type than is needed.
pub(super) fn expected<T>(problems: &mut Problems, item: Item<'_>, what: &str) -> Option<T> {
    let found = describe(item.get_ref());
    problems.push(Problem::error(
        item.span(),
        format!("expected {what}, found {found}"),
        format!("this is {found}"),
    ));
    None
}

/// The text of a value; told where it is none.
pub(super) fn text<'d>(file: &str, problems: &mut Problems, item: Item<'d>) -> Option<Text<'d>> {
    match item.get_ref() {
        DeValue::String(value) => Some(Text::new(file, value, item.span())),
        _ => expected(problems, item, "text"),
    }
}

/// A whole number as it is written; told where it is none.
pub(super) fn integer(problems: &mut Problems, item: Item<'_>) -> Option<i64> {
    let DeValue::Integer(written) = item.get_ref() else { return expected(problems, item, "an integer") };
    let value = i64::from_str_radix(written.as_str(), written.radix()).ok();
    if value.is_none() {
        problems.push(Problem::error(item.span(), "this integer does not fit in 64 bits", "too large"));
    }
    value
}

/// The values of a list, or the value itself: most keys take one or several.
pub(super) fn one_or_more<'d>(item: Item<'d>) -> Vec<Item<'d>> {
    match item.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![item],
    }
}

/// A table of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'d> {
    pub(super) file: &'d str,
    entries: &'d DeTable<'d>,
    /// Where it is, for what it lacks.
    start: usize,
    end: usize,
    /// What it is, for messages: `a rule`, `[policy]`.
    what: &'static str,
}

impl<'d> Table<'d> {
    /// The whole file.
    pub(super) fn root(file: &'d str, root: &'d Spanned<DeTable<'d>>) -> Self {
        Self { file, entries: root.get_ref(), start: 0, end: file.len().min(1), what: "a rule file" }
    }

    /// All of one of several files, which begins at `start`.
    pub(super) fn of_file(file: &'d str, root: &'d Spanned<DeTable<'d>>, start: usize) -> Self {
        let end = file.len().min(start + 1);
        Self { file, entries: root.get_ref(), start, end, what: "a rule file" }
    }

    /// A value that must be a table; told where it is none.
    pub(super) fn of(
        file: &'d str,
        problems: &mut Problems,
        item: Item<'d>,
        what: &'static str,
    ) -> Option<Self> {
        let span = item.span();
        match item.get_ref() {
            DeValue::Table(entries) => Some(Self { file, entries, start: span.start, end: span.end, what }),
            _ => expected(problems, item, "a table"),
        }
    }

    /// Where it is.
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Its keys and values, in the order of the keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'d str, Range<usize>, Item<'d>)> + use<'d> {
        self.entries.iter().map(|(key, value)| {
            let name: &str = key.get_ref().borrow();
            (name, key.span(), value)
        })
    }

    /// How many keys it has.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A value, if there is one.
    pub(super) fn get(&self, key: &str) -> Option<Item<'d>> {
        self.entries.get(key)
    }

    /// A value; told where there is none.
    pub(super) fn required(&self, problems: &mut Problems, key: &str) -> Option<Item<'d>> {
        let found = self.get(key);
        if found.is_none() {
            let message = format!("`{key}` is missing from {}", self.what);
            problems.push(Problem::error(self.span(), message, format!("`{key}` is missing")));
        }
        found
    }

    /// A text, if there is one.
    pub(super) fn text(&self, problems: &mut Problems, key: &str) -> Option<Text<'d>> {
        text(self.file, problems, self.get(key)?)
    }

    /// A text; told where there is none.
    pub(super) fn required_text(&self, problems: &mut Problems, key: &str) -> Option<Text<'d>> {
        let item = self.required(problems, key)?;
        text(self.file, problems, item)
    }

    /// A whole number with its place, if there is one.
    pub(super) fn integer(&self, problems: &mut Problems, key: &str) -> Option<(i64, Range<usize>)> {
        let item = self.get(key)?;
        integer(problems, item).map(|value| (value, item.span()))
    }

    /// A boolean with its place, if there is one.
    pub(super) fn boolean(&self, problems: &mut Problems, key: &str) -> Option<(bool, Range<usize>)> {
        let item = self.get(key)?;
        match item.get_ref() {
            DeValue::Boolean(value) => Some((*value, item.span())),
            _ => expected(problems, item, "true or false"),
        }
    }

    /// One of these words, if there is a value.
    pub(super) fn word<T: Copy>(
        &self,
        problems: &mut Problems,
        key: &str,
        words: &[(&'static str, T)],
        later: &[&str],
    ) -> Option<T> {
        let text = self.text(problems, key)?;
        one_of(problems, &text, &format!("`{key}`"), words, later)
    }

    /// A table inside, if there is one.
    pub(super) fn table(&self, problems: &mut Problems, key: &str, what: &'static str) -> Option<Self> {
        Self::of(self.file, problems, self.get(key)?, what)
    }

    /// Tells keys that are not known, and those that only a later version will know.
    pub(super) fn check_keys(&self, problems: &mut Problems, known: &[&str], later: &[&str]) {
        for (key, span, _) in self.entries() {
            if known.contains(&key) {
                continue;
            }
            if later.contains(&key) {
                let message = format!("`{key}` is not supported by this version");
                problems.push(Problem::error(span, message, "not supported"));
                continue;
            }
            let help = did_you_mean(near(key, known.iter().copied()))
                .unwrap_or_else(|| format!("{} takes {}", self.what, listed(known, "and")));
            let message = format!("unknown key `{}` in {}", key.escape_debug(), self.what);
            problems.push(Problem::error(span, message, "not a key here").help(help));
        }
    }
}

/// What a text stands for, among `words`; told where it is none of them.
pub(super) fn one_of<T: Copy>(
    problems: &mut Problems,
    text: &Text<'_>,
    what: &str,
    words: &[(&'static str, T)],
    later: &[&str],
) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
    if found.is_some() {
        return found;
    }
    let shown = text.value.escape_debug();
    if later.contains(&text.value) {
        let message = format!("`{shown}` is not supported by this version");
        problems.push(Problem::error(text.span.clone(), message, "not supported"));
        return None;
    }
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let help = did_you_mean(near(text.value, names.iter().copied()))
        .unwrap_or_else(|| format!("write {}", listed(&names, "or")));
    let message = format!("{what} cannot be `{shown}`");
    problems.push(Problem::error(text.span.clone(), message, "unknown word").help(help));
    None
}
