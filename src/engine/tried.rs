//! What a payment would have been answered, had other rules fired on it: everything else as it was.
//!
//! Promises the very answer that `step` gives where the rules are those that fired. Must never change a state: what a payment would
//! have led to later is not its business.

use super::decide::{conclude, is_in_control, record, set_aside};
use super::dialogue::meet;
use super::payments::Standing;
use super::{Engine, presented};
use crate::decision::{Decision, Outcome, Stopped};
use crate::event::{Event, TextField};
use crate::rules::{Facts, RuleSet};

/// What holds of a payment beside the rules that fire on it, and has a part in its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// What normal rules ask for is withheld.
    in_control: bool,
    /// The methods that it presents and that count, joined by commas, where the engine leads the dialogue.
    presented: Box<str>,
    locked: u16,
    /// As many dialogues are open as may be.
    full: bool,
    /// By the outcome that rules come to: it was executed without being allowed, as was reported before it came.
    executed: [bool; 3],
}

/// What rules ask for of a payment: also where a control group let it through, and where history answered otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// What is to happen with it.
    pub outcome: Outcome,
    /// A person should look.
    pub alert: bool,
}

impl Verdict {
    /// Of a decision.
    pub fn of(decision: &Decision) -> Self {
        let own = decision.own.unwrap_or(decision.outcome);
        let withheld = decision.withheld.map_or(Outcome::Allow, |withheld| withheld.outcome);
        Self { outcome: withheld.max(own), alert: decision.alert }
    }

    /// Whether anybody is bothered.
    pub fn flags(self) -> bool {
        self.alert || self.outcome > Outcome::Allow
    }
}

impl Circumstances {
    /// Of a payment that was `executed_before`, where the rule set leads no dialogue and has no locks.
    pub fn apart(rules: &RuleSet, payment: &Event, executed_before: [bool; 3]) -> Self {
        let answered = payment.text(TextField::Answered).and_then(Outcome::from_name);
        Self {
            in_control: is_in_control(rules, payment),
            executed: executed_by(executed_before, answered),
            ..Self::default()
        }
    }

    /// Whether a payment is alerted on which no rule fires.
    pub fn alert_alone(&self) -> bool {
        self.executed[Outcome::Allow as usize]
    }

    /// What is asked for where these rules fire, live ones alone and none whose breaker keeps it from acting; ascending.
    /// `decision` is what it is worked out in.
    pub fn verdict(&self, rules: &RuleSet, fired: &[u16], decision: &mut Decision) -> Verdict {
        decision.clear();
        decision.fired.extend_from_slice(fired);
        set_aside(rules, decision);
        conclude(rules, || self.in_control, decision);
        if rules.step_up.is_some() {
            meet(rules, &self.presented, self.locked, decision);
            if decision.outcome == Outcome::StepUp && self.full {
                decision.outcome = Outcome::Block;
            }
        }
        decision.alert |= self.executed[decision.outcome as usize];
        Verdict::of(decision)
    }
}

/// The whole decision of a payment of a rule set that leads no dialogue and has no locks, where these rules fired, live ones and ones
/// in shadow: with all that `step` records of it, but for what an amount was converted from.
pub fn decision_again(
    rules: &RuleSet,
    facts: &Facts<'_>,
    circumstances: &Circumstances,
    (live, shadow): (&[u16], &[u16]),
    decision: &mut Decision,
) {
    circumstances.verdict(rules, live, decision);
    decision.shadow.extend_from_slice(shadow);
    let event = facts.event;
    decision.out_of_force = rules.out_of_force(event.time_us(), event.text(TextField::Tenant));
    if let Some(answered) = event.text(TextField::Answered).and_then(Outcome::from_name) {
        decision.own = Some(std::mem::replace(&mut decision.outcome, answered));
    }
    record(rules, facts, true, &mut Vec::new(), decision);
}

impl Engine {
    /// Whether a payment that is about to be taken was executed, as was reported before, without being allowed: by what it is
    /// answered.
    pub fn executed_before(&self, payment: &Event) -> [bool; 3] {
        let now_us = self.now_us.max(payment.time_us());
        Outcome::ALL
            .map(|outcome| self.payments.is_unallowed(payment.identity(), now_us, Standing::of(outcome)))
    }

    /// The circumstances of the payment that was decided last, and that was `executed_before`.
    pub fn circumstances(&self, payment: &Event, executed_before: [bool; 3]) -> Circumstances {
        let Self { live, dialogues, limits, .. } = self;
        let event = self.exchange.last(payment).unwrap_or(payment);
        let leads = live.rules.step_up.is_some();
        let decision = &live.decision;
        let answered = payment.text(TextField::Answered).and_then(Outcome::from_name);
        let counting = || self.unlocked.as_deref().unwrap_or(presented(event));
        Circumstances {
            in_control: is_in_control(&live.rules, event),
            presented: if leads { counting().into() } else { Box::default() },
            locked: self.locked,
            full: match decision.stopped {
                Some(Stopped::Full) => true,
                _ => leads && decision.step_up.is_none() && !dialogues.has_room(limits.step_ups_max),
            },
            executed: executed_by(executed_before, answered),
        }
    }
}

/// What history answered is what counts.
fn executed_by(executed_before: [bool; 3], answered: Option<Outcome>) -> [bool; 3] {
    answered.map_or(executed_before, |answered| [executed_before[answered as usize]; 3])
}
