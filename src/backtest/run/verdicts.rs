//! What a rule set asked for of each payment of a batch, for the one that is held against it.

use crate::decision::Outcome;

/// The decided payments of a batch, by the row that they stand in.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    rows: Vec<Verdict>,
    fired: Vec<u16>,
}

/// One payment's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    row: u32,
    pub(super) outcome: Outcome,
    pub(super) alert: bool,
    pub(super) score: i64,
    fired: (u32, u32),
}

impl Verdicts {
    /// Notes what was asked for of the payment in a row; rows ascend.
    pub(super) fn push(&mut self, row: usize, outcome: Outcome, alert: bool, score: i64, fired: &[u16]) {
        let start = self.fired.len() as u32;
        self.fired.extend_from_slice(fired);
        let fired = (start, self.fired.len() as u32);
        self.rows.push(Verdict { row: row as u32, outcome, alert, score, fired });
    }

    /// What was asked for of the payment in a row, if it was decided.
    pub(super) fn find(&self, row: usize) -> Option<(Verdict, &[u16])> {
        let at = self.rows.binary_search_by_key(&(row as u32), |verdict| verdict.row).ok()?;
        let verdict = self.rows[at];
        let fired = self.fired.get(verdict.fired.0 as usize..verdict.fired.1 as usize)?;
        Some((verdict, fired))
    }
}
