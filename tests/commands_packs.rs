//! What analysts run on their rule files: checks, cases, explanations, queries, lists.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::path::Path;

use commands::{CASE, Folder, RULES, outcomes, pairs, payment};

#[test]
fn a_check_names_each_file_and_points_at_the_place() {
    let folder = Folder::new();
    folder.put("unknown.toml", RULES.replace("count > 2", "cuont > 2"));
    let done = folder.run("check rules.toml unknown.toml");
    let lines: Vec<&str> = done.out.lines().collect();
    assert!(lines[0].starts_with("rules.toml: 0 errors, 0 warnings; rule set `small`, 2 rules"), "{done:?}");
    assert!(lines[1].starts_with("unknown.toml: 1 errors"), "{done:?}");
    for told in ["unknown.toml:19", "cuont", "count"] {
        assert!(done.err.contains(told), "{told} is not in {}", done.err);
    }
}

#[test]
fn a_check_speaks_json_to_programs() {
    let folder = Folder::new();
    folder.put("unknown.toml", RULES.replace("count > 2", "cuont > 2"));
    folder.put("never.toml", RULES.replace("count > 2", "count > 2 and count < 1"));
    let done = folder.run("check --format json rules.toml unknown.toml never.toml");
    assert_eq!((done.code, done.err.as_str()), (Some(1), ""), "{done:?}");
    let document: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let [rules, unknown, never] = [0, 1, 2].map(|at| &document["files"][at]);
    assert_eq!(rules["rule_set"]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(rules["rule_set"]["features"][1]["stratum"], "event-fed");
    assert_eq!((&rules["errors"], &rules["notes"]), (&serde_json::json!(0), &serde_json::json!(1)));
    let problem = &unknown["problems"][0];
    let place = |line: usize, column: usize, byte: usize| serde_json::json!({ "line": line, "column": column, "byte": byte });
    let byte = RULES.find("count > 2").unwrap();
    assert_eq!((&problem["severity"], &problem["help"]), (&"error".into(), &"did you mean `count`?".into()));
    assert_eq!((&problem["start"], &problem["end"]), (&place(19, 9, byte), &place(19, 14, byte + 5)));
    assert_eq!(unknown["rule_set"], serde_json::Value::Null);
    assert_eq!(never["problems"][0]["beside"]["start"], place(19, 9, byte));
}

#[test]
fn notes_are_lines_that_never_count() {
    let done = Folder::new().run("check --deny-warnings rules.toml");
    assert_eq!(done.code, Some(0), "{done:?}");
    let note =
        "note: rules.toml:19:8: rule `often` may stay silent because `account` is null; say `on_unknown`\n";
    assert_eq!(done.err, note);
    assert!(done.out.ends_with(
        "  count  count       account  1h  event-fed\n  total  sum amount  account  1h  event-fed\n"
    ));
}

#[test]
fn a_decision_is_explained_and_what_has_none_is_said() {
    let folder = Folder::new();
    let login = "{\"kind\":\"login\",\"id\":\"l1\",\"time_us\":3,\"result\":\"failed\"}\n";
    let dollars = payment("d1", 4, 5).replace("VND", "USD");
    let stream = [payment("t1", 1, 5), payment("t2", 2, 5_000_000), login.to_owned(), dollars].concat();
    folder.put("events.ndjson", &stream);
    let explain = |options: &str| folder.run(&format!("explain -r rules.toml -i events.ndjson {options}"));
    let done = explain("--id t2 --id t1");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    for told in [
        "payment `t2` of 5,000,000 VND, 1970-01-01 08:00:00.000002 +08:00: block",
        "large: block — fired",
        "  true     amount > 1_000_000 → 5,000,000 VND > 1,000,000 VND",
        "payment `t1` of 5 VND",
    ] {
        assert!(done.out.contains(told), "{told} is not in {}", done.out);
    }
    assert!(!done.out.contains("often"), "{}", done.out);
    let done = explain("--id t1 --all-rules --language vi");
    assert!(done.out.contains("  sai      ├─ count > 2 → 1 > 2"), "{}", done.out);
    let done = explain("--id t2 --for customer");
    assert_eq!(done.out, "This payment is not possible at the moment. Your money has not been moved.\n");
    let done = explain("--id t2 --format json --all-rules");
    let said: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(said["rules"][0]["condition"]["parts"][0]["value"], serde_json::json!(5_000_000));
    assert_eq!(said["rules"][1]["fate"], serde_json::json!("silent"));
    for (id, why) in [("no", "no event has this id"), ("l1", "of kind login"), ("d1", "refused (currency)")] {
        let done = explain(&format!("--id t1 --id {id}"));
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.err.contains(why) && done.out.contains("`t1`"), "{done:?}");
    }
}

#[test]
fn cases_of_several_files_are_written_for_a_build_server() {
    let folder = Folder::new();
    folder.put("rules.cases.toml", CASE);
    folder.put("other.toml", RULES);
    folder.put("other.cases.toml", CASE.replace("\"block\"", "\"allow\""));
    let done = folder.run("test rules.toml rules.cases.toml other.toml --format junit");
    assert_eq!(done.code, Some(1), "{done:?}");
    for told in [
        "<testsuite name=\"rules.toml\" tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"2\">",
        "<testsuite name=\"other.toml\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"2\">",
        "<failure message=\"event 1: the outcome is block, expected allow\">",
        "<skipped message=\"no case keeps it silent\"/>",
    ] {
        assert!(done.out.contains(told), "{told} is not in {}", done.out);
    }
    assert_eq!(folder.run("test rules.toml").code, Some(0));
    assert_eq!(folder.run("test rules.toml --deny-uncovered").code, Some(1));
    assert_eq!(folder.run("test rules.toml other.toml --cases rules.cases.toml").code, Some(3));
}

#[test]
fn a_case_says_only_what_matters() {
    let folder = Folder::new();
    let table = "[tables.grade]\nrows = [{ when = \"amount > 5_000\", is = \"B\" }]\nelse = \"A\"\non_unknown = \"next\"\n";
    let rule = "[[rule]]\nid = \"graded\"\nmode = \"shadow\"\nwhen = \"grade = 'B' and extract(hour from time) = 9\"\nthen = \"alert\"\n";
    folder.put("rules.toml", [RULES, table, rule].concat());
    let case = |expect: &str| {
        format!("[[case]]\nname = \"c\"\nevents = [{{}}, {{ amount = 7_000, expect = {{ {expect} }} }}]\n")
    };
    let holds = "shadow = [\"graded\"], tables = { grade = \"B\" }, customer = \"payment_done\"";
    folder.put("rules.cases.toml", case(holds));
    let done = folder.run("test rules.toml");
    assert_eq!(done.code, Some(0), "{done:?}");
    folder.put(
        "rules.cases.toml",
        case("shadow = [\"large\"], overridden = [\"large\"], tables = { grade = \"A\" }, customer = \"try_later\""),
    );
    let done = folder.run("test rules.toml");
    assert_eq!(done.code, Some(1), "{done:?}");
    for told in [
        "rule `large` did not fire in shadow; those are: graded",
        "rule `large` did not fire and get overridden",
        "table `grade` is \"B\", expected \"A\"",
        "what the customer is told is payment_done, expected try_later",
    ] {
        assert!(done.out.contains(told), "{told} is not in {}", done.out);
    }
}

#[test]
fn a_test_names_the_case_that_fails_and_what_was_answered() {
    let folder = Folder::new();
    folder.put(
        "rules.cases.toml",
        [CASE, &CASE.replace("a large", "another").replace("\"block\"", "\"allow\"")].concat(),
    );
    let done = folder.run("test rules.toml");
    assert_eq!(done.code, Some(1));
    for told in ["fails  another payment is blocked", "block", "2 cases, 1 hold, 1 fail", "rule `often`"] {
        assert!(done.out.contains(told), "{told} is not in {}", done.out);
    }
    assert!(!done.out.contains("fails  a large payment"), "{}", done.out);
}

#[test]
fn a_rule_file_can_be_anywhere() {
    let folder = Folder::new();
    let beyond = folder.path("a folder with spaces");
    std::fs::create_dir(&beyond).unwrap();
    std::fs::copy(folder.path("rules.toml"), beyond.join("rules.toml")).unwrap();
    let mut command = folder.command("check");
    let output = command.arg(Path::new("a folder with spaces/rules.toml")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn sql_writes_a_file_per_dialect_and_refuses_by_name() {
    let folder = Folder::new();
    let done = folder.run("sql rules.toml --dialect datafusion,duckdb --output queries");
    assert_eq!(done.code, Some(0), "{}", done.err);
    for dialect in ["datafusion", "duckdb"] {
        let sql = String::from_utf8(folder.read(&format!("queries/rules.{dialect}.sql"))).unwrap();
        assert!(sql.contains("count(CASE WHEN") && sql.contains("AS \"rule_large\""), "{sql}");
    }
    let rules = RULES
        .replace("over = \"1h\" }\n\n", "over = \"1h\" }\nseen = { is_new = true, by = \"account\" }\n\n");
    let rules = rules.replace("count > 2 and", "count > 2 and not seen and");
    folder.put("decided.toml", rules);
    let done = folder.run("sql decided.toml --dialect duckdb");
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""));
    for said in ["feature `seen`: it counts what was allowed", "rule `often`: it reads `seen`"] {
        assert!(done.err.contains(said), "{}", done.err);
    }
    let done = folder.run("sql decided.toml --dialect duckdb --skip-unsupported");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("--     feature `seen`: it counts") && !done.out.contains("\"rule_often\""));
}

const LISTED: &str = r#"
[ruleset]
name = "listed"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[lists]
suspected = { file = "lists/suspected.csv", key = "payee" }

[[rule]]
id = "suspected"
when = "level(payee, suspected) >= 5"
then = "block"
reason = "suspected"
"#;

const LISTED_CASES: &str = r#"
[defaults]
lists = { suspected = ["of all cases", { key = "p", level = 4 }] }

[[case]]
name = "the defaults say what is on the list, and not its file"
rule = "suspected"
events = [
    { at = "2026-01-10T08:00:00+07:00", amount = 1, payee = "p", expect = { silent = ["suspected"] } },
    { kind = "list", list = "suspected", action = "put", entry = "p", level = 5, expires = "2026-01-10T08:00:01+07:00" },
    { amount = 1, payee = "p", expect = { fired = ["suspected"] } },
    { after = "1s", amount = 1, payee = "p", expect = { silent = ["suspected"] } },
    { kind = "list", list = "suspectd", action = "put", entry = "p", expect = { refused = "unknown_list" } },
]

[[case]]
name = "a case says it before the defaults"
rule = "suspected"
lists = { suspected = [{ key = "p", level = 5, expires = "2026-01-10T08:00:00+07:00", note = "gone" }, { key = "q", level = 9 }] }
events = [
    { at = "2026-01-10T08:00:00+07:00", amount = 1, payee = "p", expect = { outcome = "allow" } },
    { amount = 1, payee = "q", expect = { outcome = "block" } },
]
"#;

#[test]
fn every_command_loads_the_lists_of_a_rule_file() {
    let folder = Folder::new();
    let packs = folder.path("packs");
    std::fs::create_dir_all(packs.join("lists")).unwrap();
    folder.put("packs/listed.toml", LISTED);
    folder.put("packs/listed.cases.toml", LISTED_CASES);
    let stream = "{\"kind\":\"transaction\",\"id\":\"1\",\"time_us\":1,\"amount_minor\":5,\"currency\":\"VND\",\"payee\":\"p\"}\n\
        {\"kind\":\"list\",\"id\":\"2\",\"time_us\":2,\"list\":\"suspected\",\"entry\":\"p\",\"action\":\"take\"}\n\
        {\"kind\":\"transaction\",\"id\":\"3\",\"time_us\":3,\"amount_minor\":5,\"currency\":\"VND\",\"payee\":\"p\"}\n";
    folder.put("events.ndjson", stream);
    let score = "score --rules packs/listed.toml --input events.ndjson";
    for (command, code) in [
        ("check packs/listed.toml", 1),
        ("test packs/listed.toml", 3),
        (score, 3),
        ("demo --events 100 --accounts 50 --rules packs/listed.toml", 3),
    ] {
        let done = folder.run(command);
        assert_eq!(done.code, Some(code), "`{command}` without the file: {done:?}");
        assert!(done.err.contains("list `suspected`: packs/lists/suspected.csv: can't read it"), "{done:?}");
    }
    folder.put("packs/lists/suspected.csv", "payee,level\np,high\n");
    let done = folder.run("check packs/listed.toml");
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("packs/lists/suspected.csv:2: `level` is `high`"), "{done:?}");
    assert!(done.out.contains("1 errors, 0 warnings"), "{done:?}");
    folder.put("packs/lists/suspected.csv", "payee,level\np,5\n");
    for command in ["check packs/listed.toml", "test packs/listed.toml"] {
        let done = folder.run(command);
        assert_eq!(done.code, Some(0), "`{command}`: {done:?}");
    }
    let done = folder.run(score);
    assert_eq!(outcomes(&done.out), pairs(&[("1", "block"), ("3", "allow")]), "{done:?}");
    for (from, to, told) in [
        ("suspected = [\"of", "suspectd = [\"of", "[defaults]: the rule file declares no list `suspectd`"),
        (
            "{ key = \"q\", level = 9 }",
            "{ level = 9 }",
            "list `suspected`: an entry is a text, or a table with `key`",
        ),
        ("level = 9", "level = 0.5", "list `suspected`: `level` is a whole number"),
        ("[{ key = \"p\"", "[3, { key = \"p\"", "list `suspected`: a table is expected"),
    ] {
        assert!(LISTED_CASES.contains(from));
        folder.put("packs/listed.cases.toml", LISTED_CASES.replace(from, to));
        let done = folder.run("test packs/listed.toml");
        assert_eq!(done.code, Some(3), "{done:?}");
        assert!(done.err.contains(told), "`{told}` is not in {done:?}");
    }
}

#[test]
fn a_file_that_does_not_compile_keeps_no_other_from_being_tested() {
    let folder = Folder::new();
    folder.put("rules.cases.toml", CASE);
    folder.put("bad.toml", RULES.replace("amount > 1_000_000", "amout > 1_000_000"));
    folder.put("bad.cases.toml", CASE);
    let done = folder.run("test bad.toml rules.toml");
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.err.contains("amout") && done.out.contains("1 hold"), "{done:?}");
}

#[test]
fn a_decision_is_explained_by_the_rule_set_that_made_it() {
    let folder = Folder::new();
    folder.put(
        "next.toml",
        RULES.replace("id = \"large\"", "id = \"larger\"").replace("1_000_000", "2_000_000"),
    );
    let done = folder.run("check next.toml --format json");
    let checked: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let hash = checked["files"][0]["rule_set"]["hash"].as_str().unwrap();
    let reload = format!(
        "{{\"kind\":\"control\",\"id\":\"c\",\"time_us\":2,\"control\":\"rule_set\",\"subject\":\"{hash}\"}}\n"
    );
    folder.put("events.ndjson", [payment("t1", 1, 1_500_000), reload, payment("t2", 3, 2_500_000)].concat());
    let done = folder.run("explain -r rules.toml -i events.ndjson --reload next.toml --id t1 --id t2");
    assert_eq!(done.code, Some(0), "{done:?}");
    let (first, second) = done.out.split_once("payment `t2`").unwrap();
    assert!(first.contains("large: block") && first.contains("1,500,000 VND > 1,000,000 VND"), "{first}");
    assert!(second.contains("larger: block") && second.contains("2,500,000 VND > 2,000,000 VND"), "{second}");
}
