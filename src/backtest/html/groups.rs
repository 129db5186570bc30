//! The same figures by month, portal, provider and kind of payment.

use maud::{Markup, html};

use super::figure::{As, count, measured, name, wide};
use super::tables::{self, FLAGGED};
use crate::backtest::report::{Group, Named, Report};
use crate::backtest::told::Told;

/// Values shown; the others are among all figures.
const VALUES_SHOWN: usize = 15;

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let groups = &report.rules.result.groups;
    let old = report.against.as_ref().map(|old| old.result.groups.as_slice());
    html! {
        @if groups.is_empty() { p { "The data set has no field by which payments could be grouped." } }
        @for (place, group) in groups.iter().enumerate() {
            h3 { "By " (name(&words(&group.by))) }
            (Side { place, group, old: old.map(|old| find(old, &group.by)) }.show(told))
        }
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn find<'a>(groups: &'a [Group], by: &str) -> Option<(usize, &'a Group)> {
    groups.iter().enumerate().find(|(_, group)| group.by == by)
}

/// A group, and the same one under the old rules where there are such.
struct Side<'a> {
    place: usize,
    group: &'a Group,
    old: Option<Option<(usize, &'a Group)>>,
}

impl Side<'_> {
    fn show(&self, told: &Told) -> Markup {
        let values = &self.group.values;
        let caption = format!("By {}", words(&self.group.by));
        let mut rows = tables::rows(&format!("rules/result/groups/{}/values", self.place), values, "");
        if let Some(Some((place, old))) = self.old {
            rows.extend(tables::rows(&format!("against/result/groups/{place}/values"), &old.values, ", old"));
        }
        let more = values.len().saturating_sub(VALUES_SHOWN);
        html! {
            (wide(&caption, &self.table(told, &caption)))
            @if more > 0 { p.soft { (more) " more values are among all figures." } }
            (tables::all(told, FLAGGED, &format!("{caption}: every figure"), &rows))
        }
    }

    fn table(&self, told: &Told, caption: &str) -> Markup {
        let at = format!("rules/result/groups/{}/values", self.place);
        html! {
            // The heading says it.
            table.sortable {
                caption.quiet { (caption) }
                thead {
                    tr {
                        th.left scope="col" { "Value" }
                        th scope="col" data-sort="" { "Payments" }
                        (tables::heads(told, FLAGGED))
                        @if self.old.is_some() {
                            th scope="col" data-sort="" { "Precision" br; small { "old" } }
                            th scope="col" data-sort="" { "Recall" br; small { "old" } }
                        }
                    }
                }
                tbody data-at=(at) {
                    @for (place, value) in self.group.values.iter().enumerate().take(VALUES_SHOWN) {
                        tr data-at=(place) {
                            th.name scope="row" { (name(&value.name)) }
                            td { @if let Some(payments) = value.payments { (count("payments", payments)) } }
                            (tables::cells(told, &value.figures))
                            @if let Some(old) = self.old { (before(old, value)) }
                        }
                    }
                }
            }
        }
    }
}

/// What the old rules did on a value.
fn before(old: Option<(usize, &Group)>, value: &Named) -> Markup {
    let same = old.and_then(|(group, old)| {
        let mut values = old.values.iter().enumerate();
        values.find(|(_, old)| old.name == value.name).map(|(place, old)| (group, place, old))
    });
    match same {
        None => html! { td {} td {} },
        Some((group, place, old)) => {
            let at = format!("/against/result/groups/{group}/values/{place}");
            html! {
                td.old data-at=(at) { (measured("precision", old.figures.precision, As::Percent)) }
                td.old data-at=(at) { (measured("recall", old.figures.recall, As::Percent)) }
            }
        }
    }
}
