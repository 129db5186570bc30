//! A rule whose condition varies: in which of its variants it fires on a payment.
//!
//! The variants of a condition have most of what they are made of in common. Each distinct part that must hold is looked at once a
//! payment, whatever the number of variants that it stands in; which variants fire follows by sets of bits.
//!
//! Promises exactly what the engine says of each variant by itself. Must never know what a variant is for.

use crate::engine::{fires_where, looks_at};
use crate::rules::{Condition, Facts, OnUnknown, Rule, Table};

/// Bits in a word of a set.
const WORD: usize = u64::BITS as usize;

/// A set of variants.
pub(super) type Bits = Vec<u64>;

/// Whether a variant is in a set.
pub(super) fn has(bits: &[u64], variant: usize) -> bool {
    bits.get(variant / WORD).is_some_and(|word| word >> (variant % WORD) & 1 == 1)
}

/// Tables as parameters make them: what conditions read that name them.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// With their positions, each after those that it reads.
    pub(super) tables: Vec<(u16, Table)>,
}

/// The rows of tables that hold for one payment, by version; worked out when first asked for.
#[derive(Debug)]
pub(super) struct Rows {
    versions: Vec<Version>,
    rows: Vec<Vec<Option<u16>>>,
    known: Vec<bool>,
}

impl Rows {
    pub(super) fn new(versions: Vec<Version>) -> Self {
        Self { rows: vec![Vec::new(); versions.len()], known: vec![false; versions.len()], versions }
    }

    /// Forgets the payment before.
    pub(super) fn next(&mut self) {
        self.known.fill(false);
    }

    /// The facts with the tables of a version.
    fn of<'f>(&'f mut self, version: usize, facts: &Facts<'f>) -> Facts<'f> {
        let Self { versions, rows, known } = self;
        let (Some(version), Some(rows), Some(known)) =
            (versions.get(version), rows.get_mut(version), known.get_mut(version))
        else {
            return *facts;
        };
        if !*known {
            *known = true;
            rows.clear();
            rows.extend_from_slice(facts.tables);
            for (at, table) in &version.tables {
                let row = table.row(&Facts { tables: rows, ..*facts });
                if let Some(held) = rows.get_mut(usize::from(*at)) {
                    *held = row;
                }
            }
        }
        Facts { tables: rows, ..*facts }
    }
}

/// A part of a condition that must hold, in some of the variants.
#[derive(Clone, Debug)]
struct Part {
    holds: Condition,
    /// The version of the tables that it is read with; `None` where those are the rule file's.
    version: Option<usize>,
    of: Bits,
}

/// A rule with all variants of its condition.
#[derive(Clone, Debug)]
pub(super) struct Varied {
    /// Its position in the rule set.
    pub(super) at: u16,
    /// By combination, which variant it has.
    pub(super) variant_of: Vec<u32>,
    /// It, with whichever condition.
    rule: Rule,
    /// Those of most variants first.
    parts: Vec<Part>,
    all: Bits,
}

impl Varied {
    /// A rule of which combinations have these variants, each a condition and the version of the tables that it reads.
    pub(super) fn new(
        at: u16,
        rule: Rule,
        variants: &[(Condition, Option<usize>)],
        variant_of: Vec<u32>,
    ) -> Self {
        let words = variants.len().div_ceil(WORD);
        let mut parts: Vec<Part> = Vec::new();
        let mut all = vec![0; words];
        for (variant, (condition, version)) in variants.iter().enumerate() {
            let (word, bit) = (variant / WORD, 1_u64 << (variant % WORD));
            set(&mut all, word, bit);
            for holds in condition.conjuncts() {
                let held = parts.iter_mut().find(|part| part.version == *version && part.holds == holds);
                match held {
                    Some(part) => set(&mut part.of, word, bit),
                    None => {
                        let mut of = vec![0; words];
                        set(&mut of, word, bit);
                        parts.push(Part { holds, version: *version, of });
                    }
                }
            }
        }
        parts
            .sort_by_key(|part| std::cmp::Reverse(part.of.iter().map(|word| word.count_ones()).sum::<u32>()));
        Self { at, variant_of, rule, parts, all }
    }

    /// How many words a set of its variants has.
    pub(super) fn words(&self) -> usize {
        self.all.len()
    }

    /// Finds the variants in which it fires; `None` where it fires in none.
    pub(super) fn fires<'s>(
        &self,
        facts: &Facts<'_>,
        rows: &mut Rows,
        scratch: &'s mut Scratch,
    ) -> Option<&'s [u64]> {
        if !looks_at(&self.rule, facts.event) {
            return None;
        }
        let Scratch { holds, unknown } = scratch;
        holds.clone_from(&self.all);
        unknown.clear();
        unknown.resize(holds.len(), 0);
        for part in &self.parts {
            if part.of.iter().zip(&*holds).all(|(of, holds)| of & holds == 0) {
                continue;
            }
            let truth = match part.version {
                None => part.holds.holds(facts),
                Some(version) => part.holds.holds(&rows.of(version, facts)),
            };
            match truth {
                Some(true) => {}
                Some(false) => {
                    holds.iter_mut().zip(&part.of).for_each(|(holds, of)| *holds &= !of);
                    if holds.iter().all(|word| *word == 0) {
                        return None;
                    }
                }
                None => unknown.iter_mut().zip(&part.of).for_each(|(unknown, of)| *unknown |= of),
            }
        }
        if self.rule.on_unknown != OnUnknown::Fires {
            holds.iter_mut().zip(&*unknown).for_each(|(holds, unknown)| *holds &= !unknown);
        }
        let any = holds.iter().any(|word| *word != 0);
        (any && fires_where(&self.rule, Some(true), facts.event)).then_some(holds)
    }
}

/// What variants are found in; used again for the next payment.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    holds: Bits,
    unknown: Bits,
}

fn set(bits: &mut [u64], word: usize, bit: u64) {
    if let Some(word) = bits.get_mut(word) {
        *word |= bit;
    }
}
