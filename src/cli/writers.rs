//! Decisions written as the rule set says that made them, across reloads.

use std::io;

use weir::decision::Decision;
use weir::engine::{Engine, VERSION};
use weir::event::Event;
use weir::io::DecisionWriter;

/// One writer for each rule set that was live, in the order in which they became so.
pub(super) struct Writers(Vec<DecisionWriter>);

impl Writers {
    /// Of the rule set that is live.
    pub(super) fn new(engine: &Engine) -> io::Result<Self> {
        Ok(Self(vec![DecisionWriter::new(engine.rules(), VERSION)?]))
    }

    /// Takes note of a rule set that became live.
    pub(super) fn follow(&mut self, engine: &Engine) -> io::Result<()> {
        if let Some(rules) = engine.rule_set(self.0.len() as u32) {
            self.0.push(DecisionWriter::new(rules, VERSION)?);
        }
        Ok(())
    }

    /// Writes a decision and a line end.
    pub(super) fn write(&self, event: &Event, decision: &Decision, out: &mut Vec<u8>) -> io::Result<()> {
        let unknown =
            || io::Error::new(io::ErrorKind::InvalidInput, "the decision is of an unknown rule set");
        let writer = self.0.get(decision.rule_set as usize).ok_or_else(unknown)?;
        writer.write(event, decision, out)
    }
}
