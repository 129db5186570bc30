//! A family: all cells with the same key, side by side in one fixed-width record per key.
//!
//! Before the cells a record says whose it is and how old: [`slots`](super::slots) gives records to keys by that.

use serde::{Deserialize, Serialize};

use super::cell::{Cell, Origin};
use super::chunked::Chunked;
use super::coarse;
use super::filter::Filter;
use super::keys::Keys;
use super::position::{Edge, Position, RESET_WORDS, is_swallowed};
use super::spec::{Budgets, CellSpec, FamilySpec, Scope, Scopes, Span};
use super::sums::Fed;
use super::tail::Role;
use super::turns::Turns;
use super::values::Values;

/// Word of a record: own time of the latest late or corrected contribution, plus one.
const CORRECTED: usize = 0;
/// Word of a record: the first row that is its own; what is due of older ones was another key's.
pub(crate) const FIRST_ROW: usize = 1;
/// Word of a record: when it was touched last, and above it until when its key was evicted, both coarse.
pub(crate) const TIMES: usize = 2;
/// Words before the calendar's and the cells.
const HEADER: usize = 3;

/// The first row of a record that is nobody's.
pub(crate) const NOBODYS: u64 = u64::MAX;

/// Whether a row is not older than a record's key.
#[inline]
pub(crate) fn is_own(record: &[u64], row: u64) -> bool {
    record[FIRST_ROW] <= row
}

/// Whether a late or corrected contribution ever changed a record.
#[inline]
pub(crate) fn is_corrected(record: &[u64]) -> bool {
    record[CORRECTED] != 0
}

/// When a record was touched last, coarse.
#[inline]
pub(crate) fn touched(record: &[u64]) -> u32 {
    record[TIMES] as u32
}

#[inline]
fn touch(record: &mut [u64], now_us: i64) {
    record[TIMES] = record[TIMES] >> 32 << 32 | u64::from(coarse::after(now_us));
}

/// Until when a record's key was evicted, if it was.
#[inline]
pub(crate) fn evicted_us(record: &[u64]) -> Option<i64> {
    coarse::time_us((record[TIMES] >> 32) as u32)
}

/// One family.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) keys: Keys,
    /// By set of scopes, the bits that belong to any of them.
    bits: Box<[u64; Scopes::SETS]>,
    pub(crate) cells: Vec<Cell>,
    /// Those without a delay, which events feed.
    prompt: Fed,
    pub(crate) records: Chunked<u64>,
    pub(crate) values: Values,
    /// Numbers of the calendar spans of its cells, with the words that say which period they are of.
    pub(super) turns: Vec<(usize, usize)>,
    /// The bits that empty cells, each with the first of the words that say what is ignored since.
    resets: Vec<(u32, usize)>,
    /// Whether cells are emptied once a payment is executed.
    emptied_later: bool,
    /// Slots ever made, 0 among them for "none".
    pub(super) made: u32,
    /// Slots that have a key.
    pub(super) held: u32,
    /// Head of the list of free slots.
    pub(super) free: u32,
    /// The slot looked at last.
    pub(super) hand: u32,
    /// Most slots that have a key.
    pub(super) keys_max: u32,
    /// Most bytes of value trees of each kind.
    pub(super) arena_bytes_max: usize,
    /// How long after it was touched a key may be in a window, but for a calendar's; `None` where a cell is for ever.
    pub(super) longest_us: Option<i64>,
    /// How long after a row came in it may contribute at a later time than its own, or empty cells.
    pub(super) later_us: i64,
    /// The marks of keys that were evicted.
    pub(super) filter: Filter,
}

/// What is saved of a family.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedFamily {
    owners: Chunked<u32>,
    records: Chunked<u64>,
    values: Values,
    made: u32,
    held: u32,
    free: u32,
    hand: u32,
    filter: Filter,
}

impl Family {
    /// What is saved of it; shares what it holds.
    pub(crate) fn freeze(&mut self) -> SavedFamily {
        let Self { made, held, free, hand, .. } = *self;
        SavedFamily {
            owners: self.keys.freeze(),
            records: self.records.freeze(),
            values: self.values.freeze(),
            made,
            held,
            free,
            hand,
            filter: self.filter.freeze(),
        }
    }

    /// Goes on from what was saved of a family of the same form.
    pub(crate) fn resume(&mut self, saved: SavedFamily) {
        let SavedFamily { owners, records, values, made, held, free, hand, filter } = saved;
        (self.made, self.held, self.free, self.hand) = (made, held, free, hand);
        (self.records, self.values, self.filter) = (records, values, filter);
        let records = &self.records;
        let is_held = |&slot: &u32| records.row(slot).is_some_and(|record| record[FIRST_ROW] != NOBODYS);
        self.keys.resume(owners, (1..made).filter(is_held));
    }

    /// A family without keys; the slots of keys of one text stand at the place `beside` it. What is fed can be corrected
    /// for `horizon_us`, and `tail` numbers the tails that a cell needs.
    pub(crate) fn new(
        spec: &FamilySpec,
        beside: usize,
        budgets: &Budgets,
        horizon_us: i64,
        turns: &Turns,
        tail: impl Fn(Role, &CellSpec) -> Option<u16>,
    ) -> Self {
        let mut words = HEADER;
        let mut turned: Vec<(usize, usize)> = Vec::new();
        let mut resets: Vec<(u32, usize)> = Vec::new();
        for cell in &spec.cells {
            if let Some(turn) = turns.find(cell.span)
                && turned.iter().all(|&(held, _)| held != turn)
            {
                turned.push((turn, words));
                words += 1;
            }
            if let Some(bit) = cell.reset
                && resets.iter().all(|&(held, _)| held != bit)
            {
                resets.push((bit, words));
                words += RESET_WORDS;
            }
        }
        let place = |cell: &CellSpec| Cell {
            span: cell.span,
            bit: cell.bit,
            measure: cell.measure,
            offset: 0,
            enters: tail(Role::Enter, cell),
            leaves: tail(Role::Leave, cell),
            settles: tail(Role::Settle, cell),
            turn: turns.find(cell.span).map(|turn| turn as u16),
            reset: resets.iter().find(|(bit, _)| Some(*bit) == cell.reset).map(|&(_, word)| word as u32),
        };
        let mut cells: Vec<Cell> = spec.cells.iter().map(place).collect();
        // What one tail touches lies together.
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|&at| cells[at].span);
        for at in order {
            cells[at].offset = words;
            words += Cell::words(cells[at].span, cells[at].measure);
        }
        let of = |set: usize| {
            let scopes = Scopes::from_bits(set as u8);
            let of_scope =
                |scope: Scope| if scopes.contains(scope) { spec.scopes[scope as usize] } else { 0 };
            Scope::ALL.into_iter().fold(0, |bits, scope| bits | of_scope(scope))
        };
        let spans = || cells.iter().map(|cell| cell.span);
        let longest = |most: Option<i64>, reach: Option<i64>| Some(most?.max(reach?));
        // What a record holds of a calendar period without a delay, its own words tell.
        let told = |span: &Span| span.is_calendar() && span.delay_us() == 0;
        let sliding_us = spans().filter(|span| !told(span)).map(Span::reach_us).fold(Some(0), longest);
        let reach_us = spans().map(Span::reach_us).fold(Some(0), longest);
        let later = [Scope::Executed, Scope::Pending, Scope::Waiting];
        let fed_later = later.iter().any(|&scope| spec.scopes[scope as usize] != 0);
        let emptied_later = spec.emptied_later();
        let later_us = if fed_later || emptied_later { horizon_us } else { 0 };
        let after_later = |us: i64| us.saturating_add(later_us);
        Self {
            keys: Keys::new(spec.key_texts, beside),
            bits: Box::new(std::array::from_fn(of)),
            made: 1,
            held: 0,
            free: 0,
            hand: 0,
            keys_max: if reach_us.is_none() { budgets.forever_keys_max } else { budgets.keys_max }.max(1),
            arena_bytes_max: budgets.arena_bytes_max,
            longest_us: sliding_us.map(after_later),
            later_us,
            filter: Filter::new(budgets.filter_bytes, reach_us.map(after_later)),
            prompt: Fed::new(cells.iter().filter(|cell| cell.enters.is_none()).copied(), |_| true),
            cells,
            records: Chunked::new(words),
            values: Values::new(&spec.cells),
            turns: turned,
            resets,
            emptied_later,
        }
    }

    /// Keeps to other budgets from now on; the filter stays as large as it is.
    pub(crate) fn set_budgets(&mut self, budgets: &Budgets) {
        let forever = self.cells.iter().any(|cell| cell.span.reach_us().is_none());
        self.keys_max = if forever { budgets.forever_keys_max } else { budgets.keys_max }.max(1);
        self.arena_bytes_max = budgets.arena_bytes_max;
    }

    /// The bits that belong to any of these scopes.
    #[inline]
    pub(crate) fn bits(&self, scopes: Scopes) -> u64 {
        self.bits[usize::from(scopes.bits())]
    }

    /// The bits of a mask that empty cells.
    #[inline]
    pub(crate) fn empties(&self, mask: u64) -> u64 {
        self.resets.iter().fold(0, |bits, (bit, _)| bits | mask & 1 << bit)
    }

    /// Whether what a row says of a slot is of the key that has it now.
    #[inline]
    pub(crate) fn owns(&self, slot: u32, row: u64) -> bool {
        self.records.row(slot).is_some_and(|record| is_own(record, row))
    }

    /// The first row that is of the key that has a slot now.
    pub(crate) fn first_row(&self, slot: u32) -> u64 {
        self.records.row(slot).map_or(0, |record| record[FIRST_ROW])
    }

    /// Notes that a key was fed or corrected now.
    #[inline]
    pub(crate) fn touch(&mut self, slot: u32, now_us: i64) {
        touch(self.records.row_mut(slot), now_us);
    }

    /// Whether what stands there never counts for a cell again.
    #[inline]
    pub(crate) fn ignores(record: &[u64], cell: &Cell, at: Position) -> bool {
        cell.reset.is_some_and(|word| is_swallowed(&record[word as usize..], at))
    }

    /// Notes that a key was fed now, and takes a contribution that happens now in, to every cell without a delay that
    /// `mask` feeds.
    #[inline]
    pub(crate) fn take_in(
        &mut self,
        slot: u32,
        mask: u64,
        at: Origin,
        turns: &Turns,
        value: impl Fn(usize) -> i64,
    ) {
        // Also where nothing counts yet: what will be authenticated later keeps the slot while its period lasts.
        self.turn_period(slot, turns);
        let record = self.records.row_mut(slot);
        touch(record, at.time_us);
        self.prompt.sum(record, mask, 1, &value);
        for cell in self.prompt.others.iter().filter(|cell| cell.fed_by(mask)) {
            cell.apply(record, &mut self.values, 1, at, &value);
        }
    }

    /// The same of what an earlier row, that of `at`, contributes from now on.
    #[inline]
    pub(crate) fn take_in_again(
        &mut self,
        slot: u32,
        mask: u64,
        at: Origin,
        turns: &Turns,
        value: impl Fn(usize) -> i64,
    ) {
        self.turn_period(slot, turns);
        let record = self.records.row_mut(slot);
        touch(record, at.time_us);
        for cell in self.cells.iter().filter(|cell| cell.fed_by(mask) && cell.enters.is_none()) {
            cell.apply(record, &mut self.values, 1, at, &value);
        }
    }

    /// Empties what these bits empty; what stands before the edge is ignored from then on.
    pub(super) fn empty(&mut self, slot: u32, bits: u64, edge: Edge) {
        let record = self.records.row_mut(slot);
        for &(_, word) in self.resets.iter().filter(|(bit, _)| bits >> bit & 1 == 1) {
            edge.note(&mut record[word..]);
            for cell in self.cells.iter().filter(|cell| cell.reset == Some(word as u32)) {
                cell.clear(record, &mut self.values);
            }
        }
    }

    /// Notes that a late or corrected contribution of this own time changed the record.
    pub(crate) fn note_corrected(&mut self, slot: u32, time_us: i64) {
        let word = &mut self.records.row_mut(slot)[CORRECTED];
        *word = (*word).max(time_us as u64 + 1);
    }

    /// Whether a late or corrected contribution may be part of what a cell covers; it may also be later than that.
    pub(crate) fn corrected(&self, record: &[u64], cell: &Cell, turns: &Turns, now_us: i64) -> bool {
        is_corrected(record) && cell.reaches(record[CORRECTED] as i64 - 1, turns, now_us)
    }

    /// Empties the calendar cells of a record that are of a period that is over.
    #[inline]
    pub(crate) fn turn_period(&mut self, slot: u32, turns: &Turns) {
        if !self.turns.is_empty() {
            self.turn_periods(slot, turns);
        }
    }

    fn turn_periods(&mut self, slot: u32, turns: &Turns) {
        for &(turn, word) in &self.turns {
            let record = self.records.row_mut(slot);
            if record[word] == turns.stamp(turn) {
                continue;
            }
            record[word] = turns.stamp(turn);
            for cell in self.cells.iter().filter(|cell| cell.turn == Some(turn as u16)) {
                cell.clear(record, &mut self.values);
            }
        }
    }

    /// Whether what a record holds for a cell is of the present day or month.
    #[inline]
    pub(crate) fn is_present(&self, record: &[u64], cell: &Cell, turns: &Turns) -> bool {
        cell.turn.is_none_or(|turn| {
            let of_turn = |&&(held, _): &&(usize, usize)| held == usize::from(turn);
            let word = self.turns.iter().find(of_turn);
            word.is_some_and(|&(turn, word)| record[word] == turns.stamp(turn))
        })
    }

    /// The scopes that feed any of its cells, or empty them.
    pub(crate) fn scopes(&self) -> Scopes {
        let fed = self.cells.iter().fold(0, |bits, cell| bits | 1 << cell.bit);
        let used = |scope: &Scope| self.bits(Scopes::default().with(*scope)) & fed != 0;
        let emptied =
            if self.emptied_later { Scopes::default().with(Scope::Executed) } else { Scopes::default() };
        Scope::ALL.into_iter().filter(used).fold(emptied, Scopes::with)
    }

    /// Bytes of a record before its cells.
    pub(crate) fn header_bytes(&self) -> usize {
        (HEADER + self.turns.len() + RESET_WORDS * self.resets.len()) * size_of::<u64>()
    }
}

impl Cell {
    /// Whether what it covers reaches back to a time or before.
    #[inline]
    pub(crate) fn reaches(&self, time_us: i64, turns: &Turns, now_us: i64) -> bool {
        match self.span {
            Span::Sliding { length_us, delay_us } => now_us - time_us < length_us.saturating_add(delay_us),
            Span::Day { .. } | Span::Month { .. } => {
                self.turn.is_some_and(|turn| time_us >= turns.period(usize::from(turn)).start_us)
            }
            Span::Forever { .. } => true,
        }
    }
}
