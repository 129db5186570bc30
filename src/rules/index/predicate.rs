//! Predicates: conditions on one attribute, taken apart.
//!
//! Promises that a predicate is true, false and unknown exactly where the condition that it was read from is. What
//! compares nothing with constants is an attribute itself: a truth value that rules may share.

use super::attribute::{Attribute, Constant, FALSE, Operand, TRUE};
use super::classes::{ClassSet, NULL, Truths};
use crate::rules::expr::{Comparison, DecimalExpr, Expression, Test, TextExpr, TruthExpr, WholeExpr};

/// A condition on one attribute.
#[derive(Clone, Debug)]
pub(super) struct Predicate<'r> {
    pub(super) operand: Operand<'r>,
    shape: Shape<'r>,
}

/// What is asked of the attribute.
#[derive(Clone, Debug)]
enum Shape<'r> {
    /// That it is true.
    Holds,
    /// That it is null.
    Null,
    Compare(Comparison, Constant<'r>),
    Among(Vec<Constant<'r>>),
    Not(Box<Shape<'r>>),
    Is(Box<Shape<'r>>, Option<bool>),
    All(Vec<Shape<'r>>),
    Any(Vec<Shape<'r>>),
}

/// Hands over the conditions that must all hold for `truth` to hold.
pub(super) fn each_conjunct<'r>(truth: &'r TruthExpr, then: &mut impl FnMut(&'r TruthExpr)) {
    match truth {
        TruthExpr::All(parts) => parts.iter().for_each(|part| each_conjunct(part, then)),
        other => then(other),
    }
}

impl<'r> Predicate<'r> {
    /// Reads a condition.
    pub(super) fn of(truth: &'r TruthExpr) -> Self {
        comparison(truth).unwrap_or(Self { operand: Operand::Truth(truth), shape: Shape::Holds })
    }

    /// The constants that it compares its attribute with.
    pub(super) fn constants(&self, into: &mut Vec<Constant<'r>>) {
        self.shape.constants(into);
    }

    /// Whether it asks for the order of its attribute, and not only for equality.
    pub(super) fn ordered(&self) -> bool {
        self.shape.ordered()
    }

    /// Where it is true and where it is false, in the classes of its attribute.
    pub(super) fn truths(&self, attribute: &Attribute) -> Truths {
        self.shape.truths(attribute, attribute.classes())
    }
}

/// The predicate of a comparison with constants, or of what is made of such comparisons of one attribute.
fn comparison(truth: &TruthExpr) -> Option<Predicate<'_>> {
    let all = |parts, join: fn(Vec<_>) -> _| joined(parts).map(|(operand, shapes)| (operand, join(shapes)));
    let (operand, shape) = match truth {
        TruthExpr::WholeTo(comparison, whole, constant) => {
            (Operand::Whole(whole), Shape::Compare(*comparison, Constant::Whole(*constant)))
        }
        TruthExpr::TextTo(equal, text, constant) => {
            let comparison = if *equal { Comparison::Equal } else { Comparison::Unequal };
            (Operand::Text(text), Shape::Compare(comparison, Constant::Text(constant)))
        }
        TruthExpr::WholeAmong(whole, constants) => (
            Operand::Whole(whole),
            Shape::Among(constants.iter().map(|&constant| Constant::Whole(constant)).collect()),
        ),
        TruthExpr::TextAmong(text, constants) => (
            Operand::Text(text),
            Shape::Among(constants.iter().map(|constant| Constant::Text(constant)).collect()),
        ),
        TruthExpr::Whole(test) => of_test(test)?,
        TruthExpr::Decimal(test) => of_test(test)?,
        TruthExpr::Text(test) => of_test(test)?,
        TruthExpr::Truth(Test::Null(operand)) => (Operand::Truth(operand), Shape::Null),
        TruthExpr::Not(operand) => {
            let inner = Predicate::of(operand);
            (inner.operand, Shape::Not(Box::new(inner.shape)))
        }
        TruthExpr::Is(operand, truth) => {
            let inner = Predicate::of(operand);
            (inner.operand, Shape::Is(Box::new(inner.shape), *truth))
        }
        TruthExpr::All(parts) => all(parts, Shape::All)?,
        TruthExpr::Any(parts) => all(parts, Shape::Any)?,
        _ => return None,
    };
    Some(Predicate { operand, shape })
}

/// The parts' attribute, where all have the same, and what each asks of it.
fn joined(parts: &[TruthExpr]) -> Option<(Operand<'_>, Vec<Shape<'_>>)> {
    let (first, rest) = parts.split_first()?;
    let Predicate { operand, shape } = Predicate::of(first);
    let mut shapes = vec![shape];
    for part in rest {
        let next = Predicate::of(part);
        if next.operand != operand {
            return None;
        }
        shapes.push(next.shape);
    }
    Some((operand, shapes))
}

/// An expression of a type that has constants.
trait Comparable: Expression {
    fn constant(&self) -> Option<Constant<'_>>;
    fn operand(&self) -> Operand<'_>;
}

impl Comparable for WholeExpr {
    fn constant(&self) -> Option<Constant<'_>> {
        match self {
            Self::Constant(value) => value.map(Constant::Whole),
            _ => None,
        }
    }

    fn operand(&self) -> Operand<'_> {
        Operand::Whole(self)
    }
}

impl Comparable for DecimalExpr {
    fn constant(&self) -> Option<Constant<'_>> {
        match self {
            Self::Constant(value) => value.filter(|value| value.is_finite()).map(Constant::Decimal),
            _ => None,
        }
    }

    fn operand(&self) -> Operand<'_> {
        Operand::Decimal(self)
    }
}

impl Comparable for TextExpr {
    fn constant(&self) -> Option<Constant<'_>> {
        match self {
            Self::Constant(text) => text.as_deref().map(Constant::Text),
            _ => None,
        }
    }

    fn operand(&self) -> Operand<'_> {
        Operand::Text(self)
    }
}

fn of_test<E: Comparable>(test: &Test<E>) -> Option<(Operand<'_>, Shape<'_>)> {
    Some(match test {
        Test::Compare(comparison, sides) => match (sides.0.constant(), sides.1.constant()) {
            (None, Some(constant)) => (sides.0.operand(), Shape::Compare(*comparison, constant)),
            (Some(constant), None) => (sides.1.operand(), Shape::Compare(comparison.flipped(), constant)),
            _ => return None,
        },
        Test::Between(parts) => {
            let above = Shape::Compare(Comparison::GreaterOrEqual, parts.1.constant()?);
            let below = Shape::Compare(Comparison::LessOrEqual, parts.2.constant()?);
            (parts.0.operand(), Shape::All(vec![above, below]))
        }
        Test::In(parts) => {
            let constants: Option<Vec<_>> = parts.1.iter().map(Comparable::constant).collect();
            (parts.0.operand(), Shape::Among(constants?))
        }
        Test::Null(operand) => (operand.operand(), Shape::Null),
    })
}

impl<'r> Shape<'r> {
    fn constants(&self, into: &mut Vec<Constant<'r>>) {
        match self {
            Self::Holds | Self::Null => {}
            Self::Compare(_, constant) => into.push(*constant),
            Self::Among(constants) => into.extend(constants),
            Self::Not(inner) | Self::Is(inner, _) => inner.constants(into),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.constants(into)),
        }
    }

    fn ordered(&self) -> bool {
        match self {
            Self::Holds | Self::Null | Self::Among(_) => false,
            Self::Compare(comparison, _) => !matches!(comparison, Comparison::Equal | Comparison::Unequal),
            Self::Not(inner) | Self::Is(inner, _) => inner.ordered(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::ordered),
        }
    }

    fn truths(&self, attribute: &Attribute, count: u32) -> Truths {
        let of = |parts: &[Self], start: Truths, join: fn(&Truths, &Truths) -> Truths| {
            parts.iter().fold(start, |all, part| join(&all, &part.truths(attribute, count)))
        };
        let one = |class: u32| ClassSet::range(class..class + 1);
        let everywhere = || ClassSet::range(0..count);
        match self {
            Self::Holds => Truths { yes: one(TRUE), no: one(FALSE) },
            Self::Null => Truths::certain(one(NULL), count),
            Self::Compare(comparison, constant) => {
                let at = attribute.class_of(*constant);
                Truths::known(compared(*comparison, at, count), count)
            }
            Self::Among(constants) => {
                let class = |constant: &Constant<'_>| attribute.class_of(*constant);
                let classes = constants.iter().map(class).map(|at| at..at + 1);
                Truths::known(ClassSet::of(classes.collect()), count)
            }
            Self::Not(inner) => inner.truths(attribute, count).not(),
            Self::Is(inner, truth) => {
                let Truths { yes, no } = inner.truths(attribute, count);
                let yes = match truth {
                    Some(true) => yes,
                    Some(false) => no,
                    None => yes.union(&no).complement(count),
                };
                Truths::certain(yes, count)
            }
            Self::All(parts) => of(parts, Truths { yes: everywhere(), no: ClassSet::default() }, Truths::and),
            Self::Any(parts) => of(parts, Truths { yes: ClassSet::default(), no: everywhere() }, Truths::or),
        }
    }
}

/// The classes that compare so with the constant of class `at`.
fn compared(comparison: Comparison, at: u32, count: u32) -> ClassSet {
    let (below, above) = (NULL + 1..at, at + 1..count);
    match comparison {
        Comparison::Equal => ClassSet::range(at..at + 1),
        Comparison::Unequal => ClassSet::of(vec![below, above]),
        Comparison::Less => ClassSet::range(below),
        Comparison::LessOrEqual => ClassSet::range(NULL + 1..at + 1),
        Comparison::Greater => ClassSet::range(above),
        Comparison::GreaterOrEqual => ClassSet::range(at..count),
    }
}
