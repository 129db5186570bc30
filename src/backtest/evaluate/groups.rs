//! Figures by the values of a field.
//!
//! Promises memory in so many values at most, however many the data has. Must never know where a value comes from.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::numbers::Bothered;
use super::seen::{Fate, Seen};
use super::tally::{Flagged, Parts};
use crate::backtest::Fact;
use crate::backtest::report::{Group, Named};
use crate::decision::Outcome;

/// Most values that are told apart; later ones are all others.
const VALUES_MAX: usize = 10_000;
/// Most values that are shown; those with fewer payments are all others.
const SHOWN_MAX: usize = 50;

const NONE: &str = "(none)";
const OTHERS: &str = "(others)";

/// One field's values, with what was found under each.
#[derive(Clone, Debug)]
pub(super) struct Grouping {
    by: &'static str,
    /// Whether any payment said a value.
    said: bool,
    numbers: HashMap<Box<str>, u32, FixedState>,
    /// By number; those that are not told apart are the last, once there are.
    values: Vec<Value>,
    bothered: Bothered,
    /// Names by number, and which of them came last: mostly it comes again.
    names: Vec<Box<str>>,
    last: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Value {
    payments: u64,
    known: Parts,
    flagged: Flagged,
}

impl Grouping {
    pub(super) fn new(by: &'static str) -> Self {
        Self {
            by,
            said: false,
            numbers: HashMap::default(),
            values: Vec::new(),
            bothered: Bothered::default(),
            names: Vec::new(),
            last: 0,
        }
    }

    /// Takes a payment with its value of the field.
    pub(super) fn take(&mut self, name: Option<&str>, fact: &Fact<'_>, seen: &Seen) {
        self.said |= name.is_some();
        let number = self.number(name.unwrap_or(NONE));
        let Some(value) = self.values.get_mut(number as usize) else { return };
        value.payments += 1;
        if let Some(parts) = Parts::of(seen, seen.value_minor) {
            value.known += parts;
        }
        if fact.is_flagged() {
            value.flagged.take(seen, Fate::of(fact.outcome));
        }
        if let Some(customer) = seen.customer.filter(|_| fact.outcome > Outcome::Allow) {
            self.bothered.take(number, customer);
        }
    }

    fn number(&mut self, name: &str) -> u32 {
        if self.names.get(self.last).is_some_and(|last| **last == *name) {
            return self.last as u32;
        }
        if let Some(&number) = self.numbers.get(name) {
            self.last = number as usize;
            return number;
        }
        let told_apart = self.numbers.len() < VALUES_MAX;
        let next = self.numbers.len() as u32;
        if told_apart {
            self.numbers.insert(name.into(), next);
            self.names.push(name.into());
        }
        if self.values.len() == next as usize {
            self.values.push(Value::default());
        }
        next
    }

    /// The values with the most payments; `None` where no payment said one.
    pub(super) fn finish(self, in_order: bool) -> Option<Group> {
        let Self { by, numbers, mut values, bothered, said, .. } = self;
        let payments = |number: u32| values.get(number as usize).map_or(0, |value| value.payments);
        let mut shown: Vec<(Box<str>, u32)> = numbers.into_iter().collect();
        shown.sort_by(|(one, at), (other, of)| {
            (Reverse(payments(*at)), one).cmp(&(Reverse(payments(*of)), other))
        });
        shown.truncate(SHOWN_MAX);
        if in_order {
            shown.sort();
        }
        // What is not shown is thrown together behind what is.
        let mut place_of = vec![shown.len(); values.len()];
        for (place, &(_, number)) in shown.iter().enumerate() {
            if let Some(place_of) = place_of.get_mut(number as usize) {
                *place_of = place;
            }
        }
        let mut others = Value::default();
        for (value, _) in values.iter_mut().zip(&place_of).filter(|&(_, &place)| place == shown.len()) {
            others.add(value);
        }
        let bothered = bothered
            .counts(shown.len() + 1, |number| place_of.get(number as usize).copied().unwrap_or(shown.len()));
        let found = shown.iter().filter_map(|(name, number)| Some((&**name, *values.get(*number as usize)?)));
        let found = found.chain((others.payments > 0).then_some((OTHERS, others)));
        let named = found.zip(&bothered).map(|((name, value), &bothered)| Named {
            name: name.to_owned(),
            payments: Some(value.payments),
            figures: value.flagged.figures(value.known, bothered, &Default::default()),
        });
        said.then(|| Group { by: by.to_owned(), values: named.collect() })
    }
}

impl Value {
    fn add(&mut self, other: &Self) {
        self.payments += other.payments;
        self.known += other.known;
        self.flagged += &other.flagged;
    }
}
