//! Rates: what a whole unit of another currency is worth, exactly and by date. A noun that the engine converts by.
//!
//! Promises that nothing passes through a float, that what is converted is never less than it is worth (rounded up to
//! the next minor unit), and that no amount and no rate overflows. Must never know a file, a rule or a clock: the time
//! comes with the question.

use std::fmt::{self, Display, Formatter};

use iso_currency::Currency;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::hex::hex;
use crate::money::{AMOUNT_MINOR_MAX, Money, decimals};

/// Most rates of one table; a file with more can't be loaded.
pub const RATES_MAX: usize = 1 << 16;

/// Most digits of a rate, before and behind its point together.
pub const RATE_DIGITS_MAX: usize = 18;

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RateError {
    /// It is not a plain decimal number.
    #[error("`{0}` is not a rate; write digits with at most one decimal point")]
    NotANumber(String),
    /// It is nothing.
    #[error("a rate is above 0")]
    Zero,
    /// It has too many digits.
    #[error("`{0}` has too many digits; a rate has at most {RATE_DIGITS_MAX}")]
    TooLong(String),
}

/// Whole units of one currency for a whole unit of another, exactly: `digits / 10^scale`, above 0. Equal rates are held
/// alike, however they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rate {
    digits: u64,
    scale: u32,
}

impl Rate {
    /// Reads a plain decimal number such as `25400` or `0.0000394`.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let shown = || text.escape_debug().take(40).collect::<String>();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || text.ends_with('.') || !plain(whole) || !plain(fraction) {
            return Err(RateError::NotANumber(shown()));
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if whole.len() + fraction.len() > RATE_DIGITS_MAX {
            return Err(RateError::TooLong(shown()));
        }
        let digit = |digits: u64, b: u8| digits * 10 + u64::from(b - b'0');
        match whole.bytes().chain(fraction.bytes()).fold(0, digit) {
            0 => Err(RateError::Zero),
            digits => Ok(Self { digits, scale: fraction.len() as u32 }),
        }
    }

    /// An amount in minor units of `from` as minor units of `to`, rounded up to the next one; `None` where that is more
    /// than an amount can be, or where `minor` is not an amount.
    pub fn convert(self, minor: i64, from: Currency, to: Currency) -> Option<i64> {
        let minor = u128::try_from(minor).ok().filter(|&minor| minor <= AMOUNT_MINOR_MAX as u128)?;
        // At most 10^15 * 10^18 * 10^4 over at most 10^22: both have room in 128 bits.
        let worth =
            minor.checked_mul(u128::from(self.digits))?.checked_mul(10_u128.checked_pow(decimals(to))?)?;
        let of = 10_u128.checked_pow(decimals(from) + self.scale)?;
        i64::try_from(worth.div_ceil(of)).ok().filter(|&minor| minor <= AMOUNT_MINOR_MAX)
    }
}

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.digits, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        f.write_str(whole)?;
        if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
    }
}

/// Where a rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateFrom {
    /// The event brought it.
    Event,
    /// It is that of the payment that the event is about.
    Payment,
    /// The table.
    Table {
        /// From when on it holds there, microseconds since 1970 UTC.
        valid_from_us: i64,
    },
}

impl RateFrom {
    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Payment => "payment",
            Self::Table { .. } => "table",
        }
    }
}

/// What became of an amount in another currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The amount that was paid.
    pub paid: Money,
    /// The rate.
    pub rate: Rate,
    /// Where it comes from.
    pub from: RateFrom,
    /// What it made of it, in minor units of the rule set's currency.
    pub minor: i64,
}

/// Why a rate is not taken into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RatesError {
    /// One for the same currency from the same time on.
    #[error("there is a rate of {0} from that time on before; keep one of them")]
    Twice(&'static str),
    /// More than [`RATES_MAX`].
    #[error("a table has at most {RATES_MAX} rates")]
    Full,
}

/// The rates of one currency, from the oldest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Dated {
    /// ISO 4217's number of the currency.
    number: u16,
    rates: Vec<(i64, Rate)>,
}

/// A table of rates, each from a time on until the next of its currency.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rates {
    /// By number.
    currencies: Vec<Dated>,
    len: usize,
}

impl Rates {
    /// A table without rates.
    pub const NONE: &'static Self = &Self { currencies: Vec::new(), len: 0 };

    /// Rates held.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes a rate in that holds from a time on, microseconds since 1970 UTC.
    pub fn put(&mut self, currency: Currency, valid_from_us: i64, rate: Rate) -> Result<(), RatesError> {
        if self.len >= RATES_MAX {
            return Err(RatesError::Full);
        }
        let number = currency.numeric();
        let at = self.currencies.partition_point(|dated| dated.number < number);
        if self.currencies.get(at).is_none_or(|dated| dated.number != number) {
            self.currencies.insert(at, Dated { number, rates: Vec::new() });
        }
        if let Some(dated) = self.currencies.get_mut(at) {
            match dated.rates.binary_search_by_key(&valid_from_us, |&(from_us, _)| from_us) {
                Ok(_) => return Err(RatesError::Twice(currency.code())),
                Err(at) => dated.rates.insert(at, (valid_from_us, rate)),
            }
        }
        self.len += 1;
        Ok(())
    }

    /// The rate of a currency at a time, with the time from which on it holds; `None` before the first.
    pub fn at(&self, currency: Currency, time_us: i64) -> Option<(i64, Rate)> {
        let number = currency.numeric();
        let at = self.currencies.binary_search_by_key(&number, |dated| dated.number).ok()?;
        let rates = &self.currencies.get(at)?.rates;
        let after = rates.partition_point(|&(from_us, _)| from_us <= time_us);
        rates.get(after.checked_sub(1)?).copied()
    }

    /// SHA-256 of what it says, however its file is laid out: the version by which a control event names it.
    pub fn version(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(b"weir-rates 1\n");
        for Dated { number, rates } in &self.currencies {
            for (from_us, rate) in rates {
                hasher.update(format!("{number} {from_us} {rate}\n"));
            }
        }
        hasher.finalize().into()
    }

    /// Its version in hexadecimal.
    pub fn version_text(&self) -> String {
        hex(self.version())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap()
    }

    #[test]
    fn rates_are_read_exactly() {
        for (text, shown) in [
            ("25400", "25400"),
            ("0.10", "0.1"),
            ("007.5", "7.5"),
            ("1.0", "1"),
            ("0.000000000000000001", "0.000000000000000001"),
        ] {
            assert_eq!(rate(text).to_string(), shown);
        }
        assert_eq!(rate("1.50"), rate("1.5"));
        assert_eq!(Rate::parse("0.00"), Err(RateError::Zero));
        for text in ["", ".", "1.", ".5", "1e6", "1,5", "-1", "+1", "NaN", " 1", "1.2.3", "1_000"] {
            assert!(matches!(Rate::parse(text), Err(RateError::NotANumber(_))), "{text:?} was taken");
        }
        assert!(matches!(Rate::parse(&"9".repeat(19)), Err(RateError::TooLong(_))));
        assert_eq!(rate(&"9".repeat(18)).to_string(), "9".repeat(18));
    }

    #[test]
    fn what_is_converted_is_rounded_up() {
        let (usd, vnd, jod) = (Currency::USD, Currency::VND, Currency::JOD);
        assert_eq!(rate("25400").convert(100_000, usd, vnd), Some(25_400_000));
        assert_eq!(rate("25400.001").convert(100, usd, vnd), Some(25_401));
        assert_eq!(rate("0.00003937").convert(1, vnd, usd), Some(1), "never nothing of something");
        assert_eq!(rate("0.00003937").convert(0, vnd, usd), Some(0));
        assert_eq!(rate("0.709").convert(100, usd, jod), Some(709), "three decimals");
        assert_eq!(rate("25400").convert(AMOUNT_MINOR_MAX, usd, vnd), None, "more than an amount can be");
        assert_eq!(rate("1").convert(AMOUNT_MINOR_MAX, vnd, vnd), Some(AMOUNT_MINOR_MAX));
        assert_eq!(rate("1").convert(-1, usd, vnd), None);
        assert_eq!(rate("1").convert(i64::MAX, usd, vnd), None);
    }

    #[test]
    fn a_rate_holds_until_the_next() {
        let mut rates = Rates::default();
        rates.put(Currency::USD, 100, rate("3")).unwrap();
        rates.put(Currency::EUR, 7, rate("4")).unwrap();
        rates.put(Currency::USD, 10, rate("2")).unwrap();
        assert_eq!(rates.put(Currency::USD, 10, rate("2")), Err(RatesError::Twice("USD")));
        let usd = |time_us| rates.at(Currency::USD, time_us).map(|(_, rate)| rate.to_string());
        assert_eq!(
            [9, 10, 99, 100, i64::MAX].map(usd),
            [None, Some("2"), Some("2"), Some("3"), Some("3")].map(|r| r.map(str::to_owned))
        );
        assert_eq!(rates.at(Currency::JPY, 100), None);
        let mut same = Rates::default();
        same.put(Currency::USD, 10, rate("2.0")).unwrap();
        same.put(Currency::USD, 100, rate("3")).unwrap();
        assert_ne!(same.version(), rates.version());
        same.put(Currency::EUR, 7, rate("4")).unwrap();
        assert_eq!(same.version(), rates.version(), "the order of lines says nothing");
        assert_eq!(same.version_text().len(), 64);
    }

    /// Digits of a number, the least first, multiplied and divided as on paper.
    mod paper {
        pub(super) fn digits(text: &str) -> Vec<u8> {
            text.bytes().rev().map(|b| b - b'0').collect()
        }

        pub(super) fn times(a: &[u8], b: &[u8]) -> Vec<u8> {
            let mut product = vec![0_u32; a.len() + b.len() + 1];
            for (i, &x) in a.iter().enumerate() {
                for (j, &y) in b.iter().enumerate() {
                    product[i + j] += u32::from(x) * u32::from(y);
                }
            }
            for at in 0..product.len() - 1 {
                product[at + 1] += product[at] / 10;
                product[at] %= 10;
            }
            product.into_iter().map(|digit| digit as u8).collect()
        }

        /// Moves the point left over so many digits, and rounds up.
        pub(super) fn up_without(number: &[u8], places: usize) -> String {
            let (cut, kept) = number.split_at(places.min(number.len()));
            let mut kept = kept.to_vec();
            kept.push(0);
            if cut.iter().any(|&digit| digit > 0) {
                let at = kept.iter().position(|&digit| digit < 9).unwrap();
                kept[at] += 1;
                kept[..at].fill(0);
            }
            let text: String = kept.iter().rev().map(|&digit| char::from(b'0' + digit)).collect();
            let text = text.trim_start_matches('0');
            if text.is_empty() { "0".to_owned() } else { text.to_owned() }
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        let digits = |most: usize| {
            prop::collection::vec(prop_oneof![Just('0'), Just('9'), prop::char::range('0', '9')], 1..=most)
        };
        (digits(9), digits(9)).prop_map(|(whole, fraction)| {
            format!("{}.{}", whole.into_iter().collect::<String>(), fraction.into_iter().collect::<String>())
        })
    }

    proptest! {
        #[test]
        fn agrees_with_paper(
            minor in prop_oneof![0..=AMOUNT_MINOR_MAX, 0..10_000_i64, AMOUNT_MINOR_MAX - 5..=AMOUNT_MINOR_MAX],
            text in texts(),
            from in prop::sample::select(vec![Currency::VND, Currency::USD, Currency::JOD, Currency::CLF]),
            to in prop::sample::select(vec![Currency::VND, Currency::USD, Currency::JOD, Currency::CLF]),
        ) {
            let Ok(rate) = Rate::parse(&text) else { return Ok(()) };
            let fraction = text.split_once('.').unwrap().1.len();
            let product = paper::times(&paper::digits(&minor.to_string()), &paper::digits(&text.replace('.', "")));
            let scaled = paper::times(&product, &paper::digits(&format!("1{}", "0".repeat(decimals(to) as usize))));
            let expected = paper::up_without(&scaled, decimals(from) as usize + fraction);
            let held = rate.convert(minor, from, to).map(|minor| minor.to_string());
            let fits = expected.len() < 16 || expected == AMOUNT_MINOR_MAX.to_string();
            prop_assert_eq!(held, fits.then_some(expected));
        }
    }
}
