//! A relay in front of a server: counts the connections that it takes, and cuts or silences them when it is told to.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the connections that are open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Cut,
    /// They stay open, and nothing goes over them, as behind a firewall that drops.
    Silence,
}

#[derive(Clone)]
pub struct Relay {
    pub address: SocketAddr,
    taken: Arc<AtomicUsize>,
    end: Arc<watch::Sender<End>>,
}

impl Relay {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (taken, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(watch::channel(End::Cut).0));
        let relay = Self { address, taken: Arc::clone(&taken), end: Arc::clone(&end) };
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                taken.fetch_add(1, Ordering::SeqCst);
                let mut end = end.subscribe();
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = end.changed() => {
                            if *end.borrow() == End::Silence {
                                std::future::pending::<()>().await;
                            }
                        }
                    }
                });
            }
        });
        relay
    }

    /// How many connections were taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Cuts all that are open.
    pub fn cut(&self) {
        self.end.send_replace(End::Cut);
    }

    /// Nothing goes over those that are open any more.
    pub fn silence(&self) {
        self.end.send_replace(End::Silence);
    }
}
