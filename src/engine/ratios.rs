//! Ratios: features that are computed from others once those are read, and kept by no ledger.

use super::gather::number;
use crate::decision::{Reading, Value};
use crate::event::Event;
use crate::rules::{Aggregate, Operand, RuleSet};

/// The ratios of a rule set that are read.
#[derive(Debug)]
pub(crate) struct Ratios(Vec<Ratio>);

#[derive(Debug)]
struct Ratio {
    position: usize,
    of: Operand,
    to: usize,
}

impl Ratios {
    /// Those of a rule set that are `read`, by position.
    pub(crate) fn new(rules: &RuleSet, read: impl Fn(usize) -> bool) -> Self {
        let ratio = |(position, aggregate): (usize, Aggregate)| match aggregate {
            Aggregate::Ratio { of, to } if read(position) => Some(Ratio { position, of, to }),
            _ => None,
        };
        let aggregates = rules.features.iter().map(|feature| feature.aggregate).enumerate();
        Self(aggregates.filter_map(ratio).collect())
    }

    /// Computes them for an event whose other features are read.
    #[inline]
    pub(crate) fn read(&self, event: &Event, readings: &mut [Reading]) {
        for &Ratio { position, of, to } in &self.0 {
            let of = match of {
                Operand::Field(field) => Reading {
                    value: number(event, field).map_or(Value::Null, Value::Whole),
                    ..Reading::default()
                },
                Operand::Feature(position) => readings[position],
            };
            let to = readings[to];
            readings[position] =
                Reading { value: quotient(of.value, to.value), quality: of.quality.max(to.quality) };
        }
    }
}

/// One over the other; null where either is no number, or the other is 0.
pub(super) fn quotient(of: Value, to: Value) -> Value {
    let number = |value| match value {
        Value::Whole(value) => Some(value as f64),
        Value::Decimal(value) => Some(value),
        Value::Null | Value::Boolean(_) => None,
    };
    let quotient = number(of).zip(number(to)).map(|(of, to)| of / to).filter(|quotient| quotient.is_finite());
    quotient.map_or(Value::Null, Value::Decimal)
}
