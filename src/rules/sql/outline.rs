//! A condition as a tree whose every part can be evaluated by itself: for explaining a decision, not for making one.
//!
//! Promises that a part has the value that it has inside the whole condition. Must never know a language.

use std::ops::Range;

use super::Compiled;
use super::emit::{Emitter, operand_units};
use super::tree::{Branches, Node, Tree};
use crate::decision::Quality;
use crate::money::{Currency, Money};
use crate::rules::expr::{DecimalExpr, Expression, Facts, TextExpr, TruthExpr, WholeExpr};
use crate::rules::names::ParamValue;
use crate::rules::params::Param;
use crate::rules::types::{Form as Written, Type, Unit};

/// A part of a condition.
#[derive(Debug)]
pub struct Outline {
    form: Form,
    /// Its text in the rule file.
    text: String,
    /// The bytes of the condition that it stands in.
    place: Range<usize>,
    negated: bool,
    value: Evaluator,
    parts: Vec<Outline>,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A field of the event.
    Field,
    /// A feature, by position.
    Feature(usize),
    /// The quality of a feature, by position.
    Quality(usize),
    /// A decision table, by position.
    Table(usize),
    /// A parameter.
    Parameter,
    /// A value that stands in the text.
    Literal,
    /// `and` over all parts.
    All,
    /// `or` over all parts.
    Any,
    /// `not`
    Not,
    /// `is true`, `is false`, `is unknown` (`None`).
    Is(Option<bool>),
    /// `is null`
    IsNull,
    /// Two parts and the sign between them.
    Compare(&'static str),
    /// `between`: the first part from the second to the third.
    Between,
    /// `in`: the first part among the others.
    In,
    /// `like` or `ilike`, with all that stands behind the part.
    Like(String),
    /// `= any(...)`: the first part among the words of the second.
    Word,
    /// Whether the part is on the list of this name.
    Listed(String),
    /// Whether the methods presented so far meet the requirement of this name.
    Met(String),
    /// The level of the part on the list of this name.
    ListLevel(String),
    /// An amount in another currency, in the rule set's.
    Money(Money),
    /// Unary minus.
    Negate,
    /// Two parts and the sign between them.
    Arithmetic(&'static str),
    /// A function of its parts, by name.
    Function(&'static str),
    /// `case`: the operand where there is one, then what each branch asks, then their results, then `else`.
    Case {
        /// Whether the first part is the operand.
        operand: bool,
        /// How many branches there are.
        branches: usize,
        /// Whether the last part is that of `else`.
        otherwise: bool,
    },
}

/// A value with what it counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// A truth value.
    Truth(bool),
    /// A text.
    Text(String),
    /// An exact number: plain, money in minor units, a duration or a time in microseconds.
    Whole(i64, Unit),
    /// A double, in the same units.
    Decimal(f64, Unit),
}

/// A part of a condition with what it is for one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is.
    pub form: Form,
    /// Its text in the rule file.
    pub text: String,
    /// The bytes of the condition that it stands in.
    pub place: Range<usize>,
    /// Whether the text says the opposite of the form: `not in`, `is not null`.
    pub negated: bool,
    /// Whether it is a truth value; otherwise null is no value, not unknown.
    pub truth: bool,
    /// Its value, `None` for null and for unknown.
    pub value: Option<Quantity>,
    /// How far it can be trusted where it is a feature.
    pub quality: Quality,
    /// What it is made of, in the order of the form.
    pub parts: Vec<Finding>,
}

#[derive(Debug)]
enum Evaluator {
    Truth(TruthExpr),
    Text(TextExpr),
    Whole(WholeExpr, Unit),
    Decimal(DecimalExpr, Unit),
}

/// As what a part is evaluated where it stands.
#[derive(Clone, Copy, Debug)]
enum Role {
    Truth,
    Text,
    Whole(Unit),
    Decimal(Unit),
}

impl Outline {
    /// The outline of a condition of a file with these parameters.
    pub(in crate::rules) fn of(
        compiled: &Compiled<'_>,
        params: &[Param<'_>],
        currency: Option<Currency>,
    ) -> Self {
        let mut found = Vec::new();
        let emitter = Emitter::new(currency, &mut found);
        Builder { text: compiled.text.value, params, emitter }.part(&compiled.tree, Role::Truth)
    }

    /// What it is for one event.
    pub fn at(&self, facts: &Facts<'_>) -> Finding {
        let quality = match self.form {
            Form::Feature(position) => facts.features.get(position).map(|reading| reading.quality),
            _ => None,
        };
        Finding {
            form: self.form.clone(),
            text: self.text.clone(),
            place: self.place.clone(),
            negated: self.negated,
            truth: matches!(self.value, Evaluator::Truth(_)),
            value: self.value.at(facts),
            quality: quality.unwrap_or_default(),
            parts: self.parts.iter().map(|part| part.at(facts)).collect(),
        }
    }
}

impl Finding {
    /// True, false, or `None` for unknown and for what is no truth value.
    pub fn truth(&self) -> Option<bool> {
        match self.value {
            Some(Quantity::Truth(truth)) => Some(truth),
            _ => None,
        }
    }

    /// Whether it is a name or a literal.
    pub fn is_leaf(&self) -> bool {
        matches!(
            self.form,
            Form::Field
                | Form::Feature(_)
                | Form::Quality(_)
                | Form::Table(_)
                | Form::Parameter
                | Form::Literal
        )
    }
}

impl Evaluator {
    fn at(&self, facts: &Facts<'_>) -> Option<Quantity> {
        match self {
            Self::Truth(expr) => expr.value(facts).map(Quantity::Truth),
            Self::Text(expr) => expr.value(facts).map(|text| Quantity::Text(text.to_owned())),
            Self::Whole(expr, unit) => expr.value(facts).map(|value| Quantity::Whole(value, *unit)),
            Self::Decimal(expr, unit) => expr.value(facts).map(|value| Quantity::Decimal(value, *unit)),
        }
    }
}

impl Role {
    /// That of values that are taken as a type.
    fn of(ty: Type) -> Self {
        match ty {
            Type::Boolean => Self::Truth,
            Type::Text | Type::Words => Self::Text,
            ty => match ty.as_number() {
                Some((unit, false)) => Self::Decimal(unit),
                other => Self::Whole(other.map_or(Unit::Plain, |(unit, _)| unit)),
            },
        }
    }

    /// A choice among whole numbers stays one beside a decimal number too.
    fn for_tree(self, tree: &Tree) -> Self {
        let whole = matches!(tree.ty, Type::Number { whole: true, .. } | Type::Open(Written::Whole));
        match self {
            Self::Decimal(unit) if whole && !matches!(tree.node, Node::Literal(_)) => Self::Whole(unit),
            role => role,
        }
    }

    fn with(self, unit: Unit) -> Self {
        match self {
            Self::Decimal(_) => Self::Decimal(unit),
            _ => Self::Whole(unit),
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Whole(unit) | Self::Decimal(unit) => unit,
            Self::Truth | Self::Text => Unit::Plain,
        }
    }
}

struct Builder<'a> {
    text: &'a str,
    params: &'a [Param<'a>],
    emitter: Emitter<'a>,
}

impl Builder<'_> {
    fn part(&mut self, tree: &Tree, role: Role) -> Outline {
        let value = self.evaluator(tree, role);
        // As what it is taken where it stands may be less exact than as what it is computed.
        let role = role.for_tree(tree);
        let text = self.text.get(tree.span.clone()).unwrap_or_default().to_owned();
        if let Node::Not(inner) = &tree.node
            && self.is_one_form(tree, inner)
        {
            let inner = self.part(inner, Role::Truth);
            return Outline { text, place: tree.span.clone(), negated: true, value, ..inner };
        }
        let mut parts: Vec<Outline> =
            self.roles(tree, role).into_iter().map(|(part, role)| self.part(part, role)).collect();
        if let Node::Word(_, field) = tree.node {
            let (name, value) = (field.name().to_owned(), Evaluator::Text(TextExpr::Field(field)));
            let (form, place) = (Form::Field, tree.span.clone());
            parts.push(Outline { form, text: name, place, negated: false, value, parts: Vec::new() });
        }
        Outline { form: self.form(tree), text, place: tree.span.clone(), negated: false, value, parts }
    }

    /// Whether a negation is part of the form, as in `not in`, and no operator of its own.
    fn is_one_form(&self, not: &Tree, inner: &Tree) -> bool {
        let before = self.text.get(not.span.start..inner.span.start).unwrap_or_default();
        !before.contains(char::is_alphabetic)
    }

    fn evaluator(&mut self, tree: &Tree, role: Role) -> Evaluator {
        match role {
            Role::Truth => Evaluator::Truth(self.emitter.emit(tree, Unit::Plain)),
            Role::Text => Evaluator::Text(self.emitter.emit(tree, Unit::Plain)),
            Role::Whole(unit) => Evaluator::Whole(self.emitter.emit(tree, unit), unit),
            Role::Decimal(unit) => Evaluator::Decimal(self.emitter.emit(tree, unit), unit),
        }
    }

    /// What it is made of, with the role of each; the same as evaluation takes them.
    fn roles<'t>(&self, tree: &'t Tree, role: Role) -> Vec<(&'t Tree, Role)> {
        let all = |role: Role| tree.node.children().into_iter().map(|part| (part, role)).collect();
        match &tree.node {
            Node::Not(_) | Node::All(_) | Node::Any(_) | Node::Is(..) => all(Role::Truth),
            Node::IsNull(operand) => all(Role::of(operand.ty)),
            Node::Compare(.., ty) | Node::Between(_, ty) | Node::In(.., ty) => all(Role::of(*ty)),
            Node::Like(..) | Node::Word(..) | Node::Listed(..) | Node::ListLevel(..) => all(Role::Text),
            Node::Arithmetic(operator, sides, units) => {
                let (left, right) = operand_units(*operator, *units, role.unit());
                vec![(&sides.0, role.with(left)), (&sides.1, role.with(right))]
            }
            Node::Case(branches, results, otherwise) => {
                let mut parts: Vec<(&Tree, Role)> = match branches {
                    Branches::Searched(conditions) => conditions.iter().map(|c| (c, Role::Truth)).collect(),
                    Branches::Operand(operand, values, ty) => std::iter::once(&**operand)
                        .chain(values)
                        .map(|value| (value, Role::of(*ty)))
                        .collect(),
                };
                parts.extend(results.iter().chain(otherwise.as_deref()).map(|result| (result, role)));
                parts
            }
            _ => all(role),
        }
    }

    fn form(&self, tree: &Tree) -> Form {
        if tree.param.is_some() {
            return Form::Parameter;
        }
        match &tree.node {
            Node::Null
            | Node::Boolean(_)
            | Node::Text(_)
            | Node::Whole(_)
            | Node::Decimal(_)
            | Node::Literal(_) => Form::Literal,
            Node::BuiltIn(_) | Node::Extra(..) => Form::Field,
            Node::Feature(position, _) => Form::Feature(*position),
            Node::Quality(position) => Form::Quality(*position),
            Node::Table(position, _) => Form::Table(*position),
            Node::Not(_) => Form::Not,
            Node::All(_) => Form::All,
            Node::Any(_) => Form::Any,
            Node::Is(_, truth) => Form::Is(*truth),
            Node::IsNull(_) => Form::IsNull,
            Node::Compare(comparison, ..) => Form::Compare(comparison.sign()),
            Node::Between(..) => Form::Between,
            Node::In(..) => Form::In,
            Node::Like(text, _) => Form::Like(self.pattern(tree, text)),
            Node::Word(..) => Form::Word,
            Node::Listed(key, _) => Form::Listed(self.list(tree, key)),
            Node::ListLevel(key, _) => Form::ListLevel(self.list(tree, key)),
            Node::Met(name, _) => Form::Met(name.clone()),
            Node::Money(minor, currency) => Form::Money(Money { minor: *minor, currency: *currency }),
            Node::Negate(_) => Form::Negate,
            Node::Absolute(_) => Form::Function("abs"),
            Node::Arithmetic(operator, ..) => Form::Arithmetic(operator.sign()),
            Node::Coalesce(_) => Form::Function("coalesce"),
            Node::Nullif(_) => Form::Function("nullif"),
            Node::Least(_) => Form::Function("least"),
            Node::Greatest(_) => Form::Function("greatest"),
            Node::Case(branches, results, otherwise) => Form::Case {
                operand: matches!(branches, Branches::Operand(..)),
                branches: results.len(),
                otherwise: otherwise.is_some(),
            },
        }
    }

    /// The name of a list, which stands last.
    fn list(&self, tree: &Tree, key: &Tree) -> String {
        let behind = self.text.get(key.span.end..tree.span.end).unwrap_or_default();
        let behind = behind.trim_end_matches([')', ' ', '\n', '\t', '\r']);
        behind.rsplit([' ', ',', '\n', '\t', '\r']).next().unwrap_or_default().to_owned()
    }

    /// What stands behind the text of a `like`, with the value of a parameter in its place.
    fn pattern(&self, like: &Tree, text: &Tree) -> String {
        let behind = self.text.get(text.span.end..like.span.end).unwrap_or_default().trim();
        let (words, last) = behind.rsplit_once(char::is_whitespace).unwrap_or(("", behind));
        let param = self.params.iter().find(|param| last.eq_ignore_ascii_case(param.name.text));
        match param.map(|param| &param.value) {
            Some(ParamValue::Text(pattern)) => format!("{words} '{pattern}'"),
            _ => behind.to_owned(),
        }
    }
}
