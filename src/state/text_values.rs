//! The values that are numbers of texts: counted as distinct or kept in order, they keep their texts in use.

use super::dictionary::Dictionary;
use super::spec::{Measure, Spec};

/// Values of one column that cells of texts of one family take.
#[derive(Debug)]
struct Taken {
    family: usize,
    /// The bits that feed those cells.
    bits: u64,
    column: usize,
    /// How long a value may be in a window, or corrected; `None` for ever.
    reach_us: Option<i64>,
}

/// What values are numbers of texts, and for how long.
#[derive(Debug)]
pub(crate) struct TextValues(Vec<Taken>);

impl TextValues {
    /// Those that the cells of a state take.
    pub(crate) fn new(spec: &Spec) -> Self {
        let mut all: Vec<Taken> = Vec::new();
        for (family, cells) in spec.families.iter().map(|family| &family.cells).enumerate() {
            for cell in cells {
                let (Measure::Distinct { column } | Measure::Sequence { column, texts: true }) = cell.measure
                else {
                    continue;
                };
                let (bits, reach_us) = (1 << cell.bit, cell.span.reach_us());
                match all.iter_mut().find(|taken| taken.family == family && taken.column == column) {
                    Some(taken) => {
                        taken.bits |= bits;
                        taken.reach_us =
                            taken.reach_us.zip(reach_us).map(|(longest, reach)| longest.max(reach));
                    }
                    None => {
                        let reach_us = reach_us.map(|reach_us| reach_us.max(spec.horizon_us));
                        all.push(Taken { family, bits, column, reach_us });
                    }
                }
            }
        }
        Self(all)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the texts of what is filed or corrected now in use for as long as a window may hold their numbers.
    #[inline]
    pub(crate) fn carry(
        &self,
        dictionary: &mut Dictionary,
        now_us: i64,
        mask: impl Fn(usize) -> u64,
        value: impl Fn(usize) -> i64,
    ) {
        for taken in self.0.iter().filter(|taken| mask(taken.family) & taken.bits != 0) {
            let until_us = taken.reach_us.map(|reach_us| now_us.saturating_add(reach_us));
            dictionary.carry(value(taken.column) as u32, until_us);
        }
    }
}
