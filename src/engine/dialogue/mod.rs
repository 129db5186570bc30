//! The dialogue with the customer: what is open, how answers end it, and what lapses.
//!
//! Promises that a payment that waits for its answer is looked at again with all that holds by then, that a requirement
//! only ever becomes stricter, and that nothing is allowed late, twice or for another payment. Must never know what a
//! method is: it compares words.

mod answer;
mod answered;
mod lapse;
mod lapses;
mod lift;
mod locks;

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use serde::{Deserialize, Serialize};

use super::NotAllowed;
use super::answers::Place;
use super::limits::Limits;
use super::recent::Recent;
use crate::decision::{Decision, Outcome, Requirement};
use crate::event::{Draft, Event, Kept, TEXT_BYTES_MAX, TextField};
use crate::rules::RuleSet;
use crate::rules::limits::ATTEMPTS_MAX;
use crate::shared::Shared;
use lapses::Lapses;
use locks::Locks;

/// Bytes of all the methods that one payment can have presented: its own, and those of each attempt, each with a comma.
pub(super) const PRESENTED_BYTES_MAX: usize = (ATTEMPTS_MAX as usize + 1) * (TEXT_BYTES_MAX + 1);

/// A dialogue that is open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Open {
    id: u64,
    expires_us: i64,
    attempts_left: u32,
    /// All that was required so far, as sets of methods of this rule set.
    requirement: Vec<u64>,
    rule_set: u32,
    /// The methods presented so far, joined by commas.
    presented: String,
    transaction: Kept,
}

/// The payment that was looked at again last.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) draft: Draft,
    /// The methods presented by then.
    pub(super) presented: String,
}

/// How a dialogue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Ended {
    /// By an answer that allowed the payment.
    Allowed,
    /// By an answer that blocked it.
    Blocked,
    /// By itself.
    Lapsed,
}

/// An attempt to authenticate, with its answer.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Attempt {
    content: u64,
    answer: Place,
}

/// What an authentication means to the dialogue that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing: it is something else, or the engine leads no dialogue.
    Nothing,
    /// The same attempt at a transaction was answered before.
    Before(Place, u128),
    /// The payment waits for no answer.
    Over,
    /// It answers the open dialogue about this payment.
    Open(u128),
}

/// All dialogues.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Dialogues {
    open: BTreeMap<u128, Shared<Open>>,
    ended: Recent<Ended>,
    attempts: Recent<Attempt>,
    /// When open ones lapse.
    lapses: Lapses,
    /// When allowed payments are no longer pending.
    pendings: Lapses,
    locks: Locks,
}

impl Dialogues {
    /// None yet; what is over is remembered for a horizon of time.
    pub(super) fn new(rules: &RuleSet, limits: &Limits) -> Self {
        let horizon_us = rules.horizon_us;
        let (ended, attempts) = (
            Recent::new(horizon_us, limits.corrections_max),
            Recent::new(horizon_us, limits.corrections_max),
        );
        let (lapses, pendings) = (Lapses::default(), Lapses::default());
        let locks = Locks::new(rules, limits);
        Self { open: BTreeMap::new(), ended, attempts, lapses, pendings, locks }
    }

    /// A copy that shares what it holds.
    pub(super) fn freeze(&mut self) -> Self {
        Self {
            open: self.open.iter_mut().map(|(&identity, open)| (identity, open.share())).collect(),
            ended: self.ended.freeze(),
            attempts: self.attempts.freeze(),
            lapses: self.lapses.freeze(),
            pendings: self.pendings.freeze(),
            locks: self.locks.freeze(),
        }
    }

    /// Forgets what is known under an identity: from now on it is another event's.
    pub(super) fn forget(&mut self, identity: u128, now_us: i64) {
        if !self.open.is_empty() {
            self.open.remove(&identity);
        }
        if self.ended.get(identity, now_us).is_some() {
            self.ended.remove(identity);
        }
    }

    /// Goes on with another rule set from now on.
    pub(super) fn go_on(&mut self, before: &RuleSet, rules: &RuleSet, limits: &Limits, now_us: i64) {
        let horizon_us = rules.horizon_us;
        self.locks.go_on(before, rules, limits, now_us);
        self.ended.set_horizon(now_us, horizon_us);
        self.attempts.set_horizon(now_us, horizon_us);
    }

    /// Why a payment that was stepped up is not allowed; `None` where it is, or where that is no longer known.
    pub(super) fn not_allowed(&self, identity: u128, now_us: i64) -> Option<NotAllowed> {
        match (self.open.get(&identity), self.ended.get(identity, now_us)) {
            (Some(open), _) if now_us < open.expires_us => Some(NotAllowed::Waiting),
            (Some(_), _) | (None, Some(Ended::Blocked | Ended::Lapsed)) => Some(NotAllowed::Refused),
            (None, Some(Ended::Allowed) | None) => None,
        }
    }

    /// Those that are open.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether one more may be opened.
    pub(super) fn has_room(&self, most: usize) -> bool {
        // What was answered stays in the queue until its time has come.
        self.open.len() < most && self.lapses.len() < most.saturating_mul(2)
    }

    /// Bytes held, about.
    pub(super) fn bytes(&self) -> usize {
        // The texts of a payment are some hundred bytes.
        let open = self.open.len() * (size_of::<Open>() + 512);
        open + self.ended.bytes()
            + self.attempts.bytes()
            + self.lapses.bytes()
            + self.pendings.bytes()
            + self.locks.bytes()
    }
}

/// The number of the dialogue about a payment that was answered at a time.
fn number(identity: u128, now_us: i64) -> u64 {
    FixedState::with_seed(11).hash_one((identity, now_us))
}

/// What an attempt says, whatever event brings it and when.
fn content(event: &Event) -> u64 {
    let said = [TextField::Methods, TextField::Result, TextField::Device, TextField::StepUp]
        .map(|field| event.text(field));
    FixedState::with_seed(12).hash_one((said, event.amount().map(|amount| amount.minor)))
}

/// The identity of an attempt about the payment with this row: another one may come to have its id.
fn attempt(row: u64, event: &Event) -> Option<u128> {
    let attempt = event.text(TextField::Attempt)?;
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one((row, attempt)));
    Some(half(13) << 64 | half(14))
}

/// The methods of a rule set among words joined by commas, as a mask.
fn mask(rules: &RuleSet, words: &str) -> u64 {
    let bit = |word: &str| rules.methods.binary_search_by(|method| method.as_str().cmp(word)).ok();
    words.split(',').filter_map(bit).fold(0, |mask, bit| mask | 1 << bit)
}

/// Whether methods, joined by commas, meet a requirement. Where nothing says which, any does.
pub(super) fn meets(rules: &RuleSet, presented: &str, requirement: &Requirement) -> bool {
    let (methods, sets) = (mask(rules, presented), requirement.any_of());
    sets.iter().all(|set| set & methods != 0) && !(sets.is_empty() && presented.is_empty())
}

/// Allows what was to be stepped up where the methods presented meet the requirement; says what is missing where they
/// meet a part of it. What can't be met without the methods that are `locked` is blocked.
pub(super) fn meet(rules: &RuleSet, presented: &str, locked: u16, decision: &mut Decision) {
    if decision.outcome != Outcome::StepUp {
        return;
    }
    let away = rules.locked_methods(locked);
    let blocked = decision.requirement.any_of().iter().filter(|&&set| set != 0 && set & !away == 0);
    let blocked = blocked.fold(0, |blocked, set| blocked | set);
    if blocked != 0 {
        let held = (0..).zip(&rules.locks).filter(|(at, _)| locked >> at & 1 == 1);
        let matters = held.filter(|(_, lock)| lock.methods & blocked != 0);
        decision.locked = matters.fold(0, |locks, (at, _)| locks | 1 << at);
        decision.outcome = Outcome::Block;
        return;
    }
    let methods = mask(rules, presented);
    let sets = decision.requirement.any_of();
    let unmet = sets.iter().filter(|&&set| set & methods == 0);
    decision.met = match unmet.clone().count() {
        // Where nothing says which, any authentication does.
        0 => !sets.is_empty() || !presented.is_empty(),
        count => {
            if count < sets.len() {
                unmet.for_each(|&set| decision.missing.join(set));
            }
            false
        }
    };
    if decision.met {
        decision.outcome = Outcome::Allow;
    }
}

/// Adds words to those presented so far, each once.
fn present(presented: &mut String, words: &str) {
    for word in words.split(',').filter(|word| !word.is_empty()) {
        if !presented.split(',').any(|held| held == word) {
            if !presented.is_empty() {
                presented.push(',');
            }
            presented.push_str(word);
        }
    }
}
