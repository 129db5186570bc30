//! One of Vietnam's packs takes over from the one before it in a running engine, on the day that the law does: what is
//! locked stays locked, known devices stay known, and what means the same in both goes on counting.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir::time::parse_time;

fn hash(pack: &str) -> String {
    let path = format!("rules/vn/{pack}.toml");
    weir::io::load_rules(path.as_ref()).unwrap().compile().into_result().unwrap().hash_text()
}

/// An event of a bank at an hour of the day, with what else it says.
fn event(kind: &str, id: &str, at: &str, more: Value) -> Value {
    let mut event = json!({ "kind": kind, "id": id, "time_us": parse_time(at).unwrap(), "tenant": "bank" });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

/// A purchase with a card on the customer's mobile, with what else it says.
fn purchase(id: &str, at: &str, minor: i64, more: Value) -> Value {
    let mut event = event("transaction", id, at, more);
    let usual = json!({
        "amount_minor": minor, "currency": "VND", "account": "k1", "customer": "c1", "customer_kind": "individual",
        "instrument": "card", "payment_kind": "purchase", "payee": "p1", "initiated_by": "customer",
        "channel": "mobile", "login_methods": ["password"],
    });
    event.as_object_mut().unwrap().extend(usual.as_object().unwrap().clone());
    event
}

/// An hour in which a device becomes known, a purchase is executed and the biometric function is locked; then the next pack
/// takes over as another hour begins, and two purchases come, one on the known device and one on another.
fn hours(first: &str, second: &str, next: &str) -> Vec<Value> {
    let at = |rest: &str| format!("{first}:{rest}+07:00");
    let strong = json!({ "device": "d1", "methods": ["fido", "biometric_chip"] });
    let succeeded = json!({ "transaction": "t1", "result": "succeeded" });
    let mut events = vec![
        purchase("t1", &at("00:00"), 4_000_000, strong),
        event("execution", "x1", &at("01:00"), succeeded),
        purchase("t2", &at("02:00"), 1_000_000, json!({ "device": "d2" })),
    ];
    for attempt in 0..5 {
        let failed = json!({
            "transaction": "t2", "attempt": attempt.to_string(), "methods": ["biometric_chip"], "result": "failed",
        });
        events.push(event("authentication", &format!("a{attempt}"), &at(&format!("03:0{attempt}")), failed));
    }
    let at = |rest: &str| format!("{second}:{rest}+07:00");
    let swap = json!({ "control": "rule_set", "subject": hash(next) });
    events.push(event("control", "c1", &at("00:00"), swap));
    let fido = |device: &str| json!({ "device": device, "methods": ["fido"] });
    events.push(purchase("t3", &at("01:00"), 1_000_001, fido("d1")));
    events.push(purchase("t4", &at("02:00"), 1, fido("d2")));
    events
}

/// The last two decisions of `weir score` over these events.
fn decided(first: &str, next: &str, events: &[Value]) -> [Value; 2] {
    let [rules, reload] = [first, next].map(|pack| format!("rules/vn/{pack}.toml"));
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("events.ndjson");
    std::fs::write(&input, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["score", "--rules", &rules, "--reload", &reload, "--input", input.to_str().unwrap()])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [.., known, other] = lines.as_slice() else { unreachable!("two purchases were decided") };
    for line in [known, other] {
        assert_eq!(line["rule_set"], hash(next), "{line}");
    }
    [known.clone(), other.clone()]
}

fn rules(line: &Value) -> Vec<&str> {
    line["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect()
}

#[test]
fn circular_77_goes_on_from_circular_50_with_locks_devices_and_totals() {
    let events = hours("2026-07-01T08", "2026-07-01T09", "circular-77");
    let [known, other] = decided("circular-50", "circular-77", &events);
    // With the four million of before it is past five, so F: nothing of the day was lost.
    assert_eq!(known["features"]["t_card"]["value"], 4_000_000, "{known}");
    assert_eq!((known["outcome"].as_str(), rules(&known)), (Some("allow"), vec!["type_f"]), "{known}");
    assert_eq!(other["locked"], json!(["biometric"]), "{other}");
    assert_eq!(
        (other["outcome"].as_str(), rules(&other)),
        (Some("block"), vec!["type_f", "device"]),
        "{other}"
    );
}

#[test]
fn circular_50_goes_on_from_decision_2345_with_locks_and_devices_and_takes_the_day_as_unknown() {
    let events = hours("2024-12-31T23", "2025-01-01T00", "circular-50");
    let [known, other] = decided("decision-2345", "circular-50", &events);
    // What a payment is has another table in each, so its totals begin anew: the strictest, until they are known.
    assert_eq!(known["features"]["t_card"]["quality"], "warming", "{known}");
    assert_eq!((known["outcome"].as_str(), rules(&known)), (Some("allow"), vec!["type_g"]), "{known}");
    assert_eq!(other["locked"], json!(["biometric"]), "{other}");
    assert_eq!(
        (other["outcome"].as_str(), rules(&other)),
        (Some("block"), vec!["type_g", "device"]),
        "{other}"
    );
}
