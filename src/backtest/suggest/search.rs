//! The search: subgroup discovery with weighted covering, as CN2-SD does it (Lavrač, Kavšek, Flach, Todorovski: Subgroup Discovery
//! with CN2-SD, JMLR 5, 2004).
//!
//! A beam search joins tests, guided by weighted relative accuracy: how many more frauds a conjunction has than its share of all
//! payments would. A missed fraud that is caught `i` times already weighs `1 / (i + 1)` in the next search, so that later rules
//! look for others.
//!
//! It departs from the paper where a conjunction is chosen of those that the beam has come by. A rule's accuracy is relative to the share of
//! frauds among all payments there, and where fraud is one payment in ten thousand that finds a rule good that stops a hundred genuine
//! payments for each fraud. So the choice is by the same measure relative to the precision that is asked for, where that is higher; and
//! only the frauds count that no rule before catches, so that a rule is not chosen again with a wider threshold.
//!
//! Promises the best conjunction of all where the beam holds all, and the same one whatever order tests come in but for equal ones. Must never
//! know what a test is about.

use std::cmp::Ordering;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::ground::{Bits, Ground, Sparse, ones};
use super::rows::Kept;
use super::test::Test;

/// Most conditions of one rule.
pub const CONDITIONS_MAX: usize = 3;

/// How wide the beam is by each of the two measures.
pub(super) const BEAM: usize = 64;

/// What is searched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aim {
    pub(super) conditions_max: usize,
    pub(super) precision_min: f64,
    /// Accounts of which a rule must catch frauds that no rule before it catches.
    pub(super) accounts_min: usize,
    pub(super) beam: usize,
    /// Of the beam, how much conditions of the same attributes may have.
    pub(super) beam_alike: usize,
}

/// Tests that are joined, ascending by position; what is behind them is no position.
type Key = [u32; CONDITIONS_MAX];
const NONE: u32 = u32::MAX;

/// A conjunction with the payments that pass it.
struct Node {
    key: Key,
    frauds: Bits,
    genuine: Sparse,
}

/// A conjunction that was looked at.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    key: Key,
    /// Which node it goes on from, and by which test.
    from: (usize, usize),
    merit: Merit,
}

/// How good a conjunction is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Merit {
    /// Weighted relative accuracy.
    pub(super) accuracy: f64,
    /// The same of what no rule before catches, relative to the precision that is asked for.
    pub(super) worth: f64,
    /// In that it is precise enough, and of enough accounts.
    pub(super) will_do: bool,
}

impl Merit {
    /// Whether it will do and is worth no less.
    pub(super) fn is_as_good_as(&self, other: &Self) -> bool {
        self.will_do && self.worth >= other.worth
    }
}

/// The measures of one search.
#[derive(Clone, Copy, Debug)]
struct Scale {
    all: f64,
    /// The share of frauds by what they weigh.
    base: f64,
    /// The share of those that no rule catches, or the precision that is asked for where that is higher.
    asked: f64,
}

impl Scale {
    fn accuracy(&self, caught: Caught, genuine: f64) -> f64 {
        (caught.mass - (caught.mass + genuine) * self.base) / self.all
    }

    fn worth(&self, caught: Caught, genuine: f64) -> f64 {
        (caught.fresh_mass - (caught.fresh_mass + genuine) * self.asked) / self.all
    }
}

/// What some missed frauds come to.
#[derive(Clone, Copy, Debug, Default)]
struct Caught {
    /// By what they weigh in this search.
    mass: f64,
    /// The same of those that no rule before catches, and for how many payments these stand.
    fresh_mass: f64,
    fresh: f64,
}

/// One search among many: the missed frauds weigh what those before left of them.
pub(super) struct Search<'g> {
    ground: &'g Ground,
    aim: Aim,
    /// By missed fraud, how often it is caught already.
    times: Vec<u32>,
    masses: Vec<f64>,
    scale: Scale,
    /// By account, the number of the question in which it was last seen.
    seen: Vec<u32>,
    question: u32,
}

impl<'g> Search<'g> {
    pub(super) fn new(ground: &'g Ground, aim: Aim) -> Self {
        let accounts = ground.accounts.iter().max().map_or(0, |&most| most as usize + 1);
        let scale = Scale { all: 1.0, base: 0.0, asked: 0.0 };
        let times = vec![0; ground.weights.len()];
        let mut search =
            Self { ground, aim, times, masses: Vec::new(), scale, seen: vec![0; accounts], question: 0 };
        search.weigh();
        search
    }

    fn weigh(&mut self) {
        let left = |(mass, times): (&f64, &u32)| mass / f64::from(times + 1);
        self.masses = self.ground.masses.iter().zip(&self.times).map(left).collect();
        let Caught { mass, fresh_mass, .. } = self.caught(0..self.masses.len());
        let all = (mass + self.ground.genuine_all).max(f64::MIN_POSITIVE);
        let asked = (fresh_mass / all).max(self.aim.precision_min);
        self.scale = Scale { all, base: mass / all, asked };
    }

    /// From now on these missed frauds are caught once more.
    pub(super) fn cover(&mut self, caught: &[bool]) {
        self.times.iter_mut().zip(caught).for_each(|(times, caught)| *times += u32::from(*caught));
        self.weigh();
    }

    /// The best conjunction, as tests; `None` where none will do.
    pub(super) fn best(&mut self) -> Option<(Vec<Test>, Merit)> {
        let ground = self.ground;
        let mut best: Option<Candidate> = None;
        let mut beam = vec![Node {
            key: [NONE; CONDITIONS_MAX],
            frauds: ground.all_frauds(),
            genuine: ground.all_genuine(),
        }];
        for _ in 0..self.aim.conditions_max.min(CONDITIONS_MAX) {
            let found = self.joined(&beam, &mut best);
            beam = self.beam(found).iter().map(|candidate| self.node(candidate, &beam)).collect();
        }
        let tests = |key: Key| tests_of(&key).filter_map(|at| ground.tests.get(at).copied()).collect();
        best.map(|best| (tests(best.key), best.merit))
    }

    /// All that goes on from a beam by one more test and could still be the best, or lead there.
    fn joined(&mut self, beam: &[Node], best: &mut Option<Candidate>) -> Vec<Candidate> {
        let ground = self.ground;
        let (mut all, mut looked_at) = (Vec::new(), HashSet::<Key, FixedState>::default());
        let mut frauds = Bits::new();
        for (from, node) in beam.iter().enumerate() {
            for (at, test) in ground.tests.iter().enumerate() {
                let fits = |held: usize| ground.tests.get(held).is_some_and(|held| held.goes_with(test));
                if !tests_of(&node.key).all(fits) {
                    continue;
                }
                let Some(key) = with(node.key, at as u32).filter(|key| looked_at.insert(*key)) else {
                    continue;
                };
                ground.frauds_in(&node.frauds, at, &mut frauds);
                let caught = self.caught(ones(&frauds));
                // With no genuine payment at all it would be worth so much; nothing that goes on from it is worth more.
                let most = self.scale.worth(caught, 0.0);
                if most <= best.map_or(0.0, |best| best.merit.worth) || !self.is_of_enough(ones(&frauds)) {
                    continue;
                }
                let genuine = ground.genuine_weight_in(&node.genuine, at);
                let candidate = Candidate { key, from: (from, at), merit: self.merit(caught, genuine, true) };
                if candidate.merit.will_do && best.is_none_or(|best| by_worth(&candidate, &best).is_lt()) {
                    *best = Some(candidate);
                }
                all.push(candidate);
            }
        }
        all
    }

    fn merit(&self, caught: Caught, genuine: f64, of_enough: bool) -> Merit {
        let worth = self.scale.worth(caught, genuine);
        let precise = caught.fresh >= self.aim.precision_min * (caught.fresh + genuine);
        let accuracy = self.scale.accuracy(caught, genuine);
        Merit { accuracy, worth, will_do: of_enough && precise && worth > 0.0 }
    }

    fn caught(&self, frauds: impl Iterator<Item = usize>) -> Caught {
        let of = |numbers: &[f64], at: usize| numbers.get(at).copied().unwrap_or_default();
        frauds.fold(Caught::default(), |caught, at| {
            let mass = of(&self.masses, at);
            let fresh = if self.times.get(at) == Some(&0) { 1.0 } else { 0.0 };
            Caught {
                mass: caught.mass + mass,
                fresh_mass: caught.fresh_mass + mass * fresh,
                fresh: caught.fresh + of(&self.ground.weights, at) * fresh,
            }
        })
    }

    /// Whether those that nothing caught before are of enough accounts.
    fn is_of_enough(&mut self, frauds: impl Iterator<Item = usize>) -> bool {
        self.question += 1;
        let mut accounts = 0;
        for at in frauds {
            let fresh = self.times.get(at) == Some(&0);
            let account = self.ground.accounts.get(at).map(|&account| account as usize);
            let Some(seen) = account.filter(|_| fresh).and_then(|at| self.seen.get_mut(at)) else { continue };
            accounts += usize::from(*seen != self.question);
            *seen = self.question;
        }
        accounts >= self.aim.accounts_min.max(1)
    }

    /// The best by either measure, each with no more than its share of those that are about the same.
    fn beam(&self, candidates: Vec<Candidate>) -> Vec<Candidate> {
        let mut chosen: Vec<Candidate> = Vec::new();
        let mut order = candidates;
        for by in [by_accuracy, by_worth] {
            order.sort_unstable_by(by);
            let mut alike: HashMap<Key, usize, FixedState> = HashMap::default();
            let about = |candidate: &&Candidate| {
                let count = alike.entry(self.about(candidate)).or_default();
                *count += 1;
                *count <= self.aim.beam_alike
            };
            chosen.extend(order.iter().filter(about).take(self.aim.beam));
        }
        chosen.sort_unstable_by_key(|candidate| candidate.key);
        chosen.dedup_by_key(|candidate| candidate.key);
        chosen
    }

    /// What it is about: its attributes.
    fn about(&self, candidate: &Candidate) -> Key {
        let mut about = [NONE; CONDITIONS_MAX];
        let attributes = tests_of(&candidate.key).filter_map(|at| Some(self.ground.tests.get(at)?.attribute));
        about.iter_mut().zip(attributes).for_each(|(about, attribute)| *about = attribute as u32);
        about.sort_unstable();
        about
    }

    fn node(&self, candidate: &Candidate, beam: &[Node]) -> Node {
        let (from, test) = candidate.from;
        let mut node = Node { key: candidate.key, frauds: Bits::new(), genuine: Sparse::new() };
        if let Some(from) = beam.get(from) {
            self.ground.frauds_in(&from.frauds, test, &mut node.frauds);
            node.genuine = self.ground.genuine_in(&from.genuine, test);
        }
        node
    }

    /// How good a conjunction of any tests is, also of such as are not on the ground.
    pub(super) fn look(&mut self, tests: &[Test], kept: &Kept) -> Merit {
        let frauds = passing(tests, kept);
        let caught = |at: &usize| frauds.get(*at) == Some(&true);
        let places = || (0..frauds.len()).filter(caught);
        let of_enough = self.is_of_enough(places());
        let all = self.caught(places());
        let passes = |at: &usize| passes(tests, kept.genuine.row(*at));
        let weight = |at: usize| kept.genuine.weights.get(at).copied().unwrap_or_default();
        let genuine: f64 = (0..kept.genuine.len()).filter(passes).map(weight).sum();
        self.merit(all, genuine / kept.genuine_share(), of_enough)
    }
}

/// Which missed frauds pass all tests.
pub(super) fn passing(tests: &[Test], kept: &Kept) -> Vec<bool> {
    (0..kept.frauds.len()).map(|at| passes(tests, kept.frauds.row(at))).collect()
}

fn passes(tests: &[Test], row: &[f64]) -> bool {
    tests.iter().all(|test| row.get(test.attribute).is_some_and(|&value| test.holds(value)))
}

fn tests_of(key: &Key) -> impl Iterator<Item = usize> + '_ {
    key.iter().filter(|at| **at != NONE).map(|&at| at as usize)
}

/// The tests with one more; `None` where there is no place for it.
fn with(mut key: Key, test: u32) -> Option<Key> {
    *key.iter_mut().find(|at| **at == NONE)? = test;
    key.sort_unstable();
    Some(key)
}

/// The better first; of equal ones that of fewer conditions.
fn by_accuracy(one: &Candidate, other: &Candidate) -> Ordering {
    better(one, other, |merit| merit.accuracy)
}

fn by_worth(one: &Candidate, other: &Candidate) -> Ordering {
    better(one, other, |merit| merit.worth)
}

fn better(one: &Candidate, other: &Candidate, by: impl Fn(&Merit) -> f64) -> Ordering {
    let conditions = |candidate: &Candidate| tests_of(&candidate.key).count();
    let measure = by(&other.merit).total_cmp(&by(&one.merit));
    measure.then(conditions(one).cmp(&conditions(other))).then(one.key.cmp(&other.key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::test::Is;
    use super::*;

    /// Payments with two numbers, one of which may be unknown, and a truth; whose they are, whether they are fraud, how many they stand for.
    type Drawn = (u8, Option<u8>, bool, u8, bool, u8);

    fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
        let one =
            (0_u8..6, prop::option::weighted(0.8, 0_u8..6), any::<bool>(), 0_u8..9, any::<bool>(), 1_u8..3);
        prop::collection::vec(one, 1..90)
    }

    fn kept(drawn: &[Drawn]) -> Kept {
        let mut kept = Kept::new(3, 1_000);
        for &(one, other, truth, account, fraud, weight) in drawn {
            let values = [f64::from(one), other.map_or(f64::NAN, f64::from), f64::from(u8::from(truth))];
            let rows = if fraud { &mut kept.frauds } else { &mut kept.genuine };
            rows.push(&values, f64::from(weight), f64::from(one) * 10.0, u32::from(account));
        }
        kept
    }

    fn tests() -> Vec<Test> {
        let bounds = |attribute| {
            (0..6).flat_map(move |bound| {
                [Is::AtLeast(f64::from(bound)), Is::AtMost(f64::from(bound))].map(|is| Test { attribute, is })
            })
        };
        let truths = [0.0, 1.0].map(|truth| Test { attribute: 2, is: Is::Equal(truth) });
        bounds(0).chain(bounds(1)).chain(truths).collect()
    }

    fn aim(conditions_max: usize) -> Aim {
        let wide = 100_000;
        Aim { conditions_max, precision_min: 0.4, accounts_min: 2, beam: wide, beam_alike: wide }
    }

    /// What the best of all conjunctions is worth, by looking at each payment of each.
    fn slow(drawn: &[Drawn], times: &[u32], aim: Aim) -> f64 {
        let value = |at: usize, &(one, other, truth, ..): &Drawn| match at {
            0 => f64::from(one),
            1 => other.map_or(f64::NAN, f64::from),
            _ => f64::from(u8::from(truth)),
        };
        let mut order = 0..;
        let times: Vec<u32> =
            drawn.iter().map(|one| if one.4 { times[order.next().unwrap()] } else { 0 }).collect();
        let stands = |at: usize| f64::from(drawn[at].5);
        let sum = |of: &dyn Fn(usize) -> f64, fraud: bool| {
            (0..drawn.len()).filter(|&at| drawn[at].4 == fraud).fold(0.0, |sum, at| sum + of(at))
        };
        let fresh = |at: usize| if times[at] == 0 { stands(at) } else { 0.0 };
        let all = sum(&|at| stands(at) / f64::from(times[at] + 1), true) + sum(&stands, false);
        let asked = (sum(&fresh, true) / all).max(aim.precision_min);
        let worth = |tests: &[Test]| {
            let passes = |at: &usize| tests.iter().all(|test| test.holds(value(test.attribute, &drawn[*at])));
            let of = |fraud: bool| (0..drawn.len()).filter(move |&at| drawn[at].4 == fraud).filter(passes);
            let (caught, genuine): (f64, f64) = (of(true).map(fresh).sum(), of(false).map(stands).sum());
            let mut accounts: Vec<u8> = of(true).filter(|&at| times[at] == 0).map(|at| drawn[at].3).collect();
            accounts.sort_unstable();
            accounts.dedup();
            let will_do =
                accounts.len() >= aim.accounts_min && caught >= aim.precision_min * (caught + genuine);
            if will_do { (caught - (caught + genuine) * asked) / all } else { 0.0 }
        };
        let tests = tests();
        let mut best = 0.0_f64;
        let mut open: Vec<Vec<Test>> = vec![Vec::new()];
        for _ in 0..aim.conditions_max {
            let joined = |held: &Vec<Test>| {
                let fits = |test: &&Test| held.iter().all(|held| held.goes_with(test));
                tests.iter().filter(fits).map(|test| [held.as_slice(), &[*test]].concat()).collect::<Vec<_>>()
            };
            open = open.iter().flat_map(joined).collect();
            best = open.iter().map(|tests| worth(tests)).fold(best, f64::max);
        }
        best
    }

    proptest! {
        #[test]
        fn a_beam_that_holds_all_finds_the_best(drawn in drawn(), conditions_max in 1_usize..3) {
            let (kept, aim) = (kept(&drawn), aim(conditions_max));
            let ground = Ground::new(tests(), &kept, false);
            let mut search = Search::new(&ground, aim);
            let mut times = vec![0; kept.frauds.len()];
            // The second one with what the first one left.
            for _ in 0..2 {
                let best = slow(&drawn, &times, aim);
                let Some((found, merit)) = search.best() else {
                    prop_assert!(best <= 1e-12, "{best} was not found");
                    break;
                };
                prop_assert!((merit.worth - best).abs() < 1e-9, "{merit:?} is not {best}");
                let again = search.look(&found, &kept);
                prop_assert!((again.worth - merit.worth).abs() < 1e-9 && again.will_do, "{again:?} is not {merit:?}");
                let caught = passing(&found, &kept);
                search.cover(&caught);
                times.iter_mut().zip(&caught).for_each(|(times, caught)| *times += u32::from(*caught));
            }
        }

        #[test]
        fn the_best_of_one_condition_is_found_by_the_narrowest_beam(drawn in drawn()) {
            let aim = Aim { beam: 1, beam_alike: 1, ..aim(1) };
            let kept = kept(&drawn);
            let ground = Ground::new(tests(), &kept, false);
            let worth = Search::new(&ground, aim).best().map_or(0.0, |(_, merit)| merit.worth);
            prop_assert!((worth - slow(&drawn, &vec![0; kept.frauds.len()], aim)).abs() < 1e-9);
        }
    }
}
