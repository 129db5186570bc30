//! weir: exact rolling aggregates, rule files, and a decision for every payment.
//!
//! The map, in reading order:

/// What goes out: decisions.
pub mod decision;
/// `step`: rules and state together.
pub mod engine;
/// What comes in: events of every kind, validated.
pub mod event;
/// Exact money.
pub mod money;
/// Rule files, checked and compiled.
pub mod rules;
/// Rolling aggregates in columnar memory.
pub mod state;
/// Microseconds and calendars.
pub mod time;
