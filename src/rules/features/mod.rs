//! `[features]`: named window aggregates.

/// What a feature computes.
mod aggregate;
/// Which payments it counts.
mod counts;
/// Which features may read all tenants' events.
pub(super) mod grants;
/// For how long what it counts can be pending.
pub(super) mod in_flight;
/// Under which fields, and from which events, it is fed.
mod key;
/// What is made of other features.
mod ratio;
/// What empties it.
mod reset;
/// Which part of the past it covers.
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::DeValue;

use super::document::{Item, Table};
use super::limits::FEATURES_MAX;
use super::names::{BuiltIn, Meaning, Scope};
use super::problem::{Problem, Problems};
use super::ruleset::{Aggregate, Feature, KeyField, Kinds, NumberField};
use super::sections::{Name, declare};
use super::sql::tree::Node;
use super::sql::{self, Reach, Used};
use super::types::Type;
use super::vocabulary;
pub(super) use key::key_field;

/// The keys of which a feature has exactly one.
const AGGREGATES: [&str; 17] = [
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "deviation",
    "distinct",
    "is_new",
    "since",
    "first",
    "last",
    "previous",
    "quantile",
    "z_score",
    "speed",
    "changed",
    "ratio",
];
const OPTIONS: [&str; 14] = [
    "by", "at", "over", "delay", "from", "where", "counts", "pending", "label", "reset", "current", "across",
    "q", "to",
];
const LATER: [&str; 5] = ["median", "list", "value", "unit", "quality"];

/// A feature of the file, with what a rule set does not keep of it.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    pub(super) name: Name<'d>,
    pub(super) feature: Feature,
    /// What its `where` compiled to.
    pub(super) condition: Option<sql::Compiled<'d>>,
    /// What the `where` of its `reset` compiled to.
    pub(super) reset: Option<sql::Compiled<'d>>,
    /// Its `over` as the file has it: a window, or the name of a parameter.
    pub(super) over: Option<&'d str>,
    /// Where it counts what is pending, if it does.
    pub(super) pending: Option<Range<usize>>,
    /// Where it says `across`, if it does.
    pub(super) across: Option<Range<usize>>,
    /// Its `delay` as the file has it: a duration, or the name of a parameter.
    pub(super) delay: Option<&'d str>,
}

impl<'d> Declared<'d> {
    /// Its conditions on events: what feeds it, and what empties it.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &sql::Compiled<'d>> {
        self.condition.iter().chain(&self.reset)
    }
}

/// Reads the section and declares what it names. Features stand in the order of their names.
pub(super) fn read<'d>(
    root: &Table<'d>,
    scope: &mut Scope,
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Declared<'d>> {
    let Some(section) = root.table(problems, "features", "[features]") else { return Vec::new() };
    if section.len() > FEATURES_MAX {
        let message = format!("a rule file has at most {FEATURES_MAX} features");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    // All names first, so that a condition that reads a feature is told so wherever that feature stands.
    let mut named = Vec::new();
    for (name, span, item) in section.entries() {
        let name = Name { text: name, span };
        if declare(scope, &name, Meaning::Feature(named.len(), None), problems) {
            named.push((name, item));
        }
    }
    let (ratios, others): (Vec<usize>, Vec<usize>) =
        (0..named.len()).partition(|&at| named.get(at).is_some_and(|(_, item)| ratio::is_ratio(item)));
    let mut read: BTreeMap<usize, Declared<'d>> = BTreeMap::new();
    // What a ratio is made of is known once all others are read.
    for at in others.into_iter().chain(ratios.iter().copied()) {
        let Some((name, item)) = named.get(at) else { continue };
        if problems.full() {
            break;
        }
        let reader = Reader { file: root.file, scope, used, problems };
        let declared = if ratios.contains(&at) {
            let features = ratio::Named { read: &read, ratios: &ratios };
            reader.ratio(name, item, &features).map(|feature| Declared {
                name: name.clone(),
                feature,
                condition: None,
                reset: None,
                over: None,
                pending: None,
                across: None,
                delay: None,
            })
        } else {
            reader.feature(name, item)
        };
        if let Some(declared) = declared {
            let exact = Type::of(declared.feature.ty);
            let inexact = matches!(declared.feature.aggregate, Aggregate::Mean(_) | Aggregate::Deviation(_));
            scope.set_feature_type(name.text, if inexact { exact.inexact() } else { exact });
            read.insert(at, declared);
        }
    }
    read.into_values().collect()
}

/// The text of a feature's key.
fn written<'d>(item: Item<'d>, key: &str) -> Option<&'d str> {
    match item.get_ref() {
        DeValue::Table(table) => table.get(key)?.get_ref().as_str(),
        _ => None,
    }
}

/// The fields by which a feature is filed, and those by which it is read.
type Keys<'k> = (&'k [KeyField], &'k [KeyField]);

struct Reader<'a, 'd> {
    file: &'d str,
    scope: &'a Scope,
    used: &'a mut Used,
    problems: &'a mut Problems,
}

impl<'d> Reader<'_, 'd> {
    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    fn feature(mut self, name: &Name<'d>, item: Item<'d>) -> Option<Declared<'d>> {
        let table = Table::of(self.file, self.problems, item, "a feature")?;
        let known: Vec<&str> = AGGREGATES.iter().chain(&OPTIONS).copied().collect();
        table.check_keys(self.problems, &known, &LATER);
        let aggregate = self.aggregate(&table, name);
        let by = self.by(&table);
        let at = self.at(&table, by.as_deref());
        let from = self.from(&table, Kinds::PAYMENTS);
        let counted = self.counted(&table, aggregate.map(|(aggregate, _)| aggregate));
        let condition = self.condition(&table, name);
        let (aggregate, ty) = aggregate?;
        let window = self.window(&table, aggregate);
        let label = counted.as_ref().and_then(|counted| counted.label);
        let delay_us = window.map_or(0, |(_, delay_us)| delay_us);
        let tables = condition.as_ref().map(|condition| tables_read(condition.as_ref())).unwrap_or_default();
        let never = counts::never_current(aggregate, !tables.is_empty(), label, delay_us);
        let current = self.current(&table, aggregate, never);
        let (by, at) = (by?, at?);
        self.check_at(&table, &by, &at)?;
        let from = from?;
        self.check_kinds(&table, aggregate, (&by, &at), from);
        self.check_label(&table, label, from)?;
        let across = self.across(&table);
        let reset = self.reset(&table, name, from, &by)?;
        let (reset, emptied) = reset.map_or((None, None), |(reset, compiled)| (Some(reset), compiled));
        let (condition, (window, delay_us), counted) = (condition?, window?, counted?);
        let feature = Feature {
            name: name.text.to_owned(),
            hash: [0; 32],
            aggregate,
            by,
            at,
            from,
            condition: condition.as_ref().map(|compiled| compiled.condition.clone()),
            window,
            counts: counted.counts,
            pending: counted.pending.is_some(),
            // What the file says of the dialogue and of reports is not read yet.
            in_flight_us: None,
            label,
            delay_us,
            reset,
            current: current?,
            ty,
            tables,
            lists: lists_asked(condition.as_ref()),
            across: across.as_ref()?.is_some(),
            used: false,
        };
        Some(Declared {
            name: name.clone(),
            feature,
            condition,
            reset: emptied,
            over: written(item, "over"),
            pending: counted.pending,
            across: across.flatten(),
            delay: written(item, "delay"),
        })
    }

    /// Where it says that its keys are those of all tenants; outer `None` where that is wrong.
    fn across(&mut self, table: &Table<'d>) -> Option<Option<Range<usize>>> {
        let Some(item) = table.get("across") else { return Some(None) };
        table.word(self.problems, "across", &[("all", ())], &[])?;
        Some(Some(item.span()))
    }

    /// Tells fields that the events it is fed from, or those that read it, never have.
    fn check_kinds(&mut self, table: &Table<'d>, aggregate: Aggregate, key: Keys<'_>, from: Kinds) {
        let text = |field: &KeyField| match field {
            KeyField::Text(field) => Some(BuiltIn::Text(*field)),
            KeyField::Extra(_) => None,
        };
        let computed = match (aggregate.number(), aggregate.text()) {
            (Some(NumberField::Amount), _) => Some(BuiltIn::Amount),
            (None, Some(field)) => text(&field),
            _ => None,
        };
        // It is compared with the payment's own.
        let own = match aggregate {
            Aggregate::Changed(_) => {
                computed.and_then(|field| vocabulary::lacking(field, Kinds::TRANSACTIONS))
            }
            _ => None,
        };
        let aggregate = table.entries().find(|(key, ..)| AGGREGATES.contains(key)).map(|(.., item)| item);
        let read_at = if table.get("at").is_some() { "at" } else { "by" };
        let lacking = |fields: &[KeyField], kinds| {
            fields.iter().filter_map(text).find_map(|field| vocabulary::lacking(field, kinds))
        };
        let found = [
            (aggregate, own.or_else(|| computed.and_then(|field| vocabulary::lacking(field, from)))),
            (table.get("by"), lacking(key.0, from)),
            (table.get(read_at), lacking(key.1, Kinds::TRANSACTIONS)),
        ];
        for (item, message) in found {
            if let Some((item, message)) = item.zip(message) {
                self.problems.push(Problem::warning(item.span(), message, "never there"));
            }
        }
    }

    /// Outer `None` where it is wrong, inner where there is none.
    fn condition(&mut self, table: &Table<'d>, name: &Name<'d>) -> Option<Option<sql::Compiled<'d>>> {
        if table.get("where").is_none() {
            return Some(None);
        }
        let text = table.text(self.problems, "where")?;
        sql::compile(&text, self.scope, Reach::Fields(name.text), self.used, self.problems).map(Some)
    }
}

/// The tables that a condition reads itself, as positions.
fn tables_read(condition: Option<&sql::Compiled<'_>>) -> Vec<u16> {
    condition.iter().flat_map(|condition| &condition.tables).copied().collect()
}

/// The lists that a condition asks itself, as positions.
fn lists_asked(condition: Option<&sql::Compiled<'_>>) -> Vec<u16> {
    let mut lists = BTreeSet::new();
    if let Some(condition) = condition {
        condition.tree.walk(&mut |part| {
            if let Node::Listed(_, list) | Node::ListLevel(_, list) = part.node {
                lists.insert(list as u16);
            }
        });
    }
    lists.into_iter().collect()
}

/// Tells the features and parameters that nothing reads.
pub(super) fn check_used<'n>(
    names: impl Iterator<Item = (&'n Name<'n>, bool)>,
    what: &str,
    problems: &mut Problems,
) {
    // A name may be declared once only, so the map merely sorts.
    let unused: BTreeMap<usize, &Name<'_>> =
        names.filter(|(_, used)| !used).map(|(name, _)| (name.span.start, name)).collect();
    for name in unused.into_values() {
        let message = format!("{what} `{}` is never used", name.text);
        problems.push(Problem::warning(name.span.clone(), message, "nothing reads it"));
    }
}
