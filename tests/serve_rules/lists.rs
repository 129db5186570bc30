//! Lists and rates that are changed by request, the rules being the same.

use serde_json::{Value, json};

use super::sidecar::{Sidecar, request};
use super::{activate, ask, decide, named, now_us, replays, settings};

const MORE: &str = "\n[lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n[rates]\nfile = \"rates.csv\"\notherwise = \"block\"\n\
    [[rule]]\nid = \"bad\"\nwhen = \"payee in bad\"\nthen = \"block\"\nreason = \"listed\"\n";

fn proposed(sidecar: &Sidecar, bad: &str, rate: u32) -> Value {
    let rates = format!("valid_from,currency,rate\n2020-01-01,USD,{rate}\n");
    let files =
        json!({"r.toml": named("listed", MORE), "bad.txt": bad, "rates.csv": rates, "unused.txt": "x"});
    let (status, said) = ask(sidecar, "POST", "/v1/rules", json!({"file": "r.toml", "files": files}));
    assert_eq!(status, 201, "{said}");
    said
}

fn hash(said: &Value) -> String {
    said["hash"].as_str().unwrap().to_owned()
}

#[test]
fn lists_and_rates_change_with_the_rules_the_same_and_events_stay_on_them() {
    let sidecar = Sidecar::start(settings());
    let first = proposed(&sidecar, "eve\n", 20_000);
    activate(&sidecar, &hash(&first));
    let mut at = 0;
    let mut blocked = |sidecar: &Sidecar, payee: &str| {
        at += 1;
        let said = decide(sidecar, &format!("t-{at}"), 5, &format!(",\"payee\":\"{payee}\""));
        said["outcome"] == "block"
    };
    let event = json!({"kind": "list", "id": "l", "time_us": now_us(), "list": "bad", "action": "put", "entry": "bob"});
    let put = sidecar.ask(&request("POST", "/v1/events", "", &event.to_string()));
    assert_eq!(put.status, 200, "{}", put.body);
    let all = |sidecar: &Sidecar, blocked: &mut dyn FnMut(&Sidecar, &str) -> bool| {
        ["eve", "mallory", "bob"].map(|payee| blocked(sidecar, payee))
    };
    assert_eq!(all(&sidecar, &mut blocked), [true, false, true]);
    let second = proposed(&sidecar, "mallory\ntrent\n", 30_000);
    assert_eq!(
        (&second["rule_set"], &second["diff"]["changes"]),
        (&first["rule_set"], &json!([])),
        "{second}"
    );
    assert_eq!(second["diff"]["lists"], json!([{"list": "bad", "was": 1, "is": 2}]), "{second}");
    assert_eq!(second["diff"]["rates"], json!({"was": 1, "is": 1}), "{second}");
    let seen = ask(&sidecar, "GET", &format!("/v1/rules/{}", hash(&second)), Value::Null).1;
    assert_eq!(seen["files"].as_object().unwrap().len(), 3, "what is not needed is not kept");
    let rates = |sidecar: &Sidecar| {
        ask(sidecar, "GET", "/v1/rules", Value::Null).1["live"]["rates"]["version"].clone()
    };
    let before = rates(&sidecar);
    activate(&sidecar, &hash(&second));
    assert_eq!(all(&sidecar, &mut blocked), [false, true, true], "what an event put on stays");
    assert_ne!(rates(&sidecar), before);
    let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!(known["live"]["lists"][0]["entries"], json!(3), "{known}");
    let folder = sidecar.stopped();
    replays(folder.path());
    let sidecar = Sidecar::in_folder(settings(), folder).unwrap();
    let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!(
        (&known["live"]["hash"], &known["before"]["hash"]),
        (&second["hash"], &first["hash"]),
        "{known}"
    );
    assert_eq!(ask(&sidecar, "POST", "/v1/rules/rollback", Value::Null).0, 200);
    assert_eq!(all(&sidecar, &mut blocked), [true, false, true]);
    assert_eq!(rates(&sidecar), before);
    let folder = sidecar.stopped();
    replays(folder.path());
}
