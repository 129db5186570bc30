//! weir: exact rolling aggregates, rule files, and a decision for every payment.
//!
//! The map, in reading order:

/// What goes out: decisions.
pub mod decision;
/// What comes in: events of every kind, validated.
pub mod event;
/// A seeded source of events.
pub mod generate;
/// Exact money.
pub mod money;
/// Rule files, checked and compiled.
pub mod rules;
/// Microseconds and calendars.
pub mod time;
