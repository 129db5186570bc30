//! Rules that would catch what a rule set misses, found in history: searched for on the first part of the measured time, and held against
//! the rest.
//!
//! Two passes. The first keeps what the rule set knew of the payments that it let through, and conditions over that are searched (`search`
//! says how). In the second the engine decides all payments with the suggestions in shadow, and all figures are of that.
//!
//! Promises that a suggestion reads nothing that was not known when its payment was decided; that what does not hold on the time that was
//! held out is told so; and the same suggestions whatever order rules stand in, on any number of threads. Must never know how a rule or a window
//! is computed, nor print.

mod attributes;
mod ground;
mod judge;
/// What was suggested.
pub mod result;
mod round;
mod rows;
mod search;
mod test;
mod write;

use thiserror::Error;

pub use search::CONDITIONS_MAX;
pub use write::{rules_file, with_values};

use super::PassRates;
use super::data::{DataError, DataSet, Labels};
use super::report::Measured;
use super::run::{BacktestError, Course, Events, Shown, Span, Stands};
use super::split::{Side, Split};
use super::sweep::Tried;
use super::sweep::result::Costs;
use crate::decision::Outcome;
use crate::engine::{Limits, LimitsError};
use crate::rules::{Refused, RuleSet, Sources};
use attributes::{Attributes, Form};
use ground::Ground;
use judge::{Judge, Judged};
use result::{Proposal, Searched, Suggested, Weighs};
use rows::{GENUINE_MAX, Kept};
use search::{Aim, BEAM, Merit, Search, passing};
use test::{Is, Test};
use write::Named;

/// What is searched by, and where it is published.
const METHOD: &str = "subgroup discovery with weighted covering, CN2-SD (Lavrač, Kavšek, Flach, Todorovski: Subgroup Discovery with CN2-SD, JMLR 5, 2004), best by weighted relative accuracy against the precision that is asked for";

/// Most rules of one run.
pub const RULES_MAX: usize = 50;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Rules at most, up to [`RULES_MAX`].
    pub rules_max: usize,
    /// Conditions of a rule at most, up to [`CONDITIONS_MAX`].
    pub conditions_max: usize,
    /// The precision that a rule must have, from 0 to 1.
    pub precision_min: f64,
    /// Accounts of which a rule must catch frauds that none before it catches; one alone may be a case of its own.
    pub accounts_min: usize,
    /// What a missed fraud weighs.
    pub objective: Weighs,
    /// Who passes a step-up.
    pub pass: PassRates,
    /// What bothering people costs.
    pub costs: Costs,
    /// The share of the measured time that is searched, from 0 to 1.
    pub split: f64,
    /// Replicates of the bootstrap; 0 for none.
    pub replicates: u32,
    /// What it draws from.
    pub seed: u64,
    /// How long windows are let warm; `None` for the longest window of all features, since a suggestion may read any.
    pub warm_us: Option<i64>,
    /// How long a label takes to be mature.
    pub mature_us: i64,
    /// Bounds of the engine.
    pub limits: Limits,
    /// The path by which the file of suggestions can extend the rule file.
    pub extends: String,
}

/// What was found, with what became of the events.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was found.
    pub suggested: Suggested,
    /// What became of the events.
    pub events: Events,
}

/// Why nothing can be suggested.
#[derive(Debug, Error)]
pub enum SuggestError {
    /// The rule file can't be used.
    #[error(transparent)]
    Rules(#[from] Refused),
    /// What was found can't be put into the rule file.
    #[error("the rule file can't take suggestions in: {0}")]
    NotTaken(Refused),
    /// The data set or the engine fails.
    #[error(transparent)]
    Run(#[from] BacktestError),
}

impl From<DataError> for SuggestError {
    fn from(error: DataError) -> Self {
        Self::Run(error.into())
    }
}

impl From<LimitsError> for SuggestError {
    fn from(error: LimitsError) -> Self {
        Self::Run(error.into())
    }
}

/// Suggests rules for what a rule file misses in a data set. `progress` is told how many rows have been given to the engine.
///
/// # Errors
///
/// Where the rule file can't be used, or the data set fails. That nothing is found is none.
pub fn suggest(
    data: &DataSet,
    tried: &Tried,
    asked: &Asked,
    mut progress: impl FnMut(u64),
) -> Result<Found, SuggestError> {
    asked.limits.check()?;
    let base = tried.sources.rule_set()?;
    let last_us = data.span()?.map(|(_, last_us)| last_us);
    let longest = || base.features.iter().map(|feature| feature.window.span_us() + feature.delay_us).max();
    let warm_us = asked.warm_us.unwrap_or_else(|| longest().unwrap_or(0));
    let span = Span::new(warm_us, asked.mature_us, last_us);
    let split = Split::new(span, asked.split, last_us);
    let labels = data.labels()?;
    let mut passes = Passes { data, tried, labels: &labels, limits: asked.limits, span, rows: 0 };

    let mut attributes = Attributes::of(&base);
    let mut kept = Kept::new(attributes.len(), GENUINE_MAX);
    let mut values = Vec::new();
    let keep = |shown: &Shown<'_>| {
        let fact = &shown.fact;
        let is_searched = shown.stands == Stands::Measured
            && fact.outcome == Outcome::Allow
            && fact.truth.label.is_some()
            && split.side(fact.time_us, shown.first_us) == Side::Tuning;
        if is_searched {
            attributes.read(shown, &mut values);
            kept.take(fact, &values);
        }
    };
    passes.pass(&base, keep, &mut progress)?;
    let (proposed, searched) = proposed(&attributes, &kept, asked);
    drop(kept);

    let prefix = write::prefix(&tried.sources);
    let id = |at: usize| format!("{prefix}_{}", at + 1);
    let named: Vec<Named> = (0..)
        .zip(&proposed)
        .map(|(at, (tests, _))| write::named(id(at), tests, &attributes, base.currency))
        .collect();
    let stands = Stood::new(&tried.sources, &base, &named, &asked.extends)?;
    let ids: Vec<String> = named.iter().map(|named| named.id.clone()).collect();
    let mut judge = Judge::new(&stands.rules, &ids, asked, split);
    let (measured, events) = passes.pass(&stands.rules, |shown| judge.take(shown), &mut progress)?;

    let measured = split.measured(&measured);
    let ([tuning, held_out], judged) = judge.finish(measured.days());
    let merits = proposed.iter().map(|(_, merit)| *merit);
    let mut proposals: Vec<Proposal> = named
        .into_iter()
        .zip(merits)
        .zip(judged)
        .map(|((named, merit), judged)| proposal(named, merit, judged))
        .collect();
    proposals.sort_by_key(|proposal| !proposal.holds);
    let suggested = Suggested {
        method: METHOD.to_owned(),
        suggested_hash: (!proposals.is_empty()).then(|| stands.rules.hash_text()),
        extends: stands.extends,
        why_a_part: stands.why_a_part,
        measured,
        searched,
        tuning,
        held_out,
        proposals,
    };
    Ok(Found { suggested, events })
}

/// Passes over the data set.
struct Passes<'a> {
    data: &'a DataSet,
    tried: &'a Tried,
    labels: &'a Labels,
    limits: Limits,
    span: Span,
    rows: u64,
}

impl Passes<'_> {
    /// Every event once through an engine with these rules.
    fn pass(
        &mut self,
        rules: &RuleSet,
        mut take: impl FnMut(&Shown<'_>),
        progress: &mut impl FnMut(u64),
    ) -> Result<(Measured, Events), BacktestError> {
        let beside = (self.tried.lists.clone(), self.tried.rates.clone());
        let mut course = Course::new(rules.clone(), beside, self.labels, self.limits, self.span);
        for batch in self.data.events(&rules.schema)? {
            let batch = batch?;
            self.rows += batch.rows() as u64;
            course.batch(&batch, |_, shown| take(shown));
            progress(self.rows);
        }
        let measured = course.measured(Measured::default());
        Ok((measured, course.finish().0))
    }
}

/// The rule file with suggestions in it.
struct Stood {
    rules: RuleSet,
    extends: Option<String>,
    why_a_part: Option<String>,
}

impl Stood {
    /// In a file above it, or behind it where it can't be extended.
    fn new(sources: &Sources, base: &RuleSet, named: &[Named], path: &str) -> Result<Self, SuggestError> {
        let above = sources.beneath("suggested.rules.toml", &write::bare(base, named, Some(path)));
        match above.rule_set() {
            Ok(rules) => Ok(Self { rules, extends: Some(path.to_owned()), why_a_part: None }),
            Err(why) => {
                let rules = sources.continued(&write::bare(base, named, None)).rule_set();
                let rules = rules.map_err(SuggestError::NotTaken)?;
                Ok(Self { rules, extends: None, why_a_part: Some(why.to_string()) })
            }
        }
    }
}

/// The conjunctions that are best, each for what those before it left, and what they were searched in.
fn proposed(attributes: &Attributes, kept: &Kept, asked: &Asked) -> (Vec<(Vec<Test>, Merit)>, Searched) {
    let ground = Ground::new(test::all(attributes, kept), kept, asked.objective == Weighs::Value);
    let names = |searched: bool| {
        let of = attributes.iter().filter(|attribute| attribute.is_searched() == searched);
        of.map(|attribute| attribute.name.clone()).collect()
    };
    let searched = Searched {
        names: names(true),
        given_up: names(false),
        tests: ground.tests.len() as u64,
        frauds: kept.frauds.len() as u64,
        genuine: kept.genuine.len() as u64,
        genuine_share: kept.genuine_share(),
    };
    let aim = Aim {
        conditions_max: asked.conditions_max,
        precision_min: asked.precision_min.clamp(0.0, 1.0),
        accounts_min: asked.accounts_min,
        beam: BEAM,
        beam_alike: BEAM / 4,
    };
    let mut search = Search::new(&ground, aim);
    let mut all = Vec::new();
    while all.len() < asked.rules_max.min(RULES_MAX)
        && let Some((mut tests, _)) = search.best()
    {
        let mut look = |tests: &[Test]| search.look(tests, kept);
        let mut merit = look(&tests);
        needed(&mut tests, &mut merit, &mut look);
        rounded(&mut tests, &mut merit, attributes, &mut look);
        search.cover(&passing(&tests, kept));
        all.push((tests, merit));
    }
    (all, searched)
}

/// Leaves out conditions without which the conjunction is as good: the beam need not have come by what is left.
fn needed(tests: &mut Vec<Test>, merit: &mut Merit, look: &mut impl FnMut(&[Test]) -> Merit) {
    for at in (0..tests.len()).rev().filter(|_| tests.len() > 1).collect::<Vec<usize>>() {
        let mut fewer = tests.clone();
        fewer.remove(at);
        let found = look(&fewer);
        if found.is_as_good_as(merit) && !fewer.is_empty() {
            (*tests, *merit) = (fewer, found);
        }
    }
}

/// Puts round thresholds in the place of others, where the conjunction stays as good.
fn rounded(
    tests: &mut [Test],
    merit: &mut Merit,
    attributes: &Attributes,
    look: &mut impl FnMut(&[Test]) -> Merit,
) {
    for at in 0..tests.len() {
        let Some(&Test { attribute, is }) = tests.get(at) else { break };
        let form = attributes.get(attribute).map_or(Form::Truth, |attribute| attribute.form);
        let (value, with): (f64, fn(f64) -> Is) = match is {
            Is::AtLeast(value) => (value, Is::AtLeast),
            Is::AtMost(value) => (value, Is::AtMost),
            Is::Equal(_) => continue,
        };
        for round in round::rounder(value, form) {
            if let Some(test) = tests.get_mut(at) {
                test.is = with(round);
            }
            let found = look(tests);
            if found.is_as_good_as(merit) {
                *merit = found;
                break;
            }
            if let Some(test) = tests.get_mut(at) {
                test.is = is;
            }
        }
    }
}

fn proposal(named: Named, merit: Merit, judged: Judged) -> Proposal {
    let Judged { tuning, held_out, range, why_not, overlap } = judged;
    Proposal {
        id: named.id,
        when: named.when,
        conditions: named.parts,
        accuracy: merit.accuracy,
        holds: why_not.is_none(),
        why_not,
        tuning,
        held_out,
        low: range.low,
        high: range.high,
        overlap,
    }
}
