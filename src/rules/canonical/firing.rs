//! The hash of all that says whether a rule fires, by which what it did on history is known again after an edit of other rules.
//!
//! Only an analyst's build keeps what rules did, so only that works it out: a file of thousands of rules compiles for it by a third
//! longer. Promises that rules with equal hashes fire on the same events: what a condition reaches is put in as for a feature.

use sha2::{Digest, Sha256};

use super::definition::Reached;
use super::{FORM, Form};
use crate::event::TextField;
use crate::rules::names::BuiltIn;
use crate::rules::params::Param;
use crate::rules::ruleset::{Firing, KeyField, RuleSet};
use crate::rules::sql::tree::{Node, Tree};
use crate::rules::{features, rule, tables};

/// What says whether each rule fires.
pub(in crate::rules) fn firings(
    set: &RuleSet,
    params: &[Param<'_>],
    features: &[features::Declared<'_>],
    tables: &[tables::Declared<'_>],
    rules: &[rule::Declared<'_>],
) -> Vec<Firing> {
    let firing = |declared: &rule::Declared<'_>| {
        let rule = &declared.rule;
        let mut form = Form { hasher: Sha256::new(), schema: &set.schema, features };
        form.put("weir-firing", FORM);
        form.condition_of(declared);
        form.looks_at(rule);
        // The share of one rule is not that of another.
        rule.rollout.iter().for_each(|_| form.put("rule", &rule.id));
        rule.tenants.iter().for_each(|tenant| form.put("tenant", tenant));
        let mut reached = Reached::default();
        reached.condition(&declared.condition.tree);
        reached.close(features, tables);
        reached.put(&mut form, &set.lists, params, features, tables);
        let mut firing = Firing { hash: form.hasher.finalize().into(), ..Firing::default() };
        reads(&declared.condition.tree, &mut firing);
        let of_tables = rule.tables.iter().filter_map(|at| tables.get(usize::from(*at)));
        of_tables.flat_map(|table| &table.conditions).for_each(|row| reads(&row.tree, &mut firing));
        match rule.rollout.map(|rollout| rollout.by) {
            Some(KeyField::Text(field)) => drop(firing.texts.insert(field)),
            Some(KeyField::Extra(_)) => firing.reads_more = true,
            None => {}
        }
        // A share is drawn for each tenant by itself, and a list may say something to one alone.
        if rule.rollout.is_some() || !rule.tenants.is_empty() || !set.lists.is_empty() {
            firing.texts.insert(TextField::Tenant);
        }
        firing
    };
    rules.iter().map(firing).collect()
}

/// Notes what a condition reads of an event itself.
fn reads(tree: &Tree, firing: &mut Firing) {
    tree.walk(&mut |part| match &part.node {
        Node::BuiltIn(BuiltIn::Text(field)) | Node::Word(_, field) => drop(firing.texts.insert(*field)),
        Node::Met(..) => firing.texts.extend([TextField::Methods, TextField::Result]),
        Node::BuiltIn(
            BuiltIn::Amount
            | BuiltIn::Currency
            | BuiltIn::Kind
            | BuiltIn::Time
            | BuiltIn::Hour
            | BuiltIn::Weekday,
        ) => {}
        Node::BuiltIn(_) | Node::Extra(..) => firing.reads_more = true,
        _ => {}
    });
}
