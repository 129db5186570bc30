//! The file of cases: defaults, then one table per case.

use thiserror::Error;
use toml::{Table, Value};

use super::events::EventMaker;
use super::{lists, rates};
use crate::catalogue;
use crate::decision::{Outcome, Stopped};
use crate::event::Event;
use crate::lists::List;
use crate::rates::Rates;
use crate::rules::RuleSet;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// What it shows, in words.
    pub name: String,
    /// The rule that it is about.
    pub rule: Option<String>,
    /// The lists, by position, that hold what the case says instead of what is in their files.
    pub lists: Vec<(usize, List)>,
    /// The rates that hold instead of those in their file.
    pub rates: Option<Rates>,
    /// Its events in order, each with what is expected of it.
    pub given: Vec<Given>,
}

/// One event of a case.
#[derive(Debug)]
pub struct Given {
    /// Its number in the case, from 1.
    pub number: usize,
    /// The event.
    pub event: Event,
    /// What must be answered.
    pub expect: Option<Expectation>,
}

/// What must be answered to an event; what is absent may be anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// Whether a person should look.
    pub alert: Option<bool>,
    /// The score.
    pub score: Option<i64>,
    /// The requirement, as sets of methods in any order.
    pub auth: Option<Vec<Vec<String>>>,
    /// Rules that must have fired.
    pub fired: Vec<String>,
    /// Rules that must not have.
    pub silent: Vec<String>,
    /// Exactly the rules that fired.
    pub only: Option<Vec<String>>,
    /// Rules in shadow that must have fired there.
    pub shadow: Vec<String>,
    /// Rules that must have fired and been overridden.
    pub overridden: Vec<String>,
    /// Exactly the files whose dates the payment is outside of, in any order.
    pub out_of_force: Option<Vec<String>>,
    /// Exactly the tags, in any order.
    pub tags: Option<Vec<String>>,
    /// Exactly the obligations, in any order.
    pub obligations: Option<Vec<String>>,
    /// The code of what the customer is told.
    pub customer: Option<String>,
    /// Values of features: money in minor units, durations in microseconds or as text such as `2h`.
    pub features: Vec<(String, Value)>,
    /// Values of tables, as those of features; `"null"` is unknown.
    pub tables: Vec<(String, Value)>,
    /// Whether the methods presented meet the requirement.
    pub met: Option<bool>,
    /// What is missing of the requirement, where a part of it is met.
    pub missing: Option<Vec<Vec<String>>>,
    /// How many answers the customer has left.
    pub attempts_left: Option<i64>,
    /// Why it is blocked where no rule wanted that.
    pub stopped: Option<String>,
    /// Exactly the locks that keep it from being met, in any order.
    pub locked: Option<Vec<String>>,
    /// The code of a refusal.
    pub refused: Option<String>,
}

/// What is wrong with a file of cases.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CasesError {
    /// Not TOML.
    #[error("{0}")]
    Toml(String),
    /// Something in one place.
    #[error("{place}: {reason}")]
    At {
        /// The case, and the event in it.
        place: String,
        /// What is wrong there and what to write.
        reason: String,
    },
}

pub(super) fn wrong(place: &str, reason: impl Into<String>) -> CasesError {
    CasesError::At { place: place.to_owned(), reason: reason.into() }
}

/// Reads the cases of a rule set.
pub fn parse(text: &str, rules: &RuleSet) -> Result<Vec<Case>, CasesError> {
    let file: Table = text.parse().map_err(|error: toml::de::Error| CasesError::Toml(error.to_string()))?;
    only(&file, "the file", &["defaults", "case"])?;
    let empty = Table::new();
    let defaults = match file.get("defaults") {
        None => &empty,
        Some(value) => table(value, "[defaults]")?,
    };
    let cases = file.get("case").map_or(Ok(&[][..]), |value| array(value, "`case`"))?;
    let mut read = Vec::new();
    for (at, value) in cases.iter().enumerate() {
        let case = table(value, &format!("case {}", at + 1))?;
        read.push(parse_case(at, case, defaults, rules)?);
    }
    Ok(read)
}

fn parse_case(at: usize, case: &Table, defaults: &Table, rules: &RuleSet) -> Result<Case, CasesError> {
    let name =
        case.get("name").and_then(Value::as_str).map_or_else(|| format!("case {}", at + 1), str::to_owned);
    let place = format!("case `{name}`");
    only(case, &place, &["name", "rule", "lists", "rates", "events"])?;
    let rule = case.get("rule").map(|value| text(value, &place, "rule")).transpose()?;
    if let Some(rule) = &rule {
        known_rule(rule, rules, &place)?;
    }
    let lists = lists::read(case, defaults, rules, &place)?;
    let rates = rates::read(case, defaults, rules, &place)?;
    let mut maker = EventMaker::new(rules, defaults);
    let events = case.get("events").ok_or_else(|| wrong(&place, "`events` is missing"))?;
    for (at, value) in array(events, &place)?.iter().enumerate() {
        let place = format!("{place}, event {}", at + 1);
        let event = table(value, &place)?;
        let expect = event.get("expect").map(|value| expectation(value, &place, rules)).transpose()?;
        maker.add(at + 1, event, expect, &place)?;
    }
    Ok(Case { name, rule, lists, rates, given: maker.given })
}

fn expectation(value: &Value, place: &str, rules: &RuleSet) -> Result<Expectation, CasesError> {
    let table = table(value, place)?;
    let mut expect = Expectation::default();
    for (key, value) in table {
        match key.as_str() {
            "outcome" => {
                let word = text(value, place, key)?;
                let outcome = Outcome::from_name(&word).ok_or_else(|| {
                    wrong(place, format!("`{word}` is no outcome: allow, step_up or block"))
                })?;
                expect.outcome = Some(outcome);
            }
            "alert" => {
                let alert = value.as_bool().ok_or_else(|| wrong(place, "`alert` is true or false"))?;
                expect.alert = Some(alert);
            }
            "score" => {
                let score = value.as_integer().ok_or_else(|| wrong(place, "`score` is a whole number"))?;
                expect.score = Some(score);
            }
            "auth" | "missing" => {
                let sets = array(value, place)?.iter().map(|set| texts(set, place, key));
                let sets = Some(sets.collect::<Result<_, _>>()?);
                *(if key == "auth" { &mut expect.auth } else { &mut expect.missing }) = sets;
            }
            "met" => {
                let met = value.as_bool().ok_or_else(|| wrong(place, "`met` is true or false"))?;
                expect.met = Some(met);
            }
            "attempts_left" => {
                let left = value.as_integer();
                expect.attempts_left =
                    Some(left.ok_or_else(|| wrong(place, "`attempts_left` is a whole number"))?);
            }
            "stopped" => {
                let word = text(value, place, key)?;
                if Stopped::ALL.iter().all(|stopped| stopped.name() != word) {
                    let known: Vec<&str> = Stopped::ALL.iter().map(|stopped| stopped.name()).collect();
                    return Err(wrong(place, format!("`stopped` is one of {}", known.join(", "))));
                }
                expect.stopped = Some(word);
            }
            "locked" => expect.locked = Some(lock_names(value, place, rules)?),
            "fired" => expect.fired = rule_ids(value, place, key, rules)?,
            "silent" => expect.silent = rule_ids(value, place, key, rules)?,
            "only" => expect.only = Some(rule_ids(value, place, key, rules)?),
            "shadow" => expect.shadow = rule_ids(value, place, key, rules)?,
            "overridden" => expect.overridden = rule_ids(value, place, key, rules)?,
            "out_of_force" => expect.out_of_force = Some(texts(value, place, key)?),
            "tags" => expect.tags = Some(texts(value, place, key)?),
            "obligations" => expect.obligations = Some(texts(value, place, key)?),
            "customer" => expect.customer = Some(customer(value, place, key)?),
            "refused" => expect.refused = Some(text(value, place, key)?),
            "features" => {
                for (name, value) in self::table(value, place)? {
                    if !rules.features.iter().any(|feature| feature.name == *name) {
                        return Err(wrong(place, format!("there is no feature `{name}`")));
                    }
                    expect.features.push((name.clone(), value.clone()));
                }
            }
            "tables" => {
                for (name, value) in self::table(value, place)? {
                    if !rules.tables.iter().any(|table| table.name == *name) {
                        return Err(wrong(place, format!("there is no table `{name}`")));
                    }
                    expect.tables.push((name.clone(), value.clone()));
                }
            }
            _ => return Err(wrong(place, format!("`{key}` can't be expected"))),
        }
    }
    Ok(expect)
}

/// A code of the catalogue.
fn customer(value: &Value, place: &str, key: &str) -> Result<String, CasesError> {
    let code = text(value, place, key)?;
    match catalogue::find(&code) {
        Some(_) => Ok(code),
        None => {
            let known: Vec<&str> = catalogue::CATALOGUE.iter().map(|advice| advice.code).collect();
            Err(wrong(
                place,
                format!("the customer catalogue has no code `{code}`; it has {}", known.join(", ")),
            ))
        }
    }
}

fn lock_names(value: &Value, place: &str, rules: &RuleSet) -> Result<Vec<String>, CasesError> {
    let names = texts(value, place, "locked")?;
    match names.iter().find(|name| rules.locks.iter().all(|lock| lock.name != **name)) {
        None => Ok(names),
        Some(name) => Err(wrong(place, format!("there is no lock `{name}`"))),
    }
}

fn rule_ids(value: &Value, place: &str, key: &str, rules: &RuleSet) -> Result<Vec<String>, CasesError> {
    let ids = texts(value, place, key)?;
    ids.iter().try_for_each(|id| known_rule(id, rules, place))?;
    Ok(ids)
}

fn known_rule(id: &str, rules: &RuleSet, place: &str) -> Result<(), CasesError> {
    let known = rules.rules.iter().any(|rule| rule.id == id);
    if known { Ok(()) } else { Err(wrong(place, format!("there is no rule `{id}`"))) }
}

pub(super) fn only(table: &Table, place: &str, keys: &[&str]) -> Result<(), CasesError> {
    match table.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(wrong(place, format!("unknown key `{key}`; known are {}", keys.join(", ")))),
    }
}

pub(super) fn table<'a>(value: &'a Value, place: &str) -> Result<&'a Table, CasesError> {
    value.as_table().ok_or_else(|| wrong(place, "a table is expected"))
}

pub(super) fn array<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], CasesError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(place, "a list is expected"))
}

pub(super) fn text(value: &Value, place: &str, key: &str) -> Result<String, CasesError> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(place, format!("`{key}` is a text")))
}

pub(super) fn texts(value: &Value, place: &str, key: &str) -> Result<Vec<String>, CasesError> {
    array(value, place)?.iter().map(|value| text(value, place, key)).collect()
}
