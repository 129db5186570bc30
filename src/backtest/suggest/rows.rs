//! The payments that are searched: every missed fraud, and of the genuine payments that the rule set lets through a share.
//!
//! Promises memory in missed frauds and in [`GENUINE_MAX`] genuine payments however many there are, and that which of them are kept
//! depends on their ids alone. Must never know what a value means.

use crate::backtest::Fact;
use crate::backtest::evaluate::numbers::Numbers;
use crate::backtest::evaluate::seen::weight;
use crate::event::identity;
use crate::rules::Label;

/// Genuine payments kept at most.
pub(super) const GENUINE_MAX: usize = 300_000;

/// Payments of one label with their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// How many values a payment has.
    width: usize,
    /// Of one payment after the other.
    values: Vec<f64>,
    /// How many payments each stands for by what the data says.
    pub(super) weights: Vec<f64>,
    /// Their amounts, minor units.
    pub(super) amounts_minor: Vec<f64>,
    /// The numbers of their accounts.
    pub(super) accounts: Vec<u32>,
}

impl Rows {
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// Adds a payment; its weight and amount are no less than 0.
    pub(super) fn push(&mut self, values: &[f64], weight: f64, amount_minor: f64, account: u32) {
        self.values.extend(values.iter().copied().chain(std::iter::repeat(f64::NAN)).take(self.width));
        self.weights.push(weight);
        self.amounts_minor.push(amount_minor);
        self.accounts.push(account);
    }

    /// The values of one attribute, payment by payment.
    pub(super) fn column(&self, at: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.chunks_exact(self.width.max(1)).map(move |row| row.get(at).copied().unwrap_or(f64::NAN))
    }

    /// The values of one payment.
    pub(super) fn row(&self, at: usize) -> &[f64] {
        self.values.get(at * self.width..(at + 1) * self.width).unwrap_or_default()
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut kept = Self::new(self.width);
        for (at, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            let of = |numbers: &[f64]| numbers.get(at).copied().unwrap_or_default();
            let account = self.accounts.get(at).copied().unwrap_or_default();
            kept.push(self.row(at), of(&self.weights), of(&self.amounts_minor), account);
        }
        *self = kept;
    }
}

/// Takes what the rule set lets through.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) frauds: Rows,
    pub(super) genuine: Rows,
    accounts: Numbers,
    /// By kept genuine payment, where its id stands in the draw.
    lots: Vec<u64>,
    /// How often the share that is kept was halved.
    halved: u32,
    genuine_max: usize,
}

impl Kept {
    pub(super) fn new(width: usize, genuine_max: usize) -> Self {
        Self {
            frauds: Rows::new(width),
            genuine: Rows::new(width),
            accounts: Numbers::default(),
            lots: Vec::new(),
            halved: 0,
            genuine_max: genuine_max.max(1),
        }
    }

    /// Takes a payment of which it is known what it was; others are left out.
    pub(super) fn take(&mut self, fact: &Fact<'_>, values: &[f64]) {
        let amount_minor = (fact.amount_minor as f64).max(0.0);
        let weight = weight(fact);
        let account = self.accounts.of(fact.tenant, fact.account);
        match fact.truth.label {
            Some(Label::Fraud) => self.frauds.push(values, weight, amount_minor, account),
            Some(Label::Genuine) => {
                let lot = (identity(fact.tenant, fact.id) >> 64) as u64;
                if self.is_drawn(lot) {
                    self.genuine.push(values, weight, amount_minor, account);
                    self.lots.push(lot);
                    self.thin();
                }
            }
            None => {}
        }
    }

    fn is_drawn(&self, lot: u64) -> bool {
        lot.leading_zeros() >= self.halved
    }

    /// Halves the share that is kept until it is few enough.
    fn thin(&mut self) {
        // Ids that are all alike can't be thinned: 64 halvings leave those of one hash.
        while self.lots.len() > self.genuine_max && self.halved < u64::BITS {
            self.halved += 1;
            let keep: Vec<bool> = self.lots.iter().map(|&lot| self.is_drawn(lot)).collect();
            self.genuine.retain(&keep);
            self.lots.retain(|&lot| lot.leading_zeros() >= self.halved);
        }
    }

    /// The share of the genuine payments that is kept.
    pub(super) fn genuine_share(&self) -> f64 {
        0.5_f64.powi(self.halved as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::Truth;
    use crate::decision::Outcome;

    fn fact(id: &str, label: Label) -> Fact<'_> {
        Fact {
            at: 0,
            id,
            time_us: 0,
            tenant: None,
            customer: id,
            account: id,
            account_number: None,
            amount_minor: 5,
            outcome: Outcome::Allow,
            alert: false,
            score: 0,
            fired: &[],
            shadow: &[],
            law: Outcome::Allow,
            alone: &[],
            truth: Truth { label: Some(label), kind: None, case: None },
            weight: 1.0,
            portal: None,
            provider: None,
            payment_kind: None,
        }
    }

    #[test]
    fn all_frauds_are_kept_and_of_the_genuine_a_share_that_ids_draw() {
        let of = |ids: &mut dyn Iterator<Item = u32>| {
            let mut kept = Kept::new(1, 100);
            for at in ids {
                let (fraud, genuine) = (format!("f{at}"), format!("g{at}"));
                kept.take(&fact(&fraud, Label::Fraud), &[f64::from(at)]);
                kept.take(&fact(&genuine, Label::Genuine), &[f64::from(at)]);
            }
            let mut ids: Vec<u64> = kept.genuine.column(0).map(|value| value as u64).collect();
            ids.sort_unstable();
            (kept.frauds.len(), ids, kept.genuine_share())
        };
        let (frauds, genuine, share) = of(&mut (0..1_000));
        assert_eq!((frauds, share), (1_000, 1.0 / 16.0));
        assert!((30..=100).contains(&genuine.len()), "{}", genuine.len());
        assert_eq!(of(&mut (0..1_000).rev()), (frauds, genuine, share), "whatever the order is");
    }
}
