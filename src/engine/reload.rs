//! Reload: another rule set put aside beforehand, and taken up between two events.
//!
//! Staging does the work: what the swap itself does is to move pointers, whatever the rule sets' sizes. A feature
//! that the running ledgers keep goes on with all that it knows, whatever it is called; the others begin a ledger of
//! their own, and are `warming` until their window has passed. One over `forever` never stops warming, since what it
//! missed cannot come back. Must never let a rule set in that reads events otherwise than the running one.

use std::collections::VecDeque;
use std::sync::Arc;

use thiserror::Error;

use super::judge::{Judge, reads};
use super::ledger::{Binding, Ledger};
use super::ledgers::Sources;
use super::limits::{LEDGERS_MAX, RULE_SETS_MAX, STAGED_MAX};
use super::{Engine, Refusal};
use crate::event::{Event, ExtraType, Kind, TextField};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::RuleSet;

/// Why a rule set cannot be taken up by a running engine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReloadError {
    /// Its amounts are in another currency.
    #[error("its currency is {found} and the running rule set's is {running}; start another engine with it")]
    Currency {
        /// The running one's.
        running: &'static str,
        /// Its own.
        found: &'static str,
    },
    /// Its days begin elsewhere.
    #[error(
        "its time zone is `{found}` and the running rule set's is `{running}`; start another engine with it"
    )]
    TimeZone {
        /// The running one's.
        running: String,
        /// Its own.
        found: String,
    },
    /// The gateway reports something else.
    #[error(
        "its `feedback` is {found} and the running rule set's is {running}; start another engine with it"
    )]
    Feedback {
        /// The running one's.
        running: &'static str,
        /// Its own.
        found: &'static str,
    },
    /// Stepped-up payments are led, or wait, otherwise.
    #[error(
        "it {found} and the running rule set {running}, so what waits for an answer would count otherwise; start another engine with it"
    )]
    StepUp {
        /// What the running one does.
        running: &'static str,
        /// What it does itself.
        found: &'static str,
    },
    /// Events were read with other extra fields.
    #[error(
        "its extra field `{name}` is {found}, in the running rule set it is {running}; give both the same [fields], or start another engine with it"
    )]
    Field {
        /// The first field that differs.
        name: String,
        /// What the running rule set says of it.
        running: &'static str,
        /// What it says itself.
        found: &'static str,
    },
    /// Too many rule sets are staged.
    #[error("{staged_max} rule sets are staged already; unstage one of them first")]
    StagedFull {
        /// The bound.
        staged_max: usize,
    },
    /// There is no room for another ledger.
    #[error(
        "its new features need a ledger beside the {ledgers_max} that are kept; take the features of an earlier reload out first"
    )]
    LedgersFull {
        /// The bound.
        ledgers_max: usize,
    },
}

/// Tells what keeps a rule set from taking over from a running one.
pub(super) fn check_fit(running: &RuleSet, found: &RuleSet) -> Result<(), ReloadError> {
    if running.currency != found.currency {
        let (running, found) = (running.currency.code(), found.currency.code());
        return Err(ReloadError::Currency { running, found });
    }
    if running.time_zone != found.time_zone {
        let (running, found) = (running.time_zone.clone(), found.time_zone.clone());
        return Err(ReloadError::TimeZone { running, found });
    }
    if running.feedback != found.feedback {
        let (running, found) = (running.feedback.name(), found.feedback.name());
        return Err(ReloadError::Feedback { running, found });
    }
    let waits = |rules: &RuleSet| match (rules.step_up, rules.pending_us) {
        (Some(_), _) => "has [step_up]",
        (None, Some(_)) => "has `pending_for` without [step_up]",
        (None, None) => "has neither [step_up] nor `pending_for`",
    };
    if waits(running) != waits(found) {
        return Err(ReloadError::StepUp { running: waits(running), found: waits(found) });
    }
    if running.schema == found.schema {
        return Ok(());
    }
    let types = |rules: &RuleSet, name: &str| rules.schema.find(name).map(|(_, ty)| ty);
    let said = |ty: Option<ExtraType>| ty.map_or("not declared", ExtraType::name);
    let names = running.schema.fields().iter().chain(found.schema.fields()).map(|(name, _)| name);
    let differs = |name: &&String| types(running, name) != types(found, name);
    // Both are sorted by name, so where they differ some field does.
    let name = names.clone().find(differs).or_else(|| names.clone().next()).cloned().unwrap_or_default();
    let (running, found) = (said(types(running, &name)), said(types(found, &name)));
    Err(ReloadError::Field { name, running, found })
}

/// All that a swap needs, made beforehand.
#[derive(Debug)]
struct Takeover {
    /// The number of the rule set that it takes over from.
    from: u32,
    judge: Judge,
    /// Which of that one's ledgers go on.
    keeps: Vec<bool>,
    /// What those that go on are told.
    bindings: Vec<Binding>,
    /// The ledger of the features that are new.
    new: Option<Ledger>,
}

#[derive(Debug)]
pub(super) struct Staged {
    pub(super) rules: Arc<RuleSet>,
    pub(super) lists: Lists,
    /// The rates that it brings; without any those held go on.
    pub(super) rates: Option<Arc<Rates>>,
    /// As control events name it.
    hash_text: String,
    takeover: Option<Takeover>,
}

/// A rule set that decided earlier.
#[derive(Debug)]
pub(super) struct Former {
    pub(super) number: u32,
    pub(super) rules: Arc<RuleSet>,
    pub(super) until_us: i64,
}

/// The rule sets that were live and those that may become so.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    /// How many were live before the present one.
    pub(super) number: u32,
    pub(super) former: VecDeque<Former>,
    pub(super) staged: Vec<Staged>,
}

impl Staged {
    /// One that was staged before, to be made ready when it is asked for.
    pub(super) fn restored(rules: Arc<RuleSet>, lists: Lists, rates: Option<Arc<Rates>>) -> Self {
        Self { hash_text: rules.hash_text(), rules, lists, rates, takeover: None }
    }
}

impl Reloads {
    /// Forgets the rule sets that no remembered decision was made by.
    fn forget(&mut self, edge_us: i64) {
        while self.former.front().is_some_and(|former| former.until_us <= edge_us) {
            self.former.pop_front();
        }
    }
}

impl Engine {
    /// Tells what keeps a rule set from taking over, whatever is in it.
    pub fn check_fit(&self, rules: &RuleSet) -> Result<(), ReloadError> {
        check_fit(&self.live.rules, rules)
    }

    /// The names of a rule set's features that would begin anew where it is taken up now: no running ledger keeps them.
    pub fn would_begin<'r>(&self, rules: &'r RuleSet) -> Vec<&'r str> {
        let sources = Sources::find(rules, self.ledgers.live.iter());
        sources.missing().iter().filter_map(|&at| Some(rules.features.get(at)?.name.as_str())).collect()
    }

    /// Puts a rule set aside, ready to be taken up by a `control` event that names the hash that is given back
    /// (`control = "rule_set"`, `subject` = the hash in hexadecimal). It stays staged when it was taken up. Staging it
    /// again after another one was taken up makes its swap as cheap as it can be. Its lists go on as they are then where
    /// the rule set that it takes over from has declared them alike; nothing is on the others.
    pub fn stage(&mut self, rules: RuleSet) -> Result<[u8; 32], ReloadError> {
        let held = |declared| {
            let at = self.live.rules.lists.iter().position(|held| held == declared)?;
            self.live.lists.get(at).cloned()
        };
        let lists = rules.lists.iter().map(|declared| held(declared).unwrap_or_default()).collect();
        self.stage_with_lists(rules, lists)
    }

    /// The same with these lists, loaded from their files, in the order of the rule set's. Where the same was loaded
    /// before, a list goes on as it is then; otherwise with what is loaded now and what `list` events put on it since.
    pub fn stage_with_lists(&mut self, rules: RuleSet, lists: Lists) -> Result<[u8; 32], ReloadError> {
        self.stage_all(rules, lists, None)
    }

    /// The same with these rates besides, which take the place of those held then.
    pub fn stage_with_rates(
        &mut self,
        rules: RuleSet,
        lists: Lists,
        rates: Rates,
    ) -> Result<[u8; 32], ReloadError> {
        self.stage_all(rules, lists, Some(Arc::new(rates)))
    }

    fn stage_all(
        &mut self,
        rules: RuleSet,
        lists: Lists,
        rates: Option<Arc<Rates>>,
    ) -> Result<[u8; 32], ReloadError> {
        check_fit(&self.live.rules, &rules)?;
        self.reloads.forget(self.now_us - self.live.rules.horizon_us);
        let hash = rules.hash;
        let held = self.reloads.staged.iter().position(|staged| staged.rules.hash == hash);
        if held.is_none() && self.reloads.staged.len() >= STAGED_MAX {
            return Err(ReloadError::StagedFull { staged_max: STAGED_MAX });
        }
        let rules = Arc::new(rules);
        let takeover =
            self.takeover(&rules, &lists).ok_or(ReloadError::LedgersFull { ledgers_max: LEDGERS_MAX })?;
        let staged = Staged { hash_text: rules.hash_text(), rules, lists, rates, takeover: Some(takeover) };
        match held {
            Some(at) => self.reloads.staged[at] = staged,
            None => self.reloads.staged.push(staged),
        }
        Ok(hash)
    }

    /// Forgets a staged rule set; whether it was there.
    pub fn unstage(&mut self, hash: &[u8; 32]) -> bool {
        let before = self.reloads.staged.len();
        self.reloads.staged.retain(|staged| staged.rules.hash != *hash);
        self.reloads.staged.len() < before
    }

    /// The rule set that a decision was made by, as [`Decision::rule_set`](crate::decision::Decision::rule_set) numbers
    /// it; `None` once no remembered decision can be its.
    pub fn rule_set(&self, number: u32) -> Option<&RuleSet> {
        if number == self.reloads.number {
            return Some(&self.live.rules);
        }
        // Each was followed by the next number.
        let first = self.reloads.former.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        self.reloads.former.get(at).map(|former| &*former.rules)
    }

    /// Whether a rule set with this hash may be taken up by a control event.
    pub fn is_staged(&self, hash: &[u8; 32]) -> bool {
        self.reloads.staged.iter().any(|staged| staged.rules.hash == *hash)
    }

    /// The rule set with this hash, in hexadecimal, where a control event may take it up.
    pub fn staged(&self, hash: &str) -> Option<&RuleSet> {
        self.reloads.staged.iter().find(|staged| staged.hash_text == hash).map(|staged| &*staged.rules)
    }

    /// The numbers of the rule sets that remembered decisions may be of, ascending; the last one is the live one's.
    pub fn rule_set_numbers(&self) -> impl Iterator<Item = u32> {
        self.reloads.former.iter().map(|former| former.number).chain([self.reloads.number])
    }

    /// The live rule set's number: each takeover adds one.
    pub fn rule_set_number(&self) -> u32 {
        self.reloads.number
    }

    /// What is needed to take over from the live rule set; `None` where there is no room for another ledger.
    fn takeover(&self, rules: &Arc<RuleSet>, lists: &Lists) -> Option<Takeover> {
        let sources = Sources::find(rules, self.ledgers.live.iter());
        let keeps: Vec<bool> = sources.keeps().collect();
        let new = sources.ledger_of_missing(rules, &self.limits.budgets());
        let ledgers = keeps.iter().filter(|keeps| **keeps).count() + usize::from(new.is_some());
        if ledgers > LEDGERS_MAX {
            return None;
        }
        let read = reads(rules, self.recording);
        let wanted = sources.wanted(self.ledgers.live.iter(), &read).into_iter().zip(&keeps);
        let mut wanted: Vec<_> = wanted.filter(|(_, keeps)| **keeps).map(|(wanted, _)| wanted).collect();
        wanted.extend(new.as_ref().map(|ledger| sources.wanted_of_missing(ledger, &read)));
        let bindings = sources.bindings(rules).collect();
        let (from, judge) =
            (self.reloads.number, Judge::new(Arc::clone(rules), lists.clone(), wanted, self.recording));
        Some(Takeover { from, judge, keeps, bindings, new })
    }

    /// The staged rule set that an event asks for, ready to be taken up.
    pub(super) fn reload_asked(&mut self, event: &Event) -> Result<Option<usize>, Refusal> {
        if event.kind() != Kind::Control || event.text(TextField::Control) != Some("rule_set") {
            return Ok(None);
        }
        let hash = event.text(TextField::Subject).unwrap_or_default();
        let named = self.reloads.staged.iter().position(|staged| staged.hash_text == hash);
        let at = named.ok_or(Refusal::UnknownRuleSet)?;
        self.check_former(self.now_us.max(event.time_us()))?;
        if self.promotes(at) {
            return self.check_promotion().map(|()| Some(at));
        }
        let staged = &self.reloads.staged[at];
        if staged.takeover.as_ref().is_none_or(|takeover| takeover.from != self.reloads.number) {
            let takeover = self.takeover(&staged.rules, &staged.lists);
            let takeover = takeover.ok_or(Refusal::LedgersFull { ledgers_max: LEDGERS_MAX })?;
            self.reloads.staged[at].takeover = Some(takeover);
        }
        Ok(Some(at))
    }

    /// Whether there is room for one more rule set that decisions are remembered of.
    pub(super) fn check_former(&mut self, now_us: i64) -> Result<(), Refusal> {
        if self.reloads.former.len() >= RULE_SETS_MAX {
            self.reloads.forget(now_us - self.live.rules.horizon_us);
            if self.reloads.former.len() >= RULE_SETS_MAX {
                return Err(Refusal::RuleSetsFull { rule_sets_max: RULE_SETS_MAX });
            }
        }
        Ok(())
    }

    /// Lets a staged rule set that is ready take over, after all that came in until now.
    pub(super) fn swap(&mut self, at: usize) {
        let promotes = self.promotes(at);
        let Staged { lists, rates, takeover, .. } = &mut self.reloads.staged[at];
        let rates = rates.clone();
        if promotes {
            let lists = lists.clone();
            return self.promote(lists, rates);
        }
        let Some(Takeover { judge, keeps, bindings, new, .. }) = takeover.take() else { return };
        self.succeed(judge, rates);
        let mut dropped = Vec::new();
        let ledgers = std::mem::take(&mut self.ledgers.live);
        for ((mut ledger, keeps), binding) in ledgers.into_iter().zip(keeps).zip(bindings) {
            if keeps {
                ledger.bind(binding);
                self.ledgers.live.push(ledger);
            } else {
                dropped.push(ledger);
            }
        }
        if let Some(mut ledger) = new {
            self.logs.give(&mut ledger);
            ledger.begin(self.now_us, self.row);
            self.ledgers.live.push(ledger);
        }
        self.lead_shadow_on(dropped);
    }

    /// Puts a judge in the live one's place, with all but ledgers that goes on from one rule set to the next.
    pub(super) fn succeed(&mut self, mut judge: Judge, rates: Option<Arc<Rates>>) {
        judge.go_on(&self.live);
        judge.take_lists(&self.live);
        let rates = rates.unwrap_or_else(|| Arc::clone(&self.live.rates));
        let before = std::mem::replace(&mut self.live, judge);
        self.set_rates(rates);
        self.dialogues.go_on(&before.rules, &self.live.rules, &self.limits, self.now_us);
        let number = self.reloads.number;
        // One that decided before is held once, however often it did.
        let held = self.reloads.former.iter().find(|former| former.rules.hash == before.rules.hash);
        let rules = held.map_or(before.rules, |former| Arc::clone(&former.rules));
        self.reloads.former.push_back(Former { number, rules, until_us: self.now_us });
        self.reloads.number += 1;
        let horizon_us = self.live.rules.horizon_us;
        self.seen.set_horizon(self.now_us, horizon_us);
        self.payments.set_horizon(self.now_us, horizon_us);
        self.exchange.set_horizon(self.now_us, horizon_us);
        self.answers.set_horizon(horizon_us);
    }
}
