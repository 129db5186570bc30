//! What reads what through what: a rule reads the features that its tables and its ratios read, and so on.

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
    let parts: Vec<Vec<u16>> = features
        .iter()
        .map(|declared| declared.feature.aggregate.parts().map(|part| part as u16).collect())
        .collect();
    let of_ratios = |read: &BTreeSet<u16>| -> Vec<u16> {
        read.iter().filter_map(|at| parts.get(usize::from(*at))).flatten().copied().collect()
    };
    for declared in features.iter_mut() {
        let feature = &mut declared.feature;
        feature.tables = through(&feature.tables).into_iter().collect();
        if let Some(reset) = &mut feature.reset {
            reset.tables = through(&reset.tables).into_iter().collect();
        }
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
        reads.extend(of_ratios(&reads));
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
        let of_reset = declared.feature.reset.iter().flat_map(|reset| &reset.tables);
        let carried: BTreeSet<u16> = declared.feature.tables.iter().chain(of_reset).copied().collect();
        mark(&carried);
        let read = read_by(&carried);
        open.extend(of_ratios(&read));
        open.extend(read);
    }
    tables_used
}
