//! Numbers and durations that a section may also say by the name of a parameter.
//!
//! Promises that a parameter which is named counts as used, and is told where it is of another kind. Must never know
//! what the value is for: who asks holds it to bounds of its own.

use std::ops::Range;

use toml::de::DeValue;

use super::document::{Table, Text, text};
use super::names::{Meaning, ParamValue, Scope, did_you_mean};
use super::problem::{Problem, Problems};
use super::sql::Used;
use super::types::Unit;
use crate::time::parse_duration;

/// What names are looked up in, and where what is wrong is told.
pub(super) struct Named<'a> {
    pub(super) scope: &'a Scope,
    pub(super) used: &'a mut Used,
    pub(super) problems: &'a mut Problems,
}

impl Named<'_> {
    /// A duration, or that of the parameter which is named, in microseconds. `what` and `help` are for messages.
    pub(super) fn duration(&mut self, text: &Text<'_>, what: &str, help: &str) -> Option<i64> {
        match parse_duration(text.value) {
            Ok(us) => Some(us),
            Err(_) => self.param(text, Unit::Duration, ["a duration", what], help),
        }
    }

    /// A whole number, or that of the parameter which is named, with its place, if there is one.
    pub(super) fn whole(&mut self, table: &Table<'_>, key: &str) -> Option<(i64, Range<usize>)> {
        let item = table.get(key)?;
        if !matches!(item.get_ref(), DeValue::String(_)) {
            return table.integer(self.problems, key);
        }
        let name = text(table.file, self.problems, item)?;
        let help = "write a whole number, or the name of a parameter that is one";
        let value = self.param(&name, Unit::Plain, ["a whole number", "a parameter"], help)?;
        Some((value, name.span))
    }

    fn param(&mut self, name: &Text<'_>, unit: Unit, [kind, what]: [&str; 2], help: &str) -> Option<i64> {
        let shown = name.value.escape_debug();
        let problem = match self.scope.find(name.value) {
            Some(Meaning::Param(ParamValue::Whole(value, found))) if found == unit => {
                self.used.insert(name.value.to_owned());
                return Some(value);
            }
            Some(Meaning::Param(_)) => {
                self.used.insert(name.value.to_owned());
                Problem::error(
                    name.span.clone(),
                    format!("`{shown}` is not {kind}"),
                    "another kind of parameter",
                )
            }
            Some(Meaning::Wrong) => return None,
            _ => Problem::error(name.span.clone(), format!("`{shown}` is not {what}"), format!("not {what}")),
        };
        let fits = |meaning: &Meaning| matches!(meaning, Meaning::Param(ParamValue::Whole(_, found)) if *found == unit);
        let near = did_you_mean(self.scope.near(name.value, fits));
        self.problems.push(problem.help(near.unwrap_or_else(|| help.to_owned())));
        None
    }
}
