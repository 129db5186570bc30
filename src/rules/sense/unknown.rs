//! What can be null in a rule's condition, where the rule leaves open what that means.

use std::collections::BTreeSet;

use super::reason::Reasoner;
use super::region::{Region, Term};
use super::values::{Domain, Values};
use crate::event::Kind;
use crate::rules::names::{BuiltIn, listed};
use crate::rules::problem::{Problem, Problems};
use crate::rules::rule;
use crate::rules::ruleset::{Aggregate, Feature, KeyField, NumberField};

/// Tells what makes the condition of a rule unknown, one null at a time, where the rule does not say what follows.
pub(super) fn tell(reasoner: &Reasoner<'_, '_>, declared: &rule::Declared<'_>, problems: &mut Problems) {
    if !declared.leaves_unknown_open {
        return;
    }
    reasoner.world.begin();
    let names = open(reasoner, declared);
    if names.is_empty() || !reasoner.world.finished() {
        return;
    }
    let id = &declared.rule.id;
    let names = listed(&names, "or");
    let message = format!("rule `{id}` may stay silent because {names} is null; say `on_unknown`");
    problems.push(Problem::note(declared.condition.text.span.clone(), message, "unknown there"));
}

/// The names of what leaves the condition unknown by being null alone.
fn open<'t>(reasoner: &Reasoner<'_, 't>, declared: &'t rule::Declared<'_>) -> Vec<&'t str> {
    let tree = &declared.condition.tree;
    let mut read = BTreeSet::new();
    tree.walk(&mut |part| read.extend(reasoner.term(part)));
    let mut sources = BTreeSet::new();
    for &term in &read {
        match term {
            Term::Feature(position) | Term::FeatureAsItIs(position) => {
                let Some(declared) = reasoner.world.feature(position) else { continue };
                sources.extend(declared.feature.at.iter().map(|field| key_term(*field)));
                if lacks_a_past(&declared.feature) {
                    sources.insert(term);
                }
            }
            Term::BuiltIn(_) | Term::Extra(_) | Term::Table(_) => {
                sources.insert(term);
            }
            Term::Param(_) | Term::Quality(_) => {}
        }
    }
    let nullable = |term: &Term| reasoner.world.domain(*term, reasoner.kinds, reasoner.tuning).null;
    let leaves_open = |source: &Term| {
        let region = with_null(reasoner, &read, *source);
        !reasoner.assume(tree, None, vec![region]).is_empty()
    };
    let open = sources.into_iter().filter(nullable).filter(leaves_open);
    open.map(|term| reasoner.world.name(term)).collect()
}

/// Everything that is read is known but for the source and what is null with it.
fn with_null<'t>(reasoner: &Reasoner<'_, 't>, read: &BTreeSet<Term>, source: Term) -> Region<'t> {
    let mut region = Region::default();
    for &term in read {
        let domain = reasoner.world.domain(term, reasoner.kinds, reasoner.tuning);
        let null = term == source
            || match term {
                Term::Feature(position) | Term::FeatureAsItIs(position) => {
                    reasoner.world.feature(position).is_some_and(|declared| {
                        declared.feature.at.iter().any(|field| key_term(*field) == source)
                    })
                }
                _ => false,
            };
        let domain = if null { Domain::nullable(Values::None) } else { Domain { null: false, ..domain } };
        region.set(term, domain);
    }
    region
}

fn key_term(field: KeyField) -> Term {
    match field {
        KeyField::Text(field) => Term::BuiltIn(BuiltIn::Text(field)),
        KeyField::Extra(position) => Term::Extra(position),
    }
}

/// Whether a feature has no value for a key that is new.
fn lacks_a_past(feature: &Feature) -> bool {
    // The payment itself is there to be averaged.
    let own = feature.current
        && feature.by == feature.at
        && feature.condition.is_none()
        && feature.from.contains(Kind::Transaction);
    match feature.aggregate {
        Aggregate::Since
        | Aggregate::Deviation(_)
        | Aggregate::Previous(_)
        | Aggregate::ZScore(_)
        | Aggregate::Speed { .. }
        | Aggregate::Changed(_)
        | Aggregate::Ratio { .. } => true,
        Aggregate::Mean(field)
        | Aggregate::Min(field)
        | Aggregate::Max(field)
        | Aggregate::First(field)
        | Aggregate::Last(field)
        | Aggregate::Quantile(field, _) => !(own && field == NumberField::Amount),
        Aggregate::Count | Aggregate::Sum(_) | Aggregate::Distinct(_) | Aggregate::IsNew => false,
    }
}
