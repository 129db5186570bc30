//! A journal with a control group as a data set: those that the group let through stand for all that was stopped.

use std::fmt::Write;

use serde_json::Value;

use super::commands::Folder;
use super::decisions::Decisions;

/// What a normal rule stops is withheld for a quarter of the accounts, up to 5,000; what the law demands never.
const RULES: &str = r#"
[ruleset]
name = "controlled"
time_zone = "UTC"
currency = "EUR"
[control]
percent = 25
by = "account"
amount_max = 5_000
[[rule]]
id = "large"
when = "amount > 1000"
then = "block"
[[rule]]
id = "law"
tier = "mandatory"
when = "amount > 500"
then = "step_up"
legal = "a law"
"#;

const MANIFEST: &str = r#"
[dataset]
name = "journal"
about = "what was served"
time_zone = "UTC"
currency = "EUR"
[tables.stream]
files = ["journal"]
format = "journal"
[[events]]
from = "stream"
"#;

/// Payments of a kind, each of an account of its own, and all known to be fraud.
fn payments(stream: &mut String, kind: &str, count: usize, minor: u64, field: &str) {
    for at in 0..count {
        let second = stream.lines().count();
        let time_us = 1_767_225_600_000_000 + second * 1_000_000;
        let id = format!("{kind}-{at}");
        writeln!(
            stream,
            r#"{{"kind":"transaction","id":"{id}","time_us":{time_us},"amount_minor":{minor},"currency":"EUR","{field}":"{id}"}}"#
        )
        .unwrap();
        writeln!(
            stream,
            r#"{{"kind":"label","id":"l-{id}","time_us":{time_us},"transaction":"{id}","label":"fraud","label_kind":"scam","source":"bank"}}"#
        )
        .unwrap();
    }
}

#[test]
fn what_the_control_group_stands_for_is_not_counted_beside_it() {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    folder.put("journal.toml", MANIFEST);
    let mut stream = String::new();
    payments(&mut stream, "covered", 400, 200_000, "account");
    payments(&mut stream, "above", 10, 2_000_000, "account");
    payments(&mut stream, "lawful", 20, 60_000, "account");
    payments(&mut stream, "keyless", 5, 200_000, "customer");
    folder.put("stream.ndjson", &stream);
    let scored =
        folder.run("score --rules rules.toml --input stream.ndjson --journal journal --output scored.ndjson");
    assert_eq!(scored.code, Some(0), "{}", scored.err);
    let done =
        folder.run("backtest --rules rules.toml --data journal.toml --out tried --warm 0s --replicates 0");
    assert_eq!(done.code, Some(0), "{}", done.err);
    let rows = Decisions::read(&folder.path("tried/decisions.parquet"));
    let weight = |id: &str| rows.row(id)["weight"].as_f64().unwrap();
    let covered: Vec<f64> = (0..400).map(|at| weight(&format!("covered-{at}"))).collect();
    let in_group = covered.iter().filter(|weight| **weight == 4.0).count();
    assert!((60..140).contains(&in_group), "{in_group} of 400 are in the group");
    assert_eq!(covered.iter().filter(|weight| **weight == 0.0).count(), 400 - in_group);
    for others in ["above-3", "lawful-3", "keyless-3"] {
        assert_eq!(weight(others), 1.0, "nobody stands for {others}");
    }
    let report: Value = serde_json::from_slice(&folder.read("tried/report.json")).unwrap();
    let measured = &report["measured"];
    let known = in_group + 35;
    assert_eq!(measured["frauds"], known, "{measured}");
    assert_eq!(measured["unknown"], 400 - in_group);
    assert_eq!(measured["weighted"], in_group);
    let weighted = (4 * in_group + 35) as f64;
    assert_eq!(measured["frauds_weighted"], weighted);
    let overall = &report["rules"]["result"]["overall"];
    assert_eq!((&overall["frauds"], &overall["flagged"]), (&weighted.into(), &435.into()));
    assert_eq!(overall["recall"]["value"], 1.0);
}
