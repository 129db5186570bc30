//! One engine of a sweep on its way through the data, with what every combination that shares it does.
//!
//! Promises that a combination is answered here as by an engine of its own with the same state: by the same rules that fire, the same
//! overrides, policy, control group and dialogue.

use std::path::Path;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Asked;
use super::held::{Rows, Scratch, Varied, Version, has};
use super::tally::{Tallied, Tally};
use crate::backtest::data::Batch;
use crate::backtest::kept::{Keeper, Kept, KeptError, Past, Wanted, Watch};
use crate::backtest::report::Measured;
use crate::backtest::run::{Course, Events, Shown, Span, Stands};
use crate::backtest::split::Split;
use crate::decision::Decision;
use crate::engine::{Circumstances, Verdict};
use crate::rules::{Mode, RuleSet};

/// An engine with what is taken of its payments.
pub(super) struct Run<'a> {
    course: Course<'a>,
    keeper: Option<Keeper>,
    taking: Taking<'a>,
}

/// What is taken of payments.
pub(super) struct Taking<'a> {
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
    /// With what its payments are decided from kept in a folder, where there is one.
    pub(super) fn new(course: Course<'a>, taking: Taking<'a>, folder: Option<&Path>) -> Self {
        // What can't be kept is computed the next time, too.
        let keeper = folder.and_then(|folder| Keeper::begin(folder, course.rules()).ok());
        Self { course, keeper, taking }
    }

    /// Takes in a batch.
    pub(super) fn batch(&mut self, batch: &Batch) {
        let Self { course, keeper, taking } = self;
        let rules = Arc::clone(course.rules());
        course.batch(batch, |_, shown| {
            keeper.iter_mut().for_each(|keeper| keeper.take(shown));
            taking.take(&rules, shown);
        });
    }

    /// What came of it, for these combinations.
    pub(super) fn finish(self, combinations: Vec<usize>) -> Ran {
        let Self { course, keeper, taking } = self;
        let rules = Arc::clone(course.rules());
        let measured = course.measured(Measured::default());
        let (events, _, first_us) = course.finish();
        let kept = keeper.map_or(Kept::Off, |keeper| keeper.finish(&events, first_us));
        taking.finish(&rules, (measured, events, kept), combinations)
    }
}

/// Takes what is shown of what is kept.
struct Watching<'a> {
    rules: &'a RuleSet,
    taking: Taking<'a>,
}

impl Watch for Watching<'_> {
    fn show(&mut self, shown: &Shown<'_>) {
        self.taking.take(self.rules, shown);
    }
}

/// What comes of what is kept, for these combinations, as of an engine.
pub(super) fn again(
    mut past: Past,
    taking: Taking<'_>,
    span: Span,
    threads: usize,
    combinations: Vec<usize>,
) -> Result<Ran, KeptError> {
    let rules = Arc::clone(past.rules());
    let (looked_at, all) = past.looked_at();
    let varied = taking.varied.iter().filter_map(|varied| rules.rules.get(usize::from(varied.at)));
    let wanted = Wanted::by(&rules, varied);
    let mut watching = Watching { rules: &rules, taking };
    past.each(span, threads, Some(&wanted), &mut watching)?;
    let taking = watching.taking;
    let measured = span.measured(past.first_us(), past.warming_and_immature(), Measured::default());
    let kept = Kept::Reused { looked_at, rules: all };
    Ok(taking.finish(&rules, (measured, past.events().clone(), kept), combinations))
}

/// What came of one engine's way.
pub(super) struct Ran {
    pub(super) combinations: Vec<usize>,
    pub(super) rows: VerdictRows,
    pub(super) tallied: Tallied,
    pub(super) measured: Measured,
    pub(super) events: Events,
    pub(super) decides: bool,
    pub(super) kept: Kept,
}

impl<'a> Taking<'a> {
    pub(super) fn new(varied: &'a [Varied], versions: &[Version], split: Split, asked: &Asked) -> Self {
        Self {
            varied,
            rows: Rows::new(versions.to_vec()),
            scratch: Scratch::default(),
            split,
            circumstances: HashMap::default(),
            tally: Tally::new(asked.pass.clone(), asked.replicates > 0),
            signature: Vec::new(),
            decides: false,
        }
    }

    fn finish(
        self,
        rules: &RuleSet,
        (measured, events, kept): (Measured, Events, Kept),
        combinations: Vec<usize>,
    ) -> Ran {
        let mut circumstances = vec![Circumstances::default(); self.circumstances.len()];
        for (held, number) in self.circumstances {
            if let Some(place) = circumstances.get_mut(number as usize) {
                *place = held;
            }
        }
        let tallied = self.tally.finish();
        let rows = Verdicts::new(rules, self.varied, &circumstances).rows(&tallied, &combinations);
        Ran { combinations, rows, tallied, measured, events, decides: self.decides, kept }
    }

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
        let Shown { decision, basis, .. } = *shown;
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
            let facts = basis.facts();
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
        let circumstances = basis.circumstances();
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
