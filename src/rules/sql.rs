//! Conditions: from SQL text to something that can be evaluated.
//!
//! Text is parsed by `sqlparser`, resolved into a small typed tree (`tree`), and that is turned into expressions
//! that hold their types (`emit`). Must never know where in a rule file a condition stands, but for mapping the
//! places of its problems.

mod choices;
mod emit;
mod functions;
mod lists;
pub(super) mod literals;
mod money;
mod operators;
pub(super) mod outline;
mod parse;
mod predicates;
mod resolve;
mod source;
pub(super) mod tree;

use std::collections::BTreeSet;

use super::document::Text;
use super::expr::Condition;
use super::names::Scope;
use super::problem::{Problem, Problems};
use super::types::Type;
pub(super) use emit::operand_units;
use tree::Tree;

/// What a condition may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach<'a> {
    /// Fields, parameters and features: a rule.
    All,
    /// Fields and parameters only: the `where` of the feature of this name.
    Fields(&'a str),
}

/// A condition, ready to evaluate.
#[derive(Debug)]
pub(super) struct Compiled<'d> {
    /// The text that it was compiled from; the tree's places are places in it.
    pub(super) text: Text<'d>,
    pub(super) condition: Condition,
    /// The text without layout and comments.
    pub(super) canonical: String,
    /// The features that it reads, by position.
    pub(super) features: BTreeSet<u16>,
    /// The tables that it reads, by position.
    pub(super) tables: BTreeSet<u16>,
    /// The same as a typed tree with the place of each part: for whoever reasons about it instead of evaluating it.
    pub(super) tree: Tree,
}

impl Compiled<'_> {
    /// Whether a parameter that switches rules on and off is part of it.
    pub(super) fn is_switched(&self, scope: &Scope) -> bool {
        let mut found = false;
        self.tree.walk(&mut |part| {
            found |= part.param.as_deref().is_some_and(|name| scope.switches.contains_key(name));
        });
        found
    }
}

/// The names of parameters, lists and events' own fields that some condition reads.
pub(super) type Used = BTreeSet<String>;

/// Compiles a condition; `None` where a problem was found.
pub(super) fn compile<'d>(
    text: &Text<'d>,
    scope: &Scope,
    reach: Reach<'_>,
    used: &mut Used,
    problems: &mut Problems,
) -> Option<Compiled<'d>> {
    let mut found = Vec::new();
    let compiled = compile_text(text, scope, reach, used, &mut found);
    let failed = !found.is_empty();
    for problem in found {
        let span = text.locate(problem.span.clone());
        problems.push(Problem { span, ..problem });
    }
    let compiled = compiled.filter(|_| !failed)?;
    if let Some(constant) = compiled.condition.as_constant()
        && !compiled.is_switched(scope)
    {
        let (value, consequence) = match constant {
            Some(true) => ("true", "it does not depend on the event"),
            Some(false) => ("false", "it can never hold"),
            None => ("unknown", "a comparison with null is never true; write `is null`"),
        };
        let message = format!("this condition is always {value}");
        problems.push(Problem::warning(text.span.clone(), message, consequence));
    }
    Some(compiled)
}

fn compile_text<'d>(
    text: &Text<'d>,
    scope: &Scope,
    reach: Reach<'_>,
    used: &mut Used,
    found: &mut Vec<Problem>,
) -> Option<Compiled<'d>> {
    let (source, expr) = parse::parse(text.value).map_err(|problem| found.push(*problem)).ok()?;
    let mut resolver = resolve::Resolver::new(scope, reach, &source, used, found);
    let tree = resolver.condition(&expr)?;
    let (features, tables) = resolver.into_read();
    let truth = emit::Emitter::new(scope.currency, found).condition(&tree);
    let text = text.clone();
    Some(Compiled {
        text,
        condition: Condition::new(truth),
        canonical: source.canonical(),
        features,
        tables,
        tree,
    })
}

/// A problem of types: what was found where something else is needed.
fn mismatch(scope: &Scope, span: std::ops::Range<usize>, found: Type, expected: &str) -> Problem {
    let found = found.describe(scope.currency);
    Problem::error(span, format!("expected {expected}, found {found}"), format!("this is {found}"))
}
