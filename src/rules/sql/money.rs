//! `money(1000, 'USD')`: an amount in another currency, in the rule set's at the event's time.

use std::ops::Range;

use sqlparser::ast::Expr;

use super::resolve::Resolver;
use super::tree::{Node, Tree};
use crate::money::{AMOUNT_MINOR_MAX, currency, decimals};
use crate::rules::problem::Problem;
use crate::rules::types::Type;

const HELP: &str = "write money(1000, 'USD'): a number in whole units, and a currency";

impl Resolver<'_> {
    /// An amount in another currency.
    pub(super) fn money(&mut self, arguments: &[&Expr], at_name: Range<usize>, depth: usize) -> Option<Tree> {
        let &[amount, code] = arguments else {
            let label = format!("{} given", arguments.len());
            let problem = Problem::error(at_name, "`money` takes a number and a currency", label);
            return self.fail(problem.help(HELP));
        };
        let trees = self.exprs([amount, code].into_iter(), depth)?;
        let [amount, code] = trees.as_slice() else { return None };
        let span = self.source.until(at_name.start..code.span.end, &[")"]);
        let (Node::Literal(literal), None) = (&amount.node, &amount.param) else {
            let problem =
                Problem::error(amount.span.clone(), "`money` takes a number as it is written", "not one");
            return self.fail(problem.help(HELP));
        };
        let (Node::Text(text), None) = (&code.node, &code.param) else {
            let problem =
                Problem::error(code.span.clone(), "`money` takes a currency as it is written", "not one");
            return self.fail(problem.help(HELP));
        };
        let currency = match currency(text) {
            Ok(currency) => currency,
            Err(error) => {
                return self.fail(Problem::error(code.span.clone(), error.to_string(), "not a currency"));
            }
        };
        if self.scope.currency == Some(currency) {
            let message = format!("{text} is the rule set's own currency");
            let problem = Problem::error(span, message, "nothing to convert");
            return self.fail(problem.help("write the number alone"));
        }
        if !self.scope.rates {
            let problem =
                Problem::error(span, "`money` needs rates, and the file has none", "never has a value");
            return self.fail(problem.help("say where they come from: [rates] with file = \"rates.csv\""));
        }
        match literal.whole(decimals(currency)).filter(|minor| (0..=AMOUNT_MINOR_MAX).contains(minor)) {
            Some(minor) => Some(Tree::new(Node::Money(minor, currency), Type::MONEY, span)),
            None => {
                let places = decimals(currency);
                let message = format!("this is no amount in {text}, which has {places} decimals");
                self.fail(Problem::error(amount.span.clone(), message, "not an amount"))
            }
        }
    }
}
