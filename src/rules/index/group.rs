//! Rules filed under the values that they ask for.
//!
//! A rule is filed under the attribute on which it shares its values with the fewest others. What is filed under one
//! value is a group of its own, divided again where it is large. A rule that asks for no few values is sieved.

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
/// A rule that asks for several values is filed under each; all together no more than so many times each.
const COPIES_A_ROW: usize = 8;

const HASHER: FixedState = FixedState::with_seed(0x6772_6f75);

type ByClass = HashMap<u32, u32, FixedState>;

/// All groups; the first is that of every event.
#[derive(Clone, Debug)]
pub(super) struct Groups(Vec<Group>);

#[derive(Clone, Debug, Default)]
struct Group {
    /// The attributes that rules are filed under, each with the group of each class.
    filed: Vec<(u32, ByClass)>,
    rest: Sieve,
}

/// A row under one class of an attribute.
#[derive(Clone, Copy)]
struct Filed<'b> {
    attribute: u32,
    class: u32,
    row: &'b Row,
}

impl Groups {
    pub(super) fn new(rows: &[Row]) -> Self {
        let mut builder = Builder { groups: Vec::new(), copies_left: rows.len() * COPIES_A_ROW };
        builder.divide(rows.iter().collect(), &mut Vec::new());
        Self(builder.groups)
    }

    /// Appends the rules that may fire, ascending; `class` says which class of an attribute an event is in.
    pub(super) fn look(
        &self,
        class: &mut impl FnMut(u32) -> u32,
        words: &mut Vec<u64>,
        found: &mut Vec<u16>,
    ) {
        self.look_in(0, class, words, found);
        found.sort_unstable();
    }

    fn look_in(
        &self,
        group: usize,
        class: &mut impl FnMut(u32) -> u32,
        words: &mut Vec<u64>,
        found: &mut Vec<u16>,
    ) {
        let Some(group) = self.0.get(group) else { return };
        for (attribute, by_class) in &group.filed {
            if let Some(&inner) = by_class.get(&class(*attribute)) {
                self.look_in(inner as usize, class, words, found);
            }
        }
        group.rest.look(class, words, found);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let table = |by_class: &ByClass| by_class.allocation_size();
        let group = |group: &Group| {
            group
                .filed
                .iter()
                .map(|(_, by_class)| size_of::<(u32, ByClass)>() + table(by_class))
                .sum::<usize>()
                + group.rest.bytes()
        };
        self.0.capacity() * size_of::<Group>() + self.0.iter().map(group).sum::<usize>()
    }
}

struct Builder {
    groups: Vec<Group>,
    copies_left: usize,
}

impl Builder {
    /// Makes a group of rows and the groups in it, and gives its number; what `settled` names is known to hold.
    fn divide(&mut self, rows: Vec<&Row>, settled: &mut Vec<u32>) -> u32 {
        let number = self.groups.len();
        self.groups.push(Group::default());
        let (mut filed, rest) = self.file(rows, settled);
        filed.sort_by_key(|filed| (filed.attribute, filed.class));
        let mut group = Group { filed: Vec::new(), rest: Sieve::new(&rest, settled) };
        for same in filed.chunk_by(|a, b| (a.attribute, a.class) == (b.attribute, b.class)) {
            let Some(&Filed { attribute, class, .. }) = same.first() else { continue };
            settled.push(attribute);
            let inner = self.divide(same.iter().map(|filed| filed.row).collect(), settled);
            settled.pop();
            if group.filed.last().is_none_or(|(last, _)| *last != attribute) {
                group.filed.push((attribute, ByClass::with_hasher(HASHER)));
            }
            if let Some((_, by_class)) = group.filed.last_mut() {
                by_class.insert(class, inner);
            }
        }
        self.groups[number] = group;
        number as u32
    }

    /// Files what can be, and gives it with what stays.
    fn file<'b>(&mut self, rows: Vec<&'b Row>, settled: &[u32]) -> (Vec<Filed<'b>>, Vec<&'b Row>) {
        if rows.len() < ROWS_SIEVED_MIN {
            return (Vec::new(), rows);
        }
        let fileable = |row: &'b Row| {
            row.may.iter().filter(|(attribute, may)| few_values(may) && !settled.contains(attribute))
        };
        let mut sharing: HashMap<(u32, u32), usize, FixedState> = HashMap::with_hasher(HASHER);
        for (attribute, may) in rows.iter().flat_map(|row| fileable(row)) {
            may.iter().for_each(|class| *sharing.entry((*attribute, class)).or_default() += 1);
        }
        // A group of more than half of the rows leaves too much to do again.
        let shared = |attribute: u32, may: &ClassSet| {
            let most = may.iter().filter_map(|class| sharing.get(&(attribute, class))).max();
            most.copied().filter(|most| most * 2 <= rows.len())
        };
        let best = |row: &'b Row, wanted: &dyn Fn(u32) -> bool| {
            fileable(row)
                .filter(|(attribute, _)| wanted(*attribute))
                .filter_map(|(attribute, may)| Some((shared(*attribute, may)?, *attribute, may)))
                .min_by_key(|&(shared, attribute, _)| (shared, attribute))
        };
        let mut rows_at: HashMap<u32, usize, FixedState> = HashMap::with_hasher(HASHER);
        for (_, attribute, _) in rows.iter().filter_map(|row| best(row, &|_| true)) {
            *rows_at.entry(attribute).or_default() += 1;
        }
        let worth = |attribute: u32| rows_at.get(&attribute).is_some_and(|&rows| rows >= ROWS_FILED_MIN);
        let (mut filed, mut rest) = (Vec::new(), Vec::new());
        for &row in &rows {
            match best(row, &worth) {
                Some((_, attribute, may)) if may.ranges().len() <= self.copies_left + 1 => {
                    self.copies_left -= may.ranges().len().saturating_sub(1);
                    filed.extend(may.iter().map(|class| Filed { attribute, class, row }));
                }
                _ => rest.push(row),
            }
        }
        (filed, rest)
    }
}

/// Whether a set is a handful of single values, and no range.
fn few_values(may: &ClassSet) -> bool {
    may.ranges().len() <= VALUES_MAX && may.ranges().iter().all(|range| range.len() == 1)
}
