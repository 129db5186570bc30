//! Cases: short streams of events with what a rule set must say to them, beside every rule pack.
//!
//! Promises that a case runs on the same engine as everything else. Must never know a file: text comes in.

mod events;
mod file;
mod lists;
mod rates;
mod run;

pub use file::{Case, CasesError, Expectation, Given, parse};
pub use run::{CaseReport, Coverage, coverage, run};
