//! A rule set that decides beside: seen, and in no replay.

use std::time::Duration;

use serde_json::{Value, json};
use weir::server::Settings;

use super::sidecar::{Sidecar, answer, connect, request};
use super::{activate, ask, decide, named, outcome, propose, replays, settings};

const MORE: &str = "\n[features]\nmany = { count = \"*\", by = \"account\", over = \"3s\" }\n\
    [[rule]]\nid = \"many\"\nwhen = \"many > 2\"\nthen = \"step_up\"\non_unknown = \"silent\"\nreason = \"many\"\n";

#[test]
fn a_shadow_is_seen_and_changes_no_replay_even_where_it_takes_over() {
    let sidecar = Sidecar::start(Settings { snapshot_on_exit: true, ..settings() });
    let hash = propose(&sidecar, &named("many", MORE));
    let (status, said) = ask(&sidecar, "POST", &format!("/v1/rules/{hash}/shadow"), Value::Null);
    assert_eq!((status, &said["hash"], &said["stopped"]), (200, &json!(hash), &Value::Null), "{said}");
    for at in 0..6 {
        assert_eq!(outcome(&sidecar, &format!("t-{at}"), 5), "allow", "what decides is as it was");
    }
    let shadow = ask(&sidecar, "GET", "/v1/rules", Value::Null).1["shadow"].clone();
    let (same, other) = (&shadow["decisions"]["allow"]["allow"], &shadow["decisions"]["allow"]["step_up"]);
    assert_eq!(same.as_u64().unwrap() + other.as_u64().unwrap(), 6, "{shadow}");
    super::until("the metrics tell it", || {
        let page = answer(connect(sidecar.admin()), &request("GET", "/metrics", "", "")).body;
        page.contains("weir_shadow_decisions_total{outcome=\"allow\",shadow=\"allow\"}")
    });
    // In a snapshot there is none either.
    let sidecar =
        Sidecar::in_folder(Settings { snapshot_on_exit: true, ..settings() }, sidecar.stopped()).unwrap();
    assert_eq!(ask(&sidecar, "GET", "/v1/rules", Value::Null).1["shadow"], Value::Null);
    assert_eq!(ask(&sidecar, "POST", &format!("/v1/rules/{hash}/shadow"), Value::Null).0, 200);
    // From then on it is sure of what it counts.
    std::thread::sleep(Duration::from_millis(3_500));
    for at in 10..14 {
        outcome(&sidecar, &format!("t-{at}"), 5);
    }
    let said = activate(&sidecar, &hash);
    assert_eq!(said["begins"], json!(["many"]), "it begins anew: what only the shadow knew is in no journal");
    assert_eq!(outcome(&sidecar, "t-19", 5), "allow", "what the shadow counted is not known");
    assert_eq!(ask(&sidecar, "GET", "/v1/rules", Value::Null).1["shadow"], Value::Null);
    for at in 20..26 {
        decide(&sidecar, &format!("t-{at}"), 5, "");
    }
    let other = propose(&sidecar, &named("other", ""));
    assert_eq!(ask(&sidecar, "POST", &format!("/v1/rules/{other}/shadow"), Value::Null).0, 200);
    assert_eq!(ask(&sidecar, "POST", &format!("/v1/rules/{hash}/shadow"), Value::Null).0, 409, "it decides");
    decide(&sidecar, "t-30", 5, "");
    assert_eq!(ask(&sidecar, "DELETE", "/v1/rules/shadow", Value::Null).1, json!({"dropped": true}));
    assert_eq!(ask(&sidecar, "DELETE", "/v1/rules/shadow", Value::Null).1, json!({"dropped": false}));
    decide(&sidecar, "t-31", 5, "");
    let folder = sidecar.stopped();
    replays(folder.path());
}
