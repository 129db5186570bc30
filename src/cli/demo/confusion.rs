//! What was decided, against what was labelled.

use std::collections::BTreeMap;
use std::io::{self, Write};

use hashbrown::HashMap;
use weir::decision::Outcome;
use weir::event::{Event, Kind, TextField};

use super::HEAD;

/// Counts by outcome, weakest first.
type ByOutcome = [u64; 3];

/// Decisions by what they turned out to be. A generated stream labels every fraud, so what has no label is honest.
#[derive(Default)]
pub(super) struct Confusion {
    outcomes: HashMap<u128, Outcome, foldhash::fast::FixedState>,
    all: ByOutcome,
    fraud: ByOutcome,
    kinds: BTreeMap<String, ByOutcome>,
}

impl Confusion {
    pub(super) fn decided(&mut self, event: &Event, outcome: Outcome) {
        self.all[outcome as usize] += 1;
        self.outcomes.insert(event.identity(), outcome);
    }

    pub(super) fn told(&mut self, event: &Event) {
        let fraud = event.kind() == Kind::Label && event.text(TextField::Label) == Some("fraud");
        let about = event.transaction_identity().filter(|_| fraud);
        // A second label of the same transaction finds nothing more to count.
        let Some(outcome) = about.and_then(|identity| self.outcomes.remove(&identity)) else { return };
        self.fraud[outcome as usize] += 1;
        let kind = event.text(TextField::LabelKind).unwrap_or("fraud");
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.to_owned(), ByOutcome::default());
        }
        if let Some(counts) = self.kinds.get_mut(kind) {
            counts[outcome as usize] += 1;
        }
    }

    pub(super) fn show(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{HEAD}Against the labels{HEAD:#}")?;
        writeln!(out, "  {:<16}{:>10}{:>10}{:>10}{:>10}", "", "allow", "step_up", "block", "stopped")?;
        let mut row = |name: &str, counts: &ByOutcome| {
            let [allow, step_up, block] = counts;
            let stopped = step_up + block;
            let share = 100.0 * stopped as f64 / (allow + stopped).max(1) as f64;
            writeln!(out, "  {name:<16}{allow:>10}{step_up:>10}{block:>10}{share:>8.2} %")
        };
        let honest: ByOutcome = std::array::from_fn(|at| self.all[at] - self.fraud[at]);
        row("honest", &honest)?;
        row("fraud", &self.fraud)?;
        for (kind, counts) in &self.kinds {
            row(&format!("  {kind}"), counts)?;
        }
        let stopped = |counts: &ByOutcome| (counts[1] + counts[2]) as f64;
        let all = stopped(&self.all).max(1.0);
        writeln!(out, "  {:.1} % of the payments stopped were fraud", 100.0 * stopped(&self.fraud) / all)
    }
}
