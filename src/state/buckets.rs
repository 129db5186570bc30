//! Values counted in log-linear buckets, and the one of a rank among them.
//!
//! A value below 256 has a bucket of its own. Above, each power of two is divided into 128 buckets of equal width `w`,
//! a power of two itself; a bucket from `low` stands for `low + (w - 1) / 2`, rounded down. No value is farther than
//! `w / 2` from that, and none is below `128 * w`, so what is read is off by at most 1/256 of the value. Negative
//! values are mirrored. Buckets are integers, so that a value that leaves is taken out of the bucket that it went into.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::forest::{Forest, Held};

/// Buckets in each power of two, as a power of two.
const BITS: u32 = 7;

/// How often a bucket is hit, and with it all in the tree below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hits {
    own: i64,
    total: i64,
}

impl Held for Hits {
    const SUMS: bool = true;

    fn with_below(self, left: Self, right: Self) -> Self {
        Self { own: self.own, total: self.own + left.total + right.total }
    }
}

/// The hits of each bucket. Counts are negative only inside one move of a tail.
pub(crate) type Ranks = Forest<i64, Hits>;

/// The root of the tree.
const ROOT: usize = 0;
/// How many values are there.
const COUNT: usize = 1;
/// Words that buckets take in a record; zeros are empty ones.
pub(crate) const WORDS: usize = 2;

/// The bucket of a value, in the order of values.
fn bucket(value: i64) -> i64 {
    let size = value.unsigned_abs();
    let shift = (u64::BITS - size.leading_zeros()).saturating_sub(BITS + 1);
    let bucket = (i64::from(shift) << BITS) + (size >> shift) as i64;
    if value < 0 { -bucket } else { bucket }
}

/// The value that a bucket stands for.
fn representative(bucket: i64) -> i64 {
    let size = bucket.unsigned_abs();
    let shift = (size >> BITS).saturating_sub(1);
    let width = 1_u64 << shift;
    let middle = ((size - (shift << BITS)) << shift) + (width - 1) / 2;
    if bucket < 0 { -(middle as i64) } else { middle as i64 }
}

/// Puts a value in (`sign` 1) or takes it out (`sign` -1).
pub(crate) fn change(words: &mut [u64], ranks: &mut Ranks, value: i64, sign: i64) {
    let (root, bucket) = (words[ROOT] as u32, bucket(value));
    let own = ranks.get(root, bucket).unwrap_or_default().own + sign;
    let root = if own == 0 {
        ranks.remove(root, bucket)
    } else {
        ranks.insert(root, bucket, Hits { own, total: own })
    };
    words[ROOT] = u64::from(root);
    words[COUNT] = words[COUNT].wrapping_add_signed(sign);
}

/// The bucket of this rank, counted from 1.
fn of_rank(words: &[u64], ranks: &Ranks, rank: i64) -> Option<i64> {
    let mut rank = rank;
    ranks.search(words[ROOT] as u32, |hits, left| {
        if rank <= left.total {
            return Ordering::Less;
        }
        rank -= left.total;
        if rank <= hits.own {
            return Ordering::Equal;
        }
        rank -= hits.own;
        Ordering::Greater
    })
}

/// The nearest-rank quantile of this share, in millionths, of the values and `own`: that of rank `ceil(share * count)`.
pub(crate) fn quantile(words: &[u64], ranks: &Ranks, ppm: u32, own: Option<i64>) -> Option<i64> {
    let held = words[COUNT] as i64;
    let count = i128::from(held) + i128::from(own.is_some());
    let rank = ((i128::from(ppm) * count + 999_999) / 1_000_000) as i64;
    let at = |rank: i64| if (1..=held).contains(&rank) { of_rank(words, ranks, rank) } else { None };
    let found = match own.map(bucket) {
        None => at(rank),
        // With one more value the one of a rank is that value, or one of the two that it stands between.
        Some(own) => {
            let (before, after) = (at(rank - 1), at(rank));
            before.max(Some(after.map_or(own, |after| after.min(own))))
        }
    };
    found.map(representative)
}

/// Empties them.
pub(crate) fn clear(words: &mut [u64], ranks: &mut Ranks) {
    ranks.discard(words[ROOT] as u32);
    words[..WORDS].fill(0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: i64 = 4_000_000_000_000_000;

    fn values() -> impl Strategy<Value = i64> {
        let near_powers = (0_u32..52, -2_i64..=2, any::<bool>())
            .prop_map(|(power, off, negative)| (1_i64 << power) * if negative { -1 } else { 1 } + off);
        prop_oneof![-1_000..1_000_i64, -MOST..=MOST, near_powers]
    }

    proptest! {
        #[test]
        fn a_bucket_stands_for_its_values_to_within_a_256th(value in values()) {
            let read = representative(bucket(value));
            prop_assert!((read - value).unsigned_abs() * 256 <= value.unsigned_abs(), "{} read as {}", value, read);
            prop_assert_eq!(bucket(read), bucket(value));
            prop_assert_eq!(representative(bucket(-value)), -read);
        }

        #[test]
        fn buckets_keep_the_order_of_values(a in values(), b in values()) {
            prop_assert!(a > b || bucket(a) <= bucket(b));
            prop_assert!(a > b || representative(bucket(a)) <= representative(bucket(b)));
        }

        #[test]
        fn a_quantile_is_that_of_the_sorted_values(
            steps in prop::collection::vec((values(), any::<bool>()), 1..150),
            ppm in 1_u32..1_000_000,
            own in prop::option::of(values()),
        ) {
            let (mut words, mut ranks) = ([0; WORDS], Ranks::new());
            let mut held: Vec<i64> = Vec::new();
            for (value, put) in steps {
                if put || held.is_empty() {
                    held.push(value);
                    change(&mut words, &mut ranks, value, 1);
                } else {
                    let gone = held.swap_remove(value.unsigned_abs() as usize % held.len());
                    change(&mut words, &mut ranks, gone, -1);
                }
                let mut all: Vec<i64> = held.iter().copied().chain(own).collect();
                all.sort_unstable();
                let rank = (u128::from(ppm) * all.len() as u128).div_ceil(1_000_000) as usize;
                let expected = rank.checked_sub(1).map(|at| representative(bucket(all[at])));
                prop_assert_eq!(quantile(&words, &ranks, ppm, own), expected);
            }
        }
    }

    #[test]
    fn small_values_are_exact() {
        for value in -256..=256 {
            assert_eq!(representative(bucket(value)), value);
        }
    }

    #[test]
    fn what_is_taken_out_before_it_is_put_in_leaves_nothing() {
        let (mut words, mut ranks) = ([0; WORDS], Ranks::new());
        let signs = [(700, -1), (5, 1), (9_000, -1), (700, 1), (9_000, 1), (5, -1)];
        for (value, sign) in signs {
            change(&mut words, &mut ranks, value, sign);
            let _ = quantile(&words, &ranks, 500_000, None);
        }
        assert_eq!(quantile(&words, &ranks, 500_000, None), None);
        assert_eq!(words, [0; WORDS]);
    }

    #[test]
    fn ranks_are_found_in_large_trees() {
        let (mut words, mut ranks) = ([0; WORDS], Ranks::new());
        for n in 0..200_000_i64 {
            change(&mut words, &mut ranks, n * n, 1);
        }
        let read = quantile(&words, &ranks, 500_000, None).unwrap_or_default();
        let exact = 99_999_i64 * 99_999;
        assert!((read - exact).abs() * 256 <= exact, "{read} for {exact}");
    }
}
