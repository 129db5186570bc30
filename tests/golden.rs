//! Same input, same bytes out: the committed stream gives the committed decisions, through the library and through
//! the program, and the commands in datasets/README.md remake both.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, reason = "a test fails loudly")]

#[path = "support/docs.rs"]
mod docs;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use docs::repository;
use flate2::read::MultiGzDecoder;
use weir::engine::{Answer, Engine, Limits, Recording, VERSION};
use weir::io::decision::{write_alert, write_refusal};
use weir::io::{DecisionWriter, EventReader, Format};
use weir::rules::RuleSet;

const STREAM: &str = "datasets/golden.ndjson.gz";
const DECISIONS: &str = "datasets/golden.decisions.ndjson.gz";

fn retail() -> RuleSet {
    let text = std::fs::read_to_string(repository().join("rules/retail.toml")).unwrap();
    weir::rules::compile("rules/retail.toml", &text).into_result().unwrap()
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn committed(name: &str) -> String {
    unpacked(&repository().join(name))
}

fn score_by_the_library() -> String {
    let rules = retail();
    let path = repository().join(STREAM);
    let mut reader = EventReader::open(&path, &Format::Ndjson, rules.schema.clone()).unwrap();
    let writer = DecisionWriter::new(&rules, VERSION).unwrap();
    let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
    let mut out = Vec::new();
    while let Some(next) = reader.next_event() {
        let (_, event) = next.unwrap();
        match engine.step(event) {
            Answer::Decided(decision) | Answer::Repeated(decision) => {
                writer.write(event, decision, &mut out).unwrap();
            }
            Answer::Refused(refusal) => {
                write_refusal(event, refusal.code(), refusal.declared(), &refusal.to_string(), &mut out)
                    .unwrap();
            }
            Answer::Alert(alert) | Answer::AlertedBefore(alert) => {
                write_alert(event, alert.code(), alert.answered(), &alert.to_string(), &mut out).unwrap()
            }
            Answer::Taken | Answer::TakenBefore => {}
        }
    }
    String::from_utf8(out).unwrap()
}

/// Equal, or the first line that differs is shown.
fn assert_same(what: &str, found: &str, expected: &str) {
    let mut lines = found.lines().zip(expected.lines()).enumerate();
    if let Some((at, (found, expected))) = lines.find(|(_, (found, expected))| found != expected) {
        panic!("{what}, line {}:\n   found {found}\nexpected {expected}", at + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "{what}: one ends before the other");
    assert_eq!(found, expected, "{what}: line ends differ");
}

#[test]
fn the_library_gives_the_committed_decisions_and_gives_them_again() {
    let first = score_by_the_library();
    assert_same("scored by the library", &first, &committed(DECISIONS));
    assert_same("scored again", &score_by_the_library(), &first);
}

#[test]
fn the_documented_commands_remake_the_stream_and_its_decisions() {
    let folder = docs::copy_of_the_data();
    for name in [STREAM, DECISIONS] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    for command in docs::commands("datasets/README.md") {
        if command.line.contains("golden") {
            let done = docs::run(&command.line, folder.path());
            let said = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(command.exits_with), "{}: {said}", command.place);
        }
    }
    for name in [STREAM, DECISIONS] {
        assert_same(name, &unpacked(&folder.path().join(name)), &committed(name));
    }
}

#[test]
fn the_stream_trips_every_rule_and_has_every_kind_of_disorder() {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = |what: &str| *counts.entry(what.to_owned()).or_default() += 1;
    for line in committed(DECISIONS).lines() {
        let decision: serde_json::Value = serde_json::from_str(line).unwrap();
        count(decision["outcome"].as_str().unwrap());
        decision["rules"].as_array().unwrap().iter().for_each(|rule| count(rule["id"].as_str().unwrap()));
        let mut readings = decision["features"].as_object().unwrap().values();
        if readings.any(|reading| reading["quality"] == "corrected") {
            count("a corrected feature");
        }
    }
    let rules = retail();
    let mut reader =
        EventReader::open(&repository().join(STREAM), &Format::Ndjson, rules.schema.clone()).unwrap();
    let (mut newest_us, mut ids) = (0, std::collections::BTreeSet::new());
    while let Some(next) = reader.next_event() {
        let (_, event) = next.unwrap();
        count(event.kind().name());
        if !ids.insert(event.identity()) {
            count("an event that comes again");
        } else if event.time_us() < newest_us {
            count("a late event");
        }
        newest_us = newest_us.max(event.time_us());
    }
    let disorder = ["a late event", "an event that comes again", "a corrected feature"];
    let kinds =
        ["transaction", "authentication", "execution", "reversal", "observed", "login", "change", "label"];
    let outcomes = ["allow", "step_up", "block"];
    let ids = rules.rules.iter().map(|rule| rule.id.as_str());
    for what in ids.chain(disorder).chain(kinds).chain(outcomes) {
        assert!(counts.contains_key(what), "no {what} in {counts:?}");
    }
}
