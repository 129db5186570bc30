//! Answers as lines, each as the rule set says that gave it, across reloads and restarts.

use std::io;
use std::sync::Arc;

use super::record::AnswerForm;
use crate::decision::Decision;
use crate::engine::{Answer, Engine, VERSION};
use crate::event::Event;
use crate::io::DecisionWriter;
use crate::io::decision::{write_alert, write_refusal};

/// One writer for each rule set of which a decision may still be given.
#[derive(Debug)]
pub struct AnswerWriter {
    /// By the number that the engine gave the rule set, with its hash: one that decides again is written by the same.
    writers: Vec<(u32, [u8; 32], Arc<DecisionWriter>)>,
}

impl AnswerWriter {
    /// Of what an engine decides, or has decided and remembers.
    pub fn new(engine: &Engine) -> io::Result<Self> {
        let mut writer = Self { writers: Vec::new() };
        for number in engine.rule_set_numbers() {
            writer.add(engine, number)?;
        }
        Ok(writer)
    }

    /// Takes note of the rule sets that became live; before each step.
    pub fn follow(&mut self, engine: &Engine) -> io::Result<()> {
        let known = self.writers.last().map(|(number, ..)| *number);
        // Seldom: a look at a number costs nothing.
        if known == Some(engine.rule_set_number()) {
            return Ok(());
        }
        // No decision can be given any more of what the engine has forgotten.
        self.writers.retain(|(number, ..)| engine.rule_set(*number).is_some());
        // Several, where one took over without a step: it was warmed.
        for number in engine.rule_set_numbers().filter(|number| known.is_none_or(|known| *number > known)) {
            self.add(engine, number)?;
        }
        Ok(())
    }

    fn add(&mut self, engine: &Engine, number: u32) -> io::Result<()> {
        if let Some(rules) = engine.rule_set(number) {
            let held = self.writers.iter().find(|(_, hash, _)| *hash == rules.hash);
            let writer = match held {
                Some((.., writer)) => Arc::clone(writer),
                None => Arc::new(DecisionWriter::new(rules, VERSION)?),
            };
            self.writers.push((number, rules.hash, writer));
        }
        Ok(())
    }

    /// Writes an answer and a line end, and says what it is; nothing where there is nothing to say.
    pub fn write(
        &self,
        event: &Event,
        answer: &Answer<'_>,
        out: &mut Vec<u8>,
    ) -> io::Result<Option<AnswerForm>> {
        let form = match answer {
            Answer::Decided(decision) => {
                self.decision(event, decision, out)?;
                if decision.own.is_some() { AnswerForm::Declared } else { AnswerForm::Decided }
            }
            Answer::Repeated(decision) => {
                self.decision(event, decision, out).map(|()| AnswerForm::Repeated)?
            }
            Answer::Refused(refusal) => {
                let (code, declared) = (refusal.code(), refusal.declared());
                write_refusal(event, code, declared, &refusal.to_string(), out)?;
                AnswerForm::Refused
            }
            Answer::Alert(alert) | Answer::AlertedBefore(alert) => {
                write_alert(event, alert.code(), alert.answered(), &alert.to_string(), out)?;
                if matches!(answer, Answer::Alert(_)) { AnswerForm::Alert } else { AnswerForm::Repeated }
            }
            Answer::Taken | Answer::TakenBefore => return Ok(None),
        };
        Ok(Some(form))
    }

    fn decision(&self, event: &Event, decision: &Decision, out: &mut Vec<u8>) -> io::Result<()> {
        let unknown =
            || io::Error::new(io::ErrorKind::InvalidInput, "the decision is of an unknown rule set");
        let at = self.writers.binary_search_by_key(&decision.rule_set, |(number, ..)| *number);
        let writer = at.ok().and_then(|at| self.writers.get(at)).ok_or_else(unknown)?;
        writer.2.write(event, decision, out)
    }
}
