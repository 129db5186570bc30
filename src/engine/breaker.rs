//! Breakers: a rule that fires on more than its share of decisions is taken for a mistake, and stops acting.
//!
//! A window is counted in slices, so it covers between 59 and 60 sixtieths of its length; deterministic, in
//! constant memory and work. A rule acts again as soon as its share over the window is back under the ceiling.

use std::collections::BTreeMap;

use crate::rules::{Breaker, RuleSet};

const SLICES: usize = 60;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slice {
    decisions: u32,
    fired: u32,
}

/// The counts of one rule's breaker.
#[derive(Clone, Debug)]
struct Counter {
    rule: u16,
    breaker: Breaker,
    slices: [Slice; SLICES],
    /// The number since 1970 of the newest slice.
    newest: i64,
    decisions: u64,
    fired: u64,
    tripped: bool,
}

impl Counter {
    fn new(rule: u16, breaker: Breaker) -> Self {
        let slices = [Slice::default(); SLICES];
        Self { rule, breaker, slices, newest: i64::MIN, decisions: 0, fired: 0, tripped: false }
    }

    /// Counts a decision, and says whether the rule was over its ceiling before it.
    fn count(&mut self, now_us: i64, fired: bool) -> bool {
        self.turn(now_us);
        let Breaker { ppm_max, decisions_min, .. } = self.breaker;
        let over = u128::from(self.fired) * 1_000_000 > u128::from(ppm_max) * u128::from(self.decisions);
        self.tripped = over && self.decisions >= u64::from(decisions_min);
        let slice = &mut self.slices[self.newest.rem_euclid(SLICES as i64) as usize];
        slice.decisions = slice.decisions.saturating_add(1);
        slice.fired = slice.fired.saturating_add(u32::from(fired));
        self.decisions += 1;
        self.fired += u64::from(fired);
        self.tripped
    }

    /// Empties the slices that the window has left.
    fn turn(&mut self, now_us: i64) {
        let slice_us = (self.breaker.over_us / SLICES as i64).max(1);
        let now = now_us.div_euclid(slice_us);
        let passed = now.saturating_sub(self.newest).min(SLICES as i64);
        for number in (0..passed).map(|back| now - back) {
            let slice = std::mem::take(&mut self.slices[number.rem_euclid(SLICES as i64) as usize]);
            self.decisions = self.decisions.saturating_sub(u64::from(slice.decisions));
            self.fired = self.fired.saturating_sub(u64::from(slice.fired));
        }
        self.newest = self.newest.max(now);
    }
}

/// The breakers of a rule set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breakers {
    counters: Vec<Counter>,
}

impl Breakers {
    /// Those of a rule set, with nothing counted.
    pub(crate) fn new(rules: &RuleSet) -> Self {
        let counter = |(at, breaker): (usize, Option<Breaker>)| Some(Counter::new(at as u16, breaker?));
        let breakers = rules.rules.iter().map(|rule| rule.breaker).enumerate();
        Self { counters: breakers.filter_map(counter).collect() }
    }

    /// Takes over what was counted of the rules that `before` has as well, by id, with the same breaker.
    pub(crate) fn carry(&mut self, rules: &RuleSet, before: &Self, rules_before: &RuleSet) {
        let id =
            |rules: &'_ RuleSet, rule: u16| rules.rules.get(usize::from(rule)).map(|rule| rule.id.clone());
        let held: BTreeMap<Option<String>, &Counter> =
            before.counters.iter().map(|held| (id(rules_before, held.rule), held)).collect();
        for counter in &mut self.counters {
            let held = held.get(&id(rules, counter.rule)).filter(|held| held.breaker == counter.breaker);
            if let Some(&held) = held {
                *counter = Counter { rule: counter.rule, ..held.clone() };
            }
        }
    }

    /// Counts a decision in which these rules fired (ascending), and keeps in `tripped` those that must not act.
    pub(crate) fn count(&mut self, now_us: i64, fired: &[u16], tripped: &mut Vec<u16>) {
        for counter in &mut self.counters {
            let fires = fired.binary_search(&counter.rule).is_ok();
            if counter.count(now_us, fires) && fires {
                tripped.push(counter.rule);
            }
        }
    }

    /// The rules over their ceiling at the decision made last.
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
        let (mut counter, mut past, mut trips) = (Counter::new(0, breaker), Vec::new(), 0);
        let mut now_us = 1_000_000;
        for n in 0..20_000_i64 {
            // Bursts, quiet stretches, and jumps far past the window.
            now_us += [0, 1, 37, 400, 0, 5_999, 6_000, 60_001][(n * n / 7 % 8) as usize]
                * i64::from(n % 50 < 3)
                + n % 3;
            let fires = (n / 300) % 3 == 0 && n % 4 != 0;
            let expected = twin(&past, breaker, now_us);
            assert_eq!(counter.count(now_us, fires), expected, "decision {n}");
            past.push((now_us, fires));
            trips += usize::from(expected);
            if past.len() > 8_000 {
                past.drain(..1_000);
            }
        }
        assert!(trips > 1_000 && trips < 15_000, "{trips}");
    }
}
