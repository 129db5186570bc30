//! Small numbers in the place of long names, in the order in which the names first come.
//!
//! Promises that a name takes 128 bits however long it is. Must never give a name back.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::backtest::Fact;
use crate::event::identity;

/// Numbers by name.
#[derive(Clone, Debug, Default)]
pub(in crate::backtest) struct Numbers {
    of_names: HashMap<u128, u32, FixedState>,
    /// By somebody else's number; the last number where that has none yet.
    of_numbers: Vec<u32>,
    next: u32,
}

impl Numbers {
    /// The number of a tenant's name; the next one where it is new. Beyond 2^32 names the rest share the last number.
    pub(in crate::backtest) fn of(&mut self, tenant: Option<&str>, name: &str) -> u32 {
        let number = *self.of_names.entry(identity(tenant, name)).or_insert(self.next);
        self.took(number)
    }

    /// The number of a payment's account.
    pub(super) fn of_account(&mut self, fact: &Fact<'_>) -> u32 {
        match fact.account_number {
            Some(number) => self.of_number(number),
            None => self.of(fact.tenant, fact.account),
        }
    }

    /// The number of a name that somebody else has numbered, as all others of theirs.
    fn of_number(&mut self, number: u32) -> u32 {
        let at = number as usize;
        if self.of_numbers.len() <= at {
            self.of_numbers.resize(at + 1, u32::MAX);
        }
        let Some(held) = self.of_numbers.get_mut(at) else { return self.next };
        if *held == u32::MAX {
            *held = self.next;
        }
        let number = *held;
        self.took(number)
    }

    fn took(&mut self, number: u32) -> u32 {
        if number == self.next {
            self.next = self.next.saturating_add(1);
        }
        number
    }
}

/// Which customers are bothered in which place.
#[derive(Clone, Debug, Default)]
pub(super) struct Bothered(HashSet<(u32, u32), FixedState>);

impl Bothered {
    /// Notes a customer in a place.
    pub(super) fn take(&mut self, place: u32, customer: u32) {
        self.0.insert((place, customer));
    }

    /// How many customers each of so many places has, where places may be thrown together.
    pub(super) fn counts(self, places: usize, place_of: impl Fn(u32) -> usize) -> Vec<u64> {
        let mut pairs: Vec<(usize, u32)> =
            self.0.into_iter().map(|(place, who)| (place_of(place), who)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut counts = vec![0; places];
        for (place, _) in pairs {
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        counts
    }
}
