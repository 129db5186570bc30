//! Running cases, and saying in words what was otherwise than expected.

use toml::Value as Toml;

use super::file::{Case, Expectation};
use crate::decision::{Decision, Requirement, Stopped, Value};
use crate::engine::{Answer, Engine, Limits, Recording};
use crate::explain::advice;
use crate::lists::Lists;
use crate::rates::Rates;
use crate::rules::ruleset::words;
use crate::rules::{Quantity, Rule, RuleSet};
use crate::time::parse_duration;

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseReport {
    /// The case's name.
    pub name: String,
    /// What was otherwise than expected; empty where the case holds.
    pub failures: Vec<String>,
    /// The files that an event of it was outside the dates of, though nothing was said of that: a bit for each.
    pub out_of_force: u16,
    /// Whether the rule that it is about fired where something was expected.
    fired: bool,
    /// Whether it stayed silent where something was expected.
    silent: bool,
}

/// A rule's cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The rule's id.
    pub rule: String,
    /// Whether a case about it fires it.
    pub fires: bool,
    /// Whether a case about it keeps it silent.
    pub silent: bool,
}

/// Runs one case on an engine of its own, with these lists and rates but for those that the case says itself.
pub fn run(rules: &RuleSet, lists: &Lists, rates: &Rates, case: &Case) -> CaseReport {
    let mut engine = Engine::new(rules.clone(), Limits::default(), Recording::All);
    engine.load_lists(with_said(lists, case));
    engine.load_rates(case.rates.as_ref().unwrap_or(rates).clone());
    let about = case.rule.as_ref().and_then(|id| rules.rules.iter().position(|rule| rule.id == *id));
    let mut report = CaseReport {
        name: case.name.clone(),
        failures: Vec::new(),
        out_of_force: 0,
        fired: false,
        silent: false,
    };
    for given in &case.given {
        let answer = engine.step(&given.event);
        let said = given.expect.as_ref().is_some_and(|expect| expect.out_of_force.is_some());
        if let (Answer::Decided(decision), false) = (answer, said) {
            report.out_of_force |= decision.out_of_force;
        }
        let Some(expect) = &given.expect else { continue };
        let looked_at = about.filter(|at| rules.rules.get(*at).is_some_and(|r| r.from == given.event.kind()));
        if let (Some(rule), Answer::Decided(decision) | Answer::Repeated(decision)) = (looked_at, answer) {
            // A rule that is kept from acting is covered all the same.
            let held = [&decision.fired, &decision.shadow, &decision.overridden, &decision.tripped];
            let fired = held.into_iter().any(|rules| rules.contains(&(rule as u16)));
            report.fired |= fired;
            report.silent |= !fired;
        }
        let mut failures = compare(rules, expect, answer);
        for failure in &mut failures {
            failure.insert_str(0, &format!("event {}: ", given.number));
        }
        report.failures.append(&mut failures);
    }
    report
}

fn with_said(lists: &Lists, case: &Case) -> Lists {
    let mut lists = lists.clone();
    for (at, said) in &case.lists {
        if let Some(list) = lists.get_mut(*at) {
            *list = said.clone();
        }
    }
    lists
}

/// Which rules the cases fire, and which they keep silent: the file's own rules, but for those that a switch keeps
/// from ever firing. The rules of files that it extends have cases of their own.
pub fn coverage(rules: &RuleSet, cases: &[Case], reports: &[CaseReport]) -> Vec<Coverage> {
    let about = |id: &str, seen: fn(&CaseReport) -> bool| {
        cases.iter().zip(reports).any(|(case, report)| case.rule.as_deref() == Some(id) && seen(report))
    };
    let of = |id: &String| Coverage {
        rule: id.clone(),
        fires: about(id, |report| report.fired),
        silent: about(id, |report| report.silent),
    };
    let own = rules.packs.len().saturating_sub(1);
    let asked = |rule: &&Rule| usize::from(rule.pack) == own && !rule.when.never_holds();
    rules.rules.iter().filter(asked).map(|rule| of(&rule.id)).collect()
}

fn compare(rules: &RuleSet, expect: &Expectation, answer: Answer<'_>) -> Vec<String> {
    let decision = match (answer, &expect.refused) {
        (Answer::Refused(refusal), Some(code)) if refusal.code() == code => return Vec::new(),
        (Answer::Refused(refusal), _) => {
            return vec![format!("it was refused ({}): {refusal}", refusal.code())];
        }
        (_, Some(code)) => return vec![format!("it was to be refused ({code}), and was taken")],
        (Answer::Decided(decision) | Answer::Repeated(decision), None) => decision,
        (Answer::Taken | Answer::TakenBefore | Answer::Alert(_) | Answer::AlertedBefore(_), None) => {
            let alert = matches!(answer, Answer::Alert(_) | Answer::AlertedBefore(_));
            return match expect.alert {
                Some(expected) if expected != alert => {
                    vec![format!("the alert is {alert}, expected {expected}")]
                }
                Some(_) if *expect == (Expectation { alert: expect.alert, ..Expectation::default() }) => {
                    Vec::new()
                }
                _ => vec![
                    "it gets no decision, so nothing but a refusal or an alert can be expected of it"
                        .to_owned(),
                ],
            };
        }
    };
    let mut failures = Vec::new();
    let mut differ = |what: &str, expected: String, found: String| {
        if expected != found {
            failures.push(format!("{what} is {found}, expected {expected}"));
        }
    };
    if let Some(outcome) = expect.outcome {
        differ("the outcome", outcome.name().to_owned(), decision.outcome.name().to_owned());
    }
    if let Some(alert) = expect.alert {
        differ("the alert", alert.to_string(), decision.alert.to_string());
    }
    if let Some(score) = expect.score {
        differ("the score", score.to_string(), decision.score.to_string());
    }
    if let Some(auth) = &expect.auth {
        differ(
            "the requirement",
            requirement(auth.clone()),
            requirement(required(rules, &decision.requirement)),
        );
    }
    if let Some(met) = expect.met {
        differ("whether the requirement is met", met.to_string(), decision.met.to_string());
    }
    if let Some(missing) = &expect.missing {
        differ(
            "what is missing",
            requirement(missing.clone()),
            requirement(required(rules, &decision.missing)),
        );
    }
    if let Some(left) = expect.attempts_left {
        let found = decision.step_up.map_or(0, |step_up| step_up.attempts_left);
        differ("the number of attempts left", left.to_string(), found.to_string());
    }
    if let Some(stopped) = &expect.stopped {
        let found = decision.stopped.map_or("nothing", Stopped::name);
        differ("what stopped it", stopped.clone(), found.to_owned());
    }
    if let Some(mut wanted) = expect.locked.clone() {
        wanted.sort_unstable();
        let found: Vec<&str> = rules.lock_names(decision.locked).collect();
        differ("the list of what is locked", wanted.join(", "), found.join(", "));
    }
    let ids = |positions: &[u16]| -> Vec<&str> {
        let mut ids: Vec<&str> =
            positions.iter().map(|&rule| rules.rules[usize::from(rule)].id.as_str()).collect();
        ids.sort_unstable();
        ids
    };
    if let Some(code) = &expect.customer {
        differ("what the customer is told", code.clone(), advice(rules, decision).code.to_owned());
    }
    if let Some(mut wanted) = expect.out_of_force.clone() {
        let mut found: Vec<&str> = rules.pack_names(decision.out_of_force).collect();
        wanted.sort_unstable();
        found.sort_unstable();
        differ("the list of files out of force", wanted.join(", "), found.join(", "));
    }
    let (tags, oblige) = rules.duties(&decision.fired);
    for (what, wanted, names, set) in [
        ("the list of tags", &expect.tags, &rules.tags, tags),
        ("the list of obligations", &expect.obligations, &rules.obligations, oblige),
    ] {
        let Some(mut wanted) = wanted.clone() else { continue };
        wanted.sort_unstable();
        differ(what, wanted.join(", "), words(names, set).join(", "));
    }
    let fired = ids(&decision.fired);
    if let Some(only) = &expect.only {
        let mut only: Vec<&str> = only.iter().map(String::as_str).collect();
        only.sort_unstable();
        differ("the list of rules that fired", only.join(", "), fired.join(", "));
    }
    for id in expect.fired.iter().filter(|id| !fired.contains(&id.as_str())) {
        failures.push(format!("rule `{id}` did not fire; fired: {}", fired.join(", ")));
    }
    for id in expect.silent.iter().filter(|id| fired.contains(&id.as_str())) {
        failures.push(format!("rule `{id}` fired, and was to be silent"));
    }
    for (wanted, held, how) in [
        (&expect.shadow, ids(&decision.shadow), "in shadow"),
        (&expect.overridden, ids(&decision.overridden), "and get overridden"),
    ] {
        for id in wanted.iter().filter(|id| !held.contains(&id.as_str())) {
            failures.push(format!("rule `{id}` did not fire {how}; those are: {}", held.join(", ")));
        }
    }
    for (name, wanted) in &expect.features {
        let found = feature(rules, decision, name);
        if !equal(wanted, found) {
            failures.push(format!("feature `{name}` is {}, expected {wanted}", shown(found)));
        }
    }
    for (name, wanted) in &expect.tables {
        let found = table(rules, decision, name);
        if !is_value(wanted, found.as_ref()) {
            let shown = match found {
                None => "null".to_owned(),
                Some(Quantity::Text(text)) => format!("\"{text}\""),
                Some(Quantity::Truth(truth)) => truth.to_string(),
                Some(Quantity::Whole(value, _)) => value.to_string(),
                Some(Quantity::Decimal(value, _)) => value.to_string(),
            };
            failures.push(format!("table `{name}` is {shown}, expected {wanted}"));
        }
    }
    failures
}

fn table(rules: &RuleSet, decision: &Decision, name: &str) -> Option<Quantity> {
    let at = rules.tables.iter().position(|table| table.name == name)?;
    let (_, row) = decision.tables.iter().find(|(table, _)| usize::from(*table) == at)?;
    rules.tables.get(at)?.value(usize::from((*row)?))
}

/// Whether a table's value is the one that a case wants.
fn is_value(wanted: &Toml, found: Option<&Quantity>) -> bool {
    match (wanted, found) {
        (Toml::String(text), None) => text == "null",
        (Toml::String(wanted), Some(Quantity::Text(found))) => wanted == found,
        (Toml::Boolean(wanted), Some(Quantity::Truth(found))) => wanted == found,
        (Toml::Integer(wanted), Some(Quantity::Whole(found, _))) => wanted == found,
        (Toml::Float(wanted), Some(Quantity::Decimal(found, _))) => wanted == found,
        _ => false,
    }
}

fn required(rules: &RuleSet, requirement: &Requirement) -> Vec<Vec<String>> {
    let names = |set: u64| -> Vec<String> {
        rules
            .methods
            .iter()
            .enumerate()
            .filter(|(bit, _)| set >> bit & 1 == 1)
            .map(|(_, m)| m.clone())
            .collect()
    };
    requirement.any_of().iter().map(|&set| names(set)).collect()
}

fn requirement(mut sets: Vec<Vec<String>>) -> String {
    sets.iter_mut().for_each(|set| set.sort());
    sets.sort();
    let sets: Vec<String> = sets.iter().map(|set| format!("any of ({})", set.join(", "))).collect();
    if sets.is_empty() { "nothing".to_owned() } else { sets.join(" and ") }
}

fn feature(rules: &RuleSet, decision: &Decision, name: &str) -> Value {
    let at = rules.features.iter().position(|feature| feature.name == name);
    let found = decision.features.iter().find(|(feature, _)| Some(usize::from(*feature)) == at);
    found.map_or(Value::Null, |(_, reading)| reading.value)
}

fn equal(wanted: &Toml, found: Value) -> bool {
    match (wanted, found) {
        (Toml::String(text), Value::Null) => text == "null",
        (Toml::String(text), Value::Whole(found)) => parse_duration(text) == Ok(found),
        (Toml::Boolean(wanted), Value::Boolean(found)) => *wanted == found,
        (Toml::Integer(wanted), Value::Whole(found)) => *wanted == found,
        (Toml::Integer(wanted), Value::Decimal(found)) => *wanted as f64 == found,
        (Toml::Float(wanted), Value::Decimal(found)) => (wanted - found).abs() <= 1e-9 * found.abs().max(1.0),
        _ => false,
    }
}

fn shown(value: Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Whole(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
    }
}
