//! Opening a dialogue, and answering an authentication with the final decision.

use std::sync::Arc;

use super::locks::leave_out;
use super::{Asked, Attempt, Ended, Open, Original, attempt, content, meet, present};
use crate::decision::{Outcome, StepUp, Stopped};
use crate::engine::answers::Place;
use crate::engine::payments::{Report, Standing};
use crate::engine::{Answer, Engine, Refusal};
use crate::event::{Draft, Event, Kept, Kind, TextField};

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
        let (converted, currency) = (self.exchange.conversion(identity, now_us), self.live.rules.currency);
        let sealed = open.transaction.event(Kind::Transaction, currency, &mut again.draft).is_ok();
        again.draft.set_converted(converted);
        // It was taken in once, so it can be again; if ever not, nothing is let through.
        if sealed {
            self.decide_again(again.draft.sealed(), payment.as_ref(), &again.presented);
        } else {
            self.live.decision.clear();
            self.live.decision.outcome = Outcome::Block;
        }
        self.live.decision.converted = converted;
        self.conclude_answer(open, &again.presented, locked);
        if let Some(payment) = payment.filter(|_| self.live.decision.outcome == Outcome::Allow) {
            self.arm_original(again.draft.sealed(), &payment, &again.presented);
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

    /// Joins what was required before to what is required now, and says what that comes to.
    fn conclude_answer(&mut self, open: &mut Open, presented: &str, locked: u16) {
        self.translate(open);
        let (rules, decision) = (&self.live.rules, &mut self.live.decision);
        if decision.outcome == Outcome::Block {
            return;
        }
        decision.outcome = Outcome::StepUp;
        open.requirement.iter().for_each(|&methods| decision.requirement.join(methods));
        open.requirement.clear();
        open.requirement.extend_from_slice(decision.requirement.any_of());
        meet(rules, presented, locked, decision);
        let Open { id, expires_us, attempts_left, .. } = *open;
        if decision.outcome == Outcome::StepUp && attempts_left == 0 {
            decision.outcome = Outcome::Block;
            decision.stopped = Some(Stopped::Attempts);
        } else if decision.outcome == Outcome::StepUp {
            decision.step_up = Some(StepUp { id, expires_us, attempts_left });
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
        self.dialogues.ended.insert(identity, self.now_us, Ended::Answered);
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
}
