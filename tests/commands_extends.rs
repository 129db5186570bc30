//! Commands on a rule file that stands on others.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use commands::{Folder, outcomes, pairs, payment};

const PACK: &str = r#"
[ruleset]
name = "pack"
currency = "VND"
valid_until = 2030-01-01

[params]
role = { value = "bank", one_of = ["bank", "wallet"], open = true }

[lists]
bad = { file = "bad.txt", key = "account" }

[[rule]]
id = "listed"
when = "account in bad"
then = "block"
legal = "article 7"
tags = "V"

[[rule]]
id = "wallet"
when = "role = 'wallet' and amount > 10"
then = "alert"
"#;

const TOP: &str = r#"
[ruleset]
name = "top"
currency = "VND"
extends = "packs/pack.toml"

[set]
role = "wallet"

[[rule]]
id = "own"
when = "amount > 100"
then = "block"
"#;

const CASES: &str = r#"
[[case]]
name = "a large payment"
rule = "own"
events = [{ account = "x", amount = 200, expect = { only = ["wallet", "own"], out_of_force = [] } }]
[[case]]
name = "a small payment"
rule = "own"
events = [{ account = "a", amount = 5, expect = { only = ["listed"], tags = ["V"] } }]
[[case]]
name = "long after"
events = [{ at = "2031-01-01T00:00:00Z", account = "a", amount = 50, expect = { only = [], out_of_force = ["pack"] } }]
"#;

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("packs")).unwrap();
    folder.put("packs/pack.toml", PACK);
    folder.put("packs/bad.txt", "a\n");
    folder.put("top.toml", TOP);
    folder.put("top.cases.toml", CASES);
    folder
}

#[test]
fn every_command_takes_what_a_file_extends() {
    let folder = folder();
    let check = folder.run("check top.toml --deny-warnings");
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.out.contains("rule set `top`, 3 rules"), "{check:?}");
    let tested = folder.run("test top.toml --deny-uncovered");
    assert_eq!(tested.code, Some(0), "the pack's rules are covered beside the pack: {tested:?}");
    assert!(tested.out.contains("3 cases, 3 hold"), "{tested:?}");

    folder.put("in.ndjson", payment("p1", 1_000, 5) + &payment("p2", 2_000_000_000_000_000, 5));
    let scored = folder.run("score --rules top.toml --input in.ndjson");
    assert_eq!(outcomes(&scored.out), pairs(&[("p1", "block"), ("p2", "allow")]), "{scored:?}");
    assert!(scored.err.contains("warning: 1 decision is outside the dates of `pack`"), "{scored:?}");
    let told = folder.run("explain --rules top.toml --input in.ndjson --id p1 --for auditor");
    assert!(told.out.contains("legal reference: article 7"), "{told:?}");
    let silent = folder.run("explain --rules top.toml --input in.ndjson --id p1");
    assert!(!silent.out.contains("article 7"), "{silent:?}");

    folder.put("next.toml", TOP.replace("\"wallet\"", "\"bank\""));
    let diff = folder.run("diff top.toml next.toml");
    assert!(diff.out.contains("role"), "{diff:?}");
    let sql = folder.run("sql top.toml --dialect duckdb --skip-unsupported");
    assert_eq!(sql.code, Some(0), "{sql:?}");
    assert_eq!(folder.run("state --rules top.toml --input in.ndjson --out state").code, Some(0));
    assert_eq!(folder.run("demo --rules top.toml --events 100 --by provider").code, Some(0));
}

#[test]
fn a_problem_names_the_file_that_it_is_in() {
    let folder = folder();
    folder.put("packs/pack.toml", PACK.replace("account in bad", "acount in bad"));
    let check = folder.run("check top.toml");
    let place = format!(" {}:15:9", std::path::Path::new("packs/pack.toml").display());
    assert!(check.err.contains(&place), "{check:?}");
    let json = folder.run("check top.toml --format json");
    let document: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let problem = &document["files"][0]["problems"][0];
    assert_eq!((&problem["file"], &problem["start"]["line"]), (&"packs/pack.toml".into(), &15.into()));
    folder.put("top.toml", TOP.replace("pack.toml", "none.toml"));
    assert!(folder.run("check top.toml").err.contains("this file can't be extended"));
}
