//! Who passes a step-up.
//!
//! Promises a share from 0 to 1, whatever was given. Must never know what follows from it.

use std::collections::BTreeMap;

use super::Truth;
use crate::rules::Label;

/// The shares of those who pass a step-up, from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct PassRates {
    /// Of payments that are genuine, or of which nothing is known.
    pub genuine: f64,
    /// Of frauds, where their kind says nothing else.
    pub fraud: f64,
    /// Of frauds by kind: the victim of a scam authenticates.
    pub by_kind: BTreeMap<String, f64>,
}

impl Default for PassRates {
    fn default() -> Self {
        Self { genuine: 0.95, fraud: 0.2, by_kind: BTreeMap::new() }
    }
}

impl PassRates {
    /// The share of such payments that pass.
    pub fn of(&self, truth: Truth<'_>) -> f64 {
        let share = match truth.label {
            Some(Label::Fraud) => {
                truth.kind.and_then(|kind| self.by_kind.get(kind)).copied().unwrap_or(self.fraud)
            }
            Some(Label::Genuine) | None => self.genuine,
        };
        // What is no number passes: nothing is then counted as caught.
        if share <= 1.0 { share.max(0.0) } else { 1.0 }
    }
}
