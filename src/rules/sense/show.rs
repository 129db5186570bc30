//! Values and ranges in the words of a rule file, for messages.

use super::values::Values;
use crate::digits::grouped;
use crate::money::{self, Currency};
use crate::rules::names::listed;
use crate::rules::types::{Type, Unit};
use crate::time::{format_duration, format_time};

/// A whole number of a unit.
fn whole(value: i64, unit: Unit, currency: Currency) -> String {
    match unit {
        Unit::Plain => grouped(&value.to_string(), '_'),
        Unit::Duration if value == 0 => "0s".to_owned(),
        Unit::Duration => format_duration(value),
        Unit::Time => format_time(value),
        Unit::Money => {
            let places = money::decimals(currency);
            let one = 10_i64.checked_pow(places).unwrap_or(1);
            let sign = if value < 0 { "-" } else { "" };
            let (major, minor) =
                (value.unsigned_abs() / one.unsigned_abs(), value.unsigned_abs() % one.unsigned_abs());
            let major = grouped(&major.to_string(), '_');
            if places == 0 {
                format!("{sign}{major}")
            } else {
                format!("{sign}{major}.{minor:0>width$}", width = places as usize)
            }
        }
    }
}

/// The one value that these are, if they are one.
pub(super) fn value(values: &Values<'_>, ty: Type, currency: Currency) -> Option<String> {
    let unit = ty.as_number().map_or(Unit::Plain, |(unit, _)| unit);
    match values {
        Values::Whole(low, high) if low == high => Some(whole(*low, unit, currency)),
        Values::Decimal(low, high) if low == high && unit == Unit::Plain => Some(low.to_string()),
        Values::Truth(holds, fails) if holds != fails => Some(holds.to_string()),
        Values::Words(words) => match words.as_slice() {
            [word] => Some(format!("'{word}'")),
            _ => None,
        },
        _ => None,
    }
}

/// What these values are: `0 to 23`, `at least 5`; `None` where there is nothing to say.
pub(super) fn values(values: &Values<'_>, ty: Type, currency: Currency) -> Option<String> {
    if let Some(value) = value(values, ty, currency) {
        return Some(value);
    }
    let unit = ty.as_number().map_or(Unit::Plain, |(unit, _)| unit);
    match values {
        Values::Whole(i64::MIN, i64::MAX) => None,
        Values::Whole(i64::MIN, high) => Some(format!("at most {}", whole(*high, unit, currency))),
        Values::Whole(low, i64::MAX) => Some(format!("at least {}", whole(*low, unit, currency))),
        Values::Whole(low, high) => {
            Some(format!("{} to {}", whole(*low, unit, currency), whole(*high, unit, currency)))
        }
        Values::Decimal(low, high) if unit == Unit::Plain && low.abs() < 1e9 && high.abs() < 1e9 => {
            Some(format!("{low} to {high}"))
        }
        Values::Decimal(low, _) if *low == 0.0 => Some("at least 0".to_owned()),
        Values::Words(words) if words.len() <= 12 => Some(format!("one of {}", listed(words, "or"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_a_rule_file_writes_them() {
        let vnd = |values: Values<'_>| super::values(&values, Type::MONEY, Currency::VND).unwrap();
        assert_eq!(vnd(Values::Whole(0, 10_000_000)), "0 to 10_000_000");
        assert_eq!(vnd(Values::Whole(-5, i64::MAX)), "at least -5");
        let usd = super::values(&Values::Whole(123_456, 123_456), Type::MONEY, Currency::USD);
        assert_eq!(usd.as_deref(), Some("1_234.56"));
        let day = super::values(&Values::Whole(0, 86_400_000_000), Type::DURATION, Currency::VND);
        assert_eq!(day.as_deref(), Some("0s to 1d"));
        assert_eq!(super::values(&Values::Any, Type::Text, Currency::VND), None);
    }
}
