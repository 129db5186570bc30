//! What was decided is shown as it was answered: after an authentication, to the tenant whose it is and to nobody else, only
//! once it is on disk, after a restart, and beyond what memory knows; and why, as `weir audit show` says it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a helper of a test may stop it, and times are what it looks at"
)]

#[path = "support/served.rs"]
mod served;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::Value;
use served::{Client, Moody, Served, payment, start, start_in};
use sha2::{Digest, Sha256};
use weir::hex::hex;
use weir::io::{Bundle, RealDisk};
use weir::journal::{Control, Reader, Record};
use weir::server::{Access, Bounds, Settings};

const RULES: &str = r#"
[ruleset]
name = "reading"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[auth.strong]
all = [["fido"]]
[step_up]
expires = "5m"
attempts = 3
[features]
paid = { sum = "amount", by = "account", over = "1h" }
[[rule]]
id = "large"
when = "amount > 900 and paid > 100"
then = "step_up"
auth = "strong"
reason = { en = "A large payment", vi = "Giao dịch lớn" }
"#;

fn rules() -> Bundle {
    let files = BTreeMap::from([("rules.toml".to_owned(), Arc::from(RULES.as_bytes()))]);
    Bundle::new("rules.toml".to_owned(), files)
}

async fn started(settings: Settings) -> Served {
    let served = start(rules(), settings, Moody::default()).await;
    served.ready().await;
    served
}

async fn decide(client: &mut Client, body: &str) -> Value {
    let (status, said, _) = client.post("/v1/decisions", body, 5_000).await;
    assert_eq!(status, 200, "{said}");
    said
}

fn authentication(id: &str, result: &str) -> String {
    let time_us = served::now_us();
    format!("{{\"id\":\"{id}\",\"time_us\":{time_us},\"result\":\"{result}\",\"methods\":[\"fido\"]}}")
}

async fn problem(client: &mut Client, path: &str, status: u16) -> String {
    let (said, problem, _) = client.get(path).await;
    assert_eq!(said, status, "{path}: {problem}");
    problem["type"].as_str().unwrap().strip_prefix("urn:weir:problem:").unwrap().to_owned()
}

/// Who asked what, by the journal.
fn asked(served: &Served) -> Vec<String> {
    let mut reader = Reader::open(Arc::new(RealDisk), &served.folder.path().join("journal")).unwrap();
    let mut asked = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        if let Ok(Record::Control(bytes)) = entry.record()
            && let Some(Control::Asked { who, what, .. }) = Control::read(bytes)
        {
            asked.push(format!("{who}: {what}"));
        }
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_what_was_answered_and_who_asked_is_put_down() {
    let served = started(Settings::default()).await;
    let mut client = Client::new(served.address).await;
    let first = decide(&mut client, &payment("t-1", 950)).await;
    let (status, said, _) = client.get("/v1/decisions/t-1").await;
    assert_eq!((status, &said["decision"], &said["outcome"]), (200, &first, &"step_up".into()));
    assert!(said.get("authentications").is_none());
    let mut told = Vec::new();
    for (id, result) in [("a-1", "failed"), ("a-2", "succeeded")] {
        let path = "/v1/decisions/t-1/authentication";
        let (status, said, _) = client.post(path, &authentication(id, result), 5_000).await;
        assert_eq!(status, 200, "{said}");
        told.push(said);
    }
    let (_, said, _) = client.get("/v1/decisions/t-1").await;
    assert_eq!((&said["decision"], &said["outcome"]), (&first, &"allow".into()));
    assert_eq!(said["authentications"], Value::Array(told));
    assert_eq!(problem(&mut client, "/v1/decisions/t-2", 404).await, "no-decision");
    // An authentication is no payment.
    assert_eq!(problem(&mut client, "/v1/decisions/a-2", 404).await, "no-decision");
    assert_eq!(problem(&mut client, "/v1/decisions/t-1?for=nobody", 400).await, "bad-query");
    assert_eq!(problem(&mut client, "/v1/decisions/t-1?more=1", 400).await, "bad-query");
    let (_, text) = client.ask("GET", "/v1/decisions/t-1/explanation?for=customer", "", "").await;
    assert!(text.contains("\"code\""), "{text}");
    let three = ["here: decision t-1", "here: decision t-1", "here: explanation t-1"];
    assert_eq!(asked(&served), three, "what is not shown is not put down");
    // Ids are any texts.
    let odd = decide(&mut client, &payment(r#"a b/ü?\""#, 5)).await;
    let (status, said, _) = client.get("/v1/decisions/a%20b%2F%C3%BC%3F%22").await;
    assert_eq!((status, &said["decision"]), (200, &odd));
    served.stop().await.unwrap();
}

/// After a restart nothing is in memory, so the journal is looked through, back from its end.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_found_after_a_restart_as_far_back_as_is_said() {
    let served = started(Settings::default()).await;
    let mut client = Client::new(served.address).await;
    let first = decide(&mut client, &payment("t-1", 950)).await;
    let told =
        client.post("/v1/decisions/t-1/authentication", &authentication("a-1", "succeeded"), 5_000).await.1;
    let folder = Arc::clone(&served.folder);
    let (_, live, _) = client.get("/v1/decisions/t-1").await;
    let explained = client.ask("GET", "/v1/decisions/t-1/explanation", "", "").await;
    served.stop().await.unwrap();
    let again = start_in(Arc::clone(&folder), rules(), Settings::default(), Moody::default()).await;
    again.ready().await;
    let mut client = Client::new(again.address).await;
    for n in 0..300 {
        decide(&mut client, &payment(&format!("later-{n}"), 5)).await;
    }
    let (status, said, _) = client.get("/v1/decisions/t-1").await;
    assert_eq!((status, &said), (200, &live));
    assert_eq!((&said["decision"], &said["authentications"][0]), (&first, &told));
    assert_eq!(client.ask("GET", "/v1/decisions/t-1/explanation", "", "").await, explained);
    again.stop().await.unwrap();
    let bounds = Bounds { look_bytes_max: 4_096, ..Bounds::default() };
    let near = start_in(folder, rules(), Settings { bounds, ..Settings::default() }, Moody::default()).await;
    near.ready().await;
    let mut client = Client::new(near.address).await;
    let (status, said, _) = client.get("/v1/decisions/t-1").await;
    assert_eq!(status, 404);
    assert!(said["detail"].as_str().unwrap().contains("4096 bytes"), "{said}");
    near.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_before_it_is_on_disk() {
    let served = started(Settings::default()).await;
    let mut client = Client::new(served.address).await;
    decide(&mut client, &payment("t-0", 5)).await;
    served.disk.0.sync_ms.store(1_500, SeqCst);
    let (status, said, _) = client.post("/v1/decisions", &payment("t-1", 5), 100).await;
    assert_eq!((status, &said["durable"]), (200, &Value::Bool(false)));
    let (status, said, retry) = client.get("/v1/decisions/t-1").await;
    assert_eq!((status, retry), (404, Some(1)));
    assert!(said["detail"].as_str().unwrap().contains("not on disk yet"), "{said}");
    served.disk.0.sync_ms.store(0, SeqCst);
    for _ in 0..100 {
        let (status, said, _) = client.get("/v1/decisions/t-1").await;
        if status == 200 {
            assert_eq!(said["decision"]["id"], "t-1");
            served.stop().await.unwrap();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it never came");
}

fn caller(name: &str, scopes: &str, tenant: &str) -> String {
    let hash = hex(Sha256::digest(name));
    format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nscopes = [{scopes}]\n{tenant}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_and_learns_of_no_other() {
    let access = [
        caller("north", "\"score\", \"read\"", "tenant = \"north\""),
        caller("south", "\"score\", \"read\"", "tenant = \"south\""),
        caller("auditor", "\"read\"", ""),
        caller("gateway", "\"score\"", ""),
    ];
    let access = Access::from_toml(&access.concat()).unwrap();
    let served = started(Settings { access, ..Settings::default() }).await;
    let mut client = Client::new(served.address).await;
    let by = |name: &str| format!("authorization: Bearer {name}\r\n");
    for (name, amount) in [("north", 950), ("south", 951)] {
        let (status, said) = client.ask("POST", "/v1/decisions", &by(name), &payment("t-1", amount)).await;
        assert_eq!(status, 200, "{said}");
    }
    let (status, _) = client.ask("POST", "/v1/decisions", &by("north"), &payment("t-n", 5)).await;
    assert_eq!(status, 200);
    let shown = async |client: &mut Client, name: &str, path: &str| {
        let (status, said) = client.ask("GET", path, &by(name), "").await;
        (status, serde_json::from_str::<Value>(&said).unwrap())
    };
    for (name, path, tenant) in [
        ("north", "/v1/decisions/t-1", "north"),
        ("south", "/v1/decisions/t-1", "south"),
        ("south", "/v1/decisions/t-1?tenant=south", "south"),
        ("auditor", "/v1/decisions/t-1?tenant=north", "north"),
    ] {
        let (status, said) = shown(&mut client, name, path).await;
        assert_eq!(
            (status, &said["tenant"], &said["decision"]["tenant"]),
            (200, &tenant.into(), &tenant.into())
        );
    }
    let never = shown(&mut client, "south", "/v1/decisions/never").await;
    for (name, path) in [
        ("south", "/v1/decisions/t-n"),
        ("south", "/v1/decisions/t-n?tenant=north"),
        ("south", "/v1/decisions/t-n/explanation"),
        ("auditor", "/v1/decisions/t-1"),
    ] {
        assert_eq!(shown(&mut client, name, path).await, never, "{name} {path}");
    }
    assert_eq!((never.0, shown(&mut client, "gateway", "/v1/decisions/t-1").await.0), (404, 403));
    served.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_explained_as_an_audit_explains_it() {
    let served = started(Settings::default()).await;
    let mut client = Client::new(served.address).await;
    decide(&mut client, &payment("t-0", 5)).await;
    decide(&mut client, &payment("t-1", 950)).await;
    let path = "/v1/decisions/t-1/explanation?for=auditor";
    let (status, text) = client.ask("GET", path, "accept: text/plain\r\n", "").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("A large payment") && text.contains("paid"), "{text}");
    let (_, json) = client.ask("GET", path, "", "").await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["id"], &json["outcome"], &json["rules"][0]["id"]),
        (&"t-1".into(), &"step_up".into(), &"large".into())
    );
    assert_eq!(json["rules"][0]["condition"]["value"], true);
    let (_, vi) =
        client.ask("GET", "/v1/decisions/t-1/explanation?language=vi", "accept: text/plain\r\n", "").await;
    assert!(vi.contains("Giao dịch lớn"), "{vi}");
    let folder = Arc::clone(&served.folder);
    served.stop().await.unwrap();
    let mut audit = Command::new(env!("CARGO_BIN_EXE_weir"));
    let audit = audit
        .args(["audit", "show", "t-1", "--journal"])
        .arg(folder.path().join("journal"))
        .output()
        .unwrap();
    let audit = String::from_utf8(audit.stdout).unwrap();
    assert!(audit.contains(&text), "{text}\nis not in\n{audit}");
}
