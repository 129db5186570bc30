//! Labels that stand beside their payments, until they would have arrived.
//!
//! Promises that the engine sees a label no earlier than it was known, and in the same order every time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::event::{Draft, Event, EventError, Kind, TextField};
use crate::rules::Label;

/// Labels to come, and the event that is made of each.
#[derive(Debug)]
pub(super) struct Later {
    waiting: BinaryHeap<Reverse<Due>>,
    came: u64,
    draft: Draft,
    id: String,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    time_us: i64,
    came: u64,
    tenant: Option<Box<str>>,
    transaction: Box<str>,
    label: &'static str,
    kind: Option<Box<str>>,
    source: Option<Box<str>>,
}

impl Later {
    pub(super) fn new(draft: Draft) -> Self {
        Self { waiting: BinaryHeap::new(), came: 0, draft, id: String::new() }
    }

    /// Keeps the label of a payment until its time.
    pub(super) fn keep(
        &mut self,
        payment: &Event,
        (label, time_us): (Label, i64),
        kind: Option<&str>,
        source: Option<&str>,
    ) {
        let boxed = |text: Option<&str>| text.map(Box::from);
        self.came += 1;
        self.waiting.push(Reverse(Due {
            time_us,
            came: self.came,
            tenant: boxed(payment.text(TextField::Tenant)),
            transaction: payment.id().into(),
            label: label.name(),
            kind: boxed(kind),
            source: boxed(source),
        }));
    }

    /// The next label that has arrived by a time, as an event.
    pub(super) fn due(&mut self, by_us: i64) -> Option<Result<&Event, EventError>> {
        if self.waiting.peek().is_none_or(|Reverse(due)| due.time_us > by_us) {
            return None;
        }
        let Reverse(due) = self.waiting.pop()?;
        Some(self.event(&due))
    }

    fn event(&mut self, due: &Due) -> Result<&Event, EventError> {
        // A data set's own ids have no reason to begin so.
        self.id.clear();
        self.id.push_str("label of ");
        self.id.push_str(&due.transaction);
        let draft = &mut self.draft;
        draft.begin(Kind::Label, due.time_us)?;
        draft.text(TextField::Id, &self.id)?;
        draft.text(TextField::Transaction, &due.transaction)?;
        draft.text(TextField::Label, due.label)?;
        let texts = [
            (TextField::Tenant, &due.tenant),
            (TextField::LabelKind, &due.kind),
            (TextField::Source, &due.source),
        ];
        for (field, text) in texts {
            text.as_deref().map_or(Ok(()), |text| draft.text(field, text))?;
        }
        draft.seal()
    }
}
