//! A backtest decides as the sidecar did: the same stream through both, equal bit for bit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and has a clock and threads"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "backtest/control.rs"]
mod control;
#[path = "support/decisions.rs"]
mod decisions;
#[path = "backtest/left.rs"]
mod left;
#[path = "backtest/reasons.rs"]
mod reasons;
#[path = "support/sidecar.rs"]
mod sidecar;
#[path = "support/stream.rs"]
mod stream;

use std::collections::BTreeMap;
use std::time::Duration;

use commands::Folder;
use decisions::Decisions;
use serde_json::Value;
use sidecar::{Sidecar, here};
use stream::MANIFEST;
use weir::client::{Client, ClientSettings};
use weir::server::Settings;

const EVENTS: usize = 6_000;

const RULES: &str = r#"
[ruleset]
name = "both"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[params]
big = { value = 8_000_000, unit = "VND", min = 1_000_000, max = 50_000_000 }
[features]
spent_24h    = { sum = "amount", by = "account", over = "24h" }
usual        = { mean = "amount", by = "account", over = "30d", current = false }
odd          = { z_score = "amount", by = "account", over = "30d" }
new_device   = { is_new = true, by = ["account", "device"] }
payers_24h   = { distinct = "account", by = "payee", over = "24h" }
allowed_day  = { sum = "amount", by = "account", over = "day", counts = "allowed" }
frauds_30d   = { count = "*", by = "payee", over = "30d", label = "fraud" }
last_change  = { since = "last", from = "change", by = "customer" }
[policy]
step_up_at = 40
block_at = 80
[[rule]]
id = "new_and_big"
when = "new_device and amount > big"
score = 45
[[rule]]
id = "spending"
when = "spent_24h > 20_000_000 or allowed_day > 15_000_000"
score = 30
[[rule]]
id = "collecting"
when = "payers_24h > 4"
score = 30
[[rule]]
id = "known"
when = "frauds_30d > 0"
then = "block"
[[rule]]
id = "unusual"
when = "amount > 6 * usual or odd > 4"
then = "alert"
[[rule]]
id = "changed"
when = "last_change < interval '2 hours'"
score = 20
"#;

/// A folder with a stream, rules, and a manifest.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    folder.put("stream.toml", MANIFEST);
    let generated = folder.run(&format!(
        "generate --seed 4 --events {EVENTS} --accounts 300 --days 40 --takeover 0.02 --mule 0.02 --card-testing 0.01 --authentications 0.1 --reversals 0.03 --late 0.03 --duplicates 0.02 --output stream.ndjson"
    ));
    assert_eq!(generated.code, Some(0), "{}", generated.err);
    folder
}

/// What was answered to each payment first, by its id: the line as it came.
fn served(folder: &Folder, stop: tempfile::TempDir) -> (BTreeMap<String, Value>, tempfile::TempDir) {
    let sidecar = Sidecar::over(RULES, Settings { listen: here(), ..Settings::default() }, stop).unwrap();
    let settings = ClientSettings { deadline: Duration::from_secs(120), ..ClientSettings::default() };
    let client = Client::new(&format!("http://{}", sidecar.tcp()), settings).unwrap();
    let stream = String::from_utf8(folder.read("stream.ndjson")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut decided = BTreeMap::new();
    for line in stream.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        match event["kind"].as_str().unwrap() {
            "transaction" => {
                let decision = runtime.block_on(client.decide(line)).unwrap();
                let said: Value = serde_json::from_slice(&decision.line).unwrap();
                decided.entry(decision.id).or_insert(said);
            }
            // One about a payment that was not stepped up is refused, as it is in a backtest.
            "authentication" => {
                let payment = event["transaction"].as_str().unwrap();
                drop(runtime.block_on(client.authenticate(payment, line)));
            }
            _ => drop(runtime.block_on(client.event(line))),
        }
    }
    (decided, sidecar.stopped())
}

fn backtest(folder: &Folder, data: &str, out: &str, more: &str) -> Decisions {
    let line =
        format!("backtest --rules rules.toml --data {data} --out {out} --warm 0s --replicates 0 {more}");
    let done = folder.run(&line);
    assert_eq!(done.code, Some(0), "{}", done.err);
    Decisions::read(&folder.path(out).join("decisions.parquet"))
}

#[test]
fn the_same_stream_through_the_sidecar_and_through_a_backtest_is_decided_alike() {
    let folder = folder();
    let (served, journal) = served(&folder, tempfile::tempdir().unwrap());
    let tried = backtest(&folder, "stream.toml", "tried", "--features");
    assert!(served.len() > EVENTS / 2, "{} payments were served", served.len());
    assert_eq!(served.len(), tried.len());
    let mut fired = 0;
    for (id, said) in &served {
        let row = tried.row(id);
        assert_eq!(said["outcome"], row["outcome"], "{id}");
        assert_eq!(said["score"], row["score"], "{id}");
        let rules: Vec<&Value> = said["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
        assert_eq!(rules, row["rules"].as_array().unwrap().iter().collect::<Vec<_>>(), "{id}");
        fired += rules.len();
        for (name, value) in decisions::features(said) {
            assert_eq!(value, row[&name], "{name} of {id}");
        }
    }
    assert!(fired > 200, "{fired} rules fired: the stream is too tame");

    // The journal that the sidecar wrote is a data set too, and gives the same once more.
    let journal = journal.path().join("journal");
    folder.put(
        "journal.toml",
        MANIFEST
            .replace("\"stream.ndjson\"", &format!("\"{}\"", journal.display()))
            .replace("\"events\"", "\"journal\""),
    );
    let again = backtest(&folder, "journal.toml", "again", "--features");
    for (id, said) in &served {
        assert_eq!(said["outcome"], again.row(id)["outcome"], "{id} from the journal");
    }
}

#[test]
fn every_feature_is_that_of_a_scored_stream_bit_for_bit() {
    let folder = folder();
    let scored =
        folder.run("score --rules rules.toml --input stream.ndjson --output decisions.ndjson --features");
    assert_eq!(scored.code, Some(0), "{}", scored.err);
    let tried = backtest(&folder, "stream.toml", "tried", "--features");
    let (mut compared, mut seen) = (0, std::collections::BTreeSet::new());
    for line in String::from_utf8(folder.read("decisions.ndjson")).unwrap().lines() {
        let said: Value = serde_json::from_str(line).unwrap();
        if said["features"].is_null() || said["kind"] == "authentication" {
            continue;
        }
        let id = said["id"].as_str().unwrap().to_owned();
        // What an authentication or a repeat of it is answered comes later.
        let Some(row) = tried.find(&id).filter(|_| seen.insert(id)) else { continue };
        for (name, value) in decisions::features(&said) {
            assert_eq!(value, row[&name], "{name} of {}", said["id"]);
            compared += 1;
        }
    }
    assert!(compared > 8 * EVENTS / 2, "{compared} values were compared");
}

#[test]
fn one_thread_and_eight_give_the_same_files() {
    let folder = folder();
    let one = backtest(&folder, "stream.toml", "tried", "--threads 1");
    let report = folder.read("tried/report.json");
    std::fs::remove_dir_all(folder.path("tried")).unwrap();
    let eight = backtest(&folder, "stream.toml", "tried", "--threads 8");
    assert_eq!(one, eight);
    let said = |bytes: &[u8]| {
        let mut report: Value = serde_json::from_slice(bytes).unwrap();
        report["command"] = Value::Null;
        report
    };
    assert_eq!(said(&report), said(&folder.read("tried/report.json")));
}
