//! A shadow that takes over: it goes on with all that it knows.
//!
//! What it kept since it was loaded is what a rule set taken up then would have kept, for it was fed by what really
//! happened. Locks, dialogues, lists and rates go on as with any other takeover. Must never let the live ledgers hold more than
//! they may: where both have no room together the takeover is refused, and the shadow stays.

use std::sync::Arc;

use thiserror::Error;

use super::ledgers::{Sources, side_entries_after_one_more, texts};
use super::limits::LEDGERS_MAX;
use super::shadow::ShadowStopped;
use super::{Engine, Refusal, ReloadError, ShadowLimits};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::RuleSet;

/// Why a warmed rule set can't take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WarmError {
    /// None is being warmed.
    #[error("no rule set is being warmed")]
    None,
    /// It was stopped: what it kept is gone.
    #[error(transparent)]
    Stopped(#[from] ShadowStopped),
    /// There is no room for it.
    #[error("it can't take over: {0}")]
    Refused(#[from] Refusal),
}

impl Engine {
    /// Warms a rule set from now on, in place of any shadow: it decides beside as one does, within the live rule set's own
    /// bounds, and takes over with what it knows where [`take_up_warmed`](Self::take_up_warmed) says so. An event
    /// takes it up as though it were not there. It is no part of what is saved but as a shadow.
    pub fn warm(&mut self, rules: RuleSet, lists: Lists, rates: Rates) -> Result<(), ReloadError> {
        self.load_shadow(rules, lists, ShadowLimits::from(&self.limits))?;
        if let Some(shadow) = &mut self.shadow {
            shadow.warmed = Some(Arc::new(rates));
        }
        Ok(())
    }

    /// Tells what keeps the rule set that is warmed from taking over now.
    pub fn check_warmed(&mut self) -> Result<(), WarmError> {
        let shadow = self.shadow.as_ref().filter(|shadow| shadow.warmed.is_some()).ok_or(WarmError::None)?;
        if let Some(stopped) = shadow.stopped {
            return Err(stopped.into());
        }
        self.check_former(self.now_us)?;
        Ok(self.check_promotion()?)
    }

    /// Lets the rule set that is warmed take over, after all that came in until now.
    pub fn take_up_warmed(&mut self) -> Result<(), WarmError> {
        self.check_warmed()?;
        if let Some(shadow) = &self.shadow {
            let (lists, rates) = (shadow.judge.lists.clone(), shadow.warmed.clone());
            self.promote(lists, rates);
        }
        Ok(())
    }

    /// Whether the staged rule set at this place is the shadow, which then takes over with what it knows.
    pub(super) fn promotes(&self, at: usize) -> bool {
        let staged = self.reloads.staged.get(at).map(|staged| staged.rules.hash);
        let loaded =
            self.shadow.as_ref().filter(|shadow| shadow.stopped.is_none() && shadow.warmed.is_none());
        loaded.is_some_and(|shadow| Some(shadow.judge.rules.hash) == staged)
    }

    /// Whether the live ledgers that go on and the shadow's own have room together.
    pub(super) fn check_promotion(&self) -> Result<(), Refusal> {
        let Some(shadow) = &self.shadow else { return Ok(()) };
        let sources = Sources::find(&shadow.judge.rules, self.ledgers.all());
        let kept =
            || self.ledgers.all().zip(sources.keeps()).filter(|(_, keeps)| *keeps).map(|(kept, _)| kept);
        if kept().count() > LEDGERS_MAX {
            return Err(Refusal::LedgersFull { ledgers_max: LEDGERS_MAX });
        }
        let (texts_max, side_entries_max) = (self.limits.texts_max, self.limits.side_entries_max);
        if texts(kept()) >= texts_max {
            return Err(Refusal::KeysFull { texts_max });
        }
        if side_entries_after_one_more(kept()) > side_entries_max {
            return Err(Refusal::SideBufferFull { side_entries_max });
        }
        Ok(())
    }

    /// Puts the shadow in the live rule set's place, with its ledgers and those of the live one that it reads.
    pub(super) fn promote(&mut self, mut lists: Lists, rates: Option<Arc<Rates>>) {
        let Some(shadow) = self.shadow.take() else { return };
        let mut judge = shadow.judge;
        // What is loaded now, and what events put on the shadow's own since.
        for at in 0..judge.rules.lists.len() {
            if let (Some(list), Some(held)) = (lists.get_mut(at), judge.lists.get(at)) {
                list.go_on(held);
            }
        }
        judge.lists = lists;
        let sources = Sources::find(&judge.rules, self.ledgers.all());
        let keeps: Vec<bool> = sources.keeps().collect();
        let bindings: Vec<_> = sources.bindings(&judge.rules).collect();
        judge.keep(&keeps);
        self.payments.bring(self.now_us, self.live.rules.horizon_us);
        self.succeed(judge, rates);
        let budgets = self.limits.budgets();
        let mut own = std::mem::take(&mut self.ledgers.shadow);
        own.iter_mut().for_each(|ledger| ledger.set_budgets(&budgets));
        self.ledgers.live.append(&mut own);
        self.ledgers.live.iter_mut().zip(bindings).for_each(|(ledger, binding)| ledger.bind(binding));
        let mut keeps = keeps.into_iter();
        self.ledgers.live.retain(|_| keeps.next() == Some(true));
    }
}
