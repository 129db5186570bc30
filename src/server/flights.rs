//! Requests with events on their way, from their heads to their answers: how many there may be at one time.
//!
//! Promises that beyond the bound a request can be turned away before its body is read, and that no sender takes the room that
//! another one needs who has none: it gets more only while it leaves a third of what it has free, and never the last place.
//! Must never know what a request holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// All requests on their way.
pub(super) struct Flights {
    open: Mutex<Open>,
    most: usize,
}

#[derive(Default)]
struct Open {
    all: usize,
    /// By sender; none has nought.
    by_sender: HashMap<u64, usize, FixedState>,
}

/// One of them, until it is dropped.
pub(super) struct Flight {
    flights: Arc<Flights>,
    sender: u64,
}

/// A sender that has some gets one more only where it has at most so many times what is free then: alone it has three
/// quarters of the room.
const OWN_TO_FREE: usize = 3;

impl Flights {
    /// There may be so many.
    pub(super) fn new(most: usize) -> Self {
        Self { open: Mutex::default(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it is held, and whole is what it is.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more of a sender; none where there is no room for it.
    pub(super) fn begin(self: &Arc<Self>, sender: u64) -> Option<Flight> {
        let mut open = self.lock();
        let own = open.by_sender.get(&sender).copied().unwrap_or(0);
        let free = self.most.saturating_sub(open.all);
        // Of what is left free, and not of how many there are: who comes first has nothing that later ones can't get.
        if free == 0 || own > 0 && own + 1 > OWN_TO_FREE.saturating_mul(free - 1) {
            return None;
        }
        open.all += 1;
        open.by_sender.insert(sender, own + 1);
        Some(Flight { flights: Arc::clone(self), sender })
    }

    /// How many there are.
    pub(super) fn now(&self) -> usize {
        self.lock().all
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut open = self.flights.lock();
        let Open { all, by_sender } = &mut *open;
        if let Some(own) = by_sender.get_mut(&self.sender) {
            *all -= 1;
            *own -= 1;
            if *own == 0 {
                by_sender.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that a sender gets that asks until it is turned away.
    fn all(flights: &Arc<Flights>, sender: u64) -> Vec<Flight> {
        std::iter::from_fn(|| flights.begin(sender)).collect()
    }

    #[test]
    fn one_that_is_alone_has_three_quarters_and_at_least_one() {
        for (most, gets) in [(1, 1), (2, 1), (3, 2), (4, 3), (64, 48), (4_096, 3_072)] {
            let flights = Arc::new(Flights::new(most));
            let held = all(&flights, 1);
            assert_eq!(held.len(), gets, "of {most}");
            assert_eq!(flights.begin(2).is_some(), most > 1, "of {most}");
        }
    }

    #[test]
    fn those_who_come_later_get_what_the_first_ones_get() {
        let flights = Arc::new(Flights::new(64));
        let mut held = [all(&flights, 1), all(&flights, 2)];
        assert!(held[1].len() >= 8, "{}", held[1].len());
        let others: Vec<_> = (3..7).filter_map(|sender| flights.begin(sender)).collect();
        assert!(!others.is_empty(), "the last place is for who has none");
        // Each asks again for whatever ends, the first one first.
        for _ in 0..200 {
            for (sender, held) in (1..).zip(&mut held) {
                held.remove(0);
                held.extend(flights.begin(sender));
            }
            held[1].extend(all(&flights, 2));
        }
        let [first, second] = held.map(|held| held.len());
        assert!(first.abs_diff(second) <= 4 && first + second > 40, "{first} {second}");
        assert!(flights.begin(9).is_some());
        drop(others);
        assert_eq!(flights.now(), 0);
        assert!(flights.lock().by_sender.is_empty());
    }
}
