//! A rule set over a data set: every event through the engine, in order, with what came of it.
//!
//! Promises that what decides is [`Engine::step`] and nothing else; that the result does not depend on threads (decoding, each rule
//! set, its figures, and writing have one each, and hand batches on in order); and that no more than a few batches of events are held. Must
//! never know what a figure means, nor how a data set is stored.

mod again;
mod columns;
mod course;
mod facts;
mod findings;
mod later;
mod measuring;
mod parquet;
mod span;
mod tally;
mod verdicts;
mod what_if;
mod without;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(super) use course::{Basis, Course, Shown, is_decision_fed, reads_labels};
pub use span::Span;
pub(super) use span::{Stands, reach_us};
pub use what_if::WhatIf;

use super::data::{Batch, DataError, DataSet, Labels};
use super::evaluate::{self, Comparison};
use super::kept::{self, Cache, Kept};
use super::report::{Counted, Evaluation, Measured, Mode};
use crate::engine::{Limits, LimitsError};
use crate::explain::Explainer;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::RuleSet;
use columns::Columns;
use parquet::DecisionsFile;
use verdicts::Verdicts;
use worker::Worker;

/// Batches that wait between two threads at most.
const BATCHES_MAX: usize = 4;

/// A rule set that is tried.
#[derive(Debug)]
pub struct Candidate {
    /// It, compiled.
    pub rules: RuleSet,
    /// Its lists, as they were at the start.
    pub lists: Lists,
    /// Its rates.
    pub rates: Rates,
    /// What puts its decisions into words.
    pub explainer: Arc<Explainer>,
}

/// What is asked of a backtest.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How payments that are stopped are treated.
    pub what_if: WhatIf,
    /// How figures are taken.
    pub evaluate: evaluate::Settings,
    /// How long windows are let warm; `None` for the longest window of the rule sets.
    pub warm_us: Option<i64>,
    /// How long a label takes to be mature.
    pub mature_us: i64,
    /// Bounds of the engines.
    pub limits: Limits,
    /// Whether every feature is written, and not only those that rules read.
    pub all_features: bool,
    /// Where the decisions go, as Parquet; `None` for nowhere.
    pub decisions: Option<PathBuf>,
    /// Where what payments are decided from is kept, and read again where decisions are not written and nothing is held against the
    /// rule set; `None` for nowhere.
    pub cache: Option<Cache>,
    /// Threads that look at what is kept; nothing depends on how many there are.
    pub threads: usize,
}

/// What a backtest found.
#[derive(Clone, Debug)]
pub struct Found {
    /// How the rule set did.
    pub result: Evaluation,
    /// How the other one did.
    pub against: Option<Evaluation>,
    /// What the two decide otherwise.
    pub comparison: Option<Comparison>,
    /// What was measured.
    pub measured: Measured,
    /// What became of the events.
    pub events: Events,
    /// Payments that did not happen because rules stopped them, and later events about those.
    pub prevented: (u64, u64),
    /// What became of what is kept of the past.
    pub kept: Kept,
}

/// What became of the events of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Events read.
    pub read: u64,
    /// By kind.
    pub kinds: Vec<Counted>,
    /// Rows that are no event, by reason.
    pub bad_rows: Vec<Counted>,
    /// Refused, by reason.
    pub refused: Vec<Counted>,
    /// That came again.
    pub repeated: u64,
    /// The first and the last time.
    pub times_us: Option<(i64, i64)>,
}

/// Why a backtest can't be done.
#[derive(Debug, Error)]
pub enum BacktestError {
    /// The data set fails.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The bounds are none.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The decisions can't be put into columns.
    #[error("decisions can't be put into columns: {0}")]
    Columns(#[from] ArrowError),
    /// The decisions can't be written.
    #[error("{path} can't be written: {source}; make room, or choose another --out")]
    Write {
        /// Where.
        path: String,
        /// Why not.
        source: ParquetError,
    },
    /// The same, by the file system.
    #[error("{path} can't be written: {source}; make room, or choose another --out")]
    File {
        /// Where.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A thread ended without a word.
    #[error("a thread of the backtest ended early; this is a fault of weir")]
    Ended,
}

/// Runs rule sets over a data set. `progress` is told how many rows have been given to the engine.
///
/// # Errors
///
/// Where the data set fails, or what was decided can't be written. A row that is no event is none: it is counted.
pub fn run(
    data: &DataSet,
    candidate: Candidate,
    against: Option<Candidate>,
    asked: &Asked,
    mut progress: impl FnMut(u64),
) -> Result<Found, BacktestError> {
    asked.limits.check()?;
    let folder = folder(data, &candidate, asked)?;
    let from_kept = against.is_none() && asked.decisions.is_none();
    if let Some(Ok(folder)) = folder.as_ref().filter(|_| from_kept)
        && let Some(found) = again::again(data, &candidate, asked, folder)?
    {
        progress(found.events.read);
        return Ok(found);
    }
    let file = asked.decisions.as_deref().map(DecisionsFile::create);
    let found = in_threads(data, candidate, against, asked, (file.as_ref(), folder.as_ref()), &mut progress);
    // Where nothing was measured, what an earlier backtest left stays.
    let is_good = found.as_ref().is_ok_and(|found| found.measured.payments > 0);
    file.map_or(Ok(()), |file| file.finish(is_good))?;
    found
}

/// Where what a rule set's payments are decided from is kept, or why it is not; `None` where that is not asked for.
fn folder(
    data: &DataSet,
    candidate: &Candidate,
    asked: &Asked,
) -> Result<Option<Result<PathBuf, String>>, BacktestError> {
    let Some(cache) = &asked.cache else { return Ok(None) };
    if asked.what_if.mode == Mode::Simulated {
        return Ok(Some(Err(
            "what happens follows from what is decided, with --what-if simulated".to_owned()
        )));
    }
    if let Some(why) = kept::why_not(&candidate.rules, false, &[]) {
        return Ok(Some(Err(why)));
    }
    let beside = (&candidate.rules, &candidate.lists, &candidate.rates);
    Ok(Some(Ok(cache.room_for(data, beside, &asked.limits)?)))
}

fn in_threads(
    data: &DataSet,
    candidate: Candidate,
    against: Option<Candidate>,
    asked: &Asked,
    (file, folder): (Option<&DecisionsFile>, Option<&Result<PathBuf, String>>),
    progress: &mut impl FnMut(u64),
) -> Result<Found, BacktestError> {
    let reach = |candidate: &Candidate| reach_us(&candidate.rules);
    let longest = against.as_ref().map_or(0, reach).max(reach(&candidate));
    let last_us = if asked.mature_us > 0 { data.span()?.map(|(_, last_us)| last_us) } else { None };
    let span = Span::new(asked.warm_us.unwrap_or(longest), asked.mature_us, last_us);
    let labels = data.labels()?;
    let columns = file.map(|_| Columns::new(&candidate.rules, asked.all_features));
    let events = data.events(&candidate.rules.schema)?;
    // Where the rule sets declare other fields than each other, the data is read for each; batches are the same.
    let apart = against.as_ref().filter(|old| old.rules.schema != candidate.rules.schema);
    let mut apart = apart.map(|old| data.events(&old.rules.schema)).transpose()?;
    let workers = Workers { data, labels: &labels, asked, span };
    let mut old = against.map(|old| workers.worker(old, None)).transpose()?;
    let mut new = workers.worker(candidate, columns)?;
    let not_kept = folder.and_then(|folder| match folder {
        Ok(folder) => new.keeps(folder).err(),
        Err(why) => Some(why.clone()),
    });
    if let Some(old) = &mut old {
        new.compares_with(old, asked.evaluate.examples);
    }
    std::thread::scope(|scope| {
        let (to_new, for_new) = sync_channel::<Arc<Batch>>(BATCHES_MAX);
        let (to_file, for_file) = sync_channel::<RecordBatch>(BATCHES_MAX);
        let (mut to_old, mut verdicts, mut old_done) = (None, None, None);
        if let Some(mut old) = old.take() {
            let (say, said) = sync_channel::<Verdicts>(BATCHES_MAX);
            verdicts = Some(said);
            old_done = Some(match apart.take() {
                Some(events) => scope.spawn(move || old_side(&mut old, events, &say).map(|()| old)),
                None => {
                    let (to, batches) = sync_channel::<Arc<Batch>>(BATCHES_MAX);
                    to_old = Some(to);
                    let batches = batches.into_iter().map(Ok);
                    scope.spawn(move || old_side(&mut old, batches, &say).map(|()| old))
                }
            });
        }
        let new_done =
            scope.spawn(move || new_side(&mut new, &for_new, verdicts.as_ref(), &to_file).map(|()| new));
        let written = file.map(|file| scope.spawn(move || file.write_all(&for_file)));
        let mut rows = 0;
        let mut failed = None;
        for batch in events {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            rows += batch.rows() as u64;
            let sent = to_old.as_ref().is_none_or(|to| to.send(Arc::clone(&batch)).is_ok());
            if !sent || to_new.send(batch).is_err() {
                break;
            }
            progress(rows);
        }
        drop((to_old, to_new));
        let new = new_done.join().map_err(|_| BacktestError::Ended)?;
        let old = old_done.map(|old| old.join().map_err(|_| BacktestError::Ended)).transpose()?;
        // What failed first is told: a side that ended early ends those that it hands on to.
        failed.map_or(Ok(()), |error| Err(BacktestError::Data(error)))?;
        if let Some(written) = written {
            written.join().map_err(|_| BacktestError::Ended)??;
        }
        let old = old.transpose()?.map(Worker::finish).transpose()?;
        let found = Found { against: old.map(|old| old.result), ..new?.finish()? };
        Ok(match not_kept {
            Some(why) => Found { kept: Kept::Not(why), ..found },
            None => found,
        })
    })
}

/// What all workers are made of.
struct Workers<'a> {
    data: &'a DataSet,
    labels: &'a Labels,
    asked: &'a Asked,
    span: Span,
}

impl<'a> Workers<'a> {
    fn worker(&self, candidate: Candidate, columns: Option<Columns>) -> Result<Worker<'a>, BacktestError> {
        Worker::new(candidate, self.labels, self.data.calendar(), self.asked, self.span, columns)
    }
}

fn old_side(
    worker: &mut Worker<'_>,
    batches: impl Iterator<Item = Result<Arc<Batch>, DataError>>,
    verdicts: &SyncSender<Verdicts>,
) -> Result<(), BacktestError> {
    for batch in batches {
        worker.batch(&*batch?, None)?;
        if verdicts.send(worker.take_verdicts()).is_err() {
            break;
        }
    }
    Ok(())
}

fn new_side(
    worker: &mut Worker<'_>,
    batches: &Receiver<Arc<Batch>>,
    verdicts: Option<&Receiver<Verdicts>>,
    decisions: &SyncSender<RecordBatch>,
) -> Result<(), BacktestError> {
    for batch in batches {
        let old = match verdicts.map(Receiver::recv) {
            Some(Ok(old)) => Some(old),
            // The other side has failed, and says why.
            Some(Err(_)) => break,
            None => None,
        };
        worker.batch(&batch, old.as_ref())?;
        if let Some(written) = worker.take_columns()?
            && decisions.send(written).is_err()
        {
            break;
        }
    }
    Ok(())
}
