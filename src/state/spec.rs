//! What is to be kept: families of keys, and a cell for each aggregate over a span of time.

use serde::{Deserialize, Serialize};

use crate::time::DAY_US;

/// The part of the past that a cell covers. With a delay it ends that long before now, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// `(now - delay - length, now - delay]`.
    Sliding {
        /// Its length in microseconds.
        length_us: i64,
        /// How long before now it ends.
        delay_us: i64,
    },
    /// The calendar day that holds its end, up to there.
    Day {
        /// How long before now it ends.
        delay_us: i64,
    },
    /// The calendar month that holds its end, up to there.
    Month {
        /// How long before now it ends.
        delay_us: i64,
    },
    /// Everything up to its end.
    Forever {
        /// How long before now it ends.
        delay_us: i64,
    },
}

impl Span {
    /// How long before now it ends, in microseconds.
    pub const fn delay_us(self) -> i64 {
        match self {
            Self::Sliding { delay_us, .. }
            | Self::Day { delay_us }
            | Self::Month { delay_us }
            | Self::Forever { delay_us } => delay_us,
        }
    }

    /// Whether a calendar says when it begins.
    pub(crate) const fn is_calendar(self) -> bool {
        matches!(self, Self::Day { .. } | Self::Month { .. })
    }
}

/// Which of a payment's contributions. Each counts the same payment, at a time of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Scope {
    /// That it asked, when it happened.
    #[default]
    Asked,
    /// That it was allowed, when it happened.
    Allowed,
    /// That it was executed, when it was executed.
    Executed,
    /// That it was allowed, when it happened, until it is executed; then that, when it was executed.
    Pending,
    /// That it is labelled fraud, when it happened.
    Fraud,
    /// That it is labelled genuine, when it happened.
    Genuine,
    /// That it is pending and not executed yet, when that began to be known: when it came in, or was answered.
    Waiting,
}

impl Scope {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// Every scope, in declaration order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Asked,
        Self::Allowed,
        Self::Executed,
        Self::Pending,
        Self::Fraud,
        Self::Genuine,
        Self::Waiting,
    ];
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(u8);

impl Scopes {
    /// How many sets there are.
    pub(crate) const SETS: usize = 1 << Scope::COUNT;

    /// The set with `scope` in it.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// Whether `scope` is in it.
    #[inline]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 >> scope as u8 & 1 == 1
    }

    /// Whether nothing is in it.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are in it.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Those in it, in declaration order.
    pub fn each(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |&scope| self.contains(scope))
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// A bit each, below [`Scopes::SETS`].
    #[inline]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The set that these bits are.
    #[inline]
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SETS - 1) as u8)
    }
}

impl Span {
    /// How far back it looks at most, in microseconds; `None` for ever.
    pub(crate) fn reach_us(self) -> Option<i64> {
        let length_us = match self {
            Self::Sliding { length_us, .. } => length_us,
            // A day or a month is longer where the clocks were changed, once even by a whole day.
            Self::Day { .. } => 3 * DAY_US,
            Self::Month { .. } => 34 * DAY_US,
            Self::Forever { .. } => return None,
        };
        Some(length_us.saturating_add(self.delay_us()))
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
    /// The values in the order of their times, and within one time of their rows.
    Sequence {
        /// Whose values.
        column: usize,
        /// Whether they are numbers of texts, which must not be given to others meanwhile.
        texts: bool,
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
    /// Which bit of the family's mask empties it; what came in until then never counts again.
    pub reset: Option<u32>,
    /// What it keeps.
    pub measure: Measure,
}

/// All cells with the same key. A family has at most 64 contributions, each a bit of its mask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilySpec {
    /// How many texts make its key, 1 to [`KEY_TEXTS_MAX`].
    pub key_texts: usize,
    /// The contributions of each scope, as bits; those that empty cells are in none.
    pub scopes: [u64; Scope::COUNT],
    /// The bits that empty cells once a payment is executed: see [`State::arm`](super::State::arm).
    pub later: u64,
    /// Its cells.
    pub cells: Vec<CellSpec>,
}

impl FamilySpec {
    /// Whether any of its cells are emptied once a payment is executed.
    pub(crate) fn emptied_later(&self) -> bool {
        self.cells.iter().any(|cell| cell.reset.is_some_and(|bit| self.later >> bit & 1 == 1))
    }
}

/// How much a state may hold of what grows with keys. All that is done for it depends on events and on these alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// Keys of a family; beyond, the coldest of some is evicted.
    pub keys_max: u32,
    /// The same of a family with something to keep for ever.
    pub forever_keys_max: u32,
    /// Bytes of a family's value trees of each kind (values, sequences, buckets); beyond, the coldest of some keys with values there is evicted.
    pub arena_bytes_max: usize,
    /// Bytes of the filter that knows a family's evicted keys; the smaller, the more keys are taken for evicted.
    pub filter_bytes: usize,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { keys_max: 1 << 28, forever_keys_max: 1 << 28, arena_bytes_max: 1 << 36, filter_bytes: 1 << 24 }
    }
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
            let same = held.span == wanted.span && held.bit == wanted.bit && held.reset == wanted.reset;
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
