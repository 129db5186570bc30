//! What a sidecar leaves out to be measured against: it decides the same without its journal, says of no answer that it is on disk,
//! and is reached from this machine alone.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and has a clock and threads"
)]

#[path = "support/sidecar.rs"]
mod sidecar;

use serde_json::{Value, json};
use sidecar::{Sidecar, answer, connect, here, request};
use weir::server::{Listen, ServeError, Settings, Without};

fn told(sidecar: &Sidecar, path: &str, body: &str) -> Value {
    let answer = answer(connect(sidecar.tcp()), &request("POST", path, "", body));
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn payment(id: usize, amount: u64) -> String {
    format!(
        r#"{{"id":"p{id}","time_us":{id},"amount_minor":{amount},"currency":"VND","account":"a{}"}}"#,
        id % 3
    )
}

fn serving(without: Without) -> Settings {
    Settings { listen: here(), without, ..Settings::default() }
}

#[test]
fn without_its_journal_it_decides_the_same_and_forgets_it() {
    let [with, without] =
        [Without::Nothing, Without::Journal].map(|without| Sidecar::start(serving(without)));
    for (id, amount) in [(1, 5), (2, 2_000_000), (3, 1_000_001), (4, 1_000_000), (2, 2_000_000)] {
        let [mut recorded, mut alone] =
            [&with, &without].map(|sidecar| told(sidecar, "/v1/decisions", &payment(id, amount)));
        assert_eq!(alone["durable"], false, "{alone}");
        assert_eq!(recorded.get("durable"), None, "{recorded}");
        for line in [&mut recorded, &mut alone] {
            line.as_object_mut().unwrap().remove("durable");
        }
        assert_eq!(recorded, alone);
    }
    // Nobody is shown what is in no record.
    let shown = answer(connect(without.tcp()), &request("GET", "/v1/decisions/p2", "", ""));
    assert_eq!((shown.status, shown.problem().as_str()), (404, "no-decision"));
    assert!(shown.body.contains("nothing is recorded"), "{}", shown.body);
    let again = Sidecar::in_folder(serving(Without::Journal), without.stopped()).unwrap();
    // The same id with other content is nobody's: what was decided is in no record.
    assert_eq!(told(&again, "/v1/decisions", &payment(2, 7))["outcome"], "allow");
    let journal = String::from_utf8_lossy(&again.end()).into_owned();
    assert!(journal.contains("started") && !journal.contains("p2"), "a payment is in the journal");
    assert!(!journal.contains("\"asked\""), "a question is in the journal");
}

#[test]
fn no_rule_set_is_changed_where_nothing_is_recorded() {
    for without in [Without::Journal, Without::Engine] {
        let sidecar = Sidecar::start(Settings { admin: here(), ..serving(without) });
        let rules = sidecar::RULES.replace("1_000_000", "5");
        let body = json!({"file": "rules.toml", "files": {"rules.toml": rules}}).to_string();
        let hash = "0".repeat(64);
        for (method, path, body) in [
            ("POST", "/v1/rules", &*body),
            ("GET", "/v1/rules", ""),
            ("POST", &*format!("/v1/rules/{hash}/activate"), ""),
            ("POST", "/v1/rules/rollback", ""),
            ("DELETE", "/v1/rules/warming", ""),
        ] {
            let said = answer(connect(sidecar.admin()), &request(method, path, "", body));
            assert_eq!((said.status, said.problem().as_str()), (503, "not-ready"), "{method} {path}");
            assert!(said.body.contains("nothing is recorded"), "{}", said.body);
        }
        let journal = String::from_utf8_lossy(&sidecar.end()).into_owned();
        assert!(!journal.contains("\"proposed\"") && !journal.contains("\"activated\""));
    }
}

#[test]
fn a_journal_that_holds_events_is_not_gone_on_with() {
    let sidecar = Sidecar::start(serving(Without::Nothing));
    told(&sidecar, "/v1/decisions", &payment(1, 5));
    let folder = sidecar.stopped();
    let Err(refused) = Sidecar::in_folder(serving(Without::Journal), folder) else { panic!("it goes on") };
    assert!(matches!(refused, ServeError::Recorded(_)), "{refused}");
    assert!(refused.to_string().contains("name an empty folder"), "{refused}");
}

#[test]
fn without_its_engine_every_payment_is_answered_the_same() {
    let sidecar = Sidecar::start(serving(Without::Engine));
    for (id, amount) in [(1, 5), (2, 2_000_000)] {
        let line = told(&sidecar, "/v1/decisions", &payment(id, amount));
        assert_eq!(line["id"], format!("p{id}"));
        assert_eq!((&line["outcome"], &line["constant"]), (&"allow".into(), &true.into()), "{line}");
        assert_eq!(line["durable"], false, "{line}");
    }
    let bare = told(&sidecar, "/measure/bare", "any thing");
    assert_eq!((&bare["constant"], bare["bytes"].as_u64()), (&true.into(), Some(9)), "{bare}");
    drop(sidecar);
    let sidecar = Sidecar::start(serving(Without::Journal));
    let none = answer(connect(sidecar.tcp()), &request("POST", "/measure/bare", "", "x"));
    assert_eq!(none.status, 404, "{}", none.body);
}

#[test]
fn nobody_else_reaches_one_that_leaves_something_out() {
    let afar = Listen { tcp: Some("0.0.0.0:0".parse().unwrap()), ..Listen::default() };
    for without in [Without::Journal, Without::Engine] {
        let (to_all, here) = (afar.clone(), here());
        let clients = Settings { listen: to_all.clone(), without, ..Settings::default() };
        for settings in [clients, Settings { listen: here, binary: to_all, without, ..Settings::default() }] {
            let Err(refused) = Sidecar::try_start(settings) else { panic!("it listens to others") };
            assert!(matches!(refused, ServeError::Measured(_)), "{refused}");
        }
    }
}
