//! Closed segments as Parquet: every record once with its exact bytes, whatever else is told; and DuckDB reads them as they are.
//!
//! DuckDB runs where a Python with the package is: the one that `WEIR_PYTHON` names, or `python3`. It says so where not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and documents nothing"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/disk.rs"]
mod disk;
#[path = "support/python.rs"]
mod python;
#[path = "support/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use commands::{Done, Folder, payment};
use disk::{Faults, SimDisk};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use python::python;
use recorded::{bundle, line, options, setup};
use serde_json::Value;
use weir::hex::hex;
use weir::io::{Disk, LineReader, RealDisk};
use weir::journal::{
    AnswerForm, Columns, EventForm, Journal, OnDamage, Options, Reader, Record, Recorded, Standing, Written,
    columns,
};

type Row = BTreeMap<String, Value>;

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Long(whole) => (*whole).into(),
        Field::Str(text) => text.as_str().into(),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        other => panic!("{other:?} is in no column"),
    }
}

/// All rows of a file, and how many row groups it has.
fn rows(path: &Path) -> (Vec<Row>, usize) {
    let file = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let row = |row: parquet::record::Row| {
        row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
    };
    (file.get_row_iter(None).unwrap().map(|found| row(found.unwrap())).collect(), file.num_row_groups())
}

fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// What the row of a record must be, said once more and slowly.
fn expected(entry: &weir::journal::Entry<'_>) -> Row {
    let mut row = Row::new();
    let mut put = |name: &str, value: Value| row.insert(name.to_owned(), value);
    let (kind, form, event, bytes) = match entry.record().unwrap() {
        Record::Event { bytes, .. } => ("event", "json".to_owned(), Value::Null, bytes),
        Record::Answer { form, event, bytes } => {
            ("answer", format!("{form:?}").to_lowercase(), event.into(), bytes)
        }
        Record::Control(bytes) => ("control", "json".to_owned(), Value::Null, bytes),
        Record::Head(bytes) => ("head", "hex".to_owned(), Value::Null, bytes),
    };
    let text = String::from_utf8(bytes.to_vec()).ok().filter(|_| kind != "head");
    put("number", entry.number.into());
    put("kind", kind.into());
    put("form", text.as_ref().map_or("hex".to_owned(), |_| form).into());
    put("event", event);
    put("chain", hex(entry.chain).into());
    let said: Value = serde_json::from_slice(bytes).unwrap_or_default();
    put("bytes", text.unwrap_or_else(|| hex(bytes)).into());
    let is = |name: &str, ok: fn(&Value) -> bool| said.get(name).filter(|found| ok(found)).cloned();
    for name in "id tenant control account currency payee device customer portal provider payment_kind \
                 outcome refused rule_set engine"
        .split_whitespace()
    {
        put(name, is(name, Value::is_string).unwrap_or_default());
    }
    put("event_kind", is("kind", Value::is_string).unwrap_or_default());
    for name in ["amount_minor", "score"] {
        put(name, is(name, Value::is_i64).unwrap_or_default());
    }
    let at_us = if kind == "head" { Some(1.into()) } else { None };
    let at_us = at_us.or(is("time_us", Value::is_i64)).or(is("at_us", Value::is_i64));
    put("at_us", at_us.unwrap_or_default());
    let ids = |rules: Value| rules.as_array().unwrap().iter().map(|rule| rule["id"].clone()).collect();
    put("rules", is("rules", Value::is_array).map_or(Value::Null, ids));
    row
}

/// Every record of a folder as the row that it must be.
fn journaled(folder: &Path) -> Vec<Row> {
    let (mut reader, mut rows) = (Reader::open(real(), folder).unwrap(), Vec::new());
    while let Some(entry) = reader.next_entry().unwrap() {
        rows.push(expected(&entry));
    }
    rows
}

fn standings(folder: &Path) -> Vec<Columns> {
    columns(&real(), folder, &folder.join("columns")).unwrap()
}

fn write(folder: &Path, segment: &Columns, on_damage: OnDamage) -> Option<Written> {
    segment.write(&real(), folder, &folder.join("columns"), on_damage, || {}).unwrap()
}

const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "UTC"
currency = "VND"

[features]
count = { count = "*", by = "account", over = "1m" }

[[rule]]
id = "often"
when = "count > 2"
then = "block"
score = 7
reason = "often"

[[rule]]
id = "large"
when = "amount > 30"
then = "alert"
score = -2
reason = "large"
"#;

/// A journal of an engine, with events of several kinds, repeats and refusals, in many segments.
fn scored(folder: &Path, events: usize) {
    let rules = bundle(RULES);
    let options = Options { segment_bytes: 20_000, ..options() };
    let (mut recorded, _) =
        Recorded::open(real(), folder, options, OnDamage::Refuse, setup(&rules, &[], None), |_| {}).unwrap();
    let mut lines = LineReader::new(rules.load().unwrap().rules.schema);
    for n in 0..events {
        let (id, time_us) = (if n % 11 == 10 { n - 3 } else { n }, n as i64 * 7_000_000);
        let text = match n % 17 {
            3 => format!(
                r#"{{"kind":"login","id":"l{n}","time_us":{time_us},"result":"succeeded","account":"a1","tenant":"bank"}}"#
            ),
            5 => format!(
                r#"{{"kind":"control","id":"c{n}","time_us":{time_us},"control":"rule_set","subject":"none"}}"#
            ),
            _ => format!(
                r#"{{"kind":"transaction","id":"Đ{id}","time_us":{},"amount_minor":{},"currency":"VND","account":"a{}","device":"d{}","payee":"p \"q\"","customer":"k","portal":"app","provider":"x","payment_kind":"transfer"}}"#,
                id as i64 * 7_000_000,
                id % 50,
                id % 3,
                id % 5
            ),
        };
        let event = lines.read(text.as_bytes()).unwrap().clone();
        recorded.step(&event, &line(&event)).unwrap();
    }
    recorded.close().unwrap();
}

#[test]
fn every_record_is_there_once_with_its_exact_bytes() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path();
    scored(folder, 400);
    let segments = standings(folder);
    assert!(segments.len() > 5 && segments.iter().all(|segment| segment.standing == Standing::Due));
    let (mut found, mut sum) = (Vec::new(), Written::default());
    for segment in &segments {
        let written = write(folder, segment, OnDamage::Refuse).unwrap();
        let path = folder.join("columns").join(segment.name());
        let (rows, _) = rows(&path);
        assert_eq!(written.rows, rows.len() as u64);
        assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
        assert_eq!(written.segment_bytes, std::fs::metadata(folder.join(segment.segment())).unwrap().len());
        sum.events += written.events;
        found.extend(rows);
    }
    let journaled = journaled(folder);
    assert_eq!(found.len(), journaled.len());
    for (found, expected) in found.iter().zip(&journaled) {
        assert_eq!(found, expected);
    }
    assert_eq!(sum.events, 400);
    let forms = found.iter().filter_map(|row| row["form"].as_str());
    let counted = forms.fold(BTreeMap::new(), |mut counts, form| {
        *counts.entry(form).or_insert(0) += 1;
        counts
    });
    for form in ["json", "hex", "decided", "repeated", "refused"] {
        assert!(counted.contains_key(form), "{counted:?}");
    }
    assert!(found.iter().any(|row| row["rules"].as_array().is_some_and(|rules| rules.len() == 2)));
    assert!(found.iter().any(|row| row["rules"].as_array().is_some_and(Vec::is_empty)));
    assert!(standings(folder).iter().all(|segment| segment.standing == Standing::There));
}

/// A journal with these events, each with an answer, in one segment.
fn plain(disk: &Arc<dyn Disk>, folder: &Path, events: &[impl AsRef<[u8]>]) -> Journal {
    let (mut journal, _) = Journal::open(Arc::clone(disk), folder, options(), OnDamage::Refuse).unwrap();
    for bytes in events.iter().map(AsRef::as_ref) {
        let event = journal.append(Record::Event { form: EventForm::Json, bytes }).unwrap();
        let answer = Record::Answer { form: AnswerForm::Declared, event, bytes: b"{}" };
        journal.append(answer).unwrap();
    }
    journal.submit().unwrap();
    journal.sync(journal.next_number() - 1).unwrap();
    journal
}

#[test]
fn what_is_no_json_is_kept_and_many_rows_are_several_groups() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path();
    let large = format!(r#"{{"id":"{}"}}"#, "x".repeat(4 << 20 >> 1)).into_bytes();
    let strange: [&[u8]; 8] = [
        b"\xff\x00no text",
        b"no json",
        b"[1, 2]",
        br#"{"id":5,"amount_minor":"5","time_us":1.5,"rules":"r","score":99999999999999999999,"tenant":null}"#,
        br#"{"rules":[{"id":"a"},{"id":5},7,{"id":"b"}],"outcome":["x"],"account":{"id":"b"}}"#,
        br#"{"id":"twice","id":"twice"}"#,
        "{\"id\":\"\u{0}é\"}".as_bytes(),
        &large,
    ];
    let mut events = vec![&b"{}"[..]; 33_000];
    events.extend(strange);
    events.extend([&large[..]; 16]);
    plain(&real(), folder, &events).close().unwrap();
    let [segment] = standings(folder)[..] else { panic!("it is one segment") };
    let written = write(folder, &segment, OnDamage::Refuse).unwrap();
    let (found, groups) = rows(&folder.join("columns").join(segment.name()));
    assert!(groups >= 3, "{groups} row groups: one by its rows, and others by their bytes");
    assert_eq!((written.rows, written.events), (found.len() as u64, events.len() as u64));
    let bytes = found.iter().filter(|row| row["kind"] == "event").map(|row| {
        assert_eq!(row["form"], if row["bytes"] == hex(strange[0]) { "hex" } else { "json" });
        row["bytes"].as_str().unwrap()
    });
    let text = |event: &&[u8]| String::from_utf8(event.to_vec()).unwrap_or_else(|_| hex(event));
    assert!(bytes.eq(events.iter().map(text)));
    let of =
        |start: &str| found.iter().find(|row| row["bytes"].as_str().unwrap().starts_with(start)).unwrap();
    for name in ["id", "amount_minor", "at_us", "rules", "score", "tenant"] {
        assert_eq!(of(r#"{"id":5"#)[name], Value::Null, "{name}");
    }
    let of = of(r#"{"rules""#);
    assert_eq!(of["rules"], serde_json::json!(["a", "b"]));
    assert_eq!((&of["outcome"], &of["account"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_segment_is_closed_once_its_journal_is_or_another_one_is_begun() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path();
    let journal = plain(&real(), folder, &[b"{}"; 5]);
    let standing =
        |folder: &Path| standings(folder).iter().map(|segment| segment.standing).collect::<Vec<_>>();
    assert_eq!(standing(folder), [Standing::Open]);
    // As a crash leaves it.
    drop(journal);
    assert_eq!(standing(folder), [Standing::Open]);
    let journal = plain(&real(), folder, &[b"{}"; 5]);
    assert_eq!(standing(folder), [Standing::Due, Standing::Open]);
    journal.close().unwrap();
    assert_eq!(standing(folder), [Standing::Due, Standing::Due]);
    let segments = standings(folder);
    let last = folder.join(segments[1].segment());
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(standing(folder), [Standing::Due, Standing::Open], "its end is torn");
    assert_eq!(write(folder, &segments[1], OnDamage::Refuse), None);
    assert!(write(folder, &segments[0], OnDamage::Refuse).is_some());
    assert_eq!(standing(folder), [Standing::There, Standing::Open]);
    let names = RealDisk.list(&folder.join("columns")).unwrap();
    assert_eq!(names, [segments[0].name(), "lock".to_owned()]);
    // What a run left that was killed is written anew.
    std::fs::rename(
        folder.join("columns").join(&names[0]),
        folder.join("columns").join(format!("{}.partial", names[0])),
    )
    .unwrap();
    write(folder, &segments[0], OnDamage::Refuse).unwrap();
    assert_eq!(RealDisk.list(&folder.join("columns")).unwrap(), names);
}

#[test]
fn damage_is_told_and_what_is_whole_is_written_where_that_is_asked() {
    let within = tempfile::tempdir().unwrap();
    let folder = within.path();
    scored(folder, 400);
    let all = journaled(folder);
    let segments = standings(folder);
    let (whole, damaged) = (&segments[1], &segments[2]);
    let path = folder.join(damaged.segment());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let out = folder.join("columns");
    let error = damaged.write(&real(), folder, &out, OnDamage::Refuse, || {}).unwrap_err().to_string();
    assert!(error.contains(&damaged.segment()) && error.contains("is missing"), "{error}");
    assert_eq!(RealDisk.list(&out).unwrap(), ["lock"]);
    assert_eq!(write(folder, whole, OnDamage::Refuse).unwrap().damage, []);
    let written = write(folder, damaged, OnDamage::GoOn).unwrap();
    let [damage] = &written.damage[..] else { panic!("{:?}", written.damage) };
    assert_eq!(damage.missing, 1);
    let within = |row: &&Row| (damaged.first..segments[3].first).contains(&row["number"].as_u64().unwrap());
    let expected: Vec<_> = all.iter().filter(within).filter(|row| row["number"] != damage.number).collect();
    assert!(rows(&out.join(damaged.name())).0.iter().eq(expected));
    // A segment whose end was cut off between two records: the next one tells.
    std::fs::remove_file(out.join(whole.name())).unwrap();
    let path = folder.join(whole.segment());
    let bytes = std::fs::read(&path).unwrap();
    // Its last record is a head, of 60 bytes and 120.
    std::fs::write(&path, &bytes[..bytes.len() - 180]).unwrap();
    let error = whole.write(&real(), folder, &out, OnDamage::Refuse, || {}).unwrap_err().to_string();
    assert!(error.contains(&format!("record {} is missing", damaged.first - 1)), "{error}");
}

#[test]
fn on_a_failing_disk_a_file_is_whole_or_not_there() {
    let (mut refused, mut written) = (0, 0);
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let shared = disk.shared();
        let folder = Path::new("/j");
        plain(&shared, folder, &[br#"{"id":"x","account":"a"}"#; 40]).close().unwrap();
        let out = folder.join("columns");
        let [segment] = columns(&shared, folder, &out).unwrap()[..] else { panic!("it is one segment") };
        let often = |of: u64, most: u32| if seed % of == 0 { most } else { 0 };
        let (write, sync, rename, flip) = (often(2, 100), often(3, 300), often(5, 300), often(7, 100));
        disk.set(Faults { write, sync, rename, flip, folder: often(4, 200), ..Faults::default() });
        let result = segment.write(&shared, folder, &out, OnDamage::Refuse, || {});
        disk.set(Faults::default());
        if seed % 2 == 0 {
            disk.crash();
        } else {
            disk.kill();
        }
        let named = shared.length(&out.join(segment.name())).is_ok();
        match result {
            Ok(Some(_)) => {
                written += 1;
                assert!(named, "seed {seed}: it was said to be there");
            }
            // A bit that flips in its last record is seen as a torn tail.
            Ok(None) => assert!(seed % 7 == 0 && !named, "seed {seed}: it is closed"),
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
        if named {
            let mut bytes = Vec::new();
            shared.read(&out.join(segment.name())).unwrap().read_to_end(&mut bytes).unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let (found, _) = rows(file.path());
            assert_eq!(found.iter().filter(|row| row["kind"] == "event").count(), 40, "seed {seed}");
        } else {
            let [again] = columns(&shared, folder, &out).unwrap()[..] else { panic!("it is one segment") };
            assert!(again.write(&shared, folder, &out, OnDamage::Refuse, || {}).unwrap().is_some());
        }
    }
    assert!(refused > 50 && written > 50, "{refused} refused, {written} written");
}

#[test]
fn what_is_not_read_back_as_it_was_written_gets_no_name() {
    let disk = SimDisk::new(1);
    let shared = disk.shared();
    let folder = Path::new("/j");
    plain(&shared, folder, &[br#"{"id":"x"}"#; 30]).close().unwrap();
    let out = folder.join("columns");
    let [segment] = columns(&shared, folder, &out).unwrap()[..] else { panic!("it is one segment") };
    let mut unlike = 0;
    for _ in 0..100 {
        disk.set(Faults { flip: 300, ..Faults::default() });
        let result = segment.write(&shared, folder, &out, OnDamage::Refuse, || {});
        disk.set(Faults::default());
        match result {
            Ok(Some(_)) => shared.remove(&out.join(segment.name())).unwrap(),
            // A bit that flips in its last record is seen as a torn tail.
            Ok(None) => assert!(shared.length(&out.join(segment.name())).is_err()),
            Err(error) => {
                assert!(shared.length(&out.join(segment.name())).is_err());
                unlike += usize::from(error.to_string().contains("its bytes are others"));
            }
        }
    }
    assert!(unlike > 0, "no flipped bit met what is read back");
}

fn good(folder: &Folder, line: &str) -> Done {
    let done = folder.run(line);
    assert_eq!(done.code, Some(0), "`{line}`: {}", done.err);
    done
}

/// Payments of which some are large, and some come again.
fn payments(from: usize, count: usize) -> String {
    let minor = |n: usize| if n.is_multiple_of(7) { 2_000_000 } else { 500_000 + n as i64 };
    (from..from + count)
        .map(|n| payment(&format!("t{}", n - n % 13 / 12), n as i64 * 600_000_000, minor(n)))
        .collect()
}

#[test]
fn the_command_writes_what_is_not_there_and_says_what_it_leaves_out() {
    let folder = Folder::new();
    let none = folder.run("journal columns j");
    assert_eq!(none.code, Some(3), "{none:?}");
    folder.put("events.ndjson", payments(0, 200));
    good(&folder, "score --rules rules.toml --input events.ndjson --journal j --output d.ndjson");
    let done = good(&folder, "journal columns j --as mai --for report");
    for part in [
        "j/columns/00000000000000000001.parquet: ",
        "rows, 200 events, ",
        "1 files with ",
        " rows written, 0 were there",
        "bytes an event: ",
    ] {
        assert!(done.out.contains(part), "{part} is not in {}", done.out);
    }
    let asked = std::fs::read_dir(folder.path("j/asked")).unwrap().map(|entry| entry.unwrap().path());
    let asked = std::fs::read_to_string(asked.into_iter().next().unwrap()).unwrap();
    assert!(asked.contains(r#""who":"mai","what":"journal columns, to j/columns, for: report""#), "{asked}");
    // Nothing is due, so nobody asked for anything.
    assert_eq!(good(&folder, "journal columns j").out, "0 files with 0 rows written, 1 were there\n");
    let elsewhere = good(&folder, "journal columns j --out elsewhere").out;
    assert!(elsewhere.contains("1 files with ") && folder.path("elsewhere").is_dir(), "{elsewhere}");

    let mut command = folder.command("score --rules rules.toml --journal j --line-buffered");
    let mut writer =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut events = writer.stdin.take().unwrap();
    events.write_all(payments(300, 1).as_bytes()).unwrap();
    let mut answers = BufReader::new(writer.stdout.take().unwrap()).lines();
    answers.next().unwrap().unwrap();
    let beside = good(&folder, "journal columns j");
    assert!(
        beside.out.contains(&format!("{}: left out, still written", last_segment(&folder))),
        "{}",
        beside.out
    );
    drop(events);
    assert!(writer.wait().unwrap().success());
    good(&folder, "audit verify --journal j");

    let path = "j/00000000000000000001.journal";
    let mut bytes = folder.read(path);
    bytes[9_000] ^= 4;
    folder.put(path, bytes);
    let told = folder.run("journal columns j --out third");
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("00000000000000000001.journal: left out, DAMAGED: "), "{}", told.out);
    assert!(
        told.out.contains("; restore it from a copy, or `--on-damage go-on` here writes"),
        "{}",
        told.out
    );
    assert!(!told.out.contains("weir score"), "that changes nothing here: {}", told.out);
    let told = folder.run("journal columns j --out third --on-damage go-on");
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains("third/00000000000000000001.parquet: "), "{}", told.out);
}

fn last_segment(folder: &Folder) -> String {
    let names = RealDisk.list(&folder.path("j")).unwrap();
    names.into_iter().rfind(|name| name.ends_with(".journal")).unwrap()
}

/// Runs a query in DuckDB, in a folder; its rows as JSON.
fn duckdb(python: &str, folder: &Folder, sql: &str) -> Vec<Vec<Value>> {
    let script = "import duckdb, json, sys\n\
                  for row in duckdb.sql(sys.argv[1]).fetchall(): print(json.dumps([str(v) if type(v).__name__ == 'Decimal' else v for v in row]))";
    let done = Command::new(python).args(["-c", script, sql]).current_dir(folder.path("")).output().unwrap();
    assert!(done.status.success(), "{sql}\n{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The SQL blocks of a document.
fn queries(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    text.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_guides_queries_say_in_duckdb_what_was_answered() {
    let Some(python) = python("duckdb") else { return };
    let folder = Folder::new();
    folder.put("events.ndjson", payments(0, 300));
    good(
        &folder,
        "score --rules rules.toml --input events.ndjson --journal journal --tokens off --output d.ndjson",
    );
    good(&folder, "journal columns journal");
    let (mut outcomes, mut fired) = (BTreeMap::<String, (u64, i64)>::new(), BTreeMap::<String, u64>::new());
    let mut seen = std::collections::BTreeSet::new();
    let events = String::from_utf8(folder.read("events.ndjson")).unwrap();
    let answers = String::from_utf8(folder.read("d.ndjson")).unwrap();
    for (event, answer) in events.lines().zip(answers.lines()) {
        let [event, answer]: [Value; 2] = [event, answer].map(|line| serde_json::from_str(line).unwrap());
        // Only a first answer is a decision; a repeated id is answered again or refused.
        if !seen.insert(event["id"].to_string()) {
            continue;
        }
        let counts = outcomes.entry(answer["outcome"].as_str().unwrap().to_owned()).or_default();
        *counts = (counts.0 + 1, counts.1 + event["amount_minor"].as_i64().unwrap());
        for rule in answer["rules"].as_array().unwrap() {
            *fired.entry(rule["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(outcomes.len() > 1 && fired.len() > 1, "{outcomes:?} {fired:?}");
    let [by_outcome, by_rule] = &queries("docs/journal.md")[..] else { panic!("the guide has two queries") };
    let expected: Vec<Vec<Value>> = outcomes
        .into_iter()
        .map(|(outcome, (count, minor))| vec![outcome.into(), count.into(), minor.into()])
        .collect();
    assert_eq!(duckdb(&python, &folder, by_outcome), expected);
    let rows = duckdb(&python, &folder, by_rule);
    let found: BTreeMap<String, u64> =
        rows.iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_u64().unwrap())).collect();
    assert_eq!(found, fired);
    let lines = "select bytes from 'journal/columns/*.parquet' where kind = 'event' order by number";
    let lines = duckdb(&python, &folder, lines);
    assert!(lines.iter().map(|row| row[0].as_str().unwrap()).eq(events.lines()), "the exact bytes");
}
