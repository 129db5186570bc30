//! What reads what through what: a rule reads the features that its tables read, and so on.

use std::collections::BTreeSet;

use super::{features, rule, tables};

/// Completes what features and rules read by what tables read, marks the features that some rule needs, and gives
/// for each table whether one is needed.
pub(super) fn link(
    features: &mut [features::Declared<'_>],
    tables: &[tables::Declared<'_>],
    rules: &mut [rule::Declared<'_>],
) -> Vec<bool> {
    let through = |direct: &[u16]| -> BTreeSet<u16> {
        let reached = direct.iter().filter_map(|at| tables.get(usize::from(*at)));
        reached.flat_map(|declared| &declared.table.tables).chain(direct).copied().collect()
    };
    let read_by = |tables_read: &BTreeSet<u16>| -> BTreeSet<u16> {
        let read = tables_read.iter().filter_map(|at| tables.get(usize::from(*at)));
        read.flat_map(|declared| &declared.table.reads).copied().collect()
    };
    for declared in features.iter_mut() {
        declared.feature.tables = through(&declared.feature.tables).into_iter().collect();
    }
    let mut open: BTreeSet<u16> = BTreeSet::new();
    let mut tables_used = vec![false; tables.len()];
    let mut mark = |read: &BTreeSet<u16>| {
        for at in read {
            tables_used.get_mut(usize::from(*at)).into_iter().for_each(|used| *used = true);
        }
    };
    for declared in rules.iter_mut() {
        let rule = &mut declared.rule;
        let tables_read = through(&rule.tables);
        let mut reads = read_by(&tables_read);
        reads.extend(&rule.reads);
        mark(&tables_read);
        open.extend(&reads);
        rule.tables = tables_read.into_iter().collect();
        rule.reads = reads.into_iter().collect();
    }
    // What a feature carries is decided from features in turn.
    while let Some(at) = open.pop_first() {
        let Some(declared) = features.get_mut(usize::from(at)).filter(|declared| !declared.feature.used)
        else {
            continue;
        };
        declared.feature.used = true;
        let carried: BTreeSet<u16> = declared.feature.tables.iter().copied().collect();
        mark(&carried);
        open.extend(read_by(&carried));
    }
    tables_used
}
