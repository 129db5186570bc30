//! `weir serve`: the engine beside a payment gateway, over HTTP.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use weir::server::config::{Config, EngineOptions, JournalOptions, RuleFiles};
use weir::server::{Declaration, Opening, Ready, serve};

use super::Verdict;
use super::config::Flags;
use super::door::Tokened;
use super::{access, journaled, memory};

/// Serve decisions over HTTP, beside a payment gateway
///
/// What it is started with comes from one TOML file (--config), variables of the environment over it, and flags over
/// both. Every key of the file has a variable: `bounds.deadline` is WEIR_BOUNDS_DEADLINE. `weir config keys` lists them all,
/// `weir config show` shows each value with where it comes from.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir serve --rules rules/retail.toml\n  curl -s localhost:8420/v1/decisions -d '{\"id\":\"t-1\",\"time_us\":1795341600000000,\"amount_minor\":250000,\"currency\":\"VND\",\"account\":\"0123\"}'\n  WEIR_BOUNDS_DEADLINE=100ms weir serve --config weir.toml --listen 127.0.0.1:9000"
)]
pub(super) struct Args {
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let Config { rules, journal, tokens, engine, security, settings } = args.flags.load("weir serve")?;
    let settings = access::secured(settings, &security)?;
    let tokened = Tokened::new(tokens);
    let early = settings.declared.warming != Declaration::Refuse;
    let open = Box::new(move |tell: &mut dyn FnMut(Opening)| {
        Ok(open(&rules, &journal, &tokened, &engine, (early, tell))?)
    });
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

/// Opens the engine; with whether somebody is answered before it is ready, and whom to tell how far that is.
fn open(
    rules: &RuleFiles,
    journal: &JournalOptions,
    tokened: &Tokened,
    engine: &EngineOptions,
    tell: (bool, &mut dyn FnMut(Opening)),
) -> anyhow::Result<Ready> {
    let (files, spill) = engine.spill.as_deref().map(memory::spill_to).transpose()?.unzip();
    let held = (engine.limits, files, None);
    let ready = journaled::look(journal.clone(), tokened, (&rules.file, &rules.staged), held)?;
    let (early, tell) = tell;
    if early {
        let (rules, tokens) = ready.early()?;
        tell(Opening::Rules(Arc::new(rules), tokens));
    }
    let found = ready.open_with(&mut |progress| tell(Opening::Recovering(progress)))?;
    found.tell()?;
    let journaled::Found { recorded, tokens, .. } = found;
    Ok(Ready { recorded, tokens, spill })
}
