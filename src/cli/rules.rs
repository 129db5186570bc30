//! `weir rules`: keys for those who approve rule sets, and their approvals.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use weir::hex::{hex, unhex};
use weir::io::{RealDisk, key_open_to_others};
use weir::journal::Signer;
use weir::server::Approvals;

use super::Verdict;
use super::journaled::random;

/// Approve rule sets that a sidecar is to take up
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a key for somebody who may approve, and print what the file of approvers must hold
    ///
    /// The private key (Ed25519, PEM) goes to a new file that only its owner may read; it stays with whoever approves.
    #[command(
        after_help = "Examples:\n  weir rules key --name mai --caller mai-desk mai.key >> approvers.toml"
    )]
    Key {
        /// What people call the approver
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The caller of the access file that the approver is; the same name where this is left out
        #[arg(long, value_name = "CALLER")]
        caller: Option<String>,
        /// The new file of the private key
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Sign that a rule set is approved, and print the body for `POST /v1/rules/HASH/approvals`
    ///
    /// Look first at what is approved: `GET /v1/rules/HASH` has the files, and what they change.
    #[command(
        after_help = "Examples:\n  weir rules sign --key mai.key --name mai --journal-id ID --hash HASH | curl -s localhost:8421/v1/rules/HASH/approvals -d @-"
    )]
    Sign {
        /// The private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The approver's name
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The rule set's `hash`, as the answer to its proposal says it
        #[arg(long, value_name = "HASH")]
        hash: String,
        /// The sidecar's `journal`, as `GET /v1/rules` says it: the approval counts for it alone
        #[arg(long, value_name = "ID")]
        journal_id: String,
    },
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let mut out = anstream::stdout().lock();
    match &args.command {
        Command::Key { name, caller, file } => write!(out, "{}", key(name, caller.as_deref(), file)?)?,
        Command::Sign { key, name, hash, journal_id } => {
            if let Some(mode) = key_open_to_others(key) {
                let key = key.display();
                bail!(
                    "{key} approves rule sets, and others may read or write it ({mode:03o}); run `chmod 600 {key}`"
                );
            }
            let rules = unhex(hash.as_bytes()).context("--hash must be 64 hexadecimal digits")?;
            let id = unhex(journal_id.as_bytes()).context("--journal-id must be 32 hexadecimal digits")?;
            let signature = hex(Signer::read(&RealDisk, key)?.approve(&id, &rules));
            writeln!(out, "{}", serde_json::json!({"approver": name, "signature": signature}))?;
        }
    }
    Ok(Verdict::Clean)
}

/// Makes a key; the lines of its approver.
fn key(name: &str, caller: Option<&str>, file: &Path) -> anyhow::Result<String> {
    if file.exists() {
        bail!("{} is there already; name a new file", file.display());
    }
    let text = |text: &str| toml::Value::from(text).to_string();
    let signer = Signer::from_seed(random()?);
    let pem = signer.public().to_pem()?;
    let caller = caller.map_or_else(String::new, |caller| format!("caller = {}\n", text(caller)));
    let lines = format!("[[approver]]\nname = {}\n{caller}public_key = \"\"\"\n{pem}\"\"\"\n\n", text(name));
    // What the sidecar would refuse is not made.
    Approvals::from_toml(&lines, 1)?;
    signer.write(&RealDisk, &std::path::absolute(file)?)?;
    Ok(lines)
}
