//! `[tables]`: decision tables, read in two passes, since features may read tables and tables read features.
//!
//! Promises that every table has a value for every event, or says that it is unknown, and that no table reads itself.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeValue;

use super::amounts::{self, amount};
use super::document::{self, Item, Table as Section, describe, expected, text};
use super::limits::{ROWS_MAX, TABLES_MAX};
use super::names::{Meaning, Scope};
use super::problem::{Problem, Problems};
use super::sections::{Name, declare};
use super::sql::{self, Reach, Used};
use super::table::{Row, Table, UnknownRow, Values};
use crate::event::ExtraType;
use crate::money::Currency;

const KEYS: [&str; 5] = ["rows", "else", "on_unknown", "order", "unit"];
const ROW_KEYS: [&str; 2] = ["when", "is"];
const ON_UNKNOWN: [(&str, UnknownRow); 3] =
    [("next", UnknownRow::Next), ("unknown", UnknownRow::Unknown), ("strictest", UnknownRow::Strictest)];

/// A table of the file whose values are read, and whose conditions are not yet.
#[derive(Debug)]
pub(super) struct Named<'d> {
    name: Name<'d>,
    section: Section<'d>,
    rows: Vec<(Section<'d>, Range<usize>)>,
    values: Values,
    ty: ExtraType,
    strictness: Vec<u16>,
    on_unknown: UnknownRow,
}

/// A table of the file, with what a rule set does not keep of it.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    pub(super) name: Name<'d>,
    pub(super) table: Table,
    /// What the rows' `when` compiled to.
    pub(super) conditions: Vec<sql::Compiled<'d>>,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    Text(Box<str>),
    Whole(i64),
    Decimal(f64),
    Boolean(bool),
}

/// First pass: declares the names, in their order, with the types of their values.
pub(super) fn declare_all<'d>(
    root: &Section<'d>,
    scope: &mut Scope,
    problems: &mut Problems,
) -> Vec<Named<'d>> {
    let Some(section) = root.table(problems, "tables", "[tables]") else { return Vec::new() };
    if section.len() > TABLES_MAX {
        let message = format!("a rule file has at most {TABLES_MAX} tables");
        problems.push(Problem::error(section.span(), message, format!("this has {}", section.len())));
        return Vec::new();
    }
    let mut named: Vec<Named<'d>> = Vec::new();
    for (name, span, item) in section.entries() {
        let name = Name { text: name, span };
        let mut reader = Reader { file: root.file, currency: scope.currency, problems };
        let read = reader.values(name.clone(), item);
        let meaning = read
            .as_ref()
            .map_or(Meaning::Wrong, |read| Meaning::Table(named.len(), read.ty, read.values.clone()));
        if declare(scope, &name, meaning, problems)
            && let Some(read) = read
        {
            named.push(read);
        }
    }
    named
}

/// Second pass: compiles the rows, and tells cycles.
pub(super) fn read<'d>(
    named: Vec<Named<'d>>,
    scope: &Scope,
    used: &mut Used,
    problems: &mut Problems,
) -> Vec<Declared<'d>> {
    let mut tables = Vec::new();
    for named in named {
        let mut conditions = Vec::new();
        for (row, _) in &named.rows {
            let when = row.required_text(problems, "when");
            conditions.extend(when.and_then(|text| sql::compile(&text, scope, Reach::All, used, problems)));
        }
        check_reach(&named, &conditions, problems);
        let text = |condition: &sql::Compiled<'_>| condition.text.value.to_owned();
        let row =
            |condition: &sql::Compiled<'_>| Row { when: condition.condition.clone(), text: text(condition) };
        let table = Table {
            name: named.name.text.to_owned(),
            rows: conditions.iter().map(row).collect(),
            values: named.values,
            ty: named.ty,
            on_unknown: named.on_unknown,
            strictness: named.strictness,
            reads: sorted(conditions.iter().flat_map(|condition| &condition.features)),
            tables: sorted(conditions.iter().flat_map(|condition| &condition.tables)),
        };
        tables.push(Declared { name: named.name, table, conditions });
    }
    close(&mut tables, problems);
    tables
}

fn sorted<'a>(positions: impl Iterator<Item = &'a u16>) -> Vec<u16> {
    positions.copied().collect::<BTreeSet<u16>>().into_iter().collect()
}

/// Tells rows that are never looked at, and that some event may meet no row.
fn check_reach(named: &Named<'_>, conditions: &[sql::Compiled<'_>], problems: &mut Problems) {
    if conditions.len() < named.rows.len() {
        return;
    }
    let always =
        conditions.iter().position(|condition| condition.condition.as_constant() == Some(Some(true)));
    let has_else = named.values.len() > named.rows.len();
    match always {
        Some(at) => {
            let unreached = named.rows.iter().skip(at + 1).map(|(_, span)| span.clone());
            let otherwise = named.section.get("else").map(|item| item.span());
            for span in unreached.chain(otherwise) {
                let message = format!("row {} of table `{}` always holds", at + 1, named.name.text);
                problems.push(Problem::warning(span, message, "never looked at"));
            }
        }
        None if !has_else => {
            let message = format!("table `{}` has no value where none of its rows holds", named.name.text);
            let problem = Problem::error(named.name.span.clone(), message, "`else` is missing");
            problems.push(problem.help("give it an `else`, or a last row with when = \"true\""));
        }
        None => {}
    }
}

/// Lets every table know what it reads through other tables; tells those that read themselves.
fn close(tables: &mut [Declared<'_>], problems: &mut Problems) {
    let direct: Vec<(Vec<u16>, Vec<u16>)> =
        tables.iter().map(|declared| (declared.table.tables.clone(), declared.table.reads.clone())).collect();
    for (at, declared) in tables.iter_mut().enumerate() {
        let mut reached: BTreeSet<u16> = BTreeSet::new();
        let mut open = declared.table.tables.clone();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(direct.get(usize::from(next)).map_or(&[][..], |(tables, _)| tables));
            }
        }
        if reached.contains(&(at as u16)) {
            let message = format!("cycle: table `{}` reads itself", declared.name.text);
            let problem = Problem::error(declared.name.span.clone(), message, "through its rows");
            problems.push(problem.help("a table reads fields, features and tables that do not read it"));
        }
        let through = reached.iter().filter_map(|&next| direct.get(usize::from(next)));
        let reads: BTreeSet<u16> =
            through.flat_map(|(_, reads)| reads).chain(&declared.table.reads).copied().collect();
        declared.table.reads = reads.into_iter().collect();
        declared.table.tables = reached.into_iter().collect();
    }
}

struct Reader<'a, 'd> {
    file: &'d str,
    currency: Option<Currency>,
    problems: &'a mut Problems,
}

impl<'d> Reader<'_, 'd> {
    fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    /// Everything of a table but its conditions.
    fn values(&mut self, name: Name<'d>, item: Item<'d>) -> Option<Named<'d>> {
        let section = Section::of(self.file, self.problems, item, "a table of decisions")?;
        section.check_keys(self.problems, &KEYS, &[]);
        let unit = self.unit(&section)?;
        let rows = self.rows(&section)?;
        let mut values: Vec<(Scalar, Range<usize>)> = Vec::new();
        for (row, _) in &rows {
            let item = row.required(self.problems, "is")?;
            self.value(item, unit, &mut values)?;
        }
        if let Some(item) = section.get("else") {
            self.value(item, unit, &mut values)?;
        }
        section.required(self.problems, "on_unknown")?;
        let on_unknown = section.word(self.problems, "on_unknown", &ON_UNKNOWN, &[])?;
        let strictness = self.order(&section, unit, on_unknown, &values)?;
        let scalars: Vec<Scalar> = values.into_iter().map(|(scalar, _)| scalar).collect();
        let (values, plain) = typed(&scalars);
        let ty = if unit.is_some() { ExtraType::Money } else { plain };
        Some(Named { name, section, rows, values, ty, strictness, on_unknown })
    }

    /// Outer `None` where it is wrong, inner where it is not said.
    fn unit(&mut self, section: &Section<'d>) -> Option<Option<Currency>> {
        let Some(item) = section.get("unit") else { return Some(None) };
        let code = text(self.file, self.problems, item)?;
        amounts::currency(code, self.currency, self.problems).map(Some)
    }

    fn rows(&mut self, section: &Section<'d>) -> Option<Vec<(Section<'d>, Range<usize>)>> {
        let item = section.required(self.problems, "rows")?;
        let DeValue::Array(items) = item.get_ref() else {
            return expected(
                self.problems,
                item,
                "a list of rows, such as [{ when = \"amount > 5\", is = \"A\" }]",
            );
        };
        if items.is_empty() || items.len() > ROWS_MAX {
            let message = format!("a table has 1 to {ROWS_MAX} rows");
            return self.fail(Problem::error(item.span(), message, format!("this has {}", items.len())));
        }
        let mut rows = Vec::new();
        for item in items {
            let row = Section::of(self.file, self.problems, item, "a row")?;
            row.check_keys(self.problems, &ROW_KEYS, &[]);
            rows.push((row, item.span()));
        }
        Some(rows)
    }

    /// Reads a value and puts it beside the others, of whose type it must be.
    fn value(
        &mut self,
        item: Item<'d>,
        unit: Option<Currency>,
        values: &mut Vec<(Scalar, Range<usize>)>,
    ) -> Option<()> {
        let scalar = self.scalar(item, unit)?;
        if let Some((first, _)) = values.first()
            && std::mem::discriminant(first) != std::mem::discriminant(&scalar)
        {
            let message = format!("the values of a table are of one type, and the first is {}", kind(first));
            let label = format!("this is {}", describe(item.get_ref()));
            return self.fail(Problem::error(item.span(), message, label));
        }
        values.push((scalar, item.span()));
        Some(())
    }

    fn scalar(&mut self, item: Item<'d>, unit: Option<Currency>) -> Option<Scalar> {
        if let Some(currency) = unit {
            return amount(item, currency, self.problems).map(Scalar::Whole);
        }
        match item.get_ref() {
            DeValue::String(text) => Some(Scalar::Text(text.as_ref().into())),
            DeValue::Boolean(value) => Some(Scalar::Boolean(*value)),
            DeValue::Integer(_) => document::integer(self.problems, item).map(Scalar::Whole),
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(value) if value.is_finite() => Some(Scalar::Decimal(value)),
                _ => expected(self.problems, item, "a finite number"),
            },
            _ => expected(self.problems, item, "text, a number or a boolean"),
        }
    }

    /// How strict each value is, where an unknown row means the strictest.
    fn order(
        &mut self,
        section: &Section<'d>,
        unit: Option<Currency>,
        on_unknown: UnknownRow,
        values: &[(Scalar, Range<usize>)],
    ) -> Option<Vec<u16>> {
        let Some(item) = section.get("order") else {
            if on_unknown == UnknownRow::Strictest {
                let span = section.get("on_unknown").map_or(section.span(), |item| item.span());
                let problem =
                    Problem::error(span, "which value is the strictest is not said", "`order` is missing");
                return self.fail(problem.help("list the values, weakest first: order = [\"A\", \"B\"]"));
            }
            return Some(Vec::new());
        };
        if on_unknown != UnknownRow::Strictest {
            let problem =
                Problem::error(item.span(), "`order` goes with on_unknown = \"strictest\"", "not needed");
            return self.fail(problem);
        }
        let DeValue::Array(items) = item.get_ref() else {
            return expected(self.problems, item, "the values of the table, weakest first");
        };
        let mut order = Vec::new();
        for item in items {
            let scalar = self.scalar(item, unit)?;
            if order.contains(&scalar) {
                return self.fail(Problem::error(item.span(), "this value stands twice in `order`", "again"));
            }
            if !values.iter().any(|(value, _)| *value == scalar) {
                let problem =
                    Problem::error(item.span(), "the table never has this value", "not in the table");
                return self.fail(problem);
            }
            order.push(scalar);
        }
        let mut strictness = Vec::new();
        for (value, span) in values {
            match order.iter().position(|scalar| scalar == value) {
                Some(rank) => strictness.push(rank as u16),
                None => {
                    let problem =
                        Problem::error(span.clone(), "`order` does not have this value", "how strict is it?");
                    return self.fail(problem);
                }
            }
        }
        Some(strictness)
    }
}

fn kind(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Text(_) => "text",
        Scalar::Whole(_) => "an integer",
        Scalar::Decimal(_) => "a decimal number",
        Scalar::Boolean(_) => "a boolean",
    }
}

/// Values of one type, as they are held.
fn typed(scalars: &[Scalar]) -> (Values, ExtraType) {
    macro_rules! all {
        ($of:ident) => {
            scalars.iter().filter_map(|held| if let Scalar::$of(v) = held { Some(v.clone()) } else { None })
        };
    }
    match scalars.first() {
        Some(Scalar::Whole(_)) => (Values::Whole(all!(Whole).collect()), ExtraType::Integer),
        Some(Scalar::Decimal(_)) => (Values::Decimal(all!(Decimal).collect()), ExtraType::Decimal),
        Some(Scalar::Boolean(_)) => (Values::Boolean(all!(Boolean).collect()), ExtraType::Boolean),
        Some(Scalar::Text(_)) | None => (Values::Text(all!(Text).collect()), ExtraType::Text),
    }
}
