//! A load generator as slow and obvious as one can be, to hold the real one to: a thread for each connection, blocking sockets,
//! the same schedule.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a helper of a test may stop it, and has a clock"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use weir::bench::Payments;

/// Sends all of a schedule, and gives the latencies from the intended times in nanoseconds, sorted.
pub fn measure(address: SocketAddr, payments: &Payments, schedule: &[u64], connections: usize) -> Vec<u64> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(&intended_ns) = schedule.get(at) else { return };
                    let intended = start + Duration::from_nanos(intended_ns);
                    std::thread::sleep(intended.saturating_duration_since(Instant::now()));
                    ask(&mut stream, payments, at as u64);
                    all.lock().unwrap().push(intended.elapsed().as_nanos() as u64);
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap();
    all.sort_unstable();
    all
}

fn ask(stream: &mut TcpStream, payments: &Payments, number: u64) {
    let mut body = Vec::new();
    payments.write(number, 1_795_341_600_000_000, &mut body);
    let head = format!("POST /v1/decisions HTTP/1.1\r\nhost: b\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    let mut answer = Vec::new();
    // Its body is an object without another one in it.
    while !answer.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}
