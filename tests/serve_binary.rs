//! The binary door: what it answers is what HTTP answers, each request once, whatever its client does to the connection.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and has a clock and threads"
)]

#[path = "support/frames.rs"]
mod door;
#[path = "serve_binary/garbled.rs"]
mod garbled;
#[path = "support/served.rs"]
mod served;
#[path = "support/sidecar.rs"]
mod sidecar;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use door::{Door, end, hello, request, tcp, unix};
use sha2::{Digest, Sha256};
use sidecar::{Sidecar, here, payment};
use weir::bench::Reading;
use weir::frames::{ALERT, BRIEF, DECLARED, DURABLE, HEADER_BYTES, Header, Type};
use weir::hex::hex;
use weir::io::Bundle;
use weir::server::{Access, Bounds, Declaration, Declared, Listen, ServeError, Settings};

fn with_door(settings: Settings) -> Sidecar {
    Sidecar::start(Settings { listen: here(), binary: here(), ..settings })
}

fn open(sidecar: &Sidecar) -> Door {
    Door::open(tcp(&sidecar.addresses), "").0
}

/// One that is answered, which is soon.
fn is_served(sidecar: &Sidecar, id: &str) {
    let began = Instant::now();
    let answer = open(sidecar).ask(Type::Decide, 1, &payment(id, ""));
    assert_eq!((answer.kind(), answer.status()), (Type::Decision, 200), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

/// What HTTP answers: the status and the body.
fn over_http(sidecar: &Sidecar, path: &str, headers: &str, body: &str) -> (u32, String) {
    let said = sidecar.ask(&sidecar::request("POST", path, headers, body));
    (said.status.into(), said.body)
}

#[test]
fn the_same_event_has_the_same_line_over_http_and_over_frames() {
    let folder = tempfile::tempdir().unwrap();
    let binary = Listen { unix: Some(folder.path().join("frames.sock")), ..here() };
    let sidecar = Sidecar::start(Settings { listen: here(), binary, ..Settings::default() });
    let (over_tcp, welcome) = Door::open(tcp(&sidecar.addresses), "");
    assert_eq!((welcome.payload_bytes_max, welcome.in_flight_max), (1 << 20, 1_024));
    for (at, mut door) in [over_tcp, Door::open(unix(&sidecar.addresses), "").0].into_iter().enumerate() {
        let small = payment(&format!("small {at}"), "");
        let large = small.replace("250000", "2500000").replace("small", "large");
        for (body, outcome, flags) in [(&small, 1, DURABLE), (&large, 3, DURABLE)] {
            let first = door.ask(Type::Decide, 7, body);
            let Header { outcome: said, cause, flags: has, .. } = first.header;
            assert_eq!(
                (first.kind(), first.status(), said, cause, has),
                (Type::Decision, 200, outcome, 0, flags)
            );
            assert_eq!(over_http(&sidecar, "/v1/decisions", "", body), (200, first.text()));
            let brief = Header { kind: 1, flags: BRIEF, id: 1 << 63, ..Header::default() };
            let mut frame = Vec::new();
            brief.write(body.as_bytes(), &mut frame);
            door.send(&frame);
            let brief = door.next().unwrap();
            assert_eq!(brief.header, Header { id: 1 << 63, ..first.header }, "the header says all");
            assert!(brief.payload.is_empty());
        }
        let login = format!(
            "{{\"kind\":\"login\",\"id\":\"login {at}\",\"time_us\":1795341600000000,\"customer\":\"c\",\"result\":\"failed\"}}"
        );
        let taken = door.ask(Type::Event, 8, &login);
        assert_eq!((taken.kind(), taken.status(), taken.header.flags), (Type::Taken, 200, DURABLE));
        assert_eq!(over_http(&sidecar, "/v1/events", "", &login), (200, taken.text()));
        let answer = format!(
            "{{\"id\":\"auth {at}\",\"time_us\":1795341601000000,\"transaction\":\"small {at}\",\"result\":\"succeeded\",\"methods\":[\"fido\"]}}"
        );
        let answered = door.ask(Type::Authenticate, 9, &answer);
        assert_eq!((answered.kind(), answered.status()), (Type::Taken, 200), "{answered:?}");
        let path = format!("/v1/decisions/small%20{at}/authentication");
        assert_eq!(over_http(&sidecar, &path, "", &answer), (200, answered.text()));
        // Executed though it was blocked: a person should look.
        let executed = format!(
            "{{\"kind\":\"execution\",\"id\":\"done {at}\",\"time_us\":1795341602000000,\"transaction\":\"large {at}\",\"result\":\"succeeded\"}}"
        );
        let alert = door.ask(Type::Event, 10, &executed);
        assert_eq!((alert.kind(), alert.header.flags), (Type::Taken, DURABLE | ALERT), "{alert:?}");
        assert_eq!(alert.json()["alert"], "executed_not_allowed");
    }
    let page = sidecar.ask(&sidecar::request("GET", "/metrics", "", "")).body;
    assert!(page.contains("weir_binary_answers_total{status=\"2xx\"} 14"), "{page}");
}

#[test]
fn what_is_refused_is_refused_with_the_same_document() {
    let bounds = Bounds { body_bytes_max: 4 << 10, ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    let mut door = open(&sidecar);
    assert_eq!(door.ask(Type::Decide, 1, &payment("t", "")).status(), 200);
    let (decisions, events) = ("/v1/decisions", "/v1/events");
    for (kind, path, body, said) in [
        (Type::Decide, decisions, payment("u", ",\"colour\":\"red\""), (400, "bad-event")),
        (Type::Decide, decisions, String::new(), (400, "bad-event")),
        (Type::Decide, decisions, payment("u", ",\"otp\":\"123456\""), (400, "secret")),
        (Type::Decide, decisions, payment("t", ",\"payee\":\"p\""), (409, "id-reused")),
        (Type::Decide, decisions, payment("v", "").replace("VND", "USD"), (422, "currency")),
        (Type::Event, events, payment("w", ",\"kind\":\"transaction\""), (400, "bad-event")),
        (Type::Event, events, "{\"kind\":\"nothing\"}".to_owned(), (400, "bad-event")),
    ] {
        let refused = door.ask(kind, 2, &body);
        assert_eq!(refused.problem(), (said.0, said.1.to_owned()), "{body}");
        assert_eq!(over_http(&sidecar, path, "", &body), (said.0, refused.text()));
    }
    // It says where to send it, whichever door it came to.
    let elsewhere = door.ask(Type::Event, 2, &payment("w", ",\"kind\":\"transaction\""));
    assert!(elsewhere.text().contains("send it to /v1/decisions, or as a `decide` frame"), "{elsewhere:?}");
    // One that says less than over HTTP, where the path says it, is refused and changes nothing.
    let nobodys =
        "{\"id\":\"x\",\"time_us\":1795341601000000,\"result\":\"succeeded\",\"methods\":[\"fido\"]}";
    assert_eq!(door.ask(Type::Authenticate, 3, nobodys).status() / 100, 4);
    // What is in flight is answered before the connection ends over a frame that is too long.
    let long = payment("long", &format!(",\"remark\":\"{}\"", "r".repeat(5 << 10)));
    let mut bytes = request(Type::Decide, 5, &payment("y", ""));
    bytes.extend(request(Type::Decide, 6, &long));
    bytes.extend(request(Type::Decide, 7, &payment("z", "")));
    door.send(&bytes);
    let mut said: Vec<_> = std::iter::from_fn(|| door.next()).collect();
    said.sort_by_key(|frame| frame.header.id);
    assert_eq!(said.iter().map(|frame| frame.header.id).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(said[1].problem(), (413, "body-too-large".to_owned()));
    assert_eq!(over_http(&sidecar, decisions, "", &long), (413, said[1].text()));
    is_served(&sidecar, "after");
}

#[test]
fn who_asks_is_said_in_the_hello_and_what_one_may_by_frame() {
    let caller = |name: &str, scopes: &str, more: &str| {
        let hash = hex(Sha256::digest(format!("token of {name}")));
        format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nscopes = [{scopes}]\n{more}\n")
    };
    let access = Access::from_toml(
        &[
            caller("gateway", "\"score\"", ""),
            caller("north", "\"score\", \"events\"", "tenant = \"north\""),
            caller("reader", "\"read\"", ""),
        ]
        .concat(),
    );
    let sidecar = with_door(Settings { access: access.unwrap(), ..Settings::default() });
    let bearer = |name: &str| format!("authorization: Bearer token of {name}\r\n");
    for (token, status, word) in [
        ("", 401, "unauthenticated"),
        ("token of nobody", 401, "unauthenticated"),
        ("token of reader", 403, "scope"),
    ] {
        let mut door = Door::raw(tcp(&sidecar.addresses));
        door.send(&hello(token));
        let refused = door.next().unwrap();
        assert_eq!((refused.problem(), refused.header.id), ((status, word.to_owned()), 0));
        let headers =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        assert_eq!(over_http(&sidecar, "/v1/decisions", &headers, "{}"), (status, refused.text()));
        assert_eq!(door.next(), None, "it is closed");
    }
    let (mut gateway, _) = Door::open(tcp(&sidecar.addresses), "token of gateway");
    assert_eq!(gateway.ask(Type::Decide, 1, &payment("1", "")).status(), 200);
    let lacks = gateway.ask(Type::Event, 2, "{}");
    assert_eq!(over_http(&sidecar, "/v1/events", &bearer("gateway"), "{}"), (403, lacks.text()));
    let (mut north, _) = Door::open(tcp(&sidecar.addresses), "token of north");
    assert_eq!(north.ask(Type::Decide, 1, &payment("1", "")).json()["tenant"], "north");
    let others = payment("2", ",\"tenant\":\"south-7\"");
    let other = north.ask(Type::Decide, 2, &others);
    assert_eq!(other.problem(), (403, "tenant".to_owned()));
    assert_eq!(over_http(&sidecar, "/v1/decisions", &bearer("north"), &others), (403, other.text()));
    let control = "{\"kind\":\"control\",\"id\":\"c\",\"time_us\":1795341600000000,\"control\":\"rule_set\",\"subject\":\"x\"}";
    assert_eq!(north.ask(Type::Event, 3, control).problem().0, 403);
    let everywhere = Listen { tcp: Some("0.0.0.0:0".parse().unwrap()), ..Listen::default() };
    let exposed = Sidecar::try_start(Settings { listen: here(), binary: everywhere, ..Settings::default() });
    assert!(matches!(exposed.err(), Some(ServeError::Exposed { what: "a decision", .. })));
}

#[test]
fn a_thousand_at_once_are_answered_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let binary = Listen { unix: Some(folder.path().join("frames.sock")), ..Listen::default() };
    let bounds = Bounds { frames_max: 100, deadline: Duration::from_secs(20), ..Bounds::default() };
    let sidecar = Sidecar::start(Settings { listen: here(), binary, bounds, ..Settings::default() });
    let stream = unix(&sidecar.addresses);
    let mut sending = stream.try_clone().unwrap();
    let (mut door, _) = Door::open(stream, "");
    let all: Vec<u8> = (1..=1_000)
        .flat_map(|id| request(Type::Decide, id, &payment(&format!("p{}", id % 700), "")))
        .collect();
    let writes = std::thread::spawn(move || sending.write_all(&all).unwrap());
    let mut said: BTreeMap<u64, String> = BTreeMap::new();
    for _ in 0..1_000 {
        let frame = door.next().unwrap();
        assert_eq!((frame.kind(), frame.header.outcome), (Type::Decision, 1), "{frame:?}");
        assert_eq!(said.insert(frame.header.id, frame.text()), None, "answered twice");
    }
    writes.join().unwrap();
    assert!(said.keys().copied().eq(1..=1_000));
    for id in 701..=1_000 {
        assert_eq!(said[&id], said[&(id - 700)], "the same payment, the same answer");
    }
}

#[test]
fn bytes_one_by_one_are_frames_and_a_client_that_sends_no_more_is_answered() {
    let sidecar = with_door(Settings::default());
    let stream = tcp(&sidecar.addresses);
    let mut bytes = hello("");
    bytes.extend(request(Type::Decide, 1, &payment("1", "")));
    bytes.extend(request(Type::Decide, 2, &payment("2", "")));
    let mut slowly = stream.try_clone().unwrap();
    for byte in bytes {
        slowly.write_all(&[byte]).unwrap();
        std::thread::sleep(Duration::from_micros(200));
    }
    end(&stream);
    let mut door = Door::raw(stream);
    let kinds: Vec<_> =
        std::iter::from_fn(|| door.next()).map(|frame| (frame.kind(), frame.header.id)).collect();
    assert_eq!(kinds, [(Type::Welcome, 0), (Type::Decision, 1), (Type::Decision, 2)]);
}

#[test]
fn what_comes_in_parts_was_read_as_long_as_it_came() {
    const PAUSE: Duration = Duration::from_millis(100);
    let bounds = Bounds { deadline: Duration::from_secs(20), ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    let told = || Reading::of(&sidecar.ask(&sidecar::request("GET", "/metrics", "", "")).body).unwrap();
    let mut door = open(&sidecar);
    let frames = || {
        let bytes = request(Type::Decide, 1, &payment("1", ""));
        door.send(&bytes[..HEADER_BYTES + 9]);
        std::thread::sleep(PAUSE);
        door.send(&bytes[HEADER_BYTES + 9..]);
        assert_eq!(door.next().unwrap().status(), 200);
    };
    let http = || {
        let asks = sidecar::request("POST", "/v1/decisions", "", &payment("2", ""));
        let mut stream = sidecar.connect();
        stream.write_all(&asks.as_bytes()[..asks.len() - 9]).unwrap();
        std::thread::sleep(PAUSE);
        assert_eq!(sidecar::answer(stream, &asks[asks.len() - 9..]).status, 200);
    };
    let ways: [Box<dyn FnOnce()>; 2] = [Box::new(frames), Box::new(http)];
    for (way, ask) in ["frames", "http"].into_iter().zip(ways) {
        let before = told();
        ask();
        // What was just answered is counted a moment later.
        std::thread::sleep(PAUSE);
        let stages = told().since(&before).unwrap();
        let sum_ns = |name: &str| stages.iter().find(|stage| stage.name == name).unwrap().sum_ns;
        let (read, whole) = (sum_ns("read"), sum_ns("whole"));
        assert!(stages.iter().all(|stage| stage.count() == 1), "{way} {stages:?}");
        assert!(read > 0.9 * PAUSE.as_nanos() as f64 && whole > read, "{way} {stages:?}");
        let parts: f64 = stages.iter().filter(|stage| !stage.is_whole()).map(|stage| stage.sum_ns).sum();
        assert!(parts < whole + 1_000.0, "{way} {parts} {stages:?}");
    }
}

#[test]
fn what_is_no_hello_and_no_frame_is_told_so_and_nobody_else_notices() {
    let sidecar = with_door(Settings::default());
    for bytes in
        [&b"GET / HTTP/1.1\r\nhost: w\r\n\r\n"[..], b"WEIR\x02\0\0\0", b"WEIR\x01\0\xff\xff", b"\0\0\0\0"]
    {
        let mut door = Door::raw(tcp(&sidecar.addresses));
        door.send(bytes);
        assert_eq!(door.next().unwrap().problem(), (400, "bad-frame".to_owned()), "{bytes:?}");
        assert_eq!(door.next(), None);
    }
    let mut door = open(&sidecar);
    let odd = |header: Header| {
        let mut out = Vec::new();
        Header { id: 4, ..header }.write(payment("odd", "").as_bytes(), &mut out);
        out
    };
    for header in [
        Header { kind: 0x04, ..Header::default() },
        Header { kind: 0x81, ..Header::default() },
        Header { kind: 1, flags: 2, ..Header::default() },
        Header { kind: 1, cause: 1, ..Header::default() },
        Header { kind: 1, retry_after_ms: 9, ..Header::default() },
    ] {
        door.send(&odd(header));
        let said = door.next().unwrap();
        assert_eq!((said.problem(), said.header.id), ((400, "bad-frame".to_owned()), 4));
    }
    assert_eq!(door.ask(Type::Decide, 5, &payment("after", "")).status(), 200, "it goes on");
    door.send(&[19, 0, 0, 0]);
    assert_eq!(door.next().unwrap().problem(), (400, "bad-frame".to_owned()));
    assert_eq!(door.next(), None);
    // An answer with the id 0 is of no request.
    let mut door = open(&sidecar);
    door.send(
        &[request(Type::Decide, 1, &payment("one", "")), request(Type::Decide, 0, &payment("none", ""))]
            .concat(),
    );
    let mut said = [door.next().unwrap(), door.next().unwrap()];
    said.sort_unstable_by_key(|said| said.header.id);
    let [none, one] = said;
    assert_eq!((none.problem(), none.header.id), ((400, "bad-frame".to_owned()), 0));
    assert_eq!((one.status(), one.header.id, door.next()), (200, 1, None));
    // A length that nobody could hold.
    let mut door = open(&sidecar);
    let mut long = request(Type::Decide, 6, "");
    long[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    door.send(&long);
    let said = door.next().unwrap();
    assert_eq!((said.problem(), said.header.id), ((413, "body-too-large".to_owned()), 6));
    // Half a hello, half a frame, and gone.
    Door::raw(tcp(&sidecar.addresses)).send(b"WEI");
    let mut half = open(&sidecar);
    half.send(&request(Type::Decide, 7, &payment("half", ""))[..HEADER_BYTES + 9]);
    drop(half);
    is_served(&sidecar, "others");
}

#[test]
fn whoever_is_slow_or_idle_loses_the_connection() {
    let short = Duration::from_millis(400);
    let bounds =
        Bounds { header_timeout: short, body_timeout: short, idle_timeout: 3 * short, ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    let within = |began: Instant, least: Duration| {
        assert!(began.elapsed() >= least && began.elapsed() < least + 4 * short, "{:?}", began.elapsed());
    };
    let began = Instant::now();
    let mut silent = Door::raw(tcp(&sidecar.addresses));
    silent.send(b"WEIR");
    assert_eq!(silent.next(), None);
    within(began, short);
    let mut half = open(&sidecar);
    let began = Instant::now();
    half.send(&request(Type::Decide, 8, &payment("half", ""))[..HEADER_BYTES + 9]);
    let said = half.next().unwrap();
    assert_eq!((said.problem(), said.header.id), ((408, "slow-body".to_owned()), 8));
    assert_eq!(half.next(), None);
    within(began, short);
    let mut idle = open(&sidecar);
    let began = Instant::now();
    assert_eq!(idle.next(), None);
    within(began, 3 * short);
}

#[test]
fn whoever_does_not_read_is_not_read_and_then_let_go() {
    let bounds = Bounds { idle_timeout: Duration::from_secs(1), ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    let stream = tcp(&sidecar.addresses);
    let mut sending = stream.try_clone().unwrap();
    let (door, _) = Door::open(stream, "");
    sending.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let body = payment("again", &format!(",\"remark\":\"{}\"", "r".repeat(2_000)));
    let frames: Vec<u8> = (1..=100).flat_map(|id| request(Type::Decide, id, &body)).collect();
    let mut sent = 0;
    let began = Instant::now();
    while sent < 200 << 20 && began.elapsed() < Duration::from_secs(30) {
        match sending.write(&frames) {
            Ok(bytes) => sent += bytes,
            Err(_) => break,
        }
    }
    assert!(sent < 100 << 20, "{sent} bytes were read of a client that reads nothing");
    std::thread::sleep(Duration::from_millis(2_500));
    assert!((0..3).any(|_| sending.write_all(&frames).is_err_and(|error| {
        ![std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut].contains(&error.kind())
    })));
    drop(door);
    is_served(&sidecar, "others");
}

#[test]
fn bodies_share_their_room_over_frames_too() {
    let bounds = Bounds { body_bytes_max: 60_000, bodies_bytes_max: 70_000, ..Bounds::default() };
    let sidecar = with_door(Settings { bounds, ..Settings::default() });
    let long = request(Type::Decide, 9, &payment("long", &format!(",\"extra\":\"{}\"", "r".repeat(59_000))));
    let (mut first, mut second) = (open(&sidecar), open(&sidecar));
    first.send(&long[..50_000]);
    std::thread::sleep(Duration::from_millis(200));
    second.send(&long[..50_000]);
    let said = second.next().unwrap();
    assert_eq!((said.problem(), said.header.id), ((503, "overload".to_owned()), 9));
    assert_eq!(said.header.retry_after_ms, 1_000);
    assert_eq!(second.next(), None);
    first.send(&long[50_000..]);
    assert_eq!(first.next().unwrap().status(), 400, "it is read, and no event");
    let mut third = open(&sidecar);
    assert_eq!(third.ask(Type::Decide, 9, &payment("short", "")).status(), 200, "the room is free again");
    // An answer is there a moment before it is counted.
    std::thread::sleep(Duration::from_millis(300));
    let page = sidecar.ask(&sidecar::request("GET", "/metrics", "", "")).body;
    let whole = "\nweir_stage_duration_seconds_count{stage=\"whole\"} 2\n";
    assert!(page.contains(whole), "what was not read is measured\n{page}");
}

const RULES: &str = r#"
[ruleset]
name = "served"
time_zone = "UTC"
currency = "VND"
[[rule]]
id = "huge"
when = "amount > 950"
then = "block"
"#;

fn rules() -> Bundle {
    let files = BTreeMap::from([("rules.toml".to_owned(), Arc::from(RULES.as_bytes()))]);
    Bundle::new("rules.toml".to_owned(), files)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// A request that waits for so long.
fn waits(id: u64, ms: u32, body: &str) -> Vec<u8> {
    let mut out = Vec::new();
    Header { kind: 1, id, timeout_or_status: ms * 1_000, ..Header::default() }
        .write(body.as_bytes(), &mut out);
    out
}

#[test]
fn at_a_deadline_what_is_declared_is_answered_and_stays() {
    run(async {
        let declared =
            Declared { deadline: Declaration::StepUp, overload: Declaration::Block, ..Declared::default() };
        let bounds = Bounds { queue_events_max: 9, ..Bounds::default() };
        let settings = Settings { bounds, declared, binary: here(), ..Settings::default() };
        let served = served::start(rules(), settings, served::Moody::default()).await;
        served.ready().await;
        served.disk.0.sync_ms.store(1_500, SeqCst);
        let stream = tcp(&served.addresses);
        let asks = tokio::task::spawn_blocking(move || {
            let (mut door, _) = Door::open(stream, "");
            // Until so many answers wait for the disk that the engine takes no more.
            let not_durable = (1..=20).take_while(|id| {
                door.send(&waits(*id, 30, &served::payment(&format!("fill{id}"), 100)));
                let said = door.next().unwrap();
                assert_eq!(
                    (said.kind(), &said.json()["durable"]),
                    (Type::Decision, &false.into()),
                    "{said:?}"
                );
                said.header.flags == 0
            });
            let not_durable = not_durable.count();
            assert!((5..20).contains(&not_durable), "{not_durable}");
            let began = Instant::now();
            let late = served::payment("late", 100);
            // One of another kind is taken later, and all are answered at their own deadlines.
            let login = format!(
                "{{\"kind\":\"login\",\"id\":\"l\",\"time_us\":{},\"customer\":\"c\",\"result\":\"failed\"}}",
                served::now_us()
            );
            let mut frames = waits(30, 120, &late);
            Header { kind: 3, id: 31, timeout_or_status: 40_000, ..Header::default() }
                .write(login.as_bytes(), &mut frames);
            door.send(&frames);
            let (taken, said) = (door.next().unwrap(), door.next().unwrap());
            assert!(began.elapsed() < Duration::from_millis(1_200), "{:?}", began.elapsed());
            assert_eq!((taken.header.id, taken.status(), taken.header.flags), (31, 202, weir::frames::LATER));
            let Header { id, outcome, cause, flags, .. } = said.header;
            assert_eq!((id, outcome, cause, flags), (30, 2, 1, DECLARED), "{said:?}");
            assert_eq!(
                (&said.json()["declared"], &said.json()["outcome"]),
                (&"deadline".into(), &"step_up".into())
            );
            (door, late, not_durable)
        });
        let (mut door, late, not_durable) = asks.await.unwrap();
        served.disk.0.sync_ms.store(0, SeqCst);
        let again = tokio::task::spawn_blocking(move || {
            door.send(&waits(30, 5_000, &late));
            door.next().unwrap()
        });
        assert_eq!(again.await.unwrap().header.outcome, 2, "it stays");
        let figures = served.stop().await.unwrap();
        assert_eq!(figures.not_durable, not_durable as u64);
        // While the first is on its way, whoever asks again is told by the same answer.
        assert!((2..=3).contains(&figures.declared[0]), "{figures:?}");
    });
}

#[test]
fn one_payment_over_many_connections_is_decided_once_and_all_are_told() {
    run(async {
        let settings = Settings { binary: here(), ..Settings::default() };
        let served = served::start(rules(), settings, served::Moody::default()).await;
        served.ready().await;
        served.disk.0.sync_ms.store(300, SeqCst);
        let streams: Vec<_> = (0..4).map(|_| tcp(&served.addresses)).collect();
        let asks = tokio::task::spawn_blocking(move || {
            let mut doors: Vec<_> = streams.into_iter().map(|stream| Door::open(stream, "").0).collect();
            let body = served::payment("same", 990);
            doors.iter_mut().for_each(|door| door.send(&waits(5, 9_000, &body)));
            doors.iter_mut().map(|door| door.next().unwrap()).collect::<Vec<_>>()
        });
        let said = asks.await.unwrap();
        assert_eq!((said[0].header.outcome, said[0].header.flags), (3, DURABLE));
        assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
        let figures = served.stop().await.unwrap();
        // Whoever comes once the engine has stepped is answered by it once more, and joins nobody.
        assert_eq!((figures.events, figures.answered, figures.joined <= 3), (4, 4, true));
    });
}

#[test]
fn what_is_in_flight_at_the_end_is_answered_and_then_it_is_closed() {
    run(async {
        let settings = Settings { binary: here(), ..Settings::default() };
        let served = served::start(rules(), settings, served::Moody::default()).await;
        served.ready().await;
        served.disk.0.sync_ms.store(400, SeqCst);
        let (stream, idle) = (tcp(&served.addresses), tcp(&served.addresses));
        let (tell, told) = tokio::sync::oneshot::channel();
        let asks = tokio::task::spawn_blocking(move || {
            let ((mut door, _), (mut idle, _)) = (Door::open(stream, ""), Door::open(idle, ""));
            (1..=50).for_each(|id| door.send(&waits(id, 9_000, &served::payment(&format!("p{id}"), 100))));
            std::thread::sleep(Duration::from_millis(100));
            tell.send(()).unwrap();
            let said: BTreeSet<u64> = std::iter::from_fn(|| door.next())
                .map(|frame| {
                    assert_eq!((frame.kind(), frame.header.flags), (Type::Decision, DURABLE), "{frame:?}");
                    frame.header.id
                })
                .collect();
            assert_eq!(idle.next(), None);
            said
        });
        told.await.unwrap();
        let began = Instant::now();
        served.stop().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        assert!(asks.await.unwrap().into_iter().eq(1..=50));
    });
}
