//! How a rule set did: every figure of [`Evaluation`], from payments taken one by one.
//!
//! Promises that equal payments in equal order give equal figures; that memory is in accounts, customers, cases, days, distinct
//! scores and what was flagged of an account, not in payments; and that what nobody knows is in no share, only in its coverage.
//! `docs/backtest.md` says in plain words what each figure is. Must never know an event, an engine or a file.

pub(super) mod bootstrap;
mod cards;
mod comparison;
mod detection;
mod examples;
mod groups;
pub(super) mod kinds;
pub(super) mod numbers;
mod overlap;
mod rows;
mod scores;
pub(super) mod seen;
pub(super) mod tally;
mod timeline;

use std::sync::Arc;

pub use comparison::Comparison;
pub use examples::Examples;

use super::report::{Evaluation, Measured, Scores};
use super::{Fact, PassRates};
use crate::decision::Outcome;
use crate::rules::{Label, RuleSet};
use crate::time::{Calendar, Period};
use bootstrap::{Accounts, Held, Range, dealt};
use cards::Cards;
use detection::Cases;
use groups::Grouping;
use kinds::Kinds;
use numbers::Numbers;
use rows::Rows;
use scores::areas;
use seen::{Seen, weight};
use tally::{Parts, SHARES, estimate, shares};
use timeline::Timeline;

/// What figures depend on beside payments.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Who passes a step-up.
    pub pass: PassRates,
    /// How many accounts a day card precision looks at; at least 1.
    pub k: u32,
    /// Replicates of the bootstrap; 0 for shares without ranges.
    pub replicates: u32,
    /// What the bootstrap draws from.
    pub seed: u64,
    /// Threads of the bootstrap; nothing depends on how many there are.
    pub threads: usize,
    /// How many payments of each case are shown.
    pub examples: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pass: PassRates::default(), k: 100, replicates: 200, seed: 0, threads: 1, examples: 5 }
    }
}

/// Takes the measured payments of one rule set, and says how it did.
#[derive(Clone, Debug)]
pub struct Evaluator {
    calendar: Calendar,
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
    month: Period,
    month_name: String,
    months: Grouping,
    portals: Grouping,
    providers: Grouping,
    payment_kinds: Grouping,
    scores: scores::Scores,
    cards: Cards,
    cases: Cases,
    timeline: Timeline,
}

impl Evaluator {
    /// An evaluation of a rule set, with days and months in the data set's time zone.
    pub fn new(rules: &Arc<RuleSet>, calendar: Calendar, settings: &Settings) -> Self {
        Self {
            calendar,
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
            month: Period::EMPTY,
            month_name: String::new(),
            months: Grouping::new("month"),
            portals: Grouping::new("portal"),
            providers: Grouping::new("provider"),
            payment_kinds: Grouping::new("payment_kind"),
            scores: scores::Scores::default(),
            cards: Cards::new(settings.k),
            cases: Cases::default(),
            timeline: Timeline::default(),
        }
    }

    /// Takes the next payment.
    pub fn take(&mut self, fact: &Fact<'_>) {
        let account = self.accounts.number(fact);
        let genuine = fact.truth.label == Some(Label::Genuine);
        let may_be_stopped = fact.outcome > Outcome::Allow || !fact.shadow.is_empty();
        let customer = (genuine && may_be_stopped).then(|| self.customers.of(fact.tenant, fact.customer));
        let seen = Seen::new(fact, &self.pass, account, customer);
        let day_us = self.calendar.day(fact.time_us).start_us;
        self.measure(fact);
        self.rows.take(fact, &seen, &mut self.accounts);
        self.group(fact, &seen);
        self.timeline.take(day_us, fact);
        if let Some(parts) = Parts::of(&seen, seen.value_minor) {
            self.known += parts;
            self.accounts.know(account, parts);
            self.score(fact, &seen, day_us);
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

    fn group(&mut self, fact: &Fact<'_>, seen: &Seen) {
        if !self.month.contains(fact.time_us) {
            self.month = self.calendar.month(fact.time_us);
            self.month_name = self.calendar.write(self.month.start_us, "%Y-%m");
        }
        self.months.take(Some(&self.month_name), fact, seen);
        self.portals.take(fact.portal, fact, seen);
        self.providers.take(fact.provider, fact, seen);
        self.payment_kinds.take(fact.payment_kind, fact, seen);
    }

    /// Takes a known payment into what is told of the score and of cases.
    fn score(&mut self, fact: &Fact<'_>, seen: &Seen, day_us: i64) {
        let fraud = seen.label == Some(Label::Fraud);
        let place = self.scores.take(fact.score, seen);
        // What has no score is what is left of an account, and most of it.
        if let (Some(place), Some(parts)) = (place.filter(|_| fact.score != 0), Parts::of(seen, 0.0)) {
            self.accounts.add(seen.account, self.rows.len() as u32 + place, parts);
        }
        self.cards.take(day_us, seen.account, fact.score, fraud);
        if fraud {
            self.cases.take(fact);
        }
    }

    /// What was taken so far: how many payments, of which what is known, and the value of the known frauds. The rest is the caller's.
    pub fn measured(&self) -> Measured {
        let Parts { frauds, value_minor, .. } = self.known;
        Measured {
            frauds_weighted: frauds,
            fraud_value_minor: value_minor,
            fraud_kinds: self.kinds.counted(),
            ..self.measured.clone()
        }
    }

    /// How the rule set did; payments to look at are [`Examples`].
    pub fn finish(self) -> Evaluation {
        let Self { calendar, known, rows, scores, accounts, replicates, seed, threads, .. } = self;
        let order = scores.order();
        let ranges = Ranges::draw(accounts, &rows, &scores, &order, (replicates, seed, threads));
        let found = rows.finish(known, &ranges.rows);
        let areas = scores.areas(&order);
        let groups = [
            self.months.finish(true),
            self.portals.finish(false),
            self.providers.finish(false),
            self.payment_kinds.finish(false),
        ];
        Evaluation {
            overall: found.overall,
            outcomes: found.outcomes,
            reasons: found.reasons,
            rules: found.rules,
            overlap: found.overlap,
            groups: groups.into_iter().flatten().collect(),
            scores: Scores {
                points: scores.points(&order),
                roc_area: estimate(areas.roc, ranges.roc),
                average_precision: estimate(areas.average_precision, ranges.average_precision),
                card_precision: self.cards.finish(),
            },
            detection: self.cases.finish(),
            timeline: self.timeline.finish(&calendar),
            examples: Vec::new(),
        }
    }
}

/// The ids of rules by their positions.
fn rule_ids(rules: &RuleSet, positions: &[u16]) -> Vec<String> {
    let rule = |&at: &u16| rules.rules.get(usize::from(at)).map(|rule| rule.id.clone());
    positions.iter().filter_map(rule).collect()
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
