//! Sets of classes: what a condition on one attribute comes to.
//!
//! An attribute's values fall into classes within which no rule can tell them apart; class 0 is null. Must never
//! know what the values are.

use std::ops::Range;

/// The class of null.
pub(super) const NULL: u32 = 0;

/// A set of classes, as ascending ranges that don't touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassSet(Vec<Range<u32>>);

/// The classes in which a condition is true, and those in which it is false; in all others it is unknown.
#[derive(Clone, Debug)]
pub(super) struct Truths {
    pub(super) yes: ClassSet,
    pub(super) no: ClassSet,
}

impl ClassSet {
    /// All classes of a range.
    pub(super) fn range(range: Range<u32>) -> Self {
        Self::of(vec![range])
    }

    /// The union of ranges, in any order.
    pub(super) fn of(mut ranges: Vec<Range<u32>>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
        ranges.dedup_by(|next, held| {
            let joins = next.start <= held.end;
            if joins {
                held.end = held.end.max(next.end);
            }
            joins
        });
        Self(ranges)
    }

    pub(super) fn ranges(&self) -> &[Range<u32>] {
        &self.0
    }

    /// Its classes, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().cloned().flatten()
    }

    /// All of `count` classes that are not in it.
    pub(super) fn complement(&self, count: u32) -> Self {
        let starts = std::iter::once(0).chain(self.0.iter().map(|range| range.end));
        let ends = self.0.iter().map(|range| range.start).chain([count]);
        Self::of(starts.zip(ends).map(|(start, end)| start..end).collect())
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).cloned().collect())
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.as_slice(), other.0.as_slice());
        let mut both = Vec::new();
        while let ([a, after_a @ ..], [b, after_b @ ..]) = (left, right) {
            both.push(a.start.max(b.start)..a.end.min(b.end));
            if a.end < b.end {
                left = after_a;
            } else {
                right = after_b;
            }
        }
        Self::of(both)
    }
}

impl Truths {
    /// True in `yes`, false in all other classes but null.
    pub(super) fn known(yes: ClassSet, count: u32) -> Self {
        let no = yes.union(&ClassSet::range(NULL..NULL + 1)).complement(count);
        Self { yes, no }
    }

    /// True in `yes`, else false.
    pub(super) fn certain(yes: ClassSet, count: u32) -> Self {
        let no = yes.complement(count);
        Self { yes, no }
    }

    pub(super) fn not(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self { yes: self.yes.intersection(&other.yes), no: self.no.union(&other.no) }
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self { yes: self.yes.union(&other.yes), no: self.no.intersection(&other.no) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: u32 = 10;

    fn set(classes: u32) -> ClassSet {
        ClassSet::of(
            (0..COUNT).filter(|class| classes >> class & 1 == 1).map(|class| class..class + 1).collect(),
        )
    }

    fn bits(set: &ClassSet) -> u32 {
        set.iter().fold(0, |bits, class| bits | 1 << class)
    }

    #[test]
    fn sets_are_sets() {
        for a in (0..1 << COUNT).step_by(7) {
            assert_eq!(bits(&set(a)), a);
            assert_eq!(bits(&set(a).complement(COUNT)), !a & ((1 << COUNT) - 1));
            for b in (0..1 << COUNT).step_by(11) {
                assert_eq!(set(a).union(&set(b)), set(a | b));
                assert_eq!(set(a).intersection(&set(b)), set(a & b));
            }
        }
    }
}
