//! Fields that events of some kinds never have: what is read of them there is never there.

use super::names::BuiltIn;
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
            problems.push(Problem::warning(condition.text.locate(tree.span.clone()), message, "never there"));
        }
    });
}

/// What to tell of a field that no event of these kinds has.
pub(super) fn lacking(field: BuiltIn, kinds: Kinds) -> Option<String> {
    let has = |kind: &Kind| match field {
        BuiltIn::Amount | BuiltIn::Currency => kind.has_amount(),
        BuiltIn::Text(text) => kind.has(text),
        _ => true,
    };
    let mut of_kinds = Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind));
    if of_kinds.clone().any(|kind| has(&kind)) {
        return None;
    }
    let kind = of_kinds.next()?.name();
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    Some(format!("{article} {kind} event never has `{}`", field.name()))
}
