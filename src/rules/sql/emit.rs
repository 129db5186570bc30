//! From a typed tree to expressions that hold their types.
//!
//! Number literals get their value here, in the unit that they are asked for; what does not depend on the event is
//! evaluated once and for all.

use std::sync::Arc;

use super::literals::Literal;
use super::tree::{Branches, Node, Operator, Tree, Trust};
use crate::event::{Draft, ExtraType, Kind, Schema, TextField};
use crate::money::{self, Currency};
use crate::rules::expr::{
    Case, Chooser, Common, Comparison, DecimalExpr, DecimalOp, Expression, Facts, Test, TextExpr, TruthExpr,
    WholeExpr, WholeOp,
};
use crate::rules::names::BuiltIn;
use crate::rules::problem::Problem;
use crate::rules::table::Values;
use crate::rules::types::{Form, Type, Unit};

/// Most decimals of any currency; for a file that names none, so that no literal is refused for its decimals.
const DECIMALS_MAX: u32 = 4;

/// Turns trees into expressions.
pub(super) struct Emitter<'a> {
    currency: Option<Currency>,
    found: &'a mut Vec<Problem>,
    /// An event with nothing in it, for what reads nothing.
    blank: Option<Draft>,
}

/// An expression of one type, made from a tree.
pub(super) trait Emit: Expression + Sized {
    fn emit(emitter: &mut Emitter<'_>, tree: &Tree, unit: Unit) -> Self;
    fn constant(value: Option<Self::Value<'_>>) -> Self;
    fn common(common: Common<Self>) -> Self;
    fn chooser(operand: Self, values: Box<[Self]>) -> Chooser;
}

impl<'a> Emitter<'a> {
    pub(super) fn new(currency: Option<Currency>, found: &'a mut Vec<Problem>) -> Self {
        let mut draft = Draft::new(Arc::new(Schema::default()));
        let begun = draft.begin(Kind::Clock, 0).and_then(|()| draft.text(TextField::Id, "blank"));
        Self { currency, found, blank: begun.is_ok().then_some(draft) }
    }

    /// A whole condition.
    pub(super) fn condition(&mut self, tree: &Tree) -> TruthExpr {
        self.emit(tree, Unit::Plain)
    }

    /// Any expression, evaluated at once where it is the same for every event.
    pub(super) fn emit<E: Emit>(&mut self, tree: &Tree, unit: Unit) -> E {
        let expr = E::emit(self, tree, unit);
        if !tree.constant {
            return expr;
        }
        let Some(event) = self.blank.as_mut().and_then(|draft| draft.seal().ok()) else { return expr };
        let facts = Facts::of(event, (0, 0));
        E::constant(expr.value(&facts))
    }

    fn all<E: Emit>(&mut self, trees: &[Tree], unit: Unit) -> Box<[E]> {
        trees.iter().map(|tree| self.emit(tree, unit)).collect()
    }

    fn pair<E: Emit>(&mut self, pair: &(Tree, Tree), units: (Unit, Unit)) -> Box<(E, E)> {
        Box::new((self.emit(&pair.0, units.0), self.emit(&pair.1, units.1)))
    }

    /// What every type has; anything else is null, which the types have ruled out.
    fn shared<E: Emit>(&mut self, tree: &Tree, unit: Unit) -> E {
        E::common(match &tree.node {
            Node::Coalesce(parts) => Common::Coalesce(self.all(parts, unit)),
            Node::Least(parts) => Common::Least(self.all(parts, unit)),
            Node::Greatest(parts) => Common::Greatest(self.all(parts, unit)),
            Node::Nullif(parts) => Common::Nullif(self.pair(parts, (unit, unit))),
            Node::Case(branches, results, otherwise) => Common::Case(Box::new(Case {
                chooser: self.chooser(branches),
                results: self.all(results, unit),
                otherwise: match otherwise {
                    Some(otherwise) => self.emit(otherwise, unit),
                    None => E::constant(None),
                },
            })),
            _ => return E::constant(None),
        })
    }

    fn chooser(&mut self, branches: &Branches) -> Chooser {
        match branches {
            Branches::Searched(conditions) => Chooser::Searched(self.all(conditions, Unit::Plain)),
            Branches::Operand(operand, values, ty) => match ty {
                Type::Boolean => self.operand::<TruthExpr>(operand, values, Unit::Plain),
                Type::Text | Type::Words => self.operand::<TextExpr>(operand, values, Unit::Plain),
                ty => match ty.as_number() {
                    Some((unit, false)) => self.operand::<DecimalExpr>(operand, values, unit),
                    other => self.operand::<WholeExpr>(operand, values, other.map_or(Unit::Plain, |o| o.0)),
                },
            },
        }
    }

    fn operand<E: Emit>(&mut self, operand: &Tree, values: &[Tree], unit: Unit) -> Chooser {
        let operand = self.emit(operand, unit);
        E::chooser(operand, self.all(values, unit))
    }

    fn places(&self, unit: Unit) -> u32 {
        match unit {
            Unit::Money => self.currency.map_or(DECIMALS_MAX, money::decimals),
            Unit::Plain | Unit::Duration | Unit::Time => 0,
        }
    }

    fn whole_literal(&mut self, literal: Literal, tree: &Tree, unit: Unit) -> Option<i64> {
        let places = self.places(unit);
        let value = literal.whole(places);
        if value.is_none() {
            let code = self.currency.map_or("the currency", |currency| currency.code());
            let fine = literal.decimal(places).is_some_and(|value| value.abs() < i64::MAX as f64);
            let message = match (fine, unit) {
                (true, Unit::Money) => format!("this amount has more decimals than {code} has ({places})"),
                (true, _) => "this number is not whole".to_owned(),
                (false, _) => "this number is too large".to_owned(),
            };
            self.found.push(Problem::error(tree.span.clone(), message, "this number"));
        }
        value
    }

    /// A test of two or more values, as the type that joins them.
    fn test(&mut self, ty: Type, tree: &Tree) -> TruthExpr {
        match ty {
            Type::Boolean => TruthExpr::Truth(self.test_of(tree, Unit::Plain)),
            Type::Text | Type::Words => match self.test_of(tree, Unit::Plain) {
                Test::In(parts) => text_among(parts),
                Test::Compare(comparison, sides) => text_compared(comparison, *sides),
                test => TruthExpr::Text(test),
            },
            ty => match ty.as_number() {
                Some((unit, false)) => TruthExpr::Decimal(self.test_of(tree, unit)),
                other => {
                    let unit = other.map_or(Unit::Plain, |(unit, _)| unit);
                    match self.test_of(tree, unit) {
                        Test::In(parts) => whole_among(parts),
                        Test::Compare(comparison, sides) => match *sides {
                            (left, WholeExpr::Constant(Some(right))) => {
                                TruthExpr::WholeTo(comparison, left, right)
                            }
                            sides => TruthExpr::Whole(Test::Compare(comparison, Box::new(sides))),
                        },
                        test => TruthExpr::Whole(test),
                    }
                }
            },
        }
    }

    fn test_of<E: Emit>(&mut self, tree: &Tree, unit: Unit) -> Test<E> {
        match &tree.node {
            Node::Compare(comparison, sides, _) => Test::Compare(*comparison, self.pair(sides, (unit, unit))),
            Node::Between(parts, _) => Test::Between(Box::new((
                self.emit(&parts.0, unit),
                self.emit(&parts.1, unit),
                self.emit(&parts.2, unit),
            ))),
            Node::In(value, items, _) => Test::In(Box::new((self.emit(value, unit), self.all(items, unit)))),
            Node::IsNull(operand) => Test::Null(Box::new(self.emit(operand, unit))),
            _ => Test::Null(Box::new(E::constant(None))),
        }
    }
}

fn text_compared(comparison: Comparison, sides: (TextExpr, TextExpr)) -> TruthExpr {
    let equal = match comparison {
        Comparison::Equal => Some(true),
        Comparison::Unequal => Some(false),
        _ => None,
    };
    match (equal, sides) {
        (
            Some(equal),
            (text, TextExpr::Constant(Some(constant))) | (TextExpr::Constant(Some(constant)), text),
        ) => TruthExpr::TextTo(equal, text, constant),
        (_, sides) => TruthExpr::Text(Test::Compare(comparison, Box::new(sides))),
    }
}

fn whole_among(parts: Box<(WholeExpr, Box<[WholeExpr]>)>) -> TruthExpr {
    let constant = |item: &WholeExpr| match item {
        WholeExpr::Constant(value) => *value,
        _ => None,
    };
    match parts.1.iter().map(constant).collect::<Option<Vec<i64>>>() {
        Some(mut constants) => {
            constants.sort_unstable();
            TruthExpr::WholeAmong(parts.0, constants.into())
        }
        None => TruthExpr::Whole(Test::In(parts)),
    }
}

fn text_among(parts: Box<(TextExpr, Box<[TextExpr]>)>) -> TruthExpr {
    let constant = |item: &TextExpr| match item {
        TextExpr::Constant(text) => text.clone(),
        _ => None,
    };
    match parts.1.iter().map(constant).collect::<Option<Vec<Box<str>>>>() {
        Some(mut constants) => {
            constants.sort_unstable();
            TruthExpr::TextAmong(parts.0, constants.into())
        }
        None => TruthExpr::Text(Test::In(parts)),
    }
}

impl Emit for TruthExpr {
    fn emit(emitter: &mut Emitter<'_>, tree: &Tree, unit: Unit) -> Self {
        match &tree.node {
            Node::Boolean(truth) => Self::Constant(Some(*truth)),
            Node::BuiltIn(BuiltIn::SameOwner) => Self::SameOwner,
            Node::Extra(position, ExtraType::Boolean) => Self::Extra(*position),
            Node::Feature(position, Trust::Known) => Self::Feature(*position),
            Node::Feature(position, Trust::AsItIs) => Self::FeatureAsItIs(*position),
            Node::Table(position, Values::Boolean(values)) => Self::Table(*position, values.clone()),
            Node::Not(operand) => Self::Not(Box::new(emitter.emit(operand, unit))),
            Node::All(parts) => joined(emitter.all(parts, unit), false),
            Node::Any(parts) => joined(emitter.all(parts, unit), true),
            Node::Is(operand, truth) => Self::Is(Box::new(emitter.emit(operand, unit)), *truth),
            Node::IsNull(operand) => emitter.test(operand.ty, tree),
            Node::Compare(.., ty) | Node::Between(_, ty) | Node::In(.., ty) => emitter.test(*ty, tree),
            Node::Like(text, pattern) => Self::Like(emitter.emit(text, unit), Box::new(pattern.clone())),
            Node::Word(word, field) => Self::Word(emitter.emit(word, unit), *field),
            Node::Listed(key, list) => Self::Listed(emitter.emit(key, unit), *list),
            Node::Met(_, needs) => Self::Met(needs.clone()),
            _ => emitter.shared(tree, unit),
        }
    }

    fn constant(value: Option<bool>) -> Self {
        Self::Constant(value)
    }

    fn common(common: Common<Self>) -> Self {
        Self::Common(common)
    }

    fn chooser(operand: Self, values: Box<[Self]>) -> Chooser {
        Chooser::Truth(operand, values)
    }
}

/// `and` or `or` without the parts that cannot matter, what is soon evaluated before the rest, for their order is no part
/// of what they mean; `decider` is what decides it alone.
fn joined(parts: Box<[TruthExpr]>, decider: bool) -> TruthExpr {
    if parts.contains(&TruthExpr::Constant(Some(decider))) {
        return TruthExpr::Constant(Some(decider));
    }
    let mut parts: Vec<TruthExpr> =
        parts.into_iter().filter(|part| *part != TruthExpr::Constant(Some(!decider))).collect();
    parts.sort_by_key(TruthExpr::effort);
    match (parts.len(), parts.pop()) {
        (_, None) => TruthExpr::Constant(Some(!decider)),
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            if decider { TruthExpr::Any(parts.into()) } else { TruthExpr::All(parts.into()) }
        }
    }
}

impl Emit for WholeExpr {
    fn emit(emitter: &mut Emitter<'_>, tree: &Tree, unit: Unit) -> Self {
        match &tree.node {
            Node::Whole(value) => Self::Constant(Some(*value)),
            Node::Literal(literal) => Self::Constant(emitter.whole_literal(*literal, tree, unit)),
            Node::BuiltIn(BuiltIn::Amount) => Self::Amount,
            Node::BuiltIn(BuiltIn::Time) => Self::Time,
            Node::BuiltIn(BuiltIn::Received) => Self::Received,
            Node::BuiltIn(BuiltIn::Level) => Self::Level,
            Node::BuiltIn(BuiltIn::Hour) => Self::Hour,
            Node::BuiltIn(BuiltIn::Weekday) => Self::Weekday,
            Node::Extra(position, _) => Self::Extra(*position),
            Node::Feature(position, Trust::Known) => Self::Feature(*position),
            Node::Feature(position, Trust::AsItIs) => Self::FeatureAsItIs(*position),
            Node::Table(position, Values::Whole(values)) => Self::Table(*position, values.clone()),
            Node::Money(minor, from) => match emitter.currency {
                Some(to) => Self::Money(*minor, *from, to),
                None => Self::Constant(None),
            },
            Node::Negate(operand) => Self::Negate(Box::new(emitter.emit(operand, unit))),
            Node::Absolute(operand) => Self::Absolute(Box::new(emitter.emit(operand, unit))),
            Node::ListLevel(key, list) => Self::ListLevel(Box::new(emitter.emit(key, unit)), *list),
            Node::Arithmetic(operator, sides, units) => {
                let op = match operator {
                    Operator::Add => WholeOp::Add,
                    Operator::Subtract => WholeOp::Subtract,
                    Operator::Multiply => WholeOp::Multiply,
                    Operator::Remainder => WholeOp::Remainder,
                    // A quotient is never whole.
                    Operator::Divide => return Self::Constant(None),
                };
                Self::Arithmetic(op, emitter.pair(sides, operand_units(*operator, *units, unit)))
            }
            _ => emitter.shared(tree, unit),
        }
    }

    fn constant(value: Option<i64>) -> Self {
        Self::Constant(value)
    }

    fn common(common: Common<Self>) -> Self {
        Self::Common(common)
    }

    fn chooser(operand: Self, values: Box<[Self]>) -> Chooser {
        Chooser::Whole(operand, values)
    }
}

/// The units of the operands; literals take that of the result, but only one factor of a product does.
pub(in crate::rules) fn operand_units(
    operator: Operator,
    units: Option<(Unit, Unit)>,
    result: Unit,
) -> (Unit, Unit) {
    units.unwrap_or(match operator {
        Operator::Multiply | Operator::Divide => (result, Unit::Plain),
        Operator::Add | Operator::Subtract | Operator::Remainder => (result, result),
    })
}

impl Emit for DecimalExpr {
    fn emit(emitter: &mut Emitter<'_>, tree: &Tree, unit: Unit) -> Self {
        // A choice among whole literals stays one beside a decimal number too, as in SQL.
        let whole = matches!(tree.ty, Type::Number { whole: true, .. } | Type::Open(Form::Whole));
        if whole && !matches!(tree.node, Node::Literal(_)) {
            return Self::Whole(Box::new(emitter.emit(tree, unit)));
        }
        match &tree.node {
            Node::Decimal(value) => Self::Constant(Some(*value)),
            Node::Literal(literal) => Self::Constant(literal.decimal(emitter.places(unit))),
            Node::BuiltIn(BuiltIn::Latitude) => Self::Latitude,
            Node::BuiltIn(BuiltIn::Longitude) => Self::Longitude,
            Node::Extra(position, _) => Self::Extra(*position),
            Node::Feature(position, Trust::Known) => Self::Feature(*position),
            Node::Feature(position, Trust::AsItIs) => Self::FeatureAsItIs(*position),
            Node::Table(position, Values::Decimal(values)) => Self::Table(*position, values.clone()),
            Node::Negate(operand) => Self::Negate(Box::new(emitter.emit(operand, unit))),
            Node::Absolute(operand) => Self::Absolute(Box::new(emitter.emit(operand, unit))),
            Node::Arithmetic(operator, sides, units) => {
                let op = match operator {
                    Operator::Add => DecimalOp::Add,
                    Operator::Subtract => DecimalOp::Subtract,
                    Operator::Multiply => DecimalOp::Multiply,
                    Operator::Divide => DecimalOp::Divide,
                    // A remainder is always whole.
                    Operator::Remainder => return Self::Constant(None),
                };
                Self::Arithmetic(op, emitter.pair(sides, operand_units(*operator, *units, unit)))
            }
            _ => emitter.shared(tree, unit),
        }
    }

    fn constant(value: Option<f64>) -> Self {
        Self::Constant(value)
    }

    fn common(common: Common<Self>) -> Self {
        Self::Common(common)
    }

    fn chooser(operand: Self, values: Box<[Self]>) -> Chooser {
        Chooser::Decimal(operand, values)
    }
}

impl Emit for TextExpr {
    fn emit(emitter: &mut Emitter<'_>, tree: &Tree, unit: Unit) -> Self {
        match &tree.node {
            Node::Text(text) => Self::Constant(Some(text.as_str().into())),
            Node::BuiltIn(BuiltIn::Text(field)) => Self::Field(*field),
            Node::BuiltIn(BuiltIn::Currency) => Self::Currency,
            Node::BuiltIn(BuiltIn::Kind) => Self::Kind,
            Node::Quality(position) => Self::Quality(*position),
            Node::Table(position, Values::Text(values)) => Self::Table(*position, values.clone()),
            Node::Extra(position, _) => Self::Extra(*position),
            _ => emitter.shared(tree, unit),
        }
    }

    fn constant(value: Option<&str>) -> Self {
        Self::Constant(value.map(Into::into))
    }

    fn common(common: Common<Self>) -> Self {
        Self::Common(common)
    }

    fn chooser(operand: Self, values: Box<[Self]>) -> Chooser {
        Chooser::Text(operand, values)
    }
}
