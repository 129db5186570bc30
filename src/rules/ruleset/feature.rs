//! Features: what they compute, over which events, in which window.

use serde::{Deserialize, Serialize};

use super::fields::{DegreeField, KeyField, NumberField, Operand};
use crate::event::{ExtraType, Kind};
use crate::rules::expr::Condition;
use crate::time::DAY_US;

/// What a feature computes over the events that contribute to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// How many.
    Count,
    /// The sum of a field.
    Sum(NumberField),
    /// The arithmetic mean of a field; null without values.
    Mean(NumberField),
    /// The least value of a field.
    Min(NumberField),
    /// The greatest value of a field.
    Max(NumberField),
    /// The sample standard deviation of a field; null under two values.
    Deviation(NumberField),
    /// How many distinct values of a field.
    Distinct(KeyField),
    /// Whether none contributed before this event.
    IsNew,
    /// Microseconds since the latest one before this event; null where there is none.
    Since,
    /// The value of a field in the oldest one, by own time and then by arrival; null without values.
    First(NumberField),
    /// The value of a field in the newest one; null without values.
    Last(NumberField),
    /// The value of a field in the second newest one; null under two values.
    Previous(NumberField),
    /// The value of a field that this share of values, in millionths, is at or below; off by at most 1/256 of itself,
    /// null without values.
    Quantile(NumberField, u32),
    /// How many sample deviations this event's own value of a field is above the mean; null under two values, where
    /// the deviation is 0, and without a value of its own.
    ZScore(NumberField),
    /// Kilometres per hour from the newest one's place to this event's own; null without both, and where no time passed.
    Speed {
        /// Degrees north.
        latitude: DegreeField,
        /// Degrees east.
        longitude: DegreeField,
    },
    /// Whether this event's own value of a field differs from that of the newest one before it; null without either.
    Changed(KeyField),
    /// One value over another; null where either is, or the other is 0.
    Ratio {
        /// What is divided.
        of: Operand,
        /// The feature that it is divided by, by position in the rule set.
        to: usize,
    },
}

impl Aggregate {
    /// The number field of the contributing events whose values it takes.
    pub const fn number(self) -> Option<NumberField> {
        match self {
            Self::Sum(field)
            | Self::Mean(field)
            | Self::Min(field)
            | Self::Max(field)
            | Self::Deviation(field)
            | Self::First(field)
            | Self::Last(field)
            | Self::Previous(field)
            | Self::Quantile(field, _)
            | Self::ZScore(field) => Some(field),
            Self::Count
            | Self::Distinct(_)
            | Self::Changed(_)
            | Self::IsNew
            | Self::Since
            | Self::Speed { .. }
            | Self::Ratio { .. } => None,
        }
    }

    /// The text field of the contributing events whose values it takes.
    pub const fn text(self) -> Option<KeyField> {
        match self {
            Self::Distinct(field) | Self::Changed(field) => Some(field),
            _ => None,
        }
    }

    /// Whether it holds the event being scored against those before it, so that it is of an event and not of a key alone.
    pub const fn is_of_an_event(self) -> bool {
        matches!(self, Self::ZScore(_) | Self::Speed { .. } | Self::Changed(_) | Self::Ratio { .. })
    }

    /// Whether its values are decimal numbers, whatever type and unit conditions see them in; others are whole, or true and false.
    pub const fn is_decimal(self) -> bool {
        matches!(
            self,
            Self::Mean(_) | Self::Deviation(_) | Self::ZScore(_) | Self::Speed { .. } | Self::Ratio { .. }
        )
    }

    /// The features that it is made of, by position in the rule set: those of a ratio.
    pub fn parts(self) -> impl Iterator<Item = usize> {
        let (of, to) = match self {
            Self::Ratio { of: Operand::Feature(of), to } => (Some(of), Some(to)),
            Self::Ratio { of: Operand::Field(_), to } => (None, Some(to)),
            _ => (None, None),
        };
        of.into_iter().chain(to)
    }
}

/// The part of the past that a feature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// `(now - length, now]`.
    Sliding {
        /// Its length in microseconds, positive.
        length_us: i64,
    },
    /// Since midnight in the rule set's time zone.
    Day,
    /// Since the first of the month in the rule set's time zone.
    Month,
    /// All of the past.
    Forever,
}

impl Window {
    /// The longest that it can be, in microseconds; 0 where it has no end.
    pub fn span_us(self) -> i64 {
        match self {
            Self::Sliding { length_us } => length_us,
            // The longest day has 25 hours, the longest month 31 days and an hour.
            Self::Day => DAY_US + DAY_US / 24,
            Self::Month => 31 * DAY_US + DAY_US / 24,
            Self::Forever => 0,
        }
    }
}

/// Which payments contribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counts {
    /// All that asked.
    Asked,
    /// Those answered `allow`, or stepped up and then authenticated; a failed execution takes it back.
    Allowed,
    /// Those that were executed, at the time of their execution.
    Executed,
}

/// What a transaction turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Label {
    /// Fraud.
    Fraud,
    /// Genuine.
    Genuine,
}

impl Label {
    /// The word for it in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fraud => "fraud",
            Self::Genuine => "genuine",
        }
    }
}

/// What empties a feature for a key, after its own event's contribution.
#[derive(Clone, Debug)]
pub struct Reset {
    /// The kinds of event that may.
    pub from: Kinds,
    /// Whether a transaction does so only when it is executed, and not when it comes. Its condition is looked at when it is
    /// allowed.
    pub on_execution: bool,
    /// The condition on such an event, over its fields; unknown does not reset.
    pub condition: Option<Condition>,
    /// The tables that its condition reads, as positions, ascending: it then acts after deciding, by transactions alone.
    pub tables: Vec<u16>,
    /// The lists that its condition asks, as positions, ascending.
    pub lists: Vec<u16>,
}

/// A set of event kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kinds(u16);

impl Kinds {
    /// Transactions and observed money: what a feature is fed from unless it says otherwise.
    pub const PAYMENTS: Self = Self(1 << Kind::Transaction as u16 | 1 << Kind::Observed as u16);

    /// Transactions alone: what rules are asked of.
    pub const TRANSACTIONS: Self = Self(1 << Kind::Transaction as u16);

    /// The set with `kind` in it.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// Whether all of it is in `other`.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether `kind` is in it.
    #[inline]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 >> kind as u16 & 1 == 1
    }
}

/// A named value known when a transaction is scored.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// SHA-256 of its whole definition but for its name: features with equal hashes have equal values.
    pub hash: [u8; 32],
    /// What it computes.
    pub aggregate: Aggregate,
    /// The fields under which contributions are filed; one or more.
    pub by: Vec<KeyField>,
    /// The fields of the event being scored by which it is read; as many as `by`, and equal to it unless the file says `at`.
    pub at: Vec<KeyField>,
    /// The kinds of event that contribute.
    pub from: Kinds,
    /// The condition on a contributing event, over its fields; unknown does not contribute.
    pub condition: Option<Condition>,
    /// The part of the past that it covers.
    pub window: Window,
    /// Which payments contribute.
    pub counts: Counts,
    /// With [`Counts::Executed`]: whether a payment counts from its answer on, until it is executed or fails.
    pub pending: bool,
    /// Over a day or a month with `pending`: how long a payment can be, in microseconds, where that has an end. What is
    /// pending then counts whatever day it is of, for so long at most.
    pub in_flight_us: Option<i64>,
    /// Where it counts only payments that were labelled so, at their own time.
    pub label: Option<Label>,
    /// How long before now its window ends, in microseconds; 0 for now.
    pub delay_us: i64,
    /// What empties it.
    pub reset: Option<Reset>,
    /// Whether the event being scored is part of the value; it then counts as though it were allowed.
    pub current: bool,
    /// The type of its value, as rules see it; `Boolean`, `Integer`, `Decimal`, `Money`, `Duration` or `Time`.
    pub ty: ExtraType,
    /// The tables that its condition reads, itself or through other tables, as positions, ascending: it is then
    /// fed after deciding, by transactions alone.
    pub tables: Vec<u16>,
    /// The lists that its condition asks, as positions, ascending.
    pub lists: Vec<u16>,
    /// Whether its keys are those of all tenants; otherwise each tenant has its own. The values that it counts as
    /// distinct are each tenant's own anyway.
    pub across: bool,
    /// Whether a rule needs it.
    pub used: bool,
}

/// What a feature's value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stratum {
    /// On events alone: it can be computed apart from decisions.
    EventFed,
    /// On what was decided before: only the engine can compute it.
    DecisionFed,
}

impl Stratum {
    /// The word for it in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventFed => "event-fed",
            Self::DecisionFed => "decision-fed",
        }
    }
}

impl Feature {
    /// What its value depends on. Only transactions are decided: what other events bring counts as it comes.
    pub fn stratum(&self) -> Stratum {
        match self.counts {
            _ if !self.tables.is_empty() => Stratum::DecisionFed,
            _ if self.reset.as_ref().is_some_and(|reset| reset.on_execution || !reset.tables.is_empty()) => {
                Stratum::DecisionFed
            }
            Counts::Allowed | Counts::Executed if self.from.contains(Kind::Transaction) => {
                Stratum::DecisionFed
            }
            Counts::Allowed | Counts::Executed | Counts::Asked => Stratum::EventFed,
        }
    }

    /// Whether a condition of it reads what only its own rule set knows, such as where a list stands or which row of a table holds.
    pub fn is_bound(&self) -> bool {
        let reset =
            self.reset.as_ref().is_some_and(|reset| !reset.tables.is_empty() || !reset.lists.is_empty());
        reset || !self.tables.is_empty() || !self.lists.is_empty()
    }

    /// Whether it is computed from other features, and kept by no ledger.
    pub fn is_ratio(&self) -> bool {
        matches!(self.aggregate, Aggregate::Ratio { .. })
    }
}
