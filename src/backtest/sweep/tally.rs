//! What a sweep keeps of payments: sums by what can be told apart about them.
//!
//! Payments on which the same rules fired, in the same variants and circumstances, have the same **signature**: every combination
//! answers them alike. So what figures are made of is added up by signature, and no payment is kept.
//!
//! Promises memory in signatures, in accounts and in what of an account had a signature; and the same sums in the same order whatever
//! else is counted. Must never know what a signature means.

use std::ops::AddAssign;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::backtest::evaluate::kinds::Kinds;
use crate::backtest::evaluate::numbers::Numbers;
use crate::backtest::evaluate::seen::{Fate, Seen};
use crate::backtest::report::Counted;
use crate::backtest::split::Side;
use crate::backtest::{Fact, PassRates};
use crate::decision::Outcome;
use crate::rules::Label;

/// Sums over payments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) payments: f64,
    /// Of which nothing is known.
    pub(super) unknown: f64,
    /// Known ones, weighted.
    pub(super) frauds: f64,
    pub(super) genuine: f64,
    /// Their values, weighted, and how much of that a step-up holds back; minor units.
    pub(super) fraud_minor: f64,
    pub(super) fraud_held_minor: f64,
    pub(super) genuine_minor: f64,
    pub(super) genuine_held_minor: f64,
}

impl Sums {
    fn of(seen: &Seen) -> Self {
        let held_minor = seen.held_back_minor(Fate::of(Outcome::StepUp));
        let one = Self { payments: 1.0, ..Self::default() };
        match seen.label {
            Some(Label::Fraud) => Self {
                frauds: seen.weight,
                fraud_minor: seen.value_minor,
                fraud_held_minor: held_minor,
                ..one
            },
            Some(Label::Genuine) => Self {
                genuine: seen.weight,
                genuine_minor: seen.value_minor,
                genuine_held_minor: held_minor,
                ..one
            },
            None => Self { unknown: 1.0, ..one },
        }
    }

    /// Adds so many times what another has.
    pub(super) fn add(&mut self, other: &Self, times: f64) {
        for (sum, more) in [
            (&mut self.payments, other.payments),
            (&mut self.unknown, other.unknown),
            (&mut self.frauds, other.frauds),
            (&mut self.genuine, other.genuine),
            (&mut self.fraud_minor, other.fraud_minor),
            (&mut self.fraud_held_minor, other.fraud_held_minor),
            (&mut self.genuine_minor, other.genuine_minor),
            (&mut self.genuine_held_minor, other.genuine_held_minor),
        ] {
            *sum += more * times;
        }
    }
}

impl AddAssign<&Self> for Sums {
    fn add_assign(&mut self, other: &Self) {
        self.add(other, 1.0);
    }
}

/// Takes measured payments.
#[derive(Debug)]
pub(super) struct Tally {
    pass: PassRates,
    /// Whether what is kept by account is needed.
    resampled: bool,
    numbers: HashMap<Box<[u64]>, u32, FixedState>,
    /// By signature and side.
    sums: Vec<[Sums; 2]>,
    /// Of all payments, with a signature or without.
    all: [Sums; 2],
    kinds: Kinds,
    accounts: Numbers,
    customers: Numbers,
    /// By account: what there was to be found on the side of the tuning.
    by_account: Vec<Sums>,
    /// By account and signature, on the side of the tuning.
    cells: HashMap<(u32, u32), Sums, FixedState>,
    /// Customers with a genuine payment, by account, side and signature.
    touched: HashSet<(Side, u32, u32, u32), FixedState>,
}

impl Tally {
    pub(super) fn new(pass: PassRates, resampled: bool) -> Self {
        Self {
            pass,
            resampled,
            numbers: HashMap::default(),
            sums: Vec::new(),
            all: Default::default(),
            kinds: Kinds::default(),
            accounts: Numbers::default(),
            customers: Numbers::default(),
            by_account: Vec::new(),
            cells: HashMap::default(),
            touched: HashSet::default(),
        }
    }

    /// Takes the next payment, with its signature; `None` where every combination lets it through without a word.
    pub(super) fn take(&mut self, fact: &Fact<'_>, side: Side, signature: Option<&[u64]>) {
        let account = self.accounts.of(fact.tenant, fact.account);
        let genuine = fact.truth.label == Some(Label::Genuine);
        let customer =
            (genuine && signature.is_some()).then(|| self.customers.of(fact.tenant, fact.customer));
        let seen = Seen::new(fact, &self.pass, account, customer);
        let sums = Sums::of(&seen);
        self.all[side as usize] += &sums;
        if fact.truth.label == Some(Label::Fraud) {
            self.kinds.take(fact.truth.kind);
        }
        if self.resampled {
            if account as usize >= self.by_account.len() {
                self.by_account.resize(account as usize + 1, Sums::default());
            }
            if let Some(held) = self.by_account.get_mut(account as usize).filter(|_| side == Side::Tuning) {
                *held += &sums;
            }
        }
        let Some(signature) = signature else { return };
        let number = self.number(signature);
        if let Some(held) = self.sums.get_mut(number as usize) {
            held[side as usize] += &sums;
        }
        if self.resampled && side == Side::Tuning {
            *self.cells.entry((account, number)).or_default() += &sums;
        }
        if let Some(customer) = customer {
            self.touched.insert((side, customer, account, number));
        }
    }

    fn number(&mut self, signature: &[u64]) -> u32 {
        if let Some(&number) = self.numbers.get(signature) {
            return number;
        }
        let number = self.sums.len() as u32;
        self.numbers.insert(signature.into(), number);
        self.sums.push(Default::default());
        number
    }

    /// All that was taken.
    pub(super) fn finish(self) -> Tallied {
        let mut signatures = vec![Box::default(); self.sums.len()];
        for (signature, number) in self.numbers {
            if let Some(held) = signatures.get_mut(number as usize) {
                *held = signature;
            }
        }
        let mut cells: Vec<((u32, u32), Sums)> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|&(place, _)| place);
        let mut touched: Vec<(Side, u32, u32, u32)> = self.touched.into_iter().collect();
        touched.sort_unstable();
        let tuning = || touched.iter().filter(|(side, ..)| *side == Side::Tuning);
        let of_side = |side| touched.iter().filter(move |(of, ..)| *of == side);
        let customers = Side::ALL.map(|side| {
            let of_customer = |&(_, customer, _, number): &(Side, u32, u32, u32)| (customer, number);
            Sets::of(of_side(side).map(of_customer).map(|(customer, number)| ((customer, 0), number)))
        });
        let by_account =
            Sets::of(tuning().map(|&(_, customer, account, number)| ((customer, account), number)));
        Tallied {
            signatures,
            sums: self.sums,
            all: self.all,
            fraud_kinds: self.kinds.counted(),
            by_account: self.by_account,
            cells,
            customers: customers.map(Sets::counted),
            customers_by_account: by_account,
        }
    }
}

/// What was taken of payments.
#[derive(Debug)]
pub(super) struct Tallied {
    pub(super) signatures: Vec<Box<[u64]>>,
    /// By signature and side.
    pub(super) sums: Vec<[Sums; 2]>,
    /// Of all payments, by side.
    pub(super) all: [Sums; 2],
    pub(super) fraud_kinds: Vec<Counted>,
    /// Of all payments on the side of the tuning, by account; empty without a bootstrap.
    pub(super) by_account: Vec<Sums>,
    /// The same by account and signature, ascending.
    pub(super) cells: Vec<((u32, u32), Sums)>,
    /// By side, sets of signatures with how many customers had genuine payments of exactly those.
    pub(super) customers: [Vec<(Vec<u32>, f64)>; 2],
    /// The same for each customer of an account, on the side of the tuning.
    pub(super) customers_by_account: Sets,
}

/// Which sets of signatures somebody had.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// Each once, ascending inside.
    pub(super) sets: Vec<Vec<u32>>,
    /// By somebody of an account: the account, and the set.
    pub(super) had: Vec<(u32, u32)>,
}

impl Sets {
    /// Of pairs in the order of who has them.
    fn of(pairs: impl Iterator<Item = ((u32, u32), u32)>) -> Self {
        let mut numbers: HashMap<Vec<u32>, u32, FixedState> = HashMap::default();
        let mut all = Self::default();
        let mut close = |who: Option<(u32, u32)>, mut held: Vec<u32>| {
            let Some((_, account)) = who else { return };
            held.dedup();
            let next = all.sets.len() as u32;
            let number = *numbers.entry(held.clone()).or_insert(next);
            if number == next {
                all.sets.push(held);
            }
            all.had.push((account, number));
        };
        let (mut who, mut held) = (None, Vec::new());
        for (of, number) in pairs {
            if who != Some(of) {
                close(who.replace(of), std::mem::take(&mut held));
            }
            // Of one customer the accounts come one after the other, each with its own.
            let at = held.partition_point(|&before| before < number);
            held.insert(at, number);
        }
        close(who, held);
        all
    }

    /// How often each was had.
    fn counted(self) -> Vec<(Vec<u32>, f64)> {
        let mut counted: Vec<(Vec<u32>, f64)> = self.sets.into_iter().map(|set| (set, 0.0)).collect();
        for (_, set) in self.had {
            if let Some((_, count)) = counted.get_mut(set as usize) {
                *count += 1.0;
            }
        }
        counted
    }
}
