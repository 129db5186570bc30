//! What SQL has for values of every type: `case`, `coalesce`, `nullif`, `least`, `greatest`.

use super::{DecimalExpr, Expression, Facts, TextExpr, TruthExpr, WholeExpr};

/// A choice among values of one type.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) enum Common<E> {
    /// The first that is not null.
    Coalesce(Box<[E]>),
    /// The first unless it equals the second, else null.
    Nullif(Box<(E, E)>),
    /// The least of those that are not null.
    Least(Box<[E]>),
    /// The greatest of those that are not null.
    Greatest(Box<[E]>),
    /// The result of the first branch that is chosen.
    Case(Box<Case<E>>),
}

/// A `case` of either form.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) struct Case<E> {
    /// Says which branch.
    pub(in crate::rules) chooser: Chooser,
    /// The result of each branch.
    pub(in crate::rules) results: Box<[E]>,
    /// The result where no branch is chosen.
    pub(in crate::rules) otherwise: E,
}

/// How a `case` picks its branch: the first condition that holds, or the first value that equals the operand.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) enum Chooser {
    /// `case when ...`
    Searched(Box<[TruthExpr]>),
    /// `case boolean when ...`
    Truth(TruthExpr, Box<[TruthExpr]>),
    /// `case integer when ...`
    Whole(WholeExpr, Box<[WholeExpr]>),
    /// `case decimal when ...`
    Decimal(DecimalExpr, Box<[DecimalExpr]>),
    /// `case text when ...`
    Text(TextExpr, Box<[TextExpr]>),
}

impl Chooser {
    fn choose(&self, facts: &Facts<'_>) -> Option<usize> {
        match self {
            Self::Searched(conditions) => conditions.iter().position(|c| c.value(facts) == Some(true)),
            Self::Truth(operand, values) => equal(operand, values, facts),
            Self::Whole(operand, values) => equal(operand, values, facts),
            Self::Decimal(operand, values) => equal(operand, values, facts),
            Self::Text(operand, values) => equal(operand, values, facts),
        }
    }
}

fn equal<E: Expression>(operand: &E, values: &[E], facts: &Facts<'_>) -> Option<usize> {
    let operand = operand.value(facts)?;
    values.iter().position(|value| value.value(facts) == Some(operand))
}

impl<E: Expression> Common<E> {
    pub(super) fn value<'f>(&'f self, facts: &'f Facts<'_>) -> Option<E::Value<'f>> {
        match self {
            Self::Coalesce(parts) => parts.iter().find_map(|part| part.value(facts)),
            Self::Nullif(parts) => {
                let first = parts.0.value(facts)?;
                (parts.1.value(facts) != Some(first)).then_some(first)
            }
            Self::Least(parts) => best(parts, facts, |new, held| new < held),
            Self::Greatest(parts) => best(parts, facts, |new, held| new > held),
            Self::Case(case) => match case.chooser.choose(facts).and_then(|at| case.results.get(at)) {
                Some(result) => result.value(facts),
                None => case.otherwise.value(facts),
            },
        }
    }
}

fn best<'f, E: Expression>(
    parts: &'f [E],
    facts: &'f Facts<'_>,
    better: impl Fn(E::Value<'f>, E::Value<'f>) -> bool,
) -> Option<E::Value<'f>> {
    let mut held = None;
    for new in parts.iter().filter_map(|part| part.value(facts)) {
        held = match held {
            Some(held) if !better(new, held) => Some(held),
            _ => Some(new),
        };
    }
    held
}
