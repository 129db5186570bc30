//! Data sets: files of any shape give the events that they say, in order, and what is wrong with them is told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "datasets/bad.rs"]
mod bad;
#[path = "support/datasets.rs"]
mod datasets;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datasets::{Folder, read, settings, try_read};
use weir::backtest::data::{DataSet, Manifest, Reader, Settings};
use weir::event::{ExtraType, Schema};
use weir::generate::{Generator, Settings as Stream};
use weir::io::{EventReader, FileFormat, Format, write_event};
use weir::rules::Label;

/// Payments with a value of every type.
const PAYMENTS: &str = "select * from (values
    (1, timestamp '2024-03-30 23:59:59.25', 12.5, 'a', true, 10.25, 1),
    (2, timestamp '2024-03-31 00:00:00', 0.07, 'đ \"b\", c', false, -3.5, 0),
    (3, timestamp '2024-03-31 00:00:01', 1000000, null, null, null, 0)
    ) as p(\"ID\", \"AT\", \"SUM\", \"WHO\", \"SAME\", \"WHERE_NORTH\", \"FRAUD\")";

const SELECT: &str = r#"
[[events]]
select = """
select ID as id, AT as time, SUM as amount, WHO as customer, SAME as same_owner,
    WHERE_NORTH as latitude, WHERE_NORTH * 2 as longitude,
    case when FRAUD = 1 then 'fraud' else 'genuine' end as label, 'x' as label_kind,
    AT + interval '6 days' as label_time
from payments"""
"#;

/// In Hanoi, seven hours before UTC.
const EXPECTED: [&str; 3] = [
    r#"{"kind":"transaction","time_us":1711817999250000,"amount_minor":1250,"currency":"EUR","id":"1","customer":"a","same_owner":true,"latitude":10.25,"longitude":20.5} Some("fraud") Some("x") None None Some(1712336399250000) 1"#,
    r#"{"kind":"transaction","time_us":1711818000000000,"amount_minor":7,"currency":"EUR","id":"2","customer":"đ \"b\", c","same_owner":false,"latitude":-3.5,"longitude":-7.0} Some("genuine") Some("x") None None Some(1712336400000000) 1"#,
    r#"{"kind":"transaction","time_us":1711818001000000,"amount_minor":100000000,"currency":"EUR","id":"3"} Some("genuine") Some("x") None None Some(1712336401000000) 1"#,
];

fn table(files: &str, more: &str) -> String {
    format!("[tables.payments]\nfiles = [\"{files}\"]\n{more}\n")
}

#[test]
fn every_format_and_compression_gives_the_same_events() {
    let types = "columns = { AT = \"timestamp\", SUM = \"decimal(18,2)\" }";
    for (name, stored, more) in [
        ("p.csv", "csv", types),
        ("p.csv.gz", "csv options (format.compression 'gzip')", types),
        ("p.csv.bz2", "csv options (format.compression 'bzip2')", types),
        ("p.csv.xz", "csv options (format.compression 'xz')", types),
        ("p.csv.zst", "csv options (format.compression 'zstd')", types),
        (
            "p.csv",
            "csv options (format.delimiter ';', format.has_header false)",
            "delimiter = \";\"\nheader = false\ncolumns = { ID = \"bigint\", AT = \"timestamp\", SUM = \"decimal(9,2)\", WHO = \"varchar\", SAME = \"boolean\", WHERE_NORTH = \"double\", FRAUD = \"int\" }",
        ),
        ("p.ndjson", "json", types),
        ("p.jsonl.gz", "json options (format.compression 'gzip')", types),
        ("p.ndjson.zst", "json options (format.compression 'zstd')", types),
        ("p.parquet", "parquet", "columns = { SUM = \"decimal(18,2)\" }"),
        ("p.parquet", "parquet options (compression 'zstd(3)')", "columns = { SUM = \"decimal(18,2)\" }"),
        ("p.arrow", "arrow", "columns = { SUM = \"decimal(18,2)\" }"),
    ] {
        let folder = Folder::new();
        folder.copy(name, PAYMENTS, stored);
        let found = folder.read(&(table(name, more) + SELECT));
        assert_eq!(
            (found.events, found.bad),
            (EXPECTED.map(str::to_owned).to_vec(), vec![]),
            "{name} {stored}"
        );
    }
}

#[test]
fn a_time_says_its_zone_or_is_told_in_the_data_sets() {
    let folder = Folder::new();
    let texts = [
        "2024-03-31T00:00:00",
        "2024-03-31 00:00:00",
        "2024-03-31",
        "2024-03-30T17:00:00Z",
        "2024-03-30T10:00:00-07:00",
    ];
    let rows: String = texts.iter().enumerate().map(|(at, text)| format!("{at},{text}\n")).collect();
    folder.put("p.csv", format!("id,at\n{rows}"));
    for (types, time) in [
        ("", "at as time"),
        ("columns = { at = \"timestamp\" }", "at as time"),
        ("", "cast(at as timestamptz) as time"),
        ("", "case when timestamp '2024-03-31' is null then null else at end as time"),
        ("", "case when id = 7 then null else to_timestamp_seconds(1711818000) end as time"),
    ] {
        let select = format!("[[events]]\nselect = \"\"\"select id, {time}, 1 as amount from payments\"\"\"");
        let found = folder.read(&(table("p.csv", types) + &select));
        assert_eq!((found.events.len(), found.bad), (texts.len(), vec![]), "{types} {time}");
        for line in &found.events {
            assert!(line.contains("\"time_us\":1711818000000000,"), "{types} {time}: {line}");
        }
    }
    let select = "[[events]]\nselect = \"select id, arrow_cast(1711818000, 'Timestamp(Second, Some(\\\"UTC\\\"))') as time, arrow_cast(19813, 'Date32') as received, 1 as amount from payments\"";
    let found = folder.read(&(table("p.csv", "") + select));
    assert!(
        found.events[0].contains("\"time_us\":1711818000000000,\"received_us\":1711818000000000"),
        "{found:?}"
    );
}

#[test]
fn parts_of_a_microsecond_are_refused() {
    let folder = Folder::new();
    folder.put("p.csv", "id,at\n1,2024-03-31T00:00:00.000001001\n2,2024-03-31T00:00:00.000001000\n");
    for types in ["", "columns = { at = \"timestamp\" }"] {
        let select = "[[events]]\nselect = \"select id, at as time, 1 as amount from payments\"";
        let found = folder.read(&(table("p.csv", types) + select));
        assert_eq!(found.events.len(), 1, "{types}");
        let told = found.bad[0].to_string();
        assert!(told.starts_with("row 1 of [[events]] 1: `time` has parts of a microsecond"), "{told}");
    }
}

#[test]
fn globs_folders_and_partitions_keep_the_order_of_names() {
    let folder = Folder::new();
    for (name, id) in [
        ("d/year=2019/b.csv", 4),
        ("d/year=2018/z.csv", 2),
        ("d/year=2018/a.csv", 1),
        ("d/year=2018/zz.csv", 3),
    ] {
        folder.put(name, format!("id\n{id}\n"));
    }
    folder.put("d/_SUCCESS", "");
    let ids = |files: &str, more: &str, columns: &str| -> Vec<String> {
        let select =
            format!("[[events]]\nselect = \"select id, {columns} 7 as time_us, 1 as amount from payments\"");
        let found = folder.read(&(table(files, more) + &select));
        let value = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let said = |line: &String| {
            let line = value(line);
            line["id"].as_str().unwrap().to_owned() + line["note"].as_str().unwrap_or_default()
        };
        found.events.iter().map(said).collect()
    };
    assert_eq!(ids("d/year=*/*.csv", "", ""), ["1", "2", "3", "4"]);
    assert_eq!(ids("d/year=2018/z*.csv", "", ""), ["2", "3"]);
    assert_eq!(ids("d/year=2019/../year=2018/z*.csv", "", ""), ["2", "3"]);
    assert_eq!(ids("d", "partitions = [\"year\"]", "year as note,"), ["12018", "22018", "32018", "42019"]);
    assert_eq!(
        ids("d", "partitions = [\"year\"]\ncolumns = { year = \"int\" }", "year + 1 as note,"),
        ["12019", "22019", "32019", "42020"]
    );
    assert_eq!(
        ids("d/year=2019/b.csv\", \"d/year=2018/a.csv", "", ""),
        ["4", "1"],
        "patterns keep their order"
    );
    let select = "[[events]]\nselect = \"select id, 7 as time_us, 1 as amount from payments\"";
    let told = folder.refused(&(table("d", "partitions = [\"month\"]") + select));
    assert!(told.contains("no folder above it is called `month=...`"), "{told}");
}

/// Two streams that are merged: payments, and labels of which some arrive late.
fn two_streams(folder: &Folder) -> String {
    folder.put("p.csv", "id,t\np1,10\np2,20\np3,15\np4,20\np5,40\n");
    folder.put("l.csv", "id,t,r,of\nl1,12,20,p1\nl2,5,,p2\nl3,30,30,p3\nl4,1,50,p4\n");
    r#"
[tables.p]
files = ["p.csv"]
[tables.l]
files = ["l.csv"]
[[events]]
select = "select id, t as time_us, 1 as amount from p"
[[events]]
select = "select 'label' as kind, id, t as time_us, r as received_us, of as transaction, 'fraud' as label from l"
"#
    .to_owned()
}

#[test]
fn streams_are_merged_by_arrival_and_none_changes_its_own_order() {
    let folder = Folder::new();
    let manifest = two_streams(&folder);
    let expected = ["p1", "p2", "p3", "p4", "l1", "l2", "l3", "p5", "l4"];
    for threads in [1, 8] {
        for batch_rows in [1, 2, 3, 1_000] {
            let settings = Settings { threads, batch_rows, ..settings() };
            let data = folder.open_with(&manifest, &settings).unwrap();
            let found = read(&data);
            let ids: Vec<_> = found
                .events
                .iter()
                .map(|line| line.split("\"id\":\"").nth(1).unwrap()[..2].to_owned())
                .collect();
            assert_eq!(ids, expected, "{threads} threads, {batch_rows} rows");
            assert_eq!(data.span().unwrap(), Some((10, 40)));
            let labels = data.labels().unwrap();
            assert_eq!(labels.len(), 4);
            let known = labels.get(weir::event::identity(None, "p4")).unwrap();
            assert_eq!((known.label, known.time_us), (Some(Label::Fraud), 1));
        }
    }
}

/// Rows in no order, with many of the same time.
fn shuffled(folder: &Folder, rows: u64) -> String {
    let mut text = String::from("id,t,pad\n");
    for row in 0..rows {
        let mixed = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        text.push_str(&format!("{row},{},{}{row}\n", mixed % (rows / 4).max(1), "x".repeat(120)));
    }
    folder.put("p.csv", text);
    table("p.csv", "")
        + "[[events]]\norder = \"time\"\nselect = \"select id, t as time_us, 1 as amount, pad as note from payments\"\n"
}

#[test]
fn sorting_goes_on_on_disk_and_gives_the_same() {
    let folder = Folder::new();
    let manifest = shuffled(&folder, 100_000);
    let in_memory = read(&folder.open(&manifest).unwrap());
    let mut expected: Vec<(i64, u64)> = in_memory
        .events
        .iter()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (line["time_us"].as_i64().unwrap(), line["id"].as_str().unwrap().parse().unwrap())
        })
        .collect();
    let found = expected.clone();
    expected.sort_unstable();
    assert_eq!(found, expected, "sorted by time, and as written where times are the same");
    let spill = folder.path("spill");
    std::fs::create_dir(&spill).unwrap();
    for threads in [1, 8] {
        let small = Settings { memory_bytes: 6 << 20, spill: Some(spill.clone()), threads, ..settings() };
        let spilled = read(&folder.open_with(&manifest, &small).unwrap());
        assert!(spilled == in_memory, "what goes on on disk is the same");
    }
    assert_eq!(std::fs::read_dir(&spill).unwrap().count(), 0, "nothing is left");
    // Without a folder to go on in, that memory does not do: so it was used.
    let nowhere = Settings { memory_bytes: 6 << 20, spill: Some(folder.path("p.csv/no")), ..settings() };
    let refused = folder.open_with(&manifest, &nowhere).and_then(|data| try_read(&data, &Arc::default()));
    assert!(refused.is_err());
}

#[test]
fn ties_order_what_has_the_same_time() {
    let folder = Folder::new();
    folder.put("p.csv", "id,t,n\nc,2,1\na,1,9\nb,1,8\nd,1,8\n");
    let ids = |ties: &str| -> String {
        let select = format!(
            "[[events]]\norder = \"time\"\n{ties}\nselect = \"select id, t as time_us, n as level, 1 as amount from payments\"\n"
        );
        let found = folder.read(&(table("p.csv", "") + &select));
        found
            .events
            .iter()
            .map(|line| line.split("\"id\":\"").nth(1).unwrap().chars().next().unwrap())
            .collect()
    };
    assert_eq!(ids(""), "abdc", "as written");
    assert_eq!(ids("ties = [\"level\"]"), "bdac");
    let told = folder.refused(
        &(table("p.csv", "")
            + "[[events]]\norder = \"time\"\nties = [\"n\"]\nselect = \"select id, t as time_us, n as level, 1 as amount from payments\"\n"),
    );
    assert!(
        told.contains("`ties` names `n`, which is none of its columns: id, time_us, level, amount"),
        "{told}"
    );
}

#[test]
fn rows_as_written_keep_their_order_or_are_refused() {
    let folder = Folder::new();
    let rows: String = (0..5_000).map(|row| format!("{row},{},c{}\n", row * 7 % 1_000, row % 10)).collect();
    folder.put("p-1.csv", format!("id,t,who\n{rows}"));
    folder.put(
        "p-2.csv",
        format!("id,t,who\n{}", rows.lines().rev().map(|row| format!("x{row}\n")).collect::<String>()),
    );
    folder.put("who.csv", (0..10).map(|who| format!("c{who},n{who}\n")).collect::<String>());
    let tables = table("p-*.csv", "")
        + "[tables.who]\nfiles = [\"who.csv\"]\nheader = false\ncolumns = { who = \"varchar\", called = \"varchar\" }\n";
    let expected: Vec<String> =
        (0..5_000).map(|row| row.to_string()).chain((0..5_000).rev().map(|row| format!("x{row}"))).collect();
    for from in [
        "from payments",
        "from payments where t >= 0",
        "from payments join who on payments.who = who.who",
        "from payments left join who on payments.who = who.who",
    ] {
        let called = if from.contains("join") { "called as note, " } else { "" };
        let select = format!("[[events]]\nselect = \"select id, {called}t as time_us, 1 as amount {from}\"");
        for threads in [1, 8] {
            let data =
                folder.open_with(&(tables.clone() + &select), &Settings { threads, ..settings() }).unwrap();
            let found = read(&data);
            let ids: Vec<_> = found
                .events
                .iter()
                .map(|line| line.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned())
                .collect();
            assert!(ids == expected, "{from}: {:?}", &ids[..3]);
        }
    }
    for (from, message) in [
        ("from payments order by t", "it groups, sorts or puts rows together"),
        ("from payments group by id, t", "it groups, sorts or puts rows together"),
        ("from payments union all select id, t, 1 from payments", "it groups, sorts or puts rows together"),
        (
            "from who join payments on payments.who = who.who",
            "its rows don't come in the order of `who`, which it names first",
        ),
    ] {
        let select = format!("[[events]]\nselect = \"select id, t as time_us, 1 as amount {from}\"");
        let told = folder.refused(&(tables.clone() + &select));
        assert!(told.contains(message), "{from}: {told}");
    }
    let sorted = |threads| {
        let select = "[[events]]\norder = \"time\"\nselect = \"select id, t as time_us, 1 as amount from payments union all select concat(id, 'b'), t, 1 from payments\"";
        let settings = Settings { threads, ..settings() };
        read(&folder.open_with(&(tables.clone() + select), &settings).unwrap())
    };
    assert!(sorted(1).events.len() == 20_000 && sorted(1) == sorted(8), "no order is left to chance");
}

/// Extra fields of every type.
fn extras() -> Arc<Schema> {
    let types = ExtraType::ALL.map(|ty| (format!("x_{}", ty.name()), ty));
    Arc::new(Schema::new(types.to_vec()))
}

#[test]
fn files_of_events_are_read_as_everywhere_else() {
    let folder = Folder::new();
    let mut lines = Vec::new();
    let stream = Stream {
        events: 3_000,
        accounts: 200,
        days: 20,
        foreign: 0.1,
        late: 0.1,
        duplicates: 0.05,
        ..Stream::default()
    };
    let mut generator = Generator::new(stream).unwrap();
    while let Some(event) = generator.next() {
        write_event(event, &mut lines).unwrap();
    }
    let more = [
        r#"{"kind":"transaction","id":"x1","time_us":5,"amount_minor":1,"currency":"EUR","methods":["fido","sms"],"extra":{"x_text":"a","x_identifier":"b","x_integer":9007199254740993,"x_decimal":0.1,"x_boolean":true,"x_money":-7,"x_time":8,"x_duration":9,"nobody":"x"}}"#,
        r#"{"kind":"transaction","id":"x2","time_us":5,"amount_minor":1,"currency":"EUR","extra":{"x_decimal":2,"colour":"red","size":1.5,"deep":null}}"#,
        r#"{"kind":"list","id":"x3","time_us":5,"list":"l","entry":"e","action":"put","expires_us":9,"level":3,"note":"\"extra\""}"#,
        "not json",
        r#"{"kind":"transaction","id":"x4","time_us":5,"amount_minor":1,"currency":"EUR","extra":{"x_integer":"one"}}"#,
        r#"{"kind":"label","id":"x5","time_us":5,"transaction":"x1","label":"fraud","label_kind":"scam"}"#,
    ];
    lines.extend(more.iter().flat_map(|line| format!("{line}\n").into_bytes()));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&lines).unwrap();
    folder.put("e.ndjson", &lines);
    folder.put("e.ndjson.gz", packed.finish().unwrap());
    folder.put("e.ndjson.zst", zstd::encode_all(&*lines, 1).unwrap());
    for name in ["e.ndjson", "e.ndjson.gz", "e.ndjson.zst"] {
        for schema in [Arc::default(), extras()] {
            let manifest = table(name, "format = \"events\"") + "[[events]]\nfrom = \"payments\"\n";
            let data = folder.open(&manifest).unwrap();
            // A bad line ends neither.
            assert!(data.span().unwrap().is_some() && data.labels().unwrap().len() > 1);
            let mut expected =
                EventReader::open(&folder.path("e.ndjson"), &Format::Ndjson, Arc::clone(&schema)).unwrap();
            let mut reader = Reader::new(Arc::clone(&schema));
            let (mut events, mut bad) = (0, Vec::new());
            for batch in data.events(&schema).unwrap() {
                let batch = batch.unwrap();
                for row in 0..batch.rows() {
                    match (expected.next_event().unwrap(), reader.read(&batch, row)) {
                        (Ok((_, said)), Ok(row)) => {
                            events += 1;
                            assert_eq!(
                                (row.event.identity(), row.event.fingerprint()),
                                (said.identity(), said.fingerprint()),
                                "{}",
                                said.id()
                            );
                            assert_eq!(
                                (row.event.received_us(), row.event.kind()),
                                (said.received_us(), said.kind())
                            );
                        }
                        (Err(_), Err(row)) => bad.push(row.to_string()),
                        (said, row) => panic!("{said:?} {row:?}"),
                    }
                }
            }
            assert!(expected.next_event().is_none());
            let wrong_extra = usize::from(!schema.fields().is_empty());
            assert_eq!(events + 1 + wrong_extra, lines.iter().filter(|&&byte| byte == b'\n').count());
            assert!(
                bad.iter()
                    .any(|told| told.contains(&format!("{name}: line ")) && told.contains("not an event")),
                "{bad:?}"
            );
        }
    }
    // Where no column tells of bad lines, they end the reading.
    let manifest = table("e.ndjson", "format = \"events\"")
        + "[[events]]\nselect = \"select id, kind, time_us, amount_minor from payments\"\n";
    let data = folder.open(&manifest).unwrap();
    let told = try_read(&data, &Arc::default()).unwrap_err().to_string();
    assert!(told.contains("e.ndjson: line ") && told.contains("not an event"), "{told}");
}

#[test]
fn extra_fields_are_read_by_their_declared_types() {
    let folder = Folder::new();
    folder.put("p.csv", "id,n,x,b,d\n1,5,1.25,true,2024-03-31\n2,,,,\n");
    let select = r#"[[events]]
select = """
select id, 7 as time_us, 1 as amount, n as x_text, id as x_identifier, n as x_integer, x as x_decimal, b as x_boolean,
    cast(x as decimal(9,2)) as x_money, d as x_time, n as x_duration_us, 3 as unknown from payments"""
"#;
    let data = folder.open(&(table("p.csv", "") + select)).unwrap();
    let found = try_read(&data, &extras()).unwrap();
    let expected = r#""extra":{"x_text":"5","x_identifier":"1","x_integer":5,"x_decimal":1.25,"x_boolean":true,"x_money":125,"x_time":1711818000000000,"x_duration":5}}"#;
    assert!(found.events[0].ends_with(expected), "{found:?}");
    assert!(found.events[1].ends_with(r#""extra":{"x_identifier":"2"}}"#), "{found:?}");
    let plain = read(&data);
    assert!(plain.events[0].ends_with("\"id\":\"1\"}"), "what no rule set declares is nothing");
}

#[test]
fn a_sum_over_manifest_and_files_tells_one_data_set_from_another() {
    let folder = Folder::new();
    let manifest = two_streams(&folder);
    let data = folder.open(&manifest).unwrap();
    let files = data.files().unwrap();
    let names: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    assert_eq!(names, [("l.csv", 54), ("p.csv", 35)]);
    let sum = data.sha256().unwrap();
    assert_eq!(sum, folder.open(&manifest).unwrap().sha256().unwrap());
    folder.put("p.csv", "id,t\np1,10\n");
    assert_ne!(sum, folder.open(&manifest).unwrap().sha256().unwrap());
    let elsewhere = Folder::new();
    two_streams(&elsewhere);
    elsewhere.put("o.toml", format!("{}{manifest}", datasets::HEAD));
    let moved = DataSet::open(&elsewhere.path("o.toml"), Some(&elsewhere.path("")), &settings()).unwrap();
    assert_eq!(moved.sha256().unwrap(), sum);
}

#[test]
fn who_stops_reading_ends_it() {
    let folder = Folder::new();
    let rows = shuffled(&folder, 50_000).replace("order = \"time\"", "");
    let line = |n: u32| format!("{{\"kind\":\"clock\",\"id\":\"{n}\",\"time_us\":{n}}}\n");
    folder.put("e.ndjson", (0..50_000).map(line).collect::<String>());
    let lines = table("e.ndjson", "format = \"events\"") + "[[events]]\nfrom = \"payments\"\n";
    let both = format!("{lines}[[events]]\nfrom = \"payments\"\n");
    for manifest in [rows, lines, both] {
        let data = folder.open_with(&manifest, &Settings { batch_rows: 100, ..settings() }).unwrap();
        for batches in [0, 1, 5] {
            let mut events = data.events(&Arc::default()).unwrap();
            let read = events.by_ref().take(batches).map(|batch| batch.unwrap().rows()).sum::<usize>();
            assert_eq!(read, batches * 100);
        }
    }
}

#[test]
fn the_committed_manifests_open() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    let mut manifests = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".toml") && !name.ends_with(".rules.toml") && !name.ends_with(".mapping.toml") {
            assert_eq!(format!("{}.toml", Manifest::read(&path).unwrap().name), name);
            manifests += 1;
        }
    }
    assert!(manifests >= 3);
    let generated = Folder::new();
    let mut generator = Generator::new(Stream { events: 2_000, accounts: 200, ..Stream::default() }).unwrap();
    let mut lines = Vec::new();
    while let Some(event) = generator.next() {
        write_event(event, &mut lines).unwrap();
    }
    generated.put("generated.ndjson", &lines);
    let data = DataSet::open(&folder.join("generated.toml"), Some(&generated.path("")), &settings()).unwrap();
    let found = read(&data);
    assert_eq!((found.events.len(), found.bad.len()), (2_000, 0));
    let said: Vec<String> = String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect();
    assert!(found.events == said, "as it was generated");
    assert!(!data.labels().unwrap().is_empty());
    let Some(handbook) = std::env::var_os("WEIR_HANDBOOK").map(PathBuf::from) else {
        eprintln!("SKIPPED: WEIR_HANDBOOK names no folder with the handbook's months");
        return;
    };
    let data = DataSet::open(&folder.join("handbook.toml"), Some(&handbook), &settings()).unwrap();
    let mapping = std::fs::read_to_string(folder.join("handbook.mapping.toml")).unwrap();
    let mapping = Format::Csv(Box::new(weir::io::Mapping::parse(&mapping).unwrap()));
    assert_eq!(FileFormat::of(Path::new("2018-04.csv.gz")), Some(FileFormat::Csv));
    let mut reader = Reader::new(Arc::default());
    let mut batches = data.events(&Arc::default()).unwrap();
    let (mut batch, mut row) = (batches.next().unwrap().unwrap(), 0);
    let mut frauds = 0;
    for month in ["2018-04.csv.gz", "2018-05.csv.gz"] {
        let mut expected = EventReader::open(&handbook.join(month), &mapping, Arc::default()).unwrap();
        while let Some(said) = expected.next_event() {
            let (_, said) = said.unwrap();
            if row == batch.rows() {
                (batch, row) = (batches.next().unwrap().unwrap(), 0);
            }
            let read = reader.read(&batch, row).unwrap();
            assert_eq!(
                (read.event.identity(), read.event.fingerprint()),
                (said.identity(), said.fingerprint())
            );
            assert_eq!(read.label_time_us, Some(said.time_us() + 6 * 86_400_000_000));
            assert_eq!(read.truth.label == Some(Label::Fraud), read.truth.kind.is_some());
            frauds += u64::from(read.truth.label == Some(Label::Fraud));
            row += 1;
        }
    }
    eprintln!("585,177 of the handbook's payments are those of its mapping, {frauds} of them fraud");
}
