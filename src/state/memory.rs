//! What a state takes up: bytes held by part, and the bytes of one of each thing that it keeps.

use super::family::Family;
use super::values::Values;
use super::{Cell, State};

/// Bytes held, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The dictionary of keys.
    pub dictionary: usize,
    /// From keys to records, and back.
    pub keys: usize,
    /// The records of all families, with the aggregates in them.
    pub records: usize,
    /// Values that have no room in a record.
    pub arenas: usize,
    /// The marks of evicted keys.
    pub marks: usize,
    /// The tail log.
    pub log: usize,
    /// One row of the tail log.
    pub log_row: usize,
    /// The side buffer.
    pub side: usize,
}

impl Memory {
    /// Keys, records, values and marks of all families.
    pub fn families(self) -> usize {
        self.keys + self.records + self.arenas + self.marks
    }

    /// Both together; a row is then one of each.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            dictionary: self.dictionary + other.dictionary,
            keys: self.keys + other.keys,
            records: self.records + other.records,
            arenas: self.arenas + other.arenas,
            marks: self.marks + other.marks,
            log: self.log + other.log,
            log_row: self.log_row + other.log_row,
            side: self.side + other.side,
        }
    }
}

/// Bytes of one of each thing that a state keeps. What hash tables take beside it depends on how full they are: 5.7 to
/// 11.4 bytes a text, and as much a key of several texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// A text that keys are made of, with its slots in all families whose key is one text.
    pub text: usize,
    /// The longest text that takes nothing besides; a longer one takes its bytes and two more, in steps of sixteen.
    pub text_inline: usize,
    /// By family.
    pub families: Vec<FamilyLayout>,
}

/// The same of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FamilyLayout {
    /// Keys held now.
    pub held: u32,
    /// The way from a record back to its key.
    pub key: usize,
    /// What a record says of its key, before the aggregates.
    pub header: usize,
    /// Each aggregate.
    pub aggregates: Vec<usize>,
    /// A value that has no room in its record, by kind: of a multiset, of a sequence, and a bucket.
    pub arena_entries: [usize; 3],
}

impl FamilyLayout {
    /// A record.
    pub fn record(&self) -> usize {
        self.header + self.aggregates.iter().sum::<usize>()
    }
}

impl Family {
    fn layout(&self) -> FamilyLayout {
        let words = self.cells.iter().map(|cell| Cell::words(cell.span, cell.measure));
        FamilyLayout {
            held: self.held,
            key: self.keys.owner_bytes(),
            header: self.header_bytes(),
            aggregates: words.map(|words| words * size_of::<u64>()).collect(),
            arena_entries: Values::NODE_BYTES,
        }
    }
}

impl State {
    /// Bytes held.
    pub fn memory(&self) -> Memory {
        let of_all = |bytes: fn(&Family) -> usize| self.families.iter().map(bytes).sum();
        Memory {
            dictionary: self.dictionary.bytes() + self.tenants.bytes(),
            keys: of_all(|family| family.keys.bytes()),
            records: of_all(|family| family.records.bytes()),
            arenas: of_all(|family| family.values.bytes()),
            marks: of_all(|family| family.filter.bytes()),
            log: self.log.bytes(),
            log_row: self.log.row_bytes(),
            side: self.side.bytes(),
        }
    }

    /// Keys that all families hold; one that several hold counts in each.
    pub fn keys_held(&self) -> u64 {
        self.families.iter().map(|family| u64::from(family.held)).sum()
    }

    /// Bytes of one of each thing.
    pub fn layout(&self) -> Layout {
        Layout {
            text: self.dictionary.entry_bytes(),
            text_inline: super::dictionary::INLINE,
            families: self.families.iter().map(Family::layout).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunked::chunk_rows;
    use super::super::{Budgets, CellSpec, Contribution, FamilySpec, Measure, Scope, Scopes, Span, Spec};
    use super::*;
    use crate::time::{Calendar, DAY_US};

    const ASKED: [u64; Scope::COUNT] = [1, 0, 0, 0, 0, 0, 0];

    fn cells(measures: &[Measure]) -> Vec<CellSpec> {
        let cell = |&measure| CellSpec {
            span: Span::Sliding { length_us: DAY_US, delay_us: 0 },
            bit: 0,
            reset: None,
            measure,
        };
        measures.iter().map(cell).collect()
    }

    fn state(families: Vec<FamilySpec>) -> State {
        let spec = Spec { families, columns: 1, horizon_us: DAY_US };
        State::new(&spec, Calendar::new("UTC").unwrap(), &Budgets::default())
    }

    /// Feeds so many keys of one text.
    fn fed(state: &mut State, keys: u32) {
        let mut all = u64::MAX;
        state.advance(1, &mut all);
        for n in 0..keys {
            let key = [state.text_number(0, &format!("account-{n}")), 0, 0, 0];
            let (masks, keys) = ([1], [key]);
            state.contribute(Contribution {
                time_us: 1,
                scopes: Scopes::default().with(Scope::Asked),
                masks: &masks,
                keys: &keys,
                values: &[n.into()],
            });
        }
    }

    /// An entry of a dictionary without slots.
    const TENANT_BYTES: usize = 24;

    #[test]
    fn a_layout_says_what_is_allocated() {
        let measures =
            [Measure::Count, Measure::Moments { column: 0, squares: true }, Measure::Ordered { column: 0 }];
        let mut state = state(vec![FamilySpec {
            key_texts: 1,
            scopes: ASKED,
            cells: cells(&measures),
            ..FamilySpec::default()
        }]);
        let layout = state.layout();
        let family = &layout.families[0];
        assert_eq!((layout.text, layout.text_inline), (28, 16));
        assert_eq!((family.key, family.header, family.arena_entries[0]), (4, 24, 24));
        assert_eq!(family.aggregates, [8, 40, 56]);
        assert_eq!(family.record(), 128);
        let keys = 12_288;
        fed(&mut state, keys);
        let memory = state.memory();
        // Number and slot 0 are none; chunks are whole.
        let allocated = |row_bytes: usize| {
            let rows = chunk_rows(row_bytes);
            (keys as usize + 1).div_ceil(rows) * rows * row_bytes
        };
        assert_eq!(memory.records, allocated(family.record()));
        // One chunk is the tenants', of whom there are none.
        let tenants = chunk_rows(TENANT_BYTES) * TENANT_BYTES;
        let tables =
            memory.dictionary + memory.keys - allocated(layout.text) - allocated(family.key) - tenants;
        assert_eq!(state.layout().families[0].held, keys);
        // The heads of the parts of a table, and two buckets for each key at the most.
        assert!(tables <= 6_144 * (32 + 36) + 2 * 5 * (keys as usize + 1), "{tables} bytes of tables");
        let entry = family.arena_entries[0];
        assert_eq!(memory.arenas, chunk_rows(entry) * entry, "every value is near");
        let beside = layout.text + family.key + family.header;
        assert!(beside as f64 + 5.0 / (7.0 / 8.0) <= 64.0, "{beside} bytes and a full table");
    }

    #[test]
    fn several_texts_and_values_take_more() {
        let distinct = FamilySpec {
            key_texts: 2,
            scopes: ASKED,
            cells: cells(&[Measure::Distinct { column: 0 }]),
            ..FamilySpec::default()
        };
        let day = CellSpec { span: Span::Day { delay_us: 0 }, bit: 0, reset: None, measure: Measure::Count };
        let one = FamilySpec { key_texts: 1, scopes: ASKED, cells: vec![day], ..FamilySpec::default() };
        let sequence = Measure::Sequence { column: 0, texts: false };
        let mut kept = cells(&[sequence, Measure::Buckets { column: 0 }, sequence]);
        kept[0].reset = Some(1);
        kept[2].span = Span::Forever { delay_us: 0 };
        let kept = FamilySpec { key_texts: 1, scopes: ASKED, cells: kept, ..FamilySpec::default() };
        let kept = state(vec![kept]).layout();
        assert_eq!((kept.families[0].header, &kept.families[0].aggregates[..]), (40, &[8, 16, 88][..]));
        assert_eq!(kept.families[0].arena_entries, [24, 40, 40]);
        let layout = state(vec![distinct, one.clone(), one]).layout();
        assert_eq!(layout.text, 24 + 4 + 2 * 4, "until when it is a value, and two slots");
        let header_and_key = |at: usize| (layout.families[at].header, layout.families[at].key);
        assert_eq!((header_and_key(0), header_and_key(1)), ((24, 8), (32, 4)));
    }
}
