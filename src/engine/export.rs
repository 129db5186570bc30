//! What the engine knows at a moment, key by key: for whoever looks at every account's aggregates.
//!
//! Rows come one by one, in the order of tenants and texts; beside the row that is given out only the numbers of the keys
//! are in memory.

use super::Engine;
use super::features;
use super::ledger::Ledger;
use super::ratios::quotient;
use crate::decision::Reading;
use crate::rules::{Aggregate, KeyField, Operand, RuleSet};
use crate::state::Key;

/// All keys with the same fields, and the features that are filed under them.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyTable {
    /// The fields of the keys.
    pub fields: Vec<KeyField>,
    /// Whether the keys are those of all tenants.
    pub across: bool,
    /// The features, as positions in the rule set.
    pub features: Vec<usize>,
}

/// What is known of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRow {
    /// The tenant, if the key is of one.
    pub tenant: Option<String>,
    /// The texts of the key, one per field.
    pub key: Vec<String>,
    /// The values as of now, one per feature of the table.
    pub readings: Vec<Reading>,
}

/// The tenant and the texts of a key; rows are in their order.
type Name = (Option<String>, Vec<String>);

/// The first 16 bytes of a name, of which the order is the names', but for equal ones: none or one, and each text with an
/// end that is less than any byte that it could go on with.
fn prefix((tenant, texts): &Name) -> u128 {
    let mut bytes = [0; 16];
    let escaped = |byte| std::iter::once(byte).chain((byte == 0).then_some(u8::MAX));
    let text = |text: &String| text.clone().into_bytes().into_iter().flat_map(escaped).chain([0]).take(17);
    let tenant = std::iter::once(u8::from(tenant.is_some())).chain(tenant.iter().flat_map(text));
    bytes.iter_mut().zip(tenant.chain(texts.iter().flat_map(text))).for_each(|(to, byte)| *to = byte);
    u128::from_be_bytes(bytes)
}

/// The keys of one ledger, in order.
#[derive(Debug)]
struct Source<'a> {
    ledger: &'a Ledger,
    /// Features of it: the column of the table, and the position in the ledger.
    columns: Vec<(usize, usize)>,
    keys: std::vec::IntoIter<(u128, Key)>,
    next: Option<(Name, Key)>,
}

impl<'a> Source<'a> {
    fn new(ledger: &'a Ledger, columns: Vec<(usize, usize)>) -> Self {
        let family = |&(_, at): &(usize, usize)| ledger.plan.lookups[ledger.plan.reads[at].lookup].family;
        let name = |key: &Key| ledger.state.key_texts(key);
        let held = columns.iter().map(family).flat_map(|family| ledger.state.keys(family));
        let mut keys: Vec<(u128, Key)> = held.map(|key| (prefix(&name(&key)), key)).collect();
        keys.sort_unstable();
        keys.dedup();
        // Most names differ in what begins them; the others are looked up again.
        keys.chunk_by_mut(|a, b| a.0 == b.0)
            .filter(|alike| alike.len() > 1)
            .for_each(|alike| alike.sort_by_cached_key(|(_, key)| name(key)));
        let mut source = Self { ledger, columns, keys: keys.into_iter(), next: None };
        source.turn();
        source
    }

    fn turn(&mut self) {
        self.next = self.keys.next().map(|(_, key)| (self.ledger.state.key_texts(&key), key));
    }
}

/// The rows of a table, in the order of tenants and texts.
#[derive(Debug)]
pub struct KeyRows<'a> {
    sources: Vec<Source<'a>>,
    /// Ratios of the table: their columns, and those of what they divide.
    ratios: Vec<(usize, usize, usize)>,
    width: usize,
}

impl Iterator for KeyRows<'_> {
    type Item = KeyRow;

    /// Joins what the ledgers know of a key; what one does not know is null.
    fn next(&mut self) -> Option<KeyRow> {
        let heads = self.sources.iter().filter_map(|source| source.next.as_ref());
        let name = heads.map(|(name, _)| name).min()?.clone();
        let mut readings = vec![Reading::default(); self.width];
        for source in &mut self.sources {
            let Some((_, key)) = source.next.as_ref().filter(|(held, _)| *held == name) else { continue };
            let Ledger { plan, state, since_us, .. } = source.ledger;
            for &(column, at) in &source.columns {
                readings[column] = features::read_one(plan, state, at, key, *since_us);
            }
            source.turn();
        }
        for &(column, of, to) in &self.ratios {
            let (of, to) = (readings[of], readings[to]);
            readings[column] =
                Reading { value: quotient(of.value, to.value), quality: of.quality.max(to.quality) };
        }
        let (tenant, key) = name;
        Some(KeyRow { tenant, key, readings })
    }
}

/// The feature under whose keys a feature has a value without an event: itself, or of a ratio of two features of the same
/// key what it is divided by.
fn key_feature(rules: &RuleSet, at: usize) -> Option<usize> {
    let of_key = |at: usize| {
        let aggregate = rules.features[at].aggregate;
        !matches!(
            aggregate,
            Aggregate::ZScore(_) | Aggregate::Speed { .. } | Aggregate::Changed(_) | Aggregate::Ratio { .. }
        )
    };
    let key = |at: usize| {
        let feature = &rules.features[at];
        (&feature.by, &feature.at, feature.across)
    };
    match rules.features[at].aggregate {
        Aggregate::Ratio { of: Operand::Feature(of), to } => {
            (of_key(of) && of_key(to) && key(of) == key(to)).then_some(to)
        }
        _ => of_key(at).then_some(at),
    }
}

impl Engine {
    /// The latest time that any event had, microseconds since 1970 UTC.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Contributions that windows took in late or let go of since the engine was made. Where time stops short of a `clock`
    /// event and this grows, the next one goes on.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The tables of what is known of every key, one for each set of key fields that features are filed under. Without the
    /// features that are of an [event](Self::event_features).
    pub fn key_tables(&self) -> Vec<KeyTable> {
        let rules = &self.live.rules;
        let mut tables: Vec<KeyTable> = Vec::new();
        for at in 0..rules.features.len() {
            let Some(of) = key_feature(rules, at) else { continue };
            let (fields, across) = (&rules.features[of].by, rules.features[of].across);
            match tables.iter_mut().find(|table| table.fields == *fields && table.across == across) {
                Some(table) => table.features.push(at),
                None => tables.push(KeyTable { fields: fields.clone(), across, features: vec![at] }),
            }
        }
        tables
    }

    /// The features that have a value only for an event that is scored, as positions in the rule set: z-scores and speeds,
    /// and ratios of one, of a field, or of features that are read by different keys.
    pub fn event_features(&self) -> impl Iterator<Item = usize> {
        let rules = &self.live.rules;
        (0..rules.features.len()).filter(|&at| key_feature(rules, at).is_none())
    }

    /// What is known of every key of a table as of now.
    pub fn key_rows(&self, table: &KeyTable) -> KeyRows<'_> {
        let rules = &self.live.rules;
        let source = |ledger| {
            let held = |(column, &at): (usize, &usize)| {
                Some((column, Ledger::find(ledger, &rules.features[at].hash)?))
            };
            Source::new(ledger, table.features.iter().enumerate().filter_map(held).collect())
        };
        let column = |feature: usize| table.features.iter().position(|&at| at == feature);
        let ratio = |(at, &feature): (usize, &usize)| match rules.features[feature].aggregate {
            Aggregate::Ratio { of: Operand::Feature(of), to } => Some((at, column(of)?, column(to)?)),
            _ => None,
        };
        KeyRows {
            sources: self.ledgers.live.iter().map(source).collect(),
            ratios: table.features.iter().enumerate().filter_map(ratio).collect(),
            width: table.features.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginnings_of_names_are_in_the_order_of_the_names() {
        let texts =
            ["", "\0", "a", "a\0", "a\0b", "ab", "b", "\u{10FFFF}", "0123456789abcdef", "0123456789abcdeg"];
        let mut names: Vec<Name> = Vec::new();
        for text in texts {
            for other in texts {
                names.push((None, vec![text.to_owned(), other.to_owned()]));
                names.push((Some(text.to_owned()), vec![other.to_owned()]));
            }
        }
        names.sort();
        assert!(names.is_sorted_by_key(prefix));
        assert!(prefix(&names[0]) < prefix(&names[names.len() - 1]));
    }
}
