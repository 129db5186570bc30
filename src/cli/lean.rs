//! Commands that this build does not have: those that read history, which bring a query engine along.

use anyhow::bail;

use super::Verdict;

/// Not in this build: it was made without the feature `backtest`
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Args {
    /// What would be asked
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    asked: Vec<String>,
}

pub(super) fn run(name: &str, _args: &Args) -> anyhow::Result<Verdict> {
    bail!(
        "`weir {name}` reads history, and this build does not: build it with `cargo build --profile analyst --features backtest`"
    )
}
