//! The interface is what its document says: every example is sent and answered as it says, real answers of all kinds fit their
//! schemas, and what is asked where is as it says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a helper of a test may stop it, and times are what it looks at"
)]

#[path = "support/schema.rs"]
mod schema;
#[path = "support/served.rs"]
mod served;
#[path = "support/sidecar.rs"]
mod sidecar;

#[path = "interface/rule_sets.rs"]
mod rule_sets;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use schema::faults;
use serde_json::{Value, json};
use served::{Client, Moody, payment, payment_at, start};
use weir::io::Bundle;
use weir::server::{Declaration, Declared, Settings, openapi};

/// What the examples are sent to.
const RULES: &str = r#"
[ruleset]
name = "examples"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[auth.strong]
all = [["fido", "soft_otp"]]
[step_up]
expires = "5m"
attempts = 3
[lists]
suspected = { key = "payee" }
[features]
paid_24h = { sum = "amount", by = "account", over = "24h" }
[[rule]]
id = "large"
when = "amount > 10_000_000 and paid_24h > 0"
then = "step_up"
auth = "strong"
reason = { en = "A large payment" }
"#;

/// Rules whose decisions say all that decisions can.
const RICH: &str = r#"
[ruleset]
name = "rich"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
languages = ["en"]
[rates]
[auth.strong]
all = [["fido"]]
[policy]
step_up_at = 50
block_at = 100
auth = "strong"
[control]
percent = 50
by = "account"
amount_max = 100_000_000
[features]
many = { count = "*", by = "account", over = "1h" }
usual = { mean = "amount", by = "account", over = "1h" }
new_payee = { is_new = true, by = ["account", "payee"] }
[tables.class]
rows = [{ when = "amount > 500", is = "large" }]
else = "small"
on_unknown = "next"
[[rule]]
id = "scored"
when = "class = 'large' and many > 0 and usual > 0"
score = 60
tags = ["watched"]
oblige = ["report"]
customer = "confirm_payment"
reason = { en = "It is large" }
[[rule]]
id = "mandatory"
when = "amount > 700 and new_payee is not null"
then = "step_up"
auth = "strong"
tier = "mandatory"
legal = "article 1"
reason = { en = "The law says so" }
[[rule]]
id = "beside"
when = "amount > 5"
then = "block"
mode = "shadow"
reason = { en = "Only looked at" }
[[rule]]
id = "look"
when = "amount > 600"
then = "alert"
reason = { en = "Somebody should look" }
"#;

fn bundle(text: &str) -> Bundle {
    let files = BTreeMap::from([("rules.toml".to_owned(), Arc::from(text.as_bytes()))]);
    Bundle::new("rules.toml".to_owned(), files)
}

fn schema_of<'d>(document: &'d Value, path: &str, method: &str, status: u16, kind: &str) -> &'d Value {
    let operation = &document["paths"][path][method];
    let schema = &operation["responses"][status.to_string()]["content"][kind]["schema"];
    assert!(schema.is_object(), "{method} {path} says nothing of {status} {kind}");
    schema
}

fn fits(document: &Value, schema: &Value, value: &Value, what: &str) {
    let faults = faults(document, schema, value);
    assert!(faults.is_empty(), "{what}: {faults:#?}\nof {value:#}");
}

/// A path with its parameters' examples.
fn concrete(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().unwrap().iter();
    parameters.filter(|parameter| parameter["in"] == "path").fold(path.to_owned(), |path, parameter| {
        let name = parameter["name"].as_str().unwrap();
        path.replace(&format!("{{{name}}}"), parameter["example"].as_str().unwrap())
    })
}

/// All operations, with those first that tell something.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let mut all: Vec<_> = paths
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(|(method, said)| (path.clone(), method.clone(), said.clone()))
        })
        .collect();
    all.sort_by_key(|(_, method, _)| method == "get");
    all
}

/// The examples of its body; where it has none, that it is asked without one.
fn examples(operation: &Value) -> Vec<(String, Value)> {
    let content = &operation["requestBody"]["content"]["application/json"];
    match content["examples"].as_object() {
        Some(examples) => examples.clone().into_iter().collect(),
        None => vec![("asked".to_owned(), json!({"x-answered": 200}))],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_answered_as_it_says() {
    let document = openapi(None);
    let served = start(bundle(RULES), Settings::default(), Moody::default()).await;
    served.ready().await;
    let mut client = Client::new(served.address).await;
    let (_, said, _) = client.get("/openapi.json").await;
    assert_eq!(said, document);
    let mut sent = 0;
    for (path, method, operation) in operations(&document) {
        if operation["x-listeners"][0] != "clients" {
            continue;
        }
        let (method, content) =
            (method.to_ascii_uppercase(), &operation["requestBody"]["content"]["application/json"]);
        for (name, example) in examples(&operation) {
            let status = example["x-answered"].as_u64().unwrap() as u16;
            let what = format!("{method} {path} {name}");
            let body = example.get("value").map_or(String::new(), ToString::to_string);
            if let Some(value) = example.get("value") {
                let faults = faults(&document, &content["schema"], value);
                assert_eq!(faults.is_empty(), status != 400, "{what}: {faults:?}");
            }
            let (said, text) =
                client.ask(&method, &concrete(&path, &operation), "weir-timeout-ms: 5000\r\n", &body).await;
            assert_eq!(said, status, "{what}: {text}");
            sent += 1;
            let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
            let kind = if status < 400 { "application/json" } else { "application/problem+json" };
            let schema = schema_of(&document, &path, &method.to_ascii_lowercase(), status, kind);
            fits(&document, schema, &value, &what);
        }
    }
    assert!(sent > 20, "{sent}");
    let (_, explained) = client.ask("GET", "/v1/decisions/t-1001/explanation?for=auditor", "", "").await;
    let schema = schema_of(&document, "/v1/decisions/{id}/explanation", "get", 200, "application/json");
    fits(&document, schema, &serde_json::from_str(&explained).unwrap(), "for the auditor");
    let (_, page) = client.ask("GET", "/docs", "", "").await;
    assert!(page.contains("/v1/decisions/{id}/explanation"));
    served.stop().await.unwrap();
}

#[test]
fn every_example_of_an_answer_fits_its_schema() {
    let document = openapi(None);
    let mut seen = 0;
    for (path, method, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for content in response["content"].as_object().unwrap().values() {
                for (name, example) in content["examples"].as_object().into_iter().flatten() {
                    fits(
                        &document,
                        &content["schema"],
                        &example["value"],
                        &format!("{method} {path} {status} {name}"),
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 10, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_all_kinds_fit() {
    let document = openapi(None);
    let served = start(bundle(RICH), Settings::default(), Moody::default()).await;
    served.ready().await;
    let mut client = Client::new(served.address).await;
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    let decision = json!({"$ref": "#/components/schemas/Decision"});
    let explanation = json!({"$ref": "#/components/schemas/Explanation"});
    for n in 0..40 {
        let body = payment(&format!("t{n}"), 400 + 15 * n).replace("}", ",\"payee\":\"p\"}");
        let body =
            if n % 5 == 0 { body.replace("VND", "USD").replace("}", ",\"rate\":\"2\"}") } else { body };
        let (status, said, _) = client.post("/v1/decisions", &body, 5_000).await;
        assert_eq!(status, 200, "{said}");
        fits(&document, &decision, &said, "a decision");
        said.as_object().unwrap().keys().for_each(|key| *keys.entry(key.clone()).or_default() += 1);
        let path = format!("/v1/decisions/t{n}/explanation?for=auditor");
        let (status, said, _) = client.get(&path).await;
        assert_eq!(status, 200, "{said}");
        fits(&document, &explanation, &said, "an explanation");
    }
    for key in ["auth", "shadow", "withheld", "converted", "tags", "obligations", "tables", "features"] {
        assert!(keys.contains_key(key), "no decision said `{key}`: {keys:?}");
    }
    // A payment that is executed though it waits for its customer.
    let waiting = json!({"kind": "execution", "id": "x1", "time_us": served::now_us(), "transaction": "t39", "result": "succeeded"});
    let (status, said, _) = client.post("/v1/events", &waiting.to_string(), 5_000).await;
    let taken = schema_of(&document, "/v1/events", "post", 200, "application/json");
    assert_eq!(status, 200, "{said}");
    fits(&document, taken, &said, "an execution");
    served.stop().await.unwrap();
    // What is declared, and what the time before is like.
    let declared = Declared { warming: Declaration::Block, ..Declared::default() };
    let disk = Moody::default();
    disk.0.opening_ms.store(1_500, SeqCst);
    let served = start(bundle(RULES), Settings { declared, ..Settings::default() }, disk).await;
    let mut client = Client::new(served.address).await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let (status, said, _) = client.post("/v1/decisions", &payment("t1", 5), 5_000).await;
    assert_eq!((status, &said["declared"]), (200, &"warming".into()), "{said}");
    fits(
        &document,
        schema_of(&document, "/v1/decisions", "post", 200, "application/json"),
        &said,
        "declared",
    );
    let (status, said, _) = client.get("/readyz").await;
    fits(&document, schema_of(&document, "/readyz", "get", status, "application/json"), &said, "not ready");
    assert_eq!(status, 503);
    let (status, said, _) = client.get("/v1/decisions/t1").await;
    assert_eq!(status, 503);
    fits(
        &document,
        schema_of(&document, "/v1/decisions/{id}", "get", 503, "application/problem+json"),
        &said,
        "too early",
    );
    served.ready().await;
    // What was declared is a decision once the engine has taken it in, with its own beside.
    let late = payment_at("t1", 5, 1);
    assert_eq!(client.post("/v1/decisions", &late, 5_000).await.0, 409);
    let mut seen = client.get("/v1/decisions/t1").await;
    for _ in 0..100 {
        if seen.0 == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        seen = client.get("/v1/decisions/t1").await;
    }
    assert_eq!(
        (seen.0, &seen.1["outcome"], &seen.1["decision"]["own"]),
        (200, &"block".into(), &"allow".into())
    );
    fits(
        &document,
        schema_of(&document, "/v1/decisions/{id}", "get", 200, "application/json"),
        &seen.1,
        "declared before",
    );
    served.stop().await.unwrap();
}

#[test]
fn it_is_printed_without_a_server_and_with_the_fields_of_a_rule_file() {
    let weir = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_weir")).args(args).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    assert_eq!(weir(&["openapi"]), openapi(None));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    std::fs::write(&path, RULES.replace("[auth.strong]", "[fields]\nbalance = \"money\"\n[auth.strong]"))
        .unwrap();
    let with = weir(&["openapi", "--rules", path.to_str().unwrap()]);
    let extra = &with["components"]["schemas"]["Transaction"]["properties"]["extra"];
    assert_eq!(extra["properties"]["balance"]["description"], "In minor units.");
}

#[test]
fn a_text_that_fits_the_schema_is_not_too_long() {
    let settings = Settings { listen: sidecar::here(), ..Settings::default() };
    let (sidecar, document) = (sidecar::Sidecar::start(settings), openapi(None));
    let schema = &document["components"]["schemas"]["Transaction"];
    let texts = ["x", "\u{1ebf}", "Nguy\u{1ec5}n V\u{103}n A ", "\u{1f600}"].map(|part| {
        [100, 128, 129, 170, 171, 512, 513].map(|most| part.chars().cycle().take(most).collect())
    });
    let (mut fit, mut taken) = (0, 0);
    for (at, text) in texts.iter().flatten().enumerate() {
        let text: &String = text;
        let body = sidecar::payment(&format!("t{at}"), &format!(",\"device\":{}", json!(text)));
        let said = sidecar.ask(&sidecar::request("POST", "/v1/decisions", "", &body));
        let fits = faults(&document, schema, &serde_json::from_str(&body).unwrap()).is_empty();
        assert!(!fits || said.status == 200, "{text}: {said:?}");
        assert_eq!(said.status == 200, text.len() <= 512, "{text}: {said:?}");
        fit += usize::from(fits);
        taken += usize::from(said.status == 200);
    }
    assert!(fit >= 12 && taken > fit, "{fit} {taken}");
    sidecar.end();
}

#[test]
fn each_listener_has_what_is_said_and_nothing_else() {
    let here = sidecar::here;
    let settings = Settings { listen: here(), admin: here(), ..Settings::default() };
    let sidecar = sidecar::Sidecar::start(settings);
    for (path, method, operation) in operations(&openapi(None)) {
        let said: Vec<&str> =
            operation["x-listeners"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for (name, address) in [("clients", sidecar.tcp()), ("administration", sidecar.admin())] {
            let request =
                sidecar::request(&method.to_ascii_uppercase(), &concrete(&path, &operation), "", "");
            let answer = sidecar::answer(sidecar::connect(address), &request);
            let none =
                ["no-such-path", "method"].map(|word| format!("{{\"type\":\"urn:weir:problem:{word}\""));
            let is_there = !none.iter().any(|none| answer.body.starts_with(none));
            assert_eq!(is_there, said.contains(&name), "{method} {path} for {name}: {}", answer.status);
        }
    }
    sidecar.end();
}
