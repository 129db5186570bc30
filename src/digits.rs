//! Digits in groups of three, for whoever reads them.
//!
//! Promises that nothing but the mark between groups is added. Must never know what the number is of.

/// The digits before a point in groups of three, with a mark between them; a sign before them and what is behind the point stay.
pub(crate) fn grouped(number: &str, mark: char) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut grouped = String::with_capacity(number.len() + whole.len() / 3);
    grouped.push_str(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(mark);
        }
        grouped.push(digit);
    }
    grouped.push_str(fraction);
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        let numbers = ["1", "999", "1000", "-1234567", "12345.678"];
        let grouped = numbers.map(|number| grouped(number, '_'));
        assert_eq!(grouped, ["1", "999", "1_000", "-1_234_567", "12_345.678"]);
    }
}
