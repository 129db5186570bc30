//! Whole numbers: integers, money in minor units, times and durations in microseconds.

use std::sync::Arc;

use super::{Common, Expression, Facts, TextExpr};
use crate::decision::Value;
use crate::event::ExtraValue;
use crate::money::Currency;

/// A whole number.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) enum WholeExpr {
    /// The same for every event.
    Constant(Option<i64>),
    /// The event's amount in minor units.
    Amount,
    /// When it happened.
    Time,
    /// When it was received.
    Received,
    /// The level of a list entry.
    Level,
    /// The hour in the rule set's time zone.
    Hour,
    /// The weekday in the rule set's time zone.
    Weekday,
    /// An extra field.
    Extra(usize),
    /// A feature.
    Feature(usize),
    /// A feature, whatever its quality.
    FeatureAsItIs(usize),
    /// A table by position, with its values.
    Table(usize, Arc<[i64]>),
    /// Two numbers and an operator.
    Arithmetic(WholeOp, Box<(WholeExpr, WholeExpr)>),
    /// Unary minus.
    Negate(Box<WholeExpr>),
    /// `abs`.
    Absolute(Box<WholeExpr>),
    /// The level of a text on the list of this position.
    ListLevel(Box<TextExpr>, usize),
    /// An amount in minor units of the first currency, in those of the second at the event's time.
    Money(i64, Currency, Currency),
    /// A choice.
    Common(Common<WholeExpr>),
}

/// An operator on whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::rules) enum WholeOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `%`, with the sign of the dividend as in SQL.
    Remainder,
}

impl Expression for WholeExpr {
    type Value<'f> = i64;

    #[inline]
    fn value<'f>(&'f self, facts: &'f Facts<'_>) -> Option<i64> {
        match self {
            Self::Constant(value) => *value,
            Self::Amount => facts.event.amount().map(|money| money.minor),
            Self::Time => Some(facts.event.time_us()),
            Self::Received => facts.event.received_us(),
            Self::Level => facts.event.level(),
            Self::Hour => Some(facts.hour),
            Self::Weekday => Some(facts.weekday),
            Self::Extra(position) => match facts.event.extra(*position)? {
                ExtraValue::Whole(value) => Some(value),
                _ => None,
            },
            Self::Feature(position) => match facts.features.get(*position)?.known() {
                Value::Whole(value) => Some(value),
                _ => None,
            },
            _ => self.computed(facts),
        }
    }
}

impl WholeExpr {
    /// What has parts; apart from the leaves, so that those are evaluated where they stand, without a call.
    #[inline(never)]
    fn computed(&self, facts: &Facts<'_>) -> Option<i64> {
        match self {
            Self::Arithmetic(op, sides) => {
                let (left, right) = (sides.0.value(facts)?, sides.1.value(facts)?);
                match op {
                    WholeOp::Add => left.checked_add(right),
                    WholeOp::Subtract => left.checked_sub(right),
                    WholeOp::Multiply => left.checked_mul(right),
                    // The least integer % -1 is 0, though its quotient overflows.
                    WholeOp::Remainder => (right != 0).then(|| left.wrapping_rem(right)),
                }
            }
            Self::FeatureAsItIs(position) => match facts.features.get(*position)?.value {
                Value::Whole(value) => Some(value),
                _ => None,
            },
            Self::Table(table, values) => facts.row(*table).and_then(|row| values.get(row).copied()),
            Self::Negate(operand) => operand.value(facts)?.checked_neg(),
            Self::Absolute(operand) => operand.value(facts)?.checked_abs(),
            Self::ListLevel(key, list) => facts.listed(*list, key.value(facts)?)?.level,
            Self::Money(minor, from, to) => facts.rate(*from)?.convert(*minor, *from, *to),
            Self::Common(common) => common.value(facts),
            _ => None,
        }
    }
}
