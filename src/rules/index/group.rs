//! Rules filed under the values that they ask for.
//!
//! A rule is filed under the attribute on which it shares its values with the fewest others, if those are few: an
//! event that has the value looks at all of them. Every other rule is sieved.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Row;
use super::classes::ClassSet;
use super::sieve::Sieve;

/// Fewer rules than this are looked at one by one.
pub(super) const ROWS_SIEVED_MIN: usize = 24;

/// A rule that asks for more values than this on an attribute is not filed under it.
const VALUES_MAX: usize = 16;
/// An attribute is looked up for no fewer rules than this.
const ROWS_FILED_MIN: usize = 16;
/// No more rules than this, or than this share of all, are filed under one value.
const ROWS_A_VALUE_MAX: usize = 8;
const ROWS_A_VALUE_SHARE: usize = 512;

const HASHER: FixedState = FixedState::with_seed(0x6772_6f75);

type ByClass = HashMap<u32, Vec<u16>, FixedState>;
type Counts<K> = HashMap<K, usize, FixedState>;

/// All rules, filed or to be sieved.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// The attributes that rules are filed under, each with the rules of each class.
    filed: Vec<(u32, ByClass)>,
    rest: Sieve,
}

impl Groups {
    pub(super) fn new(rows: &[Row]) -> Self {
        if rows.len() < ROWS_SIEVED_MIN {
            return Self { filed: Vec::new(), rest: Sieve::new(&rows.iter().collect::<Vec<_>>()) };
        }
        let sharing = Sharing::of(rows);
        let mut rows_at: Counts<u32> = HashMap::with_hasher(HASHER);
        for (attribute, _) in rows.iter().filter_map(|row| sharing.best(row, |_| true)) {
            *rows_at.entry(attribute).or_default() += 1;
        }
        let worth = |attribute: u32| rows_at.get(&attribute).is_some_and(|&rows| rows >= ROWS_FILED_MIN);
        let (mut filed, mut rest) = (Vec::<(u32, ByClass)>::new(), Vec::new());
        for row in rows {
            let Some((attribute, may)) = sharing.best(row, worth) else {
                rest.push(row);
                continue;
            };
            let at = filed.iter().position(|(held, _)| *held == attribute).unwrap_or_else(|| {
                filed.push((attribute, ByClass::with_hasher(HASHER)));
                filed.len() - 1
            });
            may.iter().for_each(|class| filed[at].1.entry(class).or_default().push(row.rule));
        }
        filed.iter_mut().for_each(|(_, by_class)| by_class.values_mut().for_each(Vec::shrink_to_fit));
        Self { filed, rest: Sieve::new(&rest) }
    }

    /// Appends the rules that may fire, ascending; `class` says which class of an attribute an event is in.
    #[inline]
    pub(super) fn look(&self, mut class: impl FnMut(u32) -> u32, words: &mut Vec<u64>, found: &mut Vec<u16>) {
        for (attribute, by_class) in &self.filed {
            found.extend(by_class.get(&class(*attribute)).into_iter().flatten());
        }
        self.rest.look(class, words, found);
        found.sort_unstable();
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let lists = |by_class: &ByClass| by_class.values().map(|rules| rules.capacity() * 2).sum::<usize>();
        let attribute = |(_, by_class): &(u32, ByClass)| {
            size_of::<(u32, ByClass)>() + by_class.allocation_size() + lists(by_class)
        };
        self.filed.iter().map(attribute).sum::<usize>() + self.rest.bytes()
    }
}

/// How many rows ask for each value.
struct Sharing {
    rows: Counts<(u32, u32)>,
    most: usize,
}

impl Sharing {
    fn of(rows: &[Row]) -> Self {
        let mut counts = Counts::with_hasher(HASHER);
        for (attribute, may) in rows.iter().flat_map(fileable) {
            may.iter().for_each(|class| *counts.entry((attribute, class)).or_default() += 1);
        }
        Self { rows: counts, most: ROWS_A_VALUE_MAX.max(rows.len() / ROWS_A_VALUE_SHARE) }
    }

    /// The attribute, of those wanted, on which a row shares its values with the fewest.
    fn best<'r>(&self, row: &'r Row, wanted: impl Fn(u32) -> bool) -> Option<(u32, &'r ClassSet)> {
        let shared = |(attribute, may): (u32, &'r ClassSet)| {
            let most = may.iter().filter_map(|class| self.rows.get(&(attribute, class))).max()?;
            (*most <= self.most).then_some((*most, attribute, may))
        };
        let best = fileable(row).filter(|(attribute, _)| wanted(*attribute)).filter_map(shared);
        best.min_by_key(|&(most, attribute, _)| (most, attribute)).map(|(_, attribute, may)| (attribute, may))
    }
}

/// The attributes of which a row asks for a handful of single values, and no range.
fn fileable(row: &Row) -> impl Iterator<Item = (u32, &ClassSet)> {
    let few = |may: &ClassSet| {
        may.ranges().len() <= VALUES_MAX && may.ranges().iter().all(|range| range.len() == 1)
    };
    row.may.iter().filter(move |(_, may)| few(may)).map(|(attribute, may)| (*attribute, may))
}
