//! Breakers: a rule that fires on more than its share of decisions is taken for a mistake, and stops acting.
//!
//! A window is counted in slices, so it covers between 59 and 60 sixtieths of its length; deterministic, in
//! constant memory and work. A rule acts again as soon as its share over the window is back under the ceiling.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rules::{Breaker, RuleSet};

const SLICES: usize = 60;

/// A count over a sliding window.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sliced {
    /// [`SLICES`] of them.
    slices: Box<[u32]>,
    slice_us: i64,
    /// The number since 1970 of the newest slice.
    newest: i64,
    total: u64,
}

impl Sliced {
    fn new(over_us: i64) -> Self {
        let slice_us = (over_us / SLICES as i64).max(1);
        Self { slices: [0; SLICES].into(), slice_us, newest: i64::MIN, total: 0 }
    }

    /// Empties the slices that the window has left.
    fn turn(&mut self, now_us: i64) {
        let now = now_us.div_euclid(self.slice_us);
        let passed = now.saturating_sub(self.newest).min(SLICES as i64);
        for number in (0..passed).map(|back| now - back) {
            let slice = std::mem::take(&mut self.slices[number.rem_euclid(SLICES as i64) as usize]);
            self.total = self.total.saturating_sub(u64::from(slice));
        }
        self.newest = self.newest.max(now);
    }

    fn add_one(&mut self) {
        let slice = &mut self.slices[self.newest.rem_euclid(SLICES as i64) as usize];
        *slice = slice.saturating_add(1);
        self.total += 1;
    }
}

/// One rule's breaker.
#[derive(Clone, Debug)]
struct Counter {
    rule: u16,
    breaker: Breaker,
    /// The window of decisions that its share is taken of.
    window: usize,
    fired: Sliced,
    tripped: bool,
}

impl Counter {
    /// Counts that the rule fired, and says whether it was over its ceiling before.
    fn count(&mut self, now_us: i64, decisions: u64) -> bool {
        self.fired.turn(now_us);
        let Breaker { ppm_max, decisions_min, .. } = self.breaker;
        let over = u128::from(self.fired.total) * 1_000_000 > u128::from(ppm_max) * u128::from(decisions);
        self.tripped = over && decisions >= u64::from(decisions_min);
        self.fired.add_one();
        self.tripped
    }
}

/// What breakers have counted, without the rules that they are of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    windows: Vec<(i64, Sliced)>,
    /// For each rule with a breaker its window, what was counted, and whether it tripped.
    rules: Vec<(usize, Sliced, bool)>,
}

/// The breakers of a rule set. A decision costs one count per length of window, and one per rule that fires.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakers {
    /// Decisions, by length of window; those counted since another rule set apart from those since this one.
    windows: Vec<(i64, Sliced)>,
    /// In the order of the rules.
    counters: Vec<Counter>,
}

impl Breakers {
    /// Those of a rule set, with nothing counted.
    pub(crate) fn new(rules: &RuleSet) -> Self {
        Self::of(rules.rules.iter().map(|rule| rule.breaker))
    }

    fn of(rules: impl Iterator<Item = Option<Breaker>>) -> Self {
        let mut breakers = Self::default();
        for (rule, breaker) in rules.enumerate() {
            let Some(breaker) = breaker else { continue };
            let over_us = breaker.over_us;
            let held = breakers.windows.iter().position(|(held_us, _)| *held_us == over_us);
            let window = held.unwrap_or_else(|| {
                breakers.windows.push((over_us, Sliced::new(over_us)));
                breakers.windows.len() - 1
            });
            let fired = Sliced::new(over_us);
            breakers.counters.push(Counter { rule: rule as u16, breaker, window, fired, tripped: false });
        }
        breakers
    }

    /// What they have counted.
    pub(crate) fn counted(&self) -> Counted {
        let rule = |counter: &Counter| (counter.window, counter.fired.clone(), counter.tripped);
        Counted { windows: self.windows.clone(), rules: self.counters.iter().map(rule).collect() }
    }

    /// Goes on from what breakers of the same rules had counted; false where they were others.
    #[must_use]
    pub(crate) fn resume(&mut self, counted: Counted) -> bool {
        let fits = counted.rules.len() == self.counters.len()
            && counted.rules.iter().all(|&(window, ..)| window < counted.windows.len());
        if fits {
            self.windows = counted.windows;
            for (counter, (window, fired, tripped)) in self.counters.iter_mut().zip(counted.rules) {
                (counter.window, counter.fired, counter.tripped) = (window, fired, tripped);
            }
        }
        fits
    }

    /// Takes over what was counted of the rules that `before` has as well: the same id, condition and breaker. A rule
    /// that was mended begins anew; its share is taken of the decisions from now on.
    pub(crate) fn carry(&mut self, rules: &RuleSet, before: &Self, rules_before: &RuleSet) {
        let id = |counter: &Counter, of: &RuleSet| {
            of.rules.get(usize::from(counter.rule)).map(|rule| (rule.id.clone(), rule.text.clone()))
        };
        let held: BTreeMap<Option<(String, String)>, &Counter> =
            before.counters.iter().map(|held| (id(held, rules_before), held)).collect();
        let own = self.windows.len();
        self.windows.extend(before.windows.iter().cloned());
        for counter in &mut self.counters {
            let held = held.get(&id(counter, rules)).filter(|held| held.breaker == counter.breaker);
            if let Some(&held) = held {
                *counter = Counter { rule: counter.rule, window: own + held.window, ..held.clone() };
            }
        }
        self.drop_unused_windows();
    }

    fn drop_unused_windows(&mut self) {
        let used = |at: usize| self.counters.iter().any(|counter| counter.window == at);
        let kept: Vec<usize> = (0..self.windows.len()).filter(|&at| used(at)).collect();
        self.windows = kept.iter().filter_map(|&at| self.windows.get(at).cloned()).collect();
        for counter in &mut self.counters {
            counter.window = kept.partition_point(|&at| at < counter.window);
        }
    }

    /// Counts a decision in which these rules fired (ascending), and keeps in `tripped` those that must not act.
    pub(crate) fn count(&mut self, now_us: i64, fired: &[u16], tripped: &mut Vec<u16>) {
        self.windows.iter_mut().for_each(|(_, decisions)| decisions.turn(now_us));
        for &rule in fired {
            let Ok(at) = self.counters.binary_search_by_key(&rule, |counter| counter.rule) else { continue };
            let counter = &mut self.counters[at];
            let decisions = self.windows.get(counter.window).map_or(0, |(_, decisions)| decisions.total);
            if counter.count(now_us, decisions) {
                tripped.push(rule);
            }
        }
        self.windows.iter_mut().for_each(|(_, decisions)| decisions.add_one());
    }

    /// The rules that were over their ceiling when they fired last.
    pub(crate) fn tripped(&self) -> impl Iterator<Item = u16> {
        self.counters.iter().filter(|counter| counter.tripped).map(|counter| counter.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every decision kept and counted again for each question.
    fn twin(past: &[(i64, bool)], breaker: Breaker, now_us: i64) -> bool {
        let slice_us = breaker.over_us / SLICES as i64;
        let oldest = now_us.div_euclid(slice_us) - SLICES as i64;
        let within = past.iter().filter(|(time_us, _)| time_us.div_euclid(slice_us) > oldest);
        let (mut decisions, mut fired) = (0u64, 0u64);
        for (_, fires) in within {
            decisions += 1;
            fired += u64::from(*fires);
        }
        decisions >= u64::from(breaker.decisions_min)
            && fired * 1_000_000 > u64::from(breaker.ppm_max) * decisions
    }

    #[test]
    fn counts_as_one_that_keeps_every_decision() {
        let breaker = Breaker { ppm_max: 200_000, over_us: 6_000, decisions_min: 10 };
        let mut breakers = Breakers::of([None, Some(breaker)].into_iter());
        let (mut past, mut trips) = (Vec::new(), 0);
        let mut now_us = 1_000_000;
        for n in 0..20_000_i64 {
            // Bursts, quiet stretches, and jumps far past the window.
            now_us += [0, 1, 37, 400, 0, 5_999, 6_000, 60_001][(n * n / 7 % 8) as usize]
                * i64::from(n % 50 < 3)
                + n % 3;
            let fires = (n / 300) % 3 == 0 && n % 4 != 0;
            let expected = twin(&past, breaker, now_us);
            let mut tripped = Vec::new();
            breakers.count(now_us, if fires { &[0, 1] } else { &[0] }, &mut tripped);
            assert_eq!(!tripped.is_empty(), expected && fires, "decision {n}");
            past.push((now_us, fires));
            trips += tripped.len();
            if past.len() > 8_000 {
                past.drain(..1_000);
            }
        }
        assert!(trips > 1_000 && trips < 15_000, "{trips}");
    }
}
