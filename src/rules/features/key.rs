//! `by`, `at` and `from`: under which fields, and from which events, a feature is fed.

use super::Reader;
use crate::event::{ExtraType, Kind, TextField};
use crate::rules::document::{Item, Table, Text, one_of, one_or_more, text};
use crate::rules::limits::KEY_FIELDS_MAX;
use crate::rules::names::{BuiltIn, Meaning, Scope, did_you_mean};
use crate::rules::problem::{Problem, Problems};
use crate::rules::ruleset::{KeyField, Kinds};
use crate::rules::types::Type;

impl<'d> Reader<'_, 'd> {
    pub(super) fn by(&mut self, table: &Table<'d>) -> Option<Vec<KeyField>> {
        let item = table.required(self.problems, "by")?;
        self.key(item)
    }

    /// The fields by which it is read: those of `by` unless said.
    pub(super) fn at(&mut self, table: &Table<'d>, by: Option<&[KeyField]>) -> Option<Vec<KeyField>> {
        match table.get("at") {
            Some(item) => self.key(item),
            None => by.map(<[KeyField]>::to_vec),
        }
    }

    /// Tells an `at` that does not go with `by`, or says the same.
    pub(super) fn check_at(&mut self, table: &Table<'d>, by: &[KeyField], at: &[KeyField]) -> Option<()> {
        if by.len() != at.len() {
            let span = table.get("at").map_or(table.span(), |item| item.span());
            let message = format!("`at` has {} fields, `by` has {}", at.len(), by.len());
            return self.fail(Problem::error(span, message, "not as many as `by`"));
        }
        if let Some(item) = table.get("at")
            && by == at
        {
            let message = "`at` is the same as `by`, which it is when it is left out";
            self.problems.push(Problem::warning(item.span(), message, "adds nothing"));
        }
        Some(())
    }

    /// One field or a list of them.
    fn key(&mut self, item: Item<'d>) -> Option<Vec<KeyField>> {
        let items = one_or_more(item);
        if items.is_empty() || items.len() > KEY_FIELDS_MAX {
            let message = format!("a key has 1 to {KEY_FIELDS_MAX} fields");
            return self.fail(Problem::error(item.span(), message, format!("this has {}", items.len())));
        }
        let mut key = Vec::new();
        for item in items {
            let name = text(self.file, self.problems, item)?;
            let field = key_field(&name, self.scope, self.problems)?;
            if key.contains(&field) {
                let message = format!("`{}` stands twice in this key", name.value);
                return self.fail(Problem::error(name.span, message, "the second time"));
            }
            key.push(field);
        }
        Some(key)
    }

    /// The kinds of event, or `unsaid` where there is no `from`.
    pub(super) fn from(&mut self, table: &Table<'d>, unsaid: Kinds) -> Option<Kinds> {
        let Some(item) = table.get("from") else { return Some(unsaid) };
        let words = Kind::ALL.map(|kind| (kind.name(), kind));
        let mut kinds = Kinds::default();
        let items = one_or_more(item);
        if items.is_empty() {
            return self.fail(Problem::error(item.span(), "`from` names no kind of event", "empty"));
        }
        for item in items {
            let word = text(self.file, self.problems, item)?;
            kinds = kinds.with(one_of(self.problems, &word, "a kind of event", &words, &[])?);
        }
        Some(kinds)
    }
}

/// The text field of a name; told where it is none.
pub(in crate::rules) fn key_field(
    name: &Text<'_>,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<KeyField> {
    let is_key = |meaning: &Meaning| {
        matches!(
            meaning,
            Meaning::BuiltIn(BuiltIn::Text(_)) | Meaning::Extra(_, ExtraType::Text | ExtraType::Identifier)
        )
    };
    if let Some(field) = TextField::from_name(name.value) {
        return Some(KeyField::Text(field));
    }
    match scope.find(name.value) {
        Some(Meaning::Extra(position, ExtraType::Text | ExtraType::Identifier)) => {
            Some(KeyField::Extra(position))
        }
        meaning => no_field(name, meaning, "a field with text", is_key, scope, problems),
    }
}

/// Tells that a name is not a field that can stand here.
pub(super) fn no_field<T>(
    name: &Text<'_>,
    meaning: Option<Meaning>,
    expected: &str,
    fits: impl Fn(&Meaning) -> bool,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<T> {
    let shown = name.value.escape_debug();
    let found = match &meaning {
        Some(Meaning::Wrong) => return None,
        None => None,
        Some(Meaning::BuiltIn(field)) => Some(field.ty().describe(scope.currency)),
        Some(Meaning::Extra(_, ty)) => Some(Type::of(*ty).describe(scope.currency)),
        Some(other) => Some(other.describe().to_owned()),
    };
    let problem = match found {
        None => Problem::error(name.span.clone(), format!("unknown field `{shown}`"), "not a field"),
        Some(found) => {
            let message = format!("expected {expected}, found `{shown}`");
            Problem::error(name.span.clone(), message, format!("this is {found}"))
        }
    };
    problems.push(problem.maybe_help(did_you_mean(scope.near(name.value, fits))));
    None
}
