//! `weir query` and `weir data check` as a user runs them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/datasets.rs"]
mod datasets;
#[path = "support/docs.rs"]
mod docs;

use std::sync::Arc;

use commands::{Done, Folder, payment, unpacked};
use serde_json::Value;
use weir::backtest::data::DataSet;

const MANIFEST: &str = r#"
[dataset]
name = "shop"
time_zone = "UTC"
currency = "EUR"
[tables.payments]
files = ["p.csv"]
columns = { SUM = "decimal(18,2)" }
[[events]]
select = "select ID as id, AT as time, SUM as amount, WHO as customer, LABEL as label from payments"
"#;

const ROWS: &str = "ID,AT,SUM,WHO,LABEL,COLOUR\n1,2024-03-31T10:00:00Z,12500.50,a,fraud,red\n2,2024-03-31T11:00:00Z,7.00,b,,\n3,2024-04-01T12:00:00Z,0.25,a,genuine,\n";

fn shop() -> Folder {
    let folder = Folder::new();
    folder.put("shop.toml", MANIFEST);
    folder.put("p.csv", ROWS);
    folder
}

/// Runs the program with a query, which holds spaces.
fn ask(folder: &Folder, sql: &str, rest: &str) -> Done {
    let output = folder.command("query").arg(sql).args(rest.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn good(folder: &Folder, sql: &str, rest: &str) -> String {
    let done = ask(folder, sql, rest);
    assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
    done.out
}

#[test]
fn a_query_is_answered_as_a_table_csv_json_and_parquet() {
    let folder = shop();
    let sql = "select WHO, count(*) as n, sum(SUM) as total, array_agg(ID order by ID) as ids from payments group by WHO order by WHO";
    let data = "--data shop.toml";
    let table = "\
+-----+---+----------+--------+
| WHO | n | total    | ids    |
+-----+---+----------+--------+
| a   | 2 | 12500.75 | [1, 3] |
| b   | 1 | 7.00     | [2]    |
+-----+---+----------+--------+
";
    assert_eq!(good(&folder, sql, data), table);
    assert_eq!(good(&folder, sql, "--data shop.toml --threads 8 --memory 64MiB"), table);
    let csv = "WHO,n,total,ids\na,2,12500.75,\"[1, 3]\"\nb,1,7.00,[2]\n";
    assert_eq!(good(&folder, sql, "--data shop.toml --format csv"), csv);
    good(&folder, sql, "--data shop.toml --format csv --output all.csv.gz");
    assert_eq!(unpacked(&folder.read("all.csv.gz")), csv);
    let json = good(&folder, sql, "--data shop.toml --format json");
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["WHO"], &rows[0]["n"], &rows[1]["ids"][0]), (&"a".into(), &2.into(), &2.into()));
    good(&folder, sql, "--data shop.toml --format parquet --output all.parquet");
    let again = datasets::query(&format!("select * from '{}'", folder.path("all.parquet").display()));
    assert!(again.is_err(), "a path is no table");
    good(&folder, "select * from decisions", "--decisions all.parquet --format csv --output again.csv");
    assert_eq!(String::from_utf8(folder.read("again.csv")).unwrap(), csv);
    let none = "select ID from payments where ID > 9";
    assert_eq!(good(&folder, none, "--data shop.toml --format csv"), "ID\n");
    assert_eq!(good(&folder, none, "--data shop.toml --format json"), "");
    let mapped = good(
        &folder,
        "select id, amount from shop_events where label = 'fraud'",
        "--data shop.toml --format csv",
    );
    assert_eq!(mapped, "id,amount\n1,12500.50\n");
}

#[test]
fn a_table_is_bounded_unless_it_is_told_otherwise() {
    let folder = shop();
    let many = "select value as n from generate_series(1, 2500) order by n";
    let done = ask(&folder, many, "");
    assert_eq!((done.code, done.out.lines().count()), (Some(0), 1_000 + 4));
    assert_eq!(done.err, "1000 rows are shown and there are more: --limit shows others\n");
    let done = ask(&folder, many, "--limit 1500");
    assert_eq!((done.out.lines().count(), done.err.as_str()), (1_500 + 4, ""));
    assert_eq!(good(&folder, many, "--format csv").lines().count(), 2_501);
    assert_eq!(good(&folder, many, "--format csv --limit 2"), "n\n1\n2\n");
}

#[test]
fn what_a_query_can_not_ask_is_told_with_what_there_is() {
    let folder = shop();
    for (sql, rest, message) in [
        (
            "select * from paymnts",
            "--data shop.toml",
            "table 'paymnts' not found; there are `payments`, `shop_events`",
        ),
        (
            "select * from payments",
            "",
            "table 'payments' not found: name what to ask with --data, --backtest, --decisions or --journal",
        ),
        ("select id from payments", "--data shop.toml", "No field named id"),
        ("select ID from payments where SUM = 'x'", "--data shop.toml", "Cast"),
        ("drop table payments", "--data shop.toml", "DDL not supported"),
        ("create table t as select 1", "", "DDL not supported"),
        ("copy (select 1) to 'x.csv'", "", "DML not supported"),
        ("set datafusion.execution.batch_size = 1", "", "Statement not supported"),
        ("select 1; select 2", "", "only supports a single SQL statement"),
        ("", "", "No SQL statements"),
        ("select 1", "--format parquet", "Parquet is no text: give --output FILE"),
        ("select 1", "--data none.toml", "none.toml: No such file"),
        ("select 1", "--data shop.toml --data shop.toml", "two sources have a table `payments`"),
        ("select 1", "--backtest tried", "tried/decisions.parquet: no such file; `weir backtest` writes"),
        ("select 1", "--journal j", "there is no journal"),
    ] {
        let done = ask(&folder, sql, rest);
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{sql} {rest}: {}", done.err);
        assert!(done.err.contains(message), "{sql} {rest}: `{message}` is not in `{}`", done.err);
    }
    assert!(!folder.path("x.csv").exists());
}

/// A folder with a journal of 60 payments, of which those of a control group were let through.
fn journal() -> Folder {
    let folder = Folder::new();
    let control = "[control]\npercent = 50\nby = \"account\"\namount_max = 100_000_000\n[features]";
    folder.put("rules.toml", commands::RULES.replace("[features]", control));
    let line = |n: i64| {
        let line = payment(&format!("t{n}"), n * 7_200_000_000, 500_000 + n % 3 * 1_000_000);
        line.replace("\"a\"", &format!("\"a{n}\""))
    };
    folder.put("e.ndjson", (0..60).map(line).collect::<String>());
    let done =
        folder.run("score --rules rules.toml --input e.ndjson --journal j --tokens off --output d.ndjson");
    assert_eq!(done.code, Some(0), "{}", done.err);
    folder
}

#[test]
fn a_journal_is_a_data_set_with_what_was_answered() {
    let folder = journal();
    folder.put(
        "j.toml",
        "[dataset]\nname = \"j\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n[tables.all]\nformat = \"journal\"\nfiles = [\"j\"]\n[[events]]\nfrom = \"all\"\n",
    );
    let data = DataSet::open(&folder.path("j.toml"), None, &datasets::settings()).unwrap();
    let found = datasets::try_read(&data, &Arc::default()).unwrap();
    let decisions = String::from_utf8(folder.read("d.ndjson")).unwrap();
    let events = String::from_utf8(folder.read("e.ndjson")).unwrap();
    assert_eq!((found.events.len(), found.bad.len()), (60, 0));
    let mut weighted = 0;
    for ((found, decision), event) in found.events.iter().zip(decisions.lines()).zip(events.lines()) {
        let (line, beside) =
            found.split_once("} ").map_or((found.as_str(), ""), |(line, beside)| (line, beside));
        let line: Value = serde_json::from_str(&(line.trim_end_matches('}').to_owned() + "}")).unwrap();
        let (decision, event): (Value, Value) =
            (serde_json::from_str(decision).unwrap(), serde_json::from_str(event).unwrap());
        assert_eq!((&line["id"], &line["answered"]), (&event["id"], &decision["outcome"]));
        assert_eq!(line["amount_minor"], event["amount_minor"]);
        assert_eq!(beside.ends_with(" 2"), decision.get("withheld").is_some(), "{beside} {decision}");
        weighted += usize::from(decision.get("withheld").is_some());
    }
    assert!(weighted > 0, "the control group let something through");
    let files = data.files().unwrap();
    assert_eq!(files.len(), 1);
    assert!(files[0].name.ends_with(".journal") && files[0].bytes > 0);
    let done = folder.run("data check j.toml --as mai --for a-test");
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    let asked: Vec<_> = std::fs::read_dir(folder.path("j/asked")).unwrap().collect();
    assert_eq!(asked.len(), 1, "who asks is put down");
}

#[test]
fn a_journals_columns_are_asked() {
    let folder = journal();
    let sql = "select a.outcome, count(*) as n from journal e join journal a on a.event = e.number group by a.outcome order by a.outcome";
    let done = ask(&folder, sql, "--journal j");
    assert!(done.err.contains("j/columns: no columns; `weir journal columns` writes those"), "{}", done.err);
    assert_eq!(folder.run("journal columns j").code, Some(0));
    let rows = good(&folder, sql, "--journal j --format csv");
    let decisions = String::from_utf8(folder.read("d.ndjson")).unwrap();
    let count = |outcome: &str| decisions.matches(&format!("\"outcome\":\"{outcome}\",\"alert\"")).count();
    assert_eq!(rows, format!("outcome,n\nallow,{}\nblock,{}\n", count("allow"), count("block")));
}

#[test]
fn a_data_set_is_checked() {
    let folder = shop();
    let done = folder.run("data check shop.toml");
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    for line in [
        "shop\n3 rows; 3 transaction\nfrom 2024-03-31T10:00:00Z to 2024-04-01T12:00:00Z; payments by month: 2 2024-03, 1 2024-04\n",
        "amounts, all taken as EUR: from 0.25 to 12500.50, about 7.00 at the median; 0 of nothing, 0 above 12",
        "3 payments: 1 fraud, 1 genuine, 1 unknown; 33.33 % unknown\n",
        "told: of [[events]] 1 null: 1 label\n",
        "nothing is wrong\n",
    ] {
        assert!(done.out.contains(line), "`{line}` is not in:\n{}", done.out);
    }
    folder.put(
        "shop.toml",
        MANIFEST
            .replace("EUR\"", "EUR\"\nfrom = \"2024-03-31\"\nuntil = \"2024-04-01\"")
            .replace("LABEL as label", "LABEL as label, COLOUR as chanel")
            .replace("\"p.csv\"", "\"p.csv\", \"p-2.csv\""),
    );
    let header = ROWS.lines().next().unwrap();
    folder.put(
        "p-2.csv",
        format!("{header}\n1,2024-03-31T10:00:00Z,12500.50,a,fraud,red\n1,2024-03-31T10:00:00Z,1.00,a,fraud,red\n5,,1.00,a,,\n6,soon,1.00,a,,\n"),
    );
    let done = folder.run("data check shop.toml --rules rules.toml");
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    for line in [
        "wrong: the rule set lacks a column for `account`, by which feature `count` is kept\n",
        "wrong: 1 rows are no event: `time` is missing; every event needs it\n  p-2.csv, row 3: `time` is missing; every event needs it\n",
        "wrong: 1 rows are no event: `time` is a value that is not shown; it must be a time that is taken\n  p-2.csv, row 4: `time`: `soon` is not a time",
        "wrong: 1 ids come again with other content\n  p-2.csv, row 2: `1` at 2024-03-31T10:00:00Z\n",
        "wrong: 1 events are outside the time that the manifest says\n  p.csv, row 3: `3` at 2024-04-01T12:00:00Z\n",
        "told: 1 ids come again with the same content\n  p-2.csv, row 1: ",
        "told: 1 rows arrived before the row before them\n  p-2.csv, row 1: ",
        "told: of [[events]] 1 nothing takes chanel (did you mean `channel`?)\n",
    ] {
        assert!(done.out.contains(line), "`{line}` is not in:\n{}", done.out);
    }
    let done = folder.run("data check shop.toml --json");
    let found: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &found["rows"], &found["reused"]["count"]), (Some(1), &7.into(), &1.into()));
    assert_eq!(found["bad_rows"].as_array().unwrap().len(), 2);
    let done = folder.run("data check none.toml");
    assert_eq!(done.code, Some(3));
}

#[test]
fn a_rule_set_is_held_against_what_the_data_gives() {
    let folder = shop();
    let rules = |rest: &str, when: &str| {
        format!(
            "[ruleset]\nname = \"r\"\ntime_zone = \"UTC\"\ncurrency = \"VND\"\n{rest}\n[features]\nfrauds = {{ count = \"*\", by = \"customer\", over = \"1h\", label = \"fraud\" }}\n[[rule]]\nid = \"one\"\nwhen = \"frauds > 1 or {when}\"\nthen = \"block\"\n"
        )
    };
    let checked = |text: &str, code, said: &[&str], unsaid: &[&str]| {
        folder.put("rules.toml", text);
        let done = folder.run("data check shop.toml --rules rules.toml");
        assert_eq!(done.code, Some(code), "{}{}", done.out, done.err);
        said.iter().for_each(|line| assert!(done.out.contains(line), "`{line}` is not in:\n{}", done.out));
        unsaid.iter().for_each(|line| assert!(!done.out.contains(line), "`{line}` is in:\n{}", done.out));
    };
    checked(
        &rules("", "portal = 'x' or customer = 'y'"),
        1,
        &[
            "wrong: the rule set lacks a column for `portal`, which conditions name\n",
            "wrong: the rule set lacks `label_time` of 2 labels, without which feature `frauds` never sees them\n",
            "wrong: the rule set lacks amounts in VND, the rule set's currency, of 3 payments in EUR: it has no [rates], and refuses them\n",
        ],
        &["`customer`"],
    );
    checked(
        &rules("[rates]\n", "amount > 5"),
        1,
        &["wrong: the rule set lacks `rate` of 3 payments in EUR: the rule set's [rates] have no file\n"],
        &["no [rates]"],
    );
    folder.put(
        "shop.toml",
        MANIFEST.replace("LABEL as label", "LABEL as label, AT as label_time, 26000 as rate"),
    );
    checked(&rules("[rates]\n", "amount > 5"), 0, &["nothing is wrong\n"], &["wrong:"]);
}

#[test]
fn plans_are_explained_in_every_form() {
    let folder = shop();
    for rest in ["", "--limit 3", "--format csv", "--format json"] {
        let said = good(&folder, "explain select WHO from payments", &format!("--data shop.toml {rest}"));
        assert!(said.contains("logical_plan"), "{rest}: {said}");
    }
}

#[test]
fn an_answer_never_replaces_what_it_is_read_from() {
    let folder = shop();
    for output in ["p.csv", "./p.csv", "shop.toml"] {
        let done = ask(
            &folder,
            "select * from payments",
            &format!("--data shop.toml --format csv --output {output}"),
        );
        assert_eq!(done.code, Some(3), "{}", done.err);
        assert!(done.err.contains("is read by the query; give --output another file"), "{}", done.err);
    }
    assert_eq!(folder.read("p.csv"), ROWS.as_bytes());
}

#[test]
fn labels_are_held_against_their_payments() {
    let folder = Folder::new();
    folder.put("p.csv", "id,t\na,100000000\nb,200000000\n");
    folder.put("l.csv", "id,t,of,label,what\nl1,100000000,a,fraud,scam\nl2,4000000000,a,genuine,\nl3,100000000,b,fraud,scam\nl4,5000000000,c,fraud,\n");
    folder.put(
        "s.toml",
        "[dataset]\nname = \"s\"\ntime_zone = \"UTC\"\ncurrency = \"EUR\"\n[tables.p]\nfiles = [\"p.csv\"]\n[tables.l]\nfiles = [\"l.csv\"]\n[[events]]\nselect = \"select id, t as time_us, 5 as amount from p\"\n[[events]]\nselect = \"select 'label' as kind, id, t as time_us, of as transaction, label, what as label_kind from l\"\n",
    );
    let done = folder.run("data check s.toml");
    assert_eq!(done.code, Some(1));
    for line in [
        "6 rows; 2 transaction, 4 label\n",
        "2 payments: 1 fraud: scam, 1 genuine; 0.00 % unknown; labels come 1.1 h after",
        "wrong: 1 payments that labels name are not there\n",
        "wrong: 1 labels are from before their payment\n",
    ] {
        assert!(done.out.contains(line), "`{line}` is not in:\n{}", done.out);
    }
}

#[test]
fn the_commands_of_the_guide_run() {
    let commands = docs::commands("docs/backtest.md");
    assert!(commands.len() > 4);
    let folder = docs::copy_of_the_data();
    for command in commands {
        let done = docs::run(&command.line, folder.path());
        let said = String::from_utf8_lossy(&done.stderr);
        let told = String::from_utf8_lossy(&done.stdout);
        assert_eq!(
            done.status.code(),
            Some(command.exits_with),
            "{}: `{}`\n{said}{told}",
            command.place,
            command.line
        );
    }
}
