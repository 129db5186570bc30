//! Saying it loudly when a rule's breaker keeps it from acting: once for each rule, at the payment where it first did.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use weir::decision::Decision;
use weir::engine::Engine;
use weir::event::Event;

/// Which rules were told of, and which are to be.
#[derive(Default)]
pub(super) struct Breakers {
    told: BTreeSet<(u32, u16)>,
    new: Vec<(u32, u16)>,
}

impl Breakers {
    /// Takes note of a decision.
    pub(super) fn note(&mut self, decision: &Decision) {
        for &rule in &decision.tripped {
            if self.told.insert((decision.rule_set, rule)) {
                self.new.push((decision.rule_set, rule));
            }
        }
    }

    /// Tells what is new on standard error.
    pub(super) fn tell(&mut self, event: &Event, engine: &Engine) -> io::Result<()> {
        let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        for (number, rule) in self.new.drain(..) {
            let id = engine
                .rule_set(number)
                .and_then(|rules| rules.rules.get(usize::from(rule)))
                .map_or("?", |rule| rule.id.as_str());
            writeln!(
                anstream::stderr(),
                "{yellow}warning{yellow:#}: the breaker of rule `{id}` tripped at payment `{}`: it fires on more than its share of decisions, and does not act until it is back under it",
                event.id()
            )?;
        }
        Ok(())
    }
}
