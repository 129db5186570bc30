//! Requests of one connection that wait for their answers, each in a slot, and when each must have one.
//!
//! Promises that there are no more than a bound, and that what it holds is bounded by what waits, however many came and went.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;

use super::super::flights::Flight;
use super::super::service::OnItsWay;
use crate::frames::Type;

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) kind: Type,
    /// Its answer needs no line.
    pub(super) brief: bool,
    /// When the bytes came that it was taken from, or the first of them.
    pub(super) begun: Instant,
}

/// One that waits.
pub(super) struct Slot {
    pub(super) request: Request,
    pub(super) event: OnItsWay,
    /// Its deadline has passed.
    pub(super) late: bool,
    /// What its payload holds of the room of all bodies.
    pub(super) room: OwnedSemaphorePermit,
    /// What it takes of the room of all requests.
    pub(super) flight: Flight,
}

struct Place<S> {
    /// How often it was given away, so that a deadline is of one slot alone.
    turn: u32,
    slot: Option<S>,
}

/// All that wait.
pub(super) struct Slots<S = Slot> {
    places: Vec<Place<S>>,
    free: Vec<u32>,
    /// Deadlines with place and turn; those of slots that are answered stay until they are looked at, or are too many.
    due: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    most: usize,
}

/// Deadlines that are kept beside twice as many as wait.
const DUE_BESIDE: usize = 64;

impl<S> Slots<S> {
    pub(super) fn new(most: usize) -> Self {
        Self { places: Vec::new(), free: Vec::new(), due: BinaryHeap::new(), most }
    }

    fn waiting(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting() >= self.most
    }

    /// Puts one in that must be answered by then; its place.
    pub(super) fn put(&mut self, slot: S, deadline: Instant) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { turn: 0, slot: None });
            (self.places.len() - 1) as u32
        });
        let Some(place) = self.places.get_mut(at as usize) else { return at };
        place.turn = place.turn.wrapping_add(1);
        place.slot = Some(slot);
        let turn = place.turn;
        if self.due.len() > 2 * self.waiting() + DUE_BESIDE {
            let Self { due, places, .. } = self;
            due.retain(|Reverse((_, at, turn))| is_of(places, *at, *turn));
        }
        self.due.push(Reverse((deadline, at, turn)));
        at
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut S> {
        self.places.get_mut(at as usize)?.slot.as_mut()
    }

    /// Takes one out.
    pub(super) fn take(&mut self, at: u32) -> Option<S> {
        let slot = self.places.get_mut(at as usize)?.slot.take()?;
        self.free.push(at);
        Some(slot)
    }

    /// The next deadline.
    pub(super) fn next_due(&mut self) -> Option<Instant> {
        loop {
            let Reverse((deadline, at, turn)) = *self.due.peek()?;
            if is_of(&self.places, at, turn) {
                return Some(deadline);
            }
            self.due.pop();
        }
    }

    /// One whose deadline has passed at this time; each is given once.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        self.next_due().filter(|deadline| *deadline <= now)?;
        self.due.pop().map(|Reverse((_, at, _))| at)
    }
}

/// Whether a deadline is that of the slot which is there.
fn is_of<S>(places: &[Place<S>], at: u32, turn: u32) -> bool {
    places.get(at as usize).is_some_and(|place| place.slot.is_some() && place.turn == turn)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::clock::now;
    use super::*;

    #[test]
    fn each_deadline_is_that_of_its_own_slot_and_comes_once() {
        let (mut slots, begun) = (Slots::new(3), now());
        let at = |ms| begun + Duration::from_millis(ms);
        let (first, second) = (slots.put("first", at(30)), slots.put("second", at(10)));
        assert_eq!(slots.next_due(), Some(at(10)));
        assert_eq!(slots.take(second), Some("second"));
        assert_eq!((slots.take(second), slots.next_due()), (None, Some(at(30))));
        let third = slots.put("third", at(20));
        assert_eq!(third, second, "its place is used again");
        assert_eq!(slots.pop_due(at(19)), None);
        assert_eq!((slots.pop_due(at(25)), slots.pop_due(at(25))), (Some(third), None));
        assert_eq!(slots.get_mut(third), Some(&mut "third"), "late, and still there");
        slots.put("fourth", at(40));
        assert!(slots.is_full() && !slots.is_empty());
        assert_eq!(slots.pop_due(at(99)), Some(first));
    }

    #[test]
    fn what_is_answered_long_before_its_deadline_leaves_nothing() {
        let (mut slots, begun) = (Slots::new(8), now());
        for many in 0..10_000 {
            let at = slots.put(many, begun + Duration::from_secs(30));
            assert_eq!(slots.take(at), Some(many));
        }
        assert!(slots.due.len() <= DUE_BESIDE + 2 && slots.places.len() == 1, "{}", slots.due.len());
    }
}
