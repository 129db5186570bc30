//! What is to be kept: families of keys, and a cell for each aggregate over a span of time.

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
    /// The values in the order of their times, and within one time of their rows.
    Sequence {
        /// Whose values.
        column: usize,
    },
    /// How many values in each of log-linear buckets.
    Buckets {
        /// Whose values.
        column: usize,
    },
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
