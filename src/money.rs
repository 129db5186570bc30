//! Exact money: whole minor units with their ISO 4217 currency.
//!
//! Promises that no amount ever passes through a float. Must never know an exchange rate.

pub use iso_currency::Currency;
use thiserror::Error;

/// The largest amount that an event may carry, in minor units of its currency.
pub const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000_000;

/// An amount in whole minor units (VND has none below the dong; USD counts cents).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units, `0..=AMOUNT_MINOR_MAX` in an event.
    pub minor: i64,
    /// ISO 4217 currency.
    pub currency: Currency,
}

/// Why a text is not an amount, or a code not a currency.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The code is not in ISO 4217.
    #[error("`{0}` is not an ISO 4217 currency code; write three capital letters such as VND")]
    UnknownCurrency(String),
    /// The text is not a plain decimal number.
    #[error("`{0}` is not an amount; write digits with at most one decimal point")]
    NotANumber(String),
    /// More decimals than the currency has.
    #[error("`{text}` has more decimals than {currency} has ({decimals})")]
    TooManyDecimals {
        /// What was read.
        text: String,
        /// Its currency's code.
        currency: &'static str,
        /// Decimals of that currency.
        decimals: u32,
    },
    /// Outside `0..=AMOUNT_MINOR_MAX`.
    #[error("{0} is outside an amount's range, 0 to {AMOUNT_MINOR_MAX} minor units")]
    OutOfRange(String),
}

/// What to do with decimals beyond those of the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimals {
    /// Refuse the amount.
    Exact,
    /// Round half away from zero; for sources whose amounts carry float noise.
    Round,
}

/// The currency of a three-letter ISO 4217 code in capitals.
pub fn currency(code: &str) -> Result<Currency, MoneyError> {
    Currency::from_code(code).ok_or_else(|| MoneyError::UnknownCurrency(code.to_owned()))
}

/// Decimals between the major and the minor unit; 0 where ISO 4217 gives none.
pub fn decimals(currency: Currency) -> u32 {
    u32::from(currency.exponent().unwrap_or(0))
}

/// Reads an amount in major units (`57.16`) from its text, exactly, as signed minor units.
pub fn parse_major(text: &str, currency: Currency, extra: Decimals) -> Result<i64, MoneyError> {
    let bad = || MoneyError::NotANumber(text.to_owned());
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || digits.ends_with('.') {
        return Err(bad());
    }
    let places = decimals(currency) as usize;
    let (kept, rest) = fraction.split_at(fraction.len().min(places));
    if extra == Decimals::Exact && rest.bytes().any(|b| b != b'0') {
        return Err(MoneyError::TooManyDecimals {
            text: text.to_owned(),
            currency: currency.code(),
            decimals: decimals(currency),
        });
    }
    let mut minor: i64 = 0;
    let zeros = std::iter::repeat_n(b'0', places - kept.len());
    for digit in whole.bytes().chain(kept.bytes()).chain(zeros) {
        minor = minor
            .checked_mul(10)
            .and_then(|m| m.checked_add(i64::from(digit - b'0')))
            .ok_or_else(|| MoneyError::OutOfRange(text.to_owned()))?;
    }
    if rest.bytes().next().is_some_and(|b| b >= b'5') {
        minor = minor.checked_add(1).ok_or_else(|| MoneyError::OutOfRange(text.to_owned()))?;
    }
    Ok(if negative { -minor } else { minor })
}

/// An amount in major units with a point, exactly: what [`parse_major`] reads.
pub fn format_major(Money { minor, currency }: Money) -> String {
    let places = decimals(currency) as usize;
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if minor < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

impl Money {
    /// An amount that an event may carry.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if (0..=AMOUNT_MINOR_MAX).contains(&minor) {
            Ok(Self { minor, currency })
        } else {
            Err(MoneyError::OutOfRange(minor.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_units_are_read_exactly() {
        let read = |text| parse_major(text, Currency::USD, Decimals::Exact);
        assert_eq!(read("57.16"), Ok(5716));
        assert_eq!(read("146.0"), Ok(14600));
        assert_eq!(read("-0.01"), Ok(-1));
        assert_eq!(read("1.230"), Ok(123));
        assert!(matches!(read("1.234"), Err(MoneyError::TooManyDecimals { .. })));
        for text in ["", ".", "1.", ".5", "1e6", "1,000", "+1", "NaN", " 1"] {
            assert!(read(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn float_noise_rounds_half_away_from_zero() {
        let read = |text| parse_major(text, Currency::EUR, Decimals::Round);
        assert_eq!(read("28.599999999999998"), Ok(2860));
        assert_eq!(read("0.005"), Ok(1));
        assert_eq!(read("0.0049999"), Ok(0));
    }
}
