//! Rules sieved attribute by attribute: one bit per rule, cleared where its predicate does not hold.
//!
//! An attribute's classes are joined to buckets. What holds anywhere in a bucket stays, so that more may stay than
//! hold, and never less.

use super::Row;
use super::classes::NULL;
use super::group::ROWS_SIEVED_MIN;

/// An attribute that fewer rows ask for is not looked at.
const PREDICATES_MIN: usize = 8;
/// Most buckets of an attribute, and how many predicates there are to each at least.
const BUCKETS_MAX: usize = 64;
const PREDICATES_A_BUCKET: usize = 4;

/// Rules with what clears them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sieve {
    rules: Vec<u16>,
    filters: Vec<Filter>,
}

/// What one attribute clears.
#[derive(Clone, Debug)]
struct Filter {
    attribute: u32,
    /// The first class of each bucket but the first one.
    starts: Vec<u32>,
    cleared: Cleared,
}

/// What each bucket clears.
#[derive(Clone, Debug)]
enum Cleared {
    /// Many rules: for each bucket as many words as the sieve has, with the bits that stay.
    Words(Vec<u64>),
    /// A few: for each bucket where its part ends, and the rules.
    Rules(Vec<u32>, Vec<u16>),
}

impl Sieve {
    /// Sieves rows by what is asked often.
    pub(super) fn new(rows: &[&Row]) -> Self {
        let rules = rows.iter().map(|row| row.rule).collect();
        if rows.len() < ROWS_SIEVED_MIN {
            return Self { rules, filters: Vec::new() };
        }
        let mut asking: Vec<(u32, u16)> = Vec::new();
        for (at, row) in (0..).zip(rows) {
            asking.extend(row.may.iter().map(|&(attribute, _)| (attribute, at)));
        }
        asking.sort_unstable();
        let mut by_attribute: Vec<&[(u32, u16)]> =
            asking.chunk_by(|a, b| a.0 == b.0).filter(|asking| asking.len() >= PREDICATES_MIN).collect();
        // What is asked most often clears most.
        by_attribute.sort_by_key(|asking| usize::MAX - asking.len());
        Self {
            rules,
            filters: by_attribute.into_iter().filter_map(|asking| Filter::new(asking, rows)).collect(),
        }
    }

    /// Appends the rules that may fire; `class` says which class of an attribute an event is in.
    #[inline]
    pub(super) fn look(&self, mut class: impl FnMut(u32) -> u32, words: &mut Vec<u64>, found: &mut Vec<u16>) {
        if self.filters.is_empty() {
            found.extend_from_slice(&self.rules);
            return;
        }
        words.clear();
        words.resize(self.rules.len().div_ceil(64), u64::MAX);
        if let (Some(last), 1..) = (words.last_mut(), self.rules.len() % 64) {
            *last = u64::MAX >> (64 - self.rules.len() % 64);
        }
        for filter in &self.filters {
            if !filter.clear(class(filter.attribute), words) {
                return;
            }
        }
        for (rules, word) in self.rules.chunks(64).zip(words) {
            let mut left = *word;
            while left != 0 {
                found.extend(rules.get(left.trailing_zeros() as usize));
                left &= left - 1;
            }
        }
    }

    /// Bytes held, without itself.
    pub(super) fn bytes(&self) -> usize {
        let cleared = |filter: &Filter| match &filter.cleared {
            Cleared::Words(words) => words.capacity() * 8,
            Cleared::Rules(ends, rules) => ends.capacity() * 4 + rules.capacity() * 2,
        };
        let filter = |filter: &Filter| size_of::<Filter>() + filter.starts.capacity() * 4 + cleared(filter);
        self.rules.capacity() * 2 + self.filters.iter().map(filter).sum::<usize>()
    }
}

impl Filter {
    /// The filter of an attribute; `asking` are the places of the rows that ask for it.
    fn new(asking: &[(u32, u16)], rows: &[&Row]) -> Option<Self> {
        let attribute = asking.first()?.0;
        let may = |at: u16| {
            let row = rows.get(usize::from(at))?;
            row.may.iter().find(|(of, _)| *of == attribute).map(|(_, may)| (usize::from(at), may))
        };
        let asked = || asking.iter().filter_map(|&(_, at)| may(at));
        let mut starts: Vec<u32> = asked()
            .flat_map(|(_, may)| may.ranges().iter().flat_map(|range| [range.start, range.end]))
            .collect();
        starts.push(NULL + 1);
        starts.sort_unstable();
        starts.dedup();
        starts.retain(|&start| start != NULL);
        let most = (asking.len() / PREDICATES_A_BUCKET).clamp(2, BUCKETS_MAX - 1);
        let each = (starts.len() - 1).div_ceil(most).max(1);
        // Null keeps a bucket of its own: it is what rules disagree on most.
        let starts: Vec<u32> = starts.into_iter().step_by(each).collect();
        let (buckets, width) = (starts.len() + 1, rows.len().div_ceil(64));
        let mut stays = vec![u64::MAX; buckets * width];
        let bucket = |class: u32| starts.partition_point(|&start| start <= class);
        for (at, may) in asked() {
            let (word, bit) = (at / 64, 1 << (at % 64));
            (0..buckets).for_each(|bucket| stays[bucket * width + word] &= !bit);
            for range in may.ranges() {
                (bucket(range.start)..=bucket(range.end - 1)).for_each(|b| stays[b * width + word] |= bit);
            }
        }
        let cleared = if asking.len() >= width { Cleared::Words(stays) } else { Cleared::few(&stays, width) };
        Some(Self { attribute, starts, cleared })
    }

    /// Clears what cannot hold in a class; says whether anything is left.
    #[inline]
    fn clear(&self, class: u32, words: &mut [u64]) -> bool {
        let bucket = self.starts.partition_point(|&start| start <= class);
        match &self.cleared {
            Cleared::Words(stays) => {
                let stays = stays.chunks_exact(words.len()).nth(bucket).unwrap_or_default();
                let mut left = 0;
                for (word, stays) in words.iter_mut().zip(stays) {
                    *word &= stays;
                    left |= *word;
                }
                left != 0
            }
            Cleared::Rules(ends, rules) => {
                let end = |bucket: usize| ends.get(bucket).map_or(0, |&end| end as usize);
                let start = bucket.checked_sub(1).map_or(0, end);
                for &rule in rules.get(start..end(bucket)).unwrap_or_default() {
                    if let Some(word) = words.get_mut(usize::from(rule / 64)) {
                        *word &= !(1 << (rule % 64));
                    }
                }
                true
            }
        }
    }
}

impl Cleared {
    /// The same as lists of what each bucket clears.
    fn few(stays: &[u64], width: usize) -> Self {
        let (mut ends, mut rules) = (Vec::new(), Vec::new());
        for bucket in stays.chunks_exact(width) {
            for (at, stays) in (0..).zip(bucket) {
                let mut cleared = !stays;
                while cleared != 0 {
                    rules.push(at * 64 + cleared.trailing_zeros() as u16);
                    cleared &= cleared - 1;
                }
            }
            ends.push(rules.len() as u32);
        }
        Self::Rules(ends, rules)
    }
}
