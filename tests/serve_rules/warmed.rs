//! A rule set whose features are filled from the journal first.

use serde_json::{Value, json};

use super::sidecar::Sidecar;
use super::{activate, ask, decide, named, outcome, propose, replays, settings, until};

const MORE: &str = "\n[features]\nmany = { count = \"*\", by = \"account\", over = \"30d\" }\n\
    [[rule]]\nid = \"many\"\nwhen = \"many > 20\"\nthen = \"block\"\non_unknown = \"silent\"\nreason = \"many\"\n";

#[test]
fn its_features_know_what_was_before_and_it_goes_back_and_replays() {
    let sidecar = Sidecar::start(settings());
    for at in 0..40 {
        assert_eq!(outcome(&sidecar, &format!("t-{at}"), 5), "allow");
    }
    let hash = propose(&sidecar, &named("many", MORE));
    let warm = |path: &str| ask(&sidecar, "POST", path, json!({"warm": true}));
    let (status, said) = warm(&format!("/v1/rules/{hash}/activate"));
    assert_eq!((status, &said["warming"], &said["decides"]), (202, &json!(true), &json!(false)), "{said}");
    // It takes over by itself, though nothing comes.
    let live = || ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    until("it decides", || {
        let known = live();
        assert_eq!(known["not_warmed"], Value::Null, "{known}");
        known["live"]["hash"] == json!(hash)
    });
    let said = decide(&sidecar, "t-99", 5, "");
    assert_eq!(said["outcome"], json!("block"), "all 40 are known: {said}");
    let (status, said) = warm("/v1/rules/rollback");
    assert_eq!(status, 202, "{said}");
    until("it goes back", || {
        let known = live();
        assert_eq!(known["not_warmed"], Value::Null, "{known}");
        known["before"]["hash"] == json!(hash)
    });
    assert_eq!(outcome(&sidecar, "t-100", 5), "allow");
    let folder = sidecar.stopped();
    replays(folder.path());
}

#[test]
fn two_changes_without_an_event_between_go_on_are_known_and_replay() {
    let sidecar = Sidecar::start(settings());
    assert_eq!(outcome(&sidecar, "t-0", 5), "allow");
    let (hash, other) = (
        propose(&sidecar, &named("many", MORE)),
        propose(&sidecar, &named("more", &MORE.replace("many", "more"))),
    );
    let known = || ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    let first = known()["live"]["hash"].clone();
    let warm = |path: &str, hash: &Value| {
        let (status, said) = ask(&sidecar, "POST", path, json!({"warm": true}));
        assert_eq!(status, 202, "{said}");
        until("it decides", || known()["live"]["hash"] == *hash);
    };
    activate(&sidecar, &hash);
    warm("/v1/rules/rollback", &first);
    assert_eq!(outcome(&sidecar, "t-1", 5), "allow");
    // Two that are warmed, one behind the other.
    warm(&format!("/v1/rules/{hash}/activate"), &json!(hash));
    warm(&format!("/v1/rules/{other}/activate"), &json!(other));
    assert_eq!(outcome(&sidecar, "t-2", 5), "allow");
    let folder = sidecar.stopped();
    replays(folder.path());
    let sidecar = Sidecar::in_folder(settings(), folder).unwrap();
    let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!((&known["live"]["hash"], &known["before"]["hash"]), (&json!(other), &json!(hash)), "{known}");
    assert_eq!(outcome(&sidecar, "t-3", 5), "allow");
    replays(sidecar.stopped().path());
}
