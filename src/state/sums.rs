//! Cells that only count and sum, apart from all others: to feed them takes no look at what else a cell may be.

use super::cell::{Cell, add};
use super::spec::Measure;

/// What it takes to feed one of them.
#[derive(Clone, Copy, Debug)]
struct Sum {
    /// The bit of a mask that feeds it.
    fed_by: u64,
    /// Where its words begin in a record.
    offset: usize,
    /// The column that it sums, where it does more than count.
    column: Option<usize>,
}

/// Some cells of one family, those that only count and sum apart.
#[derive(Debug)]
pub(crate) struct Fed {
    sums: Vec<Sum>,
    /// The others.
    pub(crate) others: Vec<Cell>,
}

impl Fed {
    /// Puts those apart of which a contribution changes nothing but a count and a sum, if they are `plain`.
    pub(crate) fn new(cells: impl Iterator<Item = Cell>, plain: impl Fn(&Cell) -> bool) -> Self {
        let mut fed = Self { sums: Vec::new(), others: Vec::new() };
        for cell in cells {
            let column = match cell.measure {
                Measure::Count if plain(&cell) => None,
                Measure::Moments { column, squares: false } if plain(&cell) => Some(column),
                _ => {
                    fed.others.push(cell);
                    continue;
                }
            };
            fed.sums.push(Sum { fed_by: 1 << cell.bit, offset: cell.offset, column });
        }
        fed
    }

    /// The bits that feed any of them.
    pub(crate) fn bits(&self) -> u64 {
        let others = self.others.iter().fold(0, |all, cell| all | 1 << cell.bit);
        self.sums.iter().fold(others, |all, sum| all | sum.fed_by)
    }

    /// Takes a contribution into those that only count and sum (`sign` 1) or out of them (`sign` -1).
    #[inline]
    pub(crate) fn sum(&self, record: &mut [u64], mask: u64, sign: i64, value: impl Fn(usize) -> i64) {
        for sum in self.sums.iter().filter(|sum| sum.fed_by & mask != 0) {
            let Some((count, rest)) = record.get_mut(sum.offset..).and_then(<[u64]>::split_first_mut) else {
                continue;
            };
            *count = count.wrapping_add_signed(sign);
            if let Some(column) = sum.column {
                add(rest, i128::from(sign * value(column)));
            }
        }
    }
}
