//! Lists and rates that are changed by request, the rules being the same.

use serde_json::{Value, json};

use super::sidecar::{Sidecar, request};
use super::{activate, ask, decide, named, now_us, replays, settings};

const MORE: &str = "\n[lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n[rates]\nfile = \"rates.csv\"\notherwise = \"block\"\n\
    [[rule]]\nid = \"bad\"\nwhen = \"payee in bad\"\nthen = \"block\"\nreason = \"listed\"\n";

fn proposed(sidecar: &Sidecar, bad: &str, rate: u32) -> Value {
    let rates = format!("valid_from,currency,rate\n2020-01-01,USD,{rate}\n");
    let files = json!({"bad.txt": bad, "rates.csv": rates, "unused.txt": "x"});
    with_files(sidecar, &named("listed", MORE), files)
}

/// What is said where a rule file is proposed with these files.
fn with_files(sidecar: &Sidecar, rules: &str, mut files: Value) -> Value {
    files["r.toml"] = rules.into();
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
    // What declares no such list, or another one, would lose what the event put on.
    let without = with_files(&sidecar, &named("without", ""), json!({}));
    assert_eq!(without["diff"]["lost"], json!([{"list": "bad", "entries": 1}]), "{without}");
    let other = named("listed", "[lists]\nbad = { key = \"payee\" }\n");
    let renamed = with_files(&sidecar, &other, json!({}));
    assert_eq!(renamed["diff"]["lost"], json!([{"list": "bad", "entries": 1}]), "{renamed}");
    assert_eq!((&first["diff"]["lost"], &second["diff"]["lost"]), (&Value::Null, &Value::Null));
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

#[test]
fn what_decides_is_never_guessed_after_a_cut() {
    let sidecar = Sidecar::start(settings());
    let first = hash(&proposed(&sidecar, "eve\n", 20_000));
    activate(&sidecar, &first);
    // The same rules with other lists, which nobody ever takes up but one.
    let others: Vec<String> =
        (0..6).map(|at| hash(&proposed(&sidecar, &format!("x{at}\n"), 20_000))).collect();
    let second = hash(&proposed(&sidecar, "mallory\n", 20_000));
    activate(&sidecar, &second);
    let folder = sidecar.stopped();
    let journal = folder.path().join("journal");
    let mut segments: Vec<_> =
        std::fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "journal"));
    segments.sort();
    let whole = std::fs::read(&segments[segments.len() - 1]).unwrap();
    // A record is its head of 60 bytes, with its length first, and what it says.
    let (mut at, mut ends) = (96, Vec::new());
    while let Some(length) = whole.get(at..at + 4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
    {
        if length == 0 {
            break;
        }
        let end = at + 60 + length as usize;
        ends.push((String::from_utf8_lossy(&whole[at + 60..end]).into_owned(), end));
        at = end;
    }
    let begins = ends.iter().rposition(|(said, _)| said.contains("\"control\":\"activated\"")).unwrap();
    let decides = ends.iter().rposition(|(said, _)| said.contains("\"control\":\"decides\"")).unwrap();
    let taken = ends.iter().rposition(|(said, _)| said.contains("weir-rules-")).unwrap();
    assert!(begins < taken && taken < decides);
    for cut in (begins..decides).rev() {
        // As it was when the process was killed there, before anything was written behind.
        std::fs::write(&segments[segments.len() - 1], &whole[..ends[cut].1]).unwrap();
        let copy = tempfile::tempdir().unwrap();
        copied(folder.path(), copy.path());
        let sidecar = Sidecar::in_folder(settings(), copy).unwrap();
        let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
        let blocks = decide(&sidecar, "q", 5, ",\"payee\":\"mallory\"")["outcome"] == "block";
        assert_eq!(blocks, cut >= taken, "{cut}");
        let is = if blocks { &second } else { &first };
        assert_eq!(known["live"]["hash"], json!(is), "cut behind {}: {known}", ends[cut].0);
        assert!(others.iter().all(|other| known["before"]["hash"] != json!(other)), "{known}");
        drop(sidecar.stopped());
    }
    // What nobody took up stops nothing, though it was damaged, and what is refused is not kept.
    std::fs::write(&segments[segments.len() - 1], &whole).unwrap();
    std::fs::write(journal.join("kept").join(&others[0]).join("bad.txt"), "damaged").unwrap();
    let sidecar = Sidecar::in_folder(settings(), folder).unwrap();
    let kept = || std::fs::read_dir(journal.join("kept")).unwrap().count();
    let before = kept();
    let dollars = json!({"file": "r.toml", "files": {"r.toml": named("usd", "").replace("VND", "USD")}});
    assert_eq!(ask(&sidecar, "POST", "/v1/rules", dollars).0, 409);
    let long = "x".repeat(256);
    for path in ["SHA256SUMS", "SHA256SUMS.new", &long] {
        let body = json!({"file": path, "files": {path: named("sums", "")}});
        let (status, said) = ask(&sidecar, "POST", "/v1/rules", body);
        assert_eq!(status, 422, "{said}");
    }
    assert_eq!(kept(), before);
    for path in [format!("/v1/rules/{first}/shadow"), format!("/v1/rules/{second}/shadow")] {
        let (status, said) = ask(&sidecar, "POST", &path, Value::Null);
        assert!(
            status == 409 && said["detail"].as_str().unwrap().contains("lists and rates alone"),
            "{said}"
        );
    }
    replays(sidecar.stopped().path());
}

fn copied(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copied(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}
