//! The starter pack is whole: every rule has its reasons and its cases, and nothing in it is unused.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop it")]

use std::collections::BTreeSet;

use toml::{Table, Value};

fn read(path: &str) -> Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn pack() -> Table {
    read("rules/retail.toml")
}

fn rules(pack: &Table) -> impl Iterator<Item = &Table> {
    pack["rule"].as_array().unwrap().iter().map(|rule| rule.as_table().unwrap())
}

/// The names that an expression, or any text in a value, speaks of.
fn words(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            into.extend(text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned))
        }
        Value::Array(values) => values.iter().for_each(|value| words(value, into)),
        Value::Table(table) => table.values().for_each(|value| words(value, into)),
        _ => {}
    }
}

fn strings<'a>(expect: &'a Table, field: &str) -> Vec<&'a str> {
    let list = expect.get(field).and_then(Value::as_array);
    list.into_iter().flatten().map(|rule| rule.as_str().unwrap()).collect()
}

#[test]
fn it_has_rules_and_features_enough_and_every_rule_says_why_in_two_languages() {
    let pack = pack();
    assert!(rules(&pack).count() >= 14 && pack["features"].as_table().unwrap().len() >= 14);
    let mut ids = BTreeSet::new();
    for rule in rules(&pack) {
        let id = rule["id"].as_str().unwrap();
        assert!(ids.insert(id), "{id} twice");
        for language in ["en", "vi"] {
            assert!(!rule["reason"][language].as_str().unwrap().is_empty(), "{id}: {language}");
        }
        let only_alerts = rule.get("then").and_then(Value::as_str) == Some("alert");
        assert_ne!(
            rule.contains_key("customer"),
            only_alerts,
            "{id}: a customer who is asked is told what to do"
        );
    }
}

#[test]
fn every_parameter_and_every_feature_is_used() {
    let pack = pack();
    let mut in_rules = BTreeSet::new();
    rules(&pack).for_each(|rule| words(&rule["when"], &mut in_rules));
    for name in pack["features"].as_table().unwrap().keys() {
        assert!(in_rules.contains(name), "no rule reads {name}");
    }
    words(&pack["features"], &mut in_rules);
    for (name, parameter) in pack["params"].as_table().unwrap() {
        assert!(in_rules.contains(name), "nothing reads {name}");
        assert!(["value", "min", "max"].iter().all(|field| parameter.get(field).is_some()), "{name}");
    }
}

#[test]
fn every_rule_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() {
    let pack = pack();
    let ids: BTreeSet<&str> = rules(&pack).map(|rule| rule["id"].as_str().unwrap()).collect();
    let features = pack["features"].as_table().unwrap();
    let cases = read("rules/retail.cases.toml");
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for case in cases["case"].as_array().unwrap() {
        let (name, rule) = (case["name"].as_str().unwrap(), case["rule"].as_str().unwrap());
        assert!(ids.contains(rule), "{name}: no rule {rule}");
        let events = case["events"].as_array().unwrap();
        let expects = events.iter().filter_map(|event| event.get("expect")).map(|e| e.as_table().unwrap());
        assert!(expects.clone().count() > 0, "{name} expects nothing");
        for expect in expects {
            let fired = [strings(expect, "only"), strings(expect, "fired")].concat();
            let mentioned = [fired.clone(), strings(expect, "silent")].concat();
            assert!(mentioned.iter().all(|id| ids.contains(id)), "{name}: {mentioned:?}");
            if let Some(values) = expect.get("features").and_then(Value::as_table) {
                assert!(values.keys().all(|feature| features.contains_key(feature)), "{name}: {values:?}");
            }
            let named_silent = strings(expect, "silent").contains(&rule);
            if fired.contains(&rule) {
                fires.insert(rule);
            } else if named_silent || expect.contains_key("only") {
                silent.insert(rule);
            }
        }
    }
    assert_eq!((&fires, &silent), (&ids, &ids));
}
