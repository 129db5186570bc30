//! Rolling aggregates, exact to the microsecond and the minor unit, in columnar memory.
//!
//! Contributions come in, time moves forward, cells are read. Must never know a rule, a decision, a format or a
//! clock: whoever calls says what contributes, and what time it is.

mod bag;
mod cell;
mod chunk;
mod chunked;
mod dictionary;
mod family;
mod forest;
mod keys;
mod log;
mod marks;
mod shapes;
mod side;
/// What is to be kept.
pub mod spec;
mod spill;
mod store;
mod tail;
mod waiting;

pub use cell::Moments;
pub use chunk::ChunkColumns;
pub use keys::Key;
pub use log::{CHUNK_ROWS, Standing};
pub use side::Scope;
pub use spec::{AMOUNT_COLUMN, CellSpec, FamilySpec, KEY_TEXTS_MAX, Measure, Span, Spec};
pub use store::{ChunkStore, Fetched};

use crate::time::{Calendar, Period, TIME_US_MIN};
use cell::Cell;
use dictionary::Dictionary;
use family::{Family, Periods};
use log::Log;
use side::{Entry, Place, Side};
use spill::Spill;
use tail::Tail;
use waiting::Waiting;

/// The number of "no text" in a key.
pub const NO_TEXT: u32 = dictionary::NO_TEXT;

/// Corrections that waited for their row and are made in one step at most.
const WAITING_A_STEP_MAX: usize = 64;

/// What one event contributes.
#[derive(Clone, Copy, Debug)]
pub struct Contribution<'a> {
    /// Its own time; late if before now.
    pub time_us: i64,
    /// What it counts as.
    pub standing: Standing,
    /// For each family which of its cells it feeds; also the bits that it feeds only once allowed.
    pub masks: &'a [u64],
    /// For each family its key; read only where the mask is not empty.
    pub keys: &'a [Key],
    /// Its values.
    pub values: &'a [i64],
}

/// Where something that a payment contributes is held: its row, or an entry of the side buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    place: Option<Place>,
    /// The amount that it holds, in minor units.
    pub amount: i64,
}

impl Holding {
    /// What a row contributed when it was written.
    pub fn of_row(amount: i64) -> Self {
        Self { place: None, amount }
    }
}

/// One change of what a row contributes, at the row's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The row.
    pub row: u64,
    /// When it happened.
    pub time_us: i64,
    /// Which of its contributions.
    pub scope: Scope,
    /// The number of this correction: no other one of the same time has it.
    pub arrival: u64,
    /// What is put there, or taken back.
    pub change: Change,
}

/// What a correction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Lets the row contribute with this amount.
    Put(i64),
    /// Takes back what a holding contributes.
    TakeBack(Holding),
}

impl Correction {
    /// Where what it puts there is held from then on.
    pub fn holding(&self, amount: i64) -> Holding {
        Holding { place: Some((self.time_us, self.arrival)), amount }
    }
}

/// What a family holds for one key, at now. Nothing where nothing was filed.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    family: &'a Family,
    record: Option<&'a [u64]>,
    periods: Periods,
    now_us: i64,
    tails: &'a [Tail],
    /// No correction that waits is about a time after it.
    waiting_us: i64,
}

impl<'a> Held<'a> {
    #[inline]
    fn cell(&self, cell: usize) -> Option<(&'a Cell, &'a [u64])> {
        let (cell, record) = (&self.family.cells[cell], self.record?);
        self.family.is_present(record, cell.span, self.periods).then_some((cell, record))
    }

    /// Count, sum and squares of a counting cell.
    #[inline]
    pub fn moments(&self, cell: usize) -> Moments {
        self.cell(cell).map_or_else(Moments::default, |(cell, record)| cell.moments(record))
    }

    /// How many contributions a counting cell holds.
    #[inline]
    pub fn count(&self, cell: usize) -> i64 {
        self.cell(cell).map_or(0, |(cell, record)| cell.count(record))
    }

    /// Least and greatest value of an ordered cell, or first and last time.
    pub fn extremes(&self, cell: usize) -> Option<(i64, i64)> {
        self.cell(cell).and_then(|(cell, record)| cell.extremes(record, &self.family.values))
    }

    /// The greatest value of an ordered cell, or the last time.
    pub fn greatest(&self, cell: usize) -> Option<i64> {
        self.cell(cell).and_then(|(cell, record)| cell.greatest(record, &self.family.values))
    }

    /// How many distinct values a distinct cell has, with `own` among them if given.
    pub fn distinct(&self, cell: usize, own: Option<i64>) -> i64 {
        let Some((cell, record)) = self.cell(cell) else { return i64::from(own.is_some()) };
        let new = own.is_some_and(|value| !cell.has(record, &self.family.values, value));
        cell.distinct(record) + i64::from(new)
    }

    /// Whether late or corrected contributions are part of what a cell covers.
    #[inline]
    pub fn corrected(&self, cell: usize) -> bool {
        let span = self.family.cells[cell].span;
        self.record.is_some_and(|record| self.family.corrected(record, span, self.periods, self.now_us))
    }

    /// Whether what a cell holds is not yet all that it should be, or still more: rows that are away are to be read.
    #[inline]
    pub fn behind(&self, cell: usize) -> bool {
        let span = self.family.cells[cell].span;
        let lags = |tail: &Tail| tail.lags(self.now_us) && tail.walks_for(span);
        let awaits = self.waiting_us != i64::MIN;
        self.tails.iter().any(lags) || awaits && self.periods.cover(span, self.waiting_us, self.now_us)
    }

    /// Whether a cell covers a time at or before now.
    #[inline]
    pub fn covers(&self, cell: usize, time_us: i64) -> bool {
        self.periods.cover(self.family.cells[cell].span, time_us, self.now_us)
    }
}

/// Bytes held, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The dictionary of keys.
    pub dictionary: usize,
    /// Keys, records and value trees of all families.
    pub families: usize,
    /// The tail log.
    pub log: usize,
    /// One row of the tail log.
    pub log_row: usize,
    /// The side buffer.
    pub side: usize,
}

impl Memory {
    /// Both together; a row is then one of each.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            dictionary: self.dictionary + other.dictionary,
            families: self.families + other.families,
            log: self.log + other.log,
            log_row: self.log_row + other.log_row,
            side: self.side + other.side,
        }
    }
}

/// All aggregates.
#[derive(Debug)]
pub struct State {
    now_us: i64,
    calendar: Calendar,
    uses_calendar: bool,
    periods: Periods,
    dictionary: Dictionary,
    families: Vec<Family>,
    log: Log,
    side: Side,
    tails: Vec<Tail>,
    /// The chunk that each tail has come to.
    reached: Vec<u64>,
    waiting: Waiting,
    /// The longest that a tail or a correction looks back.
    retention_us: i64,
}

impl State {
    /// An empty state at the beginning of time.
    pub fn new(spec: &Spec, calendar: Calendar) -> Self {
        let families: Vec<Family> = spec.families.iter().map(Family::new).collect();
        let spans: Vec<Span> = spec.families.iter().flat_map(|f| f.cells.iter().map(|c| c.span)).collect();
        let mut lengths: Vec<i64> = spans
            .iter()
            .filter_map(|span| if let Span::Sliding { length_us } = span { Some(*length_us) } else { None })
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut tails: Vec<Tail> = lengths
            .into_iter()
            .map(|length_us| {
                Tail::new(length_us, false, &families, |cell| cell.span == Span::Sliding { length_us })
            })
            .collect();
        let settling = Tail::new(spec.horizon_us, true, &families, Cell::settles);
        if !settling.is_idle() {
            tails.push(settling);
        }
        let longest_us = tails.iter().map(|tail| tail.length_us).max().unwrap_or(0);
        Self {
            now_us: TIME_US_MIN - 1,
            calendar,
            uses_calendar: spans.iter().any(|span| matches!(span, Span::Day | Span::Month)),
            periods: Periods { day: Period::EMPTY, month: Period::EMPTY },
            dictionary: Dictionary::new(),
            log: Log::new(families.len(), spec.columns),
            families,
            side: Side::new(),
            reached: vec![0; tails.len()],
            tails,
            waiting: Waiting::new(),
            retention_us: longest_us.max(spec.horizon_us),
        }
    }

    /// Lets the log of an empty state have chunks of so many rows (the next power of two, at most 65,536), and with a store
    /// hold at most so many bytes of them in memory: beside what tails walk next, which is two chunks for each.
    pub fn set_log(&mut self, chunk_rows: usize, bytes_max: usize, store: Option<Box<dyn ChunkStore>>) {
        self.log.set_rows(chunk_rows);
        if let Some(store) = store {
            self.log.set_spill(Spill::new(store, bytes_max));
        }
    }

    /// Lets an empty state begin at a time, with this row; rows before it were never its own.
    pub fn begin(&mut self, time_us: i64, row: u64) {
        self.log.begin(row);
        self.tails.iter_mut().for_each(|tail| tail.begin(row));
        self.advance(time_us);
    }

    /// The latest time that any event had, microseconds since 1970 UTC.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Moves every window forward to `time_us`; an earlier time changes nothing.
    #[inline]
    pub fn advance(&mut self, time_us: i64) {
        if time_us <= self.now_us {
            return;
        }
        self.now_us = time_us;
        for at in 0..self.tails.len() {
            self.pass(at);
        }
        if self.uses_calendar && !self.periods.day.contains(time_us) {
            self.periods = Periods { day: self.calendar.day(time_us), month: self.calendar.month(time_us) };
        }
        if self.waiting.len() > 0 {
            self.correct_waiting();
        }
        let edge_us = time_us - self.retention_us;
        let needed = self.tails.iter().map(Tail::row).min().unwrap_or(u64::MAX);
        self.log.drop_through(edge_us, needed.min(self.waiting.first_row()));
        if self.side.len() > 0 {
            self.side.drop_through(edge_us.min(self.waiting.earliest_us() - 1));
        }
    }

    /// Lets a tail pass what is due, as far as rows can be had.
    #[inline]
    fn pass(&mut self, at: usize) {
        let tail = &mut self.tails[at];
        // What is settled can't be corrected any more.
        let to_us = if tail.settles() {
            self.now_us.min(self.waiting.earliest_us().saturating_add(tail.length_us) - 1)
        } else {
            self.now_us
        };
        tail.advance(to_us, &self.log, &self.side, &mut self.families);
        if self.log.spills() {
            self.read_on(at, to_us);
        }
    }

    /// Fetches what a tail needs now, and has what it needs next made ready.
    fn read_on(&mut self, at: usize, to_us: i64) {
        let (chunk, _) = self.log.layout.place(self.tails[at].row());
        if self.reached[at] != chunk {
            self.reached[at] = chunk;
            self.log.reach(self.tails[at].row());
        }
        while self.tails[at].lags(to_us) && self.log.reach(self.tails[at].row()) {
            self.tails[at].advance(to_us, &self.log, &self.side, &mut self.families);
            self.shrink_log();
        }
    }

    /// Lets chunks leave memory if they are too many, while no side entry needs its row.
    fn shrink_log(&mut self) {
        if self.side.len() == 0 {
            self.log.shrink(self.tails.iter().map(Tail::row));
        }
    }

    /// The number of a text that is part of a key, never [`NO_TEXT`]. Texts of different tenants have different numbers.
    #[inline]
    pub fn text_number(&mut self, tenant: u32, text: &str) -> u32 {
        self.dictionary.number(tenant, text)
    }

    /// Texts numbered so far.
    pub fn texts(&self) -> u32 {
        self.dictionary.len()
    }

    /// Entries in the side buffer, and corrections that wait for their row.
    pub fn side_entries(&self) -> usize {
        self.side.len() + self.waiting.len()
    }

    /// Bytes held.
    pub fn memory(&self) -> Memory {
        Memory {
            dictionary: self.dictionary.bytes(),
            families: self.families.iter().map(Family::bytes).sum(),
            log: self.log.bytes(),
            log_row: self.log.row_bytes(),
            side: self.side.bytes(),
        }
    }

    /// What a family holds for a key.
    #[inline]
    pub fn held(&self, family: usize, key: &Key) -> Held<'_> {
        let family = &self.families[family];
        let record = family.keys.get(key).and_then(|slot| family.records.row(slot));
        let (tails, waiting_us) = (&self.tails[..], self.waiting.latest_us());
        Held { family, record, periods: self.periods, now_us: self.now_us, tails, waiting_us }
    }

    /// Files what an event contributes, and gives the row that it can be corrected by.
    #[inline]
    pub fn contribute(&mut self, given: Contribution<'_>) -> u64 {
        let late = given.time_us < self.now_us;
        let row = self.log.append(self.now_us, given.standing, late, given.masks, given.values);
        for tail in &mut self.tails {
            tail.appended(row, self.now_us);
        }
        for (at, family) in self.families.iter_mut().enumerate() {
            let mask = given.masks[at];
            if mask == 0 {
                self.log.put_slot(at, 0);
                continue;
            }
            let slot = family.slot(&given.keys[at]);
            self.log.put_slot(at, slot);
            if !late {
                let counted = given.standing.counted(mask, family.allowed);
                family.take_in(slot, counted, self.now_us, self.periods, |column| given.values[column]);
            }
        }
        if self.log.spills() {
            self.shrink_log();
        }
        row
    }

    /// Whether a row is held, and something else than the row holds what it contributes.
    pub fn is_moved(&self, row: u64) -> bool {
        self.log.holds(row) && self.log.marks(row) != 0
    }

    /// Changes what a row contributes; the row must be held. Where its chunk is away, what it changes is `behind` until
    /// the chunk is back.
    pub fn correct(&mut self, correction: &Correction) {
        if !matches!(correction.change, Change::TakeBack(Holding { place: Some(_), .. })) {
            // From here on an entry holds it, so the row alone no longer tells what the payment contributes.
            self.log.mark(correction.row, correction.scope.superseded());
        }
        if self.waiting.len() > 0 || !self.log.fetch(correction.row) {
            self.waiting.push(correction);
        } else {
            self.put_right(correction);
        }
    }

    /// Makes the corrections whose rows have come back, the oldest first.
    fn correct_waiting(&mut self) {
        for _ in 0..WAITING_A_STEP_MAX {
            let Some(correction) = self.waiting.front().filter(|next| self.log.fetch(next.row)) else {
                return;
            };
            self.waiting.pop();
            self.put_right(&correction);
            self.shrink_log();
        }
    }

    fn put_right(&mut self, correction: &Correction) {
        let Correction { row, time_us, scope, arrival, change } = *correction;
        let (amount, negative) = match change {
            Change::Put(amount) => (amount, false),
            Change::TakeBack(holding) => (holding.amount, true),
        };
        if let Change::TakeBack(Holding { place: Some(place), .. }) = change {
            self.side.supersede(place);
        }
        self.aside((time_us, arrival), Entry { row, amount, scope, negative, superseded: false });
    }

    fn aside(&mut self, place: Place, entry: Entry) {
        let (time_us, _) = place;
        let Some(row) = self.log.row(entry.row) else { return };
        let value = |column| entry.value(row, column);
        let settled_us = self.tails.iter().find(|tail| tail.settles()).map_or(i64::MIN, Tail::edge_us);
        let mut feeds = false;
        for (at, family) in self.families.iter_mut().enumerate() {
            let (slot, mask) = row.family(at);
            let mask = entry.scope.of(mask, family.allowed);
            if mask == 0 {
                continue;
            }
            feeds = true;
            family.turn_period(slot, self.periods);
            family.note_corrected(slot, time_us);
            let record = family.records.row_mut(slot);
            for cell in family.cells.iter().filter(|cell| cell.fed_by(mask)) {
                if !self.periods.cover(cell.span, time_us, self.now_us) {
                    continue;
                }
                if cell.settles() && time_us <= settled_us {
                    cell.settle_directly(record, cell.ordered_value(time_us, value));
                } else {
                    let sign = if entry.negative { -1 } else { 1 };
                    cell.apply(record, &mut family.values, sign, time_us, value);
                }
            }
        }
        // What feeds nothing here takes no room here: another state's features must not fill this one's buffer.
        if !feeds {
            return;
        }
        for tail in &mut self.tails {
            if time_us > tail.edge_us() {
                tail.put_aside(time_us);
            }
        }
        self.side.put(place, entry);
    }
}
