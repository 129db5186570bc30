//! Decimal numbers, as IEEE 754 doubles; what is not finite is null.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{Common, Expression, Facts, WholeExpr};
use crate::decision::Value;
use crate::event::ExtraValue;

/// A decimal number.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::rules) enum DecimalExpr {
    /// The same for every event.
    Constant(Option<f64>),
    /// A whole number, rounded to the nearest double.
    Whole(Box<WholeExpr>),
    /// The latitude in degrees.
    Latitude,
    /// The longitude in degrees.
    Longitude,
    /// An extra field.
    Extra(usize),
    /// A feature.
    Feature(usize),
    /// A feature, whatever its quality.
    FeatureAsItIs(usize),
    /// A table by position, with its values.
    Table(usize, Arc<[f64]>),
    /// Two numbers and an operator.
    Arithmetic(DecimalOp, Box<(DecimalExpr, DecimalExpr)>),
    /// Unary minus.
    Negate(Box<DecimalExpr>),
    /// `abs`.
    Absolute(Box<DecimalExpr>),
    /// A choice.
    Common(Common<DecimalExpr>),
}

/// An operator on decimal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::rules) enum DecimalOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// Equal expressions have equal hashes; a double has none of its own.
impl Hash for DecimalExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            // Added to 0, so that the two zeros, which are equal, are one.
            Self::Constant(value) => value.map(|value| (value + 0.0).to_bits()).hash(state),
            Self::Whole(whole) => whole.hash(state),
            Self::Latitude | Self::Longitude => {}
            Self::Extra(position)
            | Self::Feature(position)
            | Self::FeatureAsItIs(position)
            | Self::Table(position, _) => position.hash(state),
            Self::Arithmetic(op, sides) => (op, sides).hash(state),
            Self::Negate(operand) | Self::Absolute(operand) => operand.hash(state),
            Self::Common(common) => common.hash(state),
        }
    }
}

impl Expression for DecimalExpr {
    type Value<'f> = f64;

    fn value<'f>(&'f self, facts: &'f Facts<'_>) -> Option<f64> {
        match self {
            Self::Constant(value) => *value,
            Self::Whole(whole) => whole.value(facts).map(|value| value as f64),
            Self::Latitude => facts.event.latitude_longitude().map(|(latitude, _)| latitude),
            Self::Longitude => facts.event.latitude_longitude().map(|(_, longitude)| longitude),
            Self::Extra(position) => match facts.event.extra(*position)? {
                ExtraValue::Decimal(value) => finite(value),
                _ => None,
            },
            Self::Feature(position) => number(facts.features.get(*position)?.known()),
            Self::FeatureAsItIs(position) => number(facts.features.get(*position)?.value),
            Self::Table(table, values) => facts.row(*table).and_then(|row| values.get(row).copied()),
            Self::Arithmetic(op, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                finite(match op {
                    DecimalOp::Add => left + right,
                    DecimalOp::Subtract => left - right,
                    DecimalOp::Multiply => left * right,
                    DecimalOp::Divide => left / right,
                })
            }
            Self::Negate(operand) => operand.value(facts).map(|value| -value),
            Self::Absolute(operand) => operand.value(facts).map(f64::abs),
            Self::Common(common) => common.value(facts),
        }
    }
}

fn number(value: Value) -> Option<f64> {
    match value {
        Value::Decimal(value) => finite(value),
        Value::Whole(value) => Some(value as f64),
        Value::Boolean(_) | Value::Null => None,
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
