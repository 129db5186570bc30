//! `[params]`: named thresholds, with a unit and bounds.

use std::cmp::Ordering;
use std::ops::Range;

use toml::de::DeValue;

use super::amounts::{self, amount};
use super::document::{self, Item, Table, Text, expected};
use super::limits::{CHOICES_MAX, PARAMS_MAX};
use super::names::{Meaning, ParamValue, Scope, did_you_mean, listed, near};
use super::problem::{Problem, Problems};
use super::sections::{Name, declare};
use super::sources::Sources;
use super::types::Unit;
use crate::money::Currency;
use crate::time::parse_duration;

const KEYS: [&str; 6] = ["value", "unit", "min", "max", "one_of", "open"];

/// A parameter of the file.
#[derive(Debug)]
pub(super) struct Param<'d> {
    pub(super) name: Name<'d>,
    pub(super) value: ParamValue,
    /// What it must not go below.
    pub(super) min: Option<ParamValue>,
    /// What it must not go above.
    pub(super) max: Option<ParamValue>,
    /// The texts that it may be, where it says.
    pub(super) one_of: Vec<String>,
    /// Where its value stands: where it is declared, or where `[set]` says another.
    pub(super) place: Range<usize>,
}

impl Param<'_> {
    /// Whether it switches rules on and off: it is then taken to be anything that it may be, since what it is now
    /// silences the others on purpose.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self.value, ParamValue::Boolean(_)) || !self.one_of.is_empty()
    }
}

/// Reads the section and declares what it names.
pub(super) fn read<'d>(
    root: &Table<'d>,
    sources: &Sources,
    scope: &mut Scope,
    problems: &mut Problems,
) -> Vec<Param<'d>> {
    let set = Set::read(root, sources, problems);
    let Some(section) = root.table(problems, "params", "[params]") else {
        set.check_known(&[], problems);
        return Vec::new();
    };
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
        let name = Name { text: name, span };
        let read = read_one(root.file, item, scope.currency, problems);
        let read = read.and_then(|read| set.put(&name, read, problems));
        let meaning = read.as_ref().map_or(Meaning::Wrong, |read| Meaning::Param(read.value.clone()));
        if declare(scope, &name, meaning, problems)
            && let Some(Read { value, bounds: [min, max], one_of, place, .. }) = read
        {
            let param = Param { name, value, min, max, one_of, place };
            if param.is_switch() {
                scope.switches.insert(param.name.text.to_owned(), param.one_of.clone());
            }
            params.push(param);
        }
    }
    set.check_known(&section.entries().map(|(name, ..)| name).collect::<Vec<_>>(), problems);
    params
}

/// What is said of a parameter.
struct Read {
    value: ParamValue,
    /// `min` and `max`.
    bounds: [Option<ParamValue>; 2],
    one_of: Vec<String>,
    unit: Option<Currency>,
    /// Whether a file that extends this one may set it.
    open: bool,
    /// Where the value stands.
    place: Range<usize>,
}

impl Read {
    fn plain(value: ParamValue, place: Range<usize>) -> Self {
        Self { value, bounds: [None, None], one_of: Vec::new(), unit: None, open: false, place }
    }
}

/// `[set]`: other values for what the files that are extended leave open.
struct Set<'a, 'd> {
    section: Option<Table<'d>>,
    sources: &'a Sources,
}

impl<'a, 'd> Set<'a, 'd> {
    fn read(root: &Table<'d>, sources: &'a Sources, problems: &mut Problems) -> Self {
        Self { section: root.table(problems, "set", "[set]"), sources }
    }

    /// What is said of a parameter, with the value that it is set to.
    fn put(&self, name: &Name<'_>, read: Read, problems: &mut Problems) -> Option<Read> {
        let said = self.section.as_ref().and_then(|section| {
            section.entries().find(|(set, ..)| *set == name.text).map(|said| (section.file, said))
        });
        let Some((file, (_, span, item))) = said else { return Some(read) };
        let (from, to) = (self.sources.position_at(span.start), self.sources.position_at(name.span.start));
        let refused = if from == to {
            Some(("is this file's own parameter", "give it this `value` where it is declared"))
        } else if !self.sources.reaches(from, to) {
            Some(("is a parameter of a file that this one does not extend", "extend that file"))
        } else if !read.open {
            Some(("is not open: its file lets nobody else set it", "only what says `open = true` can be set"))
        } else {
            None
        };
        if let Some((why, help)) = refused {
            let problem = Problem::error(span, format!("`{}` {why}", name.text), "can't be set here");
            problems.push(problem.beside(name.span.clone(), "declared here").help(help));
            return None;
        }
        let value = if read.one_of.is_empty() {
            scalar(item, read.unit, problems)?
        } else {
            let text = document::text(file, problems, item)?;
            among(&text, &read.one_of, problems)?;
            ParamValue::Text(text.value.to_owned())
        };
        if !alike(&value, &read.value) {
            let message = format!("`{}` is of another type", name.text);
            let problem = Problem::error(item.span(), message, "not of that type");
            problems.push(problem.beside(name.span.clone(), "declared here"));
            return None;
        }
        within(&value, &read.bounds, item, problems);
        Some(Read { value, place: item.span(), ..read })
    }

    /// Tells what is set and is no parameter.
    fn check_known(&self, params: &[&str], problems: &mut Problems) {
        for (name, span, _) in self.section.iter().flat_map(Table::entries) {
            if !params.contains(&name) {
                let message = format!("there is no parameter `{}` to set", name.escape_debug());
                let near = did_you_mean(near(name, params.iter().copied()));
                problems.push(Problem::error(span, message, "not a parameter").maybe_help(near));
            }
        }
    }
}

/// Whether both are of one type.
fn alike(one: &ParamValue, other: &ParamValue) -> bool {
    match (one, other) {
        (ParamValue::Whole(_, a), ParamValue::Whole(_, b)) => a == b,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

fn read_one(file: &str, item: Item<'_>, currency: Option<Currency>, problems: &mut Problems) -> Option<Read> {
    let DeValue::Table(_) = item.get_ref() else {
        return scalar(item, None, problems).map(|value| Read::plain(value, item.span()));
    };
    let table = Table::of(file, problems, item, "a parameter")?;
    table.check_keys(problems, &KEYS, &[]);
    let unit = match table.get("unit") {
        None => None,
        Some(_) => Some(amounts::currency(table.text(problems, "unit")?, currency, problems)?),
    };
    let value_item = table.required(problems, "value")?;
    let open = table.boolean(problems, "open").is_some_and(|(open, _)| open);
    if table.get("one_of").is_some() {
        return choice(&table, value_item, problems).map(|read| Read { open, ..read });
    }
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
    within(&value, &bounds, value_item, problems);
    Some(Read { value, bounds, one_of: Vec::new(), unit, open, place: value_item.span() })
}

/// Tells a value that is outside its bounds.
fn within(value: &ParamValue, bounds: &[Option<ParamValue>; 2], item: Item<'_>, problems: &mut Problems) {
    let sides = [("min", "below", Ordering::Less), ("max", "above", Ordering::Greater)];
    for (bound, (key, side, too_far)) in bounds.iter().zip(sides) {
        if bound.as_ref().is_some_and(|bound| order(value, bound) == Some(too_far)) {
            let message = format!("the value is {side} its `{key}`");
            problems.push(Problem::error(item.span(), message, format!("{side} the bound")));
        }
    }
}

/// A text that is one of several, whatever else it could be read as.
fn choice(table: &Table<'_>, value_item: Item<'_>, problems: &mut Problems) -> Option<Read> {
    for key in ["unit", "min", "max"] {
        if let Some(item) = table.get(key) {
            let message = format!("`{key}` goes with a number, and `one_of` with text");
            problems.push(Problem::error(item.span(), message, "not both"));
            return None;
        }
    }
    let item = table.get("one_of")?;
    let DeValue::Array(items) = item.get_ref() else { return expected(problems, item, "a list of texts") };
    if items.is_empty() || items.len() > CHOICES_MAX {
        let message = format!("`one_of` has 1 to {CHOICES_MAX} texts");
        problems.push(Problem::error(item.span(), message, format!("this has {}", items.len())));
        return None;
    }
    let mut one_of: Vec<String> = Vec::new();
    for item in items {
        let word = document::text(table.file, problems, item)?;
        if one_of.iter().any(|held| held == word.value) {
            let message = format!("`{}` stands twice in `one_of`", word.value.escape_debug());
            problems.push(Problem::error(word.span, message, "the second time"));
            return None;
        }
        one_of.push(word.value.to_owned());
    }
    let value = document::text(table.file, problems, value_item)?;
    among(&value, &one_of, problems)?;
    Some(Read { one_of, ..Read::plain(ParamValue::Text(value.value.to_owned()), value.span) })
}

/// Tells a text that is none of those that it may be.
fn among(value: &Text<'_>, one_of: &[String], problems: &mut Problems) -> Option<()> {
    if one_of.iter().any(|held| held == value.value) {
        return Some(());
    }
    let words: Vec<&str> = one_of.iter().map(String::as_str).collect();
    let help = did_you_mean(near(value.value, words.iter().copied()))
        .unwrap_or_else(|| format!("write {}", listed(&words, "or")));
    let message = format!("the value is not among `one_of`: `{}`", value.value.escape_debug());
    problems.push(Problem::error(value.span.clone(), message, "not one of them").help(help));
    None
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
