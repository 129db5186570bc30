//! The typed tree of a condition: every name resolved, every type known, nothing decided about evaluation.

use std::ops::Range;

use super::literals::Literal;
use crate::event::{ExtraType, TextField};
use crate::money::Currency;
use crate::rules::expr::{Comparison, Needs};
use crate::rules::like::Pattern;
use crate::rules::names::BuiltIn;
use crate::rules::table::Values;
use crate::rules::types::{Type, Unit};

/// An expression with its type and its place in the condition.
#[derive(Debug)]
pub(in crate::rules) struct Tree {
    pub(in crate::rules) node: Node,
    pub(in crate::rules) ty: Type,
    pub(in crate::rules) span: Range<usize>,
    /// The parameter that it is, where it is one.
    pub(in crate::rules) param: Option<Box<str>>,
    /// Whether it is the same for every event.
    pub(in crate::rules) constant: bool,
}

/// An operator of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// How SQL writes it.
    pub(in crate::rules) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// How a condition takes the value of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Trust {
    /// Null where its quality leaves it unknown.
    Known,
    /// As it is: the condition looks at its quality itself.
    AsItIs,
}

/// What an expression is.
#[derive(Debug)]
pub(in crate::rules) enum Node {
    Null,
    Boolean(bool),
    Text(String),
    Whole(i64),
    Decimal(f64),
    Literal(Literal),
    BuiltIn(BuiltIn),
    Extra(usize, ExtraType),
    /// A feature by position.
    Feature(usize, Trust),
    /// The quality of a feature, by position.
    Quality(usize),
    /// A table by position, with its values.
    Table(usize, Values),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    /// `is true`, `is false`, `is unknown`.
    Is(Box<Tree>, Option<bool>),
    IsNull(Box<Tree>),
    /// Compared as the type.
    Compare(Comparison, Box<(Tree, Tree)>, Type),
    Between(Box<(Tree, Tree, Tree)>, Type),
    In(Box<Tree>, Vec<Tree>, Type),
    Like(Box<Tree>, Pattern),
    Word(Box<Tree>, TextField),
    /// Whether a text is on the list of this position.
    Listed(Box<Tree>, usize),
    /// The level of a text on the list of this position.
    ListLevel(Box<Tree>, usize),
    /// Whether the methods presented so far meet the requirement of this name.
    Met(String, Needs),
    /// An amount in another currency, in its minor units.
    Money(i64, Currency),
    Negate(Box<Tree>),
    Absolute(Box<Tree>),
    /// The units are those of the operands; `None` where they are literals that take the unit of the result.
    Arithmetic(Operator, Box<(Tree, Tree)>, Option<(Unit, Unit)>),
    Coalesce(Vec<Tree>),
    Nullif(Box<(Tree, Tree)>),
    Least(Vec<Tree>),
    Greatest(Vec<Tree>),
    Case(Branches, Vec<Tree>, Option<Box<Tree>>),
}

/// How a `case` picks among its results.
#[derive(Debug)]
pub(in crate::rules) enum Branches {
    /// By conditions.
    Searched(Vec<Tree>),
    /// By values that the operand is compared with, as the type.
    Operand(Box<Tree>, Vec<Tree>, Type),
}

impl Tree {
    /// Visits it and all that it is made of, from the outside in.
    pub(in crate::rules) fn walk<'t>(&'t self, visit: &mut impl FnMut(&'t Self)) {
        visit(self);
        self.node.children().into_iter().for_each(|child| child.walk(visit));
    }

    /// An expression whose parts are already resolved.
    pub(in crate::rules) fn new(node: Node, ty: Type, span: Range<usize>) -> Self {
        let constant = node.is_constant();
        Self { node, ty, span, param: None, constant }
    }

    /// The same as the value of a parameter.
    pub(in crate::rules) fn of_param(self, name: &str) -> Self {
        Self { param: Some(name.into()), ..self }
    }

    /// Its negation where `negated`.
    pub(in crate::rules) fn negated_if(self, negated: bool) -> Self {
        if !negated {
            return self;
        }
        let span = self.span.clone();
        Self::new(Node::Not(Box::new(self)), Type::Boolean, span)
    }
}

impl Node {
    /// The expressions that it is made of, in the order of the text.
    pub(in crate::rules) fn children(&self) -> Vec<&Tree> {
        match self {
            Self::Null
            | Self::Boolean(_)
            | Self::Text(_)
            | Self::Whole(_)
            | Self::Decimal(_)
            | Self::Literal(_)
            | Self::BuiltIn(_)
            | Self::Extra(..)
            | Self::Feature(..)
            | Self::Quality(_)
            | Self::Met(..)
            | Self::Money(..)
            | Self::Table(..) => Vec::new(),
            Self::Not(part)
            | Self::Is(part, _)
            | Self::IsNull(part)
            | Self::Like(part, _)
            | Self::Word(part, _)
            | Self::Listed(part, _)
            | Self::ListLevel(part, _)
            | Self::Negate(part)
            | Self::Absolute(part) => vec![part],
            Self::Compare(_, pair, _) | Self::Arithmetic(_, pair, _) | Self::Nullif(pair) => {
                vec![&pair.0, &pair.1]
            }
            Self::Between(parts, _) => vec![&parts.0, &parts.1, &parts.2],
            Self::In(value, items, _) => std::iter::once(&**value).chain(items).collect(),
            Self::All(parts)
            | Self::Any(parts)
            | Self::Coalesce(parts)
            | Self::Least(parts)
            | Self::Greatest(parts) => parts.iter().collect(),
            Self::Case(branches, results, otherwise) => {
                let otherwise = otherwise.iter().map(|tree| &**tree);
                branches.children().into_iter().chain(results).chain(otherwise).collect()
            }
        }
    }

    /// Whether it is the same for every event: what reads nothing of it, and is made of nothing that does.
    fn is_constant(&self) -> bool {
        let reads = matches!(
            self,
            Self::BuiltIn(_)
                | Self::Extra(..)
                | Self::Feature(..)
                | Self::Quality(_)
                | Self::Table(..)
                | Self::Word(..)
                | Self::Listed(..)
                | Self::ListLevel(..)
                | Self::Met(..)
                | Self::Money(..)
        );
        !reads && self.children().into_iter().all(|child| child.constant)
    }
}

impl Branches {
    fn children(&self) -> Vec<&Tree> {
        match self {
            Self::Searched(conditions) => conditions.iter().collect(),
            Self::Operand(operand, values, _) => std::iter::once(&**operand).chain(values).collect(),
        }
    }
}
