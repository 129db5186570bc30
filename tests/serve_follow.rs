//! The program follows a rule file, makes keys for those who approve, and takes their approvals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, and has a clock"
)]

#[path = "support/commands.rs"]
mod commands;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use commands::{Folder, RULES};
use serde_json::{Value, json};
use weir::io::Bundle;

const PATIENCE: Duration = Duration::from_secs(60);

/// The program, serving in a folder.
struct Sidecar {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Sidecar {
    fn start(folder: &Folder, more: &str) -> Self {
        let line =
            format!("serve --rules rules.toml --journal j --listen 127.0.0.1:0 --admin 127.0.0.1:0 {more}");
        let mut child = folder.command(&line).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::<Mutex<String>>::default();
        let told = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                told.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        let sidecar = Self { child, log };
        until("it listens", || sidecar.log().matches("listening on").count() == 2);
        until("it is ready", || sidecar.ask(true, "GET", "/readyz", "", "").0 == 200);
        sidecar
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn ask(&self, admin: bool, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let log = self.log();
        let line =
            log.lines().find(|line| line.contains("http://") && line.contains("(admin") == admin).unwrap();
        let address = line.split_once("http://").unwrap().1.split_whitespace().next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let header =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let bytes = body.len();
        let sent = format!(
            "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\nweir-timeout-ms: 20000\r\n{header}content-length: {bytes}\r\n\r\n{body}"
        );
        stream.write_all(sent.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn decides(&self, amount: u64, payee: &str) -> String {
        let time_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let body = json!({
            "id": format!("t-{time_us}"), "time_us": time_us as u64, "amount_minor": amount, "currency": "VND",
            "account": time_us.to_string(), "payee": payee,
        });
        let (status, said) = self.ask(false, "POST", "/v1/decisions", "", &body.to_string());
        assert_eq!(status, 200, "{said}");
        said["outcome"].as_str().unwrap().to_owned()
    }

    /// Ends it in order.
    fn end(mut self) {
        let told = std::process::Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }
}

fn rules(amount: &str) -> String {
    RULES.replace("1_000_000", amount)
        + "[lists]\nbad = { file = \"bad.txt\", key = \"payee\" }\n[[rule]]\nid = \"bad\"\nwhen = \"payee in bad\"\nthen = \"block\"\nreason = \"bad\"\n"
}

#[test]
fn what_a_file_says_is_taken_up_where_it_has_no_errors_and_replays() {
    let folder = Folder::new();
    folder.put("rules.toml", rules("1_000_000"));
    folder.put("bad.txt", "eve\n");
    // Tokens stand for payees: lists are followed as they are kept, with tokens.
    let sidecar = Sidecar::start(&folder, "--follow");
    assert_eq!(
        (sidecar.decides(2_000_000, "bob"), sidecar.decides(5, "eve")),
        ("block".into(), "block".into())
    );
    folder.put("rules.toml", rules("5_000_000"));
    until("the rules are taken up", || sidecar.decides(2_000_000, "bob") == "allow");
    until("it is told", || {
        let log = sidecar.log();
        log.contains("a rule set was taken up") && log.contains("amount > 1_000_000 → amount > 5_000_000")
    });
    folder.put("rules.toml", rules("amuont"));
    until("the errors are told", || sidecar.log().contains("is not taken up"));
    let log = sidecar.log();
    assert!(log.contains("rules.toml:13:18: unknown name `amuont`"), "{log}");
    assert_eq!(sidecar.decides(2_000_000, "bob"), "allow", "what decided goes on");
    folder.put("rules.toml", rules("5_000_000"));
    folder.put("bad.txt", "eve\nbob\n");
    until("the list is taken up", || sidecar.decides(5, "bob") == "block");
    sidecar.end();
    folder.put("rules.toml", rules("7_000_000"));
    let sidecar = Sidecar::start(&folder, "--follow");
    until("what was written meanwhile is taken up", || sidecar.decides(6_000_000, "x") == "allow");
    let known = sidecar.ask(true, "GET", "/v1/rules", "", "").1;
    assert_eq!(known["live"]["by"], json!("the file that is followed"), "{known}");
    sidecar.end();
    let done = folder.run("replay --journal j");
    assert!(done.code == Some(0) && done.out.contains("reproduced"), "{done:?}");
}

#[test]
fn what_could_not_be_kept_is_taken_up_once_it_can() {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    let sidecar = Sidecar::start(&folder, "--follow");
    std::fs::rename(folder.path("j/kept"), folder.path("kept")).unwrap();
    std::fs::write(folder.path("j/kept"), "in its place").unwrap();
    folder.put("rules.toml", RULES.replace("1_000_000", "5_000_000"));
    until("it is told", || sidecar.log().contains("is not taken up"));
    assert_eq!(sidecar.decides(2_000_000, "bob"), "block");
    // Long enough to be tried again.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(sidecar.log().matches("is not taken up").count(), 1, "{}", sidecar.log());
    std::fs::remove_file(folder.path("j/kept")).unwrap();
    std::fs::rename(folder.path("kept"), folder.path("j/kept")).unwrap();
    until("it is taken up, though nobody wrote it again", || sidecar.decides(2_000_000, "bob") == "allow");
    sidecar.end();
}

#[test]
fn what_is_written_during_a_warm_up_is_taken_up_behind_it() {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    let sidecar = Sidecar::start(&folder, "--follow");
    for batch in 0..20 {
        let payment = |at: u64| {
            let time_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
            json!({"id": format!("m-{batch}-{at}"), "time_us": time_us, "amount_minor": 5, "currency": "VND", "account": "a"})
        };
        let body = json!((0..1_000).map(payment).collect::<Vec<_>>()).to_string();
        assert_eq!(sidecar.ask(false, "POST", "/v1/decisions:batch", "", &body).0, 200);
    }
    let rules =
        RULES.replace("[features]", "[features]\nmany = { count = \"*\", by = \"account\", over = \"30d\" }");
    let body = json!({"file": "r.toml", "files": {"r.toml": rules}}).to_string();
    let hash = sidecar.ask(true, "POST", "/v1/rules", "", &body).1["hash"].as_str().unwrap().to_owned();
    let (status, said) =
        sidecar.ask(true, "POST", &format!("/v1/rules/{hash}/activate"), "", "{\"warm\":true}");
    assert_eq!(status, 202, "{said}");
    folder.put("rules.toml", RULES.replace("1_000_000", "5_000_000"));
    let live = || sidecar.ask(true, "GET", "/v1/rules", "", "").1["live"].clone();
    until("the warm-up is over", || live()["by"] != Value::Null);
    until("what was written is taken up", || live()["by"] == json!("the file that is followed"));
    assert_eq!(sidecar.decides(2_000_000, "bob"), "allow");
    assert!(sidecar.log().contains("a rule set was warmed and decides"), "{}", sidecar.log());
    sidecar.end();
}

#[test]
fn a_file_is_not_followed_where_approvals_are_asked_for() {
    let folder = Folder::new();
    folder.put("weir.toml", "[rules]\nfile = \"rules.toml\"\nfollow = true\n[approvals]\nrequired = 1\n");
    let done = folder.run("config check weir.toml");
    assert_eq!(done.code, Some(1), "{done:?}");
    for said in
        ["taken up without any approval", "nobody is named who may approve", "nobody knows who proposes"]
    {
        assert!(done.err.contains(said), "{}", done.err);
    }
}

#[test]
fn a_rule_set_whose_law_is_stronger_than_what_is_declared_is_not_taken_up() {
    let folder = Folder::new();
    folder.put("rules.toml", RULES);
    let law = RULES.replace("1_000_000", "7").replace("then =", "tier = \"mandatory\"\nthen =");
    folder.put("law.toml", &law);
    folder.put("weir.toml", "[declared]\ndeadline = \"allow\"\n");
    let started =
        "serve --rules rules.toml --journal j --listen 127.0.0.1:0 --staged law.toml --config weir.toml";
    let refused = folder.run(started);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.err.contains("law.toml: `declared.deadline` is `allow`"), "{}", refused.err);
    // One that was staged when something else was declared is not taken up either.
    Sidecar::start(&folder, "--staged law.toml").end();
    let sidecar = Sidecar::start(&folder, "--config weir.toml");
    let rule_set = Bundle::read(&folder.path("law.toml")).unwrap().load().unwrap().rules.hash_text();
    let time_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    let control =
        json!({"kind": "control", "id": "c", "time_us": time_us, "control": "rule_set", "subject": rule_set});
    let (status, said) = sidecar.ask(false, "POST", "/v1/events", "", &control.to_string());
    assert_eq!((status, &said["type"]), (422, &json!("urn:weir:problem:rules")), "{said}");
    assert!(said["detail"].as_str().unwrap().contains("declared.deadline"), "{said}");
    assert_eq!(sidecar.decides(100, "x"), "allow");
    sidecar.end();
    // Where it goes with what is declared it is, and bodies are answered by it.
    let sidecar = Sidecar::start(&folder, "");
    let (status, said) = sidecar.ask(false, "POST", "/v1/events", "", &control.to_string());
    assert_eq!(status, 200, "{said}");
    assert_eq!(sidecar.decides(100, "x"), "block");
    sidecar.end();
}

#[test]
fn keys_are_made_and_approve_with_the_program() {
    let folder = Folder::new();
    let (mut access, mut tokens) = (String::new(), Vec::new());
    for name in ["eve", "mai"] {
        let done = folder.run(&format!("access new --name {name} --scope rules,score"));
        access += &done.out;
        tokens.push(done.err.lines().last().unwrap().to_owned());
    }
    folder.put("access.toml", &access);
    std::fs::set_permissions(folder.path("access.toml"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let made = folder.run("rules key --name mai mai.key");
    assert_eq!(made.code, Some(0), "{made:?}");
    folder.put("approvers.toml", &made.out);
    let again = folder.run("rules key --name mai mai.key");
    assert!(again.code == Some(3) && again.err.contains("is there already"), "{again:?}");
    folder.put("weir.toml", "[approvals]\nrequired = 1\nfile = \"approvers.toml\"\n");
    folder.put("approvers.toml", made.out.replace("name = \"mai\"", "name = \"mai\"\ncaller = \"mia\""));
    let checked = folder
        .run("config check --config weir.toml --access access.toml --rules rules.toml --listen 127.0.0.1:0");
    assert!(checked.code != Some(0) && (checked.out + &checked.err).contains("the caller `mia`"));
    folder.put("approvers.toml", &made.out);
    let sidecar = Sidecar::start(&folder, "--config weir.toml --access access.toml");
    let body = json!({"file": "r.toml", "files": {"r.toml": RULES.replace("1_000_000", "7")}}).to_string();
    let (status, said) = sidecar.ask(true, "POST", "/v1/rules", &tokens[0], &body);
    assert_eq!((status, &said["approvals_lacking"]), (201, &json!(1)), "{said}");
    let hash = said["hash"].as_str().unwrap();
    let id = sidecar.ask(true, "GET", "/v1/rules", &tokens[0], "").1["journal"].as_str().unwrap().to_owned();
    let activate = || sidecar.ask(true, "POST", &format!("/v1/rules/{hash}/activate"), &tokens[0], "");
    assert_eq!(activate().0, 409);
    let signed = folder.run(&format!("rules sign --key mai.key --name mai --hash {hash} --journal-id {id}"));
    let (status, said) =
        sidecar.ask(true, "POST", &format!("/v1/rules/{hash}/approvals"), &tokens[1], &signed.out);
    assert_eq!((status, &said["approved_by"]), (200, &json!(["mai"])), "{said}");
    assert_eq!(activate().0, 200);
    sidecar.end();
}
