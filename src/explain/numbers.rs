//! Numbers, money, durations and times as each language writes them.
//!
//! Promises that what is shown is exact, or starts with `≈`.

use crate::catalogue::Language;
use crate::digits;
use crate::money::{self, Currency};
use crate::rules::{Quantity, RuleSet, Unit};
use crate::time::{Calendar, DAY_US, SECOND_US};

/// How values are written for the readers of one rule set.
#[derive(Clone, Debug)]
pub struct Style {
    language: Language,
    currency: Currency,
    calendar: Calendar,
}

/// Most decimals of a number that has no currency.
const PLACES_MAX: usize = 6;
const MINUTE_US: u64 = 60 * SECOND_US as u64;
/// From here on a double is written with an exponent.
const GREAT: f64 = 1e15;

impl Style {
    /// That of a language, for a rule set's currency and time zone.
    pub fn new(language: Language, rules: &RuleSet) -> Self {
        Self { language, currency: rules.currency, calendar: rules.calendar.clone() }
    }

    /// The language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// One of two words, by the language.
    pub(crate) fn pick<'w>(&self, english: &'w str, vietnamese: &'w str) -> &'w str {
        match self.language {
            Language::English => english,
            Language::Vietnamese => vietnamese,
        }
    }

    /// A truth value, `None` for unknown.
    pub fn truth(&self, truth: Option<bool>) -> &'static str {
        match (self.language, truth) {
            (Language::English, Some(true)) => "true",
            (Language::English, Some(false)) => "false",
            (Language::English, None) => "unknown",
            (Language::Vietnamese, Some(true)) => "đúng",
            (Language::Vietnamese, Some(false)) => "sai",
            (Language::Vietnamese, None) => "chưa rõ",
        }
    }

    /// Any value.
    pub fn quantity(&self, quantity: &Quantity) -> String {
        match quantity {
            Quantity::Truth(truth) => self.truth(Some(*truth)).to_owned(),
            Quantity::Text(text) => format!("'{text}'"),
            Quantity::Whole(value, Unit::Plain) => self.whole(*value),
            Quantity::Whole(value, Unit::Money) => self.money(*value),
            Quantity::Whole(value, Unit::Duration) => self.duration(*value),
            Quantity::Whole(value, Unit::Time) => self.time(*value),
            Quantity::Decimal(value, Unit::Plain) => self.decimal(*value, PLACES_MAX),
            Quantity::Decimal(value, Unit::Money) => {
                let decimals = money::decimals(self.currency);
                let major = value / 10f64.powi(decimals as i32);
                format!("{} {}", self.decimal(major, decimals as usize + 2), self.currency.code())
            }
            Quantity::Decimal(value, unit) => {
                let rounded = value.round();
                let near = if rounded == *value { "" } else { "≈ " };
                let text = self.quantity(&Quantity::Whole(rounded as i64, *unit));
                format!("{near}{text}")
            }
        }
    }

    /// A whole number.
    pub fn whole(&self, value: i64) -> String {
        let sign = if value < 0 { "-" } else { "" };
        format!("{sign}{}", self.grouped(&value.unsigned_abs().to_string()))
    }

    /// Minor units of the rule set's currency.
    pub fn money(&self, minor: i64) -> String {
        let decimals = money::decimals(self.currency) as usize;
        let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        let sign = if minor < 0 { "-" } else { "" };
        format!("{sign}{} {}", self.joined(whole, fraction), self.currency.code())
    }

    /// Microseconds, in units down to the last that is not nought; from a minute on in whole seconds, cut off.
    pub fn duration(&self, duration_us: i64) -> String {
        let below_us = if duration_us.unsigned_abs() >= MINUTE_US { duration_us % SECOND_US } else { 0 };
        if below_us != 0 {
            return format!("≈ {}", self.duration(duration_us - below_us));
        }
        let one = duration_us.unsigned_abs() == DAY_US as u64;
        let units = [
            (DAY_US, if one { "day" } else { "days" }, "ngày"),
            (3_600 * SECOND_US, "h", "giờ"),
            (60 * SECOND_US, "min", "phút"),
            (SECOND_US, "s", "giây"),
            (1_000, "ms", "ms"),
            (1, "µs", "µs"),
        ];
        let mut rest = duration_us.unsigned_abs();
        let mut parts = Vec::new();
        for (unit_us, english, vietnamese) in units {
            let count = rest / unit_us as u64;
            rest %= unit_us as u64;
            if count > 0 {
                let count = self.grouped(&count.to_string());
                parts.push(format!("{count} {}", self.pick(english, vietnamese)));
            }
        }
        if parts.is_empty() {
            parts.push(format!("0 {}", self.pick("s", "giây")));
        }
        format!("{}{}", if duration_us < 0 { "-" } else { "" }, parts.join(" "))
    }

    /// Microseconds since 1970 UTC, in the rule set's time zone.
    pub fn time(&self, time_us: i64) -> String {
        let pattern = self.pick("%Y-%m-%d %H:%M:%S%.f %:z", "%d/%m/%Y %H:%M:%S%.f %:z");
        self.calendar.write(time_us, pattern)
    }

    /// A double with at most so many decimals, and `≈` before it where that is not all of it.
    fn decimal(&self, value: f64, places: usize) -> String {
        if value.abs() >= GREAT {
            return format!("{value:e}").replace('.', self.point());
        }
        let written = format!("{:.places$}", value.abs());
        let near = if written.parse() == Ok(value.abs()) { "" } else { "≈ " };
        let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{near}{sign}{}", self.joined(whole, fraction.trim_end_matches('0')))
    }

    fn joined(&self, whole: &str, fraction: &str) -> String {
        let whole = self.grouped(whole);
        if fraction.is_empty() { whole } else { format!("{whole}{}{fraction}", self.point()) }
    }

    fn point(&self) -> &'static str {
        if self.language == Language::Vietnamese { "," } else { "." }
    }

    /// Digits in groups of three.
    fn grouped(&self, digits: &str) -> String {
        digits::grouped(digits, if self.language == Language::Vietnamese { '.' } else { ',' })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(language: Language, currency: Currency) -> Style {
        Style { language, currency, calendar: Calendar::new("Asia/Ho_Chi_Minh").unwrap() }
    }

    fn both(currency: Currency, quantity: Quantity) -> [String; 2] {
        Language::ALL.map(|language| style(language, currency).quantity(&quantity))
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        let money = |minor| Quantity::Whole(minor, Unit::Money);
        assert_eq!(both(Currency::VND, money(12_500_000)), ["12,500,000 VND", "12.500.000 VND"]);
        assert_eq!(both(Currency::USD, money(1_234_550)), ["12,345.50 USD", "12.345,50 USD"]);
        assert_eq!(both(Currency::USD, money(-5)), ["-0.05 USD", "-0,05 USD"]);
        let mean = Quantity::Decimal(1_000_000.0 / 3.0, Unit::Money);
        assert_eq!(both(Currency::VND, mean), ["≈ 333,333.33 VND", "≈ 333.333,33 VND"]);
    }

    #[test]
    fn numbers_are_exact_or_say_that_they_are_not() {
        let decimal = |value| Quantity::Decimal(value, Unit::Plain);
        assert_eq!(both(Currency::VND, decimal(1234.5)), ["1,234.5", "1.234,5"]);
        assert_eq!(both(Currency::VND, decimal(-0.1234567)), ["≈ -0.123457", "≈ -0,123457"]);
        assert_eq!(both(Currency::VND, decimal(1.5e300)), ["1.5e300", "1,5e300"]);
        let least = Quantity::Whole(i64::MIN, Unit::Plain);
        assert_eq!(both(Currency::VND, least)[0], "-9,223,372,036,854,775,808");
    }

    #[test]
    fn durations_and_times_are_readable() {
        let duration = |us| Quantity::Whole(us, Unit::Duration);
        let span = 2 * DAY_US + 3 * 3_600 * SECOND_US;
        assert_eq!(both(Currency::VND, duration(span)), ["2 days 3 h", "2 ngày 3 giờ"]);
        assert_eq!(both(Currency::VND, duration(DAY_US)), ["1 day", "1 ngày"]);
        assert_eq!(both(Currency::VND, duration(0)), ["0 s", "0 giây"]);
        assert_eq!(both(Currency::VND, duration(-59_000_001))[0], "-59 s 1 µs");
        assert_eq!(
            both(Currency::VND, duration(DAY_US - 1)),
            ["≈ 23 h 59 min 59 s", "≈ 23 giờ 59 phút 59 giây"]
        );
        let time = Quantity::Whole(crate::time::parse_time("2026-03-02T12:00:00+07:00").unwrap(), Unit::Time);
        assert_eq!(both(Currency::VND, time), ["2026-03-02 12:00:00 +07:00", "02/03/2026 12:00:00 +07:00"]);
    }
}
