//! `[params]`: named thresholds, with a unit and bounds.

use std::cmp::Ordering;

use toml::de::DeValue;

use super::amounts::{self, amount};
use super::document::{self, Item, Table, expected};
use super::limits::PARAMS_MAX;
use super::names::{Meaning, ParamValue, Scope};
use super::problem::{Problem, Problems};
use super::sections::{Name, declare};
use super::types::Unit;
use crate::money::Currency;
use crate::time::parse_duration;

const KEYS: [&str; 4] = ["value", "unit", "min", "max"];

/// A parameter of the file.
#[derive(Debug)]
pub(super) struct Param<'d> {
    pub(super) name: Name<'d>,
    pub(super) value: ParamValue,
    /// What it must not go below.
    pub(super) min: Option<ParamValue>,
    /// What it must not go above.
    pub(super) max: Option<ParamValue>,
}

/// Reads the section and declares what it names.
pub(super) fn read<'d>(root: &Table<'d>, scope: &mut Scope, problems: &mut Problems) -> Vec<Param<'d>> {
    let Some(section) = root.table(problems, "params", "[params]") else { return Vec::new() };
    if section.len() > PARAMS_MAX {
        let message = format!("a rule file has at most {PARAMS_MAX} parameters");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    let mut params = Vec::new();
    for (name, span, item) in section.entries() {
        if problems.full() {
            break;
        }
        let read = read_one(root.file, item, scope.currency, problems);
        let name = Name { text: name, span };
        let meaning = read.clone().map_or(Meaning::Wrong, |(value, _)| Meaning::Param(value));
        if declare(scope, &name, meaning, problems)
            && let Some((value, [min, max])) = read
        {
            params.push(Param { name, value, min, max });
        }
    }
    params
}

/// The value, its `min` and its `max`.
type Bounded = (ParamValue, [Option<ParamValue>; 2]);

fn read_one(
    file: &str,
    item: Item<'_>,
    currency: Option<Currency>,
    problems: &mut Problems,
) -> Option<Bounded> {
    let DeValue::Table(_) = item.get_ref() else {
        return scalar(item, None, problems).map(|value| (value, [None, None]));
    };
    let table = Table::of(file, problems, item, "a parameter")?;
    table.check_keys(problems, &KEYS, &[]);
    let unit = match table.get("unit") {
        None => None,
        Some(_) => Some(amounts::currency(table.text(problems, "unit")?, currency, problems)?),
    };
    let value_item = table.required(problems, "value")?;
    let value = scalar(value_item, unit, problems)?;
    let mut bounds = [None, None];
    for (held, key) in bounds.iter_mut().zip(["min", "max"]) {
        let Some(item) = table.get(key) else { continue };
        let bound = scalar(item, unit, problems)?;
        if order(&value, &bound).is_none() {
            let message = format!("`{key}` must be of the type of `value`, and of one that has an order");
            problems.push(Problem::error(item.span(), message, "not comparable with `value`"));
            continue;
        }
        *held = Some(bound);
    }
    if let [Some(min), Some(max)] = &bounds
        && order(min, max).is_some_and(Ordering::is_gt)
    {
        let span = table.get("max").map_or(table.span(), |item| item.span());
        let message = "`max` is below `min`, so that no value is within both";
        problems.push(Problem::error(span, message, "below `min`"));
        return None;
    }
    let sides = [("min", "below", Ordering::Less), ("max", "above", Ordering::Greater)];
    for (bound, (key, side, too_far)) in bounds.iter().zip(sides) {
        if bound.as_ref().is_some_and(|bound| order(&value, bound) == Some(too_far)) {
            let message = format!("the value is {side} its `{key}`");
            problems.push(Problem::error(value_item.span(), message, format!("{side} the bound")));
        }
    }
    Some((value, bounds))
}

/// A value, in minor units where it has a currency.
fn scalar(item: Item<'_>, unit: Option<Currency>, problems: &mut Problems) -> Option<ParamValue> {
    if let Some(currency) = unit {
        return amount(item, currency, problems).map(|minor| ParamValue::Whole(minor, Unit::Money));
    }
    match item.get_ref() {
        DeValue::Integer(_) => document::integer(problems, item).map(|v| ParamValue::Whole(v, Unit::Plain)),
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => Some(ParamValue::Decimal(value)),
            _ => expected(problems, item, "a finite number"),
        },
        DeValue::Boolean(value) => Some(ParamValue::Boolean(*value)),
        DeValue::String(text) => Some(match parse_duration(text) {
            Ok(us) => ParamValue::Whole(us, Unit::Duration),
            Err(_) => ParamValue::Text(text.to_string()),
        }),
        _ => expected(problems, item, "a number, a boolean, a duration or text"),
    }
}

fn order(value: &ParamValue, bound: &ParamValue) -> Option<Ordering> {
    match (value, bound) {
        (ParamValue::Whole(value, a), ParamValue::Whole(bound, b)) if a == b => Some(value.cmp(bound)),
        (ParamValue::Decimal(value), ParamValue::Decimal(bound)) => value.partial_cmp(bound),
        (ParamValue::Decimal(value), ParamValue::Whole(bound, Unit::Plain)) => {
            value.partial_cmp(&(*bound as f64))
        }
        (ParamValue::Whole(value, Unit::Plain), ParamValue::Decimal(bound)) => {
            (*value as f64).partial_cmp(bound)
        }
        _ => None,
    }
}
