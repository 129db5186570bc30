//! From `sqlparser`'s tree to a typed one: names are looked up here, and every form that is not ours is refused.

use std::collections::BTreeSet;
use std::ops::Range;

use sqlparser::ast::{BinaryOperator, DateTimeField, Expr, Ident, Spanned, UnaryOperator};

use super::parse::too_deep;
use super::source::Source;
use super::tree::{Node, Tree, Trust};
use super::{Reach, Used};
use crate::rules::limits::NESTING_MAX;
use crate::rules::names::{BuiltIn, Meaning, ParamValue, Scope, did_you_mean};
use crate::rules::problem::Problem;
use crate::rules::types::Type;

/// Turns expressions into typed ones and collects what they read. Its methods give `None` after they have told why.
pub(super) struct Resolver<'a> {
    pub(super) scope: &'a Scope,
    pub(super) source: &'a Source<'a>,
    reach: Reach<'a>,
    used: &'a mut Used,
    found: &'a mut Vec<Problem>,
    features: BTreeSet<u16>,
    tables: BTreeSet<u16>,
    /// The features whose quality is asked, by position.
    qualities: BTreeSet<usize>,
    /// Those that are taken as they are.
    as_they_are: BTreeSet<usize>,
}

/// Up to this length an expression of a foreign form is underlined itself: finding its place takes a recursion.
const SPANNED_BYTES_MAX: usize = 500;

impl<'a> Resolver<'a> {
    pub(super) fn new(
        scope: &'a Scope,
        reach: Reach<'a>,
        source: &'a Source<'a>,
        used: &'a mut Used,
        found: &'a mut Vec<Problem>,
    ) -> Self {
        Self {
            scope,
            source,
            reach,
            used,
            found,
            features: BTreeSet::new(),
            tables: BTreeSet::new(),
            qualities: BTreeSet::new(),
            as_they_are: BTreeSet::new(),
        }
    }

    /// Remembers that a parameter, a list or a field is read.
    pub(super) fn uses(&mut self, name: String) {
        self.used.insert(name);
    }

    /// The features and the tables that were read.
    pub(super) fn into_read(self) -> (BTreeSet<u16>, BTreeSet<u16>) {
        (self.features, self.tables)
    }

    /// Tells a problem.
    pub(super) fn fail<T>(&mut self, problem: Problem) -> Option<T> {
        self.found.push(problem);
        None
    }

    /// Tells a problem and goes on.
    pub(super) fn found_more(&mut self, problem: Problem) {
        self.found.push(problem);
    }

    /// Tells that a form is not supported.
    pub(super) fn unsupported<T>(&mut self, span: Range<usize>, form: &str) -> Option<T> {
        self.fail(Problem::error(span, format!("{form} is not supported in conditions"), "not supported"))
    }

    /// A whole condition. One that asks for the quality of a feature, wherever in it, takes its value as it is.
    pub(super) fn condition(&mut self, expr: &Expr) -> Option<Tree> {
        let tree = self.boolean(expr, 0);
        if self.qualities.is_empty() || !self.found.is_empty() {
            return tree;
        }
        self.as_they_are.clone_from(&self.qualities);
        self.boolean(expr, 0)
    }

    /// The quality of a feature.
    pub(super) fn quality(&mut self, arguments: &[&Expr], at_name: Range<usize>) -> Option<Tree> {
        let &[Expr::Identifier(ident)] = arguments else {
            let label = format!("{} given", arguments.len());
            let label = if arguments.len() == 1 { "not the name of a feature" } else { &label };
            return self.fail(Problem::error(at_name, "`quality` takes a feature", label));
        };
        let (name, at_feature) = (name_of(ident), self.source.range(ident.span));
        let position = match self.scope.find(&name) {
            Some(Meaning::Feature(position, _)) => position,
            Some(Meaning::Wrong) => return None,
            Some(other) => {
                let message = format!("`quality` takes a feature, and `{name}` is {}", other.describe());
                return self.fail(Problem::error(at_feature, message, "not a feature"));
            }
            None => {
                let near = self.scope.near(&name, |meaning| matches!(meaning, Meaning::Feature(..)));
                let problem =
                    Problem::error(at_feature, format!("unknown feature `{name}`"), "not a feature");
                return self.fail(problem.maybe_help(did_you_mean(near)));
            }
        };
        if let Reach::Fields(_) = self.reach {
            let message = "a feature's `where` knows no other feature, so it can ask for no quality";
            let problem = Problem::error(at_name, message, "here");
            return self.fail(problem.help("ask for it in a rule's `when`"));
        }
        self.features.insert(u16::try_from(position).unwrap_or(u16::MAX));
        self.qualities.insert(position);
        let span = self.source.until(at_name.start..at_feature.end, &[")"]);
        Some(Tree::new(Node::Quality(position), Type::Text, span))
    }

    /// An expression that must be a truth value.
    pub(super) fn boolean(&mut self, expr: &Expr, depth: usize) -> Option<Tree> {
        let tree = self.expr(expr, depth)?;
        match tree.ty {
            Type::Boolean | Type::Null => Some(tree),
            ty => {
                let problem = super::mismatch(self.scope, tree.span.clone(), ty, "a condition");
                let compare =
                    matches!(ty, Type::Number { .. }).then(|| "compare it with something".to_owned());
                self.fail(problem.maybe_help(compare))
            }
        }
    }

    /// Several expressions; all of their problems are told.
    pub(super) fn exprs<'e>(
        &mut self,
        exprs: impl Iterator<Item = &'e Expr>,
        depth: usize,
    ) -> Option<Vec<Tree>> {
        let trees: Vec<Option<Tree>> = exprs.map(|expr| self.expr(expr, depth)).collect();
        trees.into_iter().collect()
    }

    /// Any expression, `depth` levels down.
    pub(super) fn expr(&mut self, expr: &Expr, depth: usize) -> Option<Tree> {
        if depth > NESTING_MAX {
            return self.fail(too_deep(self.source.whole()));
        }
        let depth = depth + 1;
        match expr {
            Expr::Identifier(ident) => self.name(ident),
            Expr::Value(value) => self.value(value),
            Expr::Interval(interval) => self.interval(interval),
            Expr::TypedString(typed) => self.typed_string(typed),
            Expr::Nested(inner) => {
                let mut tree = self.expr(inner, depth)?;
                tree.span = self.source.with_parentheses(tree.span);
                Some(tree)
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                let operand = self.boolean(expr, depth)?;
                let span = self.source.with_token_before(operand.span.clone());
                Some(Tree::new(Node::Not(Box::new(operand)), Type::Boolean, span))
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => self.minus(expr, depth),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                self.chain(expr, op, depth)
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, depth),
            Expr::IsNull(operand) => self.is_null(operand, false, depth),
            Expr::IsNotNull(operand) => self.is_null(operand, true, depth),
            Expr::IsTrue(operand) => self.is(operand, Some(true), false, depth),
            Expr::IsNotTrue(operand) => self.is(operand, Some(true), true, depth),
            Expr::IsFalse(operand) => self.is(operand, Some(false), false, depth),
            Expr::IsNotFalse(operand) => self.is(operand, Some(false), true, depth),
            Expr::IsUnknown(operand) => self.is(operand, None, false, depth),
            Expr::IsNotUnknown(operand) => self.is(operand, None, true, depth),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated, depth),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated, depth),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), (*negated, false), depth)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), (*negated, true), depth)
            }
            Expr::AnyOp { left, compare_op, right, .. } => self.any(left, compare_op, right, depth),
            Expr::Case { case_token, end_token, operand, conditions, else_result } => {
                let start = self.source.range(case_token.0.span).start;
                let span = start..self.source.range(end_token.0.span).end;
                self.case(operand.as_deref(), conditions, else_result.as_deref(), span, depth)
            }
            Expr::Function(function) => self.function(function, depth),
            Expr::Extract { field, expr, .. } => self.extract(field, expr),
            _ => self.foreign(expr),
        }
    }

    fn foreign(&mut self, expr: &Expr) -> Option<Tree> {
        let form = match expr {
            Expr::Cast { .. } => "a cast",
            Expr::Exists { .. } | Expr::Subquery(_) | Expr::InSubquery { .. } => "a subquery",
            Expr::CompoundIdentifier(_) => "a name with a point",
            Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => "`is distinct from`",
            Expr::Tuple(_) => "a list in parentheses",
            Expr::SimilarTo { .. } | Expr::RLike { .. } => "a regular expression",
            _ => "this form",
        };
        let short = self.source.text.len() <= SPANNED_BYTES_MAX;
        let span = if short { self.source.range(expr.span()) } else { self.source.whole() };
        let span = match expr {
            _ if span.is_empty() => self.source.whole(),
            Expr::Cast { .. } => self.source.until(self.source.back_to(span, "cast"), &[")"]),
            _ => span,
        };
        self.unsupported(span, form)
    }

    /// A chain of `and` or of `or`, however long, is one level.
    fn chain(&mut self, expr: &Expr, operator: &BinaryOperator, depth: usize) -> Option<Tree> {
        let mut operands = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == operator
        {
            operands.push(right.as_ref());
            rest = left;
        }
        operands.push(rest);
        let parts: Vec<Option<Tree>> = operands.into_iter().rev().map(|o| self.boolean(o, depth)).collect();
        let parts: Vec<Tree> = parts.into_iter().collect::<Option<_>>()?;
        let start = parts.first().map_or(0, |part| part.span.start);
        let end = parts.last().map_or(0, |part| part.span.end);
        let node = if *operator == BinaryOperator::And { Node::All(parts) } else { Node::Any(parts) };
        Some(Tree::new(node, Type::Boolean, start..end))
    }

    fn name(&mut self, ident: &Ident) -> Option<Tree> {
        let span = self.source.range(ident.span);
        let name = name_of(ident);
        let Some(meaning) = self.scope.find(&name) else { return self.unknown(ident, &name, span) };
        let (node, ty) = match meaning {
            Meaning::BuiltIn(field) => {
                self.uses(name);
                (Node::BuiltIn(field), field.ty())
            }
            Meaning::Extra(position, declared) => (Node::Extra(position, declared), Type::of(declared)),
            Meaning::Param(value) => {
                let (node, ty) = match value {
                    ParamValue::Whole(value, unit) => {
                        (Node::Whole(value), Type::Number { unit, whole: true })
                    }
                    ParamValue::Decimal(value) => (Node::Decimal(value), Type::DECIMAL),
                    ParamValue::Boolean(value) => (Node::Boolean(value), Type::Boolean),
                    ParamValue::Text(value) => (Node::Text(value), Type::Text),
                };
                let tree = Tree::new(node, ty, span).of_param(&name);
                self.uses(name);
                return Some(tree);
            }
            Meaning::Feature(position, ty) => {
                if let Reach::Fields(own) = self.reach {
                    return self.feature_in_where(own, &name, span);
                }
                self.features.insert(u16::try_from(position).unwrap_or(u16::MAX));
                let as_it_is = self.as_they_are.contains(&position);
                (Node::Feature(position, if as_it_is { Trust::AsItIs } else { Trust::Known }), ty?)
            }
            Meaning::List(_, key) => return self.list_alone(&name, &key, span),
            Meaning::Table(position, ty, values) => {
                self.tables.insert(u16::try_from(position).unwrap_or(u16::MAX));
                (Node::Table(position, values), Type::of(ty))
            }
            Meaning::Wrong => return None,
        };
        Some(Tree::new(node, ty, span))
    }

    fn unknown(&mut self, ident: &Ident, name: &str, span: Range<usize>) -> Option<Tree> {
        let reach = self.reach;
        let fits = |meaning: &Meaning| reach == Reach::All || !matches!(meaning, Meaning::Feature(..));
        let near = self.scope.near(name, fits);
        let text = match ident.quote_style {
            Some(_) => format!("text is written in single quotes: '{}'", ident.value),
            None => format!("if it is text, write it in single quotes: '{}'", ident.value),
        };
        let problem = Problem::error(
            span,
            format!("unknown name `{}`", ident.value),
            "not a field, parameter, feature or table",
        );
        self.fail(problem.help(did_you_mean(near).unwrap_or(text)))
    }

    fn feature_in_where(&mut self, own: &str, name: &str, span: Range<usize>) -> Option<Tree> {
        let problem = if own == name {
            Problem::error(
                span,
                format!("cycle: feature `{name}` reads itself"),
                "this is the feature itself",
            )
        } else {
            let message = "a feature's `where` reads the event's own fields and parameters";
            Problem::error(span, format!("{message}; `{name}` is a feature"), "a feature")
        };
        self.fail(problem.help("compare features with each other in a rule's `when`"))
    }

    /// `extract(hour from time)`, `extract(isodow from time)`.
    fn extract(&mut self, field: &DateTimeField, expr: &Expr) -> Option<Tree> {
        let inner = match expr {
            Expr::Identifier(ident) => Some(ident),
            _ => None,
        };
        let span = inner.map_or(self.source.whole(), |ident| {
            let inside = self.source.back_to(self.source.range(ident.span), "extract");
            self.source.until(inside, &[")"])
        });
        let of_time = inner.is_some_and(|ident| ident.value.eq_ignore_ascii_case("time"));
        let field = match field {
            DateTimeField::Hour if of_time => BuiltIn::Hour,
            DateTimeField::Isodow if of_time => BuiltIn::Weekday,
            _ => {
                let problem = Problem::error(
                    span,
                    "only the hour and the weekday of the event's time are known",
                    "here",
                );
                return self.fail(problem.help("write extract(hour from time) or extract(isodow from time)"));
            }
        };
        Some(Tree::new(Node::BuiltIn(field), field.ty(), span))
    }
}

/// The name that an identifier is looked up by.
pub(super) fn name_of(ident: &Ident) -> String {
    match ident.quote_style {
        None => ident.value.to_ascii_lowercase(),
        Some(_) => ident.value.clone(),
    }
}
