//! `weir query`: SQL over data sets, decisions and journals.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::backtest::data::{DataSet, Settings};
use weir::backtest::query::{Answered, Form, Sources, TABLE_ROWS, query};
use weir::io::{RealDisk, create};

use super::Verdict;
use super::asks::Asks;
use super::reading::{Reading, is_same_file};

/// Ask data sets, the decisions of a backtest and journals, in SQL
///
/// A data set's tables have the names that its manifest gives them, and what its selects make of them is NAME_events (with a number
/// behind where there are several); decisions are `decisions`, and the columns of a journal `journal`. Names are written as they
/// stand in the files, capitals and all. Nothing is ever changed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir query \"select outcome, count(*) from decisions group by outcome\" --backtest tried\n  weir query \"select TX_FRAUD, sum(TX_AMOUNT) from payments group by TX_FRAUD\" --data datasets/handbook.toml --root ~/handbook\n  weir query \"select * from decisions where outcome = 'block'\" --backtest tried --format csv --output blocked.csv\n  weir query \"select form, count(*) from journal group by form\" --journal journal"
)]
pub(super) struct Args {
    /// The query
    #[arg(value_name = "SQL")]
    sql: String,
    /// A data set's manifest; may be given several times
    #[arg(long, short, value_name = "FILE")]
    data: Vec<PathBuf>,
    /// The folder that the manifests' files are in; by default each one's own
    #[arg(long, value_name = "DIR", requires = "data")]
    root: Option<PathBuf>,
    /// A file of decisions, as `weir backtest` writes it
    #[arg(long, value_name = "FILE", conflicts_with = "backtest")]
    decisions: Option<PathBuf>,
    /// A backtest's folder, for its decisions.parquet
    #[arg(long, value_name = "DIR")]
    backtest: Option<PathBuf>,
    /// A journal's folder, for its columns
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// How what it gives is written
    #[arg(long, value_enum, default_value_t = Written::Table)]
    format: Written,
    /// Where it goes: a file (packed if it ends in .gz), or `-` for standard output
    #[arg(long, short, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// At most so many rows; a table has 1,000 where nothing else is said
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    asks: Asks,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// For people
    Table,
    /// Comma-separated values with a header
    Csv,
    /// A JSON object a line
    Json,
    /// Parquet; needs --output
    Parquet,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let form = match args.format {
        Written::Table => Form::Table,
        Written::Csv => Form::Csv,
        Written::Json => Form::Json,
        Written::Parquet if args.output.as_os_str() == "-" => bail!("Parquet is no text: give --output FILE"),
        Written::Parquet => Form::Parquet,
    };
    let settings = args.reading.settings();
    let open = |path: &PathBuf| DataSet::open(path, args.root.as_deref(), &settings);
    let data = args.data.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let journals = data.iter().flat_map(DataSet::journals).chain(args.journal.as_deref());
    for journal in journals {
        args.asks.put_down(&RealDisk, journal, "query")?;
    }
    let decisions = args
        .decisions
        .clone()
        .or_else(|| args.backtest.as_ref().map(|folder| folder.join("decisions.parquet")));
    let sources = Sources { data: &data, decisions: decisions.as_deref(), journal: args.journal.as_deref() };
    let files = data.iter().map(DataSet::paths).collect::<Result<Vec<_>, _>>()?;
    let read = files.into_iter().flatten().chain(args.data.clone()).chain(decisions.clone());
    if let Some(read) = read.into_iter().find(|read| is_same_file(read, &args.output)) {
        bail!("{} is read by the query; give --output another file", read.display());
    }
    let limit = args.limit.or_else(|| (form == Form::Table).then_some(TABLE_ROWS));
    let target = Target::of(&args.output);
    let answered = write(args, &sources, &settings, (form, limit), &target.part);
    target.finish(answered.is_ok())?;
    let Answered { rows, cut } = answered?;
    if cut && args.limit.is_none() {
        writeln!(anstream::stderr(), "{rows} rows are shown and there are more: --limit shows others")?;
    }
    Ok(Verdict::Clean)
}

fn write(
    args: &Args,
    sources: &Sources<'_>,
    settings: &Settings,
    form: (Form, Option<usize>),
    to: &Path,
) -> anyhow::Result<Answered> {
    let mut out = create(to)?;
    let answered = query(&args.sql, sources, settings, form, &mut out)?;
    out.finish().context("can't write what the query gives")?;
    Ok(answered)
}

/// Where the answer goes: beside its place until it is whole, so that a query that fails leaves what was there.
struct Target<'a> {
    path: &'a Path,
    part: PathBuf,
}

impl<'a> Target<'a> {
    fn of(path: &'a Path) -> Self {
        // The end of the name says how it is packed, and stays.
        let name = path.file_name().map(|name| format!("part-{}", name.to_string_lossy()));
        let part = name.filter(|_| path.as_os_str() != "-").map(|name| path.with_file_name(name));
        Self { path, part: part.unwrap_or_else(|| path.to_owned()) }
    }

    fn finish(&self, is_good: bool) -> anyhow::Result<()> {
        if self.part == self.path {
            return Ok(());
        }
        if is_good {
            return std::fs::rename(&self.part, self.path)
                .with_context(|| format!("can't write {}", self.path.display()));
        }
        // What could not even be begun is not there.
        let _ = std::fs::remove_file(&self.part);
        Ok(())
    }
}
