//! The real server in this process, on ports that the system gives, and a client that sends what it is told to the letter.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use weir::engine::Limits;
use weir::io::{Bundle, Disk, RealDisk};
use weir::journal::{OnDamage, Options, Recorded, Setup};
use weir::server::{Address, Figures, Listen, Opener, Opening, Ready, ServeError, Settings, serve};

pub const RULES: &str = r#"
[ruleset]
name = "small"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"

[fields]
remark = "text"
pin_code = "text"

[[rule]]
id = "large"
when = "amount > 1_000_000"
then = "block"
reason = "large"
"#;

/// A sidecar that runs.
pub struct Sidecar {
    pub addresses: Vec<Address>,
    pub folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<Figures, ServeError>>>,
}

fn opener(rules: PathBuf, journal: PathBuf, limits: Option<Limits>) -> Opener {
    Box::new(move |progress| {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        disk.create_folder(&journal)?;
        let setup = Setup {
            rules: Bundle::read(&rules)?,
            staged: Vec::new(),
            limits,
            recording: None,
            store: None,
            snapshot_every: None,
        };
        let options = Options::new(|| 0, [7; 16]);
        let mut recovering = |done| progress(Opening::Recovering(done));
        let opened = Recorded::open(disk, &journal, options, OnDamage::Refuse, setup, &mut recovering)?;
        Ok(Ready { recorded: opened.0, tokens: None, spill: None })
    })
}

/// On TCP, on this machine.
pub fn here() -> Listen {
    Listen { tcp: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..Listen::default() }
}

impl Sidecar {
    pub fn start(settings: Settings) -> Self {
        Self::try_start(settings).unwrap()
    }

    /// Waits until it is ready.
    pub fn try_start(settings: Settings) -> Result<Self, ServeError> {
        Self::in_folder(settings, tempfile::tempdir().unwrap())
    }

    pub fn in_folder(settings: Settings, folder: tempfile::TempDir) -> Result<Self, ServeError> {
        Self::over(RULES, settings, folder)
    }

    /// One that begins with these rules.
    pub fn over(text: &str, settings: Settings, folder: tempfile::TempDir) -> Result<Self, ServeError> {
        Self::within(None, text, settings, folder)
    }

    /// The same with other limits than those that hold where nobody says any.
    pub fn within(
        limits: Option<Limits>,
        text: &str,
        settings: Settings,
        folder: tempfile::TempDir,
    ) -> Result<Self, ServeError> {
        let rules = folder.path().join("rules.toml");
        std::fs::write(&rules, text).unwrap();
        let journal = folder.path().join("journal");
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let ready = |addresses: &[Address]| tell.send(addresses.to_vec()).unwrap();
            let stopped = async { drop(stopped.await) };
            runtime.block_on(serve(settings, opener(rules, journal, limits), ready, stopped))
        });
        let Ok(addresses) = told.recv() else { return Err(thread.join().unwrap().unwrap_err()) };
        let sidecar = Self { addresses, folder, stop: Some(stop), thread: Some(thread) };
        let asks = request("GET", "/readyz", "", "");
        let is_ready = || match &sidecar.addresses[0] {
            Address::Tcp(address) => {
                let address = address.to_string().replace("0.0.0.0", "127.0.0.1");
                TcpStream::connect(address).is_ok_and(|stream| answer(stream, &asks).status == 200)
            }
            Address::Unix(path) => {
                answer(std::os::unix::net::UnixStream::connect(path).unwrap(), &asks).status == 200
            }
            // Whoever tests TLS has a client of its own.
            _ => {
                std::thread::sleep(Duration::from_secs(1));
                true
            }
        };
        (0..400)
            .find(|_| {
                std::thread::sleep(Duration::from_millis(20));
                is_ready() || sidecar.thread.as_ref().is_some_and(JoinHandle::is_finished)
            })
            .unwrap();
        let ended = sidecar.thread.as_ref().is_some_and(JoinHandle::is_finished);
        if ended { Err(sidecar.thread.unwrap().join().unwrap().unwrap_err()) } else { Ok(sidecar) }
    }

    /// The first address on TCP.
    pub fn tcp(&self) -> SocketAddr {
        let found = self.addresses.iter().find_map(|address| match address {
            Address::Tcp(address) | Address::Tls(address) => Some(*address),
            _ => None,
        });
        found.unwrap()
    }

    pub fn admin(&self) -> SocketAddr {
        let found = self.addresses.iter().find_map(|address| match address {
            Address::Admin(address) => match **address {
                Address::Tcp(address) | Address::Tls(address) => Some(address),
                _ => None,
            },
            _ => None,
        });
        found.unwrap()
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.tcp())
    }

    /// What a request is answered, with its header.
    pub fn ask(&self, request: &str) -> Answer {
        answer(self.connect(), request)
    }

    /// Ends it; its folder, to begin with again.
    pub fn stopped(mut self) -> tempfile::TempDir {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
        self.folder
    }

    /// Ends it; what the journal's folder holds then.
    pub fn end(mut self) -> Vec<u8> {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap();
        let mut all = Vec::new();
        let mut folders = vec![self.folder.path().join("journal")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { all.extend(std::fs::read(path).unwrap()) }
            }
        }
        all
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub header: String,
    pub body: String,
}

impl Answer {
    /// The word of the problem that it is.
    pub fn problem(&self) -> String {
        let document: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(self.header.contains("application/problem+json"), "{self:?}");
        document["type"].as_str().unwrap().strip_prefix("urn:weir:problem:").unwrap().to_owned()
    }
}

/// Sends a request that ends its connection, and reads what is answered.
pub fn answer(mut stream: impl Read + Write, request: &str) -> Answer {
    // Whoever is refused early may be cut off while it still sends.
    let _ = stream.write_all(request.as_bytes());
    read_answer(stream)
}

/// All that is still said on a connection, as an answer.
pub fn read_answer(mut stream: impl Read) -> Answer {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..read]);
    }
    let text = String::from_utf8(bytes).unwrap();
    let (header, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = header.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, header: header.to_owned(), body: body.to_owned() }
}

/// A request that ends its connection.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A payment without a kind.
pub fn payment(id: &str, more: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"time_us\":1795341600000000,\"amount_minor\":250000,\"currency\":\"VND\",\"account\":\"a\"{more}}}"
    )
}
