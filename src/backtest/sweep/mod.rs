//! Every combination of some parameters' values over a data set, in one pass.
//!
//! What is kept of the past is computed once for all combinations that share it, and only what varies is looked at for each: payments
//! on which the same conditions hold are answered alike (`tally`).
//!
//! Promises that a combination's figures are those of a backtest of it, but where what is kept depends on what was decided: then they are
//! labelled `observed`, or each combination has an engine of its own. The results are the same on any number of threads. Must never know
//! how a rule or a window is computed, nor print.

mod belongs;
mod choose;
mod found;
mod grid;
mod group;
mod held;
mod plan;
/// What a sweep found.
pub mod result;
mod stability;
mod tally;
mod totals;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use thiserror::Error;

pub use belongs::OtherSweep;
pub use grid::{COMBINATIONS_MAX, GridError, VALUES_MAX, Vary};
pub use plan::ENGINES_MAX;

use super::PassRates;
use super::data::{Batch, DataError, DataSet};
use super::kept::{self, Cache, Kept, Past};
use super::run::{BacktestError, Course, Events, Span, reach_us};
use super::split::Split;
use crate::engine::{Limits, LimitsError};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Parameter, Quantity, Refused, RuleSet, Sources};
use found::found;
use grid::Grid;
use group::{Ran, Run, Taking, again};
use plan::{Group, Plan};
use result::{Costs, Objective, Swept};

/// Batches that wait for an engine at most.
const BATCHES_MAX: usize = 4;
/// Engines that run at the same time, where each combination has its own.
const AT_ONCE: usize = 8;

/// A rule file with what it needs.
#[derive(Clone, Debug)]
pub struct Tried {
    /// It, with all that it extends.
    pub sources: Sources,
    /// Its lists, as they were at the start.
    pub lists: Lists,
    /// Its rates.
    pub rates: Rates,
}

/// What is asked of a sweep.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is varied; of several the last is the fastest.
    pub vary: Vec<Vary>,
    /// Whether each combination has an engine of its own: slow, and its own past whatever that depends on.
    pub exact: bool,
    /// Who passes a step-up.
    pub pass: PassRates,
    /// What is chosen.
    pub objective: Objective,
    /// How many payments a day may be flagged.
    pub budget: Option<f64>,
    /// What bothering people costs.
    pub costs: Costs,
    /// The share of the measured time that values are chosen by, from 0 to 1.
    pub split: f64,
    /// Replicates of the bootstrap; 0 for none.
    pub replicates: u32,
    /// What it draws from.
    pub seed: u64,
    /// How long windows are let warm; `None` for the longest window of all combinations.
    pub warm_us: Option<i64>,
    /// How long a label takes to be mature.
    pub mature_us: i64,
    /// Bounds of the engines.
    pub limits: Limits,
    /// Where what payments are decided from is kept, and read again; `None` for nowhere.
    pub cache: Option<Cache>,
    /// Threads of the bootstrap, and of what looks at what is kept; nothing depends on how many there are.
    pub threads: usize,
}

/// What a sweep found, with what became of the events.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it found.
    pub swept: Swept,
    /// What became of the events.
    pub events: Events,
    /// What became of what is kept of the past, by engine.
    pub kept: Vec<Kept>,
}

/// Why a sweep can't be done.
#[derive(Debug, Error)]
pub enum SweepError {
    /// Nothing can be varied so.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The rule file can't be used.
    #[error(transparent)]
    Rules(#[from] Refused),
    /// With these values it can't be used.
    #[error("the rule file can't be used with {with}: {why}")]
    Refused {
        /// The values.
        with: String,
        /// Why not.
        why: Refused,
    },
    /// There are too many engines.
    #[error(
        "this needs more than {ENGINES_MAX} engines beside that of the rule file as it is, since what they keep depends on it: {0}; give fewer values there, or sweep one after the other"
    )]
    Engines(String),
    /// The data set or an engine fails.
    #[error(transparent)]
    Run(#[from] BacktestError),
}

impl From<DataError> for SweepError {
    fn from(error: DataError) -> Self {
        Self::Run(error.into())
    }
}

impl From<LimitsError> for SweepError {
    fn from(error: LimitsError) -> Self {
        Self::Run(error.into())
    }
}

/// Sweeps a rule file over a data set. `progress` is told how many rows have been given to engines.
///
/// # Errors
///
/// Where nothing can be varied so, the rule file can't be used with some values, or the data set fails.
pub fn sweep(
    data: &DataSet,
    tried: &Tried,
    asked: &Asked,
    mut progress: impl FnMut(u64),
) -> Result<Found, SweepError> {
    asked.limits.check()?;
    let base = tried.sources.rule_set()?;
    let grid = Grid::new(&asked.vary, &tried.sources.parameters()?)?;
    let combinations = grid.combinations();
    let plan = match asked.exact {
        true => Plan::afresh(&tried.sources, &grid, &base, &combinations),
        false => Plan::shared(&tried.sources, &grid, &base, &combinations)?,
    };
    let last_us = data.span()?.map(|(_, last_us)| last_us);
    let span = Span::new(warm_us(&plan, asked)?, asked.mature_us, last_us);
    let split = Split::new(span, asked.split, last_us);
    let labels = data.labels()?;
    let mut ran = Vec::with_capacity(plan.groups.len());
    let mut rows = 0;
    for groups in plan.groups.chunks(if asked.exact { AT_ONCE } else { plan.groups.len().max(1) }) {
        let mut runs = Vec::with_capacity(groups.len());
        for group in groups {
            let rules = plan.rules(group)?;
            let folder = folder(data, tried, &rules, asked)?;
            let taking = || Taking::new(&plan.varied, &plan.versions, split, asked);
            if let Some(folder) = &folder
                && let Some(again) = from_kept(folder, &rules, tried, taking(), (span, asked, group))
            {
                progress(again.events.read);
                ran.push(again);
                continue;
            }
            let beside = (tried.lists.clone(), tried.rates.clone());
            let course = Course::new(rules, beside, &labels, asked.limits, span);
            // What all have in common is kept once.
            let folder = folder.as_deref().filter(|folder| runs.is_empty() || kept::is_begun(folder));
            let run = Run::new(course, taking(), folder);
            runs.push((run, group.combinations.clone()));
        }
        if !runs.is_empty() {
            ran.extend(pass(data, &base, runs, &mut rows, &mut progress)?);
        }
    }
    // As though all had gone over the data.
    ran.sort_by_key(|ran| ran.combinations.first().copied());
    found(&base, &grid, &combinations, asked, split, &ran)
}

/// Where what a rule set's payments are decided from is kept; `None` where it is not. Each combination afresh is to know nothing of
/// another.
fn folder(
    data: &DataSet,
    tried: &Tried,
    rules: &RuleSet,
    asked: &Asked,
) -> Result<Option<PathBuf>, BacktestError> {
    let may_be = !asked.exact && kept::why_not(rules, false, &[]).is_none();
    let Some(cache) = asked.cache.as_ref().filter(|_| may_be) else { return Ok(None) };
    Ok(Some(cache.room_for(data, (rules, &tried.lists, &tried.rates), &asked.limits)?))
}

/// What comes of what is kept; `None` where something is not there, or not as it was written.
fn from_kept(
    folder: &Path,
    rules: &RuleSet,
    tried: &Tried,
    taking: Taking<'_>,
    (span, asked, group): (Span, &Asked, &Group),
) -> Option<Ran> {
    let rules = Arc::new(rules.clone());
    let past = Past::open(folder, &rules, (&tried.lists, &tried.rates));
    let ran = past.and_then(|past| {
        past.map(|past| again(past, taking, span, asked.threads, group.combinations.clone())).transpose()
    });
    ran.unwrap_or_else(|error| {
        error.forget(folder);
        None
    })
}

/// How long windows are let warm: the same for all combinations, so that the same payments are measured.
fn warm_us(plan: &Plan<'_>, asked: &Asked) -> Result<i64, SweepError> {
    let longest = || {
        let reach = |group| plan.rules(group).map(|rules| reach_us(&rules));
        plan.groups.iter().map(reach).try_fold(0, |longest, reach| Ok(longest.max(reach?)))
    };
    asked.warm_us.map_or_else(longest, Ok)
}

/// Every row once through each of some engines, each on a thread of its own.
fn pass(
    data: &DataSet,
    base: &RuleSet,
    runs: Vec<(Run<'_>, Vec<usize>)>,
    rows: &mut u64,
    progress: &mut impl FnMut(u64),
) -> Result<Vec<Ran>, BacktestError> {
    let events = data.events(&base.schema)?;
    std::thread::scope(|scope| {
        let (mut ways, mut running) = (Vec::new(), Vec::new());
        for (mut run, combinations) in runs {
            let (way, batches) = sync_channel::<Arc<Batch>>(BATCHES_MAX);
            ways.push(way);
            running.push(scope.spawn(move || {
                batches.into_iter().for_each(|batch| run.batch(&batch));
                run.finish(combinations)
            }));
        }
        let mut failed = None;
        for batch in events {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            *rows += batch.rows() as u64;
            // Where one ended early, joining it tells.
            if ways.iter().any(|way| way.send(Arc::clone(&batch)).is_err()) {
                break;
            }
            progress(*rows);
        }
        drop(ways);
        let joined = running.into_iter().map(|running| running.join().map_err(|_| BacktestError::Ended));
        let joined: Result<Vec<Ran>, BacktestError> = joined.collect();
        failed.map_or(joined, |error| Err(error.into()))
    })
}

/// The rule file with a combination's values in place of its own, and which texts that changes: the file's name and its new text.
///
/// # Errors
///
/// Where the rule file, or what it would be, can't be used.
pub fn rewritten(sources: &Sources, values: &[(&str, &str)]) -> Result<Vec<(String, String)>, SweepError> {
    let parameters = sources.parameters()?;
    let mut set: Vec<(&Parameter, Quantity)> = Vec::new();
    for (name, value) in values {
        set.push(grid::value(&parameters, name, value)?);
    }
    let set: Vec<(&Parameter, &Quantity)> =
        set.iter().map(|(parameter, value)| (*parameter, value)).collect();
    let changed = sources.with_values(&set);
    changed.rule_set()?;
    let pairs = sources.files().zip(changed.files());
    Ok(pairs
        .filter(|(old, new)| old.text != new.text)
        .map(|(_, new)| (new.name.to_owned(), new.text.to_owned()))
        .collect())
}
