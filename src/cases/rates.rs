//! The rates that hold when a case begins.

use toml::Table;

use super::file::{CasesError, array, only, table, text, wrong};
use crate::money::currency;
use crate::rates::{Rate, Rates};
use crate::rules::RuleSet;
use crate::time::TIME_US_MIN;

/// The rates that a case, or else the defaults, say, instead of the file's; `None` where neither says any.
pub(super) fn read(
    case: &Table,
    defaults: &Table,
    rules: &RuleSet,
    place: &str,
) -> Result<Option<Rates>, CasesError> {
    let found = [(case, place), (defaults, "[defaults]")].into_iter().find_map(|(from, place)| {
        let said = from.get("rates")?;
        Some((said, place))
    });
    let Some((said, place)) = found else { return Ok(None) };
    if rules.rates.is_none() {
        return Err(wrong(place, "the rule file has no [rates]"));
    }
    let mut rates = Rates::default();
    let bad = |error: &dyn std::fmt::Display| wrong(place, format!("`rates`: {error}"));
    for entry in array(said, place)? {
        let entry = table(entry, place)?;
        only(entry, place, &["valid_from", "currency", "rate"])?;
        let needed = |key: &str| {
            let value = entry.get(key).ok_or_else(|| wrong(place, format!("a rate needs `{key}`")))?;
            text(value, place, key)
        };
        let currency = currency(&needed("currency")?).map_err(|error| bad(&error))?;
        let rate = Rate::parse(&needed("rate")?).map_err(|error| bad(&error))?;
        let from_us = match entry.get("valid_from") {
            None => TIME_US_MIN,
            Some(value) => {
                rules.calendar.instant(&text(value, place, "valid_from")?).map_err(|error| bad(&error))?
            }
        };
        rates.put(currency, from_us, rate).map_err(|error| bad(&error))?;
    }
    Ok(Some(rates))
}
