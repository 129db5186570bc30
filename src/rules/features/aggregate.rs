//! What a feature computes: its one aggregate, with what only some aggregates take.

use toml::de::DeValue;

use super::key::{key_field, no_field};
use super::{AGGREGATES, Reader};
use crate::event::ExtraType;
use crate::rules::document::{Item, Table, Text, expected, one_or_more, text};
use crate::rules::names::{BuiltIn, Meaning, listed};
use crate::rules::problem::Problem;
use crate::rules::ruleset::{Aggregate, DegreeField, KeyField, NumberField};
use crate::rules::sections::Name;

/// Millionths of one.
const PPM: u32 = 1_000_000;

impl<'d> Reader<'_, 'd> {
    /// The key of its one aggregate, with its value.
    pub(super) fn computed(&mut self, table: &Table<'d>, name: &Name<'d>) -> Option<(&'d str, Item<'d>)> {
        let mut given = table.entries().filter(|(key, ..)| AGGREGATES.contains(key));
        let Some((key, span, item)) = given.next() else {
            let message = format!("feature `{}` computes nothing", name.text);
            let problem = Problem::error(name.span.clone(), message, "an aggregate is missing");
            return self.fail(problem.help(format!("give it one of {}", listed(&AGGREGATES, "or"))));
        };
        if let Some((second, second_span, _)) = given.next() {
            let (span, second) =
                if second_span.start > span.start { (second_span, second) } else { (span, key) };
            let message = format!("feature `{}` has a second aggregate, `{second}`", name.text);
            return self.fail(Problem::error(span, message, "a feature computes one thing"));
        }
        Some((key, item))
    }

    /// What it computes, and the type of that.
    pub(super) fn aggregate(&mut self, table: &Table<'d>, name: &Name<'d>) -> Option<(Aggregate, ExtraType)> {
        let (key, item) = self.computed(table, name)?;
        self.check_belongs(table, "q", key == "quantile", "quantile")?;
        self.check_belongs(table, "to", false, "ratio")?;
        let flag = |this: &mut Self| match table.boolean(this.problems, key)? {
            (true, _) => Some(()),
            (false, span) => {
                this.fail(Problem::error(span, "`is_new` can only be true", "leave it out instead"))
            }
        };
        let word = |this: &mut Self, word: &'static str| table.word(this.problems, key, &[(word, ())], &[]);
        match key {
            "count" => word(self, "*").map(|()| (Aggregate::Count, ExtraType::Integer)),
            "is_new" => flag(self).map(|()| (Aggregate::IsNew, ExtraType::Boolean)),
            "since" => word(self, "last").map(|()| (Aggregate::Since, ExtraType::Duration)),
            "distinct" => self.of_text(item).map(|field| (Aggregate::Distinct(field), ExtraType::Integer)),
            "changed" => self.of_text(item).map(|field| (Aggregate::Changed(field), ExtraType::Boolean)),
            "speed" => self.speed(item).map(|speed| (speed, ExtraType::Decimal)),
            "quantile" => {
                let quantile = self.of_number(key, item);
                let ppm = self.q(table)?;
                match quantile? {
                    (Aggregate::Quantile(field, _), ty) => Some((Aggregate::Quantile(field, ppm), ty)),
                    other => Some(other),
                }
            }
            _ => self.of_number(key, item),
        }
    }

    /// Tells a key that only another aggregate takes.
    fn check_belongs(&mut self, table: &Table<'d>, key: &str, belongs: bool, owner: &str) -> Option<()> {
        let Some((_, span, _)) = table.entries().find(|(held, ..)| *held == key && !belongs) else {
            return Some(());
        };
        let message = format!("`{key}` goes with `{owner}` only");
        self.fail(Problem::error(span, message, "not with this aggregate"))
    }

    /// A number field of events.
    pub(super) fn number_field(&mut self, name: &Text<'d>) -> Option<(NumberField, ExtraType)> {
        match self.scope.find(name.value) {
            Some(Meaning::BuiltIn(BuiltIn::Amount)) => Some((NumberField::Amount, ExtraType::Money)),
            Some(Meaning::Extra(position, ty)) if is_number(ty) => Some((NumberField::Extra(position), ty)),
            meaning => {
                let expected = "amount or an extra field with a whole number";
                no_field(name, meaning, expected, is_number_field, self.scope, self.problems)
            }
        }
    }

    /// The text field of an aggregate of texts.
    fn of_text(&mut self, item: Item<'d>) -> Option<KeyField> {
        let name = text(self.file, self.problems, item)?;
        key_field(&name, self.scope, self.problems)
    }

    /// An aggregate of a number.
    fn of_number(&mut self, key: &str, item: Item<'d>) -> Option<(Aggregate, ExtraType)> {
        let name = text(self.file, self.problems, item)?;
        let (field, ty) = self.number_field(&name)?;
        let inexact = if ty == ExtraType::Integer { ExtraType::Decimal } else { ty };
        Some(match key {
            "sum" | "deviation" | "quantile" | "z_score" if ty == ExtraType::Time => {
                let message = format!("a {key} of times is not kept");
                let problem = Problem::error(name.span, message, "this is a time");
                return self.fail(problem.help("times have `min`, `max`, `mean`, `first` and `last`"));
            }
            "sum" => (Aggregate::Sum(field), ty),
            "mean" => (Aggregate::Mean(field), inexact),
            "min" => (Aggregate::Min(field), ty),
            "max" => (Aggregate::Max(field), ty),
            "first" => (Aggregate::First(field), ty),
            "last" => (Aggregate::Last(field), ty),
            "previous" => (Aggregate::Previous(field), ty),
            "quantile" => (Aggregate::Quantile(field, 0), ty),
            "z_score" => (Aggregate::ZScore(field), ExtraType::Decimal),
            _ => (Aggregate::Deviation(field), inexact),
        })
    }

    /// Which quantile, in millionths, from its text: a double would move it.
    fn q(&mut self, table: &Table<'d>) -> Option<u32> {
        let item = table.required(self.problems, "q")?;
        let written = match item.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return expected(self.problems, item, "a number between 0 and 1"),
        };
        let ppm = millionths(written).filter(|ppm| (1..PPM).contains(ppm));
        if ppm.is_none() {
            let message = "`q` is above 0 and below 1, with at most six decimals";
            let problem = Problem::error(item.span(), message, "not such a number");
            return self.fail(problem.help("0.5 is the median, 0.95 what 5 % of values are above"));
        }
        ppm
    }

    /// Latitude and longitude of the places between which it is measured.
    fn speed(&mut self, item: Item<'d>) -> Option<Aggregate> {
        let fields = one_or_more(item);
        let &[latitude, longitude] = fields.as_slice() else {
            let message = "a speed is measured between places: write a latitude and a longitude";
            let problem = Problem::error(item.span(), message, format!("this has {}", fields.len()));
            return self.fail(problem.help("speed = [\"latitude\", \"longitude\"]"));
        };
        let latitude = self.degrees(latitude, BuiltIn::Longitude)?;
        let longitude = self.degrees(longitude, BuiltIn::Latitude)?;
        if latitude == longitude {
            let message = "one field is both latitude and longitude";
            return self.fail(Problem::error(item.span(), message, "the same twice"));
        }
        Some(Aggregate::Speed { latitude, longitude })
    }

    /// A field with degrees; `other` is the one that stands in the other place.
    fn degrees(&mut self, item: Item<'d>, other: BuiltIn) -> Option<DegreeField> {
        let name = text(self.file, self.problems, item)?;
        match self.scope.find(name.value) {
            Some(Meaning::BuiltIn(field)) if field == other => {
                let message = format!("`{}` stands in the other's place", other.name());
                let problem = Problem::error(name.span, message, "here");
                self.fail(problem.help("the latitude comes first: speed = [\"latitude\", \"longitude\"]"))
            }
            Some(Meaning::BuiltIn(BuiltIn::Latitude)) => Some(DegreeField::Latitude),
            Some(Meaning::BuiltIn(BuiltIn::Longitude)) => Some(DegreeField::Longitude),
            Some(Meaning::Extra(position, ExtraType::Decimal)) => Some(DegreeField::Extra(position)),
            meaning => {
                let fits = |meaning: &Meaning| {
                    let built_in = [BuiltIn::Latitude, BuiltIn::Longitude];
                    matches!(meaning, Meaning::Extra(_, ExtraType::Decimal))
                        || matches!(meaning, Meaning::BuiltIn(field) if built_in.contains(field))
                };
                let expected = "degrees: `latitude`, `longitude` or an extra field of type decimal";
                no_field(&name, meaning, expected, fits, self.scope, self.problems)
            }
        }
    }
}

fn is_number(ty: ExtraType) -> bool {
    matches!(ty, ExtraType::Integer | ExtraType::Money | ExtraType::Time | ExtraType::Duration)
}

/// Whether a name is a field that can be summed.
pub(super) fn is_number_field(meaning: &Meaning) -> bool {
    match meaning {
        Meaning::BuiltIn(field) => *field == BuiltIn::Amount,
        Meaning::Extra(_, ty) => is_number(*ty),
        _ => false,
    }
}

/// A number with at most six decimals, in millionths.
fn millionths(written: &str) -> Option<u32> {
    let written = written.strip_prefix('+').unwrap_or(written);
    let (whole, decimals) = written.split_once('.').unwrap_or((written, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let decimals = decimals.trim_end_matches('0');
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 6 {
        return None;
    }
    format!("{whole}{decimals:0<6}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_are_exact() {
        let cases =
            [("0.95", 950_000), ("0.1", 100_000), ("0.000001", 1), ("0.5000000", 500_000), ("1", PPM)];
        for (text, ppm) in cases {
            assert_eq!(millionths(text), Some(ppm), "{text}");
        }
        for text in ["-0.5", "0.0000001", "5e-1", "nan", "inf", "", ".5", "99999999999"] {
            assert_eq!(millionths(text), None, "{text}");
        }
    }
}
