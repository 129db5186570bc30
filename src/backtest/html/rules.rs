//! The rules, one by one.

use maud::{Markup, html};

use super::figure::{figure, name, weighted, wide};
use super::tables::{self, Row};
use crate::backtest::report::{Report, RuleFigures};
use crate::backtest::told::Told;

/// What a rule's payments have in common.
const FIRED: &str = "Fired on";

/// The rules of one set, and where they stand in the report.
struct Rules<'a> {
    at: &'a str,
    caption: &'a str,
    rules: &'a [RuleFigures],
    /// Those that it is held against.
    old: Option<&'a [RuleFigures]>,
}

pub(super) fn section(report: &Report, told: &Told) -> Markup {
    let old = report.against.as_ref().map(|old| old.result.rules.as_slice());
    let new = Rules {
        at: "rules/result/rules",
        caption: "Rules, in the order of the rule set",
        rules: &report.rules.result.rules,
        old,
    };
    let gone: Vec<&RuleFigures> =
        old.unwrap_or_default().iter().filter(|old| !is_in(old, new.rules)).collect();
    html! {
        p.soft {
            "Each rule by what it fired on, whatever else fired and whatever became of it. Alone is what would not be flagged without "
            "the rule. One in shadow counts where it would have fired; alone is then what only it would flag."
        }
        @if new.rules.is_empty() { p { "The rule set has no rules." } } @else { (new.show(told)) }
        @if !gone.is_empty() {
            p { "No longer there: " @for rule in &gone { code { (name(&rule.id)) } " " } }
        }
        @if let Some(rules) = old {
            details {
                summary { "The old rules" }
                (Rules { at: "against/result/rules", caption: "Rules of the old set", rules, old: None }.show(told))
            }
        }
    }
}

fn is_in(rule: &RuleFigures, rules: &[RuleFigures]) -> bool {
    rules.iter().any(|other| other.id == rule.id)
}

impl Rules<'_> {
    fn show(&self, told: &Told) -> Markup {
        let rows: Vec<Row<'_>> = self
            .rules
            .iter()
            .enumerate()
            .map(|(place, rule)| Row {
                at: format!("{}/{place}", self.at),
                name: rule.id.clone(),
                payments: None,
                figures: &rule.figures,
            })
            .collect();
        html! {
            (wide(self.caption, &self.table(told, &rows)))
            (tables::all(told, FIRED, self.caption, &rows))
        }
    }

    fn table(&self, told: &Told, rows: &[Row<'_>]) -> Markup {
        html! {
            table.sortable.rules {
                caption { (self.caption) }
                thead {
                    tr {
                        th.left scope="col" { "Rule" }
                        (tables::heads(told, FIRED))
                        th scope="col" data-sort="" { "Frauds" br; small { "alone" } }
                        th scope="col" data-sort="" { "Genuine" br; small { "alone" } }
                    }
                }
                tbody {
                    @for (rule, row) in self.rules.iter().zip(rows) {
                        tr data-at=(row.at) {
                            th.name scope="row" {
                                code { (name(&rule.id)) }
                                @if self.old.is_some_and(|old| !is_in(rule, old)) { " " span.tag { "new" } }
                                (about(rule))
                            }
                            (tables::cells(told, row.figures))
                            td { (weighted("frauds_alone", rule.frauds_alone)) }
                            td { (weighted("genuine_alone", rule.genuine_alone)) }
                        }
                    }
                }
            }
        }
    }
}

/// Whose word it is, and what it asks for.
fn about(rule: &RuleFigures) -> Markup {
    html! {
        small {
            @if rule.mode != "live" { span.tag { (name(&rule.mode)) } " " }
            @if rule.tier != "normal" { (name(&rule.tier)) " · " }
            @if !rule.then.is_empty() { (name(&rule.then.replace('_', " "))) " · " }
            "score " (figure("score", rule.score, &format!("{:+}", rule.score)))
        }
    }
}
