//! Conditions and values, typed and ready to evaluate.

use crate::decision::Reading;
use crate::event::Event;

/// All that an expression may read while one event is decided.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The event itself.
    pub event: &'a Event,
    /// The features of the rule set, by position; empty where only fields may be read (`where`).
    pub features: &'a [Reading],
    /// Hour of the event in the rule set's time zone, 0 to 23.
    pub hour: i64,
    /// Weekday of the event in the rule set's time zone, 1 (Monday) to 7 (Sunday).
    pub weekday: i64,
}

/// A three-valued condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition;

impl Condition {
    /// True, false, or `None` for unknown.
    pub fn holds(&self, _facts: &Facts<'_>) -> Option<bool> {
        None
    }
}
