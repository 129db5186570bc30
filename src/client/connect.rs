//! Connections to a sidecar: over TCP, TLS or a Unix socket.
//!
//! Promises that over TLS nobody is trusted but whom the given authorities signed, and that HTTP/2 is spoken where both agree
//! on it. Reads no file, and shows no key.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Where a sidecar is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// On TCP.
    Tcp {
        /// The name or address, without brackets.
        host: String,
        /// The port.
        port: u16,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// On a Unix socket.
    Unix(PathBuf),
}

/// Why a client can't be made.
#[derive(Debug, Error)]
pub enum TargetError {
    /// It is no address of a sidecar.
    #[error("`{0}` is no address of a sidecar; give `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`")]
    Address(String),
    /// It is no address of a binary door.
    #[error("`{0}` is no address of a binary door; give `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`")]
    Door(String),
    /// It can't stand in a header.
    #[error("the token has characters that no header takes")]
    Token,
    /// Nobody is trusted.
    #[error(
        "`https` needs to know whom to trust; give `tls` with the authorities that sign the sidecar's certificate"
    )]
    NoRoots,
    /// The authorities can't be read.
    #[error("the authorities are not in PEM (`-----BEGIN CERTIFICATE-----`), or there is none")]
    Roots,
    /// The client's own certificate can't be read.
    #[error("the certificate is not in PEM: {0}")]
    Chain(pem::Error),
    /// The client's own key can't be read.
    #[error("the key is not in PEM (`-----BEGIN PRIVATE KEY-----`), or there is none")]
    Key,
    /// They can't be used.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Target {
    /// What the address of a binary door says: `tcp://HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// Where it says none of these.
    pub fn parse_binary(address: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError::Door(address.to_owned());
        let as_http = match address.split_once("://") {
            Some(("tcp", rest)) => format!("http://{rest}"),
            Some(("tls", rest)) => format!("https://{rest}"),
            None => address.to_owned(),
            Some(_) => return Err(wrong()),
        };
        let target = Self::parse(&as_http).map_err(|_| wrong())?;
        match &target {
            // No port is known for frames.
            Self::Tcp { port, .. } if !address.ends_with(&format!(":{port}")) => Err(wrong()),
            _ => Ok(target),
        }
    }

    /// What an address says: `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`.
    ///
    /// # Errors
    ///
    /// Where it says none of these.
    pub fn parse(address: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError::Address(address.to_owned());
        if let Some(path) = address.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if uri.path_and_query().is_some_and(|path| path != "/") {
            return Err(wrong());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self::Tcp { host, port, tls })
    }

    /// The address of a path there.
    pub(super) fn uri(&self, path: &str) -> String {
        match self {
            Self::Tcp { host, port, tls } => {
                let scheme = if *tls { "https" } else { "http" };
                match host.contains(':') {
                    true => format!("{scheme}://[{host}]:{port}{path}"),
                    false => format!("{scheme}://{host}:{port}{path}"),
                }
            }
            Self::Unix(_) => format!("http://localhost{path}"),
        }
    }
}

/// Whom a client trusts, and what it shows: texts in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientTls {
    /// The authorities that sign the certificates of sidecars.
    pub roots_pem: Vec<u8>,
    /// The client's own certificate, with those up to an authority that the sidecar knows, and its key; where the sidecar
    /// asks for one.
    pub own_pem: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("own", &self.own_pem.is_some()).finish_non_exhaustive()
    }
}

impl ClientTls {
    fn connector(&self, protocols: &[&[u8]]) -> Result<TlsConnector, TargetError> {
        let certificates = |pem| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let mut roots = RootCertStore::empty();
        for root in certificates(&self.roots_pem).map_err(|_| TargetError::Roots)? {
            roots.add(root)?;
        }
        if roots.is_empty() {
            return Err(TargetError::Roots);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match &self.own_pem {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(chain).map_err(TargetError::Chain)?;
                // What the parser says of a key may show some of it.
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TargetError::Key)?;
                builder.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Makes connections to one target.
#[derive(Clone)]
pub(super) struct Connector {
    target: Arc<Target>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(
        target: Arc<Target>,
        tls: Option<&ClientTls>,
        timeout: Duration,
        protocols: &[&[u8]],
    ) -> Result<Self, TargetError> {
        let tls = match &*target {
            Target::Tcp { host, tls: true, .. } => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| TargetError::Address(target.uri("")))?;
                Some((tls.ok_or(TargetError::NoRoots)?.connector(protocols)?, name))
            }
            _ => None,
        };
        Ok(Self { target, tls, timeout })
    }

    /// A connection.
    pub(super) async fn connect(self) -> io::Result<Stream> {
        let connecting = async {
            Ok(match &*self.target {
                Target::Unix(path) => Stream { io: Box::new(UnixStream::connect(path).await?), is_h2: false },
                Target::Tcp { host, port, .. } => {
                    let tcp = TcpStream::connect((host.as_str(), *port)).await?;
                    tcp.set_nodelay(true)?;
                    match self.tls {
                        None => Stream { io: Box::new(tcp), is_h2: false },
                        Some((connector, name)) => {
                            let tls = connector.connect(name, tcp).await?;
                            let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                            Stream { io: Box::new(tls), is_h2 }
                        }
                    }
                }
            })
        };
        tokio::time::timeout(self.timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long")))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await.map(TokioIo::new) })
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection of any kind.
pub(super) struct Stream {
    io: Box<dyn Io>,
    is_h2: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.is_h2 { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_a_sidecar_says_that_it_listens_on() {
        for (address, uri) in [
            ("http://127.0.0.1:8420", "http://127.0.0.1:8420/x"),
            ("http://localhost/", "http://localhost:80/x"),
            ("https://[::1]:8420", "https://[::1]:8420/x"),
            ("unix:/run/weir.sock", "http://localhost/x"),
        ] {
            assert_eq!(Target::parse(address).unwrap().uri("/x"), uri, "{address}");
        }
        for address in ["", "unix:", "127.0.0.1:8420", "ftp://a:1", "http://a:1/b", "http://u@a:1", "http://"]
        {
            assert!(matches!(Target::parse(address), Err(TargetError::Address(_))), "{address}");
        }
    }

    #[test]
    fn addresses_of_doors_are_what_a_sidecar_says_too() {
        for (address, tls) in [("tcp://127.0.0.1:8422", false), ("tls://[::1]:8422", true)] {
            let parsed = Target::parse_binary(address).unwrap();
            assert!(matches!(parsed, Target::Tcp { port: 8422, tls: is, .. } if is == tls), "{address}");
        }
        assert!(matches!(Target::parse_binary("unix:/a"), Ok(Target::Unix(_))));
        for address in ["", "http://a:1", "tcp://a", "tcp://a:1/b", "a:1"] {
            assert!(matches!(Target::parse_binary(address), Err(TargetError::Door(_))), "{address}");
        }
    }

    #[test]
    fn tls_that_can_not_be_is_said_without_its_key() {
        let connector = |tls: Option<&ClientTls>| {
            let target = Arc::new(Target::parse("https://localhost:1").unwrap());
            Connector::new(target, tls, Duration::ZERO, &[]).map(drop)
        };
        assert!(matches!(connector(None), Err(TargetError::NoRoots)));
        let tls =
            ClientTls { roots_pem: b"nothing".to_vec(), own_pem: Some((Vec::new(), b"a secret".to_vec())) };
        assert!(matches!(connector(Some(&tls)), Err(TargetError::Roots)));
        assert!(!format!("{tls:?}").contains("secret"), "{tls:?}");
    }
}
