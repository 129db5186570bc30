//! `weir sql`: a rule set as one SQL query.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use weir::rules::query::{self, QueryError, Unsupported};

use super::{Verdict, rule_file};

/// Write a rule set as one SQL query over a table of events
///
/// The query gives the features and the rules that fire, row by row as the engine does, on a stream that is in order
/// and has no repeats and no reversals. Its head says which columns it reads. What SQL cannot say is refused by name.
#[derive(clap::Args)]
#[command(
    after_help = "Exits with 1 if the rule set says what SQL cannot.\n\nExample:\n  weir sql datasets/handbook.rules.toml --dialect duckdb"
)]
pub(super) struct Args {
    /// The rule file
    #[arg(value_name = "RULES")]
    rules: PathBuf,
    /// Whose SQL; several, separated by commas, need --output
    #[arg(long, short, value_enum, required = true, value_delimiter = ',')]
    dialect: Vec<Dialect>,
    /// A folder to write to, one file per dialect (handbook.duckdb.sql); otherwise standard output
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Leave out features and rules that SQL cannot say, and name them at the head
    #[arg(long)]
    skip_unsupported: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dialect {
    /// Apache DataFusion
    Datafusion,
    /// DuckDB
    Duckdb,
}

impl Dialect {
    fn of_query(self) -> query::Dialect {
        match self {
            Self::Datafusion => query::Dialect::DataFusion,
            Self::Duckdb => query::Dialect::DuckDb,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    if args.output.is_none() && args.dialect.len() > 1 {
        bail!("several dialects are several files: name a folder with --output");
    }
    rule_file::load(&args.rules)?;
    let sources = rule_file::read(&args.rules)?;
    let unsupported = if args.skip_unsupported { Unsupported::LeaveOut } else { Unsupported::Refuse };
    for dialect in &args.dialect {
        let dialect = dialect.of_query();
        let written = match query::query_sources(&sources, dialect, unsupported) {
            Ok(written) => written,
            Err(QueryError::OutOfScope(found)) => {
                let mut report = anstream::stderr().lock();
                found.iter().try_for_each(|out| writeln!(report, "{out}"))?;
                writeln!(report, "--skip-unsupported leaves out what a query cannot say")?;
                return Ok(Verdict::Found);
            }
            Err(error) => return Err(error.into()),
        };
        match &args.output {
            Some(folder) => save(folder, &args.rules, dialect, &written.text)?,
            None => anstream::stdout().lock().write_all(written.text.as_bytes())?,
        }
    }
    Ok(Verdict::Clean)
}

fn save(folder: &Path, rules: &Path, dialect: query::Dialect, text: &str) -> anyhow::Result<()> {
    let stem = rules.file_stem().unwrap_or_default().to_string_lossy();
    let path = folder.join(format!("{stem}.{}.sql", dialect.name()));
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
}
