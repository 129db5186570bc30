//! A multiset of values: the first few side by side in the record, the rest in a tree.
//!
//! Most keys have few values, and what lies in the record comes from memory with it.

use super::forest::Forest;

/// How often each value is there that has no place in the record. Counts are negative only inside one move of a tail.
pub(crate) type Numbers = Forest<i64, i32>;

/// Values kept in the record.
const NEAR: usize = 4;
/// The root of the tree, and above it how many values are there.
const HEAD: usize = 0;
/// Their counts, two to a word.
const COUNTS: usize = 1;
const VALUES: usize = COUNTS + NEAR / 2;

/// Words that a bag takes in a record; zeros are an empty one.
pub(crate) const WORDS: usize = VALUES + NEAR;

#[inline]
fn root(words: &[u64]) -> u32 {
    words[HEAD] as u32
}

#[inline]
fn count(words: &[u64], at: usize) -> i32 {
    (words[COUNTS + at / 2] >> (at % 2 * 32)) as i32
}

#[inline]
fn set_count(words: &mut [u64], at: usize, count: i32) {
    let (word, shift) = (&mut words[COUNTS + at / 2], at % 2 * 32);
    *word = *word & !(u64::from(u32::MAX) << shift) | u64::from(count as u32) << shift;
}

/// The values that are kept in the record.
#[inline]
fn near(words: &[u64]) -> impl Iterator<Item = i64> {
    (0..NEAR).filter(|&at| count(words, at) != 0).map(|at| words[VALUES + at] as i64)
}

/// Puts a value in (`sign` 1) or takes it out (`sign` -1).
pub(crate) fn change(words: &mut [u64], values: &mut Numbers, value: i64, sign: i32) {
    let held = (0..NEAR).find(|&at| words[VALUES + at] == value as u64 && count(words, at) != 0);
    let before = if let Some(at) = held {
        let before = count(words, at);
        set_count(words, at, before + sign);
        before
    } else if let Some(count) = values.get_mut(root(words), value) {
        let before = *count;
        *count += sign;
        if before + sign == 0 {
            let root = values.remove(root(words), value);
            set_root(words, root);
        }
        before
    } else {
        match (0..NEAR).find(|&at| count(words, at) == 0) {
            Some(at) => {
                words[VALUES + at] = value as u64;
                set_count(words, at, sign);
            }
            None => {
                let root = values.insert(root(words), value, sign);
                set_root(words, root);
            }
        }
        0
    };
    let after = before + sign;
    let size =
        (words[HEAD] >> 32) + u64::from(after > 0 && before <= 0) - u64::from(after <= 0 && before > 0);
    words[HEAD] = size << 32 | u64::from(root(words));
}

fn set_root(words: &mut [u64], root: u32) {
    words[HEAD] = words[HEAD] >> 32 << 32 | u64::from(root);
}

/// How many distinct values there are.
#[inline]
pub(crate) fn distinct(words: &[u64]) -> i64 {
    (words[HEAD] >> 32) as i64
}

/// Whether a value is there.
pub(crate) fn has(words: &[u64], values: &Numbers, value: i64) -> bool {
    near(words).any(|held| held == value) || values.get(root(words), value).is_some()
}

/// The least value.
pub(crate) fn least(words: &[u64], values: &Numbers) -> Option<i64> {
    near(words).chain(values.first(root(words))).min()
}

/// The greatest value.
pub(crate) fn greatest(words: &[u64], values: &Numbers) -> Option<i64> {
    near(words).chain(values.last(root(words))).max()
}

/// Empties it.
pub(crate) fn clear(words: &mut [u64], values: &mut Numbers) {
    values.discard(root(words));
    words[..WORDS].fill(0);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_map_of_counts(steps in prop::collection::vec((-4_i64..8, any::<bool>()), 1..300)) {
            let (mut words, mut values) = ([0; WORDS], Numbers::new());
            let mut counts: BTreeMap<i64, i32> = BTreeMap::new();
            for (value, put) in steps {
                let held = counts.entry(value).or_default();
                if !put && *held == 0 {
                    continue;
                }
                let sign = if put { 1 } else { -1 };
                *held += sign;
                counts.retain(|_, count| *count != 0);
                change(&mut words, &mut values, value, sign);
                prop_assert_eq!(distinct(&words), counts.len() as i64);
                prop_assert_eq!(least(&words, &values), counts.keys().next().copied());
                prop_assert_eq!(greatest(&words, &values), counts.keys().last().copied());
                prop_assert_eq!(has(&words, &values, value), counts.contains_key(&value));
            }
            clear(&mut words, &mut values);
            prop_assert_eq!(least(&words, &values), None);
        }
    }
}
