//! `weir state`: what is known of every key, as tables.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use weir::engine::{Engine, KeyTable, Limits, Recording};
use weir::event::{Draft, Kind, TextField};
use weir::io::{KeyColumn, KeyValues, write_keys};
use weir::rules::{Aggregate, RuleSet};
use weir::time::parse_time;

use super::stream::Source;
use super::{Verdict, rule_file};

/// Write what is known of every account, device and other key at a moment
///
/// Runs the events, and writes one Arrow IPC file for each key that features are filed under (account.arrow,
/// account-device.arrow): a row per key with its tenant, its texts, and every feature's value and quality. Values of
/// money are in minor units, durations and times in microseconds. Z-scores, speeds and ratios are of an event, and left
/// out.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  weir state --rules rules/retail.toml --input payments.ndjson.gz --at 2026-11-22T00:00:00Z --out state\n  python3 -c \"import pyarrow.feather; print(pyarrow.feather.read_table('state/account.arrow').to_pandas())\""
)]
pub(super) struct Args {
    /// The rule file
    #[arg(long, short, value_name = "FILE")]
    rules: PathBuf,
    #[command(flatten)]
    source: Source,
    /// The folder to write to; it is made if it is not there
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// The moment; later events are left out, and windows move up to it. Otherwise the time of the latest event
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,
}

fn of(aggregate: Aggregate) -> KeyValues {
    match aggregate {
        Aggregate::IsNew => KeyValues::Boolean,
        Aggregate::Mean(_) | Aggregate::Deviation(_) => KeyValues::Decimal,
        _ => KeyValues::Whole,
    }
}

/// The columns of a table with their names.
fn columns(rules: &RuleSet, table: KeyTable) -> Vec<(String, KeyColumn)> {
    let tenants = table.rows.iter().map(|row| row.tenant.clone()).collect();
    let mut columns = vec![("tenant".to_owned(), KeyColumn::Text(tenants))];
    for (at, field) in table.fields.iter().enumerate() {
        let texts = table.rows.iter().map(|row| row.key.get(at).cloned()).collect();
        columns.push((field.name(&rules.schema).to_owned(), KeyColumn::Text(texts)));
    }
    for (at, &feature) in table.features.iter().enumerate() {
        let feature = &rules.features[feature];
        let readings = table.rows.iter().filter_map(|row| row.readings.get(at).copied()).collect();
        columns.push((feature.name.clone(), KeyColumn::Feature(of(feature.aggregate), readings)));
    }
    columns
}

pub(super) fn run(args: &Args) -> anyhow::Result<Verdict> {
    let rules = rule_file::load(&args.rules)?;
    let lists = rule_file::lists(&args.rules, &rules)?;
    let mut engine = Engine::new(rules, Limits::default(), Recording::Fired);
    engine.load_lists(lists);
    let mut reader = args.source.open(Arc::clone(&engine.rules().schema))?;
    let policy = args.source.on_bad_line.policy();
    while let Some(next) = reader.next_event() {
        match next {
            Ok((_, event)) if args.at.is_some_and(|at_us| event.time_us() > at_us) => {}
            Ok((_, event)) => _ = engine.step(event),
            Err(error) if policy.goes_on(&error) => writeln!(anstream::stderr(), "skipped: {error}")?,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(at_us) = args.at {
        let mut draft = Draft::new(Arc::clone(&engine.rules().schema));
        draft.begin(Kind::Clock, at_us)?;
        draft.text(TextField::Id, "the moment that `weir state` was asked for")?;
        engine.step(draft.seal()?);
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("can't make {}", args.out.display()))?;
    for table in engine.key_tables() {
        let names: Vec<&str> = table.fields.iter().map(|field| field.name(&engine.rules().schema)).collect();
        let path = args.out.join(format!("{}.arrow", names.join("-")));
        let (keys, features) = (table.rows.len(), table.features.len());
        write_keys(&path, columns(engine.rules(), table))?;
        writeln!(anstream::stderr(), "{}: {keys} keys, {features} features", path.display())?;
    }
    Ok(Verdict::Clean)
}
