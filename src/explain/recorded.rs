//! A decision explained from what was recorded of it, without the state that it was made from.
//!
//! A record holds the event, the decision, and the features and tables that the rules which fired read; so their conditions are
//! evaluated as they were. Lists, rates and locks are as they were nowhere. Promises that a part which asks them is shown
//! as unknown, with all that it decides, and is named; never as what it may not have been.

use std::collections::BTreeSet;

use super::{Explainer, Explanation, RuleExplanation};
use crate::decision::{Decision, Reading};
use crate::event::{Event, Kind};
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::{Facts, Finding, Form, OnUnknown, Quantity, RuleSet, presented};

/// What of a condition no record holds.
struct Unknown<'a> {
    rules: &'a RuleSet,
    event: &'a Event,
    decision: &'a Decision,
    names: BTreeSet<String>,
}

impl Explainer {
    /// Explains a decision of this rule set on a transaction or login, whose rules and tables are those recorded.
    pub fn explain_recorded(&self, event: &Event, decision: &Decision) -> Explanation {
        let set = self.rules();
        let converted = decision.converted.map(|conversion| {
            let mut converted = event.clone();
            converted.convert(event, conversion, set.currency);
            converted
        });
        let event = converted.as_ref().unwrap_or(event);
        let mut features = vec![Reading::default(); set.features.len()];
        for (at, reading) in &decision.features {
            if let Some(held) = features.get_mut(usize::from(*at)) {
                *held = *reading;
            }
        }
        let mut rows = vec![None; set.tables.len()];
        for (at, row) in &decision.tables {
            if let Some(held) = rows.get_mut(usize::from(*at)) {
                *held = *row;
            }
        }
        let (hour, weekday) = set.calendar.clone().hour_and_weekday(event.time_us());
        let facts = Facts {
            event,
            features: &features,
            tables: &rows,
            hour,
            weekday,
            lists: Lists::NONE,
            presented: presented(event),
            rates: Rates::NONE,
            now_us: event.time_us(),
        };
        let mut explanation = self.explain(&facts, decision, false);
        let mut unknown = Unknown { rules: set, event, decision, names: BTreeSet::new() };
        for rule in &mut explanation.rules {
            unknown.rule(rule);
        }
        for table in &mut explanation.tables {
            let at = set.tables.iter().position(|held| held.name == table.name);
            let row = at.and_then(|at| rows.get(at).copied().flatten()).map(usize::from);
            (table.row, table.value) =
                (row, at.zip(row).and_then(|(at, row)| set.tables.get(at)?.value(row)));
            for row in &mut table.looked_at {
                unknown.part(row);
            }
        }
        explanation.not_recorded = unknown.names.into_iter().collect();
        explanation
    }
}

impl Unknown<'_> {
    fn rule(&mut self, rule: &mut RuleExplanation) {
        if !self.part(&mut rule.condition) {
            return;
        }
        let declared = self.rules.rules.iter().find(|held| held.id == rule.id);
        // It fired: what its condition came to is known where that can't have been unknown.
        let surely = declared.is_some_and(|held| held.on_unknown != OnUnknown::Fires);
        rule.by_unknown = false;
        rule.condition.value = surely.then_some(Quantity::Truth(true));
    }

    /// Takes away what is not known of a part; whether that is so.
    fn part(&mut self, part: &mut Finding) -> bool {
        let mut unknown = self.own(&part.form);
        let mut decides = false;
        for inner in &mut part.parts {
            let is_unknown = self.part(inner);
            unknown |= is_unknown;
            decides |= !is_unknown
                && match part.form {
                    Form::All => inner.truth() == Some(false),
                    Form::Any => inner.truth() == Some(true),
                    _ => false,
                };
        }
        let unknown = unknown && !decides;
        if unknown {
            part.value = None;
        }
        unknown
    }

    /// Whether the part itself asks what no record holds.
    fn own(&mut self, form: &Form) -> bool {
        let name = match form {
            Form::Listed(list) | Form::ListLevel(list) => format!("list {list}"),
            Form::Met(requirement)
                if !self.rules.locks.is_empty() || self.event.kind() != Kind::Transaction =>
            {
                format!("requirement {requirement}")
            }
            Form::Money(money) => {
                let paid = self.decision.converted.map(|converted| converted.paid.currency);
                if money.currency == self.rules.currency || Some(money.currency) == paid {
                    return false;
                }
                format!("rate of {}", money.currency.code())
            }
            Form::Feature(at) | Form::Quality(at) => {
                let held = self.decision.features.iter().any(|(held, _)| usize::from(*held) == *at);
                match self.rules.features.get(*at) {
                    Some(feature) if !held => format!("feature {}", feature.name),
                    _ => return false,
                }
            }
            Form::Table(at) => {
                let held = self.decision.tables.iter().any(|(held, _)| usize::from(*held) == *at);
                match self.rules.tables.get(*at) {
                    Some(table) if !held => format!("table {}", table.name),
                    _ => return false,
                }
            }
            _ => return false,
        };
        self.names.insert(name);
        true
    }
}
