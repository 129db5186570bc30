//! Reloads by the hundred under load: no request fails, and all of it replays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};

use super::sidecar::{Sidecar, connect};
use super::{ask, named, now_us, propose, replays, settings};

const RELOADS: usize = 200;
const CLIENTS: usize = 4;

/// Rules that share a feature and have one of their own.
fn rules(name: &str, own: &str) -> String {
    named(
        name,
        &format!(
            "\n[features]\nshared = {{ sum = \"amount\", by = \"account\", over = \"1h\" }}\n{own} = {{ count = \"*\", by = \"payee\", over = \"{}m\" }}\n\
             [[rule]]\nid = \"{own}\"\nwhen = \"shared > 500 and {own} > 3\"\nthen = \"step_up\"\non_unknown = \"silent\"\nreason = \"{own}\"\n",
            10 + own.len()
        ),
    )
}

/// One payment after the other on one connection; how many were answered with which name of rules is of no matter.
fn pays(address: SocketAddr, client: usize, stop: &AtomicBool, answered: &AtomicU64) {
    let mut stream: BufReader<TcpStream> = BufReader::new(connect(address));
    for at in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let body = format!(
            "{{\"id\":\"{client}-{at}\",\"time_us\":{},\"amount_minor\":{},\"currency\":\"VND\",\"account\":\"a{}\",\"payee\":\"p{}\"}}",
            now_us(),
            at % 1_000,
            at % 7,
            at % 3
        );
        let bytes = body.len();
        let sent = format!("POST /v1/decisions HTTP/1.1\r\nhost: w\r\ncontent-length: {bytes}\r\n\r\n{body}");
        stream.get_mut().write_all(sent.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let length = head.to_ascii_lowercase().split("content-length: ").nth(1).unwrap().to_owned();
        let mut said = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
        stream.read_exact(&mut said).unwrap();
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}{said}");
        assert!(said["declared"].is_null() && said["outcome"].is_string(), "{said}");
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn two_hundred_reloads_fail_no_request() {
    let sidecar = Sidecar::start(settings());
    let hashes = [propose(&sidecar, &rules("one", "once")), propose(&sidecar, &rules("two", "twice"))];
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut pauses: Vec<u64> = Vec::with_capacity(RELOADS);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (address, stop, answered) = (sidecar.tcp(), &stop, &answered);
                scope.spawn(move || pays(address, client, stop, answered))
            })
            .collect();
        let ended = || clients.iter().any(std::thread::ScopedJoinHandle::is_finished);
        for at in 0..RELOADS {
            let path = format!("/v1/rules/{}/activate", hashes[at % 2]);
            let (status, said) = ask(&sidecar, "POST", &path, Value::Null);
            if status != 200 || ended() {
                stop.store(true, Ordering::SeqCst);
            }
            assert_eq!(status, 200, "reload {at}: {said}");
            pauses.push(said["pause_us"].as_u64().unwrap());
        }
        stop.store(true, Ordering::SeqCst);
    });
    pauses.sort_unstable();
    let answered = answered.load(Ordering::SeqCst);
    println!(
        "{RELOADS} reloads under load of {CLIENTS} clients, {answered} payments, all 200; the engine stood still for {} us at the median, {} us at p99, {} us at most",
        pauses[RELOADS / 2],
        pauses[RELOADS * 99 / 100],
        pauses[RELOADS - 1]
    );
    assert!(answered > RELOADS as u64, "{answered}");
    let known = ask(&sidecar, "GET", "/v1/rules", Value::Null).1;
    assert_eq!(known["live"]["hash"], json!(hashes[1]));
    let folder = sidecar.stopped();
    replays(folder.path());
}
