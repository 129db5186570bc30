//! The sidecar as whoever operates it sees it: signals, exit codes, what it tells and what it measures.
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

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use commands::{Folder, payment};

const TIME_US: i64 = 1_795_341_600_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, serving in a folder.
struct Sidecar {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEIR_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--rules", "rules.toml", "--listen", "127.0.0.1:0", "--journal", "j"]);
    command.envs(variables.iter().copied()).current_dir(folder).stderr(Stdio::piped());
    command
}

impl Sidecar {
    fn start(folder: &Folder, variables: &[(&str, &str)]) -> Self {
        Self::of(command(&folder.path(""), variables))
    }

    /// Waits until it is ready.
    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, lines) = channel();
        std::thread::Builder::new()
            .spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))))
            .unwrap();
        let line = loop {
            let line = lines.recv_timeout(PATIENCE).unwrap();
            if line.contains("listening on http://") {
                break line;
            }
        };
        let address = line.split_once("http://").unwrap().1;
        let end = address.find('"').unwrap_or(address.len());
        let sidecar = Self { child, lines, address: address[..end].to_owned() };
        let begun = Instant::now();
        while sidecar.get("/readyz").status != 200 {
            assert!(begun.elapsed() < PATIENCE, "it is not ready");
            std::thread::sleep(Duration::from_millis(10));
        }
        sidecar
    }

    fn connect(&self) -> TcpStream {
        connect(&self.address).unwrap()
    }

    fn get(&self, path: &str) -> Answer {
        ask(&mut BufReader::new(self.connect()), "GET", path, "", "").unwrap()
    }

    fn decide(&self, body: &str, header: &str) -> Answer {
        ask(&mut BufReader::new(self.connect()), "POST", "/v1/decisions", header, body).unwrap()
    }

    fn tell(&self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
    }

    /// How it ends, and what it told since it was ready.
    fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status, self.lines.iter().collect())
    }
}

fn connect(address: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A request on a connection that stays open, and its answer; none where the connection has ended.
fn ask(
    stream: &mut BufReader<TcpStream>,
    method: &str,
    path: &str,
    header: &str,
    body: &str,
) -> Option<Answer> {
    let bytes = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: weir\r\n{header}content-length: {bytes}\r\n\r\n{body}");
    stream.get_mut().write_all(request.as_bytes()).ok()?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            assert!(head.is_empty(), "half an answer: {head}");
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let bytes = lower.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut body = vec![0; bytes.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: lower, body: String::from_utf8(body).unwrap() })
}

#[test]
fn told_to_end_under_load_it_answers_snapshots_and_goes_on_with_nothing_lost() {
    let folder = Folder::new();
    let variables = [("WEIR_BOUNDS_DEADLINE", "20s")];
    let sidecar = Sidecar::start(&folder, &variables);
    let (tell, told) = channel();
    let mut clients = Vec::new();
    for client in 0..4 {
        let (address, tell) = (sidecar.address.clone(), tell.clone());
        clients.push(std::thread::Builder::new().spawn(move || {
            let mut answers = Vec::new();
            let mut stream = BufReader::new(connect(&address).unwrap());
            for at in 0.. {
                let id = format!("c{client}-{at}");
                let body = payment(&id, TIME_US + at, 5 + at);
                match ask(&mut stream, "POST", "/v1/decisions", "", &body) {
                    Some(answer) => answers.push((id, body, answer)),
                    // It ended the connection, and so takes no other either.
                    None => break,
                }
                let _ = tell.send(());
            }
            answers
        }));
    }
    for _ in 0..100 {
        told.recv_timeout(PATIENCE).unwrap();
    }
    sidecar.tell();
    let answers: Vec<_> = clients.into_iter().flat_map(|client| client.unwrap().join().unwrap()).collect();
    let (status, lines) = sidecar.ended();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    for line in ["told to end", "draining", "the snapshot is written", "ended in order"] {
        assert!(lines.iter().any(|told| told.contains(line)), "{line} is not in {lines:#?}");
    }
    let mut decided = BTreeMap::new();
    for (id, body, answer) in answers {
        match answer.status {
            200 => drop(decided.insert(id, (body, answer.body))),
            503 => assert!(answer.body.contains("urn:weir:problem:draining"), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
    assert!(decided.len() >= 100);

    let replayed = folder.run("replay --journal j");
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let mut again = command(&folder.path(""), &variables);
    let sidecar = Sidecar::of(std::mem::replace(&mut again, Command::new("true")));
    for (id, (body, before)) in &decided {
        let now = sidecar.decide(body, "");
        assert_eq!((now.status, &now.body), (200, before), "{id}");
    }
    sidecar.tell();
    let (status, _) = sidecar.ended();
    assert_eq!(status.code(), Some(0));
    let shown = folder.run("replay --journal j");
    assert_eq!(shown.code, Some(0), "{shown:?}");
}

#[test]
fn a_start_goes_on_from_the_snapshot_of_the_end() {
    let folder = Folder::new();
    for (variables, said) in [
        (&[][..], ": begun"),
        (&[("WEIR_JOURNAL_SNAPSHOT_ON_EXIT", "false")][..], "from the snapshot after record"),
    ] {
        let mut command = command(&folder.path(""), variables);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let found = lines.find(|line| line.contains("journal j: ")).unwrap();
        assert!(found.contains(said), "{found}");
        if said != ": begun" {
            assert!(found.contains(" 0 events were taken in again"), "{found}");
        }
        lines.find(|line| line.contains(" ready ")).unwrap();
        let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(told.success());
        let rest: Vec<_> = lines.collect();
        assert_eq!(rest.iter().any(|line| line.contains("snapshot")), variables.is_empty(), "{rest:?}");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

/// All files of a folder with what they hold.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn told_to_end_while_it_recovers_it_ends_before_it_is_ready() {
    let folder = Folder::new();
    let events: String = (0..40_000).map(|at| payment(&format!("p-{at}"), TIME_US + at, 5)).collect();
    folder.put("events.ndjson", events);
    let score =
        "score --rules rules.toml --journal j --durability async:1000ms --input events.ndjson --output d";
    let done = folder.run(score);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let before = files(&folder.path("j"));
    for taken_in in [0, 1_000] {
        let mut child = command(&folder.path(""), &[]).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("listening on http://")).unwrap();
        let mut stream = BufReader::new(connect(line.split_once("http://").unwrap().1).unwrap());
        loop {
            let said = ask(&mut stream, "GET", "/readyz", "", "").unwrap();
            assert!(said.status == 503 && said.body.contains("recovering"), "too soon: {said:?}");
            let said: serde_json::Value = serde_json::from_str(&said.body).unwrap();
            if said["events"].as_u64() >= Some(taken_in) {
                break;
            }
        }
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        drop(stream);
        let rest: Vec<_> = lines.collect();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("ended in order")), "{rest:?}");
        assert!(!rest.iter().any(|line| line.contains(" ready ") || line.contains("snapshot")), "{rest:?}");
        assert!(before == files(&folder.path("j")), "after {taken_in} the journal is another");
    }
}

#[test]
fn told_twice_it_ends_at_once() {
    let folder = Folder::new();
    let sidecar = Sidecar::start(&folder, &[("WEIR_BOUNDS_DRAIN", "10m")]);
    let mut half = sidecar.connect();
    half.write_all(b"POST /v1/decisions HTTP/1.1\r\nhost: weir\r\ncontent-length: 100\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    sidecar.tell();
    let begun = Instant::now();
    let draining = sidecar.lines.iter().find(|line| line.contains("draining"));
    assert!(draining.is_some());
    while TcpStream::connect(&sidecar.address).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "connections are taken still");
        std::thread::sleep(Duration::from_millis(10));
    }
    sidecar.tell();
    let (status, lines) = sidecar.ended();
    assert_eq!(status.code(), Some(3), "{lines:?}");
    assert!(begun.elapsed() < PATIENCE, "it waited");
}

#[test]
fn a_drain_has_an_end() {
    let folder = Folder::new();
    let sidecar = Sidecar::start(&folder, &[("WEIR_BOUNDS_DRAIN", "300ms")]);
    let mut half = sidecar.connect();
    half.write_all(b"POST /v1/decisions HTTP/1.1\r\nhost: weir\r\ncontent-length: 100\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    sidecar.tell();
    let (status, lines) = sidecar.ended();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_journal_that_fails_is_told_and_ends_with_3() {
    let folder = Folder::new();
    let inner = command(&folder.path(""), &[]);
    let mut limited = Command::new("sh");
    // No file may be longer than some ten kilobytes.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 60; exec \"$@\"", "sh"]).arg(inner.get_program());
    limited.args(inner.get_args()).current_dir(folder.path("")).stderr(Stdio::piped());
    limited.env("WEIR_LOG_FORMAT", "json").env("WEIR_BOUNDS_DEADLINE", "20s");
    let sidecar = Sidecar::of(limited);
    let failed = |sidecar: &Sidecar| {
        let page = sidecar.get("/metrics").body;
        page.lines().any(|line| line == "weir_journal_failed 1")
    };
    let mut durable = Vec::new();
    for at in 0..2_000 {
        let body = payment(&format!("f-{at}"), TIME_US + at, 5);
        let answer = sidecar.decide(&body, "");
        if answer.status == 200 && !answer.body.contains("\"durable\":false") {
            durable.push((body, answer.body));
        } else if failed(&sidecar) {
            break;
        }
    }
    assert!(failed(&sidecar) && durable.len() > 10, "{}", durable.len());
    assert_eq!(sidecar.get("/healthz").status, 200, "it goes on");
    sidecar.tell();
    let (status, lines) = sidecar.ended();
    assert_eq!(status.code(), Some(3), "{lines:?}");
    let last: serde_json::Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert!(last["level"] == "ERROR" && last["message"].as_str().unwrap().contains("the journal"), "{last}");

    let sidecar = Sidecar::start(&folder, &[("WEIR_BOUNDS_DEADLINE", "20s")]);
    for (body, before) in &durable {
        let now = sidecar.decide(body, "");
        assert_eq!((now.status, &now.body), (200, before));
    }
}

#[test]
fn what_is_measured_and_told_holds_no_identifier() {
    let folder = Folder::new();
    let variables =
        [("WEIR_LOG_FORMAT", "json"), ("WEIR_LOG_LEVEL", "debug"), ("WEIR_BOUNDS_DEADLINE", "20s")];
    let sidecar = Sidecar::start(&folder, &variables);
    let secret = |id: &str, minor: i64, more: &str| {
        let line = payment(id, TIME_US, minor).replace("\"a\"", "\"9704366812345678\"");
        line.replace("}\n", &format!("{more}}}"))
    };
    let first = sidecar.decide(&secret("secret-1", 5, ",\"portal\":\"mobile\""), "x-request-id: gw-7\r\n");
    assert!(first.status == 200 && first.head.contains("x-request-id: gw-7\r\n"), "{first:?}");
    let portal = ",\"portal\":\"0912345678\",\"provider\":\"napas\"";
    let blocked = sidecar.decide(&secret("secret-2", 2_000_000, portal), "x-request-id: no \"good\r\n");
    assert!(blocked.body.contains("\"block\"") && !blocked.head.contains("good"), "{blocked:?}");
    assert_eq!(sidecar.decide(&secret("secret-1", 6, ""), "").status, 409);
    assert_eq!(sidecar.decide("{\"account\":\"9704366812345678\"", "").status, 400);
    assert_eq!(sidecar.get("/v1/decisions/secret-1/nothing").status, 404);
    std::thread::sleep(Duration::from_millis(400));
    let page = sidecar.get("/metrics");
    assert!(page.head.contains("content-type: application/openmetrics-text"), "{}", page.head);
    assert!(page.body.ends_with("# EOF\n"));
    for line in [
        "weir_decisions_total{outcome=\"allow\"} 1",
        "weir_decisions_total{outcome=\"block\"} 1",
        "weir_decisions_by_portal_total{portal=\"mobile\",outcome=\"allow\"} 1",
        "weir_decisions_by_portal_total{portal=\"other\",outcome=\"block\"} 1",
        "weir_decisions_by_provider_total{provider=\"napas\",outcome=\"block\"} 1",
        "weir_rules_fired_total{rule=\"large\"} 1",
        "weir_answers_total{kind=\"transaction\",answer=\"decided\"} 2",
        "weir_bad_bodies_total 1",
        "weir_stage{stage=\"ready\"} 1",
        // The id that was used again is put down as well.
        "weir_stage_duration_seconds_count{stage=\"journal\"} 3",
        "weir_stage_duration_seconds_count{stage=\"step\"} 3",
        "weir_stage_duration_seconds_count{stage=\"batch\"} 3",
        "weir_stage_duration_seconds_count{stage=\"disk\"} 3",
        "weir_stage_duration_seconds_count{stage=\"write\"} 3",
        // Of the five, one is no event.
        "weir_stage_duration_seconds_count{stage=\"parse\"} 3",
        "weir_stage_duration_seconds_count{stage=\"read\"} 4",
        "weir_stage_duration_seconds_count{stage=\"whole\"} 4",
        "weir_queue_events 0",
        "weir_journal_behind_records 0",
        "weir_step_ups_open 0",
        "weir_allows_unreported 1",
        "weir_keys 1",
        "# TYPE weir_allows_unreported gauge",
        "# TYPE weir_keys gauge",
    ] {
        assert!(page.body.lines().any(|told| told == line), "{line} is not in\n{}", page.body);
    }
    let time_us = TIME_US + 9;
    let executed = format!(
        "{{\"kind\":\"execution\",\"id\":\"x-1\",\"time_us\":{time_us},\"transaction\":\"secret-1\",\"result\":\"succeeded\"}}"
    );
    let reported = ask(&mut BufReader::new(sidecar.connect()), "POST", "/v1/events", "", &executed).unwrap();
    assert_eq!(reported.status, 200, "{reported:?}");
    let after = sidecar.get("/metrics").body;
    assert!(after.lines().any(|told| told == "weir_allows_unreported 0"), "{after}");
    sidecar.tell();
    let (status, lines) = sidecar.ended();
    assert_eq!(status.code(), Some(0));
    let told: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |said: &[(&str, serde_json::Value)]| {
        let line = told.iter().find(|line| said.iter().all(|(key, value)| line[key] == *value));
        assert!(line.is_some(), "{said:?} is not in {told:#?}");
    };
    let route = ("route", "/v1/decisions".into());
    has(&[("message", "answered".into()), ("request", "gw-7".into()), route.clone()]);
    has(&[("message", "refused".into()), ("status", 409.into()), ("problem", "id-reused".into()), route]);
    has(&[("message", "refused".into()), ("status", 400.into()), ("problem", "bad-event".into())]);
    for text in [page.body, lines.join("\n")] {
        for secret in ["9704", "secret", "0912", "good"] {
            assert!(!text.contains(secret), "{secret} is in\n{text}");
        }
    }
}

#[test]
fn idle_connections_leave_the_journal_its_files() {
    let folder = Folder::new();
    let inner = command(&folder.path(""), &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200; exec \"$@\"", "sh"]).arg(inner.get_program());
    limited.args(inner.get_args()).current_dir(folder.path("")).stderr(Stdio::piped());
    // A snapshot opens files, as the next segment of the journal does.
    limited.env("WEIR_BOUNDS_DEADLINE", "20s").env("WEIR_JOURNAL_SNAPSHOT_EVERY_EVENTS", "1000");
    limited.env("WEIR_LOG_FORMAT", "json");
    let sidecar = Sidecar::of(limited);
    let mut open = BufReader::new(sidecar.connect());
    assert_eq!(ask(&mut open, "GET", "/healthz", "", "").unwrap().status, 200);
    let idle: Vec<TcpStream> = (0..300).map(|_| sidecar.connect()).collect();
    let metric = |open: &mut BufReader<TcpStream>, name: &str| -> f64 {
        let page = ask(open, "GET", "/metrics", "", "").unwrap().body;
        let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split_once(' ').unwrap().1.parse().unwrap()
    };
    for of in 0..12 {
        let bodies: Vec<String> =
            (0..100).map(|at| payment(&format!("i-{of}-{at}"), TIME_US + of * 100 + at, 5)).collect();
        let body = format!("[{}]", bodies.join(","));
        let answer = ask(&mut open, "POST", "/v1/decisions:batch", "", &body).unwrap();
        assert!(answer.status == 200 && !answer.body.contains("durable"), "{answer:?}");
        assert_eq!(answer.body.matches("\"outcome\":\"allow\"").count(), 100, "{answer:?}");
    }
    let begun = Instant::now();
    while metric(&mut open, "weir_snapshots_total") < 1.0 {
        assert!(begun.elapsed() < PATIENCE, "no snapshot is written");
        // That a snapshot is whole shows with the next event.
        let body = payment("last", TIME_US + 1_200, 5);
        assert_eq!(ask(&mut open, "POST", "/v1/decisions", "", &body).unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        (metric(&mut open, "weir_snapshot_failed"), metric(&mut open, "weir_journal_failed")),
        (0.0, 0.0)
    );
    drop((idle, open));
    sidecar.tell();
    assert_eq!(sidecar.ended().0.code(), Some(0));
}

#[test]
fn fewer_connections_than_asked_for_are_told() {
    let folder = Folder::new();
    let inner = command(&folder.path(""), &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200; exec \"$@\"", "sh"]).arg(inner.get_program());
    limited.args(inner.get_args()).current_dir(folder.path("")).stderr(Stdio::piped());
    let mut child = limited.env("WEIR_LOG_FORMAT", "json").spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.find(|line| line.contains("fewer connections")).unwrap();
    let _ = child.kill();
    let _ = child.wait();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["level"], &told["limit"], &told["connections_max"], &told["connections_max_asked"]),
        (&"WARN".into(), &200.into(), &100.into(), &10_000.into())
    );
}

#[test]
fn what_is_shipped_lets_the_gateway_in() {
    let folder = Folder::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let read = |name: &str| std::fs::read_to_string(shipped.join(name)).unwrap();
    // This user is the gateway's here, and the folders are in one.
    let own = std::fs::metadata(folder.path("rules.toml")).unwrap().uid();
    let access = read("access.toml");
    assert!(access.contains("uid = 8421\n"), "what Dockerfile and unit say");
    folder.put("access.toml", access.replace("uid = 8421\n", &format!("uid = {own}\n")));
    std::fs::set_permissions(folder.path("access.toml"), PermissionsExt::from_mode(0o600)).unwrap();
    let here = folder.path("");
    let here = here.to_str().unwrap().trim_end_matches('/');
    let config = read("weir.toml").replace("/etc/weir/rules/retail.toml", &format!("{here}/rules.toml"));
    let config = ["/etc/weir", "/var/lib/weir", "/run/weir"]
        .iter()
        .fold(config, |text, at| text.replace(&format!("\"{at}/"), &format!("\"{here}/")));
    folder.put("weir.toml", config);
    let mut command = folder.command("serve --config weir.toml");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("weir.sock")));
    assert!(lines.any(|line| line.contains("\"ready\"")));
    let asked = |path: &str, body: &str| {
        let mut stream = UnixStream::connect(folder.path("weir.sock")).unwrap();
        let method = if body.is_empty() { "GET" } else { "POST" };
        let bytes = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\nweir-timeout-ms: 20000\r\ncontent-length: {bytes}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let (decided, rules) = (asked("/v1/decisions", &payment("s-1", TIME_US, 5)), asked("/metrics", ""));
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(
        (decided.as_str(), rules.as_str()),
        ("200", "403"),
        "it may score, and has no more scopes than it needs"
    );
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        #[allow(clippy::print_stderr, reason = "a test that did not run says so")]
        {
            eprintln!("skipped: there is no systemd-analyze here");
        }
        return;
    }
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/weir.service");
    let text = std::fs::read_to_string(unit).unwrap();
    // The program need not be installed where this runs.
    let text = text.replace("/usr/local/bin/weir", env!("CARGO_BIN_EXE_weir"));
    let folder = Folder::new();
    folder.put("weir.service", &text);
    let path = folder.path("weir.service");
    let done = Command::new("systemd-analyze").arg("verify").arg(path).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
