//! Rows that let an earlier row count again: what a payment contributes from now on, such as its execution, as a row of
//! its own, which windows walk over and memory lets go of as of every other.
//!
//! Promises the values that putting it right ([`Change::Put`]) at now would give. The new row says which one it is
//! about: who has its slots, and which of one time is first, goes by that one. What was emptied goes by the new row, since
//! what counts from now on came after all that was emptied before.

use super::cell::Origin;
use super::position::Position;
use super::spec::{AMOUNT_COLUMN, Scope, Scopes};
use super::{Change, Correction, State};

/// The part of an arrival that says that a row stands for it; below it are the row and the scope.
const OF_ROW: u64 = 1 << 63;
const SCOPE_BITS: u32 = 3;

/// A row that lets an earlier one count from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// The new row, which is the log's next one.
    pub row: u64,
    /// The earlier one, which must be held.
    pub of: u64,
    /// The scopes in which it counts.
    pub scopes: Scopes,
    /// The amount with which it does, in minor units.
    pub amount: i64,
}

impl Again {
    /// The number by which what it put in a scope is taken back, which no correction has.
    pub fn arrival(&self, scope: Scope) -> u64 {
        OF_ROW | self.row << SCOPE_BITS | scope as u64
    }
}

/// The row that stands for an arrival, if one does.
pub(super) fn row_of(arrival: u64) -> Option<u64> {
    (arrival & OF_ROW != 0).then_some((arrival & !OF_ROW) >> SCOPE_BITS)
}

/// What a new row takes over of an earlier one.
#[derive(Debug)]
pub(super) struct Copied {
    slots: Vec<u32>,
    masks: Vec<u64>,
    values: Vec<i64>,
}

impl Copied {
    /// Room for a slot and a mask per family, and values.
    pub(super) fn new(families: usize, columns: usize) -> Self {
        Self { slots: vec![0; families], masks: vec![0; families], values: vec![0; columns] }
    }

    fn clear(&mut self) {
        self.slots.fill(0);
        self.masks.fill(0);
        self.values.fill(0);
    }
}

impl State {
    /// Appends a row that lets an earlier one count from now on. Where that one is away the new row stays empty, and what
    /// it would hold waits as a correction does.
    pub fn contribute_again(&mut self, again: &Again) {
        let there = again.scopes.is_empty() || self.waiting.len() == 0 && self.log.fetch(again.of);
        let back = u32::try_from(again.row.saturating_sub(again.of)).ok().filter(|_| there);
        let kept = if back.is_some() { self.copy(again) } else { Scopes::default() };
        if kept.is_empty() {
            self.copied.clear();
        }
        let about = back.filter(|_| !kept.is_empty()).unwrap_or(0);
        let Copied { slots, masks, values } = &self.copied;
        let row = self.log.append(self.now_us, kept, false, about, masks, values);
        self.log.slots().iter_mut().zip(slots).for_each(|(column, slot)| column.push(*slot));
        self.tails.iter_mut().for_each(|tail| tail.appended(row, self.now_us));
        if back.is_none() {
            self.put_again_aside(again);
        } else if !kept.is_empty() {
            self.take_in_again(again.of, kept);
        }
        if self.log.spills() {
            self.shrink_log();
        }
    }

    /// Copies what an earlier row contributes again, and gives the scopes in which that is anything.
    fn copy(&mut self, again: &Again) -> Scopes {
        let Self { log, families, copied, .. } = self;
        let Some(row) = log.row(again.of) else { return Scopes::default() };
        let mut kept = Scopes::default();
        for (at, family) in families.iter().enumerate() {
            let (slot, mask) = row.family(at);
            // What is of a key that has lost its slot feeds nothing.
            let mask = if family.owns(slot, again.of) { mask & family.bits(again.scopes) } else { 0 };
            (copied.slots[at], copied.masks[at]) = (slot, mask);
            kept = again
                .scopes
                .each()
                .filter(|&scope| mask & family.bits(Scopes::default().with(scope)) != 0)
                .fold(kept, Scopes::with);
        }
        for (column, value) in copied.values.iter_mut().enumerate() {
            *value = if column == AMOUNT_COLUMN { again.amount } else { row.value(column) };
        }
        kept
    }

    /// Feeds the cells without a delay with what was copied; the others meet the new row with their tails.
    fn take_in_again(&mut self, of: u64, kept: Scopes) {
        // The earlier row alone no longer tells what it contributes.
        kept.each().for_each(|scope| self.log.supersede(of, scope));
        let Self { copied, families, text_values, dictionary, turns, now_us, .. } = self;
        let value = |column: usize| copied.values[column];
        text_values.carry(dictionary, *now_us, |family| copied.masks[family], value);
        let origin = Origin { time_us: *now_us, row: of };
        for (family, (&slot, &mask)) in families.iter_mut().zip(copied.slots.iter().zip(&copied.masks)) {
            if mask != 0 {
                family.take_in_again(slot, mask, origin, turns, value);
            }
        }
    }

    /// Puts what the newest row would hold into the side buffer, once the row that it is about is there.
    fn put_again_aside(&mut self, again: &Again) {
        self.log.put_aside(again.row);
        for scope in again.scopes.each() {
            self.correct(&Correction {
                row: again.of,
                at: Position::of_row(again.row),
                time_us: self.now_us,
                scope,
                arrival: again.arrival(scope),
                amount: again.amount,
                change: Change::Put,
            });
        }
    }

    /// The row that holds what a correction is about: the one that it names, or one that lets that count again.
    pub(super) fn source(&self, correction: &Correction) -> u64 {
        match correction.change {
            Change::TakeBack(arrival) => {
                row_of(arrival).filter(|&row| !self.log.is_aside(row)).unwrap_or(correction.row)
            }
            Change::Put | Change::TakeBackRow => correction.row,
        }
    }
}
