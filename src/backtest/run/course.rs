//! The course of a data set through one engine: every event once, in order, with the labels that would have been known by then.
//!
//! Promises that whoever measures is shown each decided payment once, at the state in which it was decided; and that what is shown is
//! what its rules asked for, whatever history answered. Must never know what is measured of it.

use std::sync::Arc;

use super::later::Later;
use super::span::{Span, Stands};
use super::tally::Tally;
use super::what_if::Simulated;
use super::{Asked, Events};
use crate::backtest::data::{Batch, Labels, Reader, Row};
use crate::backtest::report::{Measured, Mode};
use crate::backtest::{Fact, Truth};
use crate::decision::{Decision, Outcome};
use crate::engine::{Answer, Circumstances, Engine, Limits, Recording, Verdict};
use crate::event::{Draft, Event, Kind, TextField};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Counts, Facts, Feature, RuleSet};

/// An engine on its way through a data set.
pub(in crate::backtest) struct Course<'a> {
    rules: Arc<RuleSet>,
    engine: Engine,
    reader: Reader,
    labels: &'a Labels,
    later: Option<Later>,
    simulated: Option<Simulated>,
    span: Span,
    /// Payments decided before the measured time, and after it.
    warming: u64,
    immature: u64,
    tally: Tally,
    /// When the first payment happened.
    first_us: Option<i64>,
    /// Rows of the stream before the present batch, and payments decided so far.
    rows: u64,
    decided: u64,
}

/// A payment that was just decided.
#[derive(Clone, Copy)]
pub(in crate::backtest) struct Shown<'s> {
    /// It.
    pub(in crate::backtest) event: &'s Event,
    /// What is measured of it.
    pub(in crate::backtest) fact: Fact<'s>,
    /// Where it stands to the measured time.
    pub(in crate::backtest) stands: Stands,
    /// When the first payment happened.
    pub(in crate::backtest) first_us: i64,
    /// What was decided.
    pub(in crate::backtest) decision: &'s Decision,
    /// What it was decided from.
    pub(in crate::backtest) basis: &'s dyn Basis,
    /// What it was answered in history, where the data says so.
    pub(in crate::backtest) answered: Option<Outcome>,
    /// By what it is answered: it was executed without being allowed, as was reported before it came.
    pub(in crate::backtest) executed_before: [bool; 3],
    /// Its row among all of the stream, where somebody reads that.
    pub(in crate::backtest) row: u64,
}

/// What a payment was decided from.
pub(in crate::backtest) trait Basis {
    /// All that its rules may read.
    fn facts(&self) -> Facts<'_>;

    /// What has a part in its answer beside the rules that fire.
    fn circumstances(&self) -> Circumstances;
}

/// The engine right after a payment.
struct Decided<'s> {
    engine: &'s Engine,
    event: &'s Event,
    executed_before: [bool; 3],
}

impl Basis for Decided<'_> {
    fn facts(&self) -> Facts<'_> {
        self.engine.facts(self.event)
    }

    fn circumstances(&self) -> Circumstances {
        self.engine.circumstances(self.event, self.executed_before)
    }
}

impl<'a> Course<'a> {
    /// A rule set with its lists and rates, and nothing behind it.
    pub(in crate::backtest) fn new(
        rules: RuleSet,
        (lists, rates): (Lists, Rates),
        labels: &'a Labels,
        limits: Limits,
        span: Span,
    ) -> Self {
        let schema = Arc::clone(&rules.schema);
        let mut engine = Engine::new(rules, limits, Recording::All);
        engine.load_lists(lists);
        engine.load_rates(rates);
        let rules = engine.rules_shared();
        Self {
            reader: Reader::new(Arc::clone(&schema)),
            labels,
            later: reads_labels(&rules).then(|| Later::new(Draft::new(schema))),
            simulated: None,
            span,
            warming: 0,
            immature: 0,
            tally: Tally::default(),
            first_us: None,
            rows: 0,
            decided: 0,
            engine,
            rules,
        }
    }

    /// The same where what is stopped does not happen, if that is asked for.
    pub(super) fn with_what_if(self, asked: &Asked) -> Self {
        if asked.what_if.mode != Mode::Simulated {
            return self;
        }
        let simulated =
            Simulated::new(asked.evaluate.pass.clone(), asked.what_if.seed, Arc::clone(&self.rules));
        Self { reader: self.reader.without_answers(), simulated: Some(simulated), ..self }
    }

    /// The rule set.
    pub(in crate::backtest) fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// Takes the rows of a batch, and shows each payment that is decided with its place in the batch.
    pub(in crate::backtest) fn batch(&mut self, batch: &Batch, mut show: impl FnMut(usize, &Shown<'_>)) {
        for at in 0..batch.rows() {
            self.row(batch, at, &mut show);
        }
        self.rows += batch.rows() as u64;
    }

    fn row(&mut self, batch: &Batch, at: usize, show: &mut impl FnMut(usize, &Shown<'_>)) {
        let row = match self.reader.read(batch, at) {
            Ok(row) => row,
            Err(bad) => {
                self.tally.bad_row(bad.reason.kind());
                return;
            }
        };
        let Row { event, .. } = row;
        self.tally.event(event);
        if let Some(later) = &mut self.later {
            let now_us = event.received_us().unwrap_or(event.time_us());
            while let Some(label) = later.due(now_us) {
                let stands = label.is_ok_and(|label| !matches!(self.engine.step(label), Answer::Refused(_)));
                if !stands {
                    self.tally.refused("a label in its payment's row is refused".to_owned());
                }
            }
        }
        if self.simulated.as_mut().is_some_and(|simulated| simulated.leaves_out(event)) {
            return;
        }
        let executed_before = self.engine.executed_before(event);
        match self.engine.step(event) {
            Answer::Decided(_) if event.kind() == Kind::Transaction => {}
            Answer::Repeated(_) | Answer::TakenBefore | Answer::AlertedBefore(_) => {
                self.tally.repeated();
                return;
            }
            Answer::Refused(refusal) => {
                self.tally.refused(refusal.to_string());
                return;
            }
            Answer::Decided(_) | Answer::Taken | Answer::Alert(_) => return,
        }
        let first_us = *self.first_us.get_or_insert(event.time_us());
        let (truth, _) = self.labels.newest(&row);
        let stands = self.span.of(event.time_us(), first_us);
        match stands {
            Stands::Warming => self.warming += 1,
            Stands::Immature => self.immature += 1,
            Stands::Measured => {}
        }
        let decision = self.engine.last_decision();
        let shown = Shown {
            event,
            fact: fact(self.decided, &row, truth, decision),
            stands,
            first_us,
            decision,
            basis: &Decided { engine: &self.engine, event, executed_before },
            answered: row.answered,
            executed_before,
            row: self.rows + at as u64,
        };
        self.decided += 1;
        show(at, &shown);
        if let Some(simulated) = &mut self.simulated {
            let follows = simulated.follow(event, decision, truth, row.answered);
            if let Some(passes) = follows.answered
                && let Ok(answer) = simulated.answer(event, decision, passes)
            {
                self.engine.step(answer);
            }
            if follows.executed {
                simulated.execution(event).map(|execution| self.engine.step(execution)).ok();
            }
        }
        if let (Some(later), Some(label), Some(time_us)) =
            (&mut self.later, row.truth.label, row.label_time_us)
            && self.simulated.as_mut().is_none_or(|simulated| !simulated.leaves_label_out(event))
        {
            later.keep(event, (label, time_us), row.truth.kind, row.label_source);
        }
    }

    /// What was measured, with what the caller knows of the payments in it.
    pub(in crate::backtest) fn measured(&self, payments: Measured) -> Measured {
        self.span.measured(self.first_us, (self.warming, self.immature), payments)
    }

    /// What became of the events, what did not happen, and when the first payment did.
    pub(in crate::backtest) fn finish(self) -> (Events, (u64, u64), Option<i64>) {
        let prevented = self.simulated.map_or((0, 0), |simulated| simulated.prevented());
        (self.tally.into_events(), prevented, self.first_us)
    }
}

/// Whether any value of the rule set depends on labels.
pub(in crate::backtest) fn reads_labels(rules: &RuleSet) -> bool {
    let of = |feature: &Feature| {
        let reset = feature.reset.as_ref().is_some_and(|reset| reset.from.contains(Kind::Label));
        feature.label.is_some() || feature.from.contains(Kind::Label) || reset
    };
    rules.features.iter().any(of)
}

/// Whether a feature counts by what payments were answered.
pub(in crate::backtest) fn is_decision_fed(feature: &Feature) -> bool {
    let by_answer = feature.counts != Counts::Asked && feature.from.contains(Kind::Transaction);
    by_answer || feature.reset.as_ref().is_some_and(|reset| reset.on_execution)
}

/// What is measured of a payment.
fn fact<'a>(at: u64, row: &Row<'a>, truth: Truth<'a>, decision: &'a Decision) -> Fact<'a> {
    let event: &'a Event = row.event;
    let (account, customer) = (event.text(TextField::Account), event.text(TextField::Customer));
    let Verdict { outcome, alert } = Verdict::of(decision);
    // What others stand for would be counted twice.
    let label = truth.label.filter(|_| row.weight > 0.0);
    Fact {
        at,
        id: event.id(),
        time_us: event.time_us(),
        tenant: event.text(TextField::Tenant),
        customer: customer.or(account).unwrap_or(event.id()),
        account: account.or(customer).unwrap_or(event.id()),
        account_number: None,
        amount_minor: decision
            .converted
            .map_or_else(|| event.amount().map_or(0, |amount| amount.minor), |converted| converted.minor),
        outcome,
        alert,
        score: decision.score,
        fired: &decision.fired,
        shadow: &decision.shadow,
        // Only what is measured is looked at again.
        law: Outcome::Allow,
        alone: &[],
        truth: Truth { label, ..truth },
        weight: row.weight,
        portal: event.text(TextField::Portal),
        provider: event.text(TextField::Provider),
        payment_kind: event.text(TextField::PaymentKind),
    }
}
