//! One rule set over the batches of a data set, with all that is found of it.
//!
//! Promises that each decided payment is measured once, written once and compared once.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::columns::Columns;
use super::course::{Course, Shown};
use super::measuring::Measuring;
use super::span::{Span, Stands};
use super::verdicts::Verdicts;
use super::without::Without;
use super::{Asked, BacktestError, Candidate, Found};
use crate::backtest::Fact;
use crate::backtest::data::{Batch, Labels};
use crate::backtest::evaluate::{Comparison, Evaluator, Examples};
use crate::backtest::report::Evaluation;
use crate::catalogue::Language;
use crate::explain::{Explainer, Style};
use crate::io::explanation::{Show, write_explanation_text};
use crate::rules::RuleSet;
use crate::time::Calendar;

/// A rule set at work on history.
pub(super) struct Worker<'a> {
    course: Course<'a>,
    findings: Findings,
}

/// What is found of its payments.
struct Findings {
    rules: Arc<RuleSet>,
    without: Without,
    explainer: Explainer,
    style: Style,
    measuring: Measuring,
    examples: Examples,
    comparison: Option<Comparison>,
    columns: Option<Columns>,
    /// What it asks for, where another rule set is held against it.
    verdicts: Option<Verdicts>,
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
        let style = Style::new(Language::English, &rules);
        let course = Course::new(rules, (lists, rates), labels, asked.limits, span).with_what_if(asked);
        let evaluator = Evaluator::new(course.rules(), calendar.clone(), &asked.evaluate);
        let findings = Findings {
            measuring: Measuring::begin(evaluator)?,
            examples: Examples::new(course.rules(), asked.evaluate.examples),
            rules: Arc::clone(course.rules()),
            without: Without::default(),
            explainer,
            style,
            comparison: None,
            columns,
            verdicts: None,
        };
        Ok(Self { course, findings })
    }

    /// From here on its batches come with what another rule set asked for.
    pub(super) fn compares_with(&mut self, old: &mut Self, examples: usize) {
        let comparison = Comparison::new(old.course.rules(), self.course.rules(), examples);
        self.findings.comparison = Some(comparison);
        old.findings.verdicts = Some(Verdicts::default());
    }

    /// Takes in a batch, beside what the other rule set asked for.
    pub(super) fn batch(&mut self, batch: &Batch, old: Option<&Verdicts>) -> Result<(), BacktestError> {
        let Self { course, findings } = self;
        course.batch(batch, |at, shown| findings.take(at, shown, old));
        findings.measuring.hand_on()
    }

    /// What it asked for in the last batch.
    pub(super) fn take_verdicts(&mut self) -> Verdicts {
        self.findings.verdicts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What it decided in the last batch, in columns, if that is kept.
    pub(super) fn take_columns(&mut self) -> Result<Option<RecordBatch>, BacktestError> {
        Ok(self.findings.columns.as_mut().map(Columns::take).transpose()?)
    }

    /// All that it found.
    pub(super) fn finish(self) -> Result<Found, BacktestError> {
        let Findings { measuring, examples, comparison, .. } = self.findings;
        let (measured, result) = measuring.finish()?;
        let measured = self.course.measured(measured);
        let (events, prevented) = self.course.finish();
        let result = Evaluation { examples: examples.finish(), ..result };
        Ok(Found { result, against: None, comparison, measured, events, prevented })
    }
}

impl Findings {
    fn take(&mut self, at: usize, shown: &Shown<'_>, old: Option<&Verdicts>) {
        let Shown { event, fact, decision, .. } = *shown;
        let is_measured = shown.stands == Stands::Measured;
        if let Some(columns) = &mut self.columns {
            columns.push(shown.row, event, &fact, decision, is_measured);
        }
        if is_measured {
            self.explain(shown);
            let (law, alone) = self.without.look(&self.rules, shown);
            self.measuring.take(&Fact { law, alone, ..fact });
            let was = old.and_then(|old| old.find(at));
            if let (Some(comparison), Some((was, fired))) = (&mut self.comparison, was) {
                let old = Fact { outcome: was.outcome, alert: was.alert, score: was.score, fired, ..fact };
                comparison.take(&old, &fact);
            }
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.push(at, fact.outcome, fact.alert, fact.score, fact.fired);
        }
    }

    /// Puts the decision into words where it is to be shown.
    fn explain(&mut self, shown: &Shown<'_>) {
        let Some(case) = self.examples.wants(&shown.fact) else { return };
        let facts = shown.engine.facts(shown.event);
        let explanation = self.explainer.explain(&facts, shown.decision, false);
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = write_explanation_text(
            &explanation,
            &self.style,
            Show { for_auditor: false, painted: false },
            &mut text,
        );
        self.examples.put(case, &shown.fact, String::from_utf8_lossy(&text).into_owned());
    }
}
