//! `weir access`: tokens for callers of the sidecar, and how its access file, certificates and keys are read.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use weir::hex::hex;
use weir::io::key_open_to_others;
use weir::server::config::{SecurityFiles, TlsFiles};
use weir::server::{Access, Approvals, Scope, Settings, Tls};

use super::Verdict;
use super::journaled::random;

/// Make tokens for those who may ask the sidecar
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    New(New),
}

/// Make a token for a caller, and print what the access file must hold
///
/// The lines for the access file go to standard output. The token goes to standard error, this once: only its SHA-256 is
/// kept. The caller sends it as `Authorization: Bearer TOKEN`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir access new --name gateway --scope score,events >> access.toml\n  weir access new --name north --scope score --tenant north >> access.toml"
)]
struct New {
    /// What people call the caller
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it may ask for: score, events, read, rules, admin
    #[arg(long = "scope", value_name = "SCOPES", value_delimiter = ',', required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// Whose events it may send and see; everybody's where this is left out
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

fn scope(word: &str) -> Result<Scope, String> {
    Scope::from_name(word).ok_or_else(|| format!("give one of {}", Scope::ALL.map(Scope::name).join(", ")))
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let Command::New(New { name, scopes, tenant }) = &args.command;
    // What scanners for secrets know it by stands before it.
    let token = format!("weir_{}", hex(random::<32>()?));
    let text = |text: &str| toml::Value::from(text).to_string();
    let scopes: Vec<String> = scopes.iter().map(|scope| text(scope.name())).collect();
    let mut lines = format!(
        "[[caller]]\nname = {}\ntoken_sha256 = \"{}\"\nscopes = [{}]\n",
        text(name),
        hex(Sha256::digest(&token)),
        scopes.join(", "),
    );
    if let Some(tenant) = tenant {
        lines += &format!("tenant = {}\n", text(tenant));
    }
    // What the sidecar would refuse is not printed.
    Access::from_toml(&lines)?;
    writeln!(anstream::stdout().lock(), "{lines}")?;
    writeln!(
        anstream::stderr().lock(),
        "the token of {name}, which is shown only now and kept nowhere:\n{token}"
    )?;
    Ok(Verdict::Clean)
}

/// An access file, which nobody but its owner may read or change.
fn read_access(path: &Path) -> anyhow::Result<Access> {
    let text = private(path, "says who may ask")?;
    let text = std::str::from_utf8(&text).with_context(|| format!("{} is not UTF-8", path.display()))?;
    Access::from_toml(text).with_context(|| path.display().to_string())
}

/// Certificates and their key, which nobody but its owner may read or change.
fn read_tls(chain: &Path, key: &Path, client_ca: Option<&Path>) -> anyhow::Result<Tls> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("can't read {}", path.display()));
    Ok(Tls {
        chain_pem: read(chain)?,
        key_pem: private(key, "is the key of the certificate")?,
        client_ca_pem: client_ca.map(read).transpose()?,
    })
}

fn private(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    if let Some(mode) = key_open_to_others(path) {
        let path = path.display();
        bail!("{path} {what}, and others may read or write it ({mode:03o}); run `chmod 600 {path}`");
    }
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// Settings with what these files say.
pub(super) fn secured(settings: Settings, files: &SecurityFiles) -> anyhow::Result<Settings> {
    let tls = files
        .tls
        .as_ref()
        .map(|TlsFiles { certificate, key, client_ca }| read_tls(certificate, key, client_ca.as_deref()));
    let approvers = |path: &Path| {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        Approvals::from_toml(&text, files.approvals_required).with_context(|| path.display().to_string())
    };
    let approvals = files.approvers.as_deref().map(approvers).transpose()?.unwrap_or_default();
    let access = files.access.as_deref().map(read_access).transpose()?;
    let is_caller =
        |name: &str| access.iter().flat_map(|access| access.callers()).any(|held| held.name == name);
    // Whoever is no caller could propose under another name what is his own.
    let stranger = approvals.approvers().find(|approver| access.is_some() && !is_caller(&approver.caller));
    if let (Some(stranger), Some(file)) = (stranger, &files.approvers) {
        let (file, name, caller) = (file.display(), &stranger.name, &stranger.caller);
        bail!(
            "{file}: the approver `{name}` is the caller `{caller}`, and the access file names none of this name; give its `caller`"
        );
    }
    Ok(Settings { approvals, access: access.unwrap_or_default(), tls: tls.transpose()?, ..settings })
}
