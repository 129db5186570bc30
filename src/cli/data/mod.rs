//! `weir data`: what is wrong with a data set.

mod told;

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use weir::backtest::data::DataSet;
use weir::backtest::data::check::check;
use weir::io::RealDisk;

use super::asks::Asks;
use super::progress::Progress;
use super::reading::Reading;
use super::{Verdict, rule_file};

/// Look at a data set
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(CheckArgs),
}

/// Tell what is wrong with a data set, and what is in it
///
/// Reads all of it once. Wrong are rows that are no event, ids that come again with other content, times outside the manifest's,
/// labels of no payment or from before it, and what a rule set needs and no column gives. Only told are columns that nothing takes,
/// nulls, rows that arrived before the row before them, amounts of nothing and very large ones.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir data check datasets/generated.toml\n  weir data check datasets/handbook.toml --root ~/handbook --rules datasets/handbook.rules.toml\n\nExits with 1 if something is wrong."
)]
struct CheckArgs {
    /// The data set's manifest
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// The folder that its files are in; by default the manifest's own
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// A rule file whose keys, extra fields and labels must be there
    #[arg(long, short, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// As one JSON document instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    asks: Asks,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let Command::Check(args) = &args.command;
    let data = DataSet::open(&args.manifest, args.root.as_deref(), &args.reading.settings())?;
    for journal in data.journals() {
        args.asks.put_down(&RealDisk, journal, "data check")?;
    }
    let rules = args.rules.as_deref().map(rule_file::load).transpose()?;
    let mut progress = Progress::new(format!("reading {}", data.manifest().name), None);
    let found = check(&data, rules.as_ref(), || progress.event());
    progress.finish();
    let found = found?;
    let mut out = anstream::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?;
    } else {
        told::write(&found, data.manifest(), &mut out)?;
    }
    Ok(if found.is_wrong() { Verdict::Found } else { Verdict::Clean })
}
