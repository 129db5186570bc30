//! Events that are older than what a journal remembers of ids: whether they came before, nobody can tell any more.
//!
//! An event that is begun again within `remember` is answered as it was. Before that its id is forgotten, and it is taken in as
//! new; so it is told, at the first one and at the end.

use std::io::{self, Write};

use weir::engine::{Answer, Engine};
use weir::event::Event;
use weir::time::format_duration;

/// Counts them.
pub(super) struct Forgotten {
    /// What is not after this time; where there is a journal.
    until_us: Option<i64>,
    remember: String,
    events: u64,
}

impl Forgotten {
    /// Of a stream that goes to this engine, as it was when its journal was opened.
    pub(super) fn new(engine: &Engine, recorded: bool) -> Self {
        let remember_us = engine.rules().horizon_us;
        let until_us = recorded.then(|| engine.now_us().saturating_sub(remember_us));
        Self { until_us, remember: format_duration(remember_us), events: 0 }
    }

    /// Looks at an event; whether it is the first one.
    pub(super) fn count(&mut self, event: &Event, answer: Answer<'_>) -> bool {
        let new = matches!(answer, Answer::Decided(_) | Answer::Taken | Answer::Alert(_));
        let forgotten = new && self.until_us.is_some_and(|until_us| event.time_us() <= until_us);
        self.events += u64::from(forgotten);
        forgotten && self.events == 1
    }

    /// Tells the first one.
    pub(super) fn tell(&self, id: &str) -> io::Result<()> {
        writeln!(
            anstream::stderr(),
            "warning: event `{id}` is {} (`remember`) or more older than the journal's end: whether it came before is forgotten, and it is taken in as new; begin a stream again only from where the journal ends",
            self.remember
        )
    }

    /// Tells how many there were, if any.
    pub(super) fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        match self.events {
            0 => Ok(()),
            events => writeln!(
                out,
                "warning: {events} events were {} or more older than the journal's end, and taken in as new",
                self.remember
            ),
        }
    }
}
