//! Names that files give to things, looked up; and how a message shows a name that is not one.

use super::error::Reason;
use crate::event::{Kind, TextField};
use crate::money::{self, Currency};

/// The kind of a word.
pub(super) fn kind_of(word: &str) -> Result<Kind, Reason> {
    Kind::from_name(word).ok_or_else(|| Reason::UnknownWord {
        key: "kind".to_owned(),
        found: shown(word),
        expected: "a kind of event",
        hint: did_you_mean(word, Kind::ALL.map(Kind::name)),
    })
}

/// The currency of a code.
pub(super) fn currency_of(key: &str, code: &str) -> Result<Currency, Reason> {
    let known = if code.len() == 3 { money::currency(code) } else { money::currency(&shown(code)) };
    known.map_err(|source| Reason::Money { key: key.to_owned(), source })
}

/// `; did you mean ..?` where a candidate is near, else empty.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return String::new();
    }
    let reach = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|&(distance, _)| distance <= reach)
        .min_by_key(|&(distance, _)| distance)
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

/// A text as a message shows it: escaped, and cut where it is long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut short: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// A text field of a name, without the id.
pub(super) fn text_field(name: &str) -> Option<TextField> {
    TextField::from_name(name).filter(|&field| field != TextField::Id)
}
