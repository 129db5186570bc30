//! What payments turned out to be, from the events that say so.
//!
//! Promises that of several the newest stands, and that memory grows with the payments that somebody said something of, and not with
//! the rows.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::layout::{Columns, Layout};
use super::row::Row;
use crate::backtest::Truth;
use crate::event::{TextField, identity};
use crate::rules::Label;

/// What is known of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// Fraud or genuine; `None` where that was taken back.
    pub label: Option<Label>,
    /// The kind of fraud, in the labeller's words.
    pub kind: Option<&'a str>,
    /// Who says so.
    pub source: Option<&'a str>,
    /// When it was said, microseconds since 1970 UTC.
    pub time_us: i64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    time_us: i64,
    label: Option<Label>,
    kind: Option<u32>,
    source: Option<u32>,
}

/// What is known of payments, by their identities ([`Event::identity`](crate::event::Event::identity)).
#[derive(Clone, Debug, Default)]
pub struct Labels {
    entries: HashMap<u128, Entry, FixedState>,
    /// Kinds and sources: there are few.
    words: Vec<String>,
    places: HashMap<String, u32, FixedState>,
}

impl Labels {
    /// What is known of a payment; `None` where nobody said anything of it.
    pub fn get(&self, transaction: u128) -> Option<Known<'_>> {
        let Entry { time_us, label, kind, source } = *self.entries.get(&transaction)?;
        let word = |at: Option<u32>| self.words.get(at? as usize).map(String::as_str);
        Some(Known { label, kind: word(kind), source: word(source), time_us })
    }

    /// What the newest says that was said of a payment, in its row or by an event, and when that was said. What stands in a row
    /// without a time is older than any event.
    pub(in crate::backtest) fn newest<'a>(&'a self, row: &Row<'a>) -> (Truth<'a>, Option<i64>) {
        let of_row = row.truth.label.map(|_| row.label_time_us.unwrap_or(i64::MIN));
        match self.get(row.event.identity()) {
            Some(known) if of_row.is_none_or(|time_us| time_us <= known.time_us) => {
                let truth = Truth { label: known.label, kind: known.kind, case: row.truth.case };
                (truth, Some(known.time_us))
            }
            _ => (row.truth, row.label_time_us),
        }
    }

    /// Of how many payments something is known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known of any.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes in what label events say, in order.
    pub(super) fn take(&mut self, columns: &Columns, layout: &Layout) {
        let texts = |field| columns.texts.iter().find(|(of, _)| *of == field).map(|(_, texts)| texts);
        let (tenants, payments) = (texts(TextField::Tenant), texts(TextField::Transaction));
        let sources = texts(TextField::Source);
        for row in 0..columns.rows {
            let label = match columns.label.as_ref().and_then(|labels| labels.get(row)) {
                Some("fraud") => Some(Label::Fraud),
                Some("genuine") => Some(Label::Genuine),
                Some("unknown") => None,
                _ => continue,
            };
            let time = columns.time.as_ref().and_then(|times| times.at(row, &layout.calendar).ok()?);
            let (Some(payment), Some(time_us)) = (payments.and_then(|texts| texts.get(row)), time) else {
                continue;
            };
            let tenant = tenants.and_then(|texts| texts.get(row));
            let kind = columns.label_kind.as_ref().and_then(|texts| texts.get(row));
            let source = sources.and_then(|texts| texts.get(row));
            self.put(identity(tenant, payment), Known { label, kind, source, time_us });
        }
    }

    /// Takes in what an event says; of the same time the later one stands.
    fn put(&mut self, transaction: u128, known: Known<'_>) {
        if self.entries.get(&transaction).is_some_and(|entry| entry.time_us > known.time_us) {
            return;
        }
        let (kind, source) =
            (known.kind.map(|kind| self.word(kind)), known.source.map(|word| self.word(word)));
        let Known { time_us, label, .. } = known;
        self.entries.insert(transaction, Entry { time_us, label, kind, source });
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(&at) = self.places.get(word) {
            return at;
        }
        let at = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.places.insert(word.to_owned(), at);
        at
    }
}
