//! The documents of several files as one: sections of names are put together, rules stand one after the other.
//!
//! Promises that nothing is said twice, and that a file which is extended says nothing that is the whole's to say.
//! Must never know what a section means.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};
use super::sources::Sources;
use crate::time::parse_duration;

/// The sections whose names several files may add to.
const NAMED: [&str; 8] = ["fields", "params", "set", "features", "lists", "tables", "auth", "locks"];

/// The section that only the file says that is compiled.
const OF_THE_WHOLE: &str = "control";

/// The section of the whole that a file which is extended may have for when nothing above it says it.
const POLICY: &str = "policy";

/// What `[ruleset]` says of the whole: the word of the file that is compiled goes first, then that of those it extends.
const HEAD_OF_THE_WHOLE: [&str; 3] = ["feedback", "remember", "pending_for"];

/// How long payments are known, and count without a report: never less than any file says.
const AT_LEAST: [&str; 2] = ["remember", "pending_for"];

/// Puts the documents of all files together; they stand in the order of the files.
pub(super) fn merge<'d>(
    sources: &Sources,
    documents: &[Spanned<DeTable<'d>>],
    problems: &mut Problems,
) -> DeTable<'d> {
    let mut merged = DeTable::new();
    for &file in sources.order() {
        let Some(document) = documents.get(file) else { continue };
        for (key, value) in document.get_ref() {
            let name: &str = key.get_ref();
            // What it says of itself is read file by file.
            if name == "ruleset" && file > 0 {
                continue;
            }
            if file > 0 && name == OF_THE_WHOLE {
                let message = format!("[{name}] is the whole rule set's: a file that is extended has none");
                problems.push(of_extended(sources, key.span(), message));
                continue;
            }
            if file > 0 && name == POLICY {
                if let Some(across) = value.get_ref().get("across") {
                    let message =
                        "`across` is the whole rule set's to grant: a file that is extended grants none";
                    problems.push(of_extended(sources, across.span(), message.to_owned()));
                }
                if documents.first().is_some_and(|own| own.get_ref().contains_key(POLICY)) {
                    continue;
                }
            }
            let Some(held) = merged.get_mut(name) else {
                merged.insert(key.clone(), value.clone());
                continue;
            };
            let first = held.span();
            match (held.get_mut(), value.get_ref()) {
                (DeValue::Array(held), DeValue::Array(more)) if name == "rule" => {
                    more.iter().for_each(|rule| held.push(rule.clone()));
                }
                (DeValue::Table(held), DeValue::Table(more)) if NAMED.contains(&name) => {
                    add(held, more, name, problems);
                }
                _ => problems.push(twice(&format!("[{name}]"), key.span(), first)),
            }
        }
    }
    let extended = sources.order().iter().filter(|&&file| file > 0).filter_map(|&file| documents.get(file));
    let heads = extended.filter_map(|document| document.get_ref().get("ruleset"));
    complete(&mut merged, heads.map(Spanned::get_ref), problems);
    merged
}

/// Takes from the heads of extended files what the file's own leaves out.
fn complete<'a, 'd: 'a>(
    merged: &mut DeTable<'d>,
    heads: impl Iterator<Item = &'a DeValue<'d>>,
    problems: &mut Problems,
) {
    let Some(DeValue::Table(own)) = merged.get_mut("ruleset").map(Spanned::get_mut) else { return };
    let open: Vec<&str> = HEAD_OF_THE_WHOLE.into_iter().filter(|&key| !own.contains_key(key)).collect();
    for head in heads {
        let DeValue::Table(head) = head else { continue };
        let shorter = AT_LEAST.into_iter().find_map(|key| {
            let (own, said) = (own.get(key)?, head.get(key)?);
            (duration_us(own) < duration_us(said)).then_some((key, own, said))
        });
        if let Some((key, own, said)) = shorter {
            let message = format!("`{key}` is shorter than a file needs that is extended");
            let problem = Problem::error(own.span(), message, "payments would stop counting too early");
            problems.push(problem.beside(said.span(), "needed here"));
            continue;
        }
        for &wanted in &open {
            let Some((key, value)) = head.get_key_value(wanted) else { continue };
            match own.get(wanted) {
                None => {
                    own.insert(key.clone(), value.clone());
                }
                Some(held) if held.get_ref().as_str() == value.get_ref().as_str() => {}
                Some(held) => {
                    let message = format!("two files that are extended say different things of `{wanted}`");
                    let problem = Problem::error(value.span(), message, "the second one");
                    let help = "let the file that extends both say it";
                    problems.push(problem.beside(held.span(), "the first one").help(help));
                }
            }
        }
    }
}

/// The microseconds of a duration, where it is one.
fn duration_us(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    parse_duration(value.get_ref().as_str()?).ok()
}

fn of_extended(sources: &Sources, span: Range<usize>, message: String) -> Problem {
    Problem::error(span, message, "of an extended file").help(format!("put it into {}", sources.name()))
}

/// Adds the names of one file to those of the others.
fn add<'d>(held: &mut DeTable<'d>, more: &DeTable<'d>, section: &str, problems: &mut Problems) {
    for (key, value) in more {
        let name: &str = key.get_ref();
        match held.get_key_value(name) {
            None => {
                held.insert(key.clone(), value.clone());
            }
            // Files may agree on what an event brings.
            Some((_, held)) if section == "fields" && held.get_ref().as_str() == value.get_ref().as_str() => {
            }
            Some((first, _)) => problems.push(twice(&format!("`{name}`"), key.span(), first.span())),
        }
    }
}

fn twice(what: &str, span: Range<usize>, first: Range<usize>) -> Problem {
    let message = format!(
        "{what} is declared in another file already; files that belong together share one space of names"
    );
    Problem::error(span, message, "the second time").beside(first, "the first time")
}
