//! Fields that events of some kinds never have: what is read of them there is never there.

use super::names::{BuiltIn, listed};
use super::problem::{Problem, Problems};
use super::ruleset::Kinds;
use super::sql::Compiled;
use super::sql::tree::Node;
use crate::event::Kind;

/// Tells the fields of a condition that no event of these kinds has.
pub(super) fn check(condition: &Compiled<'_>, kinds: Kinds, problems: &mut Problems) {
    let mut told: Vec<BuiltIn> = Vec::new();
    condition.tree.walk(&mut |tree| {
        if let Node::BuiltIn(field) = tree.node
            && !told.contains(&field)
            && let Some(message) = lacking(field, kinds)
        {
            told.push(field);
            let span = condition.text.locate(tree.span.clone());
            problems.push(Problem::warning(span, message, "never there").help(where_it_is(field)));
        }
    });
}

fn has(kind: Kind, field: BuiltIn) -> bool {
    match field {
        BuiltIn::Amount | BuiltIn::Currency => kind.has_amount(),
        BuiltIn::Text(text) => kind.has(text),
        _ => true,
    }
}

/// Which events have a field.
fn where_it_is(field: BuiltIn) -> String {
    let kinds: Vec<&str> = Kind::ALL.into_iter().filter(|kind| has(*kind, field)).map(Kind::name).collect();
    format!("`{}` comes with events of the kind {}", field.name(), listed(&kinds, "or"))
}

/// What to tell of a field that no event of these kinds has.
pub(super) fn lacking(field: BuiltIn, kinds: Kinds) -> Option<String> {
    let mut of_kinds = Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
    if of_kinds.clone().any(|kind| has(kind, field)) {
        return None;
    }
    let kind = of_kinds.next()?.name();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Some(format!("{article} {kind} event never has `{}`", field.name()))
}
