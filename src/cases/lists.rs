//! What is on a rule set's lists when a case begins.

use toml::{Table, Value};

use super::file::{CasesError, array, only, table, text, wrong};
use crate::lists::{List, Listing};
use crate::rules::RuleSet;

/// The lists that a case, or else the defaults, say, by position; each holds what is said here and nothing else.
pub(super) fn read(
    case: &Table,
    defaults: &Table,
    rules: &RuleSet,
    place: &str,
) -> Result<Vec<(usize, List)>, CasesError> {
    let mut lists: Vec<(usize, List)> = Vec::new();
    for (from, place) in [(case, place), (defaults, "[defaults]")] {
        let Some(said) = from.get("lists") else { continue };
        let said = said.as_table().ok_or_else(|| wrong(place, "`lists` is a table of lists of entries"))?;
        for (name, entries) in said {
            let at = rules.lists.iter().position(|list| list.name == *name);
            let at = at.ok_or_else(|| wrong(place, format!("the rule file declares no list `{name}`")))?;
            if lists.iter().all(|(held, _)| *held != at) {
                lists.push((at, list(entries, rules, &format!("{place}, list `{name}`"))?));
            }
        }
    }
    Ok(lists)
}

fn list(entries: &Value, rules: &RuleSet, place: &str) -> Result<List, CasesError> {
    let mut list = List::default();
    for entry in array(entries, place)? {
        if let Some(key) = entry.as_str() {
            list.put(None, key, Listing::default());
            continue;
        }
        let entry = table(entry, place)?;
        only(entry, place, &["key", "expires", "level", "note"])?;
        let said = |key: &str| entry.get(key).map(|value| text(value, place, key)).transpose();
        let key = said("key")?.ok_or_else(|| wrong(place, "an entry is a text, or a table with `key`"))?;
        let expires_us = match said("expires")? {
            Some(time) => {
                Some(rules.calendar.instant(&time).map_err(|error| wrong(place, error.to_string()))?)
            }
            None => None,
        };
        let level = match entry.get("level") {
            Some(level) => Some(level.as_integer().ok_or_else(|| wrong(place, "`level` is a whole number"))?),
            None => None,
        };
        let note = said("note")?;
        list.put(None, &key, Listing { expires_us, level, note: note.as_deref() });
    }
    Ok(list)
}
