//! The floor of the state bench: the same twelve values from plain arrays, without late events, corrections or ids.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use weir::event::Event;

use super::keyed::FIELDS;
use super::{LENGTHS_US, mix};

/// Count and sum over the shortest window, sums over the two longer ones.
type Record = [i64; 4];

struct Family {
    slots: HashMap<u128, u32, FixedState>,
    records: Vec<Record>,
}

#[derive(Clone, Copy, Default)]
struct Row {
    time_us: i64,
    amount: i64,
    slots: [u32; 3],
}

/// The kernel.
pub(crate) struct Kernel {
    families: [Family; 3],
    /// A ring of what the longest window holds.
    log: Vec<Row>,
    written: usize,
    /// How far each window has come.
    passed: [usize; 3],
}

/// A key's text, at most 16 bytes, as a number.
fn packed(text: &str) -> u128 {
    let mut bytes = [0; 16];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    u128::from_le_bytes(bytes)
}

impl Kernel {
    /// Bytes of one payment in the log.
    pub(crate) const ROW_BYTES: usize = size_of::<Row>();

    /// A kernel for windows that hold at most so many payments.
    pub(crate) fn new(held_max: usize) -> Self {
        let family = || Family { slots: HashMap::with_hasher(FixedState::with_seed(1)), records: Vec::new() };
        Self {
            families: [family(), family(), family()],
            log: vec![Row::default(); held_max.next_power_of_two()],
            written: 0,
            passed: [0; 3],
        }
    }

    /// Takes a payment and mixes its values into `sum`, in the order of families and features.
    pub(crate) fn take(&mut self, event: &Event, mut sum: u64) -> u64 {
        let ring = self.log.len() - 1;
        let (now_us, amount) = (event.time_us(), event.amount().unwrap().minor);
        for (at, length_us) in LENGTHS_US.into_iter().enumerate() {
            while self.passed[at] < self.written {
                let row = &self.log[self.passed[at] & ring];
                if row.time_us > now_us - length_us {
                    break;
                }
                for (family, slot) in self.families.iter_mut().zip(row.slots) {
                    change(&mut family.records[slot as usize], at, -1, row.amount);
                }
                self.passed[at] += 1;
            }
        }
        let mut row = Row { time_us: now_us, amount, slots: [0; 3] };
        for ((family, slot), (field, _)) in self.families.iter_mut().zip(&mut row.slots).zip(FIELDS) {
            let next = family.records.len() as u32;
            *slot = *family.slots.entry(packed(event.text(field).unwrap())).or_insert(next);
            if *slot == next {
                family.records.push(Record::default());
            }
            let record = &mut family.records[*slot as usize];
            for at in 0..LENGTHS_US.len() {
                change(record, at, 1, amount);
            }
            sum = record.iter().fold(sum, |sum, &value| mix(sum, value));
        }
        self.log[self.written & ring] = row;
        self.written += 1;
        sum
    }

    /// Payments in the longest window.
    pub(crate) fn held(&self) -> usize {
        self.written - self.passed[2]
    }

    /// How many keys were seen, and the bytes of their slots and of their values.
    pub(crate) fn keys(&self) -> (usize, usize, usize) {
        let of = |part: fn(&Family) -> usize| self.families.iter().map(part).sum();
        let values = of(|family| size_of_val(family.records.as_slice()));
        (of(|family| family.records.len()), of(|family| family.slots.allocation_size()), values)
    }
}

#[inline]
fn change(record: &mut Record, window: usize, sign: i64, amount: i64) {
    if window == 0 {
        record[0] += sign;
    }
    record[window + 1] += sign * amount;
}
