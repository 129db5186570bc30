//! Exact numbers from text: no value passes through a float.

/// A whole number such as `-12`.
pub(super) fn whole(text: &str) -> Option<i64> {
    fixed(text, 0).filter(|_| !text.contains('.'))
}

/// A decimal number as whole units of `10^-places`: `12.5` with three places is 12500. `None` where the text is
/// not a plain number, has more decimals than that (other than zeros), or is out of range.
pub(super) fn fixed(text: &str, places: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut value: i64 = 0;
    let mut decimals: Option<u32> = None;
    let mut any = false;
    for &byte in digits {
        match byte {
            b'.' if any && decimals.is_none() => {
                decimals = Some(0);
                any = false;
            }
            b'0'..=b'9' => {
                any = true;
                if let Some(seen) = &mut decimals {
                    if *seen == places {
                        if byte == b'0' {
                            continue;
                        }
                        return None;
                    }
                    *seen += 1;
                }
                // Downwards, since the least number has no positive twin.
                value = value.checked_mul(10)?.checked_sub(i64::from(byte - b'0'))?;
            }
            _ => return None,
        }
    }
    for _ in decimals.unwrap_or(0)..places {
        value = value.checked_mul(10)?;
    }
    match (any, negative) {
        (false, _) => None,
        (true, true) => Some(value),
        (true, false) => value.checked_neg(),
    }
}

/// A finite decimal number, rounded to the nearest double.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_plain_and_in_range() {
        assert_eq!(whole("0"), Some(0));
        assert_eq!(whole("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(whole("9223372036854775807"), Some(i64::MAX));
        for text in ["", "-", "+1", "1.5", "1.0", "1.", "1e3", " 1", "9223372036854775808", "0x1", "١"] {
            assert_eq!(whole(text), None, "{text:?} was taken");
        }
    }

    #[test]
    fn decimals_shift_exactly() {
        assert_eq!(fixed("12.5", 3), Some(12_500));
        assert_eq!(fixed("-0.000001", 6), Some(-1));
        assert_eq!(fixed("7.2500", 2), Some(725));
        assert_eq!(fixed("31", 6), Some(31_000_000));
        for text in ["1.234", ".5", "5.", "1..2", "1.2.3", "92233720368547758.08"] {
            assert_eq!(fixed(text, 2), None, "{text:?} was taken");
        }
    }

    #[test]
    fn only_finite_numbers_are_decimals() {
        assert_eq!(decimal("10.25"), Some(10.25));
        assert_eq!(decimal("-1e-3"), Some(-0.001));
        for text in ["", "NaN", "inf", "infinity", "1e999", "1,5", "1_0"] {
            assert_eq!(decimal(text), None, "{text:?} was taken");
        }
    }
}
