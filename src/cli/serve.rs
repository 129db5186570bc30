//! `weir serve`: the engine beside a payment gateway, over HTTP.

use std::io::IsTerminal;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;
use weir::journal::Stop;
use weir::server::config::{
    Config, EngineOptions, JournalOptions, LogFormat, LogLevel, LogOptions, RuleFiles,
};
use weir::server::{Declaration, Declared, Opening, Ready, ServeError, serve};

use super::Verdict;
use super::config::Flags;
use super::door::Tokened;
use super::{access, descriptors, exit, journaled, memory, told};

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
    let Config { rules, journal, tokens, engine, security, log, settings } = args.flags.load("weir serve")?;
    let settings = access::secured(settings, &security)?;
    log_to_standard_error(log);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let settings = descriptors::fitted(settings);
    let tokened = Tokened::new(tokens);
    let declared = settings.declared;
    let stop = Stop::default();
    let stops = stop.clone();
    let open = Box::new(move |tell: &mut dyn FnMut(Opening)| {
        Ok(open(&rules, &journal, &tokened, &engine, stops, (declared, tell))?)
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("weir-http")
        .enable_all()
        .build()
        .context("can't start the threads that serve")?;
    let ready = |addresses: &[weir::server::Address]| {
        for address in addresses {
            tracing::info!("listening on {address}");
        }
    };
    let done = runtime.block_on(async {
        let stop = stopped(stop).map_err(ServeError::Signals)?;
        serve(settings, open, ready, stop).await
    });
    if let Err(error) = done {
        // In the log alone, so that every line of it is of one form.
        tracing::error!("ended: {}", told(&error.into()));
        return Ok(Verdict::Failed);
    }
    tracing::info!("ended in order");
    Ok(Verdict::Clean)
}

/// What happens is told on standard error.
fn log_to_standard_error(LogOptions { format, level }: LogOptions) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let is_terminal = std::io::stderr().is_terminal();
    let lines =
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let is_json = format == LogFormat::Json || format == LogFormat::Auto && !is_terminal;
    if is_json {
        lines.json().flatten_event(true).init();
    } else {
        lines.with_ansi(is_terminal).init();
    }
}

/// Until the process is told to end, which ends opening too. Whoever tells it again doesn't want to wait.
fn stopped(stop: Stop) -> std::io::Result<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let mut told = async move || {
            tokio::select! {
                _ = term.recv() => "SIGTERM",
                _ = int.recv() => "SIGINT",
            }
        };
        let signal = told().await;
        tracing::info!(signal, "told to end");
        stop.ask();
        tokio::spawn(async move {
            let signal = told().await;
            tracing::warn!(
                signal,
                "told again, and ends at once; what was answered as durable is in the journal"
            );
            std::process::exit(exit::FAILED.into());
        });
    })
}

/// Opens the engine; with what is declared, and whom to tell how far that is.
fn open(
    rules: &RuleFiles,
    journal: &JournalOptions,
    tokened: &Tokened,
    engine: &EngineOptions,
    stop: Stop,
    (declared, tell): (Declared, &mut dyn FnMut(Opening)),
) -> anyhow::Result<Ready> {
    let (files, spill) = engine.spill.as_deref().map(memory::spill_to).transpose()?.unzip();
    let held = (engine.limits, files, None);
    let files = journaled::Rules { file: &rules.file, staged: &rules.staged, follow: rules.follow };
    let mut ready = journaled::look(journal.clone(), tokened, files, held)?;
    ready.stop = stop;
    for (path, rules) in [&rules.file].into_iter().chain(&rules.staged).zip(ready.rule_sets()) {
        declared.check(&rules?).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    }
    if declared.warming != Declaration::Refuse
        && let Some((rules, tokens)) = ready.early()?
    {
        tell(Opening::Rules(Arc::new(rules), tokens));
    }
    let found = ready.open_with(&mut |progress| tell(Opening::Recovering(progress)))?;
    for line in found.lines()?.lines() {
        match line.strip_prefix("warning: ") {
            Some(warning) => tracing::warn!("{warning}"),
            None => tracing::info!("{line}"),
        }
    }
    found.retain()?;
    let journaled::Found { recorded, tokens, .. } = found;
    Ok(Ready { recorded, tokens, spill })
}
