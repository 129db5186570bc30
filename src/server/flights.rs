//! Requests with events on their way, from their heads to their answers: how many there may be at one time.
//!
//! Promises that beyond the bound a request can be turned away before its body is read, and that where there is little room
//! no sender has more of it than its share. Must never know what a request holds.

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
        let senders = open.by_sender.len() + usize::from(own == 0);
        let share = (self.most / senders).max(1);
        if open.all >= self.most || open.all >= self.most.div_ceil(2) && own >= share {
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

    #[test]
    fn there_are_so_many_and_a_sender_has_its_share_where_others_come() {
        let flights = Arc::new(Flights::new(4));
        let mut alone: Vec<_> = (0..3).map(|_| flights.begin(1).unwrap()).collect();
        let other = flights.begin(2).unwrap();
        assert!(flights.begin(2).is_none(), "full");
        alone.pop();
        assert!(flights.begin(1).is_none(), "it has its half");
        let second = flights.begin(2).unwrap();
        assert_eq!(flights.now(), 4);
        drop((alone, other, second));
        assert_eq!(flights.now(), 0);
        assert!(flights.lock().by_sender.is_empty());
    }

    #[test]
    fn one_that_is_alone_has_all_the_room() {
        let flights = Arc::new(Flights::new(2));
        let held = [flights.begin(1), flights.begin(1)];
        assert!(held.iter().all(Option::is_some) && flights.begin(1).is_none() && flights.begin(2).is_none());
    }
}
