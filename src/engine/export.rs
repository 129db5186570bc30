//! What the engine knows at a moment, key by key: for whoever looks at every account's aggregates.

use super::Engine;
use super::features;
use super::ledger::Ledger;
use crate::decision::Reading;
use crate::rules::{Aggregate, KeyField};

/// All keys with the same fields, and the features that are filed under them.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyTable {
    /// The fields of the keys.
    pub fields: Vec<KeyField>,
    /// The features, as positions in the rule set.
    pub features: Vec<usize>,
    /// One per key, in the order of tenants and keys.
    pub rows: Vec<KeyRow>,
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

impl Ledger {
    /// Every key that these features are filed under, with their values as of now; features are positions here, all of
    /// one key.
    fn rows(&self, features: &[usize]) -> Vec<KeyRow> {
        let family = |at: &usize| self.plan.lookups[self.plan.reads[*at].lookup].family;
        let mut keys: Vec<_> = features.iter().map(family).flat_map(|at| self.state.keys(at)).collect();
        keys.sort_unstable();
        keys.dedup();
        let row = |key| {
            let (tenant, texts) = self.state.key_texts(&key);
            let read = |at: &usize| features::read_one(&self.plan, &self.state, *at, &key, self.since_us);
            KeyRow { tenant, key: texts, readings: features.iter().map(read).collect() }
        };
        keys.into_iter().map(row).collect()
    }
}

impl Engine {
    /// What is known of every key as of now, one table for each set of key fields that features are filed under. Without
    /// z-scores, speeds and ratios, which are of an event.
    pub fn key_tables(&self) -> Vec<KeyTable> {
        let rules = &self.live.rules;
        let of_key = |&at: &usize| {
            let aggregate = rules.features[at].aggregate;
            !matches!(aggregate, Aggregate::ZScore(_) | Aggregate::Speed { .. } | Aggregate::Ratio { .. })
        };
        let mut tables: Vec<KeyTable> = Vec::new();
        for at in (0..rules.features.len()).filter(of_key) {
            let fields = &rules.features[at].by;
            match tables.iter_mut().find(|table| table.fields == *fields) {
                Some(table) => table.features.push(at),
                None => {
                    tables.push(KeyTable { fields: fields.clone(), features: vec![at], rows: Vec::new() })
                }
            }
        }
        tables.iter_mut().for_each(|table| self.fill(table));
        tables
    }

    /// Joins what the ledgers know of a table's keys; a key that one does not know has nulls there.
    fn fill(&self, table: &mut KeyTable) {
        let mut rows: std::collections::BTreeMap<(Option<String>, Vec<String>), Vec<Reading>> =
            Default::default();
        for ledger in &self.ledgers.live {
            let held = |(column, &at): (usize, &usize)| {
                Some((column, ledger.find(&self.live.rules.features[at].hash)?))
            };
            let (columns, positions): (Vec<usize>, Vec<usize>) =
                table.features.iter().enumerate().filter_map(held).unzip();
            for KeyRow { tenant, key, readings } in ledger.rows(&positions) {
                let row = rows.entry((tenant, key)).or_insert(vec![Reading::default(); table.features.len()]);
                for (&column, reading) in columns.iter().zip(readings) {
                    row[column] = reading;
                }
            }
        }
        let row = |((tenant, key), readings)| KeyRow { tenant, key, readings };
        table.rows = rows.into_iter().map(row).collect();
    }
}
