//! Rolling aggregates, exact to the microsecond and the minor unit, in columnar memory.
//!
//! Contributions come in, time moves forward, cells are read. Must never know a rule, a decision, a format or a
//! clock: whoever calls says what contributes, and what time it is.

mod bag;
mod cell;
mod chunked;
mod coarse;
mod dictionary;
mod family;
mod filter;
mod forest;
mod keys;
mod log;
mod memory;
mod shards;
mod side;
mod slots;
/// What is to be kept.
pub mod spec;
mod tail;
mod text_values;
mod texts;

pub use cell::Moments;
pub use keys::Key;
pub use log::Standing;
pub use memory::{FamilyLayout, Layout, Memory};
pub use side::Scope;
pub use spec::{AMOUNT_COLUMN, Budgets, CellSpec, FamilySpec, KEY_TEXTS_MAX, Measure, Span, Spec};

use crate::time::{Calendar, Period, TIME_US_MIN};
use cell::Cell;
use dictionary::Dictionary;
use family::{Family, Periods};
use log::{ALLOWED_SUPERSEDED, ASKED_SUPERSEDED, LATE, Log};
use side::{Entry, Place, Side};
use tail::Tail;
use text_values::TextValues;

/// The number of "no text" in a key.
pub const NO_TEXT: u32 = dictionary::NO_TEXT;

/// Keys of a family, and texts, that are looked at for each event that leaves time for it.
const SWEPT_WHEN_IDLE: usize = 64;

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
    evicted_us: Option<i64>,
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

    /// Whether a cell covers a time of which all that was known of the key was given up for want of room.
    #[inline]
    pub fn evicted(&self, cell: usize) -> bool {
        self.evicted_us.is_some_and(|evicted_us| self.covers(cell, evicted_us))
    }

    /// Whether a cell covers a time at or before now.
    #[inline]
    pub fn covers(&self, cell: usize, time_us: i64) -> bool {
        self.periods.cover(self.family.cells[cell].span, time_us, self.now_us)
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
    tenants: Dictionary,
    families: Vec<Family>,
    text_values: TextValues,
    log: Log,
    side: Side,
    tails: Vec<Tail>,
    /// The longest that a tail or a correction looks back.
    retention_us: i64,
}

impl State {
    /// An empty state at the beginning of time.
    pub fn new(spec: &Spec, calendar: Calendar, budgets: &Budgets) -> Self {
        let mut beside = 0;
        let family = |family: &FamilySpec| {
            let at = beside;
            beside += usize::from(family.key_texts == 1);
            Family::new(family, at, budgets)
        };
        let families: Vec<Family> = spec.families.iter().map(family).collect();
        let text_values = TextValues::new(spec);
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
            dictionary: Dictionary::new(beside, !text_values.is_empty()),
            tenants: Dictionary::new(0, false),
            text_values,
            log: Log::new(families.len(), spec.columns),
            families,
            side: Side::new(),
            tails,
            retention_us: longest_us.max(spec.horizon_us),
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
        for tail in &mut self.tails {
            tail.advance(time_us, &self.log, &self.side, &mut self.families);
        }
        if self.uses_calendar && !self.periods.day.contains(time_us) {
            self.periods = Periods { day: self.calendar.day(time_us), month: self.calendar.month(time_us) };
        }
        let edge_us = time_us - self.retention_us;
        self.log.drop_through(edge_us);
        if self.side.len() > 0 {
            self.side.drop_through(edge_us);
        }
    }

    /// The number of a text that is part of a key, never [`NO_TEXT`]. Texts of different tenants have different numbers.
    #[inline]
    pub fn text_number(&mut self, tenant: u32, text: &str) -> u32 {
        self.dictionary.number(tenant, text)
    }

    /// The number of a tenant, for good; 0 is none.
    pub fn tenant_number(&mut self, name: &str) -> u32 {
        self.tenants.number(0, name)
    }

    /// Numbers of texts and tenants in use, and one for "no text"; `u32::MAX` where no tenant more can have one.
    pub fn texts(&self) -> u32 {
        let tenants = self.tenants.len();
        if tenants < dictionary::TENANTS_MAX {
            self.dictionary.len().saturating_add(tenants - 1)
        } else {
            u32::MAX
        }
    }

    /// Takes back what nothing in a window needs, a little at a time: of texts, and in `idle` time more of them, and of
    /// keys. Where texts are `pressed` for room, cold keys are evicted. To be called between two events.
    pub fn tidy(&mut self, idle: bool, pressed: bool) {
        let Self { now_us, periods, dictionary, families, .. } = self;
        dictionary.sweep(if idle || pressed { SWEPT_WHEN_IDLE } else { 0 }, *now_us);
        if !(idle || pressed) {
            return;
        }
        for family in families {
            if idle {
                family.sweep(SWEPT_WHEN_IDLE, *now_us, *periods, dictionary);
            }
            if pressed {
                family.make_room_for_texts(*now_us, *periods, dictionary);
            }
        }
    }

    /// The keys that a family holds, each with its tenant, in the order in which they lie.
    pub fn keys(&self, family: usize) -> impl Iterator<Item = (Option<String>, Vec<String>)> {
        self.families[family].keys_held().map(|(key, _)| {
            let texts =
                key.iter().filter(|&&number| number != NO_TEXT).map(|&number| self.dictionary.text(number));
            let texts: Vec<(u32, String)> = texts.flatten().collect();
            let tenant = texts.first().and_then(|&(tenant, _)| self.tenants.text(tenant));
            (tenant.map(|(_, name)| name), texts.into_iter().map(|(_, text)| text).collect())
        })
    }

    /// Entries in the side buffer.
    pub fn side_entries(&self) -> usize {
        self.side.len()
    }

    /// What a family holds for a key.
    #[inline]
    pub fn held(&self, family: usize, key: &Key) -> Held<'_> {
        let family = &self.families[family];
        let slot = family.keys.get(key, &self.dictionary);
        let record = slot.and_then(|slot| family.records.row(slot));
        let evicted_us = match record {
            Some(record) => family::evicted_us(record),
            None => family.marked_us(key, &self.dictionary),
        };
        Held { family, record, periods: self.periods, now_us: self.now_us, evicted_us }
    }

    /// Files what an event contributes, and gives the row that it can be corrected by.
    #[inline]
    pub fn contribute(&mut self, given: Contribution<'_>) -> u64 {
        let late = given.time_us < self.now_us;
        let row = self.log.append(self.now_us, given.standing, late, given.values);
        for tail in &mut self.tails {
            tail.appended(row, self.now_us);
        }
        let mask = |family| given.masks[family];
        self.text_values.carry(&mut self.dictionary, self.now_us, mask, |column| given.values[column]);
        for (at, family) in self.families.iter_mut().enumerate() {
            let mask = given.masks[at];
            if mask == 0 {
                self.log.set_family(at, 0, 0);
                continue;
            }
            let dictionary = &mut self.dictionary;
            family.make_room_for_values(self.now_us, self.periods, dictionary);
            let slot = family.slot(&given.keys[at], row, self.now_us, self.periods, dictionary);
            family.touch(slot, self.now_us);
            self.log.set_family(at, slot, mask);
            if !late {
                let counted = given.standing.counted(mask, family.allowed);
                family.take_in(slot, counted, self.now_us, self.periods, |column| given.values[column]);
            }
        }
        row
    }

    /// Whether a row is held, and something else than the row holds what it contributes.
    pub fn is_moved(&self, row: u64) -> bool {
        let moved = LATE | ASKED_SUPERSEDED | ALLOWED_SUPERSEDED;
        self.log.holds(row) && self.log.row(row).flags() & moved != 0
    }

    /// Changes what a row contributes; the row must be held.
    pub fn correct(&mut self, correction: &Correction) {
        let Correction { row, time_us, scope, arrival, change } = *correction;
        let (amount, negative) = match change {
            Change::Put(amount) => (amount, false),
            Change::TakeBack(holding) => (holding.amount, true),
        };
        match change {
            Change::TakeBack(Holding { place: Some(place), .. }) => self.side.supersede(place),
            // From here on an entry holds it, so the row alone no longer tells what the payment contributes.
            _ => self.log.flag(row, scope.superseded()),
        }
        self.aside((time_us, arrival), Entry { row, amount, scope, negative, superseded: false });
    }

    fn aside(&mut self, place: Place, entry: Entry) {
        let (time_us, _) = place;
        let row = self.log.row(entry.row);
        let value = |column| entry.value(row, column);
        let settled_us = self.tails.iter().find(|tail| tail.settles()).map_or(i64::MIN, Tail::edge_us);
        let mut feeds = false;
        for (at, family) in self.families.iter_mut().enumerate() {
            let (slot, mask) = row.family(at);
            let mask = entry.scope.of(mask, family.allowed);
            if mask == 0 || !family.owns(slot, entry.row) {
                continue;
            }
            feeds = true;
            family.touch(slot, self.now_us);
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
        let mask = |family| row.family(family).1;
        self.text_values.carry(&mut self.dictionary, self.now_us, mask, |column| row.value(column));
        self.side.put(place, entry);
    }
}
