//! Lifting: what a row contributes taken out of the records for one reading, and put back behind it.
//!
//! Promises that in between every cell is as though the row had never contributed, and that afterwards every value is as
//! it was. Nothing is noted as corrected, and no window notices.

use super::cell::{Cell, Origin};
use super::family::Family;
use super::spec::{AMOUNT_COLUMN, Scopes};
use super::{Change, Correction, State};

impl State {
    /// Takes out what is `held`, each as the correction that would take it back; false where that can't be, because a row
    /// is away or corrections wait. Whoever lifts puts back before anything else changes.
    pub fn lift(&mut self, held: impl Iterator<Item = Correction> + Clone) -> bool {
        if self.waiting.len() > 0 || held.clone().any(|held| !self.fetch_source(&held)) {
            return false;
        }
        held.for_each(|held| self.apply_held(&held, -1));
        true
    }

    /// Puts back what was lifted.
    pub fn put_back(&mut self, held: impl Iterator<Item = Correction>) {
        held.for_each(|held| self.apply_held(&held, 1));
        if self.log.spills() {
            self.shrink_log();
        }
    }

    /// Whether the row that holds it is there.
    fn fetch_source(&mut self, held: &Correction) -> bool {
        let source = self.source(held);
        self.log.fetch(source)
    }

    fn apply_held(&mut self, held: &Correction, sign: i64) {
        let source = self.source(held);
        // Tails meet the row itself, or the entry that stands for it.
        let by_row = held.change == Change::TakeBackRow || source != held.row;
        let Self { turns, families, log, tails, .. } = self;
        let Some(row) = log.row(source) else { return };
        let scopes = Scopes::default().with(held.scope);
        let origin = Origin { time_us: held.time_us, row: held.row };
        let value = |column| if column == AMOUNT_COLUMN { held.amount } else { row.value(column) };
        let passed = |tail: Option<u16>| {
            tail.map(|at| {
                let tail = &tails[usize::from(at)];
                if by_row { source < tail.row() } else { (held.time_us, held.arrival) <= tail.passed() }
            })
        };
        let is_in = |cell: &Cell| {
            passed(cell.enters) != Some(false)
                && passed(cell.leaves) != Some(true)
                && passed(cell.settles) != Some(true)
                && cell.holds(held.time_us, turns)
        };
        for (at, family) in families.iter_mut().enumerate() {
            let (slot, mask) = row.family(at);
            let mask = mask & family.bits(scopes);
            if mask == 0 || !family.owns(slot, held.row) {
                continue;
            }
            family.turn_period(slot, turns);
            let record = family.records.row_mut(slot);
            for cell in family.cells.iter().filter(|cell| cell.fed_by(mask) && is_in(cell)) {
                if !Family::ignores(record, cell, held.at) {
                    cell.apply(record, &mut family.values, sign, origin, value);
                }
            }
        }
    }
}
