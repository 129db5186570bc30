//! Payments that had their answer before the engine saw them.
//!
//! Promises that what was answered stands: it is what counts, what a repeat is told, and what a dialogue goes on from.
//! What the engine itself came to is said beside it, and changes nothing.

use super::number;
use crate::decision::{Outcome, StepUp};
use crate::engine::Engine;
use crate::event::{Event, TextField};
use crate::rules::Dialogue;

impl Engine {
    /// Lets stand what a payment was answered already: by a gateway that could not ask, or by an engine that could not
    /// keep what it answered.
    pub(in crate::engine) fn let_stand(&mut self, event: &Event) {
        let answered = event.text(TextField::Answered).and_then(Outcome::from_name);
        let Some(answered) = answered else { return };
        let own = self.live.decision.outcome;
        self.live.decision.own = Some(own);
        if answered == own {
            return;
        }
        let dialogue = self.live.rules.step_up.filter(|_| answered == Outcome::StepUp);
        let has_room = self.dialogues.has_room(self.limits.step_ups_max);
        let step_up = dialogue.filter(|_| has_room).map(|dialogue| self.step_up(event, dialogue));
        let decision = &mut self.live.decision;
        decision.outcome = answered;
        decision.met = false;
        decision.missing.clear();
        decision.step_up = step_up;
    }

    /// The dialogue that a payment opens now.
    pub(super) fn step_up(&self, event: &Event, dialogue: Dialogue) -> StepUp {
        StepUp {
            id: number(event.identity(), self.now_us),
            expires_us: self.now_us.saturating_add(dialogue.expires_us),
            attempts_left: dialogue.attempts,
        }
    }
}
