//! What everything that is kept of a data set follows from, but for the definitions of features and conditions, which each have a hash
//! of their own.

use sha2::{Digest, Sha256};

use super::{CHUNK_ROWS, Cache};
use crate::backtest::data::{DataError, DataSet};
use crate::backtest::run::{is_decision_fed, reads_labels};
use crate::engine::{Limits, VERSION};
use crate::event::Kind;
use crate::hex::hex;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::RuleSet;
use crate::time::zone_data_version;

/// What is written, and how: another form is another key.
const FORM: u32 = 1;

/// The name of the folder for what a rule set's engine comes to over a data set: SHA-256 of the data, the program, the bounds, and of all
/// that a rule set says of events beside features and rules. Reads the data's files once.
pub(super) fn key(
    cache: &Cache,
    data: &DataSet,
    (rules, lists, rates): (&RuleSet, &Lists, &Rates),
    limits: &Limits,
) -> Result<String, DataError> {
    let mut digest = Sha256::new();
    let mut put = |part: &[u8]| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    put(format!("weir-kept {FORM} {CHUNK_ROWS} {VERSION}").as_bytes());
    put(cache.program.as_bytes());
    put(data.sha256()?.as_bytes());
    // What these say as text is of this program alone, which is part of the key.
    put(format!("{limits:?}").as_bytes());
    let RuleSet { time_zone, currency, horizon_us, feedback, pending_us, schema, .. } = rules;
    put(time_zone.as_bytes());
    put(zone_data_version().as_bytes());
    put(currency.code().as_bytes());
    put(format!("{horizon_us} {feedback:?} {pending_us:?}").as_bytes());
    put(format!("{:?}", schema.fields()).as_bytes());
    put(format!("{:?} {:?}", rules.lists, rules.rates).as_bytes());
    put(&postcard::to_allocvec(lists).unwrap_or_default());
    put(&rates.version());
    put(&[u8::from(reads_labels(rules))]);
    let sum: [u8; 32] = digest.finalize().into();
    Ok(hex(sum))
}

/// Why nothing of a rule set's past is kept; `None` where it can be. `decides` says whether history leaves any payment's answer open.
pub(in crate::backtest) fn why_not(rules: &RuleSet, decides: bool, kinds: &[Kind]) -> Option<String> {
    if rules.step_up.is_some() {
        return Some("the engine leads dialogues, which follow from what was decided".to_owned());
    }
    if !rules.locks.is_empty() {
        return Some("the engine keeps locks, which follow from what was decided".to_owned());
    }
    if let Some(rule) = rules.rules.iter().find(|rule| rule.breaker.is_some()) {
        return Some(format!("rule `{}` has a breaker, which follows from what was decided", rule.id));
    }
    let fed = rules.features.iter().find(|feature| feature.used && is_decision_fed(feature));
    if let Some(feature) = fed.filter(|_| decides) {
        return Some(format!(
            "feature `{}` counts by what was decided, and the data does not say what every payment was answered",
            feature.name
        ));
    }
    (kinds.contains(&Kind::List) && !rules.lists.is_empty())
        .then(|| "lists change with the data's `list` events".to_owned())
}
