//! What became of the rows of a data set.
//!
//! Promises bounded memory whatever the rows say: reasons beyond a hundred are counted together.

use std::collections::BTreeMap;

use super::Events;
use crate::backtest::report::Counted;
use crate::event::{Event, Kind};

/// Distinct reasons that are counted apart.
const REASONS_MAX: usize = 100;
const OTHERS: &str = "(others)";

#[derive(Debug, Default)]
pub(super) struct Tally {
    read: u64,
    kinds: [u64; Kind::ALL.len()],
    bad_rows: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    repeated: u64,
    times_us: Option<(i64, i64)>,
}

impl Tally {
    pub(super) fn event(&mut self, event: &Event) {
        self.read += 1;
        self.kinds[event.kind() as usize] += 1;
        let (first_us, last_us) = self.times_us.unwrap_or((event.time_us(), event.time_us()));
        self.times_us = Some((first_us.min(event.time_us()), last_us.max(event.time_us())));
    }

    pub(super) fn bad_row(&mut self, reason: String) {
        count(&mut self.bad_rows, reason);
    }

    pub(super) fn refused(&mut self, reason: String) {
        count(&mut self.refused, reason);
    }

    pub(super) fn repeated(&mut self) {
        self.repeated += 1;
    }

    pub(super) fn into_events(self) -> Events {
        let counted = |(name, count): (String, u64)| Counted { name, count };
        let kinds = Kind::ALL.iter().zip(self.kinds).filter(|(_, count)| *count > 0);
        Events {
            read: self.read,
            kinds: kinds.map(|(kind, count)| counted((kind.name().to_owned(), count))).collect(),
            bad_rows: self.bad_rows.into_iter().map(counted).collect(),
            refused: self.refused.into_iter().map(counted).collect(),
            repeated: self.repeated,
            times_us: self.times_us,
        }
    }
}

/// Counts a reason, or as another one where there are too many.
fn count(reasons: &mut BTreeMap<String, u64>, reason: String) {
    let full = reasons.len() >= REASONS_MAX && !reasons.contains_key(&reason);
    *reasons.entry(if full { OTHERS.to_owned() } else { reason }).or_default() += 1;
}
