//! What asks something of a value: `is null`, `is true`, `in`, `between`, `like`, `= any(...)`.

use std::ops::Range;

use sqlparser::ast::{BinaryOperator, Expr, Value, ValueWithSpan};

use super::resolve::Resolver;
use super::tree::{Node, Tree};
use crate::event::Form;
use crate::rules::auth;
use crate::rules::like::Pattern;
use crate::rules::names::{BuiltIn, check_word, did_you_mean, near};
use crate::rules::problem::Problem;
use crate::rules::types::Type;

const TRUTHS: [&str; 4] = ["null", "true", "false", "unknown"];

impl Resolver<'_> {
    /// `met(strong)`: whether the methods presented so far meet a requirement.
    pub(super) fn met(&mut self, arguments: &[&Expr], at_name: Range<usize>) -> Option<Tree> {
        let &[Expr::Identifier(ident)] = arguments else {
            let label = format!("{} given", arguments.len());
            let label = if arguments.len() == 1 { "not the name of a requirement" } else { &label };
            let problem = Problem::error(at_name, "`met` takes a requirement", label);
            return self.fail(problem.help("write met(NAME), where NAME is one of [auth]"));
        };
        // Requirements have a space of names of their own, as in `auth = "..."`.
        let (name, at_requirement) = (ident.value.clone(), self.source.range(ident.span));
        let Some(needs) = self.scope.requirements.get(&name).cloned() else {
            let near = near(&name, self.scope.requirements.keys().map(String::as_str));
            let message = format!("no requirement is named `{name}`");
            let problem = Problem::error(at_requirement, message, "not in [auth]");
            let help = did_you_mean(near);
            return self.fail(problem.maybe_help(help));
        };
        self.uses(auth::asked(&name));
        let span = self.source.until(at_name.start..at_requirement.end, &[")"]);
        Some(Tree::new(Node::Met(name, needs), Type::Boolean, span))
    }

    pub(super) fn is_null(&mut self, operand: &Expr, negated: bool, depth: usize) -> Option<Tree> {
        let operand = self.expr(operand, depth)?;
        let span = self.source.until(operand.span.clone(), &TRUTHS);
        Some(Tree::new(Node::IsNull(Box::new(operand)), Type::Boolean, span).negated_if(negated))
    }

    pub(super) fn is(
        &mut self,
        operand: &Expr,
        truth: Option<bool>,
        negated: bool,
        depth: usize,
    ) -> Option<Tree> {
        let operand = self.boolean(operand, depth)?;
        let span = self.source.until(operand.span.clone(), &TRUTHS);
        Some(Tree::new(Node::Is(Box::new(operand), truth), Type::Boolean, span).negated_if(negated))
    }

    pub(super) fn in_list(
        &mut self,
        value: &Expr,
        list: &[Expr],
        negated: bool,
        depth: usize,
    ) -> Option<Tree> {
        if let Some(asked) = self.asked_list(list) {
            return Some(self.listed(value, asked?, depth)?.negated_if(negated));
        }
        let value = self.expr(value, depth);
        let items = self.exprs(list.iter(), depth);
        let (value, items) = (value?, items?);
        let mut joined = value.ty;
        for item in &items {
            self.joined(&value, item)?;
            self.check_words(&value, item);
            joined = match joined.join(item.ty) {
                Some(joined) => joined,
                None => return self.fail(self.unlike(item, joined)),
            };
        }
        let end = items.last().map_or(value.span.end, |item| item.span.end);
        let span = self.source.until(value.span.start..end, &[")"]);
        let tree = Tree::new(Node::In(Box::new(value), items, joined), Type::Boolean, span);
        Some(tree.negated_if(negated))
    }

    pub(super) fn between(
        &mut self,
        value: &Expr,
        low: &Expr,
        high: &Expr,
        negated: bool,
        depth: usize,
    ) -> Option<Tree> {
        let (value, low, high) = (self.expr(value, depth), self.expr(low, depth), self.expr(high, depth));
        let (value, low, high) = (value?, low?, high?);
        let joined = self.joined(&value, &low)?;
        self.joined(&value, &high)?;
        let joined = match joined.join(high.ty) {
            Some(Type::Boolean) => {
                return self.fail(Problem::error(value.span, "booleans have no order", "this is a boolean"));
            }
            Some(joined) => joined,
            None => return self.fail(self.unlike(&high, joined)),
        };
        let span = value.span.start..high.span.end;
        let node = Node::Between(Box::new((value, low, high)), joined);
        Some(Tree::new(node, Type::Boolean, span).negated_if(negated))
    }

    /// The problem of a value that is not of the type of those before it.
    pub(super) fn unlike(&self, tree: &Tree, expected: Type) -> Problem {
        let expected = expected.describe(self.scope.currency);
        super::mismatch(self.scope, tree.span.clone(), tree.ty, &expected)
    }

    /// `like`; `negated` and whether case is ignored come as a pair.
    pub(super) fn like(
        &mut self,
        text: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        (negated, folded): (bool, bool),
        depth: usize,
    ) -> Option<Tree> {
        let (text, pattern) = (self.expr(text, depth), self.expr(pattern, depth));
        let (text, pattern) = (text?, pattern?);
        if !matches!(text.ty, Type::Text | Type::Null) {
            return self.fail(super::mismatch(self.scope, text.span, text.ty, "text"));
        }
        let span = text.span.start..pattern.span.end;
        let Node::Text(written) = &pattern.node else {
            let problem =
                Problem::error(pattern.span, "a pattern must be a text literal or a text parameter", "here");
            return self.fail(problem);
        };
        let escape = match escape {
            None => None,
            Some(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(escape), .. }))
                if escape.chars().count() == 1 =>
            {
                escape.chars().next()
            }
            Some(_) => {
                let span = self.source.with_token_after(self.source.until(pattern.span, &["escape"]));
                return self.fail(Problem::error(
                    span,
                    "the escape must be one character",
                    "not one character",
                ));
            }
        };
        let Some(compiled) = Pattern::new(written, escape, folded) else {
            let message = "the escape character must stand before `%`, `_` or itself";
            return self.fail(Problem::error(pattern.span, message, "here it does not"));
        };
        let tree = Tree::new(Node::Like(Box::new(text), compiled), Type::Boolean, span);
        Some(tree.negated_if(negated))
    }

    /// `'fido' = any(methods)`
    pub(super) fn any(
        &mut self,
        word: &Expr,
        op: &BinaryOperator,
        list: &Expr,
        depth: usize,
    ) -> Option<Tree> {
        let (word, list) = (self.expr(word, depth), self.expr(list, depth));
        let (word, list) = (word?, list?);
        let span = self.source.until(word.span.start..list.span.end, &[")"]);
        if *op != BinaryOperator::Eq {
            return self.fail(Problem::error(span, "`any` goes with `=` only", "another comparison"));
        }
        let field = match list.node {
            Node::BuiltIn(BuiltIn::Text(field)) if field.form() == Form::Words => field,
            _ => {
                let problem = super::mismatch(self.scope, list.span, list.ty, "a list of words");
                return self.fail(problem.help("the fields with lists are `login_methods` and `methods`"));
            }
        };
        if !matches!(word.ty, Type::Text | Type::Null) {
            return self.fail(super::mismatch(self.scope, word.span, word.ty, "text"));
        }
        if let Node::Text(text) = &word.node
            && (text.is_empty() || check_word(&format!("x{text}")).is_err())
        {
            let problem = Problem::error(word.span, format!("no list has the word '{text}'"), "not a word");
            return self.fail(problem.help("words of a list are of a-z, 0-9 and _"));
        }
        Some(Tree::new(Node::Word(Box::new(word), field), Type::Boolean, span))
    }
}
