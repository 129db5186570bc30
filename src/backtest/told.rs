//! Figures as people read them: counts, shares, money, times and durations.
//!
//! Promises that the page and the terminal write the same figure with the same words, that no rounding makes something of nothing
//! (or all of nearly all), and that text from outside can't move a cursor or turn a line around. Must never know what a figure is of.

use std::borrow::Cow;

use super::report::Data;
use crate::digits::grouped;
use crate::time::{Calendar, DAY_US, SECOND_US};

/// What stands where nothing can be said.
pub const NOTHING: &str = "–";

/// More decimals than any currency has.
const DECIMALS_MAX: u8 = 9;
/// Longer than any currency's code.
const CODE_MAX: usize = 8;
/// Units of durations, the largest first.
const UNITS: [(i64, &str); 6] = [
    (DAY_US, "d"),
    (3_600 * SECOND_US, "h"),
    (60 * SECOND_US, "min"),
    (SECOND_US, "s"),
    (1_000, "ms"),
    (1, "µs"),
];

/// How figures of one data set are written.
#[derive(Clone, Debug)]
pub struct Told {
    currency: String,
    decimals: usize,
    /// `None` where the data set's zone is not known: times are in UTC then, and say so.
    calendar: Option<Calendar>,
}

impl Told {
    /// In the currency and the time zone of a data set.
    pub fn of(data: &Data) -> Self {
        Self {
            currency: clean(&data.currency).chars().take(CODE_MAX).collect(),
            decimals: usize::from(data.decimals.min(DECIMALS_MAX)),
            calendar: Calendar::new(&data.time_zone).ok(),
        }
    }

    /// The currency's code.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Minor units with the currency's decimals, and its code.
    pub fn money(&self, minor: f64) -> String {
        format!("{} {}", self.amount(minor), self.currency)
    }

    /// The same without the code, where a table's head says it.
    pub fn amount(&self, minor: f64) -> String {
        if !minor.is_finite() {
            return NOTHING.to_owned();
        }
        let digits = format!("{:0>width$}", format!("{:.0}", minor.abs()), width = self.decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.decimals);
        let sign = if minor < 0.0 && digits.contains(|digit| digit != '0') { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{point}{fraction}", grouped(whole, ','))
    }

    /// Major units in three digits or so, for the axis of a chart.
    pub fn money_about(&self, minor: f64) -> String {
        about(minor / 10_f64.powi(self.decimals as i32))
    }

    /// A time to the second, in the data set's zone.
    pub fn time(&self, time_us: i64) -> String {
        self.written(time_us, "%Y-%m-%d %H:%M:%S")
    }

    /// A day, in the data set's zone.
    pub fn date(&self, time_us: i64) -> String {
        self.written(time_us, "%Y-%m-%d")
    }

    fn written(&self, time_us: i64, pattern: &str) -> String {
        match &self.calendar {
            Some(calendar) => calendar.write(time_us, pattern),
            None => crate::time::format_time(time_us),
        }
    }
}

/// A whole number in groups of three.
pub fn count(count: u64) -> String {
    grouped(&count.to_string(), ',')
}

/// A word for so many of something.
pub fn plural(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

/// A count of what is weighted: with one decimal where it is not whole.
pub fn weighted(count: f64) -> String {
    if !count.is_finite() {
        return NOTHING.to_owned();
    }
    if count.fract() == 0.0 { grouped(&format!("{count:.0}"), ',') } else { tenths(count) }
}

/// A number in three digits or so, for the axis of a chart: `1.5 bn`.
pub fn about(number: f64) -> String {
    let sizes = [(1e15, " qd"), (1e12, " tn"), (1e9, " bn"), (1e6, " m"), (1e3, " k")];
    let (size, word) = sizes.into_iter().find(|(size, _)| number.abs() >= *size).unwrap_or((1.0, ""));
    let shown = format!("{:.2}", number / size);
    format!("{}{word}", shown.trim_end_matches('0').trim_end_matches('.'))
}

/// A share from 0 to 1 in percent.
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    match share {
        _ if !percent.is_finite() => NOTHING.to_owned(),
        0.0 => "0 %".to_owned(),
        1.0 => "100 %".to_owned(),
        0.0..0.0005 => "< 0.1 %".to_owned(),
        0.9995..1.0 => "> 99.9 %".to_owned(),
        _ => format!("{} %", tenths(percent)),
    }
}

/// A share as so many in 10,000.
pub fn per_10_000(share: f64) -> String {
    let of = share * 10_000.0;
    match of {
        _ if !of.is_finite() => NOTHING.to_owned(),
        0.0 => "0".to_owned(),
        0.0..0.05 => "< 0.1".to_owned(),
        _ => tenths(of),
    }
}

/// A number to one decimal.
fn tenths(number: f64) -> String {
    let written = format!("{number:.1}");
    let (whole, tenth) = written.split_once('.').unwrap_or((&written, "0"));
    format!("{}.{tenth}", grouped(whole, ','))
}

/// A duration in its two largest units.
pub fn duration(duration_us: i64) -> String {
    let whole = duration_us.unsigned_abs();
    let at = UNITS.iter().position(|(unit_us, _)| whole >= *unit_us as u64).unwrap_or(3);
    let mut rest = whole;
    let mut parts = Vec::new();
    for (unit_us, unit) in UNITS.iter().skip(at).take(2) {
        let count = rest / *unit_us as u64;
        rest %= *unit_us as u64;
        if count > 0 || parts.is_empty() && *unit_us == SECOND_US {
            parts.push(format!("{} {unit}", grouped(&count.to_string(), ',')));
        }
    }
    format!("{}{}", if duration_us < 0 { "-" } else { "" }, parts.join(" "))
}

/// Text from outside, with a mark in the place of what would steer a terminal or turn what stands around it.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(steers) {
        Cow::Owned(text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters but for ends of lines and tabs, those that XML has not, and those that turn the direction of writing.
fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    c.is_control() && c != '\n' && c != '\t' || turns || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(currency: &str, decimals: u8) -> Told {
        let time_zone = "Asia/Ho_Chi_Minh".to_owned();
        Told::of(&Data { currency: currency.to_owned(), decimals, time_zone, ..Data::default() })
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        assert_eq!(told("VND", 0).money(12_500_000.4), "12,500,000 VND");
        assert_eq!(told("USD", 2).money(1_234_550.0), "12,345.50 USD");
        assert_eq!(told("USD", 2).money(-5.0), "-0.05 USD");
        assert_eq!(told("USD", 2).money(-0.2), "0.00 USD");
        assert_eq!(told("KWD", 3).money(1e21), "1,000,000,000,000,000,000.000 KWD");
        assert_eq!(told("USD", 2).amount(f64::NAN), NOTHING);
        assert_eq!(told("VND", 0).money_about(1.5e9), "1.5 bn");
        assert_eq!(told("USD", 2).money_about(0.0), "0");
    }

    #[test]
    fn no_rounding_makes_something_of_nothing() {
        assert_eq!(
            [0.0, 1e-9, 0.0005, 0.5, 0.9994, 0.9996, 1.0].map(share),
            ["0 %", "< 0.1 %", "0.1 %", "50.0 %", "99.9 %", "> 99.9 %", "100 %"]
        );
        assert_eq!([0.0, 1e-9, 0.00314, 0.25].map(per_10_000), ["0", "< 0.1", "31.4", "2,500.0"]);
        assert_eq!([0.0, 1234.0, 1234.56].map(weighted), ["0", "1,234", "1,234.6"]);
    }

    #[test]
    fn durations_have_two_units() {
        let hour = 3_600 * SECOND_US;
        assert_eq!(duration(2 * DAY_US + 3 * hour + 5), "2 d 3 h");
        assert_eq!(duration(DAY_US), "1 d");
        assert_eq!(duration(90 * SECOND_US), "1 min 30 s");
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(1_500), "1 ms 500 µs");
        assert_eq!(duration(i64::MIN), "-106,751,991 d 4 h");
    }

    #[test]
    fn times_are_in_the_zone_or_say_that_they_are_not() {
        let us = crate::time::parse_time("2026-03-01T20:00:00Z").unwrap();
        assert_eq!(told("VND", 0).time(us), "2026-03-02 03:00:00");
        let nowhere = Told::of(&Data { time_zone: "Nowhere".to_owned(), ..Data::default() });
        assert_eq!(nowhere.time(us), "2026-03-01T20:00:00Z");
    }

    #[test]
    fn text_from_outside_steers_nothing() {
        assert_eq!(clean("plain\ttext"), "plain\ttext");
        assert_eq!(clean("\u{1b}[2Ja\u{202e}b\0"), "\u{fffd}[2Ja\u{fffd}b\u{fffd}");
    }
}
