//! `weir score` across reloads and with a shadow: every decision is written as its own rule set says.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::process::{Command, Output};

const RULES: &str = r#"
[ruleset]
name = "first"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1h" }

[[rule]]
id = "large"
when = "amount > 1_000 and count > 0"
then = "block"
reason = "too large"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn lines(&self, name: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.0.path().join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn run(&self, line: &str) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        let Output { status, stderr, .. } =
            command.args(line.split_whitespace()).current_dir(&self.0).output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }
}

fn folder() -> Folder {
    let folder = Folder(tempfile::tempdir().unwrap());
    folder.put("first.toml", RULES);
    // Other rules stand first, so that numbers mean other things.
    let next = RULES.replace("\"first\"", "\"next\"").replace(
        "[[rule]]",
        "[[rule]]\nid = \"seen\"\nwhen = \"amount > 10 and often > 1\"\non_unknown = \"fires\"\nthen = \"alert\"\nreason = \"seen\"\n\n[[rule]]",
    );
    folder.put(
        "next.toml",
        &next.replace(
            "[[rule]]\nid = \"seen\"",
            "often = { count = '*', by = 'account', over = '2h' }\n\n[[rule]]\nid = \"seen\"",
        ),
    );
    folder
}

fn hash(folder: &Folder, file: &str) -> String {
    let text = std::fs::read_to_string(folder.0.path().join(file)).unwrap();
    weir::rules::compile(file, &text).into_result().unwrap().hash_text()
}

fn payment(id: &str, time_us: i64, minor: i64) -> String {
    format!(
        "{{\"kind\":\"transaction\",\"id\":\"{id}\",\"time_us\":{time_us},\"amount_minor\":{minor},\"currency\":\"VND\",\"account\":\"a\"}}\n"
    )
}

fn swap(id: &str, time_us: i64, hash: &str) -> String {
    format!(
        "{{\"kind\":\"control\",\"id\":\"{id}\",\"time_us\":{time_us},\"control\":\"rule_set\",\"subject\":\"{hash}\"}}\n"
    )
}

fn summary(line: &serde_json::Value) -> (String, String, Vec<String>, String) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rules = line["rules"].as_array().into_iter().flatten().map(|rule| text(&rule["id"])).collect();
    let said = if line["refused"].is_null() { &line["outcome"] } else { &line["refused"] };
    (text(&line["id"]), text(said), rules, text(&line["rule_set"]))
}

#[test]
fn each_decision_is_written_as_the_rule_set_says_that_made_it() {
    let folder = folder();
    let (first, next) = (hash(&folder, "first.toml"), hash(&folder, "next.toml"));
    let large = payment("p1", 1_000_000, 5_000);
    let stream = [
        large.clone(),
        swap("c1", 2_000_000, &next),
        swap("c1", 2_000_000, &next),
        payment("p2", 3_000_000, 5_000),
        large.clone(),
        swap("c2", 4_000_000, &"0".repeat(64)),
        swap("c3", 5_000_000, &first),
        payment("p3", 6_000_000, 50),
        payment("p2", 3_000_000, 5_000),
    ];
    folder.put("events.ndjson", &stream.concat());
    let (code, err) = folder
        .run("score --rules first.toml --reload next.toml --input events.ndjson --output decisions.ndjson");
    assert_eq!(code, Some(0), "{err}");
    let found: Vec<_> = folder.lines("decisions.ndjson").iter().map(summary).collect();
    let line = |id: &str, said: &str, rules: &[&str], hash: &str| {
        (
            id.to_owned(),
            said.to_owned(),
            rules.iter().map(|rule| (*rule).to_owned()).collect(),
            hash.to_owned(),
        )
    };
    let expected = [
        line("p1", "block", &["large"], &first),
        line("p2", "block", &["seen", "large"], &next),
        line("p1", "block", &["large"], &first),
        line("c2", "unknown_rule_set", &[], ""),
        line("p3", "allow", &[], &first),
        line("p2", "block", &["seen", "large"], &next),
    ];
    assert_eq!(found, expected);
    let warming = &folder.lines("decisions.ndjson")[1]["features"]["often"];
    assert_eq!(*warming, serde_json::json!({ "value": 1, "quality": "warming" }));
}

#[test]
fn a_shadow_has_an_output_of_its_own_and_changes_nothing() {
    let folder = folder();
    let stream: String = (1..5).map(|n| payment(&format!("p{n}"), n * 1_000_000, n * 500)).collect();
    folder.put("events.ndjson", &stream);
    let score = "score --rules first.toml --input events.ndjson --output";
    let (code, err) =
        folder.run(&format!("{score} with.ndjson --shadow next.toml --shadow-output shadow.ndjson"));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(folder.run(&format!("{score} without.ndjson")).0, Some(0));
    assert_eq!(folder.lines("with.ndjson"), folder.lines("without.ndjson"));
    let shadow: Vec<_> = folder.lines("shadow.ndjson").iter().map(summary).collect();
    let next = hash(&folder, "next.toml");
    assert_eq!(shadow.len(), 4);
    assert!(shadow.iter().all(|(.., hash)| *hash == next), "{shadow:?}");
    let seen: Vec<bool> = shadow.iter().map(|(.., rules, _)| rules.contains(&"seen".to_owned())).collect();
    // Before the first event nothing was missed, so that nothing is unknown: the first payment is the first.
    assert_eq!(seen, [false, true, true, true], "{shadow:?}");
}

#[test]
fn what_cannot_be_is_said_before_anything_is_scored() {
    let folder = folder();
    folder.put("events.ndjson", &payment("p1", 1, 1));
    folder.put("dollars.toml", &RULES.replace("VND", "USD"));
    let score = "score --rules first.toml --input events.ndjson --output out.ndjson";
    for (line, code, said) in [
        ("--reload dollars.toml", 3, "its currency is USD"),
        ("--shadow dollars.toml --shadow-output s.ndjson", 3, "its currency is USD"),
        ("--shadow next.toml --shadow-output out.ndjson", 3, "need a file of their own"),
        ("--shadow next.toml", 2, "--shadow-output"),
    ] {
        let (found, err) = folder.run(&format!("{score} {line}"));
        assert_eq!(found, Some(code), "{line}: {err}");
        assert!(err.contains(said), "{line}: {err}");
        assert!(!folder.0.path().join("out.ndjson").exists());
    }
}
