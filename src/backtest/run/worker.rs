//! One rule set over the batches of a data set.
//!
//! Promises that each event is taken in once, in order, with the labels that would have been known by then; and that what is
//! measured of a payment is what its rules asked for, whatever history answered.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::columns::Columns;
use super::later::Later;
use super::span::{Span, Stands};
use super::tally::Tally;
use super::verdicts::Verdicts;
use super::what_if::Simulated;
use super::{Asked, BacktestError, Candidate, Found};
use crate::backtest::data::{Batch, Labels, Reader, Row};
use crate::backtest::evaluate::{Comparison, Evaluator};
use crate::backtest::report::{Measured, Mode};
use crate::backtest::{Fact, Truth};
use crate::catalogue::Language;
use crate::decision::{Decision, Outcome};
use crate::engine::{Answer, Engine, Recording};
use crate::event::{Draft, Event, Kind, TextField};
use crate::explain::{Explainer, Style};
use crate::io::explanation::{Show, write_explanation_text};
use crate::rules::RuleSet;
use crate::time::Calendar;

/// A rule set at work on history.
pub(super) struct Worker<'a> {
    rules: Arc<RuleSet>,
    explainer: Explainer,
    style: Style,
    engine: Engine,
    reader: Reader,
    labels: &'a Labels,
    later: Option<Later>,
    simulated: Option<Simulated>,
    evaluator: Evaluator,
    comparison: Option<Comparison>,
    columns: Option<Columns>,
    /// What it asks for, where another rule set is held against it.
    verdicts: Option<Verdicts>,
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

impl<'a> Worker<'a> {
    pub(super) fn new(
        candidate: Candidate,
        labels: &'a Labels,
        calendar: &Calendar,
        asked: &Asked,
        span: Span,
        columns: Option<Columns>,
    ) -> Result<Self, BacktestError> {
        let Candidate { rules, lists, rates, explainer } = candidate;
        let schema = Arc::clone(&rules.schema);
        let style = Style::new(Language::English, &rules);
        let mut engine = Engine::new(rules, asked.limits, Recording::All);
        engine.load_lists(lists);
        engine.load_rates(rates);
        let rules = engine.rules_shared();
        let simulates = asked.what_if.mode == Mode::Simulated;
        let reader = Reader::new(Arc::clone(&schema));
        Ok(Self {
            explainer,
            style,
            reader: if simulates { reader.without_answers() } else { reader },
            labels,
            later: reads_labels(&rules).then(|| Later::new(Draft::new(schema))),
            simulated: simulates
                .then(|| Simulated::new(asked.evaluate.pass.clone(), asked.what_if.seed, Arc::clone(&rules))),
            evaluator: Evaluator::new(&rules, calendar.clone(), &asked.evaluate),
            comparison: None,
            columns,
            verdicts: None,
            span,
            warming: 0,
            immature: 0,
            tally: Tally::default(),
            first_us: None,
            rows: 0,
            decided: 0,
            engine,
            rules,
        })
    }

    /// From here on its batches come with what another rule set asked for.
    pub(super) fn compares_with(&mut self, old: &mut Self, examples: usize) {
        self.comparison = Some(Comparison::new(&old.rules, &self.rules, examples));
        old.verdicts = Some(Verdicts::default());
    }

    /// Takes in a batch, beside what the other rule set asked for.
    pub(super) fn batch(&mut self, batch: &Batch, old: Option<&Verdicts>) -> Result<(), BacktestError> {
        for at in 0..batch.rows() {
            self.row(batch, at, old)?;
        }
        self.rows += batch.rows() as u64;
        Ok(())
    }

    fn row(&mut self, batch: &Batch, at: usize, old: Option<&Verdicts>) -> Result<(), BacktestError> {
        let row = match self.reader.read(batch, at) {
            Ok(row) => row,
            Err(bad) => {
                self.tally.bad_row(bad.reason.kind());
                return Ok(());
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
            return Ok(());
        }
        match self.engine.step(event) {
            Answer::Decided(_) if event.kind() == Kind::Transaction => {}
            Answer::Repeated(_) | Answer::TakenBefore | Answer::AlertedBefore(_) => {
                self.tally.repeated();
                return Ok(());
            }
            Answer::Refused(refusal) => {
                self.tally.refused(refusal.to_string());
                return Ok(());
            }
            Answer::Decided(_) | Answer::Taken | Answer::Alert(_) => return Ok(()),
        }
        let first_us = *self.first_us.get_or_insert(event.time_us());
        let (truth, _) = self.labels.newest(&row);
        let decision = self.engine.last_decision();
        let fact = fact(self.decided, &row, truth, decision);
        self.decided += 1;
        let stands = self.span.of(event.time_us(), first_us);
        if let Some(columns) = &mut self.columns {
            let is_measured = stands == Stands::Measured;
            columns.push(self.rows + at as u64, event, &fact, decision, is_measured);
        }
        match stands {
            Stands::Warming => self.warming += 1,
            Stands::Immature => self.immature += 1,
            Stands::Measured => {
                if let Some(case) = self.evaluator.wants_example(&fact) {
                    let facts = self.engine.facts(event);
                    let explanation = self.explainer.explain(&facts, decision, false);
                    let mut text = Vec::new();
                    // Writing to memory does not fail.
                    let _ = write_explanation_text(
                        &explanation,
                        &self.style,
                        Show { for_auditor: false, painted: false },
                        &mut text,
                    );
                    let text = String::from_utf8_lossy(&text).into_owned();
                    self.evaluator.example(case, &fact, text);
                }
                self.evaluator.take(&fact);
                let was = old.and_then(|old| old.find(at));
                if let (Some(comparison), Some((was, fired))) = (&mut self.comparison, was) {
                    let old =
                        Fact { outcome: was.outcome, alert: was.alert, score: was.score, fired, ..fact };
                    comparison.take(&old, &fact);
                }
            }
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.push(at, fact.outcome, fact.alert, fact.score, fact.fired);
        }
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
        Ok(())
    }

    /// What it asked for in the last batch.
    pub(super) fn take_verdicts(&mut self) -> Verdicts {
        self.verdicts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What it decided in the last batch, in columns, if that is kept.
    pub(super) fn take_columns(&mut self) -> Result<Option<RecordBatch>, BacktestError> {
        Ok(self.columns.as_mut().map(Columns::take).transpose()?)
    }

    /// All that it found.
    pub(super) fn finish(self) -> Found {
        let first_us = self.first_us.map(|first_us| first_us.saturating_add(self.span.warm_us()));
        let measured = Measured {
            from_us: first_us,
            until_us: self.span.until_us(),
            warm_us: self.span.warm_us(),
            mature_us: self.span.mature_us(),
            warming: self.warming,
            immature: self.immature,
            ..self.evaluator.measured()
        };
        Found {
            result: self.evaluator.finish(),
            against: None,
            comparison: self.comparison,
            measured,
            events: self.tally.into_events(),
            prevented: self.simulated.map_or((0, 0), |simulated| simulated.prevented()),
        }
    }
}

/// Whether any value of the rule set depends on labels.
fn reads_labels(rules: &RuleSet) -> bool {
    let of = |feature: &crate::rules::Feature| {
        let reset = feature.reset.as_ref().is_some_and(|reset| reset.from.contains(Kind::Label));
        feature.label.is_some() || feature.from.contains(Kind::Label) || reset
    };
    rules.features.iter().any(of)
}

/// What is measured of a payment.
fn fact<'a>(at: u64, row: &Row<'a>, truth: Truth<'a>, decision: &'a Decision) -> Fact<'a> {
    let event: &'a Event = row.event;
    let (account, customer) = (event.text(TextField::Account), event.text(TextField::Customer));
    let asked = decision.own.unwrap_or(decision.outcome);
    // What others stand for would be counted twice.
    let label = truth.label.filter(|_| row.weight > 0.0);
    Fact {
        at,
        id: event.id(),
        time_us: event.time_us(),
        tenant: event.text(TextField::Tenant),
        customer: customer.or(account).unwrap_or(event.id()),
        account: account.or(customer).unwrap_or(event.id()),
        amount_minor: decision
            .converted
            .map_or_else(|| event.amount().map_or(0, |amount| amount.minor), |converted| converted.minor),
        outcome: decision.withheld.map_or(Outcome::Allow, |withheld| withheld.outcome).max(asked),
        alert: decision.alert,
        score: decision.score,
        fired: &decision.fired,
        shadow: &decision.shadow,
        truth: Truth { label, ..truth },
        weight: row.weight,
        portal: event.text(TextField::Portal),
        provider: event.text(TextField::Provider),
        payment_kind: event.text(TextField::PaymentKind),
    }
}
