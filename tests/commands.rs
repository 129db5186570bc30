//! The program as a script sees it: exit codes, streams and files, and lines that say what went wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

const COMMANDS: [&str; 9] =
    ["score", "check", "schema", "test", "explain", "diff", "generate", "sql", "demo"];

const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1h" }
total = { sum = "amount", by = "account", over = "1h" }

[[rule]]
id = "large"
when = "amount > 1_000_000"
then = "block"
reason = "large"

[[rule]]
id = "often"
when = "count > 2 and total > 0"
then = "alert"
reason = "often"
"#;

const CASE: &str = r#"
[[case]]
name = "a large payment is blocked"
rule = "large"
events = [{ kind = "transaction", at = "2026-01-10T08:00:00+07:00", amount = 2_000_000, expect = { outcome = "block", only = ["large"] } }]
"#;

/// A payment of the account `a`.
fn payment(id: &str, time_us: i64, minor: i64) -> String {
    format!(
        "{{\"kind\":\"transaction\",\"id\":\"{id}\",\"time_us\":{time_us},\"amount_minor\":{minor},\"currency\":\"VND\",\"account\":\"a\"}}\n"
    )
}

/// A fresh folder with `rules.toml`, and how the program is run in it.
struct Folder(tempfile::TempDir);

#[derive(Debug)]
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.put("rules.toml", RULES);
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(line.split_whitespace()).current_dir(&self.0);
        command
    }

    fn run(&self, line: &str) -> Done {
        self.run_with(line, b"")
    }

    /// Runs with these bytes as standard input; no stream is a terminal.
    fn run_with(&self, line: &str, input: &[u8]) -> Done {
        let mut command = self.command(line);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that refuses its command line reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let done = Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        for stream in [&done.out, &done.err] {
            assert!(!stream.contains('\u{1b}'), "`{line}` colours what is no terminal: {stream}");
        }
        done
    }
}

/// Each line of decisions as its id and outcome, or its id and why it was refused.
fn outcomes(lines: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let said = line.get("outcome").unwrap_or(&line["refused"]);
        (line["id"].as_str().unwrap().to_owned(), said.as_str().unwrap().to_owned())
    };
    lines.lines().map(line).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, said)| ((*id).to_owned(), (*said).to_owned())).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

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
    let note = "note: rules.toml:19:8: rule `often` stays silent where `account` is null; say `on_unknown`\n";
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
