//! Attributes: expressions that many conditions compare with constants, evaluated once for all of them.
//!
//! Promises that two values of one class are told apart by no condition that the attribute was made for.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::classes::NULL;
use crate::rules::Facts;
use crate::rules::expr::{DecimalExpr, Expression, TextExpr, TruthExpr, WholeExpr};

const HASHER: FixedState = FixedState::with_seed(0x696e_6465);

/// The class of `false`, of an attribute that is a truth value.
pub(super) const FALSE: u32 = 1;
/// The class of `true`, of an attribute that is a truth value.
pub(super) const TRUE: u32 = 2;

/// An attribute as a condition mentions it.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(super) enum Operand<'r> {
    Whole(&'r WholeExpr),
    Decimal(&'r DecimalExpr),
    Text(&'r TextExpr),
    Truth(&'r TruthExpr),
}

/// A constant that an attribute is compared with.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Constant<'r> {
    Whole(i64),
    Decimal(f64),
    Text(&'r str),
}

/// An attribute with the constants between which its classes lie, ascending: 1 is below the first, 2 the first
/// itself, 3 between it and the second, and so on.
#[derive(Clone, Debug)]
pub(super) enum Attribute {
    Whole(WholeExpr, Vec<i64>),
    Decimal(DecimalExpr, Vec<f64>),
    Text(TextExpr, Texts),
    Truth(TruthExpr),
}

/// Text constants, found by their hash.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    sorted: Vec<Box<str>>,
    places: HashTable<u32>,
    /// Whether it matters between which constants a text lies that is none of them.
    ordered: bool,
}

impl Operand<'_> {
    pub(super) fn hash(&self) -> u64 {
        HASHER.hash_one(self)
    }
}

impl Attribute {
    /// The attribute of an operand that is compared with these constants; `ordered` says that not only for equality.
    pub(super) fn new(operand: Operand<'_>, constants: &[Constant<'_>], ordered: bool) -> Self {
        match operand {
            Operand::Whole(whole) => {
                let value = |constant: &Constant<'_>| match constant {
                    Constant::Whole(value) => Some(*value),
                    _ => None,
                };
                let mut values: Vec<i64> = constants.iter().filter_map(value).collect();
                values.sort_unstable();
                values.dedup();
                Self::Whole(whole.clone(), values)
            }
            Operand::Decimal(decimal) => {
                let value = |constant: &Constant<'_>| match constant {
                    Constant::Decimal(value) => Some(*value),
                    _ => None,
                };
                let mut values: Vec<f64> = constants.iter().filter_map(value).collect();
                values.sort_unstable_by(f64::total_cmp);
                values.dedup();
                Self::Decimal(decimal.clone(), values)
            }
            Operand::Text(text) => {
                let value = |constant: &Constant<'_>| match constant {
                    Constant::Text(value) => Some(Box::from(*value)),
                    _ => None,
                };
                Self::Text(text.clone(), Texts::new(constants.iter().filter_map(value).collect(), ordered))
            }
            Operand::Truth(truth) => Self::Truth(truth.clone()),
        }
    }

    /// How many classes it has.
    pub(super) fn classes(&self) -> u32 {
        let constants = match self {
            Self::Whole(_, values) => values.len(),
            Self::Decimal(_, values) => values.len(),
            Self::Text(_, texts) => texts.sorted.len(),
            Self::Truth(_) => return TRUE + 1,
        };
        2 * constants as u32 + 2
    }

    /// Bytes held for its constants.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Whole(_, values) => values.capacity() * 8,
            Self::Decimal(_, values) => values.capacity() * 8,
            Self::Text(_, texts) => {
                let held = texts.sorted.iter().map(|text| size_of::<Box<str>>() + text.len());
                held.sum::<usize>() + texts.places.allocation_size()
            }
            Self::Truth(_) => 0,
        }
    }

    /// The class of one of its constants.
    pub(super) fn class_of(&self, constant: Constant<'_>) -> u32 {
        match (self, constant) {
            (Self::Whole(_, values), Constant::Whole(value)) => class(values, value),
            (Self::Decimal(_, values), Constant::Decimal(value)) => class(values, value),
            (Self::Text(_, texts), Constant::Text(text)) => texts.class(text),
            _ => NULL,
        }
    }

    /// The class of its value.
    #[inline]
    pub(super) fn class(&self, facts: &Facts<'_>) -> u32 {
        match self {
            Self::Whole(whole, values) => whole.value(facts).map_or(NULL, |value| class(values, value)),
            Self::Decimal(decimal, values) => decimal.value(facts).map_or(NULL, |value| class(values, value)),
            Self::Text(text, texts) => text.value(facts).map_or(NULL, |value| texts.class(value)),
            Self::Truth(truth) => match truth.value(facts) {
                None => NULL,
                Some(false) => FALSE,
                Some(true) => TRUE,
            },
        }
    }
}

impl Texts {
    fn new(mut sorted: Vec<Box<str>>, ordered: bool) -> Self {
        sorted.sort_unstable();
        sorted.dedup();
        let mut places = HashTable::with_capacity(sorted.len());
        for (at, text) in sorted.iter().enumerate() {
            places.insert_unique(HASHER.hash_one(&**text), at as u32, |&at| {
                sorted.get(at as usize).map_or(0, |text| HASHER.hash_one(&**text))
            });
        }
        Self { sorted, places, ordered }
    }

    #[inline]
    fn class(&self, text: &str) -> u32 {
        let same = |&at: &u32| self.sorted.get(at as usize).is_some_and(|held| **held == *text);
        match self.places.find(HASHER.hash_one(text), same) {
            Some(&at) => 2 * at + 2,
            None if self.ordered => 2 * self.sorted.partition_point(|held| **held < *text) as u32 + 1,
            None => 1,
        }
    }
}

#[inline]
fn class<T: PartialOrd + Copy>(values: &[T], value: T) -> u32 {
    let at = values.partition_point(|&held| held < value);
    2 * at as u32 + 1 + u32::from(values.get(at) == Some(&value))
}
