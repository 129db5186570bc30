//! `weir state`: the files hold, key by key, what a scan of all events gives.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::FileReader;

const RULES: &str = r#"
[ruleset]
name = "state"
time_zone = "UTC"
currency = "VND"

[features]
count_1h = { count = "*", by = "account", over = "1h" }
sum_ever = { sum = "amount", by = "account", over = "forever" }
mean_1h  = { mean = "amount", by = "account", over = "1h" }
largest  = { max = "amount", by = "account", over = "1h" }
known    = { is_new = true, by = ["account", "device"], over = "forever" }
risk     = { ratio = "count_1h", to = "sum_ever" }
share    = { ratio = "amount", to = "sum_ever" }

[[rule]]
id = "all"
when = "count_1h > 1000 or sum_ever < 0 or mean_1h < 0 or largest < 0 or known or risk > 2 or share > 2"
then = "alert"
reason = "all"
"#;

/// Tenant, account, device, minutes after midnight, amount.
type Paid = (Option<&'static str>, String, &'static str, i64, i64);

/// Tenant and account.
type Account = (Option<String>, Option<String>);

fn paid() -> Vec<Paid> {
    let of = |n: i64| {
        let account = ["a", "abc", "seven77", "eight888", "a-quite-long-account"][n as usize % 5];
        let tenant = [None, Some("t"), None][n as usize % 3];
        (tenant, account.to_owned(), ["d", "e"][n as usize % 2], n, n * 7 + 1)
    };
    (0..200).map(of).collect()
}

fn line(n: usize, (tenant, account, device, minute, amount): &Paid) -> String {
    let tenant = tenant.map_or(String::new(), |tenant| format!(r#""tenant":"{tenant}","#));
    // 2026-01-01T00:00:00Z.
    let time_us = 1_767_225_600_000_000 + minute * 60_000_000;
    format!(
        r#"{{"id":"e{n}","kind":"transaction",{tenant}"time_us":{time_us},"account":"{account}","device":"{device}","amount_minor":{amount},"currency":"VND"}}{}"#,
        "\n"
    )
}

fn weir(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir")).args(args).output().unwrap()
}

fn table(path: &Path) -> RecordBatch {
    FileReader::try_new(fs::File::open(path).unwrap(), None).unwrap().next().unwrap().unwrap()
}

fn texts(table: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = table.column_by_name(name).unwrap_or_else(|| panic!("no {name}: {:?}", table.schema()));
    column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn every_key_has_the_values_that_a_scan_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("rules.toml"), RULES).unwrap();
    let paid = paid();
    let lines: String = paid.iter().enumerate().map(|(n, paid)| line(n, paid)).collect();
    fs::write(path("events.ndjson"), lines).unwrap();
    let (rules, events) = (path("rules.toml"), path("events.ndjson"));
    for (out, at, now) in [
        ("last", None, 199),
        ("then", Some("2026-01-01T02:30:00Z"), 150),
        ("later", Some("2026-01-02T00:00:00Z"), 24 * 60),
    ] {
        let out = path(out);
        let mut args = vec!["state", "--rules", &rules, "--input", &events, "--out", &out];
        args.extend(at.iter().flat_map(|at| ["--at", at]));
        let done = weir(&args);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let mut ever: BTreeMap<Account, Vec<(i64, i64)>> = BTreeMap::new();
        for (tenant, account, _, minute, amount) in paid.iter().filter(|paid| paid.3 <= now) {
            let key = (tenant.map(str::to_owned), Some(account.clone()));
            ever.entry(key).or_default().push((*minute, *amount));
        }
        let accounts = table(&Path::new(&out).join("account.arrow"));
        let keys: Vec<_> = texts(&accounts, "tenant").into_iter().zip(texts(&accounts, "account")).collect();
        assert_eq!(keys, ever.keys().cloned().collect::<Vec<_>>());
        let longs = |name: &str| accounts.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone();
        let (counts, sums, largest) = (longs("count_1h"), longs("sum_ever"), longs("largest"));
        let means = accounts.column_by_name("mean_1h").unwrap().as_primitive::<Float64Type>().clone();
        for (row, all) in ever.values().enumerate() {
            let recent: Vec<i64> =
                all.iter().filter(|(minute, _)| *minute > now - 60).map(|(_, amount)| *amount).collect();
            assert_eq!(counts.value(row), recent.len() as i64);
            assert_eq!(sums.value(row), all.iter().map(|(_, amount)| amount).sum::<i64>());
            assert_eq!(largest.is_valid(row).then(|| largest.value(row)), recent.iter().max().copied());
            let mean = recent.iter().sum::<i64>() as f64 / recent.len() as f64;
            assert_eq!(means.is_valid(row).then(|| means.value(row)), (!recent.is_empty()).then_some(mean));
        }
        let qualities = texts(&accounts, "count_1h.quality");
        assert!(qualities.iter().all(|quality| quality.as_deref() == Some("exact")), "{qualities:?}");
        let risks = accounts.column_by_name("risk").unwrap().as_primitive::<Float64Type>().clone();
        for row in 0..risks.len() {
            assert_eq!(risks.value(row), counts.value(row) as f64 / sums.value(row) as f64);
        }
        assert!(accounts.column_by_name("share").is_none(), "a ratio of a field is of an event");
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(told.contains("left out, since only an event has it: share"), "{told}");
        let devices = table(&Path::new(&out).join("account-device.arrow"));
        let known = devices.column_by_name("known").unwrap().as_boolean().clone();
        assert!(known.len() > accounts.num_rows() && known.iter().all(|known| known == Some(false)));
    }
}

#[test]
fn a_snapshot_gives_the_files_that_its_events_give() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("rules.toml"), RULES).unwrap();
    let lines: String = paid().iter().enumerate().map(|(n, paid)| line(n, paid)).collect();
    fs::write(path("events.ndjson"), lines).unwrap();
    fs::write(path("limits.toml"), "log_chunk_rows = 8\nlog_bytes_max = 0\nexpiries_a_step_max = 3\n")
        .unwrap();
    let run = |line: &str| {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let done =
            Command::new(env!("CARGO_BIN_EXE_weir")).args(args).current_dir(folder.path()).output().unwrap();
        (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (done, told) = run(
        "score --rules rules.toml --input events.ndjson --output out.ndjson --limits limits.toml --spill spilled --snapshot state.snapshot --snapshot-every 50",
    );
    assert!(done && told.contains(" written, ") && told.contains("the longest pause"), "{told}");
    for line in [
        "state --rules rules.toml --input events.ndjson --at 2026-01-01T04:00:00Z --out events",
        "state --rules rules.toml --restore state.snapshot --spill spilled --at 2026-01-01T04:00:00Z --out restored",
    ] {
        let (done, told) = run(line);
        assert!(done, "{told}");
    }
    for name in ["account.arrow", "account-device.arrow"] {
        let [events, restored] = ["events", "restored"].map(|out| table(&folder.path().join(out).join(name)));
        assert_eq!(events, restored);
        assert!(events.num_rows() >= 5);
    }
    assert_eq!(fs::read_dir(folder.path().join("spilled")).unwrap().count(), 0);
    let (done, told) =
        run("state --rules rules.toml --restore state.snapshot --at 2026-01-01T01:00:00Z --out early");
    assert!(!done && told.contains("windows don't move back"), "{told}");
}

/// A folder with the rules and these events, where `weir` is run; whether it went well, and what it said.
fn told(folder: &Path, args: &str) -> (bool, String) {
    let args = args.split_whitespace();
    let done = Command::new(env!("CARGO_BIN_EXE_weir")).args(args).current_dir(folder).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn windows_move_up_to_the_moment_however_much_is_due_at_one_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("rules.toml"), RULES).unwrap();
    let at_once = |n: usize| line(n, &(None, "a".to_owned(), "d", 0, n as i64));
    fs::write(folder.join("events.ndjson"), (0..50).map(at_once).collect::<String>()).unwrap();
    fs::write(folder.join("limits.toml"), "expiries_a_step_max = 3\n").unwrap();
    let state = "state --rules rules.toml --input events.ndjson --at 2026-01-01T02:00:00Z --out";
    for args in [format!("{state} free"), format!("{state} slow --limits limits.toml")] {
        let (done, said) = told(folder, &args);
        assert!(done && said.contains("50 allow") && said.contains(": 1 key, "), "{said}");
    }
    let [free, slow] = ["free", "slow"].map(|out| table(&folder.join(out).join("account.arrow")));
    assert_eq!(free, slow);
}

#[test]
fn what_is_refused_is_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("rules.toml"), RULES).unwrap();
    let paid = paid();
    let lines = paid.iter().take(10).enumerate().map(|(n, paid)| line(n, paid));
    let lines: String = lines.collect::<String>().replacen("VND", "USD", 3);
    fs::write(folder.join("events.ndjson"), lines).unwrap();
    let (done, said) = told(folder, "state --rules rules.toml --input events.ndjson --out state");
    assert!(done && said.contains("; 3 refused (currency)"), "{said}");
    fs::write(folder.join("limits.toml"), "log_bytes_max = 0\n").unwrap();
    let args = "state --rules rules.toml --input events.ndjson --out state --limits limits.toml";
    let (done, said) = told(folder, args);
    assert!(!done && said.contains("give --spill too"), "{said}");
}
