//! `weir openapi`: what can be asked of the sidecar, without one that runs.

use std::io::Write;
use std::path::PathBuf;

use weir::server::openapi;

use super::{Verdict, rule_file};

/// Print the interface of `weir serve` as an OpenAPI 3.1 document, for generators of clients
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir openapi > weir.openapi.json\n  weir openapi --rules rules/retail.toml\n\nIt is what a sidecar says at /openapi.json; with --rules, events have the extra fields that the rule file declares,\nwhich a sidecar tells nobody."
)]
pub(super) struct Args {
    /// The rule file whose extra fields events have
    #[arg(long, short, value_name = "FILE")]
    rules: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let rules = args.rules.as_ref().map(|path| rule_file::load(path)).transpose()?;
    let document = openapi(rules.as_ref().map(|rules| &*rules.schema));
    writeln!(anstream::stdout().lock(), "{}", serde_json::to_string_pretty(&document)?)?;
    Ok(Verdict::Clean)
}
