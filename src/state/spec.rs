//! What is to be kept: families of keys, and a cell for each aggregate over a span of time.

use crate::time::DAY_US;

/// The part of the past that a cell covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// `(now - length, now]`.
    Sliding {
        /// Its length in microseconds.
        length_us: i64,
    },
    /// The calendar day that holds now.
    Day,
    /// The calendar month that holds now.
    Month,
    /// Everything.
    Forever,
}

impl Span {
    /// How far back it looks at most, in microseconds; `None` for ever.
    pub(crate) fn reach_us(self) -> Option<i64> {
        match self {
            Self::Sliding { length_us } => Some(length_us),
            // A day or a month is longer where the clocks were changed, once even by a whole day.
            Self::Day => Some(3 * DAY_US),
            Self::Month => Some(34 * DAY_US),
            Self::Forever => None,
        }
    }
}

/// What a cell keeps. A column is a position in the values that a contribution brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How many.
    Count,
    /// How many, their sum, and with `squares` the sum of their squares.
    Moments {
        /// Whose values.
        column: usize,
        /// Whether squares are summed.
        squares: bool,
    },
    /// The values as an ordered multiset.
    Ordered {
        /// Whose values.
        column: usize,
    },
    /// The times of contributions as an ordered multiset.
    Times,
    /// The values as a set, with how often each is there.
    Distinct {
        /// Whose values.
        column: usize,
    },
}

/// One aggregate over one span, fed by one contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellSpec {
    /// Over what.
    pub span: Span,
    /// Which bit of the family's mask feeds it.
    pub bit: u32,
    /// What it keeps.
    pub measure: Measure,
}

/// All cells with the same key. A family has at most 64 contributions, each a bit of its mask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilySpec {
    /// How many texts make its key, 1 to [`KEY_TEXTS_MAX`].
    pub key_texts: usize,
    /// The contributions that count only payments that were allowed, as bits.
    pub allowed: u64,
    /// Its cells.
    pub cells: Vec<CellSpec>,
}

/// How much a state may hold of what grows with keys. All that is done for it depends on events and on these alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Keys of a family; beyond, the coldest of some is evicted.
    pub keys_max: u32,
    /// The same of a family with something to keep for ever.
    pub forever_keys_max: u32,
    /// Bytes of a family's value trees; beyond, the coldest of some keys with values there is evicted.
    pub arena_bytes_max: usize,
    /// Bytes of the filter that knows a family's evicted keys; the smaller, the more keys are taken for evicted.
    pub filter_bytes: usize,
}

/// Most texts that make one key.
pub const KEY_TEXTS_MAX: usize = 4;

/// The column of the amount, which a partial reversal lowers.
pub const AMOUNT_COLUMN: usize = 0;

/// What a state keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// The families.
    pub families: Vec<FamilySpec>,
    /// Values that a contribution brings; the one at [`AMOUNT_COLUMN`] is always there.
    pub columns: usize,
    /// How long a contribution can be corrected, in microseconds.
    pub horizon_us: i64,
}

impl Spec {
    /// The position in its family of the cell with this meaning, added if it is not there. A count is read from moments of the same contribution.
    pub fn cell(&mut self, family: usize, wanted: CellSpec) -> usize {
        let cells = &mut self.families[family].cells;
        let serves = |held: &CellSpec| {
            let same = held.span == wanted.span && held.bit == wanted.bit;
            same && match (held.measure, wanted.measure) {
                (Measure::Moments { .. }, Measure::Count) => true,
                (
                    Measure::Moments { column: a, squares },
                    Measure::Moments { column: b, squares: needed },
                ) => a == b && (squares || !needed),
                (a, b) => a == b,
            }
        };
        cells.iter().position(serves).unwrap_or_else(|| {
            cells.push(wanted);
            cells.len() - 1
        })
    }
}
