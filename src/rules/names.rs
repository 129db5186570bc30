//! Names: what a condition may mention, and what was probably meant by one that it may not.

use std::collections::BTreeMap;

use super::expr::Needs;
use super::limits::NAME_BYTES_MAX;
use super::sql::outline::Quantity;
use super::table::Values;
use super::types::{Type, Unit};
use crate::event::{ExtraType, Form, Kind, TextField};
use crate::money::Currency;

/// A field of every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BuiltIn {
    Text(TextField),
    Amount,
    Currency,
    Kind,
    Time,
    Received,
    SameOwner,
    Latitude,
    Longitude,
    Level,
    Hour,
    Weekday,
}

/// Built-in names beside those of the text fields.
const BUILT_INS: [(&str, BuiltIn); 11] = [
    ("amount", BuiltIn::Amount),
    ("currency", BuiltIn::Currency),
    ("kind", BuiltIn::Kind),
    ("time", BuiltIn::Time),
    ("received", BuiltIn::Received),
    ("same_owner", BuiltIn::SameOwner),
    ("latitude", BuiltIn::Latitude),
    ("longitude", BuiltIn::Longitude),
    ("level", BuiltIn::Level),
    ("hour", BuiltIn::Hour),
    ("weekday", BuiltIn::Weekday),
];

/// What events call some fields outside conditions; an extra field of that name would be read as the event's own.
const TAKEN: [&str; 5] = ["amount_minor", "expires_us", "rate", "received_us", "time_us"];

/// Words of SQL that cannot be names, sorted.
const SQL_WORDS: [&str; 89] = [
    "abs",
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "at",
    "between",
    "binary",
    "bool",
    "boolean",
    "by",
    "case",
    "cast",
    "ceil",
    "coalesce",
    "collate",
    "convert",
    "current_catalog",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "date",
    "datetime",
    "decimal",
    "desc",
    "distinct",
    "div",
    "double",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "extract",
    "false",
    "float",
    "floor",
    "from",
    "greatest",
    "group",
    "having",
    "ilike",
    "in",
    "interval",
    "is",
    "isnull",
    "join",
    "least",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "member",
    "mod",
    "not",
    "notnull",
    "null",
    "nullif",
    "on",
    "operator",
    "or",
    "order",
    "over",
    "overlaps",
    "overlay",
    "position",
    "regexp",
    "rlike",
    "row",
    "select",
    "similar",
    "some",
    "struct",
    "substr",
    "substring",
    "then",
    "timestamp",
    "trim",
    "true",
    "try_cast",
    "union",
    "unknown",
    "when",
    "where",
    "with",
    "xor",
];

impl BuiltIn {
    /// The built-in field of a name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let other = BUILT_INS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        other.or_else(|| TextField::from_name(name).map(Self::Text))
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text(field) => field.name(),
            other => BUILT_INS.iter().find(|(_, field)| *field == other).map_or("", |(name, _)| name),
        }
    }

    /// The type of its value.
    pub(super) fn ty(self) -> Type {
        match self {
            Self::Text(field) if field.form() == Form::Words => Type::Words,
            Self::Text(_) | Self::Currency | Self::Kind => Type::Text,
            Self::Amount => Type::MONEY,
            Self::Time | Self::Received => Type::TIME,
            Self::SameOwner => Type::Boolean,
            Self::Latitude | Self::Longitude => Type::DECIMAL,
            Self::Level | Self::Hour | Self::Weekday => Type::INTEGER,
        }
    }

    /// Whether a text can be its value at all; otherwise some of those that can.
    pub(super) fn refuses(self, text: &str) -> Option<Vec<&'static str>> {
        let words = match self {
            Self::Text(field) => match field.form() {
                Form::OneOf(words) => words.to_vec(),
                Form::Free | Form::Identifier | Form::Words | Form::Ip => return None,
            },
            Self::Kind => Kind::ALL.map(Kind::name).to_vec(),
            _ => return None,
        };
        (!words.contains(&text)).then_some(words)
    }
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ParamValue {
    Whole(i64, Unit),
    Decimal(f64),
    Boolean(bool),
    Text(String),
}

impl ParamValue {
    /// The same for whoever explains.
    pub(super) fn quantity(&self) -> Quantity {
        match self {
            Self::Whole(value, unit) => Quantity::Whole(*value, *unit),
            Self::Decimal(value) => Quantity::Decimal(*value, Unit::Plain),
            Self::Boolean(value) => Quantity::Truth(*value),
            Self::Text(value) => Quantity::Text(value.clone()),
        }
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    BuiltIn(BuiltIn),
    Extra(usize, ExtraType),
    Param(ParamValue),
    /// A feature by position; its type once it is checked, else `None`.
    Feature(usize, Option<Type>),
    /// A list by position, and the name of the field that it is about.
    List(usize, String),
    /// A decision table by position, with the type of its values and what they are.
    Table(usize, ExtraType, Values),
    /// Something whose declaration is wrong; it was told there, and is not told again where it is used.
    Wrong,
}

impl Meaning {
    /// What kind of thing it is, for a message.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::BuiltIn(_) => "a field of every event",
            Self::Extra(..) => "an extra field",
            Self::Param(_) => "a parameter",
            Self::Feature(..) => "a feature",
            Self::List(..) => "a list",
            Self::Table(..) => "a table",
            Self::Wrong => "declared",
        }
    }
}

/// All names of a rule file; one name has one meaning.
#[derive(Debug, Default)]
pub(super) struct Scope {
    declared: BTreeMap<String, Meaning>,
    /// What conditions may ask `met` of, by name.
    pub(super) requirements: BTreeMap<String, Needs>,
    /// The currency of amounts, `None` where the file has no valid one.
    pub(super) currency: Option<Currency>,
    /// The parameters that switch rules on and off, with the texts that they may be; booleans have none.
    pub(super) switches: BTreeMap<String, Vec<String>>,
    /// Whether the file says where rates of other currencies come from.
    pub(super) rates: bool,
}

impl Scope {
    /// Declares a name; an error is why it cannot be one, and what to do.
    pub(super) fn declare(&mut self, name: &str, meaning: Meaning) -> Result<(), (String, Option<String>)> {
        check_word(name)?;
        if SQL_WORDS.binary_search(&name).is_ok() {
            return Err((format!("`{name}` is a word of SQL and cannot be a name"), None));
        }
        if TAKEN.contains(&name) || BuiltIn::from_name(name).is_some() {
            return Err((
                format!("`{name}` is a field of every event"),
                Some("choose another name; the field can be used without declaring it".to_owned()),
            ));
        }
        if let Some(held) = self.declared.get(name) {
            let message = format!("`{name}` is already {}; a name has one meaning", held.describe());
            return Err((message, None));
        }
        self.declared.insert(name.to_owned(), meaning);
        Ok(())
    }

    /// Says what the type of a declared feature is.
    pub(super) fn set_feature_type(&mut self, name: &str, ty: Type) {
        if let Some(Meaning::Feature(_, held)) = self.declared.get_mut(name) {
            *held = Some(ty);
        }
    }

    /// What a name stands for.
    pub(super) fn find(&self, name: &str) -> Option<Meaning> {
        self.declared.get(name).cloned().or_else(|| BuiltIn::from_name(name).map(Meaning::BuiltIn))
    }

    /// The name that was probably meant, among those that `fits`.
    pub(super) fn near(&self, name: &str, fits: impl Fn(&Meaning) -> bool) -> Option<String> {
        let declared =
            self.declared.iter().filter(|(_, meaning)| fits(meaning)).map(|(name, _)| name.as_str());
        let built_in = BUILT_INS
            .iter()
            .copied()
            .chain(TextField::ALL.iter().map(|field| (field.name(), BuiltIn::Text(*field))))
            .filter(|(_, field)| fits(&Meaning::BuiltIn(*field)))
            .map(|(name, _)| name);
        near(name, declared.chain(built_in)).map(str::to_owned)
    }
}

/// Whether `name` is a word of `a-z`, `0-9` and `_` that starts with a letter; an error says what it is instead.
pub(super) fn check_word(name: &str) -> Result<(), (String, Option<String>)> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err((
        format!("`{}` is not a name", name.escape_debug()),
        Some(format!("write at most {NAME_BYTES_MAX} of a-z, 0-9 and _, a letter first")),
    ))
}

/// The candidate that `word` is probably a misspelling of.
pub(crate) fn near<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let lower = word.to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    let distance = |candidate: &str| {
        let shortened = lower.len() > 3 && candidate.starts_with(&lower);
        let comparable = candidate.len().abs_diff(lower.len()) <= allowed;
        let distance = comparable.then(|| strsim::osa_distance(&lower, candidate)).filter(|d| *d <= allowed);
        // A name that goes on where the word ends is as near as the farthest misspelling.
        distance.or(shortened.then_some(allowed))
    };
    candidates.filter_map(|candidate| Some((distance(candidate)?, candidate))).min().map(|(_, near)| near)
}

/// A help that names what was probably meant.
pub(crate) fn did_you_mean(near: Option<impl AsRef<str>>) -> Option<String> {
    near.map(|name| format!("did you mean `{}`?", name.as_ref()))
}

/// Names in a row, for a message: `a`, `b` and `c`.
pub(crate) fn listed(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_words_are_sorted() {
        assert!(SQL_WORDS.is_sorted());
    }

    #[test]
    fn near_names_are_near() {
        let names = ["spent_24h", "spent_7d", "new_device"];
        assert_eq!(near("spent24h", names.into_iter()), Some("spent_24h"));
        assert_eq!(near("New_Device", names.into_iter()), Some("new_device"));
        assert_eq!(near("colour", names.into_iter()), None);
    }
}
