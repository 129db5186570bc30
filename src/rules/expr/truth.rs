//! Truth values: true, false, and `None` for unknown.

use std::sync::Arc;

use super::{Common, DecimalExpr, Expression, Facts, Needs, TextExpr, WholeExpr};
use crate::decision::Value;
use crate::event::{ExtraValue, TextField};
use crate::rules::like::Pattern;

/// So few texts are compared one by one: most differ in length already.
const FEW: usize = 8;

/// A truth value.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) enum TruthExpr {
    /// The same for every event.
    Constant(Option<bool>),
    /// Whether payer and payee are the same owner.
    SameOwner,
    /// An extra field.
    Extra(usize),
    /// A feature.
    Feature(usize),
    /// A feature, whatever its quality.
    FeatureAsItIs(usize),
    /// A table by position, with its values.
    Table(usize, Arc<[bool]>),
    /// `not`
    Not(Box<TruthExpr>),
    /// `and` over all of them.
    All(Box<[TruthExpr]>),
    /// `or` over all of them.
    Any(Box<[TruthExpr]>),
    /// `is true`, `is false`, `is unknown` (`None`); never unknown itself.
    Is(Box<TruthExpr>, Option<bool>),
    /// A whole number against a constant: the commonest test, without a detour.
    WholeTo(Comparison, WholeExpr, i64),
    /// Whether a text is a constant (`true`), or another one: a common test too.
    TextTo(bool, TextExpr, Box<str>),
    /// A test of whole numbers.
    Whole(Test<WholeExpr>),
    /// A test of decimal numbers.
    Decimal(Test<DecimalExpr>),
    /// A test of texts.
    Text(Test<TextExpr>),
    /// A test of truth values.
    Truth(Test<TruthExpr>),
    /// Whether a whole number is one of these constants, sorted.
    WholeAmong(WholeExpr, Box<[i64]>),
    /// Whether a text is one of these constants, sorted.
    TextAmong(TextExpr, Box<[Box<str>]>),
    /// `like` and `ilike`.
    Like(TextExpr, Box<Pattern>),
    /// Whether a text is one of the words of a list field.
    Word(TextExpr, TextField),
    /// Whether a text is on the list of this position.
    Listed(TextExpr, usize),
    /// Whether the methods presented so far meet a requirement; never unknown.
    Met(Needs),
    /// A choice.
    Common(Common<TruthExpr>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::rules) enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// The same with the sides exchanged.
    pub(in crate::rules) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::Unequal => self,
        }
    }

    /// How SQL writes it.
    pub(in crate::rules) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    #[inline]
    pub(super) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// A test of values of one type.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::rules) enum Test<E> {
    /// Two of them compared.
    Compare(Comparison, Box<(E, E)>),
    /// `between`: the first from the second to the third.
    Between(Box<(E, E, E)>),
    /// `in`: whether the first equals one of the others.
    In(Box<(E, Box<[E]>)>),
    /// `is null`; never unknown.
    Null(Box<E>),
}

impl<E: Expression> Test<E> {
    fn value(&self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Self::Compare(comparison, sides) => {
                Some(comparison.holds(sides.0.value(facts)?, sides.1.value(facts)?))
            }
            Self::Between(parts) => {
                let value = parts.0.value(facts)?;
                let above = parts.1.value(facts).map(|low| low <= value);
                let below = parts.2.value(facts).map(|high| value <= high);
                match (above, below) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Self::In(parts) => {
                let value = parts.0.value(facts)?;
                let mut answer = Some(false);
                for item in &parts.1 {
                    match item.value(facts) {
                        Some(item) if item == value => return Some(true),
                        Some(_) => {}
                        None => answer = None,
                    }
                }
                answer
            }
            Self::Null(operand) => Some(operand.value(facts).is_none()),
        }
    }
}

impl Expression for TruthExpr {
    type Value<'f> = bool;

    #[inline]
    fn value<'f>(&'f self, facts: &'f Facts<'_>) -> Option<bool> {
        match self {
            Self::Feature(position) => match facts.features.get(*position)?.known() {
                Value::Boolean(truth) => Some(truth),
                _ => None,
            },
            Self::WholeTo(comparison, whole, constant) => {
                whole.value(facts).map(|value| comparison.holds(value, *constant))
            }
            Self::TextTo(equal, text, constant) => {
                text.equals(constant, facts).map(|equals| equals == *equal)
            }
            Self::Table(table, values) => facts.row(*table).and_then(|row| values.get(row).copied()),
            _ => self.computed(facts),
        }
    }
}

impl TruthExpr {
    /// All but the commonest; those are evaluated where they stand, without a call.
    #[inline(never)]
    fn computed(&self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Self::Constant(truth) => *truth,
            Self::SameOwner => facts.event.same_owner(),
            Self::Extra(position) => match facts.event.extra(*position)? {
                ExtraValue::Boolean(truth) => Some(truth),
                _ => None,
            },
            Self::FeatureAsItIs(position) => match facts.features.get(*position)?.value {
                Value::Boolean(truth) => Some(truth),
                _ => None,
            },
            Self::Not(operand) => operand.value(facts).map(|truth| !truth),
            Self::All(parts) => unless(parts, facts, false),
            Self::Any(parts) => unless(parts, facts, true),
            Self::Is(operand, truth) => Some(operand.value(facts) == *truth),
            Self::Whole(test) => test.value(facts),
            Self::Decimal(test) => test.value(facts),
            Self::Text(test) => test.value(facts),
            Self::Truth(test) => test.value(facts),
            Self::WholeAmong(whole, constants) => {
                whole.value(facts).map(|value| constants.binary_search(&value).is_ok())
            }
            Self::TextAmong(text, constants) => {
                let text = text.value(facts)?;
                Some(if constants.len() <= FEW {
                    constants.iter().any(|constant| **constant == *text)
                } else {
                    constants.binary_search_by(|constant| (**constant).cmp(text)).is_ok()
                })
            }
            Self::Like(text, pattern) => text.value(facts).map(|text| pattern.matches(text)),
            Self::Word(word, field) => {
                let (word, list) = (word.value(facts)?, facts.event.text(*field)?);
                Some(list.split(',').any(|listed| listed == word))
            }
            Self::Listed(key, list) => key.value(facts).map(|key| facts.listed(*list, key).is_some()),
            Self::Met(needs) => Some(needs.are_met(facts.presented)),
            Self::Common(common) => common.value(facts),
            Self::Feature(_) | Self::WholeTo(..) | Self::TextTo(..) | Self::Table(..) => self.value(facts),
        }
    }

    /// How long it takes to evaluate, in few words: 0 for a look at one value, 2 for what reads a list or a pattern.
    pub(in crate::rules) fn effort(&self) -> u8 {
        match self {
            Self::Constant(_) | Self::SameOwner | Self::Extra(_) | Self::Table(..) => 0,
            Self::Feature(_) | Self::FeatureAsItIs(_) | Self::WholeTo(..) | Self::TextTo(..) => 0,
            Self::Not(operand) | Self::Is(operand, _) => operand.effort(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::effort).fold(1, u8::max),
            Self::Whole(_) | Self::Decimal(_) | Self::Text(_) | Self::Truth(_) => 1,
            Self::WholeAmong(..) | Self::TextAmong(..) => 1,
            Self::Like(..) | Self::Word(..) | Self::Listed(..) | Self::Met(_) | Self::Common(_) => 2,
        }
    }
}

/// `and` is decided by one `false`, `or` by one `true`; without it an unknown part makes the whole unknown.
#[inline]
fn unless(parts: &[TruthExpr], facts: &Facts<'_>, decider: bool) -> Option<bool> {
    let mut answer = Some(!decider);
    for part in parts {
        match part.value(facts) {
            Some(truth) if truth == decider => return Some(decider),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}
