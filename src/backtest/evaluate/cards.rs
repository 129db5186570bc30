//! Card precision at k: of the k accounts that investigators would call in a day, how many had a fraud that day.
//!
//! As the Fraud Detection Handbook has it (Le Borgne, Siblini, Lebichot, Bontempi: chapter 4.4): an account's score is its highest
//! of the day; it is compromised where any payment of the day is fraud; the share is of k, also on a day with fewer accounts; and an
//! account that was found so is not looked at on later days. The handbook leaves equal scores to the sort. Here those at the last
//! places share them: each is looked at by the same share, found by that share where it is compromised, and goes on by the rest of
//! itself. Where no scores are equal there, that is the handbook's figure.
//!
//! Promises memory in accounts, not in payments. Must never know an account's name.

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
    newest: Newest,
    /// The open days before the newest, by their first microsecond.
    open: BTreeMap<i64, Day>,
    /// What is left of the accounts that were found.
    left: HashMap<u32, f64, FixedState>,
    days: u32,
    precisions: f64,
    late: u64,
}

/// The newest day, of which most payments are: an account is found there by its number.
#[derive(Clone, Debug, Default)]
struct Newest {
    /// Its first microsecond; `None` before there is a payment.
    day_us: Option<i64>,
    /// By account: how many days there were when it last had a payment, and that day.
    by_account: Vec<(u32, AccountDay)>,
    days: u32,
    /// The accounts with a payment.
    accounts: Vec<u32>,
}

/// A day before the newest.
#[derive(Clone, Debug, Default)]
struct Day {
    /// As they were when a newer day began.
    accounts: Vec<(u32, AccountDay)>,
    /// What came since.
    late: HashMap<u32, AccountDay, FixedState>,
}

/// Adds a payment, or what another part of the day has.
fn add(to: &mut AccountDay, (score, fraud): AccountDay) {
    let (highest, compromised) = to;
    *highest = score.max(*highest);
    *compromised |= fraud;
}

impl Newest {
    fn take(&mut self, account: u32, payment: AccountDay) {
        let at = account as usize;
        if self.by_account.len() <= at {
            self.by_account.resize(at + 1, (0, payment));
        }
        let Some((days, day)) = self.by_account.get_mut(at) else { return };
        if *days == self.days {
            return add(day, payment);
        }
        (*days, *day) = (self.days, payment);
        self.accounts.push(account);
    }

    /// Begins the next day, and gives the former.
    fn begin(&mut self, day_us: i64) -> Option<(i64, Day)> {
        let former = self.end();
        self.day_us = Some(day_us);
        former
    }

    /// Ends the day.
    fn end(&mut self) -> Option<(i64, Day)> {
        let held = |&account: &u32| Some((account, self.by_account.get(account as usize)?.1));
        let accounts = self.accounts.iter().filter_map(held).collect();
        self.accounts.clear();
        self.days += 1;
        Some((self.day_us.take()?, Day { accounts, ..Day::default() }))
    }
}

impl Day {
    /// Each account once, the highest score first.
    fn ranked(self) -> Vec<(u32, AccountDay)> {
        let Self { mut accounts, mut late } = self;
        if !late.is_empty() {
            for (account, day) in &mut accounts {
                late.remove(account).into_iter().for_each(|late| add(day, late));
            }
            accounts.extend(late);
        }
        accounts.sort_unstable_by_key(|&(account, (score, _))| (std::cmp::Reverse(score), account));
        accounts
    }
}

impl Cards {
    pub(super) fn new(k: u32) -> Self {
        Self {
            k: k.max(1),
            newest: Newest::default(),
            open: BTreeMap::new(),
            left: HashMap::default(),
            days: 0,
            precisions: 0.0,
            late: 0,
        }
    }

    /// Takes a known payment of an account, on the day that begins at a time.
    pub(super) fn take(&mut self, day_us: i64, account: u32, score: i64, fraud: bool) {
        if self.newest.day_us.is_none_or(|newest_us| newest_us < day_us) {
            self.open.extend(self.newest.begin(day_us));
            self.close_beyond(OPEN_DAYS - 1);
        }
        if self.newest.day_us == Some(day_us) {
            return self.newest.take(account, (score, fraud));
        }
        let first_us = self.open.first_key_value().map(|(&first_us, _)| first_us);
        if self.open.len() == OPEN_DAYS - 1 && first_us.is_some_and(|first_us| day_us < first_us) {
            self.late += 1;
            return;
        }
        let day = self.open.entry(day_us).or_default();
        add(day.late.entry(account).or_insert((score, fraud)), (score, fraud));
        self.close_beyond(OPEN_DAYS - 1);
    }

    /// Closes the first open days where there are more than so many before the newest.
    fn close_beyond(&mut self, days: usize) {
        while self.open.len() > days {
            let Some((_, day)) = self.open.pop_first() else { return };
            self.close(day);
        }
    }

    fn close(&mut self, day: Day) {
        let accounts = day.ranked();
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
        self.open.extend(self.newest.end());
        self.close_beyond(0);
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

    #[test]
    fn what_comes_late_counts_as_if_it_had_come_in_time() {
        let in_time =
            [(0, 1, 5, false), (0, 2, 7, false), (0, 1, 9, true), (0, 3, 8, false), (1, 1, 6, false)];
        let late = [(0, 1, 5, false), (0, 2, 7, false), (1, 1, 6, false), (0, 1, 9, true), (0, 3, 8, false)];
        for k in 1..5 {
            assert_eq!(mean(k, &late), mean(k, &in_time), "{k}");
        }
        assert_eq!(mean(1, &late).map(|found| (found.days, found.mean)), Some((2, 0.5)));
    }

    #[test]
    fn a_day_that_nobody_saw_closes_the_first() {
        // Day 4 opens behind the newest, and is one too many with day 0; what then comes for that is late.
        let days = [0, 1, 2, 3, 5, 6, 7, 8, 4, 0].map(|day| (day, 1, 5, false));
        let found = mean(1, &days).map(|found| (found.days, found.late));
        assert_eq!(found, Some((9, 1)));
    }
}
