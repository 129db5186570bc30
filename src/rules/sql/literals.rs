//! Literals: numbers that have no unit yet, intervals and times.

use sqlparser::ast::{DataType, Expr, Interval, TypedString, Value, ValueWithSpan};

use super::resolve::Resolver;
use super::tree::{Node, Operator, Tree};
use crate::rules::problem::Problem;
use crate::rules::types::{Form, Type};
use crate::time::{DAY_US, SECOND_US, parse_time};

/// A number as it is written, exactly; or a quotient of such, which need not end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::rules) enum Literal {
    /// `mantissa / 10^scale`
    Exact {
        mantissa: i128,
        scale: u32,
    },
    Quotient(f64),
}

/// Most decimals that are kept; more than any currency or double has.
const SCALE_MAX: u32 = 30;

impl Literal {
    /// Reads digits with an optional point and exponent; `None` where they are too many.
    pub(in crate::rules) fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', "");
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text.as_str(), 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut mantissa = format!("{whole}{fraction}").parse::<i128>().ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale < 0 {
            mantissa = mantissa.checked_mul(10i128.checked_pow(scale.unsigned_abs())?)?;
        }
        let scale = u32::try_from(scale.max(0)).ok()?;
        (scale <= SCALE_MAX).then_some(Self::Exact { mantissa, scale })
    }

    /// How it is written.
    pub(in crate::rules) fn form(self) -> Form {
        match self {
            Self::Exact { scale: 0, .. } => Form::Whole,
            Self::Exact { .. } => Form::Point,
            Self::Quotient(_) => Form::Quotient,
        }
    }

    /// Its value in a unit that is `10^places` smaller, where that is a whole number.
    pub(in crate::rules) fn whole(self, places: u32) -> Option<i64> {
        let Self::Exact { mantissa, scale } = self else { return None };
        let scaled = match places.checked_sub(scale) {
            Some(up) => mantissa.checked_mul(10i128.checked_pow(up)?)?,
            None => {
                let down = 10i128.checked_pow(scale - places)?;
                (mantissa % down == 0).then_some(mantissa / down)?
            }
        };
        i64::try_from(scaled).ok()
    }

    /// The double nearest to its value in a unit that is `10^places` smaller.
    pub(in crate::rules) fn decimal(self, places: u32) -> Option<f64> {
        let value = match self {
            Self::Exact { mantissa, scale } => {
                format!("{mantissa}e{}", i64::from(places) - i64::from(scale)).parse().ok()?
            }
            Self::Quotient(value) => value * 10i64.checked_pow(places)? as f64,
        };
        value.is_finite().then_some(value)
    }

    /// Two literals and an operator; `None` where the result is too long to hold, or there is none.
    pub(in crate::rules) fn combine(self, operator: Operator, other: Self) -> Option<Self> {
        let quotient = |value: f64| value.is_finite().then_some(Self::Quotient(value));
        if let (Self::Exact { mantissa: a, scale: s }, Self::Exact { mantissa: b, scale: t }) = (self, other)
        {
            let scale = s.max(t);
            let left = a.checked_mul(10i128.checked_pow(scale - s)?)?;
            let right = b.checked_mul(10i128.checked_pow(scale - t)?)?;
            let exact = |mantissa, scale| (scale <= SCALE_MAX).then_some(Self::Exact { mantissa, scale });
            return match operator {
                Operator::Add => exact(left.checked_add(right)?, scale),
                Operator::Subtract => exact(left.checked_sub(right)?, scale),
                Operator::Multiply => exact(a.checked_mul(b)?, s + t),
                Operator::Remainder => exact(left.checked_rem(right)?, scale),
                Operator::Divide => quotient(self.decimal(0)? / other.decimal(0)?),
            };
        }
        let (left, right) = (self.decimal(0)?, other.decimal(0)?);
        match operator {
            Operator::Add => quotient(left + right),
            Operator::Subtract => quotient(left - right),
            Operator::Multiply => quotient(left * right),
            Operator::Divide => quotient(left / right),
            Operator::Remainder => None,
        }
    }

    /// The same with the other sign.
    pub(in crate::rules) fn negate(self) -> Option<Self> {
        Some(match self {
            Self::Exact { mantissa, scale } => Self::Exact { mantissa: mantissa.checked_neg()?, scale },
            Self::Quotient(value) => Self::Quotient(-value),
        })
    }
}

impl Resolver<'_> {
    /// A literal of any kind.
    pub(in crate::rules) fn value(&mut self, value: &ValueWithSpan) -> Option<Tree> {
        let span = self.source.range(value.span);
        let (node, ty) = match &value.value {
            Value::Null => (Node::Null, Type::Null),
            Value::Boolean(truth) => (Node::Boolean(*truth), Type::Boolean),
            Value::SingleQuotedString(text) => (Node::Text(text.clone()), Type::Text),
            Value::Number(text, false) => match Literal::parse(text) {
                Some(literal) => (Node::Literal(literal), Type::Open(literal.form())),
                None => {
                    return self.fail(Problem::error(span, format!("`{text}` is too long a number"), "here"));
                }
            },
            _ => return self.unsupported(span, "this kind of literal"),
        };
        Some(Tree::new(node, ty, span))
    }

    /// `interval '24 hours'`, `interval '30' minute`.
    pub(in crate::rules) fn interval(&mut self, interval: &Interval) -> Option<Tree> {
        let Expr::Value(value) = interval.value.as_ref() else {
            return self.unsupported(self.source.whole(), "an interval of anything but a literal");
        };
        let mut span = self.source.with_token_before(self.source.range(value.span));
        if interval.leading_field.is_some() {
            span = self.source.with_token_after(span);
        }
        let (Value::SingleQuotedString(text) | Value::Number(text, false)) = &value.value else {
            return self.unsupported(span, "an interval of anything but a literal");
        };
        if interval.last_field.is_some() || interval.leading_precision.is_some() {
            return self.unsupported(span, "an interval with a precision or with `to`");
        }
        let words = match &interval.leading_field {
            Some(unit) => format!("{text} {unit}"),
            None => text.clone(),
        };
        match read_interval(&words) {
            Ok(us) => Some(Tree::new(Node::Whole(us), Type::DURATION, span)),
            Err(why) => {
                let problem = Problem::error(span, why, "not a duration");
                self.fail(problem.help("write it as interval '24 hours'; units are microseconds to weeks"))
            }
        }
    }

    /// `timestamp '2026-01-01T00:00:00+07:00'`.
    pub(in crate::rules) fn typed_string(&mut self, typed: &TypedString) -> Option<Tree> {
        let span = self.source.with_token_before(self.source.range(typed.value.span));
        let (DataType::Timestamp(..), Value::SingleQuotedString(text)) =
            (&typed.data_type, &typed.value.value)
        else {
            let problem = Problem::error(
                span,
                format!("a literal of type {} is not supported", typed.data_type),
                "not a literal here",
            );
            return self.fail(problem.help("write a time as timestamp '2026-01-01T00:00:00+07:00'"));
        };
        match parse_time(text) {
            Ok(time_us) => Some(Tree::new(Node::Whole(time_us), Type::TIME, span)),
            Err(error) => self.fail(Problem::error(span, error.to_string(), "not a time")),
        }
    }
}

/// Reads pairs of a whole number and a unit.
fn read_interval(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is not a duration");
    let mut words = text.split_whitespace();
    let mut total_us: Option<i64> = None;
    while let Some(number) = words.next() {
        let number: i64 = number.parse().map_err(|_| bad())?;
        let unit = words.next().ok_or_else(bad)?.to_ascii_lowercase();
        let unit_us = match unit.strip_suffix('s').unwrap_or(&unit) {
            "microsecond" => 1,
            "millisecond" => 1_000,
            "second" => SECOND_US,
            "minute" => 60 * SECOND_US,
            "hour" => 3_600 * SECOND_US,
            "day" => DAY_US,
            "week" => 7 * DAY_US,
            "month" | "year" => return Err(format!("a {} has no fixed length", unit.trim_end_matches('s'))),
            _ => return Err(bad()),
        };
        let part_us = number.checked_mul(unit_us).ok_or_else(bad)?;
        total_us = Some(total_us.unwrap_or(0).checked_add(part_us).ok_or_else(bad)?);
    }
    total_us.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_exact() {
        let read = |text| Literal::parse(text).unwrap();
        assert_eq!(read("10_000_000").whole(0), Some(10_000_000));
        assert_eq!(read("0.1").whole(2), Some(10));
        assert_eq!(read("0.001").whole(2), None);
        assert_eq!(read("1e3").whole(0), Some(1_000));
        assert_eq!(read("1.5e1").whole(0), Some(15));
        assert_eq!(read("9223372036854775807").whole(0), Some(i64::MAX));
        assert_eq!(read("9223372036854775808").whole(0), None);
        assert_eq!(read("0.1").decimal(0), Some(0.1));
        assert_eq!(Literal::parse(&"9".repeat(60)), None);
        assert_eq!(Literal::parse("1e2000000000"), None);
        let sum = read("0.1").combine(Operator::Add, read("0.2")).unwrap();
        assert_eq!(sum, Literal::Exact { mantissa: 3, scale: 1 });
        assert_eq!(read("1").combine(Operator::Divide, read("0")), None);
    }

    #[test]
    fn intervals_are_whole_numbers_of_units() {
        assert_eq!(read_interval("24 hours"), Ok(DAY_US));
        assert_eq!(read_interval("1 day 30 Minutes"), Ok(DAY_US + 1_800 * SECOND_US));
        assert_eq!(read_interval("-1 day"), Ok(-DAY_US));
        for text in ["", "24", "hours", "1.5 hours", "1 month", "1 fortnight", "9999999999999 weeks"] {
            assert!(read_interval(text).is_err(), "{text:?} was taken");
        }
    }
}
