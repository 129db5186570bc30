//! `weir state`: what is known of every key, as tables.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use weir::engine::{Answer, Engine, KeyTable, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::io::{KeyFile, KeyValues, SpillWatch};
use weir::rules::Aggregate;
use weir::time::parse_time;

use super::Verdict;
use super::memory::{self, Memory};
use super::stream::Source;
use super::tally::Tally;

/// Write what is known of every account, device and other key at a moment
///
/// Runs the events, or takes a snapshot (with --restore events are read only where --input names them), and writes one Arrow IPC file for each key that features are filed under
/// (account.arrow, account-device.arrow, payee-across.arrow for keys of all tenants): a row per key with its tenant, its texts, and every feature's value and quality,
/// in the order of tenants and texts. Values of money are in minor units, durations and times in microseconds. What has
/// a value only for an event that is scored is left out and named: z-scores, speeds and changes, and ratios of one, of a field, or of
/// features that are read by different keys.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  weir state --rules rules/retail.toml --input payments.ndjson.gz --at 2026-11-22T00:00:00Z --out state\n  weir state --rules rules/retail.toml --restore payments.snapshot --out state\n  python3 -c \"import pyarrow.feather; print(pyarrow.feather.read_table('state/account.arrow').to_pandas())\""
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    /// A rule file that a control event of the stream may take up by its hash, or that --restore needs; may be given several times
    #[arg(long, value_name = "FILE")]
    reload: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    memory: Memory,
    /// The folder to write to; it is made if it is not there
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// The moment; later events are left out, and windows move up to it. Otherwise the time of the latest event
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,
}

/// What the values of a feature are.
fn of(aggregate: Aggregate) -> KeyValues {
    match aggregate {
        Aggregate::IsNew => KeyValues::Boolean,
        Aggregate::Mean(_) | Aggregate::Deviation(_) | Aggregate::Ratio { .. } => KeyValues::Decimal,
        _ => KeyValues::Whole,
    }
}

/// Takes the events in, and says what became of them.
fn read(args: &Args, engine: &mut Engine, watch: &Option<SpillWatch>) -> anyhow::Result<()> {
    let mut reader = args.source.open(Arc::clone(&engine.rules().schema))?;
    let mut tally = Tally::new(engine);
    let policy = args.source.on_bad_line.policy();
    while let Some(next) = reader.next_event() {
        match next {
            Ok((_, event)) if args.at.is_some_and(|at_us| event.time_us() > at_us) => {}
            Ok((_, event)) => {
                tally.count(event, engine.step(event));
                memory::check(watch)?;
            }
            Err(error) if policy.goes_on(&error) => writeln!(anstream::stderr(), "skipped: {error}")?,
            Err(error) => return Err(error.into()),
        }
    }
    tally.summary(engine, &mut anstream::stderr().lock())?;
    Ok(())
}

/// Moves windows up to a moment: in one go, or in slices where the bounds say how much one event may let pass; all of them,
/// however much is due at one time.
fn move_to(at_us: i64, engine: &mut Engine, watch: &Option<SpillWatch>) -> anyhow::Result<()> {
    let mut draft = Draft::new(Arc::clone(&engine.rules().schema));
    for n in 0_u64.. {
        let before = (engine.now_us(), engine.passed());
        draft.begin(Kind::Clock, at_us)?;
        draft.text(TextField::Id, &format!("the moment that `weir state` was asked for, {n}"))?;
        let answer = engine.step(draft.seal()?);
        if let Answer::Refused(refusal) = answer {
            bail!("windows don't move up to --at: {refusal}");
        }
        memory::check(watch)?;
        if engine.now_us() >= at_us {
            return Ok(());
        }
        if (engine.now_us(), engine.passed()) == before {
            break;
        }
    }
    bail!(
        "windows stop {} seconds short of --at, and nothing lets them go on",
        (at_us - engine.now_us()) / 1_000_000
    )
}

fn write(args: &Args, engine: &Engine, table: &KeyTable) -> anyhow::Result<()> {
    let rules = engine.rules();
    let names: Vec<&str> = table.fields.iter().map(|field| field.name(&rules.schema)).collect();
    let features = table.features.iter().map(|&at| &rules.features[at]);
    let features: Vec<_> = features.map(|feature| (feature.name.as_str(), of(feature.aggregate))).collect();
    let across = if table.across { "-across" } else { "" };
    let path = args.out.join(format!("{}{across}.arrow", names.join("-")));
    let mut file = KeyFile::create(&path, &names, &features)?;
    let mut keys = 0_u64;
    for row in engine.key_rows(table) {
        file.row(row)?;
        keys += 1;
    }
    file.finish()?;
    let some = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let told = (some(keys, "key"), some(features.len() as u64, "feature"));
    writeln!(anstream::stderr(), "{}: {}, {}", path.display(), told.0, told.1)?;
    Ok(())
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let (mut engine, watch) = args.memory.engine(&args.rules, &args.reload, Recording::Fired, None)?;
    if let Some(at_us) = args.at.filter(|&at_us| at_us < engine.now_us()) {
        let ahead_s = (engine.now_us() - at_us) / 1_000_000;
        bail!(
            "the snapshot is of {ahead_s} seconds after --at, and windows don't move back: take an older one"
        );
    }
    if args.source.is_named() || !args.memory.restores() {
        read(args, &mut engine, &watch)?;
    }
    if let Some(at_us) = args.at {
        move_to(at_us, &mut engine, &watch)?;
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("can't make {}", args.out.display()))?;
    for table in engine.key_tables() {
        write(args, &engine, &table)?;
    }
    let left_out: Vec<&str> =
        engine.event_features().map(|at| engine.rules().features[at].name.as_str()).collect();
    if !left_out.is_empty() {
        writeln!(anstream::stderr(), "left out, since only an event has it: {}", left_out.join(", "))?;
    }
    Ok(Verdict::Clean)
}
