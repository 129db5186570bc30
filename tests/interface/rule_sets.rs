//! The examples of rule sets are one story: each is sent in its turn to an administrative listener, and answered as it says, to
//! the letter but for times.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use weir::hex::hex;
use weir::journal::Signer;
use weir::server::{Access, Approvals, Settings, openapi};

use super::sidecar::{Sidecar, answer, connect, here, request};
use super::{concrete, examples, faults, fits, operations, schema_of};

/// What decides before.
const BEFORE: &str = r#"[ruleset]
name = "examples"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[[rule]]
id = "large"
when = "amount > 10_000_000"
then = "block"
reason = { en = "A large payment" }
"#;

/// Every operation with every example of it, in the order of the story.
const STORY: [(&str, &str); 16] = [
    ("proposeRules", "without_files"),
    ("proposeRules", "misspelt"),
    ("proposeRules", "lower_limit"),
    ("approveRules", "not_signed"),
    ("approveRules", "approved"),
    ("ruleSet", "asked"),
    ("shadowRules", "asked"),
    ("ruleSets", "asked"),
    ("dropShadow", "asked"),
    ("activateRules", "at_once"),
    ("cancelWarming", "asked"),
    ("rollBackRules", "changed"),
    ("rollBackRules", "at_once"),
    ("activateRules", "warmed"),
    ("rollBackRules", "warmed"),
    ("access", "asked"),
];

/// Nam changes rules and sees who may, and mai approves.
fn settings() -> Settings {
    let token = hex(Sha256::digest("nam"));
    let scopes = "[\"rules\", \"admin\", \"score\"]";
    let access = format!("[[caller]]\nname = \"nam\"\ntoken_sha256 = \"{token}\"\nscopes = {scopes}\n");
    let key = Signer::from_seed([1; 32]).public().to_pem().unwrap();
    let approvers = format!("[[approver]]\nname = \"mai\"\npublic_key = \"\"\"{key}\"\"\"\n");
    let mut settings = Settings {
        listen: here(),
        admin: here(),
        access: Access::from_toml(&access).unwrap(),
        approvals: Approvals::from_toml(&approvers, 1).unwrap(),
        ..Settings::default()
    };
    // Builds that share the machine are slow.
    settings.bounds.deadline = Duration::from_secs(20);
    settings
}

/// What the administrative listener answers to nam.
fn ask(sidecar: &Sidecar, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request(&method.to_ascii_uppercase(), path, "authorization: Bearer nam\r\n", &body);
    let answer = answer(connect(sidecar.admin()), &request);
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// The same without its times.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Object(held) => held
            .iter()
            .map(|(key, value)| (key.clone(), if key.ends_with("_us") { 0.into() } else { timeless(value) }))
            .collect(),
        Value::Array(items) => items.iter().map(timeless).collect(),
        value => value.clone(),
    }
}

/// Waits until what is warmed decides.
fn until_warmed(sidecar: &Sidecar, document: &Value, hash: &Value) {
    let schema = schema_of(document, "/v1/rules", "get", 200, "application/json");
    for _ in 0..2_000 {
        let (status, known) = ask(sidecar, "get", "/v1/rules", &Value::Null);
        assert_eq!((status, &known["not_warmed"]), (200, &Value::Null), "{known}");
        fits(document, schema, &known, "while it is warmed");
        if known["live"]["hash"] == *hash {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it is not warmed");
}

#[test]
fn the_examples_of_rule_sets_are_answered_as_they_say() {
    let document = openapi(None);
    let operations: Vec<_> = operations(&document)
        .into_iter()
        .filter(|(_, _, operation)| operation["x-listeners"] == json!(["administration"]))
        .collect();
    let all: BTreeSet<(String, String)> = operations
        .iter()
        .flat_map(|(_, _, operation)| examples(operation).into_iter().map(move |(name, _)| (operation, name)))
        .map(|(operation, name)| (operation["operationId"].as_str().unwrap().to_owned(), name))
        .collect();
    let told: BTreeSet<_> = STORY.map(|(id, name)| (id.to_owned(), name.to_owned())).into();
    assert_eq!(told, all, "put every example into its place in the story");

    let sidecar = Sidecar::over(BEFORE, settings(), tempfile::tempdir().unwrap()).unwrap();
    for (id, name) in STORY {
        let (path, method, operation) =
            operations.iter().find(|(.., said)| said["operationId"] == id).unwrap();
        let (_, example) = examples(operation).into_iter().find(|(held, _)| held == name).unwrap();
        let (body, status) = (&example["value"], example["x-answered"].as_u64().unwrap() as u16);
        if !body.is_null() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(faults(&document, schema, body).is_empty(), status != 400, "{id} {name}");
        }
        let (is, said) = ask(&sidecar, method, &concrete(path, operation), body);
        assert_eq!(is, status, "{id} {name}: {said}");
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        fits(&document, schema_of(&document, path, method, status, kind), &said, &format!("{id} {name}"));
        // Who may ask is not part of the story.
        if status < 400 && id != "access" {
            let shown = &operation["responses"][status.to_string()]["content"][kind]["examples"];
            let shown: Vec<&Value> = shown.as_object().unwrap().values().collect();
            assert_eq!([timeless(&said)], [timeless(&shown[0]["value"])], "{id} {name}: {said:#}");
            assert_eq!(shown.len(), 1, "{id} {name}");
        }
        match (id, name) {
            ("proposeRules", "lower_limit") => {
                let path = format!("/v1/rules/{}/activate", said["hash"].as_str().unwrap());
                let (status, said) = ask(&sidecar, "post", &path, &Value::Null);
                assert_eq!((status, &said["proposal"]["approvals_lacking"]), (409, &json!(1)), "{said}");
                let schema = schema_of(
                    &document,
                    "/v1/rules/{hash}/activate",
                    "post",
                    409,
                    "application/problem+json",
                );
                fits(&document, schema, &said, "not approved");
            }
            ("shadowRules", _) => {
                let payment = super::sidecar::payment("t-1", "");
                let paid = request("POST", "/v1/decisions", "authorization: Bearer nam\r\n", &payment);
                assert_eq!(sidecar.ask(&paid).status, 200);
            }
            (_, "warmed") => until_warmed(&sidecar, &document, &said["hash"]),
            _ => {}
        }
    }
    lists_and_rates(&sidecar, &document);
    sidecar.end();
}

/// What is said of lists and rates, too, is as described.
fn lists_and_rates(sidecar: &Sidecar, document: &Value) {
    let more = "[lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n[rates]\nfile = \"rates.csv\"\n\
        otherwise = \"block\"\n[[rule]]\nid = \"bad\"\nwhen = \"payee in bad\"\nthen = \"block\"\n";
    let rates = "valid_from,currency,rate\n2020-01-01,USD,25000\n";
    let files = json!({"r.toml": BEFORE.to_owned() + more, "bad.txt": "eve\n", "rates.csv": rates});
    let (status, said) = ask(sidecar, "post", "/v1/rules", &json!({"file": "r.toml", "files": files}));
    assert_eq!(status, 201, "{said}");
    assert!(said["diff"]["lists"][0].is_object() && said["diff"]["rates"].is_object(), "{said}");
    fits(document, schema_of(document, "/v1/rules", "post", 201, "application/json"), &said, "proposed");
    let (status, said) =
        ask(sidecar, "post", "/v1/rules", &json!({"file": "../r.toml", "files": {"../r.toml": ""}}));
    assert_eq!(status, 422, "{said}");
    fits(
        document,
        schema_of(document, "/v1/rules", "post", 422, "application/problem+json"),
        &said,
        "refused",
    );
}
