//! A tail: walks a fixed time behind now over the log and the side buffer, and does one thing to what it passes.

use serde::{Deserialize, Serialize};

use super::cell::{Cell, Origin};
use super::chunk::Row;
use super::family::{Family, is_own};
use super::log::Log;
use super::position::Position;
use super::side::{Entry, Place, Side};
use super::spec::{CellSpec, Scopes, Span};
use super::sums::Fed;
use super::turns::Turns;

/// What a tail does to what it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Puts it into cells whose span ends before now.
    Enter,
    /// Takes it out of cells whose span begins some time before now.
    Leave,
    /// Moves it to the settled extremes of `forever` cells, where it can no longer be corrected.
    Settle,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Enter, Self::Leave, Self::Settle];

    /// Whether it puts what it passes in (1) or takes it out (-1).
    #[inline]
    fn sign(self) -> i64 {
        if self == Self::Enter { 1 } else { -1 }
    }

    /// How far behind now a tail does this for a cell; what can be corrected is not older than the horizon.
    pub(crate) fn length_us(self, cell: &CellSpec, horizon_us: i64) -> Option<i64> {
        match (self, cell.span) {
            (Self::Enter, span) => Some(span.delay_us()).filter(|&delay_us| delay_us > 0),
            (Self::Leave, Span::Sliding { length_us, delay_us }) => Some(length_us.saturating_add(delay_us)),
            (Self::Settle, Span::Forever { delay_us }) if Cell::has_ends(cell.measure) => {
                Some(horizon_us.max(delay_us))
            }
            _ => None,
        }
    }
}

/// The cells of one family that a tail walks for.
#[derive(Debug)]
struct Part {
    family: usize,
    cells: Fed,
    /// The bits that feed them.
    bits: u64,
    /// Whether any of them is of a calendar period.
    turns: bool,
}

/// One tail.
#[derive(Debug)]
pub(crate) struct Tail {
    role: Role,
    length_us: i64,
    /// Its cells, by family.
    parts: Vec<Part>,
    /// The next row that it has to pass.
    row: u64,
    /// When it has to pass that row: `i64::MAX` at the log's end; where the row is away, not before this.
    row_due_us: i64,
    /// When it has to pass the next side entry, or `i64::MAX`.
    side_due_us: i64,
    /// It has passed every side entry up to here, and one that is put there later is none of its own.
    passed: Place,
}

/// What a tail walks over and changes.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) log: &'a Log,
    pub(crate) side: &'a Side,
    pub(crate) turns: &'a Turns,
    pub(crate) families: &'a mut [Family],
    /// How much may still be passed.
    pub(crate) budget: &'a mut u64,
}

/// How far a tail has come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SavedTail {
    row: u64,
    row_due_us: i64,
    side_due_us: i64,
    passed: Place,
}

impl Tail {
    /// How far it has come.
    pub(crate) fn freeze(&self) -> SavedTail {
        let Self { row, row_due_us, side_due_us, passed, .. } = *self;
        SavedTail { row, row_due_us, side_due_us, passed }
    }

    /// Goes on from where one of the same role and length had come.
    pub(crate) fn resume(&mut self, saved: SavedTail) {
        let SavedTail { row, row_due_us, side_due_us, passed } = saved;
        (self.row, self.row_due_us, self.side_due_us, self.passed) = (row, row_due_us, side_due_us, passed);
    }

    /// The tail of this role, length and number.
    pub(crate) fn new(role: Role, length_us: i64, number: u16, families: &[Family]) -> Self {
        let own = |cell: &Cell| cell.tail(role) == Some(number);
        let part = |(at, family): (usize, &Family)| {
            // Of these a tail asks nothing before it puts them in or takes them out.
            let plain = |cell: &Cell| cell.turn.is_none() && cell.reset.is_none() && role != Role::Settle;
            let cells = Fed::new(family.cells.iter().copied().filter(own), plain);
            let (bits, turns) = (cells.bits(), cells.others.iter().any(|cell| cell.turn.is_some()));
            (bits != 0).then_some(Part { family: at, cells, bits, turns })
        };
        Self {
            role,
            length_us,
            parts: families.iter().enumerate().filter_map(part).collect(),
            row: 0,
            row_due_us: i64::MAX,
            side_due_us: i64::MAX,
            passed: (i64::MIN, 0),
        }
    }

    /// Lets a tail that has passed nothing begin with this row.
    pub(crate) fn begin(&mut self, row: u64) {
        self.row = row;
    }

    /// The next row that it has to pass.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// Whether a row is due that it has not passed.
    #[inline]
    pub(crate) fn has_row_due(&self, now_us: i64) -> bool {
        self.row_due_us <= now_us
    }

    /// Whether it settles what can no longer be corrected.
    pub(crate) fn settles(&self) -> bool {
        self.role == Role::Settle
    }

    /// Every side entry up to here is passed.
    #[inline]
    pub(crate) fn passed(&self) -> Place {
        self.passed
    }

    /// When it has something to pass, or `i64::MAX`.
    #[inline]
    pub(crate) fn due_us(&self) -> i64 {
        self.row_due_us.min(self.side_due_us)
    }

    /// A row was appended to the log.
    #[inline]
    pub(crate) fn appended(&mut self, row: u64, at_us: i64) {
        if self.row == row {
            self.row_due_us = at_us.saturating_add(self.length_us);
        }
    }

    /// Whether it will have to pass an entry of these masks at this place.
    pub(crate) fn awaits(&self, place: Place, mask: impl Fn(usize) -> u64) -> bool {
        place > self.passed && self.parts.iter().any(|part| mask(part.family) & part.bits != 0)
    }

    /// An entry was put into the side buffer.
    pub(crate) fn put_aside(&mut self, place: Place) {
        if place > self.passed {
            self.side_due_us = self.side_due_us.min(place.0.saturating_add(self.length_us));
        }
    }

    /// Passes what is due at `now_us`, as far as the budget goes and rows can be had.
    #[inline]
    pub(crate) fn advance(&mut self, now_us: i64, ground: &mut Ground<'_>) {
        if self.row_due_us <= now_us {
            self.pass_rows(now_us, ground);
        }
        if self.side_due_us <= now_us {
            self.pass_side(now_us, ground);
        } else {
            self.passed = (now_us.saturating_sub(self.length_us), u64::MAX);
        }
    }

    fn pass_rows(&mut self, now_us: i64, ground: &mut Ground<'_>) {
        while *ground.budget > 0 {
            let Some(row) = ground.log.row(self.row) else { break };
            self.row_due_us = row.at_us().saturating_add(self.length_us);
            if self.row_due_us > now_us {
                return;
            }
            *ground.budget -= 1;
            if !row.is_late() {
                self.pass_row(row, ground);
            }
            self.row += 1;
            if let Some(at_us) = row.next_at_us() {
                self.row_due_us = at_us.saturating_add(self.length_us);
                if self.row_due_us > now_us {
                    return;
                }
            }
        }
        // What comes next may not be due yet, and then nothing is left over.
        self.row_due_us = self.due_of_row(ground.log);
    }

    fn due_of_row(&self, log: &Log) -> i64 {
        log.came_in_us(self.row).map_or(i64::MAX, |at_us| at_us.saturating_add(self.length_us))
    }

    #[inline]
    fn pass_row(&self, row: Row<'_>, ground: &mut Ground<'_>) {
        let (counted, about) = (row.counted(), row.about(self.row));
        for part in &self.parts {
            let (slot, mask) = row.family(part.family);
            let family = &mut ground.families[part.family];
            let mask = mask & part.bits & family.bits(counted);
            if mask == 0 {
                continue;
            }
            let own = |record: &&mut [u64]| is_own(record, about);
            let Some(record) = family.records.get_mut(slot).filter(own) else { continue };
            part.cells.sum(record, mask, self.role.sign(), |column| row.value(column));
            if !part.cells.others.is_empty() {
                self.pass_others(row, part, slot, mask, ground);
            }
        }
    }

    /// Does to the cells of one family what it does, but for those that only count and sum.
    fn pass_others(&self, row: Row<'_>, part: &Part, slot: u32, mask: u64, ground: &mut Ground<'_>) {
        let Ground { log, turns, families, .. } = ground;
        let family = &mut families[part.family];
        if part.turns {
            family.turn_period(slot, turns);
        }
        // Only what is settled asks whether it still stands.
        let superseded = if self.role == Role::Settle { log.superseded(self.row) } else { Scopes::default() };
        let superseded = family.bits(superseded);
        let origin = Origin { time_us: row.at_us(), row: row.about(self.row) };
        let value = |column| row.value(column);
        let record = family.records.row_mut(slot);
        for cell in part.cells.others.iter().filter(|cell| cell.fed_by(mask)) {
            if Family::ignores(record, cell, Position::of_row(self.row)) {
                continue;
            }
            match self.role {
                Role::Enter if !cell.holds(origin.time_us, turns) => {}
                Role::Enter => cell.apply(record, &mut family.values, 1, origin, value),
                Role::Leave => cell.apply(record, &mut family.values, -1, origin, value),
                Role::Settle => {
                    cell.settle(record, &mut family.values, origin, value, !cell.fed_by(superseded));
                }
            }
        }
    }

    fn pass_side(&mut self, now_us: i64, ground: &mut Ground<'_>) {
        while let Some((place, entry)) = ground.side.next(self.passed) {
            self.side_due_us = place.0.saturating_add(self.length_us);
            if self.side_due_us > now_us {
                self.passed = (now_us.saturating_sub(self.length_us), u64::MAX);
                return;
            }
            if *ground.budget == 0 {
                return;
            }
            *ground.budget -= 1;
            self.passed = place;
            self.pass_entry(place.0, &entry, ground);
        }
        self.side_due_us = i64::MAX;
        self.passed = (now_us.saturating_sub(self.length_us), u64::MAX);
    }

    fn pass_entry(&self, time_us: i64, entry: &Entry, ground: &mut Ground<'_>) {
        let copied = ground.side.copied(entry.copy);
        let value = |column| copied.value(column);
        let origin = Origin { time_us, row: entry.row };
        for part in &self.parts {
            let (slot, mask) = copied.family(part.family);
            let mask = mask & part.bits;
            let family = &mut ground.families[part.family];
            if mask == 0 {
                continue;
            }
            if part.turns && family.owns(slot, entry.row) {
                family.turn_period(slot, ground.turns);
            }
            let own = |record: &&mut [u64]| is_own(record, entry.row);
            let Some(record) = family.records.get_mut(slot).filter(own) else { continue };
            part.cells.sum(record, mask, self.role.sign() * entry.sign(), value);
            for cell in part.cells.others.iter().filter(|cell| cell.fed_by(mask)) {
                if Family::ignores(record, cell, entry.at) {
                    continue;
                }
                match self.role {
                    Role::Enter if !cell.holds(time_us, ground.turns) => {}
                    Role::Enter => cell.apply(record, &mut family.values, entry.sign(), origin, value),
                    Role::Settle if !entry.negative => {
                        cell.settle(record, &mut family.values, origin, value, !entry.superseded);
                    }
                    Role::Leave | Role::Settle => {
                        cell.apply(record, &mut family.values, -entry.sign(), origin, value);
                    }
                }
            }
        }
    }
}
