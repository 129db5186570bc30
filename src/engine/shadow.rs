//! A shadow rule set: decided beside the live one on the same events, and recorded, never acted on.
//!
//! It reads the live features whose definitions are equal to its own, and keeps the others in ledgers of its own,
//! under a budget of its own: past it the shadow stops. What it keeps is fed by what really happened. Must never
//! change a live value, quality, refusal or decision.

use std::sync::Arc;

use thiserror::Error;

use serde::{Deserialize, Serialize};

use super::dialogue;
use super::judge::{Judge, reads};
use super::ledger::Ledger;
use super::ledgers::{self, Ledgers, Sources};
use super::limits::{LEDGERS_MAX, ShadowLimits};
use super::listing;
use super::reload::{ReloadError, check_fit};
use super::{Engine, Recording};
use crate::decision::Decision;
use crate::event::Event;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Facts, Lock, RuleSet};
use crate::time::TIME_US_MIN;

/// Why a shadow rule set decides no more. What it kept is gone; the live rule set never noticed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum ShadowStopped {
    /// Its own keys are too many.
    #[error("the shadow rule set stopped: its own features have {texts_max} keys, all that it may have")]
    KeysFull {
        /// The bound.
        texts_max: u32,
    },
    /// Its own side buffer is full.
    #[error(
        "the shadow rule set stopped: its own features hold {side_entries_max} late and corrected events, all that they may hold"
    )]
    SideBufferFull {
        /// The bound.
        side_entries_max: usize,
    },
    /// It reads too many ledgers that the live rule set has left.
    #[error(
        "the shadow rule set stopped: its features would need more than {ledgers_max} ledgers; load it again"
    )]
    LedgersFull {
        /// The bound.
        ledgers_max: usize,
    },
    /// A payment was corrected whose earlier corrections are forgotten.
    #[error("the shadow rule set stopped: a payment was corrected whose earlier corrections are forgotten")]
    Forgotten,
}

/// A shadow rule set.
#[derive(Debug)]
pub(crate) struct Shadow {
    pub(super) judge: Judge,
    pub(super) limits: ShadowLimits,
    /// Whether its decision is on the event taken last.
    pub(super) decided: bool,
    pub(super) stopped: Option<ShadowStopped>,
    /// The rates that it brings where it is warmed: no event takes it up then, only [`Engine::take_up_warmed`] does.
    pub(super) warmed: Option<Arc<Rates>>,
}

impl Shadow {
    /// Its decision is on an earlier event from now on.
    #[inline]
    pub(super) fn turn(&mut self) {
        self.decided = false;
    }

    /// What is on its lists.
    #[inline]
    pub(super) fn lists(&self) -> &Lists {
        &self.judge.lists
    }

    /// Whether a rule of it looks at logins.
    pub(super) fn decides_logins(&self) -> bool {
        self.judge.decides_logins
    }

    /// Takes over what is on the lists that the live rule set has declared alike.
    pub(super) fn take_lists(&mut self, live: &Judge) {
        self.judge.take_lists(live);
    }

    /// Does what a `list` event that the live rule set took says.
    pub(super) fn change_lists(&mut self, event: &Event, now_us: i64) {
        listing::forget(&self.judge.rules, &mut self.judge.lists, event, now_us);
        listing::change(&self.judge.rules, &mut self.judge.lists, event);
    }

    /// How many texts its own ledgers may have.
    pub(super) fn texts_max(&self) -> u32 {
        self.limits.texts_max
    }

    /// Its own locks of which one of the same name is locked in the live rule set, as a mask.
    pub(super) fn locked(&self, live: &RuleSet, locked: u16) -> u16 {
        let is_locked = |lock: &&Lock| live.lock_names(locked).any(|name| name == lock.name);
        let own = (0..).zip(&self.judge.rules.locks).filter(|(_, lock)| is_locked(lock));
        own.fold(0, |locked, (at, _)| locked | 1 << at)
    }

    /// Decides on an event that the ledgers have gathered, unless it was stopped. It has no locks of its own: `locked` are
    /// those that the live rule set has locked.
    pub(super) fn decide(
        &mut self,
        ledgers: &mut Ledgers,
        facts: Facts<'_>,
        locked: u16,
        now_us: i64,
        recording: Recording,
    ) {
        if self.stopped.is_none() {
            let times = (facts.event.time_us(), now_us);
            self.judge.decide(ledgers.all().map(|ledger| (ledger, true)), facts, times, recording);
            self.judge.decision.converted = facts.event.converted();
            if self.judge.rules.step_up.is_some() {
                dialogue::meet(&self.judge.rules, facts.presented, locked, &mut self.judge.decision);
            }
            self.decided = true;
            let decided = self.judge.decided(facts);
            ledgers.shadow.iter_mut().for_each(|ledger| ledger.gather_decided(&decided));
        }
    }
}

impl Engine {
    /// Lets a rule set decide in shadow from now on, in place of another one. A feature with the definition of a live
    /// one shares its value; the others begin now, and are `warming` until their window has passed (before the first event
    /// nothing has to). Of these `lists`, in the order of its own, those that the live rule set has declared alike are as
    /// the live ones are. Once an event takes up a staged rule set with the same hash, it goes on with all that it knows.
    pub fn load_shadow(
        &mut self,
        rules: RuleSet,
        lists: Lists,
        limits: ShadowLimits,
    ) -> Result<(), ReloadError> {
        check_fit(&self.live.rules, &rules)?;
        self.drop_shadow();
        let mut judge = Judge::new(Arc::new(rules), lists, Vec::new(), self.recording);
        judge.take_lists(&self.live);
        judge.rates = Arc::clone(&self.live.rates);
        self.shadow = Some(Box::new(Shadow { judge, limits, decided: false, stopped: None, warmed: None }));
        self.lead_shadow_on(Vec::new());
        Ok(())
    }

    /// Takes the shadow rule set out, with all that it kept.
    pub fn drop_shadow(&mut self) {
        self.shadow = None;
        self.ledgers.shadow.clear();
    }

    /// The shadow rule set, also where it was stopped.
    pub fn shadow_rules(&self) -> Option<&RuleSet> {
        self.shadow.as_ref().map(|shadow| &*shadow.judge.rules)
    }

    /// What the shadow rule set decided on the event taken last: `None` unless that is a transaction decided now. Its
    /// `rule_set` says nothing.
    pub fn shadow_decision(&self) -> Option<&Decision> {
        self.shadow.as_ref().filter(|shadow| shadow.decided).map(|shadow| &shadow.judge.decision)
    }

    /// Why the shadow rule set decides no more, if it was stopped.
    pub fn shadow_stopped(&self) -> Option<ShadowStopped> {
        self.shadow.as_ref().and_then(|shadow| shadow.stopped)
    }

    /// Stops the shadow where one more event could be too much for its budget.
    pub(super) fn check_shadow(&mut self, may_go_aside: bool) {
        let Some(shadow) = &self.shadow else { return };
        let (own, ShadowLimits { texts_max, side_entries_max, .. }) = (&self.ledgers.shadow, shadow.limits);
        if ledgers::texts(own) >= texts_max && !own.is_empty() {
            self.stop_shadow(ShadowStopped::KeysFull { texts_max });
        } else if may_go_aside && ledgers::side_entries_after_one_more(own) > side_entries_max {
            self.stop_shadow(ShadowStopped::SideBufferFull { side_entries_max });
        }
    }

    /// Stops the shadow, and forgets what it kept.
    pub(super) fn stop_shadow(&mut self, why: ShadowStopped) {
        self.ledgers.shadow.clear();
        if let Some(shadow) = &mut self.shadow {
            shadow.stopped = shadow.stopped.or(Some(why));
            shadow.decided = false;
        }
    }

    /// Finds the shadow's features anew among the ledgers of the live rule set and its own, and begins a ledger for
    /// those that neither keeps. What the live rule set has `left` and the shadow reads goes on as the shadow's own.
    pub(super) fn lead_shadow_on(&mut self, left: Vec<Ledger>) {
        let Some(shadow) = self.shadow.as_mut().filter(|shadow| shadow.stopped.is_none()) else { return };
        let rules = &shadow.judge.rules;
        self.ledgers.shadow.extend(left);
        let mut sources = Sources::find(rules, self.ledgers.all());
        if let Some(mut ledger) = sources.ledger_of_missing(rules, &shadow.limits.budgets()) {
            self.logs.give(&mut ledger);
            // Before the first event there is nothing that it could have missed.
            if self.now_us >= TIME_US_MIN {
                ledger.begin(self.now_us, self.row);
            }
            self.ledgers.shadow.push(ledger);
            sources = Sources::find(rules, self.ledgers.all());
        }
        let live = self.ledgers.live.len();
        let goes_on: Vec<bool> = sources.keeps().enumerate().map(|(at, keeps)| at < live || keeps).collect();
        let wanted =
            sources.wanted(self.ledgers.all(), reads(rules, self.recording)).into_iter().zip(&goes_on);
        let wanted = wanted.filter(|(_, goes_on)| **goes_on).map(|(wanted, _)| wanted).collect();
        let bindings = sources.bindings(rules).skip(live);
        self.ledgers.shadow.iter_mut().zip(bindings).for_each(|(ledger, binding)| ledger.bind(binding));
        let mut own = goes_on.iter().skip(live);
        self.ledgers.shadow.retain(|_| own.next() == Some(&true));
        shadow.judge.set_wanted(wanted);
        if self.ledgers.shadow.len() > LEDGERS_MAX {
            self.stop_shadow(ShadowStopped::LedgersFull { ledgers_max: LEDGERS_MAX });
        }
    }
}
