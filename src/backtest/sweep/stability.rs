//! How sure a choice is: whether it would have been made on other accounts of the same kind (the bootstrap of `evaluate`, with its
//! draws), on the side of the tuning.
//!
//! In a replicate an account that is drawn several times is several accounts, with customers of their own.
//!
//! Promises the same shares on any number of threads.

use super::choose::{Point, chosen, front};
use super::group::Ran;
use super::result::{Costs, Objective};
use super::tally::Sums;
use super::totals::{Totals, stops};
use crate::backtest::evaluate::bootstrap::draw;
use crate::backtest::run::BacktestError;

/// What replicates say of combinations.
#[derive(Clone, Debug, Default)]
pub(super) struct Stability {
    /// By combination: in how many replicates it is on the front, and is chosen.
    pub(super) on_front: Vec<u32>,
    pub(super) chosen: Vec<u32>,
    /// What the combination that is looked at comes to in each replicate.
    pub(super) of_one: Vec<Replicate>,
}

/// What one combination comes to in a replicate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replicate {
    pub(super) point: Point,
    /// What the rule file as it is comes to.
    pub(super) as_it_is: Point,
    /// The value of all fraud, minor units.
    pub(super) fraud_minor: f64,
}

/// What replicates are drawn for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) replicates: u32,
    pub(super) seed: u64,
    pub(super) threads: usize,
    pub(super) objective: Objective,
    pub(super) budget: Option<f64>,
    pub(super) costs: Costs,
    /// Days on the side of the tuning.
    pub(super) days: f64,
    /// The combination that is looked at.
    pub(super) one: Option<usize>,
}

/// One engine's part, prepared.
struct Part<'r> {
    ran: &'r Ran,
    /// By distinct row of verdicts and set of signatures, whether a customer with that set is stopped.
    stopped: Vec<Vec<bool>>,
}

impl Stability {
    /// Draws replicates of so many combinations.
    pub(super) fn draw(ran: &[Ran], combinations: usize, asked: Drawn) -> Result<Self, BacktestError> {
        let parts: Vec<Part<'_>> = ran.iter().map(Part::new).collect();
        let threads = asked.threads.clamp(1, 64).min(asked.replicates.max(1) as usize);
        let each = asked.replicates.div_ceil(threads as u32);
        let share = |thread: usize| {
            let from = each * thread as u32;
            from.min(asked.replicates)..(from + each).min(asked.replicates)
        };
        let parts = &parts;
        std::thread::scope(|scope| {
            let some = |thread| scope.spawn(move || some(parts, combinations, &asked, share(thread)));
            let running: Vec<_> = (0..threads).map(some).collect();
            let empty = || Self {
                on_front: vec![0; combinations],
                chosen: vec![0; combinations],
                of_one: Vec::new(),
            };
            let mut all = empty();
            for running in running {
                all = all.and(running.join().map_err(|_| BacktestError::Ended)?);
            }
            Ok(all)
        })
    }

    fn and(mut self, other: Self) -> Self {
        self.on_front.iter_mut().zip(other.on_front).for_each(|(all, more)| *all += more);
        self.chosen.iter_mut().zip(other.chosen).for_each(|(all, more)| *all += more);
        self.of_one.extend(other.of_one);
        self
    }
}

/// What some of the replicates say.
fn some(
    parts: &[Part<'_>],
    combinations: usize,
    asked: &Drawn,
    replicates: std::ops::Range<u32>,
) -> Stability {
    let mut found =
        Stability { on_front: vec![0; combinations], chosen: vec![0; combinations], of_one: Vec::new() };
    let mut points = vec![Point::default(); combinations];
    for replicate in replicates {
        let mut fraud_minor = 0.0;
        for part in parts {
            fraud_minor = part.draw(replicate, asked, &mut points);
        }
        let count = |counts: &mut Vec<u32>, at: usize| {
            counts.get_mut(at).into_iter().for_each(|count| *count += 1);
        };
        front(&points).into_iter().for_each(|at| count(&mut found.on_front, at));
        chosen(&points, asked.objective, asked.budget)
            .into_iter()
            .for_each(|at| count(&mut found.chosen, at));
        if let (Some(&point), Some(&as_it_is)) = (asked.one.and_then(|at| points.get(at)), points.first()) {
            found.of_one.push(Replicate { point, as_it_is, fraud_minor });
        }
    }
    found
}

impl<'r> Part<'r> {
    fn new(ran: &'r Ran) -> Self {
        let sets = &ran.tallied.customers_by_account.sets;
        let of = |verdicts: &Vec<_>| sets.iter().map(|set| stops(verdicts, set)).collect();
        Self { ran, stopped: ran.rows.distinct.iter().map(of).collect() }
    }

    /// What this part's combinations come to in a replicate; gives the value of all fraud in it.
    fn draw(&self, replicate: u32, asked: &Drawn, points: &mut [Point]) -> f64 {
        let Ran { tallied, rows, combinations, .. } = self.ran;
        let mut times = vec![0_u32; tallied.by_account.len()];
        draw(&mut times, asked.seed, replicate);
        let drawn = |account: u32| times.get(account as usize).map_or(0.0, |&times| f64::from(times));
        let mut all = Sums::default();
        for (account, sums) in (0..).zip(&tallied.by_account) {
            all.add(sums, drawn(account));
        }
        let mut sums = vec![Sums::default(); tallied.sums.len()];
        for ((account, number), of) in &tallied.cells {
            if let Some(sums) = sums.get_mut(*number as usize) {
                sums.add(of, drawn(*account));
            }
        }
        let mut customers = vec![0.0; tallied.customers_by_account.sets.len()];
        for (account, set) in &tallied.customers_by_account.had {
            if let Some(customers) = customers.get_mut(*set as usize) {
                *customers += drawn(*account);
            }
        }
        let point = |(verdicts, stopped): (&Vec<_>, &Vec<bool>)| {
            let totals = Totals::of(verdicts, sums.iter());
            let bothered = customers.iter().zip(stopped).filter(|(_, stopped)| **stopped);
            Point {
                caught_minor: totals.value_caught_minor,
                bothered: bothered.fold(0.0, |all, (customers, _)| all + customers),
                cost_minor: totals.cost_minor(all.fraud_minor, &asked.costs),
                flagged_a_day: totals.flagged_a_day(asked.days),
            }
        };
        let distinct: Vec<Point> = rows.distinct.iter().zip(&self.stopped).map(point).collect();
        for (&combination, &row) in combinations.iter().zip(&rows.of) {
            if let (Some(held), Some(point)) = (points.get_mut(combination), distinct.get(row)) {
                *held = *point;
            }
        }
        all.fraud_minor
    }
}
