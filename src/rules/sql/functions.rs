//! Function calls: which functions there are, and with how many arguments.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart};

use super::resolve::Resolver;
use super::tree::{Node, Tree};
use crate::rules::names::{did_you_mean, listed, near};
use crate::rules::problem::Problem;

const FUNCTIONS: [&str; 9] =
    ["abs", "coalesce", "greatest", "least", "level", "met", "money", "nullif", "quality"];

impl Resolver<'_> {
    pub(super) fn function(&mut self, function: &Function, depth: usize) -> Option<Tree> {
        let [ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else {
            return self.unsupported(self.source.whole(), "a function with a point in its name");
        };
        let at_name = self.source.range(ident.span);
        let name = ident.value.to_ascii_lowercase();
        if !FUNCTIONS.contains(&name.as_str()) {
            let problem = Problem::error(at_name, format!("unknown function `{name}`"), "not a function");
            let near = did_you_mean(near(&name, FUNCTIONS.into_iter()));
            let help = near.unwrap_or_else(|| format!("there are {}", listed(&FUNCTIONS, "and")));
            return self.fail(problem.help(help));
        }
        let Some(arguments) = plain_arguments(function) else {
            return self.unsupported(at_name, "a function call with more than plain arguments");
        };
        if name == "level" {
            return self.list_level(&arguments, at_name, depth);
        }
        if name == "met" {
            return self.met(&arguments, at_name);
        }
        if name == "money" {
            return self.money(&arguments, at_name, depth);
        }
        if name == "quality" {
            return self.quality(&arguments, at_name);
        }
        let arguments = self.exprs(arguments.into_iter(), depth)?;
        let end = arguments.last().map_or(at_name.end, |argument| argument.span.end);
        let span = self.source.until(at_name.start..end, &[")"]);
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        match (name.as_str(), arguments.next(), arguments.next(), count) {
            ("abs", Some(operand), None, _) => {
                let ty = self.signed(&operand)?;
                Some(Tree::new(Node::Absolute(Box::new(operand)), ty, span))
            }
            ("nullif", Some(first), Some(second), 2) => self.nullif(first, second, span),
            ("coalesce" | "least" | "greatest", Some(first), second, _) => {
                self.choice(&name, std::iter::once(first).chain(second).chain(arguments).collect(), span)
            }
            _ => {
                let needs = match name.as_str() {
                    "abs" => "one argument",
                    "nullif" => "two arguments",
                    _ => "at least one argument",
                };
                let label = format!("{count} given");
                self.fail(Problem::error(span, format!("`{name}` takes {needs}"), label))
            }
        }
    }
}

/// The arguments, where there is nothing else between the parentheses or behind them.
fn plain_arguments(function: &Function) -> Option<Vec<&Expr>> {
    let Function {
        name: _,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        within_group,
        filter: None,
        null_treatment: None,
        over: None,
    } = function
    else {
        return None;
    };
    if !within_group.is_empty() || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}
