//! Somebody who answers every payment with "allow" after a time that is known: what the generator itself is tested against.
//!
//! Bare HTTP/1.1 on a loopback address, a thread for each connection. Promises to answer nothing while it stalls.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use serde::Deserialize;

use super::clock::Clock;
use super::connection::Endpoint;

/// A time in which nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// How long after the first request it begins.
    pub after: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

/// How long the request of an id takes to be served.
pub type Service = dyn Fn(&str) -> Duration + Send + Sync;

struct Manners {
    service: Box<Service>,
    stall: Option<Stall>,
    began: OnceLock<Clock>,
}

/// One that runs until it is dropped.
pub struct Responder {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Deserialize)]
struct Payment {
    id: String,
}

impl Responder {
    /// Starts one on a port that the system gives.
    ///
    /// # Errors
    ///
    /// Where there is no port or no thread for it.
    pub fn start(
        stall: Option<Stall>,
        service: impl Fn(&str) -> Duration + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let manners = Arc::new(Manners { service: Box::new(service), stall, began: OnceLock::new() });
        let thread = Builder::new().name("responder".into()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let manners = Arc::clone(&manners);
                // Whoever finds no thread is not answered, and told so by its closed connection; so is one that breaks off.
                let _ = Builder::new().spawn(move || serve(stream, &manners));
            }
        })?;
        Ok(Self { address, over, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, for the generator.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp(self.address)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it, so that it sees that it is over.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

impl Manners {
    /// Waits as long as a request takes.
    fn wait(&self, id: &str) {
        let clock = self.began.get_or_init(Clock::new);
        let service = (self.service)(id);
        if !service.is_zero() {
            sleep(service);
        }
        let now = Duration::from_nanos(clock.now_ns());
        if let Some(Stall { after, lasts }) = self.stall
            && now >= after
        {
            sleep((after + lasts).saturating_sub(now));
        }
    }
}

fn serve(mut stream: TcpStream, manners: &Manners) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        while let Some((whole, id)) = request(&bytes)? {
            manners.wait(&id);
            let body = format!("{{\"id\":\"{id}\",\"outcome\":\"allow\"}}");
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
            bytes.drain(..whole);
        }
        match stream.read(&mut part)? {
            0 => return Ok(()),
            read => bytes.extend_from_slice(&part[..read]),
        }
    }
}

/// How many bytes the first request takes and its payment's id, once it is whole.
fn request(bytes: &[u8]) -> io::Result<Option<(usize, String)>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let whole = head + length.unwrap_or(0);
    let Some(body) = bytes.get(head..whole) else { return Ok(None) };
    let payment: Payment = serde_json::from_slice(body)?;
    Ok(Some((whole, payment.id)))
}
