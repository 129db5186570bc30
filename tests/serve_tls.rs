//! TLS in front of the sidecar: versions, HTTP/2, certificates of clients, and what breaks it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test fails loudly, documents nothing, and has a clock and threads"
)]

#[path = "support/commands.rs"]
mod commands;
#[path = "support/sidecar.rs"]
mod sidecar;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use sha2::{Digest, Sha256};
use sidecar::{Answer, Sidecar, answer, here, payment, read_answer, request};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use weir::hex::hex;
use weir::server::{Access, Bounds, ServeError, Settings, Tls, TlsError};

/// An authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Clone)]
struct Certified {
    pem: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn certify(&self, names: &[&str]) -> Certified {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.contains("://") {
                true => SanType::URI((*name).try_into().unwrap()),
                false => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Certified { pem, key: key.serialize_pem() }
    }

    /// With a certificate of the server.
    fn tls(&self, clients: Option<&Authority>) -> Tls {
        let server = self.certify(&["localhost"]);
        Tls {
            chain_pem: server.pem.into(),
            key_pem: server.key.into(),
            client_ca_pem: clients.map(|clients| clients.pem.clone().into()),
        }
    }

    /// A client that trusts this authority.
    fn client(
        &self,
        version: &'static SupportedProtocolVersion,
        own: Option<&Certified>,
        alpn: &[&str],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(own.pem.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        config.alpn_protocols = alpn.iter().map(|word| word.as_bytes().to_vec()).collect();
        config
    }
}

fn secured(sidecar: &Sidecar, config: ClientConfig) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), sidecar.connect())
}

fn decide(sidecar: &Sidecar, config: ClientConfig, headers: &str) -> Answer {
    answer(secured(sidecar, config), &request("POST", "/v1/decisions", headers, &payment("1", "")))
}

fn access(text: &str) -> Access {
    Access::from_toml(text).unwrap()
}

#[test]
fn both_versions_are_spoken_and_http_2_is_agreed_on() {
    let authority = Authority::new();
    let tls = Some(authority.tls(None));
    let sidecar = Sidecar::start(Settings { listen: here(), tls, ..Settings::default() });
    assert!(sidecar.addresses[0].to_string().starts_with("https://127.0.0.1:"));
    for version in [&TLS12, &TLS13] {
        let config = authority.client(version, None, &["http/1.1"]);
        assert_eq!(decide(&sidecar, config, "").status, 200);
        let mut stream = secured(&sidecar, authority.client(version, None, &["h2", "http/1.1"]));
        // What both begin an HTTP/2 connection with: the client's is a fixed text and no settings.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!(frame[3], 4, "settings");
        assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    }
    // Whoever trusts another authority does not send anything.
    let stranger = Authority::new().client(&TLS13, None, &[]);
    assert_eq!(decide(&sidecar, stranger, "").status, 0);
}

#[test]
fn what_is_no_tls_is_closed_in_time_and_harms_nobody() {
    let authority = Authority::new();
    let bounds = Bounds { handshake_timeout: Duration::from_millis(400), ..Bounds::default() };
    let tls = Some(authority.tls(None));
    let sidecar = Sidecar::start(Settings { listen: here(), tls, bounds, ..Settings::default() });
    let silent = sidecar.connect();
    let began = Instant::now();
    for bytes in
        [&b"POST /v1/decisions HTTP/1.1\r\n\r\n"[..], &[0xff; 5000], b"\x16\x03\x01\x40\x00half a hello"]
    {
        let mut stream = sidecar.connect();
        stream.write_all(bytes).unwrap();
        let mut said = Vec::new();
        // An alert at most; a connection that is reset says nothing.
        let _ = stream.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP"), "{said:?}");
    }
    // One that breaks in the middle of what is encrypted.
    let mut stream = secured(&sidecar, authority.client(&TLS13, None, &[]));
    stream.write_all(b"POST /v1/decisions HTTP/1.1\r\n").unwrap();
    stream.flush().unwrap();
    stream.sock.write_all(&[0x17, 3, 3, 0, 32]).unwrap();
    stream.sock.write_all(&[7; 32]).unwrap();
    let mut said = Vec::new();
    let _ = stream.sock.read_to_end(&mut said);
    assert_eq!(read_answer(silent).status, 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(decide(&sidecar, authority.client(&TLS13, None, &[]), "").status, 200);
}

#[test]
fn where_clients_need_certificates_none_comes_in_without() {
    let (authority, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let callers = format!(
        "[[caller]]\nname = \"gateway\"\ncertificate = \"gateway.example\"\nscopes = [\"score\"]\n\
         [[caller]]\nname = \"mesh\"\ncertificate = \"spiffe://bank/gateway\"\nscopes = [\"events\"]\n\
         [[caller]]\nname = \"token\"\ntoken_sha256 = \"{}\"\nscopes = [\"score\"]\n",
        hex(Sha256::digest("a token"))
    );
    let tls = Some(authority.tls(Some(&clients)));
    let sidecar =
        Sidecar::start(Settings { listen: here(), tls, access: access(&callers), ..Settings::default() });
    let ask = |own: Option<&Certified>, headers: &str| {
        let statuses = [&TLS12, &TLS13]
            .map(|version| decide(&sidecar, authority.client(version, own, &[]), headers).status);
        assert_eq!(statuses[0], statuses[1]);
        statuses[0]
    };
    let token = "authorization: Bearer a token\r\n";
    assert_eq!(ask(None, token), 0);
    assert_eq!(ask(Some(&others.certify(&["gateway.example"])), token), 0);
    assert_eq!(ask(Some(&clients.certify(&["gateway.example"])), ""), 200);
    assert_eq!(ask(Some(&clients.certify(&["x.example", "gateway.example"])), ""), 200);
    assert_eq!(ask(Some(&clients.certify(&["spiffe://bank/gateway"])), ""), 403);
    for name in ["other.example", "*.example", "gateway.example.org", "Gateway.example"] {
        assert_eq!(ask(Some(&clients.certify(&[name])), ""), 401, "{name}");
    }
    // A certificate opens the door, and the token says who comes in.
    assert_eq!(ask(Some(&clients.certify(&["other.example"])), token), 200);
    assert_eq!(ask(Some(&clients.certify(&["gateway.example"])), "authorization: Bearer wrong\r\n"), 401);
}

#[test]
fn what_can_not_be_tls_is_said_at_the_start() {
    let authority = Authority::new();
    let refused = |tls: Tls, callers: &str| {
        let access = if callers.is_empty() { Access::default() } else { access(callers) };
        let settings = Settings { listen: here(), tls: Some(tls), access, ..Settings::default() };
        Sidecar::try_start(settings).err().unwrap()
    };
    let good = authority.tls(None);
    let callers = "[[caller]]\nname = \"gateway\"\ncertificate = \"gateway.example\"\nscopes = [\"score\"]\n";
    assert!(matches!(refused(good.clone(), callers), ServeError::NoCertificates(_)));
    let other = authority.tls(None).key_pem;
    let unusable = refused(Tls { key_pem: other, ..good.clone() }, "");
    assert!(matches!(unusable, ServeError::Tls(TlsError::Unusable(_))), "{unusable}");
    let text = refused(Tls { key_pem: b"a secret text".to_vec(), ..good.clone() }, "").to_string();
    assert!(text.contains("PEM") && !text.contains("secret"), "{text}");
    assert!(!format!("{good:?}").contains("PRIVATE") && format!("{good:?}").len() < 60);
    let none = refused(Tls { chain_pem: Vec::new(), ..good.clone() }, "");
    assert!(matches!(none, ServeError::Tls(TlsError::NoChain)), "{none}");
    let none = refused(Tls { client_ca_pem: Some(Vec::new()), ..good }, "");
    assert!(matches!(none, ServeError::Tls(TlsError::Clients(_))), "{none}");
}

#[test]
fn the_program_makes_tokens_and_uses_no_key_that_others_may_read() {
    let folder = commands::Folder::new();
    let server = Authority::new().certify(&["localhost"]);
    folder.put("cert.pem", &server.pem);
    folder.put("key.pem", &server.key);
    let made = folder.run("access new --name gateway --scope score,read --tenant north");
    assert_eq!(made.code, Some(0), "{}", made.err);
    let token = made.err.lines().last().unwrap();
    assert!(token.starts_with("weir_") && token.len() == 69, "{token}");
    assert!(made.out.contains(&hex(Sha256::digest(token))) && !made.out.contains(token), "{}", made.out);
    let known = access(&made.out);
    assert_eq!(known.callers().next().unwrap().tenant.as_deref(), Some("north"));
    let again = folder.run("access new --name gateway --scope score");
    assert_ne!(again.err, made.err);
    folder.put("access.toml", &made.out);
    let mode = |name: &str, mode| {
        std::fs::set_permissions(folder.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    mode("access.toml", 0o640);
    mode("key.pem", 0o644);
    let serve = "serve --rules rules.toml --listen 127.0.0.1:0";
    let refused = folder.run(&format!("{serve} --access access.toml"));
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("chmod 600 access.toml"), "{}", refused.err);
    let refused = folder.run(&format!("{serve} --tls-cert cert.pem --tls-key key.pem"));
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("chmod 600 key.pem"), "{}", refused.err);
    let refused = folder.run("serve --rules rules.toml --listen 0.0.0.0:0");
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("nobody is named"), "{}", refused.err);
}
