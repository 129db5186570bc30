//! `[features]`: named window aggregates.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::DeValue;

use super::document::{Item, Table, Text, one_of, one_or_more, text};
use super::limits::{FEATURES_MAX, KEY_FIELDS_MAX, WINDOW_US_MAX};
use super::names::{BuiltIn, Meaning, ParamValue, Scope, did_you_mean, listed};
use super::problem::{Problem, Problems};
use super::ruleset::{Aggregate, Counts, Feature, KeyField, Kinds, NumberField, Window};
use super::sections::{Name, declare};
use super::sql::tree::{Node, Tree};
use super::sql::{self, Reach, Used};
use super::types::{Type, Unit};
use super::vocabulary;
use crate::event::{ExtraType, Kind, TextField};
use crate::time::{format_duration, parse_duration};

/// The keys of which a feature has exactly one.
const AGGREGATES: [&str; 9] =
    ["count", "sum", "mean", "min", "max", "deviation", "distinct", "is_new", "since"];
const OPTIONS: [&str; 7] = ["by", "at", "over", "from", "where", "counts", "current"];
const LATER: [&str; 14] = [
    "pending", "delay", "reset", "across", "quantile", "median", "first", "last", "z_score", "ratio", "list",
    "value", "unit", "quality",
];
const COUNTS: [(&str, Counts); 2] = [("asked", Counts::Asked), ("allowed", Counts::Allowed)];

/// A feature of the file, with what a rule set does not keep of it.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    pub(super) name: Name<'d>,
    pub(super) feature: Feature,
    /// What its `where` compiled to.
    pub(super) condition: Option<sql::Compiled<'d>>,
    /// Its `over` as the file has it: a window, or the name of a parameter.
    pub(super) over: Option<&'d str>,
}

/// Reads the section and declares what it names. Features stand in the order of their names.
pub(super) fn read<'d>(
    root: &Table<'d>,
    scope: &mut Scope,
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Declared<'d>> {
    let Some(section) = root.table(problems, "features", "[features]") else { return Vec::new() };
    if section.len() > FEATURES_MAX {
        let message = format!("a rule file has at most {FEATURES_MAX} features");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    // All names first, so that a condition that reads a feature is told so wherever that feature stands.
    let mut named = Vec::new();
    for (name, span, item) in section.entries() {
        let name = Name { text: name, span };
        if declare(scope, &name, Meaning::Feature(named.len(), None), problems) {
            named.push((name, item));
        }
    }
    let mut features = Vec::new();
    for (name, item) in named {
        if problems.full() {
            break;
        }
        let reader = Reader { file: root.file, scope, used, problems };
        if let Some((feature, condition)) = reader.feature(&name, item) {
            let exact = Type::of(feature.ty);
            let inexact = matches!(feature.aggregate, Aggregate::Mean(_) | Aggregate::Deviation(_));
            scope.set_feature_type(name.text, if inexact { exact.inexact() } else { exact });
            features.push(Declared { name, feature, condition, over: over(item) });
        }
    }
    features
}

fn over<'d>(item: Item<'d>) -> Option<&'d str> {
    match item.get_ref() {
        DeValue::Table(table) => table.get("over")?.get_ref().as_str(),
        _ => None,
    }
}

/// The fields by which a feature is filed, and those by which it is read.
type Keys<'k> = (&'k [KeyField], &'k [KeyField]);

struct Reader<'a, 'd> {
    file: &'d str,
    scope: &'a Scope,
    used: &'a mut Used,
    problems: &'a mut Problems,
}

impl<'d> Reader<'_, 'd> {
    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    fn feature(mut self, name: &Name<'d>, item: Item<'d>) -> Option<(Feature, Option<sql::Compiled<'d>>)> {
        let table = Table::of(self.file, self.problems, item, "a feature")?;
        let known: Vec<&str> = AGGREGATES.iter().chain(&OPTIONS).copied().collect();
        table.check_keys(self.problems, &known, &LATER);
        let aggregate = self.aggregate(&table, name);
        let by = self.by(&table);
        let at = match table.get("at") {
            Some(item) => self.key(item),
            None => by.clone(),
        };
        let from = self.from(&table);
        let counts = self.counts(&table);
        let current = table.boolean(self.problems, "current");
        let condition = self.condition(&table, name);
        let (aggregate, ty) = aggregate?;
        let window = self.window(&table, aggregate);
        let without_current = matches!(aggregate, Aggregate::IsNew | Aggregate::Since);
        if let Some((true, span)) = &current
            && without_current
        {
            let message = "`is_new` and `since` never count the event being scored";
            return self.fail(Problem::error(span.clone(), message, "cannot be true here"));
        }
        let carried = condition.iter().flatten().flat_map(|condition| &condition.tables);
        let tables: Vec<u16> = carried.copied().collect();
        let lists = condition.iter().flatten().map(|condition| lists_asked(&condition.tree)).next();
        if let Some((true, span)) = &current
            && !tables.is_empty()
        {
            let message = "a feature whose `where` reads a table is fed after deciding, so never by the event being scored";
            return self.fail(Problem::error(span.clone(), message, "cannot be true here"));
        }
        let without_current = without_current || !tables.is_empty();
        let (by, at) = (by?, at?);
        if by.len() != at.len() {
            let span = table.get("at").map_or(table.span(), |item| item.span());
            let message = format!("`at` has {} fields, `by` has {}", at.len(), by.len());
            return self.fail(Problem::error(span, message, "not as many as `by`"));
        }
        if let Some(item) = table.get("at")
            && by == at
        {
            let message = "`at` is the same as `by`, which it is when it is left out";
            self.problems.push(Problem::warning(item.span(), message, "adds nothing"));
        }
        if let Some(from) = from {
            self.check_kinds(&table, aggregate, (&by, &at), from);
        }
        let compiled = condition?;
        let feature = Feature {
            name: name.text.to_owned(),
            hash: [0; 32],
            aggregate,
            by,
            at,
            from: from?,
            condition: compiled.as_ref().map(|compiled| compiled.condition.clone()),
            window: window?,
            counts: counts?.unwrap_or(default_counts(aggregate)),
            pending: false,
            label: None,
            delay_us: 0,
            reset: None,
            current: !without_current && current.is_none_or(|(current, _)| current),
            ty,
            tables,
            lists: lists.unwrap_or_default(),
            used: false,
        };
        Some((feature, compiled))
    }

    /// Tells fields that the events it is fed from, or those that read it, never have.
    fn check_kinds(&mut self, table: &Table<'d>, aggregate: Aggregate, key: Keys<'_>, from: Kinds) {
        let text = |field: &KeyField| match field {
            KeyField::Text(field) => Some(BuiltIn::Text(*field)),
            KeyField::Extra(_) => None,
        };
        let computed = match aggregate {
            Aggregate::Sum(NumberField::Amount)
            | Aggregate::Mean(NumberField::Amount)
            | Aggregate::Min(NumberField::Amount)
            | Aggregate::Max(NumberField::Amount)
            | Aggregate::Deviation(NumberField::Amount) => Some(BuiltIn::Amount),
            Aggregate::Distinct(field) => text(&field),
            _ => None,
        };
        let aggregate = table.entries().find(|(key, ..)| AGGREGATES.contains(key)).map(|(.., item)| item);
        let read_at = if table.get("at").is_some() { "at" } else { "by" };
        let lacking = |fields: &[KeyField], kinds| {
            fields.iter().filter_map(text).find_map(|field| vocabulary::lacking(field, kinds))
        };
        let found = [
            (aggregate, computed.and_then(|field| vocabulary::lacking(field, from))),
            (table.get("by"), lacking(key.0, from)),
            (table.get(read_at), lacking(key.1, Kinds::TRANSACTIONS)),
        ];
        for (item, message) in found {
            if let Some((item, message)) = item.zip(message) {
                self.problems.push(Problem::warning(item.span(), message, "never there"));
            }
        }
    }

    /// What it computes, and the type of that.
    fn aggregate(&mut self, table: &Table<'d>, name: &Name<'d>) -> Option<(Aggregate, ExtraType)> {
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
            "distinct" => {
                let field = text(self.file, self.problems, item)?;
                key_field(&field, self.scope, self.problems)
                    .map(|field| (Aggregate::Distinct(field), ExtraType::Integer))
            }
            _ => self.of_number(key, item),
        }
    }

    /// An aggregate of a number.
    fn of_number(&mut self, key: &str, item: Item<'d>) -> Option<(Aggregate, ExtraType)> {
        let name = text(self.file, self.problems, item)?;
        let (field, ty) = match self.scope.find(name.value) {
            Some(Meaning::BuiltIn(BuiltIn::Amount)) => (NumberField::Amount, ExtraType::Money),
            Some(Meaning::Extra(position, ty)) if is_number(ty) => (NumberField::Extra(position), ty),
            meaning => {
                let fits = |meaning: &Meaning| match meaning {
                    Meaning::BuiltIn(field) => *field == BuiltIn::Amount,
                    Meaning::Extra(_, ty) => is_number(*ty),
                    _ => false,
                };
                let expected = "amount or an extra field with a whole number";
                return no_field(&name, meaning, expected, fits, self.scope, self.problems);
            }
        };
        let inexact = if ty == ExtraType::Integer { ExtraType::Decimal } else { ty };
        Some(match key {
            "sum" | "deviation" if ty == ExtraType::Time => {
                let message = format!("a {key} of times is not kept");
                let problem = Problem::error(name.span, message, "this is a time");
                return self.fail(problem.help("times have `min`, `max` and `mean`"));
            }
            "sum" => (Aggregate::Sum(field), ty),
            "mean" => (Aggregate::Mean(field), inexact),
            "min" => (Aggregate::Min(field), ty),
            "max" => (Aggregate::Max(field), ty),
            _ => (Aggregate::Deviation(field), inexact),
        })
    }

    fn by(&mut self, table: &Table<'d>) -> Option<Vec<KeyField>> {
        let item = table.required(self.problems, "by")?;
        self.key(item)
    }

    /// One field or a list of them.
    fn key(&mut self, item: Item<'d>) -> Option<Vec<KeyField>> {
        let items = one_or_more(item);
        if items.is_empty() || items.len() > KEY_FIELDS_MAX {
            let message = format!("a key has 1 to {KEY_FIELDS_MAX} fields");
            return self.fail(Problem::error(item.span(), message, format!("this has {}", items.len())));
        }
        let mut key = Vec::new();
        for item in items {
            let name = text(self.file, self.problems, item)?;
            let field = key_field(&name, self.scope, self.problems)?;
            if key.contains(&field) {
                let message = format!("`{}` stands twice in this key", name.value);
                return self.fail(Problem::error(name.span, message, "the second time"));
            }
            key.push(field);
        }
        Some(key)
    }

    fn from(&mut self, table: &Table<'d>) -> Option<Kinds> {
        let Some(item) = table.get("from") else { return Some(Kinds::PAYMENTS) };
        let words = Kind::ALL.map(|kind| (kind.name(), kind));
        let mut kinds = Kinds::default();
        let items = one_or_more(item);
        if items.is_empty() {
            return self.fail(Problem::error(item.span(), "`from` names no kind of event", "empty"));
        }
        for item in items {
            let word = text(self.file, self.problems, item)?;
            kinds = kinds.with(one_of(self.problems, &word, "a kind of event", &words, &[])?);
        }
        Some(kinds)
    }

    /// Outer `None` where it is wrong, inner where it is not said.
    fn counts(&mut self, table: &Table<'d>) -> Option<Option<Counts>> {
        if table.get("counts").is_none() {
            return Some(None);
        }
        table.word(self.problems, "counts", &COUNTS, &["executed"]).map(Some)
    }

    /// Outer `None` where it is wrong, inner where there is none.
    fn condition(&mut self, table: &Table<'d>, name: &Name<'d>) -> Option<Option<sql::Compiled<'d>>> {
        if table.get("where").is_none() {
            return Some(None);
        }
        let text = table.text(self.problems, "where")?;
        sql::compile(&text, self.scope, Reach::Fields(name.text), self.used, self.problems).map(Some)
    }

    fn window(&mut self, table: &Table<'d>, aggregate: Aggregate) -> Option<Window> {
        if table.get("over").is_none() && matches!(aggregate, Aggregate::IsNew | Aggregate::Since) {
            return Some(Window::Forever);
        }
        let item = table.required(self.problems, "over")?;
        let text = text(self.file, self.problems, item)?;
        let length_us = match text.value {
            "day" => return Some(Window::Day),
            "month" => return Some(Window::Month),
            "forever" => return Some(Window::Forever),
            written => match parse_duration(written) {
                Ok(us) => us,
                Err(_) => self.duration_param(&text)?,
            },
        };
        self.check_window(length_us, text.span)
    }

    fn check_window(&mut self, length_us: i64, span: Range<usize>) -> Option<Window> {
        if (1..=WINDOW_US_MAX).contains(&length_us) {
            return Some(Window::Sliding { length_us });
        }
        let message = format!("a window is longer than 0 and at most {}", format_duration(WINDOW_US_MAX));
        self.fail(Problem::error(span, message, format!("this is {}", format_duration(length_us))))
    }

    fn duration_param(&mut self, text: &Text<'d>) -> Option<i64> {
        let is_duration =
            |meaning: &Meaning| matches!(meaning, Meaning::Param(ParamValue::Whole(_, Unit::Duration)));
        let shown = text.value.escape_debug();
        let problem = match self.scope.find(text.value) {
            Some(Meaning::Param(ParamValue::Whole(us, Unit::Duration))) => {
                self.used.insert(text.value.to_owned());
                return Some(us);
            }
            Some(Meaning::Param(_)) => {
                self.used.insert(text.value.to_owned());
                Problem::error(
                    text.span.clone(),
                    format!("`{shown}` is not a duration"),
                    "another kind of parameter",
                )
            }
            Some(Meaning::Wrong) => return None,
            _ => Problem::error(text.span.clone(), format!("`{shown}` is not a window"), "not a window"),
        };
        let near = did_you_mean(self.scope.near(text.value, is_duration));
        let help =
            "write a duration such as 24h, `day`, `month`, `forever`, or the name of a duration parameter";
        self.fail(problem.help(near.unwrap_or_else(|| help.to_owned())))
    }
}

/// The text field of a name; told where it is none.
pub(super) fn key_field(name: &Text<'_>, scope: &Scope, problems: &mut Problems) -> Option<KeyField> {
    let is_key = |meaning: &Meaning| {
        matches!(meaning, Meaning::BuiltIn(BuiltIn::Text(_)) | Meaning::Extra(_, ExtraType::Text))
    };
    if let Some(field) = TextField::from_name(name.value) {
        return Some(KeyField::Text(field));
    }
    match scope.find(name.value) {
        Some(Meaning::Extra(position, ExtraType::Text)) => Some(KeyField::Extra(position)),
        meaning => no_field(name, meaning, "a field with text", is_key, scope, problems),
    }
}

/// Tells that a name is not a field that can stand here.
fn no_field<T>(
    name: &Text<'_>,
    meaning: Option<Meaning>,
    expected: &str,
    fits: impl Fn(&Meaning) -> bool,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<T> {
    let shown = name.value.escape_debug();
    let found = match &meaning {
        Some(Meaning::Wrong) => return None,
        None => None,
        Some(Meaning::BuiltIn(field)) => Some(field.ty().describe(scope.currency)),
        Some(Meaning::Extra(_, ty)) => Some(Type::of(*ty).describe(scope.currency)),
        Some(other) => Some(other.describe().to_owned()),
    };
    let problem = match found {
        None => Problem::error(name.span.clone(), format!("unknown field `{shown}`"), "not a field"),
        Some(found) => {
            let message = format!("expected {expected}, found `{shown}`");
            Problem::error(name.span.clone(), message, format!("this is {found}"))
        }
    };
    problems.push(problem.maybe_help(did_you_mean(scope.near(name.value, fits))));
    None
}

/// The lists that a condition asks itself, as positions.
fn lists_asked(tree: &Tree) -> Vec<u16> {
    let mut lists = BTreeSet::new();
    tree.walk(&mut |part| {
        if let Node::Listed(_, list) | Node::ListLevel(_, list) = part.node {
            lists.insert(list as u16);
        }
    });
    lists.into_iter().collect()
}

fn is_number(ty: ExtraType) -> bool {
    matches!(ty, ExtraType::Integer | ExtraType::Money | ExtraType::Time | ExtraType::Duration)
}

/// A thief's refused try must not make his device a known one, and blocked attempts must not teach what is usual.
fn default_counts(aggregate: Aggregate) -> Counts {
    match aggregate {
        Aggregate::Count | Aggregate::Sum(_) | Aggregate::Distinct(_) => Counts::Asked,
        _ => Counts::Allowed,
    }
}

/// Tells the features and parameters that nothing reads.
pub(super) fn check_used<'n>(
    names: impl Iterator<Item = (&'n Name<'n>, bool)>,
    what: &str,
    problems: &mut Problems,
) {
    // A name may be declared once only, so the map merely sorts.
    let unused: BTreeMap<usize, &Name<'_>> =
        names.filter(|(_, used)| !used).map(|(name, _)| (name.span.start, name)).collect();
    for name in unused.into_values() {
        let message = format!("{what} `{}` is never used", name.text);
        problems.push(Problem::warning(name.span.clone(), message, "nothing reads it"));
    }
}
