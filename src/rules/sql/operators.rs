//! Arithmetic and comparison: which types go together, and what comes out.
//!
//! `/` always gives a decimal number, `%` is for whole numbers, and a number literal takes the unit of what it
//! stands beside: in sums and comparisons that of the other side, in products none.

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr};

use super::resolve::Resolver;
use super::tree::{Node, Operator, Tree};
use crate::decision::Quality;
use crate::rules::expr::Comparison;
use crate::rules::names::{Meaning, did_you_mean, listed, near};
use crate::rules::problem::Problem;
use crate::rules::types::{Form, Type, Unit};

/// What arithmetic gives: its type, and the units of the operands, or `None` where both are literals.
type Outcome = (Type, Option<(Unit, Unit)>);

impl Resolver<'_> {
    /// An operator other than `and` and `or`.
    pub(super) fn binary(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        depth: usize,
    ) -> Option<Tree> {
        let (left, right) = (self.expr(left, depth), self.expr(right, depth));
        let (left, right) = (left?, right?);
        if let Some(comparison) = comparison(op) {
            return self.compare(comparison, left, right);
        }
        let operator = match op {
            BinaryOperator::Plus => Operator::Add,
            BinaryOperator::Minus => Operator::Subtract,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Remainder,
            _ => {
                let span = around(&left, &right);
                return self.unsupported(span, &format!("`{}`", op.to_string().to_ascii_lowercase()));
            }
        };
        self.arithmetic(operator, left, right)
    }

    /// Unary minus.
    pub(super) fn minus(&mut self, operand: &Expr, depth: usize) -> Option<Tree> {
        let operand = self.expr(operand, depth)?;
        let span = self.source.with_token_before(operand.span.clone());
        if let Node::Literal(literal) = operand.node
            && let Some(negated) = literal.negate()
        {
            return Some(Tree::new(Node::Literal(negated), operand.ty, span));
        }
        let ty = self.signed(&operand)?;
        Some(Tree::new(Node::Negate(Box::new(operand)), ty, span))
    }

    /// The type of something that can be negated or made absolute.
    pub(super) fn signed(&mut self, operand: &Tree) -> Option<Type> {
        match operand.ty {
            Type::Open(_)
            | Type::Null
            | Type::Number { unit: Unit::Plain | Unit::Money | Unit::Duration, .. } => Some(operand.ty),
            ty => self.fail(super::mismatch(self.scope, operand.span.clone(), ty, "a number")),
        }
    }

    fn compare(&mut self, comparison: Comparison, left: Tree, right: Tree) -> Option<Tree> {
        let joined = self.joined(&left, &right)?;
        let equality = matches!(comparison, Comparison::Equal | Comparison::Unequal);
        if joined == Type::Boolean && !equality {
            let problem =
                Problem::error(around(&left, &right), "booleans have no order", "a boolean on each side");
            return self.fail(problem.help("compare booleans with `=` and `<>` only"));
        }
        if equality {
            self.check_words(&left, &right);
            self.check_words(&right, &left);
        }
        let span = around(&left, &right);
        Some(Tree::new(Node::Compare(comparison, Box::new((left, right)), joined), Type::Boolean, span))
    }

    /// The type as which two values are compared.
    pub(super) fn joined(&mut self, left: &Tree, right: &Tree) -> Option<Type> {
        match left.ty.join(right.ty) {
            Some(joined) if joined != Type::Words => Some(joined),
            _ => {
                let problem = self.apart(left, right, "cannot compare");
                self.fail(problem)
            }
        }
    }

    fn apart(&self, left: &Tree, right: &Tree, doing: &str) -> Problem {
        let of = |tree: &Tree| tree.ty.describe(self.scope.currency);
        let message = format!("{doing} {} with {}", of(left), of(right));
        let label = format!("this is {}, the other side is {}", of(right), of(left));
        let help = self.advice(left, right).or_else(|| self.advice(right, left));
        Problem::error(right.span.clone(), message, label).maybe_help(help)
    }

    /// What to write instead of `other` beside `one`.
    fn advice(&self, one: &Tree, other: &Tree) -> Option<String> {
        let shown = self.source.text.get(other.span.clone()).unwrap_or_default();
        match (one.ty, other.ty, &other.node) {
            (
                Type::Number { unit: Unit::Money, .. },
                Type::Number { unit: Unit::Plain, .. },
                Node::Whole(value),
            ) => {
                let param = matches!(self.scope.find(&shown.to_ascii_lowercase()), Some(Meaning::Param(_)));
                let code = self.scope.currency.map_or("VND", |currency| currency.code());
                param.then(|| {
                    format!("give the parameter a unit: {shown} = {{ value = {value}, unit = \"{code}\" }}")
                })
            }
            (Type::Number { unit: Unit::Duration, .. }, Type::Open(_) | Type::Text, _) => {
                Some("write a duration as interval '24 hours'".to_owned())
            }
            (Type::Number { unit: Unit::Time, .. }, Type::Open(_) | Type::Text, _) => {
                Some("write a time as timestamp '2026-01-01T00:00:00+07:00'".to_owned())
            }
            (Type::Open(_) | Type::Number { .. }, Type::Text, Node::Text(text))
                if text.parse::<f64>().is_ok() =>
            {
                Some(format!("write a number without quotes: {text}"))
            }
            (Type::Words, Type::Text, _) => {
                let list = self.source.text.get(one.span.clone()).unwrap_or_default();
                Some(format!("write {shown} = any({list})"))
            }
            _ => None,
        }
    }

    /// Whether a literal is one of the words that a field can hold; told where it is not.
    pub(super) fn check_words(&mut self, field: &Tree, literal: &Tree) {
        let Node::Text(text) = &literal.node else { return };
        let choices = field.param.as_deref().and_then(|name| self.scope.switches.get(name));
        let (what, words) = match &field.node {
            _ if choices.is_some() => {
                let words: Vec<&str> = choices.into_iter().flatten().map(String::as_str).collect();
                ("the parameter", (!words.contains(&text.as_str())).then_some(words))
            }
            Node::BuiltIn(field) => ("the field", field.refuses(text)),
            Node::Quality(_) => {
                let words = Quality::ALL.map(Quality::name).to_vec();
                ("a quality", (!words.contains(&text.as_str())).then_some(words))
            }
            _ => return,
        };
        let Some(words) = words else { return };
        let help = did_you_mean(near(text, words.iter().copied()))
            .unwrap_or_else(|| format!("it is one of {}", listed(&words, "or")));
        let problem =
            Problem::error(literal.span.clone(), format!("{what} is never '{text}'"), "not one of its words");
        self.found_more(problem.help(help));
    }

    fn arithmetic(&mut self, operator: Operator, left: Tree, right: Tree) -> Option<Tree> {
        let span = around(&left, &right);
        if let (Node::Literal(a), Node::Literal(b)) = (&left.node, &right.node) {
            return self.fold(a.combine(operator, *b), span);
        }
        let Some((ty, units)) = outcome(operator, left.ty, right.ty) else {
            let problem = self.refused(operator, &left, &right);
            return self.fail(problem);
        };
        Some(Tree::new(Node::Arithmetic(operator, Box::new((left, right)), units), ty, span))
    }

    fn fold(&mut self, folded: Option<super::literals::Literal>, span: Range<usize>) -> Option<Tree> {
        match folded {
            Some(literal) => Some(Tree::new(Node::Literal(literal), Type::Open(literal.form()), span)),
            None => {
                self.fail(Problem::error(span, "this arithmetic on literals has no usable result", "here"))
            }
        }
    }

    fn refused(&self, operator: Operator, left: &Tree, right: &Tree) -> Problem {
        if operator == Operator::Remainder && left.ty.join(right.ty).is_some() {
            let span = around(left, right);
            return Problem::error(span, "`%` is for whole numbers only", "not whole numbers");
        }
        let doing = match operator {
            Operator::Add => "cannot add",
            Operator::Subtract => "cannot subtract: no difference of",
            Operator::Multiply => "cannot multiply",
            Operator::Divide => "cannot divide: no quotient of",
            Operator::Remainder => "cannot divide: no remainder of",
        };
        self.apart(left, right, doing)
    }
}

/// The type of a result, and the units of the operands; `None` where they do not go together.
fn outcome(operator: Operator, left: Type, right: Type) -> Option<Outcome> {
    match operator {
        Operator::Add | Operator::Subtract => sum(operator, left, right),
        Operator::Multiply => product(left, right),
        Operator::Divide => quotient(left, right),
        Operator::Remainder => {
            let joined = left.join(right)?;
            match joined {
                Type::Open(Form::Whole) => Some((joined, None)),
                Type::Null => Some((joined, None)),
                Type::Number { unit, whole: true } if unit != Unit::Time => {
                    Some((joined, Some((unit, unit))))
                }
                _ => None,
            }
        }
    }
}

fn sum(operator: Operator, left: Type, right: Type) -> Option<Outcome> {
    let number = |unit, whole| Type::Number { unit, whole };
    match (left, right) {
        (Type::Number { unit: Unit::Time, whole: a }, Type::Number { unit: Unit::Duration, whole: b }) => {
            Some((number(Unit::Time, a && b), Some((Unit::Time, Unit::Duration))))
        }
        (Type::Number { unit: Unit::Duration, whole: a }, Type::Number { unit: Unit::Time, whole: b })
            if operator == Operator::Add =>
        {
            Some((number(Unit::Time, a && b), Some((Unit::Duration, Unit::Time))))
        }
        (Type::Number { unit: Unit::Time, whole: a }, Type::Number { unit: Unit::Time, whole: b }) => {
            (operator == Operator::Subtract)
                .then_some((number(Unit::Duration, a && b), Some((Unit::Time, Unit::Time))))
        }
        _ => match left.join(right)? {
            joined @ (Type::Open(_) | Type::Null) => Some((joined, None)),
            joined @ Type::Number { unit, .. } => Some((joined, Some((unit, unit)))),
            Type::Boolean | Type::Text | Type::Words => None,
        },
    }
}

/// One side at most has a unit.
fn product(left: Type, right: Type) -> Option<Outcome> {
    if let (Type::Open(a), Type::Open(b)) = (left, right) {
        return Some((Type::Open(a.max(b)), None));
    }
    let (a, b) = (left.as_number()?, right.as_number()?);
    let unit = match (a.0, b.0) {
        (Unit::Time, _) | (_, Unit::Time) => return None,
        (Unit::Plain, unit) | (unit, Unit::Plain) => unit,
        _ => return None,
    };
    Some((Type::Number { unit, whole: a.1 && b.1 }, Some((a.0, b.0))))
}

/// By a plain number the unit stays; by the same unit it goes.
fn quotient(left: Type, right: Type) -> Option<Outcome> {
    if let (Type::Open(_), Type::Open(_)) = (left, right) {
        return Some((Type::Open(Form::Quotient), None));
    }
    let (a, b) = (left.as_number()?, right.as_number()?);
    let decimal = |unit| Type::Number { unit, whole: false };
    match (a.0, b.0) {
        (Unit::Time, _) | (_, Unit::Time) => None,
        (unit, Unit::Plain) => Some((decimal(unit), Some((unit, Unit::Plain)))),
        (Unit::Plain, Unit::Money) if matches!(left, Type::Open(_) | Type::Null) => {
            Some((Type::DECIMAL, Some((Unit::Money, Unit::Money))))
        }
        (a, b) => (a == b).then_some((Type::DECIMAL, Some((a, b)))),
    }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::Unequal,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn around(left: &Tree, right: &Tree) -> Range<usize> {
    left.span.start..right.span.end
}
