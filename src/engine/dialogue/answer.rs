//! Opening a dialogue, and answering an authentication with the final decision.

use std::sync::Arc;

use super::locks::{kept_text, leave_out};
use super::{Asked, Attempt, Ended, Open, Original, attempt, content, meet, present};
use crate::decision::{Outcome, StepUp, Stopped};
use crate::engine::answers::Place;
use crate::engine::payments::{Payment, Report, Standing};
use crate::engine::{Answer, Engine, Refusal, gather};
use crate::event::{Draft, Event, Kept, Kind, TextField};
use crate::rates::Conversion;
use crate::rules::KeyField;

impl Engine {
    /// What an authentication means to the dialogue that it is about; `now_us` is what now will be with it.
    pub(in crate::engine) fn dialogue_asked(&self, event: &Event, now_us: i64) -> Result<Asked, Refusal> {
        let led = self.live.rules.step_up.is_some();
        let Some(identity) =
            event.transaction_identity().filter(|_| led && event.kind() == Kind::Authentication)
        else {
            return Ok(Asked::Nothing);
        };
        let seen = self.seen.get(identity, now_us).ok_or(Refusal::UnknownTransaction)?;
        let (row, _) = seen.filed.get().ok_or(Refusal::NotAPayment)?;
        let made = attempt(row, event).and_then(|made| self.dialogues.attempts.get(made, now_us));
        if let Some(made) = made {
            let same = made.content == content(event);
            return if same { Ok(Asked::Before(made.answer, identity)) } else { Err(Refusal::AttemptReused) };
        }
        match self.dialogues.open.get(&identity) {
            None if self.dialogues.ended.get(identity, now_us) == Some(&Ended::Lapsed) => {
                Err(Refusal::StepUpExpired)
            }
            None => Ok(Asked::Over),
            Some(open) if now_us >= open.expires_us => Err(Refusal::StepUpExpired),
            Some(open) if differs(open, event) => Err(Refusal::OtherTransaction),
            Some(_) => Ok(Asked::Open(identity)),
        }
    }

    /// Allows a payment that was to be stepped up where what it presents is enough, or says how to answer.
    pub(in crate::engine) fn ask_customer(&mut self, event: &Event, presented: &str, locked: u16) {
        let (rules, decision) = (&self.live.rules, &mut self.live.decision);
        let Some(dialogue) = rules.step_up else { return };
        meet(rules, presented, locked, decision);
        if decision.outcome != Outcome::StepUp {
            self.say_keyless(|field| gather::text(event, field).is_some());
            return;
        }
        if !self.dialogues.has_room(self.limits.step_ups_max) {
            decision.outcome = Outcome::Block;
            decision.stopped = Some(Stopped::Full);
            return;
        }
        self.live.decision.step_up = Some(self.step_up(event, dialogue));
    }

    /// Keeps what is needed to go on with a payment that was just answered.
    pub(in crate::engine) fn open_dialogue(&mut self, event: &Event, presented: &str, standing: Standing) {
        let decision = &self.live.decision;
        match decision.step_up {
            Some(StepUp { id, expires_us, attempts_left }) => {
                let mut transaction = Kept::default();
                transaction.keep(event);
                let open = Open {
                    id,
                    expires_us,
                    attempts_left,
                    requirement: decision.requirement.any_of().to_vec(),
                    rule_set: decision.rule_set,
                    presented: presented.to_owned(),
                    transaction,
                };
                self.dialogues.open.insert(event.identity(), open.into());
                let row = self.row_of(event.identity()).unwrap_or_default();
                self.dialogues.lapses.push(expires_us, (event.identity(), row));
            }
            None if standing == Standing::Blocked => {}
            None => self.await_report(event.identity(), standing),
        }
    }

    /// Answers an authentication of an open payment with the final decision, or another step-up. `presented` are the
    /// methods of it that count, `locked` the locks that hold for it.
    pub(in crate::engine) fn answer_step_up(
        &mut self,
        event: &Event,
        identity: u128,
        presented: &str,
        locked: u16,
    ) -> Answer<'_> {
        let now_us = self.now_us;
        let mut held = self.dialogues.open.remove(&identity).unwrap_or_default();
        let open = held.get_mut();
        open.attempts_left = open.attempts_left.saturating_sub(1);
        present(&mut open.presented, presented);
        let payment = self.payment(identity, now_us).ok();
        let rules = &self.live.rules;
        let schema = &rules.schema;
        let mut again = self.original.take().unwrap_or_else(|| {
            Box::new(Original { draft: Draft::new(Arc::clone(schema)), presented: String::new() })
        });
        // Also what was presented before it was locked meets nothing now.
        leave_out(rules, rules.locked_methods(locked), &open.presented, &mut again.presented);
        let converted = self.exchange.conversion(identity, now_us);
        self.look_again(open, None, payment.as_ref(), converted, &mut again);
        let other = |device: &&str| open.transaction.text(TextField::Device) != Some(*device);
        let device = event.text(TextField::Device).filter(other);
        // From another device it is also looked at as though it came from there, with all that was required otherwise.
        if device.is_some() && self.live.decision.outcome != Outcome::Block {
            self.join_required(open);
            let alert = self.live.decision.alert;
            self.look_again(open, device, payment.as_ref(), converted, &mut again);
            self.live.decision.alert |= alert;
        }
        self.live.decision.converted = converted;
        self.conclude_answer(open, &again.presented, locked);
        if let Some(payment) = payment.filter(|_| self.live.decision.outcome == Outcome::Allow) {
            // What it empties is its own, whatever device it was answered from.
            let own = device.is_none() || self.seal_again(open, None, converted, &mut again);
            if own {
                self.arm_original(again.draft.sealed(), &payment, &again.presented);
            }
            if device.is_some() {
                self.seal_again(open, device, converted, &mut again);
            }
        }
        self.original = Some(again);
        let (outcome, answer) = (self.live.decision.outcome, self.answers.keep(&self.live.decision, now_us));
        if let Some(made) = self.row_of(identity).and_then(|row| attempt(row, event)) {
            self.dialogues.attempts.insert(made, now_us, Attempt { content: content(event), answer });
        }
        self.gather(event, presented);
        self.file(event, Standing::Observed, answer);
        if outcome == Outcome::StepUp {
            self.dialogues.open.insert(identity, held);
        } else {
            self.end_dialogue(identity, event.time_us(), outcome);
        }
        Answer::Decided(&self.live.decision)
    }

    /// Decides on a payment again, from this device if one is given.
    fn look_again(
        &mut self,
        open: &Open,
        device: Option<&str>,
        payment: Option<&Payment>,
        converted: Option<Conversion>,
        again: &mut Original,
    ) {
        // It was taken in once, so it can be again; if ever not, nothing is let through.
        if self.seal_again(open, device, converted, again) {
            self.decide_again(again.draft.sealed(), payment, &again.presented);
        } else {
            self.live.decision.clear();
            self.live.decision.outcome = Outcome::Block;
        }
    }

    /// Puts a payment together again as it came, or as it would have come from another device.
    fn seal_again(
        &self,
        open: &Open,
        device: Option<&str>,
        converted: Option<Conversion>,
        again: &mut Original,
    ) -> bool {
        let draft = &mut again.draft;
        let mut sealed = open.transaction.event(Kind::Transaction, self.live.rules.currency, draft).is_ok();
        if let Some(device) = device {
            sealed &= draft.text(TextField::Device, device).and_then(|()| draft.seal().map(|_| ())).is_ok();
        }
        draft.set_converted(converted);
        sealed
    }

    /// Joins what was required before to what is required now; both hold from now on.
    fn join_required(&mut self, open: &mut Open) {
        self.translate(open);
        let decision = &mut self.live.decision;
        open.requirement.iter().for_each(|&methods| decision.requirement.join(methods));
        open.requirement.clear();
        open.requirement.extend_from_slice(decision.requirement.any_of());
    }

    /// Joins what was required before to what is required now, and says what that comes to.
    fn conclude_answer(&mut self, open: &mut Open, presented: &str, locked: u16) {
        if self.live.decision.outcome == Outcome::Block {
            return;
        }
        self.join_required(open);
        let (rules, decision) = (&self.live.rules, &mut self.live.decision);
        decision.outcome = Outcome::StepUp;
        meet(rules, presented, locked, decision);
        if decision.locked != 0 {
            return self.say_keyless(|field| kept_text(&open.transaction, field).is_some());
        }
        let Open { id, expires_us, attempts_left, .. } = *open;
        if decision.outcome == Outcome::StepUp && attempts_left == 0 {
            decision.outcome = Outcome::Block;
            decision.stopped = Some(Stopped::Attempts);
        } else if decision.outcome == Outcome::StepUp {
            decision.step_up = Some(StepUp { id, expires_us, attempts_left });
        }
    }

    /// Says so where a lock holds because the payment has no key for it.
    fn say_keyless(&mut self, has: impl Fn(KeyField) -> bool) {
        let (locks, decision) = (&self.live.rules.locks, &mut self.live.decision);
        let mut held = (0..).zip(locks).filter(|(at, _)| decision.locked >> at & 1 == 1);
        if held.any(|(_, lock)| !has(lock.by)) {
            decision.stopped = Some(Stopped::Keyless);
        }
    }

    /// Says what was required in the methods of the live rule set; one that it does not name can't be presented any more.
    fn translate(&self, open: &mut Open) {
        let number = self.reloads.number;
        if open.rule_set == number {
            return;
        }
        let before = self.rule_set(open.rule_set).map_or(&[][..], |rules| &rules.methods);
        let methods = &self.live.rules.methods;
        for set in &mut open.requirement {
            let words = before.iter().enumerate().filter(|(bit, _)| *set >> bit & 1 == 1);
            let bits = words.filter_map(|(_, word)| methods.binary_search(word).ok());
            *set = bits.fold(0, |set, bit| set | 1 << bit);
        }
        open.rule_set = number;
    }

    /// Lets a payment count as its dialogue ended.
    fn end_dialogue(&mut self, identity: u128, time_us: i64, outcome: Outcome) {
        let ended = if outcome == Outcome::Allow { Ended::Allowed } else { Ended::Blocked };
        self.dialogues.ended.insert(identity, self.now_us, ended);
        if outcome == Outcome::Allow {
            self.report_itself(identity, Report::Authentication { succeeded: true, time_us });
            self.await_report(identity, Standing::Allowed);
        } else {
            self.report_itself(identity, Report::Refused);
        }
    }

    /// Gives the answer of the same attempt at a transaction again.
    pub(in crate::engine) fn answered_before(&mut self, answer: Place, identity: u128) -> Answer<'_> {
        if self.answers.read(answer, &mut self.live.decision) {
            self.live.decision.converted = self.exchange.conversion(identity, self.now_us);
            Answer::Repeated(&self.live.decision)
        } else {
            Answer::TakenBefore
        }
    }
}

/// Whether an authentication says that it is about something else.
fn differs(open: &Open, event: &Event) -> bool {
    let id = event.text(TextField::StepUp);
    let other = |field| event.text(field).is_some_and(|text| open.transaction.text(field) != Some(text));
    let amount = event.amount().is_some_and(|amount| open.transaction.amount_minor() != Some(amount.minor));
    id.is_some_and(|id| id != format!("{:016x}", open.id))
        || amount
        || other(TextField::Account)
        || other(TextField::Payee)
        // Whoever failed must not do so in another's name.
        || open.transaction.text(TextField::Customer).is_some() && other(TextField::Customer)
}
