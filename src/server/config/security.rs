//! `[access]`, `[tls]`, `[admin]` and `[approvals]`: who may ask, over what, where those listen who administrate, and how many must
//! approve rule sets.
//!
//! Promises to name files alone: what is in them is secret, or read where files are.

use std::path::PathBuf;

use super::reader::Reader;
use crate::server::listen::Listen;

/// The files that say who may ask, and over what.
#[derive(Clone, Debug, Default)]
pub struct SecurityFiles {
    /// Who may ask for what; where there is none, everybody on this machine may ask for all on the loopback address, and on a Unix
    /// socket its owner and root.
    pub access: Option<PathBuf>,
    /// TLS on every TCP listener, where there is any.
    pub tls: Option<TlsFiles>,
    /// How many approvals a rule set needs.
    pub approvals_required: usize,
    /// Who may approve.
    pub approvers: Option<PathBuf>,
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
         ask for all on the loopback address, on a Unix socket whoever runs weir and root, and nobody else for anything",
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
    let (approvals_required, approvers) = approvals(reader, access.is_some());
    let tls = certificate.zip(key).map(|(certificate, key)| TlsFiles { certificate, key, client_ca });
    (SecurityFiles { access, tls, approvals_required, approvers }, Listen { tcp, unix, unix_mode })
}

/// How many must approve a rule set, and the file of those who may.
fn approvals(reader: &mut Reader, callers_are_named: bool) -> (usize, Option<PathBuf>) {
    let mut section = reader.section("approvals");
    let required = section.whole(
        "required",
        0_usize,
        0..=16,
        "How many must approve a rule set before a request takes it up, beside whoever proposes it; 0 for development",
    );
    let file =
        section.path("file", None, "The file that names those who may approve, with their public keys");
    if required > 0 && file.is_none() {
        let help = "give `approvals.file` (`weir rules key` writes what it must hold)";
        reader.conflict(&["approvals.required"], "nobody is named who may approve".to_owned(), help);
    }
    if required > 0 && !callers_are_named {
        let message =
            "without an access file nobody knows who proposes, so anybody could approve what is his own";
        reader.conflict(&["approvals.required"], message.to_owned(), "give `access.file`");
    }
    (required, file)
}
