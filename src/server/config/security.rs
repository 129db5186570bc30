//! `[access]`, `[tls]` and `[admin]`: who may ask, over what, and where those listen who administrate.
//!
//! Promises to name files alone: what is in them is secret, or read where files are.

use std::path::PathBuf;

use super::reader::Reader;
use crate::server::listen::Listen;

/// The files that say who may ask, and over what.
#[derive(Clone, Debug, Default)]
pub struct SecurityFiles {
    /// Who may ask for what; where there is none, everybody on this machine may ask for all.
    pub access: Option<PathBuf>,
    /// TLS on every TCP listener, where there is any.
    pub tls: Option<TlsFiles>,
}

/// The files of TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate, and those up to an authority that clients know.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of the certificates that clients must have.
    pub client_ca: Option<PathBuf>,
}

/// The files, and where those listen who administrate.
pub(super) fn read(reader: &mut Reader) -> (SecurityFiles, Listen) {
    let access = reader.section("access").path(
        "file",
        None,
        "The file that says who may ask for what, which only its owner may read; without it everybody on this machine may \
         ask for all, and nobody else for anything",
    );
    let mut section = reader.section("tls");
    let certificate = section.path(
        "certificate",
        None,
        "The server's certificate with those up to an authority that clients know, in PEM; with it every TCP listener \
         speaks TLS 1.2 or 1.3 alone",
    );
    let key =
        section.path("key", None, "The certificate's private key in PEM, which only its owner may read");
    let client_ca = section.path(
        "client_ca",
        None,
        "The authorities, in PEM, of the certificates that clients must have; without it they need none",
    );
    let said = [("tls.certificate", &certificate), ("tls.key", &key)];
    if certificate.is_some() != key.is_some() || client_ca.is_some() && certificate.is_none() {
        let (is, missing): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, path)| path.is_some());
        let is: Vec<&str> = is.into_iter().map(|(key, _)| key).chain(["tls.client_ca"]).collect();
        let missing: Vec<String> = missing.into_iter().map(|(key, _)| format!("`{key}`")).collect();
        let message = format!("{} is missing: there is no TLS without", missing.join(" and "));
        reader.conflict(&is, message, "give both `tls.certificate` and `tls.key`, or nothing of TLS");
    }
    let mut section = reader.section("admin");
    let tcp = section.address(
        "listen",
        None,
        "Where those listen who administrate, on TCP; where others than this machine reach it, it needs TLS and a caller with \
         `rules` or `admin`",
    );
    let unix = section.socket("unix", "The same on a Unix socket");
    let unix_mode = section.mode("unix_mode", 0o660, "Who may connect to that Unix socket");
    let tls = certificate.zip(key).map(|(certificate, key)| TlsFiles { certificate, key, client_ca });
    (SecurityFiles { access, tls }, Listen { tcp, unix, unix_mode })
}
