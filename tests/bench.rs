//! The load generator is one that can be believed: a stall shows, a slow and obvious generator agrees with it, counts add up
//! whatever happens, wrong answers are found, and its maximum is a request that the sidecar knows.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, has a clock, and documents nothing"
)]

#[path = "support/blocking.rs"]
mod blocking;
#[path = "support/sidecar.rs"]
mod sidecar;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::thread::Builder;
use std::time::Duration;

use blocking::Door;
use serde_json::Value;
use sidecar::{Sidecar, here, request};
use weir::bench::{
    Answer, Arrivals, Endpoint, Frames, Http, Ids, Load, Payments, Responder, Said, Tally, Unreadable, Wire,
    drive, schedule, stall_test,
};
use weir::decision::Outcome;
use weir::frames::{Header, Type};
use weir::server::{Listen, Settings};

const SECOND_NS: u64 = 1_000_000_000;

fn weir(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("bench").args(["--jitter", "50ms", "--warm-up", "300ms"]).args(args).output().unwrap()
}

fn succeeded(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn load(schedule: &[u64], end_ns: u64, connections: usize) -> Load<'_> {
    let (patience, drain) = (Duration::from_millis(500), Duration::from_secs(5));
    Load { schedule, warm_up_ns: 0, end_ns, first_number: 0, connections, patience, drain, spin: false }
}

/// What is measured of somebody over four connections, at 200 requests a second for a second.
fn measured(address: SocketAddr) -> Tally {
    let ids = Ids::new("t");
    let times = schedule(&Arrivals::Poisson, 200.0, SECOND_NS, 1).unwrap();
    let http = Http::new("t", ids.clone(), Some("secret"), None);
    drive(&Endpoint::Tcp(address), &http, &Payments::new(ids), &load(&times, SECOND_NS, 4)).unwrap()
}

#[test]
fn a_stall_of_100_ms_shows_in_p99_9() {
    let told = succeeded(&weir(&["--self-test"]));
    assert!(told.contains("from their intended times"), "{told}");
    let test = stall_test(7).unwrap();
    assert!(test.faults().is_empty(), "{:?}", test.faults());
    assert!(test.tally.latency.value_at_quantile(0.999) > 80_000_000);
    assert!(test.delayed >= 4 * test.delayed_service, "{} {}", test.delayed, test.delayed_service);
}

/// The real generator and the slow and obvious one ask the same somebody at once, whose times are known.
fn both_agree(door: Door, address: SocketAddr) {
    let (end_ns, connections) = (4 * SECOND_NS, 16);
    // Times and ids of their own: the same would meet each other at every request.
    let of = |seed| {
        let times = schedule(&Arrivals::Poisson, 100.0, end_ns, seed).unwrap();
        (times, Ids::new(&format!("agree{seed}")))
    };
    let ((times, ids), (times_slow, ids_slow)) = (of(3), of(4));
    let wire: Box<dyn Wire> = match door {
        Door::Http => Box::new(Http::new("agree", ids.clone(), None, None)),
        Door::Frames => Box::new(Frames::new(ids.clone(), None, 0, 1, false)),
    };
    let (fast, slow) = std::thread::scope(|scope| {
        let slow = || blocking::measure(door, address, &Payments::new(ids_slow), &times_slow, connections);
        let slow = scope.spawn(slow);
        let load = load(&times, end_ns, connections);
        let fast = drive(&Endpoint::Tcp(address), &*wire, &Payments::new(ids), &load).unwrap();
        (fast, slow.join().unwrap())
    });
    assert!(fast.faults().is_empty() && fast.served_all(), "{door:?}: {:?} {:?}", fast.faults(), fast.counts);
    assert_eq!(slow.len(), times_slow.len());
    for (quantile, known_ms) in [(0.5, 4.0), (0.9, 12.0), (0.99, 40.0)] {
        let ms = |ns: u64| ns as f64 / 1e6;
        let (of_fast, of_slow) =
            (ms(fast.latency.value_at_quantile(quantile)), ms(slow[(slow.len() as f64 * quantile) as usize]));
        let told = format!("{door:?}, p{quantile}: {of_fast} and {of_slow} ms of {known_ms}");
        // A thread that sleeps is woken late on a busy machine, in both.
        assert!((of_fast - of_slow).abs() < 0.2 * known_ms + 1.0, "{told}");
        assert!(of_fast >= known_ms * 0.999 && of_slow >= known_ms, "{told}");
    }
}

#[test]
fn a_slow_and_obvious_generator_agrees_at_once() {
    // One request in five takes three times as long and one in fifty ten times; which one is told by its id.
    let service = |id: &str| {
        let number: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
        Duration::from_millis(match number {
            _ if number.is_multiple_of(50) => 40,
            _ if number.is_multiple_of(5) => 12,
            _ => 4,
        })
    };
    let responder = Responder::start(None, service).unwrap();
    both_agree(Door::Http, responder.address());
    both_agree(Door::Frames, blocking::answer_in_frames(service));
}

#[test]
fn a_served_sidecar_decides_all_and_knows_the_slowest() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("weir.sock");
    let listen = Listen { unix: Some(socket.clone()), ..here() };
    let settings = Settings { listen, journal: folder.path().join("journal"), ..Settings::default() };
    let sidecar = Sidecar::in_folder(settings, folder).unwrap();
    let targets = [format!("http://{}", sidecar.tcp()), format!("unix:{}", socket.display())];
    for target in targets {
        let out = tempfile::tempdir().unwrap();
        let to = out.path().to_str().unwrap();
        let (rate, accounts) = (["--rate", "500", "--duration", "2s"], ["--accounts", "200"]);
        let mut args = vec!["--target", &target, "--out", to, "--timeout", "10s"];
        args.extend(rate.into_iter().chain(accounts));
        let table = succeeded(&weir(&args));
        assert!(table.contains("offered/s"), "{table}");
        let run: Value =
            serde_json::from_slice(&std::fs::read(out.path().join("run.json")).unwrap()).unwrap();
        assert_eq!(run["faults"], serde_json::json!([]));
        let figures = &run["runs"][0];
        let counts = &figures["counts"];
        let sent = counts["sent"].as_u64().unwrap();
        let decided: u64 = counts["decided"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert!((800..1_200).contains(&sent), "{counts}");
        assert_eq!(decided, sent, "{counts}");
        // The histogram's maximum, to its three digits, is the slowest request, which the sidecar's journal has.
        let slowest = &figures["slowest"][0];
        let of = |value: &Value| value.as_f64().unwrap();
        let (named, max) = (of(&slowest["latency_ns"]), of(&figures["latency"]["max_ns"]));
        assert!((named - max).abs() <= max / 500.0, "{slowest} {max}");
        let path = format!("/v1/decisions/{}", slowest["id"].as_str().unwrap());
        let known = sidecar.ask(&request("GET", &path, "", ""));
        assert_eq!(known.status, 200, "{known:?}");
        for file in ["percentiles.svg", "jitter.hgrm", "latency-500.hgrm", "service-500.hgrm"] {
            assert!(std::fs::metadata(out.path().join(file)).unwrap().len() > 300, "{file}");
        }
    }
}

#[test]
fn where_the_time_goes_is_told_stage_by_stage() {
    let folder = tempfile::tempdir().unwrap();
    let socket = |name: &str| folder.path().join(name);
    let (http, door) = (socket("weir.sock"), socket("frames.sock"));
    let settings = Settings {
        listen: Listen { unix: Some(http.clone()), ..here() },
        binary: Listen { unix: Some(door.clone()), ..Listen::default() },
        journal: socket("journal"),
        ..Settings::default()
    };
    let sidecar = Sidecar::in_folder(settings, folder).unwrap();
    let (tcp, http) = (format!("http://{}", sidecar.tcp()), format!("unix:{}", http.display()));
    let door = format!("unix:{}", door.display());
    let with_frames = ["--target", &door, "--frames", "--stages", &http];
    for args in [&["--target", &tcp, "--stages"][..], &with_frames] {
        let out = tempfile::tempdir().unwrap();
        let more = ["--rate", "300", "--duration", "1s", "--timeout", "10s", "--connections", "8"];
        let to = ["--out", out.path().to_str().unwrap()];
        let table = succeeded(&weir(&[args, &more, &to].concat()));
        let run: Value =
            serde_json::from_slice(&std::fs::read(out.path().join("run.json")).unwrap()).unwrap();
        let figures = &run["runs"][0];
        let number = |value: &Value| value.as_f64().unwrap();
        // All of them, those that warmed up as well.
        let asked = number(&figures["counts"]["sent"]) + number(&figures["warm_up_requests"]);
        let stages = figures["stages"].as_array().unwrap();
        let names: Vec<_> = stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
        let all = ["read", "parse", "queue", "journal", "step", "batch", "disk", "write", "whole", "rest"];
        assert_eq!(names, all, "{args:?}");
        for (name, stage) in all.iter().zip(stages) {
            assert_eq!(number(&stage["count"]), asked, "{args:?} {name}");
            assert!(table.lines().any(|line| line.starts_with(name)), "{name}: {table}");
        }
        let mean_of = |name: &str| {
            let stage = stages.iter().find(|stage| stage["stage"] == name).unwrap();
            number(&stage["mean_ns"])
        };
        let parts: f64 = all[..8].iter().map(|name| mean_of(name)).sum();
        let (whole, rest) = (mean_of("whole"), mean_of("rest"));
        assert!(all[1..8].iter().all(|name| mean_of(name) > 0.0), "{table}");
        assert!(parts <= whole + 1_000.0 && (whole - parts - rest).abs() < 1_000.0, "{table}");
        // Nothing of note is in no stage.
        assert!(rest < 0.3 * whole, "{table}");
        let shares: f64 = stages.iter().filter_map(|stage| stage["share"].as_f64()).sum();
        assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    }
    let nobody_tells = weir(&["--target", &door, "--frames", "--stages", "--rate", "5"]);
    assert_eq!(nobody_tells.status.code(), Some(3));
    let told = String::from_utf8_lossy(&nobody_tells.stderr);
    assert!(told.contains("a binary door tells no metrics"), "{told}");
}

#[test]
fn a_server_without_stages_is_told() {
    let responder = Responder::start(None, |_| Duration::ZERO).unwrap();
    let told = weir(&["--target", &format!("http://{}", responder.address()), "--stages"]);
    assert_eq!(told.status.code(), Some(3));
    let told = String::from_utf8_lossy(&told.stderr);
    assert!(told.contains("/metrics"), "{told}");
}

#[test]
fn the_jitter_of_both_cores_is_told() {
    let responder = Responder::start(None, |_| Duration::ZERO).unwrap();
    let (out, target) = (tempfile::tempdir().unwrap(), format!("http://{}", responder.address()));
    let to = out.path().to_str().unwrap();
    let cores = ["--cpu", "0", "--server-cpu", "0", "--rate", "100", "--duration", "500ms"];
    let table = succeeded(&weir(&[&["--target", &target, "--disk", to, "--out", to], &cores[..]].concat()));
    assert!(table.contains("the same of the sidecar's core: p50 "), "{table}");
    let run: Value = serde_json::from_slice(&std::fs::read(out.path().join("run.json")).unwrap()).unwrap();
    // Two threads on one core: each was away for about half of the time.
    let gaps = run["jitter_server"]["max_ns"].as_u64().unwrap();
    assert!(gaps > 500_000, "{run}");
    let on = &run["machine"];
    assert!(on["disk_file_system"].is_string() && on["disk_file_system"] == on["file_system"], "{on}");
}

#[test]
fn a_capacity_is_found_and_swept() {
    // Four connections of 10 ms carry 400 a second, less what a thread is woken late.
    let responder = Responder::start(None, |_| Duration::from_millis(10)).unwrap();
    let out = tempfile::tempdir().unwrap();
    let target = format!("http://{}", responder.address());
    let told = weir(&[
        "--target",
        &target,
        "--capacity",
        "--rate",
        "100",
        "--connections",
        "4",
        "--probe",
        "1s",
        "--duration",
        "1s",
        "--p99-max",
        "400ms",
        "--out",
        out.path().to_str().unwrap(),
    ]);
    let table = succeeded(&told);
    assert!(table.contains("capacity:") && table.contains("knee:"), "{table}");
    let run: Value = serde_json::from_slice(&std::fs::read(out.path().join("run.json")).unwrap()).unwrap();
    let capacity = run["capacity"].as_f64().unwrap();
    assert!((100.0..450.0).contains(&capacity), "{capacity}");
    let shares = run["runs"].as_array().unwrap().iter().map(|figures| figures["share_of_capacity"].as_f64());
    assert_eq!(shares.flatten().collect::<Vec<_>>(), [0.10, 0.25, 0.50, 0.75, 0.90, 1.20]);
    let sweep = std::fs::read_to_string(out.path().join("sweep.svg")).unwrap();
    assert!(sweep.contains("<svg") && sweep.contains("p99.99"), "{sweep}");
}

#[test]
fn a_file_s_payments_come_in_bursts_or_at_their_own_times() {
    let responder = Responder::start(None, |_| Duration::ZERO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payments.ndjson");
    let payment = |at: u64| {
        format!(
            "{{\"kind\":\"transaction\",\"id\":\"p{at}\",\"time_us\":{},\"amount_minor\":1000,\"currency\":\"VND\",\"account\":\"a\"}}\n",
            1_000_000 * at * at
        )
    };
    std::fs::write(&path, (1..40).map(payment).collect::<String>()).unwrap();
    let (target, path) = (format!("http://{}", responder.address()), path.to_str().unwrap());
    for arrivals in ["own", "bursts"] {
        let table = succeeded(&weir(&[
            "--target",
            &target,
            "--input",
            path,
            "--arrivals",
            arrivals,
            "--rate",
            "300",
            "--duration",
            "1s",
        ]));
        assert!(table.contains(" 0 block"), "{table}");
    }
    let without = weir(&["--target", &target, "--arrivals", "own"]);
    assert_eq!(without.status.code(), Some(3));
    let silent = weir(&["--target", &target, "--burst-factor", "8"]);
    assert_eq!(silent.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&silent.stderr).contains("they need --arrivals bursts"));
}

/// Somebody who answers the n-th request of each connection with what `answer` says, and then may hang up.
fn somebody(answer: impl Fn(usize, &str) -> (String, bool) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            let serve = move || {
                let mut bytes = [0; 4096];
                for at in 0.. {
                    // The generator sends a request in one piece, and the next one only after the answer.
                    let Ok(read @ 1..) = stream.read(&mut bytes) else { return };
                    let (text, goes_on) = answer(at, &String::from_utf8_lossy(&bytes[..read]));
                    if stream.write_all(text.as_bytes()).is_err() || !goes_on {
                        return;
                    }
                }
            };
            drop(Builder::new().spawn(serve).unwrap());
        }
    };
    drop(Builder::new().spawn(serve).unwrap());
    address
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn allowed(request: &str) -> String {
    assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");
    let id = request.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    response("200 OK", "", &format!("{{\"id\":\"{id}\",\"outcome\":\"allow\"}}"))
}

#[test]
fn counts_add_up_whatever_happens() {
    let overload = response("503 No", "retry-after: 1\r\n", "{\"type\":\"urn:weir:problem:overload\"}");
    let address = somebody(move |at, request| match at % 5 {
        0 => (allowed(request), true),
        1 => (overload.clone(), true),
        2 => (response("422 No", "", "{}"), true),
        3 => (response("503 No", "", "{\"type\":\"urn:weir:problem:deadline\"}"), true),
        // Hangs up instead of answering.
        _ => (String::new(), false),
    });
    let tally = measured(address);
    assert!(tally.faults().is_empty(), "{:?}", tally.faults());
    let counts = &tally.counts;
    assert_eq!(counts.sent, counts.answered() + counts.shed + counts.failed.all());
    let each = [
        counts.decided.allow,
        counts.shed,
        counts.refused[&422],
        counts.undecided["deadline"],
        counts.failed.broken,
    ];
    assert!(each.iter().all(|&count| count > 10), "{counts:?}");
    assert_eq!(tally.latency.len(), counts.decided.allow);
}

#[test]
fn what_is_answered_before_it_is_on_disk_is_counted() {
    let not_yet = |request: &str| {
        let id = request.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
        response("200 OK", "", &format!("{{\"id\":\"{id}\",\"outcome\":\"allow\",\"durable\":false}}"))
    };
    let tally = measured(somebody(move |at, request| {
        (if at % 2 == 0 { not_yet(request) } else { allowed(request) }, true)
    }));
    let counts = &tally.counts;
    assert!(tally.faults().is_empty() && tally.served_all(), "{counts:?}");
    assert!(0 < counts.not_durable && counts.not_durable < counts.sent, "{counts:?}");
}

#[test]
fn a_door_that_lets_nobody_in_says_why() {
    let mut refusal = Vec::new();
    let header = Header { kind: Type::Problem as u8, timeout_or_status: 401, ..Header::default() };
    header.write(br#"{"type":"urn:weir:problem:unauthorized"}"#, &mut refusal);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let refuse = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut bytes, refusal) = ([0; 64], refusal.clone());
            let _ = stream.read(&mut bytes).and_then(|_| stream.write_all(&refusal));
        }
    };
    drop(Builder::new().spawn(refuse).unwrap());
    let done = weir(&["--frames", "--target", &target, "--rate", "50", "--duration", "500ms"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("the server ends the connection: 401 `unauthorized`"), "{said}");
    assert!(said.contains("0 of them for no request there"), "{said}");
}

#[test]
fn what_is_never_answered_is_counted_and_what_finds_no_connection_too() {
    let tally = measured(somebody(
        |at, request| {
            if at == 0 { (allowed(request), true) } else { (String::new(), true) }
        },
    ));
    assert!(tally.faults().is_empty(), "{:?}", tally.faults());
    let failed = &tally.counts.failed;
    assert!(failed.timeout > 0 && failed.broken == 0, "{failed:?}");
    assert_eq!(tally.counts.sent, tally.counts.decided.allow + failed.timeout + failed.unsent);
    assert!(tally.waited > 0);
}

#[test]
fn an_answer_for_somebody_else_is_found() {
    let other = |request: &str| allowed(request).replacen("bench-t-0000", "bench-t-0099", 1);
    let tally = measured(somebody(move |_, request| (other(request), true)));
    assert!(tally.strays > 0 && tally.counts.decided.all() == 0, "{:?}", tally.counts);
    assert!(tally.faults()[0].contains("is not on its way"), "{:?}", tally.faults());
    let tally = measured(somebody(|_, _| (response("200 OK", "", "{\"outcome\":\"allow\"}"), true)));
    assert!(
        tally.counts.failed.unreadable > 0 && tally.faults()[0].contains("no decision"),
        "{:?}",
        tally.faults()
    );
    // Answered twice.
    let tally = measured(somebody(|_, request| (allowed(request) + &allowed(request), true)));
    assert!(tally.strays > 0 && !tally.faults().is_empty(), "{:?}", tally.counts);
}

/// A protocol of lines with many requests on their way: a greeting, and answers in any order.
struct Lines;

impl Wire for Lines {
    fn in_flight_max(&self) -> usize {
        8
    }

    fn hello(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"hello\n");
    }

    fn request(&self, number: u64, _: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{number}\n").as_bytes());
    }

    fn answer(&self, bytes: &[u8]) -> Result<Option<Answer>, Unreadable> {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
        let number = std::str::from_utf8(&bytes[..end]).unwrap().parse().ok();
        let said = if number.is_some() { Said::Decided(Outcome::Block) } else { Said::Greeting };
        Ok(Some(Answer { bytes: end + 1, number, said, durable: true, closes: false }))
    }
}

#[test]
fn many_requests_are_on_their_way_at_once_and_answered_in_any_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let stream = listener.accept().unwrap().0;
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let mut out = stream;
        assert_eq!(lines.next().unwrap(), "hello");
        out.write_all(b"welcome\n").unwrap();
        // Four at a time, the last one first.
        loop {
            let mut four: Vec<String> = lines.by_ref().take(4).collect();
            four.reverse();
            let text: String = four.iter().map(|line| format!("{line}\n")).collect();
            if four.is_empty() || out.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    };
    let server = Builder::new().spawn(serve).unwrap();
    let mut times = schedule(&Arrivals::Poisson, 20_000.0, SECOND_NS / 4, 1).unwrap();
    times.truncate(times.len() / 4 * 4);
    let load = Load { first_number: 7_000, ..load(&times, SECOND_NS / 4, 1) };
    let tally = drive(&Endpoint::Tcp(address), &Lines, &Payments::new(Ids::new("t")), &load).unwrap();
    assert!(tally.faults().is_empty(), "{:?}", tally.faults());
    assert_eq!(tally.counts.decided.block, times.len() as u64);
    assert!(tally.slowest().iter().all(|slow| slow.number >= 7_000));
    server.join().unwrap();
}

#[test]
fn nobody_there_is_an_error_and_wrong_answers_are_another() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = weir(&["--target", &target, "--duration", "1s"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("can't connect to 127.0.0.1:"));
    let address = somebody(|_, _| (response("200 OK", "", "{}"), true));
    let output = weir(&["--target", &format!("http://{address}"), "--duration", "1s", "--rate", "50"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong: at 50 a second"));
    assert_eq!(weir(&["--target", "https://localhost:1"]).status.code(), Some(3));
}
