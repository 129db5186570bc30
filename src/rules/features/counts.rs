//! `counts`, `pending`, `label` and `current`: which payments a feature counts, and whether the one being scored is among them.

use std::ops::Range;

use super::Reader;
use crate::event::Kind;
use crate::rules::document::Table;
use crate::rules::problem::Problem;
use crate::rules::ruleset::{Aggregate, Counts, Kinds, Label};

const COUNTS: [(&str, Counts); 3] =
    [("asked", Counts::Asked), ("allowed", Counts::Allowed), ("executed", Counts::Executed)];
const LABELS: [(&str, Label); 2] = [("fraud", Label::Fraud), ("genuine", Label::Genuine)];

/// What a feature says of the payments that it counts.
pub(super) struct Counted {
    pub(super) counts: Counts,
    /// Where it says so, if it does.
    pub(super) pending: Option<Range<usize>>,
    pub(super) label: Option<Label>,
}

impl<'d> Reader<'_, 'd> {
    pub(super) fn counted(&mut self, table: &Table<'d>, aggregate: Option<Aggregate>) -> Option<Counted> {
        let counts = match table.get("counts") {
            None => Some(None),
            Some(_) => table.word(self.problems, "counts", &COUNTS, &[]).map(Some),
        };
        let pending = table.boolean(self.problems, "pending");
        let label = match table.get("label") {
            None => Some(None),
            Some(_) => table.word(self.problems, "label", &LABELS, &[]).map(Some),
        };
        let (counts, label) = (counts?, label?);
        let pending = pending.and_then(|(pending, span)| pending.then_some(span));
        if let Some(span) = &pending
            && counts != Some(Counts::Executed)
        {
            let message = "`pending` goes with `counts = \"executed\"` only";
            let problem = Problem::error(span.clone(), message, "nothing is pending here");
            return self.fail(problem.help("it counts a payment from its answer on, until it is executed"));
        }
        if label.is_some()
            && let Some(Counts::Allowed | Counts::Executed) = counts
        {
            let span = table.get("label").map_or(table.span(), |item| item.span());
            let message = "a label goes with all that asked, whatever was answered";
            let problem = Problem::error(span, message, "not with these `counts`");
            return self.fail(problem.help("leave `counts` out"));
        }
        let counts = counts.unwrap_or(if label.is_some() { Counts::Asked } else { unsaid(aggregate) });
        Some(Counted { counts, pending, label })
    }

    /// Tells a label of what is never labelled.
    pub(super) fn check_label(&mut self, table: &Table<'d>, label: Option<Label>, from: Kinds) -> Option<()> {
        if label.is_none() || from.contains(Kind::Transaction) {
            return Some(());
        }
        let span = table.get("label").map_or(table.span(), |item| item.span());
        let message = "only transactions are labelled, and this feature is not fed from them";
        let problem = Problem::error(span, message, "never there");
        self.fail(problem.help("leave `from` out, or put `transaction` in it"))
    }

    /// Whether the event being scored is part of the value; `never` says why it cannot be.
    pub(super) fn current(
        &mut self,
        table: &Table<'d>,
        aggregate: Aggregate,
        never: Option<&'static str>,
    ) -> Option<bool> {
        let said = match table.get("current") {
            None => None,
            Some(_) => Some(table.boolean(self.problems, "current")?),
        };
        let Some(message) = never else {
            let of_the_past = matches!(
                aggregate,
                Aggregate::First(_) | Aggregate::Last(_) | Aggregate::Previous(_) | Aggregate::Quantile(..)
            );
            return Some(said.map_or(!of_the_past, |(current, _)| current));
        };
        match said {
            Some((true, span)) => self.fail(Problem::error(span, message, "cannot be true here")),
            _ => Some(false),
        }
    }
}

/// Why the event being scored is never part of a feature's value, if it is not.
pub(super) fn never_current(
    aggregate: Aggregate,
    carries: bool,
    label: Option<Label>,
    delay_us: i64,
) -> Option<&'static str> {
    match aggregate {
        Aggregate::IsNew | Aggregate::Since => {
            Some("`is_new` and `since` never count the event being scored")
        }
        Aggregate::ZScore(_) => Some("`z_score` holds the event being scored against those before it"),
        Aggregate::Speed { .. } => Some("`speed` is measured from a place before the event being scored"),
        Aggregate::Changed(_) => Some("`changed` holds the event being scored against the one before it"),
        _ if carries => Some(
            "a feature whose `where` reads a table is fed after deciding, so never by the event being scored",
        ),
        _ if label.is_some() => Some("the event being scored has no label yet"),
        _ if delay_us > 0 => Some("a window that ends before now never holds the event being scored"),
        _ => None,
    }
}

/// A thief's refused try must not make his device a known one, and blocked attempts must not teach what is usual.
fn unsaid(aggregate: Option<Aggregate>) -> Counts {
    match aggregate {
        Some(Aggregate::Count | Aggregate::Sum(_) | Aggregate::Distinct(_)) => Counts::Asked,
        _ => Counts::Allowed,
    }
}
