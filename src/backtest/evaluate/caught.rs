//! What rules caught of what there was, and how sure that is.
//!
//! Promises memory in accounts, customers, distinct scores and what was flagged of an account, not in payments. Must never know a
//! day or a group.

use std::sync::Arc;

use super::Settings;
use super::bootstrap::{Accounts, Held, Range, dealt};
use super::kinds::Kinds;
use super::numbers::Numbers;
use super::rows::{Found, Rows};
use super::scores::{self, areas};
use super::seen::{Seen, weight};
use super::tally::{Parts, SHARES, estimate, shares};
use crate::backtest::report::{Estimate, Measured, ScorePoint};
use crate::backtest::{Fact, PassRates};
use crate::rules::{Label, RuleSet};

/// Takes the measured payments of one rule set.
#[derive(Clone, Debug)]
pub(in crate::backtest) struct Caught {
    pass: PassRates,
    replicates: u32,
    seed: u64,
    threads: usize,
    measured: Measured,
    kinds: Kinds,
    /// All that is known, flagged or not.
    known: Parts,
    accounts: Accounts,
    customers: Numbers,
    rows: Rows,
    scores: scores::Scores,
}

/// What it comes to.
pub(in crate::backtest) struct CaughtFigures {
    pub(super) measured: Measured,
    pub(super) found: Found,
    pub(super) points: Vec<ScorePoint>,
    pub(super) roc_area: Option<Estimate>,
    pub(super) average_precision: Option<Estimate>,
}

impl Caught {
    pub(super) fn new(rules: &Arc<RuleSet>, settings: &Settings) -> Self {
        Self {
            pass: settings.pass.clone(),
            replicates: settings.replicates,
            seed: settings.seed,
            threads: settings.threads,
            measured: Measured::default(),
            kinds: Kinds::default(),
            known: Parts::default(),
            accounts: Accounts::new(settings.replicates > 0),
            customers: Numbers::default(),
            rows: Rows::new(rules),
            scores: scores::Scores::default(),
        }
    }

    /// Takes the next payment.
    pub(in crate::backtest) fn take(&mut self, fact: &Fact<'_>) {
        let account = self.accounts.number(fact);
        let seen = Seen::of(fact, &self.pass, account, &mut self.customers);
        self.measure(fact);
        self.rows.take(fact, &seen, &mut self.accounts);
        if let Some(parts) = Parts::of(&seen, seen.value_minor) {
            self.known += parts;
            self.accounts.know(account, parts);
            self.score(fact, &seen);
        }
    }

    fn measure(&mut self, fact: &Fact<'_>) {
        self.measured.payments += 1;
        self.measured.weighted += u64::from(weight(fact) != 1.0);
        match fact.truth.label {
            Some(Label::Fraud) => {
                self.measured.frauds += 1;
                self.kinds.take(fact.truth.kind);
            }
            Some(Label::Genuine) => self.measured.genuine += 1,
            None => self.measured.unknown += 1,
        }
    }

    /// Takes a known payment into what is told of the score.
    fn score(&mut self, fact: &Fact<'_>, seen: &Seen) {
        let place = self.scores.take(fact.score, seen);
        // What has no score is what is left of an account, and most of it.
        if let (Some(place), Some(parts)) = (place.filter(|_| fact.score != 0), Parts::of(seen, 0.0)) {
            self.accounts.add(seen.account, self.rows.len() as u32 + place, parts);
        }
    }

    /// What was taken so far.
    pub(in crate::backtest) fn measured(&self) -> Measured {
        let Parts { frauds, value_minor, .. } = self.known;
        Measured {
            frauds_weighted: frauds,
            fraud_value_minor: value_minor,
            fraud_kinds: self.kinds.counted(),
            ..self.measured.clone()
        }
    }

    /// What it comes to.
    pub(in crate::backtest) fn finish(self) -> CaughtFigures {
        let measured = self.measured();
        let Self { known, rows, scores, accounts, replicates, seed, threads, .. } = self;
        let order = scores.order();
        let ranges = Ranges::draw(accounts, &rows, &scores, &order, (replicates, seed, threads));
        let found = rows.finish(known, &ranges.rows);
        let areas = scores.areas(&order);
        CaughtFigures {
            measured,
            found,
            points: scores.points(&order),
            roc_area: estimate(areas.roc, ranges.roc),
            average_precision: estimate(areas.average_precision, ranges.average_precision),
        }
    }
}

/// Where shares lie, by the bootstrap.
#[derive(Clone, Debug, Default)]
struct Ranges {
    rows: Vec<[Range; SHARES]>,
    roc: Range,
    average_precision: Range,
}

impl Ranges {
    /// Draws them, on so many threads. Accounts hold a column for each row, and behind those one for each score but 0.
    fn draw(
        accounts: Accounts,
        rows: &Rows,
        scores: &scores::Scores,
        order: &[usize],
        (replicates, seed, threads): (u32, u64, usize),
    ) -> Self {
        let held = accounts.held();
        let mut shares: Vec<_> =
            dealt(replicates, threads).map(|share| (share, Drawn::new(rows.len()))).collect();
        std::thread::scope(|scope| {
            for (share, drawn) in &mut shares {
                scope.spawn(|| drawn.draw(&held, scores, order, share.clone(), seed));
            }
        });
        let mut all = Drawn::new(rows.len());
        shares.into_iter().for_each(|(_, drawn)| all.add(drawn));
        Self {
            rows: all.rows.into_iter().map(|values| values.map(Range::of)).collect(),
            roc: Range::of(all.roc),
            average_precision: Range::of(all.average_precision),
        }
    }
}

/// What some replicates come to.
struct Drawn {
    rows: Vec<[Vec<f64>; SHARES]>,
    roc: Vec<f64>,
    average_precision: Vec<f64>,
}

impl Drawn {
    fn new(rows: usize) -> Self {
        Self { rows: vec![Default::default(); rows], roc: Vec::new(), average_precision: Vec::new() }
    }

    fn draw(
        &mut self,
        held: &Held,
        scores: &scores::Scores,
        order: &[usize],
        replicates: std::ops::Range<u32>,
        seed: u64,
    ) {
        held.resample(self.rows.len() + scores.len(), replicates, seed, |known, columns| {
            let (flagged, by_score) = columns.split_at_mut(self.rows.len());
            for (values, &flagged) in self.rows.iter_mut().zip(flagged.iter()) {
                for (values, share) in values.iter_mut().zip(shares(flagged, known)) {
                    values.extend(share);
                }
            }
            if let Some(place) = scores.place(0) {
                let rest = by_score.iter().fold(known, |rest, &scored| rest - scored);
                if let Some(unscored) = by_score.get_mut(place) {
                    *unscored = rest;
                }
            }
            let found = areas(order.iter().filter_map(|&place| by_score.get(place).copied()));
            self.roc.extend(found.roc);
            self.average_precision.extend(found.average_precision);
        });
    }

    fn add(&mut self, other: Self) {
        for (values, more) in self.rows.iter_mut().zip(other.rows) {
            values.iter_mut().zip(more).for_each(|(values, more)| values.extend(more));
        }
        self.roc.extend(other.roc);
        self.average_precision.extend(other.average_precision);
    }
}
