//! Clients that are slow, send halves or too much, or go away: they lose their connection, and nobody else notices.
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

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sidecar::{Sidecar, answer, here, payment, read_answer, request};
use weir::hex::hex;
use weir::server::{Access, Bounds, Settings};

const HEADER: Duration = Duration::from_millis(400);

fn start(bounds: Bounds) -> Sidecar {
    Sidecar::start(Settings { listen: here(), bounds, ..Settings::default() })
}

/// How long a connection lasts on which these bytes are sent one by one, with so long between, and what is answered.
fn lasts(mut stream: TcpStream, bytes: &[u8], each: Duration) -> (Duration, sidecar::Answer) {
    let began = Instant::now();
    let writer = stream.try_clone().unwrap();
    let bytes = bytes.to_vec();
    let writes = std::thread::spawn(move || {
        let mut writer = writer;
        for byte in bytes {
            std::thread::sleep(each);
            if writer.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    let mut said = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        said.extend_from_slice(&part[..read]);
    }
    let lasted = began.elapsed();
    writes.join().unwrap();
    (lasted, read_answer(&said[..]))
}

/// What a payment is answered, which is soon.
fn is_served(sidecar: &Sidecar, id: &str) -> String {
    let began = Instant::now();
    let said = sidecar.ask(&request("POST", "/v1/decisions", "", &payment(id, "")));
    assert_eq!(said.status, 200, "{said:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    said.body
}

#[test]
fn a_header_must_come_in_time() {
    let sidecar = start(Bounds { header_timeout: HEADER, ..Bounds::default() });
    let (silent, said) = lasts(sidecar.connect(), b"", HEADER);
    assert!(silent >= HEADER && silent < 3 * HEADER && said.status == 0, "{silent:?} {said:?}");
    let request = request("POST", "/v1/decisions", "", &payment("1", ""));
    for bytes in [request.as_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let (slow, said) = lasts(sidecar.connect(), bytes, Duration::from_millis(50));
        assert!(slow >= HEADER && slow < 3 * HEADER, "{slow:?} {said:?}");
    }
    is_served(&sidecar, "2");
}

#[test]
fn a_connection_may_be_idle_for_longer_than_a_header_takes_and_not_for_good() {
    let idle = 4 * HEADER;
    let sidecar = start(Bounds { header_timeout: HEADER, idle_timeout: idle, ..Bounds::default() });
    let mut stream = sidecar.connect();
    for id in ["1", "2"] {
        let request =
            request("POST", "/v1/decisions", "", &payment(id, "")).replace("connection: close\r\n", "");
        stream.write_all(request.as_bytes()).unwrap();
        let mut part = [0; 4096];
        let read = stream.read(&mut part).unwrap();
        assert!(part[..read].starts_with(b"HTTP/1.1 200"));
        std::thread::sleep(3 * HEADER);
    }
    let (more, _) = lasts(stream.try_clone().unwrap(), b"", HEADER);
    assert!(more < 2 * idle, "{more:?}");
    // The next header is no idleness.
    let mut stream = sidecar.connect();
    stream
        .write_all(request("GET", "/healthz", "", "").replace("connection: close\r\n", "").as_bytes())
        .unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    let (slow, _) = lasts(stream, &[b'x'; 200], Duration::from_millis(50));
    assert!(slow < 3 * HEADER, "{slow:?}");
}

#[test]
fn a_body_must_come_in_time() {
    let sidecar = start(Bounds { body_timeout: Duration::from_secs(3), ..Bounds::default() });
    let whole = request("POST", "/v1/decisions", "", &payment("1", ""));
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    // A byte now and then: slower than the least rate.
    let mut trickles = sidecar.connect();
    trickles.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
    let trickle = std::thread::spawn({
        let body = body.to_owned();
        move || lasts(trickles, body.as_bytes(), Duration::from_millis(200))
    });
    // Fast enough at every moment, and without an end.
    let mut endless = sidecar.connect();
    endless.write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let fast = std::thread::spawn({
        let mut writer = endless.try_clone().unwrap();
        move || {
            while writer
                .write_all(b"190\r\n")
                .and_then(|()| writer.write_all(&[b' '; 400]))
                .and_then(|()| writer.write_all(b"\r\n"))
                .is_ok()
            {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let began = Instant::now();
    is_served(&sidecar, "2");
    let (lasted, said) = trickle.join().unwrap();
    assert_eq!((said.status, said.problem().as_str()), (408, "slow-body"));
    assert!(lasted > Duration::from_millis(1_900) && lasted < Duration::from_millis(2_900), "{lasted:?}");
    let said = read_answer(endless);
    assert_eq!((said.status, said.problem().as_str()), (408, "slow-body"));
    assert!(began.elapsed() > Duration::from_millis(2_500) && began.elapsed() < Duration::from_secs(6));
    fast.join().unwrap();
}

#[test]
fn halves_and_those_who_go_away_harm_nobody() {
    let sidecar = start(Bounds::default());
    let whole = request("POST", "/v1/decisions", "", &payment("1", ""));
    for cut in (0..whole.len()).step_by(7) {
        sidecar.connect().write_all(&whole.as_bytes()[..cut]).unwrap();
    }
    // Whoever sends all and does not wait is decided, and told what was decided when it asks again.
    for id in ["a", "b", "c"] {
        let whole = request("POST", "/v1/decisions", "", &payment(id, ""));
        sidecar.connect().write_all(whole.as_bytes()).unwrap();
    }
    for id in ["a", "b", "c", "d"] {
        assert_eq!(is_served(&sidecar, id), is_served(&sidecar, id));
    }
    let journal = String::from_utf8_lossy(&sidecar.end()).into_owned();
    for id in ["a", "b", "c", "d"] {
        // An event and its answer each time; the time that nobody waited for may not have come whole.
        let lines = journal.matches(&format!("\"id\":\"{id}\"")).count();
        assert!(lines == 4 || lines == 6 && id != "d", "{id}: {lines}");
    }
    assert!(!journal.contains("\"id\":\"1\""));
}

#[test]
fn what_is_too_large_is_refused() {
    let sidecar = start(Bounds { body_bytes_max: 50_000, ..Bounds::default() });
    let said = |request: &str| {
        let said = answer(sidecar.connect(), request);
        (said.status, if said.body.is_empty() { String::new() } else { said.problem() })
    };
    let ask = |path: &str, headers: &str, body: &str| said(&request("POST", path, headers, body));
    let too_large = (413, "body-too-large".to_owned());
    assert_eq!(ask("/v1/decisions", "", &"x".repeat(60_000)), too_large);
    let announced = "POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n".to_owned()
        + &"x".repeat(60_000);
    assert_eq!(said(&announced), too_large);
    let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
    let chunks = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(6)
    );
    assert_eq!(said(&chunks), too_large);
    let header = |bytes: usize| format!("x-long: {}\r\n", "x".repeat(bytes));
    assert_eq!(ask("/v1/decisions", &header(20_000), "").0, 431);
    assert_eq!(ask("/v1/decisions", &header(1).repeat(70), "").0, 431);
    assert_eq!(
        ask(&format!("/v1/decisions?{}", "x".repeat(3_000)), "", ""),
        (414, "url-too-long".to_owned())
    );
    assert_eq!(ask(&format!("/{}", "x".repeat(3_000)), "", "").0, 404);
    // Depth.
    let deep = ["[", "{\"a\":"].map(|open| open.repeat(9_000));
    for deep in deep {
        assert_eq!(ask("/v1/decisions", "", &deep).0, 400);
        assert_eq!(
            ask("/v1/decisions", "", &payment("x", &format!(",\"extra\":{{\"remark\":{deep}"))).0,
            400
        );
        assert_eq!(ask("/v1/decisions:batch", "", &format!("[{deep}")).0, 400);
    }
    let closed = format!("[{}{}]", "[".repeat(9_000), "]".repeat(9_000));
    let batch = sidecar.ask(&request("POST", "/v1/decisions:batch", "", &closed));
    assert!(batch.status == 400 || batch.body.contains("\"status\":400"), "{batch:?}");
    is_served(&sidecar, "1");
}

#[test]
fn one_peer_has_its_share_of_connections_and_all_bodies_have_a_bound() {
    let sidecar = start(Bounds {
        connections_per_peer_max: 4,
        bodies_bytes_max: 100_000,
        body_bytes_max: 90_000,
        ..Bounds::default()
    });
    let half = |bytes: usize| {
        let mut stream = sidecar.connect();
        let head =
            "POST /v1/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 80000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b' '; bytes]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        stream
    };
    let (first, second) = (half(60_000), half(39_990));
    let said = sidecar.ask(&request("POST", "/v1/decisions", "", &payment("1", "")));
    assert_eq!((said.status, said.problem().as_str()), (503, "overload"));
    assert!(said.header.contains("retry-after: 1"), "{said:?}");
    let held: Vec<_> = (0..2).map(|_| sidecar.connect()).collect();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(sidecar.ask(&request("GET", "/healthz", "", "")).status, 0);
    drop((first, second, held));
    std::thread::sleep(Duration::from_millis(300));
    is_served(&sidecar, "1");
}

#[test]
fn a_flood_of_streams_that_are_taken_back_ends_its_connection() {
    let sidecar = start(Bounds::default());
    let mut stream = sidecar.connect();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut flood = Vec::new();
    for number in (1..20_000_u32).step_by(2) {
        // GET http://x/healthz, without an end, and at once taken back.
        let fields = b"\x82\x86\x04\x08/healthz\x01\x01x";
        flood.extend([0, 0, fields.len() as u8, 1, 4]);
        flood.extend(number.to_be_bytes());
        flood.extend(fields);
        flood.extend([0, 0, 4, 3, 0]);
        flood.extend(number.to_be_bytes());
        flood.extend(8_u32.to_be_bytes());
    }
    // It may be cut off while it sends.
    let _ = stream.write_all(&flood);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    // The last frame says that it goes away (7).
    let mut kinds = Vec::new();
    let mut rest = &said[..];
    while let Some((head, after)) = rest.split_at_checked(9) {
        kinds.push(head[3]);
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        rest = after.get(length..).unwrap_or_default();
    }
    assert!(kinds.len() < 100 && kinds.last() == Some(&7), "{kinds:?}");
    is_served(&sidecar, "1");
}

#[test]
fn who_is_answered_before_the_body_is_read_is_told_that_the_connection_ends() {
    let sidecar = start(Bounds { body_bytes_max: 100, ..Bounds::default() });
    // The body is on its way for as long as the answer is.
    let head = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nhost: weir\r\ncontent-length: {length}\r\n\r\n")
    };
    let long = format!("{}{}", head("/v1/decisions", 400), "x".repeat(200));
    let (nowhere, no_method) = (head("/v1/nothing", 5), head("/healthz", 5));
    for (request, status) in [(long, 413), (nowhere, 404), (no_method, 405)] {
        let said = answer(sidecar.connect(), &request);
        assert_eq!(said.status, status, "{said:?}");
        assert!(said.header.contains("\r\nconnection: close"), "{said:?}");
        said.problem();
    }
    // A connection whose body is read goes on.
    let mut stream = sidecar.connect();
    for id in ["1", "2"] {
        let body = payment(id, "");
        let request = format!("{}{body}", head("/v1/decisions", body.len()));
        stream.write_all(request.as_bytes()).unwrap();
        let mut part = [0; 4096];
        let read = stream.read(&mut part).unwrap();
        let said = String::from_utf8_lossy(&part[..read]);
        assert!(said.starts_with("HTTP/1.1 200") && !said.contains("connection:"), "{said}");
    }
}

#[test]
fn beyond_so_many_on_their_way_a_request_is_turned_away_unread() {
    // The clock runs while a body is held back.
    let deadline = Duration::from_secs(30);
    let sidecar = start(Bounds { requests_max: 3, deadline, ..Bounds::default() });
    let whole = request("POST", "/v1/decisions", "", &payment("1", ""));
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    let head = format!("{head}\r\n\r\n");
    let is_turned_away = |said: &sidecar::Answer| {
        assert_eq!((said.status, said.problem().as_str()), (503, "overload"));
        assert!(said.header.contains("retry-after: 1"), "{said:?}");
    };
    let hold = || {
        let mut stream = sidecar.connect();
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        stream
    };
    let (mut first, second) = (hold(), hold());
    let began = Instant::now();
    is_turned_away(&answer(sidecar.connect(), &head));
    is_turned_away(&sidecar.ask(&request("POST", "/v1/decisions:batch", "", "[]")));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(sidecar.ask(&request("GET", path, "", "")).status, 200, "{path}");
    }
    // Whose body came with its head goes on with its connection.
    let mut stream = sidecar.connect();
    let mut ask = || {
        stream.write_all(whole.replace("connection: close\r\n", "").as_bytes()).unwrap();
        let mut part = [0; 4096];
        let read = stream.read(&mut part).unwrap();
        String::from_utf8_lossy(&part[..read]).into_owned()
    };
    for _ in 0..3 {
        let said = ask();
        assert!(said.starts_with("HTTP/1.1 503") && !said.contains("connection:"), "{said}");
    }
    drop(second);
    std::thread::sleep(Duration::from_millis(200));
    let said = ask();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    first.write_all(body.as_bytes()).unwrap();
    assert_eq!(read_answer(first).status, 200);
    let page = sidecar.ask(&request("GET", "/metrics", "", "")).body;
    for line in ["weir_requests_turned_away_total 5", "weir_requests_in_flight 0", "weir_requests_max 3"] {
        assert!(page.contains(&format!("\n{line}\n")), "{line}\n{page}");
    }
    // Whoever was turned away is counted as such alone; whose client left may have been answered.
    let whole = page.lines().find_map(|line| {
        line.strip_prefix("weir_stage_duration_seconds_count{stage=\"whole\"} ")?.parse::<u64>().ok()
    });
    assert!((2..=3).contains(&whole.unwrap()), "{whole:?}");
}

#[test]
fn a_caller_that_floods_leaves_room_for_another() {
    let caller = |name: &str| {
        let hash = hex(Sha256::digest(name));
        format!("[[caller]]\nname = \"{name}\"\ntoken_sha256 = \"{hash}\"\nscopes = [\"score\"]\n")
    };
    let access = Access::from_toml(&(caller("flood") + &caller("gateway"))).unwrap();
    let deadline = Duration::from_secs(30);
    let bounds = Bounds { requests_max: 8, deadline, ..Bounds::default() };
    let sidecar = Sidecar::start(Settings { listen: here(), bounds, access, ..Settings::default() });
    let pays = |name: &str, id: &str| {
        request("POST", "/v1/decisions", &format!("authorization: Bearer {name}\r\n"), &payment(id, ""))
    };
    let flooding = pays("flood", "1");
    let (head, _) = flooding.split_once("\r\n\r\n").unwrap();
    // Heads, whose bodies never come.
    let held: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = sidecar.connect();
            stream.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    for id in ["2", "3", "4", "5"] {
        let said = sidecar.ask(&pays("gateway", id));
        assert_eq!(said.status, 200, "{said:?}");
    }
    assert_eq!(sidecar.ask(&pays("flood", "6")).status, 503);
    drop(held);
}

#[test]
fn who_says_no_more_is_answered_and_who_is_gone_is_noticed() {
    // One that stays would keep all others out.
    let sidecar = start(Bounds { connections_max: 1, ..Bounds::default() });
    let keeps = |id: &str| {
        request("POST", "/v1/decisions", "", &payment(id, "")).replace("connection: close\r\n", "")
    };
    for id in ["1", "2"] {
        let mut stream = sidecar.connect();
        stream.write_all(keeps(id).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = read_answer(stream);
        assert_eq!(said.status, 200, "{said:?}");
    }
    let half = keeps("3").replace("\"account\":\"a\"}", "");
    for (at, said) in ["", "POST /v1/dec", &half, &keeps("4")].into_iter().enumerate() {
        let mut stream = sidecar.connect();
        stream.write_all(said.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        drop(stream);
        is_served(&sidecar, &format!("5{at}"));
    }
}
