//! The parts of two rule files side by side.

use super::{Change, Detail, Event, Subject};
use crate::catalogue::Language;
use crate::explain::Style;
use crate::rules::description::{Aspect, ParamDescription, PartDescription};
use crate::rules::{Description, Quantity, RuleSet, Unit};

pub(super) fn changes(old: (&RuleSet, &Description), new: (&RuleSet, &Description)) -> Vec<Change> {
    let ((old_set, old), (new_set, new)) = (old, new);
    let mut changes = Vec::new();
    for (subject, old, new) in
        [(Subject::Setting, &old.settings, &new.settings), (Subject::Policy, &old.policy, &new.policy)]
    {
        changes.extend(details(old, new).into_iter().map(|detail| {
            let event = event(detail.old.as_ref(), detail.new.as_ref());
            change(subject, &detail.key.clone(), event, vec![detail])
        }));
    }
    let order = |said: &Description, other: &Description| -> Vec<String> {
        let both = |name: &&PartDescription| other.rules.iter().any(|rule| rule.name == name.name);
        said.rules.iter().filter(both).map(|rule| rule.name.clone()).collect()
    };
    let orders = (order(old, new), order(new, old));
    if orders.0 != orders.1 {
        let said = |order: Vec<String>| Some(order.join(", "));
        let detail =
            Detail { key: "order of rules".to_owned(), old: said(orders.0), new: said(orders.1), by: None };
        changes.push(change(Subject::Setting, "order of rules", Event::Changed, vec![detail]));
    }
    pair_up(
        &old.fields,
        &new.fields,
        |(name, _)| name,
        |name, old, new| {
            let ty = |field: Option<&(String, &'static str)>| field.map(|(_, ty)| (*ty).to_owned());
            let (old, new) = (ty(old), ty(new));
            if old != new {
                let event = event(old.as_ref(), new.as_ref());
                let detail = Detail { key: "type".to_owned(), old, new, by: None };
                changes.push(change(Subject::Field, name, event, vec![detail]));
            }
        },
    );
    let styles = [old_set, new_set].map(|set| Style::new(Language::English, set));
    pair_up(
        &old.params,
        &new.params,
        |param| &param.name,
        |name, old, new| {
            changes.extend(param(name, old, new, &styles));
        },
    );
    pair_up(
        &old.features,
        &new.features,
        |feature| &feature.name,
        |name, old, new| {
            changes.extend(part(Subject::Feature, name, old, new));
        },
    );
    pair_up(
        &old.lists,
        &new.lists,
        |list| &list.name,
        |name, old, new| {
            changes.extend(part(Subject::List, name, old, new));
        },
    );
    pair_up(
        &old.tables,
        &new.tables,
        |table| &table.name,
        |name, old, new| {
            changes.extend(part(Subject::Table, name, old, new));
        },
    );
    pair_up(
        &old.rules,
        &new.rules,
        |rule| &rule.name,
        |name, old, new| {
            changes.extend(part(Subject::Rule, name, old, new));
        },
    );
    changes
}

fn change(subject: Subject, name: &str, event: Event, details: Vec<Detail>) -> Change {
    Change {
        subject,
        name: name.to_owned(),
        event,
        details,
        features: Vec::new(),
        tables: Vec::new(),
        rules: Vec::new(),
    }
}

/// Hands over each name that either side has, in the order of the old side and then of the new.
fn pair_up<'s, T>(
    old: &'s [T],
    new: &'s [T],
    name: impl Fn(&T) -> &String,
    mut then: impl FnMut(&str, Option<&'s T>, Option<&'s T>),
) {
    let find = |side: &'s [T], wanted: &str| side.iter().find(|item| name(item) == wanted);
    for item in old {
        then(name(item), Some(item), find(new, name(item)));
    }
    for item in new.iter().filter(|item| find(old, name(item)).is_none()) {
        then(name(item), None, Some(item));
    }
}

fn event<T>(old: Option<&T>, new: Option<&T>) -> Event {
    match (old, new) {
        (None, _) => Event::Added,
        (_, None) => Event::Removed,
        _ => Event::Changed,
    }
}

/// What two lists of aspects say otherwise.
fn details(old: &[Aspect], new: &[Aspect]) -> Vec<Detail> {
    let mut details = Vec::new();
    pair_up(
        old,
        new,
        |aspect| &aspect.key,
        |key, old, new| {
            if old != new {
                let text = |aspect: Option<&Aspect>| aspect.map(|aspect| aspect.text.clone());
                details.push(Detail { key: key.to_owned(), old: text(old), new: text(new), by: None });
            }
        },
    );
    details
}

fn part(
    subject: Subject,
    name: &str,
    old: Option<&PartDescription>,
    new: Option<&PartDescription>,
) -> Option<Change> {
    let aspects = |part: Option<&PartDescription>| part.map_or(Vec::new(), |part| part.aspects.clone());
    let details = details(&aspects(old), &aspects(new));
    let rules = new.or(old).map_or(Vec::new(), |part| part.rules.clone());
    (!details.is_empty()).then(|| Change { rules, ..change(subject, name, event(old, new), details) })
}

fn param(
    name: &str,
    old: Option<&ParamDescription>,
    new: Option<&ParamDescription>,
    styles: &[Style; 2],
) -> Option<Change> {
    let value =
        |param: Option<&ParamDescription>, style: &Style| param.map(|param| style.quantity(&param.value));
    let same = old.map(|param| &param.value) == new.map(|param| &param.value);
    let (said, says) = (value(old, &styles[0]), value(new, &styles[1]));
    // The same minor units in another currency are another amount.
    if same && said == says {
        return None;
    }
    let by = old.zip(new).and_then(|(old, new)| percent(&old.value, &new.value));
    let detail = Detail { key: "value".to_owned(), old: said, new: says, by };
    let reached = new.or(old)?;
    Some(Change {
        features: reached.features.clone(),
        tables: reached.tables.clone(),
        rules: reached.rules.clone(),
        ..change(Subject::Parameter, name, event(old, new), vec![detail])
    })
}

/// By how much a number moved, in per cent of what it was.
fn percent(old: &Quantity, new: &Quantity) -> Option<String> {
    let number = |quantity: &Quantity| match quantity {
        Quantity::Whole(value, unit) if *unit != Unit::Time => Some((*value as f64, *unit)),
        Quantity::Decimal(value, unit) if *unit != Unit::Time => Some((*value, *unit)),
        _ => None,
    };
    let ((old, a), (new, b)) = (number(old)?, number(new)?);
    if a != b || old == 0.0 {
        return None;
    }
    let percent = (new - old) / old.abs() * 100.0;
    let percent = format!("{percent:+.1}");
    Some(format!("{} %", percent.trim_end_matches('0').trim_end_matches('.')))
}
