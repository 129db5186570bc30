//! History through the engine, and what came of it: data sets, backtests, their evaluation and reports, queries.
//!
//! Promises that a backtest decides with the engine that serves, so that equal events give equal decisions; that its results are
//! the same on any number of threads; and that memory does not grow with the number of rows. What reads and queries is DataFusion,
//! which only this module knows. Must never know how a rule or a window is computed.

/// Values of a feature as a column.
mod cells;
/// Data sets: history as files, mapped to events.
pub mod data;
/// Figures of what was decided.
pub mod evaluate;
/// One measured payment.
mod fact;
/// A report to look at.
mod html;
/// What payments were decided from, kept on disk.
mod kept;
/// Who passes a step-up.
mod pass;
/// SQL over data sets, decisions and journals.
pub mod query;
/// What a backtest found.
pub mod report;
/// Rule sets over a data set.
pub mod run;
/// Where the measured time is split.
mod split;
/// Rules that would catch what is missed.
pub mod suggest;
/// Parameters varied over grids.
pub mod sweep;
/// What is said of figures, for people.
pub mod told;

pub use fact::{Fact, Truth};
pub use html::{html, sweep_html};
pub use kept::{Cache, Kept};
pub use pass::PassRates;
