//! `[auth]`: requirements, and which of them serve for which others.
//!
//! Whoever meets a requirement that serves for another meets that one too. This is compiled away: a requirement is in
//! the end all of (any of ...) again, so that nothing behind the checker knows of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::DeValue;

use super::document::{Item, Table, Text, expected, one_or_more, text};
use super::expr::Needs;
use super::limits::{AUTH_SETS_MAX, METHODS_MAX};
use super::names::{did_you_mean, near};
use super::problem::{Problem, Problems};
use super::sources::Sources;
use super::sql::Used;
use crate::decision;

/// The requirements of `[auth]`, and which of them something names.
#[derive(Debug, Default)]
pub(super) struct Requirements<'d> {
    /// Every method, sorted; its position is its bit.
    pub(super) methods: Vec<String>,
    named: BTreeMap<&'d str, Requirement<'d>>,
}

#[derive(Debug)]
struct Requirement<'d> {
    span: Range<usize>,
    any_of: Vec<u64>,
    serves: Vec<Text<'d>>,
    used: bool,
}

/// A requirement as the file has it.
struct Said<'d> {
    name: &'d str,
    span: Range<usize>,
    all: Vec<Vec<&'d str>>,
    serves: Vec<Text<'d>>,
}

/// What a requirement asks for where another one serves for it: either.
fn either(left: &[u64], right: &[u64]) -> Vec<u64> {
    let mut both = decision::Requirement::none();
    for held in left {
        right.iter().for_each(|other| both.join(held | other));
    }
    both.any_of().to_vec()
}

impl<'d> Requirements<'d> {
    /// Reads `[auth]` of all files.
    pub(super) fn read(root: &Table<'d>, sources: &Sources, problems: &mut Problems) -> Self {
        let Some(section) = root.table(problems, "auth", "[auth]") else { return Self::default() };
        let mut sets: Vec<Said<'d>> = Vec::new();
        for (name, span, item) in section.entries() {
            let Some(table) = Table::of(root.file, problems, item, "a requirement") else { continue };
            table.check_keys(problems, &["all", "serves"], &[]);
            let all = table.required(problems, "all").and_then(|all| all_of(root.file, all, problems));
            let serves = table.get("serves").map(one_or_more).unwrap_or_default();
            let serves = serves.into_iter().filter_map(|item| text(root.file, problems, item)).collect();
            sets.push(Said { name, span, all: all.unwrap_or_default(), serves });
        }
        // In the order of the names, so that a method's bit does not depend on the layout of the file.
        let sorted: BTreeSet<&str> =
            sets.iter().flat_map(|said| said.all.iter().flatten().copied()).collect();
        let numbered: BTreeMap<&str, u32> = sorted.into_iter().zip(0..).collect();
        if numbered.len() > METHODS_MAX {
            let message = format!("a rule set names at most {METHODS_MAX} authentication methods");
            problems.push(Problem::error(section.span(), message, format!("{} are named", numbered.len())));
        }
        let bit = |word: &&str| numbered.get(word).map_or(0, |bit| 1u64.checked_shl(*bit).unwrap_or(0));
        let mask = |any: &Vec<&str>| any.iter().fold(0, |mask, word| mask | bit(word));
        let methods = numbered.keys().map(|word| (*word).to_owned()).collect();
        let named = sets.into_iter().map(|Said { name, span, all, serves }| {
            let any_of = all.iter().map(mask).collect();
            (name, Requirement { span, any_of, serves, used: false })
        });
        let mut requirements = Self { methods, named: named.collect() };
        requirements.check_files(sources, problems);
        requirements.serve(problems);
        requirements
    }

    /// Tells what serves for another file's requirement: it would be a weaker way to meet what that file asks for.
    fn check_files(&self, sources: &Sources, problems: &mut Problems) {
        for requirement in self.named.values() {
            for served in &requirement.serves {
                let Some(of) = self.named.get(served.value) else { continue };
                if sources.position_at(of.span.start) != sources.position_at(served.span.start) {
                    let message = format!("`{}` is another file's requirement", served.value);
                    let label = "only its own file says what serves for it";
                    let problem = Problem::error(served.span.clone(), message, label);
                    problems.push(problem.beside(of.span.clone(), "declared here"));
                }
            }
        }
    }

    /// Lets each requirement be met by whatever serves for it.
    fn serve(&mut self, problems: &mut Problems) {
        for (name, requirement) in &self.named {
            for served in requirement.serves.iter().filter(|served| !self.named.contains_key(served.value)) {
                problems.push(self.unknown(name, served));
            }
        }
        let mut widened = BTreeMap::new();
        for (&name, requirement) in &self.named {
            let Some(servers) = self.servers(name, problems) else { continue };
            let mut any_of = requirement.any_of.clone();
            for server in servers.iter().filter_map(|server| self.named.get(server)) {
                any_of = either(&any_of, &server.any_of);
                if any_of.len() > AUTH_SETS_MAX {
                    let message = format!("with what serves for it `{name}` asks for too much at once");
                    let label = format!("more than {AUTH_SETS_MAX} sets of methods");
                    let problem = Problem::error(requirement.span.clone(), message, label);
                    problems.push(problem.help("let requirements of fewer sets serve for it"));
                    break;
                }
            }
            if !servers.is_empty() {
                widened.insert(name, any_of);
            }
        }
        for (name, any_of) in widened {
            self.named.entry(name).and_modify(|requirement| requirement.any_of = any_of);
        }
    }

    /// The requirements that serve for one, directly or through others; `None` where that goes in a circle.
    fn servers(&self, name: &'d str, problems: &mut Problems) -> Option<BTreeSet<&'d str>> {
        let mut servers: BTreeSet<&'d str> = BTreeSet::new();
        let mut open = vec![name];
        while let Some(served) = open.pop() {
            for (&server, requirement) in &self.named {
                let Some(text) = requirement.serves.iter().find(|text| text.value == served) else {
                    continue;
                };
                if server == name {
                    let message = format!("`{name}` serves for itself, directly or through others");
                    problems.push(Problem::error(text.span.clone(), message, "this goes in a circle"));
                    return None;
                }
                if servers.insert(server) {
                    open.push(server);
                }
            }
        }
        Some(servers)
    }

    fn unknown(&self, own: &str, name: &Text<'d>) -> Problem {
        let shown = name.value.escape_debug();
        let others = self.named.keys().copied().filter(|other| *other != own);
        let help = did_you_mean(near(name.value, others))
            .unwrap_or_else(|| format!("say what it requires: [auth.{shown}] with all = [[\"...\"]]"));
        Problem::error(name.span.clone(), format!("no requirement is named `{shown}`"), "not in [auth]")
            .help(help)
    }

    /// The requirement that a key names, if the key is there; told where there is none of that name.
    pub(super) fn named(&mut self, table: &Table<'_>, problems: &mut Problems) -> Option<Vec<u64>> {
        let name = table.text(problems, "auth")?;
        if let Some(requirement) = self.named.get_mut(name.value) {
            requirement.used = true;
            return Some(requirement.any_of.clone());
        }
        let shown = name.value.escape_debug();
        let help = did_you_mean(near(name.value, self.named.keys().copied()))
            .unwrap_or_else(|| format!("say what it requires: [auth.{shown}] with all = [[\"...\"]]"));
        let problem =
            Problem::error(name.span, format!("no requirement is named `{shown}`"), "not in [auth]");
        problems.push(problem.help(help));
        None
    }

    /// What a condition may ask of by name: each requirement by the words of its methods.
    pub(super) fn needs(&self) -> BTreeMap<String, Needs> {
        let words = |mask: &u64| {
            let bits = self
                .methods
                .iter()
                .enumerate()
                .filter(|(bit, _)| mask.checked_shr(*bit as u32).is_some_and(|rest| rest & 1 == 1));
            bits.map(|(_, word)| word.as_str().into()).collect()
        };
        let of = |requirement: &Requirement<'_>| Needs::new(requirement.any_of.iter().map(words).collect());
        self.named.iter().map(|(name, requirement)| ((*name).to_owned(), of(requirement))).collect()
    }

    /// Marks the requirements that conditions ask of.
    pub(super) fn mark_asked(&mut self, used: &Used) {
        for (name, requirement) in &mut self.named {
            requirement.used |= used.contains(&asked(name));
        }
    }

    /// Tells the requirements that nothing names.
    pub(super) fn check_used(&self, problems: &mut Problems) {
        for (name, requirement) in &self.named {
            if !self.matters(requirement, self.named.len()) {
                let message = format!("requirement `{name}` is never used");
                problems.push(Problem::warning(requirement.span.clone(), message, "no rule names it"));
            }
        }
    }

    /// Whether it is named, or serves for one that is; circles were told, so `depth` steps are enough.
    fn matters(&self, requirement: &Requirement<'_>, depth: usize) -> bool {
        let serves = || requirement.serves.iter().filter_map(|served| self.named.get(served.value));
        requirement.used || depth > 0 && serves().any(|served| self.matters(served, depth - 1))
    }
}

/// What is put among the names used where a condition asks of a requirement; no other name looks like it.
pub(super) fn asked(name: &str) -> String {
    format!("met({name})")
}

/// A list of lists of method words, none of them empty.
fn all_of<'d>(file: &str, all: Item<'d>, problems: &mut Problems) -> Option<Vec<Vec<&'d str>>> {
    let lists = |problems: &mut Problems, item: Item<'d>, what: &str| match item.get_ref() {
        DeValue::Array(items) if !items.is_empty() => Some(items.iter().collect::<Vec<_>>()),
        DeValue::Array(_) => {
            problems.push(Problem::error(
                item.span(),
                format!("expected {what}, found an empty list"),
                "empty",
            ));
            None
        }
        _ => expected(problems, item, what),
    };
    let mut sets = Vec::new();
    for any in lists(problems, all, "a list of lists of methods, such as [[\"fido\"]]")? {
        let mut words = Vec::new();
        for item in lists(problems, any, "a list of methods of which one must be met")? {
            words.push(method(file, item, problems)?);
        }
        sets.push(words);
    }
    Some(sets)
}

/// The word of a method.
pub(super) fn method<'d>(file: &str, item: Item<'d>, problems: &mut Problems) -> Option<&'d str> {
    let word = text(file, problems, item)?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if word.value.is_empty() || !word.value.bytes().all(plain) {
        let message = format!("`{}` is not a method", word.value.escape_debug());
        let problem = Problem::error(word.span, message, "not a word");
        problems.push(problem.help("write a word of a-z, 0-9 and _"));
        return None;
    }
    Some(word.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(any_of: &[u64], methods: u64) -> bool {
        any_of.iter().all(|set| set & methods != 0)
    }

    #[test]
    fn either_of_two_requirements_is_met_by_exactly_the_methods_that_meet_one() {
        // All requirements of up to two sets over four methods, against each other.
        let requirements: Vec<Vec<u64>> =
            (1..16).flat_map(|a| (a..16).map(move |b| if a == b { vec![a] } else { vec![a, b] })).collect();
        for left in &requirements {
            for right in &requirements {
                let both = either(left, right);
                for methods in 0..16 {
                    let expected = meets(left, methods) || meets(right, methods);
                    assert_eq!(meets(&both, methods), expected, "{left:?} {right:?} {methods:b}");
                }
            }
        }
    }
}
