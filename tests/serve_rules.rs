//! Rule sets by request: proposed, approved, taken up, decided beside, rolled back; and all of it replayed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and has a clock"
)]

#[path = "support/sidecar.rs"]
mod sidecar;

#[path = "serve_rules/approvals.rs"]
mod approvals;
#[path = "serve_rules/back.rs"]
mod back;
#[path = "serve_rules/hundreds.rs"]
mod hundreds;
#[path = "serve_rules/lists.rs"]
mod lists;
#[path = "serve_rules/shadows.rs"]
mod shadows;
#[path = "serve_rules/warmed.rs"]
mod warmed;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sidecar::{Sidecar, answer, connect, here, request};
use weir::server::Settings;

/// The rules that a sidecar begins with, with this instead of a million.
pub fn limit(amount: u64) -> String {
    sidecar::RULES.replace("1_000_000", &amount.to_string())
}

/// The same with more behind it, under another name.
pub fn named(name: &str, more: &str) -> String {
    limit(1_000_000).replace("name = \"small\"", &format!("name = \"{name}\"")) + more
}

pub fn settings() -> Settings {
    let mut settings = Settings { listen: here(), admin: here(), ..Settings::default() };
    // Builds that share the machine are slow.
    settings.bounds.deadline = Duration::from_secs(20);
    settings
}

/// Puts a pipe in the place of the rule file that is kept by this hash: whoever reads it waits until it was written to. What
/// it held.
pub fn held_back(sidecar: &Sidecar, hash: &str) -> (std::path::PathBuf, Vec<u8>) {
    let file = sidecar.folder.path().join("journal/kept").join(hash).join("rules.toml");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    (file, bytes)
}

/// Waits until somebody reads it, does something, and then gives it; it is a file again.
pub fn given<T>((file, bytes): (std::path::PathBuf, Vec<u8>), meanwhile: impl FnOnce() -> T) -> T {
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    let done = meanwhile();
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, &bytes).unwrap();
    pipe.write_all(&bytes).unwrap();
    done
}

/// What the administrative listener answers.
pub fn admin(sidecar: &Sidecar, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let header = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = answer(connect(sidecar.admin()), &request(method, path, &header, &body));
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

pub fn ask(sidecar: &Sidecar, method: &str, path: &str, body: Value) -> (u16, Value) {
    admin(sidecar, "", method, path, &body)
}

/// Proposes one file; its hash.
pub fn propose(sidecar: &Sidecar, text: &str) -> String {
    let (status, said) = ask(sidecar, "POST", "/v1/rules", sent(text));
    assert_eq!(status, 201, "{said}");
    said["hash"].as_str().unwrap().to_owned()
}

pub fn sent(text: &str) -> Value {
    json!({"file": "rules.toml", "files": {"rules.toml": text}})
}

pub fn activate(sidecar: &Sidecar, hash: &str) -> Value {
    let (status, said) = ask(sidecar, "POST", &format!("/v1/rules/{hash}/activate"), Value::Null);
    assert_eq!(status, 200, "{said}");
    said
}

pub fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

/// What a payment is answered.
pub fn decide(sidecar: &Sidecar, id: &str, amount: u64, more: &str) -> Value {
    let body = format!(
        "{{\"id\":\"{id}\",\"time_us\":{},\"amount_minor\":{amount},\"currency\":\"VND\",\"account\":\"a\"{more}}}",
        now_us()
    );
    let answer = sidecar.ask(&request("POST", "/v1/decisions", "", &body));
    let said: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.status, 200, "{said}");
    said
}

pub fn outcome(sidecar: &Sidecar, id: &str, amount: u64) -> String {
    decide(sidecar, id, amount, "")["outcome"].as_str().unwrap().to_owned()
}

/// Asks until it is so.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs the journal again from its beginning and from its newest snapshot; every answer must be what it was.
pub fn replays(folder: &Path) {
    for more in [&[][..], &["--from-snapshot"]] {
        let journal = folder.join("journal");
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        let done = command.args(["replay", "--journal"]).arg(&journal).args(more).output().unwrap();
        let out = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success() && out.contains("reproduced"), "{out}");
    }
}

#[test]
fn what_has_errors_is_refused_with_their_places() {
    let sidecar = Sidecar::start(settings());
    let (status, said) = ask(&sidecar, "POST", "/v1/rules", sent(&limit(1).replace("amount >", "amuont >")));
    assert_eq!((status, &said["type"]), (422, &json!("urn:weir:problem:rules")), "{said}");
    let problem = &said["problems"][0];
    assert_eq!((&problem["severity"], &problem["file"]), (&json!("error"), &json!("rules.toml")), "{said}");
    assert_eq!(
        (&problem["line"], &problem["help"]),
        (&json!(13), &json!("did you mean `amount`?")),
        "{said}"
    );
    for path in ["../rules.toml", "/etc/rules.toml", "a/../rules.toml", "./rules.toml", "a\\b", ""] {
        let body = json!({"file": path, "files": {path: limit(1)}});
        let (status, said) = ask(&sidecar, "POST", "/v1/rules", body);
        assert_eq!((status, &said["type"]), (422, &json!("urn:weir:problem:rules")), "{path}: {said}");
    }
    let other = limit(1).replace("VND", "USD");
    let (status, said) = ask(&sidecar, "POST", "/v1/rules", sent(&other));
    assert!(status == 409 && said["detail"].as_str().unwrap().contains("its currency is USD"), "{said}");
    let without = limit(1) + "[lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n";
    let (status, said) = ask(&sidecar, "POST", "/v1/rules", sent(&without));
    assert!(status == 422 && said["detail"].as_str().unwrap().contains("bad.txt"), "{said}");
    let (status, said) = ask(&sidecar, "POST", "/v1/rules", json!({"file": "x", "path": {}}));
    assert_eq!((status, &said["type"]), (400, &json!("urn:weir:problem:bad-request")));
    assert_eq!(ask(&sidecar, "GET", "/v1/rules", Value::Null).1["proposed"], json!([]));
    // Clients have no such routes.
    assert_eq!(sidecar.ask(&request("GET", "/v1/rules", "", "")).status, 404);
    assert_eq!(ask(&sidecar, "POST", &format!("/v1/rules/{}/activate", "0".repeat(64)), Value::Null).0, 404);
    assert_eq!(ask(&sidecar, "POST", "/v1/rules/rollback", Value::Null).0, 409);
}

#[test]
fn one_that_is_taken_up_decides_goes_back_is_known_after_a_restart_and_replays() {
    let sidecar = Sidecar::start(settings());
    assert_eq!(outcome(&sidecar, "t-1", 5_000), "allow");
    let (status, said) = ask(&sidecar, "POST", "/v1/rules", sent(&limit(1_000)));
    assert_eq!(
        (status, &said["approvals_lacking"], &said["proposed_by"]),
        (201, &json!(0), &json!(["here"]))
    );
    let change = &said["diff"]["changes"][0];
    assert_eq!((&change["subject"], &change["name"]), (&json!("rule"), &json!("large")), "{said}");
    let detail = &change["details"][0];
    assert_eq!((&detail["old"], &detail["new"]), (&json!("amount > 1_000_000"), &json!("amount > 1000")));
    let hash = said["hash"].as_str().unwrap().to_owned();
    assert_eq!(outcome(&sidecar, "t-2", 5_000), "allow", "proposed is not decided");
    let seen = ask(&sidecar, "GET", &format!("/v1/rules/{hash}"), Value::Null).1;
    assert_eq!(seen["files"]["rules.toml"], json!(limit(1_000)));
    let said = activate(&sidecar, &hash);
    assert_eq!((&said["decides"], &said["diff"]["changes"][0]["name"]), (&json!(true), &json!("large")));
    assert_eq!(outcome(&sidecar, "t-3", 5_000), "block");
    let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!((&known["live"]["hash"], &known["live"]["by"]), (&json!(hash), &json!("here")), "{known}");
    let first = known["before"]["hash"].as_str().unwrap().to_owned();
    assert_ne!(first, hash);
    assert_eq!(
        ask(&sidecar, "POST", &format!("/v1/rules/{hash}/activate"), Value::Null).0,
        409,
        "it decides"
    );
    let next = propose(&sidecar, &limit(7_000));
    let folder = sidecar.stopped();
    replays(folder.path());
    let sidecar = Sidecar::in_folder(settings(), folder).unwrap();
    let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!((&known["live"]["hash"], &known["before"]["hash"]), (&json!(hash), &json!(first)), "{known}");
    assert_eq!(known["proposed"][1]["hash"], json!(next), "{known}");
    assert_eq!(outcome(&sidecar, "t-4", 5_000), "block");
    let (status, said) = ask(&sidecar, "POST", "/v1/rules/rollback", Value::Null);
    assert_eq!((status, &said["hash"], &said["begins"]), (200, &json!(first), &json!([])), "{said}");
    assert_eq!(outcome(&sidecar, "t-5", 5_000), "allow");
    activate(&sidecar, &next);
    assert_eq!(
        (outcome(&sidecar, "t-6", 5_000), outcome(&sidecar, "t-7", 8_000)),
        ("allow".into(), "block".into())
    );
    // What decided and what is shown is the same in the metrics.
    let page = answer(connect(sidecar.admin()), &request("GET", "/metrics", "", "")).body;
    let rule_set =
        ask(&sidecar, "GET", "/v1/rules", Value::Null).1["live"]["rule_set"].as_str().unwrap().to_owned();
    until("the metrics tell it", || {
        answer(connect(sidecar.admin()), &request("GET", "/metrics", "", "")).body.contains(&rule_set)
    });
    assert!(page.contains("weir_reload_pause_seconds_count 2"), "{page}");
    let folder = sidecar.stopped();
    replays(folder.path());
    let shown = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["journal", "show"])
        .arg(folder.path().join("journal"))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    for line in
        ["control, proposed: 2 records", "control, activated: 3 records", "control, decides: 3 records"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    let verified = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["audit", "verify", "--journal"])
        .arg(folder.path().join("journal"))
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&verified.stdout).contains("CHANGED"), "{verified:?}");
}
