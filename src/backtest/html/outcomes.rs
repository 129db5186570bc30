//! What was asked for, and by whom: step-ups, blocks and alerts; the law and risk.

use maud::{Markup, html};

use super::figure::{name, wide};
use super::tables::{self, FLAGGED};
use crate::backtest::report::{Evaluation, Named, Report};
use crate::backtest::told::Told;

/// A table of this section: where it stands, what it is, and what it holds.
struct Part {
    at: &'static str,
    caption: &'static str,
    of: fn(&Evaluation) -> &[Named],
}

const PARTS: [Part; 2] = [
    Part {
        at: "outcomes",
        caption: "By outcome; a payment counts under each that it has",
        of: |result| &result.outcomes,
    },
    Part {
        at: "reasons",
        caption: "By reason: what mandatory rules demand by law, and what the others ask for beyond it",
        of: |result| &result.reasons,
    },
];

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let new = &report.rules.result;
    let old = report.against.as_ref().map(|old| &old.result);
    let mut rows = Vec::new();
    for Part { at, of, .. } in PARTS {
        rows.extend(tables::rows(&format!("rules/result/{at}"), of(new), ""));
        rows.extend(
            old.into_iter().flat_map(|old| tables::rows(&format!("against/result/{at}"), of(old), ", old")),
        );
    }
    html! {
        @if rows.is_empty() { p { "Nothing was asked for." } }
        @for part in &PARTS {
            @if !(part.of)(new).is_empty() { (part.show(told, new, old)) }
        }
        @if !rows.is_empty() { (tables::all(told, FLAGGED, "Every figure by outcome and by reason", &rows)) }
    }
}

impl Part {
    fn show(&self, told: &Told, new: &Evaluation, old: Option<&Evaluation>) -> Markup {
        let table = html! {
            table {
                caption { (self.caption) }
                thead {
                    tr {
                        td {}
                        @if old.is_some() { th.left scope="col" { "Rules" } }
                        (tables::heads(told, FLAGGED))
                    }
                }
                @for (place, named) in (self.of)(new).iter().enumerate() {
                    tbody { (self.rows(told, place, named, old.map(self.of))) }
                }
            }
        };
        wide(self.caption, &table)
    }

    /// What the new rules do, and the old ones below.
    fn rows(&self, told: &Told, place: usize, new: &Named, old: Option<&[Named]>) -> Markup {
        let at = self.at;
        let same = old.and_then(|old| old.iter().enumerate().find(|(_, old)| old.name == new.name));
        html! {
            tr data-at=(format!("rules/result/{at}/{place}")) {
                th.name scope="rowgroup" rowspan=(1 + usize::from(same.is_some())) { (name(&new.name.replace('_', " "))) }
                @if old.is_some() { td.left { "new" } }
                (tables::cells(told, &new.figures))
            }
            @if let Some((place, old)) = same {
                tr.old data-at=(format!("against/result/{at}/{place}")) {
                    td.left { "old" }
                    (tables::cells(told, &old.figures))
                }
            }
        }
    }
}
