//! `[engine]`: the bounds of the engine, by the names that they have there.
//!
//! Promises that the bounds are those of [`Limits`], which a test holds it to. Must never know what a bound is for.

use super::EngineOptions;
use super::reader::{LARGEST, Reader, Section, quoted};
use crate::engine::Limits;
use crate::size::format_size;

const NUMBERS_MAX: u64 = u32::MAX as u64 - (1 << 16);

/// Counts: the key, the least, the most, and what is done beyond.
const COUNTS: [(&str, u64, u64, &str); 13] = [
    (
        "keys_max",
        1,
        NUMBERS_MAX,
        "Keys of all features with the same key; beyond, the coldest of some is evicted",
    ),
    ("forever_keys_max", 1, NUMBERS_MAX, "The same where one of the features is `forever`"),
    ("texts_max", 32, NUMBERS_MAX, "Texts of keys, of all features; near it the coldest keys are evicted"),
    ("ids_max", 1_024, 1 << 32, "Ids remembered; beyond, the oldest are forgotten before their time"),
    (
        "side_entries_max",
        1_024,
        1 << 31,
        "Late and corrected contributions held; beyond, late events are refused",
    ),
    (
        "corrections_max",
        1,
        1 << 32,
        "Corrections that wait for their payment, and payments that have been corrected",
    ),
    (
        "pendings_max",
        0,
        LARGEST,
        "Allowed payments that wait for a report while a rule set says `pending_for`",
    ),
    ("step_ups_max", 1, 1 << 32, "Open dialogues; beyond, what would be stepped up is blocked, and says so"),
    (
        "locks_max",
        1,
        1 << 32,
        "Keys that `[locks]` count failures of; beyond, a failure is answered as though it locked",
    ),
    (
        "list_entries_max",
        1,
        1 << 32,
        "Entries of one list; beyond, the event that would put one on is refused",
    ),
    (
        "expiries_a_step_max",
        1,
        LARGEST,
        "Contributions that one event lets windows take in late or leave; beyond, features are `behind`. Without it all \
         that is due is passed at once",
    ),
    (
        "future_us_max",
        0,
        LARGEST,
        "Microseconds that an event's time may lie after that of its receipt; beyond, it is refused",
    ),
    ("log_chunk_rows", 1, 1 << 16, "Rows in one chunk of the tail log: the next power of two"),
];

/// Bytes: the same.
const BYTES: [(&str, u64, u64, &str); 3] = [
    (
        "log_bytes_max",
        0,
        LARGEST,
        "Bytes of the tail log in memory; older parts go to `spill`, and come back in time. Without it all stays",
    ),
    (
        "arena_bytes_max",
        0,
        1 << 36,
        "Bytes of values kept singly beside the records of all features with the same key; beyond, the coldest of some \
         keys is evicted",
    ),
    (
        "filter_bytes",
        64,
        1 << 32,
        "Bytes of the marks of evicted keys; the smaller, the more new keys are taken for evicted ones",
    ),
];

pub(super) fn read(reader: &mut Reader) -> EngineOptions {
    let defaults = serde_json::to_value(Limits::default()).unwrap_or_default();
    // A default that no file can write is that there is no bound.
    let default = |key: &str| defaults.get(key).and_then(serde_json::Value::as_u64).filter(|n| *n <= LARGEST);
    let mut said = serde_json::Map::new();
    let mut section: Section<'_> = reader.section("engine");
    for (key, least, most, about) in COUNTS {
        let shown = default(key).map(|n| n.to_string()).unwrap_or_default();
        if let Some(count) = section.whole_with(key, shown, least..=most, about) {
            said.insert(key.to_owned(), count.into());
        }
    }
    for (key, least, most, about) in BYTES {
        let shown = default(key).map(|n| quoted(format_size(n))).unwrap_or_default();
        if let Some(bytes) = section.bytes_with(key, shown, least..=most, about) {
            said.insert(key.to_owned(), bytes.into());
        }
    }
    let spill = section.path(
        "spill",
        None,
        "The folder for parts of the tail log that leave memory; what is put there is removed at the end",
    );
    if said.contains_key("log_bytes_max") && spill.is_none() {
        let help = "give `engine.spill` a folder";
        let message = "what may not stay in memory has nowhere to go".to_owned();
        reader.conflict(&["engine.log_bytes_max"], message, help);
    }
    let none = said.is_empty();
    let limits = serde_json::from_value(said.into()).map_err(|error| error.to_string());
    match limits {
        Ok(limits) => EngineOptions { limits: Some(limits).filter(|_| !none), spill },
        Err(why) => {
            reader.conflict(&[], why, "see `weir serve --help`");
            EngineOptions { limits: None, spill }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bounds that [`Limits`] has itself are no narrower and no wider than those told here.
    #[test]
    fn the_bounds_are_the_engines() {
        let with = |key: &str, value: u64| {
            let one = serde_json::Map::from_iter([(key.to_owned(), value.into())]);
            serde_json::from_value::<Limits>(one.into()).is_ok()
        };
        for (key, least, most, _) in COUNTS.into_iter().chain(BYTES) {
            assert!(with(key, least) && with(key, most), "{key}");
            assert!(least == 0 || !with(key, least - 1), "{key} may be smaller");
            assert!(most == LARGEST || !with(key, most + 1), "{key} may be larger");
        }
        let defaults = serde_json::to_value(Limits::default()).unwrap();
        assert_eq!(defaults.as_object().unwrap().len(), COUNTS.len() + BYTES.len());
    }
}
