//! A load generator as slow and obvious as one can be, to hold the real one to: a thread for each connection, blocking sockets,
//! one request on its way on each, the same schedule. And over frames somebody as obvious who answers.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may stop it, and has a clock"
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use weir::bench::Payments;
use weir::frames::{DURABLE, HELLO_BYTES, Header, Hello, Type, WELCOME_BYTES, read};

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Http,
    Frames,
}

/// Sends all of a schedule, and gives the latencies from the intended times in nanoseconds, sorted.
pub fn measure(
    door: Door,
    address: SocketAddr,
    payments: &Payments,
    schedule: &[u64],
    connections: usize,
) -> Vec<u64> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                if door == Door::Frames {
                    let mut hello = Vec::new();
                    Hello { token: b"" }.write(&mut hello).unwrap();
                    stream.write_all(&hello).unwrap();
                    assert_eq!(frame(&mut stream).unwrap().0.kind, Type::Welcome as u8);
                }
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(&intended_ns) = schedule.get(at) else { return };
                    let intended = start + Duration::from_nanos(intended_ns);
                    sleep(intended.saturating_duration_since(Instant::now()));
                    let mut payment = Vec::new();
                    payments.write(at as u64, 1_795_341_600_000_000, &mut payment);
                    match door {
                        Door::Http => ask(&mut stream, &payment),
                        Door::Frames => ask_in_a_frame(&mut stream, &payment),
                    }
                    all.lock().unwrap().push(intended.elapsed().as_nanos() as u64);
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap();
    all.sort_unstable();
    all
}

fn ask(stream: &mut TcpStream, payment: &[u8]) {
    let head = format!("POST /v1/decisions HTTP/1.1\r\nhost: b\r\ncontent-length: {}\r\n\r\n", payment.len());
    stream.write_all(&[head.as_bytes(), payment].concat()).unwrap();
    let mut answer = Vec::new();
    // Its body is an object without another one in it.
    while !answer.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

fn ask_in_a_frame(stream: &mut TcpStream, payment: &[u8]) {
    let mut bytes = Vec::new();
    Header { kind: Type::Decide as u8, id: 1, ..Header::default() }.write(payment, &mut bytes);
    stream.write_all(&bytes).unwrap();
    let (header, _) = frame(stream).unwrap();
    assert_eq!((header.kind, header.timeout_or_status, header.id), (Type::Decision as u8, 200, 1));
}

/// The next frame: first its length, then the rest of it.
fn frame(stream: &mut TcpStream) -> io::Result<(Header, Vec<u8>)> {
    let mut bytes = vec![0; 4];
    stream.read_exact(&mut bytes)?;
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    bytes.resize(4 + length as usize, 0);
    stream.read_exact(&mut bytes[4..])?;
    let (header, payload) = read(&bytes, u32::MAX).unwrap().unwrap();
    Ok((header, payload.to_vec()))
}

/// Answers every payment in a frame with "allow" after a time that is known by its id, each connection in turn; until the process ends.
pub fn answer_in_frames(service: impl Fn(&str) -> Duration + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let service = service.clone();
            drop(Builder::new().spawn(move || answer(&mut stream, service)).unwrap());
        }
    };
    drop(Builder::new().spawn(serve).unwrap());
    address
}

/// Until whoever asks hangs up.
fn answer(stream: &mut TcpStream, service: impl Fn(&str) -> Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.read_exact(&mut [0; HELLO_BYTES])?;
    let mut out = Vec::new();
    Header { kind: Type::Welcome as u8, ..Header::default() }.write(&[0; WELCOME_BYTES], &mut out);
    loop {
        stream.write_all(&out)?;
        let (asked, payment) = frame(stream)?;
        let payment: serde_json::Value = serde_json::from_slice(&payment).unwrap();
        let id = payment["id"].as_str().unwrap();
        sleep(service(id));
        out.clear();
        let answer = Header {
            kind: Type::Decision as u8,
            flags: DURABLE,
            outcome: 1,
            timeout_or_status: 200,
            id: asked.id,
            ..Header::default()
        };
        answer.write(format!("{{\"id\":\"{id}\",\"outcome\":\"allow\"}}").as_bytes(), &mut out);
    }
}
