//! Going back while others are at work: it waits for none of them, and of two who do it at once one is told so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::sidecar::Sidecar;
use super::{activate, ask, limit, named, propose, replays, settings};

fn roll_back(sidecar: &Sidecar, body: Value) -> (u16, Value) {
    ask(sidecar, "POST", "/v1/rules/rollback", body)
}

#[test]
fn nobody_who_goes_back_waits_for_what_is_being_checked() {
    let sidecar = Sidecar::start(settings());
    activate(&sidecar, &propose(&sidecar, &limit(1_000)));
    let entries: String = (0..400_000).map(|at| format!("payee-{at}\n")).collect();
    let rules = named("long", "[lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n");
    let body = json!({"file": "r.toml", "files": {"r.toml": rules, "bad.txt": entries}});
    let (done, begun) = (AtomicBool::new(false), Instant::now());
    let (mut longest, mut times) = (Duration::ZERO, 0);
    let checked = std::thread::scope(|scope| {
        let checked = scope.spawn(|| {
            let (status, said) = ask(&sidecar, "POST", "/v1/rules", body);
            let took = begun.elapsed();
            done.store(true, Ordering::SeqCst);
            assert_eq!(status, 201, "{said}");
            took
        });
        while !done.load(Ordering::SeqCst) {
            let asked = Instant::now();
            let (status, said) = roll_back(&sidecar, Value::Null);
            assert_eq!(status, 200, "{said}");
            (longest, times) = (longest.max(asked.elapsed()), times + 1);
        }
        checked.join().unwrap()
    });
    println!(
        "{times} rollbacks while one rule set was checked for {checked:?}, the longest took {longest:?}"
    );
    assert!(times > 10 && longest < checked / 3, "{times} in {checked:?}, the longest took {longest:?}");
    replays(sidecar.stopped().path());
}

#[test]
fn who_says_what_decides_changes_nothing_where_something_else_does() {
    let sidecar = Sidecar::start(settings());
    let (second, third) = (propose(&sidecar, &limit(2_000)), propose(&sidecar, &limit(3_000)));
    let live = || ask(&sidecar, "GET", "/v1/rules", Value::Null).1["live"]["hash"].clone();
    let first = live();
    activate(&sidecar, &second);
    let path = format!("/v1/rules/{third}/activate");
    let (status, said) = ask(&sidecar, "POST", &path, json!({"from": first}));
    assert_eq!((status, &said["type"]), (409, &json!("urn:weir:problem:changed")), "{said}");
    assert_eq!((&said["live"], live()), (&json!(second), json!(second)), "{said}");
    assert_eq!(ask(&sidecar, "POST", &path, json!({"from": second})).0, 200);
    // Two who see the same, and both go back from it: once.
    let both = || roll_back(&sidecar, json!({"from": third}));
    let mut answers = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(both), scope.spawn(both));
        [one.join().unwrap(), other.join().unwrap()]
    });
    answers.sort_by_key(|(status, _)| *status);
    assert_eq!((answers[0].0, &answers[0].1["hash"]), (200, &json!(second)), "{answers:?}");
    assert_eq!((answers[1].0, &answers[1].1["live"]), (409, &json!(second)), "{answers:?}");
    assert_eq!(live(), json!(second));
    let (status, said) = roll_back(&sidecar, json!({"from": third, "to": second}));
    assert_eq!((status, &said["type"]), (400, &json!("urn:weir:problem:bad-request")), "{said}");
    replays(sidecar.stopped().path());
}
