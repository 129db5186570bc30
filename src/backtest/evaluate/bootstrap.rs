//! How sure shares are: the bootstrap over accounts (Efron, 1979), in percentile intervals.
//!
//! The payments of an account are alike and are drawn again together. Each replicate draws as many accounts as there are, with
//! replacement, and adds up what the drawn ones hold, each as often as it was drawn.
//!
//! Promises memory in accounts and in what was flagged of them, not in payments, and equal draws for equal seeds: accounts are
//! numbered in the order in which they come. Must never know what a column is.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::numbers::Numbers;
use super::tally::Parts;
use crate::backtest::Fact;

/// What each account holds, in all and by column.
#[derive(Clone, Debug)]
pub(in crate::backtest) struct Accounts {
    numbers: Numbers,
    /// Whether there are replicates to be drawn: otherwise only numbers are kept.
    resampled: bool,
    known: Vec<Parts>,
    /// By account and column: most accounts have nothing in most columns.
    cells: HashMap<(u32, u32), Parts, FixedState>,
}

impl Accounts {
    pub(in crate::backtest) fn new(resampled: bool) -> Self {
        Self { numbers: Numbers::default(), resampled, known: Vec::new(), cells: HashMap::default() }
    }

    /// The number of a payment's account.
    pub(in crate::backtest) fn number(&mut self, fact: &Fact<'_>) -> u32 {
        let number = self.numbers.of_account(fact);
        if self.resampled && number as usize == self.known.len() {
            self.known.push(Parts::default());
        }
        number
    }

    /// Adds a known payment of an account.
    pub(in crate::backtest) fn know(&mut self, account: u32, parts: Parts) {
        if let Some(known) = self.known.get_mut(account as usize) {
            *known += parts;
        }
    }

    /// Adds a known payment of an account to a column.
    pub(in crate::backtest) fn add(&mut self, account: u32, column: u32, parts: Parts) {
        if self.resampled {
            *self.cells.entry((account, column)).or_default() += parts;
        }
    }

    /// Draws replicates, and tells each one's sums: of all accounts drawn, and by column.
    pub(in crate::backtest) fn resample(
        self,
        columns: usize,
        replicates: u32,
        seed: u64,
        each: impl FnMut(Parts, &mut [Parts]),
    ) {
        self.held().resample(columns, 0..replicates, seed, each);
    }

    /// What is drawn from, by whichever thread.
    pub(super) fn held(self) -> Held {
        let mut cells: Vec<((u32, u32), Parts)> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|&(place, _)| place);
        Held { known: self.known, cells }
    }
}

/// What each account holds, once all payments are added.
#[derive(Debug)]
pub(super) struct Held {
    known: Vec<Parts>,
    /// By account, then by column.
    cells: Vec<((u32, u32), Parts)>,
}

impl Held {
    /// Draws some replicates, and tells each one's sums: of all accounts drawn, and by column.
    pub(super) fn resample(
        &self,
        columns: usize,
        replicates: std::ops::Range<u32>,
        seed: u64,
        mut each: impl FnMut(Parts, &mut [Parts]),
    ) {
        let Self { known, cells } = self;
        if known.is_empty() {
            return;
        }
        let mut times = vec![0_u32; known.len()];
        let mut sums = vec![Parts::default(); columns];
        for replicate in replicates {
            draw(&mut times, seed, replicate);
            let mut all = Parts::default();
            for (&parts, &times) in known.iter().zip(&times) {
                all += parts * f64::from(times);
            }
            sums.fill(Parts::default());
            for &((account, column), parts) in cells {
                let (times, sum) = (times.get(account as usize), sums.get_mut(column as usize));
                if let (Some(&times), Some(sum)) = (times, sum)
                    && times > 0
                {
                    *sum += parts * f64::from(times);
                }
            }
            each(all, &mut sums);
        }
    }
}

/// Replicates for each of so many threads.
pub(super) fn dealt(replicates: u32, threads: usize) -> impl Iterator<Item = std::ops::Range<u32>> {
    let share = (replicates as usize).div_ceil(threads.max(1)).max(1);
    (0..replicates).step_by(share).map(move |first| first..replicates.min(first.saturating_add(share as u32)))
}

/// How often each account is drawn in a replicate, which has a stream of chance of its own.
pub(in crate::backtest) fn draw(times: &mut [u32], seed: u64, replicate: u32) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&replicate.to_le_bytes());
    let mut chance = ChaCha8Rng::from_seed(bytes);
    let accounts = times.len();
    times.fill(0);
    for _ in 0..accounts {
        let drawn = ((u128::from(chance.next_u64()) * accounts as u128) >> 64) as usize;
        if let Some(times) = times.get_mut(drawn) {
            *times += 1;
        }
    }
}

/// Shares that are no further from each other differ by rounding.
const SAME: f64 = 1e-12;

/// Where the middle 95 % of replicates lie; `None` where there is none that can say, or all say the same: then few accounts have what
/// is drawn, or it is all or nothing of them, and the bootstrap does not know how sure that is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::backtest) struct Range {
    /// The 2.5th percentile.
    pub(in crate::backtest) low: Option<f64>,
    /// The 97.5th.
    pub(in crate::backtest) high: Option<f64>,
}

impl Range {
    /// The range of values, by nearest rank.
    pub(in crate::backtest) fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        if values.first().zip(values.last()).is_none_or(|(first, last)| last - first < SAME) {
            return Self::default();
        }
        let at = |per_mille| ranked(&values, per_mille).copied();
        Self { low: at(25), high: at(975) }
    }
}

/// The value of a rank among sorted ones: the smallest that so many in a thousand don't exceed.
pub(super) fn ranked<T>(sorted: &[T], per_mille: usize) -> Option<&T> {
    sorted.get((sorted.len() * per_mille).div_ceil(1_000).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!(
            [25, 500, 900, 975, 1_000].map(|at| ranked(&values, at)),
            [5, 100, 180, 195, 200].map(|v| values.get(v - 1))
        );
        assert_eq!(ranked(&[7], 25), Some(&7));
        assert_eq!(ranked::<u32>(&[], 500), None);
    }

    #[test]
    fn each_replicate_is_dealt_once() {
        for (replicates, threads) in [(0, 4), (1, 4), (200, 1), (200, 3), (7, 0)] {
            let all: Vec<u32> = dealt(replicates, threads).flatten().collect();
            assert_eq!(all, (0..replicates).collect::<Vec<_>>(), "{replicates} to {threads}");
            assert!(dealt(replicates, threads).count() <= threads.max(1));
        }
    }

    #[test]
    fn replicates_that_all_say_the_same_say_nothing() {
        assert_eq!(Range::of(vec![1.0; 200]), Range::default());
        assert_eq!(Range::of(Vec::new()), Range::default());
        assert_eq!(Range::of(vec![1.0, 0.5]), Range { low: Some(0.5), high: Some(1.0) });
    }

    #[test]
    fn a_replicate_draws_as_many_accounts_as_there_are() {
        let (mut one, mut again, mut other) = (vec![0; 1_000], vec![0; 1_000], vec![0; 1_000]);
        draw(&mut one, 7, 3);
        draw(&mut again, 7, 3);
        draw(&mut other, 7, 4);
        assert_eq!(one.iter().sum::<u32>(), 1_000);
        assert_eq!(one, again);
        assert_ne!(one, other);
        // An account is left out of about 1/e of the replicates.
        let left_out = one.iter().filter(|&&times| times == 0).count();
        assert!((320..420).contains(&left_out), "{left_out} of 1,000 were not drawn");
    }

    #[test]
    fn columns_are_drawn_with_their_accounts() {
        let mut accounts = Accounts::new(true);
        for account in 0..50_u32 {
            let number = accounts.numbers.of(None, &format!("a{account}"));
            accounts.known.push(Parts::default());
            let parts = Parts { frauds: 1.0, genuine: f64::from(account), value_minor: 10.0 };
            accounts.know(number, parts);
            accounts.add(number, account % 2, parts);
        }
        let mut replicates = 0;
        accounts.resample(2, 20, 1, |all, columns| {
            replicates += 1;
            assert_eq!(all.frauds, 50.0, "each replicate has as many accounts");
            assert_eq!(all - columns[0] - columns[1], Parts::default());
        });
        assert_eq!(replicates, 20);
    }
}
