//! Values in the order of their own times, and of arrival within one time: the oldest, the newest, the one before it.
//!
//! A cell over `forever` settles what can no longer be corrected into its oldest and its newest two.

use serde::{Deserialize, Serialize};

use super::forest::Forest;

/// A value with when it happened and the row that it came in; they are ordered by time, then row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// When it happened, microseconds since 1970 UTC.
    pub time_us: i64,
    /// The row that it came in.
    pub row: u64,
    /// The value.
    pub value: i64,
}

/// How often each moment is there. Counts are negative only inside one move of a tail.
pub(crate) type Moments = Forest<Moment, i32>;

/// The root of the tree.
const ROOT: usize = 0;
/// Words that a sequence takes in a record; zeros are an empty one.
pub(crate) const WORDS: usize = 1;
/// Behind them for a cell that settles: how many are settled (2 for more), the oldest, the newest, the one before it.
const SETTLED: usize = WORDS;
const OLDEST: usize = SETTLED + 1;
const NEWEST: usize = OLDEST + MOMENT_WORDS;
const PREVIOUS: usize = NEWEST + MOMENT_WORDS;
const MOMENT_WORDS: usize = 3;
/// Words for what is settled.
pub(crate) const SETTLED_WORDS: usize = 1 + 3 * MOMENT_WORDS;

fn moment(words: &[u64]) -> Moment {
    Moment { time_us: words[0] as i64, row: words[1], value: words[2] as i64 }
}

fn set(words: &mut [u64], moment: Moment) {
    words[0] = moment.time_us as u64;
    words[1] = moment.row;
    words[2] = moment.value as u64;
}

/// Puts a moment in (`sign` 1) or takes it out (`sign` -1).
pub(crate) fn change(words: &mut [u64], moments: &mut Moments, moment: Moment, sign: i32) {
    let root = words[ROOT] as u32;
    let after = moments.get(root, moment).unwrap_or_default() + sign;
    let root = match moments.get_mut(root, moment) {
        Some(_) if after == 0 => moments.remove(root, moment),
        Some(count) => {
            *count = after;
            root
        }
        None => moments.insert(root, moment, sign),
    };
    words[ROOT] = u64::from(root);
}

/// Adds a moment to what is settled.
pub(crate) fn settle(words: &mut [u64], settling: Moment) {
    let held = words[SETTLED];
    if held == 0 || settling < moment(&words[OLDEST..]) {
        set(&mut words[OLDEST..], settling);
    }
    let newest = moment(&words[NEWEST..]);
    if held == 0 || settling > newest {
        set(&mut words[NEWEST..], settling);
        set(&mut words[PREVIOUS..], newest);
    } else if held == 1 || settling > moment(&words[PREVIOUS..]) {
        set(&mut words[PREVIOUS..], settling);
    }
    words[SETTLED] = (held + 1).min(2);
}

/// The oldest.
pub(crate) fn oldest(words: &[u64], moments: &Moments, settles: bool) -> Option<Moment> {
    let settled = (settles && words[SETTLED] > 0).then(|| moment(&words[OLDEST..]));
    moments.first(words[ROOT] as u32).into_iter().chain(settled).min()
}

/// The newest, and the one before it.
pub(crate) fn newest(words: &[u64], moments: &Moments, settles: bool) -> [Option<Moment>; 2] {
    let root = words[ROOT] as u32;
    let last = moments.last(root);
    let before = last.and_then(|last| moments.last_below(root, last));
    let settled = if settles { words[SETTLED] } else { 0 };
    let [first, second] = [(1, NEWEST), (2, PREVIOUS)].map(|(least, at)| {
        let held = settled >= least;
        held.then(|| moment(&words[at..]))
    });
    // Each pair descends, and an absent one is less than any.
    let newest = last.max(first);
    [newest, if newest == last { before.max(first) } else { second.max(last) }]
}

/// Empties it.
pub(crate) fn clear(words: &mut [u64], moments: &mut Moments) {
    moments.discard(words[ROOT] as u32);
    words[ROOT] = 0;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_sorted_map(steps in prop::collection::vec((0_i64..6, 0_u64..6, 0_i64..3, 0_u8..3), 1..200)) {
            let (mut words, mut moments) = ([0; WORDS + SETTLED_WORDS], Moments::new());
            let mut held: BTreeMap<Moment, i32> = BTreeMap::new();
            let mut settled: Vec<Moment> = Vec::new();
            for (time_us, row, value, step) in steps {
                let moment = Moment { time_us, row, value };
                let count = held.entry(moment).or_default();
                match step {
                    0 if *count > 0 => {
                        *count -= 1;
                        change(&mut words, &mut moments, moment, -1);
                    }
                    1 if *count > 0 && !settled.contains(&moment) => {
                        *count -= 1;
                        change(&mut words, &mut moments, moment, -1);
                        settle(&mut words, moment);
                        settled.push(moment);
                    }
                    _ if *count == 0 && !settled.contains(&moment) => {
                        *count += 1;
                        change(&mut words, &mut moments, moment, 1);
                    }
                    _ => {}
                }
                held.retain(|_, count| *count != 0);
                let mut all: Vec<Moment> = held.keys().chain(&settled).copied().collect();
                all.sort();
                prop_assert_eq!(oldest(&words, &moments, true), all.first().copied());
                let expected = [all.len().checked_sub(1), all.len().checked_sub(2)];
                prop_assert_eq!(newest(&words, &moments, true), expected.map(|at| at.map(|at| all[at])));
            }
        }
    }

    #[test]
    fn what_is_taken_out_before_it_is_put_in_leaves_nothing() {
        let (mut words, mut moments) = ([0; WORDS], Moments::new());
        let moment = Moment { time_us: 5, row: 1, value: 7 };
        change(&mut words, &mut moments, moment, -1);
        change(&mut words, &mut moments, moment, 1);
        assert_eq!(oldest(&words, &moments, false), None);
        assert_eq!(words[ROOT], 0);
    }
}
