//! Fetching ahead: what a few events will read is asked of memory together, before any of them is taken.
//!
//! Waiting for memory is most of what a step costs, and a processor waits for many words as long as for one if it
//! is asked for them together. Promises to change no value: keys get their numbers a moment earlier, nothing else.

use super::gather::{Gathered, key};
use super::plan::Plan;
use super::recent::Recent;
use crate::event::Event;
use crate::state::{NO_TEXT, State};

/// Events fetched together: enough to keep memory busy, few enough to stay near until they are taken.
pub(crate) const EVENTS_AHEAD: usize = 32;

/// Reused for every stretch of events.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Per event, the number of each key field.
    numbers: Vec<u32>,
    /// Records that will be read or written.
    records: Vec<(usize, u32)>,
}

impl Ahead {
    /// Asks memory for what these events will need.
    pub(crate) fn fetch<V: Copy>(
        &mut self,
        events: &[Event],
        plan: &Plan,
        state: &mut State,
        gathered: &mut Gathered,
        seen: &Recent<V>,
    ) {
        let fields = plan.key_fields.len();
        let mut held = 0;
        self.numbers.clear();
        for event in events {
            held ^= seen.reach(event.identity());
            let first = self.numbers.len();
            self.numbers.resize(first + fields, NO_TEXT);
            gathered.number(plan, state, event, &mut self.numbers[first..]);
        }
        self.records.clear();
        for (at, event) in events.iter().enumerate() {
            let numbers = &self.numbers[at * fields..(at + 1) * fields];
            for (family, fields) in &plan.kinds[event.kind() as usize].places {
                let slot = key(numbers, fields).and_then(|key| state.slot(*family, &key));
                self.records.extend(slot.map(|slot| (*family, slot)));
            }
        }
        for &(family, slot) in &self.records {
            held ^= state.reach(family, slot);
        }
        held ^= state.reach_tails(events.len() as u64);
        for &(family, slot) in &self.records {
            held ^= state.reach_values(family, slot);
        }
        std::hint::black_box(held);
    }
}
