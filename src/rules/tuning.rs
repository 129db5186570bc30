//! Parameters for whoever tunes them: what each one is and may be, what depends on it, and the same files with other values.
//!
//! Promises that of the texts nothing changes but the values themselves, to the byte: comments, layout and all else stay. Must never
//! know which value is a good one.

use std::ops::Range;

use super::description::{describe_param, names};
use super::names::ParamValue;
use super::params::Param;
use super::problem::Refused;
use super::ruleset::RuleSet;
use super::sources::Sources;
use super::sql::outline::Quantity;
use super::types::Unit;
use super::{Parts, read_whole};
use crate::digits::grouped;
use crate::money::{Currency, Money, format_major};
use crate::time::format_duration;

/// A parameter of a rule set.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Quantity,
    /// What it must not go below.
    pub min: Option<Quantity>,
    /// What it must not go above.
    pub max: Option<Quantity>,
    /// The texts that it may be, where its file says.
    pub one_of: Vec<String>,
    /// The rules whose own condition names it, as positions in the rule set, ascending.
    pub rules: Vec<u16>,
    /// The tables that name it, or read one that does, as positions, ascending.
    pub tables: Vec<u16>,
    /// The names of the features that it is inside of: their windows, their conditions, or a table that those read.
    pub features: Vec<String>,
    /// Whether a lock or the dialogue with the customer names it.
    pub in_dialogue: bool,
    /// The currency of amounts.
    pub currency: Currency,
    /// Where its value stands.
    place: Range<usize>,
}

impl Parameter {
    fn of(param: &Param<'_>, set: &RuleSet, parts: &Parts<'_>) -> Self {
        let name = param.name.text;
        let described = describe_param(name, &param.value, parts);
        let own = (0..).zip(&parts.rules).filter(|(_, rule)| names(&rule.condition, name));
        let named = (0..).zip(&set.tables).filter(|(_, table)| described.tables.contains(&table.name));
        let bound = |bound: &Option<ParamValue>| bound.as_ref().map(ParamValue::quantity);
        Self {
            name: described.name,
            value: described.value,
            min: bound(&param.min),
            max: bound(&param.max),
            one_of: param.one_of.clone(),
            rules: own.map(|(at, _)| at).collect(),
            tables: named.map(|(at, _)| at).collect(),
            features: described.features,
            in_dialogue: parts.in_dialogue.contains(name),
            currency: set.currency,
            place: param.place.clone(),
        }
    }

    /// A value as its file would have it, without quotes: amounts in major units, durations with their unit.
    pub fn write(&self, value: &Quantity) -> String {
        match value {
            Quantity::Truth(truth) => truth.to_string(),
            Quantity::Text(text) => text.clone(),
            Quantity::Whole(minor, Unit::Money) => {
                format_major(Money { minor: *minor, currency: self.currency })
            }
            Quantity::Whole(us, Unit::Duration) => format_duration(*us),
            Quantity::Whole(number, _) => number.to_string(),
            // With a point, so that it stays a decimal number.
            Quantity::Decimal(number, _) => format!("{number:?}"),
        }
    }

    /// The same as TOML, in the way of what stands there.
    fn literal(&self, value: &Quantity, stands: &str) -> String {
        let written = self.write(value);
        match value {
            Quantity::Text(_) | Quantity::Whole(_, Unit::Duration) => {
                toml::Value::String(written).to_string()
            }
            _ if stands.contains('_') => grouped(&written, '_'),
            _ => written,
        }
    }
}

impl Sources {
    /// The parameters of all files, in the order of their names; an error where the files can't be used.
    pub fn parameters(&self) -> Result<Vec<Parameter>, Refused> {
        read_whole(self, |set, parts| {
            parts.params.iter().map(|param| Parameter::of(param, &set, parts)).collect()
        })
    }

    /// The same files with other values, of parameters that are theirs. A value that stands already is left as it is written.
    #[must_use]
    pub fn with_values(&self, values: &[(&Parameter, &Quantity)]) -> Self {
        let other = values.iter().filter(|(parameter, value)| parameter.value != **value);
        let edits = other.map(|(parameter, value)| {
            let stands = self.text().get(parameter.place.clone()).unwrap_or_default();
            (parameter.place.clone(), parameter.literal(value, stands))
        });
        self.edited(edits.collect())
    }

    /// The rule set alone, without what is merely strange about it.
    pub fn rule_set(&self) -> Result<RuleSet, Refused> {
        read_whole(self, |set, _| set)
    }
}
