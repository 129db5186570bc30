//! TLS: the server's certificate, and the names in a client's.
//!
//! Promises TLS 1.2 or 1.3, protocols by ALPN, and that where clients must have certificates none is let in without one that
//! the given authority signed. Reads no file, and shows no key.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use webpki::EndEntityCert;

/// With what TLS is done, on every TCP listener: texts in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// The server's certificate, and those up to an authority that clients know.
    pub chain_pem: Vec<u8>,
    /// Its private key: PKCS#8, PKCS#1 or SEC1.
    pub key_pem: Vec<u8>,
    /// The authorities that sign the certificates which clients must have; where there is none, clients need none.
    pub client_ca_pem: Option<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("clients", &self.client_ca_pem.is_some()).finish_non_exhaustive()
    }
}

/// Why there can't be TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The server's chain is no list of certificates.
    #[error("the certificate is not in PEM (`-----BEGIN CERTIFICATE-----`): {0}")]
    Chain(pem::Error),
    /// There is no certificate in it.
    #[error("there is no certificate in its file")]
    NoChain,
    /// The key can't be read.
    #[error("the key is not in PEM (`-----BEGIN PRIVATE KEY-----`), or there is none")]
    Key,
    /// The authorities can't be read.
    #[error("the authorities of clients are not in PEM: {0}")]
    ClientCa(pem::Error),
    /// An authority is none.
    #[error("what should be an authority of clients is none: {0}")]
    Authority(rustls::Error),
    /// There is none.
    #[error("no client can be verified: {0}")]
    Clients(#[from] VerifierBuilderError),
    /// The certificate and the key are not of one another, or can't be used.
    #[error("the certificate can't be used with this key: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// What takes connections on which one of these protocols is spoken.
    pub(super) fn acceptor(&self, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match &self.client_ca_pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(pem).map_err(TlsError::ClientCa)? {
                    roots.add(authority).map_err(TlsError::Authority)?;
                }
                let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(clients.build()?)
            }
        };
        let chain = certificates(&self.chain_pem).map_err(TlsError::Chain)?;
        if chain.is_empty() {
            return Err(TlsError::NoChain);
        }
        // What the parser says of a key may show some of it.
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem).map_err(|_| TlsError::Key)?;
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// The subject alternative names of a certificate that was verified: its DNS names and URIs.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(str::to_owned).collect()
}
