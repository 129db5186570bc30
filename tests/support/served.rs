//! A sidecar in this process, a disk that is slow or fails, and a small client that speaks HTTP/1.1 over a socket.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use weir::io::{Bundle, Disk, DiskFile, FileId, Held, RealDisk};
use weir::journal::{OnDamage, Options, Recorded, Setup};
use weir::server::{Address, Figures, Listen, Opening, Ready, ServeError, Settings, serve};

/// What the disk does.
#[derive(Debug, Default)]
pub struct Mood {
    /// How long a sync takes, in milliseconds.
    pub sync_ms: AtomicU64,
    /// How many bytes a second it takes; 0 is all.
    pub bytes_per_s: AtomicU64,
    /// Whether syncs fail.
    pub fails: AtomicBool,
    /// How long opening waits, in milliseconds.
    pub opening_ms: AtomicU64,
}

/// The machine's disk, in a mood.
#[derive(Clone, Debug, Default)]
pub struct Moody(pub Arc<Mood>);

struct MoodyFile(Box<dyn DiskFile>, Arc<Mood>);

impl DiskFile for MoodyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes_per_s = self.1.bytes_per_s.load(Ordering::SeqCst);
        let took_us = (1_000_000 * bytes.len() as u64).checked_div(bytes_per_s).unwrap_or(0);
        std::thread::sleep(Duration::from_micros(took_us));
        self.0.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        std::thread::sleep(Duration::from_millis(self.1.sync_ms.load(Ordering::SeqCst)));
        if self.1.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is in a mood"));
        }
        self.0.sync()
    }
    fn id(&self) -> io::Result<Option<FileId>> {
        self.0.id()
    }
}

impl Disk for Moody {
    fn is_file(&self, path: &Path) -> io::Result<bool> {
        RealDisk.is_file(path)
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_folder(path)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(folder)
    }
    fn create_inner_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_inner_folder(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(MoodyFile(RealDisk.create(path)?, Arc::clone(&self.0))))
    }
    fn create_private(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create_private(path)
    }
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        RealDisk.read(path)
    }
    fn length(&self, path: &Path) -> io::Result<u64> {
        RealDisk.length(path)
    }
    fn id(&self, path: &Path) -> io::Result<Option<FileId>> {
        RealDisk.id(path)
    }
    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        RealDisk.cut(path, length)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        RealDisk.lock(path)
    }
}

/// A sidecar that runs.
pub struct Served {
    pub address: SocketAddr,
    pub addresses: Vec<Address>,
    pub disk: Moody,
    pub folder: Arc<TempDir>,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<Figures, ServeError>>,
}

/// Starts one over rules in a new folder.
pub async fn start(rules: Bundle, settings: Settings, disk: Moody) -> Served {
    start_in(Arc::new(tempfile::tempdir().unwrap()), rules, settings, disk).await
}

pub async fn start_in(folder: Arc<TempDir>, rules: Bundle, settings: Settings, disk: Moody) -> Served {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = oneshot::channel();
    let journal = folder.path().join("journal");
    let listen = Listen { tcp: Some("127.0.0.1:0".parse().unwrap()), ..Listen::default() };
    let settings = Settings {
        listen,
        journal: journal.clone(),
        resend: Some(folder.path().join("again.ndjson")),
        ..settings
    };
    let (mood, on) = (Arc::clone(&disk.0), disk.clone());
    let open = move |tell: &mut dyn FnMut(Opening)| {
        let loaded = rules.load()?;
        tell(Opening::Rules(Arc::new(loaded.rules), None));
        std::thread::sleep(Duration::from_millis(mood.opening_ms.load(Ordering::SeqCst)));
        let disk: Arc<dyn Disk> = Arc::new(on);
        let setup = Setup {
            rules,
            staged: Vec::new(),
            limits: None,
            recording: None,
            store: None,
            snapshot_every: None,
        };
        let options = Options::new(|| 1, [7; 16]);
        let (recorded, _) = Recorded::open(disk, &journal, options, OnDamage::Refuse, setup, |_| {})?;
        Ok(Ready { recorded, tokens: None, spill: None })
    };
    let ended = tokio::spawn(async move {
        let ready = |addresses: &[Address]| {
            let _ = tell.send(addresses.to_vec());
        };
        serve(settings, Box::new(open), ready, async {
            let _ = stopped.await;
        })
        .await
    });
    let Ok(addresses) = told.await else { panic!("{:?}", ended.await) };
    let Address::Tcp(address) = addresses[0] else { panic!("an address") };
    Served { address, addresses, disk, folder, stop, ended }
}

impl Served {
    pub async fn ready(&self) {
        let mut client = Client::new(self.address).await;
        while client.get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn resend(&self) -> PathBuf {
        self.folder.path().join("again.ndjson")
    }

    pub async fn stop(self) -> Result<Figures, ServeError> {
        let _ = self.stop.send(());
        self.ended.await.unwrap()
    }
}

/// One connection.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub async fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub async fn get(&mut self, path: &str) -> (u16, Value, Option<u64>) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: w\r\n\r\n")).await
    }

    /// Sends a body that waits for so many milliseconds; gives the status, what was said, and when to try again.
    pub async fn post(&mut self, path: &str, body: &str, ms: u64) -> (u16, Value, Option<u64>) {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: w\r\nweir-timeout-ms: {ms}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// The same with the body so long behind its head.
    pub async fn post_late(&mut self, path: &str, body: &str, ms: u64, late: Duration) -> (u16, Value) {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: w\r\nweir-timeout-ms: {ms}\r\ncontent-length: {length}\r\n\r\n"
        );
        self.0.get_mut().write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(late).await;
        let (status, said, _) = self.send(body).await;
        (status, said)
    }

    /// Sends a request with these header lines; gives the status and the body as it came.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: w\r\n{headers}content-length: {length}\r\n\r\n{body}");
        let (status, body, _) = self.send_for(&request).await;
        (status, String::from_utf8(body).unwrap())
    }

    async fn send(&mut self, request: &str) -> (u16, Value, Option<u64>) {
        let (status, body, retry) = self.send_for(request).await;
        (status, serde_json::from_slice(&body).unwrap_or_default(), retry)
    }

    async fn send_for(&mut self, request: &str) -> (u16, Vec<u8>, Option<u64>) {
        self.0.get_mut().write_all(request.as_bytes()).await.unwrap();
        let (mut status, mut length, mut retry) = (0, 0, None);
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(' ') else { break };
            match name.to_ascii_lowercase().as_str() {
                "http/1.1" => status = value[..3].parse().unwrap(),
                "content-length:" => length = value.parse().unwrap(),
                "retry-after:" => retry = value.parse().ok(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (status, body, retry)
    }

    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.0.read_u8().await.unwrap());
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }
}

/// Times after which the sidecar takes payments for new ones.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Well ahead of the start, as they are once a sidecar has run for a while.
    since.as_micros() as i64 + 5_000_000
}

pub fn payment(id: &str, amount: i64) -> String {
    static LAST: Mutex<i64> = Mutex::new(0);
    let time_us = {
        let mut last = LAST.lock().unwrap();
        *last = now_us().max(*last);
        *last
    };
    payment_at(id, amount, time_us)
}

pub fn payment_at(id: &str, amount: i64, time_us: i64) -> String {
    format!(
        "{{\"id\":\"{id}\",\"time_us\":{time_us},\"amount_minor\":{amount},\"currency\":\"VND\",\"account\":\"a{}\"}}",
        amount % 97
    )
}
