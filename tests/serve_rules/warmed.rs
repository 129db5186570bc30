//! A rule set whose features are filled from the journal first.

use serde_json::{Value, json};
use weir::server::Settings;

use super::sidecar::{Sidecar, request};
use super::{
    activate, ask, decide, given, held_back, named, now_us, outcome, propose, replays, settings, until,
};

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

/// Payments that take a while to be taken in again.
fn many(sidecar: &Sidecar) {
    for batch in 0..6 {
        let payment = |at: i64| json!({"id": format!("m-{batch}-{at}"), "time_us": now_us(), "amount_minor": 5, "currency": "VND", "account": "a"});
        let body = json!((0..1_000).map(payment).collect::<Vec<_>>()).to_string();
        let answer = sidecar.ask(&request("POST", "/v1/decisions:batch", "", &body));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[test]
fn a_warm_up_is_cancelled_by_request_and_by_going_back_and_all_of_it_is_known_later() {
    let sidecar = Sidecar::start(settings());
    many(&sidecar);
    let known = |sidecar: &Sidecar| ask(sidecar, "GET", "/v1/rules", Value::Null).1;
    let first = known(&sidecar)["live"]["hash"].clone();
    let (hash, other) = (propose(&sidecar, &named("many", MORE)), propose(&sidecar, &named("other", "")));
    let warm = || {
        let (status, said) =
            ask(&sidecar, "POST", &format!("/v1/rules/{hash}/activate"), json!({"warm": true}));
        assert_eq!(status, 202, "{said}");
        assert_eq!(known(&sidecar)["warming"]["hash"], json!(hash), "it is on for a while");
    };
    let cancel = || ask(&sidecar, "DELETE", "/v1/rules/warming", Value::Null);
    assert_eq!(cancel(), (200, json!({"cancelled": false})));
    warm();
    // Nothing decided before: there is only the warm-up to cancel.
    let (status, said) = ask(&sidecar, "POST", "/v1/rules/rollback", Value::Null);
    assert!(status == 409 && said["detail"].as_str().unwrap().contains("DELETE"), "{said}");
    assert_eq!(cancel(), (200, json!({"cancelled": true})));
    let seen = known(&sidecar);
    assert_eq!(
        (&seen["warming"], &seen["not_warmed"]),
        (&Value::Null, &json!("here cancelled it")),
        "{seen}"
    );
    activate(&sidecar, &other);
    warm();
    let (status, said) = ask(&sidecar, "POST", "/v1/rules/rollback", Value::Null);
    assert_eq!((status, &said["hash"], &said["decides"]), (200, &first, &json!(true)), "{said}");
    let seen = known(&sidecar);
    assert_eq!((&seen["warming"], &seen["live"]["hash"]), (&Value::Null, &first), "{seen}");
    assert_eq!(outcome(&sidecar, "t-1", 5), "allow");
    // Nothing of it stands in the way of another, which a rollback that is warmed itself cancels.
    warm();
    let (status, said) = ask(&sidecar, "POST", "/v1/rules/rollback", json!({"warm": true}));
    assert_eq!((status, &said["hash"]), (202, &json!(other)), "{said}");
    until("it is gone back to", || known(&sidecar)["live"]["hash"] == json!(other));
    let folder = sidecar.stopped();
    replays(folder.path());
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["journal", "show"])
        .arg(folder.path().join("journal"))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("control, cancelled: 3 records"), "{shown}");
    let sidecar = Sidecar::in_folder(settings(), folder).unwrap();
    let seen = known(&sidecar);
    assert_eq!((&seen["live"]["hash"], &seen["before"]["hash"]), (&json!(other), &first), "{seen}");
    assert_eq!((&seen["warming"], &seen["live"]["by"]), (&Value::Null, &json!("here")), "{seen}");
    replays(sidecar.stopped().path());
}

#[test]
fn a_warm_up_that_begins_while_the_files_are_read_to_go_back_to_is_told_as_cancelled() {
    let sidecar = Sidecar::start(settings());
    many(&sidecar);
    let known = || ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    let first = known()["live"]["hash"].as_str().unwrap().to_owned();
    let (hash, other) = (propose(&sidecar, &named("many", MORE)), propose(&sidecar, &named("other", "")));
    activate(&sidecar, &other);
    let held = held_back(&sidecar, &first);
    let (status, said) = std::thread::scope(|scope| {
        let back = scope.spawn(|| ask(&sidecar, "POST", "/v1/rules/rollback", Value::Null));
        let path = format!("/v1/rules/{hash}/activate");
        assert_eq!(given(held, || ask(&sidecar, "POST", &path, json!({"warm": true}))).0, 202);
        back.join().unwrap()
    });
    assert_eq!((status, &said["hash"]), (200, &json!(first)), "{said}");
    let seen = known();
    assert_eq!((&seen["warming"], &seen["not_warmed"]), (&Value::Null, &json!("here rolled back")), "{seen}");
    replays(sidecar.stopped().path());
}

#[test]
fn a_warm_up_that_the_end_cuts_off_is_cancelled_and_a_snapshot_is_written() {
    let sidecar = Sidecar::start(Settings { snapshot_on_exit: true, ..settings() });
    many(&sidecar);
    let hash = propose(&sidecar, &named("many", MORE));
    let (status, said) = ask(&sidecar, "POST", &format!("/v1/rules/{hash}/activate"), json!({"warm": true}));
    assert_eq!(status, 202, "{said}");
    let folder = sidecar.stopped();
    let snapshots = std::fs::read_dir(folder.path().join("journal/snapshots")).map_or(0, Iterator::count);
    assert_eq!(snapshots, 1, "there is no snapshot");
    replays(folder.path());
    let sidecar = Sidecar::in_folder(settings(), folder).unwrap();
    let known = || ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!((&known()["warming"], &known()["live"]["by"]), (&Value::Null, &Value::Null), "{}", known());
    assert_eq!(outcome(&sidecar, "t-1", 5), "allow");
    // It is asked for again.
    let (status, said) = ask(&sidecar, "POST", &format!("/v1/rules/{hash}/activate"), json!({"warm": true}));
    assert_eq!(status, 202, "{said}");
    until("it decides", || known()["live"]["hash"] == json!(hash));
    assert_eq!(decide(&sidecar, "t-2", 5, "")["outcome"], json!("block"));
    replays(sidecar.stopped().path());
}
