//! A backtest whose past is kept: rules alone are looked at.
//!
//! Promises what a backtest of the data itself finds. What can't be used is told by nobody: the caller then runs the data.

use std::path::Path;
use std::sync::Arc;

use super::course::Shown;
use super::findings::Findings;
use super::span::{Span, reach_us};
use super::{Asked, BacktestError, Candidate, Found};
use crate::backtest::data::{DataError, DataSet};
use crate::backtest::kept::{Among, Kept, KeptError, Past, Watch};
use crate::decision::Decision;
use crate::engine::decision_again;

/// Runs a rule set over what is kept in a folder; `None` where something is not there, or not as it was written.
pub(super) fn again(
    data: &DataSet,
    candidate: &Candidate,
    asked: &Asked,
    folder: &Path,
) -> Result<Option<Found>, BacktestError> {
    figures(data, candidate, asked, folder).or_else(|failed| match failed {
        Failed::Run(error) => Err(error),
        Failed::Kept(error) => {
            error.forget(folder);
            Ok(None)
        }
    })
}

/// What it fails with: only the former is the caller's.
enum Failed {
    Run(BacktestError),
    Kept(KeptError),
}

impl From<BacktestError> for Failed {
    fn from(error: BacktestError) -> Self {
        Self::Run(error)
    }
}

impl From<DataError> for Failed {
    fn from(error: DataError) -> Self {
        Self::Run(error.into())
    }
}

impl From<KeptError> for Failed {
    fn from(error: KeptError) -> Self {
        Self::Kept(error)
    }
}

/// Takes what is shown into the findings.
struct Taking {
    findings: Findings,
    /// Why figures are not taken any more.
    failed: Option<BacktestError>,
}

impl Watch for Taking {
    fn show(&mut self, shown: &Shown<'_>) {
        self.findings.take(0, shown, None);
    }

    fn among(&mut self, among: Among) {
        let handed_on = self.findings.hand_on_among(among);
        self.failed = self.failed.take().or(handed_on.err());
    }
}

fn figures(
    data: &DataSet,
    candidate: &Candidate,
    asked: &Asked,
    folder: &Path,
) -> Result<Option<Found>, Failed> {
    let rules = Arc::new(candidate.rules.clone());
    let opened = Past::open(folder, &rules, (&candidate.lists, &candidate.rates))?;
    let Some(mut past) = opened else { return Ok(None) };
    let last_us = if asked.mature_us > 0 { data.span()?.map(|(_, last_us)| last_us) } else { None };
    let span = Span::new(asked.warm_us.unwrap_or_else(|| reach_us(&rules)), asked.mature_us, last_us);
    let findings =
        Findings::new(&rules, Arc::clone(&candidate.explainer), data.calendar(), asked)?.explain_later();
    let (looked_at, all) = past.looked_at();
    let mut taking = Taking { findings, failed: None };
    past.each(span, asked.threads, None, &mut taking)?;
    let Taking { mut findings, failed } = taking;
    failed.map_or(Ok(()), Err)?;
    let (examples, words) = findings.examples_and_words();
    let mut decision = Decision::default();
    past.look(&examples.places(), |at, basis| {
        let (live, shadow) = past.fired_on(at);
        let facts = basis.facts();
        decision_again(&rules, &facts, &basis.circumstances(), (&live, &shadow), &mut decision);
        examples.explain(at, &words.of(&facts, &decision));
    })?;
    let (measured, result, comparison) = findings.finish()?;
    Ok(Some(Found {
        measured: span.measured(past.first_us(), past.warming_and_immature(), measured),
        result,
        against: None,
        comparison,
        events: past.events().clone(),
        prevented: (0, 0),
        kept: Kept::Reused { looked_at, rules: all },
    }))
}
