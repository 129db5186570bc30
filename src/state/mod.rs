//! Rolling aggregates, exact to the microsecond and the minor unit, in columnar memory.
//!
//! Contributions come in, time moves forward, cells are read. Must never know a rule, a decision, a format or a
//! clock: whoever calls says what contributes, and what time it is.

mod again;
mod armed;
mod bag;
mod buckets;
mod cell;
mod chunk;
mod chunked;
mod coarse;
mod dictionary;
mod family;
mod filter;
mod forest;
mod held;
mod keys;
mod lift;
mod log;
mod marks;
mod memory;
mod position;
mod saved;
mod sequence;
mod shapes;
mod shards;
mod side;
mod slots;
/// What is to be kept.
pub mod spec;
mod spill;
mod store;
mod sums;
mod tail;
mod text_values;
mod texts;
mod turns;
mod values;
mod waiting;

pub use again::Again;
pub use armed::Armed;
pub use cell::Moments;
pub use chunk::ChunkColumns;
pub use held::{Held, Total};
pub use keys::Key;
pub use log::CHUNK_ROWS;
pub use memory::{FamilyLayout, Layout, Memory};
pub use position::Position;
pub(crate) use saved::ResumeError;
pub use saved::{SavedChunk, SavedState};
pub use sequence::Moment;
pub use spec::{
    AMOUNT_COLUMN, Budgets, CellSpec, FamilySpec, KEY_TEXTS_MAX, Measure, Scope, Scopes, Span, Spec,
};
pub use store::{ChunkStore, Fetched, KeptChunk, Lost};

use serde::{Deserialize, Serialize};

use crate::time::{Calendar, TIME_US_MIN};
use cell::{Cell, Origin};
use dictionary::Dictionary;
use family::Family;
use log::Log;
use position::Edge;
use side::{Entry, Place, Side};
use spill::Spill;
use tail::{Ground, Role, Tail};
use text_values::TextValues;
use turns::Turns;
use waiting::Waiting;

/// The number of "no text" in a key.
pub const NO_TEXT: u32 = dictionary::NO_TEXT;

/// Keys of a family, and texts, that are looked at for each event that leaves time for it.
const SWEPT_WHEN_IDLE: usize = 64;
/// Entries of the side buffer that one step forgets, beside two for each that came in since the one before.
const FORGOTTEN_A_STEP: usize = 32;
/// Chunks of the log that one step drops, beside two for each that came in since the one before.
const DROPPED_A_STEP: u64 = 2;

/// Most corrections that waited for their rows and are made in one step.
const CORRECTED_A_STEP: usize = 64;

/// What one event contributes.
#[derive(Clone, Copy, Debug)]
pub struct Contribution<'a> {
    /// Its own time; late if before now.
    pub time_us: i64,
    /// The scopes in which it counts at once, at its own time.
    pub scopes: Scopes,
    /// For each family which of its cells it feeds or empties; also the bits that count only later, if ever.
    pub masks: &'a [u64],
    /// For each family its key; read only where the mask is not empty.
    pub keys: &'a [Key],
    /// Its values.
    pub values: &'a [i64],
}

/// One change of what a row contributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The row.
    pub row: u64,
    /// Where what it puts or takes back stands among resets.
    pub at: Position,
    /// The time at which it contributes, or no longer does.
    pub time_us: i64,
    /// Which of its contributions.
    pub scope: Scope,
    /// The number of this correction: no other one of the same time has it, and later ones have greater numbers.
    pub arrival: u64,
    /// The amount with which it contributes, in minor units.
    pub amount: i64,
    /// What is done.
    pub change: Change,
}

/// What a correction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Lets the row contribute.
    Put,
    /// Takes back what the row contributed when it was written.
    TakeBackRow,
    /// Takes back what the correction of this number put there at the same time, or what counts [again](Again::arrival).
    TakeBack(u64),
}

/// All aggregates.
#[derive(Debug)]
pub struct State {
    now_us: i64,
    turns: Turns,
    dictionary: Dictionary,
    tenants: Dictionary,
    families: Vec<Family>,
    text_values: TextValues,
    log: Log,
    side: Side,
    tails: Vec<Tail>,
    /// When a tail has something to pass next, as of the last move; at or before now where one lags.
    due_us: i64,
    /// Every tail has passed every side entry up to here, as of the last move.
    passed: Place,
    /// The chunks of the log that there had ever been at the last step.
    opened: u64,
    waiting: Waiting,
    /// The chunk of the log that each tail has come to.
    reached: Vec<u64>,
    /// What is copied of the row that counts again.
    copied: again::Copied,
    /// The number of the newest correction that it was told of.
    newest_arrival: u64,
    horizon_us: i64,
    scopes: Scopes,
}

impl State {
    /// An empty state at the beginning of time.
    pub fn new(spec: &Spec, calendar: Calendar, budgets: &Budgets) -> Self {
        let cells = || spec.families.iter().flat_map(|family| &family.cells);
        let horizon_us = spec.horizon_us;
        let of_cell = |cell| {
            Role::ALL.into_iter().filter_map(move |role| Some((role, role.length_us(cell, horizon_us)?)))
        };
        // What enters comes first, so that nothing is taken out before it is in.
        let mut kinds: Vec<(Role, i64)> = cells().flat_map(of_cell).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let number = |role: Role, cell: &CellSpec| {
            let kind = (role, role.length_us(cell, horizon_us)?);
            kinds.binary_search(&kind).ok().map(|at| at as u16)
        };
        let turns = Turns::new(cells().map(|cell| cell.span), calendar);
        let mut beside = 0;
        let family = |family: &FamilySpec| {
            let at = beside;
            beside += usize::from(family.key_texts == 1);
            Family::new(family, at, budgets, horizon_us, &turns, number)
        };
        let families: Vec<Family> = spec.families.iter().map(family).collect();
        let text_values = TextValues::new(spec);
        let tail = |(at, &(role, length_us)): (usize, &(Role, i64))| {
            Tail::new(role, length_us, at as u16, &families)
        };
        Self {
            now_us: TIME_US_MIN - 1,
            tails: kinds.iter().enumerate().map(tail).collect(),
            turns,
            dictionary: Dictionary::new(beside, !text_values.is_empty()),
            tenants: Dictionary::new(0, false),
            text_values,
            log: Log::new(families.len(), spec.columns),
            side: Side::new(families.len(), spec.columns),
            copied: again::Copied::new(families.len(), spec.columns),
            scopes: families.iter().map(Family::scopes).fold(Scopes::default(), Scopes::or),
            families,
            due_us: i64::MAX,
            passed: (i64::MIN, 0),
            opened: 0,
            waiting: Waiting::new(),
            reached: vec![0; kinds.len()],
            newest_arrival: 0,
            horizon_us,
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

    /// Keeps to other budgets from now on; filters stay as large as they are.
    pub fn set_budgets(&mut self, budgets: &Budgets) {
        self.families.iter_mut().for_each(|family| family.set_budgets(budgets));
    }

    /// Lets an empty state begin at a time, with this row; rows before it were never its own.
    pub fn begin(&mut self, time_us: i64, row: u64) {
        self.log.begin(row);
        self.tails.iter_mut().for_each(|tail| tail.begin(row));
        let mut all = u64::MAX;
        self.advance(time_us, &mut all);
    }

    /// The latest time that any event had, microseconds since 1970 UTC.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// The scopes that feed any cell.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Moves every window forward to `time_us`; an earlier time moves none. At most `budget` contributions go into
    /// windows and out of them, and are taken off it; what is left over makes the cells concerned lag behind. What no
    /// window needs any more is forgotten a little at a time, whether time moves or not.
    #[inline]
    pub fn advance(&mut self, time_us: i64, budget: &mut u64) {
        if time_us > self.now_us || self.is_behind() || self.waiting.len() > 0 {
            self.now_us = self.now_us.max(time_us);
            self.turns.advance(self.now_us);
            let mut due_us = i64::MAX;
            for at in 0..self.tails.len() {
                self.pass(at, budget);
                due_us = due_us.min(self.tails[at].due_us());
            }
            self.due_us = due_us;
            self.passed = self.passed_by_all();
        }
        self.forget();
        if self.waiting.len() > 0 {
            self.correct_waiting();
        }
    }

    fn passed_by_all(&self) -> Place {
        self.tails.iter().map(Tail::passed).min().unwrap_or((i64::MAX, u64::MAX))
    }

    /// Forgets what no tail needs any more: more than comes in, so that much at one time is no more for long, and never all
    /// at once.
    #[inline]
    fn forget(&mut self) {
        let Self { log, side, tails, waiting, passed, .. } = self;
        let opened = log.opened();
        let most = DROPPED_A_STEP + 2 * (opened - self.opened);
        self.opened = opened;
        let row = || tails.iter().map(Tail::row).fold(waiting.first_row(), u64::min);
        log.drop_oldest(most, self.now_us - self.horizon_us, row);
        if side.len() > 0 {
            side.drop_through(*passed, FORGOTTEN_A_STEP);
        }
    }

    /// Lets a tail pass what is due, as far as the budget goes and rows can be had.
    #[inline]
    fn pass(&mut self, at: usize, budget: &mut u64) {
        // What waits to be corrected can't be settled.
        if self.waiting.len() > 0 && self.tails[at].settles() {
            return;
        }
        self.walk(at, budget);
        if self.log.spills() {
            self.read_on(at, budget);
        }
    }

    #[inline]
    fn walk(&mut self, at: usize, budget: &mut u64) {
        let Self { now_us, turns, families, log, side, tails, .. } = self;
        tails[at].advance(*now_us, &mut Ground { log, side, turns, families, budget });
    }

    /// Takes back what a tail needs now, and says what it needs next.
    fn read_on(&mut self, at: usize, budget: &mut u64) {
        let chunk = self.log.chunk_of(self.tails[at].row());
        if self.reached[at] != chunk {
            self.reached[at] = chunk;
            self.log.reach(self.tails[at].row());
        }
        while self.tails[at].has_row_due(self.now_us) && *budget > 0 && self.log.reach(self.tails[at].row()) {
            self.walk(at, budget);
            self.shrink_log();
        }
    }

    /// Lets chunks leave memory if they have become too many.
    fn shrink_log(&mut self) {
        self.log.shrink(self.tails.iter().map(Tail::row));
    }

    /// Makes corrections whose rows have come back, the oldest first.
    fn correct_waiting(&mut self) {
        for _ in 0..CORRECTED_A_STEP {
            let Some(correction) = self.waiting.front() else { return };
            if !self.log.fetch(self.source(&correction)) {
                return;
            }
            self.waiting.pop();
            self.put_right(&correction);
            self.shrink_log();
        }
    }

    /// When the next contribution goes into a window or out of one; `None` where nothing is left to.
    pub fn next_due_us(&self) -> Option<i64> {
        self.tails.iter().map(Tail::due_us).min().filter(|&due_us| due_us < i64::MAX)
    }

    /// Whether something was due by now and is left over.
    #[inline]
    pub fn is_behind(&self) -> bool {
        self.due_us <= self.now_us
    }

    fn lags(&self, cell: &Cell) -> bool {
        let lags =
            |role| cell.tail(role).is_some_and(|at| self.tails[usize::from(at)].due_us() <= self.now_us);
        let awaits = || cell.reaches(self.waiting.latest_us(), &self.turns, self.now_us);
        Role::ALL.into_iter().any(lags) || self.waiting.len() > 0 && awaits()
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
        let Self { now_us, turns, dictionary, families, .. } = self;
        dictionary.sweep(if idle || pressed { SWEPT_WHEN_IDLE } else { 0 }, *now_us);
        if !(idle || pressed) {
            return;
        }
        for family in families {
            if idle {
                family.sweep(SWEPT_WHEN_IDLE, *now_us, turns, dictionary);
            }
            if pressed {
                family.make_room_for_texts(*now_us, turns, dictionary);
            }
        }
    }

    /// The keys that a family holds, in the order in which they lie.
    pub fn keys(&self, family: usize) -> impl Iterator<Item = Key> {
        self.families[family].keys_held().map(|(key, _)| key)
    }

    /// The tenant and the texts of a key that a family holds.
    pub fn key_texts(&self, key: &Key) -> (Option<String>, Vec<String>) {
        let texts = key.iter().filter(|&&number| number != NO_TEXT);
        let texts: Vec<(u32, String)> = texts.filter_map(|&number| self.dictionary.text(number)).collect();
        let tenant = texts.first().and_then(|&(tenant, _)| self.tenants.text(tenant));
        (tenant.map(|(_, name)| name), texts.into_iter().map(|(_, text)| text).collect())
    }

    /// Entries in the side buffer, and corrections that wait for their rows.
    pub fn side_entries(&self) -> usize {
        self.side.len() + self.waiting.len()
    }

    /// What a family holds for a key.
    #[inline]
    pub fn held(&self, family: usize, key: &Key) -> Held<'_> {
        self.held_at(family, key, self.slot(family, key))
    }

    /// Where a family holds a key, if it does: what [`held_at`](Self::held_at) asks for.
    #[inline]
    pub fn slot(&self, family: usize, key: &Key) -> Option<u32> {
        self.families[family].keys.get(key, &self.dictionary)
    }

    /// What a family holds for a key at its slot.
    #[inline]
    pub fn held_at(&self, family: usize, key: &Key, slot: Option<u32>) -> Held<'_> {
        let family = &self.families[family];
        let record = slot.and_then(|slot| family.records.row(slot));
        let evicted_us = match record {
            Some(record) => family::evicted_us(record),
            None => family.marked_us(key, &self.dictionary),
        };
        Held { state: self, family, record, evicted_us }
    }

    /// Files what an event contributes, and gives the row that it can be corrected by.
    #[inline]
    pub fn contribute(&mut self, given: Contribution<'_>) -> u64 {
        let late = given.time_us < self.now_us;
        let row = self.log.append(self.now_us, given.scopes, late, 0, given.masks, given.values);
        for tail in &mut self.tails {
            tail.appended(row, self.now_us);
        }
        let mask = |family| given.masks[family];
        self.text_values.carry(&mut self.dictionary, self.now_us, mask, |column| given.values[column]);
        let (now_us, turns, dictionary) = (self.now_us, &self.turns, &mut self.dictionary);
        let origin = Origin { time_us: now_us, row };
        let given_to = given.masks.iter().zip(given.keys);
        for ((family, slots), (&given_mask, key)) in
            self.families.iter_mut().zip(self.log.slots()).zip(given_to)
        {
            let empties = family.empties(given_mask);
            let mask = given_mask & !empties;
            // What only empties needs no record of its own: where there is none, nothing came in before.
            let slot = match mask {
                0 if empties == 0 => None,
                0 => family.keys.get(key, dictionary),
                _ => {
                    family.make_room_for_values(now_us, turns, dictionary);
                    Some(family.slot(key, row, now_us, turns, dictionary))
                }
            };
            slots.push(slot.unwrap_or_default());
            let Some(slot) = slot else { continue };
            let counted = if late { 0 } else { mask & family.bits(given.scopes) };
            family.take_in(slot, counted, origin, turns, |column| given.values[column]);
            if empties != 0 {
                family.empty(slot, empties, Edge { row: row + 1, arrival: self.newest_arrival });
            }
        }
        if self.log.spills() {
            self.shrink_log();
        }
        row
    }

    /// Whether a row is held, and something else than the row holds what it contributes.
    pub fn is_moved(&self, row: u64) -> bool {
        self.log.is_moved(row)
    }

    /// Changes what a row contributes; the row must be held. Where its chunk is away the correction waits, and what it may
    /// change is `behind`.
    pub fn correct(&mut self, correction: &Correction) {
        if again::row_of(correction.arrival).is_none() {
            self.newest_arrival = self.newest_arrival.max(correction.arrival);
        }
        if self.waiting.len() > 0 || !self.log.fetch(self.source(correction)) {
            self.waiting.push(correction);
        } else {
            self.put_right(correction);
        }
    }

    fn put_right(&mut self, correction: &Correction) {
        let Correction { row, at, time_us, scope, arrival, amount, change } = *correction;
        let source = self.source(correction);
        let families = &self.families;
        let scopes = Scopes::default().with(scope);
        let keep = |family: usize, slot: u32, mask: u64| {
            let family = &families[family];
            if family.owns(slot, row) { mask & family.bits(scopes) } else { 0 }
        };
        // What feeds nothing here takes no room here: another state's features must not fill this one's buffer, nor what
        // is of keys that have lost their slots.
        let Some(copy) = self.log.row(source).and_then(|held| self.side.copy(held, amount, keep)) else {
            return;
        };
        match change {
            Change::TakeBack(arrival) if source == row => self.side.supersede((time_us, arrival)),
            // From here on an entry holds it, so the row alone no longer tells what the payment contributes.
            Change::Put | Change::TakeBackRow | Change::TakeBack(_) => self.log.supersede(source, scope),
        }
        self.aside(
            (time_us, arrival),
            Entry { row, at, copy, negative: change != Change::Put, superseded: false },
        );
    }

    /// Takes an entry in as far as it is due, and leaves the rest to the tails.
    fn aside(&mut self, place: Place, entry: Entry) {
        let (time_us, _) = place;
        let Self { families, side, tails, turns, dictionary, text_values, .. } = self;
        let copied = side.copied(entry.copy);
        let value = |column| copied.value(column);
        text_values.carry(dictionary, self.now_us, |family| copied.family(family).1, value);
        let passed = |tail: Option<u16>| tail.map(|at| place <= tails[usize::from(at)].passed());
        // What comes at the time that it is about corrects nothing.
        let prompt = !entry.negative && time_us == self.now_us;
        for (at, family) in families.iter_mut().enumerate() {
            let (slot, mask) = copied.family(at);
            if mask == 0 {
                continue;
            }
            family.touch(slot, self.now_us);
            family.turn_period(slot, turns);
            if !prompt {
                family.note_corrected(slot, time_us);
            }
            let record = family.records.row_mut(slot);
            for cell in family.cells.iter().filter(|cell| cell.fed_by(mask)) {
                if Family::ignores(record, cell, entry.at) || !cell.holds(time_us, turns) {
                    continue;
                }
                // Each tail that has passed its place won't do its part for it, so that is done here.
                let settled = passed(cell.settles).unwrap_or(false);
                let left = passed(cell.leaves).unwrap_or(false) || settled;
                let sign = i64::from(passed(cell.enters).unwrap_or(true)) - i64::from(left);
                let origin = Origin { time_us, row: entry.row };
                if sign != 0 {
                    cell.apply(record, &mut family.values, sign * entry.sign(), origin, value);
                }
                if settled && !entry.negative {
                    cell.settle_directly(record, origin, value);
                }
            }
        }
        if !tails.iter().any(|tail| tail.awaits(place, |family| copied.family(family).1)) {
            side.release(entry.copy);
            return;
        }
        tails.iter_mut().for_each(|tail| tail.put_aside(place));
        side.put(place, entry);
        // A tail that lags may have to pass it at once.
        self.due_us = self.due_us.min(self.next_due_us().unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TimeError;

    #[test]
    fn no_move_passes_more_than_its_budget_and_all_moves_together_pass_everything() -> Result<(), TimeError> {
        let span = Span::Sliding { length_us: 10, delay_us: 5 };
        let cell = CellSpec { span, bit: 0, reset: None, measure: Measure::Count };
        let mut scopes = [0; Scope::COUNT];
        scopes[Scope::Asked as usize] = 1;
        let family = FamilySpec { key_texts: 1, scopes, cells: vec![cell], ..FamilySpec::default() };
        let spec = Spec { families: vec![family], columns: 1, horizon_us: 10 };
        let mut state = State::new(&spec, Calendar::new("UTC")?, &Budgets::default());
        let key = [state.text_number(0, "a"), 0, 0, 0];
        let scopes = Scopes::default().with(Scope::Asked);
        let mut all = u64::MAX;
        state.advance(100, &mut all);
        for _ in 0..20 {
            let given = Contribution { time_us: 100, scopes, masks: &[1], keys: &[key], values: &[0] };
            let row = state.contribute(given);
            let late = Correction {
                row,
                at: Position::of_row(row),
                time_us: 101,
                scope: Scope::Asked,
                arrival: row,
                amount: 0,
                change: Change::Put,
            };
            state.correct(&late);
        }
        let held = |state: &State| (state.held(0, &key).count(0), state.held(0, &key).behind(0));
        assert_eq!(held(&state), (0, false));
        let (mut moves, mut before) = (0, 0);
        // 20 enter at 105 and 20 at 106.
        while held(&state) != (40, false) {
            let mut budget = 7;
            state.advance(106, &mut budget);
            let (count, behind) = held(&state);
            assert_eq!((count - before, behind), (7 - budget as i64, count < 40));
            (before, moves) = (count, moves + 1);
        }
        assert_eq!(moves, 6);
        // 20 leave at 115, and while some of them wait a correction finds its place.
        let mut budget = 7;
        state.advance(115, &mut budget);
        assert_eq!(held(&state), (33, true));
        let back = Correction {
            row: 0,
            at: Position::of_row(0),
            time_us: 100,
            scope: Scope::Asked,
            arrival: 50,
            amount: 0,
            change: Change::TakeBackRow,
        };
        state.correct(&back);
        state.advance(115, &mut all);
        assert_eq!(held(&state), (20, false));
        state.advance(116, &mut all);
        assert_eq!((held(&state), state.next_due_us()), ((0, false), None));
        Ok(())
    }
}
