//! What asks a list: `payee in suspected`, `level(payee, suspected)`.

use std::ops::Range;

use sqlparser::ast::{Expr, Ident};

use super::resolve::{Resolver, name_of};
use super::tree::{Node, Tree};
use crate::rules::names::{Meaning, did_you_mean};
use crate::rules::problem::Problem;
use crate::rules::types::Type;

/// A list that a condition names.
pub(super) struct AskedList {
    position: usize,
    span: Range<usize>,
}

fn is_list(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::List(..))
}

impl Resolver<'_> {
    /// The list behind `in`, if that is what stands there; inner `None` where it is told to be wrong.
    pub(super) fn asked_list(&mut self, items: &[Expr]) -> Option<Option<AskedList>> {
        let found = items.iter().find_map(|item| match item {
            Expr::Identifier(ident) => self.named_list(ident).map(|found| (ident, found)),
            _ => None,
        });
        match (found, items) {
            (Some((_, found)), [_]) => Some(Some(found)),
            (Some((ident, found)), _) => {
                let message = format!("`{}` is a list, and stands among values", ident.value);
                let problem = Problem::error(found.span, message, "a list stands alone after `in`");
                Some(self.fail(problem.help(format!("ask twice: x in {} or x in (...)", ident.value))))
            }
            (None, [Expr::Identifier(ident)]) if self.is_bare(ident) => Some(self.no_list(ident)),
            (None, _) => None,
        }
    }

    /// Whether a text is on a list.
    pub(super) fn listed(&mut self, key: &Expr, list: AskedList, depth: usize) -> Option<Tree> {
        let key = self.key(key, depth)?;
        let end = self.source.with_parentheses(list.span).end;
        let span = key.span.start..end;
        Some(Tree::new(Node::Listed(Box::new(key), list.position), Type::Boolean, span))
    }

    /// `level(payee, suspected)`
    pub(super) fn list_level(
        &mut self,
        arguments: &[&Expr],
        at_name: Range<usize>,
        depth: usize,
    ) -> Option<Tree> {
        let &[key, list] = arguments else {
            let label = format!("{} given", arguments.len());
            let problem = Problem::error(at_name, "`level` takes a text and a list", label);
            return self.fail(problem.help("write level(payee, NAME), where NAME is one of [lists]"));
        };
        let found = match list {
            Expr::Identifier(ident) => match self.named_list(ident) {
                Some(found) => found,
                None => return self.no_list(ident),
            },
            other => {
                let other = self.expr(other, depth)?;
                let label = "not the name of a list";
                return self.fail(Problem::error(other.span, "`level` takes a text and a list", label));
            }
        };
        let key = self.key(key, depth)?;
        let span = self.source.until(at_name.start..found.span.end, &[")"]);
        Some(Tree::new(Node::ListLevel(Box::new(key), found.position), Type::INTEGER, span))
    }

    /// Tells that a list is no value.
    pub(super) fn list_alone(&mut self, name: &str, key: &str, span: Range<usize>) -> Option<Tree> {
        let problem = Problem::error(span, format!("`{name}` is a list"), "a list, not a value");
        self.fail(problem.help(format!("write `{key} in {name}` or `level({key}, {name})`")))
    }

    fn key(&mut self, key: &Expr, depth: usize) -> Option<Tree> {
        let key = self.expr(key, depth)?;
        if matches!(key.ty, Type::Text | Type::Null) {
            return Some(key);
        }
        let problem = super::mismatch(self.scope, key.span, key.ty, "text");
        self.fail(problem.help("a list holds texts"))
    }

    fn named_list(&mut self, ident: &Ident) -> Option<AskedList> {
        let name = name_of(ident);
        let Some(Meaning::List(position, _)) = self.scope.find(&name) else { return None };
        self.uses(name);
        Some(AskedList { position, span: self.source.range(ident.span) })
    }

    fn no_list<T>(&mut self, ident: &Ident) -> Option<T> {
        let span = self.source.range(ident.span);
        let name = name_of(ident);
        let (message, label) = match self.scope.find(&name) {
            Some(Meaning::Wrong) => return None,
            Some(meaning) => (format!("`{name}` is {}, not a list", meaning.describe()), "not a list"),
            None => (format!("unknown list `{}`", ident.value), "not in [lists]"),
        };
        let help = did_you_mean(self.scope.near(&name, is_list))
            .unwrap_or_else(|| "values are written in parentheses: x in ('a', 'b')".to_owned());
        self.fail(Problem::error(span, message, label).help(help))
    }

    /// Whether a name stands after `in` without parentheses.
    fn is_bare(&self, ident: &Ident) -> bool {
        let span = self.source.range(ident.span);
        self.source.with_parentheses(span.clone()) == span
    }
}
