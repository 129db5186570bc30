//! From a typed tree to SQL text that means the same.
//!
//! Promises that the text is null wherever the condition would be: where a whole number leaves 64 bits, where a
//! decimal number is not finite, where a divisor is zero. Must never know a window.

use std::collections::BTreeMap;

use super::dialect::{self, Dialect, column, literal};
use super::range::{Magnitude, Span};
use super::scope::Reason;
use crate::event::{ExtraType, TextField};
use crate::money::{self, AMOUNT_MINOR_MAX};
use crate::rules::expr::Comparison;
use crate::rules::like::Pattern;
use crate::rules::names::BuiltIn;
use crate::rules::ruleset::{Aggregate, KeyField, NumberField, RuleSet};
use crate::rules::sql::operand_units;
use crate::rules::sql::tree::{Branches, Node, Operator, Tree};
use crate::rules::types::{Form, Type, Unit};
use crate::time::TIME_US_MAX;

/// Prints expressions, and notes the columns that they read.
pub(super) struct Printer<'a> {
    pub(super) dialect: Dialect,
    pub(super) set: &'a RuleSet,
    /// Columns of the table of events, with their types.
    pub(super) columns: BTreeMap<String, &'static str>,
    /// What is computed from an event's time once.
    pub(super) clocks: BTreeMap<&'static str, Clock>,
    /// Why what was printed last cannot be said.
    pub(super) failed: Option<Reason>,
}

/// A guarded expression stands twice in its guard, so nested guards double the text; past this it is given up.
const REPEATED_BYTES_MAX: usize = 1 << 16;

/// What is computed from an event's time in the rule set's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Hour,
    Weekday,
    Day,
    Month,
}

/// A whole number.
pub(super) struct Whole {
    pub(super) sql: String,
    span: Span,
    /// Whether it is surely a BIGINT; a short literal is less in DuckDB.
    long: bool,
}

/// A decimal number.
pub(super) struct Decimal {
    pub(super) sql: String,
    magnitude: Magnitude,
}

impl Printer<'_> {
    /// The column of a field of the table.
    pub(super) fn field(&mut self, name: &str, ty: &'static str) -> String {
        self.columns.insert(name.to_owned(), ty);
        column(name)
    }

    /// Something computed from an event's time.
    pub(super) fn clock(&mut self, clock: Clock) -> String {
        let name = match clock {
            Clock::Hour => "_hour",
            Clock::Weekday => "_weekday",
            Clock::Day => "_day",
            Clock::Month => "_month",
        };
        self.clocks.insert(name, clock);
        column(name)
    }

    /// The column of a key field.
    pub(super) fn key(&mut self, field: KeyField) -> String {
        match field {
            KeyField::Text(field) => self.field(field.name(), "VARCHAR"),
            KeyField::Extra(position) => self.extra(position),
        }
    }

    /// The column of a field that is aggregated.
    pub(super) fn number(&mut self, field: NumberField) -> String {
        match field {
            NumberField::Amount => self.field("amount_minor", "BIGINT"),
            NumberField::Extra(position) => self.extra(position),
        }
    }

    fn extra(&mut self, position: usize) -> String {
        let set = self.set;
        let Some((name, ty)) = set.schema.fields().get(position) else { return "NULL".to_owned() };
        let ty = match ty {
            ExtraType::Text | ExtraType::Identifier => "VARCHAR",
            ExtraType::Boolean => "BOOLEAN",
            ExtraType::Decimal => "DOUBLE",
            ExtraType::Integer | ExtraType::Money | ExtraType::Time | ExtraType::Duration => "BIGINT",
        };
        self.field(name, ty)
    }

    fn feature(&self, position: usize) -> String {
        self.set.features.get(position).map_or_else(|| "NULL".to_owned(), |feature| column(&feature.name))
    }

    fn table(&self, position: usize) -> String {
        self.set.tables.get(position).map_or_else(|| "NULL".to_owned(), |table| column(&table.name))
    }

    /// A list changes from event to event, and no column holds it.
    fn listed(&mut self, position: usize, ty: &str) -> String {
        let name = self.set.lists.get(position).map(|list| list.name.clone());
        self.failed = Some(Reason::AsksList(name.unwrap_or_default()));
        null(ty)
    }

    fn places(&self, unit: Unit) -> u32 {
        if unit == Unit::Money { money::decimals(self.set.currency) } else { 0 }
    }

    /// A condition.
    pub(super) fn truth(&mut self, tree: &Tree) -> String {
        match &tree.node {
            Node::Boolean(true) => "TRUE".to_owned(),
            Node::Boolean(false) => "FALSE".to_owned(),
            Node::BuiltIn(BuiltIn::SameOwner) => self.field("same_owner", "BOOLEAN"),
            Node::Extra(position, _) => self.extra(*position),
            Node::Feature(position, _) => self.feature(*position),
            Node::Table(position, _) => self.table(*position),
            Node::Not(operand) => format!("(NOT {})", self.truth(operand)),
            Node::All(parts) => self.chain(parts, " AND "),
            Node::Any(parts) => self.chain(parts, " OR "),
            Node::Is(operand, truth) => {
                let truth = truth.map_or("NULL", |truth| if truth { "TRUE" } else { "FALSE" });
                format!("({} IS {truth})", self.truth(operand))
            }
            Node::IsNull(operand) => format!("({} IS NULL)", self.value(operand, operand.ty)),
            Node::Compare(comparison, sides, ty) => {
                let (left, right) = (self.value(&sides.0, *ty), self.value(&sides.1, *ty));
                format!("({left} {} {right})", sign(*comparison))
            }
            Node::Between(parts, ty) => {
                let value = self.value(&parts.0, *ty);
                let (low, high) = (self.value(&parts.1, *ty), self.value(&parts.2, *ty));
                format!("({value} BETWEEN {low} AND {high})")
            }
            Node::In(value, items, ty) => self.among(value, items, *ty),
            Node::Like(text, pattern) => like(self.text(text), pattern),
            Node::Word(word, field) => self.word(word, *field),
            Node::Listed(_, list) => self.listed(*list, "BOOLEAN"),
            Node::Met(name, _) => {
                self.failed = Some(Reason::AsksMethods(name.clone()));
                null("BOOLEAN")
            }
            _ => self.choice(tree, "BOOLEAN", &mut |this, part| this.truth(part)),
        }
    }

    fn among(&mut self, value: &Tree, items: &[Tree], ty: Type) -> String {
        let computed = items.iter().any(|item| !item.constant);
        let value = self.value(value, ty);
        let items: Vec<String> = items.iter().map(|item| self.value(item, ty)).collect();
        if !(computed && self.dialect.loses_unknown_items()) {
            return format!("({value} IN ({}))", items.join(", "));
        }
        if value.len() > REPEATED_BYTES_MAX {
            self.failed = Some(Reason::TooLong);
        }
        let equal: Vec<String> = items.iter().map(|item| format!("{value} = {item}")).collect();
        format!("({})", equal.join(" OR "))
    }

    fn chain(&mut self, parts: &[Tree], joint: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.truth(part)).collect();
        format!("({})", parts.join(joint))
    }

    /// A list's words stand between commas, and so none of them holds one.
    fn word(&mut self, word: &Tree, field: TextField) -> String {
        let list = self.field(field.name(), "VARCHAR");
        let word = match &word.node {
            Node::Text(text) => literal(&format!(",{text},")),
            _ => format!("(',' || replace({}, ',', ' ') || ',')", self.text(word)),
        };
        format!("contains((',' || {list} || ','), {word})")
    }

    /// Any expression as a type, to be compared.
    fn value(&mut self, tree: &Tree, ty: Type) -> String {
        match ty {
            Type::Boolean => self.truth(tree),
            Type::Text | Type::Words => self.text(tree),
            ty => match ty.as_number() {
                Some((unit, false)) => {
                    let decimal = self.decimal(tree, unit);
                    self.compared(decimal)
                }
                other => self.whole(tree, other.map_or(Unit::Plain, |(unit, _)| unit)).sql,
            },
        }
    }

    fn text(&mut self, tree: &Tree) -> String {
        match &tree.node {
            Node::Text(text) => literal(text),
            Node::BuiltIn(BuiltIn::Text(field)) => self.field(field.name(), "VARCHAR"),
            Node::BuiltIn(BuiltIn::Currency) => self.field("currency", "VARCHAR"),
            Node::BuiltIn(BuiltIn::Kind) => self.field("kind", "VARCHAR"),
            Node::Extra(position, _) => self.extra(*position),
            Node::Table(position, _) => self.table(*position),
            Node::Quality(_) => {
                self.failed = Some(Reason::Key("quality"));
                null("VARCHAR")
            }
            _ => self.choice(tree, "VARCHAR", &mut |this, part| this.text(part)),
        }
    }

    /// A whole number, in the unit where it is a literal.
    fn whole(&mut self, tree: &Tree, unit: Unit) -> Whole {
        let constant = |value: i64| Whole { sql: dialect::whole(value), span: Span::of(value), long: false };
        let long = |sql, span| Whole { sql, span, long: true };
        match &tree.node {
            Node::Whole(value) => constant(*value),
            Node::Literal(literal) => match literal.whole(self.places(unit)) {
                Some(value) => constant(value),
                None => Whole { sql: null("BIGINT"), span: Span::NONE, long: true },
            },
            Node::BuiltIn(field) => {
                let (sql, span) = self.whole_field(*field);
                long(sql, span)
            }
            Node::Extra(position, ExtraType::Time) => long(self.extra(*position), Span::up_to(TIME_US_MAX)),
            Node::Extra(position, _) => long(self.extra(*position), Span::ALL),
            Node::Feature(position, _) => long(self.feature(*position), self.feature_span(*position)),
            Node::Table(position, _) => long(self.table(*position), Span::ALL),
            Node::Money(..) => {
                self.failed = Some(Reason::AsksRates);
                long(null("BIGINT"), Span::ALL)
            }
            Node::ListLevel(_, list) => long(self.listed(*list, "BIGINT"), Span::ALL),
            Node::Negate(operand) => {
                let operand = self.whole(operand, unit);
                self.checked(&format!("-{}", self.widened(&operand)), operand.span.negate())
            }
            Node::Absolute(operand) => {
                let operand = self.whole(operand, unit);
                self.checked(&format!("abs({})", self.widened(&operand)), operand.span.absolute())
            }
            Node::Arithmetic(operator, sides, units) => {
                let units = operand_units(*operator, *units, unit);
                let (left, right) = (self.whole(&sides.0, units.0), self.whole(&sides.1, units.1));
                self.arithmetic(*operator, &left, &right)
            }
            _ => {
                let mut span = Span::NONE;
                let sql = self.choice(tree, "BIGINT", &mut |this, part| {
                    let part = this.whole(part, unit);
                    span = span.join(part.span);
                    part.sql
                });
                Whole { sql, span, long: false }
            }
        }
    }

    fn whole_field(&mut self, field: BuiltIn) -> (String, Span) {
        match field {
            BuiltIn::Amount => (self.field("amount_minor", "BIGINT"), Span::up_to(AMOUNT_MINOR_MAX)),
            BuiltIn::Time => (self.field("time_us", "BIGINT"), Span::up_to(TIME_US_MAX)),
            BuiltIn::Received => (self.field("received_us", "BIGINT"), Span::up_to(TIME_US_MAX)),
            BuiltIn::Hour => (self.clock(Clock::Hour), Span::up_to(23)),
            BuiltIn::Weekday => (self.clock(Clock::Weekday), Span::up_to(7)),
            _ => (self.field("level", "BIGINT"), Span::ALL),
        }
    }

    fn feature_span(&self, position: usize) -> Span {
        match self.set.features.get(position).map(|feature| feature.aggregate) {
            Some(Aggregate::Since) => Span::up_to(TIME_US_MAX),
            Some(Aggregate::Min(NumberField::Amount) | Aggregate::Max(NumberField::Amount)) => {
                Span::up_to(AMOUNT_MINOR_MAX)
            }
            _ => Span::ALL,
        }
    }

    /// A result that may leave 64 bits is computed with more, and is null where it does.
    fn checked(&self, sql: &str, span: Span) -> Whole {
        Whole { sql: self.dialect.narrow(sql), span: span.clipped(), long: true }
    }

    fn widened(&self, whole: &Whole) -> String {
        self.dialect.wide(&whole.sql)
    }

    fn arithmetic(&self, operator: Operator, left: &Whole, right: &Whole) -> Whole {
        let (sign, span) = match operator {
            Operator::Add => ("+", left.span.add(right.span)),
            Operator::Subtract => ("-", left.span.subtract(right.span)),
            Operator::Multiply => ("*", left.span.multiply(right.span)),
            Operator::Remainder => ("%", left.span.remainder()),
            // A quotient is never whole.
            Operator::Divide => {
                return Whole { sql: null("BIGINT"), span: Span::NONE, long: true };
            }
        };
        let divides = operator == Operator::Remainder;
        let divisor = |sql: String| if divides { format!("NULLIF({sql}, 0)") } else { sql };
        // The least integer has no quotient by -1, and some engines look for it before they have a remainder.
        if !span.fits() || (divides && left.span.has_least()) {
            let right = divisor(self.widened(right));
            return self.checked(&format!("({} {sign} {right})", self.widened(left)), span);
        }
        let left_sql =
            if left.long || right.long { left.sql.clone() } else { format!("CAST({} AS BIGINT)", left.sql) };
        Whole { sql: format!("({left_sql} {sign} {})", divisor(right.sql.clone())), span, long: true }
    }

    /// A decimal number, in the unit where it is a literal; not finite at times, as its magnitude says.
    fn decimal(&mut self, tree: &Tree, unit: Unit) -> Decimal {
        let whole = matches!(tree.ty, Type::Number { whole: true, .. } | Type::Open(Form::Whole));
        if whole && !matches!(tree.node, Node::Literal(_)) {
            let whole = self.whole(tree, unit);
            let magnitude = Magnitude::of_whole(whole.span);
            return Decimal { sql: format!("CAST({} AS DOUBLE)", whole.sql), magnitude };
        }
        let constant = |value: Option<f64>| match value {
            Some(value) => Decimal { sql: dialect::double(value), magnitude: Magnitude::of(value) },
            None => Decimal { sql: null("DOUBLE"), magnitude: Magnitude::of(0.0) },
        };
        match &tree.node {
            Node::Decimal(value) => constant(Some(*value)),
            Node::Literal(literal) => constant(literal.decimal(self.places(unit))),
            Node::BuiltIn(BuiltIn::Latitude) => {
                Decimal { sql: self.field("latitude", "DOUBLE"), magnitude: Magnitude::up_to(90.0) }
            }
            Node::BuiltIn(_) => {
                Decimal { sql: self.field("longitude", "DOUBLE"), magnitude: Magnitude::up_to(180.0) }
            }
            Node::Extra(position, _) => {
                Decimal { sql: self.extra(*position), magnitude: Magnitude::up_to(f64::MAX) }
            }
            Node::Feature(position, _) => {
                Decimal { sql: self.feature(*position), magnitude: Magnitude::of_mean() }
            }
            Node::Table(position, _) => {
                Decimal { sql: self.table(*position), magnitude: Magnitude::up_to(f64::MAX) }
            }
            Node::Negate(operand) => {
                let Decimal { sql, magnitude } = self.decimal(operand, unit);
                Decimal { sql: format!("(-{sql})"), magnitude: magnitude.negate() }
            }
            Node::Absolute(operand) => {
                let Decimal { sql, magnitude } = self.decimal(operand, unit);
                Decimal { sql: format!("abs({sql})"), magnitude: magnitude.absolute() }
            }
            Node::Arithmetic(operator, sides, units) => {
                let units = operand_units(*operator, *units, unit);
                let (left, right) = (self.decimal(&sides.0, units.0), self.decimal(&sides.1, units.1));
                self.decimal_arithmetic(*operator, left, right)
            }
            _ => {
                let mut magnitude = Magnitude::of(0.0);
                let nullif = matches!(tree.node, Node::Nullif(_));
                let sql = self.choice(tree, "DOUBLE", &mut |this, part| {
                    let part = this.decimal(part, unit);
                    magnitude = magnitude.join(part.magnitude);
                    if nullif { this.compared(part) } else { this.finite(part) }
                });
                Decimal { sql, magnitude: magnitude.finite() }
            }
        }
    }

    fn decimal_arithmetic(&mut self, operator: Operator, left: Decimal, right: Decimal) -> Decimal {
        let (a, b) = (left.magnitude, right.magnitude);
        let (sign, magnitude) = match operator {
            Operator::Add => ("+", a.add(b)),
            Operator::Subtract => ("-", a.add(b)),
            Operator::Multiply => ("*", a.multiply(b)),
            Operator::Divide => {
                let magnitude = a.divide(b);
                let by_zero = b.may_be_zero();
                // What is not finite stays so in sums and products, but by an infinite one a quotient is 0.
                let right = if by_zero { self.compared(right) } else { self.finite(right) };
                let right = if by_zero { format!("NULLIF({right}, 0e0)") } else { right };
                return Decimal { sql: format!("({} / {right})", left.sql), magnitude };
            }
            // A remainder is always whole.
            Operator::Remainder => {
                return Decimal { sql: null("DOUBLE"), magnitude: Magnitude::of(0.0) };
            }
        };
        Decimal { sql: format!("({} {sign} {})", left.sql, right.sql), magnitude }
    }

    /// Null where it is not finite.
    fn finite(&mut self, Decimal { sql, magnitude }: Decimal) -> String {
        if magnitude.is_finite() {
            return sql;
        }
        if sql.len() > REPEATED_BYTES_MAX {
            self.failed = Some(Reason::TooLong);
            return null("DOUBLE");
        }
        format!("CASE WHEN abs({sql}) <= {} THEN {sql} END", dialect::double(f64::MAX))
    }

    /// Fit to be compared: finite, and with one zero.
    fn compared(&mut self, decimal: Decimal) -> String {
        let two_zeros = self.dialect.has_two_zeros() && decimal.magnitude.may_be_negative_zero();
        let sql = self.finite(decimal);
        if two_zeros { format!("(({sql}) + 0e0)") } else { sql }
    }

    /// `case`, `coalesce`, `nullif`, `least`, `greatest`, null; there is nothing else that a query can say.
    fn choice(&mut self, tree: &Tree, ty: &str, print: &mut dyn FnMut(&mut Self, &Tree) -> String) -> String {
        let mut call = |this: &mut Self, name: &str, parts: &mut dyn Iterator<Item = &Tree>| {
            let parts: Vec<String> = parts.map(|part| print(this, part)).collect();
            format!("{name}({})", parts.join(", "))
        };
        match &tree.node {
            Node::Coalesce(parts) => call(self, "COALESCE", &mut parts.iter()),
            Node::Least(parts) => call(self, "least", &mut parts.iter()),
            Node::Greatest(parts) => call(self, "greatest", &mut parts.iter()),
            Node::Nullif(parts) => call(self, "NULLIF", &mut [&parts.0, &parts.1].into_iter()),
            Node::Case(branches, results, otherwise) => {
                let mut sql = "CASE".to_owned();
                let whens: Vec<String> = match branches {
                    Branches::Searched(conditions) => conditions.iter().map(|c| self.truth(c)).collect(),
                    Branches::Operand(operand, values, ty) => {
                        sql += &format!(" {}", self.value(operand, *ty));
                        values.iter().map(|value| self.value(value, *ty)).collect()
                    }
                };
                for (when, result) in whens.iter().zip(results) {
                    sql += &format!(" WHEN {when} THEN {}", print(self, result));
                }
                if let Some(otherwise) = otherwise {
                    sql += &format!(" ELSE {}", print(self, otherwise));
                }
                sql + " END"
            }
            Node::Null => null(ty),
            _ => {
                self.failed = Some(Reason::Unsaid);
                null(ty)
            }
        }
    }
}

fn null(ty: &str) -> String {
    format!("CAST(NULL AS {ty})")
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::Unequal => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn like(text: String, pattern: &Pattern) -> String {
    let (written, escaped) = pattern.written_with('\\');
    let text = if pattern.ignores_case() { format!("lower({text})") } else { text };
    let escape = if escaped { " ESCAPE '\\'" } else { "" };
    format!("({text} LIKE {}{escape})", literal(&written))
}
