//! The types that conditions are checked with: what a value is, and in which unit.

use crate::event::ExtraType;
use crate::money::Currency;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nothing: a plain number.
    Plain,
    /// Minor units of the rule set's currency.
    Money,
    /// Microseconds.
    Duration,
    /// Microseconds since 1970 UTC.
    Time,
}

/// How a number literal is written; it has no unit until it stands beside something that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// Without a decimal point.
    Whole,
    /// With a decimal point.
    Point,
    /// As a quotient of literals, which need not end.
    Quotient,
}

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// `null`, which goes with everything.
    Null,
    /// True, false or unknown.
    Boolean,
    /// Text.
    Text,
    /// A list of words, as in `methods`.
    Words,
    /// A number literal, or a choice among number literals.
    Open(Form),
    /// A number with its unit.
    Number {
        /// What it counts.
        unit: Unit,
        /// Whether it is held as an exact whole number; otherwise it is a double.
        whole: bool,
    },
}

impl Type {
    /// A plain whole number.
    pub(super) const INTEGER: Self = Self::Number { unit: Unit::Plain, whole: true };
    /// A plain decimal number.
    pub(super) const DECIMAL: Self = Self::Number { unit: Unit::Plain, whole: false };
    /// An exact amount.
    pub(super) const MONEY: Self = Self::Number { unit: Unit::Money, whole: true };
    /// An exact duration.
    pub(super) const DURATION: Self = Self::Number { unit: Unit::Duration, whole: true };
    /// An exact time.
    pub(super) const TIME: Self = Self::Number { unit: Unit::Time, whole: true };

    /// The type of an extra field or of a feature's value held exactly.
    pub(super) fn of(declared: ExtraType) -> Self {
        match declared {
            ExtraType::Text | ExtraType::Identifier => Self::Text,
            ExtraType::Integer => Self::INTEGER,
            ExtraType::Decimal => Self::DECIMAL,
            ExtraType::Boolean => Self::Boolean,
            ExtraType::Money => Self::MONEY,
            ExtraType::Time => Self::TIME,
            ExtraType::Duration => Self::DURATION,
        }
    }

    /// The same type held as a double.
    pub(super) fn inexact(self) -> Self {
        match self {
            Self::Number { unit, .. } => Self::Number { unit, whole: false },
            other => other,
        }
    }

    /// The type that both can be taken as, if there is one.
    pub(super) fn join(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Null, ty) | (ty, Self::Null) => Some(ty),
            (Self::Open(a), Self::Open(b)) => Some(Self::Open(a.max(b))),
            (Self::Open(form), Self::Number { unit, whole })
            | (Self::Number { unit, whole }, Self::Open(form)) => match unit {
                Unit::Plain => Some(Self::Number { unit, whole: whole && form == Form::Whole }),
                Unit::Money => Some(Self::Number { unit, whole: whole && form != Form::Quotient }),
                Unit::Duration | Unit::Time => None,
            },
            (Self::Number { unit: a, whole: x }, Self::Number { unit: b, whole: y }) => {
                (a == b).then_some(Self::Number { unit: a, whole: x && y })
            }
            (a, b) => (a == b).then_some(a),
        }
    }

    /// The unit and exactness of a number; literals that met nothing with a unit are plain, and so is `null`.
    pub(super) fn as_number(self) -> Option<(Unit, bool)> {
        match self {
            Self::Number { unit, whole } => Some((unit, whole)),
            Self::Open(form) => Some((Unit::Plain, form == Form::Whole)),
            Self::Null => Some((Unit::Plain, true)),
            Self::Boolean | Self::Text | Self::Words => None,
        }
    }

    /// What it is, for a message.
    pub(super) fn describe(self, currency: Option<Currency>) -> String {
        let words = match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Text => "text",
            Self::Words => "a list of words",
            Self::Open(_) => "a number",
            Self::Number { unit: Unit::Plain, whole: true } => "an integer",
            Self::Number { unit: Unit::Plain, whole: false } => "a decimal number",
            Self::Number { unit: Unit::Duration, .. } => "a duration",
            Self::Number { unit: Unit::Time, .. } => "a time",
            Self::Number { unit: Unit::Money, .. } => {
                return currency.map_or_else(|| "money".to_owned(), |c| format!("money in {}", c.code()));
            }
        };
        words.to_owned()
    }
}
