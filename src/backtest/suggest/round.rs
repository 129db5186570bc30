//! Thresholds as people write them.
//!
//! Promises that a threshold is one that a rule file can say exactly. Must never know what it does to a rule.

use super::attributes::Form;
use crate::rules::Unit;
use crate::time::DAY_US;

/// The lengths in which durations are told, the longest first.
const LENGTHS_US: [i64; 4] = [DAY_US, DAY_US / 24, DAY_US / 1_440, 1_000_000];

/// Digits of a decimal threshold.
const DECIMAL_DIGITS: i32 = 4;

/// A threshold at a value or, where a rule file can't say that, just above (`up`) or below it.
pub(super) fn settled(value: f64, form: Form, up: bool) -> f64 {
    let step = |step: f64| if up { (value / step).ceil() * step } else { (value / step).floor() * step };
    match form {
        Form::Number { unit: Unit::Duration, .. } if value.abs() >= 1e6 => step(1e6),
        Form::Number { whole: true, .. } => step(1.0),
        Form::Number { whole: false, .. } => {
            let rounded = significant(value, DECIMAL_DIGITS, up);
            if (up && rounded < value) || (!up && rounded > value) { value } else { rounded }
        }
        Form::Truth | Form::Text => value,
    }
}

/// Rounder thresholds near one, the roundest first; of equally round ones the nearer first.
pub(super) fn rounder(value: f64, form: Form) -> Vec<f64> {
    let mut all = Vec::new();
    let mut add = |of: f64, digits: i32| {
        let mut pair =
            [significant(value / of, digits, false) * of, significant(value / of, digits, true) * of];
        pair.sort_by(|one, other| (one - value).abs().total_cmp(&(other - value).abs()));
        all.extend(pair);
    };
    match form {
        Form::Number { unit: Unit::Duration, .. } => {
            for length_us in LENGTHS_US.map(|length_us| length_us as f64) {
                // Of what is below ten days, whole days are round enough.
                match value.abs() / length_us {
                    0.0..1.0 => {}
                    1.0..10.0 => add(length_us, 1),
                    _ => add(length_us, 2),
                }
            }
        }
        Form::Number { .. } => {
            add(1.0, 2);
            add(1.0, 3);
        }
        Form::Truth | Form::Text => {}
    }
    let whole = matches!(form, Form::Number { whole: true, .. });
    all.retain(|round| round.is_finite() && *round != value && (!whole || round.fract() == 0.0));
    all
}

/// The nearest number above or below with so many digits.
fn significant(value: f64, digits: i32, up: bool) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let place = value.abs().log10().floor() as i32 - digits + 1;
    // Powers of ten that are whole are exact, and their inverses are not.
    let (scaled, exact) = match place {
        0.. => (value / 10_f64.powi(place), 10_f64.powi(place)),
        _ => (value * 10_f64.powi(-place), 10_f64.powi(-place)),
    };
    let whole = if up { scaled.ceil() } else { scaled.floor() };
    if place >= 0 { whole * exact } else { whole / exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONEY: Form = Form::Number { unit: Unit::Money, whole: true };
    const DURATION: Form = Form::Number { unit: Unit::Duration, whole: true };
    const DECIMAL: Form = Form::Number { unit: Unit::Plain, whole: false };

    #[test]
    fn thresholds_are_what_a_rule_file_can_say() {
        assert_eq!(settled(1_234.5, MONEY, false), 1_234.0);
        assert_eq!(settled(1_234.5, MONEY, true), 1_235.0);
        assert_eq!(settled(3_600_000_001.0, DURATION, false), 3_600e6);
        assert_eq!(settled(0.123_456_7, DECIMAL, false), 0.123_4);
        assert_eq!(settled(0.123_456_7, DECIMAL, true), 0.123_5);
        assert_eq!(settled(-0.123_456_7, DECIMAL, false), -0.123_5);
        assert_eq!(settled(0.0, DECIMAL, true), 0.0);
    }

    #[test]
    fn round_ones_are_near() {
        assert_eq!(rounder(4_812_345.0, MONEY), [4_800_000.0, 4_900_000.0, 4_810_000.0, 4_820_000.0]);
        assert_eq!(rounder(5_000_000.0, MONEY), Vec::<f64>::new());
        assert_eq!(rounder(7.0, MONEY), Vec::<f64>::new());
        let hour_us = 3_600e6;
        let found = rounder(26.3 * hour_us, DURATION);
        assert_eq!(found.first(), Some(&(24.0 * hour_us)));
        assert!(found.contains(&(26.0 * hour_us)) && found.contains(&(27.0 * hour_us)), "{found:?}");
        assert_eq!(rounder(0.123_4, DECIMAL), [0.12, 0.13, 0.123, 0.124]);
    }
}
