//! The program as a script sees it: exit codes, streams and files, and lines that say what went wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use commands::{CASE, Folder, RULES, outcomes, packed, pairs, payment, unpacked};

const COMMANDS: [&str; 14] = [
    "score", "check", "schema", "test", "explain", "diff", "generate", "sql", "state", "demo", "journal",
    "replay", "audit", "bench",
];

#[test]
fn exit_codes_tell_scripts_what_happened() {
    let folder = Folder::new();
    folder.put("unknown.toml", RULES.replace("count > 2", "cuont > 2"));
    folder.put("spare.toml", RULES.replace(" and total > 0", ""));
    folder.put("rules.cases.toml", CASE);
    folder.put("failing.cases.toml", CASE.replace("\"block\"", "\"allow\""));
    folder.put("odd.cases.toml", CASE.replace("outcome", "outcom"));
    folder.put("payments.csv", "id\n1\n");
    for (line, code, on_stderr) in [
        ("--version", 0, ""),
        ("--help", 0, ""),
        ("check rules.toml", 0, ""),
        ("check spare.toml", 0, "`total` is never used"),
        ("check --deny-warnings rules.toml", 0, ""),
        ("check rules.toml rules.cases.toml", 0, ""),
        ("check rules.cases.toml", 3, "`weir test` reads them"),
        ("check --format yaml rules.toml", 2, "yaml"),
        ("schema", 0, ""),
        ("check --deny-warnings spare.toml", 1, "`total` is never used"),
        ("check unknown.toml", 1, "cuont"),
        ("check rules.toml unknown.toml", 1, "cuont"),
        ("test rules.toml", 0, ""),
        ("test rules.toml --cases failing.cases.toml", 1, ""),
        ("score --rules rules.toml", 0, "0 decisions"),
        ("", 2, "Usage"),
        ("frobnicate", 2, "frobnicate"),
        ("score", 2, "--rules"),
        ("score --rules rules.toml --on-bad-line maybe", 2, "maybe"),
        ("check", 2, "FILE"),
        ("diff rules.toml rules.toml", 0, ""),
        ("diff rules.toml spare.toml", 1, ""),
        ("diff rules.toml unknown.toml", 3, "cuont"),
        ("explain --rules rules.toml", 2, "--id"),
        ("explain --rules rules.toml --id t1", 1, "no event has this id"),
        ("generate --events many", 2, "many"),
        ("check missing.toml", 3, "missing.toml"),
        ("test missing.toml", 3, "missing.toml"),
        ("test spare.toml", 3, "spare.cases.toml"),
        ("test unknown.toml", 3, "cuont"),
        ("test rules.toml --cases odd.cases.toml", 3, "outcom"),
        ("score --rules missing.toml", 3, "missing.toml"),
        ("score --rules unknown.toml", 3, "cuont"),
        ("score --rules rules.toml --input missing.ndjson", 3, "missing.ndjson"),
        ("score --rules rules.toml --input rules.toml", 3, "rules.toml has no known ending"),
        ("score --rules rules.toml --input payments.csv", 3, "--mapping"),
        ("score --rules rules.toml --input payments.csv --mapping missing.toml", 3, "missing.toml"),
        ("score --rules rules.toml --output no/such/place.ndjson", 3, "no/such/place.ndjson"),
        ("generate --accounts 1", 3, "accounts"),
        ("generate --late 2", 3, "late"),
        ("generate --start yesterday", 3, "yesterday"),
    ] {
        let done = folder.run(line);
        assert_eq!(done.code, Some(code), "`weir {line}`: {done:?}");
        assert!(done.err.contains(on_stderr), "`weir {line}` does not say {on_stderr:?}: {done:?}");
    }
}

#[test]
fn every_command_helps() {
    let folder = Folder::new();
    let help = folder.run("--help").out;
    for name in COMMANDS {
        assert!(help.lines().any(|line| line.trim_start().starts_with(name)), "{name} is not in {help}");
        let done = folder.run(&format!("{name} --help"));
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{name}");
        assert!(done.out.contains(&format!("Usage: weir {name}")), "{}", done.out);
    }
    assert!(help.contains("Exit codes:"), "{help}");
}

#[test]
fn score_reads_standard_input_and_writes_standard_output() {
    let folder = Folder::new();
    let stream =
        [payment("t1", 1, 5), payment("t2", 2, 5_000_000), payment("t1", 1, 5), payment("t1", 1, 6)].concat();
    let done = folder.run_with("score --rules rules.toml", stream.as_bytes());
    assert_eq!(done.code, Some(0), "{done:?}");
    let expected = pairs(&[("t1", "allow"), ("t2", "block"), ("t1", "allow"), ("t1", "id_reused")]);
    assert_eq!(outcomes(&done.out), expected);
    for told in
        ["2 decisions: 1 allow, 0 step_up, 1 block", "1 came again", "1 refused (id_reused)", "4 events read"]
    {
        assert!(done.err.contains(told), "{told} is not in {}", done.err);
    }
}

#[test]
fn a_breaker_that_trips_is_told_once_and_recorded() {
    let folder = Folder::new();
    let rule = "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\n[[rule]]\nid = \"all\"\nwhen = \"amount > 0\"\nthen = \"block\"\n\
        breaker = { percent = 10, over = \"1h\", least = 3 }\n";
    folder.put("broken.toml", rule);
    let events: String = (0..6).map(|n| payment(&format!("t{n}"), n, 5)).collect();
    let done = folder.run_with("score --rules broken.toml", events.as_bytes());
    let expected: Vec<&str> = [["block"; 3], ["allow"; 3]].concat();
    let found = outcomes(&done.out);
    assert_eq!(found.iter().map(|(_, outcome)| outcome.as_str()).collect::<Vec<_>>(), expected, "{done:?}");
    assert_eq!(done.err.matches("the breaker of rule `all` tripped at payment `t3`").count(), 1, "{done:?}");
    assert!(done.err.contains("3 with a rule kept from acting by its breaker"), "{done:?}");
    assert_eq!(done.out.matches("\"tripped\":[").count(), 3, "{done:?}");
}

#[test]
fn every_feature_is_written_where_it_is_asked_for() {
    let folder = Folder::new();
    let features = |line: &str| {
        let done = folder.run_with(line, payment("t1", 1, 5).as_bytes());
        let line: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        line["features"].clone()
    };
    assert_eq!(features("score --rules rules.toml"), serde_json::json!({}));
    let exact = |value| serde_json::json!({ "value": value, "quality": "exact" });
    assert_eq!(
        features("score --rules rules.toml --features"),
        serde_json::json!({ "count": exact(1), "total": exact(5) })
    );
}

#[test]
fn packed_files_and_plain_ones_say_the_same() {
    let folder = Folder::new();
    let stream = [payment("t1", 1, 5), payment("t2", 2, 5_000_000)].concat();
    folder.put("events.ndjson", &stream);
    folder.put("events.ndjson.gz", packed(&stream));
    let mut written = Vec::new();
    for (input, output) in
        [("events.ndjson", "a.ndjson"), ("events.ndjson.gz", "b.ndjson.gz"), ("events.ndjson.gz", "c.ndjson")]
    {
        let done = folder.run(&format!("score -r rules.toml -i {input} -o {output}"));
        assert_eq!((done.code, done.out.as_str()), (Some(0), ""), "{done:?}");
        let bytes = folder.read(output);
        written.push(if output.ends_with("gz") {
            unpacked(&bytes)
        } else {
            String::from_utf8(bytes).unwrap()
        });
    }
    assert_eq!(outcomes(&written[0]), pairs(&[("t1", "allow"), ("t2", "block")]));
    assert!(written.iter().all(|text| *text == written[0]), "{written:?}");
}

#[test]
fn a_mapping_reads_csv() {
    let folder = Folder::new();
    folder.put(
        "bank.mapping.toml",
        "kind = 'transaction'\nid = { column = 'NO' }\ntime = { column = 'AT', format = 'rfc3339' }\n\
         amount = { column = 'SUM', unit = 'major', currency = 'VND' }\n[text]\naccount = { column = 'FROM' }\n",
    );
    let rows = "NO,AT,SUM,FROM\n1,2026-01-10T08:00:00+07:00,5000,a\n2,2026-01-10T08:00:01+07:00,2000000,a\n";
    folder.put("bank.csv.gz", packed(rows));
    let done = folder.run("score --rules rules.toml --input bank.csv.gz --mapping bank.mapping.toml");
    assert_eq!(outcomes(&done.out), pairs(&[("1", "allow"), ("2", "block")]), "{done:?}");
    folder.put("bank.csv", rows.replace("SUM", "TOTAL"));
    let done = folder.run("score --rules rules.toml --input bank.csv --mapping bank.mapping.toml");
    assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{done:?}");
    assert!(done.err.contains("`SUM`"), "{}", done.err);
}

#[test]
fn a_bad_line_is_told_with_its_number_and_stops_or_is_skipped() {
    let folder = Folder::new();
    let stream =
        [payment("t1", 1, 5), "{\"kind\":\"transaction\"}\n".to_owned(), payment("t2", 2, 5)].concat();
    for (option, code, answered) in [
        ("", 3, &[("t1", "allow")][..]),
        (" --on-bad-line fail", 3, &[("t1", "allow")]),
        (" --on-bad-line skip", 0, &[("t1", "allow"), ("t2", "allow")]),
    ] {
        let done = folder.run_with(&format!("score --rules rules.toml{option}"), stream.as_bytes());
        assert_eq!((done.code, outcomes(&done.out)), (Some(code), pairs(answered)), "{done:?}");
        assert!(done.err.contains("line 2: "), "{}", done.err);
        assert_eq!(done.err.contains("2 events read, 1 bad lines"), code == 0, "{}", done.err);
    }
}

#[test]
fn a_stream_cut_short_answers_what_came_whole() {
    let folder = Folder::new();
    let whole: String = (0..5_000).map(|n| payment(&format!("t{n}"), n, n)).collect();
    let bytes = packed(&whole);
    folder.put("cut.ndjson.gz", &bytes[..bytes.len() / 2]);
    let done = folder.run("score --rules rules.toml --on-bad-line skip --input cut.ndjson.gz");
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("cut short"), "{}", done.err);
    let answered = outcomes(&done.out).len();
    assert!((100..5_000).contains(&answered), "{answered} of 5,000 answered");
}

#[test]
fn equal_options_generate_equal_bytes_and_another_seed_others() {
    let folder = Folder::new();
    let generate = |options: &str| {
        let done = folder.run(&format!("generate --events 2000 --accounts 200 {options}"));
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out
    };
    let first = generate("--seed 7");
    assert_eq!(first.lines().count(), 2_000);
    assert_eq!(first, generate("--seed 7"));
    assert_ne!(first, generate("--seed 8"));
    generate("--seed 7 --output events.ndjson.gz");
    assert_eq!(unpacked(&folder.read("events.ndjson.gz")), first);
}

#[test]
fn the_demo_shows_its_sections() {
    let done = Folder::new().run("demo --events 20000 --accounts 2000");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    for section in ["weir demo", "Decisions", "Rules that fired", "Against the labels", "`step` alone"] {
        assert!(done.out.lines().any(|line| line.starts_with(section)), "no {section} in {}", done.out);
    }
    for shown in [
        "allow",
        "step_up",
        "block",
        "new_device_large",
        "honest",
        "fraud",
        "p99.99",
        "events a second",
        "MiB",
    ] {
        assert!(done.out.contains(shown), "no {shown} in {}", done.out);
    }
}

#[test]
fn whoever_stops_reading_is_no_error() {
    let folder = Folder::new();
    folder.put("events.ndjson", (0..20_000).map(|n| payment(&format!("t{n}"), n, n)).collect::<String>());
    for line in ["generate --events 20000 --accounts 2000", "score --rules rules.toml --input events.ndjson"]
    {
        let mut command = folder.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("error"), "`weir {line} | head -1`: {said}");
        assert!(first.starts_with('{'), "{first}");
    }
}

#[cfg(not(feature = "backtest"))]
#[test]
fn the_lean_build_says_that_it_reads_no_history() {
    let folder = Folder::new();
    for line in ["data check d.toml --json", "query select --data d.toml", "query --help", "data"] {
        let done = folder.run(line);
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{line}");
        assert!(done.err.contains(
            "this build does not: build it with `cargo build --profile analyst --features backtest`"
        ));
    }
}
