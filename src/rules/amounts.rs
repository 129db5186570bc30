//! Amounts of money in a rule file, in major units as people write them, with their currency.

use toml::de::DeValue;

use super::document::{Item, Text, expected};
use super::problem::{Problem, Problems};
use crate::money::{self, Currency, Decimals};

/// An amount in minor units, read from its text and never through a float; told where it is none.
pub(super) fn amount(item: Item<'_>, currency: Currency, problems: &mut Problems) -> Option<i64> {
    let written = match item.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return expected(problems, item, "an amount"),
    };
    match money::parse_major(written.strip_prefix('+').unwrap_or(written), currency, Decimals::Exact) {
        Ok(minor) => Some(minor),
        Err(error) => {
            problems.push(Problem::error(item.span(), error.to_string(), "not an amount"));
            None
        }
    }
}

/// The currency that `unit` names, which must be the rule set's; told where it is not.
pub(super) fn currency(
    unit: Text<'_>,
    rule_set: Option<Currency>,
    problems: &mut Problems,
) -> Option<Currency> {
    let problem = match money::currency(unit.value) {
        Ok(unit) if rule_set.is_none_or(|currency| currency == unit) => return Some(unit),
        Ok(found) => {
            let own = rule_set.map_or("", |currency| currency.code());
            let message = format!("this is in {}, the rule set's amounts are in {own}", found.code());
            Problem::error(unit.span, message, "another currency")
        }
        Err(error) => Problem::error(unit.span, error.to_string(), "not a currency")
            .help("an amount is in the rule set's currency; other units have none"),
    };
    problems.push(problem);
    None
}
