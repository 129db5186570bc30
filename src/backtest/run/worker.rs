//! One rule set over the batches of a data set, with all that is found of it.
//!
//! Promises that each decided payment is measured once, written once and compared once.

use std::path::Path;

use datafusion::arrow::array::RecordBatch;

use super::columns::Columns;
use super::course::Course;
use super::findings::Findings;
use super::span::Span;
use super::verdicts::Verdicts;
use super::{Asked, BacktestError, Candidate, Found};
use crate::backtest::data::{Batch, Labels};
use crate::backtest::evaluate::Comparison;
use crate::backtest::kept::{Keeper, Kept};
use crate::time::Calendar;

/// A rule set at work on history.
pub(super) struct Worker<'a> {
    course: Course<'a>,
    findings: Findings,
    keeper: Option<Keeper>,
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
        let course = Course::new(rules, (lists, rates), labels, asked.limits, span).with_what_if(asked);
        let findings = Findings::new(course.rules(), explainer, calendar, asked)?.with_columns(columns);
        Ok(Self { course, findings, keeper: None })
    }

    /// From here on what its payments are decided from is kept.
    pub(super) fn keeps(&mut self, folder: &Path) -> Result<(), String> {
        self.keeper = Some(Keeper::begin(folder, self.course.rules())?);
        Ok(())
    }

    /// From here on its batches come with what another rule set asked for.
    pub(super) fn compares_with(&mut self, old: &mut Self, examples: usize) {
        let comparison = Comparison::new(old.course.rules(), self.course.rules(), examples);
        self.findings.compare(comparison);
        old.findings.tell_verdicts();
    }

    /// Takes in a batch, beside what the other rule set asked for.
    pub(super) fn batch(&mut self, batch: &Batch, old: Option<&Verdicts>) -> Result<(), BacktestError> {
        let Self { course, findings, keeper } = self;
        course.batch(batch, |at, shown| {
            keeper.iter_mut().for_each(|keeper| keeper.take(shown));
            findings.take(at, shown, old);
        });
        findings.hand_on()
    }

    /// What it asked for in the last batch.
    pub(super) fn take_verdicts(&mut self) -> Verdicts {
        self.findings.take_verdicts()
    }

    /// What it decided in the last batch, in columns, if that is kept.
    pub(super) fn take_columns(&mut self) -> Result<Option<RecordBatch>, BacktestError> {
        self.findings.take_columns()
    }

    /// All that it found.
    pub(super) fn finish(self) -> Result<Found, BacktestError> {
        let Self { course, findings, keeper } = self;
        let (measured, result, comparison) = findings.finish()?;
        let measured = course.measured(measured);
        let (events, prevented, first_us) = course.finish();
        let kept = keeper.map_or(Kept::Off, |keeper| keeper.finish(&events, first_us));
        Ok(Found { result, against: None, comparison, measured, events, prevented, kept })
    }
}
