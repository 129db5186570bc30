//! Card precision at k: of the k accounts that investigators would call in a day, how many had a fraud that day.
//!
//! As the Fraud Detection Handbook has it (Le Borgne, Siblini, Lebichot, Bontempi: chapter 4.4): an account's score is its highest
//! of the day; it is compromised where any payment of the day is fraud; the share is of k, also on a day with fewer accounts; and an
//! account that was found so is not looked at on later days. The handbook leaves equal scores to the sort. Here those at the last
//! places share them: each is looked at by the same share, found by that share where it is compromised, and goes on by the rest of
//! itself. Where no scores are equal there, that is the handbook's figure.
//!
//! Promises memory in the accounts of a few days and in those found, not in payments. Must never know an account's name.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::backtest::report::CardPrecision;

/// So many days with payments are open at a time; what comes for one before those is left out.
const OPEN_DAYS: usize = 8;

/// An account's day: its highest score, and whether it had a known fraud.
type AccountDay = (i64, bool);

/// Accounts by day, as far as their days are open, and what the closed ones came to.
#[derive(Clone, Debug)]
pub(super) struct Cards {
    k: u32,
    /// By the day's first microsecond, then by account.
    open: BTreeMap<i64, HashMap<u32, AccountDay, FixedState>>,
    /// What is left of the accounts that were found.
    left: HashMap<u32, f64, FixedState>,
    days: u32,
    precisions: f64,
    late: u64,
}

impl Cards {
    pub(super) fn new(k: u32) -> Self {
        Self {
            k: k.max(1),
            open: BTreeMap::new(),
            left: HashMap::default(),
            days: 0,
            precisions: 0.0,
            late: 0,
        }
    }

    /// Takes a known payment of an account, on the day that begins at a time.
    pub(super) fn take(&mut self, day_us: i64, account: u32, score: i64, fraud: bool) {
        let first_us = self.open.first_key_value().map(|(&first_us, _)| first_us);
        if self.open.len() == OPEN_DAYS && first_us.is_some_and(|first_us| day_us < first_us) {
            self.late += 1;
            return;
        }
        let day = self.open.entry(day_us).or_default();
        let (highest, compromised) = day.entry(account).or_insert((score, fraud));
        *highest = score.max(*highest);
        *compromised |= fraud;
        if self.open.len() > OPEN_DAYS {
            self.close();
        }
    }

    /// Closes the first open day.
    fn close(&mut self) {
        let Some((_, accounts)) = self.open.pop_first() else { return };
        let mut accounts: Vec<(u32, AccountDay)> = accounts.into_iter().collect();
        accounts.sort_unstable_by_key(|&(account, (score, _))| (std::cmp::Reverse(score), account));
        let mut places = f64::from(self.k);
        let mut found = 0.0;
        for equal in accounts.chunk_by(|(_, (one, _)), (_, (other, _))| one == other) {
            let present: f64 = equal.iter().map(|(account, _)| self.left(*account)).sum();
            let looked_at = if present <= places { 1.0 } else { places / present };
            for &(account, (_, compromised)) in equal {
                if compromised {
                    let left = self.left(account);
                    found += left * looked_at;
                    self.left.insert(account, left * (1.0 - looked_at));
                }
            }
            places -= present * looked_at;
            if looked_at < 1.0 {
                break;
            }
        }
        self.days += 1;
        self.precisions += found / f64::from(self.k);
    }

    fn left(&self, account: u32) -> f64 {
        self.left.get(&account).copied().unwrap_or(1.0)
    }

    /// The mean over all days; `None` where there is none.
    pub(super) fn finish(mut self) -> Option<CardPrecision> {
        while !self.open.is_empty() {
            self.close();
        }
        let Self { k, days, precisions, late, .. } = self;
        (days > 0).then(|| CardPrecision { k, days, mean: precisions / f64::from(days), late })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(k: u32, payments: &[(i64, u32, i64, bool)]) -> Option<CardPrecision> {
        let mut cards = Cards::new(k);
        for &(day, account, score, fraud) in payments {
            cards.take(day, account, score, fraud);
        }
        cards.finish()
    }

    #[test]
    fn an_account_counts_by_its_highest_score_and_any_fraud_of_the_day() {
        let found = mean(2, &[(0, 1, 90, false), (0, 1, 10, true), (0, 2, 50, false), (0, 3, 40, true)]);
        assert_eq!(found, Some(CardPrecision { k: 2, days: 1, mean: 0.5, late: 0 }));
        assert_eq!(mean(4, &[(0, 1, 5, true)]).map(|found| found.mean), Some(0.25), "the share is of k");
        assert_eq!(mean(2, &[]), None);
    }

    #[test]
    fn an_account_that_was_found_makes_room_for_the_next() {
        let days = [(0, 1, 90, true), (0, 2, 10, true), (1, 1, 90, true), (1, 2, 10, true)];
        assert_eq!(mean(1, &days).map(|found| (found.days, found.mean)), Some((2, 1.0)));
        let missed = [(0, 1, 90, false), (0, 2, 10, true), (1, 1, 90, true), (1, 2, 10, true)];
        assert_eq!(mean(1, &missed).map(|found| found.mean), Some(0.5), "not found, not left out");
    }

    #[test]
    fn equal_scores_share_the_last_places() {
        let day = |day| [(day, 1, 90, true), (day, 2, 50, true), (day, 3, 50, false), (day, 4, 50, false)];
        assert_eq!(mean(2, &day(0)).map(|found| found.mean), Some((1.0 + 1.0 / 3.0) / 2.0));
        // On the second day account 1 is not looked at, and two thirds of account 2 are left: 2 places of 2 2/3.
        let both = [day(0), day(1)].concat();
        let second = (2.0 / 3.0) * (2.0 / (2.0 / 3.0 + 2.0)) / 2.0;
        let mean = mean(2, &both).map_or(0.0, |found| found.mean);
        assert!((mean - (2.0 / 3.0 + second) / 2.0).abs() < 1e-15, "{mean}");
    }

    #[test]
    fn what_comes_days_late_is_left_out_and_counted() {
        let days: Vec<_> =
            (0..20).map(|day| (day, 1, 5, false)).chain([(3, 2, 9, true), (13, 2, 9, true)]).collect();
        let found = mean(1, &days).map(|found| (found.days, found.late, found.mean));
        assert_eq!(found, Some((20, 1, 0.05)));
    }
}
