//! Decision tables: an ordered list of conditions with a value each; the first that holds gives the value.
//!
//! A row is known by its position; the position after the last row is `else`. Must never know how rows are written.

use std::sync::Arc;

use super::expr::{Condition, Facts};
use super::sql::outline::Quantity;
use super::types::Unit;
use crate::event::ExtraType;

/// The values of a table, of one type: one per row in order, then that of `else` if there is one.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Texts.
    Text(Arc<[Box<str>]>),
    /// Integers, or money in minor units.
    Whole(Arc<[i64]>),
    /// Decimal numbers.
    Decimal(Arc<[f64]>),
    /// Truth values.
    Boolean(Arc<[bool]>),
}

/// What a row means whose condition is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownRow {
    /// It does not hold: the next row is looked at.
    Next,
    /// The table's value is unknown.
    Unknown,
    /// The strictest of the rows that may be the first to hold gives the value: what the law means.
    Strictest,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// When it holds.
    pub when: Condition,
    /// Its condition as the file has it.
    pub text: String,
}

/// A decision table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its rows, in order.
    pub rows: Vec<Row>,
    /// What the rows and `else` are.
    pub values: Values,
    /// The type of its values: text, integer, decimal, boolean or money.
    pub ty: ExtraType,
    /// What an unknown row means.
    pub on_unknown: UnknownRow,
    /// How strict each value is, in the order of `values`; only of a table whose unknown rows mean the strictest.
    pub strictness: Vec<u16>,
    /// The features that it reads, itself or through other tables, as positions, ascending.
    pub reads: Vec<u16>,
    /// The tables that its conditions read, itself or through other tables, as positions, ascending.
    pub tables: Vec<u16>,
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Whole(values) => values.len(),
            Self::Decimal(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// The value of a row, or of `else`.
    pub fn value(&self, row: usize) -> Option<Quantity> {
        let unit = if self.ty == ExtraType::Money { Unit::Money } else { Unit::Plain };
        match &self.values {
            Values::Text(values) => values.get(row).map(|text| Quantity::Text(text.to_string())),
            Values::Whole(values) => values.get(row).map(|&value| Quantity::Whole(value, unit)),
            Values::Decimal(values) => values.get(row).map(|&value| Quantity::Decimal(value, unit)),
            Values::Boolean(values) => values.get(row).map(|&value| Quantity::Truth(value)),
        }
    }

    /// The row that gives the value; `None` where the value is unknown. The tables that it reads must be among the facts.
    pub fn row(&self, facts: &Facts<'_>) -> Option<u16> {
        let mut strictest: Option<usize> = None;
        let mut consider = |row: usize| {
            let stricter = |held: usize| self.strictness.get(row) > self.strictness.get(held);
            if strictest.is_none_or(stricter) {
                strictest = Some(row);
            }
        };
        for (at, row) in self.rows.iter().enumerate() {
            match (row.when.holds(facts), self.on_unknown) {
                (Some(false), _) | (None, UnknownRow::Next) => {}
                (None, UnknownRow::Unknown) => return None,
                (None, UnknownRow::Strictest) => consider(at),
                (Some(true), _) => {
                    consider(at);
                    return strictest.map(|row| row as u16);
                }
            }
        }
        if self.values.len() > self.rows.len() {
            consider(self.rows.len());
        }
        strictest.map(|row| row as u16)
    }
}
