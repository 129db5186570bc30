//! `weir journal columns`: closed segments as Parquet files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weir::io::{Disk, RealDisk};
use weir::journal::{Columns, ColumnsError, JournalError, Standing, Written, columns, columns_folder};

use super::Verdict;
use super::asks::Asks;
use super::journaled::Damaged;
use super::progress::Progress;

/// Write closed segments as Parquet files, which DuckDB, Polars and DataFusion query as they are
///
/// Writes those that are not there yet, one row for each record, with its exact bytes. Works beside the process that writes
/// the journal; the segment that is still written is left out. Who asks is put down beside it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir journal columns journal\n  weir journal columns journal --out /srv/analysts --as mai --for \"monthly report\"\n  duckdb -c \"select outcome, count(*) from 'journal/columns/*.parquet' where kind = 'answer' group by all\"\n\nExits with 1 if a segment is damaged; it has no file then, unless `--on-damage go-on` says to write what is whole."
)]
pub(super) struct Args {
    /// The journal's folder
    #[arg(value_name = "DIR")]
    journal: PathBuf,
    /// Where the files go; otherwise DIR/columns
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to do with a segment that is damaged: write no file of it, or one of what is whole
    #[arg(long, value_enum, default_value_t = Damaged::Refuse)]
    on_damage: Damaged,
    #[command(flatten)]
    asks: Asks,
}

/// What all files together are.
#[derive(Default)]
struct Sum {
    files: u64,
    rows: u64,
    events: u64,
    bytes: u64,
    segment_bytes: u64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let out = args.out.clone().unwrap_or_else(|| columns_folder(&args.journal));
    let segments = columns(&disk, &args.journal, &out)?;
    if segments.is_empty() {
        return Err(JournalError::None { folder: args.journal.clone() }.into());
    }
    if segments.iter().any(|segment| segment.standing == Standing::Due) {
        let what = format!("journal columns, to {}", out.display());
        args.asks.put_down(&*disk, &args.journal, &what)?;
    }
    let (mut said, mut sum, mut verdict) = (anstream::stdout().lock(), Sum::default(), Verdict::Clean);
    let there = segments.iter().filter(|segment| segment.standing == Standing::There).count();
    for segment in segments {
        let written = match segment.standing {
            Standing::There => continue,
            Standing::Open => None,
            Standing::Due => match write(&disk, args, &out, &segment) {
                Err(ColumnsError::Journal(JournalError::Damaged(damage))) => {
                    verdict = Verdict::Found;
                    let what = "restore it from a copy, or `--on-damage go-on` here writes what is whole";
                    writeln!(said, "{}: left out, DAMAGED: {damage}; {what}", segment.segment())?;
                    continue;
                }
                written => written?,
            },
        };
        let Some(Written { rows, events, bytes, segment_bytes, damage }) = written else {
            writeln!(said, "{}: left out, still written", segment.segment())?;
            continue;
        };
        let path = out.join(segment.name());
        writeln!(said, "{}: {rows} rows, {events} events, {bytes} bytes", path.display())?;
        for damage in damage {
            verdict = Verdict::Found;
            writeln!(said, "{}: DAMAGED: {damage}", segment.segment())?;
        }
        sum.files += 1;
        sum.rows += rows;
        sum.events += events;
        sum.bytes += bytes;
        sum.segment_bytes += segment_bytes;
    }
    let Sum { files, rows, events, bytes, segment_bytes } = sum;
    writeln!(said, "{files} files with {rows} rows written, {there} were there")?;
    if events > 0 {
        let each = |bytes: u64| bytes as f64 / events as f64;
        let (open, closed) = (each(segment_bytes), each(bytes));
        writeln!(said, "bytes an event: {open:.1} in segments, {closed:.1} as columns")?;
    }
    Ok(verdict)
}

fn write(
    disk: &Arc<dyn Disk>,
    args: &Args,
    out: &Path,
    segment: &Columns,
) -> Result<Option<Written>, ColumnsError> {
    let mut bar = Progress::new(format!("writing {}", segment.name()), None);
    let written = segment.write(disk, &args.journal, out, args.on_damage.into(), || bar.event());
    bar.finish();
    written
}
