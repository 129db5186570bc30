//! Who has which record of a family: slots are given to keys, taken back once nothing of them is in a window, and
//! taken away for want of room.
//!
//! Promises that what it gives up of a key leaves a mark for as long as a window covers it, and that all it does
//! depends on events and budgets alone. Must never look at more than a fixed number of slots for one event.

use super::coarse;
use super::dictionary::Dictionary;
use super::family::{FIRST_ROW, Family, NOBODYS, TIMES, touched};
use super::keys::Key;
use super::turns::Turns;

/// Slots looked at for each new key, so that what is free never is more than a third of what is held.
const SWEPT_A_KEY: usize = 4;
/// Slots of which the coldest is evicted.
const COMPARED: usize = 16;
/// Evictions for one event to make room for its values.
const EVICTIONS_FOR_VALUES: usize = 4;

impl Family {
    /// The slot of a key, given now if it has none; from this row on it is its own.
    #[inline]
    pub(crate) fn slot(
        &mut self,
        key: &Key,
        row: u64,
        now_us: i64,
        turns: &Turns,
        dictionary: &mut Dictionary,
    ) -> u32 {
        match self.keys.get(key, dictionary) {
            Some(slot) => slot,
            None => self.admit(key, row, now_us, turns, dictionary),
        }
    }

    #[cold]
    fn admit(&mut self, key: &Key, row: u64, now_us: i64, turns: &Turns, dictionary: &mut Dictionary) -> u32 {
        self.sweep(SWEPT_A_KEY, now_us, turns, dictionary);
        // Where the budget became smaller it comes down to it by one key with each new one.
        let most = self.keys_max.max(self.held.saturating_sub(1));
        while self.held >= most {
            self.evict(now_us, turns, dictionary, |_, _| true);
        }
        let slot = if self.free != 0 {
            let slot = self.free;
            self.free = self.records.row_mut(slot)[TIMES] as u32;
            slot
        } else {
            self.made += 1;
            self.records.reach(self.made - 1);
            self.made - 1
        };
        let evicted = self.marked_us(key, dictionary).map_or(0, coarse::at);
        let record = self.records.row_mut(slot);
        record[FIRST_ROW] = row;
        record[TIMES] = u64::from(evicted) << 32;
        self.keys.set(key, slot, dictionary);
        self.held += 1;
        slot
    }

    /// When a key that has no slot was evicted, if it may have been.
    pub(crate) fn marked_us(&self, key: &Key, dictionary: &Dictionary) -> Option<i64> {
        if self.filter.is_empty() {
            return None;
        }
        self.filter.hit(self.keys.hash_of_texts(key, dictionary))
    }

    /// Looks at some slots, and takes those back that nothing in a window needs.
    pub(crate) fn sweep(&mut self, slots: usize, now_us: i64, turns: &Turns, dictionary: &mut Dictionary) {
        for _ in 0..slots.min(self.made as usize) {
            let slot = self.turn_hand();
            if self.is_over(slot, now_us, turns) {
                self.take_back(slot, dictionary);
            }
        }
    }

    /// Makes room for the values of one more event, as far as keys under the hand have any.
    #[inline]
    pub(crate) fn make_room_for_values(&mut self, now_us: i64, turns: &Turns, dictionary: &mut Dictionary) {
        for _ in 0..EVICTIONS_FOR_VALUES {
            if self.values.has_room(self.arena_bytes_max) {
                return;
            }
            self.evict(now_us, turns, dictionary, Self::holds_nodes);
        }
    }

    /// Makes room for texts: takes the coldest key under the hand its slot away.
    pub(crate) fn make_room_for_texts(&mut self, now_us: i64, turns: &Turns, dictionary: &mut Dictionary) {
        self.evict(now_us, turns, dictionary, |_, _| true);
    }

    /// The slots that have a key, in the order in which they lie.
    pub(crate) fn keys_held(&self) -> impl Iterator<Item = (Key, &[u64])> {
        let held = |slot| {
            self.records.row(slot).filter(|record| record[FIRST_ROW] != NOBODYS).map(|record| (slot, record))
        };
        (1..self.made).filter_map(held).map(|(slot, record)| (self.keys.key(slot), record))
    }

    /// Of the next slots the coldest that is wanted loses its key, unless one is free anyway.
    fn evict(
        &mut self,
        now_us: i64,
        turns: &Turns,
        dictionary: &mut Dictionary,
        wanted: impl Fn(&Self, &[u64]) -> bool,
    ) {
        let mut coldest: Option<(u32, u32)> = None;
        for _ in 0..COMPARED.min(self.made as usize) {
            let slot = self.turn_hand();
            let Some(record) = self.records.row(slot).filter(|record| record[FIRST_ROW] != NOBODYS) else {
                continue;
            };
            if slot == 0 || !wanted(self, record) {
                continue;
            }
            if self.is_over(slot, now_us, turns) {
                self.take_back(slot, dictionary);
                return;
            }
            let candidate = (touched(record), slot);
            coldest = Some(coldest.map_or(candidate, |held| held.min(candidate)));
        }
        if let Some((_, slot)) = coldest {
            let hash = self.keys.hash_of_texts(&self.keys.key(slot), dictionary);
            self.filter.mark(hash, now_us.saturating_add(self.later_us));
            self.take_back(slot, dictionary);
        }
    }

    fn holds_nodes(&self, record: &[u64]) -> bool {
        self.cells.iter().any(|cell| cell.holds_nodes(record))
    }

    fn turn_hand(&mut self) -> u32 {
        self.hand = if self.hand + 1 < self.made { self.hand + 1 } else { 0 };
        self.hand
    }

    /// Whether a slot has a key of which no window covers anything any more.
    fn is_over(&self, slot: u32, now_us: i64, turns: &Turns) -> bool {
        let (Some(record), Some(longest_us)) = (self.records.row(slot), self.longest_us) else {
            return false;
        };
        let calendar = self.turns.iter().any(|&(turn, word)| record[word] == turns.stamp(turn));
        let edge_us = now_us - longest_us;
        slot != 0 && record[FIRST_ROW] != NOBODYS && !calendar && !coarse::is_after(touched(record), edge_us)
    }

    /// Takes a slot from its key, with all that is held there.
    fn take_back(&mut self, slot: u32, dictionary: &mut Dictionary) {
        self.keys.take(slot, dictionary);
        let record = self.records.row_mut(slot);
        for cell in self.cells.iter().filter(|cell| cell.has_values()) {
            cell.clear(record, &mut self.values);
        }
        record.fill(0);
        record[FIRST_ROW] = NOBODYS;
        record[TIMES] = u64::from(self.free);
        self.free = slot;
        self.held -= 1;
    }
}
