//! A tail: walks a fixed time behind now over the log and the side buffer, and takes out what it passes.

use super::cell::Cell;
use super::family::{Family, is_own};
use super::log::{ALLOWED_SUPERSEDED, ASKED_SUPERSEDED, LATE, Log};
use super::side::{Entry, Scope, Side};

/// The cells of one family that a tail walks for.
#[derive(Debug)]
struct Part {
    family: usize,
    cells: Vec<Cell>,
    /// The bits that feed them.
    bits: u64,
}

/// One tail.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) length_us: i64,
    /// Its cells, by family.
    parts: Vec<Part>,
    /// Whether it moves values to the settled extremes of `forever` cells instead of taking them out.
    settles: bool,
    /// The next row that it has to pass.
    row: u64,
    /// When it has to pass that row, or `i64::MAX` at the log's end.
    row_due_us: i64,
    /// When it has to pass the next side entry, or `i64::MAX`.
    side_due_us: i64,
    /// It has passed every own time up to here.
    edge_us: i64,
}

impl Tail {
    /// A tail of this length over the cells that `choose` picks.
    pub(crate) fn new(
        length_us: i64,
        settles: bool,
        families: &[Family],
        choose: impl Fn(&Cell) -> bool,
    ) -> Self {
        let part = |(at, family): (usize, &Family)| {
            let cells: Vec<Cell> = family.cells.iter().copied().filter(|cell| choose(cell)).collect();
            let bits = cells.iter().fold(0, |all, cell| all | 1 << cell.bit);
            (bits != 0).then_some(Part { family: at, cells, bits })
        };
        Self {
            length_us,
            parts: families.iter().enumerate().filter_map(part).collect(),
            settles,
            row: 0,
            row_due_us: i64::MAX,
            side_due_us: i64::MAX,
            edge_us: i64::MIN,
        }
    }

    /// Lets a tail that has passed nothing begin with this row.
    pub(crate) fn begin(&mut self, row: u64) {
        self.row = row;
    }

    /// Whether it has no cells.
    pub(crate) fn is_idle(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether it settles values instead of taking them out.
    pub(crate) fn settles(&self) -> bool {
        self.settles
    }

    /// Every own time up to here is passed.
    pub(crate) fn edge_us(&self) -> i64 {
        self.edge_us
    }

    /// A row was appended to the log.
    #[inline]
    pub(crate) fn appended(&mut self, row: u64, at_us: i64) {
        if self.row == row {
            self.row_due_us = at_us.saturating_add(self.length_us);
        }
    }

    /// An entry was put into the side buffer.
    pub(crate) fn put_aside(&mut self, time_us: i64) {
        self.side_due_us = self.side_due_us.min(time_us.saturating_add(self.length_us));
    }

    /// Passes all that is due at `now_us`.
    #[inline]
    pub(crate) fn advance(&mut self, now_us: i64, log: &Log, side: &Side, families: &mut [Family]) {
        while self.row_due_us <= now_us {
            self.pass_row(log, families);
            self.row += 1;
            let more = self.row < log.end();
            self.row_due_us =
                if more { log.row(self.row).at_us().saturating_add(self.length_us) } else { i64::MAX };
        }
        if self.side_due_us <= now_us {
            self.pass_side(now_us, log, side, families);
        }
        self.edge_us = now_us - self.length_us;
    }

    #[inline]
    fn pass_row(&self, log: &Log, families: &mut [Family]) {
        let row = log.row(self.row);
        let flags = row.flags();
        if flags & LATE != 0 {
            return;
        }
        let standing = row.standing();
        let time_us = self.row_due_us - self.length_us;
        let value = |column| row.value(column);
        for part in &self.parts {
            let (slot, mask) = row.family(part.family);
            let family = &mut families[part.family];
            let mask = standing.counted(mask & part.bits, family.allowed);
            if mask == 0 {
                continue;
            }
            let record = family.records.row_mut(slot);
            if !is_own(record, self.row) {
                continue;
            }
            for cell in part.cells.iter().filter(|cell| cell.fed_by(mask)) {
                if self.settles {
                    let of_allowed = family.allowed >> cell.bit & 1 == 1;
                    let superseded = if of_allowed { Scope::Allowed } else { Scope::Asked }.superseded();
                    let held = cell.ordered_value(time_us, value);
                    cell.settle(record, &mut family.values, held, flags & superseded == 0);
                } else {
                    cell.apply(record, &mut family.values, -1, time_us, value);
                }
            }
        }
    }

    fn pass_side(&mut self, now_us: i64, log: &Log, side: &Side, families: &mut [Family]) {
        let mut place = (self.edge_us, u64::MAX);
        self.side_due_us = i64::MAX;
        while let Some((next, entry)) = side.next(place) {
            if next.0 > now_us - self.length_us {
                self.side_due_us = next.0 + self.length_us;
                return;
            }
            place = next;
            self.pass_entry(next.0, &entry, log, families);
        }
    }

    fn pass_entry(&self, time_us: i64, entry: &Entry, log: &Log, families: &mut [Family]) {
        let row = log.row(entry.row);
        let value = |column| entry.value(row, column);
        for part in &self.parts {
            let (slot, mask) = row.family(part.family);
            let family = &mut families[part.family];
            let mask = entry.scope.of(mask, family.allowed);
            if !family.owns(slot, entry.row) {
                continue;
            }
            for cell in part.cells.iter().filter(|cell| cell.fed_by(mask)) {
                let record = family.records.row_mut(slot);
                if self.settles && !entry.negative {
                    let held = cell.ordered_value(time_us, value);
                    cell.settle(record, &mut family.values, held, !entry.superseded);
                } else {
                    let sign = if entry.negative { 1 } else { -1 };
                    cell.apply(record, &mut family.values, sign, time_us, value);
                }
            }
        }
    }
}

impl Scope {
    /// The flag of a row whose contribution is held elsewhere, or by nothing.
    pub(crate) fn superseded(self) -> u8 {
        match self {
            Self::Asked => ASKED_SUPERSEDED,
            Self::Allowed => ALLOWED_SUPERSEDED,
        }
    }

    /// The bits of a mask that belong to it, given the bits that count only allowed payments.
    pub(crate) fn of(self, mask: u64, allowed: u64) -> u64 {
        match self {
            Self::Asked => mask & !allowed,
            Self::Allowed => mask & allowed,
        }
    }
}
