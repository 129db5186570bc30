//! Runs of the load generator that are no figures of a sidecar say so, exit with 1, and keep what was measured: a server that goes
//! away, a server that decides nothing, a rate at which nothing is sent.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, has a clock, and documents nothing"
)]

#[path = "support/sidecar.rs"]
mod sidecar;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use sidecar::{Sidecar, here};
use weir::server::Settings;

fn bench(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("bench").args(["--jitter", "50ms", "--warm-up", "300ms"]).args(args).output().unwrap()
}

/// The program, serving in a folder.
fn serve(folder: &Path) -> (Child, SocketAddr) {
    std::fs::write(folder.join("rules.toml"), sidecar::RULES).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["serve", "--rules", "rules.toml", "--listen", &address.to_string()]);
    let child = command.current_dir(folder).stderr(Stdio::null()).spawn().unwrap();
    while !get(address, "/readyz").starts_with("HTTP/1.1 200") {
        sleep(Duration::from_millis(20));
    }
    (child, address)
}

/// What is answered, or nothing.
fn get(address: SocketAddr, path: &str) -> String {
    let mut said = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n");
        let _ = stream.read_to_string(&mut said);
    }
    said
}

/// How many payments it has decided.
fn decided(address: SocketAddr) -> u64 {
    let page = get(address, "/metrics");
    let counts =
        page.lines().filter_map(|line| line.strip_prefix("weir_stage_duration_seconds_count{stage=\"step\""));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// What is told, and kept in run.json, of a server that is killed once it has decided so many.
fn of_a_killed_one(more: &[&str], decides: u64) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let (mut child, address) = serve(folder.path());
    let killer = std::thread::Builder::new().spawn(move || {
        while decided(address) < decides {
            sleep(Duration::from_millis(20));
        }
        child.kill().and_then(|()| child.wait()).unwrap();
    });
    let (target, to) = (format!("http://{address}"), out.to_str().unwrap());
    let args =
        ["--target", &target, "--rate", "100", "--connections", "8", "--timeout", "10s", "--accounts", "100"];
    let done = bench(&[&args[..], &["--out", to], more].concat());
    killer.unwrap().join().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    // What the system says is said once.
    assert!(said.lines().all(|line| line.matches("refused").count() <= 1), "{said}");
    let run = std::fs::read(out.join("run.json")).unwrap();
    (said, serde_json::from_slice(&run).unwrap())
}

#[test]
fn a_server_that_breaks_off_is_told_and_what_was_decided_is_kept() {
    let (said, run) = of_a_killed_one(&["--duration", "3s", "--stages"], 150);
    for told in ["the server broke off: of ", "can't read /metrics of "] {
        assert!(said.contains(&format!("wrong: at 100 a second: {told}")), "{said}");
    }
    assert_eq!(run["faults"].as_array().unwrap().len(), 2, "{run}");
    let figures = &run["runs"][0];
    let decided =
        figures["counts"]["decided"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    assert!(decided > 100 && figures["latency"]["count"] == decided, "{run}");
}

#[test]
fn a_server_that_breaks_off_while_its_capacity_is_sought_leaves_the_rates_that_were_tried() {
    let sought = ["--capacity", "--probe", "1s", "--p99-max", "1s"];
    let (said, run) = of_a_killed_one(&sought, 250);
    for told in
        ["a second: the server broke off: of ", "not measured to the end: can't connect to 127.0.0.1:"]
    {
        assert!(said.contains(told), "{said}");
    }
    let probes = run["probes"].as_array().unwrap();
    assert_eq!(probes[0]["rate"], 100.0, "{run}");
    assert!(probes[0]["achieved"].as_f64().unwrap() > 50.0, "{run}");
    assert_eq!(probes.last().unwrap()["not_carried"], "not all decided", "{run}");
}

#[test]
fn a_run_that_decides_nothing_is_none() {
    let sidecar = Sidecar::start(Settings { listen: here(), ..Settings::default() });
    let target = format!("http://{}", sidecar.tcp());
    for (more, told) in [
        // It has no bare handler.
        (&["--rate", "50", "--bare"][..], "at 50 a second: nothing was decided, of "),
        (&["--rate", "0.01"], "at 0 a second: nothing was sent in the time that counts"),
    ] {
        let done = bench(&[&["--target", &target, "--duration", "500ms"], more].concat());
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(told), "{said}");
    }
}
