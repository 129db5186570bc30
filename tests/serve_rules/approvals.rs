//! Who may let a rule set decide.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use weir::hex::{hex, unhex};
use weir::journal::Signer;
use weir::server::{Access, Approvals, Settings};

use super::sidecar::{Sidecar, request};
use super::{admin, given, held_back, limit, now_us, replays, sent, settings};

const PEOPLE: [(&str, u8); 3] = [("mai", 1), ("nam", 2), ("eve", 3)];

fn signer(seed: u8) -> Signer {
    Signer::from_seed([seed; 32])
}

/// Two of three must approve; everybody has a token that is the name.
fn approved() -> Settings {
    let caller = |(name, _): &(&str, u8)| {
        let hash = hex(Sha256::digest(name));
        format!(
            "[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nscopes = [\"rules\", \"events\", \"score\"]\n"
        )
    };
    let approver = |(name, seed): &(&str, u8)| {
        let pem = signer(*seed).public().to_pem().unwrap();
        format!("[[approver]]\nname = \"{name}\"\npublic_key = \"\"\"{pem}\"\"\"\n")
    };
    let access: String = PEOPLE.iter().map(caller).collect();
    let approvers: String = PEOPLE.iter().map(approver).collect();
    Settings {
        access: Access::from_toml(&access).unwrap(),
        approvals: Approvals::from_toml(&approvers, 2).unwrap(),
        ..settings()
    }
}

fn approve(sidecar: &Sidecar, name: &str, seed: u8, (id, signed, hash): (&str, &str, &str)) -> (u16, Value) {
    let (id, rules) = (unhex(id.as_bytes()).unwrap(), unhex(signed.as_bytes()).unwrap());
    let signature = hex(signer(seed).approve(&id, &rules));
    let body = json!({"approver": name, "signature": signature});
    admin(sidecar, "mai", "POST", &format!("/v1/rules/{hash}/approvals"), &body)
}

#[test]
fn nothing_decides_without_the_approvals_of_others() {
    let sidecar = Sidecar::start(approved());
    let ask =
        |token: &str, method: &str, path: &str, body: &Value| admin(&sidecar, token, method, path, body);
    assert_eq!(ask("", "GET", "/v1/rules", &Value::Null).0, 401);
    let id = ask("mai", "GET", "/v1/rules", &Value::Null).1["journal"].as_str().unwrap().to_owned();
    let proposed = |amount: u64| {
        let said = ask("eve", "POST", "/v1/rules", &sent(&limit(amount))).1;
        assert_eq!(said["approvals_lacking"], json!(2), "{said}");
        said["hash"].as_str().unwrap().to_owned()
    };
    let (hash, other) = (proposed(1_000), proposed(2_000));
    let activate = |hash: &str| ask("eve", "POST", &format!("/v1/rules/{hash}/activate"), &Value::Null);
    let (status, said) = activate(&hash);
    assert_eq!((status, &said["type"]), (409, &json!("urn:weir:problem:approvals")), "{said}");
    assert_eq!(said["proposal"]["approvals_lacking"], json!(2), "{said}");

    let elsewhere = "00".repeat(16);
    assert_eq!(approve(&sidecar, "mai", 2, (&id, &hash, &hash)).0, 403, "another's key");
    assert_eq!(approve(&sidecar, "bob", 1, (&id, &hash, &hash)).0, 403, "nobody");
    assert_eq!(approve(&sidecar, "mai", 1, (&id, &other, &hash)).0, 403, "another rule set");
    assert_eq!(approve(&sidecar, "mai", 1, (&elsewhere, &hash, &hash)).0, 403, "another system");
    assert_eq!(approve(&sidecar, "eve", 3, (&id, &hash, &hash)).0, 403, "who proposes");
    assert_eq!(approve(&sidecar, "mai", 1, (&id, &hash, &elsewhere)).0, 404);
    for _ in 0..2 {
        let (status, said) = approve(&sidecar, "mai", 1, (&id, &hash, &hash));
        assert_eq!((status, &said["approvals_lacking"]), (200, &json!(1)), "{said}");
    }
    assert_eq!(activate(&hash).0, 409);
    // Whoever proposes the same, too, takes back what was approved.
    assert_eq!(approve(&sidecar, "nam", 2, (&id, &other, &other)).1["approvals_lacking"], json!(1));
    assert_eq!(ask("nam", "POST", "/v1/rules", &sent(&limit(2_000))).1["approvals_lacking"], json!(2));

    // No event gets around them.
    let rule_set = ask("mai", "GET", "/v1/rules", &Value::Null).1["proposed"][0]["rule_set"].clone();
    let control = json!({"kind": "control", "id": "c", "time_us": now_us(), "control": "rule_set", "subject": rule_set});
    let sneaks = request("POST", "/v1/events", "authorization: Bearer eve\r\n", &control.to_string());
    let answer = sidecar.ask(&sneaks);
    assert_eq!((answer.status, answer.problem().as_str()), (403, "unapproved"));

    // What was approved is known after a restart.
    let sidecar = Sidecar::in_folder(approved(), sidecar.stopped()).unwrap();
    let ask =
        |token: &str, method: &str, path: &str, body: &Value| admin(&sidecar, token, method, path, body);
    let known = ask("nam", "GET", "/v1/rules", &Value::Null).1;
    assert_eq!(known["proposed"][0]["approved_by"], json!(["mai"]), "{known}");
    assert_eq!(approve(&sidecar, "nam", 2, (&id, &hash, &hash)).1["approvals_lacking"], json!(0));
    let (status, said) = ask("eve", "POST", &format!("/v1/rules/{hash}/activate"), &Value::Null);
    assert_eq!((status, &said["decides"]), (200, &json!(true)), "{said}");
    assert_eq!(ask("nam", "GET", "/v1/rules", &Value::Null).1["live"]["by"], json!("eve"));
    // Back needs nobody.
    assert_eq!(ask("mai", "POST", "/v1/rules/rollback", &Value::Null).0, 200);
    let folder = sidecar.stopped();
    replays(folder.path());
    let verified = std::process::Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["audit", "verify", "--journal"])
        .arg(folder.path().join("journal"))
        .output()
        .unwrap();
    let out = String::from_utf8(verified.stdout).unwrap();
    assert!(out.contains("3 approvals are signed by the keys in their records"), "{out}");
}

#[test]
fn who_proposes_a_rule_set_while_it_is_taken_up_counts_for_it_no_more() {
    let sidecar = Sidecar::start(approved());
    let ask =
        |token: &str, method: &str, path: &str, body: &Value| admin(&sidecar, token, method, path, body);
    let id = ask("mai", "GET", "/v1/rules", &Value::Null).1["journal"].as_str().unwrap().to_owned();
    let said = ask("eve", "POST", "/v1/rules", &sent(&limit(1_000))).1;
    let hash = said["hash"].as_str().unwrap().to_owned();
    for (name, seed) in &PEOPLE[..2] {
        assert_eq!(approve(&sidecar, name, *seed, (&id, &hash, &hash)).0, 200);
    }
    let activate = || ask("eve", "POST", &format!("/v1/rules/{hash}/activate"), &Value::Null);
    let held = held_back(&sidecar, &hash);
    let (status, said) = std::thread::scope(|scope| {
        let activated = scope.spawn(activate);
        // Its approvals were counted before its files are read.
        let again = given(held, || ask("nam", "POST", "/v1/rules", &sent(&limit(1_000))).1);
        assert_eq!(again["approvals_lacking"], json!(1), "{again}");
        activated.join().unwrap()
    });
    assert_eq!((status, &said["type"]), (409, &json!("urn:weir:problem:approvals")), "{said}");
    assert_eq!(said["proposal"]["approved_by"], json!(["mai"]), "{said}");
    assert_ne!(ask("mai", "GET", "/v1/rules", &Value::Null).1["live"]["hash"], json!(hash));
    assert_eq!(activate().0, 409);
    replays(sidecar.stopped().path());
}
