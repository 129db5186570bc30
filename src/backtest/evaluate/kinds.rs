//! Known frauds by kind, in the labeller's words.
//!
//! Promises bounded memory whatever labellers say: kinds beyond a thousand are counted together.

use std::collections::BTreeMap;

use crate::backtest::report::Counted;

/// Kinds of fraud that are told apart.
const KINDS_MAX: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub(in crate::backtest) struct Kinds(BTreeMap<String, u64>);

impl Kinds {
    /// Takes a fraud of a kind; `None` where nobody said one.
    pub(in crate::backtest) fn take(&mut self, kind: Option<&str>) {
        let kind = kind.unwrap_or("(none)");
        let known = if self.0.len() < KINDS_MAX || self.0.contains_key(kind) { kind } else { "(others)" };
        match self.0.get_mut(known) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(known.to_owned(), 1)),
        }
    }

    /// How many of each.
    pub(in crate::backtest) fn counted(&self) -> Vec<Counted> {
        self.0.iter().map(|(name, count)| Counted { name: name.clone(), count: *count }).collect()
    }
}
