//! How large a number can be, so that only what can overflow is guarded.
//!
//! Promises bounds that no value leaves. Must never know SQL.

/// Between which bounds a whole number is. Its ends have 128 bits, so that one operation cannot overflow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    low: i128,
    high: i128,
}

impl Span {
    /// Of something that is always null.
    pub(super) const NONE: Self = Self { low: 0, high: 0 };
    /// All that 64 bits hold.
    pub(super) const ALL: Self = Self { low: i64::MIN as i128, high: i64::MAX as i128 };

    pub(super) fn of(value: i64) -> Self {
        Self { low: i128::from(value), high: i128::from(value) }
    }

    pub(super) fn up_to(most: i64) -> Self {
        Self { low: 0, high: i128::from(most) }
    }

    pub(super) fn fits(self) -> bool {
        Self::ALL.low <= self.low && self.high <= Self::ALL.high
    }

    pub(super) fn clipped(self) -> Self {
        Self { low: self.low.max(Self::ALL.low), high: self.high.min(Self::ALL.high) }
    }

    pub(super) fn has_least(self) -> bool {
        self.low <= Self::ALL.low
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    pub(super) fn add(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    pub(super) fn subtract(self, other: Self) -> Self {
        self.add(other.negate())
    }

    pub(super) fn negate(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    pub(super) fn absolute(self) -> Self {
        Self { low: 0, high: self.low.abs().max(self.high.abs()) }
    }

    pub(super) fn multiply(self, other: Self) -> Self {
        let corners =
            [self.low * other.low, self.low * other.high, self.high * other.low, self.high * other.high];
        let around = |held: Self, corner: i128| held.join(Self { low: corner, high: corner });
        corners.into_iter().skip(1).fold(Self { low: corners[0], high: corners[0] }, around)
    }

    /// A remainder is never farther from zero than what is divided.
    pub(super) fn remainder(self) -> Self {
        self.join(Self::NONE)
    }
}

/// How far from zero a decimal number can be, and how near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Magnitude {
    /// Infinite where the number need not be finite.
    most: f64,
    /// The least that is not zero; 0 where there is no telling.
    least: f64,
    zero: bool,
    negative_zero: bool,
}

impl Magnitude {
    pub(super) fn of(value: f64) -> Self {
        Self { most: value.abs(), least: value.abs(), zero: value == 0.0, negative_zero: false }
    }

    /// Any number so far from zero.
    pub(super) fn up_to(most: f64) -> Self {
        Self { most, least: 0.0, zero: true, negative_zero: true }
    }

    pub(super) fn of_whole(span: Span) -> Self {
        let zero = span.low <= 0 && 0 <= span.high;
        Self { most: span.absolute().high as f64, least: 1.0, zero, negative_zero: false }
    }

    /// Of a mean or deviation: at most twice what a value can be.
    pub(super) fn of_mean() -> Self {
        Self { most: i64::MAX as f64, least: 0.0, zero: true, negative_zero: false }
    }

    pub(super) fn is_finite(self) -> bool {
        self.most.is_finite()
    }

    pub(super) fn may_be_zero(self) -> bool {
        self.zero
    }

    pub(super) fn may_be_negative_zero(self) -> bool {
        self.negative_zero
    }

    /// The same of what is null where it is not finite.
    pub(super) fn finite(self) -> Self {
        Self { most: self.most.min(f64::MAX), ..self }
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self {
            most: self.most.max(other.most),
            least: self.least.min(other.least),
            zero: self.zero || other.zero,
            negative_zero: self.negative_zero || other.negative_zero,
        }
    }

    pub(super) fn negate(self) -> Self {
        Self { negative_zero: self.zero, ..self }
    }

    pub(super) fn absolute(self) -> Self {
        Self { negative_zero: false, ..self }
    }

    pub(super) fn add(self, other: Self) -> Self {
        // A sum is the negative zero only where both sides are; a difference where the left one is.
        Self { most: self.most + other.most, negative_zero: self.negative_zero, ..Self::up_to(0.0) }
    }

    pub(super) fn multiply(self, other: Self) -> Self {
        let most = self.most * other.most;
        Self::up_to(if most.is_nan() { f64::INFINITY } else { most })
    }

    pub(super) fn divide(self, other: Self) -> Self {
        let most = self.most / other.least;
        Self::up_to(if most.is_nan() { f64::INFINITY } else { most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_within_their_spans() {
        let amounts = Span::up_to(1_000_000_000_000_000);
        assert!(amounts.multiply(Span::of(100)).fits());
        assert!(!amounts.multiply(Span::of(-10_000)).fits());
        assert!(!Span::ALL.negate().fits());
        assert!(!Span::ALL.absolute().fits());
        assert!(Span::ALL.remainder().fits() && Span::ALL.has_least());
        assert_eq!(Span::of(-3).multiply(Span { low: -2, high: 5 }), Span { low: -15, high: 6 });
        assert_eq!(amounts.subtract(amounts).absolute(), amounts);
    }

    #[test]
    fn only_what_can_overflow_or_be_zero_is_guarded() {
        let money = Magnitude::of_whole(Span::up_to(1_000_000_000_000_000));
        assert!(money.multiply(Magnitude::of_mean()).is_finite());
        assert!(money.divide(money).is_finite() && money.may_be_zero());
        assert!(!money.divide(Magnitude::of_mean()).is_finite());
        assert!(!Magnitude::up_to(f64::MAX).add(Magnitude::up_to(f64::MAX)).is_finite());
        assert!(!Magnitude::of(2.5).may_be_zero());
        assert!(money.negate().may_be_negative_zero() && !money.may_be_negative_zero());
    }
}
