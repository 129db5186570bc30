//! The rules of rules/retail.toml done the usual way, to be measured beside the sidecar by `weir bench`: a Redis Lua script per
//! payment, and a stateless zen-engine. Both are behind the HTTP server that weir has, and neither keeps anything on disk.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program that tells people")]

mod check;
mod payment;
mod redis_lua;
mod server;
mod zen;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use payment::{Decided, Payment};
use redis_lua::RedisLua;
use zen::Zen;

/// The retail pack done the usual way, as a server to be measured beside weir
///
/// It answers POST /v1/decisions and GET /readyz. Measure it with `weir bench --target http://127.0.0.1:18430`, or have its
/// decisions compared with those of `weir score` (--check). Exit code 1: some differ; 2: it could not be done.
#[derive(Parser)]
#[command(name = "rival")]
struct Cli {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// A Lua script per payment, in a Redis that keeps all features
    Redis {
        #[command(flatten)]
        does: Does,
        /// The Redis; for --check it must be empty
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6390")]
        redis: String,
    },
    /// A decision table, which knows of no past: every account is one that never paid before
    Zen {
        #[command(flatten)]
        does: Does,
    },
}

#[derive(Args)]
struct Does {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:18430")]
    listen: SocketAddr,
    /// Compare instead of listening: events, in the order of their times, and what `weir score --features` wrote for them
    ///
    /// Redis works out the features itself; the table is told those of weir.
    #[arg(long, num_args = 2, value_names = ["EVENTS", "DECISIONS"])]
    check: Option<Vec<PathBuf>>,
}

/// Whoever decides.
pub(crate) enum Rival {
    Redis(RedisLua),
    Zen(Zen),
}

impl Rival {
    /// What it decides on a payment, which counts from then on where it keeps a past.
    pub(crate) async fn decide(&self, payment: &Payment<'_>) -> anyhow::Result<Decided> {
        match self {
            Self::Redis(redis) => redis.decide(payment).await,
            Self::Zen(zen) => zen.decide(payment),
        }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // As many as weir has on the one core that it is kept on.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("can't start the thread that serves")?;
    runtime.block_on(async {
        let (rival, does) = match cli.which {
            Which::Redis { does, redis } => (Rival::Redis(RedisLua::open(&redis).await?), does),
            Which::Zen { does } => (Rival::Zen(Zen::compiled()?), does),
        };
        match does.check.as_deref() {
            Some([events, decisions]) => check::run(&rival, events, decisions).await,
            _ => server::serve(rival, does.listen).await.map(|()| ExitCode::SUCCESS),
        }
    })
}
