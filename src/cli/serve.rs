//! `weir serve`: the engine beside a payment gateway, over HTTP.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use weir::io::{Disk, RealDisk};
use weir::journal::{OnDamage, Progress, Recorded, Setup};
use weir::server::{Listen, Ready, Settings, serve};

use super::Verdict;
use super::door::Tokened;
use super::journaled::{bundle, options, tokened};

/// Serve decisions over HTTP, beside a payment gateway
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir serve --rules rules/retail.toml\n  curl -s localhost:8420/v1/decisions -d '{\"id\":\"t-1\",\"time_us\":1795341600000000,\"amount_minor\":250000,\"currency\":\"VND\",\"account\":\"0123\"}'"
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// Where to listen on TCP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8420")]
    listen: SocketAddr,
    /// Listen on a Unix socket as well
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// The journal's folder, which is made if it is not there
    #[arg(long, value_name = "DIR", default_value = "weir-journal")]
    journal: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let settings = Settings {
        listen: Listen { tcp: Some(args.listen), unix: args.unix.clone() },
        journal: args.journal.clone(),
        ..Settings::default()
    };
    let (rules, folder) = (args.rules.clone(), args.journal.clone());
    let open = Box::new(move |progress: &mut dyn FnMut(Progress)| Ok(open(&rules, &folder, progress)?));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("weir-http")
        .enable_all()
        .build()
        .context("can't start the threads that serve")?;
    let ready = |addresses: &[weir::server::Address]| {
        let mut out = anstream::stderr().lock();
        for address in addresses {
            // Whoever looks at a log that can't be written sees nothing, and the gateway is served all the same.
            let _ = writeln!(out, "listening on {address}");
        }
    };
    runtime.block_on(async {
        let stop = stopped()?;
        serve(settings, open, ready, stop).await.map_err(anyhow::Error::from)
    })?;
    Ok(Verdict::Clean)
}

/// Until the process is told to end.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn open(rules: &Path, folder: &Path, progress: &mut dyn FnMut(Progress)) -> anyhow::Result<Ready> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let rules = bundle(rules)?;
    let options = options(&disk, folder, None)?;
    let tokens = Tokened::default().of_journal(&disk, folder)?;
    let setup = Setup {
        rules: tokened(rules, tokens.as_ref())?,
        staged: Vec::new(),
        limits: None,
        recording: None,
        store: None,
        snapshot_every: Some(1_000_000),
    };
    let (recorded, _) = Recorded::open(disk, folder, options, OnDamage::Refuse, setup, progress)?;
    Ok(Ready { recorded, tokens })
}
