//! The ground that is searched: by test, which missed frauds and which genuine payments pass it, as bits.
//!
//! Promises that a conjunction is looked at in words of 64 payments, and that sums are taken in one order whoever asks.

use super::rows::{Kept, Rows};
use super::test::Test;

const WORD: usize = u64::BITS as usize;

/// A set of payments, one a bit.
pub(super) type Bits = Vec<u64>;

/// Tests with what passes them.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) tests: Vec<Test>,
    /// By test.
    frauds: Vec<Bits>,
    genuine: Vec<Bits>,
    /// By missed fraud: its account, how many it stands for, and what it weighs in the search.
    pub(super) accounts: Vec<u32>,
    pub(super) weights: Vec<f64>,
    pub(super) masses: Vec<f64>,
    /// By genuine payment, lightest first, how many it stands for; and by word where those are all alike.
    genuine_weights: Vec<f64>,
    alike: Vec<Option<f64>>,
    pub(super) genuine_all: f64,
}

/// Genuine payments that pass some tests: the words that are not empty.
pub(super) type Sparse = Vec<(u32, u64)>;

impl Ground {
    /// Of what was kept. By `value` a missed fraud weighs its amount, as a share of what they are on average.
    pub(super) fn new(tests: Vec<Test>, kept: &Kept, value: bool) -> Self {
        let Kept { frauds, genuine, .. } = kept;
        let sampled = 1.0 / kept.genuine_share();
        let mut order: Vec<usize> = (0..genuine.len()).collect();
        let weight = |at: usize| genuine.weights.get(at).copied().unwrap_or_default() * sampled;
        order.sort_by(|&one, &other| weight(one).total_cmp(&weight(other)));
        let genuine_weights: Vec<f64> = order.iter().map(|&at| weight(at)).collect();
        let alike = |word: &[f64]| {
            let first = word.first().copied()?;
            word.iter().all(|&weight| weight == first).then_some(first)
        };
        let in_order = |rows: &Rows| (0..rows.len()).collect::<Vec<usize>>();
        Self {
            frauds: passing(frauds, &in_order(frauds), &tests),
            genuine: passing(genuine, &order, &tests),
            accounts: frauds.accounts.clone(),
            weights: frauds.weights.clone(),
            masses: masses(frauds, value),
            alike: genuine_weights.chunks(WORD).map(alike).collect(),
            genuine_all: genuine_weights.iter().sum(),
            genuine_weights,
            tests,
        }
        .without_twins()
    }

    /// Of neighbouring tests that the same payments pass, only the first.
    fn without_twins(mut self) -> Self {
        let mut keep = vec![true; self.tests.len()];
        let alike = |one: &Test, other: &Test| {
            let of = |test: &Test| (test.attribute, std::mem::discriminant(&test.is));
            of(one) == of(other)
        };
        let mut before: Option<usize> = None;
        for (at, test) in self.tests.iter().enumerate() {
            let same = before.is_some_and(|before| {
                self.tests.get(before).is_some_and(|other| alike(test, other))
                    && self.frauds.get(before) == self.frauds.get(at)
                    && self.genuine.get(before) == self.genuine.get(at)
            });
            if let Some(keep) = keep.get_mut(at) {
                *keep = !same;
            }
            before = if same { before } else { Some(at) };
        }
        let mut kept = keep.iter();
        self.tests.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.frauds.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.genuine.retain(|_| kept.next() == Some(&true));
        self
    }

    /// All missed frauds.
    pub(super) fn all_frauds(&self) -> Bits {
        full(self.weights.len())
    }

    /// All genuine payments.
    pub(super) fn all_genuine(&self) -> Sparse {
        (0..).zip(full(self.genuine_weights.len())).collect()
    }

    /// The missed frauds of some that pass a test, too.
    pub(super) fn frauds_in(&self, of: &[u64], test: usize, found: &mut Bits) {
        found.clear();
        let passing = self.frauds.get(test).map(Vec::as_slice).unwrap_or_default();
        found.extend(of.iter().zip(passing).map(|(of, passing)| of & passing));
    }

    /// The genuine payments of some that pass a test, too.
    pub(super) fn genuine_in(&self, of: &Sparse, test: usize) -> Sparse {
        let passing = self.genuine.get(test).map(Vec::as_slice).unwrap_or_default();
        let word = |&(at, bits): &(u32, u64)| (at, bits & passing.get(at as usize).copied().unwrap_or(0));
        of.iter().map(word).filter(|(_, bits)| *bits != 0).collect()
    }

    /// For how many genuine payments those stand that pass a test, of some.
    pub(super) fn genuine_weight_in(&self, of: &Sparse, test: usize) -> f64 {
        let passing = self.genuine.get(test).map(Vec::as_slice).unwrap_or_default();
        let mut sum = 0.0;
        for &(at, bits) in of {
            let both = bits & passing.get(at as usize).copied().unwrap_or(0);
            if both == 0 {
                continue;
            }
            sum += match self.alike.get(at as usize).copied().flatten() {
                Some(weight) => f64::from(both.count_ones()) * weight,
                None => ones(&[both]).map(|bit| self.genuine_weight(at as usize * WORD + bit)).sum(),
            };
        }
        sum
    }

    fn genuine_weight(&self, at: usize) -> f64 {
        self.genuine_weights.get(at).copied().unwrap_or_default()
    }
}

/// The positions of the bits of a set, ascending.
pub(super) fn ones(bits: &[u64]) -> impl Iterator<Item = usize> + '_ {
    bits.iter().enumerate().flat_map(|(at, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(at * WORD + bit)
        })
    })
}

/// So many bits, all set.
fn full(count: usize) -> Bits {
    let word = |at: usize| match count - at * WORD {
        left @ 0..WORD => (1_u64 << left) - 1,
        _ => u64::MAX,
    };
    (0..count.div_ceil(WORD)).map(word).collect()
}

/// By test, which payments pass it, in an order.
fn passing(rows: &Rows, order: &[usize], tests: &[Test]) -> Vec<Bits> {
    let (mut of, mut column) = (None, Vec::new());
    let mut all = Vec::with_capacity(tests.len());
    for test in tests {
        // Tests of one attribute stand together.
        if of.replace(test.attribute) != Some(test.attribute) {
            let values: Vec<f64> = rows.column(test.attribute).collect();
            column = order.iter().map(|&at| values.get(at).copied().unwrap_or(f64::NAN)).collect();
        }
        let word = |values: &[f64]| {
            let bits = (0..).zip(values);
            bits.filter(|(_, value)| test.holds(**value)).fold(0, |word, (bit, _)| word | 1_u64 << bit)
        };
        all.push(column.chunks(WORD).map(word).collect());
    }
    all
}

/// What each missed fraud weighs: how many it stands for, or their money. On average the same, so that it can be held against payments.
fn masses(frauds: &Rows, value: bool) -> Vec<f64> {
    if !value {
        return frauds.weights.clone();
    }
    let money: Vec<f64> =
        frauds.weights.iter().zip(&frauds.amounts_minor).map(|(weight, amount)| weight * amount).collect();
    let (all, all_money) = (frauds.weights.iter().sum::<f64>(), money.iter().sum::<f64>());
    if all_money <= 0.0 {
        return frauds.weights.clone();
    }
    money.iter().map(|money| money * all / all_money).collect()
}
