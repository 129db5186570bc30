//! The documents of several files as one: sections of names are put together, rules stand one after the other.
//!
//! Promises that nothing is said twice, and that a file which is extended says nothing that is the whole's to say.
//! Must never know what a section means.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};
use super::sources::Sources;

/// The sections whose names several files may add to.
const NAMED: [&str; 8] = ["fields", "params", "set", "features", "lists", "tables", "auth", "locks"];

/// The sections that only the file says that is compiled.
const OF_THE_WHOLE: [&str; 2] = ["policy", "control"];

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
            if file > 0 && OF_THE_WHOLE.contains(&name) {
                let message = format!("[{name}] is the whole rule set's: a file that is extended has none");
                let problem = Problem::error(key.span(), message, "of an extended file");
                problems.push(problem.help(format!("put it into {}", sources.name())));
                continue;
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
    merged
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
