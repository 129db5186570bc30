//! The hash of a feature's whole definition, by which a reload knows it again whatever it is called.
//!
//! What a `where` names is put in by its own definition: parameters, lists (not what is on them), tables, the features that those read, and so on.
//! Two features with equal hashes, fed the same events from the same time on, have equal values.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::{FORM, Form};
use crate::rules::expr::Needs;
use crate::rules::params::Param;
use crate::rules::ruleset::{
    Aggregate, DegreeField, Feature, KeyField, ListDeclaration, NumberField, Operand, RuleSet,
};
use crate::rules::sql::tree::{Node, Tree};
use crate::rules::{features, tables};

/// The SHA-256 of the definition of each feature.
pub(in crate::rules) fn definitions(
    set: &RuleSet,
    params: &[Param<'_>],
    features: &[features::Declared<'_>],
    tables: &[tables::Declared<'_>],
) -> Vec<[u8; 32]> {
    let hash = |declared: &features::Declared<'_>| {
        let mut form = Form { hasher: Sha256::new(), schema: &set.schema, features };
        form.put("weir-feature", FORM);
        form.definition(declared);
        in_flight(&mut form, &declared.feature);
        let mut reached = Reached::default();
        reached.feature(declared);
        reached.close(features, tables);
        reached.put(&mut form, &set.lists, params, features, tables);
        form.hasher.finalize().into()
    };
    features.iter().map(hash).collect()
}

/// All that a definition reaches, by position or name.
#[derive(Default)]
pub(super) struct Reached<'d> {
    extras: BTreeSet<usize>,
    params: BTreeSet<&'d str>,
    lists: BTreeSet<usize>,
    tables: BTreeSet<usize>,
    features: BTreeSet<usize>,
    requirements: BTreeMap<&'d str, &'d Needs>,
}

impl<'d> Reached<'d> {
    fn feature(&mut self, declared: &'d features::Declared<'_>) {
        self.extras.extend(extras(&declared.feature));
        self.features.extend(declared.feature.aggregate.parts());
        declared.conditions().for_each(|condition| self.condition(&condition.tree));
    }

    /// Whatever a condition can name and a rule file defines is taken note of here.
    pub(super) fn condition(&mut self, tree: &'d Tree) {
        tree.walk(&mut |part| {
            self.params.extend(part.param.as_deref());
            if let Node::Met(name, needs) = &part.node {
                self.requirements.insert(name, needs);
            }
            match part.node {
                Node::Extra(position, _) => self.extras.extend([position]),
                Node::Listed(_, position) | Node::ListLevel(_, position) => self.lists.extend([position]),
                Node::Table(position, _) => self.tables.extend([position]),
                Node::Feature(position, _) | Node::Quality(position) => self.features.extend([position]),
                _ => {}
            }
        });
    }

    /// Follows what is reached until nothing new is. A table may read a feature that carries the same table.
    pub(super) fn close(
        &mut self,
        features: &'d [features::Declared<'_>],
        tables: &'d [tables::Declared<'_>],
    ) {
        let (mut tables_seen, mut features_seen) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let new_tables: Vec<usize> = self.tables.difference(&tables_seen).copied().collect();
            let new_features: Vec<usize> = self.features.difference(&features_seen).copied().collect();
            if new_tables.is_empty() && new_features.is_empty() {
                return;
            }
            tables_seen.extend(&new_tables);
            features_seen.extend(&new_features);
            let conditions =
                new_tables.iter().filter_map(|at| tables.get(*at)).flat_map(|table| &table.conditions);
            conditions.for_each(|condition| self.condition(&condition.tree));
            new_features.iter().filter_map(|at| features.get(*at)).for_each(|feature| self.feature(feature));
        }
    }

    /// Puts the definitions into the form, each kind in the order of the names.
    pub(super) fn put(
        &self,
        form: &mut Form<'_>,
        lists: &[ListDeclaration],
        params: &[Param<'_>],
        features: &[features::Declared<'_>],
        tables: &[tables::Declared<'_>],
    ) {
        for (name, ty) in self.extras.iter().filter_map(|at| form.schema.fields().get(*at)) {
            form.put("field", name);
            form.put("type", ty.name());
        }
        params
            .iter()
            .filter(|param| self.params.contains(param.name.text))
            .for_each(|param| form.param(param));
        self.lists.iter().filter_map(|at| lists.get(*at)).for_each(|list| form.list(list));
        self.tables.iter().filter_map(|at| tables.get(*at)).for_each(|table| form.table(table));
        for declared in self.features.iter().filter_map(|at| features.get(*at)) {
            form.feature(declared);
            in_flight(form, &declared.feature);
        }
        self.requirements.iter().for_each(|(name, needs)| form.asked(name, needs));
    }
}

/// How long what a feature counts can be pending, which the head of the file says and not the feature.
fn in_flight(form: &mut Form<'_>, feature: &Feature) {
    if let Some(in_flight_us) = feature.in_flight_us {
        form.put("in_flight", in_flight_us);
    }
}

/// The extra fields that a feature names outside its condition.
fn extras(feature: &Feature) -> impl Iterator<Item = usize> {
    let extra = |field| if let NumberField::Extra(position) = field { Some(position) } else { None };
    let divided = match feature.aggregate {
        Aggregate::Ratio { of: Operand::Field(field), .. } => Some(field),
        _ => None,
    };
    let numbers = feature.aggregate.number().into_iter().chain(divided).filter_map(extra);
    let degrees = match feature.aggregate {
        Aggregate::Speed { latitude, longitude } => vec![latitude, longitude],
        _ => Vec::new(),
    };
    let degrees = degrees
        .into_iter()
        .filter_map(|field| if let DegreeField::Extra(position) = field { Some(position) } else { None });
    let keys = feature.by.iter().chain(&feature.at).copied().chain(feature.aggregate.text());
    let extra = |field| if let KeyField::Extra(position) = field { Some(position) } else { None };
    keys.filter_map(extra).chain(numbers).chain(degrees)
}
