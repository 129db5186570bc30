//! What picks one of several values: `case`, `coalesce`, `nullif`, `least`, `greatest`.

use std::ops::Range;

use sqlparser::ast::{CaseWhen, Expr};

use super::resolve::Resolver;
use super::tree::{Branches, Node, Tree};
use crate::rules::problem::Problem;
use crate::rules::types::Type;

impl Resolver<'_> {
    /// `case` of either form.
    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[CaseWhen],
        otherwise: Option<&Expr>,
        span: Range<usize>,
        depth: usize,
    ) -> Option<Tree> {
        let branches = match operand {
            None => {
                let conditions: Vec<Option<Tree>> =
                    whens.iter().map(|when| self.boolean(&when.condition, depth)).collect();
                Branches::Searched(conditions.into_iter().collect::<Option<_>>()?)
            }
            Some(operand) => {
                let operand = self.expr(operand, depth);
                let values = self.exprs(whens.iter().map(|when| &when.condition), depth);
                let (operand, values) = (operand?, values?);
                let mut joined = operand.ty;
                for value in &values {
                    self.joined(&operand, value)?;
                    self.check_words(&operand, value);
                    joined = match joined.join(value.ty) {
                        Some(joined) => joined,
                        None => return self.fail(self.unlike(value, joined)),
                    };
                }
                Branches::Operand(Box::new(operand), values, joined)
            }
        };
        let results = self.exprs(whens.iter().map(|when| &when.result), depth);
        let otherwise = match otherwise {
            Some(otherwise) => Some(Box::new(self.expr(otherwise, depth)?)),
            None => None,
        };
        let results = results?;
        let ty = self.common_type(results.iter().chain(otherwise.as_deref()))?;
        Some(Tree::new(Node::Case(branches, results, otherwise), ty, span))
    }

    /// The type of which all of these can be.
    pub(super) fn common_type<'t>(&mut self, parts: impl Iterator<Item = &'t Tree>) -> Option<Type> {
        let mut ty = Type::Null;
        for part in parts {
            if part.ty == Type::Words {
                return self.fail(super::mismatch(self.scope, part.span.clone(), part.ty, "a single value"));
            }
            ty = match ty.join(part.ty) {
                Some(joined) => joined,
                None => return self.fail(self.unlike(part, ty)),
            };
        }
        Some(ty)
    }

    /// `coalesce`, `least`, `greatest`.
    pub(super) fn choice(&mut self, name: &str, parts: Vec<Tree>, span: Range<usize>) -> Option<Tree> {
        let ty = self.common_type(parts.iter())?;
        let node = match name {
            "coalesce" => Node::Coalesce(parts),
            _ if ty == Type::Boolean => {
                return self.fail(Problem::error(span, "booleans have no order", "these are booleans"));
            }
            "least" => Node::Least(parts),
            _ => Node::Greatest(parts),
        };
        Some(Tree::new(node, ty, span))
    }

    /// `nullif`
    pub(super) fn nullif(&mut self, first: Tree, second: Tree, span: Range<usize>) -> Option<Tree> {
        let ty = self.joined(&first, &second)?;
        self.check_words(&first, &second);
        Some(Tree::new(Node::Nullif(Box::new((first, second))), ty, span))
    }
}
