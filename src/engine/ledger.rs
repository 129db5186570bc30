//! A ledger: the aggregates of some features, with all that they were fed since it began.
//!
//! An engine has one for the features that it started with, and one more for each reload that brought new ones. All
//! are fed alike: rows have the same numbers in each, so that whoever corrects a payment need not know how many
//! there are. Must never know a rule, a decision or an id.

use serde::{Deserialize, Serialize};

use super::armed::Arms;
use super::features::{Reader, Wanted};
use super::gather::Gathered;
use super::logs::Logs;
use super::plan::Plan;
use crate::decision::Reading;
use crate::event::Kind;
use crate::rules::{Condition, Facts, Feature, RuleSet};
use crate::state::{
    Again, Budgets, ChunkStore, Contribution, Correction, Layout, Memory, ResumeError, SavedState, Scopes,
    State,
};

/// Features of a ledger whose conditions read what only their rule set knows, with those conditions.
pub(crate) type Binding = Vec<Bound>;

/// What a rule set knows of a feature.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// Its position in the ledger.
    pub(crate) feature: usize,
    pub(crate) condition: Option<Condition>,
    /// The condition on what empties it.
    pub(crate) reset: Option<Condition>,
}

/// The aggregates of some features.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The hashes of its features, each with its position here, sorted.
    features: Vec<([u8; 32], usize)>,
    /// The positions of those whose conditions read what only their rule set knows, sorted.
    bound: Vec<usize>,
    pub(super) plan: Plan,
    pub(super) state: State,
    gathered: Gathered,
    /// Where any of its features is emptied once a payment is executed: what waits for that.
    arms: Option<Arms>,
    /// The rule set that it was made for, and the features that it was made of, in their order.
    origin: [u8; 32],
    made_of: Vec<[u8; 32]>,
    budgets: Budgets,
    /// Rows before it are not in it.
    first_row: u64,
    /// When it began; `None` where it has been there from the first event on.
    pub(super) since_us: Option<i64>,
    horizon_us: i64,
}

/// What is saved of a ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedLedger {
    /// The rule set that it was made for.
    pub(crate) origin: [u8; 32],
    made_of: Vec<[u8; 32]>,
    budgets: Budgets,
    features: Vec<([u8; 32], usize)>,
    bound: Vec<usize>,
    first_row: u64,
    since_us: Option<i64>,
    arms: Option<Arms>,
    pub(crate) state: SavedState,
}

impl Ledger {
    /// What is saved of it; shares what it holds.
    pub(crate) fn freeze(&mut self) -> SavedLedger {
        SavedLedger {
            state: self.state.freeze(),
            origin: self.origin,
            made_of: self.made_of.clone(),
            budgets: self.budgets,
            features: self.features.clone(),
            bound: self.bound.clone(),
            first_row: self.first_row,
            since_us: self.since_us,
            arms: self.arms.as_mut().map(Arms::freeze),
        }
    }

    /// A ledger that goes on from what was saved, given the rule set that it was made for. It still has to be bound to the
    /// rule set that feeds it.
    pub(crate) fn restored(saved: SavedLedger, origin: &RuleSet, logs: &Logs) -> Result<Self, ResumeError> {
        let find = |hash: &[u8; 32]| origin.features.iter().find(|feature| feature.hash == *hash);
        let features: Option<Vec<&Feature>> = saved.made_of.iter().map(find).collect();
        let features = features.ok_or(ResumeError::Unfit)?;
        let mut ledger = Self::new(&features, origin, &saved.budgets);
        logs.give(&mut ledger);
        // They may be fewer than it was made of, and are none but those.
        let held = saved.features.is_sorted()
            && saved.features.iter().all(|held| ledger.features.binary_search(held).is_ok())
            && saved.bound.iter().all(|held| ledger.bound.contains(held));
        if !held || saved.arms.is_some() != ledger.arms.is_some() {
            return Err(ResumeError::Unfit);
        }
        (ledger.features, ledger.bound) = (saved.features, saved.bound);
        (ledger.first_row, ledger.since_us) = (saved.first_row, saved.since_us);
        ledger.arms = saved.arms;
        ledger.state.resume(saved.state)?;
        Ok(ledger)
    }

    /// An empty ledger of these features of a rule set, from the first event on.
    pub(crate) fn new(features: &[&Feature], rules: &RuleSet, budgets: &Budgets) -> Self {
        let horizon_us = rules.horizon_us;
        let plan = Plan::new(features, horizon_us, rules.feedback);
        let mut hashes: Vec<_> =
            features.iter().enumerate().map(|(at, feature)| (feature.hash, at)).collect();
        hashes.sort_unstable();
        let arms = plan.emptied_later().next().map(|_| Arms::new(horizon_us));
        Self {
            features: hashes,
            bound: (0..features.len()).filter(|&at| features[at].is_bound()).collect(),
            state: State::new(&plan.spec, rules.calendar.clone(), budgets),
            gathered: Gathered::new(&plan),
            arms,
            plan,
            origin: rules.hash,
            made_of: features.iter().map(|feature| feature.hash).collect(),
            budgets: *budgets,
            first_row: 0,
            since_us: None,
            horizon_us,
        }
    }

    /// Says how an empty ledger keeps its log; see [`State::set_log`].
    pub(crate) fn set_log(
        &mut self,
        chunk_rows: usize,
        bytes_max: usize,
        store: Option<Box<dyn ChunkStore>>,
    ) {
        self.state.set_log(chunk_rows, bytes_max, store);
    }

    /// Lets an empty ledger begin after all that came in until now, with this row.
    pub(crate) fn begin(&mut self, now_us: i64, row: u64) {
        self.state.begin(now_us, row);
        self.first_row = row;
        self.since_us = Some(now_us);
    }

    /// Keeps to other budgets from now on, but for the marks of evicted keys: they stay where they are.
    pub(crate) fn set_budgets(&mut self, budgets: &Budgets) {
        self.budgets = Budgets { filter_bytes: self.budgets.filter_bytes, ..*budgets };
        self.state.set_budgets(&self.budgets);
    }

    /// When it began, in an order in which the first event comes first.
    pub(crate) fn age(&self) -> Option<i64> {
        self.since_us
    }

    /// The position here of the feature with this definition.
    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<usize> {
        let at = self.features.partition_point(|(held, _)| held < hash);
        self.features.get(at).filter(|(held, _)| held == hash).map(|&(_, position)| position)
    }

    /// Lets another rule set feed it: where the same table stands elsewhere, its conditions know that from now on. A
    /// feature that only the former rule set could feed is forgotten.
    pub(crate) fn bind(&mut self, binding: Binding) {
        if self.bound.is_empty() {
            return;
        }
        self.plan.unbind();
        binding.iter().for_each(|bound| self.plan.bind(bound));
        let goes_on = |at: usize| binding.iter().any(|bound| bound.feature == at);
        self.features.retain(|&(_, at)| self.bound.binary_search(&at).is_err() || goes_on(at));
        self.bound.retain(|&at| goes_on(at));
    }

    /// Where readings go, given features here, each with the position that its reading goes to.
    pub(crate) fn wanted(&self, reads: impl IntoIterator<Item = (usize, usize)>) -> Wanted {
        Wanted::new(&self.plan, &self.state, reads)
    }

    /// Moves its windows forward, as far as a budget goes; see [`State::advance`].
    #[inline]
    pub(crate) fn advance(&mut self, now_us: i64, budget: &mut u64) {
        self.state.advance(now_us, budget);
    }

    /// When a window moves over something next, if there is anything.
    pub(crate) fn next_due_us(&self) -> Option<i64> {
        self.state.next_due_us()
    }

    /// The scopes in which payments feed it.
    pub(crate) fn scopes(&self) -> Scopes {
        self.state.scopes()
    }

    /// Takes back what is over; see [`State::tidy`].
    #[inline]
    pub(crate) fn tidy(&mut self, idle: bool, pressed: bool) {
        self.state.tidy(idle, pressed);
    }

    /// Gathers what an event contributes to it.
    #[inline]
    pub(crate) fn gather(&mut self, facts: &Facts<'_>) {
        self.gathered.take(&self.plan, &mut self.state, facts);
    }

    /// Gathers besides what the decision carries.
    #[inline]
    pub(crate) fn gather_decided(&mut self, facts: &Facts<'_>) {
        self.gathered.take_decided(&self.plan, facts);
    }

    /// Whether what was gathered feeds any of its aggregates.
    #[inline]
    pub(crate) fn feeds(&self) -> bool {
        self.gathered.feeds()
    }

    /// Reads the features wanted, at now, for the event gathered, which happened at `time_us`.
    #[inline]
    pub(crate) fn read(&self, wanted: &Wanted, time_us: i64, readings: &mut [Reading]) {
        let Self { plan, state, gathered, since_us, .. } = self;
        Reader { plan, state, gathered, since_us: *since_us, time_us }.read_all(wanted, readings);
    }

    /// Files what was gathered as its next row, which counts at once in these scopes.
    #[inline]
    pub(crate) fn file(&mut self, time_us: i64, scopes: Scopes) {
        let Gathered { masks, keys, values, .. } = &self.gathered;
        self.state.contribute(Contribution { time_us, scopes, masks, keys, values });
    }

    /// Lets what was gathered of an allowed payment, and empties once it is executed, wait for that.
    pub(crate) fn arm(&mut self, row: u64) {
        if let Some(arms) = &mut self.arms {
            arms.arm(&mut self.state, row, &self.gathered.armed, &self.gathered.keys);
        }
    }

    /// Empties what a payment empties that is executed now.
    pub(crate) fn empty(&mut self, row: u64) {
        if let Some(arms) = &mut self.arms {
            arms.empty(&mut self.state, row, self.plan.emptied_later());
        }
    }

    /// Lets an earlier row count from now on, as its next row.
    pub(crate) fn file_again(&mut self, again: &Again) {
        self.state.contribute_again(again);
    }

    /// Whether a payment's row is in it, and something else than the row holds what it contributes.
    pub(crate) fn is_moved(&self, row: u64) -> bool {
        self.state.is_moved(row)
    }

    /// Whether a payment that happened at `time_us` is in it and can still be corrected: a longer horizon of a later
    /// rule set does not lengthen that of a ledger.
    pub(crate) fn remembers(&self, row: u64, time_us: i64, now_us: i64) -> bool {
        row >= self.first_row && now_us - time_us < self.horizon_us
    }

    /// Changes what a row contributes.
    pub(crate) fn correct(&mut self, correction: &Correction) {
        self.state.correct(correction);
    }

    /// Takes what a row contributes out for one reading; see [`State::lift`]. Of a row from before it began that is nothing.
    pub(crate) fn lift(&mut self, row: u64, held: impl Iterator<Item = Correction> + Clone) -> bool {
        row < self.first_row || self.state.lift(held)
    }

    /// Puts back what was lifted.
    pub(crate) fn put_back(&mut self, row: u64, held: impl Iterator<Item = Correction>) {
        if row >= self.first_row {
            self.state.put_back(held);
        }
    }

    /// Whether events of a kind may bring texts.
    #[inline]
    pub(crate) fn names_keys(&self, kind: Kind) -> bool {
        !self.plan.kinds[kind as usize].key_fields.is_empty()
    }

    /// Texts that its keys are made of.
    #[inline]
    pub(crate) fn texts(&self) -> u32 {
        self.state.texts()
    }

    /// Late and corrected contributions that it holds.
    #[inline]
    pub(crate) fn side_entries(&self) -> usize {
        self.state.side_entries()
    }

    /// Bytes of one of each thing that it keeps.
    pub(crate) fn layout(&self) -> Layout {
        self.state.layout()
    }

    /// Most entries that one event can add to them: what a payment holds is taken back and put anew, and the event may
    /// be late itself.
    #[inline]
    pub(crate) fn side_entries_an_event(&self) -> usize {
        3 * self.state.scopes().len()
    }

    /// Bytes of the resets that wait.
    pub(crate) fn arms_bytes(&self) -> usize {
        self.arms.as_ref().map_or(0, Arms::bytes)
    }

    /// Keys held.
    pub(crate) fn keys_held(&self) -> u64 {
        self.state.keys_held()
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> Memory {
        self.state.memory()
    }
}
