//! One engine of a sweep on its way through the data, with what every combination that shares it does.
//!
//! Promises that a combination is answered here as by an engine of its own with the same state: by the same rules that fire, the same
//! overrides, policy, control group and dialogue.

use hashbrown::HashMap;

use foldhash::fast::FixedState;

use super::Asked;
use super::held::{Rows, Scratch, Varied, Version, has};
use super::tally::{Tallied, Tally};
use crate::backtest::data::Batch;
use crate::backtest::report::Measured;
use crate::backtest::run::{Course, Events, Shown, Stands};
use crate::backtest::split::Split;
use crate::decision::Decision;
use crate::engine::{Circumstances, Verdict};
use crate::rules::{Mode, RuleSet};

/// An engine with what is kept of its payments.
pub(super) struct Run<'a> {
    course: Course<'a>,
    taking: Taking<'a>,
}

/// What is kept of payments.
struct Taking<'a> {
    varied: &'a [Varied],
    rows: Rows,
    scratch: Scratch,
    split: Split,
    /// Those that were seen so far, by number.
    circumstances: HashMap<Circumstances, u64, FixedState>,
    tally: Tally,
    signature: Vec<u64>,
    /// Whether the engine decided what goes on, because history says no answer.
    decides: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        course: Course<'a>,
        varied: &'a [Varied],
        versions: &[Version],
        split: Split,
        asked: &Asked,
    ) -> Self {
        let taking = Taking {
            varied,
            rows: Rows::new(versions.to_vec()),
            scratch: Scratch::default(),
            split,
            circumstances: HashMap::default(),
            tally: Tally::new(asked.pass.clone(), asked.replicates > 0),
            signature: Vec::new(),
            decides: false,
        };
        Self { course, taking }
    }

    /// Takes in a batch.
    pub(super) fn batch(&mut self, batch: &Batch) {
        let Self { course, taking } = self;
        let rules = std::sync::Arc::clone(course.rules());
        course.batch(batch, |_, shown| taking.take(&rules, shown));
    }

    /// What came of it, for these combinations.
    pub(super) fn finish(self, combinations: Vec<usize>) -> Ran {
        let Self { course, taking } = self;
        let rules = std::sync::Arc::clone(course.rules());
        let measured = course.measured(Measured::default());
        let (events, _) = course.finish();
        let mut circumstances = vec![Circumstances::default(); taking.circumstances.len()];
        for (held, number) in taking.circumstances {
            if let Some(place) = circumstances.get_mut(number as usize) {
                *place = held;
            }
        }
        let tallied = taking.tally.finish();
        let rows = Verdicts::new(&rules, taking.varied, &circumstances).rows(&tallied, &combinations);
        Ran { combinations, rows, tallied, measured, events, decides: taking.decides }
    }
}

/// What came of one engine's way.
pub(super) struct Ran {
    pub(super) combinations: Vec<usize>,
    pub(super) rows: VerdictRows,
    pub(super) tallied: Tallied,
    pub(super) measured: Measured,
    pub(super) events: Events,
    pub(super) decides: bool,
}

impl Taking<'_> {
    fn take(&mut self, rules: &RuleSet, shown: &Shown<'_>) {
        self.decides |= shown.answered.is_none();
        if shown.stands != Stands::Measured {
            return;
        }
        let side = self.split.side(shown.fact.time_us, shown.first_us);
        let signs = self.sign(rules, shown);
        self.tally.take(&shown.fact, side, signs.then_some(self.signature.as_slice()));
    }

    /// Writes the signature of a payment; false where no combination does anything about it. It has the number of the
    /// circumstances, how many rules fired that don't vary, those, and for each that varies its number and the bits of its variants.
    fn sign(&mut self, rules: &RuleSet, shown: &Shown<'_>) -> bool {
        let Shown { event, decision, engine, .. } = *shown;
        let varies = |at: &u16| self.varied.iter().any(|varied| varied.at == *at);
        let is_live =
            |at: &u16| rules.rules.get(usize::from(*at)).is_some_and(|rule| rule.mode == Mode::Live);
        self.signature.clear();
        self.signature.extend([0, 0]);
        let fired = decision.fired.iter().chain(&decision.overridden);
        self.signature.extend(fired.filter(|at| is_live(at) && !varies(at)).map(|&at| u64::from(at)));
        let fixed = self.signature.len() - 2;
        if let Some(rest) = self.signature.get_mut(2..) {
            rest.sort_unstable();
        }
        if !self.varied.is_empty() {
            let facts = engine.facts(event);
            self.rows.next();
            for (number, varied) in (0..).zip(self.varied) {
                // A breaker is where the rule file as it is has brought it.
                if decision.tripped.contains(&varied.at) {
                    continue;
                }
                if let Some(bits) = varied.fires(&facts, &mut self.rows, &mut self.scratch) {
                    self.signature.push(number);
                    self.signature.extend_from_slice(bits);
                }
            }
        }
        let nothing = self.signature.len() == 2;
        if nothing && !shown.executed_before.contains(&true) {
            return false;
        }
        let circumstances = engine.circumstances(event, shown.executed_before);
        if nothing && !circumstances.alert_alone() {
            return false;
        }
        let next = self.circumstances.len() as u64;
        let number = *self.circumstances.entry(circumstances).or_insert(next);
        if let [of, count, ..] = self.signature.as_mut_slice() {
            (*of, *count) = (number, fixed as u64);
        }
        true
    }
}

/// Says what combinations do about signatures.
struct Verdicts<'a> {
    rules: &'a RuleSet,
    varied: &'a [Varied],
    circumstances: &'a [Circumstances],
    decision: Decision,
}

impl<'a> Verdicts<'a> {
    fn new(rules: &'a RuleSet, varied: &'a [Varied], circumstances: &'a [Circumstances]) -> Self {
        Self { rules, varied, circumstances, decision: Decision::default() }
    }

    /// What each of these combinations does, by signature.
    fn rows(mut self, tallied: &Tallied, combinations: &[usize]) -> VerdictRows {
        let mut columns: Vec<Vec<Verdict>> = Vec::with_capacity(tallied.signatures.len());
        for signature in &tallied.signatures {
            columns.push(self.column(signature, combinations));
        }
        let mut numbers: HashMap<Vec<Verdict>, u32, FixedState> = HashMap::default();
        let mut rows = VerdictRows::default();
        for at in 0..combinations.len() {
            let row: Vec<Verdict> =
                columns.iter().map(|column| column.get(at).copied().unwrap_or_default()).collect();
            let next = rows.distinct.len() as u32;
            let number = *numbers.entry(row).or_insert_with_key(|row| {
                rows.distinct.push(row.clone());
                next
            });
            rows.of.push(number as usize);
        }
        rows
    }

    fn column(&mut self, signature: &[u64], combinations: &[usize]) -> Vec<Verdict> {
        let [circumstances, count, rest @ ..] = signature else { return Vec::new() };
        let (fixed, mut rest) = rest.split_at((*count as usize).min(rest.len()));
        let mut fired_in: Vec<(&Varied, &[u64])> = Vec::new();
        while let [number, more @ ..] = rest {
            let Some(varied) = self.varied.get(*number as usize) else { break };
            let (bits, after) = more.split_at(varied.words().min(more.len()));
            fired_in.push((varied, bits));
            rest = after;
        }
        let fallback = Circumstances::default();
        let circumstances = self.circumstances.get(*circumstances as usize).unwrap_or(&fallback);
        let mut known: HashMap<Vec<u16>, Verdict, FixedState> = HashMap::default();
        let mut fired: Vec<u16> = Vec::new();
        let of = |&combination: &usize| {
            fired.clear();
            fired.extend(fixed.iter().map(|&at| at as u16));
            let fires = |varied: &Varied, bits: &[u64]| {
                varied.variant_of.get(combination).is_some_and(|&variant| has(bits, variant as usize))
            };
            fired.extend(
                fired_in.iter().filter(|(varied, bits)| fires(varied, bits)).map(|(varied, _)| varied.at),
            );
            fired.sort_unstable();
            if let Some(&verdict) = known.get(&fired) {
                return verdict;
            }
            let verdict = circumstances.verdict(self.rules, &fired, &mut self.decision);
            known.insert(fired.clone(), verdict);
            verdict
        };
        combinations.iter().map(of).collect()
    }
}

/// What combinations do about signatures; those that do the same share a row.
#[derive(Debug, Default)]
pub(super) struct VerdictRows {
    /// By signature.
    pub(super) distinct: Vec<Vec<Verdict>>,
    /// By combination of the group, which row it has.
    pub(super) of: Vec<usize>,
}
