//! `[lists]`: names of lists, the field that each is about, and the file of its first entries.

use super::document::{Item, Table};
use super::limits::{FILE_NAME_BYTES_MAX, LISTS_MAX};
use super::names::{BuiltIn, Meaning, Scope, did_you_mean};
use super::problem::{Problem, Problems};
use super::ruleset::{KeyField, ListDeclaration};
use super::sections::{Name, declare};
use crate::event::{ExtraType, Form};

const KEYS: [&str; 2] = ["file", "key"];

/// A list of the file.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    pub(super) name: Name<'d>,
    pub(super) list: ListDeclaration,
}

/// Reads the section and declares what it names. Lists stand in the order of their names.
pub(super) fn read<'d>(root: &Table<'d>, scope: &mut Scope, problems: &mut Problems) -> Vec<Declared<'d>> {
    let Some(section) = root.table(problems, "lists", "[lists]") else { return Vec::new() };
    if section.len() > LISTS_MAX {
        let message = format!("a rule file has at most {LISTS_MAX} lists");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    let mut lists = Vec::new();
    for (name, span, item) in section.entries() {
        if problems.full() {
            break;
        }
        let name = Name { text: name, span };
        let read = read_one(root.file, &name, item, scope, problems);
        let meaning = match &read {
            Some((_, key)) => Meaning::List(lists.len(), (*key).to_owned()),
            None => Meaning::Wrong,
        };
        if declare(scope, &name, meaning, problems)
            && let Some((list, _)) = read
        {
            lists.push(Declared { name, list });
        }
    }
    lists
}

/// A list, and the name of its field.
fn read_one<'d>(
    file: &'d str,
    name: &Name<'d>,
    item: Item<'d>,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<(ListDeclaration, &'d str)> {
    let table = Table::of(file, problems, item, "a list")?;
    table.check_keys(problems, &KEYS, &[]);
    let file = match table.get("file") {
        None => None,
        Some(_) => {
            let help = "leave `file` out for a list that events alone put entries on";
            Some(file_name(&table, help, problems)?)
        }
    };
    let key = table.required_text(problems, "key")?;
    let is_text = |meaning: &Meaning| text_field(meaning).is_some();
    let field = match scope.find(key.value) {
        Some(Meaning::Wrong) => return None,
        meaning => meaning.as_ref().and_then(text_field),
    };
    let Some(field) = field else {
        let message = format!("`{}` is not a field with text", key.value.escape_debug());
        let problem = Problem::error(key.span, message, "a list is about a field with text");
        problems.push(problem.maybe_help(did_you_mean(scope.near(key.value, is_text))));
        return None;
    };
    Some((ListDeclaration { name: name.text.to_owned(), file, pack: 0, key: field }, key.value))
}

/// The field that a name stands for, if it holds one text.
fn text_field(meaning: &Meaning) -> Option<KeyField> {
    match *meaning {
        Meaning::BuiltIn(BuiltIn::Text(field)) if field.form() != Form::Words => Some(KeyField::Text(field)),
        Meaning::Extra(position, ExtraType::Text | ExtraType::Identifier) => Some(KeyField::Extra(position)),
        _ => None,
    }
}

/// The name of a file, told with `help` where it can't be one.
pub(super) fn file_name(table: &Table<'_>, help: &str, problems: &mut Problems) -> Option<String> {
    let file = table.text(problems, "file")?;
    let (message, label) = if file.value.trim().is_empty() {
        ("the name of a file cannot be empty".to_owned(), "empty".to_owned())
    } else if file.value.len() > FILE_NAME_BYTES_MAX {
        let message = format!("the name of a file has at most {FILE_NAME_BYTES_MAX} bytes");
        (message, format!("this has {}", file.value.len()))
    } else {
        return Some(file.value.to_owned());
    };
    let problem = Problem::error(file.span, message, label);
    problems.push(problem.help(help));
    None
}
