//! `tags`, `oblige` and `legal`: what a rule says of a payment beside the outcome that it asks for.
//!
//! Promises that each word has one bit, whatever the layout of the file. Must never know what a word means.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Table, Text, one_or_more, text};
use super::limits::{DUTIES_MAX, LEGAL_BYTES_MAX, NAME_BYTES_MAX};
use super::names::check_word;
use super::problem::{Problem, Problems};
use super::rule::Declared;

/// The keys of a rule that are read here.
pub(super) const KEYS: [&str; 3] = ["tags", "oblige", "legal"];

/// What a rule says beside what it asks for.
#[derive(Debug, Default)]
pub(super) struct Duties<'d> {
    /// Its tags, sorted.
    pub(super) tags: Vec<&'d str>,
    /// What it obliges somebody to do, sorted.
    pub(super) oblige: Vec<&'d str>,
    /// Where the law says so.
    pub(super) legal: Option<String>,
}

impl Duties<'_> {
    /// Whether there is something for others to act on.
    pub(super) fn any(&self) -> bool {
        !self.tags.is_empty() || !self.oblige.is_empty()
    }
}

/// Reads what a rule says of them; `None` where something is wrong.
pub(super) fn read<'d>(table: &Table<'d>, problems: &mut Problems) -> Option<Duties<'d>> {
    let tags = words(table, "tags", problems, |word| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let fits = !word.is_empty() && word.len() <= NAME_BYTES_MAX && word.bytes().all(plain);
        let help = format!("write at most {NAME_BYTES_MAX} of A-Z, a-z, 0-9, _, - and .");
        if fits { Ok(()) } else { Err((format!("`{}` is not a tag", word.escape_debug()), Some(help))) }
    });
    let oblige = words(table, "oblige", problems, check_word);
    let legal = match table.get("legal") {
        None => Some(None),
        Some(_) => table.text(problems, "legal").and_then(|said| legal(said, problems)).map(Some),
    };
    Some(Duties { tags: tags?, oblige: oblige?, legal: legal? })
}

/// Why a word can't be one, and what to do.
type Wrong = (String, Option<String>);

fn words<'d>(
    table: &Table<'d>,
    key: &str,
    problems: &mut Problems,
    check: impl Fn(&str) -> Result<(), Wrong>,
) -> Option<Vec<&'d str>> {
    let Some(item) = table.get(key) else { return Some(Vec::new()) };
    let mut words = Vec::new();
    for item in one_or_more(item) {
        let word = text(table.file, problems, item)?;
        if let Err((message, help)) = check(word.value) {
            problems.push(Problem::error(word.span, message, "not a word for it").maybe_help(help));
            return None;
        }
        if words.contains(&word.value) {
            let message = format!("`{}` stands twice in `{key}`", word.value);
            problems.push(Problem::error(word.span, message, "the second time"));
            return None;
        }
        words.push(word.value);
    }
    words.sort_unstable();
    Some(words)
}

fn legal(said: Text<'_>, problems: &mut Problems) -> Option<String> {
    let (message, label) = if said.value.trim().is_empty() {
        ("a legal reference cannot be empty".to_owned(), "empty".to_owned())
    } else if said.value.len() > LEGAL_BYTES_MAX {
        let message = format!("a legal reference has at most {LEGAL_BYTES_MAX} bytes");
        (message, format!("this has {}", said.value.len()))
    } else {
        return Some(said.value.to_owned());
    };
    problems.push(Problem::error(said.span, message, label));
    None
}

/// All tags and all obligations of a rule set, each sorted.
pub(super) type Names = (Vec<String>, Vec<String>);

/// Gives each word the bit of its place among all, and the rules their bits; gives all words.
pub(super) fn number(rules: &mut [Declared<'_>], problems: &mut Problems) -> Names {
    let tags = bits(rules.iter().map(|rule| (&rule.duties.tags, rule)), "tags", problems);
    let oblige = bits(rules.iter().map(|rule| (&rule.duties.oblige, rule)), "obligations", problems);
    for declared in rules {
        let mask = |bits: &BTreeMap<&str, u32>, words: &[&str]| {
            words.iter().filter_map(|word| bits.get(word)).fold(0_u64, |mask, bit| mask | 1 << (bit % 64))
        };
        declared.rule.tags = mask(&tags, &declared.duties.tags);
        declared.rule.oblige = mask(&oblige, &declared.duties.oblige);
    }
    let names = |bits: BTreeMap<&str, u32>| bits.into_keys().map(str::to_owned).collect();
    (names(tags), names(oblige))
}

fn bits<'d: 'r, 'r>(
    words: impl Iterator<Item = (&'r Vec<&'d str>, &'r Declared<'d>)> + Clone,
    what: &str,
    problems: &mut Problems,
) -> BTreeMap<&'d str, u32> {
    let all: BTreeSet<&str> = words.clone().flat_map(|(words, _)| words).copied().collect();
    if all.len() > DUTIES_MAX
        && let Some((_, last)) = words.filter(|(words, _)| !words.is_empty()).last()
    {
        let message = format!("a rule set names at most {DUTIES_MAX} {what}");
        let label = format!("{} are named", all.len());
        problems.push(Problem::error(last.condition.text.span.clone(), message, label));
    }
    all.into_iter().zip(0..).collect()
}
